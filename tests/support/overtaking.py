"""Lets another process act in the middle of a transaction of the test's process."""

from collections.abc import Callable
from threading import Event, Thread, current_thread
from types import ModuleType

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from tests.support.waiting import wait_until


def start_other_process(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, lock_name: str, act: Callable[[], object]
) -> Thread:
    """Run `act`, with which another process acts, in a thread until it ends, or until it asks for the lock
    `lock_name` with the function `lock_until_commit` of `module`. Return the thread, which the caller joins after its
    own transaction. On a slow machine this transaction lasts longer than the program waits for a lock. So a call that
    is refused for this reason is repeated, as the other process repeats it at its next poll."""
    is_locking, lock = Event(), module.lock_until_commit

    def act_until_not_locked() -> None:
        while True:
            try:
                act()
            except ConsoleError as refusal:
                if refusal.code != ErrorCode.DATABASE_LOCKED:
                    raise
            else:
                return

    thread = Thread(target=act_until_not_locked)

    def lock_until_commit(context: object, tx: object, name: str) -> None:
        if current_thread() is thread and name == lock_name:
            is_locking.set()
        lock(context, tx, name)

    monkeypatch.setattr(module, "lock_until_commit", lock_until_commit)
    thread.start()
    wait_until(lambda: is_locking.is_set() or not thread.is_alive(), "the other process ends or waits")
    return thread
