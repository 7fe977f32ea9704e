"""Run sagas: processes of several steps. Each step writes its effect and the saga's new position in one
transaction.

After a crash at any point, the next process reads the next step from the saga's row. No effect is written twice,
because effect and position are committed together. A step that asks a provider does not change anything at the
provider; it runs without an open transaction and may be repeated.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode
from console.domain.tasks.records import Saga
from console.domain.tasks.retry_schedules import compute_next_attempt_time_of_endless_schedule
from console.domain.tasks.saga_progress import DONE_FACT_KEY, UNDOING_FACT_KEY, UNDONE_FACT_KEY
from console.domain.tasks.states import SagaState
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.tasks import sagas

LONGEST_REASON_CHARACTERS = 64
INTERNAL_ERROR_REASON = "trouble"
"""Reason of a step that waits after an internal error."""
INTERNAL_ERROR_COUNT_FACT_KEY = "faults"
"""Key of the saga's fact that counts the internal errors of its steps."""
MAX_INTERNAL_ERRORS = 4
"""Number of internal errors after which a saga stops and waits for a person."""
MAX_RETURNS_PER_RUN = 2
"""Largest number of returns to an earlier step in one run of a saga. The run ends after the last of them."""
_TRANSIENT_ERROR_CODES = frozenset(code for code, status in EXIT_STATUS.items() if 4 <= status <= 6) | {
    ErrorCode.BAD_PROFILE,
    ErrorCode.IN_PROGRESS,
    ErrorCode.LEASE_TIMEOUT,
    ErrorCode.READ_ONLY,
    ErrorCode.SCHEMA_MISMATCH,
}
"""Error codes of problems that are not about the saga: they end by themselves, concern only this desk, or end when a
person turns a read-only switch off. Examples are an unreachable provider or database, and a lease that another
process holds.
"""
_log = logging.getLogger("console.worker")


@dataclass(frozen=True, slots=True)
class StepDone:
    """Verdict of a saga's step that is done. `facts` are stored with the saga, for the steps after it."""

    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepWaiting:
    """Verdict of a saga's step that can't be done now. `reason` is stored with the saga. The step is tried again
    at the time `until`; with None, at the time that the schedule of the saga's plan gives."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EarlierStepRequired:
    """Verdict of a saga's step that needs a newer result of an earlier step. The saga continues with the earlier
    step `step_name`."""

    step_name: str


@dataclass(frozen=True, slots=True)
class SagaDone:
    """Verdict of a saga's step after which the saga ends successfully without its other steps. `reason` is stored
    with the saga; the effects of its earlier steps stay."""

    reason: str


@dataclass(frozen=True, slots=True)
class CompensationRequired:
    """Verdict of a saga's step which found that the effects of the earlier steps are no longer right. `reason` is
    stored with the saga; the runner then undoes these effects, the newest first."""

    reason: str


StepVerdict: TypeAlias = StepDone | StepWaiting | EarlierStepRequired | SagaDone | CompensationRequired
"""The result of a step, which determines the next step of the saga."""
StepAction: TypeAlias = Callable[[Transaction, Saga], StepVerdict]
"""Type of a function that writes the effect of a step in the given transaction, and returns the verdict."""


@dataclass(frozen=True, slots=True)
class EffectStep:
    """A step that writes to the database. `name` is the step's name in the saga's row. `write_effect` writes the
    step's effect in the runner's transaction and returns the verdict, a StepVerdict that determines the saga's next
    step. `undo_effect` reverses the effect later; it is None if nothing must be reversed."""

    name: str
    write_effect: StepAction
    undo_effect: Callable[[Transaction, Saga], None] | None = None


@dataclass(frozen=True, slots=True)
class ProviderQuestionStep:
    """A step that queries a provider without an open transaction. `name` is the step's name in the saga's row. `ask`
    queries the provider and returns the function that writes the answer in a transaction."""

    name: str
    ask: Callable[[Saga], StepAction]


SagaStep: TypeAlias = EffectStep | ProviderQuestionStep


@dataclass(frozen=True, slots=True)
class SagaPlan:
    """The plan of one kind of saga: its steps in sequence and the waits between the attempts of a step. `kind` is the
    kind of the sagas, such as PAYMENT_TIMEOUT_KIND; `subject_kind` is the kind of the records, such as `payment`, on
    which the sagas work. `on_stop` informs people that a saga has stopped; it runs in the transaction that stops the
    saga.
    """

    kind: str
    subject_kind: str
    steps: tuple[SagaStep, ...]
    waits_between_attempts: Sequence[timedelta]
    on_stop: Callable[[Transaction, Saga], None] = lambda _tx, _saga: None

    @property
    def step_names(self) -> tuple[str, ...]:
        """The names of the steps in sequence."""
        return tuple(step.name for step in self.steps)

    def get_step(self, step_name: str) -> SagaStep:
        """Return the step of this name. Raises ValueError for an unknown name."""
        return self.steps[self.step_names.index(step_name)]

    def find_step_name_after(self, name: str) -> str | None:
        """Return the name of the step after the step `name`; None if it is the last step."""
        return next(iter(self.step_names[self.step_names.index(name) + 1 :]), None)

    def find_step_name_before(self, name: str) -> str | None:
        """Return the name of the step before the step `name`; None if it is the first step."""
        return next(reversed(self.step_names[: self.step_names.index(name)]), None)


class StepTakenOver(Exception):
    """Raised if another process has changed the saga since this process read it. This process then must not write
    its step."""


class SagaRunner:
    """Runs the sagas of one plan. It acquires no lease: if two processes run the same step at the same time, only
    one of them can commit the step."""

    def __init__(self, context: ServiceContext, plan: SagaPlan) -> None:
        self._context = context
        self._plan = plan

    def run(self, saga: Saga) -> Saga:
        """Run those steps of the saga that can be done now, one after another. Return the saga afterwards. If a step
        fails, the saga is scheduled again; after MAX_INTERNAL_ERRORS internal errors (all errors without a code of
        _TRANSIENT_ERROR_CODES), it is stopped. If a step requires an earlier one again and again, for example because
        two clocks differ, stop after MAX_RETURNS_PER_RUN returns: the saga stays due for the next run."""
        return_count = 0
        try:
            while saga.state is SagaState.RUNNING and (saga.next_at is None or saga.next_at <= self._context.now()):
                if UNDOING_FACT_KEY in saga.facts:
                    saga = self._undo_step(saga)
                    continue
                position = self._plan.step_names.index(saga.step)
                saga = self._run_step(saga)
                if UNDOING_FACT_KEY not in saga.facts:
                    return_count += self._plan.step_names.index(saga.step) < position
                if return_count == MAX_RETURNS_PER_RUN:
                    return saga
        except StepTakenOver:
            return self._reread_saga(saga)
        except Exception as error:
            code = error.code if isinstance(error, ConsoleError) else INTERNAL_ERROR_REASON
            _log.warning("saga %s stays at %s: %s", saga.id, saga.step, code, exc_info=code == INTERNAL_ERROR_REASON)
            return (
                self.postpone_step(saga, code)
                if code in _TRANSIENT_ERROR_CODES
                else self._record_internal_error(saga, code)
            )
        return saga

    def postpone_step(self, saga: Saga, reason: str) -> Saga:
        """Count one attempt of the saga's present step, and schedule the next attempt. `reason` is stored with the
        saga. Return the saga afterwards."""
        return self._write_change_unless_taken_over(
            saga, lambda tx, current_saga: self._apply_step_verdict(tx, current_saga, StepWaiting(reason))
        )

    def postpone_step_without_attempt(self, saga: Saga, reason: str, wait: timedelta) -> Saga:
        """Schedule the saga's present step again after `wait`, without counting an attempt. `reason` is stored
        with the saga. Return the saga afterwards."""
        now, at = self._context.now(), self._context.now() + self._context.scale.scale_duration(wait)
        return self._write_change_unless_taken_over(
            saga,
            lambda tx, current_saga: sagas.postpone_step(
                tx.conn, current_saga, now, at, reason, counts_as_attempt=False
            ),
        )

    def resume(self, saga: Saga, write_decision: Callable[[Transaction], None]) -> Saga:
        """Resume a stopped saga after a person's decision. The function `write_decision` writes the decision; it is
        called in the same transaction. The count of the saga's internal errors begins at 0 again. Return the saga
        afterwards."""

        def write_decision_and_resume(tx: Transaction, current_saga: Saga) -> Saga:
            write_decision(tx)
            return sagas.resume_saga(tx.conn, current_saga, self._context.now(), {INTERNAL_ERROR_COUNT_FACT_KEY: 0})

        return self._write_change_unless_taken_over(saga, write_decision_and_resume)

    def _record_internal_error(self, saga: Saga, code: str) -> Saga:
        """Count an internal error of the saga, and schedule another attempt. After MAX_INTERNAL_ERRORS errors,
        stop the saga instead, and inform people in the same transaction. `code` is stored with the saga. Return
        the saga afterwards.
        """

        def count_error(tx: Transaction, current_saga: Saga) -> Saga:
            now, fault_count = (
                self._context.now(),
                int(str(current_saga.facts.get(INTERNAL_ERROR_COUNT_FACT_KEY, 0))) + 1,
            )
            if fault_count < MAX_INTERNAL_ERRORS:
                at = compute_next_attempt_time_of_endless_schedule(
                    self._plan.waits_between_attempts, current_saga.attempts, now, self._context.scale
                )
                return sagas.postpone_step(
                    tx.conn, current_saga, now, at, code, {INTERNAL_ERROR_COUNT_FACT_KEY: fault_count}
                )
            stuck_saga = sagas.mark_stuck(
                tx.conn, current_saga, now, code, {INTERNAL_ERROR_COUNT_FACT_KEY: fault_count}
            )
            self._plan.on_stop(tx, stuck_saga)
            return stuck_saga

        return self._write_change_unless_taken_over(saga, count_error)

    def _write_change_unless_taken_over(self, saga: Saga, change_saga: Callable[[Transaction, Saga], Saga]) -> Saga:
        """Call `change_saga` in a transaction, and return its result. `change_saga` writes the changed saga and
        returns it. If another process has changed the saga meanwhile, write nothing and return the saga as it is
        now."""
        try:
            return self._write_saga_change(saga, change_saga)
        except StepTakenOver:
            return self._reread_saga(saga)

    def _reread_saga(self, saga: Saga) -> Saga:
        with self._context.database.read() as conn:
            return sagas.find(conn, saga.id) or saga

    # Do steps

    def _run_step(self, saga: Saga) -> Saga:
        step, reach_failpoint = self._plan.get_step(saga.step), self._context.failpoints.reach
        reach_failpoint(f"before_{step.name}")
        write_effect = step.ask(saga) if isinstance(step, ProviderQuestionStep) else step.write_effect
        if isinstance(step, ProviderQuestionStep):
            reach_failpoint(f"answered_{step.name}")
        advanced_saga = self._write_saga_change(
            saga, lambda tx, current_saga: self._apply_step_verdict(tx, current_saga, write_effect(tx, current_saga))
        )
        reach_failpoint(f"after_{step.name}")
        return advanced_saga

    def _write_saga_change(self, saga: Saga, change_saga: Callable[[Transaction, Saga], Saga]) -> Saga:
        """Call `change_saga` in a transaction with the saga's present row, and return its result. `change_saga`
        writes an effect and the changed saga, and returns the changed saga. Raises StepTakenOver if another process
        has changed the saga."""

        def write_change_if_current(tx: Transaction) -> Saga:
            current_saga = sagas.find(tx.conn, saga.id)
            if current_saga is None or current_saga.version != saga.version:
                raise StepTakenOver
            return change_saga(tx, current_saga)

        try:
            return self._context.write(write_change_if_current)
        except sagas.StaleRow:
            raise StepTakenOver from None

    def _apply_step_verdict(self, tx: Transaction, saga: Saga, verdict: StepVerdict) -> Saga:
        """Write the step's verdict into the saga's row: the next step, an earlier step, a later attempt, the saga's
        end, or the beginning of its compensation. Return the saga afterwards."""
        now = self._context.now()
        match verdict:
            case StepDone(facts):
                return self._advance_step(tx, saga, facts)
            case StepWaiting(reason, until):
                at = until or compute_next_attempt_time_of_endless_schedule(
                    self._plan.waits_between_attempts, saga.attempts, now, self._context.scale
                )
                return sagas.postpone_step(tx.conn, saga, now, at, reason[:LONGEST_REASON_CHARACTERS])
            case EarlierStepRequired(step):
                return sagas.advance_saga(tx.conn, saga, now, step)
            case SagaDone(reason):
                if isinstance(
                    self._plan.get_step(saga.step), ProviderQuestionStep
                ):  # the step is done: its question was answered
                    saga = sagas.advance_saga(
                        tx.conn, saga, now, saga.step, {DONE_FACT_KEY: self._add_step_time(saga, DONE_FACT_KEY)}
                    )
                return sagas.end_saga(tx.conn, saga, now, SagaState.DONE, reason[:LONGEST_REASON_CHARACTERS])
            case CompensationRequired(reason):
                return self._move_to_previous_step(tx, saga, {UNDOING_FACT_KEY: reason[:LONGEST_REASON_CHARACTERS]})

    def _advance_step(self, tx: Transaction, saga: Saga, facts: Mapping[str, object]) -> Saga:
        """Store the saga's next step in its row, and add `facts` to its facts; if there is no next step, end the saga
        as done. Return the saga afterwards."""
        next_step_name = self._plan.find_step_name_after(saga.step)
        if next_step_name is None:
            return sagas.end_saga(tx.conn, saga, self._context.now(), SagaState.DONE)
        saga_facts = {**facts, DONE_FACT_KEY: self._add_step_time(saga, DONE_FACT_KEY)}
        return sagas.advance_saga(tx.conn, saga, self._context.now(), next_step_name, saga_facts)

    def _add_step_time(self, saga: Saga, fact_key: str) -> dict[str, object]:
        """Return the saga's fact `fact_key` with one more entry: the present step's name and the present time. The
        fact is a mapping from the name of a step to the time (ISO text) at which the step was done or undone."""
        times = saga.facts.get(fact_key)
        return {**(times if isinstance(times, dict) else {}), saga.step: self._context.now().isoformat()}

    # Compensate steps

    def _undo_step(self, saga: Saga) -> Saga:
        """Undo the saga's present step if it was done, and move the saga to the step before it. Return the saga
        afterwards."""
        step, reach_failpoint = self._plan.get_step(saga.step), self._context.failpoints.reach
        reach_failpoint(f"before_undo_{step.name}")
        moved_saga = self._write_saga_change(
            saga, lambda tx, current_saga: self._undo_done_step(tx, current_saga, step)
        )
        reach_failpoint(f"after_undo_{step.name}")
        return moved_saga

    def _undo_done_step(self, tx: Transaction, saga: Saga, step: SagaStep) -> Saga:
        done_times = saga.facts.get(DONE_FACT_KEY)
        if (
            not isinstance(step, EffectStep)
            or step.undo_effect is None
            or not isinstance(done_times, dict)
            or step.name not in done_times
        ):
            return self._move_to_previous_step(tx, saga, {})
        step.undo_effect(tx, saga)
        return self._move_to_previous_step(tx, saga, {UNDONE_FACT_KEY: self._add_step_time(saga, UNDONE_FACT_KEY)})

    def _move_to_previous_step(self, tx: Transaction, saga: Saga, facts: Mapping[str, object]) -> Saga:
        """Move the saga to its previous step, which is undone next. If there is no previous step, end the saga in
        the state compensated. `facts` are stored with the saga. Return the saga afterwards."""
        now, previous_step_name = self._context.now(), self._plan.find_step_name_before(saga.step)
        reason = str(facts.get(UNDOING_FACT_KEY) or saga.facts.get(UNDOING_FACT_KEY))
        moved_saga = sagas.advance_saga(tx.conn, saga, now, previous_step_name or saga.step, facts, reason=reason)
        if previous_step_name is not None:
            return moved_saga
        return sagas.end_saga(tx.conn, moved_saga, now, SagaState.COMPENSATED, reason)
