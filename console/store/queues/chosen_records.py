"""Reads of the records of a queue that a filter selects: pages in another sort order than the queue's own, counts,
and totals by cause.

A page sorted by age or by work follows the indexes of the queue. For every other sort order the database sorts the
keys of all selected records, and only the rows of the page are read.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from console.domain.queues.causes import CauseTotal
from console.domain.queues.sort_order import SortColumn
from console.store.database.instants import convert_to_aware_utc
from console.store.queues import filter_sql
from console.store.queues.definitions import QUEUE_TABLES
from console.store.queues.filter_sql import QueueChoice
from console.store.queues.queues import MAX_COUNTED_RECORDS, LapsedIds, get_lapsed_ids_of_kind
from console.store.queues.table_queries import QueuedRecord, RecordTableQueries
from console.store.schema.column_types import EPOCH_START

MAX_RECORDS_GROUPED_BY_CAUSE = 10_000
"""Largest number of records in each range of a queue that `count_records_by_cause` counts."""
_AMOUNT_SPLIT_DIVISOR = 10**9
"""Amounts are summed in two parts: multiples of this size, and the rest."""
_PRECEDENCE_OF_DIVISION = 8  # as SQLAlchemy has it: a difference before it gets parentheses
_LARGEST_ID = 2**63 - 1
_LIMIT_PARAMETER: BindParameter[int] = bindparam("limit", type_=Integer)
SortValue = int | str | datetime


class SortPosition(NamedTuple):
    """Position of a record in a sorted queue: its sort keys, the index of its kind in `QUEUED_RECORD_KINDS`, and its
    id. `second_key` is 0 if the sort order has only one key.
    """

    first_key: SortValue
    second_key: SortValue
    kind_index: int
    id: int


def read_sorted_page(
    conn: Connection,
    queue_name: str,
    after_position: SortPosition | None,
    limit: int,
    lapsed_ids: LapsedIds,
    choice: QueueChoice,
) -> tuple[tuple[SortPosition, QueuedRecord | None], ...]:
    """Return at most `limit` records of the queue `queue_name` that the filter of `choice` selects, with their
    positions, in the sort order of `choice`. `after_position` is the last position of the previous page; None for the
    first page. A record that was deleted meanwhile, or whose row this program can't read, is None. `lapsed_ids` are,
    by kind, the ids of the records whose operation has lapsed; they are treated as records with an unknown outcome.
    """
    positions: list[SortPosition] = []
    for kind_index, kind_queries in enumerate(QUEUE_TABLES):
        if queue_name in kind_queries.conditions_by_queue:
            keys = _make_sorted_keys_query(
                kind_queries,
                queue_name,
                after_position,
                kind_index,
                get_lapsed_ids_of_kind(kind_queries, lapsed_ids),
                choice,
            )
            if keys is not None:
                rows = conn.execute(
                    keys,
                    kind_queries.make_lapsed_ids_parameter(get_lapsed_ids_of_kind(kind_queries, lapsed_ids))
                    | {"limit": limit},
                )
                positions += [SortPosition(*_pad_to_two_keys(row[1:]), kind_index, row[0]) for row in rows]
    positions.sort(reverse=choice.sort_order.is_descending)
    return tuple(_read_records(conn, positions[:limit], lapsed_ids))


def _pad_to_two_keys(values: Sequence[SortValue]) -> tuple[SortValue, SortValue]:
    """Return two sort keys: the one or two `values`, with 0 as the second key if there is only one value."""
    return values[0], values[1] if len(values) > 1 else 0


def _make_sorted_keys_query(
    kind_queries: RecordTableQueries,
    queue_name: str,
    after_position: SortPosition | None,
    kind_index: int,
    lapsed_ids: AbstractSet[int],
    choice: QueueChoice,
) -> Select[Any] | None:
    """Return the query of the ids and sort keys of the next page's rows of one table, in the sort order of `choice`.
    Return None if the filter selects no row of the table. `queue_name` is the name of the queue. `after_position` is
    the position of the last row of the previous page. `kind_index` is the index of the table in QUEUE_TABLES.
    `lapsed_ids` are the ids of the table's lapsed records.
    """
    is_descending = choice.sort_order.is_descending
    keys = filter_sql.make_sort_keys(
        kind_queries.kind,
        kind_queries.id,
        kind_queries.state_since,
        kind_queries.make_shown_columns(lapsed_ids),
        choice,
    )
    is_sorted_by_age = choice.sort_order.column is SortColumn.AGE
    # The index has the stored work states; the list shows other ones for lapsed records.
    is_split_by_work = choice.sort_order.column is SortColumn.WORK and not lapsed_ids
    ranges = kind_queries.list_conditions_of_choice(
        queue_name, choice, lapsed_ids, is_split_by_state=is_sorted_by_age or is_split_by_work
    )
    conditions: list[ColumnElement[bool]] = []
    if after_position is not None:
        if is_sorted_by_age:  # implied by the next condition, but a bound of the index
            last_since = after_position.first_key
            conditions.append(keys[0] <= last_since if is_descending else keys[0] >= last_since)
        conditions.append(
            _make_comes_after_condition(
                kind_queries.id, keys, after_position, kind_index, is_descending=is_descending
            )
        )
    if not ranges:
        return None
    labelled_columns = [
        kind_queries.id.label("id"),
        *(key.label(f"key_{key_index}") for key_index, key in enumerate(keys)),
    ]
    # By label: a server takes a plain number in ORDER BY for the place of a column. A range with one work state has
    # one value of the first key; without it the index has the rows in their order.
    sorted_keys = labelled_columns[2:] if is_split_by_work else labelled_columns[1:]
    sort_columns_of_range = [
        column.desc() if is_descending else column for column in (*sorted_keys, labelled_columns[0])
    ]
    queries_of_ranges = (
        select(*labelled_columns).where(rows, *conditions).order_by(*sort_columns_of_range).limit(_LIMIT_PARAMETER)
        for rows in ranges
    )
    merged_rows = union_all(*(select(range_query.subquery()) for range_query in queries_of_ranges)).subquery()
    columns = [merged_rows.c[f"key_{key_index}"] for key_index in range(len(keys))]
    sort_columns = [column.desc() if is_descending else column for column in (*columns, merged_rows.c.id)]
    return select(merged_rows.c.id, *columns).order_by(*sort_columns).limit(_LIMIT_PARAMETER)


def _make_comes_after_condition(
    id_column: ColumnElement[Any],
    keys: Sequence[ColumnElement[Any]],
    after_position: SortPosition,
    kind_index: int,
    *,
    is_descending: bool,
) -> ColumnElement[bool]:
    """Return the SQL condition that a row of the kind `kind_index` comes after the position `after_position`. Rows
    with equal sort keys are sorted by their kind, then by their id (`id_column`). `keys` are the SQL expressions of
    the sort keys; `is_descending`: the sort keys, the kind and the id are sorted in descending order."""
    last_id = after_position.id
    if kind_index != after_position.kind_index:
        last_id = _LARGEST_ID if kind_index < after_position.kind_index else 0
    columns_and_values = list(
        zip(
            (*keys, id_column),
            [*(after_position.first_key, after_position.second_key)[: len(keys)], last_id],
            strict=True,
        )
    )
    alternatives = []
    for number, (key, value) in enumerate(columns_and_values):
        has_equal_keys = [column_value == earlier for column_value, earlier in columns_and_values[:number]]
        is_beyond = key < value if is_descending else key > value
        alternatives.append(and_(*has_equal_keys, is_beyond))
    return or_(*alternatives)


def _read_records(
    conn: Connection, positions: Sequence[SortPosition], lapsed_ids: LapsedIds
) -> Iterator[tuple[SortPosition, QueuedRecord | None]]:
    """Read the records at these positions by one query for each kind, and yield them with their positions in the
    given order; None for a record that was deleted meanwhile or can't be read. `lapsed_ids` are, by kind, the ids of
    the records whose operation has lapsed; they are treated as records with an unknown outcome."""
    records: dict[tuple[int, int], QueuedRecord] = {}
    for kind_index, kind_queries in enumerate(QUEUE_TABLES):
        ids = sorted(position.id for position in positions if position.kind_index == kind_index)
        if ids:
            rows = conn.execute(kind_queries.rows_query.where(kind_queries.id.in_(ids))).all()
            records_by_id = kind_queries.read_readable_records(
                conn, rows, get_lapsed_ids_of_kind(kind_queries, lapsed_ids)
            )
            records |= {(kind_index, record_id): record for record_id, record in records_by_id.items()}
    for position in positions:
        yield position, records.get((position.kind_index, position.id))


def count_chosen_records_and_find_oldest(
    conn: Connection, queue_name: str, lapsed_ids: LapsedIds, choice: QueueChoice, limit: int = MAX_COUNTED_RECORDS
) -> tuple[int, datetime | None]:
    """Return two values about the records of the queue `queue_name` that the filter of `choice` selects. The first is
    their number, at most `limit` + 1. The second is the earliest instant at which one of the counted records got its
    present state; None if no such instant is stored. `lapsed_ids` are, by kind, the ids of the records whose
    operation has lapsed; they are treated as records with an unknown outcome.
    """
    counts = [
        _make_range_count_query(kind_queries, rows)
        for kind_queries in QUEUE_TABLES
        if queue_name in kind_queries.conditions_by_queue
        for rows in kind_queries.list_conditions_of_choice(
            queue_name, choice, get_lapsed_ids_of_kind(kind_queries, lapsed_ids)
        )
    ]
    values: dict[str, object] = {"limit": limit + 1}
    for kind_queries in QUEUE_TABLES:
        values |= kind_queries.make_lapsed_ids_parameter(get_lapsed_ids_of_kind(kind_queries, lapsed_ids))
    rows = conn.execute(union_all(*counts), values).all() if counts else ()
    oldest = min((row.oldest for row in rows if row.oldest is not None), default=None)
    return min(sum(row.total for row in rows), limit + 1), convert_to_aware_utc(oldest) if oldest else None


def _make_range_count_query(kind_queries: RecordTableQueries, range_condition: ColumnElement[bool]) -> Select[Any]:
    """Return the query of two figures about the rows of one index range. `total` is their number, at most the
    parameter `limit`. `oldest` is the earliest instant at which one of the counted rows got its present state."""
    counted_rows = (
        select(kind_queries.state_since.label("since")).where(range_condition).limit(_LIMIT_PARAMETER).subquery()
    )
    return select(func.count().label("total"), _make_oldest_instant_sql(counted_rows).label("oldest")).select_from(
        counted_rows
    )


def _make_oldest_instant_sql(counted_rows: Subquery) -> ColumnElement[Any]:
    """Return SQL of the earliest known instant in the column `since` of these rows; NULL if no such instant is
    stored."""
    return func.min(case((counted_rows.c.since > EPOCH_START, counted_rows.c.since)))


def count_records_by_cause(
    conn: Connection, queue_name: str, lapsed_ids: LapsedIds, choice: QueueChoice
) -> tuple[tuple[CauseTotal, ...], bool]:
    """Return two values about the records of the queue `queue_name` that the filter of `choice` selects. The first
    are their counts, one for each combination of kind, index range, cause and currency; so a pair of cause and
    currency can occur several times. The second is True if the counts are too low, because an index range of the
    queue has more than MAX_RECORDS_GROUPED_BY_CAUSE such records. `lapsed_ids` are, by kind, the ids of the records
    whose operation has lapsed; they are treated as records with an unknown outcome.
    """
    totals: list[CauseTotal] = []
    is_capped = False
    for kind_queries in QUEUE_TABLES:
        ids = get_lapsed_ids_of_kind(kind_queries, lapsed_ids)
        for rows in (
            kind_queries.list_conditions_of_choice(queue_name, choice, ids)
            if queue_name in kind_queries.conditions_by_queue
            else ()
        ):
            cause_rows = conn.execute(
                _make_range_totals_query(kind_queries, rows, ids),
                kind_queries.make_lapsed_ids_parameter(ids) | {"limit": MAX_RECORDS_GROUPED_BY_CAUSE + 1},
            )
            totals_of_range = [_make_cause_total(kind_queries.kind, *row) for row in cause_rows]
            is_capped = is_capped or sum(total.count for total in totals_of_range) > MAX_RECORDS_GROUPED_BY_CAUSE
            totals += totals_of_range
    return tuple(totals), is_capped


def _make_range_totals_query(
    kind_queries: RecordTableQueries, range_condition: ColumnElement[bool], lapsed_ids: AbstractSet[int]
) -> Select[Any]:
    """Return the query that counts the rows of one index range by cause and currency. For each pair it also returns
    the sum of the amounts (minor units) in two parts, and the earliest known instant at which a row got its present
    state. `lapsed_ids` are the ids of the table's lapsed records. SQLite refuses a sum of more than 64 bits, which
    two orders of another program can have."""
    shown_columns = kind_queries.make_shown_columns(lapsed_ids)
    columns = (
        shown_columns.cause.label("cause"),
        shown_columns.columns.currency.label("currency"),
        func.coalesce(shown_columns.columns.amount_minor, 0).label("minor"),
        kind_queries.state_since.label("since"),
    )
    counted_rows = select(*columns).where(range_condition).limit(_LIMIT_PARAMETER).subquery()
    minor = counted_rows.c.minor
    remainder = minor % _AMOUNT_SPLIT_DIVISOR
    # `/` of SQLAlchemy divides with a fraction. This division leaves no remainder, so it is exact on every server.
    divide = (minor - remainder).op("/", precedence=_PRECEDENCE_OF_DIVISION)
    parts = func.sum(divide(_AMOUNT_SPLIT_DIVISOR)), func.sum(remainder)
    sums = func.count(), *parts, _make_oldest_instant_sql(counted_rows)
    return select(counted_rows.c.cause, counted_rows.c.currency, *sums).group_by(
        counted_rows.c.cause, counted_rows.c.currency
    )


def _make_cause_total(
    kind: str,
    cause: str | None,
    currency: str | None,
    count: int,
    sum_of_parts: Decimal | int,
    sum_of_remainders: Decimal | int,
    oldest: datetime | None,
) -> CauseTotal:
    """Return the total of one kind, cause and currency from a row of the query of totals. `cause` is None for records
    without a cause, `currency` for records without an amount, `oldest` if no record has a time. The sum of the
    amounts is `sum_of_parts` times _AMOUNT_SPLIT_DIVISOR plus `sum_of_remainders`.
    """
    sum_minor = int(sum_of_parts) * _AMOUNT_SPLIT_DIVISOR + int(sum_of_remainders)
    return CauseTotal(
        kind, cause or None, currency, count, sum_minor, convert_to_aware_utc(oldest) if oldest else None
    )
