"""Ends the database reads of one service call if a person cancels this call. The call runs in one thread, for example
a search in a background thread. Another thread, such as that of the window, ends the reads of the call.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeVar

from console.domain.process.daemon_threads import DaemonThread

_REPEAT_INTERVAL_SECONDS = 0.05
"""Pause in seconds between two attempts to end the running statement."""
_log = logging.getLogger("console.store")
T = TypeVar("T")
OpenStatementEnder = Callable[[], AbstractContextManager[Callable[[], None]]]
"""Type of a function that opens a context manager, which yields a function; that function ends a statement."""


class ReadInterrupted(BaseException):
    """Raised inside a database read if the person has cancelled the service call to which the read belongs. The read
    returns nothing.

    The class is derived from BaseException, so that no `except Exception` catches it. Otherwise code that catches
    every failed read would log a cancelled call as a failure and continue it.
    """


class ReadInterruption:
    """Makes one call of a service cancellable. `run` runs the call. The database layer reads inside
    `make_interruptible`. `interrupt`, which any thread may call, ends these reads; the call then raises
    ReadInterrupted.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition()
        """Condition whose lock a thread holds while it changes the list of reads or ends a statement. It is notified
        when a read ends.
        """
        self._reads: list[OpenStatementEnder] = []
        self.is_interrupted = False

    def run(self, call: Callable[[], T]) -> T:
        """Run `call` in this thread and return its value. Raises ReadInterrupted if `interrupt` ends one of its
        reads, and the exceptions of `call`."""
        token = _current_interruption.set(self)
        try:
            return call()
        finally:
            _current_interruption.reset(token)

    def interrupt(self) -> None:
        """Request that the database ends the running statement of the call, and each later statement. Return without
        waiting for the end of the statement."""
        with self._lock:
            self.is_interrupted = True
            is_reading = bool(self._reads)
        if is_reading:
            DaemonThread(self._end_statements, "read interruption").start()

    def _end_statements(self) -> None:
        """End the running statement of the innermost open read, and repeat this until that read has ended, because
        the first attempt may come between two statements of the read. Then do the same for each enclosing read, until
        no read is open."""
        try:
            while open_statement_ender := self._find_open_statement_ender():
                # The lock: another read must not get the connection.
                with open_statement_ender() as end_statement, self._lock:
                    while self._find_open_statement_ender() is open_statement_ender:
                        end_statement()
                        self._lock.wait(_REPEAT_INTERVAL_SECONDS)
        except Exception as error:
            _log.info("a cancelled read could not be interrupted: %s", error)

    def _find_open_statement_ender(self) -> OpenStatementEnder | None:
        """Return the function that the innermost open read has passed to `make_interruptible`, and by which the
        read's statement can be ended; None if no read is open.
        """
        with self._lock:
            return self._reads[-1] if self._reads else None

    @contextmanager
    def make_interruptible(self, open_statement_ender: OpenStatementEnder) -> Iterator[None]:
        """A context manager for one read of the database: inside its block, `interrupt` may end the running statement
        of the read's connection. Raises ReadInterrupted if `interrupt` is called before or during the block.

        `open_statement_ender` returns a context manager that yields a function; this function ends the statement.
        `interrupt` enters the context manager in another thread, where it may take long and outlast the block. It
        calls the function only while the block is open.
        """
        with self._lock:
            if self.is_interrupted:
                raise ReadInterrupted
            self._reads.append(open_statement_ender)
        try:
            yield
        except Exception as error:
            if self.is_interrupted:
                raise ReadInterrupted from error
            raise
        finally:
            with self._lock:
                self._reads.pop()
                self._lock.notify_all()
        if self.is_interrupted:  # MariaDB ends some statements without an error
            raise ReadInterrupted


_current_interruption: ContextVar[ReadInterruption | None] = ContextVar("read_interruption", default=None)


def get_current_interruption() -> ReadInterruption | None:
    """Return the object that can interrupt the reads of the calling thread's call; None if the reads of this thread
    can't be interrupted.
    """
    return _current_interruption.get()
