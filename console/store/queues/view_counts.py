"""Counts of the records that saved views show. One statement counts all views of a queue.

A filter of a view may select few records of a long queue, so a search for them could read the whole queue.
Instead, the first MAX_RECORDS_READ_FOR_COUNT records of each index range are read once and compared with the filters
of all views.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, and_, bindparam, case, func, select, true, union_all
from sqlalchemy.sql.elements import ColumnElement

from console.store.database.instants import convert_to_aware_utc
from console.store.queues.definitions import QUEUE_TABLES
from console.store.queues.filter_sql import UNFILTERED_CHOICE, QueueChoice
from console.store.queues.queues import MAX_COUNTED_RECORDS, LapsedIds, get_lapsed_ids_of_kind
from console.store.queues.table_queries import RecordTableQueries
from console.store.schema.column_types import EPOCH_START

MAX_RECORDS_READ_FOR_COUNT = 10_000
"""Largest number of records of each index range of a queue that are compared with the filters of views."""
_LIMIT_PARAMETER = bindparam("limit", type_=Integer)


@dataclass(frozen=True, slots=True)
class FilteredRecordCount:
    """The number of records of a queue that a filter selects, at most MAX_COUNTED_RECORDS. `is_capped`: there may be
    more. `oldest` is the earliest instant at which one of them got its present state; None if no such instant is
    stored.
    """

    count: int = 0
    is_capped: bool = False
    oldest: datetime | None = None


def count_records_of_choices(
    conn: Connection, queue_name: str, lapsed_ids: LapsedIds, choices: Sequence[QueueChoice]
) -> tuple[FilteredRecordCount, ...]:
    """Return, for each of `choices`, the number of records of the queue `queue_name` that its filter selects. One SQL
    statement counts all of them. `lapsed_ids` are, by kind, the ids of the records whose operation has lapsed; they
    are treated as records with an unknown outcome."""
    if not choices:
        return ()
    values: dict[str, object] = {"limit": MAX_RECORDS_READ_FOR_COUNT + 1}
    queries: list[Select[Any]] = []
    for kind_queries in QUEUE_TABLES:
        values |= kind_queries.make_lapsed_ids_parameter(get_lapsed_ids_of_kind(kind_queries, lapsed_ids))
        if queue_name in kind_queries.conditions_by_queue:
            queries += _make_range_queries(
                kind_queries, queue_name, get_lapsed_ids_of_kind(kind_queries, lapsed_ids), choices
            )
    rows = [row._asdict() for row in conn.execute(union_all(*queries), values)] if queries else []
    return tuple(_sum_range_counts(rows, choice_index) for choice_index in range(len(choices)))


def _make_range_queries(
    kind_queries: RecordTableQueries, queue_name: str, lapsed_ids: AbstractSet[int], choices: Sequence[QueueChoice]
) -> Iterator[Select[Any]]:
    """Yield one query for each index range of the queue `queue_name`; the ranges together contain each record once.

    A query reads at most as many records as its parameter `limit` says and returns one row. The column `scanned` of
    this row is the number of records read. Two further columns belong to the choice at each index of `choices`:
    `total_0` (and so on) is the number of records that the filter selects, `oldest_0` (and so on) is the earliest
    time at which one of these records got its present state. `lapsed_ids` are the ids of the records whose call has
    lapsed: its process crashed or froze.
    """
    conditions = [_make_filter_condition(kind_queries, choice, lapsed_ids) for choice in choices]
    for rows in kind_queries.list_conditions_of_choice(queue_name, UNFILTERED_CHOICE, lapsed_ids):
        read_rows = select(kind_queries.id.label("id")).where(rows).limit(_LIMIT_PARAMETER).subquery()
        columns: list[ColumnElement[Any]] = [func.count().label("scanned")]
        for choice_index, condition in enumerate(conditions):
            is_dated = and_(condition, kind_queries.state_since > EPOCH_START)
            columns.append(func.sum(case((condition, 1), else_=0)).label(f"total_{choice_index}"))
            columns.append(func.min(case((is_dated, kind_queries.state_since))).label(f"oldest_{choice_index}"))
        yield select(*columns).select_from(read_rows.join(kind_queries.id.table, kind_queries.id == read_rows.c.id))


def _make_filter_condition(
    kind_queries: RecordTableQueries, choice: QueueChoice, lapsed_ids: AbstractSet[int]
) -> ColumnElement[bool]:
    """Return the SQL condition that a row of this table fulfils the filter of `choice`. If no row of the table can
    fulfil the filter, return a condition that is always false. `lapsed_ids` are the ids of the table's lapsed
    records."""
    conditions = kind_queries.make_filter_conditions(choice, lapsed_ids)
    if conditions is None:
        return kind_queries.id.is_(None)
    return and_(true(), *conditions)


def _sum_range_counts(rows: Sequence[Mapping[str, Any]], choice_index: int) -> FilteredRecordCount:
    """Return the count for the choice at the index `choice_index`: the sum of its counts in all index ranges. Each
    row of `rows` has the counts of one index range."""
    count = sum(int(row[f"total_{choice_index}"] or 0) for row in rows)
    instants = [row[f"oldest_{choice_index}"] for row in rows if row[f"oldest_{choice_index}"] is not None]
    is_cut = any(row["scanned"] > MAX_RECORDS_READ_FOR_COUNT for row in rows)
    return FilteredRecordCount(
        min(count, MAX_COUNTED_RECORDS),
        is_cut or count > MAX_COUNTED_RECORDS,
        convert_to_aware_utc(min(instants)) if instants else None,
    )
