"""Delegates, one per kind of cell: they paint straight from the row's values, not through roles."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from console.views.look.painting import draw_check_box, draw_frame, put_shape
from console.views.look.runs import amount_runs, baseline_in, draw_runs, elided, runs_width, split_runs
from console.views.look.theme import look
from console.views.look.tokens import Tone, tokens
from console.views.tables.columns import AgeCell, Cell, Column, Group, StateCell

if TYPE_CHECKING:
    from console.views.tables.page import RecordTable

_PAD = 8
_SHAPE = 14
_SHAPE_GAP = 5
_MARK = 3
_RING = 2
NOTHING = "–"


class CellDelegate(QStyledItemDelegate):
    """A cell of words, and what every cell has: fill, selection mark, ring and the line below."""

    def __init__(self, table: "RecordTable", column: Column) -> None:
        super().__init__(table)
        self._table, self._column = table, column

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        row, column = index.row(), index.column()
        rect: QRect = option.rect
        cell = self._table.rows.cell(row, column)
        self._back(painter, rect, row, column, heading=isinstance(cell, Group))
        if cell is None:
            self._skeleton(painter, rect)
        elif isinstance(cell, Group):
            _draw_group(painter, rect, cell, self._table.margin)
        elif cell == "" and self._column.kind != "check":
            self._nothing(painter, rect)
        else:
            self.draw(painter, self.inner(rect, column), cell, row)
        if row == self._table.ring_row:
            self._ring(painter, rect, column)

    def inner(self, rect: QRect, column: int) -> QRect:
        """Where the contents go: 8 px from both sides, the first column from the page's margin."""
        left = self._table.margin if column == self._table.first_column else _PAD
        return rect.adjusted(left, 0, -_PAD, -1)

    def draw(self, painter: QPainter, rect: QRect, cell: Cell, _row: int) -> None:
        """The contents; words are cut at their end, identifiers and times stand in the figures font."""
        text = str(cell)
        painter.setPen(look().colour("muted" if self._column.muted else "text"))
        baseline = baseline_in(rect.top(), rect.height())
        role = "data" if self._column.kind == "data" else "body"
        runs = split_runs(text)
        if role == "data" or len(runs) == 1 or runs_width(runs) > rect.width():
            figures = role == "data" or (len(runs) == 1 and runs[0][1])
            shown = elided(text, rect.width(), "data" if figures else "body")
            painter.setFont(look().font("data" if figures else "body"))
            painter.drawText(rect.left(), int(baseline), shown)
        else:
            draw_runs(painter, rect.left(), baseline, runs)

    def width_of(self, cell: Cell) -> float:
        """What the contents need, in px."""
        return runs_width(split_runs(str(cell)))

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        cell = self._table.rows.cell(index.row(), index.column())
        wide = 0.0 if cell is None or isinstance(cell, Group) else self.width_of(cell)
        left = self._table.margin if index.column() == self._table.first_column else _PAD
        return QSize(round(wide) + left + _PAD, look().row())

    def _back(self, painter: QPainter, rect: QRect, row: int, column: int, *, heading: bool) -> None:
        table, colour = self._table, look().colour
        selected = row == table.current_row or table.rows.is_chosen(row)
        if heading:
            painter.fillRect(rect, colour("raised"))
        elif selected:
            painter.fillRect(rect, colour("selected"))
        elif row == table.hover_row:
            painter.fillRect(rect, colour("hover"))
        if column == table.first_column and not heading:
            tone = "accent" if selected else table.mark_of(row)
            if tone:
                painter.fillRect(rect.left(), rect.top(), _MARK, rect.height() - 1, colour(tone))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, colour("line"))

    def _ring(self, painter: QPainter, rect: QRect, column: int) -> None:
        """This cell's part of the ring that lies inside the whole row."""
        colour, table = look().colour("focus"), self._table
        painter.fillRect(rect.left(), rect.top(), rect.width(), _RING, colour)
        painter.fillRect(rect.left(), rect.bottom() - _RING + 1, rect.width(), _RING, colour)
        if column == table.first_column:
            painter.fillRect(rect.left(), rect.top(), _RING, rect.height(), colour)
        if column == table.last_column:
            painter.fillRect(rect.right() - _RING + 1, rect.top(), _RING, rect.height(), colour)

    def _skeleton(self, painter: QPainter, rect: QRect) -> None:
        if not self._table.rows.skeleton or self._column.kind == "check":
            return
        inner = self.inner(rect, 0 if rect.left() <= 0 else 1)
        width = min(inner.width(), max(24, inner.width() * 2 // 3))
        left = inner.right() - width if self._column.right else inner.left()
        bar = QRectF(left, rect.center().y() - 5, width, 10)
        draw_frame(painter, bar, 2, None, look().skeleton())

    def _nothing(self, painter: QPainter, rect: QRect) -> None:
        inner = self.inner(rect, 1)
        painter.setPen(look().colour("muted"))
        painter.setFont(look().font("data"))
        align = Qt.AlignmentFlag.AlignRight if self._column.right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(inner, align | Qt.AlignmentFlag.AlignVCenter, NOTHING)


class AmountDelegate(CellDelegate):
    """An amount: right-aligned, digits in the figures font, the comma in the text font."""

    def draw(self, painter: QPainter, rect: QRect, cell: Cell, _row: int) -> None:
        runs = amount_runs(str(cell))
        painter.setPen(look().colour("text"))
        x = rect.right() + 1 - runs_width(runs)
        draw_runs(painter, x, baseline_in(rect.top(), rect.height()), runs)

    def width_of(self, cell: Cell) -> float:
        return runs_width(amount_runs(str(cell)))


class AgeDelegate(CellDelegate):
    """An age: the number right-aligned, its unit in a fixed width after it, so that the rows align."""

    def draw(self, painter: QPainter, rect: QRect, cell: Cell, _row: int) -> None:
        if not isinstance(cell, AgeCell):
            super().draw(painter, rect, cell, _row)
            return
        baseline = int(baseline_in(rect.top(), rect.height()))
        unit_left = rect.right() + 1 - unit_width()
        painter.setPen(look().colour("text"))
        painter.setFont(look().font("body"))
        painter.drawText(unit_left, baseline, cell.unit)
        painter.setFont(look().font("data"))
        wide = look().metrics("data").horizontalAdvance(cell.number)
        painter.drawText(round(unit_left - tokens().px("age_cell", "gap") - wide), baseline, cell.number)

    def width_of(self, cell: Cell) -> float:
        number = cell.number if isinstance(cell, AgeCell) else ""
        return unit_width() + 4 + look().metrics("data").horizontalAdvance(number)


class StateDelegate(CellDelegate):
    """A state: shape 14 px, 5 px, word. Good colours its shape only, any other tone colours both."""

    def draw(self, painter: QPainter, rect: QRect, cell: Cell, _row: int) -> None:
        if isinstance(cell, StateCell):
            draw_state(painter, rect, cell)
        else:
            super().draw(painter, rect, cell, _row)

    def width_of(self, cell: Cell) -> float:
        return state_width(cell) if isinstance(cell, StateCell) else super().width_of(cell)


class CheckDelegate(CellDelegate):
    """The box that says whether a row is chosen."""

    def draw(self, painter: QPainter, rect: QRect, cell: Cell, row: int) -> None:
        side = look().icon_px(tokens().px("control_heights", "check_box"))
        box = QRectF(rect.left(), round(rect.top() + (rect.height() - side) / 2), side, side)
        draw_check_box(painter, box, checked=self._table.rows.is_chosen(row))

    def inner(self, rect: QRect, column: int) -> QRect:
        return rect.adjusted(12, 0, 0, -1)


DELEGATES: dict[str, type[CellDelegate]] = {
    "text": CellDelegate,
    "data": CellDelegate,
    "amount": AmountDelegate,
    "age": AgeDelegate,
    "state": StateDelegate,
    "check": CheckDelegate,
}


def word_tone(tone: Tone) -> Tone:
    """The colour of a state's word in a row: healthy is quiet."""
    return "text" if tone == "good" else tone


def draw_state(painter: QPainter, rect: QRect, cell: StateCell) -> None:
    """Shape and word of a state at the left of a box."""
    side = look().icon_px(_SHAPE)
    top = rect.top() + (rect.height() - side) / 2
    put_shape(painter, cell.shape, rect.left(), top, side, look().colour(cell.tone))
    left = rect.left() + side + _SHAPE_GAP
    baseline = baseline_in(rect.top(), rect.height())
    painter.setPen(look().colour(word_tone(cell.tone)))
    painter.setFont(look().font("body"))
    word = elided(cell.word, rect.right() - left + 1)
    painter.drawText(left, int(baseline), word)
    if cell.extra:
        left += round(look().metrics("body").horizontalAdvance(word + " "))
        painter.setPen(look().colour("text"))
        draw_runs(painter, left, baseline, split_runs(cell.extra))


def state_width(cell: StateCell) -> float:
    words = f"{cell.word} {cell.extra}" if cell.extra else cell.word
    return look().icon_px(_SHAPE) + _SHAPE_GAP + runs_width(split_runs(words))


def unit_width() -> int:
    return round(tokens().px("age_cell", "unit_width") * look().scale)


def _draw_group(painter: QPainter, rect: QRect, group: Group, margin: int) -> None:
    left = rect.left() + margin
    if group.shape:
        side = look().icon_px(_SHAPE)
        put_shape(
            painter,
            group.shape,
            left,
            rect.top() + (rect.height() - side) / 2,
            side,
            look().colour(group.tone),
        )
        left += side + _SHAPE_GAP
    baseline = int(baseline_in(rect.top(), rect.height()))
    painter.setPen(look().colour(group.tone))
    painter.setFont(look().font("body"))
    painter.drawText(left, baseline, group.word)
    left += round(look().metrics("body").horizontalAdvance(group.word)) + _PAD
    painter.setPen(look().colour("muted"))
    painter.setFont(look().font("data"))
    painter.drawText(left, baseline, group.count)
