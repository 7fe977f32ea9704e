"""Presses Enter in each input of the open dialogs. No dialog may be closed by this key, so that typed text isn't
lost. In a field of several lines Enter begins a line, so its dialog must show the key Ctrl+Enter on its main button.
"""

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QRadioButton,
    QWidget,
)

from console.views.widgets.window.dialog import DialogFrame

_INPUT_TYPES = (QLineEdit, QPlainTextEdit, QComboBox, QCheckBox, QRadioButton)


def find_enter_faults() -> list[str]:
    """Press Enter in each input of each visible dialog. Return one line for each input in which this closes the
    dialog or moves the focus to Cancel, and for each dialog with a field of several lines whose main button doesn't
    show Ctrl+Enter. Busy dialogs are left out. After an input that closes its dialog, no further
    input of this dialog is tried. The action of the main button isn't executed meanwhile.
    """
    dialogs = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, DialogFrame)]
    return [
        fault
        for dialog in dialogs
        if dialog.isVisible() and not dialog.is_busy
        for fault in _find_faults_of_dialog(dialog)
    ]


def _find_faults_of_dialog(dialog: DialogFrame) -> Iterator[str]:
    """Yield one line for each fault of one dialog."""
    focus = dialog.focusWidget()
    has_text_field = any(field.isVisible() and field.isEnabled() for field in dialog.findChildren(QPlainTextEdit))
    if has_text_field and dialog.main_button.key != "Ctrl+Enter":
        yield f"{type(dialog).__name__}: the main button doesn't show Ctrl+Enter"
    dialog.main_button.blockSignals(True)
    for widget in dialog.findChildren(QWidget):
        if isinstance(widget, _INPUT_TYPES) and widget.isVisible() and widget.isEnabled():
            name = f"{type(dialog).__name__}: Enter in {widget.accessibleName() or type(widget).__name__}"
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            if dialog.focusWidget() is not widget:
                continue
            QTest.keyClick(widget, Qt.Key.Key_Return)
            if not dialog.isVisible():
                yield f"{name} closes the dialog"
                return
            if isinstance(widget, QPlainTextEdit):
                widget.undo()
            elif dialog.focusWidget() is dialog.cancel_button and not dialog.main_button.isHidden():
                yield f"{name} leads to Cancel"
    dialog.main_button.blockSignals(False)
    if focus is not None:
        focus.setFocus(Qt.FocusReason.OtherFocusReason)
