"""Renew the leases of running operations. A beat is a function that renews one lease; the heartbeat calls it every
15 seconds.
"""

import logging
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from threading import Event, Lock

from console.domain.clock import TimeScale
from console.domain.process.daemon_threads import DaemonThread

BEAT_INTERVAL_SECONDS = 15.0
"""Time in seconds between two renewals of a lease by the heartbeat."""
LEASE_SECONDS = 45.0
"""Length in seconds of a lease of a running operation; three intervals of the heartbeat."""

_log = logging.getLogger("console.guard")


class Heartbeat:
    """Calls each registered beat (a function that renews one lease) regularly until the beat is removed.

    Each call runs in a thread of its own, so that a slow database write for one lease does not delay the other
    leases. The heartbeat calls a beat again only after its last call has returned, so each lease has at most one
    thread. One more thread is the timer: it starts with the first beat and ends when no beat is registered. If the
    operating system starts no further thread now, the lease isn't renewed in this interval; the heartbeat tries again
    in the next interval. If the timer itself could not be started, the next call of `add_beat` starts it.
    """

    def __init__(self, scale: TimeScale) -> None:
        self.scale_lease_seconds = scale.scale_lease_seconds(LEASE_SECONDS)
        self._beat_seconds = min(scale.scale_seconds(BEAT_INTERVAL_SECONDS), self.scale_lease_seconds / 3)
        self._beat_functions: dict[str, Callable[[], None]] = {}
        self._beating_keys: set[str] = set()
        self._lock = Lock()
        self._stop = Event()
        self._thread: DaemonThread | None = None

    def add_beat(self, key: str, renew: Callable[[], None]) -> None:
        """Register the function `renew` under `key`. The timer thread calls it once per beat interval until
        `remove_beat(key)`, unless the previous call is still running. Each call runs in a new thread with the context
        variables of the caller of `add_beat`. This method starts the timer thread if it isn't running.
        """
        caller_context = copy_context()
        with self._lock:
            self._beat_functions[key] = lambda: caller_context.run(renew)
            if self._thread is None:
                self._thread = _start_thread("heartbeat", self._run_timer)

    def remove_beat(self, key: str) -> None:
        """Stop calling the beat that was registered under `key`; a call that is running goes on. An unknown key is
        ignored."""
        with self._lock:
            self._beat_functions.pop(key, None)

    def close(self) -> None:
        """Stop calling all beats; wait up to 5 seconds until the timer thread has ended."""
        self._stop.set()
        with self._lock:  # another thread may be starting the timer thread: before that it can't be joined
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _run_timer(self) -> None:
        while not self._stop.wait(self._beat_seconds):
            with self._lock:
                if not self._beat_functions:
                    self._thread = None
                    return
                due_beats = {key: beat for key, beat in self._beat_functions.items() if key not in self._beating_keys}
                self._beating_keys.update(due_beats)
            for key, beat in due_beats.items():
                if _start_thread("heartbeat of a lease", partial(self._run_beat, key, beat)) is None:
                    with self._lock:
                        self._beating_keys.discard(key)

    def _run_beat(self, key: str, renew: Callable[[], None]) -> None:
        try:
            renew()
        except Exception:
            # A missed beat only shortens the lease; the fencing token still prevents a second writer.
            _log.warning("a heartbeat failed", exc_info=True)
        finally:
            with self._lock:
                self._beating_keys.discard(key)


def _start_thread(name: str, function: Callable[[], None]) -> DaemonThread | None:
    """Start a thread that calls `function`, and return it. Return None, with a warning in the log, if the operating
    system starts no further thread, or if the memory is used up: the timer must go on in its next interval.
    """
    try:
        thread = DaemonThread(function, name)
        thread.start()
    except (RuntimeError, MemoryError):
        _log.warning("a heartbeat can't start its thread", exc_info=True)
        return None
    return thread
