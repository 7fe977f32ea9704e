"""How a saga stands, step by step, as people are shown it. Reads nothing but the journal's record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.domain.worker_records import Saga, SagaState

DONE, UNDOING, UNDONE = "done", "undoing", "undone"
"""Facts of the journal: when each step was done, why it goes backwards, and when each step was undone."""


class StepState(StrEnum):
    DONE = "done"
    CURRENT = "current"
    WAITING = "waiting"
    STUCK = "stuck"
    OPEN = "open"
    SKIPPED = "skipped"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class SagaStep:
    """One step. `at`: when it was done, undone or stopped; of one that waits, when it is tried again for `reason`."""

    name: str
    state: StepState
    at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SagaView:
    """A saga with its steps in their order. `reason`: why it waits, or why it ended before its last step."""

    record: Saga
    steps: tuple[SagaStep, ...]

    @property
    def current(self) -> SagaStep | None:
        """The step it stands at; None when it has ended."""
        here = (StepState.CURRENT, StepState.WAITING, StepState.STUCK)
        return next((one for one in self.steps if one.state in here), None)


def seen(saga: Saga, names: Sequence[str], now: datetime) -> SagaView:
    """A saga as it stands at the instant `now`; `names` are its steps in order."""
    at = names.index(saga.step) if saga.step in names else len(names)
    steps = [_step(saga, name, now, ahead=place > at) for place, name in enumerate(names)]
    return SagaView(saga, tuple(steps))


def _step(saga: Saga, name: str, now: datetime, *, ahead: bool) -> SagaStep:
    """`ahead`: it comes after the one that the journal names."""
    done, undone = times(saga, DONE), times(saga, UNDONE)
    if name in undone:
        return SagaStep(name, StepState.UNDONE, undone[name])
    if saga.state is SagaState.STUCK and name == saga.step:
        return SagaStep(name, StepState.STUCK, saga.changed_at, saga.reason)
    if saga.ended_at is None and name == saga.step:
        waits = saga.next_at is not None and saga.next_at > now
        state = StepState.WAITING if waits else StepState.CURRENT
        return SagaStep(name, state, saga.next_at if waits else None, saga.reason)
    if name in done:
        return SagaStep(name, StepState.DONE, done[name])
    if name == saga.step and saga.state is SagaState.DONE and saga.reason is None:
        return SagaStep(name, StepState.DONE, saga.ended_at)
    to_come = ahead and saga.ended_at is None and UNDOING not in saga.facts
    return SagaStep(name, StepState.OPEN if to_come else StepState.SKIPPED)


def times(saga: Saga, which: str) -> dict[str, datetime]:
    """The instants that the journal keeps of its steps, by their names."""
    kept = saga.facts.get(which)
    known = kept if isinstance(kept, dict) else {}
    return {str(name): datetime.fromisoformat(str(at)) for name, at in known.items()}
