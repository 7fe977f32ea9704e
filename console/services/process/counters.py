"""What this process has counted of itself since it began; nothing of it is kept."""

from bisect import bisect_left
from threading import Lock

BOUNDS = (0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: upper ends of the classes in which waits are counted; the last class has none."""
DUPLICATES = frozenset({"already_purchased", "already_decided", "in_progress", "possible_repeat"})
"""Refusals of what is done, or being done, already."""


class Tally:
    """Waits for leases and duplicates that a guard refused. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waits = [0] * (len(BOUNDS) + 1)
        self._waited = 0.0
        self._duplicates = 0

    def waited(self, seconds: float) -> None:
        """Somebody has a lease, or has given up, after so long."""
        with self._lock:
            self._waits[bisect_left(BOUNDS, seconds)] += 1
            self._waited += seconds

    def refused(self, code: str) -> None:
        """A guard has refused; duplicates are counted."""
        if code in DUPLICATES:
            with self._lock:
                self._duplicates += 1

    @property
    def waits(self) -> tuple[tuple[int, ...], float]:
        """How many waits in each class, and all their seconds."""
        with self._lock:
            return tuple(self._waits), self._waited

    @property
    def duplicates(self) -> int:
        return self._duplicates
