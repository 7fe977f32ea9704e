"""Table `outbox`: events that wait to be published. An event is inserted in the same transaction as its cause, and
published after the COMMIT. Events with the same `record_key` are published in the order of their ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, exists, func, or_, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.alerts.events import EventName, make_alert_message
from console.domain.tasks.records import Alert
from console.store.database import unreadable_rows
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.worker import outbox

_LATEST_INSTANT = datetime.max.replace(microsecond=0, tzinfo=UTC)
"""The latest possible instant: no due time is later."""
UNPUBLISHED_RULE = "events_unpublished"
"""Rule of the alert that is open while the oldest unpublished event has waited for too long."""

_OUTBOX_EVENTS_QUERY = select(
    outbox.c.id, outbox.c.topic, outbox.c.event_id, outbox.c.record_key, outbox.c.body, outbox.c.created_at,
    outbox.c.next_at, outbox.c.attempts, outbox.c.trouble, outbox.c.published_at,
)  # fmt: skip
_OUTBOX_EVENT_BY_ID_QUERY = _OUTBOX_EVENTS_QUERY.where(outbox.c.event_id == bindparam("event_id"))
_earlier_events = outbox.alias("earlier")
_EARLIER_UNPUBLISHED_EVENT_CONDITION = exists().where(
    _earlier_events.c.record_key == outbox.c.record_key,
    _earlier_events.c.published_at.is_(None),
    _earlier_events.c.id < outbox.c.id,
)
"""SQL condition on an event: an earlier event with its `record_key` isn't published yet."""
_UNPUBLISHED_EVENT_CONDITION = outbox.c.published_at.is_(None)
_DUE_EVENTS_QUERY = (
    _OUTBOX_EVENTS_QUERY.where(
        _UNPUBLISHED_EVENT_CONDITION,
        or_(outbox.c.next_at <= bindparam("now"), outbox.c.next_at > bindparam("latest_credible_time")),
        ~_EARLIER_UNPUBLISHED_EVENT_CONDITION,
    )
    .order_by(outbox.c.next_at, outbox.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_LATER_ATTEMPT_QUERY = (
    select(outbox.c.id)
    .where(_UNPUBLISHED_EVENT_CONDITION, outbox.c.attempts > 0, outbox.c.next_at > bindparam("instant"))
    .limit(1)
)
_UNPUBLISHED_COUNTS_QUERY = select(func.count(), func.min(outbox.c.created_at)).where(_UNPUBLISHED_EVENT_CONDITION)
_INSERT_EVENT_STATEMENT = into(outbox)
_UPDATE_UNPUBLISHED_EVENT_STATEMENT = update(outbox).where(
    outbox.c.id == bindparam("row_id"), _UNPUBLISHED_EVENT_CONDITION
)
_MARK_EVENT_PUBLISHED_STATEMENT = _UPDATE_UNPUBLISHED_EVENT_STATEMENT.values(
    published_at=bindparam("at"), trouble=None
)
_POSTPONE_EVENT_STATEMENT = _UPDATE_UNPUBLISHED_EVENT_STATEMENT.where(
    outbox.c.attempts == bindparam("attempts_as_read")
).values(attempts=outbox.c.attempts + 1, next_at=bindparam("next_attempt_at"), trouble=bindparam("error"))


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A row of `outbox`. `topic` names the kind of event, `event_id` is the unique id under which it is published.
    `body` is JSON text; `attempts` is the number of failed attempts to publish the event, `next_at` the time of the
    next one; `last_error` is the error of the last attempt; `published_at` is None until the event is published.
    Events with the same `record_key` are published in the order of their ids.
    """

    id: int
    topic: str
    event_id: str
    record_key: str
    body: str = field(repr=False)
    created_at: datetime
    next_at: datetime
    attempts: int = 0
    last_error: str | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """Number of unpublished events (`unpublished_count`), and the time at which the oldest of them was created (UTC;
    None if there is none).
    """

    unpublished_count: int
    oldest_created_at: datetime | None


def add_event(conn: Connection, topic: str, event_id: str, record_key: str, body: str, now: datetime) -> bool:
    """Insert an event into the outbox; it is due for publishing immediately. `topic` names the kind of event,
    `event_id` is the unique id under which the event is published, `body` is its JSON text. Events with the same
    `record_key` (such as the number of an order) are published in the order of their insertion. Return False, without
    a write, if an event with this `event_id` is stored already.
    """
    row = {
        "topic": topic,
        "event_id": event_id,
        "record_key": record_key,
        "body": body,
        "created_at": convert_to_naive_utc(now),
        "next_at": convert_to_naive_utc(now),
    }
    try:
        conn.execute(_INSERT_EVENT_STATEMENT, row)
    except IntegrityError:  # only the statement was undone
        if find(conn, event_id) is None:
            raise
        return False
    return True


def add_alert_event(
    conn: Connection,
    event_name: EventName,
    alert: Alert,
    database_id: str,
    now: datetime,
    facts: Mapping[str, object] | None = None,
) -> bool:
    """Insert the event that an alert was raised or resolved (`event_name`) into the outbox, in the transaction
    that raises or resolves the alert. The event's id is derived from `database_id` and the alert. `facts` are
    further members of the event's body. Return False, without a write, if the event is stored already.
    """
    event = make_alert_message(event_name, alert, database_id, facts)
    return add_event(conn, event.topic, event.event_id, event.key, event.body, now)


def find(conn: Connection, event_id: str) -> OutboxEvent | None:
    """Return the event of the outbox with this event id; None if there is none, or if its row can't be read."""
    return next(iter(_select_events(conn, _OUTBOX_EVENT_BY_ID_QUERY, event_id=event_id)), None)


def list_due_events(
    conn: Connection, now: datetime, limit: int, latest_credible_time: datetime = _LATEST_INSTANT
) -> tuple[OutboxEvent, ...]:
    """For each `record_key`, return its oldest unpublished event if that event is due: at most `limit` events, sorted
    by due time.

    Later events of a `record_key` wait until its oldest event is published, so the caller calls this function again
    after publishing. An event whose due time is later than `latest_credible_time` also counts as due, because a clock
    that was ahead has stored that time. By default there is no such limit.
    """
    return _select_events(
        conn,
        _DUE_EVENTS_QUERY,
        now=convert_to_naive_utc(now),
        latest_credible_time=convert_to_naive_utc(latest_credible_time),
        limit=limit,
    )


def mark_published(conn: Connection, event: OutboxEvent, now: datetime) -> bool:
    """Mark an event as published. Return False if another process has marked it before."""
    return (
        conn.execute(_MARK_EVENT_PUBLISHED_STATEMENT, {"row_id": event.id, "at": convert_to_naive_utc(now)}).rowcount
        == 1
    )


def postpone_event(conn: Connection, event: OutboxEvent, next_at: datetime, error: str) -> bool:
    """Count a failed attempt to publish an event, store its error (`error`), and set the time of the next attempt
    (`next_at`). Return False if another process has published the event or counted an attempt since it was read.
    """
    values = {
        "row_id": event.id,
        "attempts_as_read": event.attempts,
        "next_attempt_at": convert_to_naive_utc(next_at),
        "error": error,
    }
    return conn.execute(_POSTPONE_EVENT_STATEMENT, values).rowcount == 1


def has_retry_after(conn: Connection, instant: datetime) -> bool:
    """True if an attempt to publish an unpublished event has failed, and its next attempt is scheduled after
    `instant`.
    """
    return conn.execute(_LATER_ATTEMPT_QUERY, {"instant": convert_to_naive_utc(instant)}).first() is not None


def count_unpublished_events(conn: Connection) -> OutboxCounts:
    """Return the number of unpublished events and the creation time of the oldest one, for metrics."""
    count, oldest = conn.execute(_UNPUBLISHED_COUNTS_QUERY).one()
    return OutboxCounts(int(count), read_as_utc(oldest))


def _select_events(conn: Connection, query: Select[Any], **values: object) -> tuple[OutboxEvent, ...]:
    """Return the events that the query finds with the parameters `values`. Rows that can't be read are left out."""
    return unreadable_rows.select_readable_records(conn, query, values, _read_readable_rows)


def _read_readable_rows(rows: Sequence[Row[Any]]) -> tuple[OutboxEvent, ...]:
    return unreadable_rows.read_readable_rows("outbox", rows, lambda row: _make_event(*row))


def _make_event(
    row_id: int, topic: str, event_id: str, key: str, body: str, created_at: datetime, next_at: datetime,
    attempt_count: int, last_error: str | None, published_at: datetime | None,
) -> OutboxEvent:  # fmt: skip
    return OutboxEvent(
        row_id,
        topic,
        event_id,
        key,
        body,
        convert_to_aware_utc(created_at),
        convert_to_aware_utc(next_at),
        attempt_count,
        last_error,
        read_as_utc(published_at),
    )
