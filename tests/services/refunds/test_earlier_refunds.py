"""Tests of an earlier refund of a payment that ended without effect in our database although the provider made it."""

import pytest

from console.domain.payments.states import RefundState
from console.domain.records import Certainty, WorkReason
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal

PROVIDERS = ["paypay", "atom"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refund_decided_as_failed_that_arrives_stops_the_next_one(desk: RefundDesk, provider: str) -> None:
    """If two people decide that a refund failed and it reaches the provider afterwards, the approver of the next
    refund sees that, and the next refund is not sent.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    first = desk.request_refund(payment, "100")
    desk.control.add_fault("late_charge", call=f"{provider}_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(first)) == "outcome_unknown"
    desk.resolve_refund(first, "failed", "op-e")
    desk.resolve_refund(first, "failed", "lead-b")
    assert desk.read_refund(first).state is RefundState.FAILED
    second = desk.request_refund(payment, "120")
    desk.control.release_calls()
    assert desk.control.wait_until_counts_reached(refunds=1)
    assert call_and_get_code(lambda: desk.approve_refund(second, person="lead-c")) == "in_progress"
    assert len(desk.list_provider_keys(payment)) == 1, "a second refund was sent"
    assert desk.read_refund(first).work.reason == "contradicted"
    assert desk.read_refund(second).certainty is Certainty.KNOWN
    assert desk.read_refund(second).state in (RefundState.REQUESTED, RefundState.APPROVED)


def acknowledge_contradiction(desk: RefundDesk) -> None:
    """Acknowledge the only open contradiction as the approver lead-b."""
    (case,) = [
        one
        for one in desk.console.alerts.list_alerts()
        if one.rule_id == WorkReason.CONTRADICTED and one.resolved_at is None and one.acknowledged_by is None
    ]
    with desk.console.acting_as("lead-b"):
        desk.console.alerts.acknowledge(case.id, "the payer has it")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_acknowledged_refund_that_arrived_counts_as_refunded(desk: RefundDesk, provider: str) -> None:
    """If a person has acknowledged an earlier refund that the provider made, its amount is free in our database. The
    next refund still cannot exceed the amount that remains at the provider, also if the provider itself has no limit.
    """
    desk.control.change_settings(accepts_refunds_above_captured=True)
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    per_unit = 100 if provider == "atom" else 1
    first = desk.request_refund(payment, str(10_000 // per_unit))
    desk.control.add_fault("late_charge", call=f"{provider}_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(first)) == "outcome_unknown"
    desk.resolve_refund(first, "failed", "op-e")
    desk.resolve_refund(first, "failed", "lead-b")
    desk.control.release_calls()
    assert desk.control.wait_until_counts_reached(refunds=1)
    small = desk.request_refund(payment, str(2_000 // per_unit))
    assert call_and_get_code(lambda: desk.approve_refund(small)) == "in_progress"
    desk.withdraw_refund(small)
    desk.insert_team()
    acknowledge_contradiction(desk)
    if provider == "paypay":  # its answer about the payment, before the small refund, has the sum of all refunds
        refusal, reason = call_for_refusal(lambda: desk.request_refund(payment, str(50_000))), "left"
    else:
        whole = desk.request_refund(payment, str(50_000 // per_unit))
        refusal, reason = call_for_refusal(lambda: desk.approve_refund(whole)), "provider"
        desk.reject_refund(whole, person="lead-c")
    assert (refusal.code, refusal.detail["reason"]) == ("exceeds_captured", reason)
    rest = desk.request_refund(payment, str(40_000 // per_unit))
    while (
        call_and_get_code(lambda: desk.approve_refund(rest)) == "in_progress"
    ):  # its state at the provider has changed since
        acknowledge_contradiction(desk)
    rest = desk.read_refund(rest)
    assert rest.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    assert desk.control.payments_control.read_payment(provider, "ORD1")["accepted_minor"] == 50_000


def test_a_list_without_an_acknowledged_refund_stops_the_next_refund(desk: RefundDesk) -> None:
    """If Atom's list lacks an acknowledged refund, because the list is truncated or old, the next refund is not sent,
    because the missing amount would not be counted.
    """
    desk.control.change_settings(accepts_refunds_above_captured=True)
    payment = desk.make_paid_payment("ORD1", 50_000, "atom")
    first = desk.request_refund(payment, "100")
    desk.control.add_fault("late_charge", call="atom_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(first)) == "outcome_unknown"
    desk.resolve_refund(first, "failed", "op-e")
    desk.resolve_refund(first, "failed", "lead-b")
    desk.control.release_calls()
    assert desk.control.wait_until_counts_reached(refunds=1)
    desk.probe_refund(first)
    desk.insert_team()
    acknowledge_contradiction(desk)
    whole = desk.request_refund(payment, "500")
    desk.control.add_fault("hidden_refunds", call="atom_refund_status", times="always")
    refusal = call_for_refusal(lambda: desk.approve_refund(whole))
    assert (refusal.code, refusal.detail["reason"]) == ("provider_answer_unusable", "list_lacks_refund")
    desk.control.clear_faults()
    desk.move_clock(hours=1)
    desk.run_due_tasks()
    assert desk.read_refund(whole).state is RefundState.APPROVED, "with a whole list it is more than remains"
    assert desk.control.payments_control.read_payment("atom", "ORD1")["accepted_minor"] == 10_000


@pytest.mark.parametrize(
    "refusal", ["MERCHANT_MULTIPLE_REFUND_REJECTED", "REFUND_WINDOW_EXCEED", "UNACCEPTABLE_OP", "INVALID_PARAMS"]
)
@pytest.mark.parametrize("answer", ["made", "not made", "no answer"])
def test_a_refusal_of_a_repeat_is_no_proof(desk: RefundDesk, refusal: str, answer: str) -> None:
    """PayPay answers twice that it does not have the refund, and then refuses the repeated call. The program
    therefore asks PayPay about the refund once more. The refund is completed if the first call arrived just before
    the repeated one, and failed if PayPay still does not have it. If PayPay gives no answer, the refund stays unknown
    and its amount stays reserved.
    """
    payment = desk.make_paid_payment("ORD1", 50_000)
    refund = desk.request_refund(payment, "100")
    desk.control.add_fault("late_charge" if answer == "made" else "reset", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    for seconds in (61, 200):
        desk.move_clock(seconds=seconds)
        call_and_get_code(lambda: desk.probe_refund(refund))
    assert (desk.read_refund(refund).state, desk.read_refund(refund).certainty) == (
        RefundState.APPROVED,
        Certainty.KNOWN,
    )
    if answer == "made":
        desk.control.release_calls()
        assert desk.control.wait_until_counts_reached(refunds=1)
    # The answer about the payment is of a moment before.
    unpaid_back = {"data.status": "COMPLETED", "data.refunds": None}
    desk.control.add_fault("set_fields", call="paypay_payment", times=1, fields=unpaid_back)
    desk.control.add_fault(f"result:{refusal}", call="paypay_refund", times=1)
    if answer == "no answer":
        desk.control.add_fault("status:503", call="paypay_refund_details", times=1)
    desk.run_due_tasks()
    stored_refund = desk.read_refund(refund)
    if answer == "made":
        assert (stored_refund.state, stored_refund.certainty) == (RefundState.COMPLETED, Certainty.KNOWN)
    elif answer == "not made":
        assert (stored_refund.state, stored_refund.certainty) == (RefundState.FAILED, Certainty.KNOWN)
    else:
        assert (stored_refund.state, stored_refund.certainty) == (RefundState.SUBMITTING, Certainty.UNKNOWN)
    desk.check_payment_agrees(payment)


@pytest.mark.parametrize("is_denied", [True, False])
def test_a_no_data_answer_that_contains_the_refund_permits_no_other(desk: RefundDesk, is_denied: bool) -> None:
    """If Atom's answer about a refund has the code for `no data` but contains the refund, the answer does not count.
    Two people cannot decide that the refund failed, and no other refund is sent.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, "atom")
    first = desk.request_refund(payment, "100")
    desk.control.add_fault("close_after_charge", call="atom_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(first)) == "outcome_unknown"
    no_data = {"payInstrument.responseDetails.statusCode": "OTS0401"}
    desk.control.add_fault("set_fields", call="atom_refund_status", times="always", fields=no_data)
    if is_denied:
        for person in ("op-e", "lead-b"):
            refusal = call_for_refusal(lambda person=person: desk.resolve_refund(first, "failed", person))
            assert (refusal.code, refusal.detail["reason"]) == ("evidence_mismatch", "refused_but_made")
        assert call_and_get_code(lambda: desk.request_refund(payment, "120")) == "in_progress"
        desk.move_clock(hours=1)
        desk.run_due_tasks()
    else:
        for seconds in (61, 200, 3_600):
            desk.move_clock(seconds=seconds)
            call_and_get_code(lambda: desk.probe_refund(first))
            desk.run_due_tasks()
        assert desk.read_refund(first).certainty is Certainty.UNKNOWN
    assert len(desk.list_provider_keys(payment)) == 1, "a second refund was sent"


@pytest.mark.parametrize(
    "refunds", [{"items": [{"merchantRefundId": "RFD-1"}]}, {"data": [], "total": 1}, {"data": [], "nextCursor": "x"}]
)
def test_a_list_of_refunds_that_may_have_another_page_permits_no_refund(
    desk: RefundDesk, refunds: dict[str, object]
) -> None:
    """If PayPay's list of refunds has an unknown form, the list may lack a refund that the database lost. Such a
    list does not count as an empty list, and no refund is sent.
    """
    payment = desk.make_paid_payment("ORD1", 50_000)
    fields = {"data.status": "COMPLETED", "data.refunds": refunds}
    desk.control.add_fault("set_fields", call="paypay_payment", times="always", fields=fields)
    refund = desk.request_refund(payment, "120")
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "provider_answer_unusable"
    assert desk.list_provider_keys(payment) == []
