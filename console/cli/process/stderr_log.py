"""The log of the terminal on stderr: one line per log record, and tracebacks only for bugs."""

import contextlib
import logging
import sys
from collections.abc import Iterator

from console.domain.process import log_events

LOG_ATTRIBUTES_OF_BUG = {"bug": True}
"""Mark a log record as the report of a bug, so that its traceback is logged:
`log.exception(…, extra=LOG_ATTRIBUTES_OF_BUG)`.
"""


class OneLineFormatter(logging.Formatter):
    """Formats a log record as one line. An exception that the program has handled appears as its type and its place
    in the code, without its text.

    Control characters and marks of the reading direction are escaped, so that text from outside the program can't
    look like a log line. With `shows_tracebacks`, every exception is logged with its traceback; the window needs
    this, because its process continues after a bug.
    """

    def __init__(self, *, shows_tracebacks: bool) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._shows_tracebacks = shows_tracebacks

    def formatMessage(self, record: logging.LogRecord) -> str:
        text = super().formatMessage(record)
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

    def format(self, record: logging.LogRecord) -> str:
        if not record.exc_info or self._shows_tracebacks or getattr(record, "bug", False):
            return super().format(record)
        plain = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return f"{super().format(plain)} ({_format_error_place(record.exc_info[1])})"


def _format_error_place(error: BaseException | None) -> str:
    """Return type and place of the exception, such as `TimeoutError at wire.py:41`; the place is the innermost
    stack frame of its traceback.
    """
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


@contextlib.contextmanager
def log_on_stderr(*, shows_tracebacks: bool, writes_events: bool) -> Iterator[None]:
    """Within the block, write log records of the level WARNING and above to stderr. If such blocks are nested, each
    record is written once. With `shows_tracebacks`, each logged exception has its traceback. With `writes_events`,
    the events of `domain/process/log_events.py` are written too, one JSON object per line: callers set this for
    windows and for programs that read stderr, but not for a person at a terminal.
    """
    root = logging.getLogger()
    if any(isinstance(handler.formatter, OneLineFormatter) for handler in root.handlers):
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter(shows_tracebacks=shows_tracebacks))
    handler.setLevel(logging.WARNING)
    root.addHandler(handler)
    try:
        with _log_events_on_stderr() if writes_events else contextlib.nullcontext():
            yield
    finally:
        root.removeHandler(handler)


@contextlib.contextmanager
def _log_events_on_stderr() -> Iterator[None]:
    """Within the block, write the events of `domain/process/log_events.py` to stderr, one JSON object per line."""
    logger = logging.getLogger(log_events.LOGGER_NAME)
    earlier_level, handler = logger.level, logging.StreamHandler(sys.stderr)
    handler.setFormatter(log_events.EventLineFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(earlier_level)
        logger.removeHandler(handler)
