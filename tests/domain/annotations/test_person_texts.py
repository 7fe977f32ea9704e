"""Tests of texts that people write: a text without a visible character counts as empty."""

import pytest

from console.domain.annotations.person_texts import is_blank, strip_invisible_characters

BLANK_TEXTS = (
    *("", " ", "\t\r\n", "\u3000", "\u00a0\u2003", "\u200b", "\u2060\ufeff", "\0", "\u202e", "\u00ad"),
    *("\u3164", "\u115f\u1160", "\u2800", "\uffa0", "\u3000\u200b\u2800"),
)
"""Nothing, white space of keyboards and web pages, characters without width, controls, and letters that are drawn as
empty space."""


@pytest.mark.parametrize("text", BLANK_TEXTS, ids=ascii)
def test_a_text_without_a_visible_character_is_blank(text: str) -> None:
    assert is_blank(text)
    assert strip_invisible_characters(text) == ""


@pytest.mark.parametrize("text", ["x", "入金確認", "–", "0", "a\u200bb", "👩\u200d💻 checked"], ids=ascii)
def test_invisible_characters_are_removed_at_both_ends_only(text: str) -> None:
    assert not is_blank(text)
    assert strip_invisible_characters(f"\u3000{text}\u200b\n") == text
