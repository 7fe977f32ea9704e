"""Rows of a long list as Qt asks for them; rows whose page isn't here are placeholders."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from console.views.look.runs import tip
from console.views.tables.book import Book
from console.views.tables.columns import Cell, Column, Group

Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_NO_ROW = Qt.ItemFlag.NoItemFlags
_A_ROW = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
_ANSWERED = frozenset(
    (_Role.DisplayRole, _Role.ToolTipRole, _Role.AccessibleTextRole, _Role.AccessibleDescriptionRole,
     _Role.CheckStateRole)
)  # fmt: skip
CHANGING = [_Role.DisplayRole, _Role.ToolTipRole, _Role.AccessibleTextRole, _Role.CheckStateRole]


class BookModel(QAbstractTableModel):
    """What a table reads: rows, headings, placeholders, and which rows are chosen.

    Signals:
        chosen_changed: other rows are chosen.
    """

    chosen_changed = Signal()

    def __init__(
        self,
        columns: Sequence[Column],
        key_of: Callable[[Any], Hashable],
        group_of: Callable[[Any], Group] | None,
        parent: QObject | None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.chosen: set[Hashable] = set()
        self.skeleton = False  # whether placeholders are drawn already, or still left blank
        self.key_of = key_of
        self._book = Book(key_of, group_of)

    def row_at(self, row: int) -> Any | None:
        """The row as the service gave it; None for a heading or a page that isn't here."""
        entry = self.entry(row)
        return None if isinstance(entry, Group) else entry

    def here(self) -> Iterator[Any]:
        """The rows that are here, in order; those that are not are not asked for."""
        entries = (entry for page in self._book.slots for entry in page.entries or ())
        return (entry for entry in entries if not isinstance(entry, Group))

    def find(self, key: Hashable) -> int | None:
        """Where the row with that key is, among the pages that are here."""
        for number, page in enumerate(self._book.slots):
            for at, entry in enumerate(page.entries or ()):
                if not isinstance(entry, Group) and self.key_of(entry) == key:
                    return self._book.first_row(number) + at
        return None

    def choose(self, row: int, chosen: bool | None = None) -> None:
        """Choose a row or not; None turns it round."""
        item = self.row_at(row)
        if item is None:
            return
        key = self.key_of(item)
        if chosen is None:
            chosen = key not in self.chosen
        (self.chosen.add if chosen else self.chosen.discard)(key)
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))
        self.chosen_changed.emit()

    def choose_only(self, keys: Iterable[Hashable]) -> None:
        """Choose these rows and no others; not told, for it is no person's choice."""
        self.chosen = set(keys)
        if len(self._book):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._book) - 1, len(self.columns) - 1))

    def heading_rows(self) -> list[int]:
        """Where the headings lie, among the pages that are here."""
        return [
            self._book.first_row(number) + at
            for number, page in enumerate(self._book.slots)
            for at, entry in enumerate(page.entries or ())
            if isinstance(entry, Group)
        ]

    def is_chosen(self, row: int) -> bool:
        if not self.chosen:
            return False
        item = self.row_at(row)
        return item is not None and self.key_of(item) in self.chosen

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._book)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.columns)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return _NO_ROW if self.row_at(index.row()) is None else _A_ROW

    def data(self, index: Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid() or role not in _ANSWERED:
            return None
        entry = self.entry(index.row())
        if entry is None:
            return None
        if isinstance(entry, Group):
            return entry.text() if role != _Role.ToolTipRole else None
        column = self.columns[index.column()]
        if role == _Role.AccessibleTextRole:
            return self.spoken(entry)
        if role == _Role.CheckStateRole:
            return self._check_state(entry) if column.kind == "check" else None
        return tip(column.speak(entry)) if role == _Role.ToolTipRole else column.text(entry)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role in (_Role.DisplayRole, _Role.AccessibleTextRole):
            return self.columns[section].title
        return None

    def cell(self, row: int, column: int) -> Cell | Group | None:
        """What the delegate paints, without the way round through QVariant; None while it isn't here."""
        entry = self.entry(row)
        if entry is None or isinstance(entry, Group):
            return entry
        return self.columns[column].cell(entry)

    def spoken(self, entry: Any) -> str:
        """The whole row as a screen reader says it."""
        return ", ".join(words for column in self.columns if (words := column.speak(entry)))

    def entry(self, row: int) -> Any | None:
        """The row or the heading there; None while its page isn't here."""
        return self._book.entry(row) if 0 <= row < len(self._book) else None

    def _check_state(self, entry: Any) -> Qt.CheckState:
        chosen = self.key_of(entry) in self.chosen
        return Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked
