"""So many at once, so many a second: for what anybody can make us write."""

from threading import Lock


class Pace:
    """A bucket that holds `most` and gains `each_second`. Safe from any thread."""

    def __init__(self, most: int, each_second: float) -> None:
        self._most, self._each_second = float(most), each_second
        self._left, self._as_of = float(most), float("-inf")
        self._passed_over = 0
        self._lock = Lock()

    def admit(self, monotonic: float) -> int | None:
        """How many were passed over since the last one that was admitted; None where this one is passed over too."""
        with self._lock:
            gained = max(0.0, monotonic - self._as_of) * self._each_second
            self._left, self._as_of = min(self._most, self._left + gained), max(monotonic, self._as_of)
            if self._left < 1:
                self._passed_over += 1
                return None
            self._left -= 1
            passed_over, self._passed_over = self._passed_over, 0
            return passed_over
