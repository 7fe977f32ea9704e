"""Verify and book signed notices about payments. They come from providers to which the program can send no question,
for example about bank transfers. So the signature is the only proof of such a notice.

The signature header is `X-Notice-Signature: t=<epoch seconds>,v1=<hex HMAC-SHA256(key, t + "." + body)>`; every
source of notices has its own secret key.
"""

import hashlib
import hmac
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from console.domain.audit.actions import AuditAction
from console.domain.lookup.number_input import find_corporation_number
from console.domain.money import MINOR_DIGITS_BY_CURRENCY, InvalidAmountText, Money, make_stored_money, parse_money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment, ReceivedNotice
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import WorkReason
from console.services.payment_intake import notices
from console.services.payment_intake.notices import NoticeEffect, NoticeRefused
from console.services.payments.apply_report import ReportWithSource, apply_report
from console.services.payments.providers import PAYMENT_STATE_BY_NOTICE_TYPE
from console.services.process.context import ServiceContext
from console.settings.settings import Settings
from console.store.alerts import alerts, cases
from console.store.database.engine import RunAgain, Transaction
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.payments import orders, payments
from console.store.payments.events import PaymentEvent
from console.store.payments.payments import NewPayment

_log = logging.getLogger("console.worker")

SIGNATURE_HEADER = "x-notice-signature"
MIN_NOTICE_KEY_CHARACTERS = 16
"""Number of characters below which `doctor` reports the key of a source. A shorter key is accepted nevertheless,
because the sender may have set it."""
NO_NOTICE_KEY_REASON = "no_key"
UNVERIFIED_NOTICE_RULE = WorkReason.UNVERIFIED_NOTICE
"""Alert rule of the case about a stored notice whose signature is wrong or missing."""
NOTICE_SOURCE_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_CONTENT_SEPARATOR = "; "
"""Text between the contents of several notices in the column `observed` of a case."""
_MAX_SOURCE_NAMES_WITHOUT_KEY = 64
"""Largest number of names of sources without a key that are kept in memory."""
_SIGNATURE_PATTERN = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_PRINTABLE_PATTERN = re.compile(r"[!-~]{1,128}")
_INSTANT_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignedNotice:
    """The fields of one signed notice about a payment. `source` is the name of the source that sent the notice. The
    source gave the event the id `event_id` and the type `type`. `order_no` is the number of the order, `amount` the
    amount in the notice. `occurred_at` is the time of the reported event in UTC; `body` is the signed text;
    `signature` is the value of the notice's signature header."""

    source: str
    event_id: str
    type: str
    order_no: str
    amount: Money
    occurred_at: datetime
    body: str
    signature: str = field(default="", repr=False)


def list_notice_sources(settings: Settings) -> tuple[str, ...]:
    """Return the names of the sources of signed notices whose keys this desk has."""
    key_names = (name for name in settings.secrets.list_secret_names_in_environment() if name.startswith("NOTICE_"))
    sources = (name.removeprefix("NOTICE_").removesuffix("_KEY").lower() for name in key_names)
    return tuple(source for source in sources if NOTICE_SOURCE_NAME_PATTERN.fullmatch(source))


def read_notice_key(settings: Settings, source: str) -> str | None:
    """Return the key with which this source signs its notices; None if this desk has none."""
    return settings.read_secret(f"NOTICE_{source.upper()}_KEY")


class SignedNoticeHandler:
    """Checks, stores and applies signed notices. It accepts notices only of the sources whose keys this desk has."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._keys: dict[str, str] = {}
        self._source_names_without_key: set[str] = set()
        self._sources_without_key: set[str] = set()

    def check_notice(self, received_notice: ReceivedNotice) -> Callable[[], NoticeEffect]:
        """Check signature, time and form of the notice without reading the database. Return a function that stores
        the notice and applies its report. Raises NoticeRefused if one of these checks fails."""
        signature = self._verify_signature_header(received_notice)
        notice = replace(
            parse_notice(normalize_source_name(received_notice.source), received_notice.body), signature=signature
        )
        notices.refuse_future_time(notice.occurred_at, self._context.now(), notice.body, notice.order_no)
        return lambda: self._store_notice(notice)

    def _store_notice(self, notice: SignedNotice) -> NoticeEffect:
        earlier_event = notices.find_stored_event(self._context, notice.source, notice.event_id)
        if earlier_event is None:
            event = notices.store_event(
                self._context, notice.source, notice.event_id, lambda tx: self._apply_notice(tx, notice)
            )
            if event is not None:
                return NoticeEffect(event.state, event.payment_id)
            earlier_event = notices.find_stored_event(self._context, notice.source, notice.event_id)
        if earlier_event is None:
            return NoticeEffect(notices.EVENT_REPEATED)
        self._open_case_if_contradicted(earlier_event, notice)
        return NoticeEffect(notices.EVENT_REPEATED, earlier_event.payment_id)

    def _open_case_if_contradicted(self, event: PaymentEvent, notice: SignedNotice) -> None:
        """Open a case about the stored event `event` if the genuine notice has the same event id but other content:
        another type, order, amount or currency. The notice is not booked, because an event id identifies exactly one
        event. The case is needed because the notice may report money that was really paid."""
        stored_facts = (event.kind, event.order_no, event.amount_minor, event.currency)
        if stored_facts != (notice.type, notice.order_no, notice.amount.minor, notice.amount.currency):
            self._context.write(lambda tx: self._open_case_of_different_content(tx, event, notice))

    def _open_case_of_different_content(self, tx: Transaction, event: PaymentEvent, notice: SignedNotice) -> None:
        """Open a case which says that `notice` has the event id of the stored event `event` but other content (type,
        order, amount, currency). Write an audit entry with this content. Do nothing if a case already contains this
        content.

        A rule has at most one open case about a notice. An open case about earlier content is therefore closed, and
        the new case also contains the earlier contents that no person has acknowledged yet.
        """
        context, rule = self._context, WorkReason.CONTRADICTED
        content = f"{notice.type} {notice.order_no} {notice.amount.minor} {notice.amount.currency}"
        cases_of_event = alerts.find_by_subject(tx.conn, notices.NOTICE_KIND, event.id)
        earlier_cases = [case for case in cases_of_event if case.rule_id == rule]
        if any(case.observed.split(_CONTENT_SEPARATOR)[0] == content for case in earlier_cases):
            return
        open_case = next((case for case in earlier_cases if case.resolved_at is None), None)
        if open_case is not None and not alerts.resolve(tx.conn, open_case.id, context.now()):
            raise RunAgain  # another process has just replaced it
        unacknowledged_contents = (
            [open_case.observed] if open_case is not None and open_case.acknowledged_by is None else []
        )
        observed = _CONTENT_SEPARATOR.join([content, *unacknowledged_contents])
        expected = f"{event.kind} {event.order_no} {event.amount_minor} {event.currency}"
        if not cases.open_case(tx.conn, rule, notices.NOTICE_KIND, event.id, observed, expected, context.now()):
            raise RunAgain  # another process has just opened one about another content
        digest = hashlib.sha256(notice.body.encode()).hexdigest()
        facts = {"source": event.source, "observed": content, "expected": expected, "sha256": digest}
        context.record_audit(tx, AuditAction.PAYMENT_CONTRADICTED, event.id, facts, kind=notices.NOTICE_KIND)

    def retry_unmatched_event(self, event: PaymentEvent) -> str:
        """Apply the report of a stored signed notice again. The order or payment of the notice was missing when the
        notice came. The report is applied only if the order or payment exists now and the signature is valid; the
        event's state is written in the same transaction. Return the event's state (column `done`).
        """
        try:
            notice = self.verify_event(event)
        except NoticeRefused as refusal:
            self._report_unverified_event(event, refusal.reason)
            return event.state
        self._context.failpoints.reach("before_notice_end")
        return self._context.write(lambda tx: self._apply_unmatched_notice(tx, notice))

    def _apply_unmatched_notice(self, tx: Transaction, notice: SignedNotice) -> str:
        event = self._apply_notice(tx, notice)
        if event.payment_id is not None:
            notices.write_event_state(self._context, tx, event.source, event.event_id, event.state, event.payment_id)
        return event.state

    def _report_unverified_event(self, event: PaymentEvent, reason: str) -> None:
        """Open a case about a stored event whose signature this desk can't verify; `reason` is the code of the
        reason. If the reason is that this desk doesn't have the source's key, only write one warning to the log,
        because another desk may have the key.
        """
        if reason == NO_NOTICE_KEY_REASON:
            if event.source not in self._sources_without_key:
                _log.warning("notices of %r wait: this desk has no key of their source", event.source[:32])
                self._sources_without_key.add(event.source)
            return
        observed, expected = f"{event.kind} {event.order_no or event.event_id} {reason}", "a signature that fits"
        case_arguments = (UNVERIFIED_NOTICE_RULE, notices.NOTICE_KIND, event.id, observed[:255], expected)
        if self._context.write(lambda tx: cases.open_case(tx.conn, *case_arguments, self._context.now())):
            _log.warning("notice %s of %r is not verified: %s", event.id, event.source[:32], reason)

    # The signature

    def verify_event(self, event: PaymentEvent) -> SignedNotice:
        """Verify the signature of a stored event, and return the fields of its signed body. The stored row alone
        proves nothing, because it may have been changed in the database.

        This method doesn't check the age of the signature, because the age was checked when the notice came. Raises
        NoticeRefused if the signature can't be verified or if the row's columns differ from the signed body.
        """
        if normalize_source_name(event.source) != event.source or not NOTICE_SOURCE_NAME_PATTERN.fullmatch(
            event.source
        ):
            raise NoticeRefused("other_source")
        key = self._read_notice_key(event.source)
        if event.signature is None:
            raise NoticeRefused("no_signature")
        if key is None:
            raise NoticeRefused(NO_NOTICE_KEY_REASON)
        if self._is_key_shared_with_other_source(event.source, key):
            raise NoticeRefused("shared_key")
        body = event.body.encode("utf-8", "replace")
        if _verify_signature(key, event.signature, body) is None:
            raise NoticeRefused("signature")
        notice = replace(parse_notice(event.source, body), signature=event.signature)
        if _make_notice_event(notice, event.state).source_facts != event.source_facts:
            raise NoticeRefused("other_words")
        return notice

    def _verify_signature_header(self, received_notice: ReceivedNotice) -> str:
        """Return the signature header of a genuine and recent notice. Raises NoticeRefused for any other notice.

        The method always makes all checks (key, signature, time) before it raises the error, so that the duration of
        a refusal doesn't reveal which check failed.
        """
        key = (
            self._read_notice_key(normalize_source_name(received_notice.source))
            if NOTICE_SOURCE_NAME_PATTERN.fullmatch(received_notice.source)
            else None
        )
        header = {name.lower(): value for name, value in received_notice.headers}.get(SIGNATURE_HEADER, "")
        signed_at = _verify_signature(key or "no key", header, received_notice.body)
        is_recent = (
            abs(self._context.now().timestamp() - (signed_at or 0)) <= notices.NOTICE_CLOCK_TOLERANCE.total_seconds()
        )
        has_signature = _SIGNATURE_PATTERN.fullmatch(header) is not None
        checks = {
            NO_NOTICE_KEY_REASON: key is not None,
            "no_signature": has_signature,
            "signature": signed_at is not None,
            "time": is_recent,
        }
        failed_checks = [name for name, is_met in checks.items() if not is_met]
        if failed_checks:
            raise NoticeRefused(failed_checks[0], f"{len(received_notice.body)} bytes")
        return header

    def _is_key_shared_with_other_source(self, notice_source: str, key: str) -> bool:
        """True if another source on this desk has the same key as `notice_source`. A notice of that source could then
        be stored as a notice of `notice_source`."""
        other_sources = (
            other_source
            for other_source in list_notice_sources(self._context.settings)
            if other_source != notice_source
        )
        return any(
            hmac.compare_digest((self._read_notice_key(other_source) or "").encode(), key.encode())
            for other_source in other_sources
        )

    def _read_notice_key(self, notice_source: str) -> str | None:
        """Return the secret key of a source of notices; None if this desk has none. Each result is stored in memory,
        because reading a keyring may be slow.

        A sender can invent any number of source names. So at most _MAX_SOURCE_NAMES_WITHOUT_KEY names without a key
        are stored in memory; the next such name replaces all of them.
        """
        if notice_source in self._source_names_without_key or not NOTICE_SOURCE_NAME_PATTERN.fullmatch(notice_source):
            return None
        key = self._keys.get(notice_source) or read_notice_key(self._context.settings, notice_source)
        if key:
            self._keys[notice_source] = key
            return key
        if len(self._source_names_without_key) >= _MAX_SOURCE_NAMES_WITHOUT_KEY:
            self._source_names_without_key.clear()
        self._source_names_without_key.add(notice_source)
        return None

    # Content

    @payments.run_again_if_stale()
    def _apply_notice(self, tx: Transaction, notice: SignedNotice) -> PaymentEvent:
        """Apply the report of the genuine notice to its payment in the transaction `tx`. Return the event to store.
        The event's state is the result of the notice, such as `unmatched` if neither payment nor order exists."""
        payment_state = PAYMENT_STATE_BY_NOTICE_TYPE.get(notice.type)
        payment = self._find_or_insert_payment(tx, notice) if payment_state is not None else None
        if payment_state is None or payment is None:
            return _make_notice_event(
                notice, notices.EVENT_STORED_ONLY if payment_state is None else notices.EVENT_UNMATCHED
            )
        report = _make_report(notice, payment_state)
        outcome_class = (
            OutcomeClass.SUCCEEDED if payment_state is PaymentState.PAYMENT_SUCCESS else OutcomeClass.FAILED_DEFINITE
        )
        if not report.is_final:
            outcome_class = OutcomeClass.PENDING
        digest = hashlib.sha256(notice.body.encode()).hexdigest()
        answer = Outcome(
            outcome_class, notice.type.replace(".", "_")[:64], SendingCertainty.YES, report, None, notice.body, digest
        )
        sourced_report = ReportWithSource(
            report, notice.occurred_at, ReportSource.NOTICE, "notice", answer, notice.event_id
        )
        effect = apply_report(self._context, tx, payment, sourced_report, is_read_in_transaction=True).effect
        return _make_notice_event(notice, notices.find_event_state(effect), payment.id)

    def _find_or_insert_payment(self, tx: Transaction, notice: SignedNotice) -> Payment | None:
        """Return the payment of the notice. If only the notice's order exists, insert the payment and return it.
        Return None if neither payment nor order exists, or if no payment can have the order's stored amount and
        currency.
        """
        payment = payments.find_by_payment_number(tx.conn, notice.source, notice.order_no)
        order = None if payment else orders.find_by_number(tx.conn, notice.order_no)
        if order is None or make_stored_money(order.total_minor, order.currency) is None:
            return payment
        new_payment = NewPayment(
            notice.source,
            notice.order_no,
            order.currency,
            order.total_minor,
            order_id=order.id,
            corporation_number=find_corporation_number(order.corporation_number, allows_test_numbers=True),
            state=PaymentState.USER_PAYMENT,
            by_code=False,
            begun_at=notice.occurred_at,
        )
        try:
            payment_id = payments.insert_payment(tx.conn, new_payment, self._context.now())
        except UniqueViolation:  # Another notice has just inserted the payment.
            raise RunAgain from None
        return payments.find(tx.conn, payment_id)


def normalize_source_name(typed_name: str) -> str:
    """Return the canonical name of a source of signed notices: for `a-b`, the canonical name is `a_b`. The names
    `a-b` and `a_b` have the same secret key, so they identify the same source.
    """
    return typed_name.replace("-", "_")


def _verify_signature(key: str, header: str, body: bytes) -> int | None:
    """Return the time of the signature (epoch seconds) if `header` is a signature of `body` with `key`, else None."""
    header_match = _SIGNATURE_PATTERN.fullmatch(header)
    signed_at_text, claimed_signature = (header_match[1], header_match[2]) if header_match else ("0", "0" * 64)
    computed_signature = hmac.digest(key.encode(), signed_at_text.encode() + b"." + body, hashlib.sha256).hex()
    return (
        int(signed_at_text) if hmac.compare_digest(computed_signature, claimed_signature) and header_match else None
    )


def parse_notice(notice_source: str, body: bytes) -> SignedNotice:
    """Parse the body of a signed notice of `notice_source` and return its fields. Raises NoticeRefused if the body is
    malformed.
    """
    from console.providers.http.strict_json import UnreadableJson, parse_json_object, require_storable_texts

    try:
        fields = parse_json_object(body)
        require_storable_texts(fields)
        currency = fields.get("currency")
        if not isinstance(currency, str) or currency not in MINOR_DIGITS_BY_CURRENCY:
            raise UnreadableJson("no currency")
        return SignedNotice(
            source=notice_source,
            event_id=_require_text_field(fields, "event_id", 128),
            type=_require_text_field(fields, "type", 40),
            order_no=_require_text_field(fields, "order_no", 64),
            amount=parse_money(_require_text_field(fields, "amount", 20), currency),
            occurred_at=_parse_instant(_require_text_field(fields, "occurred_at", 40)),
            body=body.decode("utf-8", "replace"),
        )
    except (UnreadableJson, InvalidAmountText, ValueError, OverflowError):
        raise NoticeRefused("no_notice", f"{len(body)} bytes") from None


def _require_text_field(fields: dict[str, object], field_name: str, max_characters: int) -> str:
    """Return the text of the notice's field `field_name`. Raises ValueError if it is missing, no text, not printable,
    or longer than `max_characters`."""
    value = fields.get(field_name)
    if not isinstance(value, str) or len(value) > max_characters or not _PRINTABLE_PATTERN.fullmatch(value):
        raise ValueError(field_name)
    return value


def _parse_instant(text: str) -> datetime:
    """Return the instant in the text of a notice (RFC 3339, with a time zone) in UTC. Raises ValueError for another
    text."""
    if not _INSTANT_PATTERN.fullmatch(text):
        raise ValueError("no instant")
    return datetime.fromisoformat(text).astimezone(UTC)


def _make_report(notice: SignedNotice, state: PaymentState) -> PaymentReport:
    """Return the notice as a payment report with the state `state`. Sources of signed notices have no payment ids. So
    the report has, as the provider's payment id, the id of the event that reports the success.
    """
    is_paid = state is PaymentState.PAYMENT_SUCCESS
    return PaymentReport(
        merchant_payment_id=notice.order_no,
        provider_payment_id=make_provider_payment_id(notice.event_id) if is_paid else None,
        provider_state=notice.type,
        state=state,
        is_final=state is not PaymentState.USER_PAYMENT,
        amount=notice.amount,
        paid_at=notice.occurred_at if is_paid else None,
        refunds=None,
    )


def make_provider_payment_id(event_id: str) -> str:
    """Return the payment id to store as the provider's: the id of the event that reports the success, or its
    SHA-256 if the id is longer than 64 characters.
    """
    return event_id if len(event_id) <= 64 else hashlib.sha256(event_id.encode()).hexdigest()


def _make_notice_event(notice: SignedNotice, event_state: str, payment_id: int | None = None) -> PaymentEvent:
    return PaymentEvent(
        notice.source, notice.event_id, notice.type, event_state, notice.body,
        payment_id=payment_id, order_no=notice.order_no,
        amount_minor=notice.amount.minor, currency=notice.amount.currency, occurred_at=notice.occurred_at,
        signature=notice.signature or None,
    )  # fmt: skip
