"""The difference between the clock of a desk or worker and the database server's clock: the largest allowed
difference, the estimate of the difference from desk requests, and the texts of the alert about it. No I/O.
"""

from collections.abc import Sequence
from datetime import timedelta
from zlib import crc32

ALERT_RULE = "clock_drift"
CLOCK_KIND = "clock"
LARGEST_DRIFT_SECONDS = 2.0
"""Largest difference (seconds) between a machine's clock and the database's clock for which no alert is raised.
"""
LONGEST_MEASUREMENT_SECONDS = 1.0
"""A measurement of the server's time that took more seconds than this is discarded, because it is too imprecise."""
MIN_LATE_REQUEST_COUNT = 3
"""A desk's clock counts as behind only if at least this number of its requests were measured and all of them were
late, because a single request may have had a slow connection."""
ALERT_LIFETIME = timedelta(days=1)
"""Time after which an alert about a wrong clock is resolved although the desk's clock was not measured again; the
desk may be switched off.
"""


def compute_desk_subject_id(desk: str) -> int:
    """Return the number by which an alert about a wrong clock names the desk, in the column `subject_id` of alerts:
    the CRC-32 of the desk's id."""
    return crc32(desk.encode())


def format_observed_drift(name: str, drift_seconds: float) -> str:
    """Return the text `observed` of an alert about a wrong clock, such as `clock of host-1: 4.2 s ahead`. `name` is
    the name of the machine, of which at most 60 characters are used; `drift_seconds` is positive if its clock is
    ahead of the database server's clock."""
    direction = "ahead" if drift_seconds > 0 else "behind"
    return f"clock of {name.replace(';', ' ')[:60]}: {abs(drift_seconds):.1f} s {direction}"


def format_expected_drift() -> str:
    """Return the text `expected` of an alert about a wrong clock: the largest difference for which no alert is
    raised, such as `within 2 s`."""
    return f"within {LARGEST_DRIFT_SECONDS:.0f} s"


def compute_clock_drift(delays: Sequence[float]) -> float | None:
    """Return the seconds by which a desk's clock is ahead of the server's clock (negative: behind), as the shortest
    delay shows them; None if the delays prove nothing.

    `delays` (at least one) has one value per request of the desk: the server's time at which the request was stored,
    less the desk's time at which it was made, in seconds. A negative delay proves that the desk's clock is ahead. A
    large delay may only be a slow connection: if the shortest delay is more than LARGEST_DRIFT_SECONDS, the clock
    counts as behind only with at least MIN_LATE_REQUEST_COUNT requests. A shortest delay of 0 to
    LARGEST_DRIFT_SECONDS proves that the clock isn't far behind, also with a single request.
    """
    shortest_delay = min(delays)
    if shortest_delay < 0:
        return -shortest_delay
    return (
        -shortest_delay if len(delays) >= MIN_LATE_REQUEST_COUNT or shortest_delay <= LARGEST_DRIFT_SECONDS else None
    )
