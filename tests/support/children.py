"""Processes of their own for races and crashes: forked from one that has everything imported already.

A target is a function of a module that can be imported by name; its arguments travel by pickle.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

LOCK_WAIT_SECONDS = 500.0
"""Longer than any test may take: what hangs ends by the time limit of its test or shard, slow machines wait."""
_PRELOADED = (
    "console.app", "console.wiring.services", "console.providers.alarmbox.client", "requests", "cryptography.fernet",
    "pymysql",
    "alembic.command", "tests.support.places", "tests.support.money_desks", "tests.support.warm",
)  # fmt: skip


@cache
def context() -> ForkServerContext:
    """Where children come from. The server starts with the first one and ends with this process."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(list(_PRELOADED))
    return made


class Child:
    """A running child with a pipe to it; `report()` waits for the next thing it says."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self.pipe, theirs = context().Pipe()
        self.process: ForkServerProcess = context().Process(target=target, args=(theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def report(self, seconds: float | None = None) -> Any:
        """Return the next line that the child process prints. Fail if the process ends without a line, or prints
        nothing within the given seconds.
        """
        if not self.pipe.poll(seconds):
            raise AssertionError(f"child {self.pid} said nothing for {seconds} s")
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join(LOCK_WAIT_SECONDS)
            raise AssertionError(f"child {self.pid} ended with {self.process.exitcode}") from None

    def ended(self, seconds: float = LOCK_WAIT_SECONDS) -> int:
        """Its exit status once it has ended: -9 for a kill."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"child {self.pid} did not end within {seconds} s"
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def crowd(target: Callable[..., None], each: Sequence[tuple[object, ...]]) -> Iterator[list[Child]]:
    """One child per tuple of arguments; none is left behind."""
    children: list[Child] = []
    try:
        children.extend(Child(target, *arguments) for arguments in each)
        yield children
    finally:
        for child in children:
            child.kill()


Pipe = Connection
