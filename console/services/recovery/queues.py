"""Read the queues of waiting records: pages and counts of the queues, unfinished operations, and leases in force."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import starmap

from console.domain.desk_requests.records import PRESENCE_LEASE
from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.records import explain_record
from console.domain.payments.records import Payment, Refund
from console.domain.queues.causes import CausePage, group_by_cause
from console.domain.queues.disagreements import Disagreement, describe_disagreement
from console.domain.queues.filter_text import format_filter
from console.domain.queues.filters import NO_FILTER, RecordFilter, kind_of
from console.domain.queues.order import DEFAULT_ORDER, QueueOrder, format_order
from console.domain.records import LeaseHolder, Operation
from console.domain.service_results import NextStep, QueueCount
from console.domain.tasks.intervals import TASK_LEASE_PREFIX
from console.domain.tasks.records import Take
from console.domain.views.any_record import QueueItem, QueuePage, UnfinishedWork
from console.services.process.context import ServiceContext
from console.services.recovery import queue_cursors
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.queues import chosen_records, queues
from console.store.queues.filter_sql import QueueChoice
from console.store.queues.table_queries import QueuedRecord
from console.store.records import any_record
from console.store.records import assignments as takes

MAX_ROWS_PER_PAGE = 1_000
DISAGREEMENT_QUEUE = "disagree"


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

    def read_page(
        self,
        name: str,
        limit: int = 50,
        after: str | None = None,
        record_filter: RecordFilter = NO_FILTER,
        order: QueueOrder = DEFAULT_ORDER,
    ) -> QueuePage:
        """Return one page of the queue `name` with the records that fulfil the filter `record_filter`. In the
        order of a queue that nobody sorted, the records that need a person come first, and then the oldest.
        `limit` is at most MAX_ROWS_PER_PAGE; `after` is the cursor that the previous page contains, None for the
        first page. Raises usage for an unknown queue or cursor.
        """
        require_queue(name)
        limit = max(1, min(limit, MAX_ROWS_PER_PAGE))
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            choice = make_choice(self._context, conn, record_filter, order)
            read = self._read_in_own_order if order == DEFAULT_ORDER else self._read_sorted
            records, cursor = read(conn, name, limit, after, choice)
            records = self._complete_records(conn, records)
            owners = self._read_owners(conn, records)
            said = self._read_disagreements(conn, records) if name == DISAGREEMENT_QUEUE else [None] * len(records)
        items = tuple(starmap(self._make_queue_item, zip(records, owners, said, strict=True)))
        return QueuePage(
            name,
            items,
            cursor if len(items) == limit else None,
            format_filter(record_filter),
            format_order(order) if order != DEFAULT_ORDER else "",
        )

    def _read_in_own_order(
        self, conn: Connection, name: str, limit: int, after: str | None, choice: QueueChoice
    ) -> tuple[Sequence[QueuedRecord], str | None]:
        """Return a page in the queue's own order, and the cursor after it."""
        rows = queues.queue_page(
            conn, name, queue_cursors.read_cursor(after), limit, journal.lapsed_by_kind(conn), choice
        )
        return [record for _, record in rows], queue_cursors.format_cursor(rows[-1][0]) if rows else None

    def _read_sorted(
        self, conn: Connection, name: str, limit: int, after: str | None, choice: QueueChoice
    ) -> tuple[Sequence[QueuedRecord], str | None]:
        """Return a page in the order of `choice`, and the cursor after it."""
        position = queue_cursors.read_sort_cursor(after, choice.order.column)
        rows = chosen_records.sorted_page(conn, name, position, limit, journal.lapsed_by_kind(conn), choice)
        return [record for _, record in rows], queue_cursors.format_sort_cursor(rows[-1][0]) if rows else None

    def _read_owners(self, conn: Connection, records: Sequence[QueuedRecord]) -> list[str | None]:
        """Return for each record the person whose take of it is running; None for no take."""
        ids: dict[str, list[int]] = {}
        for record in records:
            ids.setdefault(kind_of(record), []).append(record.id)
        now = self._context.now()
        running = {kind: takes.takes_of(conn, kind, of_kind, now) for kind, of_kind in ids.items()}
        found = (running[kind_of(record)].get(record.id) for record in records)
        return [take.person if take is not None else None for take in found]

    def _read_disagreements(self, conn: Connection, records: Sequence[QueuedRecord]) -> list[Disagreement]:
        """Return for each record what its sides say, with the open cases about it."""
        ids: dict[str, list[int]] = {}
        for record in records:
            ids.setdefault(kind_of(record), []).append(record.id)
        open_alerts = {kind: alerts.open_of_subjects(conn, kind, of_kind) for kind, of_kind in ids.items()}
        now = self._context.now()
        return [
            describe_disagreement(record, open_alerts[kind_of(record)].get(record.id, ()), now) for record in records
        ]

    def read_causes(self, name: str, record_filter: RecordFilter = NO_FILTER) -> CausePage:
        """Return the records of a queue that fulfil a filter, grouped by cause, the largest group first."""
        require_queue(name)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            choice = make_choice(self._context, conn, record_filter)
            totals, is_capped = chosen_records.total_causes(conn, name, journal.lapsed_by_kind(conn), choice)
        return CausePage(name, group_by_cause(totals), is_capped)

    def count_chosen(self, name: str, record_filter: RecordFilter) -> QueueCount:
        """Return the number of records of a queue that fulfil a filter (at most COUNT_CAP)."""
        require_queue(name)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            choice = make_choice(self._context, conn, record_filter)
            count, oldest = chosen_records.count_chosen(conn, name, journal.lapsed_by_kind(conn), choice)
        cap = queues.COUNT_CAP
        return QueueCount(name, min(count, cap), count > cap, oldest)

    def _make_queue_item(
        self, record: QueuedRecord, owner: str | None, disagreement: Disagreement | None
    ) -> QueueItem:
        explanation = explain_record(record, self._context.now())
        return QueueItem(record, explanation, record.state_since, owner, disagreement)

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


def make_choice(
    context: ServiceContext, conn: Connection, record_filter: RecordFilter, order: QueueOrder = DEFAULT_ORDER
) -> QueueChoice:
    """Return the choice of the records that fulfil a filter, in an order, with the running takes if it needs them."""
    choice = QueueChoice(record_filter, order, context.now())
    if not choice.needs_owners:
        return choice
    owners: dict[str, dict[int, str]] = {}
    for take in takes.running_takes(conn, context.now()):
        owners.setdefault(take.kind, {})[take.subject_id] = take.person
    return replace(choice, owners=owners)


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


def require_queue(name: str) -> None:
    """Raise usage if there is no queue with this name."""
    if name not in queues.QUEUE_NAMES:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_QUEUE, "allowed": list(queues.QUEUE_NAMES)}
        )
