"""Measures the duration of a call in the thread that runs it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CallTimer:
    """The stopwatch of one call. `seconds` is the duration of its last run; 0.0 before the first run has ended. The
    time in which the call waits for a thread, or for the person's password before a second run, doesn't count. The
    caller reads `seconds` after the call has ended.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` is a clock in seconds that any thread may call."""
        self._monotonic = monotonic
        self.seconds = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure the time of the block, also if it raises an exception."""
        began_at = self._monotonic()
        try:
            yield
        finally:
            self.seconds = self._monotonic() - began_at
