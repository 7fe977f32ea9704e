"""Badges (a state as shape, word and colour) and key caps."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.views.look.painting import draw_frame, draw_key_cap, key_cap_size, put_shape
from console.views.look.theme import look
from console.views.look.tokens import Language, Tone, tokens
from console.views.widgets.base import Painted

_GAP = 5  # between shape and word
_PAD = 8
_SHAPE = 14


class Badge(Painted):
    """One state in a title: 24 px, a 1 px frame on its tint. It never wraps."""

    def __init__(self, word: str, shape: str, tone: Tone, *, axis: str = "", parent: QWidget | None = None) -> None:
        """`axis` names what the word is about ("State"), for the accessible name alone."""
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._axis = axis
        self.show_state(word, shape, tone)

    @classmethod
    def of(cls, key: str, language: Language, *, axis: str = "", parent: QWidget | None = None) -> "Badge":
        """The badge of a state by its key in the tokens, such as `credit_check.success`."""
        known = tokens().badges[key]
        return cls(known.word(language), known.shape, known.tone, axis=axis, parent=parent)

    def show_state(self, word: str, shape: str, tone: Tone) -> None:
        self.word, self.shape, self.tone = word, shape, tone
        self.setAccessibleName(f"{self._axis}: {word}" if self._axis else word)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        width = look().metrics("small").horizontalAdvance(self.word)
        return QSize(round(width) + look().icon_px(_SHAPE) + _GAP + 2 * _PAD, look().control("badge"))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, side = QPainter(self), look().icon_px(_SHAPE)
        neutral = self.tone in ("text", "muted")
        edge = look().colour("border" if neutral else self.tone)
        draw_frame(painter, QRectF(self.rect()), 4, edge, look().colour(f"{self.tone}_tint"))
        put_shape(painter, self.shape, _PAD - 1, (self.height() - side) / 2, side, look().colour(self.tone))
        painter.setFont(look().font("small"))
        painter.setPen(look().colour(self.tone))
        words = self.rect().adjusted(_PAD + side + _GAP - 1, 0, 0, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.word)


class KeyCap(Painted):
    """A key as it is printed on the keyboard."""

    def __init__(self, key: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = key
        self.setAccessibleName(key)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(*key_cap_size(self.key))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        rect = QRectF(self.rect())
        draw_key_cap(painter, rect, self.key, look().colour("muted"), look().colour("border"), look().colour("base"))
