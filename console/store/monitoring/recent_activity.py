"""What the last minutes' rows say of how things go. Read from the newest rows backwards, and never more than so many:
the figures cost the same on a table of any size.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, func, select

from console.store.leases import aware, naive
from console.store.payment_schema import payment_events, payments
from console.store.schema import changes, evidence, operations

MOST = 2_000
"""Rows that are looked at in each table."""
_MOST_IDS = 500
_e, _o, _n, _c, _p = evidence.c, operations.c, payment_events.c, changes.c, payments.c
_most = bindparam("most", type_=Integer)
_ANSWERS = select(_e.at, _e.source, _e.summary, _e.operation_id).order_by(_e.id.desc()).limit(_most)
_NOTICES = select(_n.received_at, _n.source, _n.done).order_by(_n.id.desc()).limit(_most)
_CHANGED = select(_c.at, _c.kind, _c.subject_id).order_by(_c.id.desc()).limit(_most)
_TOOK = select(_o.started_at, _o.ended_at).where(
    _o.id.in_(bindparam("ids", expanding=True)), _o.ended_at >= bindparam("since")
)
_STATES = select(_p.status, func.count()).where(_p.id.in_(bindparam("ids", expanding=True))).group_by(_p.status)


def answers(conn: Connection, since: datetime) -> list[tuple[str, str, str | None]]:
    """Answers of providers since then, the newest first: who was asked what, what came of it, in which operation."""
    return [(str(row.source), str(row.summary), row.operation_id) for row in _newest(conn, _ANSWERS, since)]


def calls(conn: Connection, since: datetime) -> list[tuple[datetime, str, str]]:
    """The same with their instants: when, who was asked what, what came of it."""
    return [(aware(row.at), str(row.source), str(row.summary)) for row in _newest(conn, _ANSWERS, since)]


def notices(conn: Connection, since: datetime) -> Counter[tuple[str, str]]:
    """How many notices came since then, by source and by what became of them."""
    return Counter((str(row.source), str(row.done)) for row in _newest(conn, _NOTICES, since))


def payment_states(conn: Connection, since: datetime) -> dict[str, int]:
    """In which states those payments are that have changed since then."""
    changed = (row.subject_id for row in _newest(conn, _CHANGED, since) if row.kind == "payment")
    ids = list(dict.fromkeys(changed))[:_MOST_IDS]
    return {str(state): int(count) for state, count in conn.execute(_STATES, {"ids": ids})} if ids else {}


def durations(conn: Connection, operation_ids: list[str], since: datetime) -> list[float]:
    """Seconds from begin to end of those of these operations that have ended since then."""
    ids = list(dict.fromkeys(operation_ids))[:_MOST_IDS]
    rows = conn.execute(_TOOK, {"ids": ids, "since": naive(since)}).all() if ids else []
    return [(row.ended_at - row.started_at).total_seconds() for row in rows]


def _newest(conn: Connection, query: Select[Any], since: datetime) -> list[Row[Any]]:
    return [row for row in conn.execute(query, {"most": MOST}) if aware(row[0]) >= since]
