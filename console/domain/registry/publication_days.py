"""The days on which the publisher of the corporation registry certainly publishes a difference: the working days of
Japanese public offices.

Offices don't work on Saturdays, Sundays, 29 December to 3 January (Act on Holidays of Administrative Organs) and the
national holidays (Act on National Holidays, as in force since 2020; the Olympic years 2020 and 2021 by their special
act). The days of the two equinoxes are computed by an approximation formula, which is right from 1980 to 2099.

If a later act creates a holiday, this module doesn't know it: the difference of that day then counts as missing, and
imports continue with the next whole file.
"""

from datetime import date, timedelta
from functools import cache

FIRST_PUBLICATION_DAY = date(2015, 10, 5)
"""The day on which the first numbers were assigned; the publisher has no file of an earlier day. The registry stores
days as their distance from it."""
_ONE_DAY = timedelta(days=1)
_MONDAY = 0
_SATURDAY = 5
_SUNDAY = 6
_FIXED_HOLIDAYS = ((1, 1), (2, 11), (2, 23), (4, 29), (5, 3), (5, 4), (5, 5), (8, 11), (11, 3), (11, 23))
"""Month and day of the national holidays that have the same date every year."""
_MONDAY_HOLIDAYS = ((1, 2), (7, 3), (9, 3), (10, 2))
"""Month, and the number of the Monday within the month: Coming of Age Day, Marine Day, Respect for the Aged Day,
Sports Day.
"""
_MOVED_HOLIDAYS = {
    2020: {(7, 20): (7, 23), (10, 12): (7, 24), (8, 11): (8, 10)},
    2021: {(7, 19): (7, 22), (10, 11): (7, 23), (8, 11): (8, 8)},
}
"""For the Olympic years: the holidays (month, day) and the days to which they were moved."""


def list_publication_days_between(after_day: date, before_day: date) -> list[date]:
    """Return the days after `after_day` and before `before_day` on which the publisher publishes a difference."""
    days = (after_day + number * _ONE_DAY for number in range(1, (before_day - after_day).days))
    return [day for day in days if is_publication_day(day)]


def is_publication_day(day: date) -> bool:
    """True if the publisher certainly publishes a difference of this day: it is a working day of Japanese offices.
    Raises ValueError for a day of a year before 1116 or after 4615, in which the formula of the equinoxes gives no
    day.
    """
    is_new_year = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return day.weekday() < _SATURDAY and not is_new_year and day not in _list_national_holidays(day.year)


@cache
def _list_national_holidays(year: int) -> frozenset[date]:
    """Return the national holidays of a year, including substitute holidays (for a holiday on a Sunday) and days
    between two holidays."""
    fixed_holidays = {
        *_FIXED_HOLIDAYS,
        *(_find_nth_monday(year, *month_and_number) for month_and_number in _MONDAY_HOLIDAYS),
        (3, _compute_equinox_day(year, 20.8431)),
    }
    fixed_holidays.add((9, _compute_equinox_day(year, 23.2488)))
    moved = _MOVED_HOLIDAYS.get(year, {})
    holidays = {date(year, *moved.get(day, day)) for day in fixed_holidays}
    substitutes = {_find_next_non_holiday(day, holidays) for day in holidays if day.weekday() == _SUNDAY}
    between = {day + _ONE_DAY for day in holidays if day + 2 * _ONE_DAY in holidays}
    return frozenset(holidays | substitutes | between)


def _find_nth_monday(year: int, month: int, number: int) -> tuple[int, int]:
    """Return the month and the day of the month of the Monday with the number `number` in that month, counted
    from 1."""
    first_weekday = date(year, month, 1).weekday()
    return month, 1 + (_MONDAY - first_weekday) % 7 + 7 * (number - 1)


def _compute_equinox_day(year: int, offset: float) -> int:
    """Return the day of the month of the equinox in `year`; `offset` is the constant of the formula for March or
    September."""
    return int(offset + 0.242194 * (year - 1980)) - (year - 1980) // 4


def _find_next_non_holiday(day: date, holidays: set[date]) -> date:
    """Return the first day from `day` on that is not one of `holidays`: the substitute for a holiday on a Sunday."""
    while day in holidays:
        day += _ONE_DAY
    return day
