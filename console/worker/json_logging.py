"""The worker's log: one JSON object per line on stderr, each with what it belongs to, none with a secret.

Of our own loggers the sentence is told, which is made of codes and our own numbers; of a library's only its pattern,
for nobody knows what it fills in. A failure is told by its kind and place, never by what it carries.
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

from console.domain import tracing

OURS = "console"
LONGEST_MESSAGE = 2_000
DEEPEST = 12
"""Places of a trace that are told, the innermost ones."""

_WARNED = re.compile(r"[^/\\]+:\d+: \w+")


class JsonLines(logging.Formatter):
    """`at`, `level`, `logger`, `message`; then `correlation` and what else is known of the work; then `trouble`."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record)[:LONGEST_MESSAGE],
            **tracing.facts(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            told["trouble"] = type(record.exc_info[1]).__name__
            told["trace"] = _places(record.exc_info[2])
        return json.dumps(told)  # ASCII alone: what turns the reading order or ends a line is escaped


def _message(record: logging.LogRecord) -> str:
    if record.name == OURS or record.name.startswith(f"{OURS}."):
        return record.getMessage()
    if record.name == "py.warnings":  # place, kind, and then a text of its own
        found = _WARNED.search(str(record.msg))
        return found[0] if found else "a warning"
    return str(record.msg)


def _places(trace: TracebackType | None) -> list[str]:
    """`wire.py:41 read` from the outermost to the innermost."""
    places: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-DEEPEST:]


@contextmanager
def json_lines() -> Iterator[None]:
    """Until the end of the block everything of ours from INFO on goes to stderr so, and of others from WARNING on;
    whatever wrote to stderr before is silent.
    """
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    before, level, hook = list(root.handlers), ours.level, threading.excepthook
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for one in before:
        if isinstance(one, logging.StreamHandler) and one.stream is sys.stderr:
            root.removeHandler(one)
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    threading.excepthook = _thread_ended
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        threading.excepthook = hook
        ours.setLevel(level)
        root.removeHandler(handler)
        for one in before:
            if one not in root.handlers:
                root.addHandler(one)


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    """A thread that ends by a bug is told like everything else."""
    if args.exc_value is None:
        return
    name = args.thread.name if args.thread else "?"
    trouble = (args.exc_type, args.exc_value, args.exc_traceback)
    logging.getLogger("console.worker").error("thread %s ended", name, exc_info=trouble)
