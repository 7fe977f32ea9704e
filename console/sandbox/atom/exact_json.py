"""JSON as NDPS writes and reads it: amounts keep the digits in which they were written."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

from console.sandbox.wire import JsonObject

IST = timezone(timedelta(hours=5, minutes=30), "IST")
MARK = "\x00"  # a text that begins so is written as a bare number
MARKED = re.compile(r'"\\u0000([0-9.-]+)"')


class Digits(str):
    """A JSON number as it was written: `150.50` stays `150.50`."""

    __slots__ = ()


def amount_text(minor: int) -> str:
    """Paise as rupees with two decimals."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def number(minor: int) -> str:
    """Paise as a JSON number with two decimals, once it is written."""
    return MARK + amount_text(minor)


def write(data: object) -> str:
    return MARKED.sub(r"\1", json.dumps(data, ensure_ascii=False, separators=(",", ":")))


def read(text: str) -> JsonObject:
    """A JSON object whose numbers are `Digits`. Raises `ValueError`."""
    value = json.loads(text, parse_int=Digits, parse_float=Digits, parse_constant=_no_number)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def paise(value: object) -> int | None:
    """Rupees with up to two decimals as paise; None for anything else, also for zero and less."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,13}([.][0-9]{1,2})?", value, re.ASCII):
        return None
    whole, _, part = value.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0")) or None


def india_time(at: datetime | None) -> str | None:
    """`2026-11-20 12:21:33`."""
    return at.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S") if at else None


def india_day(at: datetime | None) -> str | None:
    """`2026-11-20`."""
    return at.astimezone(IST).strftime("%Y-%m-%d") if at else None


def read_india_time(text: object) -> datetime | None:
    """The instant behind `2026-11-20 12:21:33`, in UTC."""
    try:
        found = datetime.strptime(f"{text} +0530", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return found.astimezone(UTC)


def is_day(text: object) -> bool:
    try:
        return datetime.strptime(f"{text} +0530", "%Y-%m-%d %z") is not None
    except ValueError:
        return False


def _no_number(text: str) -> object:
    raise ValueError(text)
