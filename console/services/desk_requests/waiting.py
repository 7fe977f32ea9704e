"""The state of a desk request for which a call of a window waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class RequestWait:
    """The wait of one call. The thread of the call writes, the window's thread reads. `request` is the id of the
    stored request; None before it is stored, and at a desk that acts itself. `is_taken`: a worker has taken it.
    `is_over`: the call has ended.
    """

    def __init__(self) -> None:
        self.request: str | None = None
        self.is_taken = False
        self.is_over = False


_current: ContextVar[RequestWait | None] = ContextVar("request_wait", default=None)


@contextmanager
def reporting_to(wait: RequestWait) -> Iterator[None]:
    """Let the desk requests that this thread sends until the end of the block report their progress to `wait`."""
    token = _current.set(wait)
    try:
        yield
    finally:
        wait.is_over = True
        _current.reset(token)


def current_wait() -> RequestWait | None:
    """Return the wait to which this thread reports; None if nobody watches."""
    return _current.get()
