"""What people are shown of reconciliations: runs, what each read, and what did not match with where it is settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from console.domain.order_records import Payment
from console.domain.records import LeaseHolder
from console.domain.worker_records import Alert, Difference, Verdict


class RunState(StrEnum):
    """How a run stands. `RESUMABLE`: it was broken off, and whoever asks for the same days goes on with it."""

    RUNNING = "running"
    RESUMABLE = "resumable"
    DONE = "done"
    FAILED = "failed"


ALL, DIFFER, ONLY_OURS, ONLY_THEIRS, REFUSED = "all", "differ", "only_ours", "only_theirs", "refused"
PARTS: Mapping[str, frozenset[Verdict]] = {
    ALL: frozenset(Verdict) - {Verdict.MATCHED},
    DIFFER: frozenset({Verdict.DIFFERENT_STATE, Verdict.DIFFERENT_AMOUNT}),
    ONLY_OURS: frozenset({Verdict.MISSING_THERE}),
    ONLY_THEIRS: frozenset({Verdict.IMPORTED}),
    REFUSED: frozenset({Verdict.REFUSED}),
}
"""What a list of differences can be narrowed to, in the order in which it is offered."""


@dataclass(frozen=True, slots=True)
class RunItem:
    """One run. The counts are of payments, as they were at the moment of comparison; `reason`: why it failed."""

    id: int
    provider: str
    from_day: date
    to_day: date
    state: RunState
    matched: int
    imported: int
    missing_there: int
    different_state: int
    different_amount: int
    asked_by: str
    begun_at: datetime
    changed_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None

    @property
    def differ(self) -> int:
        return self.different_state + self.different_amount

    @property
    def rows(self) -> int:
        """All that was compared."""
        return self.matched + self.imported + self.missing_there + self.differ


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that a run read, as it was kept: sums in yen of what came in and of what went back. Of files that were
    kept before they were counted, only day and checksum are known. `before`: earlier runs that read the same bytes.
    """

    day: date
    sha256: str
    bytes: int | None = None
    rows: int | None = None
    paid_minor: int | None = None
    refunded_minor: int | None = None
    before: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its evidence. `refused`: rows of theirs that are not believed, `case` the open one about them.
    `open_cases` counts payments that wait for a person, up to 1,000. `newer` and `older` are the runs beside it.
    """

    item: RunItem
    refused: int
    open_cases: int
    files: tuple[ReadFile, ...] = ()
    holder: LeaseHolder | None = None
    case: Alert | None = None
    newer: int | None = None
    older: int | None = None

    def count(self, part: str) -> int:
        """How many rows a part of the differences has."""
        item = self.item
        of_part = {
            DIFFER: item.differ, ONLY_OURS: item.missing_there, ONLY_THEIRS: item.imported, REFUSED: self.refused,
        }  # fmt: skip
        return sum(of_part.values()) if part == ALL else of_part[part]


@dataclass(frozen=True, slots=True)
class DifferenceItem:
    """One row that did not match, with the payment it means as it is now and its open case."""

    found: Difference
    payment: Payment | None = None
    case: Alert | None = None

    @property
    def action(self) -> str | None:
        """The one action that settles it: asking the gateway, or asking for the day's file anew; None where nothing
        is left to settle.
        """
        if self.found.verdict is Verdict.REFUSED:
            return "ask_file"
        return "probe" if self.case is not None and self.payment is not None else None


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Runs, newest first; `next`: the cursor of the page after, None at the end."""

    items: tuple[RunItem, ...]
    next: int | None = None


@dataclass(frozen=True, slots=True)
class DifferencesPage:
    """Differences in the order in which they were found; `next` as of runs."""

    items: tuple[DifferenceItem, ...]
    next: int | None = None
