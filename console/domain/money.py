"""Money: an integer of minor units and a currency, and its exact decimal text. Floats are never used."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

MINOR_DIGITS_BY_CURRENCY: Mapping[str, int] = {"JPY": 0, "INR": 2}
"""Number of decimal places of each known currency."""
_MINOR_DIGITS_BY_OTHER_CURRENCY: Mapping[str, int] = {
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLP", "ISK", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
}
"""Number of decimal places (ISO 4217) of the other currencies for which this number isn't 2. Money refuses these
currencies, but another program may have stored a row with one of them.
"""
LARGEST_AMOUNT_MINOR = 10**15
"""Largest amount in minor units that Money accepts."""
_PLAIN_AMOUNT_PATTERN = re.compile(r"(0|[1-9][0-9]{0,15})(\.[0-9]{1,4})?")
_GROUPED_AMOUNT_PATTERN = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3})(?:\.[0-9]+)?")
_SIGN_AND_UNIT_BY_CURRENCY: Mapping[str, tuple[str, str]] = {"JPY": ("¥", "円"), "INR": ("₹", "")}


class InvalidAmountText(ValueError):
    """Raised if a value can't be read as an amount: it isn't a whole number of minor units of a known currency, or it
    is negative or too large."""


@dataclass(frozen=True, slots=True)
class Money:
    """A non-negative amount in minor units (yen, paise), at most 10^15, with its currency (JPY or INR). Raises
    InvalidAmountText for any other value.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int or not 0 <= self.minor <= LARGEST_AMOUNT_MINOR:
            raise InvalidAmountText("out of bounds")
        if self.currency not in MINOR_DIGITS_BY_CURRENCY:
            raise InvalidAmountText("no currency of ours")


def get_decimal_places(currency: str) -> int:
    """Return the number of decimal places of a currency, also of a currency that Money refuses; 2 for an unknown
    currency."""
    return MINOR_DIGITS_BY_CURRENCY.get(currency, _MINOR_DIGITS_BY_OTHER_CURRENCY.get(currency, 2))


def make_stored_money(minor: int, currency: str) -> Money | None:
    """Return the amount `minor` (minor units) of a database row as Money. Return None if Money refuses the amount or
    the currency: another program may have stored such a row."""
    try:
        return Money(minor, currency)
    except InvalidAmountText:
        return None


def format_decimal(money: Money) -> str:
    """Return the amount with all decimal places of its currency: `3300` (yen), `150.50` (rupees)."""
    return format_stored_decimal(money.minor, money.currency)


def format_stored_decimal(minor: int, currency: str) -> str:
    """Return the amount `minor` (minor units) of a database row with all decimal places of its currency. Amounts and
    currencies that Money refuses are accepted: another program may have stored such a row."""
    digits = get_decimal_places(currency)
    major_units, minor_part = divmod(abs(minor), 10**digits)
    text = f"{major_units}.{minor_part:0{digits}}" if digits else str(major_units)
    return f"-{text}" if minor < 0 else text


def format_shortest_decimal(money: Money) -> str:
    """Return the amount as decimal text without zeros at the end of the fraction: `150.5`, `5`."""
    text = format_decimal(money)
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_money(text: str, currency: str) -> Money:
    """Return the amount that a text in major units (yen, rupees) states. The text is written with ASCII digits and
    without sign or exponent. Raises InvalidAmountText for any other text.

    A text with more decimal places than the currency has is refused, even if these are zeros, because the person may
    mean another currency.
    """
    digits = MINOR_DIGITS_BY_CURRENCY.get(currency, 0)
    match = _PLAIN_AMOUNT_PATTERN.fullmatch(text)
    if match is None or len(match[2] or ".") - 1 > digits:
        raise InvalidAmountText("no plain amount")
    return make_money_from_number(Decimal(text), currency)


def parse_typed_money(text: str, currency: str) -> Money:
    """Return the amount that a person has typed or pasted into a field for an amount of this currency. In addition to
    the texts that `parse_money` accepts, the text may have full-width digits, the sign of the currency, and commas
    that group the digits as in Japan or India. Raises InvalidAmountText for any other text. `123,45` is refused: its
    comma may be a decimal comma.
    """
    plain_text = unicodedata.normalize("NFKC", text).strip()
    sign, unit = _SIGN_AND_UNIT_BY_CURRENCY.get(currency, ("", ""))
    plain_text = plain_text.removeprefix(sign).removesuffix(unit).strip()
    if _GROUPED_AMOUNT_PATTERN.fullmatch(plain_text):
        plain_text = plain_text.replace(",", "")
    return parse_money(plain_text, currency)


def make_money_from_number(value: int | Decimal, currency: str) -> Money:
    """Return an amount in major units (yen, rupees) as Money. Raises InvalidAmountText if the amount isn't a whole
    number of minor units, is negative or too large, or if Money refuses the currency.
    """
    exact_value = Decimal(value)
    if not exact_value.is_finite() or exact_value.adjusted() > 15 or exact_value.is_signed():
        raise InvalidAmountText("out of bounds")
    _, figures, exponent = exact_value.as_tuple()
    shift = int(exponent) + MINOR_DIGITS_BY_CURRENCY.get(currency, 0)
    if shift < 0 and any(figures[shift:]):
        raise InvalidAmountText("finer than the currency")
    return Money(_shift_digits(figures, shift), currency)


def _shift_digits(figures: tuple[int, ...], shift: int) -> int:
    """Return the integer that the decimal digits `figures` form, times 10^`shift`. A negative `shift` drops digits
    at the end; the dropped digits must be zero."""
    digits = figures[:shift] if shift < 0 else figures
    return int("".join(map(str, digits)) + "0" * max(shift, 0) or "0")
