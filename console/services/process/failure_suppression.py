"""A context manager that logs a failure of its block and otherwise ignores it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger("console.guard")


@contextmanager
def log_and_suppress(name: str) -> Iterator[None]:
    """Context manager: if the block raises an Exception, write it to the log under `name` and suppress it.

    Use it for steps after a committed result, because a failure of such a step must not hide the result.
    """
    try:
        yield
    except Exception:
        _log.warning("tolerated: %s", name, exc_info=True)
