"""Two small widgets: the badge (a state as icon, word and colour) and the key cap (the picture of a key)."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.views.theme.design_tokens import Language, Tone, tokens
from console.views.theme.key_names import format_keys
from console.views.theme.painting import draw_cached_icon, draw_frame, draw_key_cap, measure_key_cap
from console.views.theme.theme import current_appearance

_ICON_GAP_PX = 5  # px between icon and word
_BADGE_PADDING_PX = 8
_ICON_SIDE_PX = 14


class Badge(QWidget):
    """A widget that shows the state of a record next to a title: icon and word, 24 px high, with a border of 1 px and
    a tinted background."""

    accessible_role = QAccessible.Role.StaticText

    def __init__(self, state_word: str, icon_name: str, tone: Tone, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_state(state_word, icon_name, tone)

    @classmethod
    def from_badge_key(cls, key: str, language: Language) -> "Badge":
        """Return the widget for the badge with this key in the design tokens, such as `credit_check.success`.

        Raises KeyError for an unknown key.
        """
        badge_style = tokens().badges[key]
        return cls(badge_style.get_word(language), badge_style.icon_name, badge_style.tone)

    def show_state(self, state_word: str, icon_name: str, tone: Tone) -> None:
        self.word, self.icon_name, self.tone = state_word, icon_name, tone
        self.setAccessibleName(state_word)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        width = current_appearance().font_metrics("small").horizontalAdvance(self.word)
        return QSize(
            round(width) + current_appearance().icon_px(_ICON_SIDE_PX) + _ICON_GAP_PX + 2 * _BADGE_PADDING_PX,
            current_appearance().control_height("badge"),
        )

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, icon_px = QPainter(self), current_appearance().icon_px(_ICON_SIDE_PX)
        is_neutral = self.tone in ("text", "muted")
        border_colour = current_appearance().colour("border" if is_neutral else self.tone)
        draw_frame(painter, QRectF(self.rect()), 4, border_colour, current_appearance().colour(f"{self.tone}_tint"))
        draw_cached_icon(
            painter,
            self.icon_name,
            _BADGE_PADDING_PX - 1,
            (self.height() - icon_px) / 2,
            icon_px,
            current_appearance().colour(self.tone),
        )
        painter.setFont(current_appearance().font("small"))
        painter.setPen(current_appearance().colour(self.tone))
        text_rect = self.rect().adjusted(_BADGE_PADDING_PX + icon_px + _ICON_GAP_PX - 1, 0, 0, 0)
        painter.drawText(text_rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.word)


class KeyCap(QWidget):
    """A small widget that looks like a key of the keyboard and shows the name of the key, such as "Esc"."""

    accessible_role = QAccessible.Role.StaticText

    def __init__(self, key: str, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = key
        self.setAccessibleName(format_keys(key))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(*measure_key_cap(self.key))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        rect = QRectF(self.rect())
        draw_key_cap(
            painter,
            rect,
            self.key,
            current_appearance().colour("muted"),
            current_appearance().colour("border"),
            current_appearance().colour("base"),
        )
