"""What the window asks of reconciliation, as types alone."""

from datetime import date
from typing import Protocol

from console.domain.reconcile_results import DifferencesPage, RunsPage, RunView
from console.domain.worker_records import ReconcileReport


class ReconcileViews(Protocol):
    def providers(self) -> tuple[str, ...]: ...
    def runs(self, provider: str | None = None, limit: int = 50, before: int | None = None) -> RunsPage: ...
    def run(self, run_id: int = 0) -> RunView | None: ...
    def differences(
        self, run_id: int, part: str = "all", limit: int = 200, after: int | None = None
    ) -> DifferencesPage: ...


class Reconciliation(Protocol):
    @property
    def views(self) -> ReconcileViews: ...
    def run(self, provider: str, first: date, last: date, *, dry_run: bool = False) -> ReconcileReport: ...
