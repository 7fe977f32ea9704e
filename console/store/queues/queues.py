"""Reads of the queues, over all kinds of records and through indexes: pages of records, counts up to
MAX_COUNTED_RECORDS, due credit checks, and rows that other applications wrote."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, Connection, Integer, Row, Select, and_, bindparam, func, or_, select, union_all

from console.domain.records import CreditCheck, WorkReason
from console.store.credit_checks import credit_checks
from console.store.database import unreadable_rows
from console.store.database.instants import convert_to_aware_utc
from console.store.queues.definitions import PENDING_CHECK_CONDITION, QUEUE_TABLES
from console.store.queues.filter_sql import UNFILTERED_CHOICE, QueueChoice
from console.store.queues.table_queries import QueuedRecord, QueueKey, RecordTableQueries
from console.store.schema.core import credit_checks as table

MAX_COUNTED_RECORDS = 1_000
"""Largest number of records of a queue that is shown as a count. One further record is counted, so that the caller
can see that there are more.
"""

RECORD_QUEUE_NAMES = ("pending", "unknown", "error", "incomplete", "review", "refunds", "disagree")
"""Names of the queues of records. `console.domain.queue_names` has the others, too."""
QUEUED_RECORD_KINDS = tuple(kind_queries.kind for kind_queries in QUEUE_TABLES)
"""Kinds of the records in queues, in the order in which records of one instant are sorted."""
LapsedIds = Mapping[str, AbstractSet[int]]
"""For each kind, the ids of the records whose operation has lapsed: its process crashed or froze during a call."""

_LARGEST_ID = 2**63 - 1


class QueuePosition(NamedTuple):
    """Position of a record in a queue: its stored work state, the instant at which it got its present state
    (naive, UTC; EPOCH_START if none is stored), the index of its kind in `QUEUED_RECORD_KINDS`, and its id.
    Queues are sorted by these values.
    """

    work_state: str
    since: datetime
    kind_index: int
    id: int

    @property
    def kind(self) -> str:
        """The kind of the record, such as `payment`."""
        return QUEUED_RECORD_KINDS[self.kind_index]


def make_queue_position(work_state: str, since: datetime, kind: str, record_id: int) -> QueuePosition:
    """Return the position of a record with this stored work state, instant, kind and id."""
    return QueuePosition(work_state, since, QUEUED_RECORD_KINDS.index(kind), record_id)


def read_queue_page(
    conn: Connection,
    queue_name: str,
    after_position: QueuePosition | None,
    limit: int,
    lapsed_ids: LapsedIds,
    choice: QueueChoice = UNFILTERED_CHOICE,
) -> tuple[tuple[QueuePosition, QueuedRecord | None], ...]:
    """Return at most `limit` records of the queue `queue_name` with their positions. They are sorted by work state
    (needs_review first), then by age over all kinds, the oldest first. `after_position` is the last position of the
    previous page; None for the first page. The function uses only the filter of `choice`, not its sort order. A row
    that this program can't read has a position and, in place of the record, None. `lapsed_ids` are, by kind, the ids
    of the records whose operation has lapsed; they are treated as records with an unknown outcome.
    """
    entries: list[tuple[QueuePosition, Row[Any]]] = []
    for rank, kind_queries in enumerate(QUEUE_TABLES):
        if queue_name in kind_queries.conditions_by_queue:
            rows = kind_queries.read_page(
                conn,
                queue_name,
                _make_page_start_key(after_position, rank),
                limit,
                get_lapsed_ids_of_kind(kind_queries, lapsed_ids),
                choice,
            )
            entries += [(QueuePosition(work, since, rank, row_id), row) for (work, since, row_id), row in rows]
    entries.sort(key=_get_entry_position)
    return tuple(_read_records(conn, entries[:limit], lapsed_ids))


def _get_entry_position(position_and_row: tuple[QueuePosition, Row[Any]]) -> QueuePosition:
    """Return the position of a pair of position and row."""
    return position_and_row[0]


def _read_records(
    conn: Connection, entries: Sequence[tuple[QueuePosition, Row[Any]]], lapsed_ids: LapsedIds
) -> Iterator[tuple[QueuePosition, QueuedRecord | None]]:
    """Convert the rows into records by one call for each kind, and yield the records with their positions in the
    order of `entries`; None for a row that can't be read. `lapsed_ids` are, by kind, the ids of the records whose
    operation has lapsed; they are treated as records with an unknown outcome."""
    records: dict[tuple[int, int], QueuedRecord] = {}
    for rank, kind_queries in enumerate(QUEUE_TABLES):
        rows = [row for position, row in entries if position.kind_index == rank]
        if rows:
            records_by_id = kind_queries.read_readable_records(
                conn, rows, get_lapsed_ids_of_kind(kind_queries, lapsed_ids)
            )
            records |= {(rank, record_id): record for record_id, record in records_by_id.items()}
    return ((position, records.get((position.kind_index, position.id))) for position, _ in entries)


def get_lapsed_ids_of_kind(kind_queries: RecordTableQueries, lapsed_ids: LapsedIds) -> AbstractSet[int]:
    """Return the ids of this table's records whose operation has lapsed: the process that began it crashed or
    froze. `lapsed_ids` has these ids by kind of record."""
    return lapsed_ids.get(kind_queries.kind, frozenset())


def _make_page_start_key(after_position: QueuePosition | None, kind_index: int) -> QueueKey | None:
    """Return the key after which a page continues in the table of the kind `kind_index`; None for the first page.
    `after_position` is the position of the last record of the previous page. Records with the same work state and
    instant are sorted by kind. Of these records, those with a lower kind index than `after_position` are already
    shown; those with a higher one aren't.
    """
    if after_position is None:
        return None
    last_id = (
        after_position.id
        if kind_index == after_position.kind_index
        else (_LARGEST_ID if kind_index < after_position.kind_index else 0)
    )
    return after_position.work_state, after_position.since, last_id


def count_queue_records_and_find_oldest(
    conn: Connection, queue_name: str, lapsed_ids: LapsedIds
) -> tuple[int, datetime | None]:
    """Return two values about the queue. The first is the number of its records, at most MAX_COUNTED_RECORDS + 1. The
    second is the earliest instant at which one of its records got its present state; None if the queue is empty, or
    if no such instant is stored. `lapsed_ids` are, by kind, the ids of the records whose operation has lapsed; they
    are treated as records with an unknown outcome."""
    values: dict[str, object] = {"limit": MAX_COUNTED_RECORDS + 1}
    for kind_queries in QUEUE_TABLES:
        values |= kind_queries.make_lapsed_ids_parameter(get_lapsed_ids_of_kind(kind_queries, lapsed_ids))
    query = _make_count_query(queue_name, frozenset(kind for kind, ids in lapsed_ids.items() if ids))
    rows = conn.execute(query, values).all()
    count = min(sum(row.total for row in rows), MAX_COUNTED_RECORDS + 1)
    oldest_instants = [row.oldest for row in rows if row.oldest is not None]
    if count > MAX_COUNTED_RECORDS:  # records that were not counted may be older
        oldest_instants = _read_oldest_instants(conn, queue_name, lapsed_ids)
    return count, convert_to_aware_utc(min(oldest_instants)) if oldest_instants else None


def _read_oldest_instants(conn: Connection, queue_name: str, lapsed_ids: LapsedIds) -> list[datetime]:
    """Return the earliest stored instant at which a record got its present state (naive, UTC), for each index range
    and work state of the queue `queue_name` that has such an instant, and those of all its lapsed rows. `lapsed_ids`
    are those of `count_queue_records_and_find_oldest`."""
    values: dict[str, object] = {}
    queries: list[Select[Any]] = []
    for kind_queries in (one_kind for one_kind in QUEUE_TABLES if queue_name in one_kind.conditions_by_queue):
        ids = get_lapsed_ids_of_kind(kind_queries, lapsed_ids)
        values |= kind_queries.make_lapsed_ids_parameter(ids)
        queries += kind_queries.make_oldest_instant_queries(queue_name, has_lapsed=bool(ids))
    return list(conn.scalars(union_all(*queries), values))


@cache
def _make_count_query(queue_name: str, lapsed_kinds: AbstractSet[str]) -> CompoundSelect[Any]:
    """Return one query that counts the queue `queue_name` over all its tables; `lapsed_kinds` are the kinds of which
    some records are lapsed now. The result has one row for each query of `make_count_queries`, with the columns
    `total` and `oldest` of that query.
    """
    queue_tables = [kind_queries for kind_queries in QUEUE_TABLES if queue_name in kind_queries.conditions_by_queue]
    return union_all(
        *(
            query
            for kind_queries in queue_tables
            for query in kind_queries.make_count_queries(queue_name, has_lapsed=kind_queries.kind in lapsed_kinds)
        )
    )


def list_due_credit_checks(conn: Connection, work_reason: str, now: datetime, limit: int) -> tuple[CreditCheck, ...]:
    """Return at most `limit` credit checks whose scheduled work has this reason and whose due time has come,
    sorted by due time. Rows that can't be read are left out."""
    query = (
        credit_checks.get_all_rows_query()
        .where(table.c.work_state == "scheduled", table.c.work_at <= now, table.c.work_reason == work_reason)
        .order_by(table.c.work_at)
        .limit(bindparam("limit", type_=Integer))
    )
    return unreadable_rows.select_readable_records(conn, query, {"limit": limit}, credit_checks.read_readable_checks)


_ADOPTED_CHECK_CONDITION = table.c.work_state.is_not(None)
_BOUGHT_AFTER_ADOPTION_CONDITION = and_(
    PENDING_CHECK_CONDITION, _ADOPTED_CHECK_CONDITION, table.c.credit_check_id.is_not(None)
)
_AWAITS_OTHER_APPLICATION_CONDITION = and_(
    table.c.seen_work == "needs_review", table.c.work_reason == WorkReason.WRITTEN_BY_OTHER
)
_FINAL_STATE_WRITTEN_CONDITIONS = (
    and_(
        table.c.seen_status == "success",
        table.c.certainty == "known",
        _AWAITS_OTHER_APPLICATION_CONDITION,
        table.c.credit_check_id.is_not(None),
    ),
    and_(table.c.seen_status == "error", table.c.certainty == "known", _AWAITS_OTHER_APPLICATION_CONDITION),
)
"""SQL conditions of credit checks that a due task adopted before the other application had written their final state,
and whose final state the other application has written since. Each condition uses the index of states.
"""


_NUMBER_CORRECTED_CONDITION = and_(
    table.c.seen_work == "needs_review",
    table.c.work_reason == WorkReason.NUMBER_UNREADABLE,
    table.c.claim_number.is_not(None),
)
_WRITTEN_AFTER_ADOPTION_CONDITIONS = (
    _BOUGHT_AFTER_ADOPTION_CONDITION,
    *_FINAL_STATE_WRITTEN_CONDITIONS,
    _NUMBER_CORRECTED_CONDITION,
)


ForeignRow = tuple[int, str, str]
"""A credit check that another application wrote: its id, its stored corporation number and its `number_key`."""
_FOREIGN_ROWS_QUERY = select(table.c.id, table.c.corporation_number, table.c.number_key)


def find_highest_credit_check_id(conn: Connection) -> int:
    """Return the highest id of a credit check; 0 if there is no credit check."""
    return int(conn.scalar(select(func.max(table.c.id))) or 0)


def find_new_foreign_rows(conn: Connection, up_to_id: int, limit: int) -> tuple[ForeignRow, ...]:
    """Return at most `limit` foreign rows with ids up to `up_to_id`: credit checks that another application wrote.
    Only rows that no due task has adopted yet (`work_state` is NULL) are returned.
    """
    query = _FOREIGN_ROWS_QUERY.where(~_ADOPTED_CHECK_CONDITION, table.c.id <= up_to_id)
    # in the order of the index
    return _read_foreign_rows(conn, query.order_by(table.c.work_at, table.c.id).limit(limit))


def find_changed_foreign_rows(conn: Connection, up_to_id: int, limit: int) -> tuple[ForeignRow, ...]:
    """Return credit checks with ids up to `up_to_id` that another application has changed after a due task had
    adopted them: the other application has stored the purchase, written a final state, or corrected the corporation
    number. For each of these kinds of change, at most `limit` rows are returned. The function may read every credit
    check that waits for a person.
    """
    changes = (
        _FOREIGN_ROWS_QUERY.where(since, table.c.id <= up_to_id) for since in _WRITTEN_AFTER_ADOPTION_CONDITIONS
    )
    return tuple(row for change in changes for row in _read_foreign_rows(conn, change.limit(limit)))


def _read_foreign_rows(conn: Connection, query: Select[Any]) -> tuple[ForeignRow, ...]:
    """Run the query, and return id, stored corporation number and key of each row, the two latter as text."""
    return tuple(
        (int(record_id), _convert_to_text(stored_number), _convert_to_text(key))
        for record_id, stored_number, key in conn.execute(query)
    )


def _convert_to_text(value: object) -> str:
    """Return the value as text; "" for NULL. A column of another application may hold integers or NULL."""
    return "" if value is None else str(value)


def is_foreign_row_to_adopt(conn: Connection, record_id: int) -> bool:
    """True if a due task must still adopt this credit check: another application wrote the row, or has changed it
    since its adoption (see `find_new_foreign_rows` and `find_changed_foreign_rows`).
    """
    row = select(table.c.id).where(
        table.c.id == record_id,
        or_(~_ADOPTED_CHECK_CONDITION, *_WRITTEN_AFTER_ADOPTION_CONDITIONS),
    )
    return conn.execute(row).first() is not None
