"""The frame of the window: environment edge, top bar, status bar, hint bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from console.views.look.painting import draw_frame, draw_key_cap, key_cap_size, put_shape
from console.views.look.runs import tip
from console.views.look.theme import look
from console.views.look.tokens import Tone, tokens
from console.views.widgets.badge import KeyCap
from console.views.widgets.base import Painted, Sign, Surface, Words, row
from console.views.widgets.buttons import KeyButton, LinkButton, PaintedButton

Environment = Literal["production", "test", "training"]
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class EnvironmentFrame(Painted):
    """The central widget: everything inside a 2 px edge in the colour of the environment."""

    def __init__(self, environment: Environment, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.environment: Environment = environment
        wide = tokens().px("borders", "environment")
        self.inside = QVBoxLayout(self)
        self.inside.setContentsMargins(wide, wide, wide, wide)
        self.inside.setSpacing(0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, wide = QPainter(self), tokens().px("borders", "environment")
        edge = look().colour(f"env_{self.environment}")
        for x, y, w, h in (
            (0, 0, self.width(), wide),
            (0, self.height() - wide, self.width(), wide),
            (0, 0, wide, self.height()),
            (self.width() - wide, 0, wide, self.height()),
        ):
            painter.fillRect(x, y, w, h, edge)


class EnvironmentLabel(Painted):
    """The environment as a word on its colour."""

    def __init__(self, word: str, environment: Environment, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._word, self._environment = word, environment
        self.setAccessibleName(word)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        width = look().metrics("small", bold=True).horizontalAdvance(self._word)
        return QSize(round(width) + 14, look().line("small") + 4)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        fill = look().colour(f"env_{self._environment}")
        draw_frame(painter, QRectF(self.rect()), 3, None, fill)
        painter.setFont(look().font("small", bold=True))
        painter.setPen(look().colour("base"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._word)


class SearchButton(PaintedButton):
    """Looks like a field and opens the search: `clicked`."""

    def __init__(self, words: str, key: str, *, parent: QWidget | None = None) -> None:
        super().__init__(words, parent)
        self._key = key
        self.setAccessibleDescription(key)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(tokens().px("layout", "search_width"))

    def sizeHint(self) -> QSize:
        return QSize(tokens().px("layout", "search_width"), look().control("tool_button"))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, look().control("tool_button"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box, colour = QPainter(self), QRectF(self.rect()), look().colour
        fill = colour("hover" if self.underMouse() else "base")
        draw_frame(painter, box, 4, colour("border"), fill)
        side = look().icon_px(14)
        put_shape(painter, "search", 10, (box.height() - side) / 2, side, colour("muted"))
        painter.setFont(look().font("body"))
        painter.setPen(colour("muted"))
        painter.drawText(box.adjusted(20 + side, 0, 0, 0), _LEFT, self.text())
        width, height = key_cap_size(self._key)
        place = QRectF(box.right() - width - 5, round((box.height() - height) / 2), width, height)
        draw_key_cap(painter, place, self._key, colour("muted"), colour("disabled_border"))


class TopBar(Surface):
    """Product, environment, search, clock, and who is signed in.

    Signals:
        search_wanted: the search button was pressed (Ctrl+K is the window's own).
        operator_wanted: the operator's name was pressed.
    """

    search_wanted = Signal()
    operator_wanted = Signal()

    def __init__(
        self,
        product: str,
        environment_word: str,
        environment: Environment,
        search_words: str,
        operator: str,
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, raised=True, edge="bottom")
        self.setFixedHeight(look().layout("top_bar"))
        name = Words(product, bold=True)
        name.setMinimumWidth(tokens().px("layout", "side_bar") - 12)
        self.clock = Words("", "data")
        self.search = SearchButton(search_words, "Ctrl+K")
        self.search.clicked.connect(self.search_wanted)
        self.operator = KeyButton(operator, kind="tool", icon="person")
        self.operator.setFlat(True)
        self.operator.clicked.connect(self.operator_wanted)
        label = EnvironmentLabel(environment_word, environment)
        self.setLayout(row(name, label, None, self.search, None, self.clock, self.operator, margins=(12, 0, 8, 0)))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedHeight(look().layout("top_bar"))


@dataclass(frozen=True, slots=True)
class Status:
    """One cell of the status bar: a name, a shape with its tone, and a figure or word; `key` makes it a link."""

    name: str
    shape: str = ""
    tone: Tone = "good"
    words: str = ""
    key: str = ""


_CELL_GAP = 6


class StatusCell(Surface):
    """One cell: what, how it is, and a line at its side. `spare`: words that its shape says too, in short."""

    def __init__(self, status: Status, *, right: bool) -> None:
        super().__init__(raised=True, edge="left" if right else "right")
        quiet = status.tone == "good"
        name = Words(status.name, "small")
        sign = Sign(status.shape, status.tone, 14) if status.shape else None
        words = Words(status.words, "small_data" if quiet else "small", "muted" if quiet else status.tone)
        self.spare = words if sign is not None and status.words and status.tone in ("good", "muted") else None
        self.setToolTip(tip(f"{status.name} {status.words}".strip()))
        order = (name, sign, words) if status.words else (sign, name)
        parts = [part for part in order if part is not None]
        self.setAccessibleName(f"{status.name} {status.words}".strip())
        self.setLayout(row(*parts, gap=_CELL_GAP, margins=(12, 0, 12, 0)))


class StatusBar(Surface):
    """What the desk depends on, at the left; unfinished work and whether writing is on, at the right.

    Signals:
        wanted(str): a cell that is a link was pressed.
    """

    wanted = Signal(str)

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent, raised=True, edge="top")
        self.setFixedHeight(look().layout("status_bar"))
        self._box = row(None, gap=0)
        self.setLayout(self._box)
        self._shown: tuple[tuple[Status, ...], tuple[Status, ...]] = ((), ())
        self._cells: dict[Status | str, QWidget] = {}

    def show_cells(self, left: Sequence[Status], right: Sequence[Status]) -> None:
        """Show these. Cells that say the same are left alone, and a link stays where Tab found it."""
        if (tuple(left), tuple(right)) == self._shown:
            return
        self._shown = (tuple(left), tuple(right))
        before, self._cells = self._cells, {}
        while self._box.takeAt(0):
            pass
        for status in left:
            self._box.addWidget(self._kept(before, status, right=False))
        self._box.addStretch(1)
        for status in right:
            self._box.addWidget(self._kept(before, status, right=True))
        for gone in before.values():
            gone.hide()
            gone.deleteLater()
        self.fit()

    def fit(self) -> None:
        """No name is cut: where there is too little room, words of cells that are as they should be give way."""
        spare = [cell.spare for cell in self._cells.values() if isinstance(cell, StatusCell) and cell.spare]
        for words in spare:
            words.show()
        over = sum(_wide(cell) for cell in self._cells.values()) - self.width()
        for words in reversed(spare):
            words.setVisible(over <= 0)
            over -= words.sizeHint().width() + _CELL_GAP if over > 0 else 0

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def _kept(self, before: dict[Status | str, QWidget], status: Status, *, right: bool) -> QWidget:
        known = status.key or status
        cell = before.pop(known) if known in before else self._cell(status, right=right)
        self._cells[known] = cell
        link = cell.findChild(LinkButton)
        if link is not None:
            link.setText(f"{status.name} {status.words}".strip())
            link.setAccessibleName(link.text())
            link.updateGeometry()
        return cell

    def _cell(self, status: Status, *, right: bool) -> QWidget:
        if not status.key:
            return StatusCell(status, right=right)
        link = LinkButton(f"{status.name} {status.words}".strip(), role="small")
        link.setProperty("key", status.key)
        link.clicked.connect(self._pressed)
        cell = Surface(raised=True, edge="left" if right else "right")
        cell.setLayout(row(link, margins=(10, 0, 10, 0)))
        return cell

    def _pressed(self) -> None:
        self.wanted.emit(str(self.sender().property("key")))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedHeight(look().layout("status_bar"))


def _wide(cell: QWidget) -> int:
    """What a cell needs, measured anew."""
    layout = cell.layout()
    if layout is None:
        return cell.sizeHint().width()
    layout.invalidate()
    return layout.totalSizeHint().width()


class HintBar(Surface):
    """The keys of this page with their words, and a count at the right."""

    def __init__(self, hints: Sequence[tuple[Sequence[str], str]] = (), *, parent: QWidget | None = None) -> None:
        super().__init__(parent, edge="top")
        self.setFixedHeight(look().layout("hint_bar"))
        self.count = Words("", "small", "muted")
        parts: list[QWidget | int | None] = []
        for keys, words in hints:
            parts += [KeyCap(key) for key in keys]
            parts += [Words(words, "small", "muted"), 8]
        self.setLayout(row(*parts, None, self.count, gap=6, margins=(24, 0, 24, 0)))
