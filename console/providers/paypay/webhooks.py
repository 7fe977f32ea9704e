"""PayPay's webhooks: unsigned, so never more than a hint that a payment is worth asking about."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from console.domain.money import Money, NotAnAmount, money_from_text
from console.providers.strict_json import Unreadable, parse_object

LARGEST_NOTICE_BYTES = 64 << 10
STATES = frozenset({"AUTHORIZED", "COMPLETED", "CANCELED", "EXPIRED", "FAILED"})
_TIMES = ("authorized_at", "expires_at", "paid_at", "confirmation_expires_at", "canceled_at")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")


@dataclass(frozen=True, slots=True)
class TransactionHint:
    """Something happened to a payment, says somebody. Ask before anything is believed.

    At least one of the ids is there. `event_id` is made of what tells one event from another, as PayPay gives
    none. `amount` and `latest` (UTC, the newest time in it) are None where they are missing or odd: a hint that
    can be followed is not refused.
    """

    event_id: str
    payment_id: str | None
    merchant_payment_id: str | None
    state: str
    amount: Money | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class ReconFileHint:
    """A list of a day's payments can be fetched for two hours; the address carries its own permission."""

    event_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherHint:
    """Well-formed, and nothing that the console acts on."""

    kind: str


Hint = TransactionHint | ReconFileHint | OtherHint


def read_notice(body: bytes) -> Hint:
    """What a webhook body hints at; raises Unreadable for whatever is no notice of PayPay's."""
    if len(body) > LARGEST_NOTICE_BYTES:
        raise Unreadable("too large")
    fields = parse_object(body)
    kind = fields.get("notification_type")
    if not isinstance(kind, str) or not 1 <= len(kind) <= 64 or not kind.isprintable():
        raise Unreadable("no type")
    if kind == "Transaction":
        return _transaction(fields)
    if kind == "file.created" and fields.get("fileType") == "transaction_recon":
        return _recon_file(fields)
    return OtherHint(kind)


def _transaction(fields: dict[str, object]) -> Hint:
    state = fields.get("state")
    if not isinstance(state, str):
        raise Unreadable("no state")
    payment_id, ours = _id(fields.get("order_id")), _id(fields.get("merchant_order_id"))
    if payment_id is None and ours is None:
        raise Unreadable("no payment")
    amount = _amount(fields.get("order_amount"))
    latest = max(filter(None, (_instant(fields.get(name)) for name in _TIMES)), default=None)
    if state not in STATES:
        return OtherHint("Transaction")
    told = (payment_id, ours, state, latest, amount)
    return TransactionHint(_event("paypay-tx", *told), payment_id, ours, state, amount, latest)


def _recon_file(fields: dict[str, object]) -> Hint:
    url, event = fields.get("path"), fields.get("notification_id")
    if not isinstance(url, str) or not isinstance(event, str) or not _ID.fullmatch(event):
        raise Unreadable("no file")
    return ReconFileHint(_event("paypay-file", event), url)


def _event(*parts: object) -> str:
    """A name for one event, the same whenever it is told again."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _amount(value: object) -> Money | None:
    """Text in PayPay's notices; a whole number is taken too."""
    try:
        return money_from_text(str(value), "JPY") if type(value) in (str, int) else None
    except NotAnAmount:
        return None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
