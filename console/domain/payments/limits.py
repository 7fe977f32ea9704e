"""Limits of refunds per currency, and proposals to change them."""

from dataclasses import dataclass
from datetime import timedelta

LIMIT_KIND = "limit"
LIMIT_NAMES = (
    "per_refund", "per_person_day", "second_checker_above", "cooling_off_above", "cooling_off_seconds",
)  # fmt: skip
LARGEST_LIMIT = 10**15 - 1
PROPOSAL_TIME_LIMIT = timedelta(hours=24)
"""Time for which a proposal of a limit waits for a second administrator."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of one currency: its value in minor units or seconds (None: no row, so the strictest value counts), and
    the value that `proposed_by` has proposed (None: nothing is proposed).
    """

    name: str
    currency: str
    value: int | None
    proposed: int | None = None
    proposed_by: str | None = None


def limit_subject(name: str, currency: str, value: int | None) -> str:
    """Return the id of a limit as a decision names it, with the value that it has now: a decision counts only while
    the limit has this value.
    """
    return f"{name} {currency} {'none' if value is None else value}"
