"""Tests of corporation numbers: accepted spellings, the order of the rules, and the suggestions for one typing
error."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.corporation_number import (
    ALARMBOX_TEST_NUMBERS,
    CorporationNumber,
    compute_check_digit,
    group_digits,
    is_well_formed,
    list_numbers_one_typing_error_away,
)
from console.domain.error_reasons import NumberReason
from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number

CORPORATION_NUMBER_VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "provider_vectors.json").read_text(encoding="utf-8")
)
TWELVE_DIGIT_TEXTS = st.text(alphabet="0123456789", min_size=12, max_size=12)


def list_test_cases(name: str) -> list[object]:
    return [pytest.param(case, id=case["id"]) for case in CORPORATION_NUMBER_VECTORS[name]]


@pytest.mark.parametrize("case", list_test_cases("corporation_number_valid"))
def test_every_accepted_spelling_of_a_number_is_normalised(case: dict[str, str]) -> None:
    """Every accepted spelling becomes the same 13 ASCII digits."""
    assert parse_corporation_number(case["input"]).value == case["normalized"]


@pytest.mark.parametrize("case", list_test_cases("corporation_number_invalid"))
def test_invalid_input_names_the_first_broken_rule(case: dict[str, str]) -> None:
    """The refusal names the first rule that the text breaks, and the digits that were understood."""
    with pytest.raises(InvalidCorporationNumber) as refused:
        parse_corporation_number(case["input"])
    assert (refused.value.reason, refused.value.normalized) == (case["reason"], case["normalized"])
    assert refused.value.exit_status == 2


@pytest.mark.parametrize("case", list_test_cases("corporation_number_check_digit"))
def test_the_check_digit_follows_the_formula_of_the_ordinance(case: dict[str, str]) -> None:
    """The check digit is that of the formula in the ordinance."""
    assert compute_check_digit(case["base"]) == str(case["check_digit"])


def test_a_removed_invoice_prefix_is_reported() -> None:
    """A removed prefix T (of an invoice number) is reported, so that the screen can say so."""
    assert parse_corporation_number("T7010705000725").had_prefix
    assert not parse_corporation_number("7010705000725").had_prefix


def test_twelve_digits_hint_at_the_missing_check_digit() -> None:
    """For a text of 12 digits, the refusal says that the check digit is missing, because the number in the commercial
    register has none.
    """
    with pytest.raises(InvalidCorporationNumber) as refused:
        parse_corporation_number("010001065142")
    assert refused.value.detail["hint"] == "check_digit_missing"


@pytest.mark.parametrize("dummy", sorted(ALARMBOX_TEST_NUMBERS))
def test_dummy_numbers_are_accepted_only_with_the_setting(dummy: str) -> None:
    """The provider's dummy numbers are accepted only if a setting allows them."""
    with pytest.raises(InvalidCorporationNumber):
        parse_corporation_number(dummy)
    assert parse_corporation_number(dummy, allows_test_numbers=True).value == dummy


@pytest.mark.parametrize(
    "hostile", ["1" * 10_000_000, "🏢" * 13, "1180301018771'; DROP TABLE x;--", "\ud800", "\x00" * 13]
)
def test_hostile_input_is_refused(hostile: str) -> None:
    """Each malformed text is refused with InvalidCorporationNumber."""
    with pytest.raises(InvalidCorporationNumber):
        parse_corporation_number(hostile)


@given(TWELVE_DIGIT_TEXTS)
def test_a_number_with_its_computed_check_digit_is_valid(base: str) -> None:
    """A number with the computed check digit is valid, and the check digit is never 0."""
    number = compute_check_digit(base) + base
    assert number[0] != "0"
    assert is_well_formed(number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "nonsense",
        "118030101877x",
        "1_80301018771",
        "1180301018771 ",
        "１１８０３０１０１８７７１",
        "²180301018771",
    ],
)
def test_a_text_that_is_no_number_is_not_well_formed(text: str) -> None:
    """Another application's rows may contain any text. It isn't well-formed, and the check raises no error."""
    assert not is_well_formed(text)


@given(TWELVE_DIGIT_TEXTS, st.integers(0, 12), st.sampled_from("0123456789"))
def test_suggestions_contain_the_original_of_a_mistyped_digit(base: str, place: int, digit: str) -> None:
    """For a number with one mistyped digit, the original is among the suggestions."""
    number = compute_check_digit(base) + base
    typed = number[:place] + digit + number[place + 1 :]
    if not is_well_formed(typed):
        assert number in list_numbers_one_typing_error_away(typed)


@given(TWELVE_DIGIT_TEXTS, st.integers(0, 12))
def test_suggestions_contain_the_original_of_a_missing_digit(base: str, place: int) -> None:
    """For a number without one of its digits, the original is among the suggestions."""
    number = compute_check_digit(base) + base
    assert number in list_numbers_one_typing_error_away(number[:place] + number[place + 1 :])


def test_a_number_is_shown_in_groups() -> None:
    """A number of 13 ASCII digits is shown in groups, as people read it aloud. Any other text is shown unchanged."""
    assert group_digits("7123456789012") == "7 1234 5678 9012"
    assert group_digits("712345678901") == "712345678901"
    assert group_digits("71234567890123") == "71234567890123"
    assert group_digits("") == ""
    for other in ("refund.submit", "与信チェック 123456", "ORD-2026-0001", "７１２３４５６７８９０１２"):
        assert group_digits(other) == other


@pytest.mark.parametrize(
    ("reason", "understood", "has_hint"),
    [
        ("LENGTH", "010001065142", True),
        ("LENGTH", "01000106514", False),
        ("LENGTH", "01000106514212", False),
        ("LENGTH", None, False),
        ("CHECK_DIGIT", "010001065142", False),
        ("EMPTY", None, False),
    ],
)
def test_only_twelve_digits_get_the_check_digit_hint(reason: str, understood: str | None, has_hint: bool) -> None:
    """The hint at the missing check digit is given for exactly 12 digits, and not for a number that is refused for
    another reason."""
    refused = InvalidCorporationNumber(NumberReason(reason), understood)
    assert ("hint" in refused.detail) is has_hint
    assert (refused.reason, refused.normalized) == (reason, understood)
    assert (refused.detail["reason"], refused.detail["normalized"]) == (reason, understood)


def test_a_number_without_prefix_is_no_invoice_number() -> None:
    """A number without the prefix T isn't reported as an invoice number."""
    assert not CorporationNumber("7010705000725").had_prefix


@pytest.mark.parametrize("blank_count", [987, 988])
def test_a_long_pasted_text_is_shortened(blank_count: int) -> None:
    """Of a pasted text only the first thousand characters are read, including those that are ignored."""
    text = " " * blank_count + "7010705000725"
    if blank_count == 987:
        assert parse_corporation_number(text).value == "7010705000725"
    else:
        with pytest.raises(InvalidCorporationNumber) as refused:
            parse_corporation_number(text)
        assert refused.value.reason == "LENGTH"
    with pytest.raises(InvalidCorporationNumber):
        parse_corporation_number("7010705000725" + " " * 988)


@pytest.mark.parametrize("text", ["T", "TT7010705000725", "T701070500072", "T70107050007255", "TABC0705000725"])
def test_a_prefix_is_removed_only_before_thirteen_digits(text: str) -> None:
    """The prefix T is accepted only before 13 digits."""
    with pytest.raises(InvalidCorporationNumber) as refused:
        parse_corporation_number(text)
    assert refused.value.reason == "CHARACTER"


@pytest.mark.parametrize("prefix", ["T", "t", "Ｔ", "ｔ"])
def test_each_spelling_of_the_prefix_is_removed(prefix: str) -> None:
    """The prefix T is removed in each of its spellings, such as lower case or full width."""
    assert parse_corporation_number(f"{prefix}7010705000725") == CorporationNumber("7010705000725", had_prefix=True)


@pytest.mark.parametrize("digit", range(10))
def test_full_width_digits_are_digits(digit: int) -> None:
    """Each full-width digit is read as a digit, and the characters next to them in Unicode are refused."""
    number = compute_check_digit(str(digit) * 12) + str(digit) * 12
    assert parse_corporation_number("".join(chr(0xFF10 + int(one)) for one in number)).value == number
    with pytest.raises(InvalidCorporationNumber):
        parse_corporation_number("\uff1a" + number[1:])
    with pytest.raises(InvalidCorporationNumber):
        parse_corporation_number("\uff0f" + number[1:])


@given(TWELVE_DIGIT_TEXTS, st.integers(0, 11), st.integers(0, 13), st.sampled_from("0123456789"))
def test_suggestions_contain_the_original_of_exchanged_or_added_digits(
    base: str, swap: int, place: int, digit: str
) -> None:
    """For a number with two neighbouring digits exchanged, or with one digit too many, the original is among the
    suggestions."""
    number = compute_check_digit(base) + base
    swapped = number[:swap] + number[swap + 1] + number[swap] + number[swap + 2 :]
    assert swapped == number or is_well_formed(swapped) or number in list_numbers_one_typing_error_away(swapped)
    assert number in list_numbers_one_typing_error_away(number[:place] + digit + number[place:])


@pytest.mark.parametrize("typed", ["", "7", "70107050007", "701070500072512"])
def test_a_number_with_two_typing_errors_has_no_suggestions(typed: str) -> None:
    """A number that is two or more digits too short or too long has no suggestions."""
    assert list_numbers_one_typing_error_away(typed) == ()


@pytest.mark.parametrize("typed", ["7010705000726", "701070500072", "70107050007255"])
def test_suggestions_are_valid_sorted_and_differ_from_the_typed_number(typed: str) -> None:
    """The suggestions are valid numbers, sorted, and never the typed number."""
    offered = list_numbers_one_typing_error_away(typed)
    assert offered
    assert list(offered) == sorted(set(offered))
    assert typed not in offered
    assert all(len(one) == 13 and is_well_formed(one) for one in offered)
    assert list_numbers_one_typing_error_away("7010705000725").count("7010705000725") == 0
