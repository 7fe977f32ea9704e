"""Tests of days in Japan, of times in UTC, and of times that other programs have written in their own time zone."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from console.domain import calendar_days as dates

INSTANT = datetime(2026, 11, 20, 3, 20, 1, tzinfo=UTC)


def test_a_day_in_japan_begins_nine_hours_earlier() -> None:
    """A day in Japan begins nine hours before the same day in UTC."""
    assert dates.get_start_of_japanese_day(date(2026, 11, 20)) == datetime(2026, 11, 19, 15, tzinfo=UTC)
    assert dates.get_start_of_japanese_day(date(2026, 11, 20)).utcoffset() == timedelta(0)
    assert dates.get_end_of_japanese_day(date(2026, 12, 31)) == datetime(2026, 12, 31, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires_at", "last_day"),
    [
        (datetime(2026, 11, 20, 15, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 15, 0, 0, 1, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 21, 14, 59, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 20, 15, 0, 0, 2, tzinfo=UTC), date(2026, 11, 21)),
    ],
)
def test_the_last_valid_day_is_the_day_before_midnight(expires_at: datetime, last_day: date) -> None:
    """If a validity ends at midnight in Japan, its last valid day is the day before. If it ends a microsecond later,
    the last valid day is the day that begins at that midnight."""
    assert dates.compute_last_valid_day(expires_at) == last_day


def test_the_ends_of_the_calendar_raise_no_error() -> None:
    """A validity until 9999-12-31 means "without end" in any time zone and raises no error. The first day of the
    calendar raises no error either."""
    last_second = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert dates.get_end_of_japanese_day(date.max) == datetime(9999, 12, 31, 15, tzinfo=UTC)
    assert dates.get_start_of_japanese_day(date.min) == datetime(1, 1, 1, tzinfo=UTC)
    assert dates.compute_last_valid_day(dates.get_end_of_japanese_day(date.max)) == date.max
    assert dates.compute_last_valid_day(last_second) == date.max
    assert dates.compute_last_valid_day(dates.get_end_of_japanese_day(date.min)) == date.min
    assert dates.convert_to_local(last_second, dates.JST) == last_second.replace(tzinfo=dates.JST)
    west = timezone(-timedelta(hours=5))
    assert dates.convert_to_local(datetime(1, 1, 1, tzinfo=UTC), west) == datetime(1, 1, 1, tzinfo=west)
    assert dates.convert_to_naive_local(dates.get_end_of_japanese_day(date.max), "Asia/Tokyo") == last_second.replace(
        tzinfo=None
    )
    assert dates.format_instant(dates.get_end_of_japanese_day(date.min)) == "0001-01-01T15:00:00Z"


def test_instants_are_written_in_utc() -> None:
    """Instants are written in UTC."""
    assert dates.format_instant(INSTANT) == "2026-11-20T03:20:01Z"
    assert dates.format_instant(INSTANT.astimezone(dates.JST)) == "2026-11-20T03:20:01Z"
    assert INSTANT.astimezone(dates.JST).isoformat() == "2026-11-20T12:20:01+09:00"
    assert INSTANT.astimezone(dates.IST).isoformat() == "2026-11-20T08:50:01+05:30"


@pytest.mark.parametrize("name", ["Nowhere/Town", "", "../etc/passwd", "Asia/Tokio", "a", "Z", "Asia"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    """Every name that isn't a time zone raises the same error."""
    with pytest.raises(LookupError) as refused:
        dates.get_zone(name)
    assert refused.value.args == (name,)


@pytest.mark.parametrize("error", [zoneinfo.ZoneInfoNotFoundError("no table"), ValueError("odd"), OSError("gone")])
def test_japans_time_zone_works_without_a_zone_table(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without a table of time zones, the program can still use Japan's zone and refuses every other
    one.
    """

    def raise_error(_name: str) -> zoneinfo.ZoneInfo:
        raise error

    monkeypatch.setattr(zoneinfo, "ZoneInfo", raise_error)
    dates.get_zone.cache_clear()
    try:
        assert dates.get_zone("Asia/Tokyo") is dates.JST
        for other in ("Asia/Kolkata", "America/New_York", "Europe/Berlin"):
            with pytest.raises(LookupError):
                dates.get_zone(other)
    finally:
        dates.get_zone.cache_clear()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Asia/Tokyo", datetime(2026, 11, 20, 12, 20, 1)),  # noqa: DTZ001  (as a program without zones writes it)
        ("UTC", datetime(2026, 11, 20, 3, 20, 1)),  # noqa: DTZ001  # written without a zone
        ("America/New_York", datetime(2026, 11, 19, 22, 20, 1)),  # noqa: DTZ001  # written without a zone
    ],
)
def test_a_local_time_is_converted_to_utc_and_back(name: str, written: datetime) -> None:
    """A time without a zone that was written in a time zone is converted to UTC and back to the same time."""
    assert dates.convert_to_utc(written, name) == INSTANT
    assert dates.convert_to_naive_local(INSTANT, name) == written
    assert dates.convert_to_naive_local(INSTANT, name).tzinfo is None
    assert dates.convert_to_naive_local(INSTANT.replace(tzinfo=None), name) == written
    assert dates.convert_to_naive_local(INSTANT.astimezone(dates.IST), name) == written


def test_an_instant_outside_the_calendar_is_converted_to_none() -> None:
    """A time that is outside the calendar of Python in UTC is converted to None."""
    assert dates.convert_to_utc(datetime(1, 1, 1, 3), "Asia/Tokyo") is None  # noqa: DTZ001  # written without a zone
    assert dates.convert_to_utc(datetime(1, 1, 2), "Asia/Tokyo") is not None  # noqa: DTZ001  # written without a zone


@pytest.mark.parametrize(
    "text", ["2026-W44-1", "20261120", "2026-324", "２０２６-11-20", "2026-11-20\n", "2026-1-02", ""]
)
def test_only_the_notation_yyyy_mm_dd_is_a_day(text: str) -> None:
    """Only the notation YYYY-MM-DD is read as a day. Python would also read a week number, which no person intends
    here.
    """
    assert dates.parse_day("2026-11-20") == date(2026, 11, 20)
    with pytest.raises(ValueError):  # Python's own, or ours
        dates.parse_day(text)
