"""Tests of buttons: their shortcut keys, the reasons why they are disabled, and their names."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.views.widgets.controls.buttons import IconButton, KeyButton, LinkButton, ReasonLabel
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.copyable_id import CopyableId

ShowWidget = Callable[..., None]


@pytest.fixture
def show_widgets(qtbot: QtBot) -> Iterator[Callable[..., None]]:
    """Return a function that puts widgets into a window and makes this window active."""
    windows: list[QWidget] = []

    def show_in_window(*widgets: QWidget) -> None:
        window = QWidget()
        windows.append(window)
        box = QVBoxLayout(window)
        for widget in widgets:
            box.addWidget(widget)
        qtbot.addWidget(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)

    yield show_in_window
    windows.clear()


def test_a_shortcut_key_presses_its_button(show_widgets: ShowWidget) -> None:
    """The key P presses the button "Probe" at once, wherever the focus is, except in a field in which text is being
    typed.
    """
    button, other, field = KeyButton("Probe", "P"), KeyButton("Note", "N"), QLineEdit()
    show_widgets(button, other, field)
    pressed: list[str] = []
    button.clicked.connect(lambda: pressed.append("probe"))
    other.setFocus()
    QTest.keyClick(other, Qt.Key.Key_P)
    assert pressed == ["probe"]
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_P)
    assert pressed == ["probe"]
    assert field.text() == "p"


def test_a_key_of_a_hidden_or_switched_off_button_does_nothing(show_widgets: ShowWidget) -> None:
    """The shortcut key of a hidden or disabled button has no effect."""
    button, other = KeyButton("Probe", "P"), KeyButton("Note", "N")
    show_widgets(button, other)
    pressed: list[str] = []
    button.clicked.connect(lambda: pressed.append("probe"))
    other.setFocus()
    button.disable_with_reason("Possible from 15:05")
    QTest.keyClick(other, Qt.Key.Key_P)
    button.enable_button()
    button.hide()
    QTest.keyClick(other, Qt.Key.Key_P)
    assert pressed == []


def test_a_disabled_button_shows_its_reason(show_widgets: ShowWidget) -> None:
    """The reason why a button is disabled is visible and a part of the button's accessible text. It disappears when
    the button is enabled.
    """
    button = KeyButton("Decline", "D", "danger")
    label = ReasonLabel(button)
    show_widgets(button, label)
    assert not label.isVisible()
    button.disable_with_reason("Needs Approver: lead-b")
    assert label.isVisible()
    assert label.plain == "Needs Approver: lead-b"
    assert "Needs Approver: lead-b" in button.accessibleDescription()
    button.enable_button()
    assert not label.isVisible()
    assert button.accessibleDescription() == "D"


def test_a_busy_button_is_disabled_and_names_its_action(show_widgets: ShowWidget) -> None:
    """A busy button is disabled and names the running action. Afterwards it has its own text again."""
    button = KeyButton("Buy", kind="primary")
    show_widgets(button)
    button.set_busy("Asking...")
    assert not button.isEnabled()
    assert button.accessibleName() == "Asking..."
    button.enable_button()
    assert (button.text(), button.isEnabled()) == ("Buy", True)


def test_a_double_click_presses_a_button_once(show_widgets: ShowWidget) -> None:
    """A double click presses a button once, because its first click may have put another button under the pointer.
    Only buttons of tools, which people click quickly on purpose, accept both clicks.
    """
    act, tool, pressed = KeyButton("Acknowledge", "A"), KeyButton("Larger", "+", "tool"), []
    act.clicked.connect(lambda: pressed.append("act"))
    tool.clicked.connect(lambda: pressed.append("tool"))
    show_widgets(act, tool)
    for button in (act, tool):
        window = button.window()
        at = button.mapTo(window, button.rect().center())
        QTest.mouseDClick(window.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert pressed == ["act", "tool", "tool"]


def test_every_button_has_a_name_and_a_minimum_size() -> None:
    """A button that shows only an icon has an accessible name, and no button is smaller than 24 px."""
    widgets = (
        IconButton("close", "Close"),
        KeyButton("Probe", "P", "inline"),
        Badge.from_badge_key("work.none", "en"),
    )
    assert [widget.accessibleName() for widget in widgets] == ["Close", "Probe", "Nothing to do"]
    assert all(min(widget.sizeHint().width(), widget.sizeHint().height()) >= 24 for widget in widgets)


def test_a_copied_identifier_has_no_spaces(show_widgets: ShowWidget, qtbot: QtBot) -> None:
    """Ctrl+C on a focused identifier copies the number without its spaces."""
    number = CopyableId("7 1234 5678 9012", "7123456789012", "Corporation number")
    show_widgets(number)
    number.setFocus()
    with qtbot.waitSignal(number.copied) as copied:
        QTest.keyClick(number, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert copied.args == ["7123456789012"]
    assert QGuiApplication.clipboard().text() == "7123456789012"
    assert number.accessibleName() == "Corporation number 7 1234 5678 9012"


@pytest.mark.parametrize("kind", [KeyButton, LinkButton])
def test_an_ampersand_in_a_record_is_no_shortcut(
    show_widgets: ShowWidget, kind: type[KeyButton] | type[LinkButton]
) -> None:
    """An "&" in the text of a button, such as in an order number or a name, makes no shortcut: the key after it
    doesn't press the button, and the keys that open the screens still open them.
    """
    button, pressed, opened = kind("Order A&1"), [], []
    button.clicked.connect(lambda: pressed.append(button.text()))
    show_widgets(button)
    shortcut = QShortcut(QKeySequence("Alt+1"), button.window())
    shortcut.activated.connect(lambda: opened.append("home"))
    for text in ("Order A&1", "P&1"):
        button.setText(text)
        QTest.keyClick(button.window(), Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert (pressed, opened) == ([], ["home", "home"])
