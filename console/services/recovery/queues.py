"""Read the queues of waiting records (pages and counts), the unfinished operations, the leases in force and the
takes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import starmap

from console.domain.audit.actions import AuditAction
from console.domain.desk_requests.rules import PRESENCE_LEASE_NAME
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explained_state import NextStep
from console.domain.explanations.records import explain_record
from console.domain.payments.records import Payment, Refund
from console.domain.process.lease_names import (
    make_credit_check_lease_name,
    make_payment_lease_name,
    make_payment_start_lease_name,
    make_purchase_lease_name,
    make_refund_lease_name,
)
from console.domain.queue_names import MISMATCH_QUEUE_NAME
from console.domain.queues.causes import CausePage, group_by_cause
from console.domain.queues.filter_text import format_filter
from console.domain.queues.filters import NO_FILTER, RecordFilter, get_record_kind
from console.domain.queues.mismatches import Mismatch, make_mismatch
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, format_sort_order
from console.domain.records import CreditCheck, LeaseHolder, Operation, OperationState
from console.domain.service_results import QueueCount
from console.domain.tasks.intervals import TASK_LEASE_PREFIX
from console.domain.tasks.records import Take
from console.domain.usage_problems import UsageProblem
from console.domain.views.any_record import QueueItem, QueuePage, UnfinishedOperation
from console.services.process import list_cursors
from console.services.process.context import ServiceContext
from console.services.records.completer import RecordsCompleter, complete_readable_records, map_readable_records
from console.services.recovery import queue_cursors
from console.store.alerts import alerts
from console.store.credit_checks.credit_checks import CREDIT_CHECK_KIND
from console.store.database import unreadable_rows
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.payments.payments import PAYMENT_KIND
from console.store.queues import chosen_records, queues
from console.store.queues.filter_sql import QueueChoice
from console.store.queues.table_queries import QueuedRecord
from console.store.records import any_record, takes
from console.store.refunds.refunds import REFUND_KIND

MAX_ROWS_PER_PAGE = 1_000
_NEXT_STEP_WITHOUT_RECORD_BY_KIND = {
    PAYMENT_KIND: "next.probe_operation",
    REFUND_KIND: "next.resolve_operation_money",
}


class QueueReader:
    """Reads the queues. All queries use indexes of the database, and nothing is written, not even an audit entry.
    Every method raises not_allowed if the acting person has no right to read."""

    def __init__(
        self,
        context: ServiceContext,
        complete_records: RecordsCompleter,
    ) -> None:
        """Store the service context and the function `complete_records`, which returns the records with their
        relations: facts of related rows, from which the explanation of their state is made."""
        self._context = context
        self._complete_records = complete_records

    def read_page(
        self,
        queue_name: str,
        limit: int = 50,
        after_cursor: str | None = None,
        record_filter: RecordFilter = NO_FILTER,
        sort_order: QueueSortOrder = DEFAULT_SORT_ORDER,
    ) -> QueuePage:
        """Return one page of the queue `queue_name` with the records that the filter `record_filter` selects. In the
        default sort order, the records that need a person come first, the oldest of them first; then the other
        records, the oldest first. The page has at most `limit` records (up to MAX_ROWS_PER_PAGE); `after_cursor` is
        the cursor in the previous page, None for the first page. Raises usage for an unknown queue, and for a cursor
        of another queue, filter or sort order.
        """
        require_known_queue(queue_name)
        limit = max(1, min(limit, MAX_ROWS_PER_PAGE))
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            choice = make_queue_choice(self._context, conn, record_filter, sort_order)
            read_records = (
                self._read_page_in_default_order if sort_order == DEFAULT_SORT_ORDER else self._read_sorted_page
            )
            list_parts = (queue_name, format_filter(record_filter), format_sort_order(sort_order))
            position = None if after_cursor is None else list_cursors.parse_list_cursor(after_cursor, *list_parts)
            stored_records, next_position = read_records(conn, queue_name, limit, position, choice)
            records = complete_readable_records(self._complete_records, conn, stored_records)
            owners = self._read_owners(conn, records)
            mismatches = (
                self._read_mismatches(conn, records) if queue_name == MISMATCH_QUEUE_NAME else [None] * len(records)
            )
        items = tuple(starmap(self._make_queue_item, zip(records, owners, mismatches, strict=True)))
        return QueuePage(
            queue_name,
            items,
            list_cursors.format_list_cursor(next_position, *list_parts) if next_position is not None else None,
            format_filter(record_filter),
            format_sort_order(sort_order) if sort_order != DEFAULT_SORT_ORDER else "",
        )

    def _read_page_in_default_order(
        self, conn: Connection, queue_name: str, limit: int, after_position: str | None, choice: QueueChoice
    ) -> tuple[Sequence[QueuedRecord], str | None]:
        """Return the records (at most `limit`) of one page of the queue `queue_name` in its default sort order, and
        the position at which the next page begins (None after the last page). `after_position` is the position in the
        cursor of the previous page; `choice` contains the filter. Rows that can't be read are left out, but the next
        page begins after them.
        """
        rows = queues.read_queue_page(
            conn,
            queue_name,
            queue_cursors.parse_queue_position(after_position),
            limit + 1,
            journal.list_lapsed_record_ids_by_kind(conn),
            choice,
        )
        next_position = queue_cursors.format_queue_position(rows[limit - 1][0]) if len(rows) > limit else None
        return [record for _, record in rows[:limit] if record is not None], next_position

    def _read_sorted_page(
        self, conn: Connection, queue_name: str, limit: int, after_position: str | None, choice: QueueChoice
    ) -> tuple[Sequence[QueuedRecord], str | None]:
        """Return the records (at most `limit`) of one page of the queue `queue_name` in the sort order of `choice`,
        and the position at which the next page begins (None after the last page). `after_position` is the position in
        the cursor of the previous page. Rows that were deleted meanwhile or can't be read are left out, but the next
        page begins after them."""
        position = queue_cursors.parse_sorted_queue_position(after_position, choice.sort_order.column)
        rows = chosen_records.read_sorted_page(
            conn, queue_name, position, limit + 1, journal.list_lapsed_record_ids_by_kind(conn), choice
        )
        has_more = len(rows) > limit
        next_position = queue_cursors.format_sorted_queue_position(rows[limit - 1][0]) if has_more else None
        return [record for _, record in rows[:limit] if record is not None], next_position

    def _read_owners(self, conn: Connection, records: Sequence[QueuedRecord]) -> list[str | None]:
        """Return for each record the name of the person who has taken it; None if it is not taken."""
        ids_by_kind: dict[str, list[int]] = {}
        for record in records:
            ids_by_kind.setdefault(get_record_kind(record), []).append(record.id)
        now = self._context.now()
        running_takes = {kind: takes.read_takes(conn, kind, of_kind, now) for kind, of_kind in ids_by_kind.items()}
        owners = (running_takes[get_record_kind(record)].get(record.id) for record in records)
        return [take.person if take is not None else None for take in owners]

    def _read_mismatches(self, conn: Connection, records: Sequence[QueuedRecord]) -> list[Mismatch]:
        """Return, for each record, the values in which our record, the provider and the order disagree. They come
        from one open alert or case about the mismatch, if there is one. For a payment, also return the state and
        the amount that each of these three sides has."""
        ids: dict[str, list[int]] = {}
        for record in records:
            ids.setdefault(get_record_kind(record), []).append(record.id)
        open_alerts = {
            kind: alerts.read_open_alerts_of_subjects(conn, kind, of_kind) for kind, of_kind in ids.items()
        }
        now = self._context.now()
        return [
            make_mismatch(record, open_alerts[get_record_kind(record)].get(record.id, ()), now) for record in records
        ]

    def read_cause_groups(self, queue_name: str, record_filter: RecordFilter = NO_FILTER) -> CausePage:
        """Group the records of the queue `queue_name` that the filter selects by the cause of their problem. Return
        for each cause the number of its records and the sums of their amounts, the largest group first. If the queue
        has too many records, only some of them are counted, and `is_capped` of the result is True. Raises usage for
        an unknown queue."""
        require_known_queue(queue_name)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            choice = make_queue_choice(self._context, conn, record_filter)
            totals, is_capped = chosen_records.count_records_by_cause(
                conn, queue_name, journal.list_lapsed_record_ids_by_kind(conn), choice
            )
        return CausePage(queue_name, group_by_cause(totals), is_capped, bool(record_filter))

    def _make_queue_item(self, record: QueuedRecord, owner: str | None, mismatch: Mismatch | None) -> QueueItem:
        explanation = explain_record(record, self._context.now())
        return QueueItem(record, explanation, record.state_since, owner, mismatch)

    def read_counts(self) -> tuple[QueueCount, ...]:
        """Return for each queue the number of its records (at most MAX_COUNTED_RECORDS), and the time at which its
        oldest record began to wait.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
            counts = [
                (name, *queues.count_queue_records_and_find_oldest(conn, name, lapsed_ids))
                for name in queues.RECORD_QUEUE_NAMES
            ]
        count_limit = queues.MAX_COUNTED_RECORDS
        return tuple(
            QueueCount(name, min(count, count_limit), count > count_limit, oldest) for name, count, oldest in counts
        )

    def list_unfinished_operations(self) -> tuple[UnfinishedOperation, ...]:
        """Return the guarded operations in the state `calling` or `unknown`, at most 500, oldest first. Each has its
        record (None if it can't be read), the next step of the record, and the process that holds its lease (None if
        no lease is in force)."""
        context = self._context
        with context.database.read() as conn:
            context.find_reading_person(conn)
            operations = journal.list_unfinished_operations(conn)
            if not operations:
                return ()
            lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
            holders = {holder.name: holder for holder in leases.list_holders(conn)}
            stored_records = [_find_record_of_operation(conn, operation, lapsed_ids) for operation in operations]
            completed_by_type_and_id = map_readable_records(
                self._complete_records, conn, [record for record in stored_records if record is not None]
            )
            unfinished_work = [
                (operation, record and completed_by_type_and_id.get((type(record), record.id)))
                for operation, record in zip(operations, stored_records, strict=True)
            ]
        return tuple(
            UnfinishedOperation(
                operation,
                record,
                _make_next_step(operation, record, context.now()),
                holders.get(_make_lease_name(operation, record)),
            )
            for operation, record in unfinished_work
        )

    def list_lease_holders(self) -> tuple[LeaseHolder, ...]:
        """Return the leases in force with the processes that hold them, oldest first. Leases of due tasks and the
        presence lease of a worker are left out, because no person waits for them."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return tuple(
                holder
                for holder in leases.list_holders(conn)
                if not holder.name.startswith(TASK_LEASE_PREFIX) and holder.name != PRESENCE_LEASE_NAME
            )

    def list_takes(self) -> tuple[Take, ...]:
        """Return the takes that have not ended, oldest first. A take shows that a person works on a record."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return takes.list_running_takes(conn, self._context.now())


def make_queue_choice(
    context: ServiceContext,
    conn: Connection,
    record_filter: RecordFilter,
    sort_order: QueueSortOrder = DEFAULT_SORT_ORDER,
) -> QueueChoice:
    """Return the filter and the sort order of a queue as a `QueueChoice` for the store's queries. If the filter or
    the sort order is about the people who have taken records, read the takes too."""
    choice = QueueChoice(record_filter, sort_order, context.now())
    if not choice.needs_owners:
        return choice
    owners: dict[str, dict[int, str]] = {}
    for take in takes.list_running_takes(conn, context.now()):
        owners.setdefault(take.kind, {})[take.subject_id] = take.person
    return replace(choice, owners=owners)


def _find_record_of_operation(
    conn: Connection, operation: Operation, lapsed_ids: queues.LapsedIds
) -> QueuedRecord | None:
    """Return the operation's record; None if it is missing or can't be read. If the operation has lapsed (its process
    ended without recording an answer), the record is returned with an unknown outcome. `lapsed_ids` has the ids of
    the records with a lapsed operation, by kind.
    """
    try:
        return any_record.find(conn, operation.subject_kind, operation.subject_id or 0, lapsed_ids)
    except unreadable_rows.READ_ERRORS:  # the operation is listed nevertheless, without its record
        return None


def _make_lease_name(operation: Operation, record: QueuedRecord | None) -> str:
    """Return the name of the lease that a process holds while it works on the operation's record: as long as the
    operation is `calling`, the lease of its action; after that, the lease of probes and decisions. Return "", which
    no lease has, if `record` is None (the operation's record is missing or can't be read) and the lease can't be
    named without it.
    """
    is_calling = operation.state is OperationState.CALLING
    if isinstance(record, Refund):
        return make_refund_lease_name(record.payment_id)
    if isinstance(record, Payment):
        if is_calling and record.order_id is not None:
            return make_payment_start_lease_name(record.order_id)
        return make_payment_lease_name(record.id)
    if isinstance(record, CreditCheck) and is_calling and operation.action == AuditAction.CREDIT_CHECK_PURCHASE:
        return make_purchase_lease_name(record.client_id)
    is_about_credit_check = operation.subject_kind == CREDIT_CHECK_KIND
    return make_credit_check_lease_name(operation.subject_id or 0) if is_about_credit_check else ""


def _make_next_step(operation: Operation, record: QueuedRecord | None, now: datetime) -> NextStep:
    """Return the next step of the operation's record; if the record is None (missing or unreadable), that of an
    operation of its kind that the database has lost."""
    if record is not None:
        return explain_record(record, now).next_step
    return NextStep(_NEXT_STEP_WITHOUT_RECORD_BY_KIND.get(operation.subject_kind, "next.resolve_operation"))


def require_known_queue(queue_name: str) -> None:
    """Raise usage if there is no queue with this name."""
    if queue_name not in queues.RECORD_QUEUE_NAMES:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_QUEUE, "allowed": list(queues.RECORD_QUEUE_NAMES)}
        )
