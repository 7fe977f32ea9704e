"""The Qt model of a table whose rows are read page by page. A row whose page isn't loaded is a placeholder."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from console.views.tables.columns import Cell, Column, RowGroup
from console.views.tables.page_cache import PageCache
from console.views.theme.mixed_font_text import format_tooltip

ModelIndex = QModelIndex | QPersistentModelIndex
_ItemRole = Qt.ItemDataRole
_NO_ROW_FLAGS = Qt.ItemFlag.NoItemFlags
_ROW_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
_SUPPORTED_ROLES = frozenset(
    (
        _ItemRole.DisplayRole,
        _ItemRole.ToolTipRole,
        _ItemRole.AccessibleTextRole,
        _ItemRole.AccessibleDescriptionRole,
        _ItemRole.CheckStateRole,
    )
)
ROW_CHANGE_ROLES = [
    _ItemRole.DisplayRole,
    _ItemRole.ToolTipRole,
    _ItemRole.AccessibleTextRole,
    _ItemRole.CheckStateRole,
]


class PageCacheModel(QAbstractTableModel):
    """The Qt model of a table whose rows are stored page by page in a PageCache: rows, headings of groups of rows,
    and placeholders for rows that aren't loaded. `get_key` returns the key of a row; `get_group` returns the heading
    above a row, and is None for a table without headings.

    `selected_keys` are the keys of the rows that the person has selected. `removed_keys` are the keys of the rows
    that the table shows but that are no longer in the list; a screen reader reads `removed_text` after the texts of
    such a row.

    Signals:
    - selection_changed: the person has selected or deselected rows.
    """

    selection_changed = Signal()

    def __init__(
        self,
        columns: Sequence[Column],
        get_key: Callable[[Any], Hashable],
        get_group: Callable[[Any], RowGroup] | None,
        parent: QObject | None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.selected_keys: set[Hashable] = set()
        self.removed_keys: frozenset[Hashable] = frozenset()
        self.removed_text = ""
        self.is_skeleton = False  # True if placeholders are drawn as grey bars, False if they are blank
        self.get_key = get_key
        self._page_cache = PageCache(get_key, get_group)

    def set_heading_function(self, get_group: Callable[[Any], RowGroup] | None) -> None:
        """Set the function that returns the heading of a row; None means a table without headings. The function is
        used for pages that are read after this call."""
        self._page_cache.get_group = get_group

    def get_heading_function(self) -> Callable[[Any], RowGroup] | None:
        """Return the function that returns the heading of a row; None for a table without headings."""
        return self._page_cache.get_group

    def get_item(self, row: int) -> Any | None:
        """Return the object that the service returned for the row at this position; None for a heading or a
        placeholder."""
        entry = self.get_entry(row)
        return None if isinstance(entry, RowGroup) else entry

    def iterate_loaded_rows(self) -> Iterator[Any]:
        """Yield the loaded rows, in order, without reading other pages."""
        entries = (entry for page in self._page_cache.pages for entry in page.entries or ())
        return (entry for entry in entries if not isinstance(entry, RowGroup))

    def find_row(self, key: Hashable) -> int | None:
        """Return the position in the table of the row with this key; None if no loaded page contains the row."""
        for number, page in enumerate(self._page_cache.pages):
            for index, entry in enumerate(page.entries or ()):
                if not isinstance(entry, RowGroup) and self.get_key(entry) == key:
                    return self._page_cache.get_first_row(number) + index
        return None

    def set_row_selected(self, row: int, must_select: bool | None = None) -> None:
        """Select the row at this position if `must_select` is True, deselect it if False, and invert its selection if
        None. Headings and placeholders are ignored."""
        item = self.get_item(row)
        if item is None:
            return
        key = self.get_key(item)
        if must_select is None:
            must_select = key not in self.selected_keys
        (self.selected_keys.add if must_select else self.selected_keys.discard)(key)
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))
        self.selection_changed.emit()

    def select_only(self, keys: Iterable[Hashable]) -> None:
        """Select the rows with these keys and deselect all others. `selection_changed` isn't emitted, because that
        signal reports selections by the person only."""
        self.selected_keys = set(keys)
        if len(self._page_cache):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._page_cache) - 1, len(self.columns) - 1))

    def mark_removed_rows(self, keys: Iterable[Hashable], removed_text: str = "") -> None:
        """Mark the rows with these keys as no longer in the list, and remove the mark of all other rows. A screen
        reader reads `removed_text` after the texts of a marked row."""
        earlier_keys, self.removed_keys, self.removed_text = self.removed_keys, frozenset(keys), removed_text
        if self.removed_keys != earlier_keys and len(self._page_cache):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._page_cache) - 1, len(self.columns) - 1))

    def is_row_removed(self, row: int) -> bool:
        """Return True if the row at this position is no longer in the list."""
        item = self.get_item(row) if self.removed_keys else None
        return item is not None and self.get_key(item) in self.removed_keys

    def list_heading_rows(self) -> list[int]:
        """Return the positions of the headings of the loaded pages."""
        return [
            self._page_cache.get_first_row(number) + index
            for number, page in enumerate(self._page_cache.pages)
            for index, entry in enumerate(page.entries or ())
            if isinstance(entry, RowGroup)
        ]

    def is_row_selected(self, row: int) -> bool:
        """Return True if the row at this position is selected."""
        if not self.selected_keys:
            return False
        item = self.get_item(row)
        return item is not None and self.get_key(item) in self.selected_keys

    @property
    def has_all_rows_selected(self) -> bool:
        """True if rows are selected and every loaded row is one of them."""
        return bool(self.selected_keys) and all(
            self.get_key(row) in self.selected_keys for row in self.iterate_loaded_rows()
        )

    @property
    def has_some_rows_selected(self) -> bool:
        """True if rows are selected, and at least one loaded row isn't."""
        return bool(self.selected_keys) and not self.has_all_rows_selected

    def rowCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._page_cache)

    def columnCount(self, parent: ModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.columns)

    def flags(self, index: ModelIndex) -> Qt.ItemFlag:
        return _NO_ROW_FLAGS if self.get_item(index.row()) is None else _ROW_FLAGS

    def data(self, index: ModelIndex, role: int = _ItemRole.DisplayRole) -> Any:
        if not index.isValid() or role not in _SUPPORTED_ROLES:
            return None
        entry = self.get_entry(index.row())
        if entry is None:
            return None
        if isinstance(entry, RowGroup):
            return entry.format_text() if role != _ItemRole.ToolTipRole else None
        column = self.columns[index.column()]
        if role == _ItemRole.AccessibleTextRole:
            return self.format_spoken_text(entry) if index.column() == 0 else column.format_spoken_cell(entry)
        if role == _ItemRole.CheckStateRole:
            return self._get_check_state(entry) if column.kind == "check" else None
        if role == _ItemRole.AccessibleDescriptionRole:
            return column.format_full_text(entry)
        if role == _ItemRole.ToolTipRole:
            tooltip = column.format_full_text(entry) if column.make_full_text else column.format_spoken_cell(entry)
            return format_tooltip(tooltip)
        return column.format_text(entry)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _ItemRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == _ItemRole.AccessibleTextRole:
            spoken_title = column.spoken_title or column.title
            return column.spoken_title_if_some or spoken_title if self.has_some_rows_selected else spoken_title
        return column.title if role == _ItemRole.DisplayRole else None

    def get_cell(self, row: int, column: int) -> Cell | RowGroup | None:
        """Return the value that a delegate paints at this position: the cell of a row, the RowGroup of a heading,
        or None for a placeholder. This is faster than Qt's `data`, because Qt converts no value."""
        entry = self.get_entry(row)
        if entry is None or isinstance(entry, RowGroup):
            return entry
        return self.columns[column].make_cell(entry)

    def format_spoken_text(self, row_or_heading: Any) -> str:
        """Return the text that a screen reader reads for a whole row: the texts of its cells, without repetitions. It
        is the accessible name of the row's first cell."""
        texts = [column.format_spoken_cell(row_or_heading) for column in self.columns]
        if self.removed_keys and self.get_key(row_or_heading) in self.removed_keys:
            texts.append(self.removed_text)
        return ", ".join(dict.fromkeys(text for text in texts if text))

    def get_entry(self, row: int) -> Any | None:
        """Return the row or heading at this position of the table; None for a placeholder."""
        return self._page_cache.get_entry(row) if 0 <= row < len(self._page_cache) else None

    def _get_check_state(self, row_or_heading: Any) -> Qt.CheckState:
        is_selected = self.get_key(row_or_heading) in self.selected_keys
        return Qt.CheckState.Checked if is_selected else Qt.CheckState.Unchecked
