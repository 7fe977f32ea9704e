"""Runs service calls away from the GUI thread and brings back their values, failures and progress.

A page hands over a call, what to do with its value and what to do with a failure; it needs no thread, lock or
try/except of its own. All of this is used from the GUI thread only.
"""

import contextvars
import time
from collections import deque
from collections.abc import Callable, Hashable

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal, Slot

from console.views.crew import Crew
from console.views.tasks import Report, Runner, Task, TaskHandle, failure_of


class TaskRunner(QObject, Runner):
    """Worker threads for service calls: one at a time per key, different keys side by side.

    Lanes, so that what takes its time never keeps the lists waiting: `quick` for reads of the store, `slow` for calls
    that reach a provider, `long` for what goes on for minutes. Callbacks run in the GUI thread; nothing is called for
    an owner that was destroyed. The context variables of the caller (operator, correlation id) are those of the call.

    Signals:
        idle: nothing is waiting or running any more.
    """

    idle = Signal()
    _wake = Signal()

    def __init__(self, parent: QObject | None = None, *, quick: int = 2, slow: int = 4, long: int = 2) -> None:
        super().__init__(parent)
        self._crews = {"quick": Crew("quick", quick), "slow": Crew("slow", slow), "long": Crew("long", long)}
        self._waiting: dict[Hashable, deque[Task]] = {}
        self._running: set[Task] = set()
        self._outbox: deque[Callable[[], None]] = deque()
        self._closed = False
        # Values stay on our side of the signal: a bare wake-up crosses the threads, nothing else.
        self._wake.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def labels(self) -> tuple[str, ...]:
        """What is running, in the words of the callers."""
        return tuple(task.label for task in self._running)

    def is_idle(self) -> bool:
        return not self._running and not self._waiting and not self._outbox

    def wait_idle(self, timeout: float) -> tuple[str, ...]:
        """Wait at most `timeout` seconds for what is running; returns the labels of what still is."""
        until = time.monotonic() + timeout
        while self._running and Crew.wait(self._crews.values(), until - time.monotonic()):
            self._deliver()
        self._deliver()
        return self.labels

    def close(self, timeout: float = 3.0) -> tuple[str, ...]:
        """Begin nothing more, cancel what can be, wait; returns the labels of what is still running."""
        self._closed = True
        for queue in self._waiting.values():
            for task in queue:
                task.cancel()
        for task in self._running:
            task.cancel()
        left = self.wait_idle(timeout)
        for crew in self._crews.values():
            crew.dismiss(join=not left)
        return left

    def _take(self, task: Task) -> TaskHandle:
        if self._closed:
            task.state = "cancelled"
        elif task.key is not None and task.key in self._waiting:
            self._waiting[task.key].append(task)
        else:
            if task.key is not None:
                self._waiting[task.key] = deque()
            self._begin(task)
        return TaskHandle(task)

    def _begin(self, task: Task) -> None:
        task.state = "running"
        task.report = Report(lambda value: self._post(lambda: self._show_progress(task, value)))
        self._running.add(task)
        context = contextvars.copy_context()
        self._crews[task.lane].submit(lambda: context.run(self._work, task))

    def _work(self, task: Task) -> None:
        """In the worker thread: whatever happens comes back as a value."""
        try:
            value = task.call(task.report)
            self._post(lambda: self._settle(task, lambda: task.on_done(value)))
        except BaseException as error:
            failure = failure_of(error, task.label)
            self._post(lambda: self._settle(task, lambda: task.on_failed(failure)))

    def _post(self, step: Callable[[], None]) -> None:
        self._outbox.append(step)
        try:
            self._wake.emit()
        except RuntimeError:  # the window is gone: nobody waits for this
            self._outbox.clear()

    @Slot()
    def _deliver(self) -> None:
        while self._outbox:
            step = self._outbox.popleft()
            try:
                step()
            except BaseException:
                self._wake.emit()  # the rest must still arrive
                raise

    def _show_progress(self, task: Task, value: object) -> None:
        if task.on_progress and task.state == "running" and shiboken6.isValid(task.owner):
            task.on_progress(value)

    def _settle(self, task: Task, tell: Callable[[], None]) -> None:
        self._running.discard(task)
        self._next(task.key)
        wanted = task.state == "running" and shiboken6.isValid(task.owner)
        if task.state == "running":
            task.state = "done"
        try:
            if wanted:
                tell()
        finally:
            if self.is_idle():
                self.idle.emit()

    def _next(self, key: Hashable | None) -> None:
        """Begin the next call of that key that is still wanted."""
        queue = self._waiting.get(key)
        while queue:
            task = queue.popleft()
            if task.wanted():
                self._begin(task)
                return
        self._waiting.pop(key, None)
