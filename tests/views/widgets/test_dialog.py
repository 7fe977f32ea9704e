"""Tests of the frame of every dialog: it stays inside its window, and it ignores presses of Enter, Esc and the main
button that come too early, during a call, or twice.
"""

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QWindow
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from console.views.theme.design_tokens import tokens
from console.views.theme.theme import Appearance, current_appearance
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.buttons import IconButton
from console.views.widgets.controls.inputs import Field
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame


def open_dialog(qtbot: QtBot) -> tuple[QWidget, DialogFrame, list[int], list[str]]:
    """Return a window with an open dialog, the dialog, the list of its results, and the list of presses of its main
    button.
    """
    window = QWidget()
    window.resize(900, 600)
    qtbot.addWidget(window)
    window.show()
    dialog = DialogFrame("Buy a credit check?", "Client 42", main_button_text="Buy one credit check", parent=window)
    dialog.show_content(TextLabel("This costs money."))
    outcomes: list[int] = []
    pressed: list[str] = []
    dialog.finished.connect(outcomes.append)
    dialog.main_button.clicked.connect(lambda: pressed.append("act"))
    dialog.open()
    dialog.activateWindow()
    qtbot.waitUntil(dialog.cancel_button.hasFocus)
    return window, dialog, outcomes, pressed


def test_cancel_has_the_first_focus_and_enter_cancels(qtbot: QtBot) -> None:
    """In a new dialog the cancel button has the focus, and the key Enter cancels the dialog without an effect."""
    _, dialog, outcomes, pressed = open_dialog(qtbot)
    QTest.keyClick(dialog.cancel_button, Qt.Key.Key_Return)
    assert outcomes == [QDialog.DialogCode.Rejected.value]
    assert pressed == []


def test_escape_cancels_a_dialog(qtbot: QtBot) -> None:
    """The key Esc cancels a dialog."""
    _, dialog, outcomes, _ = open_dialog(qtbot)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert outcomes == [QDialog.DialogCode.Rejected.value]


def test_the_button_after_a_rejection_loses_the_colour_of_danger(qtbot: QtBot) -> None:
    """The main button of a dialog that rejects or deletes has the appearance "danger" until the action is over. The
    next action of the button, such as opening the record, has none.
    """
    dialog = DialogFrame("Reject this refund?", main_button_text="Reject", kind="danger")
    qtbot.addWidget(dialog)
    dialog.main_button.clicked.connect(dialog.accept)
    kinds = [str(dialog.main_button.kind)]
    dialog.show_outcome("Rejected", "", TextLabel("Rejected."), close_text="Close", main_button_text="Open refund")
    kinds.append(str(dialog.main_button.kind))
    assert kinds == ["danger", "primary"]


def test_a_bar_has_its_usual_height_and_equal_margins_in_a_small_dialog(qtbot: QtBot) -> None:
    """If a bar is the only content of a dialog, it has its usual height and equal space above and below it."""
    _, dialog, _, _ = open_dialog(qtbot)
    bar = NotificationBar("", "Nothing was sent.")
    dialog.show_content(bar)
    qtbot.waitUntil(bar.isVisible)
    assert bar.height() == bar.minimumHeight()
    content = bar.parentWidget()
    assert content is not None
    qtbot.waitUntil(lambda: content.height() - bar.geometry().bottom() - 1 == bar.y())


def test_the_main_button_follows_the_fields_also_below_a_toast(qtbot: QtBot) -> None:
    """A toast about a file that was written before the dialog opened has buttons. The Tab key goes from the field
    to the main button, so that Enter doesn't press a button of the toast."""
    _, dialog, _, _ = open_dialog(qtbot)
    field = Field("Note")
    dialog.show_content(field)
    dialog.enable_main_button()
    qtbot.waitUntil(dialog.main_button.isEnabled)
    dialog.set_main_button_first(is_first=False)  # as in a dialog whose first focus is its field
    toast = ToastFrame("Saved")
    toast.add_file_buttons("/a.zip", "Copy path", "Open folder")
    dialog.show_toast(toast)
    field.edit.setFocus()
    QTest.keyClick(field.edit, Qt.Key.Key_Tab)
    assert dialog.focusWidget() is dialog.main_button
    QTest.keyClick(dialog.main_button, Qt.Key.Key_Tab)
    assert dialog.focusWidget() is dialog.cancel_button
    QTest.keyClick(dialog.cancel_button, Qt.Key.Key_Tab)
    assert toast.isAncestorOf(dialog.focusWidget())


def test_a_long_title_takes_several_lines(qtbot: QtBot) -> None:
    """The title of a result contains the name of the record and the outcome. If one line is too short for it, it
    continues on the next line, left of the close button, and no letter is cut."""
    _, dialog, _, _ = open_dialog(qtbot)
    title = dialog._title
    title_text = "Outcome proposed for Payment ORD-20261107-000085: " + "given back outside " * 4
    dialog.show_outcome(title_text, "", TextLabel("Nothing was sent."), close_text="Close")
    qtbot.waitUntil(lambda: title.height() >= title.heightForWidth(title.width()))
    assert title.height() >= 2 * current_appearance().line_height("dialog_title")


def test_a_dialog_is_moved_by_dragging_and_not_by_a_click(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drag on an empty area of the dialog asks the window system once to move it. A click on it doesn't, nor do
    movements after the click, nor a drag with the right button.
    """
    _, dialog, _, _ = open_dialog(qtbot)
    moves: list[QWindow] = []
    monkeypatch.setattr(QWindow, "startSystemMove", lambda window: moves.append(window))
    start, *later = (QPoint(5 + count * QApplication.startDragDistance(), 5) for count in range(4))
    left, right = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
    QTest.mouseClick(dialog, left, pos=start)
    QTest.mouseMove(dialog, later[1])
    QTest.mousePress(dialog, right, pos=start)
    QTest.mouseMove(dialog, later[1])
    QTest.mouseRelease(dialog, right, pos=later[1])
    assert moves == []
    QTest.mousePress(dialog, left, pos=start)
    for position in later:
        QTest.mouseMove(dialog, position)
    assert moves == [dialog.windowHandle()]
    QTest.mouseRelease(dialog, left, pos=later[2])


@pytest.mark.qt_log_ignore("This plugin does not support setting window masks", extend=True)
def test_a_dialog_has_a_round_mask_on_x11(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """On X11, where no compositor may run, the dialog's window has a mask with round corners at every size. On other
    platforms it has no mask, because Qt blends the corners.
    """
    _, blended, _, _ = open_dialog(qtbot)
    assert blended.mask().isEmpty()
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: "xcb")
    _, dialog, _, _ = open_dialog(qtbot)
    dialog.show_content(TextLabel("\n".join(["This costs money."] * 12)))
    qtbot.waitUntil(lambda: dialog.mask().boundingRect() == dialog.rect())
    rect = dialog.rect()
    corners = (rect.topLeft(), rect.topRight(), rect.bottomLeft(), rect.bottomRight())
    edges = (QPoint(rect.center().x(), 0), QPoint(rect.center().x(), rect.bottom()))
    assert not any(dialog.mask().contains(corner) for corner in corners)
    assert all(dialog.mask().contains(point) for point in edges)


def test_the_footer_leaves_the_corners_round(qtbot: QtBot) -> None:
    """The lower corners of a dialog are as round as its upper ones: the background of the footer ends inside the
    border.
    """
    _, dialog, _, _ = open_dialog(qtbot)
    image = dialog.grab().toImage()
    radius_px = tokens().px("radii", "dialog")
    corner = [(x, y) for x in range(radius_px) for y in range(radius_px)]
    outside = [at for at in corner if image.pixelColor(*at).alpha() == 0]
    assert outside
    assert all(image.pixelColor(x, image.height() - 1 - y).alpha() == 0 for x, y in outside)


class WideDialog(DialogFrame):
    is_wide = True


@pytest.mark.parametrize(("dialog_class", "width"), [(DialogFrame, 640), (WideDialog, 960)])
def test_dialogs_have_one_of_two_widths(
    qtbot: QtBot, appearance: Appearance, dialog_class: type[DialogFrame], width: int
) -> None:
    """A dialog is 640 px wide, or 960 px with a table. It keeps this width when the window changes its size, and at
    200 % both have the width of the window less its margins.
    """
    window = QWidget()
    window.resize(1280, 700)
    qtbot.addWidget(window)
    window.show()
    dialog = dialog_class("Help", parent=window)
    dialog.show_content(TextLabel("Lists waiting records."))
    dialog.open()
    assert dialog.width() == width
    window.resize(1280, 760)
    qtbot.waitUntil(lambda: window.height() == 760)
    dialog._fit_into_window()
    assert dialog.width() == width
    appearance.set_text_scale(2.0)
    dialog._fit_into_window()
    assert dialog.width() == 1280 - 96


def test_the_main_button_is_disabled_at_first(qtbot: QtBot) -> None:
    """Immediately after the opening of a dialog its main button is disabled, so that an early click has no effect."""
    _, dialog, _, pressed = open_dialog(qtbot)
    assert not dialog.main_button.isEnabled()
    QTest.mouseClick(dialog.main_button, Qt.MouseButton.LeftButton)
    assert pressed == []
    qtbot.waitUntil(dialog.main_button.isEnabled)
    dialog.main_button.setFocus()
    QTest.keyClick(dialog.main_button, Qt.Key.Key_Return)
    assert pressed == ["act"]


def test_a_disabled_button_stays_disabled_after_the_pause(qtbot: QtBot) -> None:
    """If there is a reason why the main button is disabled, it stays disabled after the pause at the opening, and the
    dialog shows the reason.
    """
    _, dialog, _, _ = open_dialog(qtbot)
    dialog.disable_main_button("Choose a client")
    dialog._enable_main_button()
    assert not dialog.main_button.isEnabled()
    assert dialog.hint.plain == "Choose a client"
    dialog.enable_main_button()
    assert dialog.main_button.isEnabled()


def test_a_press_in_the_first_moment_shows_a_message(qtbot: QtBot) -> None:
    """During the pause at the opening, the shortcut of the main button has no effect and the footer says so. After
    the pause the shortcut executes the action.
    """
    _, dialog, _, pressed = open_dialog(qtbot)
    dialog.too_early_text = "Not accepted yet."
    dialog.press_main_button()
    assert (pressed, dialog.hint.plain) == ([], "Not accepted yet.")
    dialog._enable_main_button()
    assert dialog.hint.plain == ""
    dialog.press_main_button()
    assert pressed == ["act"]


def test_a_dialog_stays_open_until_the_answer(qtbot: QtBot) -> None:
    """While a call runs, the dialog stays open: a second press has no effect, and a sentence refuses Esc and the
    close button. The result then takes the place of the question.
    """
    _, dialog, outcomes, pressed = open_dialog(qtbot)
    dialog._enable_main_button()
    dialog.main_button.click()
    dialog.stays_open_text = "The answer is still awaited."
    dialog.set_busy("Asking...")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.hint.plain == "The answer is still awaited."
    dialog.hint.show_text("")
    (close_button,) = dialog.findChildren(IconButton)
    close_button.click()
    assert dialog.hint.plain == "The answer is still awaited."
    dialog.main_button.click()
    assert outcomes == []
    assert pressed == ["act"]
    dialog.show_outcome(
        "Bought",
        "Check 17",
        TextLabel("Detail complete, PDF missing"),
        close_text="Close",
        main_button_text="Open record",
    )
    dialog.main_button.click()
    assert pressed == ["act"]  # the old meaning is gone with the old words
    assert dialog.windowTitle() == "Bought"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert len(outcomes) == 1


def test_a_dialog_with_a_long_call_can_be_left(qtbot: QtBot) -> None:
    """If the service continues a long call without the window, the dialog can be closed."""
    _, dialog, outcomes, _ = open_dialog(qtbot)
    dialog.set_busy("Asking...")
    dialog.allow_closing("Close", "No answer yet. It is being watched.")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert len(outcomes) == 1


def test_the_window_below_an_open_dialog_is_veiled(qtbot: QtBot) -> None:
    """While a dialog is open, the window below it is darkened. After the dialog the window has its usual colours."""
    window, dialog, _, _ = open_dialog(qtbot)
    veil = dialog._overlay
    assert veil is not None
    assert veil.isVisible()
    assert veil.geometry() == window.rect()
    with qtbot.waitSignal(veil.destroyed):
        dialog.reject()


def test_a_dialog_is_at_most_as_high_as_its_window(qtbot: QtBot) -> None:
    """A dialog whose content is higher than its window is lower than the window, even if none of its texts wraps."""
    window = QWidget()
    window.resize(900, 600)
    qtbot.addWidget(window)
    window.show()
    dialog = DialogFrame("Keyboard shortcuts", cancel_text="Close", parent=window)
    content = QWidget()
    content.setLayout(make_column(*(TextLabel(f"line {number}") for number in range(60))))
    dialog.show_content(content)
    dialog.open()
    qtbot.waitUntil(dialog.cancel_button.hasFocus)
    assert dialog.height() < window.height()


def test_a_dialog_keeps_its_position_under_a_window_manager(qtbot: QtBot) -> None:
    """On X11, Qt for a moment reports that a new window is in the corner of the screen, which is its position in the
    window manager's frame. A dialog whose height changes at this moment stays in the middle of its window."""
    window = QWidget()
    qtbot.addWidget(window)
    window.setGeometry(200, 150, 1000, 700)
    window.show()
    dialog = DialogFrame("Hand over?", main_button_text="Hand over", parent=window)
    dialog.open()
    qtbot.waitExposed(dialog)
    place = dialog.pos()
    assert place != QPoint()
    dialog.move(0, 0)
    content = QWidget()
    content.setMinimumHeight(300)
    dialog.show_content(content)
    assert dialog.pos() == place
    assert dialog.height() > 300


def test_an_open_dialog_stays_inside_a_window_that_becomes_smaller(qtbot: QtBot) -> None:
    """If the window of an open dialog becomes smaller, for example because its screen was removed, the dialog with
    all its buttons stays inside the window, and the content scrolls.
    """
    window, dialog, _, _ = open_dialog(qtbot)
    window.resize(1200, 900)
    dialog.show_content(make_column_of_lines(30))
    qtbot.waitUntil(lambda: dialog.height() > 500)
    window.resize(700, 400)
    qtbot.waitUntil(lambda: window.geometry().contains(dialog.geometry()))
    assert dialog.rect().contains(dialog.cancel_button.mapTo(dialog, dialog.cancel_button.rect().bottomRight()))


def test_a_scroll_bar_is_hidden_when_the_whole_content_fits(qtbot: QtBot) -> None:
    """The content of a dialog scrolls in a low window, and beside the scroll bar a text can need one line more. When
    the window becomes higher, the scroll bar is hidden, at every length of the text.
    """
    window, dialog, _, _ = open_dialog(qtbot)
    window.resize(900, 900)
    text = TextLabel("", wraps_lines=True)
    dialog.show_content(text)
    bar = dialog._scroll_area.verticalScrollBar()
    for words in range(80, 100):
        text.show_text("charge " * words)
        dialog._scroll_area.setFixedHeight(40)
        QCoreApplication.processEvents()
        dialog.fit_size()
        QCoreApplication.processEvents()
        assert not bar.isVisible(), words


def make_column_of_lines(count: int) -> QWidget:
    widget = QWidget()
    widget.setLayout(make_column(*(TextLabel(f"Line {number}") for number in range(count))))
    return widget
