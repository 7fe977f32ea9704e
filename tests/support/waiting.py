"""Waits for a condition, with a time limit."""

import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any

MAX_WAIT_SECONDS = 300.0
"""Time limit (seconds) of a wait for an event that must happen. It is longer than even a slow, busy machine needs."""


def wait_until(condition: Callable[[], bool], what: str, seconds: float = MAX_WAIT_SECONDS) -> None:
    """Check the condition every 20 ms until it is true.

    Raises AssertionError with the text `what` if the condition isn't true after `seconds`.
    """
    pause = Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        pause.wait(0.02)


def wait_for_end_or_lock(thread: Thread, run_sql: Callable[[str], Sequence[Sequence[Any]]]) -> None:
    """Wait until the thread has ended, or until a transaction of the database that `run_sql` reads waits for a lock:
    then the thread can't continue before the caller's transaction ends.
    """
    waits = (
        "SELECT COUNT(*) FROM information_schema.innodb_trx"
        " JOIN information_schema.processlist p ON p.id = trx_mysql_thread_id"
        " WHERE p.db = DATABASE() AND trx_state = 'LOCK WAIT'"
    )
    wait_until(lambda: not thread.is_alive() or run_sql(waits)[0][0] > 0, "the end of the thread or its wait")
