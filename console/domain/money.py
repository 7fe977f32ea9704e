"""Money: an integer of minor units and a currency, and its exact decimal text. No float ever comes near it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

MINOR_DIGITS: Mapping[str, int] = {"JPY": 0, "INR": 2}
LARGEST_MINOR = 10**15
_PLAIN = re.compile(r"(0|[1-9][0-9]{0,15})(\.[0-9]{1,4})?")


class NotAnAmount(ValueError):
    """What was given is no exact amount of that currency, or one beyond every bound."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount that is not negative, in minor units (yen, paise), at most 10^15; raises NotAnAmount otherwise."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int or not 0 <= self.minor <= LARGEST_MINOR:
            raise NotAnAmount("out of bounds")
        if self.currency not in MINOR_DIGITS:
            raise NotAnAmount("no currency of ours")


def decimal_text(money: Money) -> str:
    """All digits of the currency: `3300` (yen), `150.50` (rupees)."""
    digits = MINOR_DIGITS[money.currency]
    whole, part = divmod(money.minor, 10**digits)
    return f"{whole}.{part:0{digits}}" if digits else str(whole)


def shortest_text(money: Money) -> str:
    """Without needless zeros: `150.5`, `5`."""
    text = decimal_text(money)
    return text.rstrip("0").rstrip(".") if "." in text else text


def money_from_text(text: str, currency: str) -> Money:
    """From plain decimal text in ASCII digits, no sign, no exponent; raises NotAnAmount.

    Digits finer than the currency are refused, even zeros: who writes them may mean another currency.
    """
    digits = MINOR_DIGITS.get(currency, 0)
    found = _PLAIN.fullmatch(text)
    if found is None or len(found[2] or ".") - 1 > digits:
        raise NotAnAmount("no plain amount")
    return money_from_number(Decimal(text), currency)


def money_from_number(value: int | Decimal, currency: str) -> Money:
    """From a number that was read exactly; raises NotAnAmount when it is no whole count of minor units."""
    exact = Decimal(value)
    if not exact.is_finite() or exact.adjusted() > 15 or exact.is_signed():
        raise NotAnAmount("out of bounds")
    _, figures, exponent = exact.as_tuple()
    shift = int(exponent) + MINOR_DIGITS.get(currency, 0)
    if shift < 0 and any(figures[shift:]):
        raise NotAnAmount("finer than the currency")
    return Money(_shifted(figures, shift), currency)


def _shifted(figures: tuple[int, ...], shift: int) -> int:
    """The integer of these decimal figures, moved by whole places; what falls off is known to be zero."""
    kept = figures[:shift] if shift < 0 else figures
    return int("".join(map(str, kept)) + "0" * max(shift, 0) or "0")
