"""The language and the present time, on which texts about records depend."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from console.wording import catalogue as wording

Language = Literal["ja", "en"]


class TextContext(Protocol):
    """The language of a text and the present time. `WindowContext` implements it for a window, `FileTextContext`
    for exports and the terminal.
    """

    @property
    def language(self) -> str: ...

    def translate(self, key: str, /, **facts: object) -> str:
        """Return the text of the wording key in the language, filled with the facts."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""


@dataclass(frozen=True, slots=True)
class FileTextContext:
    """The text context of a file that is written outside of a window."""

    language: str
    now: Callable[[], datetime]

    def translate(self, key: str, /, **facts: object) -> str:
        return wording.translate(key, self.language, **facts)
