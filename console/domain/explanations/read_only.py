"""Change the next step of an explanation while a read-only switch stops it."""

from collections.abc import Mapping
from dataclasses import replace

from console.domain.access.read_only import EVERYTHING_SCOPE, ReadOnlySwitch, is_action_stopped
from console.domain.service_results import Explanation, NextStep

LIST_COMMAND = "support-console read-only list"


def replace_stopped_next_step(explanation: Explanation, switch: ReadOnlySwitch | None) -> Explanation:
    """Return the explanation as it is while `switch` is on: if the switch stops the advised action, the next step is
    to wait, and nobody may act. Verdict, reason and badges stay. None: no switch is on.
    """
    if switch is None or not is_action_stopped(explanation.next_step.action, switch):
        return explanation
    code = "next.read_only" if switch.scope == EVERYTHING_SCOPE else "next.read_only_provider"
    step = NextStep(code, {**explanation.facts, **make_prefixed_switch_facts(switch)}, LIST_COMMAND)
    return replace(explanation, next_step=step, may_act=())


def make_prefixed_switch_facts(switch: ReadOnlySwitch) -> Mapping[str, object]:
    """Return the facts about the switch under names that no fact of a record has."""
    return {
        "switch_scope": switch.scope,
        "switch_by": switch.person,
        "switch_since": switch.at,
        "switch_note": switch.reason,
    }
