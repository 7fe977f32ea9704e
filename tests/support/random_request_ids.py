"""Gives a request id to half of the calls of a test with many processes. Half of these calls are repeated with the
same id; a repetition must have no effect.

    ids = RandomRequestIds("seed 5, process 3")
    ids(lambda request_id: console.refunds.approve(refund, request_id=request_id))
"""

import random
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from console.domain.errors import ConsoleError
from console.services.guarded import request_ids
from tests.support.team_mode import is_result_unknown

ResultT = TypeVar("ResultT")
_UNREACHABLE_EXIT_STATUS = 6
_EXIT_STATUSES_WITHOUT_EFFECT = (2, 3, 6)
"""Exit statuses after which a request id may be used for another call."""
_UNKNOWN_EXIT_STATUS = 4


class WrongRepetition(AssertionError):
    """Raised if a repeated call had another result than the first call."""


class RandomRequestIds:
    """Makes the calls of one caller, half of them with a request id. The random choices depend only on the caller's
    name `name`. With `has_id_always` every call has a request id.
    """

    def __init__(self, name: str, *, has_id_always: bool = False) -> None:
        self._has_id_always = has_id_always
        self._chance, self._ids = random.Random(f"ids of {name}"), count(1)
        self._name = "".join(letter if letter.isalnum() else "-" for letter in name)[-48:]

    def __call__(self, act: Callable[[str | None], ResultT]) -> ResultT:
        """Call `act` with a request id or None, and sometimes a second time with the same id. Return the result of
        the first call, or raise its exception.
        """
        if self._chance.random() < 0.5 and not self._has_id_always:
            return act(None)
        request_id = f"{self._name}-{next(self._ids)}"
        twice = self._chance.random() < 0.5
        try:
            answer = act(request_id)
        except ConsoleError as refusal:
            if twice and refusal.exit_status not in _EXIT_STATUSES_WITHOUT_EFFECT and not is_result_unknown(refusal):
                _repeat_call(act, request_id, refusal)
            raise
        if twice:
            _repeat_call(act, request_id, answer)
        return answer


def _repeat_call(act: Callable[[str | None], ResultT], request_id: str, first: object) -> None:
    """Repeat the call with the same request id. Nothing is checked if the repetition can't reach the database or the
    worker, or if its result is unknown.

    Raises WrongRepetition if the call isn't recognised as a repetition, or has another result than `first`.
    """
    with request_ids.watch_for_repeated_request() as watch:
        try:
            second: object = act(request_id)
        except ConsoleError as refusal:
            second = refusal
    if isinstance(second, ConsoleError) and (
        second.exit_status == _UNREACHABLE_EXIT_STATUS or second.code == "in_progress" or is_result_unknown(second)
    ):
        return
    if not watch.is_repetition or not _agrees_with_first_result(first, second):
        raise WrongRepetition(f"{request_id}: first {first!r}, then {second!r} (a repeat: {watch.is_repetition})")


def _agrees_with_first_result(first: object, second: object) -> bool:
    """Return True if the result `second` of a repetition agrees with the first result. A first result with an unknown
    outcome agrees with every second one. Otherwise the error code or the id of the record must be equal; the record
    itself may have changed.
    """
    if isinstance(first, ConsoleError):
        if first.exit_status == _UNKNOWN_EXIT_STATUS:
            return True
        return isinstance(second, ConsoleError) and second.code == first.code
    return type(second) is type(first) and getattr(second, "id", None) == getattr(first, "id", None)
