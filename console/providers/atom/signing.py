"""Atom's signatures, and the forms of the signed parts: amounts as text, and days and times in India."""

import hmac
import re
from datetime import UTC, date, datetime
from enum import StrEnum

from console.domain.calendar_days import IST
from console.domain.money import Money, format_decimal, format_shortest_decimal

_TIME_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")


class AmountFormat(StrEnum):
    """Form in which amounts are written: always with two decimals (TWO_DECIMALS), or without zeros at the end
    (SHORTEST). The message and the signature use the same form.
    """

    TWO_DECIMALS = "two_decimals"
    SHORTEST = "shortest"

    def format_amount(self, money: Money) -> str:
        """Return the amount as text in this form: 150.50 rupees are "150.50" or "150.5"."""
        return format_decimal(money) if self is AmountFormat.TWO_DECIMALS else format_shortest_decimal(money)


def compute_signature(hash_key: str, *parts: str) -> str:
    """Return Atom's signature of a message: HMAC-SHA512 with the key `hash_key` over the concatenated parts, as
    lower-case hex."""
    return hmac.digest(hash_key.encode(), "".join(parts).encode(), "sha512").hex()


def are_signatures_equal(computed_signature: str, received: object) -> bool:
    """True if the received signature equals the computed one, without regard to upper and lower case; False for a
    received value that is no text. The comparison takes constant time.
    """
    received_signature = received if isinstance(received, str) else ""
    return hmac.compare_digest(computed_signature.encode(), received_signature.lower().encode("utf-8", "replace"))


def format_india_time(at: datetime) -> str:
    """Return an aware time as Indian time in the form `yyyy-MM-dd HH:mm:ss`."""
    return at.astimezone(IST).replace(tzinfo=None).isoformat(" ", "seconds")


def find_india_day(at: datetime) -> date:
    """Return the calendar day in India at an aware time."""
    return at.astimezone(IST).date()


def parse_india_time(text: object) -> datetime | None:
    """Return the time in UTC that a text `yyyy-MM-dd HH:mm:ss` states in Indian time; None for any other text. A `T`
    between date and time is also accepted.
    """
    if not isinstance(text, str) or not _TIME_PATTERN.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=IST).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
