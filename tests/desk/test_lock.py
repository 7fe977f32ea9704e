"""The lock of a whole window: nothing is seen or reached behind it, and everything is back afterwards."""

from datetime import timedelta

from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.dialogs.keys import open_keys
from console.views.dialogs.resolve import ResolveDialog
from console.views.entry.cover import Cover
from console.views.entry.lock import IdleLock
from console.views.entry.unlock_form import UnlockForm
from console.views.pages.lookup import LookupPage
from console.views.pages.record import RecordPage
from console.views.routes import LookupRoute, RecordRoute
from console.views.widgets.dialog import DialogFrame
from tests.desk.conftest import Sit, buy, buy_unknown
from tests.desk.hands import Person
from tests.desk.test_window import nameless
from tests.support.desks import NUMBERS, MovedClock

NUMBER = NUMBERS[0]


def lock_of(person: Person) -> IdleLock:
    shell = person.opening.shell
    assert shell is not None
    return shell.lock


def locked(person: Person) -> UnlockForm:
    """The form, once the window is covered and the rest is away."""
    person.until(lambda: lock_of(person).locked and in_sight(person) == [])
    cover = person.frame.curtain.cover
    assert isinstance(cover, Cover)
    assert isinstance(cover.panel, UnlockForm)
    return cover.panel


def in_sight(person: Person) -> list[str]:
    """Whatever can be seen besides the window itself and its cover."""
    cover = person.frame.curtain.cover
    parts = [
        part for part in person.window.findChildren(QWidget) if part.isVisible() and part.parent() is person.window
    ]
    windows = [one for one in QApplication.topLevelWidgets() if one.isVisible() and one is not person.window]
    return [
        type(part).__name__ for part in (*parts, *windows) if part is not cover and "Focus" not in type(part).__name__
    ]


def unlock(person: Person) -> None:
    person.press("Return")
    person.until(lambda: not lock_of(person).locked)


def test_nothing_of_a_record_is_seen_or_reached(sit: Sit, console: Console) -> None:
    """Ctrl+L covers it all: no window, no text, no key but those of the form; Enter brings everything back."""
    record = buy(console, NUMBER)
    person = sit()
    person.frame.go(RecordRoute(record.id))
    person.page(RecordPage)
    person.press("Ctrl+L")
    form = locked(person)
    words = [label for label in person.window.findChildren(QWidget) if label.isVisible() and label.accessibleName()]
    assert not any(NUMBER[1:] in label.accessibleName().replace(" ", "") for label in words)
    before = person.frame.route
    for keys in ("Alt+2", "Ctrl+K", "F5", "F1", "Ctrl+/", "Escape"):
        person.press(keys)
    person.rest()
    assert person.frame.route == before
    assert in_sight(person) == []
    assert form.button.hasFocus()
    for _ in range(12):
        person.press("Tab")
        focus = QApplication.focusWidget()
        assert focus is not None
        assert form.window().isAncestorOf(focus)
        assert focus.isVisible()
    form.begin()
    unlock(person)
    assert isinstance(person.frame.page, RecordPage)
    assert person.frame.page.isVisible()
    person.press("Ctrl+/")
    assert person.dialog(DialogFrame).isVisible()


def test_drafts_and_dialogs_wait_behind_the_lock(sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """What was typed into an open dialog is still there, and so is the focus."""
    record = buy_unknown(console, sandbox, NUMBER)
    person = sit()
    person.frame.go(RecordRoute(record.id))
    person.page(RecordPage).acts.resolve(record)
    dialog = person.dialog(ResolveDialog)
    dialog.form.kinds["text"].setChecked(True)
    field = dialog.form.text.edit
    field.setFocus()
    person.until(field.hasFocus)
    person.type_in("as they wrote")
    lock_of(person).lock()
    locked(person)
    assert not dialog.isVisible()
    person.rest()
    unlock(person)
    assert dialog.isVisible()
    assert dialog.form.text.text() == "as they wrote"
    person.until(field.hasFocus)
    dialog.reject()
    person.no_dialog()


def test_what_arrives_meanwhile_waits(sit: Sit) -> None:
    """A dialog that opens and a message that comes while the window is locked are shown afterwards."""
    person = sit()
    lock_of(person).lock()
    locked(person)
    dialog = open_keys(person.frame, person.frame.page)
    person.opening.seat.tell("It has ended")
    person.until(lambda: not dialog.isVisible())
    assert in_sight(person) == []
    assert not person.frame.toasts.shown
    unlock(person)
    assert dialog.isVisible()
    (toast,) = person.frame.toasts.shown
    assert toast.accessibleName() == "It has ended"
    dialog.reject()


def test_ten_minutes_without_a_key_lock(sit: Sit, clock: MovedClock) -> None:
    """By the clock on the wall, which goes on while the machine sleeps; any key begins the ten minutes anew."""
    person = sit()
    lock = lock_of(person)
    clock.offset += timedelta(minutes=9, seconds=50)
    lock.look()
    assert not lock.locked
    person.press("Shift+Tab")
    clock.offset += timedelta(minutes=9, seconds=50)
    lock.look()
    assert not lock.locked
    clock.offset += timedelta(seconds=11)
    lock.look()
    locked(person)
    unlock(person)
    lock.look()
    assert not lock.locked


def test_a_draft_in_a_field_survives(sit: Sit) -> None:
    """Half a number typed into a page is still there."""
    person = sit()
    person.frame.go(LookupRoute(""))
    page = person.page(LookupPage)
    person.until(page.number.edit.hasFocus)
    person.type_in("11803")
    person.press("Ctrl+L")
    locked(person)
    unlock(person)
    edit = page.number.edit
    assert isinstance(edit, QLineEdit)
    assert edit.text().replace(" ", "") == "11803"
    person.until(edit.hasFocus)


def test_the_lock_speaks_the_other_language_and_has_names(sit: Sit) -> None:
    """Switched in the lock itself, what comes back speaks it too; every control has a name in both."""
    person = sit()
    person.press("Ctrl+L")
    locked(person)
    assert nameless(person.window) == []
    cover = person.frame.curtain.cover
    assert isinstance(cover, Cover)
    cover.languages["ja"].click()
    form = locked(person)
    assert form.accessibleName() == "ロック中"
    assert nameless(person.window) == []
    form.begin()
    unlock(person)
    assert person.frame.side.accessibleName() == "画面"


def test_where_things_are_tried_out_another_person_may_come_back(sit: Sit) -> None:
    """SQLite has no passwords: who comes back is chosen, and acts from then on."""
    person = sit()
    person.press("Ctrl+L")
    form = locked(person)
    form.person.setCurrentIndex(form.person.findData("lead-b"))
    form.begin()
    unlock(person)
    assert person.opening.seat.operator == "lead-b"
    assert person.frame.top.operator.text() == "lead-b"
