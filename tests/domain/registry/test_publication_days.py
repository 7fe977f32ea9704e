"""Tests which days are days on which the publisher of the registry certainly publishes a difference."""

from datetime import date, timedelta

import pytest

from console.domain.registry.publication_days import is_publication_day, list_publication_days_between

CLOSED_WEEKDAYS_BY_YEAR = {
    2021: "01-01 01-11 02-11 02-23 04-29 05-03 05-04 05-05 07-22 07-23 08-09 09-20 09-23 11-03 11-23 "
    "12-29 12-30 12-31",
    2024: "01-01 01-02 01-03 01-08 02-12 02-23 03-20 04-29 05-03 05-06 07-15 08-12 09-16 09-23 10-14 11-04 "
    "12-30 12-31",
    2025: "01-01 01-02 01-03 01-13 02-11 02-24 03-20 04-29 05-05 05-06 07-21 08-11 09-15 09-23 10-13 11-03 11-24 "
    "12-29 12-30 12-31",
    2026: "01-01 01-02 01-12 02-11 02-23 03-20 04-29 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 "
    "11-23 12-29 12-30 12-31",
    2032: "01-01 01-02 01-12 02-11 02-23 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-21 09-22 10-11 11-03 11-23 "
    "12-29 12-30 12-31",
}
"""Weekdays on which offices are closed, from the calendars of the Cabinet Office (2032: from the acts)."""


@pytest.mark.parametrize("year", CLOSED_WEEKDAYS_BY_YEAR)
def test_no_difference_is_expected_on_holidays_and_at_new_year(year: int) -> None:
    """No difference is expected on weekends, holidays and the days around New Year; on every other day one is."""
    days = (date(year, 1, 1) + timedelta(days=number) for number in range(366))
    closed = [
        f"{day:%m-%d}" for day in days if day.year == year and day.weekday() < 5 and not is_publication_day(day)
    ]
    assert closed == CLOSED_WEEKDAYS_BY_YEAR[year].split()


def test_days_of_publication_between_two_days_exclude_both() -> None:
    """The days of publication between two days don't include these two days. Between a Friday and the Tuesday after a
    long weekend there are none; between that Friday and the Thursday there are two."""
    friday = date(2026, 11, 20)
    assert list_publication_days_between(friday, date(2026, 11, 24)) == []
    assert list_publication_days_between(friday, date(2026, 11, 26)) == [date(2026, 11, 24), date(2026, 11, 25)]
    assert list_publication_days_between(date(2026, 12, 28), date(2027, 1, 4)) == []
    assert list_publication_days_between(friday, friday) == []
