"""Tests of the outbox: each event is stored once, the events of one key are published in their order, and an event
that can't be published is postponed."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.store.alerts import outbox
from console.store.alerts.outbox import OutboxCounts, OutboxEvent
from console.store.database.engine import Database
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW

TOPIC = "alerts.v1"
FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)


def add_event(conn: Connection, event: str, key: str = "ORD-1", seconds: int = 0) -> OutboxEvent:
    assert outbox.add_event(conn, TOPIC, event, key, f'{{"id": "{event}"}}', NOW + timedelta(seconds=seconds))
    stored_event = outbox.find(conn, event)
    assert stored_event is not None
    return stored_event


def list_waiting_events(conn: Connection, limit: int = 9) -> list[str]:
    return [event.event_id for event in outbox.list_due_events(conn, FIVE_MINUTES_LATER, limit)]


def test_an_outbox_event_is_stored_once(person_connection: Connection) -> None:
    """An event is stored with its first content and is due at once; its `repr` doesn't contain the body. A second
    event with the same id is not stored."""
    first = add_event(person_connection, "e1")
    assert first == OutboxEvent(first.id, TOPIC, "e1", "ORD-1", '{"id": "e1"}', NOW, NOW)
    assert not outbox.add_event(person_connection, TOPIC, "e1", "ORD-9", "{}", FIVE_MINUTES_LATER)
    assert outbox.list_due_events(person_connection, NOW, 9) == (first,)
    assert outbox.find(person_connection, "e2") is None
    assert first.body not in repr(first)


def test_events_of_a_key_become_due_in_order(person_connection: Connection) -> None:
    """An event becomes due only after the earlier events of its key are published; events of other keys don't delay
    it."""
    one, two = add_event(person_connection, "e1"), add_event(person_connection, "e2", seconds=1)
    add_event(person_connection, "e3", key="ORD-2", seconds=2)
    assert list_waiting_events(person_connection) == ["e1", "e3"]
    assert list_waiting_events(person_connection, 1) == ["e1"]
    assert outbox.postpone_event(person_connection, one, FIVE_MINUTES_LATER + timedelta(seconds=1), "refused")
    assert list_waiting_events(person_connection) == ["e3"]
    assert outbox.mark_published(person_connection, one, FIVE_MINUTES_LATER)
    assert list_waiting_events(person_connection) == ["e2", "e3"]
    assert outbox.mark_published(person_connection, two, FIVE_MINUTES_LATER)
    assert list_waiting_events(person_connection) == ["e3"]


def test_an_event_is_marked_as_published_once(person_connection: Connection) -> None:
    """Only one process can mark an event as published: the call of a second process returns False. The event can't be
    postponed afterwards.
    """
    event = add_event(person_connection, "e1")
    assert outbox.mark_published(person_connection, event, NOW)
    assert not outbox.mark_published(person_connection, event, FIVE_MINUTES_LATER)
    assert not outbox.postpone_event(person_connection, event, FIVE_MINUTES_LATER, "late")
    stored_event = outbox.find(person_connection, "e1")
    assert stored_event is not None
    assert (stored_event.published_at, stored_event.attempts, stored_event.last_error) == (NOW, 0, None)


def test_a_postponed_event_counts_an_attempt(person_connection: Connection) -> None:
    """Postponing an event stores the reason and counts one attempt. A caller that passes the row as it was before the
    change gets False. Publishing the event deletes the stored reason."""
    event = add_event(person_connection, "e1")
    assert outbox.postpone_event(person_connection, event, FIVE_MINUTES_LATER, "timeout")
    assert not outbox.postpone_event(person_connection, event, FIVE_MINUTES_LATER, "timeout")
    stored_event = outbox.find(person_connection, "e1")
    assert stored_event is not None
    assert (stored_event.attempts, stored_event.last_error, stored_event.next_at) == (
        1,
        "timeout",
        FIVE_MINUTES_LATER,
    )
    assert outbox.list_due_events(person_connection, NOW, 9) == ()
    assert outbox.mark_published(person_connection, stored_event, FIVE_MINUTES_LATER)
    taken = outbox.find(person_connection, "e1")
    assert taken is not None
    assert (taken.attempts, taken.last_error, taken.published_at) == (1, None, FIVE_MINUTES_LATER)


def test_waiting_events_are_counted(person_connection: Connection) -> None:
    """The outbox returns the number of waiting events, due or not, and the time of the oldest one."""
    assert outbox.count_unpublished_events(person_connection) == OutboxCounts(0, None)
    one = add_event(person_connection, "e1")
    add_event(person_connection, "e2", seconds=7)
    assert outbox.count_unpublished_events(person_connection) == OutboxCounts(2, NOW)
    outbox.mark_published(person_connection, one, FIVE_MINUTES_LATER)
    assert outbox.count_unpublished_events(person_connection) == OutboxCounts(1, NOW + timedelta(seconds=7))


def test_an_event_that_the_database_refuses_raises_an_error(person_connection: Connection) -> None:
    """`add_event` returns False only for an event that is already stored. It raises the error if the database refuses
    the row."""
    with pytest.raises(IntegrityError):
        outbox.add_event(person_connection, TOPIC, "e1", None, "{}", NOW)  # type: ignore[arg-type]  # what must never be


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_one_of_many_processes_stores_and_publishes_an_event(databases: tuple[Database, ...]) -> None:
    """If many processes store the same event, or mark it as published, exactly one process gets True."""
    assert sum(run_at_once(databases, lambda tx, _: outbox.add_event(tx.conn, TOPIC, "e1", "k", "{}", NOW))) == 1
    with databases[0].read() as conn:
        event = outbox.find(conn, "e1")
    assert event is not None
    assert sum(run_at_once(databases, lambda tx, _: outbox.mark_published(tx.conn, event, NOW))) == 1
