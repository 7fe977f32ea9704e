"""What is to be published: written in the transaction of what it tells, sent afterwards, each key's in its order."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, exists, func, or_, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.store.leases import aware, naive
from console.store.payment_rows import at
from console.store.worker_schema import outbox

_NEVER = datetime.max.replace(microsecond=0, tzinfo=UTC)
_t = outbox.c
_ALL = select(
    _t.id, _t.topic, _t.event_id, _t.record_key, _t.body, _t.created_at, _t.next_at, _t.attempts, _t.trouble,
    _t.published_at,
)  # fmt: skip
_GET = _ALL.where(_t.event_id == bindparam("of"))
_earlier = outbox.alias("earlier")
_HELD_UP = exists().where(
    _earlier.c.record_key == _t.record_key, _earlier.c.published_at.is_(None), _earlier.c.id < _t.id
)
_WAITS = _t.published_at.is_(None)
_WAITING = (
    _ALL.where(_WAITS, or_(_t.next_at <= bindparam("now"), _t.next_at > bindparam("too_far")), ~_HELD_UP)
    .order_by(_t.next_at, _t.id)
    .limit(bindparam("most", type_=Integer))
)
_COUNTS = select(func.count(), func.min(_t.created_at)).where(_WAITS)
_INSERT = into(outbox)
_OF = update(outbox).where(_t.id == bindparam("of"), _WAITS)
_PUBLISHED = _OF.values(published_at=bindparam("at"), trouble=None)
_POSTPONE = _OF.where(_t.attempts == bindparam("as_read")).values(
    attempts=_t.attempts + 1, next_at=bindparam("at"), trouble=bindparam("why")
)


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """One event. `body` is JSON text; `record_key` is what keeps its order among the others of the same key."""

    id: int
    topic: str
    event_id: str
    record_key: str
    body: str = field(repr=False)
    created_at: datetime
    next_at: datetime
    attempts: int = 0
    trouble: str | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many events wait, and since when the oldest of them does."""

    waiting: int
    oldest: datetime | None


def add(conn: Connection, topic: str, event_id: str, record_key: str, body: str, now: datetime) -> bool:
    """Keep an event to be published; False when this one is kept already, and nothing is written."""
    row = {
        "topic": topic,
        "event_id": event_id,
        "record_key": record_key,
        "body": body,
        "created_at": naive(now),
        "next_at": naive(now),
    }
    try:
        conn.execute(_INSERT, row)
    except IntegrityError:  # only the statement is undone
        if find(conn, event_id) is None:
            raise
        return False
    return True


def find(conn: Connection, event_id: str) -> OutboxEvent | None:
    return next(iter(_select(conn, _GET, of=event_id)), None)


def waiting(conn: Connection, now: datetime, limit: int, too_far: datetime = _NEVER) -> tuple[OutboxEvent, ...]:
    """The first unpublished one of each key whose time has come, oldest first: what follows one that waits for its
    next attempt waits behind it. Ask again when these are published. What is to be sent after `too_far` was written
    by a clock that has jumped since, and its time has come too.
    """
    return _select(conn, _WAITING, now=naive(now), too_far=naive(too_far), most=limit)


def published(conn: Connection, event: OutboxEvent, now: datetime) -> bool:
    """It was taken by whoever is told; False when somebody else has said so before."""
    return conn.execute(_PUBLISHED, {"of": event.id, "at": naive(now)}).rowcount == 1


def postpone(conn: Connection, event: OutboxEvent, next_at: datetime, trouble: str) -> bool:
    """It was not taken: once more at `next_at`. False when somebody else has tried meanwhile."""
    values = {"of": event.id, "as_read": event.attempts, "at": naive(next_at), "why": trouble}
    return conn.execute(_POSTPONE, values).rowcount == 1


def counts(conn: Connection) -> OutboxCounts:
    """What waits, for metrics."""
    number, oldest = conn.execute(_COUNTS).one()
    return OutboxCounts(int(number), at(oldest))


def _select(conn: Connection, query: Select[Any], **values: object) -> tuple[OutboxEvent, ...]:
    return tuple(_event(*row) for row in conn.execute(query, values))


def _event(
    row_id: int, topic: str, event_id: str, key: str, body: str, created: datetime, next_at: datetime, attempts: int,
    trouble: str | None, published_at: datetime | None,
) -> OutboxEvent:  # fmt: skip
    return OutboxEvent(
        row_id, topic, event_id, key, body, aware(created), aware(next_at), attempts, trouble, at(published_at)
    )
