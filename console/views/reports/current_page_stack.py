"""A stack of widgets that is as high as its visible widget needs."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget


class CurrentPageStack(QStackedWidget):
    """A stack of widgets whose minimum size is that of the visible widget. That of Qt's own stack is the largest of
    all its widgets: a table in a page that is as high as the chart of another report would have a second scroll bar,
    that of the page.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.currentChanged.connect(self._update_size)

    def _update_size(self, _number: int) -> None:
        self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        current_widget = self.currentWidget()
        if current_widget is None:
            return QSize()
        size, layout = (
            current_widget.minimumSizeHint().expandedTo(current_widget.minimumSize()),
            current_widget.layout(),
        )
        if layout is not None and layout.hasHeightForWidth() and self.width() >= size.width():
            size.setHeight(layout.totalMinimumHeightForWidth(self.width()))  # of texts that wrap
        return size

    def hasHeightForWidth(self) -> bool:
        return False  # a layout would ask Qt's layout of the stack, which asks all widgets

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
