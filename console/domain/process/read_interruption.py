"""Interrupts the database reads of one call from another thread, because the person has cancelled the call."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_REPEAT_SECONDS = 0.05
_log = logging.getLogger("console.store")
T = TypeVar("T")


class ReadInterrupted(Exception):
    """The person has cancelled the call whose read this was. The read has no answer."""


class ReadInterruption:
    """Interrupts the reads of the call that `run` runs. `interrupt` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        """Held while the reads change or a statement is ended. Notified when a read ends."""
        self._statement_enders: list[Callable[[], None]] = []
        self.is_interrupted = False

    def run(self, call: Callable[[], T]) -> T:
        """Run `call` in this thread and return its value. Raises ReadInterrupted if `interrupt` ends one of its
        reads, and the exceptions of `call`."""
        token = _current.set(self)
        try:
            return call()
        finally:
            _current.reset(token)

    def interrupt(self) -> None:
        """End the running statement of the call, and each later one. Don't wait for its end."""
        with self._lock:
            self.is_interrupted = True
            is_reading = bool(self._statement_enders)
        if is_reading:
            threading.Thread(target=self._end_statements, name="read interruption", daemon=True).start()

    def _end_statements(self) -> None:
        """End the running statement until the read has ended: the first attempt may come between two statements."""
        with self._lock:  # so that the connection isn't given to another read meanwhile
            while self._statement_enders:
                try:
                    self._statement_enders[-1]()
                except Exception as error:
                    _log.info("a cancelled read runs to its end: %s", error)
                    return
                self._lock.wait(_REPEAT_SECONDS)

    @contextmanager
    def hold(self, end_statement: Callable[[], None]) -> Iterator[None]:
        """Let `interrupt` call `end_statement`, which ends the running statement of a connection, until the end of
        the block. Raises ReadInterrupted if the call is or was interrupted."""
        with self._lock:
            if self.is_interrupted:
                raise ReadInterrupted
            self._statement_enders.append(end_statement)
        try:
            yield
        except Exception as error:
            if self.is_interrupted:
                raise ReadInterrupted from error
            raise
        finally:
            with self._lock:
                self._statement_enders.pop()
                self._lock.notify_all()
        if self.is_interrupted:  # MariaDB ends some statements without an error
            raise ReadInterrupted


_current: ContextVar[ReadInterruption | None] = ContextVar("read_interruption", default=None)


def get_current_interruption() -> ReadInterruption | None:
    """Return the object that can interrupt the reads of the calling thread's call; None if nothing can."""
    return _current.get()
