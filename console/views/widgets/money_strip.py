"""The money strip: where a payment's money is, part by part, with a bar below that shows the shares."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.views.look.theme import look
from console.views.look.tokens import Tone, tokens
from console.views.widgets.base import Painted, Surface, Words, column, row
from console.views.widgets.flow import flowing

_HATCH = 5.0  # px between the lines of a hatch


@dataclass(frozen=True, slots=True)
class MoneyPart:
    """One part: its word, its amount as shown, its share in minor units, how the bar fills it.

    `fill`: solid, hatch, back_hatch, upright or empty. `quiet`: nothing is in it.
    """

    word: str
    amount: str
    share: int
    fill: str
    tone: Tone = "text"
    quiet: bool = False


class MoneyBar(Painted):
    """The shares side by side, 8 px high; each fill differs in more than its colour."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: tuple[MoneyPart, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_parts(self, parts: Sequence[MoneyPart]) -> None:
        self._parts = tuple(part for part in parts if part.share > 0)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, look().icon_px(tokens().px("money_bar", "height")))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box = QPainter(self), QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        left = box.left()
        for part, wide in zip(self._parts, self._widths(box.width()), strict=True):
            _fill(painter, QRectF(left, box.top(), wide, box.height()), part)
            left += wide
        painter.setPen(QPen(look().colour("border"), 1))
        painter.drawRect(box)

    def _widths(self, room: float) -> list[float]:
        """In proportion, and none so narrow that it can't be seen."""
        total = sum(part.share for part in self._parts) or 1
        least = tokens().px("money_bar", "min_part")
        wide = [max(least, room * part.share / total) for part in self._parts]
        over = sum(wide) - room
        if wide and over > 0:
            wide[wide.index(max(wide))] -= over
        return wide


def _fill(painter: QPainter, box: QRectF, part: MoneyPart) -> None:
    if part.fill == "empty":
        return
    colour = look().colour(part.tone)
    if part.fill == "solid":
        painter.fillRect(box, colour)
        return
    painter.save()
    painter.setClipRect(box)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1.5))
    _lines(painter, box, {"hatch": -1.0, "back_hatch": 1.0}.get(part.fill, 0.0))
    painter.restore()
    painter.setPen(QPen(colour, 1))
    painter.drawRect(box)


def _lines(painter: QPainter, box: QRectF, lean: float) -> None:
    at, high = box.left() - box.height(), box.height()
    while at < box.right() + high:
        painter.drawLine(QPointF(at, box.top()), QPointF(at + lean * high, box.bottom()))
        at += _HATCH


class Swatch(Painted):
    """The fill of a part beside its word, so that the bar needs no other key."""

    def __init__(self, part: MoneyPart) -> None:
        super().__init__()
        self._part = part
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(look().icon_px(10), look().icon_px(10))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box = QPainter(self), QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        _fill(painter, box, self._part)
        edge: QColor = look().colour("border")
        painter.setPen(QPen(edge, 1))
        painter.drawRect(box)


class MoneyPanel(Surface):
    """Parts in a row, what can still be refunded at the right, the bar below."""

    def __init__(self, name: str, *, margins: tuple[int, int, int, int] = (24, 10, 24, 12)) -> None:
        super().__init__(edge="bottom")
        self._name = name
        self._parts = QWidget()
        self.rest = Words("", "small", "muted")
        self.rest_amount = Words("", "figure", bold=True)
        for words in (self.rest, self.rest_amount):
            words.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.bar = MoneyBar()
        self._line = row(self._parts, gap=16)
        self._line.addLayout(column(self.rest, self.rest_amount, gap=0))
        self._line.setStretch(0, 1)
        whole = column(gap=8, margins=margins)
        whole.addLayout(self._line)
        whole.addWidget(self.bar)
        self.setLayout(whole)

    def show_parts(self, parts: Sequence[MoneyPart], rest: MoneyPart) -> None:
        """`rest` is what can be refunded; the first of the parts is the whole."""
        before = self._parts
        self._parts = flowing(*(_part(part, first=not place) for place, part in enumerate(parts)), gap=20, line_gap=4)
        self._line.replaceWidget(before, self._parts)
        self._line.setStretch(0, 1)
        before.hide()
        before.deleteLater()
        self.rest.say(rest.word)
        self.rest_amount.say(rest.amount)
        self.bar.show_parts([*parts[1:], rest])
        spoken = [f"{part.word} {part.amount}" for part in (*parts, rest)]
        self.setAccessibleName(f"{self._name}: {', '.join(spoken)}")
        self.bar.setAccessibleName(self._name)


def _part(part: MoneyPart, *, first: bool) -> QWidget:
    tone: Tone = "muted" if part.quiet else "text" if part.tone in ("muted", "good") else part.tone
    word = Words(part.word, "small", "muted")
    figure = Words(part.amount, "figure", tone, bold=first)
    holder = Surface(edge="none" if first else "left")
    head = row(word, None, gap=6) if part.fill == "empty" or part.quiet else row(Swatch(part), word, None, gap=6)
    holder.setLayout(column(head, figure, gap=0, margins=(0 if first else 16, 0, 0, 0)))
    return holder
