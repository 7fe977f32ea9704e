"""The sandbox's own clock: runs with the machine's, can be set, and knows Japan's calendar."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

JST = timezone(timedelta(hours=9), "JST")


def machine_time() -> datetime:
    return datetime.now(UTC)


class SandboxClock:
    """`set` moves the clock, which runs on from there; `fix_today` overrides only the day of purchase."""

    def __init__(self, source: Callable[[], datetime] = machine_time) -> None:
        self._source = source
        self._offset = timedelta()
        self._today: date | None = None

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._source() + self._offset

    def today(self) -> date:
        """The day in Japan."""
        return self._today or self.now().astimezone(JST).date()

    def set(self, instant: datetime | None) -> None:
        self._offset = instant - self._source() if instant else timedelta()

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)

    def fix_today(self, day: date | None) -> None:
        self._today = day


def instant_text(at: datetime) -> str:
    """With milliseconds, so that the order of calls can be read: `2026-11-20T03:20:01.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def a_year_after(day: date) -> date:
    """The same day next year; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)
