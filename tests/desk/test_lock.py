"""The lock of the window: while it is locked, a person can't see or reach its contents. After unlocking, the page,
texts and dialogs are as before.
"""

from datetime import timedelta

import pytest
import shiboken6
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.app.background_refresh import (
    CHANGE_FEED_INTERVAL_MS,
    UNATTENDED_CHANGE_FEED_INTERVAL_MS,
    UNATTENDED_WORK_COUNTS_INTERVAL_MS,
    WORK_COUNTS_INTERVAL_MS,
)
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.lookup.page import LookupPage
from console.views.records.resolve_dialog import ResolveDialog
from console.views.runtime.routes import CreditCheckRoute, LookupRoute
from console.views.sign_in.idle_lock import IdleLock
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.sign_in.unlock_form import UnlockForm
from console.views.widgets.window.dialog import DialogFrame
from tests.desk.conftest import OpenWindow, buy_check, buy_with_unknown_outcome
from tests.desk.test_window import find_nameless_controls
from tests.desk.window_desks import FIRST_PERSON, WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS, MovedClock

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]


def get_idle_lock(person: Person) -> IdleLock:
    shell = person.opening.controller
    assert shell is not None
    return shell.idle_lock


def wait_for_lock_form(person: Person) -> UnlockForm:
    """Wait until the lock covers the window and the other parts of the window are hidden. Return the form that
    unlocks the window.
    """
    person.wait_until(lambda: get_idle_lock(person).is_locked and list_visible_widget_classes(person) == [])
    cover = person.frame.window_cover.cover
    assert isinstance(cover, PrivacyCover)
    assert isinstance(cover.panel, UnlockForm)
    return cover.panel


def list_visible_widget_classes(person: Person) -> list[str]:
    """Return the names of the classes of the visible widgets directly in the window, without its cover and its focus
    ring, and of the other visible windows.
    """
    cover = person.frame.window_cover.cover
    parts = [
        part for part in person.window.findChildren(QWidget) if part.isVisible() and part.parent() is person.window
    ]
    windows = [one for one in QApplication.topLevelWidgets() if one.isVisible() and one is not person.window]
    return [
        type(part).__name__ for part in (*parts, *windows) if part is not cover and "Focus" not in type(part).__name__
    ]


def unlock_window(window_desks: WindowTestDesks, person: Person) -> None:
    form = wait_for_lock_form(person)
    form.focus_first_input()
    if form.needs_password:
        form.password_field.line_edit.setText(window_desks.get_password_of(FIRST_PERSON))
    person.press("Return")
    person.wait_until(lambda: not get_idle_lock(person).is_locked)


def test_the_title_of_a_locked_window_names_no_record(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The title of a locked window contains neither the record nor its state, because the task bar and a screen
    reader show the title. This is so also after the covered page has read its data again.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and str(record.id) in person.window.windowTitle())
    title = person.window.windowTitle()
    assert "Unknown" in title
    get_idle_lock(person).lock_window()
    wait_for_lock_form(person)
    locked_title = f"Locked · {title.rpartition(' · ')[2]}"
    assert person.window.windowTitle() == locked_title
    page.page_name_changed.emit()
    assert person.window.windowTitle() == locked_title
    get_idle_lock(person).unlock_window()
    assert person.window.windowTitle() == title


def test_a_locked_window_shows_and_reaches_no_record(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console
) -> None:
    """Ctrl+L covers the whole window: except for the form that unlocks it, no text is visible, no other window is
    open and no key has an effect. Unlocking with Enter shows the page again.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    person.wait_for_page(CreditCheckPage)
    person.press("Ctrl+L")
    form = wait_for_lock_form(person)
    words = [label for label in person.window.findChildren(QWidget) if label.isVisible() and label.accessibleName()]
    assert not any(CORPORATION_NUMBER[1:] in label.accessibleName().replace(" ", "") for label in words)
    before = person.frame.current_route
    for keys in ("Alt+2", "Ctrl+K", "F5", "F1", "Ctrl+/", "Escape"):
        person.press(keys)
    person.wait_until_read()
    assert person.frame.current_route == before
    assert list_visible_widget_classes(person) == []
    assert (form.password_field.line_edit if form.needs_password else form.submit_button).hasFocus()
    for _ in range(12):
        person.press("Tab")
        focus = QApplication.focusWidget()
        assert focus is not None
        assert form.window().isAncestorOf(focus)
        assert focus.isVisible()
    unlock_window(window_desks, person)
    assert isinstance(person.frame.current_page, CreditCheckPage)
    assert person.frame.current_page.isVisible()
    person.press("Ctrl+/")
    assert person.wait_for_dialog(DialogFrame).isVisible()


def test_drafts_and_dialogs_stay_behind_the_lock(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After unlocking, an open dialog still has its text and its focus."""
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    person.wait_for_page(CreditCheckPage).action_handlers.open_resolve_dialog(record)
    dialog = person.wait_for_dialog(ResolveDialog)
    dialog.form.kind_buttons["text"].setChecked(True)
    field = dialog.form.text_field.edit
    field.setFocus()
    person.wait_until(field.hasFocus)
    person.type_in("as they wrote")
    get_idle_lock(person).lock_window()
    wait_for_lock_form(person)
    assert not dialog.isVisible()
    person.wait_until_read()
    unlock_window(window_desks, person)
    assert dialog.isVisible()
    assert dialog.form.text_field.text() == "as they wrote"
    person.wait_until(field.hasFocus)
    dialog.reject()
    person.wait_without_dialog()


def test_messages_that_arrive_at_a_locked_window_are_shown_after_unlocking(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """A dialog that opens, and a message that arrives, while the window is locked, are shown after unlocking."""
    person = open_window()
    get_idle_lock(person).lock_window()
    wait_for_lock_form(person)
    dialog = open_shortcuts_dialog(person.frame, person.frame.current_page)
    person.opening.context.show_toast("It has ended", subject_title="")
    person.wait_until(lambda: not dialog.isVisible())
    assert list_visible_widget_classes(person) == []
    assert not person.frame.toasts.visible_toasts
    unlock_window(window_desks, person)
    assert dialog.isVisible()
    (toast,) = person.frame.toasts.visible_toasts
    assert toast.accessibleName() == "It has ended"
    dialog.reject()


def test_the_window_is_locked_after_ten_minutes_without_a_key_press(
    window_desks: WindowTestDesks, open_window: OpenWindow, clock: MovedClock
) -> None:
    """If the person presses no key for ten minutes, the window is locked. The time is that of the real-time clock,
    which continues while the machine sleeps. Each key press starts the ten minutes again.
    """
    person = open_window()
    lock = get_idle_lock(person)
    with clock.stop_both_times():
        person.press("Shift+Tab")
        clock.offset += timedelta(minutes=9, seconds=50)
        lock.handle_idle_time()
        assert not lock.is_locked
        person.press("Shift+Tab")
        clock.offset += timedelta(minutes=9, seconds=50)
        lock.handle_idle_time()
        assert not lock.is_locked
        clock.offset += timedelta(seconds=11)
        lock.handle_idle_time()
    wait_for_lock_form(person)
    unlock_window(window_desks, person)
    lock.handle_idle_time()
    assert not lock.is_locked


def test_a_desk_without_a_person_reads_less_often(open_window: OpenWindow, clock: MovedClock) -> None:
    """After a minute without input the window reads its data less often. At the next key it reads immediately, and
    then as often as before.
    """
    person = open_window()
    shell, lock = person.opening.controller, get_idle_lock(person)
    assert shell is not None
    refresh, context = shell.background_refresh, person.opening.context
    with clock.stop_both_times():
        person.press("Shift+Tab")
        clock.offset += timedelta(seconds=59)
        lock.handle_idle_time()
        assert refresh._feed_timer.interval() == CHANGE_FEED_INTERVAL_MS
        clock.offset += timedelta(seconds=2)
        lock.handle_idle_time()
    assert refresh._feed_timer.interval() == UNATTENDED_CHANGE_FEED_INTERVAL_MS
    assert refresh._counts_timer.interval() == UNATTENDED_WORK_COUNTS_INTERVAL_MS
    person.wait_until_read()
    refresh.stop_timers()
    counted_at = context.work_counts.read_at
    person.press("Shift+Tab")
    person.wait_until(lambda: context.work_counts.read_at != counted_at)
    assert refresh._feed_timer.interval() == CHANGE_FEED_INTERVAL_MS
    assert refresh._counts_timer.interval() == WORK_COUNTS_INTERVAL_MS


def test_a_draft_in_a_field_survives_the_lock(window_desks: WindowTestDesks, open_window: OpenWindow) -> None:
    """A text that was typed into a field of a page before the lock is still there after unlocking."""
    person = open_window()
    person.frame.show_route(LookupRoute(""))
    page = person.wait_for_page(LookupPage)
    person.wait_until(page.number_field.edit.hasFocus)
    person.type_in("11803")
    person.press("Ctrl+L")
    wait_for_lock_form(person)
    unlock_window(window_desks, person)
    edit = page.number_field.edit
    assert isinstance(edit, QLineEdit)
    assert edit.text().replace(" ", "") == "11803"
    person.wait_until(edit.hasFocus)


def test_the_lock_is_translated_and_its_controls_have_names(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """On a locked window the language can be changed. The form is then in the new language, and every control has a
    name in both languages.
    """
    person = open_window()
    person.press("Ctrl+L")
    wait_for_lock_form(person)
    assert find_nameless_controls(person.window) == []
    cover = person.frame.window_cover.cover
    assert isinstance(cover, PrivacyCover)
    cover.language_buttons["ja"].click()
    form = wait_for_lock_form(person)
    assert form.accessibleName() == "ロック中"
    assert find_nameless_controls(person.window) == []
    unlock_window(window_desks, person)
    assert person.frame.sidebar.accessibleName() == "画面"


@pytest.mark.embedded("an account of a server is unlocked with its own password, not by choosing a name")
def test_another_person_may_unlock_the_window_on_sqlite(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """On SQLite, which has no passwords, another person can be selected to unlock the window, and then acts."""
    person = open_window()
    person.press("Ctrl+L")
    form = wait_for_lock_form(person)
    form.person_list.setCurrentIndex(form.person_list.findData("lead-b"))
    unlock_window(window_desks, person)
    assert person.opening.context.operator == "lead-b"
    assert person.frame.top_bar.operator.text() == "lead-b"


@pytest.mark.embedded("an account of a server is unlocked with its own password, not by choosing a name")
def test_another_person_gets_no_dialog_and_no_message_of_the_previous_one(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Another person unlocks the window. The dialog of the previous person is closed, and its text stays the draft of
    this person. The messages before and during the lock aren't shown to the next one."""
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    context = person.opening.context
    person.frame.show_route(CreditCheckRoute(record.id))
    person.wait_for_page(CreditCheckPage).action_handlers.open_resolve_dialog(record)
    dialog = person.wait_for_dialog(ResolveDialog)
    dialog.form.kind_buttons["text"].setChecked(True)
    dialog.form.text_field.edit.setFocus()
    person.type_in("as they wrote")
    context.show_toast("Before the lock", subject_title="")
    get_idle_lock(person).lock_window()
    form = wait_for_lock_form(person)
    context.show_toast("During the lock", subject_title="")
    form.person_list.setCurrentIndex(form.person_list.findData("lead-b"))
    unlock_window(window_desks, person)
    person.wait_until_read()
    assert context.operator == "lead-b"
    assert person.frame.toasts.visible_toasts == ()
    assert context.person_values.list_drafts() == ()
    assert not shiboken6.isValid(dialog)
    assert [one for one in QApplication.topLevelWidgets() if one.isVisible()] == [person.window]
    context.change_operator(FIRST_PERSON)
    person.wait_until(lambda: len(context.person_values.list_drafts()) == 1)
