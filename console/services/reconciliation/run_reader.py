"""Read the reconciliation runs, their files, their differences, and the cases about the differences, for lists and
screens.

This module writes nothing. A person deals with a difference through its case. The console has no action by which a
person assigns a provider's row to one of our records.
"""

from collections.abc import Callable, Sequence

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_registry import has_daily_files
from console.domain.payments.records import Payment
from console.domain.reconciliation import row_comparison
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
from console.domain.records import LeaseHolder
from console.domain.tasks.records import Alert, ReconciliationDifference, ReconciliationVerdict
from console.domain.usage_problems import UsageProblem
from console.services.payment_intake import daily_files
from console.services.process.context import ServiceContext
from console.services.reconciliation.apply_row import NO_NUMBER_REASON, UNREADABLE_ROW_REASON
from console.services.reconciliation.journal import RECONCILIATION_KIND, REFUSED_ROWS_RULE, make_lease_name
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import leases
from console.store.reconciliation import our_records, run_views
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import ReconciliationRun

MAX_ROWS_PER_PAGE = 1_000
_MAX_EARLIER_RUNS = 200


class ReconciliationRunReader:
    """The read methods of reconciliations, used as `console.reconciliation.views`. Every method raises not_allowed if
    the acting person has no right to read."""

    def __init__(self, context: ServiceContext, list_providers: Callable[[], tuple[str, ...]]) -> None:
        """Store the service context and the function `list_providers`. It returns the names of the providers that can
        be reconciled on this desk, and is called each time that the names are needed.
        """
        self._context, self.providers = context, list_providers

    def list_runs(self, provider: str | None = None, limit: int = 50, before_id: int | None = None) -> RunsPage:
        """Return one page of at most `limit` runs of a provider (None: of all providers), newest first. `before_id`
        is the cursor in the previous page, None for the first page.
        """
        page_size = max(1, min(limit, MAX_ROWS_PER_PAGE))
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            runs = run_views.read_runs_page(conn, provider, page_size, before_id)
            items = _make_run_items(conn, runs)
        return RunsPage(items, runs[-1].id if len(runs) == page_size else None)

    def read_run(self, run_id: int = 0) -> ReconciliationRunDetails | None:
        """Return one run with its files and cases. `run_id` 0 means the newest run; then the result is None if no run
        exists. Raises not_found for any other id without a run.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            run = _read_newest_run(conn) if run_id == 0 else reconciliations.find(conn, run_id)
            if run is None and run_id:
                raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": RECONCILIATION_KIND, "id": str(run_id)})
            return None if run is None else self._make_run_details(conn, run)

    def _make_run_details(self, conn: Connection, run: ReconciliationRun) -> ReconciliationRunDetails:
        (item,) = _make_run_items(conn, (run,))
        newer_run_id, older_run_id = run_views.find_adjacent_run_ids(conn, run.id)
        run_alerts = alerts.find_by_subject(conn, RECONCILIATION_KIND, run.id)
        return ReconciliationRunDetails(
            item,
            refused_row_count=our_records.count_refused_rows(conn, run.id),
            open_case_count=run_views.count_payments_with_open_case(
                conn, run.id, row_comparison.DIFFERENCE_CASE_RULES
            ),
            files=self._read_files(conn, run),
            holder=_find_lease_holder(conn, run.provider) if item.state is RunState.RUNNING else None,
            refused_rows_case=next(
                (alert for alert in run_alerts if alert.rule_id == REFUSED_ROWS_RULE and alert.resolved_at is None),
                None,
            ),
            newer_run_id=newer_run_id,
            older_run_id=older_run_id,
        )

    def _read_files(self, conn: Connection, run: ReconciliationRun) -> tuple[ReconciledFile, ...]:
        """Return the run's files, oldest day first; each contains the ids of the earlier runs that read a file with
        the same content.
        """
        files = daily_files.list_daily_files_of_record(conn, run.provider, RECONCILIATION_KIND, run.id)
        if not files:
            return ()
        earlier_ids = [
            earlier_run.id for earlier_run in run_views.read_runs_page(conn, run.provider, _MAX_EARLIER_RUNS, run.id)
        ]
        file_reads = run_views.list_files_of_runs(conn, earlier_ids, daily_files.make_evidence_source(run.provider))
        return tuple(
            ReconciledFile(
                file.day,
                file.sha256,
                file.bytes,
                file.rows,
                file.paid_minor,
                file.refunded_minor,
                tuple(run_id for run_id, sha256 in file_reads if sha256 == file.sha256),
            )
            for file in files
        )

    def list_differences(
        self, run_id: int, part: str = "all", limit: int = 200, after_id: int | None = None
    ) -> DifferencesPage:
        """Return one page of at most `limit` differences of a run. `part` is a key of `VERDICTS_OF_PART`, such as
        `all`; only the differences with its verdicts are returned. `after_id` is the cursor in the previous page,
        None for the first page.

        Raises usage for an unknown `part`.
        """
        if part not in VERDICTS_OF_PART:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_PART, "value": part[:40]})
        page_size = max(1, min(limit, MAX_ROWS_PER_PAGE))
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            differences = reconciliations.list_differences(
                conn, run_id, after_id or 0, page_size, VERDICTS_OF_PART[part]
            )
            items = read_difference_items(conn, differences)
        return DifferencesPage(items, differences[-1].id if len(differences) == page_size else None)


def _read_newest_run(conn: Connection) -> ReconciliationRun | None:
    return next(iter(run_views.read_runs_page(conn, None, 1, None)), None)


def _make_run_items(conn: Connection, runs: Sequence[ReconciliationRun]) -> tuple[ReconciliationRunItem, ...]:
    """Return the runs as items for the screen. While a process holds a provider's lease, the provider's unfinished
    run that changed last is shown as running."""
    providers_with_open_run = {run.provider for run in runs if run.state == reconciliations.RUNNING_RUN_STATE}
    running_ids = {_find_running_run_id(conn, provider) for provider in providers_with_open_run}
    unsearched_run_ids = find_unsearched_run_ids(conn, runs)
    return tuple(
        _make_run_item(run, is_running=run.id in running_ids, is_missing_unknown=run.id in unsearched_run_ids)
        for run in runs
    )


def find_unsearched_run_ids(conn: Connection, runs: Sequence[ReconciliationRun]) -> frozenset[int]:
    """Return the ids of those runs that did not search the daily files for our payments, so that they don't know
    which of our payments are missing at the provider. The reason is a rejected row in a file. Two kinds of rejected
    rows don't prevent the search: a row of ours that can't be read, and a row of the file that can be read but has no
    payment number of ours."""
    return run_views.find_runs_with_rejected_rows(
        conn,
        [run.id for run in runs if not run.missing_there and has_daily_files(run.provider)],
        (UNREADABLE_ROW_REASON, NO_NUMBER_REASON),
    )


def _find_running_run_id(conn: Connection, provider: str) -> int | None:
    if _find_lease_holder(conn, provider) is None:
        return None
    unfinished_runs = reconciliations.list_unfinished_runs(conn, provider)
    return max(unfinished_runs, key=lambda run: (run.changed_at, run.id)).id if unfinished_runs else None


def _find_lease_holder(conn: Connection, provider: str) -> LeaseHolder | None:
    return leases.find_holder(conn, make_lease_name(provider))


def _make_run_item(run: ReconciliationRun, *, is_running: bool, is_missing_unknown: bool) -> ReconciliationRunItem:
    is_resumable = run.state == reconciliations.RUNNING_RUN_STATE and not is_running
    return ReconciliationRunItem(
        run.id, run.provider, run.from_day, run.to_day, RunState.RESUMABLE if is_resumable else RunState(run.state),
        matched_count=run.matched, imported_count=run.imported, missing_at_provider_count=run.missing_there,
        different_state_count=run.different_state, different_amount_count=run.different_amount,
        asked_by=run.asked_by, begun_at=run.begun_at, changed_at=run.changed_at, ended_at=run.ended_at,
        reason=run.reason, is_missing_unknown=is_missing_unknown,
    )  # fmt: skip


def read_difference_items(
    conn: Connection, differences: Sequence[ReconciliationDifference]
) -> tuple[DifferenceItem, ...]:
    """Return the differences as items for the screen, with the present state of their payments and their open
    cases.
    """
    payment_ids = {difference.payment_id for difference in differences if difference.payment_id is not None}
    payment_by_id = run_views.read_payments_by_id(conn, payment_ids)
    cases = run_views.read_cases_by_payment(conn, payment_ids, row_comparison.DIFFERENCE_CASE_RULES)
    return tuple(
        DifferenceItem(
            difference,
            _get_payment(payment_by_id, difference.payment_id),
            _find_case(difference, cases.get(difference.payment_id or 0, ())),
        )
        for difference in differences
    )


def _get_payment(payment_by_id: dict[int, Payment], payment_id: int | None) -> Payment | None:
    return None if payment_id is None else payment_by_id.get(payment_id)


def _find_case(difference: ReconciliationDifference, cases: Sequence[Alert]) -> Alert | None:
    """Return the open case about this difference: the case of the difference's alert rule, otherwise any case of
    its payment; None if no case was opened for it.
    """
    if not difference.case_opened:
        return None
    rule = row_comparison.CASE_RULE_BY_VERDICT.get(ReconciliationVerdict(difference.verdict))
    return next((alert for alert in cases if alert.rule_id == rule), None) or next(iter(cases), None)
