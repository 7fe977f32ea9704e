"""Tests of the explanation of an order that has an alert, without its wording."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.alerts.rules import BrokenRule
from console.domain.clock import CLOCK_TOLERANCE
from console.domain.explained_state import Explanation
from console.domain.explanations.alerts import explain_alert, find_alert_action
from console.domain.money import Money
from console.domain.payments.records import Order, OrderState, Payment, PaymentRelations, Refund
from console.domain.payments.states import PAID_BY_CALLBACK_STATES, PaymentState, RefundState
from console.domain.records import Certainty, ReadOnlySwitch, Work
from console.domain.tasks.records import AlertRule

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
ONE_HOUR_AGO = NOW - HOUR
ORDER = Order(
    3, "ORD-1", None, OrderState.PENDING, "JPY", 3300, (4, 5), 1, created_at=NOW - 3 * HOUR,
    state_since=NOW - 2 * HOUR,
)  # fmt: skip
PAYMENT = Payment(
    5, 3, "paypay", "ORD-1-5", None, None, None, PaymentState.COMPLETED, Certainty.KNOWN, Work(), "JPY", 3300, 3000,
    0, 500, 0, 1, paid_at=NOW - 4 * HOUR, booked_at=NOW - 5 * HOUR, state_since=NOW - 6 * HOUR,
)  # fmt: skip
OTHER_PAYMENT = replace(PAYMENT, id=4, merchant_payment_id="ORD-1-4")
OPEN_REFUND = Refund(
    9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1
)  # fmt: skip
LATE_PAYMENT = replace(PAYMENT, late_after=PaymentState.EXPIRED)


def explain_finding(rule: AlertRule, payment: Payment = PAYMENT, order: Order = ORDER) -> Explanation:
    finding = BrokenRule(rule, payment.id, "x", "y")
    return explain_alert(order, (OTHER_PAYMENT, payment), finding, ONE_HOUR_AGO, NOW)


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        (AlertRule.PAID_UNNOTICED, "payment move-order 5"),
        (AlertRule.PAID_WITHOUT_PAYMENT, "probe payment 5"),
        (AlertRule.PAID_TOO_LATE, "refund request 5 --amount N --reason TEXT"),
    ],
)
def test_each_rules_explanation_names_the_payment_and_the_command(rule: AlertRule, command: str) -> None:
    """The explanation of each rule's alert names the payment and the command that corrects the mismatch."""
    explained = explain_finding(rule)
    assert explained.verdict == f"verdict.order_alert_{rule}"
    assert explained.next_step.code == f"next.order_alert_{rule}"
    assert explained.next_step.command == f"support-console {command}"
    assert explained.roles_that_may_act == ("approver", "operator")


def test_the_command_of_an_alert_requests_no_money_set_aside() -> None:
    """If only set-aside money can be refunded, the command of the alert shows the payment: the terminal requests no
    refund of such money."""
    payment = replace(PAYMENT, set_aside_minor=PAYMENT.refundable_minor)
    command = explain_finding(AlertRule.PAID_TOO_LATE, payment).next_step.command
    assert command == "support-console show payment 5"


@pytest.mark.parametrize(
    ("rule", "payment", "state", "reason"),
    [
        (AlertRule.PAID_UNNOTICED, LATE_PAYMENT, OrderState.PENDING, "A"),
        (AlertRule.PAID_WITHOUT_PAYMENT, LATE_PAYMENT, OrderState.CANCELLED, "B"),
        (AlertRule.PAID_TOO_LATE, LATE_PAYMENT, OrderState.PAID, "C_after"),
        (AlertRule.PAID_TOO_LATE, LATE_PAYMENT, OrderState.PENDING, "C_after"),
        (AlertRule.PAID_TOO_LATE, LATE_PAYMENT, OrderState.CANCELLED, "C_cancelled"),
        (AlertRule.PAID_TOO_LATE, PAYMENT, OrderState.CANCELLED, "C_cancelled"),
        (AlertRule.PAID_TOO_LATE, PAYMENT, OrderState.PAID, "C_cancelled"),
    ],
)
def test_the_explanation_of_late_money_states_its_reason(
    rule: AlertRule, payment: Payment, state: OrderState, reason: str
) -> None:
    """For a late payment, the explanation states whether the money came after the payment had ended or after its
    order was cancelled. The other rules have only one cause each."""
    assert explain_finding(rule, payment, replace(ORDER, state=state)).why == f"why.order_alert_{reason}"


NO_INSTANTS: dict[str, datetime | None] = {"paid_at": None, "booked_at": None, "state_since": None}


@pytest.mark.parametrize(
    ("times", "hours"),
    [({}, 4), ({"paid_at": None}, 5), ({"paid_at": None, "booked_at": None}, 6), (NO_INSTANTS, None)],
)
@pytest.mark.parametrize("rule", [AlertRule.PAID_UNNOTICED, AlertRule.PAID_TOO_LATE])
def test_the_age_of_a_paid_sum_counts_from_its_payment(
    rule: AlertRule, times: dict[str, datetime | None], hours: int | None
) -> None:
    """The age of a paid sum counts from its payment time, or else from its booking, or else from the last change of
    its state."""
    facts = explain_finding(rule, replace(PAYMENT, **times)).facts  # type: ignore[arg-type]  # of each case
    assert facts["age"] == (None if hours is None else hours * HOUR)
    assert facts["at"] == (None if hours is None else NOW - hours * HOUR)


def test_the_explanation_states_the_age_of_the_orders_state() -> None:
    """The age of an order's state counts from the last change of the state, or else from the creation of the
    order."""
    assert explain_finding(AlertRule.PAID_WITHOUT_PAYMENT).facts["age"] == 2 * HOUR
    made = replace(ORDER, state_since=None)
    assert explain_finding(AlertRule.PAID_WITHOUT_PAYMENT, order=made).facts["age"] == 3 * HOUR
    timeless = explain_finding(AlertRule.PAID_WITHOUT_PAYMENT, order=replace(made, created_at=None)).facts
    assert (timeless["at"], timeless["age"]) == (None, None)


@pytest.mark.parametrize(
    ("paid_at", "age"),
    [
        (NOW, timedelta(0)),
        (NOW - MICROSECOND, MICROSECOND),
        (NOW + CLOCK_TOLERANCE, timedelta(0)),
        (NOW + CLOCK_TOLERANCE + MICROSECOND, None),
    ],
)
def test_an_instant_slightly_in_the_future_has_age_zero(paid_at: datetime, age: timedelta | None) -> None:
    """A time up to a minute in the future has the age zero, because the clocks of two desks may differ. A time
    further in the future has no age (None)."""
    assert explain_finding(AlertRule.PAID_UNNOTICED, replace(PAYMENT, paid_at=paid_at)).facts["age"] == age


def test_money_that_waits_for_its_refund_has_not_been_returned() -> None:
    payment = replace(LATE_PAYMENT, reserved_minor=2000, set_aside_minor=500)
    assert explain_finding(AlertRule.PAID_TOO_LATE, payment).facts["left"] == Money(2500, "JPY")


def test_facts_of_sentences_have_captured_and_remaining_amounts() -> None:
    """The amount in the facts of a sentence is the captured one, or the requested one if none was captured. The
    remaining amount is the captured amount less the refunded amount."""
    facts = explain_finding(AlertRule.PAID_TOO_LATE, LATE_PAYMENT).facts
    assert (facts["id"], facts["order"], facts["payment"], facts["number"]) == (3, "ORD-1", 5, "ORD-1-5")
    assert (facts["order_state"], facts["payment_state"], facts["provider"]) == ("pending", "completed", "paypay")
    assert (facts["amount"], facts["left"]) == (Money(3000, "JPY"), Money(2500, "JPY"))
    assert (facts["after"], facts["since"], facts["grace"]) == (PaymentState.EXPIRED, ONE_HOUR_AGO, timedelta(0))
    bare = explain_finding(AlertRule.PAID_UNNOTICED, replace(PAYMENT, captured_minor=0, refunded_minor=0)).facts
    assert (bare["amount"], bare["left"]) == (Money(3300, "JPY"), Money(0, "JPY"))


@pytest.mark.parametrize(
    ("payment", "relations", "name", "suffix"),
    [
        (LATE_PAYMENT, {}, "refund", ""),
        (LATE_PAYMENT, {"refund_refusal": "refund_window"}, "open", "_off"),
        (replace(LATE_PAYMENT, certainty=Certainty.UNKNOWN), {}, "open", "_off"),
        (LATE_PAYMENT, {"refunds": (OPEN_REFUND,)}, "open", "_refund"),
        (
            LATE_PAYMENT,
            {"read_only_switch": ReadOnlySwitch("everything", True, "x", "lead-b", NOW)},
            "open",
            "_read_only",
        ),
    ],
)
def test_a_refund_is_advised_only_if_a_request_is_possible(
    payment: Payment, relations: dict[str, Any], name: str, suffix: str
) -> None:
    """No refund is advised while another one is open, while the provider is read-only, if the rules refuse it, or if
    the payment's outcome is unknown."""
    record = replace(payment, relations=PaymentRelations(**relations))
    action = find_alert_action(
        ORDER, (OTHER_PAYMENT, record), BrokenRule(AlertRule.PAID_TOO_LATE, payment.id, "x", "y")
    )
    assert (action.name, action.sentence_key_suffix) == (name, suffix)


UNKNOWN_PAYMENT = replace(PAYMENT, state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN)


@pytest.mark.parametrize(
    ("payment", "suffix"),
    [(UNKNOWN_PAYMENT, "_unknown"), (replace(UNKNOWN_PAYMENT, certainty=Certainty.KNOWN), ""), (PAYMENT, "")],
)
def test_an_order_with_an_unknown_payment_is_not_called_unpaid(payment: Payment, suffix: str) -> None:
    """While the outcome of an order's payment is unknown, the explanation doesn't say that the payment isn't paid."""
    record = replace(payment, relations=PaymentRelations(can_ask_provider=True))
    explained = explain_finding(AlertRule.PAID_WITHOUT_PAYMENT, record, replace(ORDER, state=OrderState.PAID))
    assert explained.verdict == f"verdict.order_alert_B{suffix}"
    assert explained.why == f"why.order_alert_B{suffix}"
    assert explained.next_step.code == "next.order_alert_B"


def test_an_order_whose_money_went_back_is_not_called_unpaid() -> None:
    """One payment of a paid order was reversed, and the other one was refunded: the explanation doesn't say that no
    payment succeeded."""
    reversed_payment = replace(PAYMENT, state=PaymentState.REVERSED, relations=PaymentRelations())
    refunded = replace(OTHER_PAYMENT, state=PaymentState.COMPLETED, captured_minor=3300, refunded_minor=3300)
    rule = BrokenRule(AlertRule.PAID_WITHOUT_PAYMENT, reversed_payment.id, "x", "y")
    order = replace(ORDER, state=OrderState.PAID)
    explained = explain_alert(order, (reversed_payment, refunded), rule, NOW, NOW)
    assert (explained.verdict, explained.why, explained.next_step.code) == (
        "verdict.order_alert_B_given_back",
        "why.order_alert_B_given_back",
        "next.order_alert_B_reversed",
    )


def test_a_probe_is_advised_only_if_the_gateway_can_be_called() -> None:
    """No probe is advised for a bank payment: a bank only sends notices, so the service refuses a probe."""
    record = replace(PAYMENT, state=PaymentState.EXPIRED, relations=PaymentRelations(can_ask_provider=False))
    explained = explain_finding(AlertRule.PAID_WITHOUT_PAYMENT, record, replace(ORDER, state=OrderState.PAID))
    assert explained.next_step.code == "next.order_alert_B_open"
    assert explained.next_step.command == "support-console show payment 5"


def test_amounts_of_two_currencies_are_not_added() -> None:
    """For an order in yen with payments in yen and rupees, the explanation states neither a paid sum nor a missing
    amount.
    """
    order, rupees = replace(ORDER, total_minor=9000), replace(OTHER_PAYMENT, currency="INR")
    explained = explain_alert(
        order, (rupees, PAYMENT), BrokenRule(AlertRule.PAID_UNNOTICED, 5, "x", "y"), ONE_HOUR_AGO, NOW
    )
    assert explained.verdict == "verdict.order_alert_A_currency"
    assert explained.why == "why.order_alert_A_currency"
    assert explained.next_step.code == "next.order_alert_A_currency_or_refund"
    assert (explained.facts["paid"], explained.facts["missing"]) == (None, None)


@pytest.mark.parametrize(
    ("payment", "suffix"),
    [
        (PAYMENT, "_or_refund"),
        (replace(PAYMENT, relations=PaymentRelations(refund_refusal="too_old")), ""),
        (replace(PAYMENT, certainty=Certainty.UNKNOWN), ""),
    ],
)
def test_a_refund_is_advised_for_an_underpaid_order_only_where_one_can_be_requested(
    payment: Payment, suffix: str
) -> None:
    """If the payment of an order is too small, the order's page advises the same action as the primary button of the
    payment's page. It advises no action that the service refuses."""
    underpaid_order = replace(ORDER, total_minor=payment.captured_minor + 1_100)
    rule = BrokenRule(AlertRule.PAID_UNNOTICED, payment.id, "x", "y")
    explained = explain_alert(underpaid_order, (payment,), rule, ONE_HOUR_AGO, NOW)
    assert explained.next_step.code == f"next.order_alert_A_short{suffix}"


@pytest.mark.parametrize("state", sorted(PAID_BY_CALLBACK_STATES))
def test_a_payment_that_only_a_callback_calls_paid_is_probed(state: PaymentState) -> None:
    """If only a callback reports a payment as paid, the explanation advises a probe, because the service refuses to
    set the order to paid until the gateway has answered. No amount is called missing."""
    explained = explain_finding(AlertRule.PAID_UNNOTICED, replace(PAYMENT, state=state))
    assert explained.verdict == "verdict.order_alert_A_callback"
    assert explained.why == "why.order_alert_A_callback"
    assert explained.next_step.command == "support-console probe payment 5"


def test_only_confirmed_payments_are_added_for_an_underpaid_order() -> None:
    """A callback alone reports the other payment as paid. So this payment isn't added, whatever its currency is, and
    the order still lacks its amount."""
    other_payment = replace(OTHER_PAYMENT, state=PaymentState.SIGNATURE_VERIFIED, currency="INR")
    rule = BrokenRule(AlertRule.PAID_UNNOTICED, PAYMENT.id, "x", "y")
    explained = explain_alert(ORDER, (other_payment, PAYMENT), rule, ONE_HOUR_AGO, NOW)
    assert explained.verdict == "verdict.order_alert_A_short"
    assert (explained.facts["paid"], explained.facts["missing"]) == (Money(2500, "JPY"), Money(800, "JPY"))
