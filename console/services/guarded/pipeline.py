"""Run guarded operations: every call that costs or moves money, and every guarded re-fetch.

Steps: wait for the named lease (which saves useless attempts; safety doesn't depend on it) → claim in the first
transaction (tx1) → write the intent to the desk's spool → call the provider (no transaction is open) → record the
outcome in the second transaction (tx2), which the fencing token protects. Nothing is sent before COMMIT of tx1 has
returned. After a crash at any step, the journal row and the spool row show how another process must continue.

From before tx1 to the end of tx2, a signal (Ctrl+C, SIGTERM) does not end the process. If it arrives before the
request is sent, the operation ends as not sent; if it arrives during the call, the call is aborted; an answer that
has arrived is recorded or spooled.
"""

import logging
import uuid
from contextlib import nullcontext, suppress
from dataclasses import replace
from threading import get_ident
from typing import Any, TypeVar

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import SchemaProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import correlation as tracing
from console.domain.process import interrupts, log_events
from console.domain.process.log_events import LogEvent
from console.domain.process.sending_permission import STOPPED_BEFORE_SENDING_REASON, allow_sending_while
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass, SendingCertainty
from console.domain.records import LeaseHolder
from console.services.audit.refusals import make_lease_holder_detail
from console.services.guarded import database_fitness, database_rollback
from console.services.guarded.idempotency import refuse_repeated_key
from console.services.guarded.operation import (
    ClaimedOperation,
    ClaimedRecord,
    GuardedOperation,
    LeaseDeadline,
    OutcomeUnrecorded,
    StepReporter,
    find_journal_state,
)
from console.services.guarded.unsent_operations import make_not_sent_outcome
from console.services.process.context import ServiceContext
from console.services.process.heartbeat import Heartbeat
from console.store.database import boot_clock, row_counters
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.operations import journal, leases
from console.store.operations.journal import WAITED_MS_KEY, NewOperation, OperationEndedByOtherProcess
from console.store.operations.leases import Lease, PendingLease
from console.store.spool.answer_codec import Answer, find_id_at_provider, find_storable_report
from console.store.spool.spool import Intent

LEASE_WAIT_SECONDS = 60.0
"""Longest time in seconds for which an operation waits for its named lease."""
_FIRST_LEASE_POLL_PAUSE_SECONDS = 0.01
_LONGEST_LEASE_POLL_PAUSE_SECONDS = 0.1
_log = logging.getLogger("console.guard")

T = TypeVar("T")


class _ClaimedRowsMissing(Exception):
    """Raised after the second transaction (tx2) if the operation or its record is no longer in the database."""


class _LeaseHeldByOther(Exception):
    """Raised if another process or thread has the lease of the operation; the first transaction (tx1) was then rolled
    back. `holder` is None if the lease became free meanwhile."""

    def __init__(self, holder: LeaseHolder | None) -> None:
        self.holder = holder


class GuardedPipeline:
    """Runs the guarded operations of one process. The steps of an operation are: wait for the lease, claim, write the
    intent to the spool, call the provider, record the outcome.
    """

    def __init__(self, context: ServiceContext, heartbeat: Heartbeat) -> None:
        self._context = context
        self._heartbeat = heartbeat

    def run(self, operation: GuardedOperation[T], progress: StepReporter) -> tuple[ClaimedOperation, Outcome[T]]:
        """Run the guarded operation until its outcome is recorded; return the claim and the outcome.

        The pipeline calls `progress` with "waiting", "asking" and "answered". Before anything is sent, raises the
        refusals of the operation's `check` and `claim`; lease_timeout after LEASE_WAIT_SECONDS, or in_progress if the
        operation does not wait, while another holder has the lease; database_went_back if the database has gone back
        to an earlier state; storage_full if a disk of the desk is full; and InterruptedBeforeAction if a signal
        arrived before the claim. If the outcome could not be written to the database, raises OutcomeUnrecorded for an
        operation with effect, and the error of the write for an operation without effect. A signal that arrives after
        the claim takes effect after the outcome is written.
        """
        with tracing.continue_or_start_correlation(), interrupts.defer_signals():
            if operation.has_effect:
                database_rollback.require_no_database_rollback(self._context)
            self._context.failpoints.reach("before_tx1")
            if operation.has_effect:
                database_fitness.require_disk_space(self._context)
            claimed_operation = self._wait_and_claim(operation, progress)
            with tracing.add_log_facts(operation=claimed_operation.operation_id):
                return claimed_operation, self._run_claimed_operation(operation, claimed_operation, progress)

    def _run_claimed_operation(
        self, operation: GuardedOperation[T], claimed_operation: ClaimedOperation, progress: StepReporter
    ) -> Outcome[T]:
        """Run the steps of the operation after COMMIT of its first transaction (tx1): call the provider, record
        and return the outcome. Meanwhile the heartbeat renews the leases."""
        beat_name = f"{claimed_operation.operation_id}-{get_ident()}"
        self._heartbeat.add_beat(beat_name, lambda: self._renew_leases(claimed_operation))
        try:
            self._prepare_call(operation, claimed_operation, progress)
            outcome = self._call_provider(operation, claimed_operation, progress)
            self._record_outcome(operation, claimed_operation, outcome)
        finally:
            self._heartbeat.remove_beat(beat_name)
        _log.info("operation %s: %s", operation.action, outcome.kind.value)
        return outcome

    # Waiting and claiming

    def _wait_and_claim(self, operation: GuardedOperation[T], progress: StepReporter) -> ClaimedOperation:
        started_at = self._context.clock.monotonic()
        try:
            return self._claim_when_free(operation, progress, started_at)
        except ConsoleError as refusal:
            self._context.process_counters.count_refusal(refusal.code)
            raise
        finally:
            if operation.lease_name is not None:
                self._context.process_counters.count_lease_wait(self._context.clock.monotonic() - started_at)

    def _claim_when_free(
        self, operation: GuardedOperation[T], progress: StepReporter, started_at: float
    ) -> ClaimedOperation:
        """Wait until the operation's lease is free, run the first transaction (tx1), and return the claim.
        `started_at` is the time at which the wait began (seconds of the monotonic clock). Raises in_progress if the
        operation doesn't wait, lease_timeout after LEASE_WAIT_SECONDS, and InterruptedBeforeAction after a signal
        that ends this process."""
        context = self._context
        deadline = started_at + context.scale.scale_seconds(LEASE_WAIT_SECONDS)
        while True:
            interrupts.raise_if_interrupt_pending()
            try:
                return self._write_claim(operation, context.clock.monotonic() - started_at)
            except _LeaseHeldByOther as conflict:
                if not operation.waits_for_lease:
                    raise ConsoleError(ErrorCode.IN_PROGRESS, make_lease_holder_detail(conflict.holder)) from None
            progress("waiting")
            self._await_free_lease(operation, deadline)

    def _write_claim(self, operation: GuardedOperation[T], waited_seconds: float) -> ClaimedOperation:
        """Run the first transaction (tx1) of the operation and return the claim. `waited_seconds` is the time that
        the caller has waited for the lease.

        If a unique index refuses the claim, raises the refusal for the record or attempt that holds the claim; for
        an index that another application has created, raises schema_mismatch (detail.problem foreign_unique_index).
        Raises _LeaseHeldByOther if another process has the lease.
        """
        context, operation_id = self._context, str(uuid.uuid4())
        subject: ClaimedRecord | None = None

        def run_first_transaction(tx: Transaction) -> ClaimedOperation:
            nonlocal subject
            begun_at_ms = boot_clock.read_uptime_ms()
            pending_lease = self._request_lease(tx, operation)
            may_be_refused = operation.may_be_refused(tx.conn)
            if operation.has_effect:
                if may_be_refused:
                    database_rollback.refuse_after_database_rollback(tx.conn)
                # The second transaction (tx2) needs auto-increment ids as well.
                row_counters.require_remaining_ids(tx.conn)
            if may_be_refused:
                operation.check(tx.conn)
            lease = self._require_lease(tx, operation, pending_lease)
            subject = operation.claim(tx, operation_id)
            fence = self._insert_journal_row(tx, operation, operation_id, subject)
            context.bind_to_request_id(tx, subject.kind, subject.id, operation_id)
            if operation.has_effect:
                context.spool.store_intent(self._make_intent(operation, subject, operation_id))
            facts = {
                "operation": operation_id,
                **({WAITED_MS_KEY: int(waited_seconds * 1000)} if operation.lease_name else {}),
            }
            context.record_audit(tx, AuditAction(f"{operation.action}.started"), subject.id, facts, kind=subject.kind)
            deadline = LeaseDeadline(begun_at_ms, self._heartbeat.scale_lease_seconds)
            return ClaimedOperation(operation_id, fence, subject, lease, deadline)

        try:
            return context.write(run_first_transaction)
        except UniqueViolation as error:
            with context.database.read() as conn:
                operation.check(conn)
                if subject is not None:
                    refuse_repeated_key(conn, subject.idempotency_key, subject.fingerprint)
            _raise_if_foreign_index_refused(error)
            raise

    def _request_lease(self, tx: Transaction, operation: GuardedOperation[T]) -> PendingLease | None:
        """Acquire the named lease of the operation; return None if the operation needs none. On MariaDB the statement
        for this is sent together with the first statement of the check. If the check refuses the operation, the lease
        is rolled back with the transaction.
        """
        context = self._context
        if operation.lease_name is None:
            return None
        return leases.acquire_with_next_statement(
            tx, operation.lease_name, context.make_holder(), context.now(), self._heartbeat.scale_lease_seconds
        )

    def _require_lease(
        self, tx: Transaction, operation: GuardedOperation[T], pending_lease: PendingLease | None
    ) -> Lease | None:
        """Return the lease that `_request_lease` has requested in the same transaction (`pending_lease` is its
        result); None if the operation needs no lease. Raises _LeaseHeldByOther if another holder has it."""
        if pending_lease is None or operation.lease_name is None:
            return None
        lease = pending_lease.find_lease()
        if lease is None:
            raise _LeaseHeldByOther(leases.find_holder(tx.conn, operation.lease_name))
        return lease

    def _insert_journal_row(
        self, tx: Transaction, operation: GuardedOperation[T], operation_id: str, subject: ClaimedRecord
    ) -> int:
        """Insert the journal row of the operation, and return its fencing token."""
        journal_row = NewOperation(
            operation_id, operation.action, subject.kind, subject.id, subject.client_id, subject.corporation_number,
            subject.idempotency_key, subject.fingerprint, self._make_answer_key(operation, operation_id),
        )  # fmt: skip
        context = self._context
        return journal.begin_operation(
            tx, journal_row, context.make_holder(), context.now(), self._heartbeat.scale_lease_seconds
        )

    def _make_answer_key(self, operation: GuardedOperation[T], operation_id: str) -> str | None:
        """Return the answer key of the operation; None for an operation without effect, or if `find_answer_key` finds
        none."""
        return self._context.find_answer_key(operation_id) if operation.has_effect else None

    def _await_free_lease(self, operation: GuardedOperation[T], deadline: float) -> None:
        """Read the lease of the operation repeatedly until it is free. Each round also calls the operation's `check`,
        so that an operation that can no longer succeed is refused before the deadline. Raises lease_timeout at
        `deadline` (seconds of the monotonic clock).
        """
        context, pause_seconds = self._context, _FIRST_LEASE_POLL_PAUSE_SECONDS
        started_at = context.clock.monotonic()
        while True:
            interrupts.raise_if_interrupt_pending()
            with context.database.read() as conn:
                operation.check(conn)
                holder = leases.find_holder(conn, operation.lease_name or "")
            if holder is None or context.clock.monotonic() >= deadline:
                waited_seconds = round(context.clock.monotonic() - started_at, 3)
                log_events.write_event(
                    LogEvent.LEASE_WAITED, lease=operation.lease_name, seconds=waited_seconds, free=holder is None
                )
            if holder is None:
                return
            if context.clock.monotonic() >= deadline:
                raise ConsoleError(ErrorCode.LEASE_TIMEOUT, make_lease_holder_detail(holder))
            context.clock.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.5, _LONGEST_LEASE_POLL_PAUSE_SECONDS)

    # Calling

    def _prepare_call(
        self, operation: GuardedOperation[T], claimed_operation: ClaimedOperation, progress: StepReporter
    ) -> None:
        """Run the steps between COMMIT of the first transaction (tx1) and the request to the provider. If one of
        these steps fails, record the operation as not sent and raise the error."""
        try:
            self._context.failpoints.reach("after_tx1")
            if operation.has_effect:
                self._mark_calling(claimed_operation.operation_id)
                self._context.failpoints.reach("after_intent")
            progress("asking")
            self._context.failpoints.reach("before_send")
        except BaseException as error:
            reason = error.code if isinstance(error, ConsoleError) else STOPPED_BEFORE_SENDING_REASON
            # If this write fails too, the spool row stays `prepared`, and `unsent_operations` records it later.
            with suppress(Exception):
                self._record_outcome(operation, claimed_operation, make_not_sent_outcome(reason))
            raise

    def _mark_calling(self, operation_id: str) -> None:
        """Set the operation's spool row to `calling`, which means that the request may have been sent. Raises
        interrupted if this desk has already settled the operation as not sent."""
        if not self._context.spool.mark_calling(operation_id):
            raise ConsoleError(ErrorCode.INTERRUPTED, {"reason": "told_not_sent", "operation_id": operation_id})

    def _make_intent(self, operation: GuardedOperation[T], subject: ClaimedRecord, operation_id: str) -> Intent:
        context = self._context
        return Intent(
            operation_id=operation_id,
            database_id=context.database_id,
            action=operation.action,
            client_id=subject.client_id,
            corporation_number=subject.corporation_number,
            record_id=subject.id,
            operator=context.make_holder().operator,
            desk_id=context.spool.desk_id,
            at=context.now(),
            fingerprint=subject.fingerprint,
            payment_id=subject.payment_id,
            provider_key=subject.provider_key,
            amount_minor=subject.amount_minor,
        )

    def _call_provider(
        self, operation: GuardedOperation[T], claimed_operation: ClaimedOperation, progress: StepReporter
    ) -> Outcome[T]:
        """Call the provider and return the outcome. If an Exception ends the call, the outcome is unknown, because
        the provider may have received the request.

        In two cases an operation with effect is not sent, and the returned outcome states this: a signal (Ctrl+C,
        SIGTERM) has arrived before the call, or the operation has lapsed before the first byte of the request (see
        `_may_send`). If KeyboardInterrupt ends the call of an operation with effect, return the answer that has
        arrived, or an unknown outcome if no answer has arrived. Any other BaseException, and KeyboardInterrupt during
        an operation without effect, is raised after the unknown outcome was recorded.
        """
        if operation.has_effect and interrupts.is_interrupt_pending():
            return make_not_sent_outcome(interrupts.INTERRUPT_REASON)
        outcome: Outcome[T] | None = None
        sending_permission = (
            allow_sending_while(lambda: self._may_send(claimed_operation)) if operation.has_effect else nullcontext()
        )
        try:
            with sending_permission:
                outcome = operation.call(claimed_operation.subject)
            if outcome.kind is not OutcomeClass.UNKNOWN:
                _report_step(progress, "answered")
            self._context.failpoints.reach("after_send")
        except Exception:
            _log.exception("operation %s: the call broke off", claimed_operation.operation_id)
            return Outcome(OutcomeClass.UNKNOWN, "broke_off", SendingCertainty.MAYBE)
        except BaseException as end:
            last_outcome: Outcome[T] = outcome or Outcome(
                OutcomeClass.UNKNOWN, interrupts.INTERRUPT_REASON, SendingCertainty.MAYBE
            )
            if isinstance(end, KeyboardInterrupt) and operation.has_effect:
                return last_outcome
            with suppress(Exception):  # If tx2 fails, the answer goes to the spool; `end` is raised in any case.
                self._record_outcome(operation, claimed_operation, last_outcome)
            raise
        return outcome

    def _may_send(self, claimed_operation: ClaimedOperation) -> bool:
        """True if the operation's lease is live, or can be renewed because no process has recorded that the operation
        lapsed. Otherwise the operation must not be sent: after a recorded lapse, people may have decided that the
        operation did not happen, and another operation may have been begun in its place.
        """
        if not claimed_operation.deadline.is_live():
            try:
                self._renew_leases(claimed_operation)
            except Exception:
                _log.warning(
                    "operation %s: its lease can't be renewed", claimed_operation.operation_id, exc_info=True
                )
        return claimed_operation.deadline.is_live()

    # Recording

    def _record_outcome(
        self, operation: GuardedOperation[T], claimed_operation: ClaimedOperation, outcome: Outcome[T]
    ) -> None:
        """Write the outcome of the operation in the second transaction (tx2). If tx2 fails and the operation has
        an effect, write the outcome into the desk's spool.

        Raises OutcomeUnrecorded if tx2 failed for an operation with effect. A signal during tx2 is raised only
        after tx2 was tried again and, if it failed, the outcome was spooled.
        """
        try:
            self._context.failpoints.reach("before_tx2")
            is_owner = self._write_or_deliver_outcome(operation, claimed_operation, outcome)
        except Exception as error:
            if not operation.has_effect:
                raise
            is_spooled = self._spool_answer(claimed_operation, outcome)
            raise OutcomeUnrecorded(
                claimed_operation, is_spooled=is_spooled, id_at_provider=find_id_at_provider(outcome.content)
            ) from error
        except BaseException:
            if (
                not self._write_or_deliver_outcome_again(operation, claimed_operation, outcome)
                and operation.has_effect
            ):
                self._spool_answer(claimed_operation, outcome)
            raise
        if is_owner and operation.has_effect:
            self._end_intent(claimed_operation, outcome)
        if outcome.kind in OUTCOME_CLASSES_WITH_EFFECT:
            with suppress(RuntimeError):
                self._context.failpoints.reach("after_tx2")
        else:
            self._context.failpoints.reach("after_tx2")

    def _write_or_deliver_outcome(
        self, operation: GuardedOperation[T], claimed_operation: ClaimedOperation, outcome: Outcome[T]
    ) -> bool:
        """Run the second transaction (tx2), which writes the outcome of the operation. If another process has
        ended the operation meanwhile, pass the outcome to the operation's `deliver`. Return True if tx2 wrote
        the outcome. Raises _ClaimedRowsMissing if the operation or its record is missing.
        """
        is_owner = self._write_outcome(operation, claimed_operation, outcome)
        if not is_owner and not operation.deliver(claimed_operation.operation_id, outcome):
            raise _ClaimedRowsMissing(claimed_operation.operation_id)
        return is_owner

    def _write_or_deliver_outcome_again(
        self, operation: GuardedOperation[T], claimed_operation: ClaimedOperation, outcome: Outcome[T]
    ) -> bool:
        """Run the second transaction (tx2) once more after a BaseException (for example KeyboardInterrupt) ended it.
        The fencing token makes the repetition safe. Return True if the outcome was written or delivered, and False if
        this attempt fails, too."""
        try:
            is_owner = self._write_or_deliver_outcome(operation, claimed_operation, outcome)
        except Exception:
            return False
        if is_owner and operation.has_effect:
            self._end_intent(claimed_operation, outcome)
        return True

    def _write_outcome(
        self, operation: GuardedOperation[T], claimed_operation: ClaimedOperation, outcome: Outcome[T]
    ) -> bool:
        """Run the second transaction (tx2): end the journal row, release the lease, and write the outcome into the
        record. Return True, or False if another process had ended the operation; then only the lease is released."""
        context, state = self._context, find_journal_state(outcome, operation.has_effect)
        key = self._make_answer_key(operation, claimed_operation.operation_id)

        def run_second_transaction(tx: Transaction) -> None:
            journal.end_operation(
                tx.conn, claimed_operation.operation_id, claimed_operation.fence, state, outcome, context.now(), key
            )
            self._release_lease(tx, claimed_operation)
            operation.record_outcome(tx, claimed_operation.subject, outcome)

        try:
            context.write(run_second_transaction)
        except OperationEndedByOtherProcess:
            context.write(lambda tx: self._release_lease(tx, claimed_operation))
            return False
        return True

    def _release_lease(self, tx: Transaction, claimed_operation: ClaimedOperation) -> None:
        if claimed_operation.lease is not None:
            leases.release(tx.conn, claimed_operation.lease)

    def _spool_answer(self, claimed_operation: ClaimedOperation, outcome: Outcome[T]) -> bool:
        """Write the outcome into the desk's spool, because the second transaction (tx2) has failed. Return True, or
        False if this fails, too; the failure is logged."""
        _log.exception("operation %s: the outcome could not be recorded", claimed_operation.operation_id)
        answer: Answer = replace(outcome, content=find_storable_report(outcome.content))  # type: ignore[arg-type, assignment]  # narrowed
        try:
            self._context.spool.store_answer(claimed_operation.operation_id, answer)
        except Exception:
            _log.exception(
                "operation %s: the answer could not be kept on the desk either", claimed_operation.operation_id
            )
            return False
        return True

    def _end_intent(self, claimed_operation: ClaimedOperation, outcome: Outcome[T]) -> None:
        """Mark the operation's spool row as ended after tx2 has written the outcome. A failure is only logged."""
        try:
            end_intent(self._context, claimed_operation.operation_id, outcome)
        except Exception:
            _log.warning(
                "operation %s: its end could not be noted on the desk", claimed_operation.operation_id, exc_info=True
            )

    def _renew_leases(self, claimed_operation: ClaimedOperation) -> None:
        """Renew two leases in one transaction: the lease of the operation's journal row, and the operation's named
        lease. The heartbeat calls this method."""
        context, lease_seconds = self._context, self._heartbeat.scale_lease_seconds

        def renew_in_transaction(tx: Transaction) -> bool:
            is_renewed = journal.renew_lease(
                tx.conn, claimed_operation.operation_id, claimed_operation.fence, lease_seconds
            )
            if claimed_operation.lease is not None:
                leases.renew(tx.conn, claimed_operation.lease, context.now(), lease_seconds)
            return is_renewed

        begun_at_ms = boot_clock.read_uptime_ms()
        if context.write(renew_in_transaction):
            claimed_operation.deadline.extend(begun_at_ms, lease_seconds)


def _report_step(progress: StepReporter, step: str) -> None:
    """Call `progress` with the step's name. If `progress` raises an Exception, log it and return, so that the
    operation continues."""
    try:
        progress(step)
    except Exception:
        _log.warning("a listener failed at %r", step, exc_info=True)


def end_intent(context: ServiceContext, operation_id: str, outcome: Outcome[Any]) -> None:
    """Mark the operation's intent (its row in the spool) as ended. If the outcome is unknown, the intent stays
    open, so that it holds its claim."""
    if outcome.kind is OutcomeClass.UNKNOWN:
        return
    identifier = find_id_at_provider(outcome.content)
    numeric_id = identifier if isinstance(identifier, int) else None
    context.spool.mark_ended(
        operation_id, holds_claim=outcome.kind in OUTCOME_CLASSES_WITH_EFFECT, id_at_provider=numeric_id
    )


def _raise_if_foreign_index_refused(error: UniqueViolation) -> None:
    """Raise schema_mismatch with the name of the index, if a unique index of another application on the table of
    credit checks refused the claim. The claim was rolled back, so nothing was sent. Return normally for any other
    index."""
    # rarely needed, so these modules aren't imported at the start
    from console.store.adoption.adopt_table import find_index_of_other_application
    from console.store.schema.legacy_table import TABLE_NAME

    index = find_index_of_other_application(error) if TABLE_NAME in (error.statement or "") else None
    if index is not None:
        raise ConsoleError(
            ErrorCode.SCHEMA_MISMATCH,
            {
                "problem": SchemaProblem.FOREIGN_UNIQUE_INDEX,
                "table": TABLE_NAME,
                "names": [index],
            },
        ) from error
