"""Japanese calendar days and the instants they begin: providers speak in days, the store in UTC."""

from datetime import UTC, date, datetime, time, timedelta, timezone

JST = timezone(timedelta(hours=9), "JST")


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
