"""Failpoints: named points at which a test can kill this process, make it hang or raise an exception. Only the
environment variable switches one on.
"""

import os
import signal
from collections import Counter
from threading import Event, Lock

from console.domain import interrupts

_SIGNAL_CHECK_SECONDS = 0.05


class FailpointReached(RuntimeError):
    """The exception that the failpoint action `raise` raises."""


class Failpoints:
    """Runs the configured action when the code reaches the configured failpoint for the nth time.

    `spec` is the name of the failpoint, n and the action (`kill`, `hang` or `raise`); None if none is configured.
    """

    def __init__(self, spec: tuple[str, int, str] | None) -> None:
        self._spec = spec
        self._passings: Counter[str] = Counter()
        self._lock = Lock()

    def reach(self, name: str) -> None:
        """Run the action if this is the nth call with the configured name. Raises FailpointReached if the action is
        `raise`.
        """
        if self._spec is None or name != self._spec[0]:
            return
        with self._lock:
            self._passings[name] += 1
            is_due = self._passings[name] == self._spec[1]
        if is_due:
            self._act(self._spec[2], name)

    def _act(self, action: str, name: str) -> None:
        if action == "kill":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if action == "hang":
            while not interrupts.is_signalled():  # A signal ends the hang; after that the code continues.
                Event().wait(_SIGNAL_CHECK_SECONDS)
            return
        raise FailpointReached(name)
