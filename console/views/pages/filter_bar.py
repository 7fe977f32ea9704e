"""The line above a list that narrows it to what fits a text."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent

from console.views.look.tokens import tokens
from console.views.seat import Seat
from console.views.widgets.base import Sign, Surface, Words, row
from console.views.widgets.inputs import Edit

_AFTER_MS = 200
_WIDTH = 300


class FilterLine(Surface):
    """Down and Enter go on to the list, Esc empties the field first.

    Signals:
        changed: another text stands there, and nobody has typed for a moment.
        left: the person goes on to the list.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, seat: Seat) -> None:
        super().__init__(edge="bottom")
        self.edit = Edit()
        self.edit.setAccessibleName(seat.say("field.filter"))
        self.edit.setPlaceholderText(seat.say("queue.filter_prompt"))
        self.edit.setFixedWidth(_WIDTH)
        self.found = Words("", "small", "muted")
        label = Words(seat.say("field.filter"), "body", "muted")
        label.setBuddy(self.edit)
        margin = tokens().px("spacing", "page_margin")
        parts = (Sign("filter", "muted"), label, self.edit, self.found, None)
        self.setLayout(row(*parts, margins=(margin, 8, margin, 8)))
        self._timer = QTimer(self, singleShot=True, interval=_AFTER_MS)
        self._timer.timeout.connect(self.changed)
        self.edit.textEdited.connect(self._timer.start)
        self.edit.installEventFilter(self)

    @property
    def text(self) -> str:
        return self.edit.text()

    @Slot()
    def enter(self) -> None:
        """Ctrl+F."""
        self.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.edit and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._key(Qt.Key(event.key()))
        return super().eventFilter(watched, event)

    def _key(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_Escape and self.text:
            self.edit.clear()
            self.changed.emit()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.left.emit()
            return True
        return False
