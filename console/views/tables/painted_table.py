"""The base class of a table: the attributes that the painters of its cells read."""

from PySide6.QtWidgets import QTableView

from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import Tone


class PaintedTable(QTableView):
    """A table with the attributes that its delegates, row painter and header read.

    `margin` is the space in px before the first column. `current_row`, `hover_row` (under the mouse) and `ring_row`
    (with the focus ring) are row numbers, -1 for none.
    """

    rows: PagedModel
    margin: int
    current_row: int
    hover_row: int
    ring_row: int

    def row_tone(self, row: int) -> Tone | None:
        """Return the tone of the mark at the row's left edge; None if the row has no mark."""
        raise NotImplementedError  # RecordTable overrides it; its module imports this one
