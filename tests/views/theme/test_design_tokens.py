"""Tests that the design tokens are consistent: each name that one part uses exists in the other parts."""

from typing import get_args

import pytest

from console.views.theme.design_tokens import TextRoleName, Tone, tokens
from console.views.theme.icons import DRAWING_BY_ICON_NAME, get_icon_drawing


def test_every_badge_has_a_drawing_and_a_tone() -> None:
    """Every badge has a drawing, a tone and a word in both languages."""
    for key, badge in tokens().badges.items():
        assert badge.icon_name in DRAWING_BY_ICON_NAME, key
        assert badge.tone in get_args(Tone), key
        assert badge.get_word("ja")
        assert badge.get_word("en")


def test_the_themes_name_the_same_colours() -> None:
    """A colour name that exists in one theme exists in all themes."""
    light = set(tokens().get_colours("light"))
    assert set(tokens().get_colours("dark")) == light
    assert set(tokens().get_colours("high_contrast")) == light


def test_type_roles_equal_the_token_file() -> None:
    """The type roles that the code can name are exactly those of the token file."""
    assert set(get_args(TextRoleName)) == set(tokens().type)


@pytest.mark.parametrize("name", sorted(DRAWING_BY_ICON_NAME))
def test_a_drawing_stays_within_its_box(name: str) -> None:
    """Each icon drawing paints at least one pixel, and nothing outside its box of 16 × 16, where it would be cut
    off.
    """
    drawing = get_icon_drawing(name)
    box = drawing.stroke.boundingRect().united(drawing.fill.boundingRect())
    assert not box.isEmpty() or drawing.stroke.elementCount() >= 2
    assert box.left() >= 0.75
    assert box.top() >= 0.75
    assert box.right() <= 15.25
    assert box.bottom() <= 15.25


def test_an_unknown_token_name_raises_an_error() -> None:
    """A misspelt token name or icon name raises KeyError, so that no invented value is used."""
    with pytest.raises(KeyError):
        tokens().px("spacing", "page_margins")
    with pytest.raises(KeyError):
        get_icon_drawing("smile")
