"""The provider executes a refund late, after it has answered twice that the refund doesn't exist: the money can't be
refunded a second time.
"""

from datetime import timedelta

import pytest

from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from tests.support.money_desks import find_newest_refund, request_refund
from tests.support.money_stage import ActionTarget, MoneyStage, open_money_stage
from tests.support.places import Place
from tests.support.refusals import call_and_get_code


def make_delayed_refund(stage: MoneyStage) -> ActionTarget:
    """Send a refund whose request is delayed at the provider: it gets no answer, and two later probes don't find the
    refund. Return the target of the action.
    """
    target = stage.prepare_target("approve")
    stage.sandbox.control.add_fault("late_charge:500", call="paypay_refund", payment=target.number)
    assert call_and_get_code(lambda: stage.checker.refunds.approve(target.refund_id)) == "outcome_unknown"
    for _ in range(2):
        stage.move_clocks(timedelta(seconds=30))
        call_and_get_code(lambda: stage.maker.refunds.probe(target.refund_id))
    return target


def make_delayed_and_withdrawn_refund(stage: MoneyStage) -> tuple[ActionTarget, Refund]:
    """Send a refund whose request is delayed at the provider and that two probes don't find, and let the requester
    withdraw it. Return the target of the action and the withdrawn refund.
    """
    target = make_delayed_refund(stage)
    stage.maker.refunds.withdraw(target.refund_id)
    withdrawn = find_newest_refund(stage.maker, target.payment_id)
    assert withdrawn is not None
    return target, withdrawn


def test_a_refund_that_was_executed_late_is_not_withdrawn(place: Place) -> None:
    """After two answers that a refund doesn't exist, the refund waits to be sent again. Then the provider executes
    it, and a probe finds it. No person can withdraw the refund, which would free its amount for another refund.
    Sending it again with the same key completes it.
    """
    with open_money_stage(place) as stage:
        target = make_delayed_refund(stage)
        undone = find_newest_refund(stage.maker, target.payment_id)
        assert undone is not None
        assert (undone.state, undone.not_found) == (RefundState.APPROVED, 2), undone
        stage.release_held_call(undone.provider_refund_key)
        stage.maker.refunds.probe(target.refund_id)
        assert call_and_get_code(lambda: stage.maker.refunds.withdraw(target.refund_id)) != "done", (
            "its money is free, and gone"
        )
        assert call_and_get_code(lambda: request_refund(stage.maker, target.payment_id)) == "in_progress"
        assert call_and_get_code(lambda: stage.checker.refunds.submit(target.refund_id)) == "done"
        stage.move_clocks()
        stage.checker.recovery.run_all_tasks()
        done = find_newest_refund(stage.maker, target.payment_id)
        assert done is not None
        assert (done.state, stage.count_provider_refunds(target.number)) == (RefundState.COMPLETED, 1), done
        stage.check_all_rules()


def test_a_withdrawn_refund_that_was_executed_stops_the_next_refund(place: Place) -> None:
    """The provider executes a withdrawn refund, and a probe finds it. A person must look at this refund; until then
    no other refund of the payment can be requested.
    """
    with open_money_stage(place) as stage:
        target, withdrawn = make_delayed_and_withdrawn_refund(stage)
        stage.release_held_call(withdrawn.provider_refund_key)
        stage.maker.refunds.probe(target.refund_id)
        assert call_and_get_code(lambda: request_refund(stage.maker, target.payment_id)) == "in_progress"
        stage.check_all_rules()


def test_a_withdrawn_refund_that_was_executed_stops_the_next_approval(place: Place) -> None:
    """The provider executes a withdrawn refund that has not been probed, and another refund is requested. At the
    approval the console asks the provider, finds the first refund, and refuses to approve the second one.
    """
    with open_money_stage(place) as stage:
        target, withdrawn = make_delayed_and_withdrawn_refund(stage)
        again = request_refund(stage.maker, target.payment_id)
        stage.release_held_call(withdrawn.provider_refund_key)
        assert call_and_get_code(lambda: stage.checker.refunds.approve(again.id)) != "done"
        assert stage.count_provider_refunds(target.number) == 1
        stage.check_all_rules()


@pytest.mark.parametrize(
    ("is_first_refund_executed", "silence", "answer_code"),
    [(True, "status:503", "provider_answer_unusable"), (False, "refuse", "provider_unreachable")],
    ids=["it_arrives", "it_never_came"],
)
def test_an_unanswered_question_stops_the_next_refund(
    place: Place, is_first_refund_executed: bool, silence: str, answer_code: str
) -> None:
    """A withdrawn refund may still be executed, and the provider can't answer at the approval of the next refund. The
    next refund isn't sent until the provider answers: then it is sent if the first one was never executed, and not at
    all if it was. The error code distinguishes an unusable answer from an unreachable provider.
    """
    with open_money_stage(place) as stage:
        target, withdrawn = make_delayed_and_withdrawn_refund(stage)
        again = request_refund(stage.maker, target.payment_id)
        silent = ("paypay_payment", "paypay_refund_details")
        stage.sandbox.control.add_faults(*({"action": silence, "call": call, "times": 100} for call in silent))
        assert call_and_get_code(lambda: stage.checker.refunds.approve(again.id)) == answer_code
        if is_first_refund_executed:
            stage.release_held_call(withdrawn.provider_refund_key)
        assert stage.count_provider_refunds(target.number) == is_first_refund_executed
        stage.move_clocks()
        stage.checker.recovery.run_all_tasks()
        assert stage.count_provider_refunds(target.number) == is_first_refund_executed, (
            "sent without the provider's word"
        )
        stage.sandbox.control.clear_faults()
        stage.move_clocks()
        stage.checker.recovery.run_all_tasks()
        last = find_newest_refund(stage.maker, target.payment_id)
        assert last is not None
        ends = RefundState.APPROVED if is_first_refund_executed else RefundState.SUBMITTED
        assert (last.state, stage.count_provider_refunds(target.number)) == (ends, 1)
        stage.check_all_rules()
