"""Half of the calls of a crowd carry a request id, and half of those are made a second time, which may do nothing.

ids = HalfWithIds("seed 5, process 3")
ids(lambda request_id: console.refunds.approve(refund, request_id=request_id))
"""

import random
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from console.domain.errors import ConsoleError
from console.services.guarded import request_ids
from tests.support.asking import is_no_answer

T = TypeVar("T")
_AWAY = 6
_FREE = (2, 3, 6)
"""Exit statuses after which an id may be used for anything."""
_UNKNOWN = 4


class Repeated(AssertionError):
    """A repeated call did not answer as the first one."""


class HalfWithIds:
    """Calls of one caller, drawn by its name alone. `always`: all of them carry a request id."""

    def __init__(self, name: str, *, always: bool = False) -> None:
        self._always = always
        self._chance, self._ids = random.Random(f"ids of {name}"), count(1)
        self._name = "".join(letter if letter.isalnum() else "-" for letter in name)[-48:]

    def __call__(self, act: Callable[[str | None], T]) -> T:
        """Do it; the answer, or what it raises, of the first call."""
        if self._chance.random() < 0.5 and not self._always:
            return act(None)
        request_id = f"{self._name}-{next(self._ids)}"
        twice = self._chance.random() < 0.5
        try:
            answer = act(request_id)
        except ConsoleError as refusal:
            if twice and refusal.exit_status not in _FREE and not is_no_answer(refusal):
                _again(act, request_id, refusal)
            raise
        if twice:
            _again(act, request_id, answer)
        return answer


def _again(act: Callable[[str | None], T], request_id: str, first: object) -> None:
    """The same call: told as before, and that it is a repeat; a database or a worker that is away says nothing."""
    with request_ids.watch_for_repeated_request() as watch:
        try:
            second: object = act(request_id)
        except ConsoleError as refusal:
            second = refusal
    if isinstance(second, ConsoleError) and (
        second.exit_status == _AWAY or second.code == "in_progress" or is_no_answer(second)
    ):
        return
    if not watch.is_repetition or not _fits(first, second):
        raise Repeated(f"{request_id}: first {first!r}, then {second!r} (a repeat: {watch.is_repetition})")


def _fits(first: object, second: object) -> bool:
    """An unknown outcome may be known by now, and a known outcome stays known; the record may have changed since."""
    if isinstance(first, ConsoleError):
        if first.exit_status == _UNKNOWN:
            return True
        return isinstance(second, ConsoleError) and second.code == first.code
    return type(second) is type(first) and getattr(second, "id", None) == getattr(first, "id", None)
