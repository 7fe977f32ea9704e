"""The timeline of a record: one line per event, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFocusEvent, QPainter
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.runtime.remembered_current import RememberedCurrentItem
from console.views.theme.design_tokens import Tone
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    elide_font_runs,
    format_tooltip,
    split_font_runs,
)
from console.views.theme.painting import draw_cached_shape, draw_frame
from console.views.theme.theme import current_appearance

ModelIndex = QModelIndex | QPersistentModelIndex
_TIME_COLUMN_PX, _PERSON_COLUMN_PX = 76, 84  # least width of the times and width of the names, in px at text size 1
_ICON_SIDE_PX = 14


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One event of a timeline as texts: the short time in the line (`time_text`), date and time for screen readers
    (`full_time`), the icon (shape and tone), the person (`actor_text`), the event (`action_text`) and a
    secondary text (`detail`).
    """

    time_text: str
    full_time: str
    shape: str
    tone: Tone
    actor_text: str
    action_text: str
    detail: str = ""

    def format_spoken_text(self) -> str:
        return ", ".join(
            part
            for part in (self.full_time or self.time_text, self.actor_text, self.action_text, self.detail)
            if part
        )


class _TimelineModel(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.items: tuple[TimelineLine, ...] = ()

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.items)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{item.action_text} {item.detail}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return item.format_spoken_text()
        if role == Qt.ItemDataRole.ToolTipRole:
            return format_tooltip(item.format_spoken_text())
        return None

    def show_lines(self, items: Sequence[TimelineLine]) -> None:
        self.beginResetModel()
        self.items = tuple(items)
        self.endResetModel()


class TimelineList(RememberedCurrentItem, QListView):
    """A list that shows the events of a record. The keys Up and Down change the current line, and a screen reader
    reads it."""

    def __init__(self, name: str, *, margin: int = 24, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.margin = margin
        self._items = _TimelineModel(self)
        self.setModel(self._items)
        self.setItemDelegate(_TimelineDelegate(self))
        self.setAccessibleName(name)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_lines(self, items: Sequence[TimelineLine]) -> None:
        self._items.show_lines(items)

    def measure_time_width(self) -> int:
        """Return the width of the column of times in px. The column is wider if an event happened on an earlier day,
        because its time includes the day."""
        longest = max((item.time_text for item in self._items.items), key=len, default="")
        return max(
            round(_TIME_COLUMN_PX * current_appearance().scale),
            round(current_appearance().font_metrics("data").horizontalAdvance(longest)) + 16,
        )

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self._items.index(0))

    def get_line_at(self, row: int) -> TimelineLine:
        return self._items.items[row]


class _TimelineDelegate(QStyledItemDelegate):
    def __init__(self, view: TimelineList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: ModelIndex) -> QSize:
        return QSize(
            200,
            current_appearance().row_height()
            if current_appearance().density == "comfortable"
            else current_appearance().control_height("button"),
        )

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        item, rect, colour = self._view.get_line_at(index.row()), option.rect, current_appearance().colour
        baseline = compute_centred_baseline(rect.top(), rect.height())
        scale, x = current_appearance().scale, rect.left() + self._view.margin
        painter.setPen(colour("muted"))
        draw_font_runs(painter, x, baseline, ((item.time_text, True),))
        x += self._view.measure_time_width()
        self._draw_icon(painter, rect, x, item, is_last=index.row() == self._view.model().rowCount() - 1)
        x += round((_ICON_SIDE_PX + 4) * scale)
        painter.setPen(colour("muted"))
        draw_font_runs(
            painter, x, baseline, elide_font_runs(split_font_runs(item.actor_text), _PERSON_COLUMN_PX * scale - 8)
        )
        x += round(_PERSON_COLUMN_PX * scale) if item.actor_text else 4
        self._draw_words(painter, rect, x, baseline, item)
        if index.row() == self._view.currentIndex().row() and self._view.hasFocus():
            draw_frame(painter, rect.toRectF(), 0, colour("focus"), None, 2)

    @staticmethod
    def _draw_icon(painter: QPainter, rect: QRect, x: int, item: TimelineLine, *, is_last: bool) -> None:
        side, line_colour = current_appearance().icon_px(_ICON_SIDE_PX), current_appearance().colour("line")
        middle = x + side // 2
        top = rect.top() + (rect.height() - side) // 2
        painter.fillRect(middle, rect.top(), 1, top - rect.top() - 1, line_colour)
        painter.fillRect(middle, top + side + 1, 1, 8 if is_last else rect.bottom() - top - side, line_colour)
        draw_cached_shape(painter, item.shape, x, top, side, current_appearance().colour(item.tone))

    @staticmethod
    def _draw_words(painter: QPainter, rect: QRect, x: int, baseline: float, item: TimelineLine) -> None:
        text_width = rect.right() - 12 - x
        runs = elide_font_runs(split_font_runs(item.action_text), text_width)
        painter.setPen(current_appearance().colour("text"))
        text_right = draw_font_runs(painter, x, baseline, runs)
        detail_width = rect.right() - 12 - text_right - 8
        if item.detail and detail_width > 40:
            painter.setPen(current_appearance().colour("muted"))
            draw_font_runs(
                painter, text_right + 8, baseline, elide_font_runs(split_font_runs(item.detail), detail_width)
            )
