"""Results of reconciliations for the screens: runs, the files that a run has read, and differences with their open
cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from console.domain.payments.records import Payment
from console.domain.records import LeaseHolder
from console.domain.tasks.records import Alert, ReconciliationDifference, ReconciliationVerdict


class RunState(StrEnum):
    """State of a reconciliation run: RUNNING, DONE, FAILED, or RESUMABLE: it was interrupted, and the next request
    for the same days continues it."""

    RUNNING = "running"
    RESUMABLE = "resumable"
    DONE = "done"
    FAILED = "failed"


PART_ALL = "all"
"""Name of the filter of a list of differences that lists all of them."""
PART_DIFFER = "differ"
"""Name of the filter for payments that differ in state or amount."""
PART_ONLY_OURS = "only_ours"
"""Name of the filter for payments that are missing at the provider."""
PART_ONLY_THEIRS = "only_theirs"
"""Name of the filter for payments that are missing here."""
PART_REFUSED = "refused"
"""Name of the filter for rejected rows of the provider's history."""

VERDICTS_OF_PART: Mapping[str, frozenset[ReconciliationVerdict]] = {
    PART_ALL: frozenset(ReconciliationVerdict) - {ReconciliationVerdict.MATCHED},
    PART_DIFFER: frozenset({ReconciliationVerdict.DIFFERENT_STATE, ReconciliationVerdict.DIFFERENT_AMOUNT}),
    PART_ONLY_OURS: frozenset({ReconciliationVerdict.MISSING_THERE}),
    PART_ONLY_THEIRS: frozenset({ReconciliationVerdict.IMPORTED}),
    PART_REFUSED: frozenset({ReconciliationVerdict.REFUSED}),
}
"""Filters of a list of differences: the verdicts that each filter shows, by the filter's name, in the order on the
screen.
"""


@dataclass(frozen=True, slots=True)
class ReconciliationRunItem:
    """One reconciliation run in a list of runs. The counts `matched_count`, `imported_count`,
    `missing_at_provider_count`, `different_state_count` and `different_amount_count` are numbers of payments at the
    time of their comparison. `reason` is the error code of a failed run. `ended_at` is None while the run has not
    ended. `is_missing_unknown` is True if the run doesn't know which payments are missing at the provider: a row of
    the provider's history was rejected, so that the run didn't search this history for our payments.
    """

    id: int
    provider: str
    from_day: date
    to_day: date
    state: RunState
    matched_count: int
    imported_count: int
    missing_at_provider_count: int
    different_state_count: int
    different_amount_count: int
    asked_by: str
    begun_at: datetime
    changed_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    is_missing_unknown: bool = False

    @property
    def differing_count(self) -> int:
        """The number of payments whose state or amount differs from the provider's."""
        return self.different_state_count + self.different_amount_count

    @property
    def compared_count(self) -> int:
        """The number of payments that the run has compared, including imported and missing ones."""
        return self.matched_count + self.imported_count + self.missing_at_provider_count + self.differing_count


@dataclass(frozen=True, slots=True)
class ReconciledFile:
    """A provider's file that a reconciliation run has read, with the sums of its payments (`paid_minor`) and of its
    refunds (`refunded_minor`) in yen. The size in bytes, the number of rows and the sums are None if an older version
    of the program read the file. `earlier_run_ids` has the ids of earlier runs that read a file with the same
    content.
    """

    day: date
    sha256: str
    bytes: int | None = None
    row_count: int | None = None
    paid_minor: int | None = None
    refunded_minor: int | None = None
    earlier_run_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReconciliationRunDetails:
    """A reconciliation run with the provider's files that it read. `refused_row_count` is the number of rejected
    rows, `refused_rows_case` the open case about them. `open_case_count` is the number of payments that wait for a
    person, at most 1,000. `newer_run_id` and `older_run_id` are the ids of the next and the previous run; None if
    there is none. `holder` is the person and process that execute the run now; None if no process does.
    """

    item: ReconciliationRunItem
    refused_row_count: int
    open_case_count: int
    files: tuple[ReconciledFile, ...] = ()
    holder: LeaseHolder | None = None
    refused_rows_case: Alert | None = None
    newer_run_id: int | None = None
    older_run_id: int | None = None

    def count_differences(self, part: str) -> int:
        """Return the number of differences in the tab `part` of the list, a key of `VERDICTS_OF_PART`. Raises
        KeyError for another text."""
        item = self.item
        of_part = {
            PART_DIFFER: item.differing_count,
            PART_ONLY_OURS: item.missing_at_provider_count,
            PART_ONLY_THEIRS: item.imported_count,
            PART_REFUSED: self.refused_row_count,
        }
        return sum(of_part.values()) if part == PART_ALL else of_part[part]


@dataclass(frozen=True, slots=True)
class DifferenceItem:
    """One difference of a reconciliation, with the payment in its present state (None if none is stored) and the open
    case about the difference (None if none is open).
    """

    difference: ReconciliationDifference
    payment: Payment | None = None
    case: Alert | None = None

    @property
    def was_reported_after_case(self) -> bool:
        """True if the provider has reported on the payment after the open case about the difference was opened, in an
        answer or in a notice. In this state another probe doesn't remove the difference. False if no case is open."""
        told_at = self.payment.told_at if self.payment is not None else None
        return self.case is not None and told_at is not None and told_at > self.case.detected_at

    @property
    def action(self) -> str | None:
        """The name of the action that can remove the difference: `ask_file` (request the day's file again) for a
        rejected row, `probe` (probe the payment) for any other. None if no case about the difference is open or the
        payment is missing, except for a rejected row.
        """
        if self.difference.verdict is ReconciliationVerdict.REFUSED:
            return "ask_file"
        return "probe" if self.case is not None and self.payment is not None else None


@dataclass(frozen=True, slots=True)
class RunsPage:
    """One page of reconciliation runs, newest first; `next_cursor` is the cursor of the next page, None on the
    last page."""

    items: tuple[ReconciliationRunItem, ...]
    next_cursor: int | None = None


@dataclass(frozen=True, slots=True)
class DifferencesPage:
    """One page of differences, in the order in which the run found them; `next_cursor` is the cursor of the next
    page, None on the last page.
    """

    items: tuple[DifferenceItem, ...]
    next_cursor: int | None = None
