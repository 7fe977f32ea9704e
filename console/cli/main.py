"""`support-console`: the services from a terminal, as sentences for people or one object for programs."""

import contextlib
import logging
import os
import sys
from collections.abc import Sequence

from console.cli_log import BUG, log_on_stderr
from console.cli_writer import Voice, Writer, wants_json
from console.domain import tracing
from console.domain.errors import ConsoleError

log = logging.getLogger("console.cli")

PDF_CHILD = "--pdf-child"
"""A built application starts itself with this word to read an untrusted PDF in a process of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; without words, open the window."""
    words = tuple(sys.argv[1:] if argv is None else argv)
    if words[:1] == (PDF_CHILD,):
        return _pdf_child(words[1:])
    writer = Writer(sys.stdout, Voice(), as_json=wants_json(words))
    # Whatever a library prints belongs to the log: stdout carries the answer alone.
    logged = log_on_stderr(tracebacks=_has_window(words))
    with contextlib.redirect_stdout(sys.stderr), logged, tracing.correlated():
        _answer(words, writer)
    return writer.status


def _has_window(words: Sequence[str]) -> bool:
    return not words or "demo" in words


def _pdf_child(words: Sequence[str]) -> int:
    from console.store import pdf_child

    return pdf_child.main(list(words))


def _answer(words: Sequence[str], writer: Writer) -> None:
    """Run the command; whatever way it ends, there is one answer."""
    try:
        _run(words, writer)
    except ConsoleError as error:
        writer.refuse(error)
    except KeyboardInterrupt:
        if not writer.spoken:
            writer.refuse(_interrupted(words))
    except Exception:
        # A bug of ours: the code leads from the message to the traceback in the log.
        support_code = os.urandom(4).hex().upper()
        log.exception("Internal error, support code %s", support_code, extra=BUG)
        writer.refuse(ConsoleError("internal_error", {"support_code": support_code}))


def _run(words: Sequence[str], writer: Writer) -> None:
    if words:
        _command(words, writer)
    else:
        # Nothing but what the window needs: its first frame waits for every import.
        from console.cli_window import open_window

        open_window(writer)


def _command(words: Sequence[str], writer: Writer) -> None:
    from console.cli_parser import HelpWanted, parse

    try:
        args = parse(words, writer.voice)
    except HelpWanted as wanted:
        page = wanted.text
        writer.answer(lambda: {"help": page}, lambda: [page])
        return
    from console.cli_commands import command_for

    command_for(args).run(args, writer)


def _interrupted(words: Sequence[str]) -> ConsoleError:
    """Ctrl+C. Where something may have been sent or written by then, the outcome isn't known here."""
    from console.cli_commands import WITH_EFFECTS

    if WITH_EFFECTS.isdisjoint(words):
        return ConsoleError("interrupted", exit_status=6)
    return ConsoleError("outcome_unknown", {"reason": "interrupted"})
