"""An action that takes long: its dialog shows for how many seconds it has run, and the person can close the dialog
after ten seconds.
"""

from threading import Event
from typing import Any

import pytest

from console.app import Console
from console.views.credit_checks.page import CreditCheckPage
from console.views.pages.call_steps import CLOSABLE_AFTER_SECONDS, RunningCallTimer
from console.views.records.note_dialog import NoteDialog
from console.views.runtime.routes import CreditCheckRoute
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow, buy_check
from tests.support.desks import CORPORATION_NUMBERS, MovedClock


@pytest.mark.embedded("the test holds the service of the desk; a desk that asks has no such call")
def test_a_dialog_that_waits_says_how_long_and_can_be_closed(
    open_window: OpenWindow, console: Console, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dialog whose call is running shows the elapsed time after three seconds, and can be closed after ten. The
    note that it sends is stored nevertheless.
    """
    answered, record = Event(), buy_check(console, CORPORATION_NUMBERS[0])
    add_note = console.recovery.add_note

    def add_note_when_answered(*arguments: Any, **options: Any) -> Any:
        answered.wait()
        return add_note(*arguments, **options)

    monkeypatch.setattr(console.recovery, "add_note", add_note_when_answered)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    toasts: list[str] = []
    person.opening.context.toast_requested.connect(lambda toast: toasts.append(toast.message))
    try:
        person.press("N")
        dialog = person.wait_for_dialog(NoteDialog)
        person.type_in("late")
        person.wait_until(dialog.main_button.isEnabled)
        person.press("Ctrl+Return")
        person.wait_until(lambda: dialog.is_busy)
        (timer,) = dialog.findChildren(RunningCallTimer)
        with clock.stop_both_times():
            timer.began_at = person.opening.context.monotonic()
            dialog.show_elapsed_text("")  # the machine may have been slow until here
            timer.timeout.emit()
            assert dialog.hint.plain == ""
            for seconds in (4, 5):
                timer.began_at = person.opening.context.monotonic() - seconds
                timer.timeout.emit()
                assert dialog.hint.plain == translate("dialog.elapsed_short", "en", seconds=seconds)
            person.press("Esc")
            assert dialog.isVisible()  # it can't be closed yet, and says so instead of the seconds
            assert dialog.hint.plain == translate("dialog.stays_open", "en")
            timer.timeout.emit()
            assert dialog.hint.plain == translate("dialog.stays_open", "en")
            timer.began_at -= CLOSABLE_AFTER_SECONDS
            timer.timeout.emit()
            assert dialog.hint.plain == translate("dialog.elapsed", "en", seconds=CLOSABLE_AFTER_SECONDS)
            assert dialog.cancel_button.isEnabled()
            assert not dialog.main_button.isEnabled()
            person.press("Esc")
            person.wait_without_dialog()
        person.press("P")  # the window is free
        person.wait_until(lambda: "act" in page.list_bar_names())
    finally:
        answered.set()
    person.wait_until(lambda: translate("dialog.note.kept", "en") in toasts)
    person.wait_until_read()
    assert [note.words for note in console.credit_checks.read_credit_check(record.id).notes] == ["late"]
