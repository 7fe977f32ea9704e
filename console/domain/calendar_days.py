"""Japanese calendar days and the instants they begin: providers speak in days, the store in UTC."""

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache

JST = timezone(timedelta(hours=9), "JST")
IST = timezone(timedelta(hours=5, minutes=30), "IST")


def day_begins(day: date) -> datetime:
    """First instant (UTC) of a Japanese day."""
    return datetime.combine(day, time(), JST).astimezone(UTC)


def day_ended(day: date) -> datetime:
    """First instant (UTC) after a Japanese day: what `expired_at` holds for a last valid day."""
    return day_begins(day + timedelta(days=1))


def last_day(expired_at: datetime) -> date:
    """The last valid Japanese day of something that ends at `expired_at`."""
    return (expired_at.astimezone(JST) - timedelta(microseconds=1)).date()


def instant_text(at: datetime) -> str:
    """`2026-11-20T03:20:01Z`, the one form in which programs get instants."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def zone(name: str) -> tzinfo:
    """A time zone by its IANA name, such as `Asia/Tokyo`; LookupError when there is none of that name."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        if name == "Asia/Tokyo":  # machines that have no zone table
            return JST
        raise LookupError(name) from None


def from_zone(written: datetime, name: str) -> datetime | None:
    """A date and time as somebody in that zone wrote it, as an instant (UTC); None beyond the calendar's ends."""
    try:
        return written.replace(tzinfo=zone(name)).astimezone(UTC)
    except OverflowError:
        return None


def in_zone(at: datetime, name: str) -> datetime:
    """An instant (naive ones are UTC) as somebody in that zone writes it, naive."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(zone(name)).replace(tzinfo=None)
