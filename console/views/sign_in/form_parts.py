"""The base class of the sign-in form and the unlock form, and the area in which these two forms show a message."""

from abc import abstractmethod

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QVBoxLayout, QWidget

from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import clear_layout
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.password_field import PasswordField
from console.views.widgets.window.notification_bars import NotificationBar


class FormMessageArea(QVBoxLayout):
    """A layout that shows at most one message. Screen readers announce the message."""

    def show_message(self, bold_text: str, sentence: str, tone: Tone = "text", icon_name: str = "warning") -> None:
        """Show a message in place of the previous one: the icon `icon_name` in the tone `tone`, the bold text
        `bold_text`, and the sentence `sentence`."""
        clear_layout(self)
        bar = NotificationBar(bold_text, sentence, tone=tone, icon_name=icon_name, is_narrow=True)
        self.addWidget(bar)
        bar.show()


class PasswordForm(QWidget):
    """Base class of the sign-in form and the unlock form: a password field and one button. After the person has
    submitted the form, the form is disabled until the attempt fails.

    Signals:
    - submitted(object): the values that the person has typed, as `_read_input` has returned them.
    """

    submitted = Signal(object)

    def __init__(self, context: WindowContext, title_key: str, button_key: str) -> None:
        """`title_key` and `button_key` are the wording keys of the form's accessible name and of its button."""
        super().__init__()
        self._context = context
        translate = context.translate
        self.setAccessibleName(translate(title_key))
        self.password_field = PasswordField(
            translate("sign_in.field.password"), translate("sign_in.show"), translate("sign_in.hide")
        )
        self.submit_button = KeyButton(translate(button_key), "Enter", "primary", binds_key=False)
        self.submit_button.clicked.connect(self.submit)
        self._message_area = FormMessageArea()
        # the widgets that are disabled while a background thread tries the password
        self._input_widgets: list[QWidget] = [self.password_field.line_edit, self.password_field.visibility_button]

    @abstractmethod  # without ABC: its metaclass conflicts with Qt's
    def focus_first_input(self) -> None:
        """Give the focus to the input with which the person continues: usually a field, or the button if the form
        needs no password. The subclass implements this method."""

    @abstractmethod
    def _read_input(self) -> object:
        """Return the values that the person has typed. If a value is missing, show the error at the field of this
        value and return None. The subclass implements this method."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Submit the form when the person types Enter in a text field, at a closed list or at a check box. An input
        method that composes text handles Enter itself."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(
            self.focusWidget(), QLineEdit | QComboBox | QCheckBox
        ):
            self.submit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def submit(self) -> None:
        """Disable the form and emit `submitted` with the typed values. Do nothing if a value is missing or the
        form is disabled."""
        if not self.submit_button.isEnabled():
            return
        typed_values = self._read_input()
        if typed_values is None:
            self.focus_first_input()
            return
        self.password_field.hide_password()
        self.show_busy()
        self.submitted.emit(typed_values)

    def show_busy(self) -> None:
        """Disable the form, because an attempt is running."""
        self._set_enabled(False)
        self.submit_button.set_busy(self._context.translate("sign_in.busy"))

    def _enable_again(self, *, is_password_wrong: bool) -> None:
        """Enable the form for another attempt. If the password was wrong (`is_password_wrong`), also clear the
        password field."""
        self.submit_button.enable_button()
        self._set_enabled(True)
        if is_password_wrong:
            self.password_field.line_edit.clear()

    def _set_enabled(self, is_enabled: bool) -> None:
        for widget in self._input_widgets:
            widget.setEnabled(is_enabled)
