"""Tests of money: each amount has one text form, and each text is one amount or none."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.money import (
    LARGEST_AMOUNT_MINOR,
    MINOR_DIGITS_BY_CURRENCY,
    InvalidAmountText,
    Money,
    format_decimal,
    format_shortest_decimal,
    make_money_from_number,
    parse_money,
    parse_typed_money,
)

AMOUNTS = st.builds(Money, st.integers(0, LARGEST_AMOUNT_MINOR), st.sampled_from(sorted(MINOR_DIGITS_BY_CURRENCY)))


@given(AMOUNTS)
def test_an_amount_is_written_and_read_back(money: Money) -> None:
    """The full and the short decimal text are read back to the last minor unit, as text and as number."""
    for text in (format_decimal(money), format_shortest_decimal(money)):
        assert parse_money(text, money.currency) == money
        assert make_money_from_number(Decimal(text), money.currency) == money
    assert Decimal(format_decimal(money)) == Decimal(money.minor).scaleb(-MINOR_DIGITS_BY_CURRENCY[money.currency])


@given(st.decimals(allow_nan=True, allow_infinity=True), st.sampled_from(sorted(MINOR_DIGITS_BY_CURRENCY)))
def test_a_number_is_read_exactly_or_refused(value: Decimal, currency: str) -> None:
    """A decimal number is either refused or read as exactly the same amount in minor units."""
    try:
        money = make_money_from_number(value, currency)
    except InvalidAmountText:
        return
    assert Decimal(money.minor) == value.scaleb(MINOR_DIGITS_BY_CURRENCY[currency])


@given(st.text(max_size=12), st.sampled_from(sorted(MINOR_DIGITS_BY_CURRENCY)))
def test_any_text_is_read_or_refused(text: str, currency: str) -> None:
    """Each text is read as an amount or refused; an amount is always written in ASCII."""
    try:
        money = parse_money(text, currency)
    except InvalidAmountText:
        return
    assert text.isascii()
    assert Decimal(text) == Decimal(format_decimal(money))


@pytest.mark.parametrize(
    ("money", "full_text", "short_text"),
    [
        (Money(3300, "JPY"), "3300", "3300"),
        (Money(15_050, "INR"), "150.50", "150.5"),
        (Money(500, "INR"), "5.00", "5"),
        (Money(1, "INR"), "0.01", "0.01"),
        (Money(0, "INR"), "0.00", "0"),
        (Money(1000, "JPY"), "1000", "1000"),
    ],
)
def test_yen_have_no_decimals_and_rupees_two(money: Money, full_text: str, short_text: str) -> None:
    """An amount in yen is written without decimals, one in rupees with two. The zero before the decimal point is
    written.
    """
    assert (format_decimal(money), format_shortest_decimal(money)) == (full_text, short_text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-1", "+1", "1.", ".5", "01", "1,000", "1_000", "1e3", "0x10", "３３００", "٣", "1 ", "NaN", "inf",
        "10000000000000000", "99999999999999999999", "3300.0", "3300.5", "1\n",
    ],
)  # fmt: skip
def test_an_invalid_amount_of_yen_is_refused(text: str) -> None:
    """An amount in yen is refused if it is empty or too large, or has a sign, a separator, an exponent, a leading
    zero, blanks, digits of another script or a fraction.
    """
    with pytest.raises(InvalidAmountText):
        parse_money(text, "JPY")


@pytest.mark.parametrize("text", ["1.005", "1.000", "0.001"])
def test_an_amount_finer_than_a_paisa_is_refused(text: str) -> None:
    """An amount in rupees with a third decimal place is refused, also if the third decimal is zero."""
    with pytest.raises(InvalidAmountText):
        parse_money(text, "INR")


@pytest.mark.parametrize(
    "value",
    [
        Decimal("0.5"), Decimal("1E+999999999"), Decimal("1E-999999999"), Decimal("-1"), Decimal("-0"),
        Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), 10**16, -1,
    ],
)  # fmt: skip
def test_numbers_that_are_no_amount_are_refused(value: Decimal | int) -> None:
    """A number that is no amount of yen is refused: a fraction, a negative number, a number that isn't finite or is
    too large. Numbers with huge exponents are refused before they are computed.
    """
    with pytest.raises(InvalidAmountText):
        make_money_from_number(value, "JPY")


@pytest.mark.parametrize(
    ("minor", "currency"),
    [(-1, "JPY"), (LARGEST_AMOUNT_MINOR + 1, "JPY"), (True, "JPY"), (1.0, "JPY"), (1, "USD"), (1, "")],
)
def test_money_refuses_impossible_amounts(minor: int, currency: str) -> None:
    """`Money` refuses amounts that are negative, too large, boolean or fractional, and unknown currencies."""
    with pytest.raises(InvalidAmountText):
        Money(minor, currency)


def test_the_largest_amount_is_accepted() -> None:
    """The largest amount is 10^15 minor units, also as text; one more minor unit is refused."""
    largest = 1_000_000_000_000_000
    assert Money(largest, "JPY").minor == LARGEST_AMOUNT_MINOR
    assert parse_money(str(largest), "JPY").minor == largest
    assert parse_money("10000000000000.00", "INR").minor == largest
    for text, currency in ((str(largest + 1), "JPY"), ("10000000000000.01", "INR")):
        with pytest.raises(InvalidAmountText):
            parse_money(text, currency)


def test_an_amount_in_an_unknown_currency_is_refused() -> None:
    """An amount in an unknown currency is refused, however it is written."""
    for text in ("5", "5.0", "0"):
        with pytest.raises(InvalidAmountText):
            parse_money(text, "USD")
        with pytest.raises(InvalidAmountText):
            make_money_from_number(Decimal(text), "USD")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("8,500", "JPY", 8_500), ("８，５００", "JPY", 8_500), (" ¥8,500 ", "JPY", 8_500),
        ("￥８５００", "JPY", 8_500), ("8500円", "JPY", 8_500), ("1,23,456.50", "INR", 12_345_650),
        ("₹ 150.50", "INR", 15_050), ("1,234,567.00", "INR", 123_456_700), ("150.5", "INR", 15_050),
    ],
)  # fmt: skip
def test_a_pasted_amount_may_have_currency_sign_and_commas(text: str, currency: str, minor: int) -> None:
    """An amount can be pasted in the form in which it is shown, with currency sign and commas."""
    assert parse_typed_money(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("123,45", "INR"), ("8,5", "JPY"), ("1,00", "JPY"), ("1,2345", "JPY"), (",100", "JPY"), ("100,", "JPY"),
        ("1,,000", "JPY"), ("₹100", "JPY"), ("¥100", "INR"), ("100円", "INR"), ("100.0", "JPY"), ("-100", "JPY"),
        ("1.234,50", "INR"), ("", "JPY"), ("¥", "JPY"),
    ],
)  # fmt: skip
def test_a_wrong_comma_or_currency_sign_is_refused(text: str, currency: str) -> None:
    """A pasted amount is refused if a comma doesn't group digits as in an amount of its currency, because a decimal
    comma would make 123,45 a hundred times as large. It is also refused with the sign of another currency or with
    decimals that its currency lacks.
    """
    with pytest.raises(InvalidAmountText):
        parse_typed_money(text, currency)
