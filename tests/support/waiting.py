"""Waiting for a condition with a limit, never for a time."""

import time
from collections.abc import Callable
from threading import Event

PATIENCE_SECONDS = 300.0
"""How long a test waits for what must come. No machine that works needs so long, however slow and busy it is."""


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again, quickly, until it is true; fails after the limit, saying what was awaited."""
    pause = Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        pause.wait(0.02)
