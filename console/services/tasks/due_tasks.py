"""Due tasks that continue the work on credit checks and spooled answers without a person. The worker and each open
window run these tasks."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeVar

from console.domain.audit.actions import AuditAction
from console.domain.corporation_number import DIGIT_COUNT
from console.domain.errors import ConsoleError
from console.domain.lookup.number_input import find_corporation_number
from console.domain.payments.records import Payment, Refund
from console.domain.process import correlation as tracing
from console.domain.records import CheckState, CreditCheck, Operation, Work, WorkReason, WorkState
from console.domain.recovery.decision_rules import find_refetch_refusal
from console.domain.tasks.intervals import BATCH_SIZE as BATCH_SIZE
from console.services.credit_checks.part_reader import PDF_PART
from console.services.credit_checks.probe import CreditCheckProber
from console.services.credit_checks.refetch import RefetchService
from console.services.guarded import unsent_operations
from console.services.guarded.action import ServicesByAction, audit_lapse, record_operation_lapse
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES, ignore_step
from console.services.process.context import ServiceContext, is_cipher_missing_for_now
from console.services.process.failpoints import FailpointReached
from console.services.process.failure_suppression import log_and_suppress
from console.services.tasks.cancellation import iterate_until_stopped, must_stop_task
from console.store.alerts import alerts, cases
from console.store.audit import trail as audit
from console.store.credit_checks import credit_checks
from console.store.database import unreadable_rows
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.database.unreadable_rows import UnreadableRow
from console.store.operations import journal
from console.store.queues import queues
from console.store.spool.spool import SpoolEntry

MAX_FAILED_DELIVERIES = 3
"""Number of failed deliveries of one spooled answer after which a case is opened for a person. After every further
MAX_FAILED_DELIVERIES failures, another case is opened.
"""
UNDELIVERED_ANSWER_RULE = "undelivered_answer"
"""Alert rule of the case about a spooled answer that the database refuses repeatedly."""
UNREADABLE_ROW_RULE = "row_unreadable"
"""Alert rule of the case about a database row that can't be read."""
ROWS_PER_TRANSACTION = 50
DueTask = tuple[str, Callable[[], int]]
"""A due task: its name, and the function that runs it and returns the number of handled records."""
RecordT = TypeVar("RecordT", CreditCheck, Payment, Refund)
_log = logging.getLogger("console.worker")


class _ForeignRowFinder(Protocol):
    """Interface of a function that finds at most `limit` rows that another application has written."""

    def __call__(self, conn: Connection, *, limit: int) -> tuple[queues.ForeignRow, ...]: ...


class DueTasks:
    """The due tasks of credit checks and of the spool, and the list of all due tasks. Each task handles its due
    records one by one; if one record fails, the task continues with the next one.

    `actions` has the service of each guarded action by the action's name; the service settles calls whose process
    ended before an answer was recorded. `other_tasks` are the due tasks of other services.
    """

    def __init__(
        self,
        context: ServiceContext,
        refetch_service: RefetchService,
        credit_check_prober: CreditCheckProber,
        actions: ServicesByAction,
        other_tasks: Sequence[DueTask] = (),
    ) -> None:
        self._context = context
        self._refetch_service = refetch_service
        self._credit_check_prober = credit_check_prober
        self._actions = actions
        self._other_tasks = other_tasks

    def list_tasks(self) -> tuple[DueTask, ...]:
        """Return all due tasks (name and function) in the sequence in which the scheduler should run them, because
        a task can create work for the tasks after it."""
        return (
            ("spool_delivery", self._deliver_spooled_answers),
            ("lapsed_operations", self._settle_lapsed_operations),
            ("rows_by_others", self._adopt_rows_of_other_applications),
            ("probes", self._probe_due_credit_checks),
            ("refetches", self._refetch_due_credit_checks),
            *self._other_tasks,
        )

    def _deliver_spooled_answers(self) -> int:
        """Due task: write the providers' answers in this desk's spool into the database. The database could not store
        these answers when they came. Return the number of written answers.

        If the delivery of an answer has failed MAX_FAILED_DELIVERIES times, because the database refuses the answer
        or because it can't be decrypted, open a case. The answer then stays in the spool until a person has
        acknowledged the case. Raises bad_profile if the keyring can't be read now: the next run delivers the answers.
        """
        delivered_count, context = 0, self._context
        if not context.spool.list_undelivered_entries(context.database_id):
            return 0
        try:
            context.spool.set_cipher(context.cipher)
        except ConsoleError as error:
            if is_cipher_missing_for_now(error):
                raise
            _log.warning("the spooled answers can't be decrypted: %s", error.code)
        for entry in iterate_until_stopped(context.spool.list_undelivered_entries(context.database_id)):
            with skip_failures("spool delivery"):
                delivered_count += self._deliver_answer(entry)
        return delivered_count

    def _deliver_answer(self, entry: SpoolEntry) -> int:
        """Write an answer of a provider, which only this desk's spool has, into its record. Return 1, or 0 if the
        answer can't be written now; a failure gets an audit entry.
        """
        context, operation_id = self._context, entry.intent.operation_id
        service = self._actions[entry.intent.action]
        kind = service.action.kind
        if not self._may_deliver_answer(entry, kind):
            return 0
        if entry.answer is None:
            _log.error("operation %s: its spooled answer needs another store key", operation_id)
            return self._record_failed_delivery(entry, kind, "not_opened")
        context.failpoints.reach("before_delivery")
        try:
            is_delivered = service.deliver_outcome(operation_id, entry.answer)
        except ConsoleError as refusal:
            if refusal.code in OWN_FAILURE_ERROR_CODES:
                raise
            return self._record_failed_delivery(entry, kind, refusal.code)
        except FailpointReached:
            raise
        except Exception as error:
            _log.warning("operation %s: its spooled answer can't be delivered", operation_id, exc_info=True)
            return self._record_failed_delivery(entry, kind, type(error).__name__)
        if not is_delivered:
            return self._record_failed_delivery(entry, kind, "record_gone")
        context.failpoints.reach("after_delivery")
        context.spool.mark_delivered(operation_id)
        return 1

    def _may_deliver_answer(self, entry: SpoolEntry, kind: str) -> bool:
        """Return False if an open case about the spooled answer waits for a person. If a person has acknowledged
        the case, close it and return True, so that the delivery is tried again. `kind` is the kind of the
        record that the answer is about.
        """
        context = self._context
        with context.database.read() as conn:
            subject = _find_subject_of_delivery_case(conn, entry)
            delivery_cases = [
                case
                for case in alerts.find_by_subject(conn, kind, subject)
                if case.rule_id == UNDELIVERED_ANSWER_RULE
            ]
        open_cases = [case for case in delivery_cases if case.resolved_at is None]
        if any(case.acknowledged_by is None for case in open_cases):
            return False
        if open_cases:
            context.write(lambda tx: cases.close_case(tx.conn, UNDELIVERED_ANSWER_RULE, kind, subject, context.now()))
        return True

    def _record_failed_delivery(self, entry: SpoolEntry, kind: str, reason: str) -> int:
        """Write an audit entry about a failed delivery of a spooled answer, with the reason. After each
        MAX_FAILED_DELIVERIES failures, open a case for a person. `kind` is the kind of the record that the
        answer is about. Return 0, the number of written answers.
        """
        context, intent, answer = self._context, entry.intent, entry.answer

        def write_failure(tx: Transaction) -> None:
            facts = {"provider_id": entry.id_at_provider, "outcome": answer.kind.value if answer else None}
            context.record_audit(
                tx,
                AuditAction.OPERATION_UNDELIVERED,
                intent.operation_id,
                facts,
                kind="operation",
                result="failed",
                reason=reason[:64],
            )
            entries = audit.list_entries_of_subject(tx.conn, "operation", intent.operation_id)
            failure_count = sum(entry.what == AuditAction.OPERATION_UNDELIVERED for entry in entries)
            if failure_count % MAX_FAILED_DELIVERIES == 0:
                number = f" {entry.id_at_provider}" if entry.id_at_provider is not None else ""
                observed = f"{intent.operation_id} {facts['outcome'] or reason}{number}"
                subject = _find_subject_of_delivery_case(tx.conn, entry)
                cases.open_case(tx.conn, UNDELIVERED_ANSWER_RULE, kind, subject, observed, reason, context.now())

        context.write(write_failure)
        return 0

    def _settle_lapsed_operations(self) -> int:
        """Due task: settle the operations whose process ended without recording an answer. Their outcome becomes
        unknown, or "not sent" if this desk can prove it, but never failed. Return the number of settled
        operations.
        """
        unsent_count = 0
        with skip_failures("unsent operations"):
            unsent_count = unsent_operations.settle_all_unsent_operations(self._context, self._actions)
        with self._context.database.read() as conn:
            lapsed_operations = journal.list_lapsed_operations(conn)
        return unsent_count + sum(
            self._record_lapse(operation) for operation in iterate_until_stopped(lapsed_operations)
        )

    def _record_lapse(self, operation: Operation) -> int:
        """Settle one operation whose process ended without recording an answer. Return 1 if the operation has ended,
        otherwise 0. If this program version has no service for the operation's action, end the operation without a
        change of its record."""
        has_ended, context, service = False, self._context, self._actions.get(operation.action)
        with skip_failures("lapse"):
            if service is not None:
                has_ended = service.record_lapse(operation.id)
            else:
                has_ended = record_operation_lapse(
                    context, operation.id, lambda tx, lapsed: audit_lapse(context, tx, lapsed)
                )
        return int(has_ended)

    def _probe_due_credit_checks(self) -> int:
        return self._run_action_for_due_credit_checks("unknown", self._probe_credit_check)

    def _probe_credit_check(self, record: CreditCheck) -> None:
        """Probe a due credit check. If an error in this program ends the probe, schedule the next probe of the credit
        check and raise the error. The next probe is later, so that the task handles the other due credit checks
        first. After the last probe of the schedule, a person must look at the credit check.
        """
        try:
            self._credit_check_prober.probe(record.id, is_automatic=True)
        except (ConsoleError, FailpointReached):
            raise
        except Exception:
            with log_and_suppress(f"the next probe of credit check {record.id}"):
                self._credit_check_prober.plan_next_probe(record)
            raise

    def _refetch_due_credit_checks(self) -> int:
        return self._run_action_for_due_credit_checks("incomplete", self._refetch_missing_parts)

    def _refetch_missing_parts(self, record: CreditCheck) -> None:
        """Fetch only the missing parts of the credit check from AlarmBox, which has separate calls for the detail and
        the PDF.

        If the credit check can't be re-fetched, send no call and only update its schedule. This happens, for example,
        if an earlier process has stored AlarmBox's refusal and ended before it could clear the schedule.
        """
        if find_refetch_refusal(record) is not None:
            self._refetch_service.plan_next_read(record)
            return
        pdf = "pdf" in record.incomplete
        detail = bool(set(record.incomplete) - {PDF_PART}) or not pdf
        self._refetch_service.refetch(record.id, detail=detail, pdf=pdf, expected_version=None, progress=ignore_step)

    def _run_action_for_due_credit_checks(self, reason: str, act: Callable[[CreditCheck], object]) -> int:
        """Call `act`, the action, with at most BATCH_SIZE due credit checks whose work has the reason `reason`. A
        credit check that another process has changed meanwhile is skipped. Return the number of handled credit
        checks."""
        with self._context.database.read() as conn:
            records = queues.list_due_credit_checks(conn, reason, self._context.now(), BATCH_SIZE)
        return sum(
            act_on_unchanged_record(self._context, record, credit_checks.find, act, f"{reason} of {record.id}")
            for record in iterate_until_stopped(records)
        )

    def _adopt_rows_of_other_applications(self) -> int:
        """Due task: adopt rows of credit checks that another application has written. The task normalises their
        corporation number and their state, and fills the columns that the other application does not know. If a row
        can't be adopted, open a case about it. Return the number of adopted rows.

        A run adopts each row once and leaves the rows that are added meanwhile to the next run. So it ends even if
        the other application writes new rows all the time.
        """
        with self._context.database.read() as conn:
            up_to_id = queues.find_highest_credit_check_id(conn)
        finders = (queues.find_new_foreign_rows, queues.find_changed_foreign_rows)
        return sum(self._adopt_rows_in_batches(partial(find_rows, up_to_id=up_to_id)) for find_rows in finders)

    def _adopt_rows_in_batches(self, find_rows: _ForeignRowFinder) -> int:
        """Adopt the rows that `find_rows` finds, in batches, until this call has tried all of them, or the task must
        stop. Return the number of adopted rows."""
        adopted_ids, failed_ids = set[int](), set[int]()
        with self._context.database.read() as conn:
            has_rows = bool(find_rows(conn, limit=1))
        while has_rows and not must_stop_task():
            tried_count = len(adopted_ids) + len(failed_ids)
            self._adopt_row_batch(find_rows, adopted_ids, failed_ids)
            has_rows = len(adopted_ids) + len(failed_ids) > tried_count
        return len(adopted_ids)

    def _adopt_row_batch(self, find_rows: _ForeignRowFinder, adopted_ids: set[int], failed_ids: set[int]) -> None:
        """Adopt up to ROWS_PER_TRANSACTION of the rows that `find_rows` finds, except those in `adopted_ids` and
        `failed_ids`, in one transaction. If the transaction fails, adopt each row in a separate transaction.

        Add the ids of the adopted rows to `adopted_ids`, and the ids of the other rows to `failed_ids`, so that the
        next batch has the rows that follow them. If a row was adopted and has been changed again since then, add its
        id to `failed_ids`, too.
        """
        rows: tuple[queues.ForeignRow, ...] = ()
        changed_ids = set[int]()

        def adopt_rows(tx: Transaction) -> list[bool]:
            nonlocal rows, changed_ids
            found_rows = find_rows(tx.conn, limit=ROWS_PER_TRANSACTION + len(failed_ids))
            changed_ids = {row[0] for row in found_rows} & adopted_ids
            tried_ids = adopted_ids | failed_ids
            rows = tuple(row for row in found_rows if row[0] not in tried_ids)[:ROWS_PER_TRANSACTION]
            return [self._adopt_row(tx, *row) for row in rows]

        try:
            results = self._context.write(adopt_rows)
        except Exception:
            _log.warning("rows written by another application are now corrected one by one", exc_info=True)
            results = [self._adopt_row_alone(row) for row in rows]
        for row, is_adopted in zip(rows, results, strict=True):
            (adopted_ids if is_adopted else failed_ids).add(row[0])
        failed_ids |= changed_ids

    def _adopt_row_alone(self, row: tuple[int, str, str]) -> bool:
        """Adopt one row in a separate transaction, and return True. `row` contains the arguments of `_adopt_row`
        after the transaction: the id, the written corporation number and the form of this number for comparisons.
        Return False if another process has adopted the row, or if its adoption fails (the error is logged)."""
        results: list[bool] = []
        with skip_failures("a row written by another application"):
            results.append(self._context.write(lambda tx: self._adopt_row(tx, *row)))
        return any(results)

    @credit_checks.run_again_if_stale()
    def _adopt_row(self, tx: Transaction, record_id: int, written_number: str, number_key: str) -> bool:
        """Adopt the row of the credit check `record_id`, and return True. `written_number` is its corporation number
        as the other application wrote it, `number_key` the form of this number that the database has computed for
        comparisons. If another process has adopted the row meanwhile, change nothing and return False.
        """
        context, number = (
            self._context,
            find_corporation_number(written_number, allows_test_numbers=True) or number_key,
        )
        record = credit_checks.find(tx.conn, record_id)
        # Keep this sequence of reads: if another process adopts the row between them, the version of `record` is old,
        # so the write below fails.
        if record is None or not queues.is_foreign_row_to_adopt(tx.conn, record_id):
            return False
        now = context.now()
        holder_id = (
            credit_checks.find_other_claim_holder_id(tx.conn, record, number) if written_number != number else None
        )
        columns: dict[str, object] = {} if holder_id is None else {"duplicate_of": holder_id}
        is_readable = len(number) == DIGIT_COUNT and number.isascii() and number.isdigit()
        if is_readable:  # an unreadable number stays as it was written
            columns["corporation_number"] = number
        is_duplicate = holder_id is not None or record.duplicate_of is not None
        work = _choose_work_of_adopted_row(record, is_readable=is_readable, is_duplicate=is_duplicate)
        columns |= {"status": record.state, **credit_checks.make_work_values(work)}
        credit_checks.change_record(tx.conn, record, now, **columns)
        if record.work.reason == WorkReason.NUMBER_UNREADABLE:
            cases.close_case(tx.conn, WorkReason.NUMBER_UNREADABLE, credit_checks.CREDIT_CHECK_KIND, record_id, now)
        if work.reason in (WorkReason.NUMBER_UNREADABLE, WorkReason.DUPLICATE):
            cases.open_case(
                tx.conn, work.reason, credit_checks.CREDIT_CHECK_KIND, record_id, written_number, "13 digits", now
            )
        context.record_audit(
            tx, AuditAction.CREDIT_CHECK_ADOPTED, record_id, {"written": written_number[:64]}, reason=work.reason
        )
        return True


def _choose_work_of_adopted_row(record: CreditCheck, *, is_readable: bool, is_duplicate: bool) -> Work:
    """Return the work of an adopted credit check. A person must review it in three situations: it is a duplicate
    (`is_duplicate`); its corporation number can't be read (`is_readable` is False); or it has no id of AlarmBox and
    may have been bought. In any other situation it has no work.
    """
    if is_duplicate:
        return Work(WorkState.NEEDS_REVIEW, reason=WorkReason.DUPLICATE)
    if not is_readable:
        return Work(WorkState.NEEDS_REVIEW, reason=WorkReason.NUMBER_UNREADABLE)
    if record.credit_check_id is None and record.state is not CheckState.ERROR:
        return Work(WorkState.NEEDS_REVIEW, reason=WorkReason.WRITTEN_BY_OTHER)
    return Work()


def _find_subject_of_delivery_case(conn: Connection, entry: SpoolEntry) -> int:
    """Return the id of the record that a case about the spooled answer is about: the record of the answer's
    operation, or 0 if the database has lost this operation. The record's former id is not used then, because a
    restored database gives the ids of lost records to new records, which may belong to another company. All answers
    of one kind whose operation is lost share the id 0: while their case waits for a person, none of them is
    delivered."""
    operation = journal.find(conn, entry.intent.operation_id)
    return operation.subject_id or 0 if operation is not None else 0


@contextmanager
def skip_failures(name: str, attempt_count: int = 0) -> Iterator[None]:
    """Context manager: if the block raises an exception, log the exception and continue after the block. Each block
    has a correlation id of its own in the log.

    `name` names the block in the log; `attempt_count` is the number of earlier attempts, which is logged too.
    """
    with tracing.start_new_correlation(record=name, **{tracing.RETRIES_FACT_NAME: str(attempt_count)}):
        try:
            yield
        except ConsoleError as refusal:
            _log.info("%s: %s", name, refusal.code)
        except Exception:
            _log.warning("%s failed", name, exc_info=True)


def act_on_unchanged_record(
    context: ServiceContext,
    record: RecordT,
    find: Callable[[Connection, int], RecordT | None],
    act: Callable[[RecordT], object],
    name: str,
) -> int:
    """Call `act` with the due record and return 1, also if `act` fails (the failure is logged under `name`). If
    another process has changed the record since this process read it, return 0 without calling `act`. `find` returns
    the stored record with the given id."""
    with context.database.read() as conn:
        current_record = find(conn, record.id)
    if current_record is None or current_record.version != record.version:
        return 0
    with skip_failures(name, record.work.attempt):
        act(record)
    return 1


def open_cases_of_unreadable_rows(context: ServiceContext) -> None:
    """Open a case about each database row that this process could not convert into a record since the last call of
    this function. If a case can't be opened now, for example because the database is unreachable, a later call opens
    it."""
    for row in unreadable_rows.pop_unreported_rows():
        with skip_failures(f"{row.table} {row.key}"):
            try:
                _open_case_of_unreadable_row(context, row)
            except ConsoleError:
                unreadable_rows.mark_as_unreported(row)
                raise


def _open_case_of_unreadable_row(context: ServiceContext, row: UnreadableRow) -> None:
    observed = f"{row.table} {row.key}"
    context.write(
        lambda tx: cases.open_case(
            tx.conn, UNREADABLE_ROW_RULE, row.kind, row.subject_id, observed, "readable", context.now()
        )
    )
