"""The log on stderr: one line per record, and a traceback for bugs alone."""

import contextlib
import logging
import sys
from collections.abc import Iterator

BUG = {"bug": True}
"""`log.exception(…, extra=BUG)`: a failure of ours, whose traceback belongs into the log."""


class OneLine(logging.Formatter):
    """A failure that the program coped with is told by its kind and place; what it carries stays out of the log.

    Control characters and changes of writing direction are shown escaped, so that no text from outside can forge a
    line. `tracebacks`: print them for every record, as a window needs whose bugs end no process.
    """

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._tracebacks = tracebacks

    def formatMessage(self, record: logging.LogRecord) -> str:
        text = super().formatMessage(record)
        return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)

    def format(self, record: logging.LogRecord) -> str:
        if not record.exc_info or self._tracebacks or getattr(record, "bug", False):
            return super().format(record)
        plain = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return f"{super().format(plain)} ({_place(record.exc_info[1])})"


def _place(trouble: BaseException | None) -> str:
    """`TimeoutError at wire.py:41`."""
    trace = trouble.__traceback__ if trouble else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
    return f"{type(trouble).__name__}{where}"


@contextlib.contextmanager
def log_on_stderr(*, tracebacks: bool) -> Iterator[None]:
    """Everything from WARNING on goes to stderr until the end of the block, once: blocks may lie in one another."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, OneLine) for handler in root.handlers):
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(tracebacks=tracebacks))
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
