"""Functions for the notices of all kinds of sources: refuse a notice, store the event of a notice, recognise a
repeated notice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from console.domain.audit.actions import AuditAction
from console.domain.clock import compute_age
from console.domain.payments.records import ReceivedNotice
from console.domain.payments.service_results import NoticeResult
from console.domain.records import WorkReason
from console.services.payments.apply_report import ReportEffectName
from console.services.payments.probe import NOT_FOUND_EFFECT, ConfirmationEffect
from console.services.process.context import ServiceContext
from console.store.alerts import cases
from console.store.database.engine import Transaction
from console.store.payments import events as payment_events
from console.store.payments.events import PaymentEvent

NOTICE_CLOCK_TOLERANCE = timedelta(minutes=5)
"""Largest accepted difference between the clock of a notice's sender and our clock."""
LATE_ANSWER_PERIOD = timedelta(minutes=15)
"""Time after the arrival of a notice during which the provider is asked again, if its answer says that the payer has
not paid or that there is no such payment: the provider's read call may know of the payment later than its sender of
notices.
"""
NOTICE_KIND = payment_events.NOTICE_KIND
EVENT_BOOKED = "booked"
"""State of an event: the notice's report has changed our payment."""
EVENT_REPEATED = "repeated"
"""State of an event: the notice was stored before."""
EVENT_UNCHANGED = "unchanged"
"""State of an event: the notice's report has changed nothing."""
EVENT_QUEUED = "queued"
"""State of an event: the provider must still be asked about the payment."""
EVENT_UNMATCHED = payment_events.UNMATCHED_EVENT_STATE
"""State of an event: the notice belongs to no payment and no order of ours."""
EVENT_STORED_ONLY = "kept"
"""State of an event: the notice is stored and has no other effect."""
EVENT_REFUSED = "refused"
"""State of an event: the notice is refused."""
EVENT_REFUSED_UNANSWERED = "refused_to_ask"
"""State of an event: the notice is refused, but the provider must still be asked about the payment, because the
notice may be a damaged genuine one.
"""
EVENT_REFUSED_ANSWERED = "refused_asked"
"""State of an event: the notice is refused, and the provider has answered."""
UNMATCHED_NOTICE_RULES = (WorkReason.UNMATCHED_NOTICE, WorkReason.UNVERIFIED_NOTICE)
"""Alert rules of the cases that end when a notice is matched, and that a person acknowledges together in the queue of
unmatched notices. A case of another rule may be about different money, so a person must acknowledge it separately.
"""
_WAITING_EVENT_STATES = frozenset({EVENT_QUEUED, EVENT_UNMATCHED, EVENT_REFUSED_UNANSWERED})
_EVENT_STATE_BY_EFFECT = {
    "booked": EVENT_BOOKED,
    "changed": EVENT_BOOKED,
    "unchanged": EVENT_UNCHANGED,
    "unknown": EVENT_STORED_ONLY,
}


class NoticeRefused(Exception):
    """The refusal of a notice. The sender gets the same reply for every reason.

    `reason` is the code that is written to the audit trail; `evidence` is the part of the notice's text that may be
    stored; `payment_number` is our payment number in the notice, which may be forged; None if the notice has no
    number.
    """

    def __init__(self, reason: str, evidence: str = "", payment_number: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence
        self.payment_number = payment_number


class EventAlreadyStored(Exception):
    """Raised if another transaction has already stored the event of a notice. The transaction that raises this
    error is rolled back."""


@dataclass(frozen=True, slots=True)
class NoticeEffect:
    """The effect of a notice. `event_state` is the state of the notice's event, e.g. `booked`; `payment_id` is the id
    of its payment, None if no payment was found.

    `event_to_confirm` is the stored event about whose payment the program must still ask the provider, None if the
    provider needn't be asked. This event has the state `queued`, so a due task asks the provider if this process
    doesn't.
    """

    event_state: str
    payment_id: int | None = None
    event_to_confirm: PaymentEvent | None = None

    @property
    def result(self) -> NoticeResult:
        """The result that the receiver of notices returns to the sender for a notice with this effect."""
        return NoticeResult(is_refused=False, done=self.event_state, payment_id=self.payment_id)


class NoticeHandler(Protocol):
    """Interface of the handlers of notices; there is one handler class for each kind of source."""

    def check_notice(self, received_notice: ReceivedNotice) -> Callable[[], NoticeEffect]:
        """Check the notice without reading the database, so that forged notices put no load on the database. Return a
        function that stores the notice and applies its report; that function raises ConsoleError if the database
        fails.

        Raises NoticeRefused if the notice is not genuine or is malformed.
        """
        ...


def find_event_state(effect: ReportEffectName) -> str:
    """Return the state (column `done`) of a notice's event for the effect that the notice's report had on the
    payment.
    """
    return _EVENT_STATE_BY_EFFECT[effect]


def is_late_answer_possible(context: ServiceContext, event: PaymentEvent) -> bool:
    """True if the notice arrived less than LATE_ANSWER_PERIOD ago, just now (`received_at` is None), or at an unknown
    time (`received_at` is in the future, because a clock was ahead). The provider's answer may then be older than the
    notice."""
    age = compute_age(event.received_at, context.now())
    return age is None or age < context.scale.scale_duration(LATE_ANSWER_PERIOD)


def find_effect_that_ends_questions(
    context: ServiceContext, event: PaymentEvent, effect: ConfirmationEffect | None
) -> ReportEffectName | None:
    """Return the effect that ends the questions about a stored notice; None if the provider must be asked again.
    `effect` is the effect of the provider's answer, None without a usable answer.

    If the provider answers that it has no such payment, the result is None until LATE_ANSWER_PERIOD has passed since
    the notice's arrival, then `unchanged`, so that the program doesn't ask for ever. For an unmatched notice, the
    result of this answer is always None: the notice may be about an earlier payment with the same number, which the
    database has lost. Some providers search for a payment by its day. Such a provider doesn't find the lost payment
    if it is asked for the day of the payment that is stored now.
    """
    if effect != NOT_FOUND_EFFECT:
        return effect
    is_open = event.state == EVENT_UNMATCHED or is_late_answer_possible(context, event)
    return None if is_open else "unchanged"


def refuse_future_time(
    at: datetime | None, now: datetime, evidence: str = "", payment_number: str | None = None
) -> None:
    """Raise NoticeRefused (with `evidence` and `payment_number`) if the time `at` is later than `now` by more than
    NOTICE_CLOCK_TOLERANCE. `at` None (the notice has no time) is accepted."""
    if at is not None and at > now + NOTICE_CLOCK_TOLERANCE:
        raise NoticeRefused("from_the_future", evidence, payment_number)


def find_stored_event(context: ServiceContext, notice_source: str, event_id: str) -> PaymentEvent | None:
    """Return the stored event with this id of the source; None if the event isn't stored yet."""
    with context.database.read() as conn:
        return payment_events.find_by_event_id(conn, notice_source, event_id)


def find_stored_notice_effect(context: ServiceContext, notice_source: str, event_id: str) -> NoticeEffect | None:
    """Return an effect with the state `repeated` if the event with the id `event_id` of the source `notice_source` is
    already stored, otherwise None (the notice is new)."""
    event = find_stored_event(context, notice_source, event_id)
    return None if event is None else NoticeEffect(EVENT_REPEATED, event.payment_id)


def store_event(
    context: ServiceContext, notice_source: str, event_id: str, make_event: Callable[[Transaction], PaymentEvent]
) -> PaymentEvent | None:
    """Run `make_event` and store the event that `make_event` returns, in one write transaction. Return the stored
    event. If an event with the id `event_id` of the source `notice_source` is already stored, roll the transaction
    back and return None. An `unmatched` event also opens a case."""
    context.failpoints.reach("before_notice_tx")
    try:
        stored_event = context.write(lambda tx: _store_event(context, tx, make_event(tx)))
    except EventAlreadyStored:
        return None
    context.failpoints.reach("after_notice_tx")
    return stored_event


def _store_event(context: ServiceContext, tx: Transaction, event: PaymentEvent) -> PaymentEvent:
    """Store the notice. For a notice that matches no payment of ours, also open a case and write an audit entry.
    Raises EventAlreadyStored if the notice is stored already.
    """
    if not payment_events.add_event(tx.conn, event, context.make_holder().operator, context.now()):
        raise EventAlreadyStored(event.event_id)
    if event.state != EVENT_UNMATCHED:
        return event
    stored_event = payment_events.find_by_event_id(tx.conn, event.source, event.event_id) or event
    order_or_event_id = event.order_no or event.event_id
    observed, expected = f"{event.kind} {order_or_event_id}", "a payment of ours"
    cases.open_case(
        tx.conn, WorkReason.UNMATCHED_NOTICE, NOTICE_KIND, stored_event.id, observed, expected, context.now()
    )
    context.record_audit(
        tx,
        AuditAction.PAYMENT_NOTICE_UNMATCHED,
        stored_event.id,
        {"source": event.source, "order": order_or_event_id},
        kind=NOTICE_KIND,
    )
    return stored_event


def settle_event(
    context: ServiceContext, notice_source: str, event_id: str, event_state: str, payment_id: int | None
) -> None:
    """Set the state (column `done`) of the stored event with the id `event_id` of the source `notice_source` to
    `event_state`, and store the payment's id.

    The state changes only if the event is `queued`, `unmatched` or `refused_to_ask`, or if `event_state` is `queued`.
    If two processes handle the event at the same time, the `event_state` that the first process has set stays.
    `payment_id` None: no payment is known for the event.
    """

    context.failpoints.reach("before_notice_end")
    context.write(lambda tx: write_event_state(context, tx, notice_source, event_id, event_state, payment_id))


def write_event_state(
    context: ServiceContext,
    tx: Transaction,
    notice_source: str,
    event_id: str,
    event_state: str,
    payment_id: int | None,
) -> None:
    """Do the same as `settle_event` in the caller's transaction."""
    event = payment_events.find_by_event_id(tx.conn, notice_source, event_id)
    if (
        event is not None
        and event.state != event_state
        and (event.state in _WAITING_EVENT_STATES or event_state == EVENT_QUEUED)
    ):
        payment_events.write_event_state(tx.conn, event, event_state, payment_id or event.payment_id)
        if event.state == EVENT_UNMATCHED:
            for rule in UNMATCHED_NOTICE_RULES:
                cases.close_case(tx.conn, rule, NOTICE_KIND, event.id, context.now())
