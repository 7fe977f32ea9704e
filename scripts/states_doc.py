"""Writes docs/states.md from the transition tables, so that its diagrams can't differ from the program's rules."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from console.domain.payments.states import OPEN_REFUND_STATES, PAYMENT_TRANSITIONS, RESERVING_REFUND_STATES
from console.domain.tasks import retry_schedules as schedules
from console.domain.transitions import tables as states

PAGE = Path(__file__).parents[1] / "docs" / "states.md"
_HEAD = """# States

Made by `python -m scripts.states_doc` from `domain/transitions/tables.py` and `domain/tasks/retry_schedules.py` in
`console`; a test keeps it in step.

Three axes, never one: the business state (what is it?), certainty (`known`, `unknown`: do we know?) and work
(`none`, `scheduled`, `needs_review`: who does what next?). *Incomplete* is a bought check with something missing:
derived, never a state.
"""


_RENEWAL = """A renewal supersedes the old row and restores it when it ends in `error`. A pending row whose outcome
nobody knows stays `pending` with certainty `unknown`, and goes on holding the claim.
"""
_LATE = """From `initializing` to `user_payment` the payer may still pay. A success that comes after the end
(`expired`, `payment_failed`) is booked all the same, with its evidence; what the bank takes back is `reversed`.
News that comes late, twice or out of order takes no step but these. A signed callback leads as far as
`signature_verified`; a read completes.
"""
_ORDER = """The console moves an order from `pending` to `paid`, to `cancelled` (its payments' time has passed) and to
`refunded`; the shop does the rest.
"""
_REFUND = """`submitting` with certainty `unknown`: it may have happened. It goes back to `approved` only when
nothing was sent, or when the provider's rule proves that nothing happened; the key stays.
A payment has one refund at a time in {open}.
Those and {further} hold their sum of it.
"""
_ASIDE = "What a notice brought beyond an account's limit. Its refund ended without effect: it is `open` again.\n"
_LAPSE = "A `calling` operation whose lease ran out is read as `unknown` by every command at once.\n"
_SCHEDULES = """## Schedules

- Unknown purchase, where the provider can list purchases: {probes}; then a person.
  Without such a list a person is needed at once.
- Incomplete check: {refetches}; then a person.
- Unknown payment, or an order that could not follow: {payments}; then a person.
- Payment that may still be paid: {polls}.
- Payment whose time has passed, while nobody can tell whether it was paid: {timeouts}. Without end; it is not
  expired by time.
- Unknown refund: {refunds}; then a person. Never is it failed by time.
- Approved refund that could not be sent: {sendings}; then a person.
- Accepted refund: {accepted}; at Atom {slow}. Without end; after {patience} somebody is told.
- Request for a refund without a decision: expires after {decision}.
"""
S = TypeVar("S", bound=StrEnum)


def render() -> str:
    """Return the text of the page (Markdown)."""
    opened = ", ".join(f"`{state}`" for state in states.REFUND_TRANSITIONS if state in OPEN_REFUND_STATES)
    further = ", ".join(f"`{state}`" for state in RESERVING_REFUND_STATES - OPEN_REFUND_STATES)
    parts = (
        _part("Credit check", states.CREDIT_CHECK_TRANSITIONS, _RENEWAL),
        _part("Payment", PAYMENT_TRANSITIONS, _LATE),
        _part("Order", states.ORDER_TRANSITIONS, _ORDER),
        _part("Refund", states.REFUND_TRANSITIONS, _REFUND.format(open=opened, further=further)),
        _part("Set-aside", states.SET_ASIDE_TRANSITIONS, _ASIDE),
        _part("Operation (journal)", states.OPERATION_TRANSITIONS, _LAPSE),
    )
    return "\n".join((_HEAD, *parts, _SCHEDULES.format(**_waits())))


def _part(title: str, table: Mapping[S, frozenset[S]], words: str) -> str:
    return f"## {title}\n\n{_diagram(table)}\n{words}"


def _waits() -> Mapping[str, str]:
    return {
        "probes": _times(schedules.PURCHASE_PROBE_WAITS),
        "refetches": _times(schedules.INCOMPLETE_REFETCH_WAITS),
        "payments": _times(schedules.PAYMENT_PROBE_WAITS),
        "polls": _times(schedules.PAYMENT_POLL_WAITS),
        "timeouts": _times(schedules.PAYMENT_TIMEOUT_WAITS),
        "refunds": _times(schedules.REFUND_PROBE_WAITS),
        "sendings": _times(schedules.REFUND_SENDING_WAITS),
        "accepted": _times(schedules.REFUND_POLL_WAITS),
        "slow": _times(schedules.SLOW_REFUND_POLL_WAITS),
        "patience": _text(schedules.SLOW_REFUND_AGE),
        "decision": _text(schedules.REFUND_DECISION_TIME_LIMIT),
    }


def _diagram(table: Mapping[S, frozenset[S]]) -> str:
    arrows = [f"    {old.value} --> {new.value}" for old, targets in table.items() for new in sorted(targets)]
    first = next(iter(table)).value
    ends = [f"    {state.value} --> [*]" for state, targets in table.items() if not targets]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *arrows, *ends, "```", ""])


def _times(waits: Sequence[timedelta]) -> str:
    """Return the waits as text. Equal waits that follow each other are written once, with their number."""
    runs = [(wait, len(list(same))) for wait, same in groupby(waits)]
    return ", ".join(_text(wait) if count == 1 else f"{count} × {_text(wait)}" for wait, count in runs)


def _text(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
