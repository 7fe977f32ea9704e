"""A table that hides less important columns in a narrow window, so that the others stay readable."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView

from console.views.tables.paged_model import PagedModel
from console.views.tables.record_table import RecordTable

MAX_TRAIL_LENGTH = 200
"""Largest number of rows before, and of rows after, the opened record of a list to which the record's page can step.
"""


class FittedTable(RecordTable):
    """A table of records. `spare` has the keys of the columns that it may hide in a narrow window; the first key is
    hidden first. Columns whose keys are in `hidden_keys` are always hidden.
    """

    def __init__(
        self, rows: PagedModel, name: str, *, hideable_columns: Sequence[str] = (), margin: int | None = None
    ) -> None:
        self._hideable_keys = tuple(hideable_columns)
        self.hidden_keys: frozenset[str] = frozenset()
        super().__init__(rows, name, margin=margin)

    def rows_around_current(self, max_rows: int) -> list[Any]:
        """Return the loaded rows around the current one, at most `max_rows` before and after it."""
        first_row, last_row = (
            max(0, self.current_row - max_rows),
            min(self.rows.rowCount(), self.current_row + max_rows + 1),
        )
        return [row for row in map(self.rows.row_at, range(first_row, last_row)) if row is not None]

    def visible_rows(self) -> list[Any]:
        """Return the loaded rows that are visible now."""
        last_row = self.rowAt(self.viewport().height() - 1)
        end = last_row + 1 if last_row >= 0 else self.rows.rowCount()
        return [row for row in map(self.rows.row_at, range(max(0, self.rowAt(0)), end)) if row is not None]

    def repaint_ages(self) -> None:
        """Repaint the visible rows, so that the ages in them are up to date."""
        self.viewport().update()

    def fit_columns(self) -> None:
        """Hide columns of `spare`, one after the other, until the remaining columns fit into the width of the
        table.
        """
        widths = {column.key: self.column_width(place) for place, column in enumerate(self.rows.columns)}
        hidden = set(self.hidden_keys)
        for key in self._hideable_keys:
            if sum(width for name, width in widths.items() if name not in hidden) <= self.viewport().width():
                break
            hidden.add(key)
        is_too_narrow = sum(width for name, width in widths.items() if name not in hidden) > self.viewport().width()
        for place, column in enumerate(self.rows.columns):
            if column.is_stretched:
                self._set_stretch(place, is_too_narrow=is_too_narrow)
        # Hide columns last: Qt loses the width that is set for a hidden column.
        for place, column in enumerate(self.rows.columns):
            self.setColumnHidden(place, column.key in hidden)
            is_fixed = self.horizontalHeader().sectionResizeMode(place) == QHeaderView.ResizeMode.Interactive
            if is_fixed and column.key not in hidden and self.columnWidth(place) != self.column_width(place):
                self.setColumnWidth(place, self.column_width(place))

    def _set_stretch(self, place: int, *, is_too_narrow: bool) -> None:
        """Stretch the column. If the table is too narrow, give the column its own width instead, so that the table
        scrolls and the column doesn't shrink to nothing.
        """
        mode = QHeaderView.ResizeMode.Interactive if is_too_narrow else QHeaderView.ResizeMode.Stretch
        if self.horizontalHeader().sectionResizeMode(place) != mode:
            self.horizontalHeader().setSectionResizeMode(place, mode)
            self.setColumnWidth(place, self.column_width(place))

    def use_widths(self, widths: Mapping[str, float]) -> None:
        super().use_widths(widths)
        self.fit_columns()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()
