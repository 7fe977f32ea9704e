"""Invented payments and refunds, and their views, as values for tests of pages and texts without a database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from console.domain.error_reasons import OverLimitReason
from console.domain.explanations.payments import explain_payment, explain_refund
from console.domain.payments.compared_sides import ComparedSide, MoneyParts
from console.domain.payments.records import (
    Limits,
    Order,
    OrderState,
    Payment,
    PaymentRelations,
    Refund,
    SetAside,
    SetAsideState,
)
from console.domain.payments.service_results import RefundDetails, RefundPlan, RiskSignal, RuleCheck
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, Work
from tests.views.invented_checks import NOW

MONEY_PARTS = MoneyParts("JPY", 12_000, 0, 0, 0, 0, 0, 12_000)
YEN_LIMITS = Limits("JPY", 1_000_000, 3_000_000, 500_000, 100_000, 900)
ORDER = Order(
    3,
    "A-10442",
    "2010401907731",
    OrderState.PAID,
    "JPY",
    12_000,
    (5,),
    2,
    created_at=NOW,
    changed_at=NOW,
    state_since=NOW,
)
OPEN_SET_ASIDE = SetAside(4, 5, 1, 6_000, "JPY", SetAsideState.OPEN, None, 1, NOW)


def make_payment(**other: Any) -> Payment:
    """Return a completed payment with a known outcome, with the given fields changed."""
    record = Payment(
        5, 3, "paypay", "A-10442", "0473888821990011", "2010401907731", "PAYER-1234", PaymentState.COMPLETED,
        Certainty.KNOWN, Work(), "JPY", 12_000, 12_000, 0, 0, 0, 7, paid_at=NOW, created_at=NOW, changed_at=NOW,
        state_since=NOW, provider_state="COMPLETED", told_at=NOW,
    )  # fmt: skip
    return replace(record, **other)


def make_refund(**other: Any) -> Refund:
    """Return a refund that op-a has requested and that is not decided yet, with the given fields changed."""
    record = Refund(
        9, 5, 3, 8_500, "JPY", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1,
        reason="ordered twice", created_at=NOW - timedelta(minutes=24), changed_at=NOW, state_since=NOW,
    )  # fmt: skip
    return replace(record, **other)


def make_compared_sides(
    asked_ago: timedelta | None = timedelta(minutes=3), **theirs: Any
) -> tuple[ComparedSide, ComparedSide, ComparedSide]:
    """Return three sides of a payment (ours, the gateway's, the order's) that agree with each other. The gateway's
    answer is as old as `asked_ago` (None: it was never asked). `theirs` changes fields of the gateway's side.
    """
    asked_at = NOW - asked_ago if asked_ago is not None else None
    ours = ComparedSide(
        "ours", state="completed", word="completed", minor=12_000, currency="JPY", since=NOW, version=7
    )
    gateway = ComparedSide(
        "provider", state="completed", word="COMPLETED", minor=12_000, currency="JPY", asked=asked_at
    )
    order = ComparedSide("order", state="paid", word="paid", minor=12_000, currency="JPY", since=NOW, version=2)
    return ours, replace(gateway, **theirs), order


WITHIN_LIMIT = RuleCheck(OverLimitReason.LIMIT_PER_REFUND, True, {"limit": 1_000_000})


def make_refund_plan(*hits: RiskSignal, **other: Any) -> RefundPlan:
    made = RefundPlan(
        make_payment(), ORDER, MONEY_PARTS, YEN_LIMITS, 20_000, hits, (WITHIN_LIMIT,), (), (),
        None, ("lead-b", "lead-c"), read_at=NOW,
    )  # fmt: skip
    return replace(made, **other)


def make_refund_details(record: Refund | None = None, *against: RiskSignal, **other: Any) -> RefundDetails:
    requested = record or make_refund()
    made = RefundDetails(
        requested, explain_refund(requested, NOW), make_payment(), ORDER, make_compared_sides(),
        replace(MONEY_PARTS, waiting=8_500, refundable=3_500), against,
        (WITHIN_LIMIT,), {}, (), (), (), (), payment_sides=make_compared_sides(),
        needed_checker_count=requested.checkers_needed,
    )  # fmt: skip
    return replace(made, **other)


PAYMENT_EXPLANATION = explain_payment(replace(make_payment(), relations=PaymentRelations(ORDER)), NOW)
