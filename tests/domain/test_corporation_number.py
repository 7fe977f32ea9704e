"""Corporation numbers: normalising, the order of the rules, and what one slip explains."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.corporation_number import (
    DUMMIES,
    InvalidCorporationNumber,
    check_digit,
    grouped,
    one_slip,
    parse,
    well_formed,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "provider_vectors.json").read_text(encoding="utf-8"))
BASES = st.text(alphabet="0123456789", min_size=12, max_size=12)


def cases(name: str) -> list[object]:
    return [pytest.param(case, id=case["id"]) for case in VECTORS[name]]


@pytest.mark.parametrize("case", cases("corporation_number_valid"))
def test_valid_input_is_normalised(case: dict[str, str]) -> None:
    """Every accepted spelling becomes the same 13 ASCII digits."""
    assert parse(case["input"]).value == case["normalized"]


@pytest.mark.parametrize("case", cases("corporation_number_invalid"))
def test_invalid_input_names_the_first_broken_rule(case: dict[str, str]) -> None:
    """The refusal says which rule failed and what was understood."""
    with pytest.raises(InvalidCorporationNumber) as refused:
        parse(case["input"])
    assert (refused.value.reason, refused.value.normalized) == (case["reason"], case["normalized"])
    assert refused.value.exit_status == 2


@pytest.mark.parametrize("case", cases("corporation_number_check_digit"))
def test_check_digit(case: dict[str, str]) -> None:
    """The digit is the one that the ordinance's formula gives."""
    assert check_digit(case["base"]) == str(case["check_digit"])


def test_the_invoice_prefix_is_told() -> None:
    """A stripped T is reported, so that the screen can say so."""
    assert parse("T7010705000725").stripped_prefix
    assert not parse("7010705000725").stripped_prefix


def test_twelve_digits_hint_at_the_missing_check_digit() -> None:
    """The number on a commercial register has no check digit; people are told."""
    with pytest.raises(InvalidCorporationNumber) as refused:
        parse("010001065142")
    assert refused.value.detail["hint"] == "check_digit_missing"


@pytest.mark.parametrize("dummy", sorted(DUMMIES))
def test_dummies_need_the_switch(dummy: str) -> None:
    """The provider's dummy numbers pass only where they are explicitly allowed."""
    with pytest.raises(InvalidCorporationNumber):
        parse(dummy)
    assert parse(dummy, dummies=True).value == dummy


@pytest.mark.parametrize(
    "hostile", ["1" * 10_000_000, "🏢" * 13, "1180301018771'; DROP TABLE x;--", "\ud800", "\x00" * 13]
)
def test_hostile_input_is_refused(hostile: str) -> None:
    """Whatever is pasted, the answer is a named refusal."""
    with pytest.raises(InvalidCorporationNumber):
        parse(hostile)


@given(BASES)
def test_every_base_with_its_digit_is_well_formed(base: str) -> None:
    """A number made by the rule passes it, and the digit is never 0."""
    number = check_digit(base) + base
    assert number[0] != "0"
    assert well_formed(number)


@given(BASES, st.integers(0, 12), st.sampled_from("0123456789"))
def test_one_slip_finds_the_original(base: str, place: int, digit: str) -> None:
    """Whatever single digit was mistyped, the right number is among those offered."""
    number = check_digit(base) + base
    typed = number[:place] + digit + number[place + 1 :]
    if not well_formed(typed):
        assert number in one_slip(typed)


@given(BASES, st.integers(0, 12))
def test_one_slip_finds_a_dropped_digit(base: str, place: int) -> None:
    """A digit left out, wherever, is explained too."""
    number = check_digit(base) + base
    assert number in one_slip(number[:place] + number[place + 1 :])


def test_grouping() -> None:
    """Numbers are shown in the groups that people read aloud."""
    assert grouped("7123456789012") == "7 1234 5678 9012"
