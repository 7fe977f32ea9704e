"""The values of the look (colours, type, sizes, badges), read once from `resources/style/tokens.json`.

The first frame waits for this module: named tuples, because making one dataclass takes as long as reading the file.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

from console.paths import resources_dir

ThemeName = Literal["light", "dark", "high_contrast"]
Tone = Literal["text", "muted", "good", "progress", "unknown", "care", "bad", "accent"]
Density = Literal["comfortable", "compact"]
Language = Literal["ja", "en"]
Role = Literal[
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
    """One kind of text: family by its job, height of the letters and of the line in px, weight 400 or 700."""

    font: Literal["text", "figures"]
    px: int
    line: int
    weight: int


class BadgeLook(NamedTuple):
    """How one state is shown everywhere: its words in both languages, the name of its shape, its tone."""

    ja: str
    en: str
    shape: str
    tone: Tone

    def word(self, language: Language) -> str:
        return self.ja if language == "ja" else self.en


class Tokens:
    """Typed access to the file. A name that isn't in it raises KeyError: no value is made up."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self.type: dict[str, TypeRole] = {k: TypeRole(**v) for k, v in raw["type"].items()}
        self.badges: dict[str, BadgeLook] = {k: BadgeLook(**v) for k, v in raw["badges"].items()}

    def colours(self, theme: ThemeName) -> Mapping[str, str]:
        """Every colour of a theme by name, as `#RRGGBB` or `rgba(r,g,b,a)`."""
        found: Mapping[str, str] = self._raw["colours"][theme]
        return found

    def family(self, job: Literal["text", "figures"]) -> str:
        return str(self._raw["fonts"][job])

    def px(self, section: str, name: str) -> int:
        """A size in px, such as `px("radii", "control")`; `px("layout", "omnibox.width")` goes one deeper."""
        found = self._raw[section]
        for step in name.split("."):
            found = found[step]
        return int(found)

    def contrast_lowest(self, theme: ThemeName) -> Mapping[str, float]:
        """The ratios that were promised, by name of the pair; a test recomputes them."""
        found: Mapping[str, float] = self._raw["contrast_lowest"][theme]
        return found


@cache
def tokens() -> Tokens:
    """The tokens of this installation; read from the disk at the first call only."""
    return Tokens(json.loads((resources_dir() / "style" / "tokens.json").read_text(encoding="utf-8")))
