"""Stores the column widths of a table as preferences of the acting person."""

from PySide6.QtCore import QObject, Slot

from console.views.runtime.context import WindowContext
from console.views.tables.record_table import RecordTable

_MIN_COLUMN_WIDTH_PX = 24
_MAX_COLUMN_WIDTH_PX = 4_000


class ColumnWidthStorage(QObject):
    """Restores the column widths of a table that the acting person has set earlier, and stores later changes.
    `table_name` identifies the table in the preferences; it doesn't depend on the language.
    """

    def __init__(self, context: WindowContext, table: RecordTable, table_name: str) -> None:
        super().__init__(table)
        self._preferences, self._table, self._name = context.preferences, table, f"columns.{table_name}"
        table.widths_changed.connect(self._store_widths)
        context.preferences.loaded.connect(self._restore_widths)
        self._restore_widths()

    @Slot()
    def _restore_widths(self) -> None:
        widths = self._preferences.get_numbers(self._name, _MIN_COLUMN_WIDTH_PX, _MAX_COLUMN_WIDTH_PX)
        if widths != self._table.preferred_widths:
            self._table.set_preferred_widths(widths)

    @Slot()
    def _store_widths(self) -> None:
        self._preferences.store(self._name, dict(self._table.preferred_widths))
