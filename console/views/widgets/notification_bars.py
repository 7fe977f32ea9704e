"""Messages of a window: bars above the content, and toasts at the bottom right."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from console.views.theme.design_tokens import Tone
from console.views.widgets.base import ShapeIcon, TextLabel, make_column, make_row
from console.views.widgets.buttons import IconButton, KeyButton

_TOAST_WIDTH_PX = 360
_MAX_TOASTS = 3


class Bar(QFrame):
    """A message about the whole page: icon, bold text (`lead`), text (`words`) and at most two buttons, in the
    colours of a tone.

    The bar stands above the content and never covers it. Screen readers announce the bar when it appears.
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
        """`second` is the second button. With `narrow`, the text stands below the bold text, for use in a narrow
        panel.
        """
        super().__init__(parent)
        self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.button = button
        self._lead = TextLabel(lead, bold=True)
        self._words = TextLabel(words, wrap=True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        buttons = [item for item in (button, second) if item is not None]
        sign = ShapeIcon(shape, "muted" if tone == "text" else tone)
        if narrow:
            box = make_row(gap=8, margins=(12, 8, 12, 8))
            box.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
            box.addLayout(make_column(self._lead, self._words, *buttons, gap=2), 1)
            self.setLayout(box)
        else:
            self.setLayout(make_row(sign, 4, self._lead, self._words, *buttons, gap=8, margins=(12, 5, 12, 5)))
        self.setMinimumHeight(36)
        self._set_accessible_name()

    def show_text(self, lead: str, words: str) -> None:
        self._lead.show_text(lead)
        self._words.show_text(words)
        self._set_accessible_name()

    def _set_accessible_name(self) -> None:
        self.setAccessibleName(f"{self._lead.plain} {self._words.plain}".strip())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))


class ToastFrame(QFrame):
    """The widget of one toast: a short message that disappears after some seconds.

    Signals:
    - closed: the time of display has ended, or the person has closed the message.
    """

    closed = Signal()

    def __init__(
        self, words: str, detail: str = "", *, shape: str = "check", tone: Tone = "good", close: str = "Close"
    ) -> None:
        super().__init__()
        self.setFixedWidth(_TOAST_WIDTH_PX)
        self.setAccessibleName(f"{words} {detail}".strip())
        texts = make_column(TextLabel(words, wrap=True), gap=0)
        if detail:
            texts.addWidget(TextLabel(detail, "small", "muted", wrap=True))
        button = IconButton("close", close)
        button.clicked.connect(self.closed)
        box = make_row(gap=8, margins=(12, 8, 8, 8))
        box.addWidget(ShapeIcon(shape, tone), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(texts, 1)
        box.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(box)


class Toasts(QObject):
    """The toasts (short messages) at the bottom right of a window. At most three are shown; a fourth replaces the
    oldest.
    """

    def __init__(self, window: QWidget, *, above: int = 28, seconds: float = 4.0) -> None:
        """`above` is the height in px that stays free below the toasts; each toast is shown for `seconds`."""
        super().__init__(window)
        self._window, self._free_px, self._seconds = window, above, seconds
        self._toasts: list[ToastFrame] = []
        window.installEventFilter(self)

    def show_toast(self, toast: ToastFrame) -> None:
        """Show a toast for the configured seconds, and announce it to screen readers."""
        if len(self._toasts) == _MAX_TOASTS:
            self._remove_toast(self._toasts[0])
        toast.setParent(self._window)
        toast.closed.connect(self._remove_sender)
        QTimer.singleShot(round(self._seconds * 1000), toast, toast.closed.emit)
        self._toasts.append(toast)
        self._place_toasts()
        toast.show()
        QAccessible.updateAccessibility(QAccessibleEvent(toast, QAccessible.Event.Alert))

    @property
    def visible_toasts(self) -> tuple[ToastFrame, ...]:
        return tuple(self._toasts)

    @Slot()
    def _remove_sender(self) -> None:
        toast = self.sender()
        if isinstance(toast, ToastFrame) and toast in self._toasts:
            self._remove_toast(toast)
            self._place_toasts()

    def _remove_toast(self, toast: ToastFrame) -> None:
        self._toasts.remove(toast)
        toast.hide()
        toast.deleteLater()

    def _place_toasts(self) -> None:
        bottom = self._window.height() - self._free_px - 16
        for toast in reversed(self._toasts):
            toast.adjustSize()
            bottom -= toast.height()
            toast.move(self._window.width() - toast.width() - 16, bottom)
            toast.raise_()
            bottom -= 8

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self._place_toasts()
        return False
