"""Lets another process act in the middle of a transaction of the test's process."""

from collections.abc import Callable
from threading import Event, Thread, current_thread
from types import ModuleType

import pytest

from tests.support.waiting import wait_until


class OtherProcess(Thread):
    """A thread in which another process acts. At one point it asks for a lock that the test's process has."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(target=act)
        self.asks_for_lock = Event()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread ends.

        Raises AssertionError if it never asked for the lock: it locks with another module, or doesn't lock. It is
        raised here, because the program catches exceptions in its transaction, from which the thread is started.
        """
        super().join(timeout)
        assert self.asks_for_lock.is_set(), "the other process never asked the watched module for the lock"


def start_other_process(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, lock_name: str, act: Callable[[], object]
) -> OtherProcess:
    """Run `act`, with which another process acts, in a thread until it ends, or until it asks for the lock
    `lock_name` with the function `lock_until_commit` of `module`. Return the thread, which the caller joins after its
    own transaction."""
    other, lock = OtherProcess(act), module.lock_until_commit

    def lock_until_commit(context: object, tx: object, name: str) -> None:
        if current_thread() is other and name == lock_name:
            other.asks_for_lock.set()
        lock(context, tx, name)

    monkeypatch.setattr(module, "lock_until_commit", lock_until_commit)
    other.start()
    wait_until(lambda: other.asks_for_lock.is_set() or not other.is_alive(), "the other process ends or waits")
    return other
