"""A thread of the worker that regularly ends the database sessions of people whose locks block other sessions."""

import logging
from threading import Event, Thread

from console.domain.errors import ConsoleError, ErrorCode
from console.services.access.blocking_sessions import BlockingSessionEnder

PAUSE_BETWEEN_LOCK_PASSES_SECONDS = 1.0
PAUSE_AFTER_ENDED_SESSION_SECONDS = 0.2
"""Pause in seconds after a pass that has ended a session: MariaDB lists one blocking session for each waiting
session, and renews this list only if no session has read it for 0.1 s.
"""
PAUSE_AFTER_EXCEPTION_SECONDS = 60.0
"""Pause in seconds after a pass with an unexpected exception. If the worker's account lacks a right, which `db check`
shows, the pause is PAUSE_BETWEEN_LOCK_PASSES_SECONDS: a worker that may not roll prepared transactions back can still
end sessions.
"""
_log = logging.getLogger("console.worker")


class BlockingSessionsThread:
    """The thread that ends database sessions whose locks block others. It runs from `start` until `stop_event` is
    set."""

    def __init__(self, session_ender: BlockingSessionEnder, stop_event: Event) -> None:
        self._session_ender, self._stop_event = session_ender, stop_event
        self._thread = Thread(target=self._end_sessions_until_stopped, name="lock-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait_until_idle(self, timeout_seconds: float, abort_event: Event) -> bool:
        """Wait at most `timeout_seconds` until the thread has ended, and return True if it has. `abort_event` is not
        used, because one pass of the thread is short."""
        self._thread.join(max(0.0, timeout_seconds))
        return not self._thread.is_alive()

    def _end_sessions_until_stopped(self) -> None:
        """Run one pass after another until `stop_event` is set, with a pause after each pass. Of consecutive passes
        with the same error code, only the first is logged."""
        last_error_code: str | None = None
        while not self._stop_event.is_set():
            ended_count, error_code = self._end_blocking_sessions()
            if error_code is not None and error_code != last_error_code:
                _log.warning("sessions that hold others up can't be ended: %s", error_code)
            last_error_code = error_code
            if error_code == ErrorCode.INTERNAL_ERROR:
                pause_seconds = PAUSE_AFTER_EXCEPTION_SECONDS
            else:
                pause_seconds = (
                    PAUSE_AFTER_ENDED_SESSION_SECONDS if ended_count else PAUSE_BETWEEN_LOCK_PASSES_SECONDS
                )
            self._stop_event.wait(pause_seconds)
        self._session_ender.close()

    def _end_blocking_sessions(self) -> tuple[int, str | None]:
        """Run one pass of `BlockingSessionEnder.end_blocking_sessions`. Return the number of ended database sessions
        and an error code. The code is not_allowed if the database account lacks a right, and internal_error if the
        pass raised an unexpected exception. Otherwise it is None, also after any other ConsoleError.
        """
        try:
            return self._session_ender.end_blocking_sessions(), None
        except ConsoleError as refusal:
            return 0, refusal.code if refusal.code == ErrorCode.NOT_ALLOWED else None
        except Exception:
            _log.exception("the look for sessions that hold others up failed")
            return 0, ErrorCode.INTERNAL_ERROR
