"""Runs the due tasks of a worker in several threads, which call the scheduler every few seconds."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Lock

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.daemon_threads import DaemonThread
from console.services.tasks.scheduler import Scheduler

TASK_THREAD_COUNT = 3
"""Number of threads that run due tasks. A long task occupies one thread while the others run the short tasks."""
FIRST_THREAD_POLL_SECONDS = 1.0
"""Pause in seconds of the first thread between two polls for due tasks."""
OTHER_THREADS_POLL_SECONDS = 3.0
"""Pause in seconds of each thread except the first between two polls for due tasks."""
MAX_PAUSE_AFTER_FAILURES_SECONDS = 30.0
"""Longest pause between two runs of the scheduler while it fails; each failure doubles the pause."""
_MIN_POLL_PAUSE_SECONDS = 0.3
_MAX_PAUSE_DOUBLINGS = 20
_STOP_CHECK_INTERVAL_SECONDS = 0.02
_log = logging.getLogger("console.worker")


class DueTaskThreads:
    """Runs due tasks in threads, from `start` until `stop_event` is set. Only the lease of a task, not this class,
    prevents two processes or threads from running the task at the same time."""

    def __init__(self, scheduler: Scheduler, stop_event: Event) -> None:
        self._scheduler, self._stop_event = scheduler, stop_event
        self._scale, self._clock = scheduler.scale, scheduler.clock
        self._busy_count = 0
        self._lock = Lock()
        self._threads = [
            DaemonThread(partial(self._run_tasks_until_stopped, i), f"tasks-{i}") for i in range(TASK_THREAD_COUNT)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_until_ended(self, timeout_seconds: float, abort_event: Event) -> bool:
        """Wait until the running tasks and then all threads have ended, at most `timeout_seconds`; return immediately
        when `abort_event` is set. Return True if all threads have ended."""
        deadline = self._clock.monotonic() + timeout_seconds
        while (
            self._is_running()
            and self._clock.monotonic() < deadline
            and not abort_event.wait(_STOP_CHECK_INTERVAL_SECONDS)
        ):
            pass
        return not self._is_running()

    def _is_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _run_tasks_until_stopped(self, thread_index: int) -> None:
        """Run due tasks repeatedly until `stop_event` is set. `thread_index` is the number of the calling thread,
        from 0. The threads begin at different times, so that they don't query the database at the same time. Thread 0
        calls the scheduler every second; the others do so less often, and only while another thread runs a task,
        because that task may take long."""
        poll_seconds = max(
            _MIN_POLL_PAUSE_SECONDS,
            self._scale.scale_seconds(FIRST_THREAD_POLL_SECONDS if thread_index == 0 else OTHER_THREADS_POLL_SECONDS),
        )
        failure_count = 0
        self._stop_event.wait(poll_seconds * thread_index / TASK_THREAD_COUNT)
        while not self._stop_event.is_set():
            if thread_index == 0 or self._busy_count:
                error_code = self._run_due_tasks()
                self._log_failure_change(error_code, failure_count)
                failure_count = failure_count + 1 if error_code else 0
            self._stop_event.wait(
                compute_pause_seconds_after_failures(
                    poll_seconds,
                    failure_count,
                    max(poll_seconds, self._scale.scale_seconds(MAX_PAUSE_AFTER_FAILURES_SECONDS)),
                )
            )

    def _run_due_tasks(self) -> str | None:
        """Run the due tasks once. Return the error code if the scheduler itself failed, otherwise None. The
        failure of a single task is stored in the row of the task."""
        try:
            with self._count_as_busy():
                self._scheduler.run_due_tasks(self._stop_event.is_set)
        except ConsoleError as refusal:
            return refusal.code
        except Exception:
            _log.exception("a pass of due tasks failed")
            return ErrorCode.INTERNAL_ERROR
        return None

    @contextmanager
    def _count_as_busy(self) -> Iterator[None]:
        """Within the block, count the calling thread as one that runs a task."""
        with self._lock:
            self._busy_count += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy_count -= 1

    def _log_failure_change(self, error_code: str | None, failure_count: int) -> None:
        """Write a line to the log if the scheduler has begun to fail, and one if it works again; otherwise log
        nothing. So a day without the database gives only two lines. `error_code` is the error of the scheduler's last
        call (None: the call did not fail), `failure_count` the number of failed calls directly before that call."""
        if error_code and not failure_count:
            _log.warning("due tasks can't be run: %s", error_code)
        if failure_count and not error_code:
            _log.info("due tasks run again, after %d failed calls", failure_count)


def compute_pause_seconds_after_failures(pause_seconds: float, failure_count: int, longest_seconds: float) -> float:
    """Return the pause in seconds after `failure_count` consecutive failures: `pause_seconds`, doubled with each
    failure, but at most `longest_seconds`. The pause is doubled at most _MAX_PAUSE_DOUBLINGS times, because a power
    of two above 2**1023 can't be converted to a float."""
    return min(pause_seconds * 2.0 ** min(failure_count, _MAX_PAUSE_DOUBLINGS), longest_seconds)
