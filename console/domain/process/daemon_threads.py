"""Daemon threads and timers whose start always ends.

`Thread.start` waits without a limit until the new thread says that it runs. A thread that ends before that, because
it gets no memory for its first call, never says so. The caller, for example a purchase before its request is sent,
would wait for ever.
"""

from collections.abc import Callable
from threading import Event, Lock, Thread, Timer

LONGEST_START_SECONDS = 20.0
"""Longest time in seconds until a started thread must run. A busy computer needs much less."""


class _StartEvent(Event):
    """The event for which `Thread.start` waits. After LONGEST_START_SECONDS the wait raises the error of a thread
    that the operating system doesn't start."""

    def __init__(self) -> None:
        super().__init__()
        self.is_given_up = False
        self._decision_lock = Lock()

    def set(self) -> None:
        with self._decision_lock:
            super().set()

    def wait(self, timeout: float | None = None) -> bool:
        is_running = super().wait(LONGEST_START_SECONDS if timeout is None else timeout)
        with self._decision_lock:
            self.is_given_up = not is_running and not self.is_set()
        if self.is_given_up:
            raise RuntimeError("can't start new thread")
        return True


class _ThreadWithLimitedStart(Thread):
    """A thread whose `start` raises RuntimeError if the thread doesn't run within LONGEST_START_SECONDS. A thread
    that begins later does nothing."""

    def _limit_start(self) -> None:
        """Replace the event for which `Thread.start` waits by a `_StartEvent`."""
        self._started = _StartEvent()

    def run(self) -> None:
        """Call the function of the thread; do nothing if `start` has already raised RuntimeError."""
        if not self._started.is_given_up:
            super().run()


class DaemonThread(_ThreadWithLimitedStart):
    """A daemon thread that calls `function` once. `start` raises RuntimeError if the thread can't be started."""

    def __init__(self, function: Callable[[], object], name: str) -> None:
        super().__init__(target=function, name=name, daemon=True)
        self._limit_start()


class DaemonTimer(_ThreadWithLimitedStart, Timer):
    """A daemon thread that calls `function` after `interval_seconds`, unless it is cancelled before. `start` raises
    RuntimeError if the thread can't be started."""

    def __init__(self, interval_seconds: float, function: Callable[[], object]) -> None:
        Timer.__init__(self, interval_seconds, function)
        self.daemon = True
        self._limit_start()
