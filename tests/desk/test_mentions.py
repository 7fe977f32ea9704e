"""A colleague mentions a person in a note: the sidebar shows the number of open mentions, the list opens the record,
and the button *done* ends the mention.
"""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from console.app import Console
from console.domain.payments.records import Payment
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog, open_unfinished_work_dialog
from console.views.records.note_dialog import NoteDialog
from console.views.runtime.context import Toast
from console.views.widgets.controls.inputs import MultiLineEdit
from tests.desk.conftest import OpenWindow
from tests.desk.test_refunds import open_payment, payment
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person

__all__ = ["payment"]


def read_mention_count(person: Person) -> str | None:
    side = person.frame.sidebar
    places = [side.get_entry_at(row) for row in range(side.model().rowCount())]
    return next((place.count_text for place in places if place.key == "mentions"), None)


def test_a_mention_is_counted_opened_and_marked_as_done(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    me = console.people.read_acting_person().name
    with window_desks.open_acting_desk("lead-b") as desk:
        for words in (f"@{me} first", f"@{me} second\nline", f"nobody: x@{me}"):
            desk.recovery.add_note("payment", payment.id, words)
    person = open_window()
    person.wait_until(lambda: read_mention_count(person) == "2")
    shown = person.frame.current_route
    person.frame.sidebar.open_entry("mentions")
    dialog = person.wait_for_dialog(UnfinishedWorkDialog)
    person.wait_until(dialog.mention_buttons.done_button.isEnabled)
    assert dialog.tabs.currentIndex() == dialog.TAB_NAMES.index("mentions")
    assert person.frame.current_route == shown
    assert dialog.row_sentence_label.plain == f"@{me} second line"
    dialog.mention_buttons.done_button.click()
    person.wait_until(lambda: [one.note.words for one in console.mentions.list_open_mentions()] == [f"@{me} first"])
    person.wait_until(lambda: read_mention_count(person) == "1")
    person.wait_until(lambda: dialog.row_sentence_label.plain == f"@{me} first")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: person.frame.current_route != shown)

    console.mentions.mark_done(console.mentions.list_open_mentions()[0].id)  # at another desk of the person
    person.wait_until(lambda: read_mention_count(person) is None)
    dialog = open_unfinished_work_dialog(person.frame)
    dialog.show_tab("mentions")
    person.wait_until(lambda: bool(dialog.mention_buttons.done_button.reason))


def test_the_dialog_of_a_note_offers_and_shows_mentioned_names(
    open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    """The dialog of a note says how to mention a colleague. An @ and a letter open a list of names, and Enter inserts
    one. Below the text, the dialog lists the people whom the note mentions. The message about the stored note names
    them, too.
    """
    person = open_window()
    open_payment(person, payment)
    person.wait_until(lambda: bool(person.opening.context.people))
    me = person.opening.context.operator
    colleague = next(one.name for one in person.opening.context.people if one.name != me and "approver" in one.roles)
    person.press("N")
    dialog = person.wait_for_dialog(NoteDialog)
    edit, popup = dialog.note_field.edit, dialog.mention_completion.popup
    assert isinstance(edit, MultiLineEdit)
    assert person.opening.context.translate("mention.how_to") in edit.accessibleDescription()
    QTest.keyClicks(edit, f"@{colleague[:2].upper()}")
    person.wait_until(popup.isVisible)
    typed_line = edit.cursorRect().translated(edit.viewport().mapToGlobal(QPoint(0, 0)))
    assert popup.mapToGlobal(QPoint(0, 0)).y() >= typed_line.bottom(), "the list hides no typed character"
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert edit.toPlainText() == f"@{colleague} "
    assert not popup.isVisible()
    assert colleague in edit.accessibleDescription()
    QTest.keyClicks(edit, f"@{colleague[:1]}")
    person.wait_until(popup.isVisible)
    QTest.keyClick(popup, Qt.Key.Key_Escape)
    assert not popup.isVisible()
    assert dialog.isVisible()
    QTest.keyClicks(edit, "zz")
    assert "zz" in edit.accessibleDescription()
    QTest.keyClick(edit, Qt.Key.Key_Return)
    edit.insertPlainText("me@" + colleague)
    assert edit.toPlainText().count("\n") == 1
    person.wait_until(dialog.main_button.isEnabled)
    toasts: list[Toast] = []
    person.opening.context.toast_requested.connect(toasts.append)
    dialog.main_button.click()
    person.wait_without_dialog()
    assert [colleague in toast.message for toast in toasts] == [True]
    view = console.recovery.read_record("payment", payment.id)
    assert view.notes[-1].words.startswith(f"@{colleague} @")  # type: ignore[union-attr]  # a payment


def test_a_mention_after_a_rare_character_is_completed(open_window: OpenWindow, payment: Payment) -> None:
    """The name in a mention is completed correctly after a character such as 𠮷, which Qt counts as two."""
    person = open_window()
    open_payment(person, payment)
    person.wait_until(lambda: bool(person.opening.context.people))
    me = person.opening.context.operator
    colleague = next(one.name for one in person.opening.context.people if one.name != me and "approver" in one.roles)
    person.press("N")
    dialog = person.wait_for_dialog(NoteDialog)
    edit = dialog.note_field.edit
    assert isinstance(edit, MultiLineEdit)
    edit.setPlainText("𠮷𠮷野家、 さんへ")
    cursor = edit.textCursor()
    cursor.setPosition(7)
    edit.setTextCursor(cursor)
    QTest.keyClicks(edit, f"@{colleague[:2]}")
    person.wait_until(dialog.mention_completion.popup.isVisible)
    QTest.keyClick(dialog.mention_completion.popup, Qt.Key.Key_Return)
    assert edit.toPlainText() == f"𠮷𠮷野家、@{colleague}  さんへ"


def test_the_second_click_of_a_double_click_ends_no_other_mention(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    """After the first click of a double click on *done*, the next mention is at the position of the mouse. The second
    click doesn't end that mention.
    """
    me = console.people.read_acting_person().name
    with window_desks.open_acting_desk("lead-b") as desk:
        for words in ("first", "second"):
            desk.recovery.add_note("payment", payment.id, f"@{me} {words}")
    person = open_window()
    person.wait_until(lambda: read_mention_count(person) == "2")
    person.frame.sidebar.open_entry("mentions")
    dialog = person.wait_for_dialog(UnfinishedWorkDialog)
    button = dialog.mention_buttons.done_button
    person.wait_until(button.isEnabled)
    person.wait_until_read()  # a list that is just being read again could take the click's row away
    left_button, no_key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(button, left_button, no_key, button.rect().center())
    person.wait_until(lambda: dialog.row_sentence_label.plain == f"@{me} first")
    person.wait_until(button.isEnabled)
    QTest.mouseDClick(button, left_button, no_key, button.rect().center())  # sends the second press alone
    person.wait_until_read()
    assert [one.note.words for one in console.mentions.list_open_mentions()] == [f"@{me} first"]
