"""A payment whose time has passed: asked once more, expired, its order cancelled, its stock free; nothing guessed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

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
from tests.support.desks import NUMBERS, MovedClock
from tests.support.payment_desks import Scene
from tests.support.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("moved_server_clock")
LIFE = timedelta(seconds=300)
"""How long a code of the sandbox's PayPay can be paid."""
OVER = LIFE + timedelta(seconds=5)


@pytest.fixture
def scene(scene: Scene, clock: MovedClock) -> Scene:
    """With a shop that holds stock, and hands that move the clock."""
    return scene


def begun(scene: Scene, number: str = "ORD-1", provider: str = "paypay", held: int = 2) -> Payment:
    """A payment of an order for which the shop holds stock."""
    currency = "INR" if provider == "atom" else "JPY"
    order = scene.order(number, 50_000 if provider == "atom" else 3300, currency)
    hold(scene, order, held)
    return scene.payments.start(order, provider).payment


def later(scene: Scene, clock: MovedClock, by: timedelta) -> None:
    """Time goes on for us and for the provider."""
    clock.offset += by
    scene.control.change_settings(advance_seconds=by.total_seconds())


def hold(scene: Scene, order: int, pieces: int, state: str = "held") -> None:
    for piece in range(pieces):
        scene.place.sql(
            "INSERT INTO stock_reservations (order_id, item, quantity, status, created_at)"
            f" VALUES ({order}, 'SKU-{piece}', 1, '{state}', '2026-11-20 03:00:00')"
        )


def stock(scene: Scene, number: str = "ORD-1") -> list[str]:
    order = scene.order_now(number).id
    rows = scene.place.sql(f"SELECT status FROM stock_reservations WHERE order_id = {order} ORDER BY id")
    return [str(state) for (state,) in rows]


def due(scene: Scene) -> int:
    """The sweep as the program runs it; how many it took."""
    return {run.task: run.count for run in scene.run_due()}[payment_timeouts.TIMEOUT_TASK_NAME]


def sagas(scene: Scene, number: str = "ORD-1") -> tuple[SagaProgress, ...]:
    return scene.payments.read_order(scene.order_now(number).id).sagas


def only(scene: Scene, number: str = "ORD-1") -> SagaProgress:
    (one,) = sagas(scene, number)
    return one


def states(seen: SagaProgress) -> list[str]:
    return [step.state.value for step in seen.steps]


def ends(scene: Scene, payment: Payment, number: str = "ORD-1") -> tuple[str, str, list[str]]:
    return scene.payment(payment.id).state.value, scene.order_now(number).state.value, stock(scene, number)


START = convert_to_naive_utc(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
EXPIRED = ("expired", "cancelled", ["released", "released"])


def test_in_this_order_and_once(scene: Scene, clock: MovedClock) -> None:
    """Asked, expired, cancelled, released; each once, in the trail in this order, and again changes nothing."""
    payment = begun(scene)
    assert due(scene) == 0
    later(scene, clock, OVER)
    asked = len(scene.control.read_requests(call="paypay_payment"))
    assert due(scene) >= 1
    assert ends(scene, payment) == EXPIRED
    assert len(scene.control.read_requests(call="paypay_payment")) > asked
    seen = only(scene)
    assert (seen.record.state, seen.record.reason, states(seen)) == (SagaState.DONE, None, ["done"] * 4)
    assert [step.name for step in seen.steps] == list(TIMEOUT_SAGA_STEP_NAMES)
    trail = ("payment.expired", "order.cancelled", "order.stock_released")
    what = ", ".join(f"'{one}'" for one in trail)
    told = scene.place.sql(f"SELECT what FROM audit_log WHERE what IN ({what}) ORDER BY id")
    assert [str(one) for (one,) in told] == list(trail)
    assert due(scene) == 0
    assert len(sagas(scene)) == 1


def test_paid_at_the_last_question(scene: Scene, clock: MovedClock) -> None:
    """The answer books the payment, its order is paid, and nothing more is needed."""
    payment = begun(scene)
    later(scene, clock, OVER)
    scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
    only_timeouts(scene)
    assert ends(scene, payment) == ("completed", "paid", ["held", "held"])
    seen = only(scene)
    assert (seen.record.state, seen.record.reason) == (SagaState.DONE, "paid")
    assert states(seen) == ["done", "skipped", "skipped", "skipped"]
    assert scene.cases() == []


def only_timeouts(scene: Scene) -> int:
    """The sweep alone, without the polls that come before it in a round of due tasks."""
    tasks = dict(scene.machinery.list_due_tasks())
    with act_as(WORKER):
        return tasks[payment_timeouts.TIMEOUT_TASK_NAME]()


@pytest.mark.parametrize("point", ["answered_ask_provider", "before_expire_payment"])
def test_paid_between_question_and_expiry_by_a_notice(
    scene: Scene, clock: MovedClock, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notice that comes after the provider's answer counts: the payment isn't expired."""
    payment = begun(scene)
    later(scene, clock, OVER)

    def paid() -> None:
        scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
        scene.machinery.payments.receive_notice(scene.post("paypay", "ORD-1"))

    at(scene, point, paid, monkeypatch)
    only_timeouts(scene)
    assert ends(scene, payment) == ("completed", "paid", ["held", "held"])
    assert only(scene).record.reason == "paid"


def at(scene: Scene, point: str, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something when a named point is passed for the first time."""
    open_ = [True]
    reach = scene.context.failpoints.reach

    def passed(name: str) -> None:
        if name == point and open_:
            open_.clear()
            act()
        reach(name)

    monkeypatch.setattr(scene.context.failpoints, "reach", passed)


def test_an_old_answer_is_asked_for_again(scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes over hours after the provider was asked asks again before it expires a payment: it was
    paid meanwhile.
    """
    payment = begun(scene)
    later(scene, clock, OVER)

    def hours_later() -> None:
        later(scene, clock, timedelta(hours=3))
        scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)

    at(scene, "before_expire_payment", hours_later, monkeypatch)
    only_timeouts(scene)
    assert ends(scene, payment) == ("completed", "paid", ["held", "held"])


def test_paid_between_expiry_and_cancelling(scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its order is cancelled a late success lets the order go on: the expiry is compensated."""
    payment = begun(scene)
    later(scene, clock, OVER)

    def paid() -> None:
        scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
        scene.machinery.payments.receive_notice(scene.post("paypay", "ORD-1"))

    at(scene, "before_cancel_order", paid, monkeypatch)
    only_timeouts(scene)
    assert ends(scene, payment) == ("completed", "paid", ["held", "held"])
    seen = only(scene)
    assert (seen.record.state, seen.record.reason) == (SagaState.COMPENSATED, "paid_late")
    assert states(seen) == ["done", "undone", "skipped", "skipped"]
    assert scene.audited("payment.expiry_undone") == 1


@pytest.mark.engines("sqlite", "mariadb")
def test_perhaps_paid_between_expiry_and_cancelling(
    scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another amount is reported after the expiry, so nobody knows what was paid: the order and its stock wait until
    people have decided, and are not given up."""
    payment = begun(scene)
    later(scene, clock, OVER)

    def paid_otherwise() -> None:
        scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
        scene.control.add_fault("other_amount", call="paypay_payment")
        scene.machinery.payments.receive_notice(scene.post("paypay", "ORD-1"))

    at(scene, "before_cancel_order", paid_otherwise, monkeypatch)
    only_timeouts(scene)
    odd = scene.payment(payment.id)
    assert (odd.state, odd.certainty, odd.work.reason) == ("expired", "unknown", "amount_differs")
    assert ends(scene, payment) == ("expired", "pending", ["held", "held"])
    assert (only(scene).record.state, only(scene).record.reason) == (SagaState.RUNNING, "unknown")
    scene.control.clear_faults()
    scene.payments.probe(payment.id)
    later(scene, clock, timedelta(hours=1))
    only_timeouts(scene)
    assert ends(scene, payment) == ("completed", "paid", ["held", "held"])


@pytest.mark.parametrize("point", ["before_release_stock", None])
def test_paid_after_cancelling_is_for_people(
    scene: Scene, clock: MovedClock, point: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Booked, and a case; the order stays cancelled, its stock is free, and the saga's record as it ended."""
    payment = begun(scene)
    later(scene, clock, OVER)

    def paid() -> None:
        scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
        scene.machinery.payments.receive_notice(scene.post("paypay", "ORD-1"))

    if point:
        at(scene, point, paid, monkeypatch)
    only_timeouts(scene)
    if point is None:
        paid()
    assert ends(scene, payment) == ("completed", *EXPIRED[1:])
    assert "paid_after_cancel" in scene.cases()
    assert (only(scene).record.state, states(only(scene))) == (SagaState.DONE, ["done"] * 4)
    later(scene, clock, timedelta(days=2))
    only_timeouts(scene)
    assert ends(scene, payment) == ("completed", *EXPIRED[1:])


@pytest.mark.parametrize(("state", "reason"), [("authorized", "in_between"), ("paid_otherwise", "unknown")])
def test_in_between_or_unknown_waits(scene: Scene, clock: MovedClock, state: str, reason: str) -> None:
    """Money that is blocked, or a sum that can't be booked: never expired by time, however long."""
    payment = begun(scene)
    later(scene, clock, OVER)
    if state == "authorized":
        scene.money.move_payment("paypay", "ORD-1", "authorized")
    else:
        scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
        scene.control.add_fault("other_amount", call="paypay_payment", times=50)
    for _ in range(6):
        only_timeouts(scene)
        assert scene.order_now("ORD-1").state == "pending"
        assert scene.payment(payment.id).state in ("token_generated", "user_payment")
        step = only(scene).current_step
        assert step is not None
        assert (step.name, step.state, step.reason) == ("ask_provider", StepState.WAITING, reason)
        later(scene, clock, timedelta(hours=2))
    assert stock(scene) == ["held", "held"]


@pytest.mark.engines("sqlite")
def test_what_is_over_is_found_by_an_index(scene: Scene) -> None:
    """The sweep reads no table from end to end, however long it has become."""
    for number in range(2):
        begun(scene, f"ORD-{number}")
    for query, values, index in (
        (payment_times._OVERDUE_PAYMENTS_QUERY, {"saga_kind": "s", "now": START, "limit": 5}, "ix_payments_over"),
        (sagas_table._DUE_SAGAS_QUERY, {"now": START, "limit": 5}, "ix_sagas_next"),
    ):
        with scene.context.database.read() as conn:
            plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {_literal(query, values)}").all()
        told = "; ".join(str(row[-1]) for row in plan)
        assert index in told, told
        assert "SCAN payments" not in told, told


def _literal(query: Any, values: dict[str, Any]) -> str:
    compiled = query.params(values).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return str(compiled)


@pytest.mark.parametrize(("fault", "most"), [("status:503", 4 * 13), ("result:RATE_LIMIT", 13)])
def test_a_provider_that_is_down_for_a_day(scene: Scene, clock: MovedClock, fault: str, most: int) -> None:
    """Asked with growing gaps, and once for all where it takes no questions; afterwards everything is caught up."""
    made = [begun(scene, f"ORD-{number}") for number in range(4)]
    later(scene, clock, OVER)
    scene.control.add_fault(fault, call="paypay_payment", times=10_000)
    before = len(scene.control.read_requests(call="paypay_payment"))
    for _ in range(12):
        only_timeouts(scene)
        later(scene, clock, timedelta(hours=2))
    assert len(scene.control.read_requests(call="paypay_payment")) - before <= most
    assert {scene.order_now(f"ORD-{number}").state.value for number in range(4)} == {"pending"}
    scene.control.clear_faults()
    scene.money.move_payment("paypay", "ORD-3", "paid", notify=False)
    for _ in range(2):
        later(scene, clock, timedelta(hours=1))
        only_timeouts(scene)
    for number, payment in enumerate(made[:3]):
        assert ends(scene, payment, f"ORD-{number}") == EXPIRED
    assert ends(scene, made[3], "ORD-3") == ("completed", "paid", ["held", "held"])
    assert scene.audited("order.cancelled") == 3


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_loses_and_doubles_nothing(scene: Scene, clock: MovedClock, days: int) -> None:
    """A day forth or back and again right: what is over ends once, what isn't does when it is."""
    early, late = begun(scene, "ORD-1"), begun(scene, "ORD-2")
    later(scene, clock, OVER)
    scene.money.move_payment("paypay", "ORD-2", "authorized")
    clock.offset += timedelta(days=days)  # ours alone
    only_timeouts(scene)
    clock.offset -= timedelta(days=days)
    only_timeouts(scene)
    scene.money.move_payment("paypay", "ORD-2", "paid", notify=False)
    for _ in range(27):
        later(scene, clock, timedelta(hours=1))
        only_timeouts(scene)
    assert ends(scene, early) == EXPIRED
    assert ends(scene, late, "ORD-2") == ("completed", "paid", ["held", "held"])
    assert [len(sagas(scene, number)) for number in ("ORD-1", "ORD-2")] == [1, 1]
    for what in ("payment.expired", "order.cancelled", "order.stock_released"):
        assert scene.audited(what) == 1


def test_a_clock_that_jumped_while_it_was_under_way(
    scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back by a day between question and expiry: by that clock nothing is over, so nothing is expired yet."""
    payment = begun(scene)
    later(scene, clock, OVER)

    def back() -> None:
        clock.offset -= timedelta(days=1)

    at(scene, "before_expire_payment", back, monkeypatch)
    only_timeouts(scene)
    assert scene.order_now("ORD-1").state == "pending"
    clock.offset += timedelta(days=1)
    for _ in range(2):
        later(scene, clock, timedelta(hours=1))
        only_timeouts(scene)
    assert ends(scene, payment) == EXPIRED


def test_an_order_with_two_payments(scene: Scene, clock: MovedClock) -> None:
    """The first one's end waits for the second; the order is cancelled when neither can be paid any more."""
    first = begun(scene)
    later(scene, clock, OVER)
    order = scene.order_now("ORD-1").id
    second = scene.payments.start(order, "paypay").payment
    assert second.id != first.id
    only_timeouts(scene)
    assert (scene.payment(first.id).state, scene.order_now("ORD-1").state) == ("expired", "pending")
    step = only(scene).current_step
    assert step is not None
    assert (step.name, step.reason, step.at) == ("cancel_order", "other_payment", scene.payment(second.id).expires_at)
    assert stock(scene) == ["held", "held"]
    later(scene, clock, OVER)
    only_timeouts(scene)
    later(scene, clock, timedelta(minutes=1))
    only_timeouts(scene)
    assert ends(scene, second) == EXPIRED
    assert [seen.record.state for seen in sagas(scene)] == [SagaState.DONE, SagaState.DONE]
    assert scene.audited("order.cancelled") == 1


def test_the_second_of_two_payments_is_paid(scene: Scene, clock: MovedClock) -> None:
    """Then the order is paid by it, and the first one's end stops there."""
    first = begun(scene)
    later(scene, clock, OVER)
    second = scene.payments.start(scene.order_now("ORD-1").id, "paypay").payment
    only_timeouts(scene)
    scene.money.move_payment("paypay", second.merchant_payment_id, "paid", notify=False)
    later(scene, clock, OVER)
    only_timeouts(scene)
    later(scene, clock, timedelta(minutes=1))
    only_timeouts(scene)
    assert (scene.payment(first.id).state, scene.payment(second.id).state) == ("expired", "completed")
    assert (scene.order_now("ORD-1").state, stock(scene)) == ("paid", ["held", "held"])
    assert {seen.record.reason for seen in sagas(scene)} == {"order_paid", "paid"}


def test_an_order_is_not_cancelled_while_another_payment_of_it_is_paid(scene: Scene, clock: MovedClock) -> None:
    """The other payment was booked and its order has not followed yet: cancelling it would lose a paid order."""
    first = begun(scene)
    later(scene, clock, OVER)
    order = scene.order_now("ORD-1")
    second = scene.payments.start(order.id, "paypay").payment
    only_timeouts(scene)
    assert (scene.payment(first.id).state, scene.order_now("ORD-1").state) == ("expired", "pending")
    scene.money.move_payment("paypay", second.merchant_payment_id, "paid", notify=False)
    scene.payments.probe(second.id)
    scene.place.unguard("orders")
    scene.place.sql(f"UPDATE orders SET status = 'pending' WHERE id = {order.id}")
    later(scene, clock, OVER)
    only_timeouts(scene)
    assert (scene.payment(second.id).state, scene.order_now("ORD-1").state) == ("completed", "pending")
    assert stock(scene) == ["held", "held"]
    assert "other_paid" in {seen.record.reason for seen in sagas(scene)}
    assert scene.audited("order.cancelled") == 0


def test_an_answer_from_the_future_is_not_fresh(
    scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock went back by a second between question and expiry: how old the answer is cannot be told, so the
    provider is asked again and the payment, paid meanwhile, is not expired.
    """
    clock.stand_still()
    payment = begun(scene)
    later(scene, clock, OVER)

    def paid_and_back() -> None:
        scene.money.move_payment("paypay", "ORD-1", "paid", notify=False)
        clock.offset -= timedelta(seconds=1)

    at(scene, "before_expire_payment", paid_and_back, monkeypatch)
    only_timeouts(scene)
    later(scene, clock, timedelta(minutes=2))
    only_timeouts(scene)
    assert ends(scene, payment) == ("completed", "paid", ["held", "held"])
    assert scene.audited("payment.expired") == 0


@pytest.mark.parametrize(
    ("shop", "reason", "kept"),
    [("cancelled", None, ["released", "released"]), ("paid", "order_paid", ["held", "held"])],
)
def test_the_shop_was_faster(scene: Scene, clock: MovedClock, shop: str, reason: str | None, kept: list[str]) -> None:
    """Cancelled already: only what is held still is given free. Paid already: it stays so, with its stock."""
    payment = begun(scene)
    scene.place.unguard("orders")
    scene.place.sql(f"UPDATE orders SET status = '{shop}' WHERE merch_txn_id = 'ORD-1'")
    later(scene, clock, OVER)
    only_timeouts(scene)
    assert ends(scene, payment) == ("expired", shop, kept)
    assert only(scene).record.reason == reason
    assert scene.audited("order.cancelled") == 0


def test_stock_that_was_used_stays_used(scene: Scene, clock: MovedClock) -> None:
    """Only what is held is given free; none held is no trouble."""
    begun(scene, held=1)
    hold(scene, scene.order_now("ORD-1").id, 1, "used")
    begun(scene, "ORD-2", held=0)
    later(scene, clock, OVER)
    only_timeouts(scene)
    assert (stock(scene), stock(scene, "ORD-2")) == (["released", "used"], [])
    assert {scene.order_now(number).state.value for number in ("ORD-1", "ORD-2")} == {"cancelled"}


def test_two_workers_at_once(scene: Scene, clock: MovedClock) -> None:
    """Each effect once, whoever wins each step."""
    made = [begun(scene, f"ORD-{number}") for number in range(6)]
    later(scene, clock, OVER)
    start, failed = Barrier(2), list[BaseException]()

    def work() -> None:
        start.wait(PATIENCE_SECONDS)
        try:
            for _ in range(3):
                only_timeouts(scene)
        except BaseException as trouble:  # told to the test
            failed.append(trouble)

    _together([Thread(target=work) for _ in range(2)])
    assert failed == []
    later(scene, clock, timedelta(minutes=2))
    only_timeouts(scene)
    for number, payment in enumerate(made):
        assert ends(scene, payment, f"ORD-{number}") == EXPIRED
        assert len(sagas(scene, f"ORD-{number}")) == 1
    for what in ("payment.expired", "order.cancelled", "order.stock_released"):
        assert scene.audited(what) == 6


def _together(threads: Sequence[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)


def test_what_failed_waits_until_its_time_is_over(scene: Scene, clock: MovedClock) -> None:
    """A payer who gave up may begin again until the code's end; then the order is cancelled in the same way."""
    payment = begun(scene)
    scene.money.move_payment("paypay", "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(payment.id).state == "payment_failed"
    only_timeouts(scene)
    step = only(scene).current_step
    assert step is not None
    assert (step.name, step.reason) == ("cancel_order", "may_begin_again")
    assert scene.order_now("ORD-1").state == "pending"
    later(scene, clock, OVER)
    only_timeouts(scene)
    assert ends(scene, payment) == ("payment_failed", *EXPIRED[1:])
    assert states(only(scene)) == ["skipped", "skipped", "done", "done"]


def test_a_persons_probe_expires_nothing(scene: Scene, clock: MovedClock) -> None:
    """A person's probe after the deadline doesn't expire the payment; only the due task does."""
    payment = begun(scene)
    later(scene, clock, OVER)
    assert scene.payments.probe(payment.id).state in ("token_generated", "user_payment")
    only_timeouts(scene)
    assert ends(scene, payment) == EXPIRED


def test_nobody_begins_a_payment_of_a_cancelled_order(
    scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of beginning and cancelling at one moment one sees the other: no cancelled order has a payment under way."""
    begun(scene)
    later(scene, clock, OVER)
    order = scene.order_now("ORD-1").id
    results: list[str] = []
    start = Barrier(2)

    def begin() -> None:
        start.wait(PATIENCE_SECONDS)
        try:
            scene.payments.start(order, "paypay")
            results.append("begun")
        except Exception as refusal:
            results.append(getattr(refusal, "code", repr(refusal)))

    def cancel() -> None:
        start.wait(PATIENCE_SECONDS)
        only_timeouts(scene)

    _together([Thread(target=begin), Thread(target=cancel)])
    now = scene.order_now("ORD-1")
    alive = [one for one in scene.payments.read_order(now.id).payments if payment_timeouts.can_still_be_paid(one)]
    assert (now.state == "cancelled", len(alive)) in ((True, 0), (False, 1)), (now, alive, results)
    assert results[0] in ("begun", "already_decided")


@pytest.mark.engines("mariadb")
def test_a_payment_begun_while_its_order_is_being_cancelled(
    scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the writing somebody begins to pay: the cancellation looks again, and waits."""
    first = begun(scene)
    later(scene, clock, OVER)
    order, change, turns = scene.order_now("ORD-1").id, orders.change_order, iter([True])

    def begun_meanwhile(conn: Any, record: Any, now: Any, **values: Any) -> None:
        if "status" in values and next(turns, False):
            _together([Thread(target=lambda: scene.payments.start(order, "paypay"))])
        change(conn, record, now, **values)

    monkeypatch.setattr(orders, "change_order", begun_meanwhile)
    only_timeouts(scene)
    assert (scene.payment(first.id).state, scene.order_now("ORD-1").state) == ("expired", "pending")
    assert [one.state.value for one in scene.payments.read_order(order).payments] == ["token_generated", "expired"]
    assert next(turns, None) is None
    step = only(scene).current_step
    assert step is not None
    assert (step.name, step.reason) == ("cancel_order", "other_payment")


def test_an_order_without_a_payment_is_the_shops(scene: Scene, clock: MovedClock) -> None:
    """However old it is: nobody is asked, nothing is cancelled, and its page says who decides. A payment that is
    begun then has a time like any other.
    """
    order = scene.order("ORD-1", 3300, "JPY")
    hold(scene, order, 1)
    later(scene, clock, timedelta(days=30))
    assert due(scene) == 0
    assert (scene.order_now("ORD-1").state.value, stock(scene), sagas(scene)) == ("pending", ["held"], ())
    told = scene.payments.read_order(order).explanation
    assert (told.why, told.next_step.code) == ("why.order_not_begun", "next.order_shop_decides")
    scene.payments.start(order, "paypay")
    assert scene.payments.read_order(order).explanation.why == "why.order_pending"
    later(scene, clock, OVER)
    assert due(scene) > 0
    assert (scene.order_now("ORD-1").state.value, stock(scene)) == ("cancelled", ["released"])


# ---------------------------------------------------------------- stuck by a fault of ours


def stuck(scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Payment:
    """A payment whose stock can't be given free by a bug of ours, until nobody tries any more."""
    payment = begun(scene)
    later(scene, clock, OVER)
    with monkeypatch.context() as broken:
        broken.setattr(stock_rows, "release_reservations", _broken)
        for _ in range(saga_running.MAX_INTERNAL_ERRORS):
            due(scene)
            later(scene, clock, timedelta(hours=2))
        assert only(scene).record.state is SagaState.STUCK
    return payment


def _broken(*_: object) -> int:
    raise RuntimeError("a bug of ours")


def told(scene: Scene) -> list[tuple[str, str | None, str, int]]:
    """Open cases of stuck ends, and where each is settled."""
    items = scene.console.alerts.list_open_items()
    return [
        (one.alert.observed, one.action, one.kind, one.id) for one in items if one.alert.rule_id == STUCK_SAGA_RULE
    ]


@pytest.mark.expects_log("stays at release_stock")
def test_what_is_stuck_is_for_a_person(scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """One case that leads to its payment; the order's page says at which step and why; nobody tries any more. Asking
    again goes on from that step, does what is left once, and settles the case.
    """
    payment = stuck(scene, clock, monkeypatch)
    assert told(scene) == [("release_stock: trouble", "open", "payment", payment.id)]
    view = scene.payments.read_order(scene.order_now("ORD-1").id)
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
    due(scene)
    assert stock(scene) == ["held", "held"]
    scene.payments.probe(payment.id)
    assert ends(scene, payment) == EXPIRED
    assert (only(scene).record.state, states(only(scene)), told(scene)) == (SagaState.DONE, ["done"] * 4, [])
    assert scene.payment(payment.id).work.reason is None
    assert due(scene) == 0


@pytest.mark.expects_log("stays at release_stock")
def test_what_goes_on_and_fails_again_is_told_again(
    scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stuck saga that a probe continues and that fails again is tried as often as before, and then stops with a new
    case.
    """
    payment = stuck(scene, clock, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(stock_rows, "release_reservations", _broken)
        scene.payments.probe(payment.id)
        assert (only(scene).record.state, told(scene)) == (SagaState.RUNNING, [])
        for _ in range(saga_running.MAX_INTERNAL_ERRORS):
            later(scene, clock, timedelta(hours=2))
            due(scene)
    assert (only(scene).record.state, len(told(scene))) == (SagaState.STUCK, 1)


@pytest.mark.expects_log("stays at release_stock")
def test_a_closed_case_lets_it_go_on(scene: Scene, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The saga goes on when the payment's case is closed, whether by facts or by people."""
    payment = stuck(scene, clock, monkeypatch)
    scene.place.sql(f"UPDATE alerts SET resolved_at = detected_at WHERE rule_id = '{STUCK_SAGA_RULE}'")
    assert due(scene) == 1
    assert ends(scene, payment) == EXPIRED


def test_the_account_gets_its_room_back(scene: Scene, clock: MovedClock) -> None:
    """The sum that the payment had reserved is free once the payment has expired; the others' sums stay reserved."""
    for number, minor in (("ORD-1", 3300), ("ORD-2", 1000)):
        scene.order(number, minor, corporation=NUMBERS[0])
    scene.account(NUMBERS[0], 9000)
    payment = scene.payments.start(scene.order_now("ORD-1").id, "paypay").payment
    later(scene, clock, OVER)
    scene.payments.start(scene.order_now("ORD-2").id, "paypay")
    assert [int(row[0]) for row in scene.place.sql("SELECT reserved_minor FROM accounts")] == [4300]
    due(scene)
    assert scene.payment(payment.id).state == "expired"
    assert [int(row[0]) for row in scene.place.sql("SELECT reserved_minor FROM accounts")] == [1000]
