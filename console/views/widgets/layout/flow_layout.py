"""A layout that places items side by side and continues on the next line when a line is full."""

from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QWidget

from console.views.theme.theme import current_appearance

_GAP_WITH_DIVIDER_PX = 36
_DIVIDER_DISTANCE_PX = 17  # px from a dividing line to the left edge of the item after it


class FlowLayout(QLayout):
    """A layout that places items side by side in lines. Each item has its preferred size; a line is as high as its
    highest item. An item that is wider than a line has a line of its own, in which its text wraps. If
    `has_equal_columns` is True, the items are in columns of equal width instead."""

    def __init__(
        self, *widgets: QWidget, gap_px: int = 8, line_gap_px: int = 4, has_equal_columns: bool = False
    ) -> None:
        """`gap_px` is the distance between the items of a line, `line_gap_px` the distance between lines, in px. If
        `has_equal_columns` is True, all lines have the same number of items, in columns of equal width, as many as
        have room for the widest item."""
        super().__init__()
        self._has_equal_columns = has_equal_columns
        self._items: list[QLayoutItem] = []
        self._height_by_width: dict[int, int] = {}
        """Results of `heightForWidth`: the height by the width, both in px. The layouts around this one ask for the
        same widths many times while a page is arranged.
        """
        self._gap, self._line_gap = gap_px, line_gap_px
        self.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            self.addWidget(widget)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)
        self.invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        if not 0 <= index < len(self._items):
            return None
        self.invalidate()
        return self._items.pop(index)

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if width not in self._height_by_width:
            self._height_by_width[width] = self._arrange_lines(QRect(0, 0, width, 0), must_place=False)
        return self._height_by_width[width]

    def invalidate(self) -> None:
        """Forget the heights: Qt calls this method when an item's size, visibility or margins may have changed."""
        self._height_by_width.clear()
        super().invalidate()

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange_lines(rect, must_place=True)

    def sizeHint(self) -> QSize:
        """Return the size that all items need on one line."""
        left, top, right, bottom = self._get_margins()
        sizes = [item.sizeHint() for item in self._list_visible_items()]
        total_width = sum(size.width() for size in sizes) + self._gap * max(0, len(sizes) - 1)
        return QSize(total_width + left + right, max((size.height() for size in sizes), default=0) + top + bottom)

    def minimumSize(self) -> QSize:
        """Return the minimum width of the widest item and the minimum height of the highest item."""
        left, top, right, bottom = self._get_margins()
        sizes = [item.minimumSize() for item in self._list_visible_items()]
        max_width = max((size.width() for size in sizes), default=0)
        return QSize(max_width + left + right, max((size.height() for size in sizes), default=0) + top + bottom)

    def _get_margins(self) -> tuple[int, int, int, int]:
        margins = self.contentsMargins()
        return margins.left(), margins.top(), margins.right(), margins.bottom()

    def _list_visible_items(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _split_items_into_lines(self, line_width_px: int) -> list[list[QLayoutItem]]:
        """Return the visible items of each line, for lines that are `line_width_px` px long."""
        if self._has_equal_columns:
            items, count = self._list_visible_items(), self._count_columns(line_width_px)
            return [items[first : first + count] for first in range(0, len(items), count)]
        lines: list[list[QLayoutItem]] = [[]]
        used_width = 0
        for item in self._list_visible_items():
            item_width = item.sizeHint().width()
            if lines[-1] and used_width + self._gap + item_width > line_width_px:
                lines.append([])
                used_width = 0
            used_width += item_width + (self._gap if lines[-1] else 0)
            lines[-1].append(item)
        return lines

    def _count_columns(self, line_width_px: int) -> int:
        """Return the number of equal columns in lines that are `line_width_px` px long."""
        widest = max((item.sizeHint().width() for item in self._list_visible_items()), default=0)
        return max(1, (line_width_px + self._gap) // max(1, widest + self._gap))

    def _arrange_lines(self, rect: QRect, *, must_place: bool) -> int:
        """Return the total height in px that the lines need in `rect`. If `must_place` is True, also place the items
        in `rect`."""
        left, top, right, bottom = self._get_margins()
        line_width, y = rect.width() - left - right, rect.y() + top
        lines = self._split_items_into_lines(line_width)
        for number, line in enumerate(lines):
            line_height = max((_measure_size_in_line(item, line_width).height() for item in line), default=0)
            if must_place:
                self._place_line(line, rect.x() + left, y, line_height, line_width)
            y += line_height + (self._line_gap if number < len(lines) - 1 else 0)
        return y + bottom - rect.y()

    def _place_line(self, items: list[QLayoutItem], x: int, y: int, line_height_px: int, line_width_px: int) -> None:
        """Place the items of one line, starting at (x, y). `line_width_px` is the length of the line in px; no item
        extends beyond its end."""
        line_end, column_width = x + line_width_px, 0
        if self._has_equal_columns:
            column_count = self._count_columns(line_width_px)
            column_width = (line_width_px - self._gap * (column_count - 1)) // column_count
        for item in items:
            size = _measure_size_in_line(item, line_width_px)
            item_width = min(size.width(), line_end - x)
            item.setGeometry(
                QRect(QPoint(x, y + (line_height_px - size.height()) // 2), QSize(item_width, size.height()))
            )
            x += max(item_width, column_width) + self._gap


def _measure_size_in_line(item: QLayoutItem, line_width_px: int) -> QSize:
    """Return the size of an item in a line that is `line_width_px` px long. An item that is wider than the line gets
    the width of the line, and the height that it needs at this width, if its height depends on its width; otherwise
    it keeps its size."""
    size = item.sizeHint()
    if size.width() <= line_width_px or not item.hasHeightForWidth():
        return size
    return QSize(line_width_px, item.heightForWidth(line_width_px))


class DividedFlow(QWidget):
    """A widget that places its items side by side with a FlowLayout and paints a dividing line between two items of
    the same line. No line begins or ends with a dividing line."""

    def __init__(self, *items: QWidget) -> None:
        super().__init__()
        self._items = items
        self.setSizePolicy(_make_height_for_width_policy())
        self.setLayout(FlowLayout(*items, gap_px=_GAP_WITH_DIVIDER_PX))

    def list_dividers(self) -> list[QRect]:
        """Return the rectangles of the dividing lines, in px relative to the widget."""
        shown_places = [item.geometry() for item in self._items if not item.isHidden()]
        return [
            QRect(place.left() - _DIVIDER_DISTANCE_PX, place.top(), 1, place.height())
            for earlier_place, place in pairwise(shown_places)
            if place.left() > earlier_place.left()  # otherwise the item begins a line
        ]

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, colour = QPainter(self), current_appearance().colour("line")
        for divider in self.list_dividers():
            painter.fillRect(divider, colour)


def make_flow_widget(
    *widgets: QWidget,
    gap_px: int = 8,
    line_gap_px: int = 4,
    has_equal_columns: bool = False,
    parent: QWidget | None = None,
) -> QWidget:
    """Return a widget that places `widgets` side by side with a FlowLayout. `gap_px` (between items) and
    `line_gap_px` (between lines) are in px. If `has_equal_columns` is True, all items are in columns of equal
    width."""
    flow = FlowLayout(*widgets, gap_px=gap_px, line_gap_px=line_gap_px, has_equal_columns=has_equal_columns)
    return make_flow_holder(flow, parent)


def make_flow_holder(flow: FlowLayout, parent: QWidget | None = None) -> QWidget:
    """Return a widget that contains this FlowLayout. The layout around the widget gives the widget as much height as
    the lines of the FlowLayout need."""
    widget = QWidget(parent)
    widget.setSizePolicy(_make_height_for_width_policy())
    widget.setLayout(flow)
    return widget


def _make_height_for_width_policy() -> QSizePolicy:
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    return policy
