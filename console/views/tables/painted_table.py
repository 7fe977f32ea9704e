"""The base class of a table, with the attributes that the painters of its rows and cells read."""

from PySide6.QtWidgets import QTableView

from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import Tone


class PaintedTable(QTableView):
    """A table whose rows are painted by RowPainter. It declares the attributes that the delegates, the row painter
    and the header read.

    `margin` is the space in px before the first column. `current_row`, `hover_row` (under the mouse pointer) and
    `ring_row` (with the focus ring) are row numbers, -1 for none.
    """

    rows: PagedModel
    margin: int
    current_row: int
    hover_row: int
    ring_row: int

    def row_tone(self, row: int) -> Tone | None:
        """Return the colour tone of the mark at the left edge of a row; None if the row has no mark."""
        raise NotImplementedError  # RecordTable overrides it; its module imports this one
