"""The threads of a worker that run due tasks: a long task delays no other, and idle ones cost the database little."""

from collections import Counter
from threading import Event, current_thread

import pytest

from console.sandbox.server import Sandbox
from console.services.tasks.scheduler import Scheduler
from console.worker.task_threads import DueTaskThreads
from tests.support.places import Place
from tests.support.waiting import PATIENCE_SECONDS


@pytest.mark.engines("sqlite")
def test_a_spare_thread_runs_what_waits_behind_a_long_task(place: Place, sandbox: Sandbox) -> None:
    """While none is occupied, the two spare threads ask less often for due tasks than the first one. By its interval
    alone each would ask as often.
    """
    began, release, ran, stop = Event(), Event(), Event(), Event()
    asked: Counter[str] = Counter()

    def last_long() -> int:
        began.set()
        assert release.wait(PATIENCE_SECONDS)
        return 0

    def run_quickly() -> int:
        ran.set()
        return 0

    with place.opened(sandbox, TIME_SCALE="20") as console:
        tasks = (("probes", last_long), ("outbox", run_quickly))
        scheduler = Scheduler(console._context, console._context.heartbeat, tasks)
        run_due = scheduler.run_due

        def note_asking(*args: object) -> object:
            asked[current_thread().name] += 1
            return run_due(*args)  # type: ignore[arg-type]  # as it was called

        scheduler.run_due = note_asking  # type: ignore[method-assign,assignment]  # counts the calls
        threads = DueTaskThreads(scheduler, stop)
        try:
            threads.start()
            assert began.wait(PATIENCE_SECONDS)
            assert ran.wait(PATIENCE_SECONDS)
            release.set()
            before, seen = Counter(asked), asked["tasks-0"]
            while asked["tasks-0"] < seen + 10:
                assert not stop.wait(0.05)
            since = asked - before
            assert since["tasks-1"] + since["tasks-2"] < since["tasks-0"], since
        finally:
            release.set()
            stop.set()
            assert threads.wait_until_idle(PATIENCE_SECONDS, Event())
