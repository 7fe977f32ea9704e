"""A concurrency test: processes run the same due tasks on one database at the same time. A log shows whether a task
ran twice at the same moment."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import Event
from unittest import mock

from console.app import open_console
from console.domain.errors import ConsoleError
from console.domain.tasks.intervals import INTERVAL_OF_TASK, TaskInterval
from console.services.process.heartbeat import Heartbeat
from console.services.tasks.scheduler import Scheduler
from console.settings.settings import Settings
from tests.support.children import CHILD_WAIT_SECONDS, Pipe, get_context, start_children
from tests.support.places import Place

TASK_NAMES = ("one", "two", "three")
TASK_INTERVAL = TaskInterval(1, "many rounds in a short test")  # a twentieth of it, by the scale of these tests
_TASK_SECONDS = 0.01
"""Duration (seconds) of a simulated run: long enough that a second process that runs the same task would begin during
it."""


class TaskRunLog:
    """A log of task runs in a folder. While a task runs, a file with the task's name exists, which only one process
    can create. The file `runs` has a line for each run; the file `twice at once` has a line for each run that began
    during another run of the same task."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run_task(self, name: str) -> int:
        """Simulate the task `name`: write its run into the log. Return the number of processed records: 1, or 0 if
        the task was already running."""
        try:
            mark = os.open(self.folder / f"{name}.running", os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            self._write_line("twice at once", name)
            return 0
        os.close(mark)
        Event().wait(_TASK_SECONDS)
        self._write_line("runs", name)
        (self.folder / f"{name}.running").unlink()
        return 1

    def read_lines(self, kind: str) -> list[str]:
        """Return the lines "task:pid" of the log file with the name `kind`."""
        file = self.folder / kind
        return file.read_text().split() if file.exists() else []

    def _write_line(self, kind: str, name: str) -> None:
        with (self.folder / kind).open("a") as file:
            file.write(f"{name}:{os.getpid()}\n")


def run_task_race(place: Place, process_count: int, run_count: int) -> TaskRunLog:
    """Let the processes run the due tasks until the log has `run_count` runs. Return the log."""
    run_log = TaskRunLog(place.folder)
    together = get_context().Barrier(process_count + 1)
    environments = [place.make_environment("http://127.0.0.1:9", desk=i % 2) for i in range(process_count)]
    each = [(one, together, str(place.folder), run_count) for one in environments]
    with start_children(run_due_tasks, each) as children:
        together.wait(CHILD_WAIT_SECONDS)
        for child in children:
            assert child.wait_for_report() == "done"
    return run_log


def run_due_tasks(pipe: Pipe, environment: Mapping[str, str], together: Barrier, folder: str, run_count: int) -> None:
    """Target of a child process: run due tasks without a pause until the log in `folder` has `run_count` runs, then
    send "done".
    """
    run_log = TaskRunLog(Path(folder))
    with make_logging_scheduler(environment, run_log) as made:
        together.wait(CHILD_WAIT_SECONDS)
        while len(run_log.read_lines("runs")) < run_count:
            with suppress(ConsoleError):
                made.run_due_tasks()
    pipe.send("done")


@contextmanager
def make_logging_scheduler(environment: Mapping[str, str], run_log: TaskRunLog) -> Iterator[Scheduler]:
    """Yield a scheduler whose tasks only write into the log and are due again immediately."""
    quick = dict.fromkeys(TASK_NAMES, TASK_INTERVAL)
    with open_console(Settings.load(dict(environment))) as console, mock.patch.dict(INTERVAL_OF_TASK, quick):
        heartbeat = Heartbeat(console._context.scale)
        yield Scheduler(console._context, heartbeat, [(name, partial(run_log.run_task, name)) for name in TASK_NAMES])
        heartbeat.close()
