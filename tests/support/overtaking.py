"""Lets another process act in the middle of a transaction of the test's process."""

from collections.abc import Callable
from threading import Event, Thread, current_thread
from types import ModuleType

import pytest

from tests.support.waiting import wait_until


def start_other_process(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, lock_name: str, act: Callable[[], object]
) -> Thread:
    """Run `act`, with which another process acts, in a thread until it ends, or until it asks for the lock
    `lock_name` with the function `lock_until_commit` of `module`. Return the thread, which the caller joins after its
    own transaction."""
    is_locking, lock, thread = Event(), module.lock_until_commit, Thread(target=act)

    def lock_until_commit(context: object, tx: object, name: str) -> None:
        if current_thread() is thread and name == lock_name:
            is_locking.set()
        lock(context, tx, name)

    monkeypatch.setattr(module, "lock_until_commit", lock_until_commit)
    thread.start()
    wait_until(lambda: is_locking.is_set() or not thread.is_alive(), "the other process ends or waits")
    return thread
