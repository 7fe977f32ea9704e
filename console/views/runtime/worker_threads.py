"""A small pool of background threads. It starts a new thread only if all its threads are busy."""

import queue
import threading
import time
from collections.abc import Callable, Iterable

from console.domain.process.daemon_threads import DaemonThread


class ThreadPool:
    """A pool of at most `max_threads` threads, which begin the jobs in the order of their submission.

    The threads are daemon threads, so that the process can end after its window has closed, even if a call never
    ends.
    """

    _job_end_condition = threading.Condition()  # notified whenever a job of any pool ends

    def __init__(self, pool_name: str, max_threads: int) -> None:
        self._name, self._max_threads = pool_name, max_threads
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[DaemonThread] = []
        self._unfinished_job_count = 0  # jobs submitted and not yet ended

    def submit(self, run_job: Callable[[], None]) -> None:
        """Add a job to the queue. If all threads are busy and the pool has fewer than `max_threads` threads, start a
        further thread. If that isn't possible, the job waits for a thread of the pool; raises RuntimeError or
        MemoryError if the pool has none."""
        with self._job_end_condition:
            if self._unfinished_job_count >= len(self._threads) < self._max_threads:
                try:
                    self._start_thread()
                except (RuntimeError, MemoryError):
                    if not self._threads:
                        raise
            self._unfinished_job_count += 1
        self._jobs.put(run_job)

    def end_threads(self, *, waits_for_end: bool) -> None:
        """Let each thread end when it has run the jobs that are already in the queue. If `waits_for_end` is True,
        wait until all threads have ended.
        """
        for _ in self._threads:
            self._jobs.put(None)
        if waits_for_end:
            for thread in self._threads:
                thread.join()
        self._threads.clear()

    @classmethod
    def wait_for_job_end(cls, pools: "Iterable[ThreadPool]", timeout_seconds: float) -> bool:
        """Wait at most `timeout_seconds` seconds until a job of one of these pools ends. Return True if a job has
        ended, or if no job was running. Return False after the timeout."""
        pools = list(pools)
        deadline = time.monotonic() + timeout_seconds
        with cls._job_end_condition:
            job_count = sum(pool._unfinished_job_count for pool in pools)
            while job_count and sum(pool._unfinished_job_count for pool in pools) >= job_count:
                if not cls._job_end_condition.wait(max(0.0, deadline - time.monotonic())):
                    return False
        return True

    def _start_thread(self) -> None:
        thread = DaemonThread(self._run_jobs, f"{self._name}-{len(self._threads)}")
        thread.start()
        self._threads.append(thread)

    def _run_jobs(self) -> None:
        while job := self._jobs.get():
            job()
            with self._job_end_condition:
                self._unfinished_job_count -= 1
                self._job_end_condition.notify_all()
