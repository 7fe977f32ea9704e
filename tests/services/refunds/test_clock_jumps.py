"""Tests of refunds on a desk whose clock jumps by a day forward or back and is then corrected. Each refund is sent
once, probed and polled, and the time in which an approver may decide doesn't become shorter.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from console.domain.payments.states import RefundState
from console.domain.records import Certainty
from console.domain.tasks.retry_schedules import REFUND_DECISION_TIME_LIMIT
from console.sandbox import SandboxControl
from console.services.process.context import WORKER, act_as
from console.services.tasks.clock_jumps import ClockJumpCorrection
from tests.support.refund_desks import RefundDesk, open_refund_desk
from tests.support.refusals import call_and_get_code

ONE_DAY = timedelta(days=1)
MINUTES_AFTER_CORRECTION = 5
"""The number of minutes for which the due tasks run after the clock is corrected."""
parametrize_by_jump = pytest.mark.parametrize("jump", [ONE_DAY, -ONE_DAY], ids=["forth", "back"])
parametrize_by_provider = pytest.mark.parametrize("provider", ["paypay", "atom"])


@pytest.fixture
def desk(home: Path, control: SandboxControl) -> Iterator[RefundDesk]:
    """Yield a desk with unscaled waits, because the longest step of a schedule must be as long as the jump."""
    with open_refund_desk(home, control, scale=1) as opened:
        opened.clock.stop()
        yield opened


def run_minutes(desk: RefundDesk, count: int) -> None:
    """Run the due tasks for `count` minutes of the test's clock."""
    for _ in range(count):
        with act_as(WORKER):
            ClockJumpCorrection(desk.context).make_future_dated_rows_due()
        desk.run_due_tasks()
        desk.move_clock(minutes=1)


@parametrize_by_jump
@parametrize_by_provider
def test_an_unanswered_refund_that_was_made_is_found(desk: RefundDesk, provider: str, jump: timedelta) -> None:
    """Refunds that were sent before and during the jump get no answer, and the provider makes them. Probes find each
    of them, and none is sent again.
    """
    refunds = []
    for number, wrong in (("ORD1", timedelta()), ("ORD2", jump)):
        desk.clock.offset = wrong
        payment = desk.make_paid_payment(number, 50_000, provider)
        refund = desk.request_refund(payment, "100")
        desk.control.add_fault("close_after_charge", call=f"{provider}_refund", times=1)
        assert call_and_get_code(lambda refund=refund: desk.approve_refund(refund)) == "outcome_unknown"
        refunds.append((payment, refund))
        desk.run_due_tasks()
    desk.clock.offset = timedelta()
    run_minutes(desk, MINUTES_AFTER_CORRECTION)
    for payment, refund in refunds:
        stored_refund = desk.read_refund(refund)
        assert (stored_refund.state in (RefundState.SUBMITTED, RefundState.COMPLETED), stored_refund.certainty) == (
            True,
            Certainty.KNOWN,
        )
        assert len(desk.list_provider_keys(payment)) == 1
        desk.check_payment_agrees(payment)
    assert len(desk.control.read_requests(call=f"{provider}_refund")) == 2


@parametrize_by_jump
def test_a_refund_that_was_not_made_is_sent_once(desk: RefundDesk, jump: timedelta) -> None:
    """Refunds that the provider has not made are sent again once under their keys. A wrong clock alone does not make
    an answer `not found` count as late.
    """
    desk.clock.offset = jump
    payment = desk.make_paid_payment("ORD1", 50_000)
    refund = desk.request_refund(payment, "100")
    desk.control.add_fault("reset", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    desk.run_due_tasks()
    desk.clock.offset = timedelta()
    run_minutes(desk, MINUTES_AFTER_CORRECTION)
    if jump > timedelta():
        assert (desk.read_refund(refund).not_found, desk.list_provider_keys(payment)) == (0, [])
        desk.move_clock(days=2)
        run_minutes(desk, MINUTES_AFTER_CORRECTION)
        desk.move_clock(days=1)
    run_minutes(desk, 2 * MINUTES_AFTER_CORRECTION)
    assert desk.list_provider_keys(payment) == [desk.read_refund(refund).provider_refund_key]
    desk.check_payment_agrees(payment)


@parametrize_by_jump
@parametrize_by_provider
def test_an_accepted_refund_is_followed_to_its_end(desk: RefundDesk, provider: str, jump: timedelta) -> None:
    """A refund that the provider accepted before or during a jump of the clock is known as completed as soon as
    without the jump.
    """
    desk.control.change_settings(waits_for_manual_settling=True)
    refunds = []
    for number, wrong in (("ORD1", timedelta()), ("ORD2", jump)):
        desk.clock.offset = wrong
        payment = desk.make_paid_payment(number, 50_000, provider)
        refunds.append((payment, desk.approve_refund(desk.request_refund(payment, "100"))))
        desk.run_due_tasks()
    for _, refund in refunds:
        desk.control.payments_control.change_refund_state(refund.provider_refund_key or "", "completed")
    desk.clock.offset = timedelta()
    run_minutes(desk, MINUTES_AFTER_CORRECTION)
    assert desk.read_refund(refunds[1][1]).state is RefundState.COMPLETED
    desk.move_clock(hours=1)  # Atom is slow, and asked about by the hour
    run_minutes(desk, 1)
    assert [desk.read_refund(refund).state for _, refund in refunds] == [RefundState.COMPLETED] * 2
    assert [len(desk.list_provider_keys(payment)) for payment, _ in refunds] == [1, 1]
    assert desk.sql("SELECT rule_id FROM alerts WHERE resolved_at IS NULL") == []


@parametrize_by_jump
def test_a_clock_jump_does_not_shorten_the_time_to_decide(desk: RefundDesk, jump: timedelta) -> None:
    """Of the refunds that were requested before and during the jump, none expires because of the jump, and each
    expires once at its own time.
    """
    refunds = [desk.request_refund(desk.make_paid_payment("ORD1"))]
    desk.move_clock(days=1)
    for wrong in (jump, -jump):
        desk.clock.offset += wrong
        assert desk.run_due_tasks()["refund_expiry"] == 0
        if wrong == jump:
            refunds.append(desk.request_refund(desk.make_paid_payment("ORD2")))
    run_minutes(desk, MINUTES_AFTER_CORRECTION)
    assert [desk.read_refund(one).state for one in refunds] == [RefundState.REQUESTED] * 2
    expired = 0
    for _ in range(4):
        desk.move_clock(seconds=REFUND_DECISION_TIME_LIMIT.total_seconds() / 2)
        expired += desk.run_due_tasks()["refund_expiry"]
    assert (expired, [desk.read_refund(one).state for one in refunds]) == (2, [RefundState.EXPIRED] * 2)
