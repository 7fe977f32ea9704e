"""The base class of a table. It declares the attributes that the painters of the rows, the cells and the header
read."""

from typing import Any

from PySide6.QtWidgets import QTableView

from console.views.tables.columns import Column
from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import Tone


class PaintedTable(QTableView):
    """A table whose rows are painted by RowPainter. This class declares the attributes that the painters read.

    `margin_px` is the space in px before the first column. `current_row`, `hover_row` (under the mouse pointer) and
    `focus_ring_row` (with the focus ring) are row numbers, -1 for none. `pinned_column_count` is the number of
    columns at the left that keep their position while the other columns scroll sideways; it is 0 if the table is wide
    enough for its columns. `first_column` is the number of the first column that is not hidden; this column may be
    pinned.
    """

    rows: PagedModel
    margin_px: int
    current_row: int
    hover_row: int
    focus_ring_row: int
    pinned_column_count: int
    first_column: int
    sort_mark: tuple[str, bool] | None = None
    """The key of the column by which the rows are sorted, and True for the descending order; None for no mark."""

    def format_title(self, column: Column) -> str:
        """Return the title of a column for the header; it has an arrow if the rows are sorted by this column."""
        if self.sort_mark is None or self.sort_mark[0] != column.key:
            return column.title
        return f"{column.title} {'↓' if self.sort_mark[1] else '↑'}"

    @property
    def pinned_columns_right_x(self) -> int:
        """The x coordinate of the first pixel to the right of the pinned columns."""
        return sum(self.columnWidth(number) for number in range(self.pinned_column_count))

    def get_column_x(self, column_index: int) -> int:
        """Return the x coordinate of a column's left edge in the viewport, in px. Scrolling doesn't change it for a
        pinned column."""
        header = self.horizontalHeader()
        return header.sectionPosition(column_index) - (
            0 if column_index < self.pinned_column_count else header.offset()
        )

    def is_heading_row(self, _row: int) -> bool:
        """Return True if this row of the table is the heading of the rows below it. The default returns False; a
        subclass with headings overrides it."""
        return False

    def has_heading_text(self, _entry: Any) -> bool:
        """Return True if a cell of this row is a HeadingText. The default returns False; a subclass with such rows
        overrides it."""
        return False

    def get_row_tone(self, row: int) -> Tone | None:
        """Return the colour tone of the mark at the left edge of a row; None if the row has no mark."""
        raise NotImplementedError  # RecordTable overrides it; its module imports this one
