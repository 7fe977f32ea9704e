"""Tests of the threads of a worker that run due tasks: a long task doesn't delay the others, and idle threads send
few queries."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from threading import Event

import pytest

from console.sandbox.server import Sandbox
from console.services.tasks.scheduler import Scheduler
from console.worker.task_threads import DueTaskThreads
from tests.support.places import Place
from tests.support.waiting import MAX_WAIT_SECONDS


class CountedStop(Event):
    """A stop event that counts as set after `count` waits, each of which returns at once. `pauses` has the seconds of
    each wait (None: without a limit)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count
        self.pauses: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        self._left -= 1
        if self._left <= 0:
            self.set()
        return self.is_set()


class ScriptedStop(CountedStop):
    """A CountedStop that calls the function of `step_by_wait` with the number of the present wait (from 1), if there
    is one. `wait_count` is the number of waits so far."""

    def __init__(self, count: int, step_by_wait: Mapping[int, Callable[[], object]]) -> None:
        super().__init__(count)
        self.wait_count, self._step_by_wait = 0, step_by_wait

    def wait(self, timeout: float | None = None) -> bool:
        self.wait_count += 1
        self._step_by_wait.get(self.wait_count, lambda: None)()
        return super().wait(timeout)


FAILURES_OF_A_LONG_OUTAGE = 1_100
"""Number of consecutive failures: with the longest pauses, 1.5 hours of desk requests and 9 hours of due tasks."""


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("the log says that the database fails")
def test_due_tasks_run_again_after_an_outage_of_many_hours(place: Place, sandbox: Sandbox) -> None:
    """The database is away for many hours. When it is back, the thread runs the due task."""
    ran: list[str] = []

    def run_once() -> int:
        ran.append("probes")
        return 0

    with place.open_desk(sandbox) as console:
        file = Path(str(console.database.file))
        away = file.with_suffix(".away")
        stop = ScriptedStop(
            FAILURES_OF_A_LONG_OUTAGE + 3,
            {1: lambda: file.rename(away), FAILURES_OF_A_LONG_OUTAGE + 1: lambda: away.rename(file)},
        )
        tasks = (("probes", run_once),)
        DueTaskThreads(Scheduler(console._context, console._context.heartbeat, tasks), stop)._run_tasks_until_stopped(
            0
        )
    assert ran == ["probes"]


@pytest.mark.engines("sqlite")
def test_a_spare_thread_runs_due_tasks_behind_a_long_task(place: Place, sandbox: Sandbox) -> None:
    """While the first thread runs a long task, a spare thread runs the next due task."""
    began, release, ran, stop = Event(), Event(), Event(), Event()

    def wait_for_release() -> int:
        began.set()
        assert release.wait(MAX_WAIT_SECONDS)
        return 0

    def run_quickly() -> int:
        ran.set()
        return 0

    with place.open_desk(sandbox, TIME_SCALE="20") as console:
        tasks = (("probes", wait_for_release), ("outbox", run_quickly))
        threads = DueTaskThreads(Scheduler(console._context, console._context.heartbeat, tasks), stop)
        try:
            threads.start()
            assert began.wait(MAX_WAIT_SECONDS)
            assert ran.wait(MAX_WAIT_SECONDS)
        finally:
            release.set()
            stop.set()
            assert threads.wait_until_ended(MAX_WAIT_SECONDS, Event())


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("index", "is_occupied", "looks_for_tasks"),
    [(0, False, True), (1, False, False), (2, False, False), (1, True, True)],
)
def test_a_spare_thread_looks_for_tasks_only_while_another_one_runs_a_task(
    place: Place, sandbox: Sandbox, index: int, is_occupied: bool, looks_for_tasks: bool
) -> None:
    """The first thread looks for due tasks after each of its pauses. A spare thread looks for due tasks only while
    another thread runs a task."""
    look_indexes: list[int] = []
    with place.open_desk(sandbox) as console:
        scheduler = Scheduler(console._context, console._context.heartbeat, ())
        scheduler.run_due_tasks = lambda *_: look_indexes.append(index)  # type: ignore[method-assign,assignment]  # counts the calls
        threads = DueTaskThreads(scheduler, CountedStop(10))
        with threads._count_as_busy() if is_occupied else nullcontext():
            threads._run_tasks_until_stopped(index)
    assert len(look_indexes) == (9 if looks_for_tasks else 0)
