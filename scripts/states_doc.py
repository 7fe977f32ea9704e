"""Writes docs/states.md from the transition tables, so that the picture can't differ from the rule."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from console.domain import schedules, states

PAGE = Path(__file__).parents[1] / "docs" / "states.md"
_HEAD = """# States

Made by `python -m scripts.states_doc` from `console/domain/states.py` and `schedules.py`; a test keeps it in step.

Three axes, never one: the business state (what is it?), certainty (`known`, `unknown`: do we know?) and work
(`none`, `scheduled`, `needs_review`: who does what next?). *Incomplete* is a bought check with something missing:
derived, never a state.
"""


def render() -> str:
    """The whole page."""
    parts = [
        _HEAD,
        "## Credit check\n\n" + _diagram(states.CREDIT_CHECK),
        "A renewal supersedes the old row and restores it when it ends in `error`. A pending row whose outcome nobody\n"
        "knows stays `pending` with certainty `unknown`, and goes on holding the claim.\n",
        "## Operation (journal)\n\n" + _diagram(states.OPERATION),
        "A `calling` operation whose lease ran out is read as `unknown` by every command at once.\n",
        "## Schedules\n",
        f"- Unknown purchase, where the provider can list purchases: {_times(schedules.PURCHASE_PROBES)}; then a person.\n"
        "  Without such a list a person is needed at once.\n"
        f"- Incomplete check: {_times(schedules.INCOMPLETE_REFETCHES)}; then a person.\n",
    ]
    return "\n".join(parts)


def _diagram(table: Mapping[StrEnum, frozenset[StrEnum]]) -> str:
    arrows = [f"    {before.value} --> {after.value}" for before, targets in table.items() for after in sorted(targets)]
    first = next(iter(table)).value
    ends = [f"    {state.value} --> [*]" for state, targets in table.items() if not targets]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *arrows, *ends, "```", ""])


def _times(waits: Sequence[timedelta]) -> str:
    return ", ".join(_text(wait) for wait in waits)


def _text(wait: timedelta) -> str:
    minutes = int(wait.total_seconds() // 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
