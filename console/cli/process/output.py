"""Write the one answer of a command, as sentences or as one JSON object."""

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from console.cli.process.password import protect_password_descriptor
from console.cli.process.stderr_log import LOG_ATTRIBUTES_OF_BUG
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.process import interrupts
from console.domain.reason import ForeignText, Reason

if TYPE_CHECKING:  # the window starts through this module, and each import delays its first frame
    from console.cli.json_output.values import JsonObject
    from console.settings.settings import Settings

log = logging.getLogger("console.cli")

# Control characters except the newline, which could control a terminal, and marks that change the reading direction.
_INVISIBLE_CHARACTERS = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x61C,
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)
_ESCAPE_BY_CHARACTER = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _INVISIBLE_CHARACTERS if code != 0x0A
}


def escape_control_characters(text: str) -> str:
    """Return the text with control characters and marks of the reading direction escaped, so that a terminal can show
    it safely.
    """
    return text.translate(_ESCAPE_BY_CHARACTER)


def write_pipes_in_utf8() -> None:
    """On Windows, write stdout and stderr in UTF-8 if they are a pipe or a file whose encoding lacks Japanese, as on
    an English Windows. Names would be written as escapes otherwise. Do nothing on other systems, for a terminal, and
    if PYTHONIOENCODING names an encoding."""
    if sys.platform == "win32" and not os.environ.get("PYTHONIOENCODING"):
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper) and not stream.isatty():
                try:
                    "株式会社".encode(stream.encoding)
                except UnicodeEncodeError:
                    stream.reconfigure(encoding="utf-8", errors=stream.errors)


def wants_json(arguments: Sequence[str]) -> bool:
    """Return True if the command line contains `--json` before any `--`. This is checked before the arguments are
    parsed, so that errors of parsing are written as JSON too.
    """
    return "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)


class AnswerWriter:
    """Writes the answer of a command and stores the exit status that belongs to the answer. Only the first answer is
    written; a second one is only logged, because a program that reads stdout expects one JSON object and one exit
    status.

    `stream` is the stream for the answer, normally stdout; None if the process has none. `is_json`: the answer is one
    JSON object (option `--json`); otherwise it is text. `has_effects`: the command changes or sends something. If the
    answer of such a command can't be written, its exit status is that of `outcome_unknown`, because the caller
    doesn't learn the result.
    """

    def __init__(self, stream: TextIO | None, translator: Translator, *, is_json: bool) -> None:
        self.stream = stream
        self.translator = translator
        self.is_json = is_json
        self.exit_status = 0
        self.has_answered = False
        self.has_effects = False
        self._is_long_running = False

    def write_ready_answer(self, build_json: "Callable[[], JsonObject]", make_lines: Callable[[], Lines]) -> None:
        """Write the answer of a command that runs until it is stopped. The command calls this method when it is ready
        for use. The answer is the result of `build_json` with `--json`, otherwise the lines that `make_lines`
        returns. After this answer only the exit status reports how the command ended."""
        self._is_long_running = True
        self.write_answer(build_json, make_lines)

    def write_answer(self, build_json: "Callable[[], JsonObject]", make_lines: Callable[[], Lines]) -> None:
        """Write the answer of a successful command. With `--json` call only `build_json`, which returns the JSON
        object; otherwise call only `make_lines`, which returns the text lines.
        """
        with interrupts.defer_signals_while_printing():
            if self.is_json:
                self._write_json({"ok": True, "data": build_json()}, 0)
            else:
                text = "".join(escape_control_characters(line) + "\n" for line in make_lines())
                self._write_first_answer(text.encode(self._get_stream_encoding(), "backslashreplace"), 0)
            if not self._is_long_running:
                interrupts.stop_raising_at_signals()

    def write_error(self, error: ConsoleError) -> None:
        """Write the answer of a failed command: with `--json` as a JSON object to stdout, otherwise as a sentence to
        stderr. If the command has already written an answer, that answer stays the only one: the error of a
        long-running command is written to stderr and sets the exit status of the command; any other error is at most
        logged."""
        message = self._format_error(error)
        if self.has_answered and self._is_long_running:
            self.exit_status = error.exit_status
            self.write_to_stderr(message)
        elif self.is_json:
            from console.cli.json_output.errors import build_error_json

            body = build_error_json(error, message, self.translator)
            self._write_json({"ok": False, "error": body}, error.exit_status, message)
            interrupts.stop_raising_at_signals()
        elif not self.has_answered:
            self.has_answered, self.exit_status = True, error.exit_status
            self.write_to_stderr(message)
            self._write_refused_record(error)
            interrupts.stop_raising_at_signals()

    def _write_refused_record(self, error: ConsoleError) -> None:
        """If the detail of the error contains a record, write the record and its explanation to stderr."""
        record = error.detail.get("record")
        if record is None:
            return
        from console.cli.text_output.results import format_refused_record_lines

        for line in format_refused_record_lines(record, self.translator):
            self.write_to_stderr(line)

    def _format_error(self, error: ConsoleError) -> str:
        """Return the sentence about an error. If the file of sentences can't be read, return the error code."""
        try:
            return self.translator.format_error_message(self._translate_usage_problem(error))
        except Exception:
            log.exception("No sentence for %s", error.code, extra=LOG_ATTRIBUTES_OF_BUG)
            return error.code

    def _translate_usage_problem(self, error: ConsoleError) -> ConsoleError:
        """Return the error from which the error sentence is made. If the error reports a wrong command line, the
        returned error has the problem in the language of the command. The given error is not changed: its detail
        keeps the English text.
        """
        problem = error.detail.get("problem")
        if error.code != ErrorCode.USAGE or not isinstance(problem, str) or isinstance(problem, Reason):
            return error
        from console.cli.process.usage_problems import format_usage_problem

        text = ForeignText(format_usage_problem(problem, self.translator))
        return rebuild_error(error.code, {**error.detail, "problem": text})

    def write_to_stderr(self, text: str) -> None:
        """Write a line to stderr, such as a warning, that is not part of the command's answer on stdout."""
        if sys.stderr is None:
            return
        try:
            sys.stderr.write(escape_control_characters(text) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # full, closed, or a pipe without a reader: nobody can be told
            _discard_stream(sys.stderr)

    def read_settings(self) -> "Settings":
        """Load and return the settings. After this call the answer is in the language of the settings.

        Raises ConsoleError `bad_profile` if the settings can't be read.
        """
        from console.settings.settings import Settings

        settings = Settings.load()
        self.translator.language = settings.language
        protect_password_descriptor(settings)
        return settings

    def show_progress(self, step: str, **facts: object) -> None:
        """Write to stderr which step of the command has begun, if stderr is a terminal and the answer is not JSON.
        `step` is the end of a wording key `progress.…`, `facts` are the values in its sentence.
        """
        if not self.is_json and sys.stderr is not None and sys.stderr.isatty():
            self.write_to_stderr(self.translator(f"progress.{step}", **facts))

    def _write_json(self, payload: "JsonObject", status: int, error_message: str | None = None) -> None:
        from console.cli.json_output.values import format_json_line

        self._write_first_answer(format_json_line(payload), status, error_message)

    def _write_first_answer(self, content: bytes, status: int, error_message: str | None = None) -> None:
        """Write the bytes to stdout and store the exit status. If an answer was written before, only log this second
        one. `error_message` is the sentence about the error of a failed command."""
        if self.has_answered:
            log.error("A second answer was not written: %r", content[:300])
            return
        self.has_answered, self.exit_status = True, status
        try:
            self._write_to_stream(content)
        except OSError as error:
            _discard_stream(self.stream)
            # A reader such as `head` closes the pipe when it has read enough of a list. The answer about an effect is
            # different: the caller needs it, and would take an exit status of 0 for a result that it has received.
            is_result = self.has_effects and not self._is_long_running
            if is_result or not isinstance(error, BrokenPipeError):
                self._report_unwritten_answer(error, error_message)

    def _write_to_stream(self, content: bytes) -> None:
        """Write the bytes to stdout. Raises OSError if that fails, and if the caller has closed stdout. A process
        that runs until it is stopped may run without stdout, as may each process of Windows that has no console:
        their answer is not written then."""
        if self.stream is None and not self._is_long_running and sys.platform != "win32":
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        _write_bytes(self.stream, content)

    def _report_unwritten_answer(self, error: OSError, error_message: str | None) -> None:
        """Write to stderr that the answer could not be written. A failed command keeps its exit status, and its
        sentence `error_message` follows. A command that succeeded ends with an error status: that of
        `outcome_unknown` if the command has effects, because the caller doesn't have the result, otherwise that of
        `storage_full`.
        """
        facts = {"problem": ForeignText(error.strerror or type(error).__name__)}
        key = "cli.answer_not_written.acted" if self.has_effects else "cli.answer_not_written"
        if error_message is not None:
            key = "cli.answer_not_written.failed"
        try:
            self.write_to_stderr(self.translator(key, **facts))
            if error_message is not None:
                self.write_to_stderr(error_message)
        except Exception:  # the file of sentences may be damaged
            self.write_to_stderr(f"The answer could not be written: {facts['problem']}")
        if self.exit_status == 0:
            code = ErrorCode.OUTCOME_UNKNOWN if self.has_effects else ErrorCode.STORAGE_FULL
            self.exit_status = ConsoleError(code).exit_status

    def _get_stream_encoding(self) -> str:
        return getattr(self.stream, "encoding", None) or "utf-8"


def _write_bytes(stream: TextIO | None, content: bytes) -> None:
    """Write the bytes to the stream and flush it; do nothing if the process has no such stream."""
    binary_stream = getattr(stream, "buffer", None)
    if binary_stream is not None:
        binary_stream.write(content)
        binary_stream.flush()
    elif stream is not None:
        stream.write(content.decode())


def _discard_stream(stream: TextIO | None) -> None:
    """Redirect the stream to the null device after a failed write; do nothing if the process has no such stream
    (None). Otherwise Python's flush at exit would fail again and change the exit status.
    """
    if stream is not None:
        with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as null_device:
            os.dup2(null_device.fileno(), stream.fileno())
