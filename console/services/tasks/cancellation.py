"""Stop a due task between two records, because a signal asks the process to end or because the task's lease is
lost."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from console.domain.process import interrupts

RecordT = TypeVar("RecordT")
_should_continue: ContextVar[Callable[[], bool]] = ContextVar("should_continue", default=lambda: True)


@contextmanager
def stop_when_false(should_continue: Callable[[], bool]) -> Iterator[None]:
    """Context manager: within the block, `iterate_until_stopped` stops before the next record as soon as the function
    `should_continue` returns False.
    """
    token = _should_continue.set(should_continue)
    try:
        yield
    finally:
        _should_continue.reset(token)


def must_stop_task() -> bool:
    """True if the task that runs in this thread must stop before its next record, because the function of
    `stop_when_false` returns False or a signal has asked this process to end. False if the thread runs no task and no
    signal has arrived."""
    return interrupts.is_interrupt_pending() or not _should_continue.get()()


def iterate_until_stopped(records: Iterable[RecordT]) -> Iterator[RecordT]:
    """Yield the records one by one. Stop when the function that the caller gave to `stop_when_false` returns
    False, or when a signal has asked this process to end."""
    for record in records:
        if must_stop_task():
            return
        yield record
