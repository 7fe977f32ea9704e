"""The sandbox's clock. It follows the machine's clock unless a test or the demo sets it, and returns the present
calendar day in Japan."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

JST = timezone(timedelta(hours=9), "JST")


def get_machine_time() -> datetime:
    """Return the machine's current time, aware, in UTC."""
    return datetime.now(UTC)


class SandboxClock:
    """Clock of one sandbox. `set_time` sets the clock, which then continues from that time; `set_today` sets only the
    day that `today` returns, on which credit checks are purchased."""

    def __init__(self, get_time: Callable[[], datetime] = get_machine_time) -> None:
        self._get_time = get_time
        self._offset = timedelta()
        self._fixed_today: date | None = None

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return self._get_time() + self._offset

    def today(self) -> date:
        """Return the current day in Japan, or the day that `set_today` has set."""
        return self._fixed_today or self.now().astimezone(JST).date()

    def set_time(self, instant: datetime | None) -> None:
        """Set the clock to this time; None sets it back to the machine's clock."""
        self._offset = instant - self._get_time() if instant else timedelta()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by this number of seconds."""
        self._offset += timedelta(seconds=seconds)

    def set_today(self, day: date | None) -> None:
        """Set the day that `today` returns. The day then doesn't change until the next call; with None it follows the
        clock again."""
        self._fixed_today = day


def format_instant(at: datetime) -> str:
    """Return a time in UTC with milliseconds: `2026-11-20T03:20:01.123Z`. This is precise enough to sort calls by
    time.
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def add_one_year(day: date) -> date:
    """Return the same day of the next year; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)
