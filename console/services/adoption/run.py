"""Run an adoption: change the columns and indexes of the table of credit checks in steps, and process its rows
between the steps. Each step is small and is executed only once, even if a run is interrupted and repeated."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from console.domain.audit.actions import AuditAction
from console.domain.batches import split_into_batches
from console.domain.error_reasons import DatabaseLockedProblem, SchemaProblem
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.records import CheckState, CreditCheck, Work, WorkReason, WorkState
from console.services.adoption.plan import format_stored_corporation_number, parse_stored_corporation_number
from console.services.process.context import ServiceContext
from console.store.adoption import adopt_rows, adopt_table
from console.store.alerts import cases
from console.store.credit_checks import credit_checks
from console.store.database import error_codes
from console.store.database.engine import RunAgain, Transaction
from console.store.database.sqlalchemy_names import DatabaseFailure, UniqueViolation
from console.store.migrations import upgrade as migrate
from console.store.migrations import upgrade_lock
from console.store.schema import legacy_table

ROW_IDS_PER_RANGE = 1_000
"""Size of the range of row ids that a pass over the rows adopts at a time; it normalises the corporation numbers of
ten times as many ids at a time."""
ROWS_PER_TRANSACTION = 50
"""Largest number of rows that one transaction changes if it changes them one by one."""
MAX_PASSES = 5
MIN_ROWS_FOR_ANOTHER_PASS = 2_000
LATE_ROW_ID_MARGIN = 10_000
"""Each further pass over the rows begins this number of ids before the end of the previous pass, because a row with a
lower id may have been committed after the previous pass had read that part.
"""

MAX_INDEX_CREATION_ATTEMPTS = 20
"""Number of attempts to adopt the rows and create the unique index. If new duplicates make all of them fail, the run
ends with an error.
"""

_log = logging.getLogger("console.adoption")

ChangeCounts = Counter[str]
"""Numbers of changed rows by the sort of change: `taken_in` (adopted), `respelled` (corporation number rewritten as
13 digits), `unreadable` (corporation number can't be read) and `duplicates` (claim lost to another row).
"""
_NO_CHANGE_COUNTS: ChangeCounts = Counter()


@dataclass(frozen=True, slots=True)
class AdoptionResult:
    """The result of one run of the adoption.

    `row_count` counts all rows of the table, `incomplete_row_count` the rows of other applications in the queue of
    incomplete records. `zone` is the time zone of the table's times; None if this program created the table. The
    other fields concern this run only: `adopted_row_count` (rows that became credit checks), `duplicate_row_count`
    (rows that lost their claim to another row), `unreadable_row_count` (rows whose corporation number can't be read),
    `normalised_row_count` (rows whose corporation number was rewritten as 13 digits), and `steps` (names of the
    steps).
    """

    zone: str | None
    row_count: int
    adopted_row_count: int
    duplicate_row_count: int
    unreadable_row_count: int
    normalised_row_count: int
    incomplete_row_count: int
    steps: tuple[str, ...]

    @property
    def table_name(self) -> str:
        """The name of the table of credit checks that was adopted."""
        return legacy_table.TABLE_NAME


class AdoptionRun:
    """One run of an adoption: it executes the steps that are not yet done, up to the end of the adoption. `zone` is
    the time zone of the table's times, None if this program created the table. `allows_table_copy` allows steps
    during which the database copies the table. `lock` is the upgrade lock that the caller holds, None on SQLite."""

    def __init__(
        self,
        context: ServiceContext,
        zone: str | None,
        allows_table_copy: bool,
        lock: upgrade_lock.UpgradeLock | None,
    ) -> None:
        self._context = context
        self._database = context.database
        self._zone = zone
        self._allows_table_copy = allows_table_copy
        self._lock = lock
        self._steps: list[str] = []
        self._counts: ChangeCounts = Counter()
        self._passed_up_to_id = 0

    def run(self) -> AdoptionResult:
        """Execute all steps that are not yet done, and return the result. Raises database_locked if
        MAX_INDEX_CREATION_ATTEMPTS attempts to create the unique index over claims failed because of new duplicates,
        or if other sessions used the table during all attempts to change it. Raises schema_mismatch with
        detail.problem `needs_conversion` if the server can make a change only by copying the table and
        `allows_table_copy` is False; with detail.problem `cannot_be_adopted` if a unique index of another application
        forbids the change of a row.
        """
        attempt_count = 0
        while not self._run_remaining_steps():
            attempt_count += 1
            if attempt_count >= MAX_INDEX_CREATION_ATTEMPTS:
                raise ConsoleError(
                    ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.DUPLICATES_KEEP_COMING}
                )
        self._process_rows_added_during_adoption()
        if self._lock is not None:
            migrate.renew_constraints(self._database, self._lock.require_lock)
        self._reach_failpoint("before_adopt_end")
        self._change_rows_and_add_counts(self._finish_adoption)
        return self._make_result()

    def _run_remaining_steps(self) -> bool:
        """Execute every step that is not yet done: first the columns, then the rows, then the indexes, then the rows
        that were added while the indexes were built. Return True, or False if a new duplicate violated the unique
        index over claims, or kept it from being created."""
        self._passed_up_to_id = 0
        try:
            self._run_steps(lambda step: not step.change_name.startswith("index") and step.change_name != "claims")
            self._process_all_rows()
            self._run_steps(lambda step: step.change_name != "claims")
            self._process_all_rows()
            self._run_steps(lambda _step: True)
        except adopt_table.DuplicateLiveRows:
            return False
        return True

    def _run_steps(self, is_selected: Callable[[adopt_table.TableChange], bool]) -> None:
        table = adopt_table.read_table_structure(self._database)
        for step in filter(is_selected, adopt_table.list_needed_changes(table, self._database.dialect, self._zone)):
            if self._lock is not None:
                self._lock.require_lock()
            _log.info("adoption: %s", step.change_name)
            try:
                adopt_table.apply_table_change(
                    self._database,
                    step,
                    self._zone,
                    may_copy_table=self._allows_table_copy,
                    before_claim_index=self._mark_duplicates_before_index_creation,
                )
            except DatabaseFailure as error:
                _raise_as_console_error(error)
                raise
            self._steps.append(step.change_name)
            self._reach_failpoint(
                "after_adopt_index" if step.change_name.startswith("index") else "after_adopt_columns"
            )

    # Rows in ranges of ids: first the unreadable numbers, then the duplicates, then all others

    def _process_all_rows(self) -> None:
        """Process all rows of the table in passes: normalise their corporation numbers, mark unreadable numbers and
        duplicates, and adopt all other rows. Each pass, except the first one of an attempt (`_run_remaining_steps`),
        reads only the rows from LATE_ROW_ID_MARGIN ids before the end of the previous pass. A pass is the last one if
        other applications added fewer than MIN_ROWS_FOR_ANOTHER_PASS ids during the pass, or more than half as many
        ids as the pass processed: if the applications add rows faster than that, each pass would take longer than the
        one before. There are at most MAX_PASSES passes. `_process_rows_added_during_adoption` then processes the
        remaining rows; it is slower, because it compares each row separately.
        """
        for _ in range(MAX_PASSES):
            former_id, up_to_id = self._passed_up_to_id, self._read_highest_id()
            self._process_id_range(max(0, former_id - LATE_ROW_ID_MARGIN), up_to_id)
            self._passed_up_to_id = up_to_id
            added_count = self._read_highest_id() - up_to_id
            if added_count < MIN_ROWS_FOR_ANOTHER_PASS or added_count > (up_to_id - former_id) / 2:
                return

    def _read_highest_id(self) -> int:
        with self._database.read() as conn:
            return adopt_rows.find_highest_row_id(conn)

    def _process_id_range(self, from_id: int, last_id: int) -> None:
        for after_id, up_to_id in self._split_id_range(from_id, last_id, ROW_IDS_PER_RANGE * 10):
            self._normalise_corporation_numbers(after_id, up_to_id)
        self._reach_failpoint("after_adopt_numbers")
        self._mark_all_duplicates()
        self._reach_failpoint("after_adopt_duplicates")
        for after_id, up_to_id in self._split_id_range(from_id, last_id, ROW_IDS_PER_RANGE):
            self._change_rows_and_add_counts(partial(self._adopt_remaining_rows, after_id, up_to_id))
            self._reach_failpoint("after_adopt_rows")

    def _split_id_range(self, after_id: int, last_id: int, ids_per_range: int) -> list[tuple[int, int]]:
        """Return ranges of row ids (first, last) that together cover the rows after `after_id` up to `last_id`; each
        range has at most `ids_per_range` rows.
        """
        with self._database.read() as conn:
            return list(adopt_rows.list_id_ranges(conn, after_id, last_id, ids_per_range))

    def _change_rows_and_add_counts(self, change_rows: Callable[[Transaction], ChangeCounts]) -> None:
        """Run `change_rows` in a short transaction. After the COMMIT, add the counts that `change_rows` returned to
        the totals of the run."""
        if self._lock is not None:
            self._lock.require_lock()
        self._counts.update(self._database.write(change_rows))

    def _adopt_remaining_rows(self, after_id: int, up_to_id: int, tx: Transaction) -> ChangeCounts:
        """Adopt the rows with `after_id` < id <= `up_to_id` that have no work state yet, by setting their work state,
        and return the counts of the changes. Raises DuplicateLiveRows if the unique index over claims exists, and one
        of the rows was committed after the search for duplicates and has the claim of another row."""
        try:
            count = adopt_rows.set_remaining_work_states(tx.conn, after_id, up_to_id, self._read_clock())
        except UniqueViolation as error:
            _raise_if_foreign_index_refused(error)
            raise adopt_table.DuplicateLiveRows from None
        return Counter(taken_in=count)

    def _normalise_corporation_numbers(self, after_id: int, up_to_id: int) -> None:
        with self._database.read() as conn:
            rows = adopt_rows.list_unnormalised_rows(conn, after_id, up_to_id)
        for chunk in split_into_batches(rows, ROWS_PER_TRANSACTION):
            self._change_rows_and_add_counts(partial(self._normalise_corporation_numbers_of_rows, chunk))

    def _normalise_corporation_numbers_of_rows(
        self, rows: Sequence[tuple[int, object]], tx: Transaction
    ) -> ChangeCounts:
        return sum((self._normalise_corporation_number(tx, *row) for row in rows), _NO_CHANGE_COUNTS)

    def _normalise_corporation_number(self, tx: Transaction, record_id: int, stored_number: object) -> ChangeCounts:
        number = parse_stored_corporation_number(stored_number)
        if number is None:
            return self._mark_row_unreadable(tx, record_id, stored_number)
        if number == format_stored_corporation_number(stored_number):
            return _NO_CHANGE_COUNTS
        try:
            if not adopt_rows.write_normalised_number(tx.conn, record_id, stored_number, number, self._read_clock()):
                return _NO_CHANGE_COUNTS
        except UniqueViolation as error:  # an index forbids a second row with these digits
            live_id = adopt_rows.find_row_that_keeps_claim(tx.conn, record_id, number)
            if live_id is not None:
                return self._mark_duplicates(((record_id, live_id, number),), tx)
            _raise_if_foreign_index_refused(error)
            return _NO_CHANGE_COUNTS  # the index of the claims: `_compare_with_live_row` decides about the claim
        self._write_audit_entry_of_row(tx, record_id, stored_number, None)
        return Counter(respelled=1)

    def _mark_row_unreadable(self, tx: Transaction, record_id: int, stored_number: object) -> ChangeCounts:
        """Mark the row as one whose corporation number can't be read, and open a case about it with the stored text
        `stored_number`. Return the counts of the changes; the counts are zero if the row was marked before."""
        if not adopt_rows.mark_number_unreadable(tx.conn, record_id, self._read_clock()):
            return _NO_CHANGE_COUNTS
        facts = (
            credit_checks.CREDIT_CHECK_KIND,
            record_id,
            format_stored_corporation_number(stored_number),
            "13 digits",
            self._read_clock(),
        )
        cases.open_case(tx.conn, WorkReason.NUMBER_UNREADABLE, *facts)
        self._write_audit_entry_of_row(tx, record_id, stored_number, WorkReason.NUMBER_UNREADABLE)
        return Counter(unreadable=1)

    def _mark_all_duplicates(self) -> None:
        with self._database.read() as conn:
            duplicate_rows = adopt_rows.find_duplicates(conn)
        for chunk in split_into_batches(tuple(duplicate_rows), ROWS_PER_TRANSACTION):
            self._change_rows_and_add_counts(partial(self._mark_duplicates, chunk))

    def _mark_duplicates(self, rows: Sequence[tuple[int, int, str]], tx: Transaction) -> ChangeCounts:
        """Mark these rows as duplicates of live rows, open a case about each of them, and return the counts of the
        changes. Each row is (id, id of the live row, corporation number)."""
        marked_rows = [row for row in rows if adopt_rows.mark_duplicate(tx.conn, *row[:2], self._read_clock())]
        adopt_rows.open_duplicate_cases(tx.conn, marked_rows, self._read_clock())
        for record_id, live_id, number in marked_rows:
            self._write_audit_entry_of_row(tx, record_id, number, WorkReason.DUPLICATE, {"duplicate_of": live_id})
        return Counter(duplicates=len(marked_rows))

    def _mark_duplicates_before_index_creation(self, tx: Transaction) -> None:
        """Mark the duplicates that exist directly before the unique index over claims is created. Used only on
        SQLite, where the transaction `tx` also creates the index."""
        self._counts.update(self._mark_duplicates(tuple(adopt_rows.find_duplicates(tx.conn)), tx))

    # Rows that arrived during the adoption

    def _process_rows_added_during_adoption(self) -> None:
        """Process the rows without a work state that another application has added up to now; called after the passes
        over all rows. A due task later processes the rows that are added afterwards, and the rows that still have no
        work state. The method reads only rows up to the id that was the highest at its start, so it ends even if
        other applications continue to add rows.
        """
        after_id, last_id = 0, self._read_highest_id()
        while rows := self._list_unadopted_rows(after_id, last_id):
            self._change_rows_and_add_counts(partial(self._compare_rows_with_live_rows, rows))
            after_id = rows[-1][0]

    def _list_unadopted_rows(self, after_id: int, up_to_id: int) -> tuple[tuple[int, object], ...]:
        """Return (id, corporation number as written) of the next rows that the adoption has not processed, at most
        ROWS_PER_TRANSACTION.
        """
        with self._database.read() as conn:
            return adopt_rows.list_unadopted_rows(conn, after_id, up_to_id, ROWS_PER_TRANSACTION)

    def _compare_rows_with_live_rows(self, rows: Sequence[tuple[int, object]], tx: Transaction) -> ChangeCounts:
        """Compare each of these rows (id, stored corporation number) with the live row that has the same claim
        (`_compare_with_live_row`). Return the counts of the changes."""
        return sum((self._compare_with_live_row(tx, *row) for row in rows), _NO_CHANGE_COUNTS)

    def _compare_with_live_row(self, tx: Transaction, record_id: int, stored_number: object) -> ChangeCounts:
        """Compare one row with the live row that has the same claim, if such a row exists: the row with the larger
        `_make_claim_rank_key` keeps the claim, the other row becomes a duplicate; a credit check that this program
        bought always keeps the claim. `stored_number` is the corporation number as it is stored, in any notation.
        Return the counts of the changes."""
        counts, number = (
            self._normalise_corporation_number(tx, record_id, stored_number),
            parse_stored_corporation_number(stored_number),
        )
        record = credit_checks.find(tx.conn, record_id)
        if record is None or number is None or counts["duplicates"]:
            return counts
        holder_id = credit_checks.find_claim_holder_id(tx.conn, record.client_id, number)
        live_check = None if holder_id is None else credit_checks.find(tx.conn, holder_id)
        if live_check is None or live_check.id == record_id:
            return counts + self._adopt_row_with_claim(tx, record, number)
        # a credit check that this program bought never loses its claim
        if live_check.operation_id is not None or _make_claim_rank_key(record) < _make_claim_rank_key(live_check):
            return counts + self._mark_duplicates(((record_id, live_check.id, number),), tx)
        return (
            counts
            + self._mark_duplicates(((live_check.id, record_id, number),), tx)
            + self._adopt_row_with_claim(tx, record, number)
        )

    def _adopt_row_with_claim(self, tx: Transaction, record: CreditCheck, corporation_number: str) -> ChangeCounts:
        """Adopt a row of another application that gets or keeps the claim for the corporation number, and return the
        counts of the changes. A pending or successful row without AlarmBox's id of the credit check gets the work
        needs_review. Raises RunAgain if another row has just got the claim, or if the row has changed meanwhile.
        """
        needs_review = record.credit_check_id is None and record.state is not CheckState.ERROR
        work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.WRITTEN_BY_OTHER) if needs_review else Work()
        column_values = {
            "corporation_number": corporation_number,
            "duplicate_of": None,
            **credit_checks.make_work_values(work),
        }
        try:
            credit_checks.change_record(tx.conn, record, self._read_clock(), **column_values)
        except UniqueViolation as error:
            _raise_if_foreign_index_refused(error)
            raise RunAgain from None
        except credit_checks.StaleRow:  # the other application has changed the row meanwhile
            raise RunAgain from None
        return Counter(taken_in=1)

    # End

    def _finish_adoption(self, tx: Transaction) -> ChangeCounts:
        if not self._database.is_server:
            migrate.renew_sqlite_constraints(tx.conn)
        if migrate.mark_adoption_done(tx.conn):
            self._context.record_audit(
                tx, AuditAction.DATABASE_ADOPTED, None, {"zone": self._zone, **self._counts}, kind="database"
            )
        return _NO_CHANGE_COUNTS

    def _make_result(self) -> AdoptionResult:
        with self._database.read() as conn:
            rows, incomplete = adopt_rows.count_credit_check_rows(conn), adopt_rows.count_incomplete_rows(conn)
        return AdoptionResult(
            zone=self._zone,
            row_count=rows,
            adopted_row_count=self._counts["taken_in"],
            duplicate_row_count=self._counts["duplicates"],
            unreadable_row_count=self._counts["unreadable"],
            normalised_row_count=self._counts["respelled"],
            incomplete_row_count=incomplete,
            steps=tuple(self._steps),
        )

    # Shared

    def _write_audit_entry_of_row(
        self,
        tx: Transaction,
        record_id: int,
        stored_number: object,
        reason: str | None,
        further_facts: dict[str, object] | None = None,
    ) -> None:
        """Write the audit entry about the adoption of a row, with the corporation number as written. `further_facts`
        are added to its detail.
        """
        facts = {"written": format_stored_corporation_number(stored_number)[:64], **(further_facts or {})}
        self._context.record_audit(tx, AuditAction.CREDIT_CHECK_ADOPTED, record_id, facts, reason=reason)

    def _read_clock(self) -> datetime:
        return self._context.now()

    def _reach_failpoint(self, failpoint_name: str) -> None:
        self._context.failpoints.reach(failpoint_name)


def accept_incomplete_rows(context: ServiceContext) -> int:
    """Mark the incomplete credit checks of other applications as accepted, so that they leave the queue of incomplete
    records: ROW_IDS_PER_RANGE rows per transaction. Return the number of rows.

    Each transaction writes an audit entry with the number of its rows. If a call was interrupted, a repeated call
    processes the remaining rows.
    """
    count = 0
    while True:
        with context.database.read() as conn:
            ids = adopt_rows.list_incomplete_row_ids(conn, ROW_IDS_PER_RANGE)
        if not ids:
            return count
        count += context.write(partial(_accept_chunk_of_incomplete_rows, context, ids))


def _accept_chunk_of_incomplete_rows(context: ServiceContext, ids: tuple[int, ...], tx: Transaction) -> int:
    """Accept the incomplete rows with these ids as they are, and write one audit entry. Return the number of accepted
    rows.
    """
    accepted_count = adopt_rows.accept_incomplete_rows(tx.conn, ids, context.now())
    facts = {"rows": accepted_count, "from": ids[0], "to": ids[-1]}
    context.record_audit(
        tx, AuditAction.CREDIT_CHECK_INCOMPLETE_ACCEPTED, None, facts, kind=credit_checks.CREDIT_CHECK_KIND
    )
    return accepted_count


def _make_claim_rank_key(record: CreditCheck) -> tuple[bool, float, float, int]:
    """Return the sort key that decides which of two rows with one claim keeps the claim: the row with the larger key.
    A row with AlarmBox's id of the credit check is larger than a row without this id; then the later purchase, the
    later end of validity and the larger row id decide. The SQL of `console.store.adoption` ranks rows in the same
    way."""
    purchased_at, expired_at = record.purchased_at, record.expired_at
    return (
        record.credit_check_id is not None,
        purchased_at.timestamp() if purchased_at else float("-inf"),
        expired_at.timestamp() if expired_at else float("-inf"),
        record.id,
    )


def _raise_if_foreign_index_refused(error: UniqueViolation) -> None:
    """Raise schema_mismatch (detail.problem cannot_be_adopted) with the name of the index, if a unique index of
    another application refused a change; a repeated change would be refused again. Return normally for an index of
    this program.
    """
    index = adopt_table.find_index_of_other_application(error)
    if index is not None:
        obstacle = {"kind": "unique_index", "name": index, "found": "UNIQUE"}
        raise ConsoleError(
            ErrorCode.SCHEMA_MISMATCH,
            {
                "problem": SchemaProblem.CANNOT_BE_ADOPTED,
                "obstacles": [obstacle],
                "names": [f"unique_index ({index})"],
            },
        ) from error


def _raise_as_console_error(error: DatabaseFailure) -> None:
    """Raise the ConsoleError that corresponds to this error of the database. Return normally if no ConsoleError
    corresponds to it."""
    code = error_codes.find_database_error_code(error)
    if code is not None:
        raise rebuild_error(code, error_codes.make_error_detail(error, code)) from error
