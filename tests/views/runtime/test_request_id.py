"""Tests of the request ids of the window: each attempt of an action has one request id until its answer has
arrived.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.records import Note
from console.services.guarded.request_ids import require_valid_request_id
from console.views.records.note_dialog import NoteDialog
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.request_id import AttemptRequestIds
from console.views.runtime.tasks import Failure
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context

NOTE_ATTEMPT = ("note", "payment", 5, "called")


class NoteServices:
    """Services that only store notes. They record the request id of each call in `ids`. The first calls raise the
    errors `failing`, one each, in this order."""

    def __init__(self, *failing: ConsoleError) -> None:
        self.failing, self.ids = list(failing), list[str]()

    @property
    def recovery(self) -> "NoteServices":
        return self

    @property
    def lookup(self) -> "NoteServices":
        return self

    def find_record_numbers(self, _subjects: Collection[str]) -> Mapping[str, str]:
        return {}

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def add_note(self, kind: str, id: int, words: str, *, request_id: str) -> Note:
        self.ids.append(request_id)
        if self.failing:
            raise self.failing.pop(0)
        return Note(1, kind, int(id), "op-a", words, at=None)  # type: ignore[arg-type]  # nobody looks


OpenNoteDialog = Callable[[str], NoteDialog]


@pytest.fixture
def open_note_dialogs(qtbot: Any, appearance: object) -> Callable[[NoteServices], OpenNoteDialog]:
    """Return a function that opens a window with the given services. It returns another function, which opens a note
    dialog with a given text.
    """

    def open_window_at(desk: NoteServices) -> OpenNoteDialog:
        parent = QWidget()
        qtbot.addWidget(parent)
        at: WindowContext = make_window_context()
        at.runner = InlineRunner()
        at.store_services(desk)  # type: ignore[arg-type]  # has notes alone

        def open_note_dialog(words: str) -> NoteDialog:
            made = NoteDialog(at, "payment", 5, parent)
            made.note_field.edit.setPlainText(words)  # type: ignore[union-attr]  # an area
            return made

        return open_note_dialog

    return open_window_at


@pytest.mark.parametrize("code", ["database_unreachable", "in_progress", "usage", "internal_error"])
def test_a_retry_after_no_answer_has_the_same_id(
    open_note_dialogs: Callable[[NoteServices], OpenNoteDialog], code: str
) -> None:
    """If a note fails with an error that the service doesn't store as the answer to the request id, such as a broken
    connection or another running call, the next attempt has the same request id, in the same dialog and in a new one.
    """
    desk = NoteServices(ConsoleError(ErrorCode(code)), ConsoleError(ErrorCode(code)))
    opened = open_note_dialogs(desk)
    dialog = opened("called")
    dialog.submit_form()
    dialog.submit_form()
    opened("called").submit_form()
    assert len(desk.ids) == 3
    assert len(set(desk.ids)) == 1
    assert require_valid_request_id(desk.ids[0]) == desk.ids[0]


@pytest.mark.parametrize("code", ["outcome_unknown", "provider_refused", "possible_repeat"])
def test_a_press_after_a_refusal_gets_a_new_request_id(
    open_note_dialogs: Callable[[NoteServices], OpenNoteDialog], code: str
) -> None:
    """The refusal of a call is stored under the call's request id. A second press of the button therefore sends a new
    request id.
    """
    desk = NoteServices(ConsoleError(ErrorCode(code)))
    dialog = open_note_dialogs(desk)("called")
    dialog.submit_form()
    dialog.submit_form()
    first, second = desk.ids
    assert first != second


def test_a_retry_after_a_missing_answer_of_a_worker_has_the_same_id(
    open_note_dialogs: Callable[[NoteServices], OpenNoteDialog],
) -> None:
    """If a worker was asked and its answer didn't reach the desk, the worker may still execute the request. The next
    attempt has the same request id, so that the worker executes only one of the two requests.
    """
    unanswered = ConsoleError(ErrorCode.OUTCOME_UNKNOWN, {"reason": OutcomeUnknownReason.WORKER_ANSWER_MISSING})
    desk = NoteServices(unanswered)
    dialog = open_note_dialogs(desk)("called")
    dialog.submit_form()
    dialog.submit_form()
    first, second = desk.ids
    assert first == second


def test_a_note_with_changed_text_gets_another_request_id(
    open_note_dialogs: Callable[[NoteServices], OpenNoteDialog],
) -> None:
    """A note with a changed text is another attempt and gets another request id. With the first id the service would
    refuse it as a different request.
    """
    desk = NoteServices(ConsoleError(ErrorCode.DATABASE_UNREACHABLE))
    opened = open_note_dialogs(desk)
    opened("called").submit_form()
    opened("called twice").submit_form()
    first, second = desk.ids
    assert first != second


def test_the_same_note_is_written_twice_on_purpose(
    open_note_dialogs: Callable[[NoteServices], OpenNoteDialog],
) -> None:
    """If the same note is written in two dialogs one after the other, and each gets an answer, the two calls have
    different request ids.
    """
    desk = NoteServices()
    opened = open_note_dialogs(desk)
    opened("called").submit_form()
    opened("called").submit_form()
    assert len(set(desk.ids)) == 2


def test_a_late_answer_does_not_end_the_next_attempt() -> None:
    """Two clicks send the same request id, and a third click after the first answer has a new one. The late answer to
    the second click doesn't end this third attempt.
    """
    attempts = AttemptRequestIds()
    first = attempts.get_request_id(NOTE_ATTEMPT)
    assert attempts.get_request_id(NOTE_ATTEMPT) == first
    attempts.end_attempt(NOTE_ATTEMPT, first)
    third = attempts.get_request_id(NOTE_ATTEMPT)
    attempts.end_attempt(NOTE_ATTEMPT, first, Failure(ErrorCode.OUTCOME_UNKNOWN))
    assert attempts.get_request_id(NOTE_ATTEMPT) == third != first


def test_a_button_pressed_twice_makes_one_call(qtbot: Any, appearance: object) -> None:
    """While a caller's call runs, a second call of the same caller for the same attempt isn't executed; after the
    answer it is. Another caller of the same attempt gets an answer of its own.
    """
    desk, at, caller, other = NoteServices(), make_window_context(), QWidget(), QWidget()
    answers: list[QWidget] = []
    for widget in (caller, other):
        qtbot.addWidget(widget)
    at.runner = InlineRunner()
    at.store_services(desk)  # type: ignore[arg-type]  # has notes alone

    def press_note_button(pressed_button: QWidget, *again: QWidget) -> None:
        def call_and_press_again(services: Any, request_id: str) -> Note:
            for presser in again:
                press_note_button(presser)  # the call runs
            return desk.add_note("payment", 5, "called", request_id=request_id)

        at.run_acting_call(
            call_and_press_again,
            lambda _note: answers.append(pressed_button),
            lambda _failure: None,
            caller=pressed_button,
            label="Note",
            make_toast=lambda _note: Toast("", subject_title=""),
            attempt=NOTE_ATTEMPT,
        )

    press_note_button(caller, caller, caller)
    assert answers == [caller]
    press_note_button(caller, other, caller)
    assert answers == [caller, other, caller]
    assert len(desk.ids) == 3
