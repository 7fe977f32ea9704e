"""Change the next step of an explanation if a read-only switch stops this step."""

from collections.abc import Mapping
from dataclasses import replace

from console.domain.access.read_only import EVERYTHING_SCOPE, ReadOnlySwitch, is_action_stopped
from console.domain.explained_state import CertaintyBadge, Explanation, NextStep, WorkBadge

SWITCH_LIST_COMMAND = "support-console read-only list"


def replace_stopped_next_step(explanation: Explanation, switch: ReadOnlySwitch | None) -> Explanation:
    """If `switch` stops the advised action, return the explanation with another next step: wait until the switch is
    off. No role does this step, because a person has nothing to do. So the badges of work POSSIBLE and AUTOMATIC
    become NONE, except for a record with an unknown outcome: its badge of work never says that nothing must be done.
    Verdict, reason and the other badges are unchanged. If the switch stops nothing, return the explanation unchanged.
    `switch` is a switch that is on; None if no switch is on.
    """
    if switch is None or not is_action_stopped(explanation.next_step.action, switch):
        return explanation
    code = "next.read_only" if switch.scope == EVERYTHING_SCOPE else "next.read_only_provider"
    step = NextStep(code, {**explanation.facts, **make_prefixed_switch_facts(switch)}, SWITCH_LIST_COMMAND)
    is_derived = explanation.work in (WorkBadge.POSSIBLE, WorkBadge.AUTOMATIC)
    is_idle = is_derived and explanation.certainty is not CertaintyBadge.UNKNOWN
    work = WorkBadge.NONE if is_idle else explanation.work
    return replace(explanation, next_step=step, roles_that_may_act=(), work=work)


def make_prefixed_switch_facts(switch: ReadOnlySwitch) -> Mapping[str, object]:
    """Return facts about the switch whose names begin with `switch_`, so that they can be added to the facts of a
    record: `switch_scope`, the person (`switch_by`), the time (`switch_since`) and the person's reason
    (`switch_note`)."""
    return {
        "switch_scope": switch.scope,
        "switch_by": switch.person,
        "switch_since": switch.at,
        "switch_note": switch.reason,
    }
