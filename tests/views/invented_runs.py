"""Reconciliations as values, and a desk that has them, for pages and dialogs without a database."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from console.domain.errors import ConsoleError
from console.domain.reconcile_results import (
    PARTS,
    DifferenceItem,
    DifferencesPage,
    ReadFile,
    RunItem,
    RunsPage,
    RunState,
    RunView,
)
from console.domain.worker_records import Alert, Difference, ReconcileReport, Verdict
from tests.views.pages.invented_checks import NOW
from tests.views.pages.invented_payments import payment

DAY = date(2026, 11, 19)
FILE = ReadFile(DAY, "ab" * 32, 1_234, 7, 216_700, 66_000, (2,))
CASE = Alert(9, "reconcile_amount", "payment", 1, None, "取引完了 1300 JPY", "completed 1200 JPY", NOW)


def run(id: int = 3, **other: Any) -> RunItem:
    """One that has ended, with one of everything."""
    item = RunItem(
        id, "paypay", DAY, DAY, RunState.DONE, matched=3, imported=1, missing_there=1, different_state=0,
        different_amount=1, asked_by="op-a", begun_at=NOW - timedelta(minutes=2), changed_at=NOW, ended_at=NOW,
    )  # fmt: skip
    return replace(item, **other)


def view(item: RunItem | None = None, **other: Any) -> RunView:
    return replace(RunView(item or run(), refused=0, open_cases=2, files=(FILE,), older=2), **other)


def difference(id: int, verdict: Verdict, ours: str | None, theirs: str | None, **other: Any) -> DifferenceItem:
    """A row with its payment; `other` are the item's own fields."""
    refused = verdict is Verdict.REFUSED
    found = Difference(f"2026-11-19:{id:08}", verdict, None if refused else id, ours, theirs, bool(other), id)
    return DifferenceItem(found, **{"payment": None if refused else payment(id=id), **other})


AMOUNT = difference(1, Verdict.DIFFERENT_AMOUNT, "completed 1200 JPY", "取引完了 1300 JPY", case=CASE)
IMPORTED = difference(2, Verdict.IMPORTED, None, "取引完了 500 JPY")
REFUSED = difference(4, Verdict.REFUSED, None, "other_day 0412")
ALL = (AMOUNT, IMPORTED, REFUSED)


class ReconcileDesk:
    """A desk that has reconciliations alone. `held`: run ids to what it shows; `refusal`: why a run is refused."""

    def __init__(self, *held: RunView, rows: tuple[DifferenceItem, ...] = ALL, refusal: str = "") -> None:
        self.held = {one.item.id: one for one in held}
        self.rows, self.refusal = rows, refusal
        self.asked: list[tuple[str, date, date, bool]] = []

    @property
    def reconciliation(self) -> "ReconcileDesk":
        return self

    @property
    def views(self) -> "ReconcileViewsOf":
        return ReconcileViewsOf(self)

    def acting(self, _name: str | None) -> Any:
        from contextlib import nullcontext

        return nullcontext()

    def run(self, provider: str, first: date, last: date, *, dry_run: bool = False) -> ReconcileReport:
        self.asked.append((provider, first, last, dry_run))
        if self.refusal:
            raise ConsoleError(self.refusal, {"reason": "reconciliation"})
        return ReconcileReport(
            provider, first, last, 3, 1, 1, 0, 1, run_id=None if dry_run else 3, ended_at=None if dry_run else NOW
        )  # fmt: skip


class ReconcileViewsOf:
    """The reading half."""

    def __init__(self, desk: ReconcileDesk) -> None:
        self._desk = desk

    def providers(self) -> tuple[str, ...]:
        return ("paypay", "atom", "bank")

    def run(self, run_id: int = 0) -> RunView | None:
        held = self._desk.held
        return held.get(run_id or max(held, default=0))

    def runs(self, provider: str | None = None, limit: int = 50, before: int | None = None) -> RunsPage:
        items = [one.item for one in self._desk.held.values() if provider in (None, one.item.provider)]
        return RunsPage(tuple(sorted(items, key=lambda item: -item.id)))

    def differences(
        self, run_id: int, part: str = "all", limit: int = 200, after: int | None = None
    ) -> DifferencesPage:  # fmt: skip
        of_part = [one for one in self._desk.rows if one.found.verdict in PARTS[part]]
        rest = [one for one in of_part if one.found.id > (after or 0)]
        return DifferencesPage(tuple(rest[:limit]), rest[limit - 1].found.id if len(rest) > limit else None)
