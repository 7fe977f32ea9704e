"""JSON as NDPS writes and reads it: the digits of an amount stay as they are written."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

from console.sandbox.http.messages import JsonObject

IST = timezone(timedelta(hours=5, minutes=30), "IST")
NUMBER_MARK = "\x00"  # a text with this prefix is written as a number, without quotes
MARKED_NUMBER_PATTERN = re.compile(r'"\\u0000([0-9.-]+)"')


class ExactNumber(str):
    """A JSON number as it is written: `150.50` stays `150.50`."""

    __slots__ = ()


def amount_text(minor: int) -> str:
    """Return paise as rupees with two decimals."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def marked_number(minor: int) -> str:
    """Return paise as a text that `write_json` converts to a JSON number with two decimals."""
    return NUMBER_MARK + amount_text(minor)


def write_json(data: object) -> str:
    """Write JSON; texts made by `marked_number` become numbers."""
    return MARKED_NUMBER_PATTERN.sub(r"\1", json.dumps(data, ensure_ascii=False, separators=(",", ":")))


def read_json(text: str) -> JsonObject:
    """Parse a JSON object with numbers as `ExactNumber`.

    Raises `ValueError`.
    """
    value = json.loads(text, parse_int=ExactNumber, parse_float=ExactNumber, parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def parse_paise(value: object) -> int | None:
    """Convert rupees with up to two decimals to paise; None for zero and every other value."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,13}([.][0-9]{1,2})?", value, re.ASCII):
        return None
    rupees, _, fraction = value.partition(".")
    return int(rupees) * 100 + int(fraction.ljust(2, "0")) or None


def india_time_text(at: datetime | None) -> str | None:
    """Return a time as Indian time `2026-11-20 12:21:33`; None for None."""
    return at.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S") if at else None


def india_day_text(at: datetime | None) -> str | None:
    """Return the day of a time in India as `2026-11-20`; None for None."""
    return at.astimezone(IST).strftime("%Y-%m-%d") if at else None


def read_india_time(text: object) -> datetime | None:
    """Parse Indian time `2026-11-20 12:21:33` to UTC; None for another form."""
    try:
        at = datetime.strptime(f"{text} +0530", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return at.astimezone(UTC)


def is_day_text(text: object) -> bool:
    """Return True for a day such as 2026-11-20."""
    try:
        return datetime.strptime(f"{text} +0530", "%Y-%m-%d %z") is not None
    except ValueError:
        return False


def _refuse_constant(text: str) -> object:
    raise ValueError(text)
