"""Tests of the boundaries of the rules for refunds: the last allowed instant, an amount of zero, and one of two
approvals.
"""

from datetime import timedelta

import pytest

from console.domain.error_reasons import RefundWindowReason
from console.domain.payments.states import RefundState
from console.services.refunds.rules import check_refund_rules, read_facts
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_for_refusal


def check_rules(desk: RefundDesk, *, minor: int = 1_000, set_aside_minor: int | None = None) -> dict[str, bool]:
    """Return, for each rule, whether it allows a new refund of `minor` yen. If `set_aside_minor` is given, the refund
    is from set-aside money of that amount.
    """
    payment = desk.make_paid_payment()
    with desk.context.database.read() as conn:
        facts = read_facts(desk.context, conn, payment, "op-a")
    checks = check_refund_rules(
        facts, minor, desk.providers.get_reader("paypay"), is_before_request=True, set_aside_minor=set_aside_minor
    )
    return {check.rule: check.holds for check in checks}


@pytest.mark.parametrize(("minor", "is_allowed"), [(-1, False), (0, False), (1, True), (3_300, True), (3_301, False)])
def test_an_amount_lies_between_zero_and_the_refundable_amount(
    desk: RefundDesk, minor: int, is_allowed: bool
) -> None:
    """A refund amount must be above zero and at most the remaining amount of the payment."""
    assert check_rules(desk, minor=minor)["left"] is is_allowed


@pytest.mark.parametrize(("minor", "is_allowed"), [(0, False), (500, True), (501, False)])
def test_a_refund_of_set_aside_money_is_limited_by_the_set_aside(
    desk: RefundDesk, minor: int, is_allowed: bool
) -> None:
    """A refund of set-aside money cannot exceed the amount that is set aside."""
    assert check_rules(desk, minor=minor, set_aside_minor=500)["left"] is is_allowed


@pytest.mark.parametrize(
    ("provider_state", "is_allowed"), [("COMPLETED", True), ("FAILED", False), ("CANCELED", False)]
)
def test_no_refund_is_requested_of_a_payment_that_the_provider_calls_unpaid(
    desk: RefundDesk, provider_state: str, is_allowed: bool
) -> None:
    """If the provider's last answer contradicts a paid payment, because it says that the payment has failed or was
    cancelled, a refund can't be requested, and the reason says to probe the payment. Approval and sending would
    refuse the refund anyway.
    """
    payment = desk.make_paid_payment()
    desk.sql("UPDATE payments SET provider_state = :state, version = version + 1", state=provider_state)
    reason = desk.refunds.make_plan(payment.id).refusal_code
    assert reason == (None if is_allowed else "refund_unpaid_at_provider")
    if is_allowed:
        assert desk.request_refund(payment, "1000").state is RefundState.REQUESTED
        return
    refusal = call_for_refusal(lambda: desk.request_refund(payment, "1000"))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "provider_state")
    assert desk.sql("SELECT COUNT(*) FROM refunds") == [(0,)]


@pytest.mark.parametrize(("after", "is_allowed"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
def test_a_refund_at_the_last_instant_of_the_window_is_allowed(
    desk: RefundDesk, after: timedelta, is_allowed: bool
) -> None:
    """A refund at the last instant of the provider's refund period is allowed; one microsecond later it is
    refused.
    """
    payment = desk.make_paid_payment()
    until = desk.providers.get_reader("paypay").find_refund_deadline(payment.paid_at) if payment.paid_at else None
    assert until is not None
    desk.clock.stop()
    desk.clock.offset += until - desk.context.now() + after
    with desk.context.database.read() as conn:
        facts = read_facts(desk.context, conn, payment, "op-a")
    assert facts.now == until + after
    checks = check_refund_rules(facts, 1_000, desk.providers.get_reader("paypay"), is_before_request=True)
    assert {check.rule: check.holds for check in checks}[RefundWindowReason.REFUND_PERIOD_OVER] is is_allowed


def test_a_refund_with_one_of_two_votes_is_not_sent(desk: RefundDesk) -> None:
    """If a refund in the state `approved` has one vote where two are needed, its sending is refused."""
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.approve_refund(desk.approve_refund(desk.request_refund(payment, "600000")), person="lead-c")
    assert (refund.state, refund.checkers_needed, len(refund.checkers)) == (RefundState.APPROVED, 2, 2)
    desk.move_clock(minutes=15, seconds=1)
    for (trigger,) in desk.sql("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'approvals'"):
        desk.sql(f"DROP TRIGGER {trigger}")
    desk.sql("DELETE FROM approvals WHERE person = 'lead-c'")
    with desk.console.acting_as("lead-b"):
        refusal = call_for_refusal(lambda: desk.refunds.submit(refund.id))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "not_approved")
    assert desk.list_provider_keys(payment) == []
