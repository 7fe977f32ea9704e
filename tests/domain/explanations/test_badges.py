"""Tests that the badge of work and the sentence of the next step don't contradict each other."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from console.domain.explained_state import CertaintyBadge, Explanation, NextStep, WorkBadge
from console.domain.explanations.badges import (
    NEXT_STEPS_OF_PROGRAM,
    NEXT_STEPS_WITH_LATER_SENDING,
    NEXT_STEPS_WITHOUT_PERSON,
    find_work_badge,
)
from console.domain.explanations.payments import explain_order
from console.domain.explanations.read_only import replace_stopped_next_step
from console.domain.payments.records import Order, OrderRelations, OrderState
from console.domain.records import ReadOnlySwitch, Work, WorkState
from console.wording.sentences.catalogue import has_sentence, translate

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
STEPS_OF_CUSTOMER_OR_SHOP = frozenset({"next.order_wait", "next.order_shop_decides", "next.payment_wait"})
"""Next steps in which the program waits for the customer or the shop. The word "automatically" in their sentences is
about the program's work after that.
"""


@pytest.mark.parametrize("code", sorted(NEXT_STEPS_WITHOUT_PERSON))
def test_the_badge_of_a_step_agrees_with_its_sentence(code: str) -> None:
    """If the sentence says that the step is done automatically, the badge doesn't say that a person can act, even if
    a person may do the step sooner, and no badge says that there is nothing to do. If the sentence asks a person, no
    badge says that the program does the step.
    """
    assert has_sentence(code)
    for state, action, roles in product(WorkState, (None, "probe"), ((), ("operator",))):
        automatic = Explanation("verdict", "why", NextStep(code, action=action), roles_that_may_act=roles)
        expected = WorkBadge(state.value)
        if state is not WorkState.NEEDS_REVIEW and code in NEXT_STEPS_WITH_LATER_SENDING:
            expected = WorkBadge.WAITING_FOR_SENDING
        elif state is WorkState.NONE and code in NEXT_STEPS_OF_PROGRAM:
            expected = WorkBadge.AUTOMATIC
        assert find_work_badge(Work(state), automatic) is expected
        for_person = Explanation("verdict", "why", NextStep("next.resolve", action=action), roles_that_may_act=roles)
        expected = WorkBadge.NEEDS_REVIEW if state is WorkState.NEEDS_REVIEW else WorkBadge.POSSIBLE
        assert find_work_badge(Work(state), for_person) is expected


@pytest.mark.parametrize("code", sorted(NEXT_STEPS_OF_PROGRAM))
def test_the_badge_of_a_step_that_sends_does_not_say_that_something_is_checked(code: str) -> None:
    """If the sentence says that the program sends a refund, the badge says so too; the badge of every other step of
    the program doesn't say that something is sent."""
    for language, sending in (("en", "sent automatically"), ("ja", "自動的に送信")):
        assert (sending in translate(code, language)) == (code in NEXT_STEPS_WITH_LATER_SENDING)
    badge = find_work_badge(Work(WorkState.SCHEDULED), Explanation("verdict", "why", NextStep(code)))
    assert (badge is WorkBadge.WAITING_FOR_SENDING) == (code in NEXT_STEPS_WITH_LATER_SENDING)
    assert (badge is WorkBadge.SCHEDULED) == (code not in NEXT_STEPS_WITH_LATER_SENDING)


@pytest.mark.parametrize("code", sorted(NEXT_STEPS_WITHOUT_PERSON))
def test_only_steps_of_the_program_are_called_automatic(code: str) -> None:
    """Of the next steps without a person, exactly those of the program have a sentence with "automatically". Left out
    are the steps in which the program waits for the customer or the shop.
    """
    says_automatic = "自動" in translate(code, "ja") and code not in STEPS_OF_CUSTOMER_OR_SHOP
    assert says_automatic == (code in NEXT_STEPS_OF_PROGRAM)


def test_an_order_whose_payment_expires_is_called_automatic() -> None:
    """An order that the program cancels if its payment stays unpaid has the badge `automatic`. An order that waits
    for its customer has the badge of "Nothing to do".
    """
    order = Order(3, "ORD-1", None, OrderState.PENDING, "JPY", 3300, (5,), 2)
    expiring = explain_order(replace(order, relations=OrderRelations(is_expiring=True)), NOW)
    assert (expiring.next_step.code, expiring.work) == ("next.order_expires", WorkBadge.AUTOMATIC)
    waiting = explain_order(order, NOW)
    assert (waiting.next_step.code, waiting.work) == ("next.order_wait", WorkBadge.NONE)


@pytest.mark.parametrize(
    ("work", "certainty", "badge"),
    [
        (WorkBadge.POSSIBLE, CertaintyBadge.KNOWN, WorkBadge.NONE),
        (WorkBadge.POSSIBLE, CertaintyBadge.UNKNOWN, WorkBadge.POSSIBLE),
        (WorkBadge.NEEDS_REVIEW, CertaintyBadge.KNOWN, WorkBadge.NEEDS_REVIEW),
        (WorkBadge.AUTOMATIC, CertaintyBadge.KNOWN, WorkBadge.NONE),
    ],
)
def test_no_action_is_called_possible_while_read_only_is_on(
    work: WorkBadge, certainty: CertaintyBadge, badge: WorkBadge
) -> None:
    """While a read-only switch stops the next step, the badge doesn't call it possible. Beside an unknown outcome, no
    badge says that there is nothing to do."""
    explanation = Explanation(
        "verdict", "why", NextStep("next.may_buy_again", action="purchase"), certainty=certainty, work=work
    )
    stopped = replace_stopped_next_step(explanation, ReadOnlySwitch("everything", True, "outage", "lead-b", NOW))
    assert (stopped.next_step.code, stopped.work) == ("next.read_only", badge)
    assert replace_stopped_next_step(explanation, None) is explanation
