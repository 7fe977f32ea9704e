"""The engine of what is done in steps: a step's effect and the journal's word for it, together or not at all."""

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
    QuestionStep,
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


class Bench:
    """A plan made of steps that write their names into the trail, and what they are told to answer instead."""

    def __init__(self, context: ServiceContext, clock: MovedClock, *, asks: bool = False) -> None:
        self.context, self.clock = context, clock
        self.answers: dict[str, StepVerdict | Exception] = {}
        first: SagaStep = QuestionStep("one", self._ask) if asks else self._effect("one")
        steps = (first, self._effect("two"), self._effect("three"))
        self.plan = SagaPlan("bench", "order", steps, (20 * MINUTE, 40 * MINUTE))
        self.runner = SagaRunner(context, self.plan)

    def _effect(self, name: str) -> EffectStep:
        return EffectStep(name, self._do(name), undo_effect=lambda tx, saga: self._audit(tx, f"undo_{name}", saga))

    def _audit(self, tx: Transaction, name: str, saga: Saga) -> None:
        self.context.record_audit(tx, AuditAction(f"bench.{name}"), saga.id)

    def _do(self, name: str) -> StepAction:
        def do(tx: Transaction, saga: Saga) -> StepVerdict:
            self._audit(tx, name, saga)
            answer = self.answers.get(name, StepDone())
            if isinstance(answer, Exception):
                raise answer
            return answer

        return do

    def _ask(self, _saga: Saga) -> StepAction:
        return self._do("one")

    def start(self) -> Saga:
        made = self.context.write(
            lambda tx: sagas.start_saga(tx.conn, "bench", "order", 1, "one", {}, self.context.now())
        )
        assert made is not None
        return made

    def trail(self, place: Place) -> list[str]:
        rows = place.sql("SELECT what FROM audit_log WHERE what LIKE 'bench.%' ORDER BY id")
        return [str(what).removeprefix("bench.") for (what,) in rows]

    def shown(self, saga: Saga) -> list[StepState]:
        return [step.state for step in make_saga_progress(saga, self.plan.step_names, self.context.now()).steps]


@pytest.fixture
def bench(console: Console, clock: MovedClock) -> Bench:
    return Bench(console._context, clock)


DONE, SKIPPED, WAITING = StepState.DONE, StepState.SKIPPED, StepState.WAITING
OPEN, UNDONE = StepState.OPEN, StepState.UNDONE


def test_all_steps_in_their_order(bench: Bench, place: Place) -> None:
    """To the end in one run; what has ended is never run again."""
    ended = bench.runner.run(bench.start())
    assert (ended.state, ended.reason, bench.trail(place)) == (SagaState.DONE, None, ["one", "two", "three"])
    assert bench.shown(ended) == [DONE, DONE, DONE]
    assert bench.runner.run(ended) == ended
    assert len(bench.trail(place)) == 3


def test_a_step_that_waits_leaves_nothing_and_is_tried_again(bench: Bench, place: Place) -> None:
    """At its own time or by the schedule, with growing gaps; the steps before it are not done again."""
    bench.answers["two"] = StepWaiting("closed")
    saga = bench.runner.run(bench.start())
    assert (saga.step, saga.reason, saga.attempts, bench.shown(saga)) == ("two", "closed", 1, [DONE, WAITING, OPEN])
    assert saga.next_at is not None
    gap = saga.next_at - bench.context.now()
    assert timedelta(0) < gap <= bench.context.scale.scale_delta(20 * MINUTE)
    assert bench.runner.run(saga) == saga
    bench.clock.offset += 2 * MINUTE
    again = bench.runner.run(saga)
    assert (again.attempts, again.next_at is not None and again.next_at > saga.next_at) == (2, True)
    until = bench.context.now() + timedelta(days=3)
    bench.answers["two"] = StepWaiting("until", until)
    bench.clock.offset += 3 * MINUTE
    assert bench.runner.run(again).next_at == until
    del bench.answers["two"]
    bench.clock.offset += timedelta(days=4)
    ended = bench.runner.run(bench.runner.run(bench.runner._reread_saga(saga)))
    assert ended.state is SagaState.DONE
    assert bench.trail(place).count("one") == 1


@pytest.mark.expects_log("stays at two")
def test_a_fault_undoes_the_step_and_waits(bench: Bench, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A step raises an error: its writes are rolled back, the fault is logged, and the step is tried again later."""
    bench.answers["two"] = RuntimeError("bug")
    saga = bench.runner.run(bench.start())
    assert (saga.step, saga.state, saga.reason) == ("two", SagaState.RUNNING, INTERNAL_ERROR_REASON)
    assert bench.trail(place) == ["one"]
    assert "stays at two" in caplog.text
    bench.answers.clear()
    bench.clock.offset += timedelta(hours=1)
    assert bench.runner.run(saga).state is SagaState.DONE


@pytest.mark.expects_log("stays at two")
def test_what_fails_again_and_again_stops_for_a_person(bench: Bench, place: Place) -> None:
    """By a fault of ours: a few attempts with growing gaps, then none, whatever the time, until somebody says so."""
    told: list[Saga] = []
    runner = SagaRunner(bench.context, replace(bench.plan, on_stop=lambda _tx, saga: told.append(saga)))
    bench.answers["two"] = RuntimeError("bug")
    saga = runner.run(bench.start())
    for _ in range(MAX_INTERNAL_ERRORS - 1):
        assert (saga.state, told) == (SagaState.RUNNING, [])
        assert saga.next_at is not None
        assert saga.next_at > bench.context.now()
        bench.clock.offset += timedelta(hours=1)
        saga = runner.run(saga)
    assert (saga.state, saga.step, saga.reason, saga.next_at) == (SagaState.STUCK, "two", INTERNAL_ERROR_REASON, None)
    assert told == [saga]
    assert bench.shown(saga) == [DONE, StepState.STUCK, OPEN]
    assert saga.ended_at is None
    bench.answers.clear()
    bench.clock.offset += timedelta(days=30)
    assert runner.run(saga) == saga
    with bench.context.database.read() as conn:
        assert sagas.list_due_sagas(conn, bench.context.now(), 10) == ()
    assert runner.run(runner.resume(saga, lambda tx: None)).state is SagaState.DONE
    assert bench.trail(place) == ["one", "two", "three"]


@pytest.mark.parametrize("code", ["provider_unreachable", "database_unreachable", "rate_limited", "bad_profile"])
@pytest.mark.expects_log("stays at two")
def test_what_passes_by_itself_never_stops_it(bench: Bench, code: str) -> None:
    """However long a provider or a database is away: it is tried again, ever more rarely."""
    bench.answers["two"] = ConsoleError(ErrorCode(code))
    saga = bench.runner.run(bench.start())
    for _ in range(2 * MAX_INTERNAL_ERRORS):
        bench.clock.offset += timedelta(hours=1)
        saga = bench.runner.run(saga)
    assert (saga.state, saga.reason, saga.attempts) == (SagaState.RUNNING, code, 2 * MAX_INTERNAL_ERRORS + 1)


def test_what_is_not_needed_any_more_ends(bench: Bench, place: Place) -> None:
    """The steps before stay, the others are never done."""
    bench.answers["two"] = SagaDone("settled")
    ended = bench.runner.run(bench.start())
    assert (ended.state, ended.reason, bench.shown(ended)) == (SagaState.DONE, "settled", [DONE, SKIPPED, SKIPPED])


def test_what_must_not_have_been_is_compensated_backwards(bench: Bench, place: Place) -> None:
    """The newest first; only what was done."""
    bench.answers["three"] = CompensationRequired("changed_mind")
    ended = bench.runner.run(bench.start())
    assert (ended.state, ended.reason) == (SagaState.COMPENSATED, "changed_mind")
    assert bench.trail(place) == ["one", "two", "three", "undo_two", "undo_one"]
    assert bench.shown(ended) == [UNDONE, UNDONE, SKIPPED]


def test_a_compensation_is_gone_on_with(bench: Bench, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off between two compensations, the next run does the rest, and none twice."""
    bench.answers["three"] = CompensationRequired("changed_mind")
    saga = bench.start()
    with monkeypatch.context() as patch:
        patch.setattr(bench.context.failpoints, "reach", _stopping("before_undo_one"))
        with pytest.raises(KeyboardInterrupt):
            bench.runner.run(saga)
    left = bench.runner._reread_saga(saga)
    assert (left.state, left.step) == (SagaState.RUNNING, "one")
    assert bench.runner.run(left).state is SagaState.COMPENSATED
    assert bench.trail(place) == ["one", "two", "three", "undo_two", "undo_one"]


def _stopping(point: str) -> Callable[[str], None]:
    def reach(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    return reach


def test_back_to_an_earlier_step(console: Console, clock: MovedClock, place: Place) -> None:
    """The saga runs an earlier step again, and goes on from there."""
    bench = Bench(console._context, clock, asks=True)
    asked = bench._do("one")

    def ask(_saga: Saga) -> StepAction:
        if "two" in bench.trail(place) or bench.answers.get("two"):
            bench.answers.clear()
        else:
            bench.answers["two"] = EarlierStepRequired("one")
        return asked

    steps = (QuestionStep("one", ask), *bench.plan.steps[1:])
    runner = SagaRunner(bench.context, SagaPlan("bench", "order", steps, bench.plan.waits_between_attempts))
    assert runner.run(bench.start()).state is SagaState.DONE
    assert bench.trail(place) == ["one", "two", "one", "two", "three"]


def test_of_two_who_take_a_step_one_has_it(bench: Bench, place: Place) -> None:
    """A runner whose read of the journal is old runs no step, and returns the other runner's result."""
    saga = bench.start()
    ended = bench.runner.run(saga)
    assert bench.runner.run(saga) == ended
    assert bench.trail(place) == ["one", "two", "three"]


def test_a_record_has_one_of_a_kind_under_way(bench: Bench) -> None:
    """A second one begins when the first has ended."""
    first = bench.start()
    now = bench.context.now()
    again = bench.context.write(lambda tx: sagas.start_saga(tx.conn, "bench", "order", 1, "one", {}, now))
    assert again is None
    bench.runner.run(first)
    assert bench.start().id != first.id
