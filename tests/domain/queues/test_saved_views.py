"""Tests of the names of saved views, and of views whose stored text has unreadable parts."""

import pytest

from console.domain.queues.filter_text import format_filter
from console.domain.queues.saved_views import (
    LONGEST_NAME_CHARACTERS,
    InvalidViewName,
    ViewContent,
    clean_view_name,
    is_storable_view_content,
    make_view_name_claim,
    parse_view,
    split_filter_text,
)
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Atom　1日超  ", "Atom 1日超"),
        ("ｈｅｌｌｏ", "ｈｅｌｌｏ"),
        ("か\u3099", "が"),
        ("שלום 12", "שלום 12"),
        ("x" * LONGEST_NAME_CHARACTERS, "x" * LONGEST_NAME_CHARACTERS),
        ("★", "★"),
        ("é\u0323", "ẹ́"),
    ],
)
def test_a_name_is_stored_composed_with_single_spaces(typed: str, stored: str) -> None:
    """A name is stored with composed characters (NFC) and single spaces."""
    assert clean_view_name(typed) == stored
    assert clean_view_name(stored) == stored


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "　", "x" * (LONGEST_NAME_CHARACTERS + 1), "a\nb", "a\0", "\x1b[31mred", "a\u202eb",
        "a\u2066b\u2069", "a\u200bb", "\ufeffname", "a\u2028b", "\ud800", "\ue000", "a" + "\u0336" * 9, "\u0301",
        "soft\u00adhyphen", "a\u200e", "\U000e0041", "\u0378", "﷽" * 30 + "\u0301" * 40,
    ],
)  # fmt: skip
def test_a_hostile_text_is_refused_as_a_view_name(text: str) -> None:
    """An empty name, a name with control or invisible characters, and one that is too long are refused."""
    with pytest.raises(InvalidViewName):
        clean_view_name(text)


def test_names_are_compared_without_width_case_and_person() -> None:
    """Two names of views are the same if they differ only in width and case. Two people may use the same name, and so
    may a person and the team."""
    same = {make_view_name_claim(name, "op-a") for name in ("Atom 1日", "ＡＴＯＭ　１日", "atom 1日", "aTom  1日")}
    assert len(same) == 1
    assert (
        len(
            {make_view_name_claim("x", None), make_view_name_claim("x", "op-a"), make_view_name_claim("x", "op-b")}
            | same
        )
        == 4
    )
    assert make_view_name_claim("x", "Op-A ") == make_view_name_claim("x", "op-a")
    assert make_view_name_claim("straße", None) == make_view_name_claim("STRASSE", None)


def test_an_unreadable_part_of_a_view_is_reported_and_filters_nothing() -> None:
    """An operator or sort order of a newer program, an unreadable value, and a word among the operators of a stored
    view are reported and not used as conditions."""
    content = ViewContent("review", "provider:atom flavour:sweet age:old owner:me loose", "さくら", "-flavour")
    read = parse_view(content, "op-a")
    assert format_filter(read.filter.record_filter) == "provider:atom owner:op-a"
    assert sorted(read.problems) == ["-flavour", "age:old", "flavour:sweet", "loose"]
    assert (read.filter.words, read.sort_order) == ("さくら", DEFAULT_SORT_ORDER)
    nobody = parse_view(ViewContent("review", "Owner:Me", sort="-amount"), None)
    assert (nobody.problems, bool(nobody.filter.record_filter)) == (("Owner:Me",), False)
    assert nobody.sort_order == QueueSortOrder(SortColumn.AMOUNT, is_descending=True)
    for spelling in ("taken:me", "Owner:Me", "ＯＷＮＥＲ：ＭＥ", "owner:op-b owner:me"):
        assert format_filter(parse_view(ViewContent("review", spelling), "op-a").filter.record_filter) == "owner:op-a"


def test_operators_and_words_are_stored_apart() -> None:
    """The operators and the search words of a view are stored separately."""
    assert split_filter_text("さくら provider:atom A-17 amount:>5 amount:") == (
        "provider:atom amount:>5 amount:",
        "さくら A-17",
    )
    assert split_filter_text("ｐｒｏｖｉｄｅｒ：ａｔｏｍ　Ａ－１７") == ("provider:atom", "Ａ－１７")


@pytest.mark.parametrize(
    ("content", "is_good"),
    [
        (ViewContent("review", columns=("age", "taken_by")), True),
        (ViewContent("review", words="x\ny"), False),
        (ViewContent("review", "x" * 1_001), False),
        (ViewContent("review", sort="\ud800"), False),
        (ViewContent("review", columns=("Age",)), False),
        (ViewContent("review", columns=("",)), False),
        (ViewContent("review", columns=("a",) * 41), False),
    ],
)
def test_only_valid_contents_of_a_view_are_stored(content: ViewContent, is_good: bool) -> None:
    """Each valid example of a view's contents can be stored, and each invalid one is refused."""
    assert is_storable_view_content(content) is is_good
