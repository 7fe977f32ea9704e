"""The largest difference between the clock of a desk or worker and the database's, and the alert's texts. No I/O."""

from collections.abc import Sequence
from datetime import timedelta
from zlib import crc32

ALERT_RULE, KIND = "clock_drift", "clock"
LIMIT_SECONDS = 2.0
"""Difference from the database's clock above which an alert is raised."""
LONGEST_MEASUREMENT_SECONDS = 1.0
"""A measurement of the server's time that took longer tells nothing about the clock."""
MIN_REQUESTS = 3
"""Number of requests of a desk that must all be late before its clock counts as behind: one may have been slow."""
ALERT_LIFETIME = timedelta(days=1)
"""Time after which an alert is resolved although its desk was not measured again: it may be switched off."""


def subject_id_of(desk: str) -> int:
    """Return the number that stands for a desk as the subject of an alert: the CRC-32 of its id."""
    return crc32(desk.encode())


def observed_text(name: str, seconds: float) -> str:
    """Return the text `observed` of the alert, such as `clock of host-1: 4.2 s ahead`; positive seconds are ahead."""
    return f"clock of {name.replace(';', ' ')[:60]}: {abs(seconds):.1f} s {'ahead' if seconds > 0 else 'behind'}"


def expected_text() -> str:
    """Return the text `expected` of the alert."""
    return f"within {LIMIT_SECONDS:.0f} s"


def drift_of_requests(delays: Sequence[float]) -> float | None:
    """Return by how many seconds a desk's clock is ahead (negative: behind), from the delays between the desk's clock
    and the server's time of its requests. None if that can't be told: a delay alone may be a slow connection.

    A request that the server stored before the desk made it proves a clock that is ahead. A clock is behind only if
    no request was quicker than its difference.
    """
    shortest = min(delays)
    if shortest < 0:
        return -shortest
    return -shortest if len(delays) >= MIN_REQUESTS or shortest <= LIMIT_SECONDS else None
