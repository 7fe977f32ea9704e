"""Bulk runs: store a fixed list of records with their versions, show a dry run, and execute the action row by row.

A run is stored in the database, and the process that executes it has the lease `bulk_{id}`. If that process ends,
another process continues the run: it repeats the forecast of the interrupted row, and counts this row as done if
the action was already executed.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from console.domain.access.permissions import is_same_person
from console.domain.audit.actions import AuditAction
from console.domain.bulk.records import DISCARDED_REASON, BulkProgress, ChosenRecord
from console.domain.error_reasons import InProgressReason, NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import NotAllowedDetail
from console.domain.records import Person
from console.domain.recovery.decision_table import CHOICE_RULES_BY_KIND, get_record_kind
from console.domain.tasks.intervals import SHORT_BATCH_SIZE
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.domain.usage_problems import UsageProblem
from console.services.annotations.notes import require_valid_note
from console.services.audit import refusals
from console.services.bulk.actions import BulkActionRunner
from console.services.bulk.eligibility import BulkRowForecaster
from console.services.bulk.execute import (
    BULK_RUN_KIND,
    BulkExecution,
    BulkExecutor,
    ProgressReporter,
    StopCheck,
    make_lease_name,
    require_run,
)
from console.services.bulk.run_reader import ROWS_PER_PAGE, BulkRunReader
from console.services.guarded.leases import lock_until_commit
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.services.records.completer import RecordsCompleter
from console.services.recovery.queues import QueueReader
from console.services.recovery.replayed_answers import make_bulk_run_answer_finder
from console.services.tasks import cancellation
from console.store.database import compare_and_swap
from console.store.database.engine import Transaction
from console.store.operations import leases
from console.store.tasks import bulk_runs as bulk

BULK_RUN_ACTION = AuditAction.BULK_RUN
MAX_ROWS_PER_BULK_RUN = 20_000
"""Largest number of records in one run."""
MAX_BULK_RECORDS_PER_DAY = 400_000
"""Largest number of records in all runs that one person creates within 24 hours. The database deletes no run, so a
person could fill the server's disk with them.
"""
_DAY = timedelta(days=1)
_log = logging.getLogger("console.worker")


class BulkRunService(BulkRunReader):
    """The service `console.bulk_runs`: creates, executes, stops and discards bulk runs. The actions of a run are
    probe, refetch, take and note; none of them moves money."""

    def __init__(
        self,
        context: ServiceContext,
        queues: QueueReader,
        complete_records: RecordsCompleter,
        forecaster: BulkRowForecaster,
        actions: BulkActionRunner,
        executor: BulkExecutor,
        request_ids: RequestIdService,
    ) -> None:
        super().__init__(context, complete_records, forecaster, actions)
        self._request_ids = request_ids
        self._queues, self._executor = queues, executor

    # Freeze and preview

    def create_run(
        self,
        action: str,
        selection: Sequence[ChosenRecord] | str,
        note_text: str | None = None,
        *,
        request_id: str | None = None,
    ) -> BulkRun:
        """Store and return a bulk run with a fixed list of records and their versions: the records in `selection`, or
        all records that the queue named `selection` has now. Records that enter the queue later are not added.

        `action` is probe, refetch, take or note; `note_text` is the text of the note if the action is note, otherwise
        None. Raises usage for an unknown action or queue, an invalid note, a record of a kind that has no bulk runs,
        a list of no records or more than MAX_ROWS_PER_BULK_RUN records, or more than MAX_BULK_RECORDS_PER_DAY records
        of this person within 24 hours; not_allowed if the acting person has no right to execute the action; read_only
        while the read-only switch for everything is on, if the action is take or note.
        """
        arguments = (action, selection if isinstance(selection, str) else tuple(selection), note_text)
        return self._request_ids.act_once(
            "bulk freeze",
            request_id,
            arguments,
            lambda: self._create_run_of_selection(action, selection, note_text),
            make_bulk_run_answer_finder(self.read_run),
        )

    def _create_run_of_selection(
        self, action: str, selection: Sequence[ChosenRecord] | str, note_text: str | None
    ) -> BulkRun:
        bulk_action = _parse_bulk_action(action)
        note_text = require_valid_note(note_text or "") if bulk_action is BulkAction.NOTE else None
        with refusals.audit_refusals(
            self._context, AuditAction.BULK_FROZEN, None, {"action": bulk_action.value}, kind=BULK_RUN_KIND
        ):
            person = self._context.require_right(bulk_action.value).name
            rows = self._list_queue_rows(selection) if isinstance(selection, str) else _make_bulk_rows(selection)
            if not 0 < len(rows) <= MAX_ROWS_PER_BULK_RUN:
                raise ConsoleError(
                    ErrorCode.USAGE,
                    {"problem": UsageProblem.INVALID_RECORD_COUNT, "n": len(rows), "most": MAX_ROWS_PER_BULK_RUN},
                )
            return self._context.write(
                lambda tx: require_run(tx.conn, self._insert_run(tx, bulk_action, rows, person, note_text))
            )

    def _require_within_daily_limit(self, tx: Transaction, person: str, count: int) -> None:
        """Raise usage if the bulk runs that `person` has created within 24 hours would have more than
        MAX_BULK_RECORDS_PER_DAY records together, including the `count` records of the new bulk run, which the same
        transaction inserts.
        """
        # Two parallel new runs could together exceed the limit.
        lock_until_commit(self._context, tx, f"bulk_runs_of_{person}")
        count += bulk.count_records_in_runs_of_person(tx.conn, person, self._context.now() - _DAY)
        if count > MAX_BULK_RECORDS_PER_DAY:
            raise ConsoleError(
                ErrorCode.USAGE,
                {"problem": UsageProblem.TOO_MANY_BULK_RECORDS, "n": count, "most": MAX_BULK_RECORDS_PER_DAY},
            )

    def _list_queue_rows(self, queue: str) -> list[BulkRow]:
        page = self._queues.read_page(queue, ROWS_PER_PAGE)
        records = [item.record for item in page.items]
        while page.next_cursor is not None and len(records) <= MAX_ROWS_PER_BULK_RUN:
            page = self._queues.read_page(queue, ROWS_PER_PAGE, page.next_cursor)
            records += [item.record for item in page.items]
        return _make_bulk_rows(
            [ChosenRecord(get_record_kind(record), record.id, record.version) for record in records]
        )

    def _insert_run(
        self, tx: Transaction, action: BulkAction, rows: Sequence[BulkRow], person: str, note_text: str | None
    ) -> int:
        """Insert a bulk run of `person` with these rows, with an audit entry, and return its id. Raises the error of
        the daily limit if the person would exceed it.
        """
        context = self._context
        self._require_within_daily_limit(tx, person, len(rows))
        run_id = bulk.insert_run(tx.conn, action, rows, person, context.now(), note_text)
        context.record_audit(
            tx, AuditAction.BULK_FROZEN, run_id, {"action": action.value, "n": len(rows)}, kind=BULK_RUN_KIND
        )
        return run_id

    # Run

    def run(
        self,
        run_id: int,
        max_rows: int | None = None,
        progress: ProgressReporter | None = None,
        should_stop: StopCheck | None = None,
        should_leave: StopCheck | None = None,
        *,
        request_id: str | None = None,
    ) -> BulkRun:
        """Execute the rows without a result among the first `max_rows` rows of the bulk run (None: the limit stored
        with the run). Return the run as it is after this execution. A run that is done stays unchanged.

        The method calls `progress` after each row, and `should_stop` and `should_leave` between two rows. If
        `should_stop` returns True, the run is stopped; if `should_leave` returns True, this process ends its
        execution, and a due task continues the run. Raises not_found if no run has this id; usage if `max_rows` is
        less than 1 or more than the number of rows; not_allowed if the acting person has no right to execute the
        action, or is not the maker of a run that takes records or adds notes; in_progress while another process
        executes the run; read_only while the read-only switch for everything is on, if the action is take or note;
        and the other errors of `BulkExecutor.run`, such as database_went_back.
        """
        return self._request_ids.act_once(
            "bulk run",
            request_id,
            (run_id, max_rows),
            lambda: self._execute_run(run_id, max_rows, progress, should_stop, should_leave),
            continues_work=True,
        )

    def _execute_run(
        self,
        run_id: int,
        max_rows: int | None,
        progress: ProgressReporter | None,
        should_stop: StopCheck | None,
        should_leave: StopCheck | None,
    ) -> BulkRun:
        """Execute at most `max_rows` rows of the run (None: all), and return the run. `progress` is called after each
        row. Between two rows, the run is stopped if `should_stop` returns True; if `should_leave` returns True, only
        this execution ends.
        """
        with refusals.audit_refusals(self._context, BULK_RUN_ACTION, run_id, kind=BULK_RUN_KIND):
            run = self.read_run(run_id)
            if max_rows is not None and not 0 < max_rows <= run.size:
                raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_BULK_LIMIT, "most": run.size})
            person = self._context.require_right(run.action.value)
            self._require_maker(run, person)
            if run.state != bulk.DONE_RUN_STATE:
                with cancellation.stop_when_false(lambda: not (should_leave or _never_stop)()):
                    self._executor.run(
                        run_id,
                        max_rows,
                        BulkExecution(person, progress or _ignore_progress, should_stop or _never_stop),
                    )
        return self.read_run(run_id)

    def stop(self, run_id: int, *, request_id: str | None = None) -> BulkRun:
        """Stop the bulk run after its current row, also if another process executes it, and return the run. A run
        that is not in the state running stays unchanged. This is also possible while a read-only switch stops the
        run's action, because stopping a run only prevents changes. Raises not_found if no run has this id,
        not_allowed if the acting person has no right to execute the run's action."""
        return self._request_ids.act_once(
            "bulk stop",
            request_id,
            (run_id,),
            lambda: self._stop_run(run_id),
            make_bulk_run_answer_finder(self.read_run),
        )

    def _stop_run(self, run_id: int) -> BulkRun:
        with refusals.audit_refusals(self._context, AuditAction.BULK_STOPPED, run_id, kind=BULK_RUN_KIND):
            self._context.require_right_despite_read_only(self.read_run(run_id).action.value)

        @compare_and_swap.run_again_if_stale()
        def stop_if_running(tx: Transaction) -> None:
            run = require_run(tx.conn, run_id)
            if run.state == bulk.RUNNING_RUN_STATE:
                bulk.write_run_state(tx.conn, run, self._context.now(), bulk.STOPPED_RUN_STATE, reason="asked")
                self._context.record_audit(tx, AuditAction.BULK_STOPPED, run_id, kind=BULK_RUN_KIND)

        return self._context.write_and_read(stop_if_running, lambda conn: require_run(conn, run_id))[1]

    def discard(self, run_id: int, *, request_id: str | None = None) -> BulkRun:
        """End a bulk run that is not in the state running; its rows without a result are never executed. A run that
        is done stays unchanged. Return the run. This is also possible while a read-only switch stops the run's
        action, because discarding a run only prevents changes. Raises not_found if no run has this id, in_progress if
        the run is in the state running, and not_allowed if the acting person is not the run's maker or has no right
        to execute the run's action."""
        return self._request_ids.act_once(
            "bulk discard",
            request_id,
            (run_id,),
            lambda: self._discard_and_audit_refusal(run_id),
            make_bulk_run_answer_finder(self.read_run),
        )

    def _discard_and_audit_refusal(self, run_id: int) -> BulkRun:
        with refusals.audit_refusals(self._context, AuditAction.BULK_DISCARDED, run_id, kind=BULK_RUN_KIND):
            run = self.read_run(run_id)
            person = self._context.require_right_despite_read_only(run.action.value)
            if not is_same_person(person.name, run.made_by):
                facts: NotAllowedDetail = {
                    "operator": person.name,
                    "reason": NotAllowedReason.NO_RIGHT_TO_DISCARD_BULK_RUN,
                    "maker": run.made_by,
                }
                raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)
            return self._context.write_and_read(
                lambda tx: self._discard_run(tx, run_id), lambda conn: require_run(conn, run_id)
            )[1]

    @compare_and_swap.run_again_if_stale()
    def _discard_run(self, tx: Transaction, run_id: int) -> None:
        run = require_run(tx.conn, run_id)
        if run.state == bulk.RUNNING_RUN_STATE:
            raise ConsoleError(
                ErrorCode.IN_PROGRESS,
                {"reason": InProgressReason.BULK_RUN_RUNNING, "kind": BULK_RUN_KIND, "id": run_id},
            )
        if run.state != bulk.DONE_RUN_STATE:
            bulk.write_run_state(tx.conn, run, self._context.now(), bulk.DONE_RUN_STATE, reason=DISCARDED_REASON)
            self._context.record_audit(
                tx, AuditAction.BULK_DISCARDED, run_id, {"done": run.done, "n": run.size}, kind=BULK_RUN_KIND
            )

    def continue_unfinished_runs(self) -> int:
        """Continue each bulk run whose process ended, up to SHORT_BATCH_SIZE rows of each run. A run that takes
        records or adds notes is paused instead if the acting person is not its maker. A due task calls this. Return
        the number of rows that were executed in all runs."""
        with self._context.database.read() as conn:
            unfinished_runs = bulk.list_running_runs(conn)
        return sum(self._continue_run(run) for run in cancellation.iterate_until_stopped(unfinished_runs))

    def _continue_run(self, run: BulkRun) -> int:
        """Execute up to SHORT_BATCH_SIZE further rows of the bulk run, and return the number of executed rows. Pause
        the run instead if only its maker may execute its action. If the run is refused, only write this to the log.
        """
        person = self._context.read_person()
        if not self._actions.calls_provider(run.action) and not is_same_person(person.name, run.made_by):
            return self._pause_run_of_other_maker(run)
        try:
            self._context.require_right(run.action.value)
            return self._executor.run(run.id, None, BulkExecution(person, max_row_count=SHORT_BATCH_SIZE))
        except ConsoleError as refusal:
            _log.info("bulk run %s: %s", run.name, refusal.code)
            return 0

    def _pause_run_of_other_maker(self, run: BulkRun) -> int:
        """Pause the bulk run if no other process executes it: its action takes records or writes notes, and a
        process may do that only in the name of the run's maker. Return 0, the number of executed rows."""
        with self._context.database.read() as conn:
            is_held = leases.find_holder(conn, make_lease_name(run.id)) is not None
        if not is_held:
            with suppress(bulk.StaleRow):  # another process has changed the run meanwhile
                self._context.write(
                    lambda tx: bulk.write_run_state(
                        tx.conn, run, self._context.now(), bulk.PAUSED_RUN_STATE, reason="maker"
                    )
                )
        return 0

    def _require_maker(self, run: BulkRun, person: Person) -> None:
        if not self._actions.calls_provider(run.action) and not is_same_person(person.name, run.made_by):
            facts: NotAllowedDetail = {
                "operator": person.name,
                "reason": NotAllowedReason.BULK_RUN_OF_OTHER_PERSON,
                "maker": run.made_by,
            }
            raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)


def _parse_bulk_action(action_name: str) -> BulkAction:
    try:
        return BulkAction(action_name)
    except ValueError:
        allowed_actions = [action.value for action in BulkAction]
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.UNKNOWN_BULK_ACTION, "allowed": allowed_actions}
        ) from None


def _make_bulk_rows(selection: Sequence[ChosenRecord]) -> list[BulkRow]:
    for record in selection:
        if record.kind not in CHOICE_RULES_BY_KIND:
            raise ConsoleError(
                ErrorCode.USAGE,
                {"problem": UsageProblem.RECORD_KIND_WITHOUT_BULK, "allowed": sorted(CHOICE_RULES_BY_KIND)},
            )
    return [BulkRow(0, record.kind, record.id, record.expected_version) for record in selection]


def _ignore_progress(_done: BulkProgress) -> None:
    """Do nothing. Used as the progress callback of a bulk run if the caller passes none."""


def _never_stop() -> bool:
    return False
