"""The panel with the parts of a payment's captured amount (refunded, refundable and other parts), shown as texts and
as a bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.mixed_font_text import draw_line_of_text, measure_font_runs, split_font_runs
from console.views.theme.theme import current_appearance
from console.views.widgets.base import FlowLabel, Surface, TextLabel, discard_widget, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton, accept_copy_shortcut
from console.views.widgets.layout.flow_layout import DividedFlow

_HATCH_SPACING_PX = 5.0  # px between the lines of a hatch
_DOT_SPACING_PX = 4.0
_PART_GAP_PX = 2.0  # px between two parts of the bar
_SLOPES_BY_PATTERN = {
    "hatch": (-1.0,),
    "back_hatch": (1.0,),
    "cross": (-1.0, 1.0),
    "upright": (0.0,),
    "grid": (0.0,),
}
"""The slopes of the slanting and vertical lines of a pattern, see _draw_hatch."""


@dataclass(frozen=True, slots=True)
class MoneyPart:
    """One part of a payment's amount, such as the refunded part: its name (`name`), the amount as text, and the
    amount in minor units (`amount_minor`), from which the bar computes the part's width.

    `key` names the part, such as "refunded"; it is "" for a part whose amount is not a link. `copied_text` is the
    amount as a plain number, which Ctrl+C copies from a link.

    `fill_pattern` is the pattern in the bar: "solid", "dots", a pattern of lines ("hatch", "back_hatch", "cross",
    "upright", "level" or "grid"), or "empty". If `is_muted` is True, the part is shown in the muted colour, because
    its amount is zero.
    """

    name: str
    amount_text: str
    amount_minor: int
    fill_pattern: str
    tone: Tone = "text"
    is_muted: bool = False
    key: str = ""
    copied_text: str = ""


class _AmountLabel(TextLabel):
    """A label with an amount that is no link. It has the same height and painting as a link with an amount, so that
    all amounts of the panel are on one line."""

    def __init__(self, text: str = "", *, tone: Tone = "text", is_bold: bool) -> None:
        super().__init__(text, "figure", tone, is_bold=is_bold)

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(0, _compute_amount_height()))

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().expandedTo(QSize(0, _compute_amount_height()))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, tone = QPainter(self), self.property("tone")
        painter.setPen(current_appearance().colour(str(tone)))
        is_right_aligned = bool(self.alignment() & Qt.AlignmentFlag.AlignRight)
        text_width = measure_font_runs(split_font_runs(self.plain), "figure", is_bold=self.font().bold())
        left = self.width() - text_width if is_right_aligned else 0
        draw_line_of_text(painter, left, self.height(), self.plain, "figure", is_bold=self.font().bold())


def _compute_amount_height() -> int:
    """Return the height in px of an amount in the panel."""
    appearance = current_appearance()
    return max(appearance.control_height("target_min"), appearance.line_height("figure"))


class MoneyPartButton(LinkButton):
    """A link that shows the amount of one part of a payment. The link opens the rows whose amounts add up to this
    amount. Ctrl+C copies the amount as a plain number.

    Signals:
    - copied(str): the person has copied this plain number.
    """

    copied = Signal(str)

    def __init__(self, part: MoneyPart, description: str, *, is_bold: bool) -> None:
        """`description` is the tooltip, which describes the rows that the link opens; screen readers read it too."""
        super().__init__(part.amount_text, role="figure", tone=_find_amount_tone(part), is_bold=is_bold)
        self._copied_text = part.copied_text
        self.setAccessibleName(f"{part.name} {part.amount_text}")
        self.setAccessibleDescription(description)
        self.setToolTip(description)

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(0, _compute_amount_height()))

    def event(self, event: QEvent) -> bool:
        """Accept Ctrl+C for this widget. Otherwise a shortcut of the page with the same keys would get the key press.
        Leave every other event to Qt. Return True if the event was recognised."""
        return accept_copy_shortcut(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self._copied_text)
            self.copied.emit(self._copied_text)
        else:
            super().keyPressEvent(event)


class MoneyBar(QWidget):
    """A bar of 8 px height that shows the parts of a payment's amount side by side. The parts differ in pattern,
    not only in colour, and a gap separates them."""

    accessible_role = QAccessible.Role.Graphic

    def __init__(self) -> None:
        super().__init__()
        self._parts: tuple[MoneyPart, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_money_parts(self, parts: Sequence[MoneyPart]) -> None:
        self._parts = tuple(part for part in parts if part.amount_minor > 0)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, current_appearance().icon_px(tokens().px("money_bar", "height")))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box = QPainter(self), QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        x, last_part = box.left(), self._parts[-1] if self._parts else None
        for part, width in zip(self._parts, self._compute_part_widths(box.width()), strict=True):
            gap = 0 if part is last_part else _PART_GAP_PX
            _draw_part_pattern(painter, QRectF(x, box.top(), width - gap, box.height()), part)
            x += width
        painter.setPen(QPen(current_appearance().colour("border"), 1))
        painter.drawRect(box)

    def _compute_part_widths(self, bar_width_px: float) -> list[float]:
        """Return the width of each part with its gap in px for a bar of `bar_width_px` px: proportional to the part's
        amount, but at least the minimum width in the design tokens and the gap. If the bar is then too narrow, the
        widest part is narrowed."""
        total = sum(part.amount_minor for part in self._parts) or 1
        min_width = tokens().px("money_bar", "min_part") + _PART_GAP_PX
        widths = [max(min_width, bar_width_px * part.amount_minor / total) for part in self._parts]
        excess = sum(widths) - bar_width_px
        if widths and excess > 0:
            widths[widths.index(max(widths))] -= excess
        return widths


def _draw_part_pattern(painter: QPainter, box: QRectF, part: MoneyPart) -> None:
    """Fill the rectangle `box` of the bar with the pattern and the colour of `part`."""
    if part.fill_pattern == "empty":
        return
    colour = current_appearance().colour(part.tone)
    if part.fill_pattern == "solid":
        painter.fillRect(box, colour)
        return
    painter.save()
    painter.setClipRect(box)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1.5))
    if part.fill_pattern == "dots":
        _draw_dots(painter, box)
    for slope in _SLOPES_BY_PATTERN.get(part.fill_pattern, ()):
        _draw_hatch(painter, box, slope)
    if part.fill_pattern in ("level", "grid"):
        painter.drawLine(QPointF(box.left(), box.center().y()), QPointF(box.right(), box.center().y()))
    painter.restore()
    painter.setPen(QPen(colour, 1))
    painter.drawRect(box)


def _draw_hatch(painter: QPainter, box: QRectF, slope: float) -> None:
    """Fill the rectangle `box` with parallel lines. `slope` is the distance in px by which each line moves to the
    right per px downwards; 0 makes the lines vertical."""
    x, height = box.left() - box.height(), box.height()
    while x < box.right() + height:
        painter.drawLine(QPointF(x, box.top()), QPointF(x + slope * height, box.bottom()))
        x += _HATCH_SPACING_PX


def _draw_dots(painter: QPainter, box: QRectF) -> None:
    """Fill the rectangle `box` with two rows of dots, or with more if it is higher than the bar usually is."""
    row_count = max(2, round(box.height() / _DOT_SPACING_PX) - 1)
    for row in range(row_count):
        y = box.top() + (row + 1) * box.height() / (row_count + 1)
        x = box.left() + _DOT_SPACING_PX * (0.5 if row % 2 else 1)
        while x < box.right():
            painter.drawPoint(QPointF(x, y))
            x += _DOT_SPACING_PX


class MoneyPartSwatch(QWidget):
    """A small square with the pattern that a part of the amount has in the MoneyBar. The square is next to the name
    of the part and explains the pattern."""

    is_decoration = True

    def __init__(self, part: MoneyPart) -> None:
        super().__init__()
        self._part = part
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(current_appearance().icon_px(10), current_appearance().icon_px(10))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box = QPainter(self), QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        _draw_part_pattern(painter, box, self._part)
        border_colour: QColor = current_appearance().colour("border")
        painter.setPen(QPen(border_colour, 1))
        painter.drawRect(box)


class MoneyPanel(Surface):
    """The panel with the amounts of a payment: its parts side by side, the refundable amount at the right, and below
    them the MoneyBar.

    Signals:
    - part_opened(str): the person wants to see the rows whose amounts add up to the amount of the part with this key.
    - copied(str): the person has copied this amount, as a plain number.
    """

    part_opened = Signal(str)
    copied = Signal(str)

    def __init__(
        self,
        accessible_name: str,
        *,
        margins: tuple[int, int, int, int] = (24, 10, 24, 12),
        part_description: str = "",
    ) -> None:
        """`accessible_name` is the name of the panel for screen readers, which read the amounts after it. `margins`
        (left, top, right, bottom) are in px. The amount of a part is a link, which emits `part_opened`;
        `part_description` is the tooltip of these links, and screen readers read it, too. If `part_description` is
        "", the amounts are no links."""
        super().__init__(edge="bottom")
        self._name, self._part_description = accessible_name, part_description
        self.part_buttons: dict[str, MoneyPartButton] = {}
        """The links to the rows of the parts, by the key of the part."""
        self._shown_parts: tuple[MoneyPart, ...] = ()
        self._part_panels = QWidget()
        self.refundable_name_label = TextLabel("", "small", "muted")
        self.refundable_amount_label = _AmountLabel(is_bold=True)
        for refundable_texts in (self.refundable_name_label, self.refundable_amount_label):
            refundable_texts.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.bar = MoneyBar()
        self._part_row = make_row(self._part_panels, gap_px=16)
        self._refundable_name_row = make_row(None, self.refundable_name_label, gap_px=6)
        self._refundable_swatch: MoneyPartSwatch | None = None
        self._part_row.addLayout(make_column(self._refundable_name_row, self.refundable_amount_label, None, gap_px=0))
        self._part_row.setStretch(0, 1)
        layout = make_column(gap_px=8, margins=margins)
        layout.addLayout(self._part_row)
        layout.addWidget(self.bar)
        self._note_label = FlowLabel("", "small", "care", wraps_lines=True)
        self._note_label.hide()
        layout.addWidget(self._note_label)
        self.setLayout(layout)

    def show_note(self, text: str) -> None:
        """Show a sentence below the bar, such as one about an amount that isn't subtracted yet; no sentence if `text`
        is ""."""
        self._note_label.show_text(text)
        self._note_label.setVisible(bool(text))

    def show_money_parts(self, parts: Sequence[MoneyPart], remaining_part: MoneyPart) -> None:
        """Show the amounts of a payment. The first of `parts` is the whole amount, which isn't shown in the bar;
        `remaining_part` is the refundable amount."""
        if self._shown_parts == (*parts, remaining_part):
            return  # the same links stay, so that the focused one keeps the focus
        self._shown_parts = (*parts, remaining_part)
        focused_key = next((key for key, button in self.part_buttons.items() if button.hasFocus()), "")
        self.part_buttons = {
            part.key: self._make_part_button(part, is_first_part=not index)
            for index, part in enumerate(parts)
            if self._part_description and part.key and not part.is_muted
        }
        old_parts = self._part_panels
        self._part_panels = DividedFlow(
            *(
                _make_part_panel(part, self.part_buttons.get(part.key), is_first_part=not index)
                for index, part in enumerate(parts)
            )
        )
        self._part_row.replaceWidget(old_parts, self._part_panels)
        self._part_row.setStretch(0, 1)
        if focused_key in self.part_buttons:
            self.part_buttons[focused_key].setFocus(Qt.FocusReason.OtherFocusReason)
        discard_widget(old_parts)
        self.refundable_name_label.show_text(remaining_part.name)
        self._replace_refundable_swatch(remaining_part)
        self.refundable_amount_label.show_text(remaining_part.amount_text)
        self.bar.show_money_parts([*parts[1:], remaining_part])
        spoken_parts = [f"{part.name} {part.amount_text}" for part in (*parts, remaining_part)]
        self.setAccessibleName(f"{self._name}: {', '.join(spoken_parts)}")
        self.bar.setAccessibleName(self._name)

    def _replace_refundable_swatch(self, part: MoneyPart) -> None:
        """Show the square with the pattern of the refundable amount before its name; no square if the bar has no such
        part."""
        if self._refundable_swatch is not None:
            discard_widget(self._refundable_swatch)
            self._refundable_swatch = None
        if part.fill_pattern != "empty":
            self._refundable_swatch = MoneyPartSwatch(part)
            self._refundable_name_row.insertWidget(1, self._refundable_swatch)

    def _make_part_button(self, part: MoneyPart, *, is_first_part: bool) -> MoneyPartButton:
        button = MoneyPartButton(part, self._part_description, is_bold=is_first_part)
        button.setProperty("part", part.key)
        button.clicked.connect(self._emit_part_opened)
        button.copied.connect(self.copied)
        return button

    @Slot()
    def _emit_part_opened(self) -> None:
        """Emit `part_opened` with the key of the part whose link the person has pressed."""
        self.part_opened.emit(str(self.sender().property("part")))


def _find_amount_tone(part: MoneyPart) -> Tone:
    """Return the tone of the amount's text: "muted" for a zero amount, and "text" (the colour of ordinary text) for a
    part with the tone "muted" or "good". For any other part, such as one with an unknown amount, return the tone of
    the part. Amounts that are links get the same tone."""
    return "muted" if part.is_muted else "text" if part.tone in ("muted", "good") else part.tone


def _make_part_panel(part: MoneyPart, button: MoneyPartButton | None, *, is_first_part: bool) -> QWidget:
    """Return a widget with the name and the amount of a part. `button` is the link that shows the amount; None if the
    amount is no link. If `is_first_part` is True, the part is the whole amount, and its figure is bold."""
    name_label = TextLabel(part.name, "small", "muted")
    amount_label = button or _AmountLabel(part.amount_text, tone=_find_amount_tone(part), is_bold=is_first_part)
    panel = QWidget()
    name_row = (
        make_row(name_label, None, gap_px=6)
        if part.fill_pattern == "empty" or part.is_muted
        else make_row(MoneyPartSwatch(part), name_label, None, gap_px=6)
    )
    panel.setLayout(make_column(name_row, amount_label, gap_px=0))
    return panel
