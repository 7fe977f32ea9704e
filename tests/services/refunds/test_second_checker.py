"""Tests of refunds that need two approvers because of the amount, the provider, the requester's daily sum, the
payment's age, or the payer's refunds.
"""

from datetime import timedelta

import pytest

from console.domain.explanations.refunds import explain_refund
from console.domain.payments.limits import LARGEST_LIMIT
from console.sandbox import SandboxControl
from console.services.reports.report_queries import read_refund_funnel
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal


def set_condition(desk: RefundDesk, name: str, value: int, currency: str = "JPY") -> None:
    """Insert the limit `name` with the value `value` (minor units of `currency`, or a count): above it, a refund
    in this currency needs two approvers.
    """
    desk.sql("INSERT INTO limits (name, currency, value) VALUES (:n, :c, :v)", n=name, c=currency, v=value)


def count_requested_and_approved(desk: RefundDesk) -> list[tuple[int, int]]:
    """Return for each currency in the report a pair: the number of requested refunds and the number of approved
    ones.
    """
    with desk.context.database.read() as conn:
        report = read_refund_funnel(conn, desk.clock.now())
    return [(one.requested.count, one.approved.count) for one in report.funnels]


def approve_two_refunds(desk: RefundDesk) -> None:
    """Request and approve two refunds of 100 yen each of the same payer."""
    for number in ("EARLIER-1", "EARLIER-2"):
        desk.approve_refund(desk.request_refund(desk.make_paid_payment(number, payer="pat@example.com"), "100"))


@pytest.mark.parametrize(
    ("name", "value", "approver_count"),
    [
        ("second_above_paypay", 999, 2),
        ("second_above_paypay", 1_000, 1),
        ("second_above_atom", 1, 1),
        ("second_checker_today", 1_199, 2),
        ("second_checker_today", 1_200, 1),
        ("second_checker_payer", 1, 2),
        ("second_checker_payer", 2, 1),
        ("second_checker_age", 9, 2),
        ("second_checker_age", 10, 1),
    ],
)
def test_a_fact_above_its_limit_requires_two_approvers(
    desk: RefundDesk, name: str, value: int, approver_count: int
) -> None:
    """A refund of 1,000 yen follows refunds of 200 yen by the same requester, payer and day, and its payment is
    almost ten days old. If a limit is below one of these facts, two approvers are needed. A limit in another
    currency, or no limit, needs one.
    """
    approve_two_refunds(desk)
    payment = desk.make_paid_payment(payer="pat@example.com")
    age = timedelta(days=10, hours=-1)
    desk.sql(
        "UPDATE payments SET paid_at = :at, version = version + 1 WHERE id = :id",
        at=(desk.context.now().replace(tzinfo=None) - age).isoformat(" "),
        id=payment.id,
    )
    set_condition(desk, name, value)
    plan = desk.refunds.make_plan(payment.id, "1000")
    assert plan.second_checker_reasons == ((name,) if approver_count == 2 else ())
    refund = desk.request_refund(payment, "1000")
    assert refund.checkers_needed == approver_count
    first = desk.approve_refund(refund, "lead-b")
    assert first.state.value == ("requested" if approver_count == 2 else "submitted")
    if approver_count == 2:
        assert desk.approve_refund(refund, "lead-c").state.value == "submitted"
        entries = desk.sql("SELECT detail FROM audit_log WHERE what = 'refund.requested' ORDER BY id DESC LIMIT 1")
        assert name in str(entries[0][0])


def test_a_refund_of_a_payment_of_unknown_age_needs_two_approvers(desk: RefundDesk) -> None:
    """A payment without a stored time of payment counts as too old, so its refund needs two approvers."""
    payment = desk.make_paid_payment()
    desk.sql("UPDATE payments SET paid_at = NULL, version = version + 1 WHERE id = :id", id=payment.id)
    set_condition(desk, "second_checker_age", 36_500)
    assert desk.request_refund(payment, "1000").checkers_needed == 2


@pytest.mark.parametrize("name", ["second_checker_age", "cooling_off_seconds"])
def test_a_refund_is_requested_despite_a_period_without_an_end(desk: RefundDesk, name: str) -> None:
    """A refund can be requested although a limit is a period of 10^15 - 1 days or seconds. Earlier versions accepted
    this limit, which can't be added to an instant."""
    lower_limit(desk, name, LARGEST_LIMIT)
    refund = desk.request_refund(desk.make_paid_payment(minor=200_000), "150000")
    assert (refund.checkers_needed, refund.sends_after is not None) == (1, True)


@pytest.mark.parametrize("change", ["roles = 'operator'", "disabled_at = '2026-11-20 00:00:00'"])
def test_a_vote_of_a_former_approver_does_not_count(desk: RefundDesk, change: str) -> None:
    """The vote of an approver who lost the role or was disabled does not count as one of the two votes."""
    desk.insert_team()
    set_condition(desk, "second_above_paypay", 999)
    refund = desk.request_refund(desk.make_paid_payment())
    desk.approve_refund(refund, "lead-b")
    assert desk.read_refund(refund).checkers == ("lead-b",)
    desk.sql(f"UPDATE operators SET {change} WHERE name = 'lead-b'")
    assert desk.read_refund(refund).checkers == ()
    half_approved = desk.approve_refund(refund, "lead-c")
    assert (half_approved.state.value, half_approved.checkers) == ("requested", ("lead-c",))
    assert count_requested_and_approved(desk) == [(1, 0)]
    assert desk.approve_refund(refund, "lead-d").state.value == "submitted"


def test_a_rejected_refund_was_never_approved(desk: RefundDesk) -> None:
    """If two people approved a refund, one of them lost the role and the refund was then rejected, it does not count
    as approved in the report.
    """
    desk.insert_team()
    set_condition(desk, "second_above_paypay", 999)
    refund = desk.request_refund(desk.make_paid_payment())
    desk.approve_refund(refund, "lead-b")
    desk.sql("UPDATE operators SET roles = 'operator' WHERE name = 'lead-b'")
    desk.approve_refund(refund, "lead-c")
    desk.reject_refund(refund, "lead-d")
    assert count_requested_and_approved(desk) == [(1, 0)]


@pytest.mark.parametrize("name", ["second_checker_above", "second_above_paypay"])
def test_a_refund_above_a_limit_lowered_since_needs_two_approvers(desk: RefundDesk, name: str) -> None:
    """A limit that was lowered after the request counts for the approval. The daily sum, the payment's age and the
    payer's refunds count with their values at the request.
    """
    desk.insert_team()
    refund = desk.request_refund(desk.make_paid_payment(), "3000")
    for condition in ("second_checker_today", "second_checker_payer", "second_checker_age"):
        set_condition(desk, condition, 0)
    lower_limit(desk, name, 3_000)
    assert desk.read_refund(refund).checkers_needed == 1
    lower_limit(desk, name, 2_999)
    assert desk.refunds.read_refund(refund.id).needed_checker_count == 2
    half_approved = desk.approve_refund(refund, "lead-b")
    assert (half_approved.state.value, half_approved.checkers) == ("requested", ("lead-b",))
    explanation = explain_refund(half_approved, desk.context.now())
    assert (explanation.why, explanation.facts["given"], explanation.facts["needed"]) == (
        "why.refund_half_approved",
        1,
        2,
    )
    assert desk.approve_refund(refund, "lead-c").state.value == "submitted"


def test_a_limit_that_was_lowered_after_the_approval_stops_the_sending(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """If a limit is lowered after one approval so that two are needed, the refund is not sent, waits for a person,
    and can be withdrawn.
    """
    desk.insert_team()
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment, "3000")
    with control.cause_outage():
        assert call_and_get_code(lambda: desk.approve_refund(refund)) == "provider_unreachable"
    lower_limit(desk, "second_checker_above", 2_999)
    desk.move_clock(hours=1)
    desk.run_due_tasks()
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state.value, stored_refund.work.reason, desk.list_provider_keys(payment)) == (
        "approved",
        "not_sent",
        [],
    )
    assert call_for_refusal(lambda: desk.approve_refund(refund)).detail["reason"] == "not_approved"
    assert desk.withdraw_refund(refund).state.value == "withdrawn"


def lower_limit(desk: RefundDesk, name: str, value: int) -> None:
    """Replace the value of the limit `name` in JPY by `value`."""
    desk.sql("DELETE FROM limits WHERE name = :n AND currency = 'JPY'", n=name)
    set_condition(desk, name, value)


def test_the_lack_of_a_second_approver_is_told(desk: RefundDesk) -> None:
    """If a refund needs two approvals and only one enabled person may approve it, its details and its summary say
    that one approver is missing."""
    desk.insert_team()
    set_condition(desk, "second_above_paypay", 999)
    refund = desk.request_refund(desk.make_paid_payment("ORD-TWO"), "1000")
    before = desk.console.refunds.read_summaries([refund.id])[refund.id].reasons_against_count
    assert desk.console.refunds.read_refund(refund.id).missing_approver_count == 0
    desk.sql("UPDATE operators SET disabled_at = '2026-11-20 00:00:00' WHERE name IN ('lead-c', 'lead-d')")
    assert desk.console.refunds.read_refund(refund.id).missing_approver_count == 1
    assert desk.console.refunds.read_summaries([refund.id])[refund.id].reasons_against_count == before + 1
