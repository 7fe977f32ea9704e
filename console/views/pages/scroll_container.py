"""What a page lies on: as large as the window, or as large as the page must be, and then it scrolls as a whole."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget


class PageSheet(QScrollArea):
    """With larger text, or in a small window, nothing of a page is squeezed away.

    QScrollArea's own resizing takes the height that a page would like; here it is the height that it needs.
    """

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(page)
        page.installEventFilter(self)

    def fit(self) -> None:
        """Give the page the room of the window, or what it needs."""
        page = self.widget()
        layout = page.layout() if page is not None else None
        if page is None or layout is None:
            return
        room = self.maximumViewportSize()
        size = _needed(layout, room)
        if size.height() > room.height():  # it scrolls, and the bar for that takes its part of the width
            beside = self.verticalScrollBar().sizeHint().width()
            size = _needed(layout, QSize(room.width() - beside, room.height()))
        page.resize(size)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return super().eventFilter(watched, event)


def _needed(layout: QLayout, room: QSize) -> QSize:
    """The room, or what the page can't do without."""
    width = max(room.width(), layout.totalMinimumSize().width())
    height = layout.totalMinimumHeightForWidth(width) if layout.hasHeightForWidth() else 0
    return QSize(width, max(room.height(), height, layout.totalMinimumSize().height() if not height else 0))
