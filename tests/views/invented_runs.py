"""Invented reconciliation runs as values, and services that return them, for tests of pages and dialogs without a
database.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from console.domain.errors import ErrorCode, rebuild_error
from console.domain.reconciliation.service_results import (
    VERDICTS_OF_PART,
    DifferenceItem,
    DifferencesPage,
    ReconciledFile,
    ReconciliationRunDetails,
    ReconciliationRunItem,
    RunsPage,
    RunState,
)
from console.domain.tasks.records import Alert, ReconcileReport, ReconciliationDifference, ReconciliationVerdict
from tests.views.invented_checks import NOW
from tests.views.invented_payments import make_payment

RECONCILED_DAY = date(2026, 11, 19)
DAILY_FILE = ReconciledFile(RECONCILED_DAY, "ab" * 32, 1_234, 7, 216_700, 66_000, (2,))
AMOUNT_ALERT = Alert(9, "reconcile_amount", "payment", 1, None, "取引完了 1300 JPY", "completed 1200 JPY", NOW)


def make_run_item(id: int = 3, **other: Any) -> ReconciliationRunItem:
    """Return an ended reconciliation run, with the given fields changed."""
    item = ReconciliationRunItem(
        id, "paypay", RECONCILED_DAY, RECONCILED_DAY, RunState.DONE, matched_count=3, imported_count=1,
        missing_at_provider_count=1,
        different_state_count=0,
        different_amount_count=1, asked_by="op-a", begun_at=NOW - timedelta(minutes=2), changed_at=NOW, ended_at=NOW,
    )  # fmt: skip
    return replace(item, **other)


def make_run_details(item: ReconciliationRunItem | None = None, **other: Any) -> ReconciliationRunDetails:
    return replace(
        ReconciliationRunDetails(
            item or make_run_item(), refused_row_count=0, open_case_count=2, files=(DAILY_FILE,), older_run_id=2
        ),
        **other,
    )


def make_difference(
    id: int, verdict: ReconciliationVerdict, our_state: str | None, provider_state: str | None, **other: Any
) -> DifferenceItem:
    """Return a difference with its payment; an unreadable row (REFUSED) has none. `other` has further fields of the
    difference."""
    refused = verdict is ReconciliationVerdict.REFUSED
    compared = ReconciliationDifference(
        f"2026-11-19:{id:08}", verdict, None if refused else id, our_state, provider_state, bool(other), id
    )
    return DifferenceItem(compared, **{"payment": None if refused else make_payment(id=id), **other})


AMOUNT_DIFFERENCE = make_difference(
    1, ReconciliationVerdict.DIFFERENT_AMOUNT, "completed 1200 JPY", "取引完了 1300 JPY", case=AMOUNT_ALERT
)
IMPORTED_DIFFERENCE = make_difference(2, ReconciliationVerdict.IMPORTED, None, "取引完了 500 JPY")
REFUSED_DIFFERENCE = make_difference(4, ReconciliationVerdict.REFUSED, None, "other_day 0412")
ALL_DIFFERENCES = (AMOUNT_DIFFERENCE, IMPORTED_DIFFERENCE, REFUSED_DIFFERENCE)


class ReconcileServices:
    """Services that only have reconciliations. `run_views` has the details of each run by id. `refusal` is the error
    code with which a new run is refused.
    """

    def __init__(
        self, *views: ReconciliationRunDetails, rows: tuple[DifferenceItem, ...] = ALL_DIFFERENCES, refusal: str = ""
    ) -> None:
        self.run_views = {view.item.id: view for view in views}
        self.rows, self.refusal = rows, refusal
        self.runs_begun: list[tuple[str, date, date, bool]] = []

    @property
    def reconciliation(self) -> "ReconcileServices":
        return self

    @property
    def views(self) -> "ReconciliationReader":
        return ReconciliationReader(self)

    def acting_as(self, _name: str | None) -> Any:
        from contextlib import nullcontext

        return nullcontext()

    def run(
        self, provider: str, first_day: date, last_day: date, *, dry_run: bool = False, request_id: str | None = None
    ) -> ReconcileReport:
        self.runs_begun.append((provider, first_day, last_day, dry_run))
        if self.refusal:
            raise rebuild_error(ErrorCode(self.refusal), {"reason": "reconciliation"})
        return ReconcileReport(
            provider, first_day, last_day, 3, 1, 1, 0, 1,
            run_id=None if dry_run else 3, ended_at=None if dry_run else NOW,
        )  # fmt: skip


class ReconciliationReader:
    """The methods of the reconciliation service that only read."""

    def __init__(self, services: ReconcileServices) -> None:
        self._services = services

    def providers(self) -> tuple[str, ...]:
        return ("paypay", "atom", "bank")

    def read_run(self, run_id: int = 0) -> ReconciliationRunDetails | None:
        run_views = self._services.run_views
        return run_views.get(run_id or max(run_views, default=0))

    def list_runs(self, provider: str | None = None, limit: int = 50, before: int | None = None) -> RunsPage:
        items = [view.item for view in self._services.run_views.values() if provider in (None, view.item.provider)]
        return RunsPage(tuple(sorted(items, key=lambda item: -item.id)))

    def list_differences(
        self, run_id: int, part: str = "all", limit: int = 200, after: int | None = None
    ) -> DifferencesPage:
        of_part = [item for item in self._services.rows if item.difference.verdict in VERDICTS_OF_PART[part]]
        rest = [item for item in of_part if item.difference.id > (after or 0)]
        return DifferencesPage(tuple(rest[:limit]), rest[limit - 1].difference.id if len(rest) > limit else None)
