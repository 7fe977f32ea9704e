"""PayPay's webhooks. Webhooks are unsigned. So the console books nothing from a webhook: it reads the payment's state
from PayPay."""

import hashlib
import re
from datetime import UTC, datetime

from console.domain.money import InvalidAmountText, Money, parse_money
from console.providers.http.strict_json import UnreadableJson, parse_json_object, require_storable_texts
from console.providers.payments.notices import Hint, OtherHint, ReconciliationFileHint, TransactionHint
from console.providers.paypay.responses import is_valid_id

LARGEST_NOTICE_BYTES = 64 << 10
NOTIFIED_STATES = frozenset({"AUTHORIZED", "COMPLETED", "CANCELED", "EXPIRED", "FAILED"})
"""Payment states that a notice of PayPay may contain."""
_EVENT_TIME_FIELDS = ("authorized_at", "paid_at", "canceled_at")
"""Fields of a notice with the time of a past event."""
_TIME_FIELDS_OF_NOTICE = (*_EVENT_TIME_FIELDS, "expires_at", "confirmation_expires_at")
"""All fields of a notice with a time. The expiry of an authorised payment may be in the future."""
_INSTANT_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")


def read_notice(body: bytes) -> Hint:
    """Return the notice that the body of a PayPay webhook contains. Raises UnreadableJson if the body isn't a notice
    of PayPay."""
    if len(body) > LARGEST_NOTICE_BYTES:
        raise UnreadableJson("too large")
    fields = parse_json_object(body)
    require_storable_texts(fields)
    notice_type = fields.get("notification_type")
    if not isinstance(notice_type, str) or not 1 <= len(notice_type) <= 64 or not notice_type.isprintable():
        raise UnreadableJson("no type")
    if notice_type == "Transaction":
        return _read_transaction_hint(fields)
    if notice_type == "file.created" and fields.get("fileType") == "transaction_recon":
        return _read_file_hint(fields)
    return OtherHint(notice_type)


def _read_transaction_hint(fields: dict[str, object]) -> Hint:
    state = fields.get("state")
    if not isinstance(state, str):
        raise UnreadableJson("no state")
    payment_id, merchant_payment_id = _parse_id(fields.get("order_id")), _parse_id(fields.get("merchant_order_id"))
    if payment_id is None and merchant_payment_id is None:
        raise UnreadableJson("no payment")
    amount = _parse_amount(fields.get("order_amount"))
    if state not in NOTIFIED_STATES:
        return OtherHint("Transaction")
    event_values = (payment_id, merchant_payment_id, state, _find_newest_time(fields, _TIME_FIELDS_OF_NOTICE), amount)
    event_id = _compute_event_id("paypay-tx", *event_values)
    newest_time = _find_newest_time(fields, _EVENT_TIME_FIELDS)
    return TransactionHint(event_id, payment_id, merchant_payment_id, state, amount, newest_time)


def _find_newest_time(fields: dict[str, object], names: tuple[str, ...]) -> datetime | None:
    """Return the newest time in the fields of these names; None if none of them has a time."""
    return max(filter(None, (_parse_instant(fields.get(name)) for name in names)), default=None)


def _read_file_hint(fields: dict[str, object]) -> Hint:
    url, notification_id = fields.get("path"), fields.get("notification_id")
    if not isinstance(url, str) or not isinstance(notification_id, str) or not is_valid_id(notification_id):
        raise UnreadableJson("no file")
    return ReconciliationFileHint(_compute_event_id("paypay-file", notification_id), url)


def _compute_event_id(*parts: object) -> str:
    """Return a digest of `parts` as the id of an event. A repeated notice has the same parts, so it gets the same
    id."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _parse_id(value: object) -> str | None:
    return value if isinstance(value, str) and is_valid_id(value) else None


def _parse_amount(value: object) -> Money | None:
    """Return the amount of a PayPay notice; None if it is invalid. PayPay sends the amount as text; a whole number is
    accepted, too.
    """
    try:
        return parse_money(str(value), "JPY") if type(value) in (str, int) else None
    except InvalidAmountText:
        return None


def _parse_instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not _INSTANT_PATTERN.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
