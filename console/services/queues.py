"""What waits and why: the queues, their counts, unfinished work and who holds which lease."""

from datetime import datetime

from console.domain.errors import ConsoleError
from console.domain.explain import explain
from console.domain.records import Certainty, CreditCheck, LeaseHolder
from console.domain.results import FeedMark, NextStep, QueueCount, QueueItem, QueuePage, UnfinishedWork
from console.services.desk import Desk
from console.store import approvals, credit_checks, feed, journal, leases, queues

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
            lapsed = journal.lapsed_subjects(conn)
            records = queues.page(conn, name, _read_cursor(after), limit, lapsed)
            undecided = [str(record.id) for record in records if record.certainty is Certainty.UNKNOWN]
            awaited = approvals.awaited(conn, credit_checks.KIND, undecided)
        items = tuple(self._item(record, awaited=str(record.id) in awaited) for record in records)
        more = len(records) == limit
        return QueuePage(name, items, _cursor(queues.key_of(records[-1])) if more else None)

    def _item(self, record: CreditCheck, *, awaited: bool) -> QueueItem:
        explained = explain(record, self._desk.now(), awaiting="second_person" if awaited else None)
        return QueueItem(record, explained, record.changed_at)

    def counts(self) -> tuple[QueueCount, ...]:
        """How many wait in each queue, capped at 1,000."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            lapsed = journal.lapsed_subjects(conn)
            found = [(name, *queues.count(conn, name, lapsed)) for name in queues.NAMES]
        cap = queues.COUNT_CAP
        return tuple(QueueCount(name, min(count, cap), count > cap, oldest) for name, count, oldest in found)

    def unfinished(self) -> tuple[UnfinishedWork, ...]:
        """Everything begun and not ended: in the journal, and what only the desk's spool knows."""
        desk = self._desk
        with desk.database.read() as conn:
            desk.reader(conn)
            lapsed = journal.lapsed_subjects(conn)
            held = {holder.name: holder for holder in leases.holders(conn)}
            begun = [(op, credit_checks.find(conn, op.subject_id or 0, lapsed)) for op in journal.unfinished(conn)]
        return tuple(
            UnfinishedWork(op, record, _next(record, desk.now()), held.get(f"credit_check_{op.subject_id}"))
            for op, record in begun
        )

    def holders(self) -> tuple[LeaseHolder, ...]:
        """Who holds which lease, oldest first."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return leases.holders(conn)

    def changes(self, after: FeedMark | None = None) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
        """The feed: a mark for the next reading, and (kind, id) of what changed since `after`; nothing when None."""
        with self._desk.database.read() as conn:
            return feed.since(conn, after)


def _next(record: CreditCheck | None, now: datetime) -> NextStep:
    return explain(record, now).next_step if record else NextStep("next.resolve_operation")


def _cursor(key: tuple[str, int]) -> str:
    return f"{key[0]}.{key[1]}"


def _read_cursor(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    work, _, last = text.partition(".")
    if (
        work not in ("needs_review", "none", "scheduled")
        or not (last.isascii() and last.isdecimal())
        or len(last) > 18
    ):
        raise ConsoleError("usage", {"problem": "cursor"})
    return work, int(last)
