"""Let a window read the state of the desk request for which one of its calls waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class RequestWait:
    """The state of one call of a window that waits for a desk request. The thread of the call writes this state, and
    the window's thread reads it. `desk_request_id` is the id of the stored request; None before the request is
    stored, or if no worker acts for the person. `is_taken`: a worker has taken the request. `is_abandoned`: that
    worker has ended or doesn't respond, and no other worker has taken the request over. `is_over`: the call has
    ended.
    """

    def __init__(self) -> None:
        self.desk_request_id: str | None = None
        self.is_taken = False
        self.is_abandoned = False
        self.is_over = False


_current_request_wait: ContextVar[RequestWait | None] = ContextVar("request_wait", default=None)


@contextmanager
def report_request_state_to(request_wait: RequestWait) -> Iterator[None]:
    """Context manager: until the end of the block, this thread writes the state of each desk request for which it
    waits into `request_wait`. At the end, it sets `request_wait.is_over`."""
    token = _current_request_wait.set(request_wait)
    try:
        yield
    finally:
        request_wait.is_over = True
        _current_request_wait.reset(token)


def get_current_wait() -> RequestWait | None:
    """Return the RequestWait to which this thread writes the state of its desk requests; None outside of a block of
    `report_request_state_to`."""
    return _current_request_wait.get()
