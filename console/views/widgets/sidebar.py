"""The side bar: the places of the window with icon, word, count and key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.look.painting import draw_frame, put_shape
from console.views.look.runs import baseline_in
from console.views.look.theme import look
from console.views.look.tokens import tokens

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: its own key, icon, word, count ("" when there is none) and the keys that go there."""

    key: str
    icon: str
    word: str
    keys: str = ""
    count: str = ""


class _Places(QAbstractListModel):
    def __init__(self, places: Sequence[Place], parent: QWidget) -> None:
        super().__init__(parent)
        self.places = list(places)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.places)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        place = self.places[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return place.word
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (place.word, place.count, place.keys) if part)
        return None


class SideBar(QListView):
    """The places; one is current. Up and down walk, Enter or a click goes there, and so do Alt+1 to Alt+9.

    Signals:
        chosen(str): go to the place with that key.
    """

    chosen = Signal(str)

    def __init__(self, places: Sequence[Place], name: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places = _Places(places, self)
        self.setModel(self._places)
        self.setItemDelegate(_PlaceDelegate(self))
        self.setAccessibleName(name)
        self.setObjectName("side_bar")
        self.setFixedWidth(round(tokens().px("layout", "side_bar") * min(look().scale, 1.5)))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.clicked.connect(self._go)
        for row, place in enumerate(places):
            if place.keys:
                shortcut = QShortcut(QKeySequence(place.keys), self)
                shortcut.setProperty("row", row)
                shortcut.activated.connect(self._jump)

    def show_current(self, key: str) -> None:
        """Mark the place the window is at."""
        for row, place in enumerate(self._places.places):
            if place.key == key:
                self.setCurrentIndex(self._places.index(row))

    def set_count(self, key: str, count: str) -> None:
        for row, place in enumerate(self._places.places):
            if place.key == key and place.count != count:
                self._places.places[row] = replace(place, count=count)
                index = self._places.index(row)
                self._places.dataChanged.emit(index, index)

    def place(self, row: int) -> Place:
        return self._places.places[row]

    def _jump(self) -> None:
        self.setCurrentIndex(self._places.index(int(self.sender().property("row"))))
        self._go(self.currentIndex())

    def _go(self, index: Index) -> None:
        self.chosen.emit(self._places.places[index.row()].key)

    def sizeHint(self) -> QSize:
        return QSize(tokens().px("layout", "side_bar"), 400)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedWidth(round(tokens().px("layout", "side_bar") * min(look().scale, 1.5)))


class _PlaceDelegate(QStyledItemDelegate):
    def __init__(self, bar: SideBar) -> None:
        super().__init__(bar)
        self._bar = bar

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(100, look().row() if look().density == "comfortable" else look().control("button"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        place, colour = self._bar.place(index.row()), look().colour
        current = index.row() == self._bar.currentIndex().row()
        box = QRectF(option.rect).adjusted(8, 0, -8, 0)
        if current:
            draw_frame(painter, box, 4, None, colour("selected"))
            mark = QRectF(box.left(), box.top() + 6, tokens().px("borders", "selection_mark"), box.height() - 12)
            painter.fillRect(mark, colour("accent"))
            if self._bar.hasFocus():
                draw_frame(painter, box, 4, colour("focus"), None, 2)
        self._words(painter, box, place, current=current)

    @staticmethod
    def _words(painter: QPainter, box: QRectF, place: Place, *, current: bool) -> None:
        colour, side = look().colour, look().icon_px(16)
        baseline = int(baseline_in(box.top(), box.height()))
        left = box.left() + 8
        ink = colour("accent" if current else "text")
        put_shape(painter, place.icon, left, box.top() + (box.height() - side) / 2, side, ink)
        painter.setFont(look().font("body", bold=current))
        painter.setPen(colour("text"))
        painter.drawText(int(left + side + 8), baseline, place.word)
        wide = look().metrics("small_data").horizontalAdvance(place.count)
        keys = look().metrics("caption").horizontalAdvance(place.keys)
        right = box.right() - 8
        word = left + side + 8 + look().metrics("body", bold=current).horizontalAdvance(place.word)
        if place.count and word + 6 + wide + 18 + keys > right:
            keys = -18  # with large letters the count is worth more than the keys
        else:
            painter.setFont(look().font("caption"))
            painter.setPen(colour("muted"))
            painter.drawText(int(right - keys), baseline, place.keys)
        if place.count:
            painter.setFont(look().font("small_data"))
            painter.setPen(colour("text"))
            painter.drawText(int(right - keys - 18 - wide), baseline, place.count)
