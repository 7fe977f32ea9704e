"""The periods of the reports, in Japanese calendar days."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from console.domain.calendar_days import JST, get_end_of_japanese_day, get_start_of_japanese_day

DAY_COUNT_OF_DAILY_REPORTS = 14
"""Length (days) of the period of the reports that have figures per day."""
DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS = 90
"""Length (days) of the period of the reports about the steps of refunds and about the time to truth."""


@dataclass(frozen=True, slots=True)
class Period:
    """Consecutive Japanese days, from `first` to `last` (both included)."""

    first: date
    last: date

    @property
    def days(self) -> tuple[date, ...]:
        """All days of the period, the first one first."""
        return tuple(self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))

    @property
    def start(self) -> datetime:
        """The first instant (UTC) of the period."""
        return get_start_of_japanese_day(self.first)

    @property
    def end(self) -> datetime:
        """The first instant (UTC) after the period."""
        return get_end_of_japanese_day(self.last)


def make_period_until(now: datetime, days: int) -> Period:
    """Return the period of `days` Japanese days that ends with the day of the instant `now`."""
    today = now.astimezone(JST).date()
    return Period(today - timedelta(days=days - 1), today)
