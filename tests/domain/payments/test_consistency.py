"""Tests of the compared sides of a payment (our database, the provider, the order) with their ages and differences,
and of the parts into which its money is divided."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.payments.consistency import (
    compare_payment_sides,
    compare_refund_sides,
    compute_money_parts,
    compute_order_difference_minor,
    is_order_covered,
)
from console.domain.payments.records import Order, OrderState, Payment, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
PAID_PAYMENT = Payment(
    id=5, order_id=3, provider="paypay", merchant_payment_id="ORD-1", provider_payment_id="0421",
    corporation_number=None, payer=None, state=PaymentState.COMPLETED, certainty=Certainty.KNOWN, work=Work(),
    currency="JPY",
    asked_minor=3300, captured_minor=3300, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=4,
    paid_at=NOW - timedelta(minutes=6), provider_state="COMPLETED", provider_minor=3300, provider_refunded_minor=0,
    told_at=NOW - timedelta(minutes=3), changed_at=NOW - timedelta(minutes=6), state_since=NOW - timedelta(minutes=6),
)  # fmt: skip
ORDER = Order(
    3,
    "ORD-1",
    None,
    OrderState.PAID,
    "JPY",
    3300,
    (5,),
    2,
    changed_at=NOW - timedelta(minutes=6),
    state_since=NOW - timedelta(minutes=6),
)


def compare_sides(
    payment: Payment, order: Order | None = ORDER, provider_state: PaymentState | None = PaymentState.PAYMENT_SUCCESS
) -> Any:
    return compare_payment_sides(payment, order, provider_state, NOW, writer_name="op-a")


def test_three_equal_sides_have_no_difference() -> None:
    """The comparison of a payment has three sides, always in the same order: ours, the provider's and the order's. If
    their values agree, no side has a difference.
    """
    ours, provider, order = compare_sides(PAID_PAYMENT)
    assert [side.name for side in (ours, provider, order)] == ["ours", "provider", "order"]
    assert (ours.state, ours.minor, ours.version, ours.source) == ("completed", 3300, 4, "op-a")
    assert (provider.word, provider.state, provider.asked) == ("COMPLETED", "payment_success", PAID_PAYMENT.told_at)
    assert (order.state, order.minor, order.reference) == ("paid", 3300, "ORD-1")
    assert provider.differs == order.differs == ()


def test_an_unread_or_missing_side_has_no_difference() -> None:
    """If the provider was never asked about a payment, the provider's side has neither the time of an answer nor a
    difference. The order's side of a payment without an order is marked as missing (`there`).
    """
    _, provider, order = compare_sides(
        replace(PAID_PAYMENT, told_at=None, provider_state=None, provider_minor=None), None, None
    )
    assert (provider.asked, provider.old, provider.differs) == (None, False, ())
    assert (order.there, order.state) == (False, None)


@pytest.mark.parametrize(
    ("changed", "provider_state", "differs"),
    [
        ({}, PaymentState.PAYMENT_FAILED, ("state",)),
        ({}, PaymentState.USER_PAYMENT, ("state",)),
        ({}, None, ()),  # a word that no table has proves nothing
        ({"provider_minor": 3301}, PaymentState.PAYMENT_SUCCESS, ("amount",)),
        ({"provider_refunded_minor": 1000}, PaymentState.PAYMENT_SUCCESS, ("refunded",)),
        ({"state": PaymentState.SIGNATURE_VERIFIED}, PaymentState.PAYMENT_SUCCESS, ()),
        ({"state": PaymentState.REVERSED}, PaymentState.PAYMENT_FAILED, ()),
        ({"state": PaymentState.REVERSED}, PaymentState.PAYMENT_SUCCESS, ("state",)),
        ({"state": PaymentState.EXPIRED, "captured_minor": 0}, PaymentState.USER_PAYMENT, ()),
        ({"state": PaymentState.EXPIRED, "captured_minor": 0}, PaymentState.PAYMENT_SUCCESS, ("state",)),
        (
            {"state": PaymentState.USER_PAYMENT, "captured_minor": 0, "provider_minor": 3301},
            PaymentState.USER_PAYMENT,
            ("amount",),
        ),
    ],
)
def test_differences_of_the_provider_are_named(
    changed: dict[str, Any], provider_state: PaymentState | None, differs: tuple[str, ...]
) -> None:
    """If the state, the amount or the refunded amount at the provider differs, the comparison names exactly this
    difference.
    """
    assert compare_sides(replace(PAID_PAYMENT, **changed), provider_state=provider_state)[1].differs == differs


@pytest.mark.parametrize(
    ("order", "payment", "differs"),
    [
        ({"state": OrderState.PENDING}, {}, ("state",)),
        ({"state": OrderState.CANCELLED}, {}, ("state",)),
        ({"state": OrderState.SHIPPED}, {}, ()),
        ({"total_minor": 3000}, {}, ("amount",)),
        ({"currency": "INR"}, {}, ("currency",)),
        ({}, {"state": PaymentState.REVERSED}, ("state",)),
        ({"payment_ids": (5, 6)}, {"state": PaymentState.REVERSED}, ()),  # another one may have paid it
        ({"state": OrderState.PENDING}, {"state": PaymentState.USER_PAYMENT, "captured_minor": 0}, ()),
    ],
)
def test_differences_of_the_order_are_named(
    order: dict[str, Any], payment: dict[str, Any], differs: tuple[str, ...]
) -> None:
    """The comparison names a difference if only one of payment and order is paid (but not if another payment may have
    paid the order), and if the order has another amount or currency.
    """
    assert compare_sides(replace(PAID_PAYMENT, **payment), replace(ORDER, **order))[2].differs == differs


@pytest.mark.parametrize(
    ("state", "certainty", "age", "is_old"),
    [
        (PaymentState.COMPLETED, Certainty.KNOWN, timedelta(hours=24), False),
        (PaymentState.COMPLETED, Certainty.KNOWN, timedelta(hours=24, seconds=1), True),
        (PaymentState.USER_PAYMENT, Certainty.KNOWN, timedelta(minutes=15), False),
        (PaymentState.USER_PAYMENT, Certainty.KNOWN, timedelta(minutes=15, seconds=1), True),
        (PaymentState.COMPLETED, Certainty.UNKNOWN, timedelta(minutes=16), True),
    ],
)
def test_a_provider_answer_is_old_after_the_age_limit_of_its_payment(
    state: PaymentState, certainty: Certainty, age: timedelta, is_old: bool
) -> None:
    """The provider's answer counts as old after fifteen minutes if the payment waits for a change, otherwise after a
    day."""
    payment = replace(PAID_PAYMENT, state=state, certainty=certainty, told_at=NOW - age)
    assert compare_sides(payment)[1].old is is_old


def make_refund(minor: int, state: RefundState, certainty: Certainty = Certainty.KNOWN) -> Refund:
    return Refund(9, 5, 3, minor, "JPY", state, certainty, Work(), "op-a", (), None, None, 1)


def test_the_provider_side_of_a_refund_has_the_providers_number_of_the_refund() -> None:
    """The sides of a refund name the refund itself, by our idempotency key and by the provider's number, and not its
    payment. So a person sees whether the refund was made.
    """
    refund = replace(
        make_refund(500, RefundState.COMPLETED),
        provider_refund_key="RFD-1",
        provider_refund_id="0473",
        provider_state="REFUNDED",
        told_at=NOW,
    )
    ours, provider, order = compare_refund_sides(refund, PAID_PAYMENT, ORDER, RefundState.COMPLETED, NOW)
    assert (ours.reference, provider.reference, order.reference) == ("RFD-1", "0473", "ORD-1")
    assert (provider.state, provider.word, provider.minor, provider.differs) == ("completed", "REFUNDED", -500, ())


def test_every_yen_of_a_payment_is_in_one_part() -> None:
    """Each captured yen belongs to exactly one part: refunded, being refunded, unknown, waiting, set aside or
    refundable.
    """
    payment = replace(
        PAID_PAYMENT, captured_minor=12_000, refunded_minor=2000, reserved_minor=2000, set_aside_minor=500
    )
    money = compute_money_parts(
        payment,
        [
            make_refund(2000, RefundState.COMPLETED),
            make_refund(1000, RefundState.SUBMITTED),
            make_refund(500, RefundState.SUBMITTING, Certainty.UNKNOWN),
            make_refund(500, RefundState.REQUESTED),
            make_refund(900, RefundState.FAILED),
        ],
    )
    parts = (money.refunded, money.on_its_way, money.unknown, money.waiting, money.set_aside, money.refundable)
    assert parts == (2000, 1000, 500, 500, 500, 7500)
    assert sum(parts) == money.captured


def test_a_reversed_payment_has_no_refundable_amount() -> None:
    """A reversed payment has no refundable amount, whatever amount was captured."""
    assert compute_money_parts(replace(PAID_PAYMENT, state=PaymentState.REVERSED), []).refundable == 0


@pytest.mark.parametrize("read_amount", [0, 500, 5000])
def test_rows_read_at_another_moment_make_no_part_negative(read_amount: int) -> None:
    """On a server the rows of a payment are read one after the other, so they may contradict each other. The parts
    still add up to the captured amount, and no part is negative."""
    payment = replace(PAID_PAYMENT, captured_minor=3300, reserved_minor=1000)
    money = compute_money_parts(payment, [make_refund(read_amount, RefundState.SUBMITTED)] if read_amount else [])
    parts = (money.on_its_way, money.unknown, money.waiting, money.refundable)
    assert min(parts) >= 0
    assert sum(parts) == 3300


def test_the_provider_side_has_the_time_and_currency_of_its_answer() -> None:
    """The age of the provider's side counts from the payment time of a paid payment, otherwise from the provider's
    answer. A side without an amount has no currency."""
    _, provider, _ = compare_sides(PAID_PAYMENT)
    assert (provider.since, provider.currency, provider.minor) == (PAID_PAYMENT.paid_at, "JPY", 3300)
    _, provider, _ = compare_sides(
        replace(PAID_PAYMENT, provider_minor=None), provider_state=PaymentState.USER_PAYMENT
    )
    assert (provider.since, provider.currency, provider.minor) == (PAID_PAYMENT.told_at, None, None)
    _, provider, _ = compare_sides(replace(PAID_PAYMENT, provider_minor=0), provider_state=None)
    assert (provider.since, provider.currency, provider.state) == (PAID_PAYMENT.told_at, "JPY", None)


@pytest.mark.parametrize(
    ("accepted", "unknown", "parts"),
    [(800, 500, (800, 200, 0)), (1000, 500, (1000, 0, 0)), (300, 500, (300, 500, 200)), (0, 0, (0, 0, 1000))],
)
def test_the_reserved_amount_is_divided_by_the_state_of_refunds(
    accepted: int, unknown: int, parts: tuple[int, int, int]
) -> None:
    """The reserved amount is divided in this order: the refunds that the provider has accepted, the unknown refunds,
    and the rest, which waits.
    """
    money = compute_money_parts(
        replace(PAID_PAYMENT, reserved_minor=1000),
        [
            make_refund(accepted, RefundState.SUBMITTED),
            make_refund(unknown, RefundState.SUBMITTING, Certainty.UNKNOWN),
        ],
    )
    assert (money.on_its_way, money.unknown, money.waiting) == parts


@pytest.mark.parametrize(
    ("captured", "refunded", "difference"),
    [(3300, 0, 0), (3000, 0, -300), (6600, 0, 3300), (6600, 3300, 0), (6600, 3400, 0), (6600, 3299, 3300)],
)
def test_the_difference_of_an_order_excludes_refunds(captured: int, refunded: int, difference: int) -> None:
    """The difference of an order is the captured amount less the order's total; it is negative if too little was
    captured. It is 0 if the excess was completely refunded."""
    payment = replace(PAID_PAYMENT, captured_minor=captured, refunded_minor=refunded)
    assert compute_order_difference_minor(payment, ORDER) == difference


@pytest.mark.parametrize(
    ("sums", "currency", "is_covered"),
    [
        ((3299,), "JPY", False),
        ((3300,), "JPY", True),
        ((3301,), "JPY", True),
        ((2000, 1300), "JPY", True),
        ((2000, 1299), "JPY", False),
        ((3300,), "INR", False),
        ((), "JPY", False),
    ],
)
def test_an_order_is_covered_by_its_payments_in_its_currency(
    sums: tuple[int, ...], currency: str, is_covered: bool
) -> None:
    """An order is covered exactly if the captured amounts of its payments in its currency are together at least its
    total.
    """
    payments = [replace(PAID_PAYMENT, captured_minor=captured, currency=currency) for captured in sums]
    assert is_order_covered(payments, ORDER) is is_covered


@pytest.mark.parametrize(
    ("refunded", "reserved", "is_covered"),
    [(0, 0, True), (1, 0, False), (0, 1, False), (2000, 0, False), (1000, 1000, False)],
)
def test_a_refunded_amount_covers_no_order(refunded: int, reserved: int, is_covered: bool) -> None:
    """An amount that was refunded, or is reserved for a refund, doesn't cover the order. An excess may be
    refunded."""
    first = replace(PAID_PAYMENT, captured_minor=2000, refunded_minor=refunded, reserved_minor=reserved)
    second = replace(PAID_PAYMENT, id=2, captured_minor=1300)
    assert is_order_covered([first, second], ORDER) is is_covered
    assert is_order_covered([first, second, replace(PAID_PAYMENT, id=3, captured_minor=2000)], ORDER)
