"""A thread of the worker that regularly ends the database sessions of people whose locks block other sessions."""

import logging
from collections.abc import Callable
from threading import Event

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.daemon_threads import DaemonThread
from console.services.access.blocking_sessions import BlockingSessionEnder

PAUSE_BETWEEN_LOCK_PASSES_SECONDS = 1.0
PAUSE_BETWEEN_LOCK_PASSES_OF_STANDBY_SECONDS = 3.0
"""Pause in seconds between two passes of a standby worker. Its passes only matter if another worker's passes fail, or
if the server has closed the other worker's session.
"""
PAUSE_AFTER_ENDED_SESSION_SECONDS = 0.2
"""Pause in seconds after a pass that has ended a session: MariaDB lists one blocking session for each waiting
session, and renews this list only if no session has read it for 0.1 s.
"""
_log = logging.getLogger("console.worker")


class BlockingSessionsThread:
    """The thread that ends database sessions whose locks block others, in one pass after another, from `start` until
    `stop_event` is set. `is_standby` returns True while another worker polls for desk requests; the pauses between
    two passes are then longer."""

    def __init__(
        self, session_ender: BlockingSessionEnder, stop_event: Event, is_standby: Callable[[], bool]
    ) -> None:
        self._session_ender, self._stop_event, self._is_standby = session_ender, stop_event, is_standby
        self._thread = DaemonThread(self._end_sessions_until_stopped, "lock-watch")

    def start(self) -> None:
        self._thread.start()

    def wait_until_ended(self, timeout_seconds: float, abort_event: Event) -> bool:
        """Wait at most `timeout_seconds` until the thread has ended. Return True if it has ended. `abort_event` has
        no influence, because one pass of the thread is short; the parameter exists because the other groups of
        threads have it."""
        self._thread.join(max(0.0, timeout_seconds))
        return not self._thread.is_alive()

    def _end_sessions_until_stopped(self) -> None:
        """Run one pass after another until `stop_event` is set, with a pause after each pass. The pause doesn't grow
        after a failed pass: the next pass may succeed, and nothing else ends the blocking sessions. Of consecutive
        passes with the same error code, only the first is logged."""
        last_error_code: ErrorCode | None = None
        while not self._stop_event.is_set():
            ended_count, last_error_code = self._end_blocking_sessions(last_error_code)
            self._stop_event.wait(self._choose_pause_seconds(ended_count))
        self._session_ender.close()

    def _choose_pause_seconds(self, ended_count: int) -> float:
        """Return the pause in seconds after a pass that has ended `ended_count` sessions."""
        if ended_count:
            return PAUSE_AFTER_ENDED_SESSION_SECONDS
        return (
            PAUSE_BETWEEN_LOCK_PASSES_OF_STANDBY_SECONDS if self._is_standby() else PAUSE_BETWEEN_LOCK_PASSES_SECONDS
        )

    def _end_blocking_sessions(self, last_error_code: ErrorCode | None) -> tuple[int, ErrorCode | None]:
        """Run one pass of `BlockingSessionEnder.end_blocking_sessions`. Return the number of ended database sessions
        and an error code. The code is not_allowed if the database account lacks a right, which `db check` shows, and
        internal_error if the pass raised an unexpected exception. Otherwise it is None, also after any other
        ConsoleError. Log the error unless its code is `last_error_code`, the code of the pass before.
        """
        try:
            return self._session_ender.end_blocking_sessions(), None
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.NOT_ALLOWED:
                return 0, None
            if refusal.code != last_error_code:
                _log.warning("blocking sessions can't be ended: %s", refusal.code)
            return 0, refusal.code
        except Exception:  # such as a database error without a code
            if last_error_code != ErrorCode.INTERNAL_ERROR:
                _log.exception("the search for blocking sessions failed")
            return 0, ErrorCode.INTERNAL_ERROR
