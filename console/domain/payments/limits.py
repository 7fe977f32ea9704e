"""Limits of refunds per currency, and proposals to change them."""

from dataclasses import dataclass
from datetime import timedelta

LIMIT_KIND = "limit"
LIMIT_NAMES = (
    "per_refund", "per_person_day", "second_checker_above", "cooling_off_above", "cooling_off_seconds",
)  # fmt: skip
LARGEST_LIMIT = 10**15 - 1
PROPOSAL_TIME_LIMIT = timedelta(hours=24)
"""Time for which a proposed change of a refund limit waits for a second administrator."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of refunds in one currency. `value` is in minor units or seconds; None if the database has no row, in
    which case the strictest value counts. `proposed` is the value that `proposed_by` has proposed; None without a
    proposal.
    """

    name: str
    currency: str
    value: int | None
    proposed: int | None = None
    proposed_by: str | None = None


def limit_subject(name: str, currency: str, value: int | None) -> str:
    """Return the id under which decisions about a limit are stored. The id contains the present `value`, so a
    decision counts only while the limit has this value.
    """
    return f"{name} {currency} {'none' if value is None else value}"
