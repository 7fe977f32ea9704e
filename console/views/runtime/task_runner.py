"""Runs service calls in background threads, and passes values, failures and progress to callbacks in the GUI thread.

A page passes a call, a callback for the call's value and a callback for its failure, so that the page itself needs no
threads and no locks. Use this module from the GUI thread only.
"""

import contextvars
import time
from collections import deque
from collections.abc import Callable, Hashable

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal, Slot

from console.domain.errors import ConsoleError, ErrorCode
from console.views.runtime.tasks import READING_POOL_NAMES, ProgressReporter, Runner, Task, TaskHandle, make_failure
from console.views.runtime.worker_threads import ThreadPool


class TaskRunner(QObject, Runner):
    """Runs service calls in background threads. Calls with the same key run one after another, other calls in
    parallel.

    Each pool has its own threads, so that slow calls don't delay lists: `quick` is for reads of the database,
    `slow` for acting calls, `long` for calls that take minutes, `documents` for pages of PDFs, each of which may take
    up to ten seconds. The pool `files` has one thread, which reads and writes the files of the person one after
    another. A call that waits for its provider, up to 210 seconds, occupies a thread of `slow`, so that pool has more
    threads than a person usually has calls: a rejection or a note doesn't wait for them. Callbacks run in the GUI
    thread, unless their caller was destroyed. A call runs with the context variables of its caller (operator,
    correlation id).

    Signals:
    - idle: no call is waiting or running any more.
    - read_began: a call that only reads has begun.
    """

    idle = Signal()
    read_began = Signal()
    _callback_posted = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        quick_thread_count: int = 2,
        slow_thread_count: int = 16,
        long_thread_count: int = 2,
        documents_thread_count: int = 2,
    ) -> None:
        """The four numbers are the maximum numbers of threads of the pools `quick`, `slow`, `long`, `documents`."""
        super().__init__(parent)
        self._pools = {
            "quick": ThreadPool("quick", quick_thread_count),
            "slow": ThreadPool("slow", slow_thread_count),
            "long": ThreadPool("long", long_thread_count),
            "documents": ThreadPool("documents", documents_thread_count),
            "files": ThreadPool("files", 1),
        }
        self._waiting_tasks: dict[Hashable, deque[Task]] = {}
        self._running_tasks: set[Task] = set()
        self._waiting_callbacks: deque[Callable[[], None]] = deque()
        self._is_closed = False
        # The signal has no value: it makes the GUI thread run `_run_callbacks`.
        self._callback_posted.connect(self._run_callbacks, Qt.ConnectionType.QueuedConnection)

    @property
    def running_call_labels(self) -> tuple[str, ...]:
        """The labels that callers have given to the running calls."""
        return tuple(task.label for task in self._running_tasks)

    def list_running_reads(self) -> tuple[TaskHandle, ...]:
        """Return the running calls that only read and whose caller still exists."""
        return tuple(
            TaskHandle(task)
            for task in self._running_tasks
            if _is_interruptible_read(task) and shiboken6.isValid(task.caller)
        )

    def is_idle(self) -> bool:
        """Return True if no call is waiting or running, and all callbacks have run."""
        return not self._running_tasks and not self._waiting_tasks and not self._waiting_callbacks

    def wait_and_list_unfinished_calls(self, timeout_seconds: float) -> tuple[str, ...]:
        """Wait at most `timeout_seconds` seconds until the running calls end, and run their callbacks. Return the
        labels of the calls that are still running."""
        deadline = time.monotonic() + timeout_seconds
        while self._running_tasks and ThreadPool.wait_for_job_end(self._pools.values(), deadline - time.monotonic()):
            self._run_callbacks()
        self._run_callbacks()
        return self.running_call_labels

    def close(self, timeout_seconds: float = 3.0) -> tuple[str, ...]:
        """Refuse new calls, cancel the calls that can be cancelled, and wait at most `timeout_seconds` seconds for
        the end of the other calls. Return the labels of the calls that are still running."""
        self._is_closed = True
        for waiting_tasks in self._waiting_tasks.values():
            for task in waiting_tasks:
                task.cancel()
        for task in self._running_tasks:
            task.cancel()
        unfinished_labels = self.wait_and_list_unfinished_calls(timeout_seconds)
        for pool in self._pools.values():
            pool.end_threads(waits_for_end=not unfinished_labels)
        return unfinished_labels

    def _accept_task(self, task: Task) -> TaskHandle:
        if self._is_closed:
            task.state = "cancelled"
        elif task.sequence_key is not None and task.sequence_key in self._waiting_tasks:
            self._waiting_tasks[task.sequence_key].append(task)
        else:
            if task.sequence_key is not None:
                self._waiting_tasks[task.sequence_key] = deque()
            self._begin_task(task)
        return TaskHandle(task)

    def _begin_task(self, task: Task) -> None:
        task.state = "running"
        task.progress_reporter = ProgressReporter(
            lambda value: self._post_callback(lambda: self._deliver_progress(task, value))
        )
        self._running_tasks.add(task)
        if _is_interruptible_read(task):
            self.read_began.emit()
        call_context = contextvars.copy_context()
        try:
            self._pools[task.pool_name].submit(lambda: call_context.run(self._run_task, task))
        except (RuntimeError, MemoryError):  # the call was not begun
            failure = make_failure(ConsoleError(ErrorCode.STORAGE_FULL, {"reason": "out_of_resources"}), task.label)
            self._post_callback(lambda: self._finish_task(task, lambda: task.on_failed(failure)))

    def _run_task(self, task: Task) -> None:
        """Run the call of a task in the background thread, and pass its value or failure to the GUI thread. Every
        exception becomes a Failure."""
        try:
            value = task.call(task.progress_reporter)
            self._post_callback(lambda: self._finish_task(task, lambda: task.on_done(value)))
        except BaseException as error:
            failure = make_failure(error, task.label)
            self._post_callback(lambda: self._finish_task(task, lambda: task.on_failed(failure)))

    def _post_callback(self, callback: Callable[[], None]) -> None:
        """Add a callback to the queue of the GUI thread. Any thread may call this."""
        self._waiting_callbacks.append(callback)
        try:
            self._callback_posted.emit()
        except RuntimeError:  # Qt has destroyed the runner: no callback can run
            self._waiting_callbacks.clear()

    @Slot()
    def _run_callbacks(self) -> None:
        """Run the waiting callbacks in the GUI thread."""
        while self._waiting_callbacks:
            callback = self._waiting_callbacks.popleft()
            try:
                callback()
            except BaseException:
                self._callback_posted.emit()  # wake again, so that the remaining callbacks are delivered
                raise

    def _deliver_progress(self, task: Task, value: object) -> None:
        """Pass a progress value to the task's callback, if its caller still exists."""
        if task.on_progress and task.state == "running" and shiboken6.isValid(task.caller):
            task.on_progress(value)

    def _finish_task(self, task: Task, run_callback: Callable[[], None]) -> None:
        """Remove the ended task, run its callback if its caller still exists, and begin the next task with the same
        key."""
        self._running_tasks.discard(task)
        self._begin_next_task(task.sequence_key)
        is_callback_due = task.state == "running" and shiboken6.isValid(task.caller)
        if task.state == "running":
            task.state = "done"
        try:
            if is_callback_due:
                run_callback()
        finally:
            if self.is_idle():
                self.idle.emit()

    def _begin_next_task(self, key: Hashable | None) -> None:
        """Begin the next waiting call with this key. A call that must not begin, because it was cancelled or its
        caller was destroyed (see Task.should_begin), is skipped."""
        waiting_tasks = self._waiting_tasks.get(key)
        while waiting_tasks:
            task = waiting_tasks.popleft()
            if task.should_begin():
                self._begin_task(task)
                return
        self._waiting_tasks.pop(key, None)


def _is_interruptible_read(task: Task) -> bool:
    """Return True if the call only reads, so that the program can safely stop the call's running statement in the
    database (see `Runner.run`)."""
    return task.is_cancellable and task.pool_name in READING_POOL_NAMES
