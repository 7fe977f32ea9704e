"""The panel widget of the home page: a title above lines, each with a text, the age of the oldest record, and a
count."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from console.views.tables.delegates import get_state_word_tone
from console.views.theme.design_tokens import TextRoleName, Tone
from console.views.theme.key_names import format_keys
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    elide_font_runs,
    measure_font_runs,
    split_font_runs,
)
from console.views.theme.painting import draw_cached_icon, draw_frame, draw_key_cap, measure_key_cap
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import PaintedButton

_COUNT_LINE_PADDING_PX = 16
_GAP_BEFORE_STATE_PX = 12
_GAP_AFTER_TIME = "  "  # between a time and the text after it


@dataclass(frozen=True, slots=True)
class CountLine:
    """The contents of one line of a CountPanel: an icon (`icon_name` in the colour `tone`), a text (`label`), a
    further text in the muted colour (`detail`, the muted text), and a number (`count_text`) at the right. `key` names
    the page that a press on the line opens, such as a queue; "" if a press opens no page.

    If `state_icon_name` is given, the right end shows a state in place of the number: this icon in the colour
    `state_tone`, and `count_text` as its name. If `shortcut` is given, the right end shows this key combination as a
    key cap.

    `second_line` is the last part of `label`, which is drawn on a second line if the button is too narrow for the
    whole label; "" if the label is never divided. A label that can be divided begins with a time; its second line is
    aligned with the text after this time.
    """

    key: str
    icon_name: str
    tone: Tone
    label: str
    detail: str = ""
    count_text: str = ""
    state_icon_name: str = ""
    state_tone: Tone = "text"
    shortcut: str = ""
    second_line: str = ""


def find_detail_x(label_end: float, detail_width: float, right_x: float, column_right: float) -> float | None:
    """Return the x coordinate at which the muted text (the text in the muted colour) of a line begins; None if the
    line has no room for it. The muted text is `detail_width` wide, and is between the label of the line, which ends
    at `label_end`, and the number, which begins at `right_x`. The muted texts of all lines of a panel end at
    `column_right`, so that they are aligned; only a muted text that would then overlap its label ends directly before
    the number. All values are in px.
    """
    return next(
        (
            end - 12 - detail_width
            for end in (min(right_x, column_right), right_x)
            if end - 12 - detail_width > label_end + 8
        ),
        None,
    )


class CountLineButton(PaintedButton):
    """A button that shows one CountLine. It draws its focus ring inside its own rectangle."""

    def __init__(self, line: CountLine) -> None:
        super().__init__(line.label)
        self.count_texts: Sequence[str] = ()  # the numbers of all lines of the panel: their column is as wide
        self.has_second_line = False
        self.focus_ring_gap_px = None  # type: ignore[assignment]  # none around it: it is drawn inside
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._set_contents_and_accessible_name(line)

    def show_line(self, line: CountLine) -> None:
        if line != self.line:
            self._set_contents_and_accessible_name(line)

    def _set_contents_and_accessible_name(self, line: CountLine) -> None:
        self.line = line
        self.setEnabled(bool(line.key))
        parts = (line.label, line.detail, line.count_text, format_keys(line.shortcut))
        self.setAccessibleName(", ".join(part for part in parts if part))
        self._fit_second_line()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, self._compute_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._compute_height())

    def _compute_height(self) -> int:
        appearance = current_appearance()
        return appearance.row_height() + (appearance.line_height("body") if self.has_second_line else 0)

    def _fit_second_line(self) -> None:
        """Draw the end of the text on a second line if the button is too narrow for the whole text."""
        width_px = measure_font_runs(split_font_runs(self.line.label)) + _GAP_BEFORE_STATE_PX
        available_px = self.width() - 2 * _COUNT_LINE_PADDING_PX - self._measure_state_width()
        must_break = bool(self.line.second_line) and width_px > available_px
        if must_break != self.has_second_line:
            self.has_second_line = must_break
            self.updateGeometry()

    def _measure_state_width(self) -> float:
        """Return the width in px of the state at the right end of the line."""
        return current_appearance().icon_px(14) + 5 + measure_font_runs(split_font_runs(self.line.count_text))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_second_line()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "line"):
            self._fit_second_line()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box, colour = QPainter(self), QRectF(self.rect()), current_appearance().colour
        if self.hasFocus() or self.isDown():
            painter.fillRect(self.rect(), colour("selected"))
        elif self.underMouse() and self.isEnabled():
            painter.fillRect(self.rect(), colour("hover"))
        first_line = QRectF(box.left(), box.top(), box.width(), box.height())
        if self.has_second_line:
            first_line.setHeight(current_appearance().row_height())
        baseline = compute_centred_baseline(first_line.top(), first_line.height())
        if self.line.shortcut:
            right_x = self._draw_shortcut(painter, first_line)
        else:
            right_x = self._draw_count_or_state(painter, first_line, baseline)
        self._draw_texts(painter, first_line, baseline, right_x)
        if self.hasFocus():
            draw_frame(painter, box, 0, colour("focus"), None, 2)

    def _draw_shortcut(self, painter: QPainter, box: QRectF) -> float:
        """Draw the key cap at the right end of `box`, the rectangle of the button. Return the x coordinate of the key
        cap's left edge in px."""
        width, height = measure_key_cap(self.line.shortcut)
        x, colour = box.right() - _COUNT_LINE_PADDING_PX - width, current_appearance().colour
        key_cap_rect = QRectF(x, round((box.height() - height) / 2), width, height)
        draw_key_cap(painter, key_cap_rect, self.line.shortcut, colour("muted"), colour("border"), colour("base"))
        return x

    def _draw_count_or_state(self, painter: QPainter, box: QRectF, baseline: float) -> float:
        """Draw the number or the state at the right end of `box`, the rectangle of the button, on the baseline with
        the y coordinate `baseline` (px). Return the x coordinate of the left edge of the number or state in px."""
        line, right = self.line, box.right() - _COUNT_LINE_PADDING_PX
        is_state = bool(line.state_icon_name)
        runs = split_font_runs(line.count_text) if is_state else ((line.count_text, True),)
        font_role: TextRoleName = "body" if is_state else "figure"
        x = right - measure_font_runs(runs, font_role)
        painter.setPen(current_appearance().colour(get_state_word_tone(line.state_tone) if is_state else "text"))
        draw_font_runs(painter, x, baseline, runs, font_role)
        if is_state:
            side = current_appearance().icon_px(14)
            x -= side + 5
            ink_colour = current_appearance().colour(line.state_tone)
            draw_cached_icon(painter, line.state_icon_name, x, (box.height() - side) / 2, side, ink_colour)
        return x

    def _draw_texts(self, painter: QPainter, box: QRectF, baseline: float, right_x: float) -> None:
        """Draw the icon, the text and the muted text of the line. `box` is the rectangle of the button, `baseline`
        the y coordinate of the texts' baseline (px). All of them are drawn to the left of `right_x` (px), where the
        number or the shortcut begins. If there is no room, the text is elided and the muted text is left out. The
        second line has the whole width."""
        line, side, x = self.line, current_appearance().icon_px(16), box.left() + _COUNT_LINE_PADDING_PX
        if line.icon_name:
            draw_cached_icon(
                painter, line.icon_name, x, (box.height() - side) / 2, side, current_appearance().colour(line.tone)
            )
            x += side + 8
        painter.setPen(current_appearance().colour(get_state_word_tone(line.tone)))
        word = line.label.removesuffix(line.second_line).rstrip() if self.has_second_line else line.label
        word_runs = elide_font_runs(split_font_runs(word), right_x - x - _GAP_BEFORE_STATE_PX)
        draw_font_runs(painter, x, baseline, word_runs)
        if self.has_second_line:
            time_text = word[: word.find(_GAP_AFTER_TIME) + len(_GAP_AFTER_TIME)]
            second_x = x + measure_font_runs(split_font_runs(time_text))
            runs = elide_font_runs(split_font_runs(line.second_line), box.right() - _COUNT_LINE_PADDING_PX - second_x)
            draw_font_runs(painter, second_x, baseline + current_appearance().line_height("body"), runs)
        runs = split_font_runs(line.detail)
        detail_x = find_detail_x(
            x + measure_font_runs(split_font_runs(line.label)),
            measure_font_runs(runs, "small"),
            right_x,
            box.right() - _COUNT_LINE_PADDING_PX - self.measure_count_column_width(),
        )
        if line.detail and detail_x is not None:
            painter.setPen(current_appearance().colour("muted"))
            draw_font_runs(painter, detail_x, baseline, runs, "small")

    def measure_count_column_width(self) -> float:
        """Return the width in px of the column in which the numbers of all lines of the panel, or the shortcuts of a
        panel without numbers, are right-aligned."""
        widths = [measure_font_runs(((text, True),), "figure") for text in self.count_texts]
        return max(widths, default=48 * current_appearance().scale)


class CountPanel(Surface):
    """A panel with a title and a button per CountLine. The arrow keys move the focus between the buttons.

    Signals:
    - line_pressed(str): the person has pressed the button of the line with this key.
    """

    line_pressed = Signal(str)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, edge="all")
        self.setAccessibleName(title)
        head = Surface(self, edge="bottom")
        head.setLayout(
            make_row(
                TextLabel(title, "panel_title"), None, margins=(_COUNT_LINE_PADDING_PX, 8, _COUNT_LINE_PADDING_PX, 8)
            )
        )
        self._lines = QVBoxLayout()
        self._lines.setSpacing(0)
        self._buttons: list[CountLineButton] = []
        self._footer_label = TextLabel("", "small", "muted", wraps_lines=True)
        footer = self._footer = Surface(self, edge="top")
        footer.setLayout(make_row(self._footer_label, margins=(_COUNT_LINE_PADDING_PX, 6, _COUNT_LINE_PADDING_PX, 6)))
        self._empty_text_label = TextLabel("", "body", "muted", wraps_lines=True)
        body = self._empty_text_panel = QWidget(self)
        body.setLayout(
            make_row(self._empty_text_label, margins=(_COUNT_LINE_PADDING_PX, 8, _COUNT_LINE_PADDING_PX, 8))
        )
        self.setLayout(make_column(head, body, self._lines, None, footer, gap_px=0, margins=(1, 1, 1, 1)))

    def show_lines(self, lines: Sequence[CountLine], footer: str = "") -> None:
        """Show a button per line, and below them the text `footer`. If there are no lines, only the text is shown."""
        for line in lines[len(self._buttons) :]:
            self._add_line(line)
        for button, line in zip(self._buttons, lines, strict=False):
            button.show_line(line)
            button.count_texts = [line.count_text for line in lines if not line.state_icon_name]
        for number, button in enumerate(self._buttons):
            button.setVisible(number < len(lines))
        self._footer_label.show_text(footer)
        self._empty_text_label.show_text(footer)
        self._footer.setVisible(bool(lines))
        self._empty_text_panel.setVisible(not lines)

    @property
    def focus_stops(self) -> list[QWidget]:
        """The visible buttons of the panel, in tab order."""
        return [button for button in self._buttons if not button.isHidden()]

    def _add_line(self, line: CountLine) -> None:
        button = CountLineButton(line)
        button.clicked.connect(self._emit_pressed_line)
        self._buttons.append(button)
        self._lines.addWidget(button)

    @Slot()
    def _emit_pressed_line(self) -> None:
        button = self.sender()
        if isinstance(button, CountLineButton):
            self.line_pressed.emit(button.line.key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        focused_indexes = [number for number, button in enumerate(self._buttons) if button.hasFocus()]
        if step and focused_indexes and 0 <= focused_indexes[0] + step < len(self._buttons):
            self._buttons[focused_indexes[0] + step].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            super().keyPressEvent(event)
