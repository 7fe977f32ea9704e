"""The feed of changes that live views read once a second."""

from sqlalchemy import Connection, func, select

from console.store.schema import changes

_t = changes.c
_LATEST = select(func.max(_t.id))
LONGEST_READ = 1_000


def since(conn: Connection, after: int | None) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The latest id, and what changed after `after`, each record once."""
    latest = int(conn.scalar(_LATEST) or 0)
    if after is None or latest <= after:
        return latest, ()
    rows = conn.execute(select(_t.kind, _t.subject_id).where(_t.id > after).order_by(_t.id).limit(LONGEST_READ))
    return latest, tuple(dict.fromkeys((str(kind), int(subject)) for kind, subject in rows))
