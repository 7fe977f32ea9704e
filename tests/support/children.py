"""Child processes for tests of races and crashes. They are forked from a process that has already imported the
program. A child runs a function of an importable module, with pickled arguments.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

CHILD_WAIT_SECONDS = 500.0
"""Time limit (seconds) of a wait for a child. It is longer than any test may take, so a hanging test ends by the
test's own time limit.
"""
_PRELOADED_MODULES = (
    "console.app", "console.wiring.services", "console.wiring.credit_checks", "console.wiring.payments",
    "console.wiring.refunds", "console.providers.alarmbox.client", "requests", "cryptography.fernet", "pymysql",
    "alembic.command", "tests.support.places", "tests.support.money_desks", "tests.support.fork_server_preload",
)  # fmt: skip


@cache
def get_context() -> ForkServerContext:
    """Return the multiprocessing context that starts the child processes. Its fork server starts with the first child
    and ends with this process.
    """
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(list(_PRELOADED_MODULES))
    return made


class Child:
    """A running child process and a pipe from it. `wait_for_report` waits for the next object that the child
    sends.
    """

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self.pipe, child_end = get_context().Pipe()
        self.process: ForkServerProcess = get_context().Process(
            target=target, args=(child_end, *arguments), daemon=True
        )
        self.process.start()
        child_end.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def wait_for_report(self, seconds: float | None = None) -> Any:
        """Return the next object that the child sends through the pipe.

        Raises AssertionError if the child ends without sending an object, or sends none within `seconds` (None: no
        limit).
        """
        if not self.pipe.poll(seconds):
            raise AssertionError(f"child {self.pid} said nothing for {seconds} s")
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join(CHILD_WAIT_SECONDS)
            raise AssertionError(f"child {self.pid} ended with {self.process.exitcode}") from None

    def wait_for_end(self, seconds: float = CHILD_WAIT_SECONDS) -> int:
        """Wait until the child has ended, and return its exit status (-9 if it was killed).

        Raises AssertionError if the child runs longer than `seconds`.
        """
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"child {self.pid} did not end within {seconds} s"
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def start_children(
    target: Callable[..., None], argument_tuples: Sequence[tuple[object, ...]]
) -> Iterator[list[Child]]:
    """Start one child for each tuple of arguments in `argument_tuples`, and yield the children. At the end of the
    block all of them are killed.
    """
    children: list[Child] = []
    try:
        children.extend(Child(target, *arguments) for arguments in argument_tuples)
        yield children
    finally:
        for child in children:
            child.kill()


Pipe = Connection
