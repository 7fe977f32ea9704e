"""The sentences of a command, in the language of the command."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.domain.clock import SystemClock, compute_age
from console.domain.errors import ConsoleError

if TYPE_CHECKING:  # the window starts through this module too, and each import delays its first frame
    from datetime import datetime, timedelta

    from console.domain.records import TimelineEntry

Lines = Iterable[str]


class Translator:
    """Returns sentences in the language of one command. Until the settings are read, this is the language in the
    environment variable CONSOLE_LANGUAGE, or else the language of the operating system; after that, the language of
    the settings. A call `translator(key, name=value)` returns the text of the wording key `key`, with its
    placeholders replaced by the given facts."""

    def __init__(self) -> None:
        from console.settings.settings import detect_system_language

        configured_language = os.environ.get("CONSOLE_LANGUAGE")
        self._clock = SystemClock()
        self.language = (
            configured_language if configured_language in ("ja", "en") else detect_system_language(os.environ)
        )

    def __call__(self, key: str, /, **facts: object) -> str:
        from console.wording.sentences import catalogue as wording

        return wording.translate(key, self.language, **{"now": self._clock.now(), **facts})

    def use_readable_language(self) -> None:
        """Use the other language (Japanese or English) if the sentences of the present language can't be read,
        because the installation is damaged."""
        from console.wording.sentences import catalogue as wording

        self.language = wording.find_readable_language(self.language)

    def format_short_instant(self, at: "datetime | None") -> str:
        """Return the instant `at` in Japanese time without seconds; the text has the year only if it isn't the
        present year. Return a dash (–) for None.
        """
        from console.wording.sentences import catalogue as wording

        return wording.NO_VALUE if at is None else wording.format_short_instant(at, self._clock.now())

    def format_unchanged_sentence(self, key: str) -> str:
        """Return the sentence `key`, which says that a probe has changed nothing, with the present time."""
        return self(key, at=self._clock.now())

    def compute_age(self, at: "datetime") -> "timedelta | None":
        """Return the time that has passed since the instant `at`. Return None if `at` is in the future: one of the
        clocks is then wrong."""
        return compute_age(at, self._clock.now())

    def format_audit_entry(self, entry: "TimelineEntry") -> str:
        """Return the sentence that describes an audit entry in a timeline."""
        from console.wording.sentences import catalogue as wording

        return wording.format_audit_entry(entry, self.language)

    def format_error_message(self, error: ConsoleError) -> str:
        """Return the sentence about an error: the event, its effect on the money, and the next step."""
        from console.wording.sentences import catalogue as wording

        return wording.format_error_message(error, self.language)
