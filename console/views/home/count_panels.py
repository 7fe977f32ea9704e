"""The panels of Home: lines with a word, since when the oldest waits, and how many."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from console.views.look.painting import draw_frame, put_shape
from console.views.look.runs import baseline_in, draw_runs, elided, runs_width, split_runs
from console.views.look.theme import look
from console.views.look.tokens import Role, Tone
from console.views.tables.delegates import word_tone
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import PaintedButton

_PAD = 16


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where it leads (`key`, "" for nowhere), shape, tone, word, a muted detail, the figure at the right.

    `figure_tone` and `figure_shape` are for a line whose right end is a state, not a number.
    """

    key: str
    shape: str
    tone: Tone
    word: str
    detail: str = ""
    figure: str = ""
    figure_shape: str = ""
    figure_tone: Tone = "text"


class LineButton(PaintedButton):
    """A line that leads somewhere; it draws its focus inside itself."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.word)
        self.focus_ring = None  # type: ignore[assignment]  # none around it: it is drawn inside
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.show_line(line)

    def show_line(self, line: Line) -> None:
        self.line = line
        self.setEnabled(bool(line.key))
        self.setAccessibleName(", ".join(part for part in (line.word, line.detail, line.figure) if part))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, look().row())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, look().row())

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box, colour = QPainter(self), QRectF(self.rect()), look().colour
        if self.hasFocus() or self.isDown():
            painter.fillRect(self.rect(), colour("selected"))
        elif self.underMouse() and self.isEnabled():
            painter.fillRect(self.rect(), colour("hover"))
        baseline = baseline_in(box.top(), box.height())
        right = self._figure(painter, box, baseline)
        self._words(painter, box, baseline, right)
        if self.hasFocus():
            draw_frame(painter, box, 0, colour("focus"), None, 2)

    def _figure(self, painter: QPainter, box: QRectF, baseline: float) -> float:
        """At the right end; returns where it begins."""
        line, right = self.line, box.right() - _PAD
        state = bool(line.figure_shape)
        runs = split_runs(line.figure) if state else ((line.figure, True),)
        role: Role = "body" if state else "figure"
        left = right - runs_width(runs, role)
        painter.setPen(look().colour(line.figure_tone if state else "text"))
        draw_runs(painter, left, baseline, runs, role)
        if state:
            side = look().icon_px(14)
            left -= side + 5
            ink = look().colour(line.figure_tone)
            put_shape(painter, line.figure_shape, left, (box.height() - side) / 2, side, ink)
        return left

    def _words(self, painter: QPainter, box: QRectF, baseline: float, right: float) -> None:
        line, side, left = self.line, look().icon_px(16), box.left() + _PAD
        if line.shape:
            put_shape(painter, line.shape, left, (box.height() - side) / 2, side, look().colour(line.tone))
            left += side + 8
        painter.setPen(look().colour(word_tone(line.tone)))
        if runs_width(split_runs(line.word)) > right - left - 12:
            draw_runs(painter, left, baseline, ((elided(line.word, right - left - 12), False),))
        else:
            draw_runs(painter, left, baseline, split_runs(line.word))
        runs = split_runs(line.detail)
        at = min(right, box.right() - _PAD - 48 * look().scale) - 12 - runs_width(runs, "small")
        if line.detail and at > left + runs_width(split_runs(line.word)) + 8:
            painter.setPen(look().colour("muted"))
            draw_runs(painter, at, baseline, runs, "small")


class CountPanel(Surface):
    """A titled panel of lines; up and down walk along them.

    Signals:
        chosen(str): the line with that key was pressed.
    """

    chosen = Signal(str)

    def __init__(self, title: str) -> None:
        super().__init__(edge="all")
        self.setAccessibleName(title)
        head = Surface(edge="bottom")
        head.setLayout(row(Words(title, "panel_title"), None, margins=(_PAD, 8, _PAD, 8)))
        self._lines = QVBoxLayout()
        self._lines.setSpacing(0)
        self._buttons: list[LineButton] = []
        self._foot = Words("", "small", "muted")
        foot = Surface(edge="top")
        foot.setLayout(row(self._foot, margins=(_PAD, 6, _PAD, 6)))
        self.setLayout(column(head, self._lines, None, foot, gap=0, margins=(1, 1, 1, 1)))

    def show_lines(self, lines: Sequence[Line], foot: str = "") -> None:
        for line in lines[len(self._buttons) :]:
            self._add(line)
        for button, line in zip(self._buttons, lines, strict=False):
            button.show_line(line)
        self._foot.say(foot)

    @property
    def stops(self) -> list[QWidget]:
        """Where Tab stops, in order."""
        return [*self._buttons]

    def _add(self, line: Line) -> None:
        button = LineButton(line)
        button.clicked.connect(self._pressed)
        self._buttons.append(button)
        self._lines.addWidget(button)

    @Slot()
    def _pressed(self) -> None:
        button = self.sender()
        if isinstance(button, LineButton):
            self.chosen.emit(button.line.key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        here = [number for number, button in enumerate(self._buttons) if button.hasFocus()]
        if step and here and 0 <= here[0] + step < len(self._buttons):
            self._buttons[here[0] + step].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            super().keyPressEvent(event)
