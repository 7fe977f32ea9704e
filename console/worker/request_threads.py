"""Executes desk requests in several threads of the worker. One more thread polls the database for desk requests
and wakes those threads."""

import logging
from contextlib import suppress
from functools import partial
from queue import Full, Queue
from threading import Event

from console.domain.desk_requests.rules import PRESENCE_LEASE_SECONDS, PRESENCE_RENEWAL_SECONDS
from console.domain.errors import ConsoleError
from console.domain.process.daemon_threads import DaemonThread
from console.services.desk_requests.execution import RequestExecutor
from console.worker.task_threads import compute_pause_seconds_after_failures

REQUEST_THREAD_COUNT = 4
"""Number of threads that execute requests. A request that waits for its provider occupies one of them."""
REQUEST_POLL_PAUSE_SECONDS = 0.04
"""Pause in seconds between two polls for requests: while a request is open, and also after no request was open for
QUICK_REQUEST_POLL_PERIOD_SECONDS.
"""
QUICK_REQUEST_POLL_PAUSE_SECONDS = 0.01
"""Pause in seconds between two polls while no request is open and the last one was open at most
QUICK_REQUEST_POLL_PERIOD_SECONDS ago, because a person often sends the next request soon. Polls with this pause all
day would cost the database 2 % of one core.
"""
QUICK_REQUEST_POLL_PERIOD_SECONDS = 10.0
LONGEST_REQUEST_POLL_PAUSE_SECONDS = 5.0
"""Longest pause in seconds between two polls while the polls fail."""
_STOP_CHECK_INTERVAL_SECONDS = 0.02
_log = logging.getLogger("console.worker")


class DeskRequestThreads:
    """Executes desk requests in threads, from `start` until `stop_event` is set."""

    def __init__(self, executor: RequestExecutor, stop_event: Event) -> None:
        self._executor, self._stop_event = executor, stop_event
        self._wake_signals: Queue[None] = Queue(REQUEST_THREAD_COUNT)
        self._locked_signals: Queue[None] = Queue(1)
        self._has_polled = Event()
        """Event that is set after the first poll, even if the poll did not reach the database."""
        self._executing_ids: set[int] = set()
        """Numbers of the threads that execute a request."""
        self._threads = [
            DaemonThread(self._poll_requests_until_stopped, "requests-look"),
            DaemonThread(self._take_locked_requests_until_stopped, "requests-locked"),
            *(
                DaemonThread(partial(self._execute_requests_until_stopped, i), f"requests-{i}")
                for i in range(REQUEST_THREAD_COUNT)
            ),
        ]

    def start(self) -> None:
        """Start the threads. Wait at most LONGEST_REQUEST_POLL_PAUSE_SECONDS for the end of the first poll, which
        stores this worker's presence lease, by which desks see that the worker is running. If the poll fails, the
        wait ends too, and the threads continue to try."""
        for thread in self._threads:
            thread.start()
        self._has_polled.wait(LONGEST_REQUEST_POLL_PAUSE_SECONDS)

    def wait_until_ended(self, timeout_seconds: float, abort_event: Event) -> bool:
        """Wait until the desk requests that are being executed, and then all threads, have ended, at most
        `timeout_seconds`; return immediately when `abort_event` is set. Return True if all threads have ended.
        Another worker takes over the requests whose execution is aborted."""
        deadline = self._executor.clock.monotonic() + timeout_seconds
        while (
            self.is_running
            and self._executor.clock.monotonic() < deadline
            and not abort_event.wait(_STOP_CHECK_INTERVAL_SECONDS)
        ):
            pass
        return not self.is_running

    @property
    def is_running(self) -> bool:
        """True until all threads have ended, also while a desk request is still being executed after `stop_event`
        was set."""
        return any(thread.is_alive() for thread in self._threads)

    def _poll_requests_until_stopped(self) -> None:
        """Poll for desk requests until `stop_event` is set, and renew the presence lease, by which desks see that
        this worker is running."""
        clock = self._executor.clock
        renewal_seconds = min(
            PRESENCE_RENEWAL_SECONDS, self._executor.scale.scale_lease_seconds(PRESENCE_LEASE_SECONDS) / 8
        )
        failure_count, waiting_count = 0, 0
        is_any_waiting = False
        next_renewal_at = last_request_at = float("-inf")
        while not self._stop_event.is_set():
            try:
                is_renewal_due = clock.monotonic() >= next_renewal_at
                if is_renewal_due:
                    self._executor.announce_presence()
                    next_renewal_at = clock.monotonic() + renewal_seconds
                was_any_waiting, is_any_waiting = is_any_waiting, self._executor.is_any_request_waiting()
                waiting_count = 0
                if is_any_waiting and not was_any_waiting:
                    waiting_count = 1  # to count the others takes more queries: the next poll does so
                elif is_any_waiting or is_renewal_due:  # an ended worker can have left a request that it had taken
                    waiting_count = self._executor.count_waiting_requests()
                self._wake_threads(waiting_count)
                self._wake_lock_waiting_thread()
                self._executor.store_progress_steps()
                failure_count = 0
            except ConsoleError as refusal:
                if not failure_count:
                    _log.warning("desk requests can't be read: %s", refusal.code)
                failure_count += 1
            except Exception:  # such as a database error without a code: the next poll may succeed
                if not failure_count:
                    _log.exception("a read of desk requests failed")
                failure_count += 1
            self._has_polled.set()
            now = clock.monotonic()
            if waiting_count or self._executing_ids:
                last_request_at = now
            idle_seconds = 0.0 if failure_count else now - last_request_at
            pause_seconds = compute_request_poll_pause_seconds(
                idle_seconds, renewal_seconds, is_standby=self._executor.is_standby
            )
            self._stop_event.wait(
                compute_pause_seconds_after_failures(pause_seconds, failure_count, LONGEST_REQUEST_POLL_PAUSE_SECONDS)
            )
        self._wake_threads(REQUEST_THREAD_COUNT)
        self._wake_lock_waiting_thread()
        self._executor.release_presence_lease()

    def _wake_threads(self, count: int) -> None:
        """Wake `count` threads, one for each waiting request. No further threads are woken, because a thread that
        finds no request would delay the threads that execute a request. If a woken thread may not take the request,
        the next poll counts the request again."""
        with suppress(Full):  # the queue already has one wake for each thread
            for _ in range(count):
                self._wake_signals.put_nowait(None)

    def _wake_lock_waiting_thread(self) -> None:
        """Wake the thread that waits for the locks of requests, if requests are locked or `stop_event` is set."""
        if self._executor.has_locked_requests or self._stop_event.is_set():
            with suppress(Full):
                self._locked_signals.put_nowait(None)

    def _take_locked_requests_until_stopped(self) -> None:
        """Take the desk requests that other threads of this worker have found locked, until `stop_event` is set. Only
        this thread waits for the locks that people's database sessions hold, so that the other threads continue with
        other requests. A request that it gets after `stop_event` was set is released: no thread executes it."""
        while not self._stop_event.is_set():
            self._locked_signals.get()
            try:
                while not self._stop_event.is_set() and self._executor.take_locked_request():
                    pass
            except ConsoleError as refusal:
                _log.warning("a locked desk request could not be taken: %s", refusal.code)
            except Exception:
                _log.exception("the wait for a locked request failed")
        self._executor.release_unexecuted_requests()

    def _execute_requests_until_stopped(self, thread_number: int) -> None:
        """Execute desk requests until `stop_event` is set. `thread_number` is the number of the calling thread, from
        0. Thread 0 takes only requests of people for whom no other request is being executed, so that one person's
        slow requests never occupy all threads."""
        while not self._stop_event.is_set():
            self._wake_signals.get()
            self._executing_ids.add(thread_number)
            try:
                while not self._stop_event.is_set() and self._executor.execute_next(
                    only_first_of_person=thread_number == 0
                ):
                    pass
            except ConsoleError as refusal:
                _log.warning("a desk request could not be taken or answered: %s", refusal.code)
            except Exception:
                _log.exception("the execution of a desk's request failed")
            finally:
                self._executing_ids.discard(thread_number)


def compute_request_poll_pause_seconds(idle_seconds: float, renewal_seconds: float, *, is_standby: bool) -> float:
    """Return the pause in seconds before the next poll for desk requests. `idle_seconds` is the time since a request
    was last open: 0 while a request is open, and after a failed poll. If `idle_seconds` is above 0, a standby worker
    polls only as often as it renews its lease (every `renewal_seconds`), because another worker polls.
    """
    if not idle_seconds:
        return REQUEST_POLL_PAUSE_SECONDS
    if is_standby:
        return max(REQUEST_POLL_PAUSE_SECONDS, renewal_seconds)
    return (
        QUICK_REQUEST_POLL_PAUSE_SECONDS
        if idle_seconds < QUICK_REQUEST_POLL_PERIOD_SECONDS
        else REQUEST_POLL_PAUSE_SECONDS
    )
