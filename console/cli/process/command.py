"""Base classes of the commands, among them the command that makes one service call. Also functions that open the
services and parse ids.
"""

import contextlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.garbage_collection import pause_garbage_collection
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import MAX_ROW_ID_DIGITS, make_usage_error
from console.cli.process.password import read_password
from console.cli.process.related_records import add_related_records_to_answer, add_related_records_to_refusal
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.app import Console

ValueT = TypeVar("ValueT")

_MAX_PROVIDER_ID_LENGTH = 64


class Command(Protocol):
    """Interface of the commands of the terminal. `run` executes the command once with its parsed arguments and writes
    its answer.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None: ...


@dataclass(frozen=True, slots=True)
class ServiceCommand(Generic[ValueT]):
    """A command that makes one service call and writes the returned value as text or JSON.

    `call_service` makes the call. `build_json` returns the JSON object of the value, `format_lines` its text lines.
    """

    call_service: "Callable[[Console, Namespace, AnswerWriter], ValueT]"
    build_json: Callable[[ValueT, TranslateFunction], JsonObject]
    format_lines: Callable[[ValueT, Translator], Lines]

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Open the services, make the call and write the returned value. If an earlier call used the same request id,
        the answer says that it is the stored answer of that call. If the call raises a ConsoleError, the error is
        written as the answer and isn't raised; a record in the error's detail is completed with its related records.
        Raises the errors of `watch_for_repeated_command` and `open_console_with_passwords`."""
        with watch_for_repeated_command(args, writer) as repeat_mark, open_console_with_passwords(writer) as console:
            interrupts.raise_if_interrupt_pending()
            try:
                value = self.call_service(console, args, writer)
            except ConsoleError as refusal:
                # The act has ended: no further signal cuts off the reading of the relations, or the answer.
                with interrupts.defer_signals_while_printing():
                    add_related_records_to_refusal(console, refusal)
                    writer.write_error(refusal)
                return
            with interrupts.defer_signals_while_printing():
                completed: ValueT = add_related_records_to_answer(console, value)
                build_json, format_lines = self.build_json, self.format_lines
                writer.write_answer(
                    lambda: repeat_mark.mark_json(build_json(completed, writer.translator)),
                    lambda: repeat_mark.add_repeated_command_note(format_lines(completed, writer.translator)),
                )


@dataclass(frozen=True, slots=True)
class RepeatedCommandMark:
    """Marks the answer of a command whose request id was used before: the answer is then the stored answer of the
    earlier command, and this object adds a note about that. `is_repetition` is a function that returns True in this
    case. `repeated_command_note` is the sentence for an answer in text form ("" without a request id).
    """

    is_repetition: Callable[[], bool]
    repeated_command_note: str

    def mark_json(self, answer: JsonObject) -> JsonObject:
        """Return the JSON answer. If the command repeats an earlier one, the returned answer also has the field
        `duplicate` (true)."""
        return {**answer, "duplicate": True} if self.is_repetition() else answer

    def add_repeated_command_note(self, lines: Lines) -> Iterator[str]:
        """Yield the lines of the answer; if the command repeats an earlier one, also yield a sentence that says
        this."""
        yield from lines
        if self.is_repetition():
            yield self.repeated_command_note


@contextlib.contextmanager
def watch_for_repeated_command(args: Namespace, writer: AnswerWriter) -> Iterator[RepeatedCommandMark]:
    """Yield an object that marks the command's answer if the command is a repetition: if a service that is called in
    the block finds that an earlier command had the same request id. Without the option `--request-id` the object
    marks nothing. Raises ConsoleError `usage` if the text in `--request-id` can't be a request id.
    """
    if getattr(args, "request_id", None) is None:
        yield RepeatedCommandMark(lambda: False, "")
        return
    from console.services.guarded.request_ids import require_valid_request_id, watch_for_repeated_request

    note = writer.translator("cli.repeated", id=require_valid_request_id(args.request_id))
    with watch_for_repeated_request() as watch:
        yield RepeatedCommandMark(lambda: watch.is_repetition, note)


@contextlib.contextmanager
def open_console_with_passwords(writer: AnswerWriter) -> "Iterator[Console]":
    """Open the services and yield them; they are closed at the end of the block. If a service needs the person's
    password, it is read from the terminal or from the configured file descriptor (`read_password`).
    """
    settings = writer.read_settings()
    with pause_garbage_collection():
        from console.app import open_console
        from console.services.process.passwords import use_password_reader

    ask_password = partial(read_password, settings, writer.translator)
    with open_console(settings) as console, use_password_reader(ask_password):
        yield console


def parse_path(text: str) -> Path:
    """Return `text`, an argument that names a file or folder, as an absolute path. If the working directory has been
    deleted, return a relative path unchanged; the command then reports that it can't read or write the file.
    """
    path = Path(text)
    try:
        return path.absolute()
    except FileNotFoundError:
        return path


def parse_row_id(kind: str, text: str) -> int:
    """Return the id in `text` as a number. `kind` is the kind of the record, which the error names.

    Raises ConsoleError `not_found` for a text that can't be an id.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_ROW_ID_DIGITS):
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": text[:40]})
    return int(text)


def parse_id_at_provider(kind: str, text: str | None) -> int | str | None:
    """Return the value of `--provider-id`, the id that the provider has given to a record: a number for a credit
    check, text for other kinds of records; None if the option is missing.

    Raises ConsoleError `usage` for a value that can't be such an id.
    """
    if text is None:
        return None
    if kind == "credit-check":
        if text.isascii() and text.isdecimal() and len(text) <= MAX_ROW_ID_DIGITS and int(text):
            return int(text)
        raise make_usage_error("--provider-id: a whole number is needed")
    if not (text.strip() and text.isascii() and text.isprintable() and len(text) <= _MAX_PROVIDER_ID_LENGTH):
        raise make_usage_error("--provider-id: an id of the provider is needed")
    return text.strip()
