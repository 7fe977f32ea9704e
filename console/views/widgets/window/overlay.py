"""The translucent layer that covers a window while a search box or dialog is open."""

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QWidget


class OverlayLayer(QFrame):
    """A translucent layer that covers a window, below the open search box or dialog.

    Signals:
    - clicked: the person has clicked on the layer.
    """

    clicked = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        window.installEventFilter(self)
        self.hide()

    def cover_window(self) -> None:
        """Show the layer over the whole window, above all other widgets of the window."""
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._window.rect())
        return False

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        self.clicked.emit()
