"""Tests of a worker whose clock jumps by a day forward or back and is then corrected: all work is done soon
afterwards, and nothing is reported, requested or booked twice. The providers' clock is always right. Sagas have
separate tests. Leases and takes on servers use the server's clock (`store/database/lease_clock.py`,
`store/records/takes.py`).
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pytest

from console.domain.calendar_days import JST
from console.domain.payments.states import PaymentState
from console.sandbox.server import Sandbox
from console.services.process.context import act_as
from console.store.alerts import outbox
from console.store.records import takes
from tests.support.alert_receiver import SIGNATURE_KEY, AlertReceiver, receive_alerts
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place

ONE_DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SHORT_RUN_MINUTES = 5
"""Number of minutes, after the clock is right again, within which the worker has run all overdue tasks."""
parametrize_by_jump = pytest.mark.parametrize("jump", [ONE_DAY, -ONE_DAY], ids=["forth", "back"])
EXPECTS_LOG_OF_REFUSED_QUERIES = pytest.mark.expects_log(
    "a provider that judges the time of a question refuses all of them meanwhile"
)


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with receive_alerts() as made:
        yield made


@pytest.fixture
def scene(place: Place, sandbox: Sandbox, clock: MovedClock, receiver: AlertReceiver) -> Iterator[PaymentDesk]:
    """Yield a desk with unscaled waits, because the longest step of a schedule must be as long as the jump."""
    settings = {"ALERTS_WEBHOOK_URL": receiver.url, "SECRET_ALERTS_WEBHOOK_KEY": SIGNATURE_KEY, "TIME_SCALE": "1"}
    clock.stop()
    with open_payment_desk(place, sandbox, clock, **settings) as made:
        yield made


def run_minutes(scene: PaymentDesk, clock: MovedClock, count: int) -> None:
    """Run every task of the scheduler, also those that aren't due, and move the test's clock on by a minute, `count`
    times."""
    for _ in range(count):
        scene.console.recovery.run_all_tasks()
        clock.offset += MINUTE


@EXPECTS_LOG_OF_REFUSED_QUERIES
@parametrize_by_jump
def test_payments_around_a_clock_jump_are_booked_once(scene: PaymentDesk, clock: MovedClock, jump: timedelta) -> None:
    """Payments start before, during and after the jump and are paid. Each is booked once, and soon."""
    begun: dict[str, int] = {}
    plan = [("ORD-1", "paypay", timedelta()), ("ORD-2", "atom", jump), ("ORD-3", "paypay", timedelta())]
    for number, provider, wrong in plan:
        clock.offset = wrong
        currency, minor = ("INR", 50_000) if provider == "atom" else ("JPY", 3_300)
        begun[number] = scene.payments.start(scene.insert_order(number, minor, currency), provider).payment.id
        run_minutes(scene, clock, 2)
        scene.money.change_payment_state(provider, number, "paid", notify=False)
    clock.offset = timedelta()
    run_minutes(scene, clock, SHORT_RUN_MINUTES)
    for number, payment_id in begun.items():
        payment = scene.read_payment(payment_id)
        assert (payment.state, payment.captured_minor) == (PaymentState.COMPLETED, payment.asked_minor), number
        assert scene.read_order(number).state == "paid"
    assert scene.list_open_alert_rules() == []
    scene.console.audit.verify_chains()


@EXPECTS_LOG_OF_REFUSED_QUERIES
@parametrize_by_jump
@pytest.mark.engines("sqlite")
def test_a_payment_whose_notice_was_refused_is_booked_by_a_poll(
    scene: PaymentDesk, clock: MovedClock, jump: timedelta
) -> None:
    """While the clock is a day behind, a genuine notice is refused because its time seems to be in the future. While
    the clock is a day ahead, the notice is accepted but books nothing. A poll books its payment later, and the same
    notice is then accepted and books nothing more.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment.id
    scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
    post = scene.make_provider_notice("paypay", "ORD-1")
    clock.offset = jump
    receipt = scene.payments.receive_notice(post)
    assert receipt.is_refused == (jump < timedelta())
    assert scene.read_payment(payment).captured_minor == 0
    run_minutes(scene, clock, 2)
    clock.offset = timedelta()
    run_minutes(scene, clock, SHORT_RUN_MINUTES)
    assert (scene.read_payment(payment).state, scene.read_payment(payment).captured_minor) == (
        PaymentState.COMPLETED,
        3300,
    )
    assert scene.payments.receive_notice(post).is_refused is False
    assert scene.read_payment(payment).captured_minor == 3300


@parametrize_by_jump
@pytest.mark.expects_log("events that are not taken are told of")
@pytest.mark.engines("sqlite")
def test_events_written_under_a_wrong_clock_are_published(
    scene: PaymentDesk, clock: MovedClock, receiver: AlertReceiver, jump: timedelta
) -> None:
    """Events that were written or postponed while the clock was wrong are sent soon and in order, and the receiver
    accepts each once.
    """
    refused = {"a-2", "b-1"}
    receiver.answers = lambda event, _: 503 if event["event_id"] in refused else 204
    for name, wrong in (("a-1", timedelta()), ("a-2", jump), ("b-1", jump), ("a-3", timedelta())):
        clock.offset = wrong
        scene.context.write(
            lambda tx, name=name: outbox.add_event(  # type: ignore[misc]  # of this turn
                tx.conn, "t", name, name[0], f'{{"event_id": "{name}"}}', scene.context.now()
            )
        )
        run_minutes(scene, clock, 1)
    assert "a-3" not in receiver.event_ids
    refused.clear()
    receiver.events.clear()
    clock.offset = timedelta()
    run_minutes(scene, clock, SHORT_RUN_MINUTES)
    assert sorted(receiver.event_ids) == ["a-2", "a-3", "b-1"]
    assert receiver.event_ids.index("a-2") < receiver.event_ids.index("a-3")
    assert scene.list_open_alert_rules("outbox") == []


@parametrize_by_jump
@pytest.mark.engines("sqlite")
def test_a_clock_jump_raises_an_alert_once(
    scene: PaymentDesk, clock: MovedClock, receiver: AlertReceiver, jump: timedelta
) -> None:
    """Alerts whose cause came before or during the jump are raised once each and closed once each, whether the
    clock is right or wrong at that moment.
    """
    for number, wrong in (("ORD-1", timedelta()), ("ORD-2", jump)):
        clock.offset = wrong
        started = scene.payments.start(scene.insert_order(number, 50_000, "INR"), "atom").payment.id
        scene.place.sql(f"UPDATE orders SET total_amount = 60000 WHERE merch_txn_id = '{number}'")
        scene.money.change_payment_state("atom", number, "paid", notify=False)
        scene.payments.probe(started)
        run_minutes(scene, clock, 1)
    clock.offset = timedelta()
    run_minutes(scene, clock, SHORT_RUN_MINUTES + 2)
    assert Counter((event["event"], event["order_no"]) for event in receiver.events) == {
        ("AlertRaised", "ORD-1"): 1,
        ("AlertRaised", "ORD-2"): 1,
    }
    scene.place.sql("UPDATE orders SET total_amount = 50000")
    for wrong in (jump, timedelta()):
        clock.offset += wrong
        with act_as("op-a"):
            for number in ("ORD-1", "ORD-2"):
                payment = scene.find_payment("atom", number)
                assert payment is not None
                if scene.read_order(number).state == "pending":
                    scene.payments.set_order_paid(payment.id)
        run_minutes(scene, clock, 2)
        clock.offset -= wrong
    assert Counter(event["event"] for event in receiver.events) == {"AlertRaised": 2, "AlertResolved": 2}
    assert len(set(receiver.event_ids)) == 4
    assert scene.list_open_alert_rules("order") == []


@parametrize_by_jump
@pytest.mark.engines("sqlite")
def test_a_day_compared_too_early_is_compared_again(scene: PaymentDesk, clock: MovedClock, jump: timedelta) -> None:
    """The due reconciliations run while the clock is wrong. If it is ahead, today is compared before it has ended,
    because the clock says that today was yesterday. When the day has ended, it is compared, as a whole and once.
    """
    midnight = datetime.combine(scene.context.now().astimezone(JST).date() + ONE_DAY, time(), JST)
    clock.offset = morning = midnight + timedelta(hours=1) - scene.context.now()
    early, late = scene.context.now().isoformat(), (midnight + timedelta(hours=23)).isoformat()
    scene.insert_order("ORD-1", 3300)
    assert not scene.payments.receive_notice(scene.make_bank_notice("e-1", "ORD-1", occurred_at=early)).is_refused
    reconcile_due_days = scene.console.reconciliation.reconcile_due_days
    before = reconcile_due_days()
    clock.offset += jump
    reconcile_due_days()
    clock.offset = morning
    assert reconcile_due_days() == 0
    clock.offset += timedelta(hours=22)
    scene.insert_order("ORD-2", 4400)
    assert not scene.payments.receive_notice(
        scene.make_bank_notice("e-2", "ORD-2", "4400", occurred_at=late)
    ).is_refused
    clock.offset += timedelta(hours=1, minutes=10)
    assert (before, reconcile_due_days(), reconcile_due_days()) == (0, 1, 0)
    newest = scene.console.reconciliation.list_latest_reports("bank")[0]
    assert (newest.from_day, newest.matched) == (midnight.date(), 2)


@parametrize_by_jump
@pytest.mark.engines("sqlite")
def test_a_take_lasts_half_an_hour(scene: PaymentDesk, clock: MovedClock, jump: timedelta) -> None:
    """A take that was made while the desk's clock was wrong by a day has ended 31 minutes after the test's start,
    and a new take lasts 30 minutes. On a server the desk's clock is not used for takes.
    """
    number = scene.insert_order("ORD-1", 3300)
    clock.offset = jump
    scene.console.recovery.take("order", number)
    clock.offset = timedelta(minutes=31)
    with scene.context.database.read() as conn:
        assert takes.read_takes(conn, "order", [number], scene.context.now()) == {}
    assert scene.console.recovery.take("order", number).until - scene.context.now() == timedelta(minutes=30)
