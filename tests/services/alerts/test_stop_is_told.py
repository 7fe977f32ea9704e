"""The alert of a database that went back in time reaches other programs: from a real worker, at least once."""

from collections.abc import Iterator

import pytest

from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.store.audit.anchors import DATABASE_WENT_BACK_RULE
from tests.support import backups
from tests.support.alert_receiver import KEY, Receiver, receiving
from tests.support.invented import numbers
from tests.support.places import Place
from tests.support.waiting import until
from tests.support.worker_process import forked_worker

ONE, TWO, THREE = numbers(3, seed=41)
WORKERS = 3
pytestmark = pytest.mark.expects_log("a loss is an error in the log")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def buy(place: Place, sandbox: Sandbox, number: str) -> None:
    with place.opened(sandbox) as desk:
        desk.credit_checks.purchase(PurchaseRequest(number, "1"))


def look(place: Place, sandbox: Sandbox) -> int:
    """Open the desk that knows better, which raises the alert; return the alert's id."""
    with place.opened(sandbox) as desk:
        (alert,) = [
            one
            for one in desk.alerts.list_alerts()
            if one.rule_id == DATABASE_WENT_BACK_RULE and one.resolved_at is None
        ]
        return alert.id


def acknowledge(place: Place, sandbox: Sandbox, alert_id: int) -> None:
    with place.opened(sandbox) as desk:
        desk.alerts.acknowledge(alert_id, "the disk was put back by mistake")


def stops(receiver: Receiver) -> list[tuple[str, int]]:
    """The events about the stop: what, and of which alert. Repetitions of an event count once."""
    told = {event["event_id"]: event for event in receiver.got if event["rule_id"] == DATABASE_WENT_BACK_RULE}
    return [(event["event"], event["alert_id"]) for event in told.values()]


def told(place: Place, sandbox: Sandbox, receiver: Receiver, *wanted: tuple[str, int]) -> None:
    """Run a worker of its own until the receiver has been told this."""
    extra = {"ALERTS_WEBHOOK_URL": receiver.url, "SECRET_ALERTS_WEBHOOK_KEY": KEY}
    with forked_worker(place, sandbox.url, desk=WORKERS, person=place.taker, **extra):
        until(lambda: stops(receiver) == list(wanted), f"the events {wanted}")
    assert all(receiver.signed)


def test_the_stop_and_its_end_are_told(place: Place, sandbox: Sandbox, receiver: Receiver) -> None:
    """Raised at a desk, told by the worker, also when the receiver refuses at first; then its acknowledgement; then
    the next loss, whose alert has the same id in the database that was restored once more.
    """
    buy(place, sandbox, ONE)
    put_back = backups.taken(place)
    buy(place, sandbox, TWO)
    put_back()
    alert_id = look(place, sandbox)
    receiver.answers = lambda _event, nth: 503 if nth == 1 else 204
    told(place, sandbox, receiver, ("AlertRaised", alert_id))
    acknowledge(place, sandbox, alert_id)
    told(place, sandbox, receiver, ("AlertRaised", alert_id), ("AlertResolved", alert_id))
    put_back()
    assert look(place, sandbox) == alert_id
    first_loss = ("AlertRaised", alert_id), ("AlertResolved", alert_id)
    told(place, sandbox, receiver, *first_loss, ("AlertRaised", alert_id))


def test_an_event_that_the_database_lacks_is_made_again(place: Place, sandbox: Sandbox, receiver: Receiver) -> None:
    """The table of events was restored alone, without the stop's: it is told all the same, and once."""
    buy(place, sandbox, ONE)
    put_back = backups.taken(place)
    buy(place, sandbox, TWO)
    put_back()
    alert_id = look(place, sandbox)
    place.unguard("outbox")
    place.sql("DELETE FROM outbox")
    told(place, sandbox, receiver, ("AlertRaised", alert_id))
    assert place.sql("SELECT COUNT(*) FROM outbox WHERE published_at IS NOT NULL") == [(1,)]
