"""What the sources of notices have in common: how one is refused, kept, and found to be told again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from console.domain.order_records import NoticePost
from console.domain.payment_results import NoticeResult
from console.services.desk import Desk
from console.services.happened import Done
from console.store import cases, payment_events
from console.store.engine import Transaction
from console.store.payment_events import PaymentEvent

TOLERANCE = timedelta(minutes=5)
"""How far a clock of somebody else may differ from ours."""
EVENT = "notice"
"""The kind under which cases about notices without a payment are kept."""
BOOKED, REPEATED, UNCHANGED, QUEUED, UNMATCHED, KEPT = (
    "booked", "repeated", "unchanged", "queued", "unmatched", "kept",
)  # fmt: skip
REFUSED, TO_ASK, ASKED = "refused", "refused_to_ask", "refused_asked"
_DONE = {"booked": BOOKED, "changed": BOOKED, "unchanged": UNCHANGED, "unknown": KEPT}


class NoticeRefused(Exception):
    """It gets the one uniform refusal. `reason` stands in the trail alone; `evidence` is fit to be kept, `hint` is
    the payment that it names, genuine or not.
    """

    def __init__(self, reason: str, evidence: str = "", hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence
        self.hint = hint


class ToldBefore(Exception):
    """Somebody else has kept the same event at this very moment: all of the transaction is undone."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a source did with a notice: in words of NoticeResult. `to_ask`: the provider is still to be asked about
    this event, which is kept as `queued`, so that a due task asks if nobody else does.
    """

    done: str
    payment_id: int | None = None
    to_ask: PaymentEvent | None = None

    @property
    def result(self) -> NoticeResult:
        return NoticeResult(refused=False, done=self.done, payment_id=self.payment_id)


class Source(Protocol):
    """One kind of source."""

    def judge(self, post: NoticePost) -> Callable[[], Taken]:
        """What keeps and books it, once called; that raises ConsoleError where the database is in trouble. Raises
        NoticeRefused. Here nothing is read from the database: rubbish costs it nothing.
        """
        ...


def word_of(done: Done) -> str:
    """What became of an event by what the news did."""
    return _DONE[done]


def require_present(at: datetime | None, now: datetime, evidence: str = "", hint: str | None = None) -> None:
    """Nothing is told of times to come. Raises NoticeRefused."""
    if at is not None and at > now + TOLERANCE:
        raise NoticeRefused("from_the_future", evidence, hint)


def told_before(desk: Desk, source: str, event_id: str) -> Taken | None:
    """What is answered to an event that is kept already; one read, and nothing is written."""
    with desk.database.read() as conn:
        seen = payment_events.seen(conn, source, event_id)
    return None if seen is None else Taken(REPEATED, seen.payment_id)


def keep(desk: Desk, source: str, event_id: str, work: Callable[[Transaction], PaymentEvent]) -> PaymentEvent | None:
    """Do `work` and keep the event that it makes, in one transaction; None, and nothing done, where it is kept
    already.
    """
    desk.failpoints.reach("before_notice_tx")
    try:
        kept = desk.write(lambda tx: _keep(desk, tx, work(tx)))
    except ToldBefore:
        return None
    desk.failpoints.reach("after_notice_tx")
    return kept


def _keep(desk: Desk, tx: Transaction, event: PaymentEvent) -> PaymentEvent:
    if not payment_events.add(tx.conn, event, desk.now()):
        raise ToldBefore(event.event_id)
    if event.done != UNMATCHED:
        return event
    kept = payment_events.seen(tx.conn, event.source, event.event_id) or event
    name = event.order_no or event.event_id
    observed, expected = f"{event.kind} {name}", "a payment of ours"
    cases.open_case(tx.conn, "unmatched_notice", EVENT, kept.id, observed, expected, desk.now())
    desk.note(tx, "payment.notice_unmatched", kept.id, {"source": event.source, "order": name}, kind=EVENT)
    return kept


def settle(desk: Desk, source: str, event_id: str, done: str, payment_id: int | None) -> None:
    """Write what became of a kept event in the end."""

    def mark(tx: Transaction) -> None:
        event = payment_events.seen(tx.conn, source, event_id)
        if event is not None and event.done != done:
            payment_events.mark(tx.conn, event, done, payment_id or event.payment_id)
            if event.done == UNMATCHED:
                cases.close_cases(tx.conn, EVENT, event.id, desk.now())

    desk.failpoints.reach("before_notice_end")
    desk.write(mark)
