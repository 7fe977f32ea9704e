"""The Qt model of a long list. A row whose page isn't loaded is a placeholder."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from console.views.tables.columns import Cell, Column, RowGroup
from console.views.tables.page_cache import PageCache
from console.views.theme.mixed_font_text import tooltip_text

Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_NO_ROW_FLAGS = Qt.ItemFlag.NoItemFlags
_ROW_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
_ANSWERED_ROLES = frozenset(
    (
        _Role.DisplayRole,
        _Role.ToolTipRole,
        _Role.AccessibleTextRole,
        _Role.AccessibleDescriptionRole,
        _Role.CheckStateRole,
    )
)
CHANGED_ROLES = [_Role.DisplayRole, _Role.ToolTipRole, _Role.AccessibleTextRole, _Role.CheckStateRole]


class PageCacheModel(QAbstractTableModel):
    """The model of a table: rows, headings, placeholders, and the keys of the selected rows (`selected_keys`).

    Signals:
    - chosen_changed: the person has selected or deselected rows.
    """

    chosen_changed = Signal()

    def __init__(
        self,
        columns: Sequence[Column],
        key_of: Callable[[Any], Hashable],
        group_of: Callable[[Any], RowGroup] | None,
        parent: QObject | None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.selected_keys: set[Hashable] = set()
        self.is_skeleton = False  # True if placeholders are drawn as grey bars, False if they are blank
        self.key_of = key_of
        self._page_cache = PageCache(key_of, group_of)

    def set_group_of(self, group_of: Callable[[Any], RowGroup] | None) -> None:
        """Set which rows have a common heading, for the pages that are read from now on; None for no headings."""
        self._page_cache.group_of = group_of

    def row_at(self, row: int) -> Any | None:
        """Return the row at this position as the service returned it; None for a heading or a placeholder."""
        entry = self.entry(row)
        return None if isinstance(entry, RowGroup) else entry

    def loaded_rows(self) -> Iterator[Any]:
        """Iterate over the loaded rows, in order, without requesting further pages."""
        entries = (entry for page in self._page_cache.slots for entry in page.entries or ())
        return (entry for entry in entries if not isinstance(entry, RowGroup))

    def find_row(self, key: Hashable) -> int | None:
        """Return the position of the row with this key among the loaded pages; None if it isn't loaded."""
        for number, page in enumerate(self._page_cache.slots):
            for index, entry in enumerate(page.entries or ()):
                if not isinstance(entry, RowGroup) and self.key_of(entry) == key:
                    return self._page_cache.first_row(number) + index
        return None

    def choose_row(self, row: int, chosen: bool | None = None) -> None:
        """Select or deselect a row by `chosen`; None inverts the selection. Headings and placeholders are ignored."""
        item = self.row_at(row)
        if item is None:
            return
        key = self.key_of(item)
        if chosen is None:
            chosen = key not in self.selected_keys
        (self.selected_keys.add if chosen else self.selected_keys.discard)(key)
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))
        self.chosen_changed.emit()

    def select_only(self, keys: Iterable[Hashable]) -> None:
        """Select exactly the rows with these keys. `chosen_changed` isn't emitted, because it only signals a
        selection by the person.
        """
        self.selected_keys = set(keys)
        if len(self._page_cache):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._page_cache) - 1, len(self.columns) - 1))

    def heading_rows(self) -> list[int]:
        """Return the positions of the headings of the loaded pages."""
        return [
            self._page_cache.first_row(number) + index
            for number, page in enumerate(self._page_cache.slots)
            for index, entry in enumerate(page.entries or ())
            if isinstance(entry, RowGroup)
        ]

    def is_chosen(self, row: int) -> bool:
        """Return True if the row is selected."""
        if not self.selected_keys:
            return False
        item = self.row_at(row)
        return item is not None and self.key_of(item) in self.selected_keys

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._page_cache)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.columns)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return _NO_ROW_FLAGS if self.row_at(index.row()) is None else _ROW_FLAGS

    def data(self, index: Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid() or role not in _ANSWERED_ROLES:
            return None
        entry = self.entry(index.row())
        if entry is None:
            return None
        if isinstance(entry, RowGroup):
            return entry.text() if role != _Role.ToolTipRole else None
        column = self.columns[index.column()]
        if role == _Role.AccessibleTextRole:
            return self.spoken_text(entry) if index.column() == 0 else column.spoken_row(entry)
        if role == _Role.CheckStateRole:
            return self._check_state(entry) if column.kind == "check" else None
        return tooltip_text(column.spoken_row(entry)) if role == _Role.ToolTipRole else column.text(entry)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role in (_Role.DisplayRole, _Role.AccessibleTextRole):
            return self.columns[section].title
        return None

    def cell(self, row: int, column: int) -> Cell | RowGroup | None:
        """Return the value that a delegate paints: the cell of a row, the RowGroup of a heading, or None for a
        placeholder. This is faster than Qt's `data`, because Qt converts no value.
        """
        entry = self.entry(row)
        if entry is None or isinstance(entry, RowGroup):
            return entry
        return self.columns[column].cell(entry)

    def spoken_text(self, entry: Any) -> str:
        """Return the text that a screen reader reads for a row: the name of its first cell. A text that stands in
        several columns is read once.
        """
        return ", ".join(dict.fromkeys(words for column in self.columns if (words := column.spoken_row(entry))))

    def entry(self, row: int) -> Any | None:
        """Return the row or heading at this position; None for a placeholder."""
        return self._page_cache.entry(row) if 0 <= row < len(self._page_cache) else None

    def _check_state(self, entry: Any) -> Qt.CheckState:
        chosen = self.key_of(entry) in self.selected_keys
        return Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked
