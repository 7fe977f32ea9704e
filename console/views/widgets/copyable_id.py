"""An identifier that can be copied: it shows one form and copies the plain one."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.views.look.tokens import Role, Tone
from console.views.widgets.base import Words
from console.views.widgets.buttons import IconButton


class CopyableId(QWidget):
    """Shows `7 1234 5678 9012`, copies `7123456789012`: with the button, or Ctrl+C while it has the focus.

    Signals:
        copied(str): the plain form is on the clipboard; the window shows the toast.
    """

    copied = Signal(str)
    focus_ring = 2

    def __init__(
        self,
        shown: str,
        plain: str,
        name: str,
        *,
        copy_word: str = "Copy",
        role: Role = "data",
        tone: Tone = "text",
        parent: QWidget | None = None,
    ) -> None:
        """`name` says what it is ("Corporation number"), `copy_word` is the word for copying."""
        super().__init__(parent)
        self.plain = plain
        self._name = name
        self.setAccessibleDescription(f"Ctrl+C {copy_word}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._label = Words(shown, role, tone)
        self._button = IconButton("copy", f"{copy_word}: {name}")
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._button.clicked.connect(self.copy)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self._label)
        box.addWidget(self._button)
        self.show_id(shown, plain)

    def show_id(self, shown: str, plain: str) -> None:
        self.plain = plain
        self._label.say(shown)
        self.setAccessibleName(f"{self._name} {shown}")

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self.plain)
        self.copied.emit(self.plain)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)
