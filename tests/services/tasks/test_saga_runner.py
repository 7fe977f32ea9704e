"""Tests of the runner of sagas: the effect of a step and its entry in the saga's journal are written together or not
at all.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.records import Saga
from console.domain.tasks.saga_progress import StepState, make_saga_progress
from console.domain.tasks.states import SagaState
from console.services.process.context import ServiceContext
from console.services.tasks.saga_runner import (
    INTERNAL_ERROR_REASON,
    MAX_INTERNAL_ERRORS,
    CompensationRequired,
    EarlierStepRequired,
    EffectStep,
    ProviderQuestionStep,
    SagaDone,
    SagaPlan,
    SagaRunner,
    SagaStep,
    StepAction,
    StepDone,
    StepVerdict,
    StepWaiting,
)
from console.store.database.engine import Transaction
from console.store.tasks import sagas
from tests.support.desks import MovedClock
from tests.support.places import Place

MINUTE = timedelta(minutes=1)


class SagaDesk:
    """A saga plan of three steps on a desk. Each step writes its name into the audit trail. If `answers` has a
    verdict under this name, the step returns it; if it has an exception, the step raises it. With
    `begins_with_query`, the first step is a query to a provider.
    """

    def __init__(self, context: ServiceContext, clock: MovedClock, *, begins_with_query: bool = False) -> None:
        self.context, self.clock = context, clock
        self.answers: dict[str, StepVerdict | Exception] = {}
        first: SagaStep = (
            ProviderQuestionStep("one", self._return_question_action)
            if begins_with_query
            else self._make_effect_step("one")
        )
        steps = (first, self._make_effect_step("two"), self._make_effect_step("three"))
        self.plan = SagaPlan("bench", "order", steps, (20 * MINUTE, 40 * MINUTE))
        self.runner = SagaRunner(context, self.plan)

    def _make_effect_step(self, name: str) -> EffectStep:
        """Return a step that writes its name into the audit trail."""
        return EffectStep(
            name, self._make_action(name), undo_effect=lambda tx, saga: self._write_entry(tx, f"undo_{name}", saga)
        )

    def _write_entry(self, tx: Transaction, name: str, saga: Saga) -> None:
        """Write the step's name into the audit trail."""
        self.context.record_audit(tx, AuditAction(f"bench.{name}"), saga.id)

    def _make_action(self, name: str) -> StepAction:
        """Return the action of the step with this name: it writes the step's entry into the audit trail and returns
        the configured result.
        """

        def execute_step(tx: Transaction, saga: Saga) -> StepVerdict:
            self._write_entry(tx, name, saga)
            answer = self.answers.get(name, StepDone())
            if isinstance(answer, Exception):
                raise answer
            return answer

        return execute_step

    def _return_question_action(self, _saga: Saga) -> StepAction:
        """Return the action that follows the query of the first step."""
        return self._make_action("one")

    def start_saga(self) -> Saga:
        """Start a saga of the plan and return it."""
        made = self.context.write(
            lambda tx: sagas.start_saga(tx.conn, "bench", "order", 1, "one", {}, self.context.now())
        )
        assert made is not None
        return made

    def list_entries(self, place: Place) -> list[str]:
        """Return the step names in the audit trail, oldest first."""
        rows = place.sql("SELECT what FROM audit_log WHERE what LIKE 'bench.%' ORDER BY id")
        return [str(what).removeprefix("bench.") for (what,) in rows]

    def list_step_states(self, saga: Saga) -> list[StepState]:
        """Return the states of the saga's steps."""
        return [step.state for step in make_saga_progress(saga, self.plan.step_names, self.context.now()).steps]


@pytest.fixture
def saga_desk(console: Console, clock: MovedClock) -> SagaDesk:
    """Return a desk with a saga plan of three steps."""
    return SagaDesk(console._context, clock)


DONE, SKIPPED, WAITING = StepState.DONE, StepState.SKIPPED, StepState.WAITING
OPEN, UNDONE = StepState.OPEN, StepState.UNDONE


def test_one_run_does_all_steps_in_order(saga_desk: SagaDesk, place: Place) -> None:
    """One run executes all steps in their order; an ended saga is not run again."""
    ended = saga_desk.runner.run(saga_desk.start_saga())
    assert (ended.state, ended.reason, saga_desk.list_entries(place)) == (
        SagaState.DONE,
        None,
        ["one", "two", "three"],
    )
    assert saga_desk.list_step_states(ended) == [DONE, DONE, DONE]
    assert saga_desk.runner.run(ended) == ended
    assert len(saga_desk.list_entries(place)) == 3


def test_a_step_that_waits_writes_nothing_and_is_tried_again(saga_desk: SagaDesk, place: Place) -> None:
    """A step that waits writes nothing and is tried again at its own time or by the schedule. The steps before it are
    not repeated.
    """
    saga_desk.answers["two"] = StepWaiting("closed")
    saga = saga_desk.runner.run(saga_desk.start_saga())
    assert (saga.step, saga.reason, saga.attempts, saga_desk.list_step_states(saga)) == (
        "two",
        "closed",
        1,
        [DONE, WAITING, OPEN],
    )
    assert saga.next_at is not None
    gap = saga.next_at - saga_desk.context.now()
    assert timedelta(0) < gap <= saga_desk.context.scale.scale_duration(20 * MINUTE)
    assert saga_desk.runner.run(saga) == saga
    saga_desk.clock.offset += 2 * MINUTE
    again = saga_desk.runner.run(saga)
    assert (again.attempts, again.next_at is not None and again.next_at > saga.next_at) == (2, True)
    until = saga_desk.context.now() + timedelta(days=3)
    saga_desk.answers["two"] = StepWaiting("until", until)
    saga_desk.clock.offset += 3 * MINUTE
    assert saga_desk.runner.run(again).next_at == until
    del saga_desk.answers["two"]
    saga_desk.clock.offset += timedelta(days=4)
    ended = saga_desk.runner.run(saga_desk.runner.run(saga_desk.runner._reread_saga(saga)))
    assert ended.state is SagaState.DONE
    assert saga_desk.list_entries(place).count("one") == 1


@pytest.mark.expects_log("stays at two")
def test_a_saga_step_that_raises_an_error_is_rolled_back_and_repeated(
    saga_desk: SagaDesk, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """If a step raises an error, its writes are rolled back, the error is logged, and the step is repeated later."""
    saga_desk.answers["two"] = RuntimeError("bug")
    saga = saga_desk.runner.run(saga_desk.start_saga())
    assert (saga.step, saga.state, saga.reason) == ("two", SagaState.RUNNING, INTERNAL_ERROR_REASON)
    assert saga_desk.list_entries(place) == ["one"]
    assert "stays at two" in caplog.text
    saga_desk.answers.clear()
    saga_desk.clock.offset += timedelta(hours=1)
    assert saga_desk.runner.run(saga).state is SagaState.DONE


@pytest.mark.expects_log("stays at two")
def test_a_saga_that_keeps_failing_stops_for_a_person(saga_desk: SagaDesk, place: Place) -> None:
    """If a bug makes a step fail, the saga stops after a few attempts at growing intervals, until a person continues
    it.
    """
    stopped_sagas: list[Saga] = []
    runner = SagaRunner(
        saga_desk.context, replace(saga_desk.plan, on_stop=lambda _tx, saga: stopped_sagas.append(saga))
    )
    saga_desk.answers["two"] = RuntimeError("bug")
    saga = runner.run(saga_desk.start_saga())
    for _ in range(MAX_INTERNAL_ERRORS - 1):
        assert (saga.state, stopped_sagas) == (SagaState.RUNNING, [])
        assert saga.next_at is not None
        assert saga.next_at > saga_desk.context.now()
        saga_desk.clock.offset += timedelta(hours=1)
        saga = runner.run(saga)
    assert (saga.state, saga.step, saga.reason, saga.next_at) == (SagaState.STUCK, "two", INTERNAL_ERROR_REASON, None)
    assert stopped_sagas == [saga]
    assert saga_desk.list_step_states(saga) == [DONE, StepState.STUCK, OPEN]
    assert saga.ended_at is None
    saga_desk.answers.clear()
    saga_desk.clock.offset += timedelta(days=30)
    assert runner.run(saga) == saga
    with saga_desk.context.database.read() as conn:
        assert sagas.list_due_sagas(conn, saga_desk.context.now(), 10) == ()
    assert runner.run(runner.resume(saga, lambda tx: None)).state is SagaState.DONE
    assert saga_desk.list_entries(place) == ["one", "two", "three"]


@pytest.mark.parametrize("code", ["provider_unreachable", "database_unreachable", "rate_limited", "bad_profile"])
@pytest.mark.expects_log("stays at two")
def test_a_saga_waits_for_an_unreachable_provider_without_stopping(saga_desk: SagaDesk, code: str) -> None:
    """While a provider or the database cannot be reached, the step is tried again at growing intervals, without an
    end.
    """
    saga_desk.answers["two"] = ConsoleError(ErrorCode(code))
    saga = saga_desk.runner.run(saga_desk.start_saga())
    for _ in range(2 * MAX_INTERNAL_ERRORS):
        saga_desk.clock.offset += timedelta(hours=1)
        saga = saga_desk.runner.run(saga)
    assert (saga.state, saga.reason, saga.attempts) == (SagaState.RUNNING, code, 2 * MAX_INTERNAL_ERRORS + 1)


def test_a_saga_ends_when_no_longer_needed(saga_desk: SagaDesk, place: Place) -> None:
    """If a step ends the saga as no longer needed, the effects of the earlier steps stay, and the later steps are not
    executed.
    """
    saga_desk.answers["two"] = SagaDone("settled")
    ended = saga_desk.runner.run(saga_desk.start_saga())
    assert (ended.state, ended.reason, saga_desk.list_step_states(ended)) == (
        SagaState.DONE,
        "settled",
        [DONE, SKIPPED, SKIPPED],
    )


def test_a_compensation_undoes_the_newest_step_first(saga_desk: SagaDesk, place: Place) -> None:
    """A compensation undoes the executed steps, the newest first."""
    saga_desk.answers["three"] = CompensationRequired("changed_mind")
    ended = saga_desk.runner.run(saga_desk.start_saga())
    assert (ended.state, ended.reason) == (SagaState.COMPENSATED, "changed_mind")
    assert saga_desk.list_entries(place) == ["one", "two", "three", "undo_two", "undo_one"]
    assert saga_desk.list_step_states(ended) == [UNDONE, UNDONE, SKIPPED]


def test_an_interrupted_compensation_continues(
    saga_desk: SagaDesk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a run is interrupted between two compensations, the next run executes the remaining ones, and none twice."""
    saga_desk.answers["three"] = CompensationRequired("changed_mind")
    saga = saga_desk.start_saga()
    with monkeypatch.context() as patch:
        patch.setattr(saga_desk.context.failpoints, "reach", _make_interrupt_at("before_undo_one"))
        with pytest.raises(KeyboardInterrupt):
            saga_desk.runner.run(saga)
    interrupted_saga = saga_desk.runner._reread_saga(saga)
    assert (interrupted_saga.state, interrupted_saga.step) == (SagaState.RUNNING, "one")
    assert saga_desk.runner.run(interrupted_saga).state is SagaState.COMPENSATED
    assert saga_desk.list_entries(place) == ["one", "two", "three", "undo_two", "undo_one"]


def _make_interrupt_at(point: str) -> Callable[[str], None]:
    """Return a failpoint function that raises KeyboardInterrupt at this failpoint."""

    def interrupt_at_point(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    return interrupt_at_point


def test_a_saga_goes_back_to_an_earlier_step(console: Console, clock: MovedClock, place: Place) -> None:
    """If a step returns to an earlier step, the saga runs that step again and continues from there."""
    saga_desk = SagaDesk(console._context, clock, begins_with_query=True)
    first_action = saga_desk._make_action("one")

    def return_to_earlier_step(_saga: Saga) -> StepAction:
        if "two" in saga_desk.list_entries(place) or saga_desk.answers.get("two"):
            saga_desk.answers.clear()
        else:
            saga_desk.answers["two"] = EarlierStepRequired("one")
        return first_action

    steps = (ProviderQuestionStep("one", return_to_earlier_step), *saga_desk.plan.steps[1:])
    runner = SagaRunner(saga_desk.context, SagaPlan("bench", "order", steps, saga_desk.plan.waits_between_attempts))
    assert runner.run(saga_desk.start_saga()).state is SagaState.DONE
    assert saga_desk.list_entries(place) == ["one", "two", "one", "two", "three"]


def test_a_run_ends_after_its_second_return_to_an_earlier_step(saga_desk: SagaDesk, place: Place) -> None:
    """If a step returns to an earlier step each time, the run ends after the second return, and the saga stays
    due."""
    saga_desk.answers["two"] = EarlierStepRequired("one")
    returned = saga_desk.runner.run(saga_desk.start_saga())
    assert (returned.state, returned.step) == (SagaState.RUNNING, "one")
    assert saga_desk.list_entries(place) == ["one", "two"] * 2
    saga_desk.runner.run(returned)
    assert saga_desk.list_entries(place) == ["one", "two"] * 4


def test_only_one_of_two_processes_runs_a_saga_step(saga_desk: SagaDesk, place: Place) -> None:
    """If two processes run one step, the process whose read of the journal is out of date does nothing and returns
    the other process's result.
    """
    saga = saga_desk.start_saga()
    ended = saga_desk.runner.run(saga)
    assert saga_desk.runner.run(saga) == ended
    assert saga_desk.list_entries(place) == ["one", "two", "three"]


def test_a_record_has_one_open_saga_of_a_kind(saga_desk: SagaDesk) -> None:
    """A record has at most one open saga of a kind; a second saga starts only after the first has ended."""
    first = saga_desk.start_saga()
    now = saga_desk.context.now()
    again = saga_desk.context.write(lambda tx: sagas.start_saga(tx.conn, "bench", "order", 1, "one", {}, now))
    assert again is None
    saga_desk.runner.run(first)
    assert saga_desk.start_saga().id != first.id
