"""Keeps leases of living operations alive: one thread per process, a beat every 15 seconds."""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

from console.domain.clock import TimeScale

BEAT_SECONDS = 15.0
LEASE_SECONDS = 45.0

_log = logging.getLogger("console.guard")


class Heartbeat:
    """Calls each registered beat on time until it is removed. The thread starts with the first one."""

    def __init__(self, scale: TimeScale) -> None:
        self.lease_seconds = scale.lease_seconds(LEASE_SECONDS)
        self._every = min(scale.seconds(BEAT_SECONDS), self.lease_seconds / 3)
        self._beats: dict[str, Callable[[], None]] = {}
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None

    def add(self, key: str, beat: Callable[[], None]) -> None:
        with self._lock:
            self._beats[key] = beat
            if self._thread is None:
                self._thread = Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

    def remove(self, key: str) -> None:
        with self._lock:
            self._beats.pop(key, None)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            with self._lock:
                beats = list(self._beats.values())
            for beat in beats:
                try:
                    beat()
                except Exception:
                    # A missed beat only shortens the lease; the fencing token keeps everything right.
                    _log.warning("a heartbeat failed", exc_info=True)
