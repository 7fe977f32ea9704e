"""Columns as values, and what a cell can hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from console.views.look.tokens import Language, Tone, tokens

Kind = Literal["text", "data", "amount", "age", "state", "check"]


@dataclass(frozen=True, slots=True)
class StateCell:
    """A state: shape, word, tone. `extra` is a word after it in the text colour, such as a person's name."""

    word: str
    shape: str
    tone: Tone
    extra: str = ""

    @classmethod
    def of(cls, key: str, language: Language, extra: str = "") -> "StateCell":
        """By its key in the tokens, such as `certainty.unknown`."""
        known = tokens().badges[key]
        return cls(known.word(language), known.shape, known.tone, extra)


@dataclass(frozen=True, slots=True)
class AgeCell:
    """An age: a number, its unit in a fixed width, and the full time for tooltip and screen reader."""

    number: str
    unit: str
    full: str = ""


Cell = str | StateCell | AgeCell


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, how wide it is in px, what it shows of a row.

    `cell` gives StateCell for kind "state", AgeCell for "age", else text; "" is shown as a muted –.
    `spoken` words the cell for a screen reader where the text alone would not do; "" leaves it out.
    """

    key: str
    title: str
    width: int
    cell: Callable[[Any], Cell]
    kind: Kind = "text"
    stretches: bool = False
    muted: bool = False
    spoken: Callable[[Any], str] | None = None

    @property
    def right(self) -> bool:
        """Whether cell and header stand at the right: amounts do, and ages up to their unit."""
        return self.kind in ("amount", "age")

    def text(self, row: Any) -> str:
        """The cell in plain text, as it is copied and exported."""
        return plain(self.cell(row))

    def speak(self, row: Any) -> str:
        return self.spoken(row) if self.spoken else self.text(row)


@dataclass(frozen=True, slots=True)
class Group:
    """The heading above rows that belong together: equal keys, one heading."""

    key: object
    word: str
    shape: str = ""
    tone: Tone = "text"
    count: str = ""

    def text(self) -> str:
        return f"{self.word} {self.count}".strip()


def plain(cell: Cell) -> str:
    if isinstance(cell, StateCell):
        return f"{cell.word} {cell.extra}".strip()
    if isinstance(cell, AgeCell):
        return f"{cell.number} {cell.unit}".strip()
    return cell


def check_column(width: int = 44) -> Column:
    """The column of check boxes at the left, for choosing rows."""
    return Column("check", "", width, lambda _: "", "check", spoken=lambda _: "")
