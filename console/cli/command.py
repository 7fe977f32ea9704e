"""Base classes of the commands: a command with one service call, the opening of the services, and the parsing
of ids.
"""

import contextlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from console.cli.json_output.results import JsonObject, Translate
from console.cli.output import Writer
from console.cli.parser import MAX_ID_DIGITS, usage_error
from console.cli.password import read_password
from console.cli.text_output.translator import Lines, Translator
from console.domain import interrupts
from console.domain.errors import ConsoleError, ErrorCode

if TYPE_CHECKING:
    from console.app import Console

T = TypeVar("T")

_MAX_PROVIDER_ID_LENGTH = 64


class Command(Protocol):
    """A command of the terminal. `run` executes it once with its arguments."""

    def run(self, args: Namespace, writer: Writer) -> None: ...


@dataclass(frozen=True, slots=True)
class ServiceCommand(Generic[T]):
    """A command that makes one service call and writes the value as text or JSON."""

    call_service: "Callable[[Console, Namespace, Writer], T]"
    json_of: Callable[[T, Translate], JsonObject]
    lines_of: Callable[[T, Translator], Lines]

    def run(self, args: Namespace, writer: Writer) -> None:
        """Open the services, make the call and write its value. If the request id was used before, the answer says
        that it is a repetition.
        """
        with mark_repetition(args, writer) as repeated_answer, open_console(writer) as console:
            interrupts.raise_if_pending()
            value = self.call_service(console, args, writer)
            data, lines = self.json_of, self.lines_of
            writer.write_answer(
                lambda: repeated_answer.mark_json(data(value, writer.translator)),
                lambda: repeated_answer.add_note(lines(value, writer.translator)),
            )


@dataclass(frozen=True, slots=True)
class RepeatedAnswer:
    """Marks an answer that was stored for an earlier call with the same request id."""

    is_repetition: Callable[[], bool]
    repetition_note: str

    def mark_json(self, answer: JsonObject) -> JsonObject:
        return {**answer, "duplicate": True} if self.is_repetition() else answer

    def add_note(self, lines: Lines) -> Iterator[str]:
        """Return the lines; if the answer is a repetition, a sentence about it follows."""
        yield from lines
        if self.is_repetition():
            yield self.repetition_note


@contextlib.contextmanager
def mark_repetition(args: Namespace, writer: Writer) -> Iterator[RepeatedAnswer]:
    """Yield an object that marks the answer if the service finds that the command repeats an earlier request id.

    Raises `usage` for a text that can be no request id.
    """
    if getattr(args, "request_id", None) is None:
        yield RepeatedAnswer(lambda: False, "")
        return
    from console.services.guarded.request_ids import require_valid, watch_repeats

    note = writer.translator("cli.repeated", id=require_valid(args.request_id))
    with watch_repeats() as watch:
        yield RepeatedAnswer(lambda: watch.is_repetition, note)


@contextlib.contextmanager
def open_console(writer: Writer) -> "Iterator[Console]":
    """Yield the services, which ask this terminal for passwords. They are closed at the end of the block."""
    settings = writer.read_settings()
    from console.app import open_console
    from console.services.process.passwords import passwords_from

    ask = partial(read_password, settings, writer.translator)
    with open_console(settings) as console, passwords_from(ask):
        yield console


def parse_row_id(kind: str, text: str) -> int:
    """Return the id of a record as a number.

    Raises `not_found` for a text that can be no id.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS):
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": text[:40]})
    return int(text)


def parse_provider_id(kind: str, text: str | None) -> int | str | None:
    """Return the value of `--provider-id`: a number for a credit check, text for other kinds; None if it is missing.

    Raises `usage` for a value that can be no id of a provider.
    """
    if text is None:
        return None
    if kind == "credit-check":
        if text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS and int(text):
            return int(text)
        raise usage_error("--provider-id: a whole number is needed")
    if not (text.strip() and text.isascii() and text.isprintable() and len(text) <= _MAX_PROVIDER_ID_LENGTH):
        raise usage_error("--provider-id: an id of the provider is needed")
    return text.strip()
