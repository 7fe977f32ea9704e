"""The feed of changes that live views read once a second."""

from sqlalchemy import Connection, func, select

from console.domain.results import FeedMark
from console.store.schema import changes

_t = changes.c
_LATEST = select(func.max(_t.id))
LONGEST_READ = 1_000
LOOK_BACK = 300
"""Ids are given when a row is written, and on a server shown when its transaction commits: a lower id may appear
after a higher one. So the last few are read again, and what was seen of them is remembered in the mark.
"""


def since(conn: Connection, after: FeedMark | None) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
    """How far this reading got, and what changed since the one that got as far as `after`, each record once."""
    latest = int(conn.scalar(_LATEST) or 0)
    look_back = 0 if conn.dialect.name == "sqlite" else LOOK_BACK
    if after is not None and not look_back and latest <= after.latest:
        return after, ()
    floor = latest if after is None else min(after.latest, latest)
    query = select(_t.id, _t.kind, _t.subject_id).where(_t.id > floor - look_back).order_by(_t.id)
    rows = conn.execute(query.limit(LONGEST_READ)).all()
    if len(rows) == LONGEST_READ:
        latest = rows[-1].id  # the rest comes with the next reading
    mark = FeedMark(latest, frozenset(row.id for row in rows if row.id > latest - look_back))
    if after is None:
        return mark, ()
    new = [(str(row.kind), int(row.subject_id)) for row in rows if row.id not in after.seen]
    return mark, tuple(dict.fromkeys(new))
