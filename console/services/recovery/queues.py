"""What waits and why: the queues, their counts, unfinished work and who holds which lease."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.explain import explain
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import Certainty, CreditCheck, LeaseHolder, Operation, WorkState
from console.domain.results import Explanation, FeedMark, NextStep, QueueCount, QueueItem, QueuePage, UnfinishedWork
from console.domain.task_intervals import TASK_LEASE
from console.domain.worker_records import Take
from console.services.desk import Desk
from console.store import any_record, approvals, feed, journal, leases, queues, takes
from console.store.queue_parts import Queued
from console.store.queues import Place

LONGEST_PAGE = 1_000


class Queues:
    """Reads by index only; nothing here is audited or changes anything."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def queue(self, name: str, limit: int = 50, after: str | None = None) -> QueuePage:
        """One page of a queue, what needs a person first. Raises usage for an unknown queue or cursor."""
        if name not in queues.NAMES:
            raise ConsoleError("usage", {"problem": "queue", "allowed": list(queues.NAMES)})
        limit = max(1, min(limit, LONGEST_PAGE))
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            found = queues.page(conn, name, _read_cursor(after), limit, journal.lapsed_by_kind(conn))
            awaited = _awaited(conn, found)
        items = tuple(self._item(record, awaited.get(place.kind, frozenset())) for place, record in found)
        more = len(found) == limit
        return QueuePage(name, items, _cursor(found[-1][0]) if more else None)

    def _item(self, record: Queued, awaited: frozenset[str]) -> QueueItem:
        awaiting = "second_person" if str(record.id) in awaited else None
        return QueueItem(record, _explained(record, self._desk.now(), awaiting), record.changed_at)

    def counts(self) -> tuple[QueueCount, ...]:
        """How many wait in each queue, capped at 1,000."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            lapsed = journal.lapsed_by_kind(conn)
            found = [(name, *queues.count(conn, name, lapsed)) for name in queues.NAMES]
        cap = queues.COUNT_CAP
        return tuple(QueueCount(name, min(count, cap), count > cap, oldest) for name, count, oldest in found)

    def unfinished(self) -> tuple[UnfinishedWork, ...]:
        """Everything begun and not ended: in the journal, and what only the desk's spool knows."""
        desk = self._desk
        with desk.database.read() as conn:
            desk.reader(conn)
            lapsed = journal.lapsed_by_kind(conn)
            held = {holder.name: holder for holder in leases.holders(conn)}
            begun = [(one, _subject(conn, one, lapsed)) for one in journal.unfinished(conn)]
        return tuple(
            UnfinishedWork(one, record, _next(record, desk.now()), held.get(_lease_of(one, record)))
            for one, record in begun
        )

    def holders(self) -> tuple[LeaseHolder, ...]:
        """Who holds which lease, oldest first; those of due tasks, for which nobody waits, aside."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return tuple(one for one in leases.holders(conn) if not one.name.startswith(TASK_LEASE))

    def takes(self) -> tuple[Take, ...]:
        """Who works on which record now, oldest first."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return takes.running(conn, self._desk.now())

    def changes(self, after: FeedMark | None = None) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
        """The feed: a mark for the next reading, and (kind, id) of what changed since `after`; nothing when None."""
        with self._desk.database.read() as conn:
            return feed.since(conn, after)


def _explained(record: Queued, now: datetime, awaiting: str | None = None) -> Explanation:
    if isinstance(record, CreditCheck):
        return explain(record, now, awaiting=awaiting)
    from console.domain import explain_payments as words  # a queue of credit checks does without

    if isinstance(record, Order):
        return words.explain_order(record, now)
    if isinstance(record, Payment):
        return words.explain_payment(record, now, awaiting=awaiting)
    return words.explain_refund(record, now, awaiting=awaiting)


def _awaited(conn: Connection, found: Sequence[tuple[Place, Queued]]) -> Mapping[str, frozenset[str]]:
    """By kind: those unknown ones (as text) whose decision waits for a second person."""
    undecided: dict[str, list[str]] = {}
    for place, record in found:
        if not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN:
            undecided.setdefault(place.kind, []).append(str(record.id))
    return {kind: approvals.awaited(conn, kind, ids) for kind, ids in undecided.items()}


def _subject(conn: Connection, operation: Operation, lapsed: queues.Lapsed) -> Queued | None:
    """What an operation is about, as everybody sees it."""
    return any_record.find(conn, operation.subject_kind, operation.subject_id or 0, lapsed)


def _lease_of(operation: Operation, record: Queued | None) -> str:
    """The lease under which a record is worked on."""
    if isinstance(record, Refund):
        return f"refund_{record.payment_id}"
    if isinstance(record, Payment):
        return f"payment_start_{record.order_id}"
    return f"credit_check_{operation.subject_id}"


def _next(record: Queued | None, now: datetime) -> NextStep:
    return _explained(record, now).next_step if record else NextStep("next.resolve_operation")


def _cursor(place: Place) -> str:
    return f"{place.work}.{place.kind}.{place.id}"


def _read_cursor(text: str | None) -> Place | None:
    if text is None:
        return None
    work, kind, last = (*text.split("."), "", "")[:3]
    if (
        text.count(".") != 2
        or work not in list(WorkState)
        or kind not in queues.KINDS
        or not (last.isascii() and last.isdecimal())
        or len(last) > 18
    ):
        raise ConsoleError("usage", {"problem": "cursor"})
    return queues.place_of(work, kind, int(last))
