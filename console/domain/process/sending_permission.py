"""The permission of a thread to send a request to a provider. Two parts of the program restrict it: the pipeline of
guarded operations grants it only while the operation's lease is certainly live, and the code of a guarded action
grants it only while the provider's answers that prepared the action are recent. The code that sends the request
checks the permission before the first byte.

A process may be suspended between its claim and its request, for example because the machine sleeps. If its lease
expires in this time, people may decide that the operation was not executed, and another person may begin the
operation again. After a long time, the provider's answers that prepared the action may no longer be true: for
example, a person may have made the refund on the provider's own page.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

STOPPED_BEFORE_SENDING_REASON = "stopped_before_sending"
"""Reason of an outcome for a call that was not sent, because its process was suspended or ended before the sending.
"""
_current_permission_check: ContextVar[Callable[[], bool] | None] = ContextVar("may_send", default=None)


@contextmanager
def allow_sending_while(is_allowed: Callable[[], bool]) -> Iterator[None]:
    """Within the block, this thread may send requests to providers only while `is_allowed` returns True, and while
    the permission of each enclosing block allows it, too."""
    is_outer_allowed = _current_permission_check.get()
    token = _current_permission_check.set(
        is_allowed if is_outer_allowed is None else lambda: is_outer_allowed() and is_allowed()
    )
    try:
        yield
    finally:
        _current_permission_check.reset(token)


def is_sending_allowed() -> bool:
    """True if this thread may send a request now. Outside of `allow_sending_while` the result is always True."""
    is_allowed = _current_permission_check.get()
    return is_allowed is None or is_allowed()
