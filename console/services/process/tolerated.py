"""A context manager that logs a failure of its block and otherwise ignores it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger("console.guard")


@contextmanager
def log_and_suppress(name: str) -> Iterator[None]:
    """Run the block; if it raises an Exception, log it under `name` and suppress it.

    For steps after a committed result: their failure must not hide the result.
    """
    try:
        yield
    except Exception:
        _log.warning("tolerated: %s", name, exc_info=True)
