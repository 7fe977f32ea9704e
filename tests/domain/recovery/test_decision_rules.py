"""Tests of the conditions under which people can decide about a record, and of the facts that exclude a decision or
setting the order to paid.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from console.domain.error_reasons import InProgressReason
from console.domain.payments.records import Order, OrderState, Payment, PaymentRelations, Refund
from console.domain.payments.states import (
    ENDED_UNPAID_STATES,
    PAID_BY_CALLBACK_STATES,
    PAID_STATES,
    WAITING_STATES,
    PaymentState,
    RefundState,
)
from console.domain.records import Certainty, CheckRelations, CheckState, CreditCheck, Work, WorkReason, WorkState
from console.domain.recovery.decision_rules import (
    can_probe_ask_provider,
    find_decision_refusal,
    find_decision_state_path,
    find_payment_decision_refusal,
    find_purpose_of_known_outcome_decision,
    find_refetch_refusal,
    find_renewal_refusal,
    find_set_order_paid_refusal,
    find_withdrawal_refusal,
    is_decidable_check,
    is_decidable_refund,
    is_refund_certainly_unsent,
)

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
UNKNOWN = Certainty.UNKNOWN
KNOWN = Certainty.KNOWN
CHECK = CreditCheck(
    17, "1180301018771", "1", CheckState.PENDING, UNKNOWN, Work(), None, None, None, None, None, None, (), None,
    "op-1", 3,
)  # fmt: skip
PAYMENT = Payment(
    id=5, order_id=3, provider="paypay", merchant_payment_id="ORD-1", provider_payment_id=None,
    corporation_number=None, payer=None, state=PaymentState.USER_PAYMENT, certainty=UNKNOWN, work=Work(),
    currency="JPY",
    asked_minor=3300, captured_minor=0, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=4,
)  # fmt: skip
ORDER = Order(3, "ORD-1", None, OrderState.PENDING, "JPY", 3300, (5,), 2)
REFUND = Refund(
    9, 5, 3, 1000, "JPY", RefundState.SUBMITTING, UNKNOWN, Work(), "op-a", ("lead-b",), "RFD-1", None, 4,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "is_unsent"),
    [
        ({}, True),
        ({"state": RefundState.WITHDRAWN}, True),
        ({"state": RefundState.EXPIRED}, True),
        ({"state": RefundState.REJECTED, "sent_count": 0, "error_code": None}, True),
        ({"state": RefundState.SUBMITTING, "certainty": UNKNOWN}, False),
        ({"state": RefundState.FAILED}, False),
        ({"error_code": None}, False),
        ({"not_found": 2}, False),
        ({"provider_state": "ACCEPTED"}, False),
        ({"error_code": InProgressReason.SIMILAR_REFUND_RUNNING}, False),
        ({"work": Work(WorkState.NEEDS_REVIEW, reason=WorkReason.CONTRADICTED)}, False),
    ],
)
def test_a_refund_is_unsent_only_if_the_provider_certainly_lacks_it(
    changed: dict[str, Any], *, is_unsent: bool
) -> None:
    """A refund whose only attempt had no connection is unsent, also if it has ended without being sent. It isn't if
    the provider may have it, has refused it, has said something about it, or was asked about it.
    """
    tried: dict[str, Any] = {
        "state": RefundState.APPROVED,
        "certainty": KNOWN,
        "sent_count": 1,
        "error_code": "not_connected",
    }
    assert is_refund_certainly_unsent(replace(REFUND, **{**tried, **changed})) is is_unsent


@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("state", CheckState)
def test_people_decide_only_a_credit_check_with_an_unknown_outcome(state: CheckState, certainty: Certainty) -> None:
    """People can decide about a credit check only while its outcome is unknown."""
    assert is_decidable_check(replace(CHECK, state=state, certainty=certainty)) is (certainty is UNKNOWN)


@pytest.mark.parametrize(
    ("changed", "is_decidable"),
    [
        ({}, True),
        ({"state": CheckState.SUCCESS}, True),
        ({"state": CheckState.ERROR}, False),
        ({"duplicate_of": 16}, False),
        ({"superseded_by": 18}, False),
        ({"work": Work(WorkState.NEEDS_REVIEW, reason=WorkReason.NUMBER_UNREADABLE)}, False),
        ({"work": Work()}, False),
    ],
)
def test_people_decide_a_live_credit_check_of_another_application(
    changed: dict[str, Any], *, is_decidable: bool
) -> None:
    """People can decide about a live credit check that another application has written and that has no id of
    AlarmBox, if it waits for a person for this reason (`written_by_other`).
    """
    work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.WRITTEN_BY_OTHER)
    check = replace(CHECK, **{"certainty": KNOWN, "work": work, **changed})
    assert is_decidable_check(check) is is_decidable


@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("work", WorkState)
@pytest.mark.parametrize("state", RefundState)
def test_people_decide_only_an_unknown_or_stuck_refund(
    state: RefundState, work: WorkState, certainty: Certainty
) -> None:
    """People can decide only about a refund whose outcome is unknown, or which the provider has accepted but can't
    report about any more.
    """
    refund = replace(REFUND, state=state, certainty=certainty, work=Work(work))
    stuck = state is RefundState.SUBMITTED and work is WorkState.NEEDS_REVIEW
    assert is_decidable_refund(refund) is (certainty is UNKNOWN or stuck)


STEPS_TO_PAID = {
    PaymentState.INITIALIZING: (
        PaymentState.TOKEN_GENERATED,
        PaymentState.USER_PAYMENT,
        PaymentState.PAYMENT_SUCCESS,
        PaymentState.COMPLETED,
    ),
    PaymentState.TOKEN_GENERATED: (PaymentState.USER_PAYMENT, PaymentState.PAYMENT_SUCCESS, PaymentState.COMPLETED),
    PaymentState.USER_PAYMENT: (PaymentState.PAYMENT_SUCCESS, PaymentState.COMPLETED),
    PaymentState.PAYMENT_FAILED: (PaymentState.PAYMENT_SUCCESS, PaymentState.COMPLETED),
    PaymentState.EXPIRED: (PaymentState.PAYMENT_SUCCESS, PaymentState.COMPLETED),
    PaymentState.PAYMENT_SUCCESS: (PaymentState.COMPLETED,),
    PaymentState.CALLBACK_RECEIVED: (PaymentState.SIGNATURE_VERIFIED, PaymentState.COMPLETED),
    PaymentState.SIGNATURE_VERIFIED: (PaymentState.COMPLETED,),
}
STEPS_TO_REVERSED = {
    PaymentState.CALLBACK_RECEIVED: (PaymentState.SIGNATURE_VERIFIED, PaymentState.COMPLETED, PaymentState.REVERSED),
    PaymentState.SIGNATURE_VERIFIED: (PaymentState.COMPLETED, PaymentState.REVERSED),
    PaymentState.COMPLETED: (PaymentState.REVERSED,),
    PaymentState.PAYMENT_SUCCESS: (PaymentState.REVERSED,),
}


@pytest.mark.parametrize("before", PaymentState)
def test_a_decision_takes_only_allowed_transitions(before: PaymentState) -> None:
    """A decision of people changes a payment only along allowed transitions: it reverses only a captured payment, and
    a success is first confirmed.
    """
    assert find_decision_state_path(before, PaymentState.COMPLETED) == STEPS_TO_PAID.get(before, ())
    assert find_decision_state_path(before, PaymentState.REVERSED) == STEPS_TO_REVERSED.get(before, ())


@pytest.mark.parametrize("work", WorkState)
@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("before", PaymentState)
@pytest.mark.parametrize(
    "target", [PaymentState.COMPLETED, PaymentState.PAYMENT_FAILED, PaymentState.REVERSED, PaymentState.EXPIRED]
)
def test_people_decide_only_outcomes_with_a_transition(
    before: PaymentState, target: PaymentState, certainty: Certainty, work: WorkState
) -> None:
    """People can decide a payment's outcome only if transitions lead to it. In addition, the present outcome must be
    unknown, or the payment must wait for a person, or the decision must reverse a paid payment.
    """
    payment = replace(PAYMENT, state=before, certainty=certainty, work=Work(work))
    refusal = find_payment_decision_refusal(payment, target)
    if target is not before and not find_decision_state_path(before, target):
        assert refusal == "no_such_step"
    elif (
        certainty is UNKNOWN
        or work is WorkState.NEEDS_REVIEW
        or (target is PaymentState.REVERSED and before in PAID_STATES)
    ):
        assert refusal is None
    else:
        assert refusal == (
            "outcome_expected" if before in WAITING_STATES | PAID_BY_CALLBACK_STATES else "outcome_known"
        )


@pytest.mark.parametrize("work", WorkState)
@pytest.mark.parametrize("certainty", Certainty)
def test_each_decision_about_a_known_outcome_has_a_purpose(certainty: Certainty, work: WorkState) -> None:
    """If people can decide about a payment whose outcome is known, there is a purpose, and it is the right one: only
    a payment in review has a review or a contradiction, and only a paid one can be reversed."""
    targets = (PaymentState.COMPLETED, PaymentState.PAYMENT_FAILED, PaymentState.REVERSED)
    for state, reason in product(PaymentState, (None, *WorkReason)):
        payment = replace(PAYMENT, state=state, certainty=certainty, work=Work(work, reason=reason))
        possible_targets = [target for target in targets if find_payment_decision_refusal(payment, target) is None]
        purpose = find_purpose_of_known_outcome_decision(payment)
        assert (purpose is None) == (certainty is UNKNOWN)
        if purpose is not None and possible_targets:
            is_contradicted = reason in {WorkReason.CONTRADICTED, WorkReason.ANSWER_DOES_NOT_FIT}
            purpose_in_review = "contradiction" if is_contradicted else "review"
            assert purpose == (purpose_in_review if work is WorkState.NEEDS_REVIEW else "reversal")
            assert purpose != "reversal" or possible_targets == [PaymentState.REVERSED]


def test_a_payment_refunded_in_full_has_no_reversal() -> None:
    """People can't decide that a payment was reversed of which nothing is left."""
    paid = replace(
        PAYMENT, state=PaymentState.COMPLETED, certainty=Certainty.KNOWN, work=Work(), captured_minor=1_000
    )
    assert find_payment_decision_refusal(paid, PaymentState.REVERSED) is None
    assert (
        find_payment_decision_refusal(replace(paid, refunded_minor=1_000), PaymentState.REVERSED) == "outcome_known"
    )


@pytest.mark.parametrize("order", OrderState)
@pytest.mark.parametrize("state", PaymentState)
def test_an_order_is_set_to_paid_only_by_confirmed_payments(state: PaymentState, order: OrderState) -> None:
    """By a paid payment, an order can be set to paid only while it is pending and its confirmed payments cover it. A
    callback alone doesn't confirm a payment.
    """
    payment, order_row = replace(PAYMENT, state=state), replace(ORDER, state=order)
    if state not in PAID_STATES:
        assert state in WAITING_STATES | ENDED_UNPAID_STATES | {PaymentState.REVERSED}
        assert {
            find_set_order_paid_refusal(payment, order_row, is_order_covered=covered) for covered in (True, False)
        } == {"payment_reversed" if state is PaymentState.REVERSED else "payment_not_paid"}
    elif order is not OrderState.PENDING:
        assert {
            find_set_order_paid_refusal(payment, order_row, is_order_covered=covered) for covered in (True, False)
        } == {"order_knows"}
    elif state in PAID_BY_CALLBACK_STATES:
        assert find_set_order_paid_refusal(payment, order_row, is_order_covered=True) == "callback_only"
    else:
        assert find_set_order_paid_refusal(payment, order_row, is_order_covered=True) is None
        assert find_set_order_paid_refusal(payment, order_row, is_order_covered=False) == "order_not_covered"
    assert find_set_order_paid_refusal(payment, None, is_order_covered=True) == "payment_no_order"


REQUESTED_REFUND = replace(REFUND, state=RefundState.REQUESTED, certainty=KNOWN, checkers=(), decide_by=NOW)
ONE_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changed", "person", "reason_against_approval", "reason_against_rejection"),
    [
        ({}, "lead-c", None, None),
        ({}, None, None, None),
        ({}, "op-a", "refund_own", "refund_own"),
        ({}, "OP-A", "refund_own", "refund_own"),
        ({"checkers": ("lead-b",)}, "lead-c", None, None),
        ({"checkers": ("lead-b",)}, "lead-b", "refund_approved_by_you", None),
        ({"checkers": ("lead-b",)}, None, None, None),
        ({"decide_by": NOW - ONE_SECOND}, "lead-c", "refund_expired", "refund_expired"),
        ({"decide_by": NOW - ONE_SECOND}, None, "refund_expired", "refund_expired"),
        ({"decide_by": None}, "lead-c", None, None),
        ({"state": RefundState.APPROVED}, "lead-c", "refund_decided", "refund_decided"),
        ({"certainty": UNKNOWN}, "lead-c", "refund_decided", "refund_decided"),
    ],
)
def test_a_person_cannot_decide_an_own_or_decided_refund(
    changed: dict[str, Any],
    person: str | None,
    reason_against_approval: str | None,
    reason_against_rejection: str | None,
) -> None:
    """A person can't decide about a refund that the same person has requested, or that is already decided. A person
    who has approved a refund may still reject it."""
    refund = replace(REQUESTED_REFUND, **changed)
    assert find_decision_refusal(refund, person, NOW, is_approval=True) == reason_against_approval
    assert find_decision_refusal(refund, person, NOW, is_approval=False) == reason_against_rejection


@pytest.mark.parametrize(
    ("changed", "person", "refusal"),
    [
        ({}, "op-a", None),
        ({}, None, None),
        ({}, "lead-b", "refund_not_maker"),
        ({"state": RefundState.APPROVED}, "op-a", None),
        ({"state": RefundState.SUBMITTING}, "op-a", "refund_decided"),
        ({"state": RefundState.APPROVED, "error_code": "similar_refund_running"}, "op-a", "refund_perhaps_sent"),
        ({"work": Work(WorkState.NEEDS_REVIEW, None, "contradicted")}, "op-a", "refund_contradicted"),
        ({"work": Work(WorkState.NEEDS_REVIEW, None, "other")}, "op-a", None),
    ],
)
def test_only_the_requester_withdraws_an_unsent_refund(
    changed: dict[str, Any], person: str | None, refusal: str | None
) -> None:
    """Only the requester can withdraw a refund, and only if the refund certainly isn't at the provider."""
    assert find_withdrawal_refusal(replace(REQUESTED_REFUND, **changed), person) == refusal


PURCHASED_CHECK = replace(CHECK, state=CheckState.SUCCESS, certainty=KNOWN, credit_check_id=12345)


@pytest.mark.parametrize(
    ("changed", "refetch", "renewal"),
    [
        ({}, None, "no_expiry_date"),
        ({"expired_at": NOW}, None, None),
        ({"expired_at": NOW + ONE_SECOND}, None, "not_expired"),
        ({"state": CheckState.ERROR, "credit_check_id": None}, "not_bought", "not_bought"),
        ({"state": CheckState.ERROR}, "bought_perhaps", "bought_perhaps"),
        ({"state": CheckState.PENDING}, "bought_perhaps", "bought_perhaps"),
        ({"credit_check_id": None}, "no_provider_id", "no_expiry_date"),
        ({"credit_check_id": None, "expired_at": NOW}, "no_provider_id", "renewal_without_id"),
        ({"viewing_over": True}, "viewing_over", "no_expiry_date"),
        ({"superseded_by": 18, "expired_at": NOW}, None, "not_live"),
    ],
)
def test_refetch_and_renewal_are_refused_with_their_reason(
    changed: dict[str, Any], refetch: str | None, renewal: str | None
) -> None:
    """Each example of a credit check has its reason against a re-fetch and its reason against a renewal; None means
    that the action is possible. A renewal is possible from the moment at which the check expires; without an expiry
    date it isn't.
    """
    check = replace(PURCHASED_CHECK, **changed)
    assert find_refetch_refusal(check) == refetch
    assert find_renewal_refusal(check, NOW) == renewal


@pytest.mark.parametrize(
    ("record", "is_asked"),
    [
        (CHECK, True),
        (replace(CHECK, relations=CheckRelations(finds_purchases=False)), False),
        (replace(CHECK, certainty=KNOWN, relations=CheckRelations(finds_purchases=False)), True),
        (PAYMENT, True),
        (replace(PAYMENT, relations=PaymentRelations(can_ask_provider=False)), False),
        (ORDER, True),
        (replace(ORDER, payment_ids=()), False),
        (REFUND, True),
        (replace(REFUND, certainty=KNOWN), True),
        (replace(REFUND, provider_refund_key=None), True),
        (replace(REFUND, certainty=KNOWN, provider_refund_key=None), False),
    ],
)
def test_a_probe_asks_nobody_if_there_is_no_call_or_nothing_was_sent(
    record: CreditCheck | Payment | Order | Refund, is_asked: bool
) -> None:
    """A probe asks nobody if the provider has no call for the question, or if the record is a refund that no process
    has tried to send, or an order without a payment."""
    assert can_probe_ask_provider(record) is is_asked
