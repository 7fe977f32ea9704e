"""The worker's log: one JSON object per line on stderr, with the correlation id of the task or request and without
secrets.

Messages of the program's own loggers are logged completely, because they contain only codes and internal numbers.
For other loggers only the format string is logged, because its arguments may contain anything. An exception is
logged by its type and its stack frames, never by its text.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType

from console.domain.errors import ConsoleError
from console.domain.process import correlation as tracing
from console.domain.process import log_events

OWN_LOGGER_NAME = "console"
MAX_MESSAGE_CHARACTERS = 2_000
MAX_STACK_FRAMES = 12
"""Number of the innermost stack frames of an exception that are logged."""

_WARNING_PLACE_PATTERN = re.compile(r"[^/\\]+:\d+: \w+")


class JsonLineFormatter(logging.Formatter):
    """Formats a log record as one line of JSON with the keys `at`, `level`, `logger` and `message`. An event also
    has `event` and its facts; a task or request has `correlation` and other context. An exception has `trouble`
    (its type), `code` (of a ConsoleError), `number` (of a database error) and `trace` (its stack frames).
    """

    def format(self, record: logging.LogRecord) -> str:
        log_fields: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _make_message_text(record)[:MAX_MESSAGE_CHARACTERS],
            **log_events.get_event_facts(record),
            **tracing.get_current_log_facts(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            log_fields["trouble"] = type(record.exc_info[1]).__name__
            log_fields.update(_find_error_codes(record.exc_info[1]))
            log_fields["trace"] = _format_stack_frames(record.exc_info[2])
        # ASCII only: characters that change the reading direction or end a line are escaped
        return json.dumps(log_fields, default=str)


def _find_error_codes(error: BaseException) -> dict[str, object]:
    """Return a dict with the `code` of a ConsoleError, and the `number` that the database server or its client
    library has given to the error or to its cause. Return an empty dict for any other exception."""
    code_fields: dict[str, object] = {"code": error.code} if isinstance(error, ConsoleError) else {}
    arguments = getattr(getattr(error, "orig", None) or getattr(error.__cause__, "orig", None), "args", ())
    if arguments and isinstance(arguments[0], int):
        code_fields["number"] = arguments[0]
    return code_fields


def _make_message_text(record: logging.LogRecord) -> str:
    if record.name == OWN_LOGGER_NAME or record.name.startswith(f"{OWN_LOGGER_NAME}."):
        return record.getMessage()
    if record.name == "py.warnings":  # place and category are logged; the free text after them is not
        match = _WARNING_PLACE_PATTERN.search(str(record.msg))
        return match[0] if match else "a warning"
    return str(record.msg)


def _format_stack_frames(traceback: TracebackType | None) -> list[str]:
    """Return the stack frames as texts such as `wire.py:41 read`, the outermost first; only the MAX_STACK_FRAMES
    innermost ones."""
    frames: list[str] = []
    while traceback is not None:
        frame_code = traceback.tb_frame.f_code
        file_name = frame_code.co_filename.replace(chr(92), "/").rpartition("/")[2]
        frames.append(f"{file_name}:{traceback.tb_lineno} {frame_code.co_name}")
        traceback = traceback.tb_next
    return frames[-MAX_STACK_FRAMES:]


@contextmanager
def log_json_lines() -> Iterator[None]:
    """Within the block, write log records as JSON lines to stderr: of the program's own loggers from level INFO on,
    of other loggers from level WARNING on. Warnings of Python and the exceptions that end a thread are logged, too.
    Other handlers that write to stderr are removed until the block ends.
    """
    root_logger, own_logger = logging.getLogger(), logging.getLogger(OWN_LOGGER_NAME)
    earlier_handlers, earlier_level, earlier_hook = list(root_logger.handlers), own_logger.level, threading.excepthook
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLineFormatter())
    for earlier_handler in earlier_handlers:
        if isinstance(earlier_handler, logging.StreamHandler) and earlier_handler.stream is sys.stderr:
            root_logger.removeHandler(earlier_handler)
    root_logger.addHandler(handler)
    own_logger.setLevel(logging.INFO)
    events_logger = logging.getLogger(log_events.LOGGER_NAME)
    # remove the handlers that log events elsewhere: here the root handler writes the events
    event_handlers, events_logger.handlers = events_logger.handlers, []
    threading.excepthook = _log_ended_thread
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        events_logger.handlers = event_handlers
        threading.excepthook = earlier_hook
        own_logger.setLevel(earlier_level)
        root_logger.removeHandler(handler)
        for earlier_handler in earlier_handlers:
            if earlier_handler not in root_logger.handlers:
                root_logger.addHandler(earlier_handler)


def _log_ended_thread(args: threading.ExceptHookArgs) -> None:
    """Log the exception that ends a thread."""
    if args.exc_value is None:
        return
    name = args.thread.name if args.thread else "?"
    exception_info = (args.exc_type, args.exc_value, args.exc_traceback)
    logging.getLogger("console.worker").error("thread %s ended", name, exc_info=exception_info)
