"""Tests that the badge of work and the sentence of the next step don't contradict each other."""

from datetime import UTC, datetime
from itertools import product

import pytest

from console.domain.explanations.badges import NEXT_STEPS_WITHOUT_PERSON, find_work_badge
from console.domain.explanations.read_only import replace_stopped_next_step
from console.domain.records import ReadOnlySwitch, Work, WorkState
from console.domain.service_results import CertaintyBadge, Explanation, NextStep, WorkBadge
from console.wording.sentences.catalogue import has_sentence

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("code", sorted(NEXT_STEPS_WITHOUT_PERSON))
def test_a_step_without_a_person_is_never_called_possible(code: str) -> None:
    """If the sentence says that the step is done automatically, the badge doesn't say that a person can act, even if
    a person may do the step sooner. If the sentence asks a person, no badge says that the program does the step.
    """
    assert has_sentence(code)
    for state, action, roles in product(WorkState, (None, "probe"), ((), ("operator",))):
        automatic = Explanation("verdict", "why", NextStep(code, action=action), roles_that_may_act=roles)
        assert find_work_badge(Work(state), automatic) == state.value
        for_person = Explanation("verdict", "why", NextStep("next.resolve", action=action), roles_that_may_act=roles)
        expected = WorkBadge.NEEDS_REVIEW if state is WorkState.NEEDS_REVIEW else WorkBadge.POSSIBLE
        assert find_work_badge(Work(state), for_person) is expected


@pytest.mark.parametrize(
    ("work", "certainty", "badge"),
    [
        (WorkBadge.POSSIBLE, CertaintyBadge.KNOWN, WorkBadge.NONE),
        (WorkBadge.POSSIBLE, CertaintyBadge.UNKNOWN, WorkBadge.POSSIBLE),
        (WorkBadge.NEEDS_REVIEW, CertaintyBadge.KNOWN, WorkBadge.NEEDS_REVIEW),
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
