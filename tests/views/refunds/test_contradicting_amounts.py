"""Tests of the form of a refund request whose payment, provider and order have different amounts: no amount is filled
in that the person has not selected (decision 0164)."""

from dataclasses import replace
from typing import Any

import pytest

from console.domain.payments.consistency import compute_overpaid_minor
from console.domain.payments.states import PaymentState
from console.views.refunds.request_form import RefundForm
from tests.views.invented_checks import make_window_context
from tests.views.invented_payments import MONEY_PARTS, OPEN_SET_ASIDE, ORDER, make_payment, make_refund_plan


def make_form(**payment_fields: Any) -> RefundForm:
    """Return the form for a payment with these fields of an order of 12,000 yen."""
    payment = make_payment(**payment_fields)
    money = replace(
        MONEY_PARTS,
        captured=payment.captured_minor,
        refunded=payment.refunded_minor,
        refundable=payment.refundable_minor,
    )
    return RefundForm(make_window_context(), make_refund_plan(payment=payment, money=money))


def test_an_overpaid_payment_offers_both_amounts_and_presets_none(appearance: object) -> None:
    """12,500 yen were paid for an order of 12,000 yen. The amount is empty and without an error, the form names both
    amounts, and the review is possible only after the person has selected one: the overpaid part or everything."""
    form = make_form(captured_minor=12_500, asked_minor=12_500)
    assert (form.amount_edit.text(), form.amount_edit.accessibleDescription()) == ("", "")
    assert form._amount_buttons.checkedButton() is None
    assert "¥12,500 was paid for an order of ¥12,000." in form.difference_label.plain
    assert form.find_disabled_reason() == "Enter the amount."
    assert form.overpaid_amount_button.text() == "Overpaid amount, ¥500"
    form.overpaid_amount_button.click()
    assert form.amount_edit.text() == "500"
    form.full_amount_button.click()
    assert form.amount_edit.text() == "12,500"
    form.amount_edit.setText("700")
    assert form.partial_amount_button.isChecked()
    form.amount_edit.setText("500")
    assert form.overpaid_amount_button.isChecked()


@pytest.mark.parametrize(
    ("payment_fields", "overpaid_text"),
    [
        ({"captured_minor": 12_500, "refunded_minor": 200}, "Overpaid amount, ¥300"),
        ({"captured_minor": 12_500, "reserved_minor": 200}, "Overpaid amount, ¥300"),
    ],
    ids=["refunded", "reserved"],
)
def test_only_the_part_that_is_left_counts_as_overpaid(
    payment_fields: dict[str, int], overpaid_text: str, appearance: object
) -> None:
    """A part of the overpaid amount that was refunded, or that another request reserves, isn't offered again."""
    form = make_form(**payment_fields)
    assert (form.amount_edit.text(), form.overpaid_amount_button.text()) == ("", overpaid_text)


@pytest.mark.parametrize(
    ("payment_fields", "amount_text"),
    [
        ({}, "12,000"),
        ({"captured_minor": 12_500, "refunded_minor": 500}, "12,000"),
        ({"refunded_minor": 2_000}, "10,000"),
        ({"captured_minor": 300}, "300"),
    ],
    ids=["equal", "difference refunded", "partly refunded", "less paid"],
)
def test_the_only_likely_amount_is_filled_in(
    payment_fields: dict[str, int], amount_text: str, appearance: object
) -> None:
    """If no part of the payment is above the order's total, the whole remaining amount is filled in."""
    form = make_form(**payment_fields)
    assert form.amount_edit.text() == amount_text
    assert form.full_amount_button.isChecked()
    assert not form.overpaid_amount_button.isVisibleTo(form)
    assert not form.difference_label.isVisibleTo(form)


def test_an_amount_that_the_gateway_contradicts_is_not_filled_in(appearance: object) -> None:
    """If the gateway reports another amount than the recorded one, the amount is empty, and the form names both."""
    form = make_form(provider_minor=11_500)
    assert form.amount_edit.text() == ""
    assert "¥12,000, and the gateway reports ¥11,500" in form.difference_label.plain


def test_an_order_in_another_currency_presets_no_amount(appearance: object) -> None:
    """Amounts of different currencies are never subtracted: nothing is offered as overpaid, and nothing is filled
    in."""
    order = replace(ORDER, currency="INR")
    form = RefundForm(make_window_context(), make_refund_plan(order=order))
    assert form.amount_edit.text() == ""
    assert not form.overpaid_amount_button.isVisibleTo(form)
    assert compute_overpaid_minor(make_payment(captured_minor=99_000), order, ()) == 0


@pytest.mark.parametrize(
    ("minor", "other_fields", "amount_text", "overpaid_minor"),
    [
        (7_000, {"captured_minor": 7_000}, "", 2_000),
        (12_000, {"captured_minor": 500}, "", 500),
        (500, {}, "500", 500),
        (12_000, {}, "12,000", 12_000),
        (7_000, {"captured_minor": 7_000, "refunded_minor": 2_000}, "7,000", 0),
        (12_000, {"set_aside_minor": 12_000}, "12,000", 0),
        (12_000, {"currency": "INR"}, "12,000", 0),
        (12_000, {"state": PaymentState.USER_PAYMENT}, "12,000", 0),
    ],
    ids=[
        "two parts",
        "extra payment",
        "the extra one",
        "paid twice",
        "excess refunded",
        "set aside",
        "INR",
        "unpaid",
    ],
)
def test_the_excess_of_an_order_is_counted_over_all_its_payments(
    minor: int, other_fields: dict[str, Any], amount_text: str, overpaid_minor: int, appearance: object
) -> None:
    """The whole payment is filled in only if it isn't more than the excess of the order's payments over its total."""
    payment, other = make_payment(captured_minor=minor), make_payment(id=92, **other_fields)
    money = replace(MONEY_PARTS, captured=minor, refundable=minor)
    plan = make_refund_plan(payment=payment, money=money, order_payments=(payment, other))
    form = RefundForm(make_window_context(), plan)
    assert form.amount_edit.text() == amount_text
    assert compute_overpaid_minor(payment, ORDER, plan.order_payments) == overpaid_minor
    assert form.overpaid_amount_button.isVisibleTo(form) == (amount_text == "")


def test_the_sum_of_two_payments_is_compared_with_their_order(appearance: object) -> None:
    """The sentence about an overpaid order names the sum of its payments."""
    payments = make_payment(captured_minor=7_000), make_payment(id=92, captured_minor=7_000)
    form = RefundForm(make_window_context(), make_refund_plan(payment=payments[0], order_payments=payments))
    assert "¥14,000 was paid in several payments for an order of ¥12,000." in form.difference_label.plain


def test_money_set_aside_is_filled_in_whole(appearance: object) -> None:
    """Money set aside of an overpaid payment can only be refunded whole, so its amount is filled in."""
    plan = make_refund_plan(
        payment=make_payment(captured_minor=18_000, set_aside_minor=6_000), set_aside=OPEN_SET_ASIDE
    )
    form = RefundForm(make_window_context(), plan)
    assert form.amount_edit.text() == "6,000"
    assert not form.overpaid_amount_button.isVisibleTo(form)
