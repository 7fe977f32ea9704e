"""Tests of the key Enter in a dialog. It presses the focused button; in an input it moves the focus or submits the
form, and never cancels.
"""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QButtonGroup, QWidget
from pytestqt.qtbot import QtBot

from console.views.widgets.base import make_column
from console.views.widgets.controls.inputs import CheckBox, DropDownList, Field, RadioButton
from console.views.widgets.window.dialog import DialogFrame


class PressCountingForm(DialogFrame):
    """A dialog with one input of each type. `presses` counts the presses of its main button, `outcomes` lists its
    results.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__("Limit", main_button_text="Propose", parent=parent)
        self.value_field = Field("Value")
        self.list = DropDownList("Client")
        self.list.addItems(["41", "42"])
        self.radios = [RadioButton("All"), RadioButton("Part")]
        self.group = QButtonGroup(self)
        for radio in self.radios:
            self.group.addButton(radio)
        self.box = CheckBox("For the team")
        content = QWidget()
        content.setLayout(make_column(self.value_field, self.list, *self.radios, self.box))
        self.show_content(content)
        self.outcomes: list[int] = []
        self.presses = 0
        self.finished.connect(self.outcomes.append)
        self.main_button.clicked.connect(self._count_press)

    def _count_press(self) -> None:
        self.presses += 1

    def find_first_focus(self) -> QWidget:
        return self.value_field.edit


class SubmittingForm(PressCountingForm):
    submits_on_enter = True


class ReviewedForm(PressCountingForm):
    """A form whose main button has the shortcut Ctrl+Enter."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.main_button.show_key("Ctrl+Enter")


def open_form(qtbot: QtBot, kind: type[PressCountingForm]) -> PressCountingForm:
    window = QWidget()
    window.resize(900, 700)
    qtbot.addWidget(window)
    window.show()
    dialog = kind(window)
    dialog.open()
    dialog.activateWindow()
    qtbot.waitUntil(dialog.value_field.edit.hasFocus)
    dialog._enable_main_button()
    return dialog


def press_enter() -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, Qt.Key.Key_Return)


def test_enter_moves_the_focus_from_each_input(qtbot: QtBot) -> None:
    """The key Enter in an input moves the focus to the next input, past the other buttons of a button group, and from
    the last input to the main button. A further Enter presses the main button.
    """
    dialog = open_form(qtbot, PressCountingForm)
    for widget in (dialog.list, dialog.radios[0], dialog.box, dialog.main_button):
        press_enter()
        assert QApplication.focusWidget() is widget
    assert (dialog.presses, dialog.outcomes) == (0, [])
    press_enter()
    assert dialog.presses == 1


def test_enter_in_an_incomplete_form_keeps_the_focus(qtbot: QtBot) -> None:
    """While the form is incomplete, Enter in the last input leaves the focus there. If the focus moved to the cancel
    button, a second Enter would cancel the dialog.
    """
    dialog = open_form(qtbot, PressCountingForm)
    dialog.disable_main_button("Enter a valid value.")
    dialog.box.setFocus()
    for _ in range(3):
        press_enter()
    assert dialog.box.hasFocus()
    assert (dialog.presses, dialog.outcomes) == (0, [])


def test_enter_on_the_dialog_title_keeps_the_typed_text(qtbot: QtBot) -> None:
    """The key Enter on the title moves the focus to the first input and leaves the dialog open."""
    dialog = open_form(qtbot, PressCountingForm)
    dialog._title.setFocus(Qt.FocusReason.TabFocusReason)
    press_enter()
    assert dialog.value_field.edit.hasFocus()
    assert dialog.outcomes == []


def test_enter_submits_a_form_without_risk_from_any_input(qtbot: QtBot) -> None:
    """In a form without risk, the key Enter submits from any input if the form is complete."""
    dialog = open_form(qtbot, SubmittingForm)
    assert dialog.main_button.key == "Enter"
    dialog.disable_main_button("Enter a name first.")
    press_enter()
    assert (dialog.presses, dialog.outcomes) == (0, [])
    dialog.enable_main_button()
    for number, widget in enumerate((dialog.value_field.edit, dialog.list, dialog.radios[0], dialog.box), 1):
        widget.setFocus()
        press_enter()
        assert dialog.presses == number


def test_enter_in_a_field_has_no_effect_in_the_first_moment(qtbot: QtBot) -> None:
    dialog = open_form(qtbot, SubmittingForm)
    dialog._is_acting_delay_over = False
    dialog.main_button.setEnabled(False)
    dialog.too_early_text = "Not accepted yet."
    press_enter()
    assert (dialog.presses, dialog.outcomes, dialog.hint.plain) == (0, [], "Not accepted yet.")


@pytest.mark.parametrize("place", range(4))
def test_escape_cancels_from_every_input(qtbot: QtBot, place: int) -> None:
    dialog = open_form(qtbot, PressCountingForm)
    outcomes = dialog.outcomes
    widget = (dialog.value_field.edit, dialog.list, dialog.radios[0], dialog.box)[place]
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_Escape)
    assert outcomes == [0]


@pytest.mark.parametrize("form_class", [ReviewedForm, SubmittingForm])
@pytest.mark.parametrize("is_complete", [True, False])
def test_ctrl_enter_never_presses_the_focused_cancel_button(
    qtbot: QtBot, form_class: type[PressCountingForm], is_complete: bool
) -> None:
    """Ctrl+Enter presses the main button whose shortcut it is, whatever widget has the focus. If the main button is
    disabled, Ctrl+Enter changes nothing; in particular it doesn't press Cancel when this button has the focus.
    """
    dialog = open_form(qtbot, form_class)
    if not is_complete:
        dialog.disable_main_button("Select a client first.")
    dialog.cancel_button.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(dialog.cancel_button, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert (dialog.presses, dialog.outcomes) == (int(is_complete), [])
    press_enter()
    assert dialog.outcomes == [0]
