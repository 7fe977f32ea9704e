"""Tests of the compared sides on the page of an order. They are the sides of the payment that the order's explanation
names.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from console.domain.explanations.payments import explain_order, find_explained_payment_id
from console.domain.payments.consistency import compare_order_sides, compare_payment_sides
from console.domain.payments.records import Order, OrderRelations, OrderState, Payment, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work, WorkReason, WorkState
from console.domain.tasks.records import AlertRule

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
PAYMENTS = tuple(
    Payment(id, 3, "paypay", f"A-{id}", None, None, None, PaymentState.COMPLETED, Certainty.KNOWN, Work(), "JPY",
            12_000, 12_000, 0, 0, 0, 1, told_at=NOW)
    for id in (5, 6, 7)
)  # fmt: skip
PAYMENTS_ONLY_FIRST_PAID = (PAYMENTS[0], *(replace(one, state=PaymentState.PAYMENT_FAILED) for one in PAYMENTS[1:]))
ORDER = Order(3, "A-1", None, OrderState.PENDING, "JPY", 12_000, (5, 6, 7), 2)
REFUND = Refund(9, 5, 3, 500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1)
CONTRADICTED_REFUND = replace(
    REFUND,
    id=10,
    payment_id=7,
    state=RefundState.FAILED,
    work=Work(WorkState.NEEDS_REVIEW, None, WorkReason.CONTRADICTED),
)
REVIEW_WORK = Work(WorkState.NEEDS_REVIEW, None, WorkReason.NOT_MOVED)
RELATIONS = [
    OrderRelations(
        PAYMENTS_ONLY_FIRST_PAID,
        rule,
        None if rule is None else NOW,
        stuck_payment_id=stuck,
        pending_refund=refund,
        contradicted_refund=contradicted,
        unknown_payment=unknown,
        reviewed_payment=reviewed,
    )
    for refund, contradicted, unknown, reviewed, stuck, rule in product(
        (None, REFUND),
        (None, CONTRADICTED_REFUND),
        (None, PAYMENTS[1]),
        (None, PAYMENTS[0]),
        (None, 6),
        (None, *AlertRule),
    )
]
"""The relations of an order, in each combination of the facts about its payments."""


@pytest.mark.parametrize(
    ("relations", "work", "id"),
    [
        (None, Work(), 7),
        (OrderRelations(PAYMENTS), Work(), 7),
        (OrderRelations(PAYMENTS, pending_refund=REFUND, unknown_payment=PAYMENTS[1]), Work(), 5),
        (OrderRelations(PAYMENTS, unknown_payment=PAYMENTS[1]), REVIEW_WORK, 6),
        (OrderRelations(PAYMENTS, reviewed_payment=PAYMENTS[0]), Work(), 5),
        (OrderRelations(PAYMENTS, reviewed_payment=PAYMENTS[0]), REVIEW_WORK, 5),
        (OrderRelations(PAYMENTS, contradicted_refund=REFUND, reviewed_payment=PAYMENTS[1]), Work(), 5),
        (OrderRelations(PAYMENTS, contradicted_refund=REFUND, unknown_payment=PAYMENTS[1]), Work(), 6),
        (OrderRelations(PAYMENTS, stuck_payment_id=6, pending_refund=REFUND), Work(), 6),
        (OrderRelations(PAYMENTS, stuck_payment_id=6, pending_refund=REFUND), REVIEW_WORK, 5),
        (OrderRelations(PAYMENTS_ONLY_FIRST_PAID, AlertRule.PAID_UNNOTICED, NOW), Work(), 5),
    ],
)
def test_the_explanation_of_an_order_is_about_one_payment(
    relations: OrderRelations | None, work: Work, id: int
) -> None:
    """The page of an order shows the sides of the payment that needs work; without one, of the newest payment."""
    assert find_explained_payment_id(replace(ORDER, relations=relations, work=work), NOW + timedelta(days=1)) == id


@pytest.mark.parametrize("reason", [None, *WorkReason])
@pytest.mark.parametrize("work_state", WorkState)
def test_the_next_step_of_an_order_opens_the_explained_payment(
    work_state: WorkState, reason: WorkReason | None
) -> None:
    """If the next step of an order is on the page of a payment, it is the payment whose sides the page of the order
    shows, whatever the states of the order and of its payments are.
    """
    now, work, advised = NOW + timedelta(days=1), Work(work_state, None, reason), set()
    for state, relations in product(OrderState, RELATIONS):
        order = replace(ORDER, state=state, work=work, relations=relations)
        command = explain_order(order, now).next_step.command or ""
        if "payment" in command:
            id = find_explained_payment_id(order, now)
            assert re.findall(r"payment(?: move-order)? (\d+)", command) == [str(id)], order
            advised.add(id)
    assert len(advised) > 1


def test_an_order_without_a_payment_has_one_side() -> None:
    """An order without a payment has only the order's own side, without a difference. With a payment, the page shows
    the sides of the payment."""
    assert find_explained_payment_id(replace(ORDER, payment_ids=()), NOW) is None
    ours, provider, order = compare_order_sides(ORDER, None, None, NOW)
    assert (ours.there, provider.there, order.there, order.differs) == (False, False, True, ())
    assert (order.state, order.minor, order.reference) == ("pending", 12_000, "A-1")
    meaning = PaymentState.COMPLETED
    assert compare_order_sides(ORDER, PAYMENTS[2], meaning, NOW) == compare_payment_sides(
        PAYMENTS[2], ORDER, meaning, NOW
    )
    assert compare_order_sides(ORDER, PAYMENTS[2], meaning, NOW)[2].differs
