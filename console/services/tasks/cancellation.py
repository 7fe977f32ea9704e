"""Whether the run of a due task goes on: asked between two records, so that a stop or a lost lease ends it there."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
_goes_on: ContextVar[Callable[[], bool]] = ContextVar("goes_on", default=lambda: True)


@contextmanager
def while_true(goes_on: Callable[[], bool]) -> Iterator[None]:
    """Runs inside the block end between two records once `goes_on` says no."""
    token = _goes_on.set(goes_on)
    try:
        yield
    finally:
        _goes_on.reset(token)


def going_on(records: Iterable[T]) -> Iterator[T]:
    """The records, as long as the run goes on."""
    for record in records:
        if not _goes_on.get()():
            return
        yield record
