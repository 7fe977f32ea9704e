"""The clock that all layers of the program use, and the time scale by which tests shorten all waits."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Interface of a clock: wall time for stored instants, monotonic time for waits. The entry point of the program
    passes the same clock to all services.
    """

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never decrease, for time limits and waits."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`. Don't rely on a wait to order the actions of two processes."""
        ...


class SystemClock:
    """A Clock that reads the clock of the machine."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds of the machine's monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; return immediately if it is negative."""
        time.sleep(max(0.0, seconds))


CLOCK_TOLERANCE = timedelta(minutes=1)
"""Largest accepted difference between the clocks of two desks."""


def is_in_future(instant: datetime, now: datetime) -> bool:
    """True if `instant` is more than `CLOCK_TOLERANCE` after `now`. Then either the clock that produced the instant
    was ahead, or the present clock is behind.
    """
    return instant > now + CLOCK_TOLERANCE


def compute_age(instant: datetime | None, now: datetime) -> timedelta | None:
    """Return the time from `instant` until `now`; 0 if `instant` is later than `now` by at most `CLOCK_TOLERANCE`.
    Return None if `instant` is None, or if it is later than `now` by more than that: one of the clocks is then wrong,
    so the age is unknown.
    """
    if instant is None or is_in_future(instant, now):
        return None
    return max(timedelta(0), now - instant)


class TimeScale:
    """Divides every duration for which the console waits by `factor`, so that tests run faster; 1 in production.
    Dates, such as an expiry date, are not divided.
    """

    SHORTEST_LEASE_SECONDS = 2.0

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def scale_seconds(self, unscaled_seconds: float) -> float:
        """Return the seconds for which to wait: `unscaled_seconds`, the seconds in production, divided by the
        factor."""
        return unscaled_seconds / self.factor

    def scale_duration(self, unscaled_duration: timedelta) -> timedelta:
        """Return the duration for which to wait: `unscaled_duration`, the duration in production, divided by the
        factor."""
        return unscaled_duration / self.factor

    def scale_lease_seconds(self, unscaled_seconds: float) -> float:
        """Return the length of a lease in seconds: `unscaled_seconds` divided by the factor. With a factor other than
        1 the length is at least SHORTEST_LEASE_SECONDS, so that a busy machine renews the lease before it expires.
        """
        return (
            max(self.SHORTEST_LEASE_SECONDS, unscaled_seconds / self.factor) if self.factor != 1 else unscaled_seconds
        )
