"""Tests that a call which was sent and not answered is repeated with the same request id by the next process. After
an answer, the next call gets a new id.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ErrorCode
from console.settings.named_values_file import NamedValues
from console.views.runtime.person_state import PersonValues
from console.views.runtime.request_id import AttemptRequestIds
from console.views.runtime.tasks import Failure
from tests.support.inline_runner import InlineRunner

NOTE_ATTEMPT = ("note", "payment", 5, "called")


class RemainingValues:
    """The stored values that remain when a process ends."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def restart_process(self) -> AttemptRequestIds:
        """Return the request ids of a new process of the same person, which reads the stored values."""

        class Services:
            person_state = self

        state = PersonValues(
            lambda call, _person: lambda: call(Services), lambda: datetime(2026, 11, 20, tzinfo=UTC), InlineRunner()
        )
        state.load("op-a")
        attempts = AttemptRequestIds(state)
        attempts.state = state  # type: ignore[attr-defined]  # for `sent` below
        return attempts

    def read_entries(self) -> NamedValues:
        return NamedValues(dict(self.values))

    def change_entries(self, changes: dict[str, object]) -> NamedValues:
        self.values = {name: value for name, value in {**self.values, **changes}.items() if value is not None}
        return self.read_entries()


def get_sent_id(attempts: AttemptRequestIds) -> str:
    request_id = attempts.get_request_id(NOTE_ATTEMPT)
    attempts.state.write_changes()  # type: ignore[attr-defined]  # what the context does before a call
    return request_id


def test_the_next_process_repeats_an_unanswered_attempt_with_its_request_id() -> None:
    disk = RemainingValues()
    first = get_sent_id(disk.restart_process())
    assert get_sent_id(disk.restart_process()) == first
    assert disk.restart_process().get_request_id((*NOTE_ATTEMPT, "other")) != first


@pytest.mark.parametrize(
    "failure",
    [
        None,
        Failure(ErrorCode.OUTCOME_UNKNOWN, {"reason": OutcomeUnknownReason.NO_LIST_CALL}),
        Failure(ErrorCode.POSSIBLE_REPEAT),
    ],
)
def test_a_press_after_an_answer_gets_a_new_request_id(failure: Failure | None) -> None:
    disk = RemainingValues()
    attempts = disk.restart_process()
    first = get_sent_id(attempts)
    attempts.end_attempt(NOTE_ATTEMPT, first, failure)
    attempts.state.write_changes()  # type: ignore[attr-defined]  # the timer would
    assert disk.values == {}
    assert get_sent_id(disk.restart_process()) != first


def test_two_people_have_separate_request_ids() -> None:
    """Each person's unanswered attempt keeps its own id while another person makes the same attempt in the window. If
    its answer arrives while the other person acts, the first person's next attempt gets a new id, although the
    person's values still have the answered one."""
    values_by_person: dict[str, RemainingValues] = {"op-a": RemainingValues(), "op-b": RemainingValues()}

    def bind_call(call: Callable[[Any], NamedValues], person: str) -> Callable[[], NamedValues]:
        return lambda: call(SimpleNamespace(person_state=values_by_person[person]))

    state = PersonValues(bind_call, lambda: datetime(2026, 11, 20, tzinfo=UTC), InlineRunner())
    attempts = AttemptRequestIds(state)

    def send_as(person: str) -> str:
        state.load(person)
        return attempts.get_request_id(NOTE_ATTEMPT)

    id_of_a, id_of_b = send_as("op-a"), send_as("op-b")
    assert id_of_a != id_of_b
    assert (send_as("op-a"), send_as("op-b")) == (id_of_a, id_of_b)
    attempts.end_attempt(NOTE_ATTEMPT, id_of_a)
    assert send_as("op-b") == id_of_b
    assert send_as("op-a") not in (id_of_a, id_of_b)
