"""Instants, ages, amounts and numbers as people read them: Japanese time, no floats, one form per thing."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from console.domain.corporation_number import LENGTH, grouped
from console.domain.dates import JST, last_day

Style = Literal["full", "short", "clock", "day", "until"]
NOTHING = "–"
_MINUS = "\u2212"
_SYMBOLS = {"JPY": ("¥", 0), "INR": ("₹", 2)}
_STYLES = {"full": "%Y-%m-%d %H:%M:%S JST", "short": "%m-%d %H:%M", "clock": "%H:%M:%S", "day": "%Y-%m-%d"}


def format_instant(at: datetime | None, style: Style = "full") -> str:
    """An instant in Japan: `2026-11-20 15:04:05 JST`, in lists (`short`) `11-20 15:04`.

    `clock` is the time alone, `day` the Japanese day, `until` the last day of something that ends at `at`.
    """
    if at is None:
        return NOTHING
    if style == "until":
        return format_day(last_day(at))
    return at.astimezone(JST).strftime(_STYLES[style])


def format_day(day: date | None) -> str:
    return NOTHING if day is None else day.isoformat()


def age_parts(age: timedelta) -> tuple[int, str]:
    """How long ago, as a number and the key of its unit: minutes to an hour, hours to two days, then days."""
    seconds = max(0, int(age.total_seconds()))
    for unit, size, limit in (("seconds", 1, 60), ("minutes", 60, 3_600), ("hours", 3_600, 172_800)):
        if seconds < limit:
            return seconds // size, f"unit.{unit}"
    return seconds // 86_400, "unit.days"


def age_since(at: datetime, now: datetime) -> timedelta:
    """The age of a fact; never negative, clocks differ a little."""
    return max(timedelta(0), now.astimezone(UTC) - at.astimezone(UTC))


def format_number(number: str) -> str:
    """A corporation number as `7 1234 5678 9012`; anything else as it is."""
    return grouped(number) if len(number) == LENGTH else number


def format_count(count: int, *, capped: bool = False) -> str:
    """`1,204`, or `1,000+` where counting stopped there."""
    return f"{count:,}+" if capped else f"{count:,}"


def format_amount(minor: int, currency: str) -> str:
    """Minor units as `¥12,000` or `₹1,23,456.00`, minus as −; other currencies as code and number."""
    symbol, decimals = _SYMBOLS.get(currency, (f"{currency} ", 2))
    whole, rest = divmod(abs(minor), 10**decimals)
    digits = _indian(whole) if currency == "INR" else f"{whole:,}"
    fraction = f".{rest:0{decimals}d}" if decimals else ""
    return f"{_MINUS if minor < 0 else ''}{symbol}{digits}{fraction}"


def _indian(whole: int) -> str:
    """Groups of two above the last three digits: 1,23,456."""
    head, tail = divmod(whole, 1000)
    if not head:
        return str(whole)
    text = str(head)
    first = len(text) % 2
    pairs = ([text[:first]] if first else []) + [text[i : i + 2] for i in range(first, len(text), 2)]
    return ",".join([*pairs, f"{tail:03d}"])


def format_bytes(size: int) -> str:
    """`182 KB`, `4.2 KB`, `3.0 MB`: two figures are enough to compare files."""
    if size < 1024:
        return f"{size} B"
    kilo = size / 1024
    unit, value = ("KB", kilo) if kilo < 1000 else ("MB", kilo / 1024)
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def short_id(text: str) -> str:
    """A long id as its two ends: `7f3c…d2a1`."""
    return text if len(text) <= 12 else f"{text[:4]}…{text[-4:]}"
