"""What stands where rows would be: nothing, with the reason and one way on; or grey bars while reading."""

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.views.look.painting import draw_frame
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.widgets.base import Painted, Sign, Words, column, row
from console.views.widgets.buttons import KeyButton


class EmptyState(QWidget):
    """Why there is nothing, and one way on. The only centred text there is."""

    def __init__(
        self,
        title: str,
        words: str = "",
        *,
        shape: str = "check",
        button: KeyButton | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(f"{title} {words}".strip())
        box = column(None, gap=4)
        centre = Qt.AlignmentFlag.AlignHCenter
        box.addWidget(Sign(shape, "muted", 20), 0, centre)
        box.addWidget(Words(title, bold=True), 0, centre)
        if words:
            detail = Words(words, "small", "muted", wrap=True)
            detail.setAlignment(centre)
            box.addWidget(detail)
        if button is not None:
            box.addSpacing(4)
            box.addWidget(button, 0, centre)
        box.addStretch(1)
        self.setLayout(box)


class SkeletonRows(Painted):
    """Grey bars where rows will be, after 150 ms; they don't move."""

    def __init__(self, rows: int = 3, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = rows
        self._visible = False
        QTimer.singleShot(tokens().px("motion", "skeleton_after_ms"), self, self._appear)

    @Slot()
    def _appear(self) -> None:
        self._visible = True
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, self._rows * look().row())

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._visible:
            return
        painter, colour, high = QPainter(self), look().colour, look().row()
        bar = look().skeleton()
        for number in range(self._rows):
            top = number * high
            middle = top + (high - 10) / 2
            for left, width in ((12, 48 - 8 * (number % 2)), (72, 128 - 12 * number % 40)):
                draw_frame(painter, QRectF(left, middle, width, 10), 2, None, bar)
            draw_frame(painter, QRectF(self.width() - 68, middle, 56, 10), 2, None, bar)
            painter.fillRect(0, top + high - 1, self.width(), 1, colour("line"))


class ReadingNote(QWidget):
    """Words and a way to stop, shown once a reading takes longer than a second.

    Signals:
        cancelled: the person doesn't want to wait.
    """

    cancelled = Signal()

    def __init__(self, words: str, cancel: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._words = Words(words, "small", "muted")
        self._button = KeyButton(cancel, "Esc", "inline")
        self._button.clicked.connect(self.cancelled)
        self.setLayout(row(self._words, None, self._button, margins=(12, 4, 12, 4)))
        self.hide()
        self._timer = QTimer(self, singleShot=True)
        self._timer.setInterval(tokens().px("motion", "words_after_ms"))
        self._timer.timeout.connect(self.show)

    def begin(self) -> None:
        self._timer.start()

    def end(self) -> None:
        self._timer.stop()
        self.hide()

    def say(self, words: str) -> None:
        self._words.say(words)
