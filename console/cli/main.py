"""The program `support-console`: run one command and print its answer as sentences or as one JSON object."""

import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console import __version__
from console.cli.process.command_words import find_command_word
from console.cli.process.garbage_collection import pause_garbage_collection
from console.cli.process.output import AnswerWriter, wants_json, write_pipes_in_utf8
from console.cli.process.stderr_log import LOG_ATTRIBUTES_OF_BUG, log_on_stderr
from console.cli.process.stop_signals import handle_windows_end_events_as_break
from console.cli.text_output.translator import Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import correlation as tracing
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.cli.json_output.results import JsonObject
    from console.domain.errors.details import InternalErrorDetail
    from console.services.monitoring.installation import InstallationComparison

log = logging.getLogger("console.cli")

PDF_CHILD_ARGUMENT = "--pdf-child"
"""First argument with which a packaged application starts itself as the child process that reads an untrusted PDF."""


DAMAGED_FILES_MESSAGE = "Altered or missing files of the program"
"""Beginning of a line on stderr that names the damaged files. The text is English in both languages, because the file
of the sentences may be damaged, too.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status. Without arguments, open the window. `argv` None means the
    arguments of this process.
    """
    arguments = tuple(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _occupy_closed_descriptors()
        if sys.stderr is None:  # questions, warnings and tracebacks of libraries need a stream
            sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
        write_pipes_in_utf8()
    if arguments[:1] == (PDF_CHILD_ARGUMENT,):
        return _run_pdf_child(arguments[1:])
    writer = AnswerWriter(sys.stdout, Translator(), is_json=wants_json(arguments))
    # Text that a library prints goes to stderr, because stdout contains only the answer.
    has_window = _is_window_requested(arguments)
    log_block = log_on_stderr(shows_tracebacks=has_window, writes_events=has_window or writer.is_json)
    with contextlib.redirect_stdout(sys.stderr), log_block, tracing.continue_or_start_correlation():
        _run_and_answer_command(arguments, writer, is_last_command=argv is None)
    return writer.exit_status


def _occupy_closed_descriptors() -> None:
    """Open the null device in the place of each standard stream that the caller has closed. Otherwise the next file
    that the process opens, such as a database, would get the file descriptor of that stream. Texts that a library or
    a child process writes to stderr would then damage this file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is `descriptor`


def _is_window_requested(arguments: Sequence[str]) -> bool:
    """Return True if the command line may open the window: one without arguments, `demo`, `open` or `training`."""
    return not arguments or find_command_word(arguments) in ("demo", "open", "training")


def _run_pdf_child(arguments: Sequence[str]) -> int:
    """Run this process as the child process that reads an untrusted PDF, and return its exit status. `arguments` are
    the arguments after PDF_CHILD_ARGUMENT."""
    interrupts.unblock_stop_signals()
    from console.store.documents import pdf_child_process

    return pdf_child_process.main(list(arguments))


def _run_and_answer_command(arguments: Sequence[str], writer: AnswerWriter, *, is_last_command: bool) -> None:
    """Run the command and write exactly one answer, also if the command ends by a bug or a signal. `is_last_command`
    is True if the process ends after this command."""
    try:
        # A window that SIGTERM ends has no answer, and the exit status of the signal until it has its own handler.
        if is_last_command and arguments and find_command_word(arguments) != "open":
            interrupts.raise_at_stop_signals()
        if is_last_command:
            handle_windows_end_events_as_break()
        interrupts.unblock_stop_signals()
        _run_command_or_window(arguments, writer, is_last_command=is_last_command)
    except (Exception, KeyboardInterrupt) as ending:
        try:
            with interrupts.ignore_signals():
                _write_failure_answer(arguments, writer, ending)
        except KeyboardInterrupt:  # a second signal arrived before signals were ignored
            with interrupts.ignore_signals():
                _write_failure_answer(arguments, writer, ending)
        interrupts.reset_interrupt_exit_status()
    if is_last_command:
        interrupts.ignore_later_signals()


def _write_failure_answer(arguments: Sequence[str], writer: AnswerWriter, error: BaseException) -> None:
    """Write the answer of the command line `arguments`, which ended with the exception `error`. An unexpected
    exception is a bug: it is logged, and the answer contains a support code."""
    # Python 3.11 wraps an exception that ends the definition of a class.
    if isinstance(error.__cause__, KeyboardInterrupt):
        error = error.__cause__
    if isinstance(error, ConsoleError):
        writer.write_error(error)
    elif isinstance(error, KeyboardInterrupt):
        if not writer.has_answered:
            writer.write_error(_make_interruption_error(arguments, error))
    else:
        # A bug: the message contains a support code by which the traceback can be found in the log.
        support_code = os.urandom(4).hex().upper()
        message = "Internal error in version %s, support code %s"
        log.error(message, __version__, support_code, exc_info=error, extra=LOG_ATTRIBUTES_OF_BUG)
        facts: InternalErrorDetail = {"support_code": support_code}
        damaged_installation = _find_damaged_installation()
        if damaged_installation is not None:
            # Plain English: the file of sentences may be the damaged one.
            writer.write_to_stderr(f"{DAMAGED_FILES_MESSAGE}: {', '.join(damaged_installation.damaged_paths)}")
            facts |= {"altered": damaged_installation.altered_paths, "missing": damaged_installation.missing_paths}
        writer.write_error(ConsoleError(ErrorCode.INTERNAL_ERROR, facts))


def _find_damaged_installation() -> "InstallationComparison | None":
    """Return the altered and missing files of the installed program; None if all files are unchanged. Also return
    None if the program runs from a clone of its repository, where a developer may change the files.
    """
    from console.services.monitoring import installation

    comparison = installation.check_installation()
    return comparison if comparison is not None and comparison.damaged_paths else None


def _run_command_or_window(arguments: Sequence[str], writer: AnswerWriter, *, is_last_command: bool) -> None:
    """Run the command that the arguments name; without arguments, show the window until it is closed.
    `is_last_command` is True if the process ends after this command."""
    if arguments:
        _run_command(arguments, writer, is_last_command=is_last_command)
    else:
        # Only the imports that the window needs: each one delays its first frame.
        from console.cli.window.open_window import open_window

        open_window(writer)


def _run_command(arguments: Sequence[str], writer: AnswerWriter, *, is_last_command: bool) -> None:
    """Parse the arguments and run their command. For `--help` and `--version`, write the help page or the version as
    the answer. `is_last_command` is True if the process ends after this command."""
    from console.cli.process.parser import PROGRAM_NAME, HelpRequest, VersionRequest, parse_arguments

    try:
        args = parse_arguments(arguments, writer.translator)
    except HelpRequest as help_page:
        page = help_page.text
        writer.write_answer(lambda: {"help": page}, lambda: [page])
        return
    except VersionRequest:
        damaged_installation = _find_damaged_installation()
        writer.write_answer(
            lambda: _build_version_json(damaged_installation),
            lambda: _format_version_lines(PROGRAM_NAME, damaged_installation, writer.translator),
        )
        return
    from console.cli.command_table import COMMANDS_WITH_EFFECTS, has_effects, is_long_running_command, make_command

    writer.has_effects = has_effects(args)
    with pause_garbage_collection():
        command = make_command(args, main)
    if is_long_running_command(args):  # the command handles signals itself
        command.run(args, writer)
        return
    with interrupts.handle_signals(
        defers_first_signal=args.command in COMMANDS_WITH_EFFECTS, is_last_command=is_last_command
    ):
        command.run(args, writer)


def _build_version_json(damaged_installation: "InstallationComparison | None") -> "JsonObject":
    from console.services.monitoring.versions import read_versions

    versions: JsonObject = {**read_versions()}
    if damaged_installation is not None:
        versions |= {
            "altered": list(damaged_installation.altered_paths),
            "missing": list(damaged_installation.missing_paths),
        }
    return versions


def _format_version_lines(
    program: str, damaged_installation: "InstallationComparison | None", translator: Translator
) -> list[str]:
    lines = [f"{program} {__version__}"]
    if damaged_installation is not None:
        try:
            lines += [
                translator("doctor.installation.bad", damaged=damaged_installation.damaged_paths),
                translator("doctor.installation.next"),
            ]
        except (OSError, ValueError):  # the file of sentences may be the damaged one
            lines.append(f"{DAMAGED_FILES_MESSAGE}: {', '.join(damaged_installation.damaged_paths)}")
    return lines


def _make_interruption_error(arguments: Sequence[str], interruption: KeyboardInterrupt) -> ConsoleError:
    """Return the error for the command line `arguments`, which Ctrl+C, SIGTERM or SIGHUP has ended before its answer.
    A command with effects runs to its end after the first signal and writes its own answer; only a second signal ends
    such a command early. The error is `outcome_unknown` if such a command had already begun its action, otherwise
    `interrupted`."""
    from console.cli.command_table import COMMANDS_WITH_EFFECTS
    from console.domain.error_reasons import OutcomeUnknownReason

    is_unbegun = isinstance(interruption, interrupts.InterruptedBeforeAction) or not interrupts.has_action_begun()
    if is_unbegun or find_command_word(arguments) not in COMMANDS_WITH_EFFECTS:
        return ConsoleError(ErrorCode.INTERRUPTED)
    return ConsoleError(ErrorCode.OUTCOME_UNKNOWN, {"reason": OutcomeUnknownReason.INTERRUPTED_BY_PERSON})
