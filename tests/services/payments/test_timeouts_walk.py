"""A random test of timeouts: payers, the shop, provider faults, crashes and time act in random order, and after each
step the same conditions are checked.
"""

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.records import OrderState, Payment
from console.domain.process.failpoint_names import SAGA_FAILPOINTS
from console.sandbox.control.client import SandboxError
from console.services.payments import timeouts as payment_timeouts
from console.services.payments.timeouts import can_still_be_paid
from console.services.process.context import WORKER, act_as
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, pass_time

ORDER_COUNT = 5
STEP_COUNT = 45
_AUDIT_ACTIONS_ALLOWED_ONCE = (
    "payment.expired",
    "order.cancelled",
    "order.stock_released",
    "order.paid",
    "payment.booked",
)


class RandomWalk:
    """A random sequence of steps that a seed determines."""

    def __init__(self, scene: PaymentDesk, clock: MovedClock, seed: int) -> None:
        self.scene, self.clock = scene, clock
        self.dice = random.Random(seed)
        self.numbers = [f"ORD-{number}" for number in range(ORDER_COUNT)]
        self.sweep = dict(scene.machinery.list_due_tasks())[payment_timeouts.TIMEOUT_TASK_NAME]
        for number in self.numbers:
            order = scene.insert_order(number, 3300)
            scene.place.sql(
                "INSERT INTO stock_reservations (order_id, item, quantity, created_at)"
                f" VALUES ({order}, 'SKU', 1, '2026-11-20 03:00:00')"
            )

    def execute_random_step(self) -> str:
        """Execute one random step and return its name. A refusal by the console or the sandbox is ignored."""
        acts = {
            "start_payment": 3,
            "pay_payment": 2,
            "fail_payment": 1,
            "block_payment": 1,
            "move_clocks": 4,
            "probe_payment": 1,
            "deliver_notice": 1,
        }
        name = self.dice.choices(list(acts), list(acts.values()))[0]
        with suppress(ConsoleError, SandboxError):  # the sandbox too knows what can't be
            getattr(self, name)()
        return name

    # Events

    def start_payment(self) -> None:
        """Start a payment of a random order."""
        self.scene.payments.start(self.scene.read_order(self.dice.choice(self.numbers)).id, "paypay")

    def pay_payment(self) -> None:
        """Let the payer pay a random payment at the provider."""
        self._change_payment_state("paid")

    def fail_payment(self) -> None:
        """Let a random payment fail at the provider."""
        self._change_payment_state("cancelled")

    def block_payment(self) -> None:
        """Let the provider block the money of a random payment."""
        self._change_payment_state("authorized")

    def _change_payment_state(self, word: str) -> None:
        """Change a random payment at the provider to this state."""
        payments_with_code = [one for one in self._list_payments() if one.handle is not None]
        if payments_with_code:
            self.scene.money.change_payment_state(
                "paypay", self.dice.choice(payments_with_code).merchant_payment_id, word, notify=False
            )

    def probe_payment(self) -> None:
        """Probe a random payment."""
        if payments := self._list_payments():
            self.scene.payments.probe(self.dice.choice(payments).id)

    def deliver_notice(self) -> None:
        """Deliver a notice about a random payment to the console."""
        if payments := self._list_payments():
            self.scene.deliver_notice("paypay", self.dice.choice(payments).merchant_payment_id)

    def move_clocks(self, duration: timedelta | None = None) -> None:
        """Move the clocks forward by `duration`, or by a random time if it is None."""
        duration = duration or timedelta(minutes=self.dice.choice([1, 2, 4, 6, 30]))
        pass_time(self.scene, self.clock, duration)

    def _list_payments(self) -> list[Payment]:
        """Return all stored payments."""
        return [one for number in self.numbers for one in self._list_payments_of_order(number)]

    def _list_payments_of_order(self, number: str) -> tuple[Payment, ...]:
        """Return the payments of the order with this number."""
        return self.scene.payments.read_order(self.scene.read_order(number).id).payments

    def run_timeout_task(self) -> None:
        """Run the timeout task."""
        with act_as(WORKER):
            self.sweep()


def run_and_break_off(walk: RandomWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the timeout task. In half of the cases it is stopped at a random failpoint, as if its process had died."""
    point = walk.dice.choice([*SAGA_FAILPOINTS, *([None] * len(SAGA_FAILPOINTS))])
    reach = walk.scene.context.failpoints.reach

    def interrupt_at_point(name: str) -> None:
        reach(name)
        if name == point:
            raise KeyboardInterrupt  # no step takes this for its own trouble

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(walk.scene.context.failpoints, "reach", interrupt_at_point)
        walk.run_timeout_task()


def require_conditions(walk: RandomWalk, last_step: str) -> None:
    """Check the conditions that must be true after each step. `last_step` is the text of a failure's message: the
    seed, the turn and the name of the step.
    """
    scene = walk.scene
    for number in walk.numbers:
        view = scene.payments.read_order(scene.read_order(number).id)
        order = view.record
        rows = scene.place.sql(f"SELECT status FROM stock_reservations WHERE order_id = {order.id}")
        stock_state = str(rows[0][0])
        alive = [one for one in view.payments if can_still_be_paid(one)]
        if order.state is OrderState.CANCELLED:
            assert alive == [], last_step
        assert (stock_state == "released") <= (order.state is OrderState.CANCELLED), last_step
        under_way = any(one.record.ended_at is None for one in view.sagas)
        if order.state is OrderState.CANCELLED and not under_way:
            assert stock_state == "released", last_step
    actions = ", ".join(repr(one) for one in _AUDIT_ACTIONS_ALLOWED_ONCE)
    told_of = scene.place.sql(f"SELECT what, subject_id FROM audit_log WHERE what IN ({actions})")
    assert max(Counter(told_of).values(), default=0) <= 1, last_step


@pytest.mark.engines("sqlite", "mariadb")
@pytest.mark.usefixtures("moved_server_clock")
def test_conditions_hold_after_every_random_step(
    scene: PaymentDesk, clock: MovedClock, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each random step of a test run, a cancelled order has no open payment, stock is released only for
    cancelled orders, and each effect has happened at most once. At the end each order is paid, is cancelled or has
    never had a payment, and no saga is open.
    """
    walk = RandomWalk(scene, clock, seed)
    for turn in range(STEP_COUNT):
        name = walk.dice.choice(["sweep", "other", "other"])
        if name == "sweep":
            run_and_break_off(walk, monkeypatch)
        else:
            name = walk.execute_random_step()
        require_conditions(walk, f"seed {seed}, turn {turn}: {name}")
    for number in [one.merchant_payment_id for one in walk._list_payments() if one.handle is not None]:
        if scene.money.read_payment("paypay", number)["state"] == "AUTHORIZED":  # perhaps not heard of here yet
            scene.money.change_payment_state("paypay", number, "paid", notify=False)
    for _ in range(6):
        walk.move_clocks(timedelta(minutes=20))
        scene.run_due_tasks()
        require_conditions(walk, f"seed {seed}: the end")
    for number in walk.numbers:
        view = scene.payments.read_order(scene.read_order(number).id)
        assert view.record.state is not OrderState.PENDING or not view.payments, (seed, view)
        assert [one for one in view.sagas if one.record.ended_at is None] == [], (seed, view)
