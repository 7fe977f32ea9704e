"""What the other widgets stand on: painted widgets, surfaces, words and space."""

from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from console.views.look.painting import draw_frame, put_shape
from console.views.look.runs import elided, rich, tip
from console.views.look.theme import look
from console.views.look.tokens import Role, Tone

Edge = Literal["none", "top", "bottom", "left", "right", "all"]


class Painted(QWidget):
    """A widget that paints itself from the look and measures itself anew when the look changes."""

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.updateGeometry()
            self.update()


class Surface(QFrame):
    """An area of the page: base or raised, with a 1 px line on one side, on all or on none."""

    def __init__(self, parent: QWidget | None = None, *, raised: bool = False, edge: Edge = "none") -> None:
        super().__init__(parent)
        self.setProperty("raised", raised)
        self.setProperty("edge", edge)


class ToneBox(Painted):
    """A box with the edge and the tint of a tone, for what asks for a person's eye."""

    def __init__(self, tone: Tone, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = tone

    def paintEvent(self, _event: QPaintEvent) -> None:
        colour = look().colour
        draw_frame(QPainter(self), QRectF(self.rect()), 4, colour(self._tone), colour(f"{self._tone}_tint"))


class Words(QLabel):
    """A label in one role and tone; amounts, times and identifiers in it are set in the figures font."""

    def __init__(
        self,
        text: str = "",
        role: Role = "body",
        tone: Tone = "text",
        *,
        bold: bool = False,
        wrap: bool = False,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._role: Role = role
        self._bold = bold
        self.setWordWrap(wrap)
        if wrap:  # else a layout gives sentences the width of their longest word
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self.setFont(look().font(role, bold=bold))
        self.setMinimumHeight(look().line(role))
        self.say(text, tone)

    def say(self, text: str, tone: Tone | None = None) -> None:
        """Show other words, perhaps in another tone."""
        self.plain = text
        shown = rich(text, self._role, sentences=self.wordWrap())
        if self.wordWrap():
            # Qt puts all the air of a high line above its letters; half of it belongs below.
            air = half_air(self._role)
            self.setContentsMargins(0, -air, 0, air)
        self.setTextFormat(Qt.TextFormat.PlainText if shown == text else Qt.TextFormat.RichText)
        self.setText(shown)
        self.setAccessibleName(text)
        if tone is not None and tone != self.property("tone"):
            set_property(self, "tone", tone)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFont(look().font(self._role, bold=self._bold))
            self.setMinimumHeight(look().line(self._role))
            self.say(self.plain)


def half_air(role: Role) -> int:
    """What a line of a role has above its letters and below them, in px."""
    return int((look().line(role) - look().metrics(role).height()) // 2)


class ElidedWords(Painted):
    """One line that is cut at its end when there is no room; the whole stands in tooltip and accessible name."""

    def __init__(
        self,
        text: str = "",
        role: Role = "body",
        tone: Tone = "text",
        *,
        bold: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._role: Role = role
        self._tone: Tone = tone
        self._bold = bold
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.say(text)

    def say(self, text: str) -> None:
        self.plain = text
        self.setAccessibleName(text)
        self.setToolTip(tip(text))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        width = look().metrics(self._role, bold=self._bold).horizontalAdvance(self.plain)
        return QSize(round(width) + 1, look().line(self._role))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(48, self.sizeHint().width()), look().line(self._role))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(look().font(self._role, bold=self._bold))
        painter.setPen(look().colour(self._tone))
        shown = elided(self.plain, self.width(), self._role, bold=self._bold)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


class Sign(Painted):
    """A shape or icon in a tone. It is always beside its word, so a screen reader passes it over."""

    def __init__(self, shape: str, tone: Tone = "text", px: int = 16, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._px = px
        self.show_shape(shape, tone)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_shape(self, shape: str, tone: Tone) -> None:
        self._shape, self._tone = shape, tone
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(look().icon_px(self._px), look().icon_px(self._px))

    def paintEvent(self, _event: QPaintEvent) -> None:
        side = look().icon_px(self._px)
        top = (self.height() - side) / 2
        put_shape(QPainter(self), self._shape, 0, top, side, look().colour(self._tone))


def set_property(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet looks at, and let it look again."""
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def scroller() -> QScrollArea:
    """As wide as its place, and scrolled where its content is higher; the focus goes to what lies in it."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def row(
    *items: QWidget | int | None,
    gap: int = 8,
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> QHBoxLayout:
    """Widgets side by side; a number is a space in px, None takes what is left."""
    box = QHBoxLayout()
    fill(box, items, gap, margins)
    return box


def column(
    *items: QWidget | QLayout | int | None,
    gap: int = 8,
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> QVBoxLayout:
    """Widgets and layouts one below the other; a number is a space in px, None takes what is left."""
    box = QVBoxLayout()
    fill(box, items, gap, margins)
    return box


def fill(
    box: QHBoxLayout | QVBoxLayout,
    items: tuple[QWidget | QLayout | int | None, ...],
    gap: int,
    margins: tuple[int, int, int, int],
) -> None:
    box.setSpacing(gap)
    box.setContentsMargins(*margins)
    for item in items:
        if item is None:
            box.addStretch(1)
        elif isinstance(item, int):
            box.addSpacing(item)
        elif isinstance(item, QLayout):
            box.addLayout(item)
        else:
            box.addWidget(item)
