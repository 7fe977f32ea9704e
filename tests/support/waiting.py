"""Waiting for a condition with a limit, never for a time."""

import time
from collections.abc import Callable
from threading import Event


def until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Look again and again, quickly, until it is true; fails after the limit, saying what was awaited."""
    pause = Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        pause.wait(0.02)
