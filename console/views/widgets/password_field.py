"""A field for a password: hidden, with an eye to look at what was typed; paste and password managers are welcome."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLineEdit

from console.views.look.theme import look
from console.views.widgets.buttons import IconButton
from console.views.widgets.inputs import Field


class PasswordField(Field):
    """What is typed is shown while the eye is on, and never after it was sent."""

    def __init__(self, label: str, show: str, hide: str) -> None:
        """`show` and `hide` name what the eye does next."""
        super().__init__(label)
        self._words = show, hide
        edit = self.edit
        assert isinstance(edit, QLineEdit)  # noqa: S101  # a field of one line: tells the type checker
        self.line: QLineEdit = edit
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.eye = IconButton("eye", show, px=16)
        self.eye.clicked.connect(self._turn)
        self._inside.addWidget(self.eye)
        self.line.setTextMargins(0, 0, look().control("target_min") + 8, 0)

    @property
    def shown(self) -> bool:
        return self.line.echoMode() == QLineEdit.EchoMode.Normal

    @Slot()
    def _turn(self) -> None:
        self._show(not self.shown)

    def hide_again(self) -> None:
        self._show(False)

    def _show(self, on: bool) -> None:
        self.line.setEchoMode(QLineEdit.EchoMode.Normal if on else QLineEdit.EchoMode.Password)
        word = self._words[on]
        self.eye.setAccessibleName(word)
        self.eye.setToolTip(word)
