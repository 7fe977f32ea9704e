"""Convert Japanese calendar days to instants and back: providers use days, the store uses UTC."""

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache

JST = timezone(timedelta(hours=9), "JST")
IST = timezone(timedelta(hours=5, minutes=30), "IST")


def get_start_of_day(day: date) -> datetime:
    """Return the first instant (UTC) of a Japanese day."""
    return datetime.combine(day, time(), JST).astimezone(UTC)


def get_end_of_day(day: date) -> datetime:
    """Return the first instant (UTC) after a Japanese day. For the last valid day of a credit check this is its
    `expired_at`.
    """
    return get_start_of_day(day + timedelta(days=1))


def compute_last_valid_day(expired_at: datetime) -> date:
    """Return the last valid Japanese day of a credit check that expires at the instant `expired_at`."""
    return (expired_at.astimezone(JST) - timedelta(microseconds=1)).date()


def format_instant(at: datetime) -> str:
    """Return the instant in UTC as `2026-11-20T03:20:01Z`. All instants for other programs have this form."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def find_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name, such as `Asia/Tokyo`. Raises LookupError for an unknown name."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        if name == "Asia/Tokyo":  # machines without a time zone database
            return JST
        raise LookupError(name) from None


def convert_to_utc(local: datetime, name: str) -> datetime | None:
    """Return the instant (UTC) of a local date and time in the time zone `name`; None if the instant is outside of
    the years 1 to 9999. Raises LookupError for an unknown zone.
    """
    try:
        return local.replace(tzinfo=find_zone(name)).astimezone(UTC)
    except OverflowError:
        return None


def convert_to_zone(at: datetime, name: str) -> datetime:
    """Return the local date and time (naive) of an instant in the time zone `name`; a naive instant is read as UTC.
    Raises LookupError for an unknown zone.
    """
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(find_zone(name)).replace(tzinfo=None)
