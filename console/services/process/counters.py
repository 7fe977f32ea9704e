"""Counters of this process since its start. They are stored in memory only."""

from bisect import bisect_left
from collections.abc import Iterable
from threading import Lock

from console.domain.errors import ErrorCode
from console.domain.process.log_events import LogEvent, write_event

LEASE_WAIT_CLASS_BOUNDS_SECONDS = (0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Waits for leases are counted in classes. These are the upper bounds of the classes in seconds; one more class,
without a bound, follows.
"""
DUPLICATE_ERROR_CODES = frozenset(
    {ErrorCode.ALREADY_PURCHASED, ErrorCode.ALREADY_DECIDED, ErrorCode.IN_PROGRESS, ErrorCode.POSSIBLE_REPEAT}
)
"""Error codes of calls that were refused because the same action has already happened or is running."""


class ProcessCounters:
    """Counts the waits for leases, and the duplicates: calls that were refused with one of DUPLICATE_ERROR_CODES.
    May be used by several threads at the same time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waits = [0] * (len(LEASE_WAIT_CLASS_BOUNDS_SECONDS) + 1)
        self._waited_seconds = 0.0
        self._duplicates = 0

    def count_lease_wait(self, waited_seconds: float) -> None:
        """Count a wait for a lease that took `waited_seconds`. The wait has ended either because the process got the
        lease or because of a timeout."""
        with self._lock:
            self._add_lease_wait(waited_seconds)

    def add_counts_of_other_processes(
        self, refused_duplicate_count: int, lease_wait_seconds: Iterable[float]
    ) -> None:
        """Add counts that another process has reported: the number of refused duplicates, and the duration of each
        wait for a lease in seconds. Write no log event.
        """
        with self._lock:
            self._duplicates += refused_duplicate_count
            for seconds in lease_wait_seconds:
                self._add_lease_wait(seconds)

    def count_refusal(self, code: str) -> None:
        """If the error code `code` is one of `DUPLICATE_ERROR_CODES`, count one refused duplicate and write a log
        event."""
        if code in DUPLICATE_ERROR_CODES:
            with self._lock:
                self._duplicates += 1
            write_event(LogEvent.DUPLICATE_REFUSED, code=code)

    def _add_lease_wait(self, waited_seconds: float) -> None:
        """Add one wait of `waited_seconds` to the class of durations that contains it
        (LEASE_WAIT_CLASS_BOUNDS_SECONDS), and to the sum of all waits."""
        self._waits[bisect_left(LEASE_WAIT_CLASS_BOUNDS_SECONDS, waited_seconds)] += 1
        self._waited_seconds += waited_seconds

    @property
    def lease_wait_counts_and_seconds(self) -> tuple[tuple[int, ...], float]:
        """The number of waits in each class of LEASE_WAIT_CLASS_BOUNDS_SECONDS, and the sum of all waits in
        seconds."""
        with self._lock:
            return tuple(self._waits), self._waited_seconds

    @property
    def refused_duplicate_count(self) -> int:
        """The number of calls that were refused with a code of `DUPLICATE_ERROR_CODES`."""
        return self._duplicates
