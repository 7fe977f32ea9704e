"""Tests of the alert rules A, B and C, which compare the states of an order and its payments."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.alerts.rules import (
    ACTION_OF_RULE,
    GRACE_PERIOD_BY_ALERT_RULE,
    LONGEST_GRACE_PERIOD,
    BrokenRule,
    find_broken_rule,
)
from console.domain.clock import TimeScale
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.states import PAID_BY_CALLBACK_STATES, PAID_STATES, PaymentState
from console.domain.records import Certainty, Work
from console.domain.tasks.records import AlertRule

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
DAY_BEFORE = NOW - timedelta(days=1)
UNPAID_STATES = [state for state in PaymentState if state not in PAID_STATES]


def make_order(state: OrderState, state_since: datetime | None = DAY_BEFORE) -> Order:
    return Order(3, "ORD-1", None, state, "JPY", 3300, (5,), 1, state_since=state_since)


def make_payment(state: PaymentState, id: int = 5, **facts: object) -> Payment:
    paid = state in PAID_STATES
    made = Payment(
        id, 3, "paypay", f"ORD-1-{id}", None, None, None, state, Certainty.KNOWN, Work(), "JPY", 3300,
        3300 if paid else 0, 0, 0, 0, 1, state_since=DAY_BEFORE, booked_at=DAY_BEFORE if paid else None,
    )  # fmt: skip
    return replace(made, **facts)  # type: ignore[arg-type]  # of each test


def find_rule(
    order: Order, *payments: Payment, now: datetime = NOW, scale: float = 1, open_rules: str = ""
) -> BrokenRule | None:
    return find_broken_rule(order, payments, now, TimeScale(scale), open_rules)


@pytest.mark.parametrize("state", sorted(PAID_STATES))
def test_a_pending_order_with_a_paid_payment_breaks_rule_a(state: PaymentState) -> None:
    """If a payment is paid and its order is still pending after the grace period, rule A raises an alert. Its action
    is to set the order to paid.
    """
    finding = find_rule(make_order(OrderState.PENDING), make_payment(state))
    assert finding == BrokenRule(
        AlertRule.PAID_UNNOTICED, 5, f"order=pending; payment 5={state} 3300 JPY", "order=paid"
    )
    assert finding.action == "move_order"


@pytest.mark.parametrize("scale", [1, 20])
def test_a_grace_period_counts_from_our_knowledge_of_the_payment(scale: float) -> None:
    """The grace period counts from the time at which this program learnt of the payment, and is divided by the time
    scale. An alert that is already open waits for no further grace period.
    """
    grace = GRACE_PERIOD_BY_ALERT_RULE[AlertRule.PAID_UNNOTICED] / scale
    just = make_payment(PaymentState.COMPLETED, booked_at=NOW - grace + timedelta(microseconds=1), paid_at=DAY_BEFORE)
    assert find_rule(make_order(OrderState.PENDING), just, scale=scale) is None
    assert find_rule(make_order(OrderState.PENDING), just, scale=scale, open_rules="A") is not None
    assert (
        find_rule(make_order(OrderState.PENDING), just, now=NOW + timedelta(microseconds=1), scale=scale) is not None
    )


@pytest.mark.parametrize("state", [OrderState.PAID, OrderState.SHIPPED, OrderState.DELIVERED])
@pytest.mark.parametrize("unpaid_state", UNPAID_STATES)
def test_a_paid_order_without_a_paid_payment_breaks_rule_b(state: OrderState, unpaid_state: PaymentState) -> None:
    """If an order is paid but has no paid payment, also after a reversal, rule B raises an alert after the grace
    period. Its action is to probe the payment that it names: the newest one, if none can still be paid.
    """
    finding = find_rule(make_order(state), make_payment(PaymentState.EXPIRED, 4), make_payment(unpaid_state))
    assert finding is not None
    assert (finding.rule, finding.payment_id, finding.action) == (AlertRule.PAID_WITHOUT_PAYMENT, 5, "ask_payment")
    assert finding.observed == f"order={state}; payment 4=expired 3300 JPY; payment 5={unpaid_state} 3300 JPY"
    young = make_order(state, NOW - GRACE_PERIOD_BY_ALERT_RULE[AlertRule.PAID_WITHOUT_PAYMENT] + timedelta(seconds=1))
    assert find_rule(young, make_payment(unpaid_state)) is None


@pytest.mark.parametrize("given_back", ["refunded_minor", "outside_minor"])
def test_a_paid_order_whose_money_is_gone_breaks_rule_b(given_back: str) -> None:
    """The bank has taken one payment of a paid order back, and the other one was given back: the alert names the
    reversed payment. While a part of the other one remains, and without a reversal, rule B isn't broken."""
    reversed_payment = make_payment(PaymentState.REVERSED, 4, captured_minor=3300)
    refunded_payment = make_payment(PaymentState.COMPLETED, **{given_back: 3300})
    finding = find_rule(make_order(OrderState.SHIPPED), reversed_payment, refunded_payment)
    assert finding is not None
    assert (finding.rule, finding.payment_id) == (AlertRule.PAID_WITHOUT_PAYMENT, 4)
    partly_refunded = make_payment(PaymentState.COMPLETED, **{given_back: 3299})
    assert find_rule(make_order(OrderState.SHIPPED), reversed_payment, partly_refunded) is None
    assert find_rule(make_order(OrderState.SHIPPED), make_payment(PaymentState.EXPIRED, 4), refunded_payment) is None


@pytest.mark.parametrize("ended_state", [PaymentState.EXPIRED, PaymentState.REVERSED])
def test_an_alert_of_rule_b_names_a_possibly_paid_payment(ended_state: PaymentState) -> None:
    """The alert of rule B names a payment whose outcome is unknown. Without one, it names a payment that can still be
    paid, before a newer payment that has ended.
    """
    unknown = make_payment(PaymentState.USER_PAYMENT, 3, certainty=Certainty.UNKNOWN)
    waiting, newest = make_payment(PaymentState.USER_PAYMENT, 4), make_payment(ended_state)
    for given, named in (
        ((unknown, waiting, newest), 3),
        ((waiting, newest), 4),
        ((make_payment(ended_state, 4), newest), 5),
    ):
        finding = find_rule(make_order(OrderState.PAID), *given)
        assert finding is not None
        assert finding.payment_id == named


def test_a_time_in_the_future_is_ignored() -> None:
    """A shop that writes its local time in place of UTC gives a time in the future. Such a time is ignored: the order
    gets no grace period of nine hours."""
    assert (
        find_rule(make_order(OrderState.PAID, NOW + timedelta(hours=9)), make_payment(PaymentState.EXPIRED))
        is not None
    )
    assert find_rule(make_order(OrderState.PAID, None), make_payment(PaymentState.EXPIRED)) is not None


def test_a_paid_order_without_payments_raises_no_alert() -> None:
    """A paid order without any payment here raises no alert."""
    assert all(find_rule(make_order(state)) is None for state in OrderState)


@pytest.mark.parametrize("state", sorted(PAID_STATES))
def test_a_cancelled_order_with_a_paid_payment_breaks_rule_c(state: PaymentState) -> None:
    """If a payment of a cancelled order is paid, rule C raises an alert immediately. The alert stays until the whole
    sum has been refunded.
    """
    cancelled, just = make_order(OrderState.CANCELLED, NOW), make_payment(state, booked_at=NOW)
    finding = find_rule(cancelled, just)
    assert finding is not None
    assert (finding.rule, finding.action, finding.expected) == (
        AlertRule.PAID_TOO_LATE,
        "refund",
        "refund|compensation",
    )
    assert find_rule(cancelled, replace(just, refunded_minor=3299)) is not None
    assert find_rule(cancelled, replace(just, refunded_minor=3300)) is None


@pytest.mark.parametrize("end", [PaymentState.EXPIRED, PaymentState.PAYMENT_FAILED])
@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.PAID])
def test_a_payment_paid_after_its_end_breaks_rule_c(state: OrderState, end: PaymentState) -> None:
    """A payment that was paid after it had ended breaks only rule C, whether or not its order became paid."""
    finding = find_rule(make_order(state), make_payment(PaymentState.COMPLETED, late_after=end))
    assert finding is not None
    assert finding.rule is AlertRule.PAID_TOO_LATE
    assert finding.observed == f"order={state}; payment 5=completed 3300 JPY after={end}"


def test_shipped_goods_count_as_paid_by_the_late_payment() -> None:
    """If the goods of an order were shipped, its late payment counts as the payment for them and raises no alert. A
    second payment of the same order still raises an alert.
    """
    late = make_payment(PaymentState.COMPLETED, 6, late_after=PaymentState.EXPIRED)
    for state in (OrderState.SHIPPED, OrderState.DELIVERED, OrderState.REFUNDED):
        assert find_rule(make_order(state), late) is None
    finding = find_rule(make_order(OrderState.SHIPPED), make_payment(PaymentState.COMPLETED), late)
    assert finding is not None
    assert (finding.rule, finding.payment_id) == (AlertRule.PAID_TOO_LATE, 6)


@pytest.mark.parametrize("state", [OrderState.PAID, OrderState.SHIPPED, OrderState.DELIVERED])
def test_an_order_with_one_suitable_payment_raises_no_alert(state: OrderState) -> None:
    """An order with one suitable payment raises no alert, whatever the states of its other payments are."""
    assert (
        find_rule(
            make_order(state),
            make_payment(PaymentState.EXPIRED, 4),
            make_payment(PaymentState.COMPLETED),
            make_payment(PaymentState.PAYMENT_FAILED, 6),
        )
        is None
    )


@pytest.mark.parametrize("unpaid_status", UNPAID_STATES)
def test_an_unpaid_order_breaks_no_rule(unpaid_status: PaymentState) -> None:
    """An order whose payment isn't paid breaks no rule."""
    assert find_rule(make_order(OrderState.PENDING), make_payment(unpaid_status)) is None
    assert find_rule(make_order(OrderState.CANCELLED), make_payment(unpaid_status)) is None


def test_the_alert_rules_also_apply_to_payments_of_other_programs() -> None:
    """A payment that another program has written lacks the columns of this program. The rules use its payment time
    instead.
    """
    bare = make_payment(PaymentState.COMPLETED, captured_minor=0, booked_at=None)
    assert find_rule(make_order(OrderState.PENDING), replace(bare, paid_at=NOW)) is None
    assert find_rule(make_order(OrderState.PENDING), replace(bare, paid_at=NOW - LONGEST_GRACE_PERIOD)) is not None
    assert find_rule(make_order(OrderState.CANCELLED), bare) is not None


def test_each_rule_has_one_action_and_a_grace_period() -> None:
    """Each alert rule has one action. Orders get a grace period of five minutes; payments that came too late get
    none.
    """
    assert set(ACTION_OF_RULE) == set(GRACE_PERIOD_BY_ALERT_RULE) == set(AlertRule)
    five = timedelta(minutes=5)
    assert [GRACE_PERIOD_BY_ALERT_RULE[rule] for rule in AlertRule] == [five, five, timedelta(0)]
    assert five == LONGEST_GRACE_PERIOD


def test_an_alert_names_the_newest_of_several_paid_payments() -> None:
    """If an order has several paid payments, in any order, the alert names the newest of them. The grace period
    counts from the oldest.
    """
    old, new = make_payment(PaymentState.COMPLETED, 5), make_payment(PaymentState.PAYMENT_SUCCESS, 6, booked_at=NOW)
    for pair in ((old, new), (new, old)):
        moved, late = (
            find_rule(make_order(OrderState.PENDING), *pair),
            find_rule(make_order(OrderState.CANCELLED), *pair),
        )
        assert moved is not None
        assert late is not None
        assert (moved.rule, moved.payment_id, late.rule, late.payment_id) == (
            AlertRule.PAID_UNNOTICED,
            6,
            AlertRule.PAID_TOO_LATE,
            6,
        )
    three = [
        replace(one, late_after=PaymentState.EXPIRED) for one in (new, make_payment(PaymentState.COMPLETED, 7), old)
    ]
    finding = find_rule(make_order(OrderState.SHIPPED), *three)
    assert finding is not None
    assert (finding.payment_id, finding.observed.count("payment ")) == (7, 3)


def test_a_payment_booked_at_this_instant_has_its_grace_period() -> None:
    """A payment that was booked at the present moment has its grace period. Only a time in the future counts as the
    time of a wrong clock."""
    assert find_rule(make_order(OrderState.PENDING), make_payment(PaymentState.COMPLETED, booked_at=NOW)) is None
    ahead = make_payment(PaymentState.COMPLETED, booked_at=NOW + timedelta(microseconds=1))
    assert find_rule(make_order(OrderState.PENDING), ahead) is not None


@pytest.mark.parametrize(
    ("times", "is_over"),
    [
        ({"booked_at": DAY_BEFORE, "paid_at": NOW, "state_since": NOW}, True),
        ({"booked_at": NOW, "paid_at": DAY_BEFORE, "state_since": DAY_BEFORE}, False),
        ({"booked_at": None, "paid_at": DAY_BEFORE, "state_since": NOW}, True),
        ({"booked_at": None, "paid_at": NOW, "state_since": DAY_BEFORE}, False),
        ({"booked_at": None, "paid_at": None, "state_since": NOW}, False),
        ({"booked_at": None, "paid_at": None, "state_since": DAY_BEFORE}, True),
        ({"booked_at": None, "paid_at": None, "state_since": None}, True),
    ],
)
def test_the_grace_period_counts_from_the_booking_of_the_payment(
    times: dict[str, datetime | None], is_over: bool
) -> None:
    """The grace period of rule A counts from the first of these times that the payment has: its booking, its payment
    time, its last change of state. Without any of them the grace period counts as over.
    """
    payment = replace(make_payment(PaymentState.COMPLETED), **times)  # type: ignore[arg-type]  # of each case
    assert (find_rule(make_order(OrderState.PENDING), payment) is not None) is is_over


def test_the_grace_period_of_an_order_counts_from_its_last_change() -> None:
    """The grace period of an order counts from its last change, or else from its creation."""
    young = replace(make_order(OrderState.PAID, None), created_at=NOW)
    assert find_rule(young, make_payment(PaymentState.EXPIRED)) is None
    assert find_rule(replace(young, state_since=DAY_BEFORE), make_payment(PaymentState.EXPIRED)) is not None


def test_the_rules_compare_the_captured_sum() -> None:
    """The rules compare the captured amount less the refunded amount, not the requested amount."""
    yen = make_payment(PaymentState.COMPLETED, captured_minor=1)
    assert find_rule(make_order(OrderState.CANCELLED), replace(yen, refunded_minor=1)) is None
    finding = find_rule(make_order(OrderState.CANCELLED), replace(yen, captured_minor=3000))
    assert finding is not None
    assert finding.observed == "order=cancelled; payment 5=completed 3000 JPY"


def test_the_text_of_an_alert_about_many_payments_fits_its_column() -> None:
    """The text of an alert about many payments isn't longer than its column."""
    finding = find_rule(
        make_order(OrderState.CANCELLED), *(make_payment(PaymentState.COMPLETED, one) for one in range(20))
    )
    assert finding is not None
    assert len(finding.observed) == 255


@pytest.mark.parametrize(("confirmed_minor", "named"), [(3300, 4), (1000, 5)])
def test_an_alert_names_a_payment_paid_by_callback_alone_if_the_order_needs_it(
    confirmed_minor: int, named: int
) -> None:
    """The alert names a payment that only a callback reports as paid, if the confirmed payments don't cover the
    order's price. Otherwise it names the confirmed payment, by which the order can be set to paid."""
    confirmed = make_payment(PaymentState.COMPLETED, id=4, captured_minor=confirmed_minor)
    for callback in PAID_BY_CALLBACK_STATES:
        finding = find_rule(make_order(OrderState.PENDING), confirmed, make_payment(callback))
        assert finding is not None
        assert (finding.rule, finding.payment_id) == (AlertRule.PAID_UNNOTICED, named)
