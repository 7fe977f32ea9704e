"""A block whose failure is logged and otherwise ignored."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger("console.guard")


@contextmanager
def log_and_suppress(name: str) -> Iterator[None]:
    """Log an Exception of the block under `name` and suppress it.

    For steps after a committed result, whose failure must not hide the result.
    """
    try:
        yield
    except Exception:
        _log.warning("tolerated: %s", name, exc_info=True)
