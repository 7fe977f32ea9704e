"""Look for sessions that hold others up, in a thread of a worker."""

import logging
from threading import Event, Thread

from console.domain.errors import ConsoleError, ErrorCode
from console.services.access.lock_watch import LockWatch

PAUSE_SECONDS = 1.0
LONG_PAUSE_SECONDS = 60.0
"""Pause after the server has refused the look. `db check` tells which right is missing."""
_log = logging.getLogger("console.worker")


class LockThread:
    """Runs from `start` until `stop_event` is set."""

    def __init__(self, watch: LockWatch, stop_event: Event) -> None:
        self._watch, self._stop_event = watch, stop_event
        self._thread = Thread(target=self._run_loop, name="lock-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait_until_idle(self, seconds: float, abort_event: Event) -> bool:  # a look is short
        """Wait for the end of a look, at most `seconds`. Return True if the thread has ended."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run_loop(self) -> None:
        last_code: str | None = None
        while not self._stop_event.is_set():
            code = self._look()
            if code is not None and code != last_code:
                _log.warning("sessions that hold others up can't be ended: %s", code)
            last_code = code
            self._stop_event.wait(PAUSE_SECONDS if code is None else LONG_PAUSE_SECONDS)
        self._watch.close()

    def _look(self) -> str | None:
        """Look once. Return the code of the failure; None if there was none."""
        try:
            self._watch.end_holders()
        except ConsoleError as refusal:
            return refusal.code if refusal.code == ErrorCode.NOT_ALLOWED else None
        except Exception:
            _log.exception("the look for sessions that hold others up failed")
            return ErrorCode.INTERNAL_ERROR
        return None
