"""Bars above the content, and toasts at the bottom right."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from console.views.look.tokens import Tone
from console.views.widgets.base import Sign, Words, column, row
from console.views.widgets.buttons import IconButton, KeyButton

_TOAST_WIDTH = 360
_MOST_TOASTS = 3


class Bar(QFrame):
    """One fact about the whole page, with its tone, shape, a bold lead, words and perhaps one button.

    It stands above the content, never over it; it is announced when it appears.
    """

    def __init__(
        self,
        lead: str,
        words: str = "",
        *,
        tone: Tone = "text",
        shape: str = "warning",
        button: KeyButton | None = None,
        second: QWidget | None = None,
        narrow: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`narrow`: the words stand below the lead, for panels."""
        super().__init__(parent)
        self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.button = button
        self._lead = Words(lead, bold=True)
        self._words = Words(words, wrap=True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        beside = [item for item in (button, second) if item is not None]
        sign = Sign(shape, "muted" if tone == "text" else tone)
        if narrow:
            box = row(gap=8, margins=(12, 8, 12, 8))
            box.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
            box.addLayout(column(self._lead, self._words, *beside, gap=2), 1)
            self.setLayout(box)
        else:
            self.setLayout(row(sign, 4, self._lead, self._words, *beside, gap=8, margins=(12, 5, 12, 5)))
        self.setMinimumHeight(36)
        self._name()

    def say(self, lead: str, words: str) -> None:
        self._lead.say(lead)
        self._words.say(words)
        self._name()

    def _name(self) -> None:
        self.setAccessibleName(f"{self._lead.plain} {self._words.plain}".strip())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))


class Toast(QFrame):
    """A short message that goes by itself.

    Signals:
        closed: its time is over or it was closed.
    """

    closed = Signal()

    def __init__(
        self, words: str, detail: str = "", *, shape: str = "check", tone: Tone = "good", close: str = "Close"
    ) -> None:
        super().__init__()
        self.setFixedWidth(_TOAST_WIDTH)
        self.setAccessibleName(f"{words} {detail}".strip())
        texts = column(Words(words, wrap=True), gap=0)
        if detail:
            texts.addWidget(Words(detail, "small", "muted", wrap=True))
        button = IconButton("close", close)
        button.clicked.connect(self.closed)
        box = row(gap=8, margins=(12, 8, 8, 8))
        box.addWidget(Sign(shape, tone), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(texts, 1)
        box.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(box)


class Toasts(QObject):
    """The toasts of a window: bottom right inside it, at most three; the oldest makes room."""

    def __init__(self, window: QWidget, *, above: int = 28, seconds: float = 4.0) -> None:
        """`above` is the height in px of what must stay free at the bottom."""
        super().__init__(window)
        self._window, self._above, self._seconds = window, above, seconds
        self._shown: list[Toast] = []
        window.installEventFilter(self)

    def show_toast(self, toast: Toast) -> None:
        """Show it on top of the others for some seconds."""
        if len(self._shown) == _MOST_TOASTS:
            self._drop(self._shown[0])
        toast.setParent(self._window)
        toast.closed.connect(self._closed)
        QTimer.singleShot(round(self._seconds * 1000), toast, toast.closed.emit)
        self._shown.append(toast)
        self._place()
        toast.show()
        QAccessible.updateAccessibility(QAccessibleEvent(toast, QAccessible.Event.Alert))

    @property
    def shown(self) -> tuple[Toast, ...]:
        return tuple(self._shown)

    @Slot()
    def _closed(self) -> None:
        toast = self.sender()
        if isinstance(toast, Toast) and toast in self._shown:
            self._drop(toast)
            self._place()

    def _drop(self, toast: Toast) -> None:
        self._shown.remove(toast)
        toast.hide()
        toast.deleteLater()

    def _place(self) -> None:
        bottom = self._window.height() - self._above - 16
        for toast in reversed(self._shown):
            toast.adjustSize()
            bottom -= toast.height()
            toast.move(self._window.width() - toast.width() - 16, bottom)
            toast.raise_()
            bottom -= 8

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self._place()
        return False
