"""Tests of the timeout of a payment: after its deadline the program reads it once more and expires it, cancels its
order and releases the order's stock.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from console.domain.explained_state import CertaintyBadge
from console.domain.payments.records import Payment
from console.domain.tasks.saga_progress import SagaProgress, StepState
from console.domain.tasks.states import SagaState
from console.services.payments import timeouts as payment_timeouts
from console.services.payments.timeout_start import STUCK_SAGA_RULE, TIMEOUT_SAGA_STEP_NAMES
from console.services.process.context import WORKER, act_as
from console.services.tasks import saga_runner as saga_running
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import orders
from console.store.payments import payment_deadlines as payment_times
from console.store.payments import stock_reservations as stock_rows
from console.store.tasks import sagas as sagas_table
from console.wording.records import get_record_provider_name
from console.wording.sentences.text_context import FileTextContext
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.payment_desks import PaymentDesk, pass_time
from tests.support.waiting import MAX_WAIT_SECONDS

pytestmark = pytest.mark.usefixtures("moved_server_clock")
TIME_TO_PAY = timedelta(seconds=300)
"""Time during which a payment code of the sandbox's PayPay can be paid."""
PAST_TIME_TO_PAY = TIME_TO_PAY + timedelta(seconds=5)


@pytest.fixture
def scene(scene: PaymentDesk, clock: MovedClock) -> PaymentDesk:
    """Return a desk that takes payments, with a shop that holds stock."""
    return scene


def start_with_stock(
    scene: PaymentDesk, number: str = "ORD-1", provider: str = "paypay", held_count: int = 2
) -> Payment:
    """Start a payment of a new order (order number `number`) for which the shop holds `held_count` items, and return
    the payment."""
    currency = "INR" if provider == "atom" else "JPY"
    order = scene.insert_order(number, 50_000 if provider == "atom" else 3300, currency)
    hold_stock(scene, order, held_count)
    return scene.payments.start(order, provider).payment


def hold_stock(scene: PaymentDesk, order: int, piece_count: int, state: str = "held") -> None:
    """Insert `piece_count` stock reservations in the state `state` for the order with the id `order`."""
    for piece in range(piece_count):
        scene.place.sql(
            "INSERT INTO stock_reservations (order_id, item, quantity, status, created_at)"
            f" VALUES ({order}, 'SKU-{piece}', 1, '{state}', '2026-11-20 03:00:00')"
        )


def read_stock_states(scene: PaymentDesk, number: str = "ORD-1") -> list[str]:
    """Return the states of the stock reservations of the order with this order number."""
    order = scene.read_order(number).id
    rows = scene.place.sql(f"SELECT status FROM stock_reservations WHERE order_id = {order} ORDER BY id")
    return [str(state) for (state,) in rows]


def run_due_tasks_and_count_payments(scene: PaymentDesk) -> int:
    """Run all due tasks; return the number of payments that the timeout task processed."""
    return {run.task: run.count for run in scene.run_due_tasks()}[payment_timeouts.TIMEOUT_TASK_NAME]


def read_sagas(scene: PaymentDesk, number: str = "ORD-1") -> tuple[SagaProgress, ...]:
    """Return the sagas that the page of the order with this order number shows."""
    return scene.payments.read_order(scene.read_order(number).id).sagas


def read_single_saga(scene: PaymentDesk, number: str = "ORD-1") -> SagaProgress:
    """Return the only saga of the order with this order number."""
    (one,) = read_sagas(scene, number)
    return one


def read_step_states(progress: SagaProgress) -> list[str]:
    """Return the states of the saga's steps."""
    return [step.state.value for step in progress.steps]


def read_final_states(scene: PaymentDesk, payment: Payment, number: str = "ORD-1") -> tuple[str, str, list[str]]:
    """Return the state of the payment, the state of its order (order number `number`) and the states of the stock
    reservations."""
    return (
        scene.read_payment(payment.id).state.value,
        scene.read_order(number).state.value,
        read_stock_states(scene, number),
    )


TEST_START_TIME = convert_to_naive_utc(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
STATES_AFTER_EXPIRY = ("expired", "cancelled", ["released", "released"])


def test_the_steps_of_a_timeout_run_once_in_order(scene: PaymentDesk, clock: MovedClock) -> None:
    """The payment is read and expired, its order is cancelled and its stock is released. Each step runs once and in
    this order, as the audit trail shows, and a second run changes nothing.
    """
    payment = start_with_stock(scene)
    assert run_due_tasks_and_count_payments(scene) == 0
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    query_count = len(scene.control.read_requests(call="paypay_payment"))
    assert run_due_tasks_and_count_payments(scene) >= 1
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY
    assert len(scene.control.read_requests(call="paypay_payment")) > query_count
    progress = read_single_saga(scene)
    assert (progress.record.state, progress.record.reason, read_step_states(progress)) == (
        SagaState.DONE,
        None,
        ["done"] * 4,
    )
    assert [step.name for step in progress.steps] == list(TIMEOUT_SAGA_STEP_NAMES)
    trail = ("payment.expired", "order.cancelled", "order.stock_released")
    what = ", ".join(f"'{one}'" for one in trail)
    entries = scene.place.sql(f"SELECT what FROM audit_log WHERE what IN ({what}) ORDER BY id")
    assert [str(one) for (one,) in entries] == list(trail)
    assert run_due_tasks_and_count_payments(scene) == 0
    assert len(read_sagas(scene)) == 1


@pytest.mark.engines("sqlite")
def test_a_report_from_an_ahead_clock_causes_no_endless_questions(scene: PaymentDesk, clock: MovedClock) -> None:
    """A desk whose clock is ahead has stored a report that seems newer than each answer of the provider: a run of the
    saga asks only twice. When the time of that report has passed, the payment expires.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.place.drop_table_triggers("payments")
    ahead = timedelta(minutes=3)
    scene.place.sql(
        f"UPDATE payments SET told_at = '{scene.context.now() + ahead:%Y-%m-%d %H:%M:%S}', work_state = 'none',"
        " work_reason = NULL, work_at = NULL"
    )
    asked_count = len(scene.control.read_requests(call="paypay_payment"))
    run_timeout_task(scene)
    assert len(scene.control.read_requests(call="paypay_payment")) - asked_count == 2
    assert scene.read_payment(payment.id).state == "token_generated"
    pass_time(scene, clock, ahead)
    run_due_tasks_and_count_payments(scene)
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY


def test_a_payment_paid_at_the_last_read_is_booked(scene: PaymentDesk, clock: MovedClock) -> None:
    """If the last read finds that the payment was paid, the payment is booked, the order is paid and the saga
    ends.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("completed", "paid", ["held", "held"])
    progress = read_single_saga(scene)
    assert (progress.record.state, progress.record.reason) == (SagaState.DONE, "paid")
    assert read_step_states(progress) == ["done", "skipped", "skipped", "skipped"]
    assert scene.list_open_alert_rules() == []


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a row that can't be read is told")
def test_an_unreadable_payment_stops_no_other_expiry(scene: PaymentDesk, clock: MovedClock) -> None:
    """An overdue payment with a work state of a newer program is left out, and the next one expires."""
    unreadable, payment = start_with_stock(scene, "ORD-2"), start_with_stock(scene)
    scene.place.drop_table_triggers("payments")
    scene.place.sql(f"UPDATE payments SET work_state = 'of_a_newer_one' WHERE id = {unreadable.id}")
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a payment that can't be read is told")
def test_a_saga_of_an_unreadable_payment_delays_no_other_saga(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sagas wait for the provider, and then the payment of the first one can't be read. This saga doesn't fill
    the batches: the second one continues, and the first one is not tried again and again in one run.
    """
    monkeypatch.setattr(payment_timeouts, "BATCH_SIZE", 1)
    monkeypatch.setattr(payment_timeouts, "MAX_PAYMENTS_PER_RUN", 3)
    unreadable, payment = start_with_stock(scene, "ORD-2"), start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.control.add_fault("status:503", call="paypay_payment", times=2)
    run_timeout_task(scene)
    assert scene.read_payment(payment.id).state == payment.state
    scene.place.drop_table_triggers("payments")
    scene.place.sql(f"UPDATE payments SET work_state = 'of_a_newer_one' WHERE id = {unreadable.id}")
    pass_time(scene, clock, timedelta(hours=1))
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY


def run_timeout_task(scene: PaymentDesk) -> int:
    """Run only the timeout task, without the polls that normally run before it; return the number of processed
    payments.
    """
    tasks = dict(scene.machinery.list_due_tasks())
    with act_as(WORKER):
        return tasks[payment_timeouts.TIMEOUT_TASK_NAME]()


@pytest.mark.parametrize("point", ["answered_ask_provider", "before_expire_payment"])
def test_a_notice_before_the_expiry_prevents_it(
    scene: PaymentDesk, clock: MovedClock, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a notice of a success arrives after the provider's answer and before the expiry, the payment does not
    expire.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)

    def pay_and_notify() -> None:
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        scene.machinery.payments.receive_notice(scene.make_provider_notice("paypay", "ORD-1"))

    call_at_failpoint(scene, point, pay_and_notify, monkeypatch)
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("completed", "paid", ["held", "held"])
    assert read_single_saga(scene).record.reason == "paid"


def call_at_failpoint(scene: PaymentDesk, point: str, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call `act` when the code reaches this failpoint for the first time."""
    open_ = [True]
    reach = scene.context.failpoints.reach

    def act_at_failpoint(name: str) -> None:
        if name == point and open_:
            open_.clear()
            act()
        reach(name)

    monkeypatch.setattr(scene.context.failpoints, "reach", act_at_failpoint)


def test_an_old_answer_is_read_again(scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a process takes over the saga hours after the last read, it reads the payment again before it expires it,
    and finds that it was paid.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)

    def pay_hours_later() -> None:
        pass_time(scene, clock, timedelta(hours=3))
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)

    call_at_failpoint(scene, "before_expire_payment", pay_hours_later, monkeypatch)
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("completed", "paid", ["held", "held"])


def test_a_success_before_the_cancellation_prevents_it(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a success arrives between the expiry of the payment and the cancellation of its order, the order is paid and
    the expiry is compensated.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)

    def pay_and_notify() -> None:
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        scene.machinery.payments.receive_notice(scene.make_provider_notice("paypay", "ORD-1"))

    call_at_failpoint(scene, "before_cancel_order", pay_and_notify, monkeypatch)
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("completed", "paid", ["held", "held"])
    progress = read_single_saga(scene)
    assert (progress.record.state, progress.record.reason) == (SagaState.COMPENSATED, "paid_late")
    assert read_step_states(progress) == ["done", "undone", "skipped", "skipped"]
    assert scene.count_audit_entries("payment.expiry_undone") == 1


@pytest.mark.engines("sqlite", "mariadb")
def test_an_order_waits_while_its_payment_may_be_paid(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another amount is reported after the expiry, the payment may be paid, so its order and stock wait until
    people have decided.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)

    def pay_other_amount() -> None:
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        scene.control.add_fault("other_amount", call="paypay_payment")
        scene.machinery.payments.receive_notice(scene.make_provider_notice("paypay", "ORD-1"))

    call_at_failpoint(scene, "before_cancel_order", pay_other_amount, monkeypatch)
    run_timeout_task(scene)
    odd = scene.read_payment(payment.id)
    assert (odd.state, odd.certainty, odd.work.reason) == ("expired", "unknown", "amount_differs")
    assert read_final_states(scene, payment) == ("expired", "pending", ["held", "held"])
    assert (read_single_saga(scene).record.state, read_single_saga(scene).record.reason) == (
        SagaState.RUNNING,
        "unknown",
    )
    scene.control.clear_faults()
    scene.payments.probe(payment.id)
    pass_time(scene, clock, timedelta(hours=1))
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("completed", "paid", ["held", "held"])


@pytest.mark.parametrize("point", ["before_release_stock", None])
def test_a_success_after_the_cancellation_opens_a_case(
    scene: PaymentDesk, clock: MovedClock, point: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a success arrives after the order was cancelled, the payment is booked with a case. The order stays
    cancelled, its stock stays released, and the saga stays ended.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)

    def pay_and_notify() -> None:
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        scene.machinery.payments.receive_notice(scene.make_provider_notice("paypay", "ORD-1"))

    if point:
        call_at_failpoint(scene, point, pay_and_notify, monkeypatch)
    run_timeout_task(scene)
    if point is None:
        pay_and_notify()
    assert read_final_states(scene, payment) == ("completed", *STATES_AFTER_EXPIRY[1:])
    assert "paid_after_cancel" in scene.list_open_alert_rules()
    assert (read_single_saga(scene).record.state, read_step_states(read_single_saga(scene))) == (
        SagaState.DONE,
        ["done"] * 4,
    )
    pass_time(scene, clock, timedelta(days=2))
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("completed", *STATES_AFTER_EXPIRY[1:])


@pytest.mark.parametrize(("state", "reason"), [("authorized", "in_between"), ("paid_otherwise", "unknown")])
def test_a_blocked_or_unknown_payment_does_not_expire(
    scene: PaymentDesk, clock: MovedClock, state: str, reason: str
) -> None:
    """A payment with blocked money, or with a success that cannot be booked, never expires by time."""
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    if state == "authorized":
        scene.money.change_payment_state("paypay", "ORD-1", "authorized")
    else:
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        scene.control.add_fault("other_amount", call="paypay_payment", times=50)
    for _ in range(6):
        run_timeout_task(scene)
        assert scene.read_order("ORD-1").state == "pending"
        assert scene.read_payment(payment.id).state in ("token_generated", "user_payment")
        step = read_single_saga(scene).current_step
        assert step is not None
        assert (step.name, step.state, step.reason) == ("ask_provider", StepState.WAITING, reason)
        pass_time(scene, clock, timedelta(hours=2))
    assert read_stock_states(scene) == ["held", "held"]


@pytest.mark.engines("sqlite")
def test_overdue_payments_are_found_by_an_index(scene: PaymentDesk) -> None:
    """The timeout task finds overdue payments and due sagas by a database index each, without reading the whole table
    of payments.
    """
    for number in range(2):
        start_with_stock(scene, f"ORD-{number}")
    for query, values, index in (
        (
            payment_times._OVERDUE_PAYMENTS_QUERY,
            {"saga_kind": "s", "now": TEST_START_TIME, "limit": 5},
            "ix_payments_over",
        ),
        (
            sagas_table._DUE_SAGAS_QUERY,
            {"now": TEST_START_TIME, "limit": 5, "question_step": "ask", "excluded_providers": ["paypay"]},
            "ix_sagas_next",
        ),
    ):
        with scene.context.database.read() as conn:
            plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {_compile_with_values(query, values)}").all()
        steps = "; ".join(str(row[-1]) for row in plan)
        assert index in steps, steps
        assert "SCAN payments" not in steps, steps


def _compile_with_values(query: Any, values: dict[str, Any]) -> str:
    """Return the query as SQL text that contains its parameter values."""
    compiled = query.params(values).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return str(compiled)


@pytest.mark.engines("sqlite")
def test_the_same_answer_about_an_expired_payment_is_stored_once(scene: PaymentDesk, clock: MovedClock) -> None:
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.control.add_fault("status:503", call="paypay_payment", times=10_000)
    for _ in range(3):
        run_timeout_task(scene)
        pass_time(scene, clock, timedelta(hours=2))
    stored = scene.place.sql(
        "SELECT COUNT(*) FROM evidence WHERE subject_kind = 'payment'"
        f" AND subject_id = {payment.id} AND source = 'paypay.payment'"
    )
    assert stored == [(1,)]


@pytest.mark.parametrize(("fault", "max_calls"), [("status:503", 4 * 13), ("result:RATE_LIMIT", 13)])
def test_a_provider_that_is_down_for_a_day_is_asked_rarely(
    scene: PaymentDesk, clock: MovedClock, fault: str, max_calls: int
) -> None:
    """If the provider cannot be reached for a day, the program queries it at growing intervals. If the provider
    accepts no calls, each run queries it once, not for each payment. Afterwards all payments are processed.
    """
    made = [start_with_stock(scene, f"ORD-{number}") for number in range(4)]
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.control.add_fault(fault, call="paypay_payment", times=10_000)
    before = len(scene.control.read_requests(call="paypay_payment"))
    for _ in range(12):
        run_timeout_task(scene)
        pass_time(scene, clock, timedelta(hours=2))
    assert len(scene.control.read_requests(call="paypay_payment")) - before <= max_calls
    assert {scene.read_order(f"ORD-{number}").state.value for number in range(4)} == {"pending"}
    scene.control.clear_faults()
    scene.money.change_payment_state("paypay", "ORD-3", "paid", notify=False)
    for _ in range(2):
        pass_time(scene, clock, timedelta(hours=1))
        run_timeout_task(scene)
    for number, payment in enumerate(made[:3]):
        assert read_final_states(scene, payment, f"ORD-{number}") == STATES_AFTER_EXPIRY
    assert read_final_states(scene, made[3], "ORD-3") == ("completed", "paid", ["held", "held"])
    assert scene.count_audit_entries("order.cancelled") == 3


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_loses_and_doubles_nothing(scene: PaymentDesk, clock: MovedClock, days: int) -> None:
    """If our clock jumps by a day and back, an overdue payment ends once, and a payment whose money is blocked
    doesn't expire.
    """
    early, late = start_with_stock(scene, "ORD-1"), start_with_stock(scene, "ORD-2")
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.money.change_payment_state("paypay", "ORD-2", "authorized")
    clock.offset += timedelta(days=days)  # ours alone
    run_timeout_task(scene)
    clock.offset -= timedelta(days=days)
    run_timeout_task(scene)
    scene.money.change_payment_state("paypay", "ORD-2", "paid", notify=False)
    for _ in range(27):
        pass_time(scene, clock, timedelta(hours=1))
        run_timeout_task(scene)
    assert read_final_states(scene, early) == STATES_AFTER_EXPIRY
    assert read_final_states(scene, late, "ORD-2") == ("completed", "paid", ["held", "held"])
    assert [len(read_sagas(scene, number)) for number in ("ORD-1", "ORD-2")] == [1, 1]
    for what in ("payment.expired", "order.cancelled", "order.stock_released"):
        assert scene.count_audit_entries(what) == 1


def test_a_clock_put_back_between_read_and_expiry_expires_nothing_wrongly(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the clock goes back by a day between the read and the expiry, the deadline has not passed by that clock, so
    the payment does not expire.
    """
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)

    def set_clock_back() -> None:
        clock.offset -= timedelta(days=1)

    call_at_failpoint(scene, "before_expire_payment", set_clock_back, monkeypatch)
    run_timeout_task(scene)
    assert scene.read_order("ORD-1").state == "pending"
    assert scene.read_payment(payment.id).state in ("token_generated", "user_payment")
    clock.offset += timedelta(days=1)
    for _ in range(2):
        pass_time(scene, clock, timedelta(hours=1))
        run_timeout_task(scene)
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY


def test_an_order_is_cancelled_after_both_payments_ended(scene: PaymentDesk, clock: MovedClock) -> None:
    """If an order has two open payments, the end of the first one does not cancel the order. The order is cancelled
    when neither payment can be paid any more.
    """
    first = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    order = scene.read_order("ORD-1").id
    second = scene.payments.start(order, "paypay").payment
    assert second.id != first.id
    run_timeout_task(scene)
    assert (scene.read_payment(first.id).state, scene.read_order("ORD-1").state) == ("expired", "pending")
    step = read_single_saga(scene).current_step
    assert step is not None
    assert (step.name, step.reason, step.at) == (
        "cancel_order",
        "other_payment",
        scene.read_payment(second.id).expires_at,
    )
    assert read_stock_states(scene) == ["held", "held"]
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    run_timeout_task(scene)
    pass_time(scene, clock, timedelta(minutes=1))
    run_timeout_task(scene)
    assert read_final_states(scene, second) == STATES_AFTER_EXPIRY
    assert [progress.record.state for progress in read_sagas(scene)] == [SagaState.DONE, SagaState.DONE]
    assert scene.count_audit_entries("order.cancelled") == 1


def test_a_paid_second_payment_ends_the_saga_of_the_first_one(scene: PaymentDesk, clock: MovedClock) -> None:
    """If the second payment of an order is paid, the order is paid, and the saga of the first payment ends without a
    cancellation.
    """
    first = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    second = scene.payments.start(scene.read_order("ORD-1").id, "paypay").payment
    run_timeout_task(scene)
    scene.money.change_payment_state("paypay", second.merchant_payment_id, "paid", notify=False)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    run_timeout_task(scene)
    pass_time(scene, clock, timedelta(minutes=1))
    run_timeout_task(scene)
    assert (scene.read_payment(first.id).state, scene.read_payment(second.id).state) == ("expired", "completed")
    assert (scene.read_order("ORD-1").state, read_stock_states(scene)) == ("paid", ["held", "held"])
    assert {progress.record.reason for progress in read_sagas(scene)} == {"order_paid", "paid"}


def test_an_order_with_another_paid_payment_is_not_cancelled(scene: PaymentDesk, clock: MovedClock) -> None:
    """If another payment of the order was booked and the order is not set to paid yet, the order is not cancelled."""
    first = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    order = scene.read_order("ORD-1")
    second = scene.payments.start(order.id, "paypay").payment
    run_timeout_task(scene)
    assert (scene.read_payment(first.id).state, scene.read_order("ORD-1").state) == ("expired", "pending")
    scene.money.change_payment_state("paypay", second.merchant_payment_id, "paid", notify=False)
    scene.payments.probe(second.id)
    scene.place.drop_table_triggers("orders")
    scene.place.sql(f"UPDATE orders SET status = 'pending' WHERE id = {order.id}")
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    run_timeout_task(scene)
    assert (scene.read_payment(second.id).state, scene.read_order("ORD-1").state) == ("completed", "pending")
    assert read_stock_states(scene) == ["held", "held"]
    assert "other_paid" in {progress.record.reason for progress in read_sagas(scene)}
    assert scene.count_audit_entries("order.cancelled") == 0


def test_an_answer_with_a_later_time_than_the_clock_is_read_again(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the clock goes back by a second between the query and the expiry, the age of the provider's answer is
    unknown. The program therefore queries the provider again, finds the payment paid and does not expire it.
    """
    clock.stop()
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)

    def pay_and_set_clock_back() -> None:
        scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
        clock.offset -= timedelta(seconds=1)

    call_at_failpoint(scene, "before_expire_payment", pay_and_set_clock_back, monkeypatch)
    run_timeout_task(scene)
    pass_time(scene, clock, timedelta(minutes=2))
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("completed", "paid", ["held", "held"])
    assert scene.count_audit_entries("payment.expired") == 0


@pytest.mark.parametrize(
    ("shop_state", "reason", "kept_values"),
    [("cancelled", None, ["released", "released"]), ("paid", "order_paid", ["held", "held"])],
)
def test_a_change_by_the_shop_is_kept(
    scene: PaymentDesk, clock: MovedClock, shop_state: str, reason: str | None, kept_values: list[str]
) -> None:
    """If the shop has cancelled the order, only stock that is still held is released. If the shop has set the order
    to paid, the order and its stock do not change.
    """
    payment = start_with_stock(scene)
    scene.place.drop_table_triggers("orders")
    scene.place.sql(f"UPDATE orders SET status = '{shop_state}' WHERE merch_txn_id = 'ORD-1'")
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("expired", shop_state, kept_values)
    assert read_single_saga(scene).record.reason == reason
    assert scene.count_audit_entries("order.cancelled") == 0


def test_used_stock_stays_used(scene: PaymentDesk, clock: MovedClock) -> None:
    """Only held stock is released, not used stock; an order without held stock is no error."""
    start_with_stock(scene, held_count=1)
    hold_stock(scene, scene.read_order("ORD-1").id, 1, "used")
    start_with_stock(scene, "ORD-2", held_count=0)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    run_timeout_task(scene)
    assert (read_stock_states(scene), read_stock_states(scene, "ORD-2")) == (["released", "used"], [])
    assert {scene.read_order(number).state.value for number in ("ORD-1", "ORD-2")} == {"cancelled"}


def test_two_workers_run_each_timeout_effect_once(scene: PaymentDesk, clock: MovedClock) -> None:
    """If two workers run the timeout task at once, each effect happens once."""
    made = [start_with_stock(scene, f"ORD-{number}") for number in range(6)]
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    start, failed = Barrier(2), list[BaseException]()

    def run_timeouts_in_thread() -> None:
        start.wait(MAX_WAIT_SECONDS)
        try:
            for _ in range(3):
                run_timeout_task(scene)
        except BaseException as error:  # told to the test
            failed.append(error)

    _run_together([Thread(target=run_timeouts_in_thread) for _ in range(2)])
    assert failed == []
    pass_time(scene, clock, timedelta(minutes=2))
    run_timeout_task(scene)
    for number, payment in enumerate(made):
        assert read_final_states(scene, payment, f"ORD-{number}") == STATES_AFTER_EXPIRY
        assert len(read_sagas(scene, f"ORD-{number}")) == 1
    for what in ("payment.expired", "order.cancelled", "order.stock_released"):
        assert scene.count_audit_entries(what) == 6


def _run_together(threads: Sequence[Thread]) -> None:
    """Start the threads and wait until they have ended."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MAX_WAIT_SECONDS)


def test_a_failed_payment_cancels_its_order_after_its_deadline(scene: PaymentDesk, clock: MovedClock) -> None:
    """A failed payment waits until its deadline, because the payer may start another payment; then its order is
    cancelled.
    """
    payment = start_with_stock(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(payment.id).state == "payment_failed"
    run_timeout_task(scene)
    step = read_single_saga(scene).current_step
    assert step is not None
    assert (step.name, step.reason) == ("cancel_order", "may_begin_again")
    assert scene.read_order("ORD-1").state == "pending"
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == ("payment_failed", *STATES_AFTER_EXPIRY[1:])
    assert read_step_states(read_single_saga(scene)) == ["skipped", "skipped", "done", "done"]


def test_a_probe_by_a_person_does_not_expire_a_payment(scene: PaymentDesk, clock: MovedClock) -> None:
    """A person's probe after the deadline does not expire the payment; only the due task expires it."""
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    assert scene.payments.probe(payment.id).state in ("token_generated", "user_payment")
    run_timeout_task(scene)
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY


def test_a_cancelled_order_gets_no_payment(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a payment is started at the moment at which its order is cancelled, either the start or the cancellation is
    refused, so that no cancelled order has an open payment. The older payment, whose expiry time has passed, may be
    ended by a later run of the task, because the start holds its lease while it asks the provider.
    """
    start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    order = scene.read_order("ORD-1").id
    results: list[str] = []
    start = Barrier(2)

    def start_payment_in_thread() -> None:
        start.wait(MAX_WAIT_SECONDS)
        try:
            scene.payments.start(order, "paypay")
            results.append("begun")
        except Exception as refusal:
            results.append(getattr(refusal, "code", repr(refusal)))

    def run_timeout_in_thread() -> None:
        start.wait(MAX_WAIT_SECONDS)
        run_timeout_task(scene)

    _run_together([Thread(target=start_payment_in_thread), Thread(target=run_timeout_in_thread)])
    run_timeout_task(scene)
    now = scene.read_order("ORD-1")
    alive = [one for one in scene.payments.read_order(now.id).payments if payment_timeouts.can_still_be_paid(one)]
    assert (now.state == "cancelled", len(alive)) in ((True, 0), (False, 1)), (now, alive, results)
    assert results[0] in ("begun", "already_decided")


@pytest.mark.engines("mariadb")
def test_a_payment_started_during_a_cancellation_prevents_it(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a payment is started between the saga's check and its cancellation of the order, the cancellation checks
    again and waits.
    """
    first = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    order, change, turns = scene.read_order("ORD-1").id, orders.change_order, iter([True])

    def start_payment(conn: Any, record: Any, now: Any, **values: Any) -> None:
        if "status" in values and next(turns, False):
            _run_together([Thread(target=lambda: scene.payments.start(order, "paypay"))])
        change(conn, record, now, **values)

    monkeypatch.setattr(orders, "change_order", start_payment)
    run_timeout_task(scene)
    assert (scene.read_payment(first.id).state, scene.read_order("ORD-1").state) == ("expired", "pending")
    assert [one.state.value for one in scene.payments.read_order(order).payments] == ["token_generated", "expired"]
    assert next(turns, None) is None
    step = read_single_saga(scene).current_step
    assert step is not None
    assert (step.name, step.reason) == ("cancel_order", "other_payment")


def test_an_order_without_a_payment_is_not_cancelled(scene: PaymentDesk, clock: MovedClock) -> None:
    """An old order without a payment is not cancelled and no provider is queried; its page says that the shop
    decides. A later payment of the order has the usual deadline.
    """
    order = scene.insert_order("ORD-1", 3300, "JPY")
    hold_stock(scene, order, 1)
    pass_time(scene, clock, timedelta(days=30))
    assert run_due_tasks_and_count_payments(scene) == 0
    assert (scene.read_order("ORD-1").state.value, read_stock_states(scene), read_sagas(scene)) == (
        "pending",
        ["held"],
        (),
    )
    explanation = scene.payments.read_order(order).explanation
    assert (explanation.why, explanation.next_step.code) == (
        "why.order_not_begun",
        "next.order_shop_decides",
    )
    scene.payments.start(order, "paypay")
    assert scene.payments.read_order(order).explanation.why == "why.order_pending"
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    assert run_due_tasks_and_count_payments(scene) > 0
    assert (scene.read_order("ORD-1").state.value, read_stock_states(scene)) == ("cancelled", ["released"])


# ---------------------------------------------------------------- stuck by a fault of ours


def make_stuck_payment(scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Payment:
    """Return a payment whose saga is stuck because a bug prevents the release of its stock."""
    payment = start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    with monkeypatch.context() as broken:
        broken.setattr(stock_rows, "release_reservations", _raise_bug)
        for _ in range(saga_running.MAX_INTERNAL_ERRORS):
            run_due_tasks_and_count_payments(scene)
            pass_time(scene, clock, timedelta(hours=2))
        assert read_single_saga(scene).record.state is SagaState.STUCK
    return payment


def _raise_bug(*_: object) -> int:
    """Always raise an error, as a programming error would."""
    raise RuntimeError("a bug of ours")


def list_stuck_cases(scene: PaymentDesk) -> list[tuple[str, str | None, str, int]]:
    """Return the observed facts of the open cases about stuck sagas, each with the action, kind and id of the record
    that settles the case.
    """
    items = scene.console.alerts.list_open_alert_items()
    return [
        (one.alert.observed, one.action, one.kind, one.id) for one in items if one.alert.rule_id == STUCK_SAGA_RULE
    ]


def test_an_order_says_that_its_payment_expires(scene: PaymentDesk, clock: MovedClock) -> None:
    """While the steps after the time limit can't go on because the gateway doesn't answer, the explanation of the
    order says that they go on automatically."""
    start_with_stock(scene)
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.control.add_fault("status:503", call="paypay_payment", times=10_000)
    run_timeout_task(scene)
    assert read_single_saga(scene).record.state is SagaState.RUNNING
    explanation = scene.payments.read_order(scene.read_order("ORD-1").id).explanation
    assert (explanation.why, explanation.next_step.code) == ("why.order_expiring", "next.order_expires")


@pytest.mark.engines("sqlite")
def test_an_order_waits_while_another_payment_may_be_started(scene: PaymentDesk) -> None:
    """After a payment has failed before its expiry time, the explanation of the order says so, and that the customer
    can pay with a new payment. It doesn't say that the payment period is over, although the saga that will cancel the
    order has begun, nor that a payment is still to be confirmed."""
    payment = start_with_stock(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(payment.id).state == "payment_failed"
    assert read_single_saga(scene).record.state is SagaState.RUNNING
    explanation = scene.payments.read_order(scene.read_order("ORD-1").id).explanation
    assert (explanation.why, explanation.next_step.code, explanation.certainty) == (
        "why.order_payment_ended",
        "next.payment_may_begin_again",
        CertaintyBadge.KNOWN,
    )


@pytest.mark.engines("sqlite")
def test_an_order_has_the_provider_of_its_payments(scene: PaymentDesk) -> None:
    start_with_stock(scene)
    record = scene.payments.read_order(scene.read_order("ORD-1").id).record
    assert get_record_provider_name(record, FileTextContext("en", scene.context.now)) == "PayPay"


@pytest.mark.expects_log("stays at release_stock")
def test_a_stuck_saga_opens_one_case(scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stuck saga has one case, which leads to its payment, and the order's page shows the step and the reason. No
    automatic attempt follows. A probe continues the saga from that step, executes the remaining steps once and closes
    the case.
    """
    payment = make_stuck_payment(scene, clock, monkeypatch)
    assert list_stuck_cases(scene) == [("release_stock: trouble", "open", "payment", payment.id)]
    view = scene.payments.read_order(scene.read_order("ORD-1").id)
    current = view.sagas[-1].current_step
    assert current is not None
    assert (current.name, current.state, current.reason) == ("release_stock", StepState.STUCK, "trouble")
    assert (view.explanation.why, view.explanation.next_step.command) == (
        "why.order_stuck",
        f"support-console show payment {payment.id}",
    )
    shown = scene.payments.read_payment(payment.id).explanation
    assert (shown.why, shown.next_step.command) == (
        "why.payment_timeout_stuck",
        f"support-console probe payment {payment.id}",
    )
    run_due_tasks_and_count_payments(scene)
    assert read_stock_states(scene) == ["held", "held"]
    scene.payments.probe(payment.id)
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY
    assert (
        read_single_saga(scene).record.state,
        read_step_states(read_single_saga(scene)),
        list_stuck_cases(scene),
    ) == (
        SagaState.DONE,
        ["done"] * 4,
        [],
    )
    assert scene.read_payment(payment.id).work.reason is None
    assert run_due_tasks_and_count_payments(scene) == 0


@pytest.mark.expects_log("stays at release_stock")
def test_a_continued_saga_that_fails_again_opens_a_case_again(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a probe continues a stuck saga and the same step fails again, the program repeats the step as often as
    before. Then the saga stops, and a new case is opened.
    """
    payment = make_stuck_payment(scene, clock, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(stock_rows, "release_reservations", _raise_bug)
        scene.payments.probe(payment.id)
        assert (read_single_saga(scene).record.state, list_stuck_cases(scene)) == (SagaState.RUNNING, [])
        for _ in range(saga_running.MAX_INTERNAL_ERRORS):
            pass_time(scene, clock, timedelta(hours=2))
            run_due_tasks_and_count_payments(scene)
    assert (read_single_saga(scene).record.state, len(list_stuck_cases(scene))) == (SagaState.STUCK, 1)


@pytest.mark.expects_log("stays at release_stock")
def test_a_stuck_saga_continues_after_its_case_was_closed(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stuck saga continues after its case was closed, for example because the facts match again."""
    payment = make_stuck_payment(scene, clock, monkeypatch)
    scene.place.sql(f"UPDATE alerts SET resolved_at = detected_at WHERE rule_id = '{STUCK_SAGA_RULE}'")
    assert run_due_tasks_and_count_payments(scene) == 1
    assert read_final_states(scene, payment) == STATES_AFTER_EXPIRY


def test_an_expired_payment_releases_its_reservation(scene: PaymentDesk, clock: MovedClock) -> None:
    """When a payment has expired, its reservation on the account ends; other reservations do not change."""
    for number, minor in (("ORD-1", 3300), ("ORD-2", 1000)):
        scene.insert_order(number, minor, corporation=CORPORATION_NUMBERS[0])
    scene.insert_account(CORPORATION_NUMBERS[0], 9000)
    payment = scene.payments.start(scene.read_order("ORD-1").id, "paypay").payment
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    scene.payments.start(scene.read_order("ORD-2").id, "paypay")
    assert [int(row[0]) for row in scene.place.sql("SELECT reserved_minor FROM accounts")] == [4300]
    run_due_tasks_and_count_payments(scene)
    assert scene.read_payment(payment.id).state == "expired"
    assert [int(row[0]) for row in scene.place.sql("SELECT reserved_minor FROM accounts")] == [1000]
