"""The filter above a list: it limits the list to the rows that match a text."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent

from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import ShapeIcon, Surface, TextLabel, make_row, set_property
from console.views.widgets.inputs import Edit

_TYPING_PAUSE_MS = 200
_WIDTH_PX = 300


class FilterLine(Surface):
    """The input field of the filter. The keys Down, Enter and Esc move the focus to the list; Esc also empties the
    field.

    Signals:
    - changed: the text has changed and the person has paused typing.
    - focus_released: the person wants to return to the list; the page moves the focus there.
    """

    changed = Signal()
    focus_released = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="bottom")
        self.edit = Edit()
        self.edit.setAccessibleName(context.translate("field.filter"))
        self.edit.setPlaceholderText(context.translate("queue.filter_prompt"))
        self.match_count = TextLabel("", "small", "muted")
        label = TextLabel(context.translate("field.filter"), "body", "muted")
        label.setBuddy(self.edit)
        parts = (ShapeIcon("filter", "muted"), label, self.edit, self.match_count, None)
        self._box = make_row(*parts)
        self.setLayout(self._box)
        self.set_compact(is_compact=False)
        self._fit_width()
        self._timer = QTimer(self, singleShot=True, interval=_TYPING_PAUSE_MS)
        self._timer.timeout.connect(self.changed)
        self.edit.textEdited.connect(self._timer.start)
        self.edit.installEventFilter(self)

    def set_compact(self, *, is_compact: bool) -> None:
        """Show the filter without margins and line, as a part of a header."""
        margin = tokens().px("spacing", "page_margin")
        self._box.setContentsMargins(*((0, 0, 0, 0) if is_compact else (margin, 8, margin, 8)))
        set_property(self, "edge", "none" if is_compact else "bottom")

    def _fit_width(self) -> None:
        self.edit.setFixedWidth(round(_WIDTH_PX * current_appearance().scale))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit_width()

    @property
    def text(self) -> str:
        return self.edit.text()

    @Slot()
    def focus_edit(self) -> None:
        """Give the focus to the input field and select its text (Ctrl+F)."""
        self.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.edit and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._handle_key(Qt.Key(event.key()))
        return super().eventFilter(watched, event)

    def _handle_key(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_Escape and self.text:
            self.edit.clear()
            self.changed.emit()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.focus_released.emit()
            return True
        return False
