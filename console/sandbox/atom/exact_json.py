"""JSON as Atom writes and reads it: the digits of an amount are never changed."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

from console.sandbox.http.messages import JsonObject

IST = timezone(timedelta(hours=5, minutes=30), "IST")
JSON_NUMBER_MARK = "\x00"  # a text with this prefix is written as a number, without quotes
MARKED_NUMBER_PATTERN = re.compile(r'"\\u0000([0-9.-]+)"')


class ExactNumber(str):
    """A JSON number that keeps the digits with which it was written: `150.50` stays `150.50`."""

    __slots__ = ()


def format_amount(amount_minor: int) -> str:
    """Return an amount in paise as text in rupees with two decimals."""
    return f"{'-' if amount_minor < 0 else ''}{abs(amount_minor) // 100}.{abs(amount_minor) % 100:02d}"


def make_marked_rupee_number(amount_minor: int) -> str:
    """Return an amount in paise as a marked text, which `encode_exact_json` converts to a JSON number in rupees with
    two decimals.
    """
    return JSON_NUMBER_MARK + format_amount(amount_minor)


def encode_exact_json(data: object) -> str:
    """Return the data as JSON text. Texts that begin with JSON_NUMBER_MARK, such as those of
    `make_marked_rupee_number`, become numbers."""
    return MARKED_NUMBER_PATTERN.sub(r"\1", json.dumps(data, ensure_ascii=False, separators=(",", ":")))


def decode_exact_json(text: str) -> JsonObject:
    """Return the JSON object in `text`; its numbers are objects of the class `ExactNumber`.

    Raises `ValueError` for any other text.
    """
    json_value = json.loads(
        text, parse_int=ExactNumber, parse_float=ExactNumber, parse_constant=_refuse_json_constant
    )
    if not isinstance(json_value, dict):
        raise ValueError("not an object")
    return json_value


def convert_to_paise(value: object) -> int | None:
    """Return the amount in paise of a text in rupees, such as 15050 for "150.50"; None for zero, for a text with more
    than two decimals, and for every other value.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,13}([.][0-9]{1,2})?", value, re.ASCII):
        return None
    rupees, _, fraction = value.partition(".")
    return int(rupees) * 100 + int(fraction.ljust(2, "0")) or None


def format_india_time(at: datetime | None) -> str | None:
    """Return a time as Indian time in the form `2026-11-20 12:21:33`; None for None."""
    return at.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S") if at else None


def format_india_day(at: datetime | None) -> str | None:
    """Return the calendar day in India at a time, in the form `2026-11-20`; None for None."""
    return at.astimezone(IST).strftime("%Y-%m-%d") if at else None


def parse_india_time(text: object) -> datetime | None:
    """Parse Indian time in the form `2026-11-20 12:21:33` and return it in UTC; None for another form."""
    try:
        at = datetime.strptime(f"{text} +0530", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return at.astimezone(UTC)


def is_day_text(text: object) -> bool:
    """Return True for a text that is a day in the form `2026-11-20`."""
    try:
        return datetime.strptime(f"{text} +0530", "%Y-%m-%d %z") is not None
    except ValueError:
        return False


def _refuse_json_constant(text: str) -> object:
    raise ValueError(text)
