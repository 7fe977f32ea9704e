"""Waits for a condition, with a time limit."""

import time
from collections.abc import Callable
from threading import Event

MAX_WAIT_SECONDS = 300.0
"""Time limit (seconds) of a wait for an event that must happen. It is longer than even a slow, busy machine needs."""


def wait_until(condition: Callable[[], bool], expected_event: str, seconds: float = MAX_WAIT_SECONDS) -> None:
    """Check the condition every 20 ms until it is true.

    Raises AssertionError with the text `expected_event` if the condition isn't true after `seconds`.
    """
    pause = Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {expected_event}"
        pause.wait(0.02)
