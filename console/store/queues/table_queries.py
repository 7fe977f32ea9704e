"""Queries of the queues over one table: pages that continue after a key (work state, `state_since`, id), and
counts.

A queue consists of several ranges (continuous parts) of an index, each sorted by work state, `state_since` and id.
Each range has a condition of its own. With one condition for several states a database would read and sort all
their rows.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck, WorkState
from console.store.database import unreadable_rows
from console.store.queues import filter_sql
from console.store.queues.filter_sql import UNFILTERED_CHOICE, QueueChoice
from console.store.queues.record_columns import RecordColumns, ShownColumns
from console.store.schema.column_types import EPOCH_START, Instant

QueuedRecord = CreditCheck | Order | Payment | Refund
QueueKey = tuple[str, datetime, int]
"""Key of a row in a queue, within one table: the stored work state, `state_since` as stored, and the id. The queue is
sorted by this key: within a work state the oldest row comes first.
"""

RowReader = Callable[[Connection, Sequence[Row[Any]], AbstractSet[int]], Sequence[QueuedRecord]]
"""Function that converts rows of a table into records. Its last argument: the ids of the lapsed rows."""
QUEUES_WITH_LAPSED_RECORDS = ("unknown", "review")
"""Names of the queues that also contain lapsed rows: records whose process crashed or froze during a call. There are
few such rows, because a due task soon writes their new state.
"""

_QUEUE_WITHOUT_LAPSED_RECORDS = "pending"
"""Name of the queue from which lapsed rows are excluded, because they are in the queue `unknown`."""
# Without a start value a server sorts all rows if they have the same work state.
_START_KEY_BY_QUEUE = {"review": ("needs_review", EPOCH_START, 0)}
"""For a queue whose rows all have the same work state, the key after which its first page begins."""
_SINCE_PARAMETER: BindParameter[datetime] = bindparam("since", type_=Instant)
_LIMIT_PARAMETER: BindParameter[int] = bindparam("limit", type_=Integer)


@dataclass(frozen=True, eq=False)
class RecordTableQueries:
    """Queries of the queues over one table, whose rows are the records of the kind `kind`. `id` is the column of
    their ids.

    - `work_state`, `state_since`: the columns of the work state, and of the instant since which the state holds
    - `rows_query`: the query of all columns that `read_records` converts into records
    - `conditions_by_queue`: for each queue its SQL conditions, one per range of an index
    - `columns`: the expressions by which rows are filtered, sorted and grouped
    - `may_be_lapsed`: the condition of rows that are stored as being sent, so that their operation may have lapsed
    """

    kind: str
    id: Column[Any]
    work_state: Column[Any]
    state_since: Column[Any]
    rows_query: Select[Any]
    read_records: RowReader
    conditions_by_queue: Mapping[str, Sequence[ColumnElement[bool]]]
    columns: RecordColumns
    may_be_lapsed: ColumnElement[bool] | None = None

    def read_page(
        self,
        conn: Connection,
        queue_name: str,
        after_key: QueueKey | None,
        limit: int,
        lapsed_ids: AbstractSet[int],
        choice: QueueChoice = UNFILTERED_CHOICE,
    ) -> list[tuple[QueueKey, Row[Any]]]:
        """Return at most `limit` rows of the queue `queue_name` with keys above `after_key` (None: from the first),
        with their keys, sorted by key. `lapsed_ids` are the ids of the lapsed rows. The method uses only the filter
        of `choice`, not its sort order."""
        conditions = self.make_filter_conditions(choice, lapsed_ids)
        if conditions is None:
            return []
        if _needs_query_per_state(choice) and not lapsed_ids:
            return self._read_rows_of_states(conn, queue_name, conditions, after_key, limit, choice)
        statements = (
            _make_page_queries(
                self, self._make_conditions_by_range(queue_name, conditions, has_lapsed=bool(lapsed_ids))
            )
            if conditions
            else _make_default_page_queries(self, queue_name, has_lapsed=bool(lapsed_ids))
        )
        rows = self._read_rows_after(
            conn, statements, after_key or _START_KEY_BY_QUEUE.get(queue_name), limit, lapsed_ids
        )
        if queue_name in QUEUES_WITH_LAPSED_RECORDS and lapsed_ids and self.may_be_lapsed is not None:
            joined_rows = dict(
                [*rows, *self._read_rows(conn, self._lapsed_rows_query.where(*conditions), lapsed_ids)]
            )
            rows = [(key, joined_rows[key]) for key in sorted(joined_rows) if after_key is None or key > after_key][
                :limit
            ]
        return rows

    def _read_rows_of_states(
        self,
        conn: Connection,
        queue_name: str,
        conditions: Sequence[ColumnElement[bool]],
        after_key: QueueKey | None,
        limit: int,
        choice: QueueChoice,
    ) -> list[tuple[QueueKey, Row[Any]]]:
        """Return a page of the queue `queue_name` like `read_page`, as pairs of the row's key in the queue's order
        and the row. Each work state of the filter has a query of its own, so that the bounds of `state_since` are a
        range of the index. `conditions` are the SQL conditions of the filter of `choice`."""
        rows: list[tuple[QueueKey, Row[Any]]] = []
        for state in _list_selected_work_states(choice):
            if len(rows) < limit and (after_key is None or state >= after_key[0]):
                ranges = self._make_conditions_by_range(
                    queue_name, [self.work_state == state, *conditions], has_lapsed=False
                )
                start_key = after_key if after_key is not None and state == after_key[0] else None
                statements = _make_page_queries(self, ranges, has_one_state=True)
                rows += self._read_rows_after(conn, statements, start_key, limit - len(rows), frozenset())
        return rows

    def read_readable_records(
        self, conn: Connection, rows: Sequence[Row[Any]], lapsed_ids: AbstractSet[int]
    ) -> dict[int, QueuedRecord]:
        """Return the records of these rows of `rows_query` by their ids. A row that this program can't read, for
        example because a newer program wrote its state, is left out and reported (`unreadable_rows`); the other rows
        are read one by one then. `lapsed_ids` are the ids of the table's records whose operation has lapsed."""
        try:
            records = self.read_records(conn, rows, lapsed_ids)
        except unreadable_rows.READ_ERRORS:
            records = unreadable_rows.read_readable_rows(
                self.id.table.name,
                rows,
                lambda row: self.read_records(conn, [row], lapsed_ids)[0],
                lambda row: (self.kind, row.id),
                lambda row: row.id,
            )
        return {record.id: record for record in records}

    def make_filter_conditions(
        self, choice: QueueChoice, lapsed_ids: AbstractSet[int]
    ) -> list[ColumnElement[bool]] | None:
        """Return the SQL conditions of the filter of `choice` on rows of this table; None if no row can fulfil them.
        `lapsed_ids` are the ids of the table's lapsed records."""
        if not choice.record_filter:
            return []
        return filter_sql.make_filter_conditions(
            self.kind, self.id, self.state_since, self.make_shown_columns(lapsed_ids), choice
        )

    def make_shown_columns(self, lapsed_ids: AbstractSet[int]) -> ShownColumns:
        """Return the expressions of the values that lists show for rows of this table. The rows with the ids
        `lapsed_ids` that fulfil `may_be_lapsed` are shown with an unknown outcome."""
        if not lapsed_ids or self.may_be_lapsed is None:
            return ShownColumns(self.columns)
        return ShownColumns(self.columns, and_(self.id.in_(sorted(lapsed_ids)), self.may_be_lapsed))

    def list_conditions_of_choice(
        self, queue_name: str, choice: QueueChoice, lapsed_ids: AbstractSet[int], *, is_split_by_state: bool = False
    ) -> list[ColumnElement[bool]]:
        """Return SQL conditions for the records of the queue `queue_name` that the filter of `choice` selects. Each
        of these records fulfils exactly one of the conditions; most conditions are a range of an index. With
        `is_split_by_state`, each condition has one work state, except the condition of the lapsed rows.
        """
        conditions = self.make_filter_conditions(choice, lapsed_ids)
        if conditions is None:
            return []
        ranges = self._make_conditions_by_range(queue_name, conditions, has_lapsed=bool(lapsed_ids))
        if is_split_by_state or (_needs_query_per_state(choice) and not lapsed_ids):
            states = _list_selected_work_states(choice) if not lapsed_ids else sorted(WorkState)
            ranges = [and_(self.work_state == state, rows) for state in states for rows in ranges]
        if lapsed_ids:
            ranges += [
                and_(rows, *conditions)
                for rows in self._list_lapsed_ranges(queue_name, self.id.in_(sorted(lapsed_ids)))
            ]
        return ranges

    def _list_lapsed_ranges(self, queue_name: str, is_lapsed: ColumnElement[bool]) -> list[ColumnElement[bool]]:
        """Return the condition of the lapsed rows of the queue `queue_name`; an empty list if the queue has no lapsed
        rows. `is_lapsed` is the condition that a row's id is one of the lapsed ids."""
        if queue_name not in QUEUES_WITH_LAPSED_RECORDS or self.may_be_lapsed is None:
            return []
        rows = and_(is_lapsed, self.may_be_lapsed)
        return [and_(rows, self.work_state != "needs_review") if queue_name == "review" else rows]

    def _make_conditions_by_range(
        self, queue_name: str, conditions: Sequence[ColumnElement[bool]], *, has_lapsed: bool
    ) -> list[ColumnElement[bool]]:
        """Return the conditions of the queue `queue_name`, one per index range, each joined by AND with all of
        `conditions`. `has_lapsed`: some rows are lapsed now."""
        return [and_(rows, *conditions) for rows in self.list_range_conditions(queue_name, has_lapsed=has_lapsed)]

    def _read_rows_after(
        self,
        conn: Connection,
        statements: "_PageQueries",
        after_key: QueueKey | None,
        limit: int,
        lapsed_ids: AbstractSet[int],
    ) -> list[tuple[QueueKey, Row[Any]]]:
        """Return at most `limit` rows with keys above `after_key`. A key consists of a work state, an instant and an
        id. Up to three of the queries `statements` read these rows: the rows with the work state and instant of
        `after_key` and a higher id; the rows with the work state of `after_key` and a later instant; the rows with a
        later work state. If `after_key` is None, return the first rows of the queue. `lapsed_ids` are the ids of the
        table's records whose operation has lapsed.
        """
        if after_key is None:
            return self._read_rows(conn, statements.first_rows, lapsed_ids, limit=limit)
        work_state, since, last_id = after_key
        rows: list[tuple[QueueKey, Row[Any]]] = []
        for query, values in (
            (statements.same_instant_rows, {"last_work_state": work_state, "since": since, "last_id": last_id}),
            (statements.later_instant_rows, {"last_work_state": work_state, "since": since}),
            (statements.later_state_rows, {"last_work_state": work_state}),
        ):
            if query is not None and len(rows) < limit:
                rows += self._read_rows(conn, query, lapsed_ids, limit=limit - len(rows), **values)
        return rows

    def _read_rows(
        self, conn: Connection, query: Select[Any], lapsed_ids: AbstractSet[int], **values: object
    ) -> list[tuple[QueueKey, Row[Any]]]:
        """Run the query with the parameters `values` and the ids of the lapsed rows, and return its rows with their
        keys.
        """
        rows = conn.execute(query, {**self.make_lapsed_ids_parameter(lapsed_ids), **values})
        return [((getattr(row, self.work_state.name), row.state_since, row.id), row) for row in rows]

    def make_count_queries(self, queue_name: str, *, has_lapsed: bool) -> list[Select[Any]]:
        """Return the counting queries of the queue `queue_name`, one per query of `make_state_since_queries`. Each
        query has two columns: `total`, the number of rows, at most the parameter `limit`; and `oldest`, the earliest
        instant at which one of the counted rows got its present state. `has_lapsed`: some rows are lapsed now.
        """
        return [_make_count_query(rows) for rows in self.make_state_since_queries(queue_name, has_lapsed=has_lapsed)]

    def make_state_since_queries(self, queue_name: str, *, has_lapsed: bool) -> list[Select[Any]]:
        """Return queries of the column `state_since` of a queue (as `since`), one per index range and, if the queue
        contains lapsed rows, one for these; each returns at most as many rows as its parameter `limit`. The index
        contains the column, so most of the queries read no row of the table. `has_lapsed`: some rows are lapsed now.
        """
        ranges = [*self.list_range_conditions(queue_name, has_lapsed=has_lapsed)]
        if has_lapsed:
            ranges += self._list_lapsed_ranges(queue_name, self._is_lapsed_sql)
        return [select(self.state_since.label("since")).where(rows).limit(_LIMIT_PARAMETER) for rows in ranges]

    def make_oldest_instant_queries(self, queue_name: str, *, has_lapsed: bool) -> list[Select[Any]]:
        """Return one query for each index range and work state of the queue `queue_name`. It returns the earliest
        stored instant in the column `state_since`, and no row if there is none. The index has the rows of one work
        state in this order, so each query reads one row. The query of the lapsed rows, which no index has in this
        order, returns all their instants. `has_lapsed`: some rows are lapsed now.
        """
        is_known, since = self.state_since > literal(EPOCH_START, Instant), self.state_since.label("since")
        oldest_rows = [
            select(since).where(self.work_state == state, rows, is_known).order_by(self.state_since).limit(1)
            for state in WorkState
            for rows in self.list_range_conditions(queue_name, has_lapsed=has_lapsed)
        ]
        lapsed_ranges = self._list_lapsed_ranges(queue_name, self._is_lapsed_sql) if has_lapsed else []
        return [
            *(select(rows.subquery()) for rows in oldest_rows),
            *(select(since).where(rows, is_known) for rows in lapsed_ranges),
        ]

    def list_range_conditions(self, queue_name: str, *, has_lapsed: bool) -> Sequence[ColumnElement[bool]]:
        """Return the conditions of the queue `queue_name` on stored columns. The database answers each one by a
        continuous part (a range) of one index. With `has_lapsed`, lapsed rows are excluded from the queue
        `pending`.
        """
        ranges = self.conditions_by_queue[queue_name]
        if queue_name == _QUEUE_WITHOUT_LAPSED_RECORDS and has_lapsed and self.may_be_lapsed is not None:
            return [and_(rows, ~self._is_lapsed_sql) for rows in ranges]
        return ranges

    def make_lapsed_ids_parameter(self, lapsed_ids: AbstractSet[int]) -> dict[str, object]:
        """Return the query parameter that holds the ids of the lapsed rows, as {name: ids}."""
        return {f"lapsed_{self.kind}": sorted(lapsed_ids)}

    @cached_property
    def _is_lapsed_sql(self) -> ColumnElement[bool]:
        """Return the SQL condition that a row's id is in the parameter with the ids of the lapsed rows."""
        return self.id.in_(bindparam(f"lapsed_{self.kind}", expanding=True))

    @cached_property
    def _lapsed_rows_query(self) -> Select[Any]:
        """The query of the lapsed rows of this table. It is separate from the query of the queue, because with an
        OR the database would read and sort the whole queue."""
        return self.rows_query.where(
            self._is_lapsed_sql, *([] if self.may_be_lapsed is None else [self.may_be_lapsed])
        )

    def make_first_rows_query(
        self,
        ranges: Sequence[ColumnElement[bool]],
        *conditions: ColumnElement[bool],
        sort_columns: Sequence[Column[Any]],
    ) -> Select[Any]:
        """Return the query of the first rows of these index ranges that fulfil all `conditions`, sorted by the
        columns `sort_columns`. The parameter `limit` limits the number of rows. With several ranges the query reads
        the first rows of each range, then merges and sorts them.
        """
        if len(ranges) == 1:
            return self.rows_query.where(ranges[0], *conditions).order_by(*sort_columns).limit(_LIMIT_PARAMETER)
        ids = [
            select(self.id).where(rows, *conditions).order_by(*sort_columns).limit(_LIMIT_PARAMETER).subquery()
            for rows in ranges
        ]
        first_ids = union_all(*(select(id_query) for id_query in ids)).subquery()
        return (
            self.rows_query.join_from(first_ids, self.id.table, self.id == first_ids.c.id)
            .order_by(*sort_columns)
            .limit(_LIMIT_PARAMETER)
        )


def _make_count_query(rows: Select[Any]) -> Select[Any]:
    """Return a query with one row about `rows`, a query that `make_state_since_queries` made: the number of its rows
    (column `total`) and the earliest known instant in its column `since` (column `oldest`).
    """
    counted_rows = rows.subquery()
    oldest = func.min(case((counted_rows.c.since > EPOCH_START, counted_rows.c.since)))
    columns: list[ColumnElement[Any]] = [func.count().label("total"), oldest.label("oldest")]
    return select(*columns).select_from(counted_rows)


@dataclass(frozen=True, slots=True)
class _PageQueries:
    """Queries of the pages of one queue, over one table. "The last row" is the last row of the previous page.

    - `first_rows`: the first rows of the queue
    - `same_instant_rows`: the rows with the last row's work state and instant (`state_since`), and a higher id
    - `later_instant_rows`: the rows with the last row's work state and a later instant
    - `later_state_rows`: the rows with a later work state than the last row; None if all rows have one work state
    """

    first_rows: Select[Any]
    same_instant_rows: Select[Any]
    later_instant_rows: Select[Any]
    later_state_rows: Select[Any] | None


@cache
def _make_default_page_queries(
    kind_queries: RecordTableQueries, queue_name: str, *, has_lapsed: bool
) -> _PageQueries:
    """Return the queries of the pages of the queue `queue_name` without a filter. They are made once and then cached.
    `has_lapsed`: some rows are lapsed now."""
    return _make_page_queries(kind_queries, kind_queries.list_range_conditions(queue_name, has_lapsed=has_lapsed))


def _make_page_queries(
    kind_queries: RecordTableQueries, ranges: Sequence[ColumnElement[bool]], *, has_one_state: bool = False
) -> _PageQueries:
    """Return the queries of the pages of these index ranges. Rows with equal work states or instants and rows with
    later ones have separate queries. With one comparison for all rows, SQLite would read the index from its start,
    and MariaDB the table. `has_one_state`: all rows of the ranges have the same work state.
    """
    sort_columns = (kind_queries.work_state, kind_queries.state_since, kind_queries.id)
    same_state, since = kind_queries.work_state == bindparam("last_work_state"), _SINCE_PARAMETER
    return _PageQueries(
        kind_queries.make_first_rows_query(ranges, sort_columns=sort_columns[1:] if has_one_state else sort_columns),
        kind_queries.make_first_rows_query(
            ranges,
            same_state,
            kind_queries.state_since == since,
            kind_queries.id > bindparam("last_id"),
            sort_columns=(kind_queries.id,),
        ),
        kind_queries.make_first_rows_query(
            ranges, same_state, kind_queries.state_since > since, sort_columns=sort_columns[1:]
        ),
        None
        if has_one_state
        else kind_queries.make_first_rows_query(
            ranges, kind_queries.work_state > bindparam("last_work_state"), sort_columns=sort_columns
        ),
    )


def _needs_query_per_state(choice: QueueChoice) -> bool:
    """True if the filter of `choice` restricts the work state or the age, so that each work state needs a query of
    its own."""
    return bool(choice.record_filter.work_states) or choice.record_filter.restricts_last_change


def _list_selected_work_states(choice: QueueChoice) -> list[str]:
    """Return the work states that the filter of `choice` selects, in the order in which the queue is sorted."""
    return sorted(state.value for state in choice.record_filter.work_states or WorkState)
