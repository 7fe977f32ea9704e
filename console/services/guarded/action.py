"""Declarations of guarded actions (`GuardedAction`), and the service that runs one of them (`GuardedService`).

The services of credit checks, payments and refunds declare each action once. A `GuardedService` performs the
attempts of its action, settles operations whose answer arrived late, and records lapses. A lapse means that the
process of an operation ended during the call to the provider. `console.wiring` stores the services in a mapping by
action name, which the delivery of spooled answers and the due tasks use.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.process import interrupts
from console.domain.process.sending_permission import allow_sending_while
from console.domain.provider_outcome import Outcome
from console.domain.records import Operation
from console.services.audit import refusals
from console.services.guarded import unsent_operations
from console.services.guarded.operation import ClaimedOperation, ClaimedRecord, GuardedOperation, StepReporter
from console.services.guarded.pipeline import GuardedPipeline, end_intent
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.database import boot_clock
from console.store.database.compare_and_swap import StaleRow, run_again_if_stale
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.spool import answer_codec
from console.store.spool.answer_codec import StoredReport

MAX_PREPARATION_AGE_SECONDS = 300.0
"""Longest time in seconds from the beginning of an attempt's `prepare` to the first byte of its request. After a
longer time, for example because the machine slept, the answers and records that `prepare` and the claim have checked
may be outdated, so the request is not sent.
"""
AttemptT = TypeVar("AttemptT")
"""Type variable: the attempt, an object with the caller's request and the services that the steps of the action need.
"""
SettlerT = TypeVar("SettlerT")
"""Type variable: the object that `settle` and `record_lapse` get instead of the attempt, because the attempt's
process has ended.
"""
AnswerT = TypeVar("AnswerT")
"""Type variable: the content of the provider's answer."""
ResultT = TypeVar("ResultT")
"""Type variable: the result that the caller gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedAction(Generic[AttemptT, SettlerT, AnswerT, ResultT]):
    """The declaration of one guarded action. An attempt is one call of the action by a person or a worker.

    Raises ValueError on creation if `has_effect`, `settle` or `report_type` contradict `journal.MONEY_ACTION_BY_KIND`
    or the answers that the spool can store.

    Data:
    - `name`: the action's name in the journal, the spool and the audit trail.
    - `kind`: the kind of the records that the action changes.
    - `right`: the right that the acting person needs.
    - `has_effect`: True if the action costs or moves money.
    - `waits_for_lease`: True if an attempt waits while another holder has the lease; False if it raises in_progress
      instead.
    - `report_type`: type of the answer that the spool stores; None for an action without effect.
    - `audits_result_error`: True if an error that `make_result` raises gets an audit entry.

    Steps of an attempt, called in this order:
    - `prepare` checks the attempt before anything is written. If it returns a result, the caller gets this result and
      no other step runs.
    - `find_lease_name` returns the name of the lease, None if the attempt needs none.
    - `check` raises the refusal of an attempt that can't succeed, before and during the wait for the lease.
    - `may_be_refused`, if it isn't None, is called at the start of the first transaction (tx1). If it returns False,
      two steps are left out in tx1: `check`, and the search for an open alert that the database has gone back to an
      earlier state.
    - `claim` repeats the checks and writes the claim, in the first transaction (tx1).
    - `call` calls the provider, while no transaction is open.
    - `record_outcome` writes the outcome into the record, in the second transaction (tx2).
    - `make_exception_to_raise` gets an exception of the pipeline and returns the exception to raise.
    - `make_result` returns the result, or raises the error that the recorded outcome means.

    Steps after the process of the attempt has ended, each in a separate transaction:
    - `settle` writes an outcome that tx2 did not record. It gets the operation id, the outcome and the answer key
      (`ServiceContext.find_answer_key`), and returns False if the operation or its record is missing.
    - `record_lapse` writes the lapse into the record.
    """

    name: AuditAction
    kind: str
    right: str
    has_effect: bool
    waits_for_lease: bool
    report_type: type[StoredReport] | None
    prepare: Callable[[AttemptT], ResultT | None]
    find_lease_name: Callable[[AttemptT], str | None]
    check: Callable[[AttemptT, Connection], None]
    claim: Callable[[AttemptT, Transaction, str], ClaimedRecord]
    call: Callable[[AttemptT, ClaimedRecord], Outcome[AnswerT]]
    record_outcome: Callable[[AttemptT, Transaction, ClaimedRecord, Outcome[AnswerT]], None]
    make_exception_to_raise: Callable[[AttemptT, Exception], Exception]
    make_result: Callable[[AttemptT, ClaimedOperation, Outcome[AnswerT]], ResultT]
    settle: Callable[[SettlerT, Transaction, str, Outcome[AnswerT], str | None], bool] | None
    record_lapse: Callable[[SettlerT, Transaction, Operation], None]
    may_be_refused: Callable[[AttemptT, Connection], bool] | None = None
    audits_result_error: bool = False

    def __post_init__(self) -> None:
        if self.has_effect is not journal.has_effect(self.name) or (
            self.has_effect and journal.MONEY_ACTION_BY_KIND.get(self.kind) != self.name
        ):
            raise ValueError(f"{self.name}: journal.MONEY_ACTION_BY_KIND says otherwise about its effect")
        if self.has_effect is (self.settle is None) or self.has_effect is (
            self.report_type not in answer_codec.STORED_FORMAT_BY_REPORT_TYPE
        ):
            raise ValueError(f"{self.name}: an effect needs `settle` and an answer that the spool can keep")


class GuardedService(Generic[AttemptT, SettlerT, AnswerT, ResultT]):
    """Runs the attempts of one guarded action in this process. Several threads may use this object at the same time.

    `make_settler` returns the object that `settle` and `record_lapse` of the action get as their first argument. The
    service calls `make_settler` before the transaction of `settle` or `record_lapse` begins.
    """

    def __init__(
        self,
        context: ServiceContext,
        pipeline: GuardedPipeline,
        action: GuardedAction[AttemptT, SettlerT, AnswerT, ResultT],
        make_settler: Callable[[], SettlerT],
    ) -> None:
        self.action = action
        self._context, self._pipeline, self._make_settler = context, pipeline, make_settler

    def perform(
        self,
        attempt: AttemptT,
        progress: StepReporter,
        *,
        subject_id: int | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> ResultT:
        """Run one attempt of the guarded action until its outcome is recorded; return its result. `progress` is
        called with the name of each step (see `GuardedPipeline.run`).

        `subject_id` (id of the record) and `facts` describe the attempt in the audit entry of a refusal. Raises
        not_allowed if the acting person lacks the action's right, bad_profile if the action has an effect and this
        desk has no usable store key, the errors of the action's steps, and the errors of `GuardedPipeline.run`. A
        signal (Ctrl+C, SIGTERM) takes effect after the attempt has ended.
        """
        context, action = self._context, self.action
        with interrupts.defer_signals():
            with refusals.audit_refusals(context, action.name, subject_id, facts, kind=action.kind):
                context.require_right(action.right)
                begun_at_ms = boot_clock.read_uptime_ms()
                existing_result = action.prepare(attempt)
                if existing_result is not None:
                    return existing_result
                if action.has_effect:
                    # Without the store key, an answer that the database can't take could not be spooled: refuse
                    # before sending.
                    context.spool.set_cipher(context.cipher)
                claimed_operation, outcome = self._run_attempt(attempt, progress, begun_at_ms)
                if action.audits_result_error:
                    return action.make_result(attempt, claimed_operation, outcome)
            return action.make_result(attempt, claimed_operation, outcome)

    def _run_attempt(
        self, attempt: AttemptT, progress: StepReporter, begun_at_ms: int
    ) -> tuple[ClaimedOperation, Outcome[AnswerT]]:
        """Run the attempt in the pipeline; return the claimed operation and its outcome. The request of an action
        with effect is not sent if more than MAX_PREPARATION_AGE_SECONDS have passed since its preparation began at
        `begun_at_ms` (uptime in milliseconds).
        """
        sending_permission = (
            allow_sending_while(lambda: boot_clock.is_recent(begun_at_ms, MAX_PREPARATION_AGE_SECONDS))
            if self.action.has_effect
            else nullcontext()
        )
        try:
            with sending_permission:
                return self._pipeline.run(self._bind_attempt(attempt), progress)
        except (ConsoleError, StaleRow) as failure:
            error = self.action.make_exception_to_raise(attempt, failure)
            if error is failure:
                raise
            raise error from failure

    def _bind_attempt(self, attempt: AttemptT) -> GuardedOperation[AnswerT]:
        """Return the operation for the pipeline: its callables call the action's steps with this attempt."""
        action = self.action

        @run_again_if_stale()
        def claim_record(tx: Transaction, operation_id: str) -> ClaimedRecord:
            return action.claim(attempt, tx, operation_id)

        @run_again_if_stale()
        def record_outcome(tx: Transaction, subject: ClaimedRecord, outcome: Outcome[AnswerT]) -> None:
            action.record_outcome(attempt, tx, subject, outcome)

        return GuardedOperation(
            action=action.name,
            lease_name=action.find_lease_name(attempt),
            waits_for_lease=action.waits_for_lease,
            has_effect=action.has_effect,
            check=lambda conn: action.check(attempt, conn),
            may_be_refused=lambda conn: action.may_be_refused is None or action.may_be_refused(attempt, conn),
            claim=claim_record,
            call=lambda subject: action.call(attempt, subject),
            record_outcome=record_outcome,
            deliver=self.deliver_outcome,
        )

    def deliver_outcome(self, operation_id: str, outcome: Outcome[Any]) -> bool:
        """Settle an operation of the guarded action with the outcome that its second transaction (tx2) did not
        record. A repeated call with the same outcome does not change the record's state again, but it may store the
        evidence and the audit entry once more.

        Return False if the operation or its record is missing. For an action without effect, do nothing and return
        True.
        """
        context, settle = self._context, self.action.settle
        if settle is None:
            return True
        key, settler = context.find_answer_key(operation_id), self._make_settler()

        @run_again_if_stale()
        def settle_in_transaction(tx: Transaction) -> bool:
            return settle(settler, tx, operation_id, outcome, key)

        if not context.write(settle_in_transaction):
            return False
        with log_and_suppress("end of a delivered operation"):
            end_intent(context, operation_id, outcome)
        return True

    def record_lapse(self, operation_id: str) -> bool:
        """Record that the process of an operation ended during the call to the provider. Return True, or False if the
        operation has not lapsed or another process has recorded the lapse.

        The operation ends as not sent if the spool of this desk proves that nothing was sent. Otherwise its
        outcome is unknown if the action has an effect, and failed if it only reads.
        """
        if unsent_operations.settle_unsent_operation(self._context, operation_id, self.deliver_outcome):
            return True
        settler = self._make_settler()
        return record_operation_lapse(
            self._context, operation_id, lambda tx, operation: self.action.record_lapse(settler, tx, operation)
        )


ServicesByAction: TypeAlias = Mapping[str, GuardedService[Any, Any, Any, Any]]
"""Type: the guarded actions of this process, by name of the action."""


def map_services_by_action(*services: GuardedService[Any, Any, Any, Any]) -> ServicesByAction:
    """Return the services in a mapping whose keys are the names of their actions."""
    return {service.action.name: service for service in services}


def record_operation_lapse(
    context: ServiceContext, operation_id: str, record_lapse: Callable[[Transaction, Operation], None]
) -> bool:
    """Record in the journal that the process of the operation ended during the call to the provider. In the same
    transaction, call `record_lapse`, which writes this into the operation's record.

    Return True, or False if the operation has not lapsed or another process has recorded the lapse.
    """

    @run_again_if_stale()
    def mark_lapsed_and_record(tx: Transaction) -> bool:
        operation = journal.find(tx.conn, operation_id)
        if operation is None:
            return False
        if not journal.mark_lapsed(
            tx.conn, operation_id, journal.get_state_after_lapse(operation.action), context.now()
        ):
            return False
        record_lapse(tx, operation)
        return True

    return context.write(mark_lapsed_and_record)


def audit_lapse(context: ServiceContext, tx: Transaction, operation: Operation) -> None:
    """Write an audit entry which says that the process of the operation ended during the call to the provider. No
    record is changed: the operation has no effect, its action is unknown to this version, or its record has an
    outcome already."""
    audit_action, kind = AuditAction(f"{operation.action}.lapsed"), operation.subject_kind
    context.record_audit(tx, audit_action, operation.subject_id, kind=kind, result="failed", reason="lapsed")
