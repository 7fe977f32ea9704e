"""Tests of a provider that is unreachable for a day: its calls follow the back-off, people get one alert, and
afterwards all records reach their right state.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from console.app import Console
from console.domain.alerts.provider_subjects import PROVIDER_KIND, compute_provider_subject_id
from console.domain.payments.records import RefundRequest
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.sandbox.server import Sandbox
from console.services.alerts.provider_outage import ALERT_RULE, ProviderOutageAlerts
from console.services.process.context import WORKER, act_as
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.monitoring import recent_activity
from console.store.records import evidence
from tests.support.desks import MovedClock
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.payment_desks import PaymentDesk, make_settings, open_payment_desk, pass_time
from tests.support.places import Place
from tests.support.quick_desks import ManualClock, open_quick_desk
from tests.support.reconciled_day import ReconciledDay
from tests.support.refusals import call_and_get_code

HOUR = timedelta(hours=1)
_SELECT_OUTAGE_ALERTS_SQL = (
    f"SELECT subject_kind, subject_id, resolved_at IS NULL FROM alerts WHERE rule_id = '{ALERT_RULE}'"
)


def pass_time_and_run_tasks(scene: PaymentDesk, clock: MovedClock, duration: timedelta) -> None:
    """Move the clocks of the desk, the sandbox and the leases by `duration`, and run all due tasks."""
    pass_time(scene, clock, duration)
    scene.place.move_lease_clock(duration)
    scene.console.recovery.run_all_tasks()


@pytest.fixture
def scene(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[PaymentDesk]:
    """A desk that takes payments. Its waits aren't shortened as in other tests, because shortened schedules would end
    within the simulated day.
    """
    with open_payment_desk(place, sandbox, clock, TIME_SCALE="1") as made:
        yield made


@pytest.mark.usefixtures("moved_server_clock")
def test_a_long_outage_raises_one_alert(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock
) -> None:
    """PayPay is unreachable for a day while payments must be polled, expired and refunded and a day must be
    reconciled. All this raises one alert, and the desk makes few calls. Afterwards each record has its right state,
    and the alert is closed.
    """
    days = ReconciledDay(scene)
    days.add_payment_on_both_sides("ORD-9")
    for order_no in ("ORD-1", "ORD-2", "ORD-3"):
        scene.payments.start(scene.insert_order(order_no, 3300), "paypay")
    scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    scene.payments.probe(payment.id)
    refund = scene.console.refunds.request(RefundRequest(payment.id, "1000", "too much")).id
    scene.money.change_payment_state("paypay", "ORD-2", "paid", notify=False)
    before = len(scene.control.read_requests())
    scene.control.add_fault("reset", call="any", times=10_000)
    facts = make_settings(sandbox.url) | {"TIME_SCALE": "1"}
    with place.open_desk(sandbox, clock, person="lead-b", desk=2, **facts) as lead:
        assert call_and_get_code(lambda: lead.refunds.approve(refund)) != "done"
    days.announce_file()
    pass_time_and_run_tasks(scene, clock, timedelta(minutes=2))
    for _ in range(12):
        pass_time_and_run_tasks(scene, clock, 2 * HOUR)
    number = compute_provider_subject_id("paypay")
    assert scene.place.sql(_SELECT_OUTAGE_ALERTS_SQL) == [(PROVIDER_KIND, number, 1)]
    assert len(scene.control.read_requests()) - before < 5 * 40
    scene.control.clear_faults()
    for _ in range(3):
        pass_time_and_run_tasks(scene, clock, HOUR)
    assert scene.place.sql(_SELECT_OUTAGE_ALERTS_SQL) == [(PROVIDER_KIND, number, 0)]
    for _ in range(8):  # the schedules' last gaps are a day
        pass_time_and_run_tasks(scene, clock, 24 * HOUR)
    assert [scene.read_order(f"ORD-{nth}").state.value for nth in (1, 2, 3)] == ["paid", "paid", "cancelled"]
    assert scene.place.sql("SELECT status FROM refunds") == [("completed",)]
    assert scene.place.sql("SELECT state FROM reconciliations WHERE state <> 'done'") == []


@pytest.mark.engines("sqlite")
def test_a_short_outage_raises_no_alert(scene: PaymentDesk, clock: MovedClock) -> None:
    """A provider that is unreachable for eight minutes raises no alert, however many calls fail. A usable answer
    restarts the measurement of the outage.
    """
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    for _ in range(2):
        scene.control.add_fault("reset", call="any", times=10_000)
        for _ in range(8):
            pass_time_and_run_tasks(scene, clock, timedelta(minutes=1))
        scene.control.clear_faults()
        scene.payments.probe(1)
    pass_time_and_run_tasks(scene, clock, HOUR)
    assert scene.place.sql(_SELECT_OUTAGE_ALERTS_SQL) == []


@pytest.fixture
def quick_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """Yield a desk that reads evidence in pages of five."""
    monkeypatch.setattr(recent_activity, "MAX_ROWS_PER_FUNCTION", 5)
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox(), ManualClock(), TIME_SCALE="1") as made:
        yield made


def store_answers(desk: Console, source: str, outcome: OutcomeClass, *minutes_ago: float) -> None:
    """Store an answer with this source and outcome for each of these times before now."""
    now = desk._context.now()

    def insert_answers(tx: Transaction) -> None:
        for minutes in minutes_ago:
            answer: Outcome[None] = Outcome(
                outcome, "x", SendingCertainty.YES, status=200 if outcome is OutcomeClass.SUCCEEDED else None
            )
            at = now - timedelta(minutes=minutes)
            evidence.add_answer(tx.conn, ("payment", None), None, source, "w", answer, at)

    desk._context.write(insert_answers)


def list_outages(desk: Console) -> list[str]:
    """Update the alerts about outages, and return the providers that are away."""
    with act_as(WORKER):
        ProviderOutageAlerts(desk._context).update_alerts()
    with desk.database.read() as conn:
        return [alert.observed.partition(":")[0] for alert in alerts.list_open_alerts_of_rule(conn, ALERT_RULE, 9)]


def test_a_busy_provider_hides_no_outage_of_another(quick_desk: Console) -> None:
    """The few failed calls of a provider are followed by many usable answers of another: the outage is found."""
    store_answers(quick_desk, "alarmbox.detail", OutcomeClass.UNKNOWN, 55, 45, 35)
    store_answers(quick_desk, "paypay.payment", OutcomeClass.SUCCEEDED, *[10 - number / 10 for number in range(40)])
    assert list_outages(quick_desk) == ["alarmbox"]


def test_many_failed_calls_are_an_outage(quick_desk: Console) -> None:
    """The calls of two providers fail once a minute for half an hour: both have an outage alert, although one page
    of the list of calls then covers only few minutes.
    """
    for number in range(60):
        source = ("paypay.payment", "atom.status")[number % 2]
        store_answers(quick_desk, source, OutcomeClass.UNKNOWN, 30 - number / 2)
    assert sorted(list_outages(quick_desk)) == ["atom", "paypay"]


def test_a_stored_daily_file_ends_no_outage(quick_desk: Console) -> None:
    """A reconciliation from a stored daily file sends nothing, so its evidence leaves the outage open. The next
    usable answer ends it."""
    store_answers(quick_desk, "paypay.payment", OutcomeClass.UNKNOWN, 30, 20, 10)
    store_answers(quick_desk, "paypay.recon", OutcomeClass.SUCCEEDED, 1)
    assert list_outages(quick_desk) == ["paypay"]
    store_answers(quick_desk, "paypay.payment", OutcomeClass.SUCCEEDED, 0)
    assert list_outages(quick_desk) == []
