"""Formats of instants, ages, amounts and numbers for people. Times are in Japanese time; amounts are computed with
integers only.
"""

from datetime import date, datetime, timedelta
from typing import Literal

from console.domain.calendar_days import JST, last_valid_day
from console.domain.corporation_number import DIGIT_COUNT, group_digits

TimeStyle = Literal["full", "short", "clock", "day", "until"]
NO_VALUE = "–"
_MINUS_SIGN = "\u2212"
_SYMBOL_AND_DECIMALS = {"JPY": ("¥", 0), "INR": ("₹", 2)}
_FORMAT_BY_STYLE = {"full": "%Y-%m-%d %H:%M:%S JST", "short": "%m-%d %H:%M", "clock": "%H:%M:%S", "day": "%Y-%m-%d"}


def format_instant(at: datetime | None, style: TimeStyle = "full") -> str:
    """Return an instant as text in Japanese time. The style `full` is `2026-11-20 15:04:05 JST`, `short` is `11-20
    15:04`, `clock` is `15:04:05`, `day` is `2026-11-20`.

    The style `until` is the last Japanese day of a period that ends at `at`. None becomes –.
    """
    if at is None:
        return NO_VALUE
    if style == "until":
        return format_day(last_valid_day(at))
    return at.astimezone(JST).strftime(_FORMAT_BY_STYLE[style])


def format_moment(at: datetime, now: datetime) -> str:
    """Return an instant as `11-20 15:04`, or as `2025-11-20 15:04` if it isn't of the present Japanese year."""
    text = format_instant(at, "short")
    year = at.astimezone(JST).year
    return text if year == now.astimezone(JST).year else f"{year}-{text}"


def format_day(day: date | None) -> str:
    """Return a day as text such as `2026-11-20`; None becomes –."""
    return NO_VALUE if day is None else day.isoformat()


def age_parts(age: timedelta) -> tuple[int, str]:
    """Return an age as a whole number and the wording key of its unit: seconds if it is less than a minute, minutes
    if less than an hour, hours if less than two days, otherwise days.
    """
    seconds = max(0, int(age.total_seconds()))
    for unit, size, limit in (("seconds", 1, 60), ("minutes", 60, 3_600), ("hours", 3_600, 172_800)):
        if seconds < limit:
            return seconds // size, f"unit.{unit}"
    return seconds // 86_400, "unit.days"


def format_number(number: str) -> str:
    """Return a corporation number in groups of digits, such as `7 1234 5678 9012`; return any other text
    unchanged.
    """
    return group_digits(number) if len(number) == DIGIT_COUNT else number


def format_count(count: int, *, is_capped: bool = False) -> str:
    """Return a count as text such as `1,204`. With `is_capped`, return `1,000+`: counting stopped at this number, and
    there are more.
    """
    return f"{count:,}+" if is_capped else f"{count:,}"


def format_amount(amount_minor: int, currency: str) -> str:
    """Return an amount in minor units as text, such as `¥12,000` or `₹1,23,456.00`; a negative amount begins with −.
    An amount in another currency has the code of the currency and two decimals.
    """
    symbol, decimals = _SYMBOL_AND_DECIMALS.get(currency, (f"{currency} ", 2))
    units, subunits = divmod(abs(amount_minor), 10**decimals)
    digits = _group_indian(units) if currency == "INR" else f"{units:,}"
    fraction = f".{subunits:0{decimals}d}" if decimals else ""
    return f"{_MINUS_SIGN if amount_minor < 0 else ''}{symbol}{digits}{fraction}"


def _group_indian(units: int) -> str:
    """Return a number with commas as in India: a group of the last three digits, then groups of two (`1,23,456`)."""
    head, tail = divmod(units, 1000)
    if not head:
        return str(units)
    text = str(head)
    first_width = len(text) % 2
    pairs = ([text[:first_width]] if first_width else []) + [
        text[i : i + 2] for i in range(first_width, len(text), 2)
    ]
    return ",".join([*pairs, f"{tail:03d}"])


def format_bytes(size: int) -> str:
    """Return a number of bytes as text, such as `182 KB`, `4.2 KB` or `3.0 MB`."""
    if size < 1024:
        return f"{size} B"
    kilo = size / 1024
    unit, value = ("KB", kilo) if kilo < 1000 else ("MB", kilo / 1024)
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def shorten_id(text: str) -> str:
    """Return an identifier of more than 12 characters as its first and last four, such as `7f3c…d2a1`; return a
    shorter one unchanged.
    """
    return text if len(text) <= 12 else f"{text[:4]}…{text[-4:]}"
