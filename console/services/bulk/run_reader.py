"""Read bulk runs: lists of runs, and the result or forecast of each row of a run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from console.domain.bulk.records import (
    DISCARDED_REASON,
    NOT_DONE_ROWS_FILTER,
    BulkPlan,
    BulkProgress,
    BulkRowWithRecord,
    BulkRunWithHolder,
    RowForecast,
    RowResult,
    get_row_outcome,
    make_bulk_plan,
)
from console.domain.payments.records import Refund
from console.domain.tasks.records import BulkRow, BulkRun
from console.services.bulk.actions import BulkActionRunner
from console.services.bulk.eligibility import BulkRowForecaster
from console.services.bulk.execute import make_lease_name, require_run
from console.services.process.context import ServiceContext
from console.services.records.completer import RecordsCompleter, map_readable_records
from console.services.registry.facts import complete_with_corporations
from console.store.database import unreadable_rows
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.queues.queues import LapsedIds
from console.store.queues.table_queries import QueuedRecord
from console.store.records import any_record
from console.store.tasks import bulk_runs as bulk

ROWS_PER_PAGE = 200
_MAX_LISTED_FINISHED_RUNS = 20
"""Number of the newest bulk runs, finished or not, that the overview looks at. It lists the finished ones among them
below all unfinished runs.
"""


class BulkRunReader:
    """Reads bulk runs; calls no provider and changes no run. Every method raises not_allowed if the acting person
    has no right to read."""

    def __init__(
        self,
        context: ServiceContext,
        complete_records: RecordsCompleter,
        forecaster: BulkRowForecaster,
        actions: BulkActionRunner,
    ) -> None:
        self._context, self._records_completer = context, complete_records
        self._forecaster, self._actions = forecaster, actions

    def read_run(self, run_id: int) -> BulkRun:
        """Return the bulk run with this id. Raises not_found if no bulk run has this id."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return require_run(conn, run_id)

    def read_run_with_holder(self, run_id: int) -> BulkRunWithHolder:
        """Return the bulk run with this id and the present holder of its lease. Raises not_found if no bulk run has
        this id."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return _read_run_with_holder(conn, require_run(conn, run_id))

    def list_latest_runs(self, limit: int = 50) -> tuple[BulkRun, ...]:
        """Return the newest bulk runs, newest first. `limit` is at most 1,000."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return bulk.list_latest_runs(conn, max(1, min(limit, 1_000)))

    def list_unfinished_and_recent_runs(self) -> tuple[BulkRunWithHolder, ...]:
        """Return the unfinished bulk runs of all makers, newest first. After them, return the finished runs among the
        newest _MAX_LISTED_FINISHED_RUNS bulk runs, newest first. Discarded runs are left out."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            runs = {
                run.id: run
                for run in (*bulk.list_open_runs(conn), *bulk.list_latest_runs(conn, _MAX_LISTED_FINISHED_RUNS))
            }
            items = [_read_run_with_holder(conn, run) for run in runs.values() if run.reason != DISCARDED_REASON]
        return tuple(sorted(items, key=lambda item: (not item.is_open, -item.run.id)))

    def count_unfinished_runs(self) -> int:
        """Return the number of unfinished bulk runs that `list_unfinished_and_recent_runs` lists."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return len(bulk.list_open_runs(conn))

    def read_progress(self, run_id: int) -> BulkProgress:
        """Return the progress of a bulk run and the number of its rows by result. Raises not_found if there is no
        run with this id."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            run = require_run(conn, run_id)
            counts = {name: n for name, n in bulk.count_results(conn, run_id).items() if name}
        return BulkProgress(sum(counts.values()), run.most, counts)

    def list_rows(
        self, run_id: int, result_filter: str | None = None, after_position: int = 0, limit: int = 1_000
    ) -> tuple[BulkRow, ...]:
        """Return a page of at most `limit` rows of the bulk run, ordered by position. `result_filter` restricts the
        page to rows with one result, such as `refused`; the value `not_done` restricts it to the rows that are not
        done. With None, rows with every result, and without a result, are listed. `after_position` is the position of
        the last row of the previous page; 0 for the first page. An unknown run has no rows."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            if result_filter != NOT_DONE_ROWS_FILTER:
                return bulk.list_rows(conn, run_id, result_filter, after_position, limit)
            rows_not_done: list[BulkRow] = []
            while len(rows_not_done) < limit and (
                page := bulk.list_rows(conn, run_id, None, after_position, ROWS_PER_PAGE)
            ):
                rows_not_done += [row for row in page if get_row_outcome(row.result, row.reason) != RowResult.DONE]
                after_position = page[-1].position
        return tuple(rows_not_done[:limit])

    def list_rows_with_records(
        self, run_id: int, result_filter: str | None = None, after_position: int = 0, limit: int = ROWS_PER_PAGE
    ) -> tuple[BulkRowWithRecord, ...]:
        """Return a page of rows of the bulk run, each with the present state of its record. The arguments select the
        rows as in `list_rows`: `result_filter` by result, `after_position` as the start, `limit` as the largest
        number."""
        rows = self.list_rows(run_id, result_filter, after_position, limit)
        with self._context.database.read() as conn:
            lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
            records = [_find_readable_record(conn, row, lapsed_ids) for row in rows]
            stored_records = [record for record in records if record is not None]
            completed_records = iter(self._complete_records(conn, stored_records))
        return tuple(
            BulkRowWithRecord(row, None if record is None else next(completed_records))
            for row, record in zip(rows, records, strict=True)
        )

    def make_plan(self, run_id: int, progress: Callable[[int], None] | None = None) -> BulkPlan:
        """Return totals and the forecast of each row of the bulk run that has no result. The record in a forecast has
        the registry's entry about its corporation. Calls no provider and writes nothing. The method calls `progress`
        with the number of rows that have a forecast so far. Raises not_found if there is no run with this id."""
        run = self.read_run(run_id)
        person = self._context.read_person() if self._context.operator else None
        forecasts: list[RowForecast] = []
        for rows in self._read_row_pages(run):
            with self._context.database.read() as conn:
                page = [self._forecaster.make_forecast(conn, run, row, person) for row in rows]
                stored_records = [forecast.record for forecast in page if forecast.record is not None]
                completed_records = iter(self._complete_records(conn, stored_records))
                forecasts += [
                    forecast if forecast.record is None else replace(forecast, record=next(completed_records))
                    for forecast in page
                ]
            if progress is not None:
                progress(len(forecasts))
        providers = {forecast.provider for forecast in forecasts}
        return make_bulk_plan(
            run, forecasts, {name: self._actions.get_shortest_row_seconds(run.action, name) for name in providers}
        )

    def _complete_records(self, conn: Connection, records: Sequence[QueuedRecord]) -> tuple[QueuedRecord, ...]:
        """Return the records, in the same sequence, each with the registry's entry about its corporation, and refunds
        with their payment, which has the corporation number. A refund whose payment can't be read stays without it.
        """
        refunds: list[QueuedRecord] = [record for record in records if isinstance(record, Refund)]
        completed_refunds = map_readable_records(self._records_completer, conn, refunds)
        return complete_with_corporations(
            self._context, conn, [completed_refunds.get((type(record), record.id), record) for record in records]
        )

    def _read_row_pages(self, run: BulkRun) -> Iterator[list[BulkRow]]:
        after_position = 0
        while True:
            with self._context.database.read() as conn:
                page = bulk.list_rows(conn, run.id, None, after_position, ROWS_PER_PAGE)
            if not page:
                return
            after_position = page[-1].position
            yield [row for row in page if row.result is None]


def _find_readable_record(conn: Connection, row: BulkRow, lapsed_ids: LapsedIds) -> QueuedRecord | None:
    """Return the present record of a row; None if it is missing or this program can't read it. `lapsed_ids` has, by
    kind, the ids of the records whose operation has lapsed."""
    try:
        return any_record.find(conn, row.kind, row.subject_id, lapsed_ids)
    except unreadable_rows.READ_ERRORS:
        return None


def _read_run_with_holder(conn: Connection, run: BulkRun) -> BulkRunWithHolder:
    """Return the bulk run with the holder of its lease; if the run isn't in the state running, the holder is None."""
    return BulkRunWithHolder(
        run, leases.find_holder(conn, make_lease_name(run.id)) if run.state == bulk.RUNNING_RUN_STATE else None
    )
