"""The sidebar: the list of the window's main pages, each with icon, name, count and shortcut."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from PySide6.QtWidgets import QListView, QMenu, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.runtime.remembered_current import RememberedCurrentItem
from console.views.theme.design_tokens import tokens
from console.views.theme.mixed_font_text import centred_baseline, tooltip_text
from console.views.theme.painting import draw_cached_shape, draw_frame
from console.views.theme.theme import current_appearance

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class SidebarPlace:
    """One main page in the sidebar: key, icon, name (`word`), shortcut (`keys`) and count as text ("" for none). A
    nested one, such as a saved view, stands under the page before it.
    """

    key: str
    icon: str
    word: str
    keys: str = ""
    count: str = ""
    is_nested: bool = False


class _PlaceModel(QAbstractListModel):
    def __init__(self, places: Sequence[SidebarPlace], parent: QWidget) -> None:
        super().__init__(parent)
        self.places = list(places)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.places)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        place = self.places[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return place.word
        if role == Qt.ItemDataRole.ToolTipRole and place.is_nested:
            return tooltip_text(place.word)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (place.word, place.count, place.keys) if part)
        return None


class SideBar(RememberedCurrentItem, QListView):
    """The list of main pages. The arrow keys change the current entry; Enter, a click or the shortcut opens its page.

    Signals:
    - chosen(str): the window is to open the page with this key.
    """

    chosen = Signal(str)

    def __init__(self, places: Sequence[SidebarPlace], name: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places = _PlaceModel(places, self)
        self.setModel(self._places)
        self.setItemDelegate(_PlaceDelegate(self))
        self.setAccessibleName(name)
        self.setObjectName("side_bar")
        self.setFixedWidth(round(tokens().px("layout", "side_bar") * min(current_appearance().scale, 1.5)))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.clicked.connect(self._choose_place)

    def bind_shortcuts(self, parent: QWidget) -> None:
        """Let the shortcuts of the entries work while `parent` is visible, also while the sidebar itself is not."""
        for place in self._places.places:
            self._bind_shortcut(place, parent)

    def _bind_shortcut(self, place: SidebarPlace, parent: QWidget) -> None:
        if place.keys:
            shortcut = QShortcut(QKeySequence(place.keys), parent)
            shortcut.activated.connect(partial(self.open_place, place.key))

    def add_place(self, place: SidebarPlace, parent: QWidget) -> None:
        """Add an entry at the end, whose shortcut works while `parent` is visible."""
        row = len(self._places.places)
        self._places.beginInsertRows(QModelIndex(), row, row)
        self._places.places.append(place)
        self._places.endInsertRows()
        self._bind_shortcut(place, parent)

    def build_menu(self) -> QMenu:
        """Build and return a menu with the same entries, for a window without room for the sidebar."""
        menu = QMenu(self.window())
        menu.setAccessibleName(self.accessibleName())
        menu.aboutToHide.connect(menu.deleteLater)
        for row, place in enumerate(self._places.places):
            words = " ".join(part for part in (place.word.replace("&", "&&"), place.count) if part)
            # The text names the shortcut; setting it on the action would register it a second time.
            action = menu.addAction(f"{words}\t{place.keys}" if place.keys else words)
            action.setCheckable(True)
            action.setChecked(row == self.currentIndex().row())
            action.triggered.connect(partial(self.open_row, row))
        return menu

    def show_current(self, key: str) -> None:
        """Mark the entry with this key as current, because the window shows its page now."""
        for row, place in enumerate(self._places.places):
            if place.key == key:
                self.setCurrentIndex(self._places.index(row))

    def show_nested(self, key: str, places: Sequence[SidebarPlace]) -> None:
        """Show these nested entries, and no others, under the entry with this key. The current entry stays."""
        wanted: list[SidebarPlace] = []
        parent = ""
        for place in self._places.places:
            parent = parent if place.is_nested else place.key
            if not (place.is_nested and parent == key):
                wanted.append(place)
            if place.key == key:
                wanted.extend(places)
        if wanted != self._places.places:
            current = self._places.places[self.currentIndex().row()].key if self.currentIndex().isValid() else ""
            self._places.beginResetModel()
            self._places.places = wanted
            self._places.endResetModel()
            self.show_current(current if any(place.key == current for place in wanted) else key)

    def has_place(self, key: str) -> bool:
        """True if there is an entry with this key."""
        return any(place.key == key for place in self._places.places)

    def set_count(self, key: str, count: str) -> None:
        for row, place in enumerate(self._places.places):
            if place.key == key and place.count != count:
                self._places.places[row] = replace(place, count=count)
                index = self._places.index(row)
                self._places.dataChanged.emit(index, index)

    def place(self, row: int) -> SidebarPlace:
        return self._places.places[row]

    def open_place(self, key: str) -> None:
        """Make the entry with this key current, and open its page."""
        self.open_row(next(row for row, place in enumerate(self._places.places) if place.key == key))

    def open_row(self, row: int) -> None:
        """Make the entry of this row current, and open its page."""
        self.setCurrentIndex(self._places.index(row))
        self._choose_place(self.currentIndex())

    def _choose_place(self, index: Index) -> None:
        self.chosen.emit(self._places.places[index.row()].key)

    def sizeHint(self) -> QSize:
        return QSize(tokens().px("layout", "side_bar"), 400)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose_place(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedWidth(round(tokens().px("layout", "side_bar") * min(current_appearance().scale, 1.5)))


class _PlaceDelegate(QStyledItemDelegate):
    def __init__(self, bar: SideBar) -> None:
        super().__init__(bar)
        self._bar = bar

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(
            100,
            current_appearance().row_height()
            if current_appearance().density == "comfortable"
            else current_appearance().control_height("button"),
        )

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        place, colour = self._bar.place(index.row()), current_appearance().colour
        is_current = index.row() == self._bar.currentIndex().row()
        box = QRectF(option.rect).adjusted(8, 0, -8, 0)
        if is_current:
            draw_frame(painter, box, 4, None, colour("selected"))
            mark = QRectF(box.left(), box.top() + 6, tokens().px("borders", "selection_mark"), box.height() - 12)
            painter.fillRect(mark, colour("accent"))
            if self._bar.hasFocus():
                draw_frame(painter, box, 4, colour("focus"), None, 2)
        self._draw_words(painter, box, place, is_current=is_current)

    @staticmethod
    def _draw_words(painter: QPainter, box: QRectF, place: SidebarPlace, *, is_current: bool) -> None:
        colour, side = current_appearance().colour, current_appearance().icon_px(16)
        baseline = int(centred_baseline(box.top(), box.height()))
        x = box.left() + (24 if place.is_nested else 8)
        ink = colour("accent" if is_current else "text")
        draw_cached_shape(painter, place.icon, x, box.top() + (box.height() - side) / 2, side, ink)
        painter.setFont(current_appearance().font("body", bold=is_current))
        painter.setPen(colour("text"))
        word_x, word = x + side + 8, place.word
        if place.is_nested:  # a person's words may be longer than the sidebar
            count_room = current_appearance().font_metrics("small_data").horizontalAdvance(place.count) + 14
            room = int(box.right() - word_x - count_room)
            word = painter.fontMetrics().elidedText(word, Qt.TextElideMode.ElideRight, room)
        painter.drawText(int(word_x), baseline, word)
        count_width = current_appearance().font_metrics("small_data").horizontalAdvance(place.count)
        shortcut_width = current_appearance().font_metrics("caption").horizontalAdvance(place.keys)
        right_x = box.right() - 8
        word_right = x + side + 8 + current_appearance().font_metrics("body", bold=is_current).horizontalAdvance(word)
        has_room = word_right + 6 + count_width + 18 + shortcut_width <= right_x
        if place.count and (place.is_nested or not has_room):
            shortcut_width = -18  # too little room for both: the count is drawn in the shortcut's place
        else:
            painter.setFont(current_appearance().font("caption"))
            painter.setPen(colour("muted"))
            painter.drawText(int(right_x - shortcut_width), baseline, place.keys)
        if place.count:
            painter.setFont(current_appearance().font("small_data"))
            painter.setPen(colour("text"))
            painter.drawText(int(right_x - shortcut_width - 18 - count_width), baseline, place.count)
