"""A stack of widgets that is as high as its visible widget needs."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget


class CurrentPageStack(QStackedWidget):
    """A stack of widgets whose minimum size is the minimum size of the visible widget. Qt's own stack
    (QStackedWidget) has the minimum size of its largest widget. For example, in a stack with a short table and the
    high chart of another report, the page would then be too high for the table, and would show a second scroll bar
    next to the scroll bar of the table.
    """

    def __init__(self, parent: QWidget | None = None, *, min_height_px: int = 0) -> None:
        """`min_height_px` is the height that the stack has at least, also if its visible widget needs less. Don't use
        `setMinimumHeight`: in a layout, it would replace the height that the visible widget needs."""
        super().__init__(parent)
        self._min_height_px = min_height_px
        self.currentChanged.connect(self._update_size)

    def _update_size(self, _number: int) -> None:
        self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        current_widget = self.currentWidget()
        if current_widget is None:
            return QSize(0, self._min_height_px)
        size, layout = (
            current_widget.minimumSizeHint().expandedTo(current_widget.minimumSize()),
            current_widget.layout(),
        )
        if layout is not None and current_widget.hasHeightForWidth() and self.width() >= size.width():
            size.setHeight(layout.totalMinimumHeightForWidth(self.width()))  # of texts that wrap
        return size.expandedTo(QSize(0, self._min_height_px))

    def hasHeightForWidth(self) -> bool:
        return False  # a layout would ask Qt's layout of the stack, which asks all widgets

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
