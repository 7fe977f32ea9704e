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

STATES_PAGE_FILE = Path(__file__).parents[1] / "docs" / "states.md"
_PAGE_HEAD = """# States

`python -m scripts.states_doc` writes this page from `domain/transitions/tables.py` and
`domain/tasks/retry_schedules.py` in `console`; a test compares the page with these tables.

Each record has three separate facts: its state, its certainty (`known` or `unknown`) and its work, the next step
(`none`, `scheduled` or `needs_review`). *Incomplete* is not a state: it is derived for a bought credit check of
which a part is missing.
"""


_RENEWAL_TEXT = """\
A renewal supersedes the earlier row. If the renewal ends in `error`, the earlier row is live again. A
pending row with an unknown outcome stays `pending` with certainty `unknown`, and still holds the claim.
"""
_LATE_PAYMENT_TEXT = """\
From `initializing` to `user_payment` the payer may still pay. A success that is reported after the end
(`expired`, `payment_failed`) is booked with its evidence. If the bank takes the money back, the payment is
`reversed`. Reports that come late, twice or out of order make only these transitions. If a report of a
failed attempt crossed an answer *paid*, the outcome is unknown until the next probe
([0081](decisions/0081-one-clock-for-payments.md)). A signed callback leads to
`signature_verified` at most; only the provider's answer to our own call leads to `completed`.
"""
_ORDER_TEXT = """\
The console moves an order from `pending` to `paid`, to `cancelled` (after the deadline of its payments)
and to `refunded`; the shop makes the other transitions.
"""
_REFUND_TEXT = """\
A refund that is `submitting` with certainty `unknown` may have been made. It returns to `approved`
only if nothing was sent, or if the provider's rule proves that no refund was made; its idempotency key stays the
same. A payment has at most one refund in the states {open}. Refunds in these states and in {further} reserve their
sum of the payment.
"""
_SET_ASIDE_TEXT = (
    "The amount of a notice above an account's limit. If its refund fails, the set-aside is `open` again.\n"
    "An `open` set-aside of a reversed payment is shown as `reversed`; nothing waits for a refund.\n"
)
_LAPSED_CALL_TEXT = "Every command reads a `calling` operation as `unknown` as soon as its lease has expired.\n"
_SCHEDULES_SECTION = """## Schedules

The times are the waits before each attempt, one after the other.

- Probe of an unknown purchase, if the provider can list purchases: {probes}; then a person must look.
  Without such a list a person must look at once.
- Re-fetch of an incomplete credit check: {refetches}; then a person must look.
- Probe of an unknown payment, or of an order that could not be changed: {payments}; then a person must look.
- Poll of a payment that may still be paid: {polls}.
- Probe of a payment after its deadline, while it isn't known whether it was paid: {timeouts}, without end. Such a
  payment does not expire by time.
- Probe of an unknown refund: {refunds}; then a person must look. Such a refund never fails by time.
- Sending of an approved refund that could not be sent: {sendings}; then a person must look.
- Poll of an accepted refund: {accepted}; at Atom {slow}; without end. After {patience} a case is opened.
- A request for a refund without a decision expires after {decision}.
"""
StateT = TypeVar("StateT", bound=StrEnum)


def render_states_page() -> str:
    """Return the text of the page (Markdown)."""
    opened = ", ".join(f"`{state}`" for state in states.REFUND_TRANSITIONS if state in OPEN_REFUND_STATES)
    reserving = ", ".join(f"`{state}`" for state in RESERVING_REFUND_STATES - OPEN_REFUND_STATES)
    parts = (
        _format_section("Credit check", states.CREDIT_CHECK_TRANSITIONS, _RENEWAL_TEXT),
        _format_section("Payment", PAYMENT_TRANSITIONS, _LATE_PAYMENT_TEXT),
        _format_section("Order", states.ORDER_TRANSITIONS, _ORDER_TEXT),
        _format_section("Refund", states.REFUND_TRANSITIONS, _REFUND_TEXT.format(open=opened, further=reserving)),
        _format_section("Set-aside", states.SET_ASIDE_TRANSITIONS, _SET_ASIDE_TEXT),
        _format_section("Operation (journal)", states.OPERATION_TRANSITIONS, _LAPSED_CALL_TEXT),
    )
    return "\n".join((_PAGE_HEAD, *parts, _SCHEDULES_SECTION.format(**_format_waits())))


def _format_section(title: str, transitions: Mapping[StateT, frozenset[StateT]], text: str) -> str:
    return f"## {title}\n\n{_format_diagram(transitions)}\n{text}"


def _format_waits() -> Mapping[str, str]:
    """Return the waiting times of the retry schedules as text, by the name of their placeholder in the page."""
    return {
        "probes": _format_times(schedules.PURCHASE_PROBE_WAITS),
        "refetches": _format_times(schedules.INCOMPLETE_REFETCH_WAITS),
        "payments": _format_times(schedules.PAYMENT_PROBE_WAITS),
        "polls": _format_times(schedules.PAYMENT_POLL_WAITS),
        "timeouts": _format_times(schedules.PAYMENT_TIMEOUT_WAITS),
        "refunds": _format_times(schedules.REFUND_PROBE_WAITS),
        "sendings": _format_times(schedules.REFUND_SENDING_WAITS),
        "accepted": _format_times(schedules.REFUND_POLL_WAITS),
        "slow": _format_times(schedules.SLOW_REFUND_POLL_WAITS),
        "patience": _format_wait(schedules.SLOW_REFUND_AGE),
        "decision": _format_wait(schedules.REFUND_DECISION_TIME_LIMIT),
    }


def _format_diagram(transitions: Mapping[StateT, frozenset[StateT]]) -> str:
    arrows = [f"    {old.value} --> {new.value}" for old, targets in transitions.items() for new in sorted(targets)]
    first = next(iter(transitions)).value
    ends = [f"    {state.value} --> [*]" for state, targets in transitions.items() if not targets]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *arrows, *ends, "```", ""])


def _format_times(waits: Sequence[timedelta]) -> str:
    """Return the waits as text. Equal waits that follow each other are written once, with their number."""
    runs = [(wait, len(list(equal_waits))) for wait, equal_waits in groupby(waits)]
    return ", ".join(_format_wait(wait) if count == 1 else f"{count} × {_format_wait(wait)}" for wait, count in runs)


def _format_wait(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


if __name__ == "__main__":
    STATES_PAGE_FILE.write_text(render_states_page(), encoding="utf-8")
