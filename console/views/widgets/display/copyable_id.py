"""A widget that shows an identifier in groups of digits and copies its plain form without spaces."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAccessible, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QWidget

from console.views.theme.design_tokens import TextRoleName, Tone
from console.views.theme.key_names import format_keys
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import IconButton, accept_copy_shortcut


class CopyableId(QWidget):
    """A widget that shows an identifier such as `7 1234 5678 9012`. The copy button, or Ctrl+C while the widget has
    the focus, copies the plain form `7123456789012`.

    Signals:
    - copied(str): this plain form of the identifier was copied to the clipboard.
    """

    copied = Signal(str)
    focus_ring_gap_px = 2
    accessible_role = QAccessible.Role.StaticText
    heading_level = 0

    def __init__(
        self,
        short_form: str,
        copied_text: str,
        name: str,
        *,
        copy_label: str = "Copy",
        role: TextRoleName = "data",
        tone: Tone = "text",
        parent: QWidget | None = None,
    ) -> None:
        """The widget shows `short_form` and copies `copied_text`. `name` is the name of the identifier, such as
        "Corporation number"; `copy_label` is the name of the copy button.
        """
        super().__init__(parent)
        self.plain = copied_text
        self._name = name
        self._role: TextRoleName = role
        if role == "title":
            self.accessible_role, self.heading_level = QAccessible.Role.Heading, 1
        self.setAccessibleDescription(f"{format_keys('Ctrl+C')} {copy_label}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._label = TextLabel(short_form, role, tone)
        self._label.is_decoration = True  # the name of this widget contains it
        self._copy_button = IconButton("copy", f"{copy_label}: {name}")
        self._copy_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._copy_button.clicked.connect(self.copy_id)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._label)
        layout.addWidget(self._copy_button)
        self.show_id(short_form, copied_text)

    def show_id(self, short_form: str, copied_text: str) -> None:
        """Show another identifier: the widget shows `short_form` and copies `copied_text`."""
        self.plain, self.short_form = copied_text, short_form
        # A code without a digit, such as COMPLETED, uses the font that it has in sentences.
        has_digit = any(map(str.isdigit, short_form))
        self._label.set_role("body" if self._role == "data" and not has_digit else self._role)
        self._label.show_text(short_form)
        self.setAccessibleName(f"{self._name} {short_form}")

    def copy_id(self) -> None:
        """Copy the plain form of the identifier to the clipboard."""
        QGuiApplication.clipboard().setText(self.plain)
        self.copied.emit(self.plain)

    def event(self, event: QEvent) -> bool:
        """Accept Ctrl+C for this widget. Otherwise a shortcut of the page with the same keys would copy the
        identifier in the title of the page. Leave every other event to Qt. Return True if the event was
        recognised."""
        return accept_copy_shortcut(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_id()
        else:
            super().keyPressEvent(event)
