"""The one clock that everything above reads, and the scale by which waits are shortened in tests."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for facts, monotonic time for waiting. Injected once, by the composition root."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, for budgets and waits."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long; never to make a race come out right."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


AHEAD = timedelta(minutes=1)
"""So far may the clocks of two desks be apart."""


def is_ahead(written: datetime, now: datetime) -> bool:
    """Whether what was written then can't have been: a clock has jumped since, or is wrong now."""
    return written > now + AHEAD


class TimeScale:
    """Divides every duration that the console waits for; never a calendar fact such as an expiry date."""

    SHORTEST_LEASE_SECONDS = 2.0

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def seconds(self, real: float) -> float:
        return real / self.factor

    def delta(self, real: timedelta) -> timedelta:
        return real / self.factor

    def lease_seconds(self, real: float) -> float:
        """A scaled lease, never so short that a busy machine would lose it while alive."""
        return max(self.SHORTEST_LEASE_SECONDS, real / self.factor) if self.factor != 1 else real
