"""The objects from which the texts about records get the language and the current time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from console.wording.sentences import catalogue as wording

Language = Literal["ja", "en"]


class TextContext(Protocol):
    """The interface of an object that has the language of a text and the current time. `WindowContext` implements it
    for a window, `FileTextContext` for exports and the terminal."""

    @property
    def language(self) -> str: ...

    def translate(self, key: str, /, **facts: object) -> str:
        """Return the text of a wording key in the language of this context, with its placeholders replaced by
        `facts`. An instant in the format `short` is written with its year if it isn't in the current year. An instant
        in the format `clock` is written with its day if its Japanese day isn't today."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""


@dataclass(frozen=True, slots=True)
class FileTextContext:
    """The language and the current time for the texts of an exported file or of the terminal."""

    language: str
    now: Callable[[], datetime]

    def translate(self, key: str, /, **facts: object) -> str:
        return wording.translate(key, self.language, **{"now": self.now(), **facts})
