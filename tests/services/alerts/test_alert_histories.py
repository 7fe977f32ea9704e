"""Tests of the alert rules with generated histories of orders and payments: each inconsistency has an alert of the
right rule, and there is no other alert.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from console.domain.payments.records import OrderState
from console.domain.payments.states import PAYMENT_TRANSITIONS, PaymentState, find_payment_state_path
from console.domain.transitions.tables import ORDER_TRANSITIONS
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, ServiceContext, act_as
from console.store.alerts import alerts
from console.store.payments import orders, payments
from console.store.payments.orders import NewOrder
from console.store.payments.payments import NewPayment
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import ManualClock, open_quick_desk

ORDER_PRICE_YEN = 3300
MINUTE = timedelta(minutes=1)
SCALED_GRACE_PERIOD = 5 * MINUTE / 20
_PAID_STATES = ("payment_success", "callback_received", "signature_verified", "completed")
_order_numbers = itertools.count(1)


@dataclass
class RecordedPayment:
    """One payment in the test's own copy of a history. `paid_known_at` is when its success was stored;
    `had_ended_before` is True if it had expired or failed before that.
    """

    id: int
    state: str = "initializing"
    had_ended_before: bool = False
    paid_known_at: datetime | None = None
    refunded_yen: int = 0

    @property
    def is_paid(self) -> bool:
        """True if the state of the payment means that it was paid."""
        return self.state in _PAID_STATES

    @property
    def keeps_money_of_payer(self) -> bool:
        """True if the payment was paid and a part of the money was not refunded."""
        return self.is_paid and self.refunded_yen < ORDER_PRICE_YEN


@dataclass
class OrderHistory:
    """A generated history of one order. Each event is written to the database and to the fields of this object,
    from which the test computes the expected alert. `state_changed_at` is when the order's state last changed;
    `alert_rule` is the rule of the order's open alert when the test last read it, or None if it had none.
    """

    context: ServiceContext
    clock: ManualClock
    number: str = field(default_factory=lambda: f"ORD-{next(_order_numbers)}")
    id: int = 0
    state: str = "pending"
    state_changed_at: datetime | None = None
    payments: list[RecordedPayment] = field(default_factory=list)
    alert_rule: str | None = None

    def insert_order(self) -> None:
        """Create the order in the database."""
        self.state_changed_at = self.clock.now()
        self.id = self.context.write(
            lambda tx: orders.insert_order(tx.conn, NewOrder(self.number, ORDER_PRICE_YEN), self.clock.now())
        )

    # Events

    def add_payment(self, _: int) -> None:
        """Add a new payment to the order. The argument isn't used: each event of a history is called with one."""
        new = NewPayment("paypay", f"{self.number}-{len(self.payments)}", "JPY", ORDER_PRICE_YEN, order_id=self.id)
        made = self.context.write(lambda tx: payments.insert_payment(tx.conn, new, self.clock.now()))
        self.payments.append(RecordedPayment(made))

    def move_payment(self, choice: int) -> None:
        """Move one payment to a next state that the state table allows; `choice` selects the payment and the
        state.
        """
        paying = self._choose_payment(choice)
        ways = sorted(PAYMENT_TRANSITIONS[PaymentState(paying.state)]) if paying else []
        if paying and ways:
            self._move_payment(paying, ways[choice // 7 % len(ways)])

    def pay_payment(self, choice: int) -> None:
        """Let one payment be paid, if its state allows that; an order without a payment gets one first. If `choice`
        is a multiple of three, the payment expires before it is paid, if its state allows that.
        """
        if not self.payments:
            self.add_payment(0)
        paying = self._choose_payment(choice)
        assert paying is not None
        if choice % 3 == 0 and PaymentState.EXPIRED in PAYMENT_TRANSITIONS[PaymentState(paying.state)]:
            self._move_payment(paying, PaymentState.EXPIRED)
        for state in find_payment_state_path(PaymentState(paying.state), PaymentState.PAYMENT_SUCCESS):
            self._move_payment(paying, state)

    def _move_payment(self, paying: RecordedPayment, state: PaymentState) -> None:
        """Move the payment to this state, in the database and in the test's own copy."""

        def move_in_transaction(tx: Any) -> None:
            now = self.clock.now()
            payment = payments.find(tx.conn, paying.id)
            assert payment is not None
            payments.change_payment(tx.conn, payment, now, status=state)
            if state is PaymentState.PAYMENT_SUCCESS:
                payments.set_captured_amount(tx.conn, paying.id, ORDER_PRICE_YEN, now)

        self.context.write(move_in_transaction)
        if state is PaymentState.PAYMENT_SUCCESS:
            paying.paid_known_at, paying.had_ended_before = (
                self.clock.now(),
                paying.state in ("expired", "payment_failed"),
            )
        paying.state = state.value

    def refund_payment(self, choice: int) -> None:
        """Refund one payment: the whole remaining amount if `choice` is odd, else 1 yen."""
        paying = self._choose_payment(choice)
        if paying is None or not paying.keeps_money_of_payer:
            return
        minor = (ORDER_PRICE_YEN - paying.refunded_yen) if choice % 2 else 1

        def run_in_transaction(tx: Any) -> None:
            assert payments.reserve_amount(tx.conn, paying.id, minor, self.clock.now())
            assert payments.settle_refund(tx.conn, paying.id, minor, self.clock.now())

        self.context.write(run_in_transaction)
        paying.refunded_yen += minor

    def change_order_as_console(self, choice: int) -> None:
        """Change the order's state by the console's own code, which adds the change to the change feed. `choice`
        selects one of the states that the state table allows next.
        """
        ways = sorted(ORDER_TRANSITIONS[OrderState(self.state)])
        if ways:
            state = ways[choice % len(ways)]

            def run_in_transaction(tx: Any) -> None:
                order = orders.find(tx.conn, self.id)
                assert order is not None
                orders.change_order(tx.conn, order, self.clock.now(), status=state)

            self.context.write(run_in_transaction)
            self.state, self.state_changed_at = state.value, self.clock.now()

    def change_order_as_shop(self, choice: int) -> None:
        """Change the order's state as the shop does, which writes nothing into the change feed."""
        ways = sorted(ORDER_TRANSITIONS[OrderState(self.state)])
        if ways:
            state = ways[choice % len(ways)].value
            at = f"{self.clock.now().replace(tzinfo=None):%F %T.%f}"
            # The database dates what an application does by its own clock, which this test does not move. A raised
            # version keeps its trigger away, so the state is dated by the clock of the test.
            statement = (
                "UPDATE orders SET status = ?, updated_at = ?, state_since = ?, version = version + 1 WHERE id = ?"
            )
            self.context.write(lambda tx: tx.conn.exec_driver_sql(statement, (state, at, at, self.id)))
            self.state, self.state_changed_at = state, self.clock.now()

    def pass_grace_period(self, choice: int) -> None:
        """Move the clock forward by a whole grace period if `choice` is odd, else by one millisecond less."""
        self.clock.at += SCALED_GRACE_PERIOD if choice % 2 else SCALED_GRACE_PERIOD - timedelta(milliseconds=1)

    def _choose_payment(self, choice: int) -> RecordedPayment | None:
        """Return the payment that `choice` selects; None if the order has no payment."""
        return self.payments[choice % len(self.payments)] if self.payments else None

    # Expected alerts

    def find_expected_rule(self) -> str | None:
        """Return the rule of the alert that the order must have now according to the test's own copy, or None."""
        now, payments_with_money = self.clock.now(), [one for one in self.payments if one.keeps_money_of_payer]
        late = [one for one in payments_with_money if one.had_ended_before]
        if self.state == "cancelled":
            return "C" if payments_with_money else None
        if late and (
            self.state in ("pending", "paid")
            or (self.state in ("shipped", "delivered") and len(payments_with_money) > 1)
        ):
            return "C"
        if self.state == "pending" and payments_with_money:
            since = min(one.paid_known_at for one in payments_with_money if one.paid_known_at)
            return "A" if self.alert_rule == "A" or now - since >= SCALED_GRACE_PERIOD else None
        says_paid = self.state in ("paid", "shipped", "delivered")
        if says_paid and self.payments and not any(one.is_paid for one in self.payments):
            assert self.state_changed_at is not None
            return "B" if self.alert_rule == "B" or now - self.state_changed_at >= SCALED_GRACE_PERIOD else None
        return None

    def check_alert(self, _: int = 0) -> None:
        """Run the alert rules, and check that the order's open alert is the expected one."""
        with act_as(WORKER):
            AlertRuleEvaluator(self.context).update_alerts()
        with self.context.database.read() as conn:
            open_alerts = [one for one in alerts.find_by_subject(conn, "order", self.id) if one.resolved_at is None]
        self.alert_rule = self.find_expected_rule()
        assert [one.rule_id for one in open_alerts] == ([self.alert_rule] if self.alert_rule else [])


STEP_NAMES = (
    "add_payment",
    "move_payment",
    "pay_payment",
    "refund_payment",
    "change_order_as_console",
    "change_order_as_shop",
    "change_order_as_shop",
    "pass_grace_period",
    "check_alert",
    "check_alert",
)


@pytest.fixture(scope="module")
def context_and_clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceContext, ManualClock]]:
    """The service context of a desk on a new database, and the clock that the desk reads."""
    clock = ManualClock()
    home: Path = tmp_path_factory.mktemp("histories")
    with open_quick_desk(home, InMemoryAlarmBox(), clock) as console:
        yield console._context, clock


HISTORY_OF_RULE_B = [
    ("add_payment", 0),
    ("change_order_as_shop", 1),
    ("pass_grace_period", 1),
    ("check_alert", 0),
    ("change_order_as_shop", 1),
    ("check_alert", 0),
    ("pay_payment", 1),
    ("check_alert", 0),
]
HISTORY_OF_RULES_A_AND_C = [
    ("pay_payment", 1),
    ("pass_grace_period", 0),
    ("check_alert", 0),
    ("pass_grace_period", 1),
    ("check_alert", 0),
    ("change_order_as_shop", 0),
    ("check_alert", 0),
    ("refund_payment", 1),
]
HISTORY_WITH_RULE_TWICE = [
    ("pay_payment", 1),
    ("add_payment", 0),
    ("pay_payment", 3),
    ("check_alert", 0),
    ("change_order_as_shop", 1),
    ("change_order_as_shop", 1),
    ("check_alert", 0),
    ("refund_payment", 1),
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    [
        ("add_payment", 0),
        ("change_order_as_console", 1),
        ("check_alert", 0),
        ("pass_grace_period", 0),
        ("check_alert", 0),
        ("pass_grace_period", 1),
        ("check_alert", 0),
        ("check_alert", 0),
    ]
)
@example(HISTORY_OF_RULE_B)
@example(HISTORY_OF_RULES_A_AND_C)
@example(HISTORY_WITH_RULE_TWICE)
@given(st.lists(st.tuples(st.sampled_from(STEP_NAMES), st.integers(0, 100)), max_size=25))
def test_open_alerts_equal_the_alerts_computed_from_the_history(
    context_and_clock: tuple[ServiceContext, ManualClock], acts: list[tuple[str, int]]
) -> None:
    """After any generated history, the open alerts are exactly those that the test computes from its own copy of the
    history.
    """
    context, clock = context_and_clock
    story = OrderHistory(context, clock)
    story.insert_order()
    for name, choice in acts:
        getattr(story, name)(choice)
    story.check_alert()
    story.pass_grace_period(1)
    story.check_alert()


def test_the_histories_break_every_rule(context_and_clock: tuple[ServiceContext, ManualClock]) -> None:
    """For each alert rule, a fixed history leads to an alert of that rule. So the alerts that the generated histories
    expect include every rule.
    """
    context, clock = context_and_clock
    paths = {
        "A": [("pay", ["token_generated", "user_payment", "payment_success"])],
        "B": [("ours", ["paid"])],
        "C": [("pay", ["expired", "payment_success"])],
    }
    for rule, deeds in paths.items():
        story = OrderHistory(context, clock)
        story.insert_order()
        story.add_payment(0)
        for kind, states in deeds:
            for state in states:
                if kind == "pay":
                    story._move_payment(story.payments[0], PaymentState(state))
                else:
                    story.change_order_as_console(
                        sorted(ORDER_TRANSITIONS[OrderState(story.state)]).index(OrderState(state))
                    )
        story.pass_grace_period(1)
        story.check_alert()
        assert story.alert_rule == rule
