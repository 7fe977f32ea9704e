"""Progress of a saga, step by step, for display. It is computed from the saga's row alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.domain.tasks.records import Saga
from console.domain.tasks.states import SagaState

DONE_FACT_KEY = "done"
"""Key of a saga's fact: the times at which steps were done."""
UNDOING_FACT_KEY = "undoing"
"""Key of a saga's fact: the reason for which the saga undoes its steps."""
UNDONE_FACT_KEY = "undone"
"""Key of a saga's fact: the times at which steps were undone."""


class StepState(StrEnum):
    """State of one step of a saga, for display. CURRENT: the saga does this step next; WAITING: the saga does the
    step at a later instant; OPEN: the saga does the step after other steps; STUCK: the saga can't do the step until a
    person has removed the cause; SKIPPED: the saga will not do the step; DONE: the saga has done the step; UNDONE:
    the saga has done the step and undone it again.
    """

    DONE = "done"
    CURRENT = "current"
    WAITING = "waiting"
    STUCK = "stuck"
    OPEN = "open"
    SKIPPED = "skipped"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class SagaStep:
    """One step of a saga, for display. `at` is the instant at which the step was done, undone or stopped; for a
    waiting step, the instant of the next attempt. `reason` is the reason for which the step waits or has stopped.
    """

    name: str
    state: StepState
    at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SagaProgress:
    """A saga (`record`) with its steps in the sequence in which the saga does them, for display."""

    record: Saga
    steps: tuple[SagaStep, ...]

    @property
    def current_step(self) -> SagaStep | None:
        """The step that the saga does next (its state is CURRENT, WAITING or STUCK); None if the saga has ended."""
        present_states = (StepState.CURRENT, StepState.WAITING, StepState.STUCK)
        return next((step for step in self.steps if step.state in present_states), None)


def make_saga_progress(saga: Saga, names: Sequence[str], now: datetime) -> SagaProgress:
    """Return the saga's progress at the instant `now`; `names` are the names of its steps in order."""
    at = names.index(saga.step) if saga.step in names else len(names)
    steps = [_make_step(saga, name, now, is_after_present_step=index > at) for index, name in enumerate(names)]
    return SagaProgress(saga, tuple(steps))


def _make_step(saga: Saga, name: str, now: datetime, *, is_after_present_step: bool) -> SagaStep:
    """Return the step `name` of the saga with its state, for display. `is_after_present_step` is True if the step
    comes after the saga's present step."""
    done_at, undone_at = read_step_times(saga, DONE_FACT_KEY), read_step_times(saga, UNDONE_FACT_KEY)
    if name in undone_at:
        return SagaStep(name, StepState.UNDONE, undone_at[name])
    if saga.state is SagaState.STUCK and name == saga.step:
        return SagaStep(name, StepState.STUCK, saga.changed_at, saga.reason)
    if saga.ended_at is None and name == saga.step:
        is_waiting = saga.next_at is not None and saga.next_at > now
        state = StepState.WAITING if is_waiting else StepState.CURRENT
        return SagaStep(name, state, saga.next_at if is_waiting else None, saga.reason)
    if name in done_at:
        return SagaStep(name, StepState.DONE, done_at[name])
    if name == saga.step and saga.state is SagaState.DONE and saga.reason is None:
        return SagaStep(name, StepState.DONE, saga.ended_at)
    is_to_come = is_after_present_step and saga.ended_at is None and UNDOING_FACT_KEY not in saga.facts
    return SagaStep(name, StepState.OPEN if is_to_come else StepState.SKIPPED)


def read_step_times(saga: Saga, fact_key: str) -> dict[str, datetime]:
    """Return the times that the saga's facts have under `fact_key` (DONE_FACT_KEY or UNDONE_FACT_KEY), by the name of
    the step.
    """
    stored_times = saga.facts.get(fact_key)
    by_name = stored_times if isinstance(stored_times, dict) else {}
    return {str(name): datetime.fromisoformat(str(at)) for name, at in by_name.items()}
