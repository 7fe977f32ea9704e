"""Definitions of the columns of a table, and the types of their cells."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from console.views.theme.design_tokens import Language, Tone, tokens

_NUMBER_WITHOUT_WORD_PATTERN = re.compile(r"[\d ,./:-]*\d[\d ,./:-]*")
CellKind = Literal["text", "data", "amount", "age", "state", "check"]


@dataclass(frozen=True, slots=True)
class StateCell:
    """A table cell that shows a state: icon, word and colour tone. `extra_text`, such as the name of the person who
    has taken the record, follows the word in the ordinary text colour."""

    word: str
    icon_name: str
    tone: Tone
    extra_text: str = ""

    @classmethod
    def from_badge_key(cls, key: str, language: Language, extra_text: str = "") -> "StateCell":
        """Return the cell for the badge with this key in the design tokens, such as `certainty.unknown`.

        Raises KeyError for an unknown key.
        """
        badge = tokens().badges[key]
        return cls(badge.get_word(language), badge.icon_name, badge.tone, extra_text)


@dataclass(frozen=True, slots=True)
class AgeCell:
    """A table cell that shows an age, such as "3 h": its number and its unit."""

    number: str
    unit: str


class HeadingText(str):
    """The text of a heading that is a row of the table. It is painted bold, and extends from the first visible column
    whose cell is a HeadingText to the right edge of the table. The cells of the columns after this one aren't
    painted."""

    __slots__ = ()


class TextWithUnelidedEnd(str):
    """A text with an end that isn't elided, for example a state after a title. If the text is too long for its cell,
    only the part before `unelided_end` is elided. If the cell is too narrow even for `unelided_end`, the whole text
    is elided like an ordinary text."""

    unelided_end: str

    def __new__(cls, beginning: str, unelided_end: str) -> "TextWithUnelidedEnd":
        text = super().__new__(cls, beginning + unelided_end)
        text.unelided_end = unelided_end
        return text


class TextWithAmount(TextWithUnelidedEnd):
    """A text whose end is an amount, such as a state and its amount. The amount is painted at the right edge of the
    cell, so that the amounts of all rows end at the same place."""


Cell = str | StateCell | AgeCell


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, its width in px at text scale 1.0, and `make_cell`, the function that returns
    the cell of a row. `make_cell` returns a StateCell if `kind` is "state", an AgeCell if `kind` is "age", otherwise
    a text; it may return a text for any kind, such as "–" for an unknown age. An empty text is shown as a – in the
    muted colour.

    If `is_stretched` is True, the column takes the free width of the table: as much as its cells need, or all of it
    if it is the last column. If `is_muted` is True, the text has the muted colour.

    `make_spoken_text` returns the text for screen readers if this text must differ from the cell's text; if it
    returns "", the screen reader leaves the cell out. `make_full_text` returns the text that the cell abbreviates,
    such as the instant of an age, for the tooltip and as the description of the cell. `spoken_title` is the title for
    screen readers if the column has no title on screen, and `spoken_title_if_some` the one that replaces it while
    some rows are selected, but not all. If `is_optional` is True, a table whose columns a person can
    choose shows the column only if the person has chosen it.
    """

    key: str
    title: str
    width_px: int
    make_cell: Callable[[Any], Cell]
    kind: CellKind = "text"
    is_stretched: bool = False
    is_muted: bool = False
    make_spoken_text: Callable[[Any], str] | None = None
    is_optional: bool = False
    make_full_text: Callable[[Any], str] | None = None
    spoken_title: str = ""
    spoken_title_if_some: str = ""

    @property
    def is_right_aligned(self) -> bool:
        """True if the cells and the title of the column are right-aligned: in columns of amounts and of ages."""
        return self.kind in ("amount", "age")

    def format_text(self, row: Any) -> str:
        """Return the text of this column's cell in a row of the table."""
        return format_cell_as_plain_text(self.make_cell(row))

    def format_full_text(self, row: Any) -> str:
        """Return the text that this column's cell abbreviates; the text of the cell if the cell abbreviates
        nothing."""
        return (self.make_full_text(row) if self.make_full_text else "") or self.format_text(row)

    def format_spoken_cell(self, row: Any) -> str:
        """Return the text that a screen reader reads for this column's cell in a row. If the cell has only a
        number, the text begins with the title of this column, such as "Client 2"."""
        spoken_text = self.make_spoken_text(row) if self.make_spoken_text else self.format_text(row)
        return (
            f"{self.title} {spoken_text}"
            if self.title and _NUMBER_WITHOUT_WORD_PATTERN.fullmatch(spoken_text)
            else spoken_text
        )


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A heading in a table. The heading is above adjacent rows of the same group, such as rows with the same work
    state. `key` identifies the group; the heading shows `word`, an icon (`icon_name` and `tone`) and the text
    `count_text`."""

    key: object
    word: str
    icon_name: str = ""
    tone: Tone = "text"
    count_text: str = ""

    def format_text(self) -> str:
        """Return the text of the heading: `word` and `count_text`."""
        return f"{self.word} {self.count_text}".strip()


def format_cell_as_plain_text(cell: Cell) -> str:
    """Return the contents of a table cell as plain text."""
    if isinstance(cell, StateCell):
        return f"{cell.word} {cell.extra_text}".strip()
    if isinstance(cell, AgeCell):
        return f"{cell.number} {cell.unit}".strip()
    return cell


def make_check_box_column(spoken_title: str, spoken_title_if_some: str) -> Column:
    """Return the column of check boxes, with which the person selects rows. The column has no title on screen;
    `spoken_title` is its title for screen readers, and `spoken_title_if_some` its title while some rows are selected,
    but not all: the check box in the header then has a dash."""
    return Column(
        "check",
        "",
        44,
        lambda _: "",
        "check",
        make_spoken_text=lambda _: "",
        spoken_title=spoken_title,
        spoken_title_if_some=spoken_title_if_some,
    )
