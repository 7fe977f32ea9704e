"""Tests of the derived values of orders, payments and refunds, also with empty columns."""

from dataclasses import replace
from typing import Any

import pytest

from console.domain.payments.records import (
    Account,
    Order,
    OrderRelations,
    OrderState,
    Payment,
    PaymentImport,
    PaymentRelations,
    Refund,
    RefundRelations,
    RefundRequest,
    mask_payer,
)
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work

PAYMENT = Payment(
    5, 3, "paypay", "ORD-1", None, None, "taro@example.jp", PaymentState.COMPLETED, Certainty.KNOWN, Work(), "JPY",
    3300, 3300, 0, 0, 0, 1,
)  # fmt: skip
REFUND = Refund(
    9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("reserved", "refunded", "set_aside", "refundable"),
    [
        (0, 0, 0, 3300),
        (1000, 0, 0, 2300),
        (0, 1000, 0, 2300),
        (0, 0, 1000, 2300),
        (1000, 200, 30, 2070),
        (3300, 0, 0, 0),
        (3000, 400, 0, -100),
    ],
)
def test_the_refundable_amount_excludes_reserved_refunded_and_set_aside_money(
    reserved: int, refunded: int, set_aside: int, refundable: int
) -> None:
    """The refundable amount is the captured amount less the reserved, refunded and set-aside amounts. For an
    inconsistent row it is negative.
    """
    payment = replace(PAYMENT, reserved_minor=reserved, refunded_minor=refunded, set_aside_minor=set_aside)
    assert payment.refundable_minor == refundable


@pytest.mark.parametrize(
    ("balance", "reserved", "free_amount"),
    [(0, 0, 1000), (600, 0, 400), (600, 300, 100), (600, 399, 1), (600, 400, 0), (600, 900, 0), (1000, 0, 0)],
)
def test_the_free_amount_of_an_account_is_computed(balance: int, reserved: int, free_amount: int) -> None:
    """The free amount of an account is its limit less its balance and reservations, and never below 0."""
    assert Account(1, "1180301018771", "JPY", 1000, balance, reserved, 1).available_minor == free_amount


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, None),
        ("", None),
        ("A", "****"),
        ("1234567", "****"),
        ("12345678", "****5678"),
        ("taro@example.jp", "****e.jp"),
    ],
)
def test_a_payer_is_shown_in_part(name: str | None, shown: str | None) -> None:
    """Of a payer's name of eight characters or more, only the last four are shown. A shorter name is shown as
    `****`.
    """
    assert mask_payer(name) == shown


def test_a_payer_appears_in_no_log() -> None:
    """The text form (`repr`) of a payment doesn't contain the payer's name, so no log can contain it."""
    assert "taro" not in repr(PAYMENT)


def test_a_new_payment_has_no_reservation_and_no_answer() -> None:
    """A new payment has no amount reserved of an account and no answer of the provider. By default it is paid by a
    code."""
    assert (PAYMENT.by_code, PAYMENT.account_minor, PAYMENT.late_after, PAYMENT.told_at) == (True, 0, None, None)
    assert (PAYMENT.provider_minor, PAYMENT.provider_refunded_minor, PAYMENT.booked_at) == (None, None, None)


def test_a_new_refund_was_never_sent() -> None:
    """A new refund has never been sent or probed, isn't marked as an intended repeat, and needs one approver."""
    assert (REFUND.sent_count, REFUND.not_found, REFUND.intended_repeat, REFUND.checkers_needed) == (0, 0, False, 1)
    assert (REFUND.reason, REFUND.set_aside_id, REFUND.sends_after, REFUND.first_sent_at) == ("", None, None, None)


def test_a_refund_request_is_no_intended_repeat_by_default() -> None:
    """By default a refund request isn't marked as an intended repeat."""
    plain = RefundRequest(5, "500", "sent back")
    assert (plain.intended_repeat, plain.set_aside_id, plain.saw, plain.answers) == (False, None, None, ())
    assert PaymentImport("paypay", "ORD-1").amount is None


def test_a_new_order_has_no_work() -> None:
    """A new order has no work."""
    order = Order(3, "ORD-1", None, OrderState.PENDING, "JPY", 3300, (), 1)
    assert (order.work, order.payment_method, order.changed_at) == (Work(), None, None)


def test_the_unknown_one_of_several_open_refunds_comes_first() -> None:
    """Of several open refunds, an unknown one comes first, then one that the provider has not accepted yet, then an
    accepted one. Ended refunds don't count."""
    requested = REFUND
    accepted = replace(REFUND, id=10, state=RefundState.SUBMITTED)
    unknown = replace(REFUND, id=11, state=RefundState.SUBMITTED, certainty=Certainty.UNKNOWN)
    ended = replace(REFUND, id=12, state=RefundState.COMPLETED)
    for refunds, first in (
        ((accepted, requested, unknown, ended), unknown),
        ((accepted, requested, ended), requested),
        ((ended, accepted), accepted),
        ((ended,), None),
    ):
        assert PaymentRelations(refunds=refunds).pending_refund == first


def test_relations_do_not_change_the_equality_of_a_record() -> None:
    """Two records that were read from the same row are equal, whatever relations were read with them. The text form
    of a record contains no data of other records."""
    order = Order(3, "ORD-1", None, OrderState.PAID, "JPY", 3300, (5,), 2)
    records_and_relations: list[tuple[Any, dict[str, object]]] = [
        (PAYMENT, {"relations": PaymentRelations(order), "registry_entry": object()}),
        (REFUND, {"relations": RefundRelations(PAYMENT)}),
        (order, {"relations": OrderRelations(payments=(PAYMENT,)), "registry_entry": object()}),
    ]
    for record, relation_fields in records_and_relations:
        other = replace(record, **relation_fields)
        assert other == record
        assert repr(other) == repr(record)
