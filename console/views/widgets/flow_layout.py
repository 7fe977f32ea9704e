"""A layout that puts its items side by side and goes on in the next line where there is no room, as words do."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QWidget


class Flow(QLayout):
    """Items keep the size they ask for; each line is as high as its highest item."""

    def __init__(
        self, *widgets: QWidget, gap: int = 8, line_gap: int = 4, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
    ) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._gap, self._line_gap = gap, line_gap
        self.setContentsMargins(*margins)
        for widget in widgets:
            self.addWidget(widget)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        """All in one line."""
        left, top, right, bottom = self._margins()
        sizes = [item.sizeHint() for item in self._shown()]
        wide = sum(size.width() for size in sizes) + self._gap * max(0, len(sizes) - 1)
        return QSize(wide + left + right, max((size.height() for size in sizes), default=0) + top + bottom)

    def minimumSize(self) -> QSize:
        """The widest item alone."""
        left, top, right, bottom = self._margins()
        sizes = [item.minimumSize() for item in self._shown()]
        wide = max((size.width() for size in sizes), default=0)
        return QSize(wide + left + right, max((size.height() for size in sizes), default=0) + top + bottom)

    def _margins(self) -> tuple[int, int, int, int]:
        margins = self.contentsMargins()
        return margins.left(), margins.top(), margins.right(), margins.bottom()

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _lines(self, room: int) -> list[list[QLayoutItem]]:
        lines: list[list[QLayoutItem]] = [[]]
        used = 0
        for item in self._shown():
            wide = item.sizeHint().width()
            if lines[-1] and used + self._gap + wide > room:
                lines.append([])
                used = 0
            used += wide + (self._gap if lines[-1] else 0)
            lines[-1].append(item)
        return lines

    def _place(self, rect: QRect, *, move: bool) -> int:
        """Put the items into lines; returns the height that they take."""
        left, top, right, bottom = self._margins()
        room, y = rect.width() - left - right, rect.y() + top
        lines = self._lines(room)
        for number, line in enumerate(lines):
            high = max((item.sizeHint().height() for item in line), default=0)
            if move:
                self._put(line, rect.x() + left, y, high, room)
            y += high + (self._line_gap if number < len(lines) - 1 else 0)
        return y + bottom - rect.y()

    def _put(self, line: list[QLayoutItem], x: int, y: int, high: int, room: int) -> None:
        """One line; what is wider than the whole line is cut to it."""
        end = x + room
        for item in line:
            size = item.sizeHint()
            wide = min(size.width(), end - x)
            item.setGeometry(QRect(QPoint(x, y + (high - size.height()) // 2), QSize(wide, size.height())))
            x += wide + self._gap


def flowing(*widgets: QWidget, gap: int = 8, line_gap: int = 4) -> QWidget:
    """Widgets side by side that go on in the next line where there is no room."""
    holder = QWidget()
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    holder.setSizePolicy(policy)
    holder.setLayout(Flow(*widgets, gap=gap, line_gap=line_gap))
    return holder
