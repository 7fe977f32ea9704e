"""Reads the change feed (table `changes`). Each window reads it every 1.5 s, and less often while no person uses the
desk. A reader's mark (`FeedMark`) has three parts: the newest id that the reader got; the id up to which no further
row can appear; and the ids above that id that the reader got.

A row gets its id when it is inserted, but on a server other connections see the row only after its COMMIT. So a row
with a lower id may appear after a row with a higher id. On a Galera cluster of three nodes, each node also uses only
every third id.

So an id stays *open* until every transaction that could still commit a row with this id must have ended. Each read of
the feed counts the rows in the range of open ids. If the count is higher than the number of rows already read, a row
has appeared late.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, literal_column, select

from console.domain.service_results import FeedMark
from console.store.database.prepared_queries import execute_prepared_query
from console.store.schema.core import changes

FeedRow = Row[int, str, int]
"""A row of the change feed: its id, and the kind and id of the changed record."""
MAX_ROWS_PER_READ = 5_000
"""Largest number of rows that one call of `list_changes_since` reads. The next call reads the following rows."""
INITIAL_OPEN_ID_COUNT = 1_000
"""Number of ids, up to the latest one, that are open for a reader who reads the feed for the first time: rows with
these ids may still be committed. The reader can't find out when the ids were assigned.
"""
OPEN_ID_SECONDS = 60.0
"""Shortest time (seconds) for which an id without a row stays open, because its row may still be committed. It is
longer than several lock waits, the absence of a node and a few retries together.
"""

_LATEST_CHANGE_ID_QUERY = select(func.max(changes.c.id))
_LATER_CHANGES_QUERY = (
    select(changes.c.id, changes.c.kind, changes.c.subject_id)
    .where(changes.c.id > bindparam("after"))
    .order_by(changes.c.id)
)
_OPEN_CHANGE_ID_CONDITIONS = changes.c.id > bindparam("closed_id"), changes.c.id <= bindparam("up_to_id")
_OPEN_CHANGES_QUERY = (
    select(changes.c.id, changes.c.kind, changes.c.subject_id)
    .where(*_OPEN_CHANGE_ID_CONDITIONS)
    .order_by(changes.c.id)
)
FEED_STATE_QUERY = select(
    select(func.count()).where(*_OPEN_CHANGE_ID_CONDITIONS).scalar_subquery().label("open_rows"),
    _LATEST_CHANGE_ID_QUERY.scalar_subquery().label("latest"),
)
"""Query of two values: the number of rows in the range of open ids (ids whose rows may still be committed, see the
module), and the latest id. With one round trip a reader learns if there are new rows. A reader that needs further
values adds columns to this query.
"""
FEED_STATE_QUERY_WITHOUT_OPEN_IDS = select(
    literal_column("0").label("open_rows"), _LATEST_CHANGE_ID_QUERY.scalar_subquery().label("latest")
)
"""The same for a reader for whom no id is open, as in each team in which nothing has changed for a minute. Its read
costs the server a fifth less.
"""


def list_changes_since(conn: Connection, after_mark: FeedMark | None) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
    """Return the reader's next mark, and the records that have changed since the mark `after_mark`, each once, as
    (kind, id). One call reads at most MAX_ROWS_PER_READ new rows; the next call, with the returned mark, reads the
    rows after them.

    If `after_mark` is None, or (on a server) if the feed has lost rows because the database was restored from a
    backup, return the mark of the present state and no changes.
    """
    if after_mark is None:
        return _make_present_mark(conn), ()
    if conn.dialect.name == "sqlite":  # SQLite has one writer at a time: no id is open
        later_rows = _read_later_rows(conn, after_mark)
        return _compute_next_mark(after_mark, later_rows, ()), _list_changed_subjects(later_rows)
    state_row = execute_feed_state_query(conn, after_mark, FEED_STATE_QUERY, FEED_STATE_QUERY_WITHOUT_OPEN_IDS)
    return read_changes_after_state_query(conn, after_mark, state_row)


def execute_feed_state_query(
    conn: Connection, after_mark: FeedMark, query: Select[Any], query_without_open_ids: Select[Any]
) -> Row[Any]:
    """Execute one of two queries of the state of the feed, and return its row, which has the columns `open_rows` and
    `latest`. `query` is FEED_STATE_QUERY, or that query with further columns; `query_without_open_ids` is
    FEED_STATE_QUERY_WITHOUT_OPEN_IDS with the same further columns. The second one is executed if the reader with the
    mark `after_mark` has no open ids: no row can appear any more whose id is at most the newest id of the mark. Only
    for a server.

    The query without open ids has no parameters, and each window repeats it while nothing changes in the team. So it
    is prepared once for each connection.
    """
    if after_mark.complete_up_to_id >= after_mark.newest_id:
        return execute_prepared_query(conn, query_without_open_ids).one()
    open_ids = {"closed_id": after_mark.complete_up_to_id, "up_to_id": after_mark.newest_id}
    return conn.execute(query, open_ids).one()


def read_changes_after_state_query(
    conn: Connection, after_mark: FeedMark, state_row: Row[Any]
) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
    """Return the reader's next mark, and the records that have changed since the mark `after_mark`, each once, as
    (kind, id). If the feed has lost rows, return the mark of the present state and no changes. Only for a server:
    `state_row` is the row that `execute_feed_state_query` has returned for this mark.
    """
    latest_id = state_row.latest or 0
    if state_row.open_rows < len(after_mark.read_ids) or latest_id < after_mark.newest_id:
        return _make_present_mark(conn), ()  # fewer rows than before: the database was restored from a backup
    rows: list[FeedRow] = []
    if state_row.open_rows > len(after_mark.read_ids):
        open_rows = _read_open_rows(conn, after_mark.complete_up_to_id, after_mark.newest_id)
        rows += [row for row in open_rows if row.id not in after_mark.read_ids]
    if latest_id > after_mark.newest_id:
        rows += _read_later_rows(conn, after_mark)
    return _compute_next_mark(after_mark, rows, [row.id for row in rows]), _list_changed_subjects(rows)


def _list_changed_subjects(rows: Sequence[FeedRow]) -> tuple[tuple[str, int], ...]:
    """Return the records of these rows of the change feed, each once, as (kind, id)."""
    return tuple(dict.fromkeys((str(row.kind), int(row.subject_id)) for row in rows))


def _make_present_mark(conn: Connection) -> FeedMark:
    """Return the mark of a reader that begins now. This reader doesn't get the rows of the feed that already
    exist."""
    latest = int(conn.scalar(_LATEST_CHANGE_ID_QUERY) or 0)
    closed_id = latest if conn.dialect.name == "sqlite" else max(0, latest - INITIAL_OPEN_ID_COUNT)
    seen_ids = frozenset(row.id for row in _read_open_rows(conn, closed_id, latest))
    return FeedMark(latest, seen_ids, closed_id, latest, time.monotonic())


def _read_later_rows(conn: Connection, after_mark: FeedMark) -> Sequence[FeedRow]:
    """Return the rows of the change feed with ids above the newest id of the mark `after_mark`, at most
    MAX_ROWS_PER_READ."""
    return conn.execute(_LATER_CHANGES_QUERY.limit(MAX_ROWS_PER_READ), {"after": after_mark.newest_id}).all()


def _read_open_rows(conn: Connection, closed_id: int, up_to_id: int) -> Sequence[FeedRow]:
    """Return the rows of the change feed with `closed_id` < id <= `up_to_id`: the range of open ids, in which further
    rows may appear."""
    return conn.execute(_OPEN_CHANGES_QUERY, {"closed_id": closed_id, "up_to_id": up_to_id}).all()


def _compute_next_mark(after_mark: FeedMark, rows: Sequence[FeedRow], new_ids: Iterable[int]) -> FeedMark:
    """Return the reader's mark after it has read `rows`. `new_ids` are the ids in `rows` that it had not read before;
    on SQLite there are none, because no id is open there.

    The function closes ids if at least OPEN_ID_SECONDS have passed since it last closed ids. It then closes all ids
    up to the id that was the newest at that earlier time. The reader expects no further rows with closed ids, so the
    mark doesn't list them.
    """
    latest, now = max([after_mark.newest_id, *(row.id for row in rows)]), time.monotonic()
    seen_ids, closed_id, next_closed_id, last_closing_at = (
        after_mark.read_ids.union(new_ids),
        after_mark.complete_up_to_id,
        after_mark.newest_id_when_marked,
        after_mark.marked_at_seconds,
    )
    if now - last_closing_at >= OPEN_ID_SECONDS:
        closed_id, next_closed_id, last_closing_at = next_closed_id, latest, now
        seen_ids = frozenset(row_id for row_id in seen_ids if row_id > closed_id)
    return FeedMark(latest, seen_ids, closed_id, next_closed_id, last_closing_at)
