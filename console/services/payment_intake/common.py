"""Functions for notices of all sources: refuse a notice, store it, recognise a repeated one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from console.domain.audit_actions import AuditAction
from console.domain.payments.records import NoticePost
from console.domain.payments.service_results import NoticeResult
from console.domain.records import WorkReason
from console.services.payments.apply_report import Effect
from console.services.process.context import ServiceContext
from console.store.alerts import cases
from console.store.database.engine import Transaction
from console.store.payments import events as payment_events
from console.store.payments.events import PaymentEvent

CLOCK_TOLERANCE = timedelta(minutes=5)
"""Largest accepted difference between another party's clock and ours."""
NOTICE_KIND = "notice"
"""Kind of the subject of cases about notices without a payment."""
BOOKED, REPEATED, UNCHANGED, QUEUED, UNMATCHED, KEPT = (
    "booked",
    "repeated",
    "unchanged",
    "queued",
    "unmatched",
    "kept",
)
REFUSED, TO_ASK, ASKED = "refused", "refused_to_ask", "refused_asked"
_WAITING_WORDS = frozenset({QUEUED, UNMATCHED, TO_ASK})
_WORD_OF_EFFECT = {"booked": BOOKED, "changed": BOOKED, "unchanged": UNCHANGED, "unknown": KEPT}


class NoticeRefused(Exception):
    """The refusal of a notice. The sender gets the same answer for every reason.

    `reason` is written to the audit trail only; `evidence` is the text of the notice that may be stored; `hint` is
    our payment number in the notice, which may be forged.
    """

    def __init__(self, reason: str, evidence: str = "", hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence
        self.hint = hint


class EventAlreadyStored(Exception):
    """Another transaction has just stored the same event; this transaction is rolled back."""


@dataclass(frozen=True, slots=True)
class NoticeEffect:
    """The effect of a notice; `word` is the state of its event, e.g. `booked`.

    `event_to_confirm` is the event about which the provider must still be asked, None if it need not. It is stored
    as `queued`, so that a due task asks if this process doesn't.
    """

    word: str
    payment_id: int | None = None
    event_to_confirm: PaymentEvent | None = None

    @property
    def result(self) -> NoticeResult:
        """The result for the receiver."""
        return NoticeResult(refused=False, done=self.word, payment_id=self.payment_id)


class Source(Protocol):
    """The handler of the notices of one kind of source."""

    def judge(self, post: NoticePost) -> Callable[[], NoticeEffect]:
        """Check the notice and return the function that stores it and applies its report; this function raises
        ConsoleError if the database fails.

        Raises NoticeRefused. Must not read the database, so that forged notices put no load on it.
        """
        ...


def find_event_state(effect: Effect) -> str:
    """Return the state of an event whose report had this effect on the payment."""
    return _WORD_OF_EFFECT[effect]


def require_present(at: datetime | None, now: datetime, evidence: str = "", hint: str | None = None) -> None:
    """Raise NoticeRefused if `at` is later than `now` by more than TOLERANCE."""
    if at is not None and at > now + CLOCK_TOLERANCE:
        raise NoticeRefused("from_the_future", evidence, hint)


def find_earlier(context: ServiceContext, source: str, event_id: str) -> NoticeEffect | None:
    """Return the effect `repeated` for an event that is stored already, None for a new event."""
    with context.database.read() as conn:
        event = payment_events.by_source_id(conn, source, event_id)
    return None if event is None else NoticeEffect(REPEATED, event.payment_id)


def store_event(
    context: ServiceContext, source: str, event_id: str, work: Callable[[Transaction], PaymentEvent]
) -> PaymentEvent | None:
    """Run `work` and store the event that it returns, in one transaction. If the event is stored already, write
    nothing and return None.
    """
    context.failpoints.reach("before_notice_tx")
    try:
        stored = context.write(lambda tx: _store_event(context, tx, work(tx)))
    except EventAlreadyStored:
        return None
    context.failpoints.reach("after_notice_tx")
    return stored


def _store_event(context: ServiceContext, tx: Transaction, event: PaymentEvent) -> PaymentEvent:
    if not payment_events.add_event(tx.conn, event, context.holder().operator, context.now()):
        raise EventAlreadyStored(event.event_id)
    if event.done != UNMATCHED:
        return event
    stored = payment_events.by_source_id(tx.conn, event.source, event.event_id) or event
    name = event.order_no or event.event_id
    observed, expected = f"{event.kind} {name}", "a payment of ours"
    cases.open_case(tx.conn, WorkReason.UNMATCHED_NOTICE, NOTICE_KIND, stored.id, observed, expected, context.now())
    context.record_audit(
        tx, AuditAction.PAYMENT_NOTICE_UNMATCHED, stored.id, {"source": event.source, "order": name}, kind=NOTICE_KIND
    )
    return stored


def settle_event(context: ServiceContext, source: str, event_id: str, word: str, payment_id: int | None) -> None:
    """Set the state of a stored event to `word` if the event waits for its effect, or if `word` is `queued`. If two
    processes handle the event at the same time, the first one's `word` stays.
    """

    def write_state(tx: Transaction) -> None:
        event = payment_events.by_source_id(tx.conn, source, event_id)
        if event is not None and event.done != word and (event.done in _WAITING_WORDS or word == QUEUED):
            payment_events.write_result(tx.conn, event, word, payment_id or event.payment_id)
            if event.done == UNMATCHED:
                cases.close_cases(tx.conn, NOTICE_KIND, event.id, context.now())

    context.failpoints.reach("before_notice_end")
    context.write(write_state)
