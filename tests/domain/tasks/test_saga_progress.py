"""Tests of the state that a person sees for each step of a saga."""

from datetime import UTC, datetime, timedelta

import pytest

from console.domain.tasks.records import Saga
from console.domain.tasks.saga_progress import (
    DONE_FACT_KEY,
    UNDOING_FACT_KEY,
    UNDONE_FACT_KEY,
    SagaStep,
    StepState,
    make_saga_progress,
    read_step_times,
)
from console.domain.tasks.states import SagaState

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
HOUR_BEFORE_NOW = NOW - HOUR
HOUR_AFTER_NOW = NOW + HOUR
STEPS = ("a", "b", "c")


def make_saga(state: SagaState = SagaState.RUNNING, step: str = "b", **more: object) -> Saga:
    plain: dict[str, object] = {"facts": {}}
    return Saga(7, "k", "payment", 5, state, step, begun_at=HOUR_BEFORE_NOW, changed_at=NOW, **plain | more)  # type: ignore[arg-type]  # some


def make_done_steps(*names: str) -> dict[str, str]:
    """Return the facts of a saga which say that these steps were done an hour ago."""
    return {name: HOUR_BEFORE_NOW.isoformat() for name in names}


def list_step_states(saga: Saga) -> list[StepState]:
    return [step.state for step in make_saga_progress(saga, STEPS, NOW).steps]


SAGA_CASES = {
    "begun": (make_saga(step="a"), [StepState.CURRENT, StepState.OPEN, StepState.OPEN]),
    "in the middle": (
        make_saga(facts={DONE_FACT_KEY: make_done_steps("a")}),
        [StepState.DONE, StepState.CURRENT, StepState.OPEN],
    ),
    "a step that was passed over": (make_saga(), [StepState.SKIPPED, StepState.CURRENT, StepState.OPEN]),
    "at a step again": (
        make_saga(step="a", facts={DONE_FACT_KEY: make_done_steps("a")}),
        [StepState.CURRENT, StepState.OPEN, StepState.OPEN],
    ),
    "stuck": (
        make_saga(SagaState.STUCK, facts={DONE_FACT_KEY: make_done_steps("a")}),
        [StepState.DONE, StepState.STUCK, StepState.OPEN],
    ),
    "stuck, and a time is named": (
        make_saga(SagaState.STUCK, next_at=HOUR_AFTER_NOW),
        [StepState.SKIPPED, StepState.STUCK, StepState.OPEN],
    ),
    "done": (
        make_saga(SagaState.DONE, "c", ended_at=NOW, facts={DONE_FACT_KEY: make_done_steps("a", "b")}),
        [StepState.DONE, StepState.DONE, StepState.DONE],
    ),
    "ended before its last step": (
        make_saga(SagaState.DONE, ended_at=NOW, reason="paid", facts={DONE_FACT_KEY: make_done_steps("a")}),
        [StepState.DONE, StepState.SKIPPED, StepState.SKIPPED],
    ),
    "going backwards": (
        make_saga(facts={DONE_FACT_KEY: make_done_steps("a", "b"), UNDOING_FACT_KEY: "paid_late"}),
        [StepState.DONE, StepState.CURRENT, StepState.SKIPPED],
    ),
    "undone": (
        make_saga(
            SagaState.COMPENSATED,
            "a",
            ended_at=NOW,
            facts={DONE_FACT_KEY: make_done_steps("a", "b"), UNDONE_FACT_KEY: make_done_steps("a", "b")},
        ),
        [StepState.UNDONE, StepState.UNDONE, StepState.SKIPPED],
    ),
    "undone without more words": (
        make_saga(SagaState.COMPENSATED, "b", ended_at=NOW, facts={}),
        [StepState.SKIPPED, StepState.SKIPPED, StepState.SKIPPED],
    ),
    "a step of another version": (make_saga(step="z"), [StepState.SKIPPED, StepState.SKIPPED, StepState.SKIPPED]),
}


@pytest.mark.parametrize("name", SAGA_CASES)
def test_the_stored_facts_of_a_saga_decide_the_state_of_each_step(name: str) -> None:
    """Each step of a saga is shown as done, current, still to come, or never to come, as the stored facts of the saga
    say.
    """
    saga, expected = SAGA_CASES[name]
    assert list_step_states(saga) == expected


@pytest.mark.parametrize(
    ("next_at", "is_waiting"), [(None, False), (HOUR_BEFORE_NOW, False), (NOW, False), (NOW + MICROSECOND, True)]
)
def test_a_step_of_a_saga_waits_until_its_scheduled_time(next_at: datetime | None, is_waiting: bool) -> None:
    """A step waits until its scheduled time."""
    view = make_saga_progress(make_saga(next_at=next_at, reason="unknown"), STEPS, NOW)
    at = next_at if is_waiting else None
    assert view.steps[1] == SagaStep("b", StepState.WAITING if is_waiting else StepState.CURRENT, at, "unknown")
    assert view.current_step == view.steps[1]


def test_each_step_says_since_when() -> None:
    """A finished step shows when it was done or undone, the last step when the saga ended, and a stuck step when and
    why the saga stopped.
    """
    done = make_saga_progress(
        make_saga(SagaState.DONE, "c", ended_at=NOW, facts={DONE_FACT_KEY: make_done_steps("a", "b")}), STEPS, NOW
    )
    assert [step.at for step in done.steps] == [HOUR_BEFORE_NOW, HOUR_BEFORE_NOW, NOW]
    assert done.current_step is None
    undone = make_saga_progress(
        make_saga(SagaState.COMPENSATED, "a", ended_at=NOW, facts={UNDONE_FACT_KEY: make_done_steps("a")}), STEPS, NOW
    )
    assert undone.steps[0] == SagaStep("a", StepState.UNDONE, HOUR_BEFORE_NOW)
    stuck = make_saga_progress(make_saga(SagaState.STUCK, reason="fault"), STEPS, NOW)
    assert stuck.current_step == SagaStep("b", StepState.STUCK, NOW, "fault")
    assert [step.at for step in stuck.steps] == [None, NOW, None]


@pytest.mark.parametrize("facts", [{}, {DONE_FACT_KEY: None}, {DONE_FACT_KEY: "a"}, {DONE_FACT_KEY: ["a"]}])
def test_steps_stored_without_times_show_no_times(facts: dict[str, object]) -> None:
    """A saga that another version has stored without the times of its steps shows no times."""
    assert read_step_times(make_saga(facts=facts), DONE_FACT_KEY) == {}
    assert read_step_times(make_saga(facts={DONE_FACT_KEY: make_done_steps("a")}), DONE_FACT_KEY) == {
        "a": HOUR_BEFORE_NOW
    }
