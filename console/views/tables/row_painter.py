"""The painters of a table's rows (background, mark, cells, bottom line, focus ring) and of its header."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHeaderView

from console.views.tables.columns import Column, HeadingText, RowGroup
from console.views.tables.delegates import (
    CELL_PADDING_PX,
    CellBox,
    CellDelegate,
    draw_group_heading,
    draw_heading_text,
)
from console.views.tables.painted_table import PaintedTable
from console.views.theme.design_tokens import tokens
from console.views.theme.mixed_font_text import compute_centred_baseline
from console.views.theme.painting import get_check_box_pixmap
from console.views.theme.theme import current_appearance

VisibleColumn = tuple[Column, CellDelegate, int, int]
"""A column, its delegate, the x coordinate of its contents and their width, both in px."""


class RowPainter:
    """Paints the rows of one table, with the delegates of the table's columns."""

    def __init__(self, table: PaintedTable, delegates: Sequence[CellDelegate]) -> None:
        self._table, self._delegates = table, delegates
        self._mark_px = tokens().px("borders", "selection_mark")
        self._ring_px = tokens().px("borders", "focus")

    def paint(self, painter: QPainter, exposed: QRect) -> None:
        """Paint all rows that touch the rectangle `exposed` of the viewport, and the empty area below the last
        row."""
        table = self._table
        painter.fillRect(exposed, current_appearance().colour("base"))
        width = table.viewport().width()
        visible_columns = self._list_visible_columns(exposed)
        row, bottom = table.rowAt(exposed.top()), exposed.bottom()
        while 0 <= row < table.rows.rowCount():
            top, height = table.rowViewportPosition(row), table.rowHeight(row)
            if top > bottom:
                return
            self._paint_row(painter, row, QRect(0, top, width, height), visible_columns)
            row += 1

    def _list_visible_columns(self, exposed: QRect) -> tuple[list[VisibleColumn], list[VisibleColumn]]:
        """Return the columns that the rectangle `exposed` touches, as two lists: the columns that scroll sideways,
        and the pinned columns."""
        table = self._table
        visible_columns: tuple[list[VisibleColumn], list[VisibleColumn]] = [], []
        for number, column in enumerate(table.rows.columns):
            x, width = table.get_column_x(number), table.columnWidth(number)
            if x <= exposed.right() and x + width > exposed.left() and not table.isColumnHidden(number):
                delegate = self._delegates[number]
                left_padding, right_padding = delegate.get_paddings(number)
                visible_column = column, delegate, x + left_padding, width - left_padding - right_padding
                visible_columns[number < table.pinned_column_count].append(visible_column)
        return visible_columns

    def _paint_row(
        self, painter: QPainter, row: int, rect: QRect, columns: tuple[list[VisibleColumn], list[VisibleColumn]]
    ) -> None:
        table, colour = self._table, current_appearance().colour
        entry = table.rows.get_entry(row)
        top, height = rect.top(), rect.height()
        baseline = int(compute_centred_baseline(top, height - 1))
        if isinstance(entry, RowGroup):
            painter.fillRect(rect, colour("group"))
            margin = self._delegates[0].get_paddings(0)[0]
            draw_group_heading(painter, CellBox(rect.left() + margin, top, rect.width(), height - 1, baseline), entry)
        elif entry is None:
            for _, delegate, x, width in (*columns[0], *columns[1]) if table.rows.is_skeleton else ():
                delegate.draw_skeleton(painter, CellBox(x, top, width, height - 1, baseline))
        else:
            scrolling_columns, pinned_columns = columns
            self._paint_background(painter, row, rect)
            if table.has_heading_text(entry):
                self._draw_heading_row(painter, row, entry, rect, baseline)
                scrolling_columns, pinned_columns = [], []
            for column, delegate, x, width in scrolling_columns:
                delegate.draw_cell(
                    painter, CellBox(x, top, width, height - 1, baseline), column.make_cell(entry), row
                )
            if pinned_columns:
                pinned_right = table.pinned_columns_right_x
                pinned_rect = QRect(0, top, pinned_right, height)
                painter.fillRect(pinned_rect, colour("base"))
                self._paint_background(painter, row, pinned_rect)
                painter.fillRect(pinned_right - 1, top, 1, height, colour("line"))
            for column, delegate, x, width in pinned_columns:
                delegate.draw_cell(
                    painter, CellBox(x, top, width, height - 1, baseline), column.make_cell(entry), row
                )
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, colour("line"))
        if row == table.focus_ring_row:
            self._draw_focus_ring(painter, rect)

    def _draw_heading_row(self, painter: QPainter, row: int, entry: Any, rect: QRect, baseline: int) -> None:
        """Draw the cells of a row that is a heading, up to its text, which takes the rest of the row. The text begins
        at the same place while the columns scroll sideways, because the column of the text is then pinned."""
        scrolling_columns, pinned_columns = self._list_visible_columns(self._table.viewport().rect())
        for column, delegate, x, width in (*pinned_columns, *scrolling_columns):
            cell = column.make_cell(entry)
            if isinstance(cell, HeadingText):
                width = rect.right() + 1 - CELL_PADDING_PX - x
                draw_heading_text(painter, CellBox(x, rect.top(), width, rect.height() - 1, baseline), cell)
                return
            delegate.draw_cell(painter, CellBox(x, rect.top(), width, rect.height() - 1, baseline), cell, row)

    def _paint_background(self, painter: QPainter, row: int, rect: QRect) -> None:
        """Paint the background of a row and the mark at its left edge. The background shows whether the row is
        current, selected or under the mouse pointer. A current or selected row has a mark in the accent colour; any
        other row has the mark that `mark_removed_rows` has set, if any."""
        table, colour = self._table, current_appearance().colour
        is_selected = row == table.current_row or table.rows.is_row_selected(row)
        if is_selected:
            painter.fillRect(rect, colour("selected"))
        elif row == table.hover_row:
            painter.fillRect(rect, colour("hover"))
        elif table.is_heading_row(row):
            painter.fillRect(rect, colour("group"))
        tone = "accent" if is_selected else table.get_row_tone(row)
        if tone:
            painter.fillRect(rect.left(), rect.top(), self._mark_px, rect.height() - 1, colour(tone))

    def _draw_focus_ring(self, painter: QPainter, rect: QRect) -> None:
        """Draw the focus ring inside the row, at the edges of the row and of the viewport."""
        ring_px, colour = self._ring_px, current_appearance().colour("focus")
        rect = rect.intersected(QRect(0, rect.top(), self._table.viewport().width(), rect.height()))
        painter.fillRect(rect.left(), rect.top(), rect.width(), ring_px, colour)
        painter.fillRect(rect.left(), rect.bottom() - ring_px + 1, rect.width(), ring_px, colour)
        painter.fillRect(rect.left(), rect.top(), ring_px, rect.height(), colour)
        painter.fillRect(rect.right() - ring_px + 1, rect.top(), ring_px, rect.height(), colour)


class TableHeader(QHeaderView):
    """The header of a table: small titles in the muted colour, aligned like the cells of their columns."""

    def __init__(self, table: PaintedTable, delegates: Sequence[CellDelegate]) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self._table, self._delegates = table, delegates
        self.is_pressed = False
        self.setHighlightSections(False)
        self.setSectionsClickable(False)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.is_pressed = True
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self.is_pressed = False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the background of the header, then the titles of all columns, then the titles of the pinned columns
        again, so that they cover titles which have scrolled to the same place."""
        painter = QPainter(self.viewport())
        self._paint_header_background(painter, self.viewport().rect())
        painter.end()
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        for section in range(self._table.pinned_column_count):
            if not self.isSectionHidden(section):
                title_rect = QRect(self._table.get_column_x(section), 0, self.sectionSize(section), self.height())
                self.paintSection(painter, title_rect, section)

    @staticmethod
    def _paint_header_background(painter: QPainter, rect: QRect) -> None:
        painter.fillRect(rect, current_appearance().colour("raised"))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, current_appearance().colour("line"))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        colour, column = current_appearance().colour, self._table.rows.columns[section]
        self._paint_header_background(painter, rect)
        left_padding, _ = self._delegates[section].get_paddings(section)
        if column.kind == "check" and self.sectionsClickable():
            side_px = current_appearance().icon_px(tokens().px("control_heights", "check_box"))
            rows, ratio = self._table.rows, painter.device().devicePixelRatio()
            check_box = get_check_box_pixmap(
                current_appearance().theme, side_px, ratio, rows.has_all_rows_selected, rows.has_some_rows_selected
            )
            painter.drawPixmap(
                QPoint(rect.left() + left_padding, rect.top() + (rect.height() - side_px) // 2), check_box
            )
            return
        painter.setFont(current_appearance().font("small"))
        painter.setPen(colour("muted"))
        alignment = Qt.AlignmentFlag.AlignRight if column.is_right_aligned else Qt.AlignmentFlag.AlignLeft
        painter.drawText(
            rect.adjusted(left_padding, 0, -CELL_PADDING_PX, -1),
            alignment | Qt.AlignmentFlag.AlignVCenter,
            self._table.format_title(column),
        )
