"""A small set of worker threads that are started when first needed."""

import queue
import threading
import time
from collections.abc import Callable, Iterable


class Crew:
    """At most `size` threads that do jobs in the order they came.

    They are daemons: a call that hangs must not keep the process alive after its window has closed.
    """

    _over = threading.Condition()  # told whenever a job of any crew is over

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = 0  # handed over and not yet over

    def submit(self, job: Callable[[], None]) -> None:
        with self._over:
            self._open += 1
            if self._open > len(self._threads) < self._size:
                self._hire()
        self._jobs.put(job)

    def dismiss(self, *, join: bool) -> None:
        """Let the threads go after what they are doing; `join` waits for them."""
        for _ in self._threads:
            self._jobs.put(None)
        if join:
            for thread in self._threads:
                thread.join()
        self._threads.clear()

    @classmethod
    def wait(cls, crews: "Iterable[Crew]", timeout: float) -> bool:
        """Wait until a job of these crews is over, or all are; False after `timeout` seconds."""
        crews = list(crews)
        until = time.monotonic() + timeout
        with cls._over:
            before = sum(crew._open for crew in crews)
            while before and sum(crew._open for crew in crews) >= before:
                if not cls._over.wait(max(0.0, until - time.monotonic())):
                    return False
        return True

    def _hire(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while job := self._jobs.get():
            job()
            with self._over:
                self._open -= 1
                self._over.notify_all()
