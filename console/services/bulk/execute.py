"""Execute a bulk run in this process, under the lease of the run. For each row, the result is forecast, the action
is executed and its result is stored before the next row starts.

A run whose action calls a provider stores the position of the row whose action began last (`begun_position`). If the
process crashes in that row, the next process forecasts the row again, also after a stop or a pause of the run.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from console.domain.access.read_only import RIGHTS_STOPPED_BY_SWITCH
from console.domain.audit.actions import AuditAction
from console.domain.bulk.records import (
    BulkProgress,
    ForecastKind,
    RowForecast,
    RowResult,
    get_row_outcome,
    join_reason_and_person,
)
from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import Person
from console.domain.tasks.records import BulkRow, BulkRun
from console.services.bulk.actions import BulkActionRunner, RowOutcome
from console.services.bulk.eligibility import ACTION_ALREADY_DONE_REASON, BulkRowForecaster
from console.services.guarded import database_rollback
from console.services.guarded.leases import hold_lease
from console.services.process.context import ServiceContext
from console.services.process.read_only import find_read_only_switch
from console.services.tasks import cancellation
from console.store.database import compare_and_swap
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import leases
from console.store.operations.leases import Lease
from console.store.tasks import bulk_runs as bulk

BULK_RUN_KIND = bulk.BULK_RUN_KIND
MAX_CONSECUTIVE_PROVIDER_REFUSALS = 3
"""Number of consecutive refusals by one provider after which a run pauses."""
_ROWS_PER_PAGE = 200
_log = logging.getLogger("console.worker")

ProgressReporter = Callable[[BulkProgress], None]
"""Type of a function that is called with the progress after each row of a bulk run."""
StopCheck = Callable[[], bool]
"""Type of a function that returns True if the bulk run should stop before its next row."""


@dataclass(frozen=True, slots=True)
class BulkExecution:
    """The parameters of one execution of a bulk run. `person`: the acting person; `progress`: called after each
    row; `should_stop`: called before each row, returns True to stop the run; `max_row_count`: the largest number of
    rows to process (None: no limit).
    """

    person: Person
    progress: ProgressReporter = lambda _done: None
    should_stop: StopCheck = lambda: False
    max_row_count: int | None = None


@dataclass
class _ExecutedRun:
    """A bulk run that this process executes under the run's lease. `begun_position` is the position of the row whose
    action an earlier process began last; None if there is no such row. `row_counts` has the number of rows by result,
    `refusals_by_provider` the number of consecutive refusals by provider, and `processed_count` is the number of rows
    that this execution has processed."""

    run: BulkRun
    execution: BulkExecution
    lease: Lease
    begun_position: int | None
    row_counts: Counter[str] = field(default_factory=Counter)
    refusals_by_provider: Counter[str] = field(default_factory=Counter)
    processed_count: int = 0

    @property
    def has_reached_limit(self) -> bool:
        """True if this execution of the bulk run has processed the largest number of rows
        (`BulkExecution.max_row_count`)."""
        return self.execution.max_row_count is not None and self.processed_count >= self.execution.max_row_count


class _LeaseLost(Exception):
    """Raised inside this module to end the execution of a bulk run, because another process has the run's lease or a
    person has stopped the run."""


class BulkExecutor:
    """Executes stored bulk runs row by row. The caller has checked the person's right."""

    def __init__(self, context: ServiceContext, forecaster: BulkRowForecaster, actions: BulkActionRunner) -> None:
        self._context, self._forecaster, self._actions = context, forecaster, actions

    def run(self, run_id: int, max_rows: int | None, execution: BulkExecution) -> int:
        """Execute the rows without a result among the first `max_rows` rows of the bulk run (None: the limit stored
        with the run), as the person and with the progress and stop functions of `execution`. Return the number of
        executed rows. The run is paused if a read-only switch stops its action, or after
        MAX_CONSECUTIVE_PROVIDER_REFUSALS consecutive refusals by one provider. Raises in_progress while another
        process executes the run, database_went_back if the database has gone back to an earlier state, not_found if
        no run has this id, not_allowed if the person loses the right meanwhile, and an error with a code of
        OWN_FAILURE_ERROR_CODES if this installation fails."""
        database_rollback.require_no_database_rollback(self._context)
        with hold_lease(self._context, make_lease_name(run_id), reason=InProgressReason.BULK_RUN_RUNNING) as lease:
            run = self._context.write(lambda tx: self._begin_run(tx, run_id, max_rows))
            executed_run = _ExecutedRun(run, execution, lease, run.begun_position)
            try:
                self._run_rows(executed_run)
            except _LeaseLost:
                _log.info("bulk run %s: another process executes it, or a person has stopped it", run.name)
        return executed_run.processed_count

    @compare_and_swap.run_again_if_stale()
    def _begin_run(self, tx: Transaction, run_id: int, max_rows: int | None) -> BulkRun:
        """Set the bulk run to the state running, unless its state is done; store `max_rows`, the largest number of
        rows to execute, as its limit (None: keep the stored limit). Return the run.
        """
        run = require_run(tx.conn, run_id)
        if run.state == bulk.DONE_RUN_STATE:
            return run
        running_run = bulk.write_run_state(tx.conn, run, self._context.now(), bulk.RUNNING_RUN_STATE, max_rows)
        self._context.record_audit(
            tx, AuditAction.BULK_BEGUN, run_id, {"most": running_run.most, "done": run.done}, kind=BULK_RUN_KIND
        )
        return running_run

    def _run_rows(self, executed_run: _ExecutedRun) -> None:
        """Execute the rows of the bulk run that have no result, page by page, until the limit of this execution is
        reached or the run is stopped or paused. If no such row is left up to the run's limit, store the final state
        of the run."""
        with self._context.database.read() as conn:
            executed_run.row_counts.update(
                {name: n for name, n in bulk.count_results(conn, executed_run.run.id).items() if name}
            )
        count_before = -1
        while (
            executed_run.run.state == bulk.RUNNING_RUN_STATE
            and not executed_run.has_reached_limit
            and executed_run.processed_count > count_before
        ):
            count_before = executed_run.processed_count
            with self._context.database.read() as conn:
                rows = bulk.read_next_unprocessed_rows(conn, executed_run.run.id, _ROWS_PER_PAGE)
            if not rows:
                self._end_run(executed_run, *_find_final_state(executed_run.run))
                return
            if not self._run_rows_unless_stopped(executed_run, rows):
                return

    def _run_rows_unless_stopped(self, executed_run: _ExecutedRun, rows: Sequence[BulkRow]) -> bool:
        """Execute `rows` of the bulk run one after the other. Return True, or False if the run was stopped or paused
        meanwhile."""
        for row in cancellation.iterate_until_stopped(rows):
            if executed_run.has_reached_limit:
                break
            if executed_run.execution.should_stop():
                self._end_run(executed_run, bulk.STOPPED_RUN_STATE, "asked")
                return False
            if not self._run_row_unless_paused(executed_run, row):
                return False
        return True

    def _run_row_unless_paused(self, executed_run: _ExecutedRun, row: BulkRow) -> bool:
        """Forecast a row of the bulk run, execute its action and store the result. Return True, or False if the run
        is paused. Raises not_allowed if the acting person has lost the right to execute the action since the run
        began.
        """
        # A probe and a re-fetch check the right themselves. The forecast has the roles from the beginning of the run.
        if not self._actions.calls_provider(executed_run.run.action):
            self._context.require_right_despite_read_only(executed_run.run.action.value)
        was_begun = executed_run.begun_position == row.position
        with self._context.database.read() as conn:
            if (
                stored_run := bulk.find(conn, executed_run.run.id)
            ) is None or stored_run.version != executed_run.run.version:
                raise _LeaseLost
            is_read_only = _is_stopped_by_read_only(conn, stored_run)
            forecast = self._forecaster.make_forecast(
                conn, executed_run.run, row, executed_run.execution.person, was_begun=was_begun
            )
        if is_read_only:
            self._end_run(executed_run, bulk.PAUSED_RUN_STATE, ErrorCode.READ_ONLY)
            return False
        outcome = self._execute_row_action(executed_run, forecast, was_begun=was_begun)
        executed_run.processed_count += 1
        executed_run.row_counts[get_row_outcome(outcome.result, outcome.reason) or ""] += 1
        executed_run.execution.progress(
            BulkProgress(sum(executed_run.row_counts.values()), executed_run.run.most, dict(executed_run.row_counts))
        )
        return self._count_refusal_and_pause_at_limit(executed_run, forecast, outcome)

    def _execute_row_action(
        self, executed_run: _ExecutedRun, forecast: RowForecast, *, was_begun: bool
    ) -> RowOutcome:
        """Execute the action of one row of the bulk run as the forecast says, and return the outcome of the row.
        `was_begun` is True if an earlier process had started this row."""
        row, actions = forecast.row, self._actions
        if forecast.kind is not ForecastKind.WOULD_RUN:
            outcome = _make_outcome_of_forecast(forecast)
        elif actions.calls_provider(executed_run.run.action):
            self._context.write(lambda tx: self._mark_row_begun(tx, executed_run, row))
            self._context.failpoints.reach("before_bulk_row")
            outcome = self._call_provider(executed_run, forecast, was_begun=was_begun)
            self._context.failpoints.reach("after_bulk_row")
        else:
            return self._context.write(
                lambda tx: self._store_row_result(
                    tx, executed_run, row, actions.run_local_action(tx, executed_run.run, row)
                )
            )
        return self._context.write(lambda tx: self._store_row_result(tx, executed_run, row, outcome))

    def _call_provider(self, executed_run: _ExecutedRun, forecast: RowForecast, *, was_begun: bool) -> RowOutcome:
        """Run the provider action of the row and return how it ended. An error that isn't a ConsoleError is logged
        and becomes a failed row.
        """
        try:
            return self._actions.run_provider_action(
                executed_run.run, forecast.row, forecast.provider, was_begun=was_begun
            )
        except ConsoleError:
            raise
        except Exception:
            _log.exception("bulk run %s, row %s", executed_run.run.name, forecast.row.position)
            return RowOutcome(RowResult.FAILED, ErrorCode.INTERNAL_ERROR, is_provider_refusal=True)

    def _mark_row_begun(self, tx: Transaction, executed_run: _ExecutedRun, row: BulkRow) -> None:
        """Store in the bulk run that the execution of this row starts, so that after a crash the next process
        knows that the action may have been executed."""
        self._renew_lease(tx, executed_run)
        try:
            marked_run = bulk.write_run_state(
                tx.conn, executed_run.run, self._context.now(), bulk.RUNNING_RUN_STATE, begun_position=row.position
            )
        except bulk.StaleRow:
            raise _LeaseLost from None
        tx.call_after_commit(lambda: setattr(executed_run, "run", marked_run))

    def _store_row_result(
        self, tx: Transaction, executed_run: _ExecutedRun, row: BulkRow, outcome: RowOutcome
    ) -> RowOutcome:
        self._renew_lease(tx, executed_run)
        bulk.write_row_result(
            tx.conn, executed_run.run.id, row.position, outcome.result.value, outcome.reason, self._context.now()
        )
        return outcome

    def _renew_lease(self, tx: Transaction, executed_run: _ExecutedRun) -> None:
        """Renew the lease of the bulk run in the caller's transaction. Raises _LeaseLost if another process has
        the lease."""
        if not leases.renew(
            tx.conn, executed_run.lease, self._context.now(), self._context.heartbeat.scale_lease_seconds
        ):
            raise _LeaseLost

    def _count_refusal_and_pause_at_limit(
        self, executed_run: _ExecutedRun, forecast: RowForecast, outcome: RowOutcome
    ) -> bool:
        """Count the consecutive refusals of the row's provider: add 1 if `outcome` is a refusal by the provider,
        begin again at 0 if the row is done. At MAX_CONSECUTIVE_PROVIDER_REFUSALS, pause the bulk run and return
        False; otherwise return True. `forecast` has the name of the provider."""
        provider = forecast.provider or ""
        if not outcome.is_provider_refusal:
            if outcome.result is RowResult.DONE:
                executed_run.refusals_by_provider[provider] = 0
            return True
        executed_run.refusals_by_provider[provider] += 1
        if executed_run.refusals_by_provider[provider] < MAX_CONSECUTIVE_PROVIDER_REFUSALS:
            return True
        self._end_run(executed_run, bulk.PAUSED_RUN_STATE, join_reason_and_person(outcome.reason or "", provider))
        return False

    def _end_run(self, executed_run: _ExecutedRun, state: str, reason: str | None) -> None:
        """Write the final state and its reason, with an audit entry, unless the run is no longer running."""

        @compare_and_swap.run_again_if_stale()
        def write_end_state(tx: Transaction) -> None:
            self._renew_lease(tx, executed_run)
            run = require_run(tx.conn, executed_run.run.id)
            if run.state != bulk.RUNNING_RUN_STATE:
                return
            bulk.write_run_state(tx.conn, run, self._context.now(), state, reason=reason)
            facts = {"state": state, **executed_run.row_counts}
            self._context.record_audit(tx, AuditAction.BULK_ENDED, run.id, facts, kind=BULK_RUN_KIND, reason=reason)

        self._context.write(write_end_state)


def require_run(conn: Connection, run_id: int) -> BulkRun:
    """Return the bulk run with this id. Raises not_found if no bulk run has this id."""
    run = bulk.find(conn, run_id)
    if run is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": BULK_RUN_KIND, "id": str(run_id)})
    return run


def make_lease_name(run_id: int) -> str:
    """Return the name of the lease under which a process executes this bulk run; only one process at a time has
    it."""
    return f"bulk_{run_id}"


def _find_final_state(run: BulkRun) -> tuple[str, str | None]:
    """Return the final state of a bulk run, and the reason of this state. All rows up to the run's limit (its column
    `most`) have a result. If the run has no rows after this limit, the state is done and the reason None; otherwise
    the state is stopped and the reason `most`.
    """
    return (bulk.DONE_RUN_STATE, None) if run.most >= run.size else (bulk.STOPPED_RUN_STATE, "most")


def _make_outcome_of_forecast(forecast: RowForecast) -> RowOutcome:
    """Return the result of a row of a bulk run whose action is not executed because of its forecast: done already,
    skipped or refused."""
    if forecast.reason == ACTION_ALREADY_DONE_REASON:
        return RowOutcome(RowResult.DONE, ACTION_ALREADY_DONE_REASON)
    result = RowResult.SKIPPED if forecast.kind is ForecastKind.SKIP else RowResult.REFUSED
    return RowOutcome(result, join_reason_and_person(forecast.reason or "", forecast.blocking_person))


def _is_stopped_by_read_only(conn: Connection, run: BulkRun) -> bool:
    """True if the read-only switch for everything is on and stops the action of the bulk run. The switch stops takes
    and notes, but not probes and re-fetches."""
    return run.action.value in RIGHTS_STOPPED_BY_SWITCH and find_read_only_switch(conn) is not None
