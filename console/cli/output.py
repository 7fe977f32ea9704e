"""The one place that writes what a command has to say: once, as sentences for people or one JSON object."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from console.cli_log import BUG
from console.domain.errors import ConsoleError

if TYPE_CHECKING:  # a window starts through here too, and its first frame waits for every import
    from console.cli_json import Object
    from console.domain.records import TimelineEntry
    from console.settings import Settings

log = logging.getLogger("console.cli")

Lines = Iterable[str]
# What could drive a terminal or turn the reading order: control characters but the line's end, and bidi marks.
_UNSEEN = (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _UNSEEN if code != 0x0A}


def plain(text: str) -> str:
    """Text as it may go to a terminal, whoever wrote parts of it."""
    return text.translate(_SHOWN)


def wants_json(words: Sequence[str]) -> bool:
    """Whether `--json` stands anywhere before a `--`; asked first, mistakes are told in it too."""
    return "--json" in (words[: words.index("--")] if "--" in words else words)


class Voice:
    """Sentences in the language of this call: the environment's until the settings have been read."""

    def __init__(self) -> None:
        from console.settings import system_language

        given = os.environ.get("CONSOLE_LANGUAGE")
        self.language = given if given in ("ja", "en") else system_language(os.environ)

    def __call__(self, key: str, /, **facts: object) -> str:
        from console import wording

        return wording.say(key, self.language, **facts)

    def timeline(self, entry: "TimelineEntry") -> str:
        from console import wording

        return wording.timeline_line(entry, self.language)

    def message(self, error: ConsoleError) -> str:
        from console import wording

        return wording.message(error, self.language)


class Writer:
    """Writes one answer and keeps the exit status that belongs to it.

    A second answer goes to the log: a program that reads stdout expects exactly one object, and what it was
    told must be what the exit status says.
    """

    def __init__(self, stream: TextIO | None, voice: Voice, *, as_json: bool) -> None:
        self.stream = stream
        self.voice = voice
        self.as_json = as_json
        self.status = 0
        self.spoken = False
        self._stays = False

    def ready(self, data: "Callable[[], Object]", lines: Callable[[], Lines]) -> None:
        """Tell that a command which stays is ready; how it ends later is told by the exit status alone."""
        self._stays = True
        self.answer(data, lines)

    def answer(self, data: "Callable[[], Object]", lines: Callable[[], Lines]) -> None:
        """Tell a success; only the form that is wanted gets made."""
        if self.as_json:
            self._json({"ok": True, "data": data()}, 0)
        else:
            text = "".join(plain(line) + "\n" for line in lines())
            self._once(text.encode(self._encoding(), "backslashreplace"), 0)

    def refuse(self, error: ConsoleError) -> None:
        """Tell a refusal or failure: programs read it on stdout, people on stderr."""
        message = self._message(error)
        if self.spoken and self._stays:
            self.status = error.exit_status
            self.aside(message)
        elif self.as_json:
            from console import cli_json

            detail = cli_json.fact(error.detail, self.voice)
            body = {"code": error.code, "message": message, "detail": detail}
            self._json({"ok": False, "error": body}, error.exit_status)
        elif not self.spoken:
            self.spoken, self.status = True, error.exit_status
            self.aside(message)

    def _message(self, error: ConsoleError) -> str:
        """The sentence; the bare code where even the words can't be read."""
        try:
            return self.voice.message(error)
        except Exception:
            log.exception("No sentence for %s", error.code, extra=BUG)
            return error.code

    def aside(self, text: str) -> None:
        """A line for people beside the answer."""
        if sys.stderr is not None:
            sys.stderr.write(plain(text) + "\n")

    def read_settings(self) -> "Settings":
        """The desk's settings; from here on the answer speaks their language."""
        from console.settings import Settings

        settings = Settings.load()
        self.voice.language = settings.language
        return settings

    def progress(self, step: str) -> None:
        """Tell a person at a terminal which step has begun."""
        if not self.as_json and sys.stderr is not None and sys.stderr.isatty():
            self.aside(self.voice(f"progress.{step}"))

    def _json(self, payload: "Object", status: int) -> None:
        from console import cli_json

        self._once(cli_json.document(payload), status)

    def _once(self, content: bytes, status: int) -> None:
        if self.spoken:
            log.error("A second answer was not written: %r", content[:300])
            return
        self.spoken, self.status = True, status
        try:
            _put(self.stream, content)
        except OSError as trouble:
            # What was done stays done, and the status says what: the reader's end changes neither.
            if not isinstance(trouble, BrokenPipeError):
                log.error("The answer could not be written: %s", trouble.strerror)
            _forget(self.stream)

    def _encoding(self) -> str:
        return getattr(self.stream, "encoding", None) or "utf-8"


def _put(stream: TextIO | None, content: bytes) -> None:
    binary = getattr(stream, "buffer", None)
    if binary is not None:
        binary.write(content)
        binary.flush()
    elif stream is not None:
        stream.write(content.decode())


def _forget(stream: TextIO | None) -> None:
    """Let the interpreter's end not try again: it would add a complaint and change the exit status."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
