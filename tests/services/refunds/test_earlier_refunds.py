"""Earlier refunds of a payment that have ended here without effect, and that the provider made all the same."""

import pytest

from console.domain.payments.states import RefundState
from console.domain.records import Certainty
from tests.support.refund_desks import RefundDesk, code_of

PROVIDERS = ["paypay", "atom"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refund_that_people_ended_and_that_arrives_stops_the_next_one(desk: RefundDesk, provider: str) -> None:
    """Two people decide that the first one failed, then it reaches the provider: whoever approves the next one is
    told of it, and nothing more is sent.
    """
    payment = desk.paid("ORD1", 50_000, provider)
    first = desk.ask(payment, "100")
    desk.control.add_fault("late_charge", call=f"{provider}_refund", times=1)
    assert code_of(lambda: desk.approve(first)) == "outcome_unknown"
    desk.resolve(first, "failed", "op-e")
    desk.resolve(first, "failed", "lead-b")
    assert desk.now(first).state is RefundState.FAILED
    second = desk.ask(payment, "120")
    desk.control.release_calls()
    assert desk.control.wait_until_reached(refunds=1)
    assert code_of(lambda: desk.approve(second, by="lead-c")) == "in_progress"
    assert len(desk.keys_at(payment)) == 1, "a second refund was sent"
    assert desk.now(first).work.reason == "contradicted"
    assert desk.now(second).certainty is Certainty.KNOWN
    assert desk.now(second).state in (RefundState.REQUESTED, RefundState.APPROVED)
