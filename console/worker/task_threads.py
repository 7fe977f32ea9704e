"""Runs the due tasks of a worker: a few threads, each of which looks every second and takes what nobody else has."""

import logging
from threading import Event, Thread

from console.domain.errors import ConsoleError
from console.services.scheduling import Scheduler

THREADS = 3
"""A long run keeps one of them busy, and the short ones go on."""
LOOK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
_SHORTEST_LOOK_SECONDS = 0.3
_MOMENT_SECONDS = 0.02
_log = logging.getLogger("console.worker")


class Runner:
    """From `start` until `stop` is set. Leases, not these threads, keep one task from running twice."""

    def __init__(self, scheduler: Scheduler, stop: Event) -> None:
        self._scheduler, self._stop = scheduler, stop
        self._scale, self._clock = scheduler.scale, scheduler.clock
        self._threads = [Thread(target=self._go, args=(i,), name=f"tasks-{i}", daemon=True) for i in range(THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ended(self, seconds: float, hurry: Event) -> bool:
        """Wait for the runs that are under way, at most that long and not beyond `hurry`; whether all have ended."""
        deadline = self._clock.monotonic() + seconds
        while self._is_busy() and self._clock.monotonic() < deadline and not hurry.wait(_MOMENT_SECONDS):
            pass
        return not self._is_busy()

    def _is_busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _go(self, place: int) -> None:
        """The threads look one after the other, not all at once."""
        look = max(_SHORTEST_LOOK_SECONDS, self._scale.seconds(LOOK_SECONDS))
        troubles = 0
        self._stop.wait(look * place / THREADS)
        while not self._stop.is_set():
            trouble = self._pass()
            self._tell(trouble, troubles)
            troubles = troubles + 1 if trouble else 0
            self._stop.wait(min(look * 2**troubles, max(look, self._scale.seconds(LONGEST_PAUSE_SECONDS))))

    def _pass(self) -> str | None:
        """One look; the code of what it failed by as a whole: of tasks that fail their rows tell."""
        try:
            self._scheduler.run_due(self._stop.is_set)
        except ConsoleError as refusal:
            return refusal.code
        except Exception:
            _log.exception("a pass of due tasks failed")
            return "internal_error"
        return None

    def _tell(self, trouble: str | None, troubles: int) -> None:
        """Once when it begins and once when it is over: a database that is down for a day is one line."""
        if trouble and not troubles:
            _log.warning("due tasks can't be run: %s", trouble)
        if troubles and not trouble:
            _log.info("due tasks run again, after %d looks", troubles)
