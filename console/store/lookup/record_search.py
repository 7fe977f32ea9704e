"""Finds records of all kinds that fulfil the conditions of a search. Every statement reads a limited part of an
index.

There is no index for each condition, see decision 0052. A search reads, in this order of preference:

- if a word of the search is a corporation number or an identifier: the records with this number or identifier;
- the range of an index that fits one condition (a status, an unknown outcome, payments that can be reversed, a work
  state, an age), if it has at most MAX_ROWS_OF_INDEX_SEARCH rows;
- otherwise the newest MAX_SEARCHED_NEWEST_ROWS rows of each table. If the table has more, the answer is partial; the
  older payments that began or were paid on the searched days are then read, too, if these index ranges have at most
  MAX_ROWS_OF_INDEX_SEARCH rows.

All other conditions are checked for each of these rows; their columns are arguments of SQL functions, so that no
database uses another index.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, and_, case, func, literal, or_, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from console.domain.calendar_days import JST
from console.domain.lookup.search_query import DayRange
from console.domain.lookup.search_result import NOTHING_FOUND, FoundRecords
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.queues.filter_text import list_all_provider_names
from console.domain.queues.filters import FilterCertainty, RecordFilter
from console.domain.records import Certainty, CheckState, WorkState
from console.store.credit_checks import credit_checks
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import orders, payments
from console.store.queues import filter_sql
from console.store.queues.definitions import (
    HAS_UNKNOWN_ORDER_STATE,
    QUEUE_TABLES,
    UNKNOWN_ROWS_BY_KIND,
    list_reversible_payment_conditions,
)
from console.store.queues.filter_sql import QueueChoice
from console.store.queues.queues import LapsedIds, get_lapsed_ids_of_kind
from console.store.queues.table_queries import QueuedRecord, RecordTableQueries
from console.store.refunds import refunds
from console.store.schema.claim_columns import make_has_number_condition
from console.store.schema.column_types import Instant, SharedColumnInstant
from console.store.schema.core import credit_checks as check_table
from console.store.schema.payments import orders as order_table
from console.store.schema.payments import payments as payment_table
from console.store.schema.payments import refunds as refund_table

MAX_ROWS_OF_INDEX_SEARCH = 20_000
"""Largest number of rows of an index range that a search reads."""
MAX_SEARCHED_NEWEST_ROWS = 100_000
"""Number of rows of each table, the newest ones, that a search reads if no index range is small enough."""
MAX_RECORDS_OF_CORPORATION_NUMBERS = 5_000
"""Largest number of records of each kind that a search reads for all corporation numbers together."""
IdsByKind = Mapping[str, Collection[int]]
"""Ids of records, by the kind of the records."""

_NUMBER_COLUMNS: Mapping[str, Column[Any]] = {
    credit_checks.CREDIT_CHECK_KIND: check_table.c.number_key,
    orders.ORDER_KIND: order_table.c.number_key,
    payments.PAYMENT_KIND: payment_table.c.corporation_number,
}
_STATUS_COLUMNS: Mapping[str, Column[Any]] = {
    credit_checks.CREDIT_CHECK_KIND: check_table.c.seen_status,
    orders.ORDER_KIND: order_table.c.status,
    payments.PAYMENT_KIND: payment_table.c.status,
    refunds.REFUND_KIND: refund_table.c.status,
}
_DAY_COLUMNS: Mapping[str, Sequence[Column[Any]]] = {
    credit_checks.CREDIT_CHECK_KIND: (check_table.c.created_at,),
    orders.ORDER_KIND: (order_table.c.created_at,),
    payments.PAYMENT_KIND: (payment_table.c.created_at, payment_table.c.begun_at, payment_table.c.paid_at),
    refunds.REFUND_KIND: (refund_table.c.created_at,),
}
"""By kind of record, the columns with the instants that are compared with a condition on the day. A record fulfils
the condition if one of them is on a selected day.
"""
_STATES_BY_KIND: Mapping[str, frozenset[str]] = {
    credit_checks.CREDIT_CHECK_KIND: frozenset(CheckState),
    orders.ORDER_KIND: frozenset(OrderState),
    payments.PAYMENT_KIND: frozenset(PaymentState),
    refunds.REFUND_KIND: frozenset(RefundState),
}

_CERTAINTIES_WITH_INDEX = frozenset({FilterCertainty.UNKNOWN, FilterCertainty.MAY_BE_REVERSED})


@dataclass(frozen=True, eq=False, slots=True)
class RecordSearch:
    """The conditions of a search over all kinds of records.

    - `choice`: the filter and the sort order; `days`: the days to which the records must belong (None: any)
    - `lapsed_ids`: ids of the records whose operation has lapsed
    - `limit`: the largest number of records of each kind in the answer
    - `named_ids`: ids of the records whose names or numbers contain the words of the search text; None if the
      text has no words
    """

    choice: QueueChoice
    days: DayRange | None
    lapsed_ids: LapsedIds
    limit: int
    named_ids: IdsByKind | None = None

    @property
    def record_filter(self) -> RecordFilter:
        """The filter that each found record must fulfil."""
        return self.choice.record_filter


@dataclass(frozen=True, eq=False, slots=True)
class _IndexedCondition:
    """A condition by which one index finds candidates for a search. The rows are sorted by the rank of their work
    (rows that a person must review have the first rank), then by id, newest first. If `id_sort_key` is given, all
    rows count as of the first rank, and are sorted only by this SQL of the id. A row that several conditions of one
    search select has the same rank in each of them.
    """

    condition: ColumnElement[bool]
    id_sort_key: ColumnElement[Any] | None = None


@dataclass(slots=True)
class _IndexedConditions:
    """The conditions by which a search finds candidates in one table. `is_partial`: the search reads only the newest
    rows of a longer table, so records may be missing."""

    conditions: list[_IndexedCondition] = field(default_factory=list)
    is_partial: bool = False


def find_records(conn: Connection, search: RecordSearch) -> dict[str, FoundRecords]:
    """Return the records that fulfil all conditions of the search, by kind of record: at most `search.limit` of each
    kind. A kind without a match has an empty result. Records that a person must review come first, then those with
    scheduled work, then the others, each newest first. If the search reads the newest rows of a table, all its
    records are sorted by id alone, newest first.
    """
    return {queries.kind: _find_records_of_kind(conn, queries, search) for queries in QUEUE_TABLES}


def _find_records_of_kind(conn: Connection, queries: RecordTableQueries, search: RecordSearch) -> FoundRecords:
    """Return the records of the table of `queries` that fulfil all conditions of the search: at most `search.limit`
    of them."""
    lapsed_ids = get_lapsed_ids_of_kind(queries, search.lapsed_ids)
    conditions = (
        None if _is_kind_excluded(queries.kind, search) else queries.make_filter_conditions(search.choice, lapsed_ids)
    )
    if conditions is None:
        return NOTHING_FOUND
    if search.days is not None:
        conditions = [*conditions, _make_days_condition(queries.kind, search.days)]
    indexed_conditions = _find_indexed_conditions(conn, queries, search)
    found_keys: set[tuple[int, int]] = set()
    for source in indexed_conditions.conditions:
        found_keys.update(
            (rank, -row_id) for row_id, rank in conn.execute(_make_id_query(queries, source, conditions, search))
        )
    ids = [-negative_id for _, negative_id in sorted(found_keys)]
    return FoundRecords(
        _read_records(conn, queries, ids[: search.limit], search),
        len(ids) > search.limit,
        indexed_conditions.is_partial,
    )


def _is_kind_excluded(kind: str, search: RecordSearch) -> bool:
    """True if no record of this kind can fulfil the conditions of the search, so that the kind's table needs no
    read."""
    record_filter = search.record_filter
    return (
        (search.named_ids is not None and not search.named_ids.get(kind))
        or (
            bool(record_filter.states)
            and record_filter.states.isdisjoint({*_STATES_BY_KIND[kind], *Certainty, *WorkState})
        )
        or (record_filter.amount is not None and kind == credit_checks.CREDIT_CHECK_KIND)
    )


def _make_id_query(
    queries: RecordTableQueries,
    indexed_condition: _IndexedCondition,
    conditions: Sequence[ColumnElement[bool]],
    search: RecordSearch,
) -> Select[Any]:
    """Return the query of the ids of the rows, in the table of `queries`, that fulfil `indexed_condition` and all
    `conditions`, each with the rank of its work. It selects at most one row more than the limit of the search, so
    that the caller detects that there are more."""
    id_sort_key = indexed_condition.id_sort_key
    rank = _make_work_rank_sql(queries) if id_sort_key is None else literal(0)
    sort_columns = [rank, queries.id.desc()] if id_sort_key is None else [id_sort_key.desc()]
    query = select(queries.id, rank.label("place")).where(indexed_condition.condition, *conditions)
    return query.order_by(*sort_columns).limit(search.limit + 1)


def _make_work_rank_sql(queries: RecordTableQueries) -> ColumnElement[Any]:
    """Return SQL of the rank of a row by its work state: 0 needs_review, 1 scheduled, 2 every other state."""
    work = queries.make_shown_columns(frozenset()).work_state
    return case((work == WorkState.NEEDS_REVIEW.value, 0), (work == WorkState.SCHEDULED.value, 1), else_=2)


def _read_records(
    conn: Connection, queries: RecordTableQueries, ids: Sequence[int], search: RecordSearch
) -> tuple[QueuedRecord, ...]:
    """Return the records with these ids in the given order. A record that was deleted meanwhile, or whose row this
    program can't read, is left out."""
    if not ids:
        return ()
    rows = conn.execute(queries.rows_query.where(queries.id.in_(sorted(ids)))).all()
    records = queries.read_readable_records(conn, rows, get_lapsed_ids_of_kind(queries, search.lapsed_ids))
    return tuple(records[row_id] for row_id in ids if row_id in records)


# -- sources


def _find_indexed_conditions(
    conn: Connection, queries: RecordTableQueries, search: RecordSearch
) -> _IndexedConditions:
    """Return the conditions by which the search reads the table of `queries`. The first of these three that is
    possible is used: the ids of the records that the words of the search name; the range of one index that fits a
    condition of the search and has at most MAX_ROWS_OF_INDEX_SEARCH rows, together with the orders among the newest
    rows whose status this program doesn't know; the newest rows of the table, together with the payments of the
    searched days."""
    if search.named_ids is not None:
        return _IndexedConditions([_IndexedCondition(queries.id.in_(sorted(search.named_ids[queries.kind])))])
    last_unread_id = max(0, (conn.scalar(select(func.max(queries.id))) or 0) - MAX_SEARCHED_NEWEST_ROWS)
    is_new = queries.id > last_unread_id
    for ranges in _list_index_ranges(queries, search):
        if _count_rows_in_ranges(conn, queries, ranges) <= MAX_ROWS_OF_INDEX_SEARCH:
            return _IndexedConditions(
                [
                    *map(_IndexedCondition, ranges),
                    *(
                        [_IndexedCondition(and_(is_new, HAS_UNKNOWN_ORDER_STATE), queries.id)]
                        if _may_match_unreadable_orders(queries, search)
                        else []
                    ),
                ]
            )
    indexed_conditions = _IndexedConditions([_IndexedCondition(is_new, queries.id)], is_partial=last_unread_id > 0)
    if queries.kind == payments.PAYMENT_KIND and search.days is not None:
        days = _make_payment_day_conditions(*_convert_to_utc_bounds(search.days))
        if last_unread_id and _count_rows_in_ranges(conn, queries, days) <= MAX_ROWS_OF_INDEX_SEARCH:
            # The id is inside coalesce(), so that no database reads the rows by id instead of by the index.
            id_sort_key = func.coalesce(queries.id, 0)
            indexed_conditions.conditions += [_IndexedCondition(condition, id_sort_key) for condition in days]
    return indexed_conditions


def _may_match_unreadable_orders(queries: RecordTableQueries, search: RecordSearch) -> bool:
    """Return True if orders with a status that this program doesn't know may fulfil the search. Such orders count as
    pending orders that a person must review, but the index ranges of those states don't contain them."""
    record_filter = search.record_filter
    return queries.kind == orders.ORDER_KIND and (
        OrderState.PENDING.value in record_filter.states
        or WorkState.NEEDS_REVIEW in record_filter.states | record_filter.work_states
    )


def _list_index_ranges(queries: RecordTableQueries, search: RecordSearch) -> Iterator[list[ColumnElement[bool]]]:
    """Yield, for each condition of the search that has an index, the SQL conditions for the ranges of this index. The
    ranges together contain all rows that fulfil the condition, except orders with an unknown status
    (`_may_match_unreadable_orders`). A lapsed row is stored with a known outcome but counts as unknown, so the ids of
    the lapsed rows are a range, too.
    """
    record_filter, lapsed_ids = search.record_filter, get_lapsed_ids_of_kind(queries, search.lapsed_ids)
    lapsed_rows = [queries.id.in_(sorted(lapsed_ids))] if lapsed_ids else []
    if record_filter.states and record_filter.states.isdisjoint({Certainty.KNOWN, WorkState.NONE}):
        yield [
            *(
                _STATUS_COLUMNS[queries.kind] == state
                for state in sorted(record_filter.states & _STATES_BY_KIND[queries.kind])
            ),
            *(queries.work_state == state for state in sorted(record_filter.states & set(WorkState))),
            *(UNKNOWN_ROWS_BY_KIND[queries.kind] if Certainty.UNKNOWN in record_filter.states else ()),
            *(lapsed_rows if record_filter.states & {*Certainty, *WorkState} else []),
        ]
    if record_filter.certainties and record_filter.certainties <= _CERTAINTIES_WITH_INDEX:
        is_reversible_searched = FilterCertainty.MAY_BE_REVERSED in record_filter.certainties
        yield [
            *(
                [*UNKNOWN_ROWS_BY_KIND[queries.kind], *lapsed_rows]
                if FilterCertainty.UNKNOWN in record_filter.certainties
                else []
            ),
            *(
                list_reversible_payment_conditions(search.choice.now)
                if is_reversible_searched and queries.kind == payments.PAYMENT_KIND and search.choice.now is not None
                else []
            ),
        ]
    if record_filter.work_states and WorkState.NONE not in record_filter.work_states:
        yield [*(queries.work_state == state for state in sorted(record_filter.work_states)), *lapsed_rows]
    if record_filter.restricts_last_change:
        yield [
            and_(queries.work_state == state, *filter_sql.make_age_conditions(queries.state_since, search.choice))
            for state in sorted(WorkState)
        ]


def _make_payment_day_conditions(begin: datetime, end: datetime) -> list[ColumnElement[bool]]:
    """Return SQL conditions for the index ranges of the payments of all known providers that were begun or paid
    between two instants (UTC without a zone): one for each provider and column."""
    return [
        and_(payment_table.c.provider == provider, column >= literal(begin, Instant), column < literal(end, Instant))
        for provider in list_all_provider_names()
        for column in (payment_table.c.begun_at, payment_table.c.paid_at)
    ]


def _count_rows_in_ranges(
    conn: Connection, queries: RecordTableQueries, ranges: Sequence[ColumnElement[bool]]
) -> int:
    """Return the number of rows in these index ranges together. The count stops as soon as it is above
    MAX_ROWS_OF_INDEX_SEARCH."""
    total = 0
    for condition in ranges:
        counted_ids = select(queries.id).where(condition).limit(MAX_ROWS_OF_INDEX_SEARCH + 1).subquery()
        total += conn.scalar(select(func.count()).select_from(counted_ids)) or 0
        if total > MAX_ROWS_OF_INDEX_SEARCH:
            break
    return total


def _make_days_condition(kind: str, days: DayRange) -> ColumnElement[bool]:
    """Return an SQL condition: an instant of the record (_DAY_COLUMNS) is in these days. A credit check that
    another application wrote has only the instant of its purchase, in the time zone of the adopted table."""
    begin, end = _convert_to_utc_bounds(days)
    conditions = [_make_between_condition(column, Instant, begin, end) for column in _DAY_COLUMNS[kind]]
    if kind == credit_checks.CREDIT_CHECK_KIND:
        is_foreign = check_table.c.created_at.is_(None)
        bounds_in_japan = [
            at.replace(tzinfo=None) for at in (instant.astimezone(JST) for instant in days.compute_instant_bounds())
        ]
        in_utc = _make_between_condition(check_table.c.purchased_at, SharedColumnInstant, begin, end)
        in_japan = _make_between_condition(check_table.c.purchased_at, SharedColumnInstant, *bounds_in_japan)
        conditions.append(
            and_(
                is_foreign,
                or_(
                    and_(check_table.c.dates_zone.is_(None), in_utc),
                    and_(check_table.c.dates_zone.is_not(None), in_japan),
                ),
            )
        )
    return or_(*conditions)


def _make_between_condition(
    column: Column[Any], sql_type: TypeEngine[Any], begin: datetime, end: datetime
) -> ColumnElement[bool]:
    """Return an SQL condition: the value of the column, of the type `sql_type`, is in the range `begin` <= value <
    `end`. The column is inside coalesce(), so that the database uses no index of this column."""
    value = func.coalesce(column, None, type_=sql_type)
    return and_(value >= literal(begin, sql_type), value < literal(end, sql_type))


def _convert_to_utc_bounds(days: DayRange) -> tuple[datetime, datetime]:
    """Return the beginning and the end of these days in Japan, in UTC without a zone."""
    begin, end = days.compute_instant_bounds()
    return convert_to_naive_utc(begin), convert_to_naive_utc(end)


# -- records of corporation numbers


def find_record_ids_of_numbers(
    conn: Connection, corporation_numbers: Collection[str]
) -> tuple[dict[str, set[int]], bool]:
    """Return (ids by kind, is_partial): the ids of records of these corporation numbers, and True if there may be
    more such records than were read.

    First the newest credit checks, orders and payments with one of the numbers are read: at most
    MAX_RECORDS_OF_CORPORATION_NUMBERS of each kind, in equal parts for each number, and all credit checks whose
    spelling of the number no task has corrected yet. Then the payments of these orders, and the refunds of all these
    payments, are added: at most MAX_RECORDS_OF_CORPORATION_NUMBERS of each, in no particular order.
    """
    if not corporation_numbers:
        return {}, False
    max_records = MAX_RECORDS_OF_CORPORATION_NUMBERS // len(corporation_numbers)
    ids: dict[str, set[int]] = {kind: set() for kind in (*_NUMBER_COLUMNS, refunds.REFUND_KIND)}
    is_partial = False
    for kind, column in _NUMBER_COLUMNS.items():
        row_id = column.table.c.id
        for number in sorted(corporation_numbers):
            has_number = make_has_number_condition(column, number) if kind == orders.ORDER_KIND else column == number
            rows = conn.scalars(select(row_id).where(has_number).order_by(row_id.desc()).limit(max_records)).all()
            ids[kind].update(rows)
            is_partial = is_partial or len(rows) == max_records
    ids[credit_checks.CREDIT_CHECK_KIND] |= credit_checks.find_ids_of_unnormalised_numbers(conn, corporation_numbers)
    for kind, row_id, parent_kind, parent in (
        (payments.PAYMENT_KIND, payment_table.c.id, orders.ORDER_KIND, payment_table.c.order_id),
        (refunds.REFUND_KIND, refund_table.c.id, payments.PAYMENT_KIND, refund_table.c.payment_id),
    ):
        if ids[parent_kind]:
            # No ORDER BY: a database could read the table by descending id instead of the index of `parent`.
            rows = _read_ids_by_column(conn, row_id, parent, ids[parent_kind])
            ids[kind].update(rows)
            is_partial = is_partial or len(rows) == MAX_RECORDS_OF_CORPORATION_NUMBERS
    return ids, is_partial


def _read_ids_by_column(
    conn: Connection, row_id: Column[Any], column: Column[Any], values: Collection[int]
) -> Sequence[int]:
    """Return the values of the column `row_id` in rows whose `column` has one of `values`: at most
    MAX_RECORDS_OF_CORPORATION_NUMBERS."""
    return conn.scalars(
        select(row_id).where(column.in_(sorted(values))).limit(MAX_RECORDS_OF_CORPORATION_NUMBERS)
    ).all()
