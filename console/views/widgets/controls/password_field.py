"""A password field: the typed text is hidden, and a button inside the field shows it. Pasting is allowed."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLineEdit

from console.views.theme.theme import current_appearance
from console.views.widgets.controls.buttons import IconButton
from console.views.widgets.controls.inputs import Field


class PasswordField(Field):
    """A text field that hides its text until the person presses the button with the eye. The form calls
    `hide_password` when the person submits the form."""

    def __init__(self, label: str, show_name: str, hide_name: str) -> None:
        """`label` is the text above the field. `show_name` and `hide_name` are the names of the button with the eye:
        `show_name` while the password is hidden, `hide_name` while the password is visible."""
        super().__init__(label)
        self._button_names = show_name, hide_name
        edit = self.edit
        assert isinstance(edit, QLineEdit)  # noqa: S101  # a field of one line: tells the type checker
        self.line_edit: QLineEdit = edit
        self.line_edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.visibility_button = IconButton("eye", show_name, size_px=16)
        self.visibility_button.clicked.connect(self._toggle_visibility)
        self._inner_layout.addWidget(self.visibility_button)
        self.line_edit.setTextMargins(0, 0, current_appearance().control_height("target_min") + 8, 0)

    @property
    def is_password_visible(self) -> bool:
        return self.line_edit.echoMode() == QLineEdit.EchoMode.Normal

    @Slot()
    def _toggle_visibility(self) -> None:
        self._set_password_visibility(not self.is_password_visible)

    def hide_password(self) -> None:
        self._set_password_visibility(False)

    def _set_password_visibility(self, is_visible: bool) -> None:
        self.line_edit.setEchoMode(QLineEdit.EchoMode.Normal if is_visible else QLineEdit.EchoMode.Password)
        button_name = self._button_names[is_visible]
        self.visibility_button.setAccessibleName(button_name)
        self.visibility_button.setToolTip(button_name)
