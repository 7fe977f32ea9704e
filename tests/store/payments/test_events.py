"""Tests that each event of a payment is stored once, however often it is received and by however many processes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.store.database.engine import Database
from console.store.payments import events as payment_events
from console.store.payments.events import PaymentEvent
from tests.store.money_rows import NOW

PAYMENT_EVENT = PaymentEvent(
    "paypay", "N-1", "payment.succeeded", "queued", '{"a": 1}', 5, "ORD-1", 3_300, "JPY", NOW
)


def test_a_payment_event_is_stored_once(connection: Connection) -> None:
    """A second event with the same id doesn't change the first event. An event with the same id from another source
    is stored as an event of its own."""
    later = NOW + timedelta(hours=1)
    assert payment_events.add_event(connection, PAYMENT_EVENT, "worker", NOW)
    again = PaymentEvent("paypay", "N-1", "payment.failed", "kept", "{}")
    assert not payment_events.add_event(connection, again, "worker", later)
    other = PaymentEvent("bank", "N-1", "payment.succeeded", "unmatched", "{}")
    assert payment_events.add_event(connection, other, "worker", later)
    stored_event = payment_events.find_by_event_id(connection, "paypay", "N-1")
    assert stored_event is not None
    assert (stored_event.kind, stored_event.body, stored_event.received_at, stored_event.occurred_at) == (
        PAYMENT_EVENT.kind,
        PAYMENT_EVENT.body,
        NOW,
        NOW,
    )
    assert payment_events.find_by_payment(connection, 5) == (stored_event,)
    assert payment_events.find_by_event_id(connection, "paypay", "N-2") is None


def test_the_result_of_an_event_is_written_once(connection: Connection) -> None:
    """The result of an event is written once; the call of a second caller returns False."""
    for number in range(3):
        assert payment_events.add_event(
            connection, PaymentEvent("bank", f"N-{number}", "x", "queued", "{}"), "worker", NOW
        )
    first, *others = payment_events.list_events_with_state(connection, "queued", 10)
    assert payment_events.write_event_state(connection, first, "booked", 7)
    assert not payment_events.write_event_state(connection, first, "kept", None)
    assert payment_events.list_events_with_state(connection, "queued", 10) == tuple(others)
    assert payment_events.list_events_with_state(connection, "queued", 1, others[0].id) == tuple(others[1:])
    assert [(one.state, one.payment_id) for one in payment_events.find_by_payment(connection, 7)] == [("booked", 7)]


def test_a_long_body_is_cut(connection: Connection) -> None:
    """The stored text of a payment's notice is cut at the maximum length."""
    payment_events.add_event(connection, PaymentEvent("bank", "N-1", "x", "kept", "架" * 30_000), "worker", NOW)
    stored_event = payment_events.find_by_event_id(connection, "bank", "N-1")
    assert stored_event is not None
    assert len(stored_event.body) == payment_events.LONGEST_BODY_CHARACTERS


def test_an_event_that_the_database_refuses_raises_an_error(connection: Connection) -> None:
    """Storing an event returns False only if the event is already stored. It raises the error if the database refuses
    the row."""
    with pytest.raises(IntegrityError):
        payment_events.add_event(connection, PaymentEvent("bank", "N-1", None, "kept", "{}"), "worker", NOW)  # type: ignore[arg-type]


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_one_of_many_threads_stores_an_event(database_without_person_triggers: Database) -> None:
    """If many threads store the same events at the same moment, exactly one call for each event returns True."""

    def store_event(number: int) -> bool:
        event = PaymentEvent("crowd", f"N-{number % 3}", "x", "kept", "{}")
        return database_without_person_triggers.write(
            lambda tx: payment_events.add_event(tx.conn, event, "worker", NOW)
        )

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(store_event, range(24))) == 3
