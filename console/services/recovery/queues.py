"""Read the queues of waiting records: pages and counts of the queues, unfinished operations, and leases in force."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from console.domain.desk_requests.records import PRESENCE_LEASE
from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.records import explain_record
from console.domain.payments.records import Payment, Refund
from console.domain.records import LeaseHolder, Operation, WorkState
from console.domain.service_results import NextStep, QueueCount
from console.domain.tasks.intervals import TASK_LEASE_PREFIX
from console.domain.tasks.records import Take
from console.domain.views.any_record import QueueItem, QueuePage, UnfinishedWork
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.queues import queues
from console.store.queues.queues import QueuePosition
from console.store.queues.table_queries import QueuedRecord
from console.store.records import any_record
from console.store.records import assignments as takes

MAX_ROWS_PER_PAGE = 1_000
_CURSOR_TIME = "%Y%m%dT%H%M%S%f"


class Queues:
    """Reads the queues, by database indexes only, and writes nothing (no audit entries either). Every method raises
    not_allowed if the acting person may not read.
    """

    def __init__(
        self,
        context: ServiceContext,
        complete_records: Callable[[Connection, Sequence[QueuedRecord]], Sequence[QueuedRecord]],
    ) -> None:
        """`complete_records` reads the relations of records, by which they are explained."""
        self._context = context
        self._complete_records = complete_records

    def read_page(self, name: str, limit: int = 50, after: str | None = None) -> QueuePage:
        """Return one page of the queue `name`; the records that need a person come first, and then the oldest.
        `limit` is at most
        MAX_ROWS_PER_PAGE; `after` is the cursor that the previous page contains, None for the first page. Raises
        usage for an unknown queue or cursor.
        """
        if name not in queues.QUEUE_NAMES:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.QUEUE, "allowed": list(queues.QUEUE_NAMES)})
        limit = max(1, min(limit, MAX_ROWS_PER_PAGE))
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            positioned_records = queues.queue_page(
                conn, name, _read_cursor(after), limit, journal.lapsed_by_kind(conn)
            )
            records = self._complete_records(conn, [record for _, record in positioned_records])
        items = tuple(self._make_queue_item(record) for record in records)
        has_more = len(positioned_records) == limit
        return QueuePage(name, items, _format_cursor(positioned_records[-1][0]) if has_more else None)

    def _make_queue_item(self, record: QueuedRecord) -> QueueItem:
        return QueueItem(record, explain_record(record, self._context.now()), record.state_since)

    def read_counts(self) -> tuple[QueueCount, ...]:
        """Return for each queue the number of its records (at most COUNT_CAP) and the time since which its oldest
        record waits.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            lapsed = journal.lapsed_by_kind(conn)
            counts = [(name, *queues.count_queue(conn, name, lapsed)) for name in queues.QUEUE_NAMES]
        cap = queues.COUNT_CAP
        return tuple(QueueCount(name, min(count, cap), count > cap, oldest) for name, count, oldest in counts)

    def list_unfinished(self) -> tuple[UnfinishedWork, ...]:
        """Return the operations of the journal that have begun and have not ended, each with its record, its next
        step and the holder of its lease.
        """
        context = self._context
        with context.database.read() as conn:
            context.find_reading_person(conn)
            lapsed = journal.lapsed_by_kind(conn)
            holders = {holder.name: holder for holder in leases.holders(conn)}
            operations = journal.unfinished_operations(conn)
            stored = [_find_record(conn, operation, lapsed) for operation in operations]
            completed = iter(self._complete_records(conn, [record for record in stored if record is not None]))
            unfinished = [
                (operation, next(completed) if record is not None else None)
                for operation, record in zip(operations, stored, strict=True)
            ]
        return tuple(
            UnfinishedWork(
                operation, record, _make_next_step(record, context.now()), holders.get(_find_lease(operation, record))
            )
            for operation, record in unfinished
        )

    def list_holders(self) -> tuple[LeaseHolder, ...]:
        """Return the leases in force with their holders, oldest first. Leases of due tasks are left out, because no
        person waits for them.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return tuple(
                holder
                for holder in leases.holders(conn)
                if not holder.name.startswith(TASK_LEASE_PREFIX) and holder.name != PRESENCE_LEASE
            )

    def list_takes(self) -> tuple[Take, ...]:
        """Return the takes that are still in force, oldest first. A take marks that a person works on a record."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return takes.running_takes(conn, self._context.now())


def _find_record(conn: Connection, operation: Operation, lapsed: queues.LapsedIds) -> QueuedRecord | None:
    """Return the operation's record; None if it is missing. If the operation has lapsed (its process ended without
    recording an answer), the record is returned with an unknown outcome.
    """
    return any_record.find(conn, operation.subject_kind, operation.subject_id or 0, lapsed)


def _find_lease(operation: Operation, record: QueuedRecord | None) -> str:
    """Return the name of the lease that the operation holds while it works on its record."""
    if isinstance(record, Refund):
        return f"refund_{record.payment_id}"
    if isinstance(record, Payment):
        return f"payment_start_{record.order_id}"
    return f"credit_check_{operation.subject_id}"


def _make_next_step(record: QueuedRecord | None, now: datetime) -> NextStep:
    return explain_record(record, now).next_step if record else NextStep("next.resolve_operation")


def _format_cursor(place: QueuePosition) -> str:
    return f"{place.work_state}.{place.since:{_CURSOR_TIME}}.{place.kind}.{place.id}"


def _read_cursor(text: str | None) -> QueuePosition | None:
    if text is None:
        return None
    work, at, kind, number = (*text.split("."), "", "", "")[:4]
    with suppress(ValueError):
        since = datetime.strptime(at, _CURSOR_TIME)  # noqa: DTZ007  # without a zone, as the column stores it
        is_number = number.isascii() and number.isdecimal() and len(number) <= 18
        if text.count(".") == 3 and work in list(WorkState) and kind in queues.KINDS and is_number:
            return queues.position_of(work, since, kind, int(number))
    raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.CURSOR})
