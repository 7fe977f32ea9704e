"""Delegates that paint the cells of a table, one class for each kind of column. RowPainter calls the method
`draw_cell` of a delegate directly, which takes half the time of a call through Qt's `paint`."""

from typing import NamedTuple

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from console.views.tables.columns import (
    AgeCell,
    Cell,
    Column,
    HeadingText,
    RowGroup,
    StateCell,
    TextWithAmount,
    TextWithUnelidedEnd,
)
from console.views.tables.painted_table import PaintedTable
from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.mixed_font_text import (
    ELLIPSIS_RUN,
    compute_centred_baseline,
    draw_font_runs,
    elide_font_runs,
    elide_text,
    measure_font_runs,
    split_amount_font_runs,
    split_font_runs,
    split_identifier_font_runs,
)
from console.views.theme.painting import draw_cached_icon, draw_frame, get_check_box_pixmap
from console.views.theme.theme import current_appearance
from console.wording.sentences.formats import NO_VALUE

CELL_PADDING_PX = 8
_ICON_SIDE_PX = 14
_ICON_GAP_PX = 5


class CellBox(NamedTuple):
    """The rectangle inside which a delegate paints a cell, and the y coordinate of the baseline of the cell's
    text; all in px of the table's viewport."""

    left: int
    top: int
    width: int
    height: int
    baseline: int

    @property
    def right(self) -> int:
        """The x coordinate of the first pixel to the right of the box."""
        return self.left + self.width


class CellDelegate(QStyledItemDelegate):
    """Paints a cell that contains text. A text that is too long ends with "…". Identifiers and times use the figures
    font.
    """

    def __init__(self, table: PaintedTable, column: Column) -> None:
        super().__init__(table)
        self._table, self._column = table, column

    def get_paddings(self, column_index: int) -> tuple[int, int]:
        """Return the left and the right padding of the cells in column `column_index`, in px. The left padding of the
        first visible column is the table's margin."""
        return (
            self._table.margin_px if column_index == self._table.first_column else CELL_PADDING_PX
        ), CELL_PADDING_PX

    def draw_cell(self, painter: QPainter, box: CellBox, cell: Cell, _row: int) -> None:
        if cell in ("", NO_VALUE):
            self._draw_no_value(painter, box)
        else:
            self._draw_text(painter, box, cell if isinstance(cell, TextWithUnelidedEnd) else str(cell))

    def _draw_text(self, painter: QPainter, box: CellBox, text: str) -> None:
        appearance = current_appearance()
        painter.setPen(appearance.colour("muted" if self._column.is_muted else "text"))
        runs = self._elide(text, box.width)
        if isinstance(text, TextWithAmount):
            amount_runs = split_amount_font_runs(text.unelided_end)
            amount_x = box.right - measure_font_runs(amount_runs)
            if amount_x >= box.left:
                draw_font_runs(painter, amount_x, box.baseline, amount_runs)
                beginning_width = max(0, int(amount_x) - box.left - CELL_PADDING_PX)
                runs = elide_font_runs(self._split_font_runs(text.removesuffix(text.unelided_end)), beginning_width)
        draw_font_runs(painter, box.left, box.baseline, runs)

    def _elide(self, text: str, width: int) -> tuple[tuple[str, bool], ...]:
        """Return the font runs of the text, elided to `width` px. The end of a TextWithUnelidedEnd stays if it
        fits."""
        runs = self._split_font_runs(text)
        if isinstance(text, TextWithUnelidedEnd) and measure_font_runs(runs) > width:
            end_runs = self._split_font_runs(text.unelided_end)
            room = width - measure_font_runs((*end_runs, ELLIPSIS_RUN))
            if room >= 0:
                beginning_runs = self._split_font_runs(text.removesuffix(text.unelided_end))
                return *elide_font_runs(beginning_runs, width - measure_font_runs(end_runs)), *end_runs
        return elide_font_runs(runs, width)

    def _split_font_runs(self, text: str) -> tuple[tuple[str, bool], ...]:
        """Return a cell's text split into font runs: pairs of a piece of the text, and True if the piece uses the
        figures font. In a column of the kind "data", the text is split as an identifier, in other columns as an
        ordinary text."""
        return split_identifier_font_runs(text) if self._column.kind == "data" else split_font_runs(text)

    def _draw_no_value(self, painter: QPainter, box: CellBox) -> None:
        painter.setPen(current_appearance().colour("muted"))
        painter.setFont(current_appearance().font("body"))  # as in the texts beside a table
        width = measure_font_runs(((NO_VALUE, False),))
        painter.drawText(
            round(box.right - width) if self._column.is_right_aligned else box.left, box.baseline, NO_VALUE
        )

    def draw_skeleton(self, painter: QPainter, box: CellBox) -> None:
        """Draw a grey bar, two thirds as wide as the cell, in place of the cell of a row that isn't read yet."""
        width = min(box.width, max(24, box.width * 2 // 3))
        x = box.right - width if self._column.is_right_aligned else box.left
        draw_frame(
            painter,
            QRectF(x, box.top + box.height // 2 - 5, width, 10),
            2,
            None,
            current_appearance().skeleton_colour(),
        )

    def measure_cell_width(self, cell: Cell) -> float:
        """Return the width in px that the column needs for the cell's contents; 0 for a heading, which extends over
        the next columns."""
        if isinstance(cell, TextWithAmount):
            beginning_runs = self._split_font_runs(cell.removesuffix(cell.unelided_end))
            amount_width = measure_font_runs(split_amount_font_runs(cell.unelided_end))
            return measure_font_runs(beginning_runs) + CELL_PADDING_PX + amount_width
        return 0.0 if isinstance(cell, HeadingText) else measure_font_runs(self._split_font_runs(str(cell)))

    def sizeHint(self, _option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        cell = self._table.rows.get_cell(index.row(), index.column())
        content_width = 0.0 if cell is None or isinstance(cell, RowGroup) else self.measure_cell_width(cell)
        return QSize(round(content_width) + sum(self.get_paddings(index.column())), current_appearance().row_height())


class AmountDelegate(CellDelegate):
    """Paints a cell that contains an amount: right-aligned, with the digits in the figures font and the commas in the
    text font.
    """

    def _draw_text(self, painter: QPainter, box: CellBox, text: str) -> None:
        runs = split_amount_font_runs(text)
        painter.setPen(current_appearance().colour("text"))
        draw_font_runs(painter, box.right - measure_font_runs(runs), box.baseline, runs)

    def measure_cell_width(self, cell: Cell) -> float:
        return 0.0 if isinstance(cell, HeadingText) else measure_font_runs(split_amount_font_runs(str(cell)))


class AgeDelegate(CellDelegate):
    """Paints a cell that contains an age: a number and its unit, right-aligned under the right-aligned title."""

    def draw_cell(self, painter: QPainter, box: CellBox, cell: Cell, _row: int) -> None:
        if not isinstance(cell, AgeCell):
            super().draw_cell(painter, box, cell, _row)
            return
        appearance, unit_x = current_appearance(), round(box.right - measure_font_runs(((cell.unit, False),)))
        painter.setPen(appearance.colour("text"))
        painter.setFont(appearance.font("body"))
        painter.drawText(unit_x, box.baseline, cell.unit)
        painter.setFont(appearance.font("data"))
        number = round(unit_x - tokens().px("age_cell", "gap") - measure_font_runs(((cell.number, True),)))
        painter.drawText(number, box.baseline, cell.number)

    def measure_cell_width(self, cell: Cell) -> float:
        if not isinstance(cell, AgeCell):
            return super().measure_cell_width(cell)
        gap_px = tokens().px("age_cell", "gap")
        return measure_font_runs(((cell.number, True),)) + gap_px + measure_font_runs(((cell.unit, False),))


class StateDelegate(CellDelegate):
    """Paints a cell that contains a state: an icon of 14 px, a gap of 5 px, and a word. The icon and the word have
    the colour of the state's tone; for the tone "good", only the icon has this colour."""

    def draw_cell(self, painter: QPainter, box: CellBox, cell: Cell, _row: int) -> None:
        if isinstance(cell, StateCell):
            _draw_state_in_box(painter, box, cell)
        else:
            super().draw_cell(painter, box, cell, _row)

    def measure_cell_width(self, cell: Cell) -> float:
        return measure_state_width(cell) if isinstance(cell, StateCell) else super().measure_cell_width(cell)


class CheckBoxDelegate(CellDelegate):
    """Paints the check box that shows whether the person has selected the row."""

    def get_paddings(self, column_index: int) -> tuple[int, int]:
        return 12, 0

    def draw_cell(self, painter: QPainter, box: CellBox, cell: Cell, row: int) -> None:
        side_px = current_appearance().icon_px(tokens().px("control_heights", "check_box"))
        is_row_selected = self._table.rows.is_row_selected(row)
        check_box = get_check_box_pixmap(
            current_appearance().theme, side_px, painter.device().devicePixelRatio(), is_row_selected
        )
        painter.drawPixmap(QPoint(box.left, box.top + (box.height - side_px) // 2), check_box)

    def measure_cell_width(self, _cell: Cell) -> float:
        return current_appearance().icon_px(tokens().px("control_heights", "check_box")) + CELL_PADDING_PX

    def draw_skeleton(self, painter: QPainter, box: CellBox) -> None:
        """Draw nothing, because the person can't select a row that isn't read yet."""


DELEGATE_BY_CELL_KIND: dict[str, type[CellDelegate]] = {
    "text": CellDelegate,
    "data": CellDelegate,
    "amount": AmountDelegate,
    "age": AgeDelegate,
    "state": StateDelegate,
    "check": CheckBoxDelegate,
}


def get_state_word_tone(tone: Tone) -> Tone:
    """Return the tone of the word of a state. `tone` is the tone of the state's icon. If this tone is "good", the
    word has the tone "text", otherwise the tone of the icon."""
    return "text" if tone == "good" else tone


def draw_state(painter: QPainter, rect: QRect, cell: StateCell) -> None:
    """Draw the icon and the word of a state at the left end of a rectangle."""
    baseline = int(compute_centred_baseline(rect.top(), rect.height()))
    _draw_state_in_box(painter, CellBox(rect.left(), rect.top(), rect.width(), rect.height(), baseline), cell)


def _draw_state_in_box(painter: QPainter, box: CellBox, cell: StateCell) -> None:
    appearance = current_appearance()
    icon_px = appearance.icon_px(_ICON_SIDE_PX)
    draw_cached_icon(
        painter, cell.icon_name, box.left, box.top + (box.height - icon_px) / 2, icon_px, appearance.colour(cell.tone)
    )
    x = box.left + icon_px + _ICON_GAP_PX
    painter.setPen(appearance.colour(get_state_word_tone(cell.tone)))
    shown_word = elide_text(cell.word, box.right - x)
    draw_font_runs(painter, x, box.baseline, ((shown_word, False),))
    if cell.extra_text:
        x += round(measure_font_runs(((shown_word + " ", False),)))
        painter.setPen(appearance.colour("text"))
        draw_font_runs(painter, x, box.baseline, split_font_runs(cell.extra_text))


def measure_state_width(cell: StateCell) -> float:
    """Return the width in px of a state cell's contents: icon, word and additional text."""
    text: tuple[tuple[str, bool], ...] = ((cell.word, False),)  # painted in the text font alone
    if cell.extra_text:
        text = ((f"{cell.word} ", False), *split_font_runs(cell.extra_text))
    return current_appearance().icon_px(_ICON_SIDE_PX) + _ICON_GAP_PX + measure_font_runs(text)


def draw_heading_text(painter: QPainter, box: CellBox, text: HeadingText) -> None:
    """Draw the text of a heading that is a row of the table."""
    painter.setPen(current_appearance().colour("text"))
    runs = elide_font_runs(split_font_runs(text), box.width, is_bold=True)
    draw_font_runs(painter, box.left, box.baseline, runs, is_bold=True)


def measure_heading_width(text: HeadingText) -> float:
    """Return the width in px of the text of a heading that is a row of the table."""
    return measure_font_runs(split_font_runs(text), is_bold=True)


def draw_group_heading(painter: QPainter, box: CellBox, group: RowGroup) -> None:
    """Draw the heading of a group of rows: icon, word and count."""
    x, appearance = box.left, current_appearance()
    if group.icon_name:
        icon_px = appearance.icon_px(_ICON_SIDE_PX)
        draw_cached_icon(
            painter, group.icon_name, x, box.top + (box.height - icon_px) / 2, icon_px, appearance.colour(group.tone)
        )
        x += icon_px + _ICON_GAP_PX
    painter.setPen(appearance.colour(group.tone))
    draw_font_runs(painter, x, box.baseline, ((group.word, False),), is_bold=True)
    painter.setPen(appearance.colour("muted"))
    x += round(measure_font_runs(((group.word, False),), is_bold=True)) + CELL_PADDING_PX
    draw_font_runs(painter, x, box.baseline, split_identifier_font_runs(group.count_text))
