"""Definitions of a table's columns, and the types of their cells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from console.views.theme.design_tokens import Language, Tone, tokens

Kind = Literal["text", "data", "amount", "age", "state", "check"]


@dataclass(frozen=True, slots=True)
class StateCell:
    """A state: shape, word and tone. `extra`, such as a person's name, is shown after the word in the text colour."""

    word: str
    shape: str
    tone: Tone
    extra: str = ""

    @classmethod
    def from_badge_key(cls, key: str, language: Language, extra: str = "") -> "StateCell":
        """Return the cell of a badge key in the design tokens, such as `certainty.unknown`.

        Raises KeyError for an unknown key.
        """
        badge = tokens().badges[key]
        return cls(badge.word(language), badge.shape, badge.tone, extra)


@dataclass(frozen=True, slots=True)
class AgeCell:
    """An age: its number, its unit, and the full instant as text."""

    number: str
    unit: str
    full: str = ""


Cell = str | StateCell | AgeCell


@dataclass(frozen=True, slots=True)
class Column:
    """One column: title, width in px, and the function that returns its cell of a row.

    `cell` returns a StateCell for kind "state", an AgeCell for "age", otherwise text; "" is shown as a muted –.
    `spoken` returns the text for screen readers if it differs from the cell's text; "" omits the cell.
    """

    key: str
    title: str
    width: int
    cell: Callable[[Any], Cell]
    kind: Kind = "text"
    is_stretched: bool = False
    is_muted: bool = False
    spoken: Callable[[Any], str] | None = None

    @property
    def is_right_aligned(self) -> bool:
        """True if cells and header are right-aligned: for amounts and ages."""
        return self.kind in ("amount", "age")

    def text(self, row: Any) -> str:
        """Return the cell of a row as plain text."""
        return plain_text(self.cell(row))

    def spoken_row(self, row: Any) -> str:
        """Return the cell's text for a screen reader."""
        return self.spoken(row) if self.spoken else self.text(row)


@dataclass(frozen=True, slots=True)
class Group:
    """The heading above successive rows that belong to the same group; `key` identifies the group."""

    key: object
    word: str
    shape: str = ""
    tone: Tone = "text"
    count: str = ""

    def text(self) -> str:
        return f"{self.word} {self.count}".strip()


def plain_text(cell: Cell) -> str:
    """Return a cell as plain text."""
    if isinstance(cell, StateCell):
        return f"{cell.word} {cell.extra}".strip()
    if isinstance(cell, AgeCell):
        return f"{cell.number} {cell.unit}".strip()
    return cell


def check_column(width: int = 44) -> Column:
    """Return the column of check boxes with which the person selects rows."""
    return Column("check", "", width, lambda _: "", "check", spoken=lambda _: "")
