"""Design tokens (colours, type, sizes, badges). The module reads them once from `resources/style/tokens.json`.

The window can't paint its first frame before this module is imported. TextRole and BadgeStyle are named tuples,
because creating one dataclass takes as long as reading the file.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

from console.resource_paths import resources_dir

ThemeName = Literal["light", "dark", "high_contrast"]
Tone = Literal["text", "muted", "good", "progress", "unknown", "care", "bad", "accent"]
Density = Literal["comfortable", "compact"]
Language = Literal["ja", "en"]
FontPurpose = Literal["text", "figures"]
TextRoleName = Literal[
    "title",
    "dialog_title",
    "section",
    "panel_title",
    "figure",
    "body",
    "data",
    "small",
    "small_data",
    "caption",
    "search_input",
]


class TextRole(NamedTuple):
    """The font of one text role, such as "body" or "title": `font` (for texts or for figures), letter height
    (`font_size_px`) and line height (`line_height_px`) in px, and weight (400 or 700)."""

    font: FontPurpose
    font_size_px: int
    line_height_px: int
    weight: int


class BadgeStyle(NamedTuple):
    """The appearance of the badge of one state: its word in both languages, its icon and its colour tone."""

    ja: str
    en: str
    icon_name: str
    tone: Tone

    def get_word(self, language: Language) -> str:
        return self.ja if language == "ja" else self.en


class DesignTokens:
    """The design tokens: the values of the token file as typed attributes and methods. Each method raises KeyError
    for an unknown name."""

    def __init__(self, token_values: Mapping[str, Any]) -> None:
        self._token_values = token_values
        self.type: dict[str, TextRole] = {
            role_name: TextRole(role["font"], role["px"], role["line"], role["weight"])
            for role_name, role in token_values["type"].items()
        }
        self.badges: dict[str, BadgeStyle] = {
            badge_key: BadgeStyle(badge["ja"], badge["en"], badge["shape"], badge["tone"])
            for badge_key, badge in token_values["badges"].items()
        }

    def get_colours(self, theme: ThemeName) -> Mapping[str, str]:
        """Return the colours of a theme by name, as `#RRGGBB` or `rgba(r,g,b,a)`."""
        colours: Mapping[str, str] = self._token_values["colours"][theme]
        return colours

    def get_font_families(self, purpose: FontPurpose) -> list[str]:
        """Return the names of the font families for texts or for numbers. If the first family lacks a letter, the
        letter is taken from a later family."""
        return list(self._token_values["fonts"][purpose])

    def px(self, section: str, name: str) -> int:
        """Return a size in px by the section and the name in the token file, such as `px("radii", "control")`. A
        dotted name such as "omnibox.width" names an entry of a nested section."""
        value = self._token_values[section]
        for key in name.split("."):
            value = value[key]
        return int(value)

    def get_lowest_contrasts(self, theme: ThemeName) -> Mapping[str, float]:
        """Return the contrast ratios that the token file states for a theme: for each name of a colour, the lowest
        ratio to any background on which the colour is used. A test computes these ratios again."""
        ratios: Mapping[str, float] = self._token_values["contrast_lowest"][theme]
        return ratios


@cache
def tokens() -> DesignTokens:
    """Return the design tokens of this installation. Only the first call reads the token file."""
    return DesignTokens(json.loads((resources_dir() / "style" / "tokens.json").read_text(encoding="utf-8")))
