"""The line below a list that shows the whole texts of the selected row which the columns of the list cut off."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.pages.fitted_table import FittedTable
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, TextLabel, make_column


class WholeTextLine(Surface):
    """A widget with the whole text of each cell of the table's current row that its column cuts off, each text after
    the title of its column. The widget is hidden while no text is cut off.

    `column_keys` are the keys of the columns whose texts this widget shows. `margin_px` is the distance in px from
    the left and the right edge; None means the margin of the page. If `has_line` is True, a line separates the widget
    from the table; a table that is exactly as high as its rows ends with a line itself.
    """

    def __init__(
        self, table: FittedTable, column_keys: Sequence[str], *, margin_px: int | None = None, has_line: bool = True
    ) -> None:
        super().__init__(edge="top" if has_line else "none")
        self._table, self._column_keys = table, tuple(column_keys)
        self._labels: dict[str, tuple[TextLabel, TextLabel]] = {}
        margin = tokens().px("spacing", "page_margin") if margin_px is None else margin_px
        grid = QGridLayout(self)
        grid.setContentsMargins(margin, 6, margin, 6)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        titles = {column.key: column.title for column in table.rows.columns}
        for row_index, key in enumerate(self._column_keys):
            title_label = TextLabel(titles[key], "small", "muted")
            text_label = TextLabel("", "small", wraps_lines=True, is_selectable=True)
            grid.addWidget(title_label, row_index, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text_label, row_index, 1)
            self._labels[key] = title_label, text_label
        self.hide()
        table.current_changed.connect(self._show_cut_texts)
        table.columns_fitted.connect(self._show_cut_texts)
        table.rows.changed.connect(self._show_cut_texts)

    def get_text(self, column_key: str) -> str:
        """Return the text that this line shows for the column with this key; "" if the table's cell shows the whole
        text."""
        return self._labels[column_key][1].plain

    @Slot()
    def _show_cut_texts(self) -> None:
        row = self._table.current_item
        columns = {column.key: column for column in self._table.rows.columns}
        for key, labels in self._labels.items():
            is_cut = row is not None and self._table.is_cell_cut(key, row)
            labels[1].show_text(columns[key].format_text(row) if is_cut else "")
            for label in labels:
                label.setVisible(bool(labels[1].plain))
        self.setVisible(any(text_label.plain for _, text_label in self._labels.values()))


def add_whole_text_line(
    table: FittedTable, column_keys: Sequence[str], *, margin_px: int | None = None, has_line: bool = True
) -> QWidget:
    """Return a widget with the table and, below it, a WholeTextLine for the columns with these keys; for `margin_px`
    and `has_line` see WholeTextLine. If the widget gets the focus, the table gets it."""
    widget = QWidget()
    layout = make_column(table, WholeTextLine(table, column_keys, margin_px=margin_px, has_line=has_line), gap_px=0)
    layout.setStretch(0, 1)
    widget.setLayout(layout)
    widget.setFocusProxy(table)
    return widget
