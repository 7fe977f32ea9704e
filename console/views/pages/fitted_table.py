"""A table that hides the columns it can spare where there is no room for all; the others keep their words whole."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView

from console.views.look.theme import look
from console.views.tables.page import RecordTable
from console.views.tables.paging import PagedModel

TRAIL = 200
"""How many rows of a list before and after a record its page can walk to."""


class FittedTable(RecordTable):
    """`spare` are the keys of columns that may go, the first one first; `unwanted` are gone anyway."""

    def __init__(self, rows: PagedModel, name: str, *, spare: Sequence[str] = (), margin: int | None = None) -> None:
        self._spare = tuple(spare)
        self.unwanted: frozenset[str] = frozenset()
        super().__init__(rows, name, margin=margin)

    def around(self, most: int) -> list[Any]:
        """The rows about the current one, at most so many before and after it, as far as they are here."""
        first, last = max(0, self.current_row - most), min(self.rows.rowCount(), self.current_row + most + 1)
        return [row for row in map(self.rows.row_at, range(first, last)) if row is not None]

    def in_sight(self) -> list[Any]:
        """The rows that can be seen."""
        last = self.rowAt(self.viewport().height() - 1)
        end = last + 1 if last >= 0 else self.rows.rowCount()
        return [row for row in map(self.rows.row_at, range(max(0, self.rowAt(0)), end)) if row is not None]

    def age(self) -> None:
        """Time has passed: ages are painted anew."""
        self.viewport().update()

    def fit(self) -> None:
        """Show what there is room for."""
        widths = {column.key: self._wide(place) for place, column in enumerate(self.rows.columns)}
        hidden = set(self.unwanted)
        for key in self._spare:
            if sum(wide for name, wide in widths.items() if name not in hidden) <= self.viewport().width():
                break
            hidden.add(key)
        crowded = sum(wide for name, wide in widths.items() if name not in hidden) > self.viewport().width()
        for place, column in enumerate(self.rows.columns):
            if column.stretches:
                self._stretch(place, crowded=crowded)
        for place, column in enumerate(self.rows.columns):  # at last: Qt forgets a hidden column's room otherwise
            self.setColumnHidden(place, column.key in hidden)
            if column.key not in hidden:
                self.last_column = place

    def _stretch(self, place: int, *, crowded: bool) -> None:
        """Where there is too little room for all, the table scrolls rather than leave nothing of a column."""
        mode = QHeaderView.ResizeMode.Interactive if crowded else QHeaderView.ResizeMode.Stretch
        if self.horizontalHeader().sectionResizeMode(place) != mode:
            self.horizontalHeader().setSectionResizeMode(place, mode)
            self.setColumnWidth(place, self._wide(place))

    def _wide(self, place: int) -> int:
        """What a column asks for; one that stretches has no less."""
        column = self.rows.columns[place]
        return round(column.width * look().scale)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()
