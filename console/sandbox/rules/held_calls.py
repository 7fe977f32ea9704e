"""Held calls: provider calls that wait for a release, for a time limit, or for the end of the sandbox."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from threading import Condition, Event

from console.sandbox.http.messages import JsonObject


class HoldEnding(Enum):
    """The event that ended the wait of a held call: it was released, its time was over (ELAPSED), or the sandbox was
    stopped or reset (DROPPED).
    """

    RELEASED = "released"
    ELAPSED = "elapsed"
    DROPPED = "dropped"  # the sandbox stops or is reset; the call must have no further effect


@dataclass(slots=True)
class HeldCall:
    """One provider call that a fault holds back. When its wait ends, `ending` gets the event that ended the wait, and
    then `end_event` is set.
    """

    id: int
    call: str
    number: str | None
    fault: str
    end_event: Event = field(default_factory=Event)
    ending: HoldEnding = HoldEnding.ELAPSED

    def matches_call(self, call: str | None, number: str | None) -> bool:
        return call in (None, self.call) and number in (None, self.number)


class HeldCalls:
    """All provider calls that a fault holds back at present.

    `change_condition` is the condition that wakes waiting threads after each change in the sandbox.
    """

    def __init__(self) -> None:
        self._ids = count(1)
        self._holds: dict[int, HeldCall] = {}
        self._closing_event = Event()
        self.change_condition = Condition()

    def hold_call(self, call: str, number: str | None, fault: str, longest_hold_seconds: float | None) -> HoldEnding:
        """Hold the calling thread until the call is released or dropped, but at most `longest_hold_seconds` (None:
        without limit); return the event that ended the wait. The held call is listed with its name `call`, its
        subject `number` and the action `fault` that holds it."""
        hold = HeldCall(next(self._ids), call, number, fault)
        with self.change_condition:
            if self._closing_event.is_set():
                return HoldEnding.DROPPED
            self._holds[hold.id] = hold
            self.change_condition.notify_all()
        hold.end_event.wait(longest_hold_seconds)
        with self.change_condition:
            self._holds.pop(hold.id, None)
            self.change_condition.notify_all()
        return hold.ending

    def release_calls(self, call: str | None = None, number: str | None = None) -> int:
        """Let held calls continue: all held calls, or only those with the given name and the given subject (such as a
        corporation number). Return the number of released calls."""
        return self._end_calls(HoldEnding.RELEASED, lambda hold: hold.matches_call(call, number))

    def drop_calls(self) -> int:
        """End all held calls without letting them cause a further effect. Return the number of these calls."""
        return self._end_calls(HoldEnding.DROPPED, lambda _: True)

    def close(self) -> None:
        """End all held calls. Later calls are not held."""
        self._closing_event.set()
        self.drop_calls()

    def _end_calls(self, ending: HoldEnding, must_end: Callable[[HeldCall], bool]) -> int:
        """End the wait of the held calls for which `must_end` returns True, with the event `ending`. Return their
        number."""
        with self.change_condition:
            ended_holds = [hold for hold in self._holds.values() if must_end(hold)]
            for hold in ended_holds:
                del self._holds[hold.id]
                hold.ending = ending
                hold.end_event.set()
            self.change_condition.notify_all()
        return len(ended_holds)

    def pause(self, seconds: float) -> bool:
        """Wait `seconds` without being listed as a held call. Return False if the sandbox stops during the wait."""
        return not (seconds > 0 and self._closing_event.wait(seconds))

    def notify_waiters(self) -> None:
        """Wake all threads that wait for a change in the sandbox."""
        with self.change_condition:
            self.change_condition.notify_all()

    def wait_until(self, is_reached: Callable[[], bool], timeout_seconds: float) -> bool:
        """Wait until `is_reached` returns True. Return False if it still returns False after `timeout_seconds`, or if
        the sandbox stops.
        """
        deadline = time.monotonic() + timeout_seconds
        with self.change_condition:
            while not is_reached():
                remaining_seconds = deadline - time.monotonic()
                if remaining_seconds <= 0 or self._closing_event.is_set():
                    return False
                self.change_condition.wait(remaining_seconds)
        return True

    def count_held_calls(self, call: str | None = None, number: str | None = None) -> int:
        with self.change_condition:
            return sum(1 for hold in self._holds.values() if hold.matches_call(call, number))

    def export_json(self) -> list[JsonObject]:
        """Return the held calls as JSON: id, call, number and fault."""
        with self.change_condition:
            return [
                {"id": hold.id, "call": hold.call, "number": hold.number, "fault": hold.fault}
                for hold in self._holds.values()
            ]
