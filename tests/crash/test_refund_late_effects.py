"""A refund that "did not happen" and did after all: nobody can give its money away a second time."""

from datetime import timedelta

import pytest

from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from tests.support.money_desks import ask, ending, newest
from tests.support.money_stage import ActionTarget, Stage, stage
from tests.support.places import Place


def believed_undone(on: Stage) -> ActionTarget:
    """A refund that was sent and not answered, of which two later answers know nothing; it waits at the provider."""
    target = on.prepared("approve")
    on.sandbox.control.add_fault("late_charge:500", call="paypay_refund", payment=target.number)
    assert ending(lambda: on.checker.refunds.approve(target.refund)) == "outcome_unknown"
    for _ in range(2):
        on.later(timedelta(seconds=30))
        ending(lambda: on.maker.refunds.probe(target.refund))
    return target


def believed_undone_and_withdrawn(on: Stage) -> tuple[ActionTarget, Refund]:
    """The same, taken back in good faith; the refund as it is then."""
    target = believed_undone(on)
    on.maker.refunds.withdraw(target.refund)
    withdrawn = newest(on.maker, target.payment)
    assert withdrawn is not None
    return target, withdrawn


def test_what_arrives_after_its_end_can_not_be_withdrawn(place: Place) -> None:
    """Two answers know nothing of it, so it waits to be sent again; then it arrives, and a probe says so. Taking it
    back would free its sum for another refund: only sending it, under its key, ends it.
    """
    with stage(place) as on:
        target = believed_undone(on)
        undone = newest(on.maker, target.payment)
        assert undone is not None
        assert (undone.state, undone.not_found) == (RefundState.APPROVED, 2), undone
        on.arrive(undone.provider_refund_key)
        on.maker.refunds.probe(target.refund)
        assert ending(lambda: on.maker.refunds.withdraw(target.refund)) != "done", "its money is free, and gone"
        assert ending(lambda: ask(on.maker, target.payment)) == "in_progress"
        assert ending(lambda: on.checker.refunds.submit(target.refund)) == "done"
        on.later()
        on.checker.recovery.run_due()
        done = newest(on.maker, target.payment)
        assert done is not None
        assert (done.state, on.there(target.number)) == (RefundState.COMPLETED, 1), done
        on.checked()


def test_what_arrives_after_it_was_withdrawn_stops_the_next_one(place: Place) -> None:
    """Withdrawn in good faith, it arrives all the same: a probe says so, a person has to look, and until then nothing
    more of the payment is asked for.
    """
    with stage(place) as on:
        target, withdrawn = believed_undone_and_withdrawn(on)
        on.arrive(withdrawn.provider_refund_key)
        on.maker.refunds.probe(target.refund)
        assert ending(lambda: ask(on.maker, target.payment)) == "in_progress"
        on.checked()


def test_what_arrives_beside_the_next_request_stops_its_approval(place: Place) -> None:
    """Nobody has probed, and another refund was asked for meanwhile: whoever approves it asks the provider, is told
    of the first one, and can't approve a second.
    """
    with stage(place) as on:
        target, withdrawn = believed_undone_and_withdrawn(on)
        again = ask(on.maker, target.payment)
        on.arrive(withdrawn.provider_refund_key)
        assert ending(lambda: on.checker.refunds.approve(again.id)) != "done"
        assert on.there(target.number) == 1
        on.checked()


@pytest.mark.parametrize(
    ("arrives", "silence", "told"),
    [(True, "status:503", "provider_answer_unusable"), (False, "refuse", "provider_unreachable")],
    ids=["it_arrives", "it_never_came"],
)
def test_while_the_provider_says_nothing_the_next_one_is_not_sent(
    place: Place, arrives: bool, silence: str, told: str
) -> None:
    """Silence at the approval is no word that the first one didn't happen: the next waits until there is one, and is
    sent by itself then, or not at all. A provider that answered without saying anything was not out of reach.
    """
    with stage(place) as on:
        target, withdrawn = believed_undone_and_withdrawn(on)
        again = ask(on.maker, target.payment)
        silent = ("paypay_payment", "paypay_refund_details")
        on.sandbox.control.add_faults(*({"action": silence, "call": call, "times": 100} for call in silent))
        assert ending(lambda: on.checker.refunds.approve(again.id)) == told
        if arrives:
            on.arrive(withdrawn.provider_refund_key)
        assert on.there(target.number) == arrives
        on.later()
        on.checker.recovery.run_due()
        assert on.there(target.number) == arrives, "sent without the provider's word"
        on.sandbox.control.clear_faults()
        on.later()
        on.checker.recovery.run_due()
        last = newest(on.maker, target.payment)
        assert last is not None
        ends = RefundState.APPROVED if arrives else RefundState.SUBMITTED
        assert (last.state, on.there(target.number)) == (ends, 1)
        on.checked()
