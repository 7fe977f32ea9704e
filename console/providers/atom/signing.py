"""Atom's signatures, and the forms of the signed parts: amounts as text, days and times in India."""

import hmac
import re
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

from console.domain.money import Money, decimal_text, shortest_text

IST = timezone(timedelta(hours=5, minutes=30), "IST")
_TIME_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")


class AmountFormat(StrEnum):
    """Spelling of an amount. The message and the signature use the same one."""

    TWO_DECIMALS = "two_decimals"
    SHORTEST = "shortest"

    def text(self, money: Money) -> str:
        """Return the amount in this spelling."""
        return decimal_text(money) if self is AmountFormat.TWO_DECIMALS else shortest_text(money)


def compute_signature(hash_key: str, *parts: str) -> str:
    """Return the lower-case hex of HMAC-SHA512 over the concatenated parts."""
    return hmac.digest(hash_key.encode(), "".join(parts).encode(), "sha512").hex()


def are_signatures_equal(computed_signature: str, received: object) -> bool:
    """True if both signatures are equal, in upper or lower case. The comparison takes constant time."""
    received_signature = received if isinstance(received, str) else ""
    return hmac.compare_digest(computed_signature.encode(), received_signature.lower().encode("utf-8", "replace"))


def format_ist(at: datetime) -> str:
    """Return an aware time as `yyyy-MM-dd HH:mm:ss` in India."""
    return at.astimezone(IST).replace(tzinfo=None).isoformat(" ", "seconds")


def find_ist_day(at: datetime) -> date:
    """Return the calendar day in India of an aware time."""
    return at.astimezone(IST).date()


def parse_ist(text: object) -> datetime | None:
    """Return the UTC time of an Indian time text (a blank or a `T` between date and time); None for any other
    text.
    """
    if not isinstance(text, str) or not _TIME_PATTERN.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=IST).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
