"""What happened to a record, newest first, one line each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFocusEvent, QPainter
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.look.painting import draw_frame, put_shape
from console.views.look.runs import baseline_in, draw_runs, elided, runs_width, split_runs, tip
from console.views.look.theme import look
from console.views.look.tokens import Tone

Index = QModelIndex | QPersistentModelIndex
_TIME, _WHO = 76, 84  # least width of the times and width of the names, in px at text size 1
_SIGN = 14


@dataclass(frozen=True, slots=True)
class Happening:
    """One line: time as shown, the moment in full, shape and tone, who, what, and less important words after it."""

    time: str
    full: str
    shape: str
    tone: Tone
    who: str
    what: str
    detail: str = ""

    def spoken(self) -> str:
        return ", ".join(part for part in (self.full or self.time, self.who, self.what, self.detail) if part)


class _Happenings(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.items: tuple[Happening, ...] = ()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{item.what} {item.detail}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return item.spoken()
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(item.spoken())
        return None

    def show_items(self, items: Sequence[Happening]) -> None:
        self.beginResetModel()
        self.items = tuple(items)
        self.endResetModel()


class TimelineList(QListView):
    """The happenings of a record; Up and Down read them one by one."""

    def __init__(self, name: str, *, margin: int = 24, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.margin = margin
        self._items = _Happenings(self)
        self.setModel(self._items)
        self.setItemDelegate(_LineDelegate(self))
        self.setAccessibleName(name)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_happenings(self, items: Sequence[Happening]) -> None:
        self._items.show_items(items)

    def time_width(self) -> int:
        """What the longest time needs, in px: days stand before the times of earlier days."""
        longest = max((item.time for item in self._items.items), key=len, default="")
        return max(round(_TIME * look().scale), round(look().metrics("data").horizontalAdvance(longest)) + 16)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self._items.index(0))

    def happening(self, row: int) -> Happening:
        return self._items.items[row]


class _LineDelegate(QStyledItemDelegate):
    def __init__(self, view: TimelineList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(200, look().row() if look().density == "comfortable" else look().control("button"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item, rect, colour = self._view.happening(index.row()), option.rect, look().colour
        baseline = baseline_in(rect.top(), rect.height())
        scale, left = look().scale, rect.left() + self._view.margin
        painter.setPen(colour("muted"))
        draw_runs(painter, left, baseline, ((item.time, True),))
        left += self._view.time_width()
        self._sign(painter, rect, left, item, last=index.row() == self._view.model().rowCount() - 1)
        left += round((_SIGN + 4) * scale)
        painter.setPen(colour("muted"))
        who = elided(item.who, _WHO * scale - 8)
        draw_runs(painter, left, baseline, split_runs(who))
        left += round(_WHO * scale) if item.who else 4
        self._words(painter, rect, left, baseline, item)
        if index.row() == self._view.currentIndex().row() and self._view.hasFocus():
            draw_frame(painter, rect.toRectF(), 0, colour("focus"), None, 2)

    @staticmethod
    def _sign(painter: QPainter, rect: QRect, left: int, item: Happening, *, last: bool) -> None:
        side, line = look().icon_px(_SIGN), look().colour("line")
        middle = left + side // 2
        top = rect.top() + (rect.height() - side) // 2
        painter.fillRect(middle, rect.top(), 1, top - rect.top() - 1, line)
        painter.fillRect(middle, top + side + 1, 1, 8 if last else rect.bottom() - top - side, line)
        put_shape(painter, item.shape, left, top, side, look().colour(item.tone))

    @staticmethod
    def _words(painter: QPainter, rect: QRect, left: int, baseline: float, item: Happening) -> None:
        room = rect.right() - 12 - left
        runs = split_runs(item.what)
        if runs_width(runs) > room:
            runs = split_runs(elided(item.what, room))
        painter.setPen(look().colour("text"))
        end = draw_runs(painter, left, baseline, runs)
        rest = rect.right() - 12 - end - 8
        if item.detail and rest > 40:
            painter.setPen(look().colour("muted"))
            draw_runs(painter, end + 8, baseline, split_runs(elided(item.detail, rest)))
