"""Tests that a worker process sends to other programs, at least once, the alert about a database that was set back to
an earlier state.
"""

from collections.abc import Iterator

import pytest

from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.store.audit.anchors import DATABASE_WENT_BACK_RULE
from tests.support import backups
from tests.support.alert_receiver import SIGNATURE_KEY, AlertReceiver, receive_alerts
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.waiting import wait_until
from tests.support.worker_process import fork_worker

FIRST_NUMBER, SECOND_NUMBER, THIRD_NUMBER = invent_numbers(3, seed=41)
WORKER_DESK = 3
pytestmark = pytest.mark.expects_log("a loss is an error in the log")


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with receive_alerts() as made:
        yield made


def buy_check(place: Place, sandbox: Sandbox, number: str) -> None:
    """Open a new desk and buy at this desk a credit check of this corporation number."""
    with place.open_desk(sandbox) as desk:
        desk.credit_checks.purchase(PurchaseRequest(number, "1"))


def open_and_read_loss_alert(place: Place, sandbox: Sandbox) -> int:
    """Open the desk whose spool still has the rows that the database lost, which raises the alert. Return the id of
    the alert.
    """
    with place.open_desk(sandbox) as desk:
        (alert,) = [
            one
            for one in desk.alerts.list_alerts()
            if one.rule_id == DATABASE_WENT_BACK_RULE and one.resolved_at is None
        ]
        return alert.id


def acknowledge_alert(place: Place, sandbox: Sandbox, alert_id: int) -> None:
    """Acknowledge the alert. After that the desks accept purchases and payments again."""
    with place.open_desk(sandbox) as desk:
        desk.alerts.acknowledge(alert_id, "the disk was put back by mistake")


def list_loss_alert_events(receiver: AlertReceiver) -> list[tuple[str, int]]:
    """Return event name and alert id of each received event about the stop of all desks, oldest first. Repeated
    copies of an event count once.
    """
    event_by_id = {
        event["event_id"]: event for event in receiver.events if event["rule_id"] == DATABASE_WENT_BACK_RULE
    }
    return [(event["event"], event["alert_id"]) for event in event_by_id.values()]


def require_events_sent(
    place: Place, sandbox: Sandbox, receiver: AlertReceiver, *expected_events: tuple[str, int]
) -> None:
    """Run a worker process until the receiver has received exactly the events in `expected_events`."""
    extra = {"ALERTS_WEBHOOK_URL": receiver.url, "SECRET_ALERTS_WEBHOOK_KEY": SIGNATURE_KEY}
    with fork_worker(place, sandbox.url, desk=WORKER_DESK, person=place.notice_account_name, **extra):
        wait_until(lambda: list_loss_alert_events(receiver) == list(expected_events), f"the events {expected_events}")
    assert all(receiver.signed)


def test_the_loss_alert_and_its_acknowledgement_are_published(
    place: Place, sandbox: Sandbox, receiver: AlertReceiver
) -> None:
    """A desk raises the alert that stops all desks, and the worker sends its event, even after the receiver refuses
    the event once. The worker then sends the event of the acknowledgement. When the database is put back once more,
    the alert has the same id and its event is sent too.
    """
    buy_check(place, sandbox, FIRST_NUMBER)
    put_back = backups.take_backup(place)
    buy_check(place, sandbox, SECOND_NUMBER)
    put_back()
    alert_id = open_and_read_loss_alert(place, sandbox)
    receiver.answers = lambda _event, nth: 503 if nth == 1 else 204
    require_events_sent(place, sandbox, receiver, ("AlertRaised", alert_id))
    acknowledge_alert(place, sandbox, alert_id)
    require_events_sent(place, sandbox, receiver, ("AlertRaised", alert_id), ("AlertResolved", alert_id))
    put_back()
    assert open_and_read_loss_alert(place, sandbox) == alert_id
    first_loss = ("AlertRaised", alert_id), ("AlertResolved", alert_id)
    require_events_sent(place, sandbox, receiver, *first_loss, ("AlertRaised", alert_id))


def test_an_event_that_the_database_lacks_is_made_again(
    place: Place, sandbox: Sandbox, receiver: AlertReceiver
) -> None:
    """The database was restored without the event about the stop of all desks: the event is created again and sent
    once.
    """
    buy_check(place, sandbox, FIRST_NUMBER)
    put_back = backups.take_backup(place)
    buy_check(place, sandbox, SECOND_NUMBER)
    put_back()
    alert_id = open_and_read_loss_alert(place, sandbox)
    place.drop_table_triggers("outbox")
    place.sql("DELETE FROM outbox")
    require_events_sent(place, sandbox, receiver, ("AlertRaised", alert_id))
    assert place.sql("SELECT COUNT(*) FROM outbox WHERE published_at IS NOT NULL") == [(1,)]
