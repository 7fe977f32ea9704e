"""Signed notices of sources that can't be asked, a bank's transfers say: the signature is all the evidence there is.

`X-Notice-Signature: t=<epoch>,v1=<hex HMAC-SHA256(key, t + "." + body)>`; the key is a secret of the source's own.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError

from console.domain.corporation_number import InvalidCorporationNumber, parse
from console.domain.money import MINOR_DIGITS, Money, NotAnAmount, money_from_text
from console.domain.order_records import NoticePost, Order, Payment
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_news import Way
from console.domain.payment_records import PaymentReport, PaymentState
from console.services import notice_parts as parts
from console.services.desk import Desk
from console.services.happened import PaymentFact, what_happened
from console.services.notice_parts import NoticeRefused, Taken
from console.services.payment_vendors import NOTICE_WORDS
from console.settings import Settings
from console.store import orders, payments
from console.store.engine import RunAgain, Transaction
from console.store.payment_events import PaymentEvent
from console.store.payments import NewPayment

HEADER = "x-notice-signature"
SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_STAMP = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_PLAIN = re.compile(r"[!-~]{1,128}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Told:
    """One signed notice, read: whose event, of what type, about which order, how much, when (aware)."""

    source: str
    event_id: str
    type: str
    order_no: str
    amount: Money
    occurred_at: datetime
    body: str


def notice_sources(settings: Settings) -> tuple[str, ...]:
    """Mere sources of notices that have a key here."""
    named = (name for name in settings.secrets.names() if name.startswith("NOTICE_"))
    found = (name.removeprefix("NOTICE_").removesuffix("_KEY").lower() for name in named)
    return tuple(one for one in found if SOURCE.fullmatch(one))


class SignedNotices:
    """Takes notices of any source whose key is known here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._keys: dict[str, str | None] = {}

    def judge(self, post: NoticePost) -> Callable[[], Taken]:
        self._verify(post)
        told = read(post.source, post.body)
        parts.require_present(told.occurred_at, self._desk.now(), told.body, told.order_no)
        return lambda: self._keep(told)

    def _keep(self, told: Told) -> Taken:
        before = parts.told_before(self._desk, told.source, told.event_id)
        if before is not None:
            return before
        kept = parts.keep(self._desk, told.source, told.event_id, lambda tx: self._book(tx, told))
        return Taken(parts.REPEATED) if kept is None else Taken(kept.done, kept.payment_id)

    def try_again(self, event: PaymentEvent) -> str:
        """An event that had no order when it came, and may have one now."""
        try:
            told = read(event.source, event.body.encode())
        except NoticeRefused:
            return event.done
        booked = self._desk.write(lambda tx: self._book(tx, told))
        if booked.payment_id is not None:
            parts.settle(self._desk, event.source, event.event_id, booked.done, booked.payment_id)
        return booked.done

    # The signature

    def _verify(self, post: NoticePost) -> None:
        """Key, signature and time are all judged before any of them counts."""
        key = self._key(post.source)
        given = {name.lower(): value for name, value in post.headers}.get(HEADER, "")
        found = _STAMP.fullmatch(given)
        stamp, claimed = (found[1], found[2]) if found else ("0", "0" * 64)
        made = hmac.digest((key or "no key").encode(), stamp.encode() + b"." + post.body, hashlib.sha256).hex()
        same = hmac.compare_digest(made, claimed)
        fresh = abs(self._desk.now().timestamp() - int(stamp)) <= parts.TOLERANCE.total_seconds()
        checks = {"no_key": key is not None, "no_signature": found is not None, "signature": same, "time": fresh}
        failed = [name for name, good in checks.items() if not good]
        if failed:
            raise NoticeRefused(failed[0], f"{len(post.body)} bytes")

    def _key(self, source: str) -> str | None:
        """The key of a source; asked for once, as a keyring may be slow."""
        if source not in self._keys:
            if not SOURCE.fullmatch(source) or len(self._keys) >= 64:
                return None
            self._keys[source] = self._desk.settings.secret(f"NOTICE_{source.upper().replace('-', '_')}_KEY") or None
        return self._keys[source]

    # What it says

    @payments.runs_again()
    def _book(self, tx: Transaction, told: Told) -> PaymentEvent:
        standing = NOTICE_WORDS.get(told.type)
        payment = self._payment(tx, told) if standing is not None else None
        if standing is None or payment is None:
            return _event(told, parts.KEPT if standing is None else parts.UNMATCHED)
        report = _report(told, standing)
        kind = OutcomeClass.SUCCEEDED if standing is PaymentState.PAYMENT_SUCCESS else OutcomeClass.FAILED_DEFINITE
        if not report.final:
            kind = OutcomeClass.PENDING
        digest = hashlib.sha256(told.body.encode()).hexdigest()
        answer = Outcome(kind, told.type.replace(".", "_")[:64], Sent.YES, report, None, told.body, digest)
        fact = PaymentFact(report, told.occurred_at, Way.NOTICE, "notice", answer, told.event_id)
        done = what_happened(self._desk, tx, payment, fact, read=True).done
        return _event(told, parts.word_of(done), payment.id)

    def _payment(self, tx: Transaction, told: Told) -> Payment | None:
        """The payment that it tells of; where only the order is known, the notice is how the payment begins."""
        found = payments.by_merchant_id(tx.conn, told.source, told.order_no)
        order = None if found else orders.by_number(tx.conn, told.order_no)
        if order is None or order.currency not in MINOR_DIGITS:
            return found
        new = NewPayment(
            told.source, told.order_no, order.currency, order.total_minor, order_id=order.id,
            corporation_number=corporation_of(order), state=PaymentState.USER_PAYMENT, by_code=False,
            begun_at=told.occurred_at,
        )  # fmt: skip
        try:
            payment_id = payments.insert(tx.conn, new, self._desk.now())
        except IntegrityError:  # begun by another notice at this very moment
            raise RunAgain from None
        return payments.find(tx.conn, payment_id)


def corporation_of(order: Order) -> str | None:
    """The order's corporation number, where it names one in a way that counts."""
    with suppress(InvalidCorporationNumber):
        return parse(order.corporation_number, dummies=True).value if order.corporation_number else None
    return None


def read(source: str, body: bytes) -> Told:
    """A notice's fields. Raises NoticeRefused for anything else."""
    from console.providers.strict_json import Unreadable, parse_object

    try:
        fields = parse_object(body)
        currency = fields.get("currency")
        if currency not in MINOR_DIGITS or not isinstance(currency, str):
            raise Unreadable("no currency")
        return Told(
            source=source,
            event_id=_text(fields, "event_id", 128),
            type=_text(fields, "type", 40),
            order_no=_text(fields, "order_no", 64),
            amount=money_from_text(_text(fields, "amount", 20), currency),
            occurred_at=_instant(_text(fields, "occurred_at", 40)),
            body=body.decode("utf-8", "replace"),
        )
    except (Unreadable, NotAnAmount, ValueError, OverflowError):
        raise NoticeRefused("no_notice", f"{len(body)} bytes") from None


def _text(fields: dict[str, object], name: str, longest: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > longest or not _PLAIN.fullmatch(value):
        raise ValueError(name)
    return value


def _instant(text: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        raise ValueError("no instant")
    return datetime.fromisoformat(text).astimezone(UTC)


def _report(told: Told, standing: PaymentState) -> PaymentReport:
    """The payment as this event leaves it. The source numbers no payments: a success's event is its number."""
    paid = standing is PaymentState.PAYMENT_SUCCESS
    return PaymentReport(
        merchant_payment_id=told.order_no,
        provider_payment_id=number_of(told.event_id) if paid else None,
        provider_state=told.type,
        state=standing,
        final=standing is not PaymentState.USER_PAYMENT,
        amount=told.amount,
        paid_at=told.occurred_at if paid else None,
        refunds=None,
    )


def number_of(event_id: str) -> str:
    """What a success's event is as the number of the payment."""
    return event_id if len(event_id) <= 64 else hashlib.sha256(event_id.encode()).hexdigest()


def _event(told: Told, done: str, payment_id: int | None = None) -> PaymentEvent:
    return PaymentEvent(
        told.source, told.event_id, told.type, done, told.body, payment_id=payment_id, order_no=told.order_no,
        amount_minor=told.amount.minor, currency=told.amount.currency, occurred_at=told.occurred_at,
    )  # fmt: skip
