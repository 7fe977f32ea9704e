"""Convert calendar days and local times to instants and back: providers use days of their time zone (JST, IST), the
store uses UTC.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache

JST = timezone(timedelta(hours=9), "JST")
IST = timezone(timedelta(hours=5, minutes=30), "IST")
_DAY_PATTERN = "[0-9]{4}-[0-9]{2}-[0-9]{2}"  # a text: `re` compiles it at its first use
_END_OF_JAPANESE_DAY_IN_UTC = time(15)
"""Time of day in UTC at which a day ends in Japan, all the year round."""


def parse_day(text: str) -> date:
    """Return the day that a text such as `2026-11-20` means. Raises ValueError for any other text, including the
    other notations of ISO 8601 (`20261120`, `2026-W47-5`): people could misread such a text as another day.
    """
    if not re.fullmatch(_DAY_PATTERN, text):
        raise ValueError("no day")
    return date.fromisoformat(text)


def parse_typed_day(text: str) -> date:
    """Return the day that a person has typed, such as `2026-11-20` or `2026/11/20`. Raises ValueError for any other
    text."""
    return parse_day(text.strip().replace("/", "-"))


def get_start_of_japanese_day(day: date) -> datetime:
    """Return the first instant (UTC) of a Japanese day. For 1 January of the year 1, whose start in UTC lies before
    the year 1, the result is the first instant of the year 1.
    """
    return get_end_of_japanese_day(day - timedelta(days=1)) if day > date.min else datetime.min.replace(tzinfo=UTC)


def get_end_of_japanese_day(day: date) -> datetime:
    """Return the first instant (UTC) after a Japanese day. For the last valid day of a credit check this is its
    `expired_at`.
    """
    # Not the start of the next day: 9999-12-31, by which others mean "without end", has none in the calendar.
    return datetime.combine(day, _END_OF_JAPANESE_DAY_IN_UTC, UTC)


def get_utc_span(first_day: date, last_day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the first instant of `first_day` and the first instant after `last_day`, in UTC. The days are those of
    the time zone `zone`. A first instant before the year 1 in UTC becomes the first instant of the year 1. Raises
    OverflowError if the end is after the year 9999.
    """
    start, end = (datetime.combine(day, time(), zone) for day in (first_day, last_day + timedelta(days=1)))
    return convert_to_local(start, UTC), end.astimezone(UTC)


def list_days_of_span(start: datetime, end: datetime, zone: tzinfo) -> tuple[date, ...]:
    """Return the calendar days of the time zone `zone` that contain a part of the time from the instant `start` to
    the instant `end` (not included), the first one first.
    """
    first_day = convert_to_local(start, zone).date()
    last_day = convert_to_local(end - timedelta(microseconds=1), zone).date()
    return tuple(first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1))


def convert_to_local(at: datetime, zone: tzinfo) -> datetime:
    """Return the date and time in `zone` (aware) at an aware instant. If it is outside of the years 1 to 9999, return
    the first or the last second of these years: other programs store 9999-12-31 23:59:59 for "without end".
    """
    try:
        return at.astimezone(zone)
    except OverflowError:
        return datetime(1, 1, 1, tzinfo=zone) if at.year == 1 else datetime(9999, 12, 31, 23, 59, 59, tzinfo=zone)


def compute_last_valid_day(expired_at: datetime) -> date:
    """Return the last valid Japanese day of a credit check that expires at the instant `expired_at`."""
    return (convert_to_local(expired_at, JST) - timedelta(microseconds=1)).date()


def format_instant(at: datetime) -> str:
    """Return the instant in UTC as `2026-11-20T03:20:01Z`. All instants for other programs have this form."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


@cache
def get_zone(zone_name: str) -> tzinfo:
    """Return a time zone by its IANA name, such as `Asia/Tokyo`. Raises LookupError for an unknown name."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(zone_name)
    except (LookupError, ValueError, OSError):
        if zone_name == "Asia/Tokyo":  # machines without a time zone database
            return JST
        raise LookupError(zone_name) from None


def convert_to_utc(local_datetime: datetime, zone_name: str) -> datetime | None:
    """Return the instant (UTC) of a local date and time in the time zone `zone_name`; None if the instant is outside
    of the years 1 to 9999. Raises LookupError for an unknown zone.
    """
    try:
        return local_datetime.replace(tzinfo=get_zone(zone_name)).astimezone(UTC)
    except OverflowError:
        return None


def convert_to_naive_local(at: datetime, zone_name: str) -> datetime:
    """Return the local date and time (naive) of an instant in the time zone `zone_name`; a naive instant is read as
    UTC. Outside of the years 1 to 9999, the result is the first or the last second of these years. Raises LookupError
    for an unknown zone.
    """
    aware_instant = at if at.tzinfo else at.replace(tzinfo=UTC)
    return convert_to_local(aware_instant, get_zone(zone_name)).replace(tzinfo=None)
