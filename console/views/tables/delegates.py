"""Delegates, one per kind of cell. The table calls `draw` for the cells of a whole row: half the cost of `paint`."""

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from console.views.look.painting import check_box_pixmap, draw_frame, put_shape
from console.views.look.runs import amount_runs, baseline_in, draw_runs, elided, runs_width, split_runs
from console.views.look.theme import look
from console.views.look.tokens import Role, Tone, tokens
from console.views.tables.columns import AgeCell, Cell, Column, Group, StateCell

if TYPE_CHECKING:
    from console.views.tables.page import RecordTable

PAD = 8
_SHAPE = 14
_SHAPE_GAP = 5
NOTHING = "–"


class Box(NamedTuple):
    """Where the contents of a cell go, and on which baseline; in px of the viewport."""

    left: int
    top: int
    width: int
    height: int
    baseline: int

    @property
    def right(self) -> int:
        """The first px beyond the box."""
        return self.left + self.width


class CellDelegate(QStyledItemDelegate):
    """A cell of words: cut at their end; identifiers and times stand in the figures font."""

    def __init__(self, table: "RecordTable", column: Column) -> None:
        super().__init__(table)
        self._table, self._column = table, column

    def pads(self, number: int) -> tuple[int, int]:
        """The space at the left and right of the contents, in px; the first column begins on the page's margin."""
        return (self._table.margin if number == 0 else PAD), PAD

    def draw(self, painter: QPainter, box: Box, cell: Cell, _row: int) -> None:
        if cell == "":
            self._nothing(painter, box)
        else:
            self._words(painter, box, str(cell))

    def _words(self, painter: QPainter, box: Box, text: str) -> None:
        dress = look()
        painter.setPen(dress.colour("muted" if self._column.muted else "text"))
        runs = split_runs(text)
        if self._column.kind == "data" or len(runs) == 1:
            role: Role = "data" if self._column.kind == "data" or runs[0][1] else "body"
            painter.setFont(dress.font(role))
            painter.drawText(box.left, box.baseline, elided(text, box.width, role))
        elif runs_width(runs) > box.width:
            painter.setFont(dress.font("body"))
            painter.drawText(box.left, box.baseline, elided(text, box.width))
        else:
            draw_runs(painter, box.left, box.baseline, runs)

    def _nothing(self, painter: QPainter, box: Box) -> None:
        painter.setPen(look().colour("muted"))
        painter.setFont(look().font("data"))
        wide = runs_width(((NOTHING, True),))
        painter.drawText(round(box.right - wide) if self._column.right else box.left, box.baseline, NOTHING)

    def draw_skeleton(self, painter: QPainter, box: Box) -> None:
        """A grey bar of two thirds of the width, where the contents will be."""
        width = min(box.width, max(24, box.width * 2 // 3))
        left = box.right - width if self._column.right else box.left
        draw_frame(painter, QRectF(left, box.top + box.height // 2 - 5, width, 10), 2, None, look().skeleton())

    def width_of(self, cell: Cell) -> float:
        """What the contents need, in px."""
        return runs_width(split_runs(str(cell)))

    def sizeHint(self, _option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        cell = self._table.rows.cell(index.row(), index.column())
        wide = 0.0 if cell is None or isinstance(cell, Group) else self.width_of(cell)
        return QSize(round(wide) + sum(self.pads(index.column())), look().row())


class AmountDelegate(CellDelegate):
    """An amount: right-aligned, digits in the figures font, the comma in the text font."""

    def _words(self, painter: QPainter, box: Box, text: str) -> None:
        runs = amount_runs(text)
        painter.setPen(look().colour("text"))
        draw_runs(painter, box.right - runs_width(runs), box.baseline, runs)

    def width_of(self, cell: Cell) -> float:
        return runs_width(amount_runs(str(cell)))


class AgeDelegate(CellDelegate):
    """An age: the number right-aligned, its unit in a fixed width after it, so that the rows align."""

    def draw(self, painter: QPainter, box: Box, cell: Cell, _row: int) -> None:
        if not isinstance(cell, AgeCell):
            super().draw(painter, box, cell, _row)
            return
        dress, left = look(), box.right - unit_width()
        painter.setPen(dress.colour("text"))
        painter.setFont(dress.font("body"))
        painter.drawText(left, box.baseline, cell.unit)
        painter.setFont(dress.font("data"))
        number = round(left - tokens().px("age_cell", "gap") - runs_width(((cell.number, True),)))
        painter.drawText(number, box.baseline, cell.number)

    def width_of(self, cell: Cell) -> float:
        number = cell.number if isinstance(cell, AgeCell) else ""
        return unit_width() + tokens().px("age_cell", "gap") + runs_width(((number, True),))


class StateDelegate(CellDelegate):
    """A state: shape 14 px, 5 px, word. Good colours its shape only, any other tone colours both."""

    def draw(self, painter: QPainter, box: Box, cell: Cell, _row: int) -> None:
        if isinstance(cell, StateCell):
            _state(painter, box, cell)
        else:
            super().draw(painter, box, cell, _row)

    def width_of(self, cell: Cell) -> float:
        return state_width(cell) if isinstance(cell, StateCell) else super().width_of(cell)


class CheckDelegate(CellDelegate):
    """The box that says whether a row is chosen."""

    def pads(self, number: int) -> tuple[int, int]:
        return 12, 0

    def draw(self, painter: QPainter, box: Box, cell: Cell, row: int) -> None:
        side = look().icon_px(tokens().px("control_heights", "check_box"))
        chosen = self._table.rows.is_chosen(row)
        image = check_box_pixmap(look().theme, side, painter.device().devicePixelRatio(), chosen)
        painter.drawPixmap(QPoint(box.left, box.top + (box.height - side) // 2), image)

    def draw_skeleton(self, painter: QPainter, box: Box) -> None:
        """Nothing: there is no row to choose yet."""


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
    """Shape and word of a state at the left of a rectangle."""
    baseline = int(baseline_in(rect.top(), rect.height()))
    _state(painter, Box(rect.left(), rect.top(), rect.width(), rect.height(), baseline), cell)


def _state(painter: QPainter, box: Box, cell: StateCell) -> None:
    dress = look()
    side = dress.icon_px(_SHAPE)
    put_shape(painter, cell.shape, box.left, box.top + (box.height - side) / 2, side, dress.colour(cell.tone))
    left = box.left + side + _SHAPE_GAP
    painter.setPen(dress.colour(word_tone(cell.tone)))
    painter.setFont(dress.font("body"))
    word = elided(cell.word, box.right - left)
    painter.drawText(left, box.baseline, word)
    if cell.extra:
        left += round(runs_width(((word + " ", False),)))
        painter.setPen(dress.colour("text"))
        draw_runs(painter, left, box.baseline, split_runs(cell.extra))


def state_width(cell: StateCell) -> float:
    words = f"{cell.word} {cell.extra}" if cell.extra else cell.word
    return look().icon_px(_SHAPE) + _SHAPE_GAP + runs_width(split_runs(words))


def unit_width() -> int:
    return round(tokens().px("age_cell", "unit_width") * look().scale)


def draw_heading(painter: QPainter, box: Box, group: Group) -> None:
    """The heading of a group, over the whole row."""
    left, dress = box.left, look()
    if group.shape:
        side = dress.icon_px(_SHAPE)
        put_shape(painter, group.shape, left, box.top + (box.height - side) / 2, side, dress.colour(group.tone))
        left += side + _SHAPE_GAP
    painter.setPen(dress.colour(group.tone))
    painter.setFont(dress.font("body"))
    painter.drawText(left, box.baseline, group.word)
    painter.setPen(dress.colour("muted"))
    painter.setFont(dress.font("data"))
    painter.drawText(left + round(runs_width(((group.word, False),))) + PAD, box.baseline, group.count)
