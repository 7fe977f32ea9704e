"""Paints the rows of a table, each as one thing: fill, mark, cells, line below, ring."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHeaderView

from console.views.look.runs import baseline_in
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.tables.columns import Column, Group
from console.views.tables.delegates import PAD, Box, CellDelegate, draw_heading

if TYPE_CHECKING:
    from console.views.tables.page import RecordTable

Part = tuple[Column, CellDelegate, int, int]  # a column with where its contents begin and how wide they may be


class RowPainter:
    """Paints what is exposed of a table, row by row."""

    def __init__(self, table: "RecordTable") -> None:
        self._table = table
        self._mark = tokens().px("borders", "selection_mark")
        self._ring = tokens().px("borders", "focus")

    def paint(self, painter: QPainter, exposed: QRect) -> None:
        """Every pixel of `exposed`, which lies in the viewport."""
        table = self._table
        painter.fillRect(exposed, look().colour("base"))
        header = table.horizontalHeader()
        left, width = -header.offset(), max(header.length(), table.viewport().width() + header.offset())
        parts = self._parts(exposed)
        row, end = table.rowAt(exposed.top()), exposed.bottom()
        while 0 <= row < table.rows.rowCount():
            top, height = table.rowViewportPosition(row), table.rowHeight(row)
            if top > end:
                return
            self._row(painter, row, QRect(left, top, width, height), parts)
            row += 1

    def _parts(self, exposed: QRect) -> list[Part]:
        """The columns that are in sight."""
        table, parts = self._table, []
        for number, column in enumerate(table.rows.columns):
            left, width = table.columnViewportPosition(number), table.columnWidth(number)
            if left <= exposed.right() and left + width > exposed.left() and not table.isColumnHidden(number):
                delegate = table.delegates[number]
                before, after = delegate.pads(number)
                parts.append((column, delegate, left + before, width - before - after))
        return parts

    def _row(self, painter: QPainter, row: int, rect: QRect, parts: list[Part]) -> None:
        table, colour = self._table, look().colour
        entry = table.rows.entry(row)
        top, height = rect.top(), rect.height()
        baseline = int(baseline_in(top, height - 1))
        if isinstance(entry, Group):
            painter.fillRect(rect, colour("raised"))
            margin = table.delegates[0].pads(0)[0]
            draw_heading(painter, Box(rect.left() + margin, top, rect.width(), height - 1, baseline), entry)
        elif entry is None:
            for _, delegate, left, width in parts if table.rows.skeleton else ():
                delegate.draw_skeleton(painter, Box(left, top, width, height - 1, baseline))
        else:
            self._fill(painter, row, rect)
            for column, delegate, left, width in parts:
                delegate.draw(painter, Box(left, top, width, height - 1, baseline), column.cell(entry), row)
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, colour("line"))
        if row == table.ring_row:
            self._draw_ring(painter, rect)

    def _fill(self, painter: QPainter, row: int, rect: QRect) -> None:
        """Selection is fill and mark; a mark alone says what else there is to the row."""
        table, colour = self._table, look().colour
        selected = row == table.current_row or table.rows.is_chosen(row)
        if selected:
            painter.fillRect(rect, colour("selected"))
        elif row == table.hover_row:
            painter.fillRect(rect, colour("hover"))
        tone = "accent" if selected else table.mark_of(row)
        if tone:
            painter.fillRect(rect.left(), rect.top(), self._mark, rect.height() - 1, colour(tone))

    def _draw_ring(self, painter: QPainter, rect: QRect) -> None:
        """Inside the row, at its edges and those of the viewport."""
        wide, colour = self._ring, look().colour("focus")
        rect = rect.intersected(QRect(0, rect.top(), self._table.viewport().width(), rect.height()))
        painter.fillRect(rect.left(), rect.top(), rect.width(), wide, colour)
        painter.fillRect(rect.left(), rect.bottom() - wide + 1, rect.width(), wide, colour)
        painter.fillRect(rect.left(), rect.top(), wide, rect.height(), colour)
        painter.fillRect(rect.right() - wide + 1, rect.top(), wide, rect.height(), colour)


class TableHeader(QHeaderView):
    """Titles in small muted words on a raised ground; right-aligned over what is right-aligned."""

    def __init__(self, table: "RecordTable") -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self._table = table
        self.setHighlightSections(False)
        self.setSectionsClickable(False)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        colour, column = look().colour, self._table.rows.columns[section]
        painter.fillRect(rect, colour("raised"))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, colour("line"))
        left, _ = self._table.delegates[section].pads(section)
        painter.setFont(look().font("small"))
        painter.setPen(colour("muted"))
        side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(rect.adjusted(left, 0, -PAD, -1), side | Qt.AlignmentFlag.AlignVCenter, column.title)
