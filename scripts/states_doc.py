"""Writes docs/states.md from the transition tables, so that the picture can't differ from the rule."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from console.domain import schedules, states

PAGE = Path(__file__).parents[1] / "docs" / "states.md"
_HEAD = """# States

Made by `python -m scripts.states_doc` from `console/domain/states.py` and `schedules.py`; a test keeps it in step.

Three axes, never one: the business state (what is it?), certainty (`known`, `unknown`: do we know?) and work
(`none`, `scheduled`, `needs_review`: who does what next?). *Incomplete* is a bought check with something missing:
derived, never a state.
"""


_RENEWAL = """A renewal supersedes the old row and restores it when it ends in `error`. A pending row whose outcome
nobody knows stays `pending` with certainty `unknown`, and goes on holding the claim.
"""
_LAPSE = "A `calling` operation whose lease ran out is read as `unknown` by every command at once.\n"
_SCHEDULES = """## Schedules

- Unknown purchase, where the provider can list purchases: {probes}; then a person.
  Without such a list a person is needed at once.
- Incomplete check: {refetches}; then a person.
"""
S = TypeVar("S", bound=StrEnum)


def render() -> str:
    """The whole page."""
    check, operation = _diagram(states.CREDIT_CHECK), _diagram(states.OPERATION)
    waits = {"probes": _times(schedules.PURCHASE_PROBES), "refetches": _times(schedules.INCOMPLETE_REFETCHES)}
    parts = (_HEAD, f"## Credit check\n\n{check}", _RENEWAL, f"## Operation (journal)\n\n{operation}", _LAPSE)
    return "\n".join((*parts, _SCHEDULES.format(**waits)))


def _diagram(table: Mapping[S, frozenset[S]]) -> str:
    arrows = [f"    {old.value} --> {new.value}" for old, targets in table.items() for new in sorted(targets)]
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
