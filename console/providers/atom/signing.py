"""What Atom signs, and the forms in which it signs: amounts as text, days and times in India."""

import hmac
import re
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

from console.domain.money import Money, decimal_text, shortest_text

IST = timezone(timedelta(hours=5, minutes=30), "IST")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")


class AmountFormat(StrEnum):
    """How an amount is written, in the message and in the signature alike."""

    TWO_DECIMALS = "two_decimals"
    SHORTEST = "shortest"

    def text(self, money: Money) -> str:
        return decimal_text(money) if self is AmountFormat.TWO_DECIMALS else shortest_text(money)


def signature(hash_key: str, *parts: str) -> str:
    """Lower-case hex of HMAC-SHA512 over the parts, put together without anything between."""
    return hmac.digest(hash_key.encode(), "".join(parts).encode(), "sha512").hex()


def same_signature(made: str, given: object) -> bool:
    """Whether both are one, in a time that doesn't tell where they differ."""
    claimed = given if isinstance(given, str) else ""
    return hmac.compare_digest(made.encode(), claimed.lower().encode("utf-8", "replace"))


def ist_text(at: datetime) -> str:
    """`yyyy-MM-dd HH:mm:ss` in India of an aware instant."""
    return at.astimezone(IST).replace(tzinfo=None).isoformat(" ", "seconds")


def ist_day(at: datetime) -> date:
    """The calendar day in India of an aware instant."""
    return at.astimezone(IST).date()


def from_ist(text: object) -> datetime | None:
    """The instant (UTC) of an Indian time as text, with a blank or a T in the middle; None for anything else."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=IST).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
