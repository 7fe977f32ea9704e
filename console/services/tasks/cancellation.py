"""Cancellation of a due task between two records, because it is asked to stop or its lease is lost."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from console.domain import interrupts

T = TypeVar("T")
_should_continue: ContextVar[Callable[[], bool]] = ContextVar("goes_on", default=lambda: True)


@contextmanager
def stop_when_false(goes_on: Callable[[], bool]) -> Iterator[None]:
    """While the block runs, make `until_stopped` stop before the next record once `goes_on` returns False."""
    token = _should_continue.set(goes_on)
    try:
        yield
    finally:
        _should_continue.reset(token)


def until_stopped(records: Iterable[T]) -> Iterator[T]:
    """Yield the records until the function given to `stop_when_false` returns False, or until a signal asks this
    process to end.
    """
    for record in records:
        if interrupts.is_pending() or not _should_continue.get()():
            return
        yield record
