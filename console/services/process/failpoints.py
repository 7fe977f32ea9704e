"""Failpoints: named points in the code at which a test can kill this process, make it hang or make it raise an
exception. A failpoint is active only if an environment variable configures it.
"""

import os
import signal
from collections import Counter
from threading import Event, Lock

from console.domain.process import interrupts

_SIGNAL_CHECK_INTERVAL_SECONDS = 0.05
"""Pause in seconds between two checks for a signal while the failpoint's action `hang` waits."""


class FailpointReached(RuntimeError):
    """Raised at the configured failpoint if the configured action is `raise`."""


class Failpoints:
    """Runs the configured action when the code reaches the configured failpoint for the n-th time.

    `configured_failpoint` is the tuple (name of the failpoint, n, action `kill`, `hang` or `raise`); it is None if no
    failpoint is configured.
    """

    def __init__(self, configured_failpoint: tuple[str, int, str] | None) -> None:
        self._configured_failpoint = configured_failpoint
        self._reach_counts: Counter[str] = Counter()
        self._lock = Lock()

    def reach(self, name: str) -> None:
        """Count that the code has reached the failpoint `name`; if it is the configured failpoint and this is the
        n-th time, run the action. Raises FailpointReached if the action is `raise`.
        """
        if self._configured_failpoint is None or name != self._configured_failpoint[0]:
            return
        with self._lock:
            self._reach_counts[name] += 1
            is_due = self._reach_counts[name] == self._configured_failpoint[1]
        if is_due:
            self._run_action(self._configured_failpoint[2], name)

    def _run_action(self, action: str, failpoint_name: str) -> None:
        if action == "kill":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if action == "hang":
            while not interrupts.has_received_signal():  # A signal ends the hang; after that the code continues.
                Event().wait(_SIGNAL_CHECK_INTERVAL_SECONDS)
            return
        raise FailpointReached(failpoint_name)
