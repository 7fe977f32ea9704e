"""Tests of the compared sides on the page of an order. They are the sides of the payment that the order's explanation
names.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.domain.explanations.payments import find_explained_payment
from console.domain.payments.consistency import compare_order_sides, compare_payment_sides
from console.domain.payments.records import Order, OrderRelations, OrderState, Payment, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work, WorkReason, WorkState

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
PAYMENTS = tuple(
    Payment(id, 3, "paypay", f"A-{id}", None, None, None, PaymentState.COMPLETED, Certainty.KNOWN, Work(), "JPY",
            12_000, 12_000, 0, 0, 0, 1, told_at=NOW)
    for id in (5, 6, 7)
)  # fmt: skip
ORDER = Order(3, "A-1", None, OrderState.PENDING, "JPY", 12_000, (5, 6, 7), 2)
REFUND = Refund(9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1)
REVIEW_WORK = Work(WorkState.NEEDS_REVIEW, None, WorkReason.NOT_MOVED)


@pytest.mark.parametrize(
    ("relations", "work", "id"),
    [
        (None, Work(), 7),
        (OrderRelations(PAYMENTS), Work(), 7),
        (OrderRelations(PAYMENTS, pending_refund=REFUND, unknown_payment=PAYMENTS[1]), Work(), 5),
        (OrderRelations(PAYMENTS, unknown_payment=PAYMENTS[1]), REVIEW_WORK, 6),
        (OrderRelations(PAYMENTS, reviewed_payment=PAYMENTS[0]), Work(), 5),
        (
            OrderRelations(PAYMENTS, reviewed_payment=PAYMENTS[0]),
            REVIEW_WORK,
            7,
        ),  # the order's own reason is explained
    ],
)
def test_the_sides_of_an_order_are_those_of_the_explained_payment(
    relations: OrderRelations | None, work: Work, id: int
) -> None:
    """The sides are those of the payment that the explanation of the order names."""
    payment = find_explained_payment(replace(ORDER, relations=relations, work=work), PAYMENTS)
    assert payment is not None
    assert payment.id == id


def test_an_order_without_a_payment_has_one_side() -> None:
    """An order without a payment has only the order's own side, without a difference. With a payment, the page shows
    the sides of the payment."""
    assert find_explained_payment(ORDER, ()) is None
    ours, provider, order = compare_order_sides(ORDER, None, None, NOW)
    assert (ours.there, provider.there, order.there, order.differs) == (False, False, True, ())
    assert (order.state, order.minor, order.reference) == ("pending", 12_000, "A-1")
    meaning = PaymentState.COMPLETED
    assert compare_order_sides(ORDER, PAYMENTS[2], meaning, NOW) == compare_payment_sides(
        PAYMENTS[2], ORDER, meaning, NOW
    )
    assert compare_order_sides(ORDER, PAYMENTS[2], meaning, NOW)[2].differs
