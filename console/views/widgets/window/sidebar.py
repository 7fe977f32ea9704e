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
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import QListView, QMenu, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from console.views.runtime.remembered_current import RememberedCurrentItem
from console.views.theme.design_tokens import tokens
from console.views.theme.key_names import format_keys
from console.views.theme.mixed_font_text import compute_centred_baseline, format_menu_entry, format_tooltip
from console.views.theme.painting import draw_cached_icon, draw_frame
from console.views.theme.theme import current_appearance

ModelIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class SidebarEntry:
    """One entry of the sidebar, which opens a page or the list of mentions: its key, icon, name (`name`), shortcut
    (`shortcut`), and its count as text ("" for no count). A nested entry, such as a saved view, belongs to the
    nearest entry above it that isn't nested. `explanation` is the text of the tooltip, such as the counts
    whose sum the entry shows; with "", a nested entry has its name as tooltip."""

    key: str
    icon: str
    name: str
    shortcut: str = ""
    count_text: str = ""
    is_nested: bool = False
    explanation: str = ""


class _SidebarModel(QAbstractListModel):
    """The Qt model of the sidebar: one row per entry."""

    def __init__(self, entries: Sequence[SidebarEntry], parent: QWidget) -> None:
        super().__init__(parent)
        self.entries = list(entries)

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.name
        if role == Qt.ItemDataRole.ToolTipRole and (entry.is_nested or entry.explanation):
            return format_tooltip(entry.explanation or entry.name)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return entry.explanation
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (entry.name, entry.count_text, format_keys(entry.shortcut)) if part)
        return None


class Sidebar(RememberedCurrentItem, QListView):
    """The list of main pages. The arrow keys change the current entry; Enter, a click or the shortcut opens its
    page.

    Signals:
    - page_requested(str): the person wants to open the page with this key.
    """

    page_requested = Signal(str)

    def __init__(
        self, entries: Sequence[SidebarEntry], accessible_name: str, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._entries = _SidebarModel(entries, self)
        self.setModel(self._entries)
        self.setItemDelegate(_SidebarDelegate(self))
        self.setAccessibleName(accessible_name)
        self.setObjectName("side_bar")
        self.setFixedWidth(round(tokens().px("layout", "side_bar") * min(current_appearance().scale, 1.5)))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.clicked.connect(self._request_page)

    def bind_shortcuts(self, parent: QWidget) -> None:
        """Bind the shortcuts of all entries to the widget `parent`. They work while `parent` is visible, even if the
        sidebar is hidden."""
        for entry in self._entries.entries:
            self._bind_entry_shortcut(entry, parent)

    def _bind_entry_shortcut(self, entry: SidebarEntry, parent: QWidget) -> None:
        if entry.shortcut:
            shortcut = QShortcut(QKeySequence(entry.shortcut), parent)
            shortcut.activated.connect(partial(self.open_entry, entry.key))

    def add_entry(self, entry: SidebarEntry, parent: QWidget) -> None:
        """Add an entry at the end. Its shortcut works while `parent` is visible."""
        row = len(self._entries.entries)
        self._entries.beginInsertRows(QModelIndex(), row, row)
        self._entries.entries.append(entry)
        self._entries.endInsertRows()
        self._bind_entry_shortcut(entry, parent)

    def build_menu(self) -> QMenu:
        """Return a new menu with the entries of the sidebar, for a window that has no room for the sidebar."""
        menu = QMenu(self.window())
        menu.setAccessibleName(self.accessibleName())
        menu.aboutToHide.connect(menu.deleteLater)
        for row, entry in enumerate(self._entries.entries):
            menu_text = f"{entry.name} {entry.count_text}"
            # The text names the shortcut; setting it on the action would register it a second time.
            action = menu.addAction(format_menu_entry(menu_text, entry.shortcut))
            action.setCheckable(True)
            action.setChecked(row == self.currentIndex().row())
            action.triggered.connect(partial(self.open_entry, entry.key))  # other saved views may move the rows
        return menu

    def mark_current_entry(self, key: str) -> None:
        """Make the entry with this key the current one without requesting its page, because the window already shows
        this page."""
        for row, entry in enumerate(self._entries.entries):
            if entry.key == key:
                self.setCurrentIndex(self._entries.index(row))

    def show_nested_entries(self, key: str, entries: Sequence[SidebarEntry]) -> None:
        """Replace the nested entries that belong to the entry with the key `key`. The current entry stays current; if
        this call removes it, the entry with the key `key` becomes current."""
        new_entries: list[SidebarEntry] = []
        parent = ""
        for entry in self._entries.entries:
            parent = parent if entry.is_nested else entry.key
            if not (entry.is_nested and parent == key):
                new_entries.append(entry)
            if entry.key == key:
                new_entries.extend(entries)
        if new_entries != self._entries.entries:
            current_key = (
                self._entries.entries[self.currentIndex().row()].key if self.currentIndex().isValid() else ""
            )
            self._entries.beginResetModel()
            self._entries.entries = new_entries
            self._entries.endResetModel()
            self.mark_current_entry(current_key if any(entry.key == current_key for entry in new_entries) else key)

    def has_entry(self, key: str) -> bool:
        """Return True if the sidebar has an entry with this key."""
        return any(entry.key == key for entry in self._entries.entries)

    def set_count(self, key: str, count: str) -> None:
        for row, entry in enumerate(self._entries.entries):
            if entry.key == key and entry.count_text != count:
                self._entries.entries[row] = replace(entry, count_text=count)
                index = self._entries.index(row)
                self._entries.dataChanged.emit(index, index)

    def set_explanation(self, key: str, explanation: str) -> None:
        """Store the tooltip of the entry with this key, which names the counts whose sum the entry shows."""
        for row, entry in enumerate(self._entries.entries):
            if entry.key == key and entry.explanation != explanation:
                self._entries.entries[row] = replace(entry, explanation=explanation)
                self._entries.dataChanged.emit(self._entries.index(row), self._entries.index(row))

    def get_entry_at(self, row: int) -> SidebarEntry:
        return self._entries.entries[row]

    def open_entry(self, key: str) -> None:
        """Make the entry with this key current, and request its page. Do nothing if the sidebar no longer has the
        entry: a saved view may have been deleted while the menu was open."""
        row = next((row for row, entry in enumerate(self._entries.entries) if entry.key == key), None)
        if row is not None:
            self.open_row(row)

    def open_row(self, row: int) -> None:
        """Make the entry at this position current, and request its page."""
        self.setCurrentIndex(self._entries.index(row))
        self._request_page(self.currentIndex())

    def _request_page(self, index: ModelIndex) -> None:
        self.page_requested.emit(self._entries.entries[index.row()].key)

    def compute_free_area(self) -> QRect:
        """Return the part of the sidebar below its last entry; an empty rectangle if the entries fill the sidebar."""
        last_entry_rect = self.visualRect(self._entries.index(len(self._entries.entries) - 1))
        top = self.viewport().mapTo(self, last_entry_rect.bottomLeft()).y() + 1
        return QRect(0, top, self.width(), max(0, self.height() - top))

    def sizeHint(self) -> QSize:
        return QSize(tokens().px("layout", "side_bar"), 400)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._request_page(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedWidth(round(tokens().px("layout", "side_bar") * min(current_appearance().scale, 1.5)))


class _SidebarDelegate(QStyledItemDelegate):
    """Paints the entries of the sidebar: icon, name, count and shortcut. An entry with too little room has no
    shortcut."""

    def __init__(self, bar: Sidebar) -> None:
        super().__init__(bar)
        self._bar = bar

    def sizeHint(self, _option: QStyleOptionViewItem, _index: ModelIndex) -> QSize:
        return QSize(
            100,
            current_appearance().row_height()
            if current_appearance().density == "comfortable"
            else current_appearance().control_height("button"),
        )

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        entry, colour = self._bar.get_entry_at(index.row()), current_appearance().colour
        is_current = index.row() == self._bar.currentIndex().row()
        box = QRectF(option.rect).adjusted(8, 0, -8, 0)
        if is_current:
            draw_frame(painter, box, 4, None, colour("selected"))
            mark_rect = QRectF(box.left(), box.top() + 6, tokens().px("borders", "selection_mark"), box.height() - 12)
            painter.fillRect(mark_rect, colour("accent"))
            if self._bar.hasFocus():
                draw_frame(painter, box, 4, colour("focus"), None, 2)
        self._draw_words(painter, box, entry, is_current_entry=is_current)

    @staticmethod
    def _draw_words(painter: QPainter, box: QRectF, entry: SidebarEntry, *, is_current_entry: bool) -> None:
        colour, icon_px = current_appearance().colour, current_appearance().icon_px(16)
        baseline = int(compute_centred_baseline(box.top(), box.height()))
        x = box.left() + (24 if entry.is_nested else 8)
        text_colour = colour("accent" if is_current_entry else "text")
        draw_cached_icon(painter, entry.icon, x, box.top() + (box.height() - icon_px) / 2, icon_px, text_colour)
        painter.setPen(colour("text"))
        name_x, shown_name, is_bold = x + icon_px + 8, entry.name, is_current_entry
        count_room = current_appearance().font_metrics("small_data").horizontalAdvance(entry.count_text) + 14
        name_width = int(box.right() - name_x - count_room)
        if entry.is_nested:  # a person's words may be longer than the sidebar
            shown_name, is_bold = fit_name(entry.name, name_width, is_bold=is_current_entry)
        painter.setFont(current_appearance().font("body", is_bold=is_bold))
        painter.drawText(int(name_x), baseline, shown_name)
        count_width = current_appearance().font_metrics("small_data").horizontalAdvance(entry.count_text)
        shortcut_width = current_appearance().font_metrics("caption").horizontalAdvance(format_keys(entry.shortcut))
        right_x = box.right() - 8
        name_right = (
            x + icon_px + 8 + current_appearance().font_metrics("body", is_bold=is_bold).horizontalAdvance(shown_name)
        )
        count_and_gap_width = count_width + 18 if entry.count_text else 0
        has_room = name_right + 6 + count_and_gap_width + shortcut_width <= right_x
        if not has_room or (entry.is_nested and entry.count_text):
            shortcut_width = -18  # too little room for the shortcut: a count is drawn in its place
        else:
            painter.setFont(current_appearance().font("caption"))
            painter.setPen(colour("muted"))
            painter.drawText(int(right_x - shortcut_width), baseline, format_keys(entry.shortcut))
        if entry.count_text:
            painter.setFont(current_appearance().font("small_data"))
            painter.setPen(colour("text"))
            painter.drawText(int(right_x - shortcut_width - 18 - count_width), baseline, entry.count_text)


def fit_name(name: str, width_px: int, *, is_bold: bool) -> tuple[str, bool]:
    """Return the name of an entry for a width of `width_px` px, and True if it is bold. A name is bold only if
    `is_bold` is True and its bold letters fit; a name whose ordinary letters don't fit ends with "…"."""
    is_bold = is_bold and current_appearance().font_metrics("body", is_bold=True).horizontalAdvance(name) <= width_px
    metrics = current_appearance().font_metrics("body", is_bold=is_bold)
    return metrics.elidedText(name, Qt.TextElideMode.ElideRight, width_px), is_bold
