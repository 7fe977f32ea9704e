"""Design tokens (colours, type, sizes, badges), read once from `resources/style/tokens.json`.

The first frame of the window can't be painted before this module is imported. Its classes are named tuples, because
creating one dataclass takes as long as reading the file.
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
TypeRoleName = Literal[
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


class TypeRole(NamedTuple):
    """A text role: font family by purpose, letter and line height in px, weight 400 or 700."""

    font: Literal["text", "figures"]
    px: int
    line: int
    weight: int


class BadgeLook(NamedTuple):
    """The appearance of one state: its word in both languages, its shape and its tone."""

    ja: str
    en: str
    shape: str
    tone: Tone

    def word(self, language: Language) -> str:
        return self.ja if language == "ja" else self.en


class Tokens:
    """Typed access to the token file. An unknown name raises KeyError; there are no defaults."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self.type: dict[str, TypeRole] = {k: TypeRole(**v) for k, v in raw["type"].items()}
        self.badges: dict[str, BadgeLook] = {k: BadgeLook(**v) for k, v in raw["badges"].items()}

    def colours(self, theme: ThemeName) -> Mapping[str, str]:
        """Return the colours of a theme by name, as `#RRGGBB` or `rgba(r,g,b,a)`."""
        colours: Mapping[str, str] = self._raw["colours"][theme]
        return colours

    def family(self, purpose: Literal["text", "figures"]) -> str:
        """Return the font family of the text font or of the figures font."""
        return str(self._raw["fonts"][purpose])

    def px(self, section: str, name: str) -> int:
        """Return a size in px, such as `px("radii", "control")`. A dotted name such as "omnibox.width" names an entry
        of a nested section.
        """
        value = self._raw[section]
        for key in name.split("."):
            value = value[key]
        return int(value)

    def contrast_lowest(self, theme: ThemeName) -> Mapping[str, float]:
        """Return the lowest contrast ratio of each colour to its backgrounds, by name; a test computes it again."""
        ratios: Mapping[str, float] = self._raw["contrast_lowest"][theme]
        return ratios


@cache
def tokens() -> Tokens:
    """Return the tokens of this installation; the file is read at the first call only."""
    return Tokens(json.loads((resources_dir() / "style" / "tokens.json").read_text(encoding="utf-8")))
