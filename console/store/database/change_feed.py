"""The feed of changes that live views read once a second.

Ids are given when a row is written, and on a server shown when its transaction commits: a lower id may appear after a
higher one, however many were given meanwhile; on a cluster each node gives every third one. So an id stays open
until every transaction that could still show it must be over. Each reading counts the open ones: more than it has
met means that a late one is among them.
"""

import time
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Row, bindparam, func, select

from console.domain.results import FeedMark
from console.store.schema import changes

Line = Row[int, str, int]
_t = changes.c
LONGEST_READ = 5_000
"""Rows; the rest comes with the next reading."""
LOOK_BACK = 1_000
"""Ids that are open for a first reading, which knows no times yet."""
OPEN_SECONDS = 60.0
"""So long at least an id stays open: some waits for locks, a node that is away and a few tries fit into it."""

_LATEST = select(func.max(_t.id))
_ROWS = select(_t.id, _t.kind, _t.subject_id).where(_t.id > bindparam("after")).order_by(_t.id)
_OPEN = _t.id > bindparam("closed"), _t.id <= bindparam("upto")
_OPEN_ROWS = select(_t.id, _t.kind, _t.subject_id).where(*_OPEN).order_by(_t.id)
_LOOK = select(
    select(func.count()).where(*_OPEN).scalar_subquery().label("known"), _LATEST.scalar_subquery().label("latest")
)
"""Whether there is anything to read, in one round trip."""


def since(conn: Connection, after: FeedMark | None) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
    """How far this reading got, and what changed since the one that got as far as `after`, each record once."""
    if after is None:
        return _first(conn), ()
    if conn.dialect.name == "sqlite":  # one writes at a time: nothing is open
        fresh = _fresh(conn, after)
        return _on(after, fresh, ()), _told(fresh)
    look = conn.execute(_LOOK, {"closed": after.closed, "upto": after.latest}).one()
    if look.known < len(after.seen):  # another database in its place: restored from a backup
        return _first(conn), ()
    rows: list[Line] = []
    if look.known > len(after.seen):
        rows += [row for row in _open_rows(conn, after.closed, after.latest) if row.id not in after.seen]
    if (look.latest or 0) > after.latest:
        rows += _fresh(conn, after)
    return _on(after, rows, [row.id for row in rows]), _told(rows)


def _told(rows: Sequence[Line]) -> tuple[tuple[str, int], ...]:
    return tuple(dict.fromkeys((str(row.kind), int(row.subject_id)) for row in rows))


def _first(conn: Connection) -> FeedMark:
    """What is there already is no news."""
    latest = int(conn.scalar(_LATEST) or 0)
    closed = latest if conn.dialect.name == "sqlite" else max(0, latest - LOOK_BACK)
    seen = frozenset(row.id for row in _open_rows(conn, closed, latest))
    return FeedMark(latest, seen, closed, latest, time.monotonic())


def _fresh(conn: Connection, after: FeedMark) -> Sequence[Line]:
    return conn.execute(_ROWS.limit(LONGEST_READ), {"after": after.latest}).all()


def _open_rows(conn: Connection, closed: int, upto: int) -> Sequence[Line]:
    return conn.execute(_OPEN_ROWS, {"closed": closed, "upto": upto}).all()


def _on(after: FeedMark, rows: Sequence[Line], met: Iterable[int]) -> FeedMark:
    """The next mark. What was the latest id a while ago is over now."""
    latest, now = max([after.latest, *(row.id for row in rows)]), time.monotonic()
    seen, closed, closing, turned = after.seen.union(met), after.closed, after.closing, after.turned
    if now - turned >= OPEN_SECONDS:
        closed, closing, turned = closing, latest, now
        seen = frozenset(one for one in seen if one > closed)
    return FeedMark(latest, seen, closed, closing, turned)
