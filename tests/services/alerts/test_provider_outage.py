"""A provider is down for a day: everybody backs off, people are told once, and all is caught up afterwards."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from console.domain.payments.records import RefundRequest
from console.sandbox.server import Sandbox
from console.services.alerts.provider_outage import ALERT_RULE, PROVIDER_KIND, compute_provider_subject_id
from tests.support.desks import MovedClock
from tests.support.money_desks import ending
from tests.support.payment_desks import Scene, paying, told
from tests.support.places import Place
from tests.support.recon_scene import Days

HOUR = timedelta(hours=1)
_AWAY = f"SELECT subject_kind, subject_id, resolved_at IS NULL FROM alerts WHERE rule_id = '{ALERT_RULE}'"


def later(scene: Scene, clock: MovedClock, by: timedelta) -> None:
    """Time goes on, and all due tasks run."""
    clock.offset += by
    scene.control.change_settings(advance_seconds=by.total_seconds())
    scene.place.age(by)
    scene.console.recovery.run_due()


@pytest.fixture
def scene(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Scene]:
    """With schedules as they are: scaled they would end within the day."""
    with paying(place, sandbox, clock, TIME_SCALE="1") as made:
        yield made


@pytest.mark.usefixtures("moved_server_clock")
def test_down_for_a_day(scene: Scene, place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """Payments to be polled, to be expired and to be refunded, and a day to be compared: one alert, not one each;
    calls by the back-off; afterwards each is where it belongs, and the alert is resolved.
    """
    days = Days(scene)
    days.both("ORD-9")
    for order_no in ("ORD-1", "ORD-2", "ORD-3"):
        scene.payments.start(scene.order(order_no, 3300), "paypay")
    scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
    payment = scene.of_number("paypay", "ORD-1")
    assert payment is not None
    scene.payments.probe(payment.id)
    refund = scene.console.refunds.request(RefundRequest(payment.id, "1000", "too much")).id
    scene.money.move_payment("paypay", "ORD-2", "paid", notify=False)
    before = len(scene.control.read_requests())
    scene.control.add_fault("reset", call="any", times=10_000)
    facts = told(sandbox.url) | {"TIME_SCALE": "1"}
    with place.opened(sandbox, clock, person="lead-b", desk=2, **facts) as lead:
        assert ending(lambda: lead.refunds.approve(refund)) != "done"
    days.announce()
    later(scene, clock, timedelta(minutes=2))
    for _ in range(12):
        later(scene, clock, 2 * HOUR)
    number = compute_provider_subject_id("paypay")
    assert scene.place.sql(_AWAY) == [(PROVIDER_KIND, number, 1)]
    assert len(scene.control.read_requests()) - before < 5 * 40
    scene.control.clear_faults()
    for _ in range(3):
        later(scene, clock, HOUR)
    assert scene.place.sql(_AWAY) == [(PROVIDER_KIND, number, 0)]
    for _ in range(8):  # the schedules' last gaps are a day
        later(scene, clock, 24 * HOUR)
    assert [scene.order_now(f"ORD-{nth}").state.value for nth in (1, 2, 3)] == ["paid", "paid", "cancelled"]
    assert scene.place.sql("SELECT status FROM refunds") == [("completed",)]
    assert scene.place.sql("SELECT state FROM reconciliations WHERE state <> 'done'") == []


@pytest.mark.engines("sqlite")
def test_a_few_minutes_are_nobodys_alert(scene: Scene, clock: MovedClock) -> None:
    """However often it was asked meanwhile; the next usable answer begins anew."""
    scene.payments.start(scene.order("ORD-1", 3300), "paypay")
    for _ in range(2):
        scene.control.add_fault("reset", call="any", times=10_000)
        for _ in range(8):
            later(scene, clock, timedelta(minutes=1))
        scene.control.clear_faults()
        scene.payments.probe(1)
    later(scene, clock, HOUR)
    assert scene.place.sql(_AWAY) == []
