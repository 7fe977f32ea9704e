"""A task runner that executes tasks in the calling thread, for tests of pages and models without threads."""

from collections.abc import Callable
from typing import Any

import shiboken6

from console.views.runtime.tasks import ProgressReporter, Runner, Task, TaskHandle, make_failure


class InlineRunner(Runner):
    """Executes each task immediately. With `paused=True` it executes a task only when `execute_oldest_task` or
    `execute_newest_task` is called, so that a test can check the state before.
    """

    def __init__(self, *, paused: bool = False) -> None:
        self.paused = paused
        self.labels: list[str] = []
        self._queue: list[Task] = []

    def execute_oldest_task(self) -> None:
        """Execute the oldest waiting task."""
        self._execute_task(self._queue.pop(0))

    def execute_newest_task(self) -> None:
        """Execute the newest waiting task: its answer arrives before those of the tasks that were begun earlier."""
        self._execute_task(self._queue.pop())

    @property
    def waiting_task_count(self) -> int:
        return len(self._queue)

    def _accept_task(self, task: Task) -> TaskHandle:
        self.labels.append(task.label)
        if self.paused:
            self._queue.append(task)
        else:
            self._execute_task(task)
        return TaskHandle(task)

    def _execute_task(self, task: Task) -> None:
        if not task.should_begin():
            return
        task.state = "running"
        task.progress_reporter = ProgressReporter(task.on_progress or (lambda _: None))
        try:
            value = task.call(task.progress_reporter)
        except Exception as error:
            self._end_task(task, task.on_failed, make_failure(error, task.label))
        else:
            self._end_task(task, task.on_done, value)

    @staticmethod
    def _end_task(task: Task, callback: Callable[[Any], None], value: object) -> None:
        should_begin = task.state == "running" and shiboken6.isValid(task.caller)
        task.state = "done" if task.state == "running" else task.state
        if should_begin:
            callback(value)
