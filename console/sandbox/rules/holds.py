"""Calls that are being held: they wait for a release, for their time, or for the end of the sandbox."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from threading import Condition, Event

from console.sandbox.wire import JsonObject


class Ending(Enum):
    RELEASED = "released"
    ELAPSED = "elapsed"
    DROPPED = "dropped"  # the sandbox stops or forgets everything: nothing more may happen


@dataclass(slots=True)
class Hold:
    """One call that waits."""

    id: int
    call: str
    number: str | None
    fault: str
    ended: Event = field(default_factory=Event)
    ending: Ending = Ending.ELAPSED

    def concerns(self, call: str | None, number: str | None) -> bool:
        return call in (None, self.call) and number in (None, self.number)


class Holds:
    """All calls being held, and the bell that tells waiters that something in the sandbox has changed."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._holds: dict[int, Hold] = {}
        self._closed = Event()
        self.changed = Condition()

    def hold(self, call: str, number: str | None, fault: str, seconds: float | None) -> Ending:
        """Wait `seconds`, or without a limit when None; tells how the waiting ended."""
        hold = Hold(next(self._ids), call, number, fault)
        with self.changed:
            if self._closed.is_set():
                return Ending.DROPPED
            self._holds[hold.id] = hold
            self.changed.notify_all()
        hold.ended.wait(seconds)
        with self.changed:
            self._holds.pop(hold.id, None)
            self.changed.notify_all()
        return hold.ending

    def release(self, call: str | None = None, number: str | None = None) -> int:
        """Let held calls go on; tells how many."""
        return self._end(Ending.RELEASED, lambda hold: hold.concerns(call, number))

    def drop(self) -> int:
        """End all waiting without letting anything more happen."""
        return self._end(Ending.DROPPED, lambda _: True)

    def close(self) -> None:
        """Drop everything, and hold nothing any more."""
        self._closed.set()
        self.drop()

    def _end(self, ending: Ending, wanted: Callable[[Hold], bool]) -> int:
        with self.changed:
            ended = [hold for hold in self._holds.values() if wanted(hold)]
            for hold in ended:
                del self._holds[hold.id]
                hold.ending = ending
                hold.ended.set()
            self.changed.notify_all()
        return len(ended)

    def pause(self, seconds: float) -> bool:
        """Pass the time without being counted as held; False when the sandbox stops meanwhile."""
        return not (seconds > 0 and self._closed.wait(seconds))

    def ring(self) -> None:
        """Something changed that a waiter may be waiting for."""
        with self.changed:
            self.changed.notify_all()

    def wait_until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait until `reached` holds; False when the time is over."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not reached():
                left = deadline - time.monotonic()
                if left <= 0 or self._closed.is_set():
                    return False
                self.changed.wait(left)
        return True

    def held(self, call: str | None = None, number: str | None = None) -> int:
        with self.changed:
            return sum(1 for hold in self._holds.values() if hold.concerns(call, number))

    def as_json(self) -> list[JsonObject]:
        with self.changed:
            return [
                {"id": hold.id, "call": hold.call, "number": hold.number, "fault": hold.fault}
                for hold in self._holds.values()
            ]
