"""Buttons: with a key cap, with an icon alone, as a link. Each has a name and, when off, a reason."""

from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPaintEvent, QShortcut
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from console.views.look.painting import draw_frame, draw_key_cap, key_cap_size, put_shape
from console.views.look.theme import look
from console.views.look.tokens import Role
from console.views.widgets.base import Words

Kind = Literal["default", "primary", "danger", "tool", "inline"]
_HEIGHT = {"tool": "tool_button", "inline": "inline_button"}
_RADIUS = 4
_ICON = 16
_KEYS = {"Enter": "Return", "↓": "Down", "↑": "Up"}


class PaintedButton(QPushButton):
    """A button that paints itself. `focus_ring` is the gap between its edge and the ring around it, in px."""

    focus_ring = 2

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setAccessibleName(name)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.EnabledChange):
            self.updateGeometry()
            self.update()


class KeyButton(PaintedButton):
    """A verb with the key that does the same. The key acts only while the button is visible and on.

    Signals:
        reason_changed(str): it was set off, with the reason to show beside it, or on, with "".
    """

    reason_changed = Signal(str)

    def __init__(
        self,
        text: str,
        key: str = "",
        kind: Kind = "default",
        *,
        icon: str = "",
        binds: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        """`key` as on its cap ("P", "Ctrl+K", "Esc"); `binds=False` where something else listens to it."""
        super().__init__(text, parent)
        self.key, self.kind, self.icon_name = key, kind, icon
        self.reason = ""
        self._words = text
        if key and binds:
            shortcut = QShortcut(QKeySequence(_sequence(key)), self)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(self.click)
        self._describe()

    def set_off(self, reason: str) -> None:
        """Switch off and keep the reason; a ReasonLabel beside the button shows it."""
        self.reason = reason
        self.setEnabled(False)
        self._describe()
        self.reason_changed.emit(reason)

    def set_on(self) -> None:
        self.reason = ""
        self.say(self._words)
        self.setEnabled(True)
        self._describe()
        self.reason_changed.emit("")

    def set_busy(self, text: str) -> None:
        """Off at the first press, with words for what is going on ("Asking…")."""
        self.setText(text)
        self.setAccessibleName(text)
        self.setEnabled(False)
        self.updateGeometry()

    def say(self, text: str) -> None:
        self._words = text
        self.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        pad, gap = self._space()
        width = 2 * pad + round(look().metrics(self._role(), bold=self._bold()).horizontalAdvance(self.text()))
        if self.icon_name:
            width += look().icon_px(_ICON) + (gap if self.text() else 0)
        if self.key:
            width += gap + key_cap_size(self.key)[0]
        return QSize(max(width, 24), look().control(_HEIGHT.get(self.kind, "button")))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box = QPainter(self), QRectF(self.rect())
        ink, edge, fill, cap = self._colours()
        draw_frame(painter, box, _RADIUS, edge, fill)
        pad, gap = self._space()
        x: float = pad
        if self.icon_name:
            side = look().icon_px(_ICON)
            put_shape(painter, self.icon_name, x, (self.height() - side) / 2, side, ink)
            x += side + gap
        painter.setFont(look().font(self._role(), bold=self._bold()))
        painter.setPen(ink)
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(box.adjusted(x, 0, 0, 0), align, self.text())
        if self.key:
            width, height = key_cap_size(self.key)
            place = QRectF(box.right() - pad - width, round((box.height() - height) / 2), width, height)
            draw_key_cap(painter, place, self.key, *cap)

    def _describe(self) -> None:
        """The key and the reason for being off, for whoever listens instead of looking."""
        self.setAccessibleDescription(" ".join(part for part in (self.key, self.reason) if part))

    def _space(self) -> tuple[int, int]:
        """Left and right of everything, between the parts; in px."""
        return (8, 8) if self.kind in ("tool", "inline") else (12, 8)

    def _role(self) -> Role:
        return "small" if self.kind == "inline" else "body"

    def _bold(self) -> bool:
        return self.kind in ("primary", "danger") and self.isEnabled()

    def _colours(self) -> tuple[QColor, QColor | None, QColor, tuple[QColor, QColor, QColor | None]]:
        """Ink, edge and fill of the button, and the three of its key cap."""
        colour = look().colour
        cap: tuple[QColor, QColor, QColor | None]
        down, hover = self.isDown(), self.underMouse()
        if not self.isEnabled():
            cap = (colour("disabled_text"), colour("disabled_border"), None)
            return colour("disabled_text"), colour("disabled_border"), colour("disabled_fill"), cap
        if self.kind == "primary":
            fill = colour("accent_pressed" if down else "accent_hover" if hover else "accent")
            ink = colour("on_accent")
            return ink, None, fill, (ink, ink, None)
        if self.kind == "danger":
            if down:
                ink = colour("on_danger")
                return ink, None, colour("danger_fill"), (ink, ink, None)
            cap = (colour("muted"), colour("disabled_border"), colour("base"))
            return colour("bad"), colour("bad"), colour("bad_tint" if hover else "base"), cap
        cap = (colour("muted"), colour("disabled_border"), colour("base"))
        if self.isFlat():
            return colour("text"), None, colour("sunken" if down or hover else "raised"), cap
        return colour("text"), colour("border"), colour("sunken" if down else "hover" if hover else "base"), cap


class ReasonLabel(Words):
    """Why the button beside it is off, as text that everybody sees."""

    def __init__(self, button: KeyButton, parent: QWidget | None = None) -> None:
        super().__init__("", "small", "muted", parent=parent)
        self.setBuddy(button)
        button.reason_changed.connect(self._show)
        self._show(button.reason)

    def _show(self, reason: str) -> None:
        self.say(reason)
        self.setVisible(bool(reason))


class IconButton(PaintedButton):
    """An icon without a word, 24 px: copy, close, arrows. The name is for whoever can't see it."""

    def __init__(self, icon: str, name: str, *, px: int = 14, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self._icon_name, self._px = icon, px
        self.focus_ring = 0

    def sizeHint(self) -> QSize:
        return QSize(look().control("target_min"), look().control("target_min"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, side = QPainter(self), look().icon_px(self._px)
        if self.isEnabled() and self.underMouse():
            draw_frame(painter, QRectF(self.rect()), _RADIUS, None, look().colour("sunken"))
        at = (self.width() - side) / 2, (self.height() - side) / 2
        colour = look().colour("muted" if self.isEnabled() else "disabled_text")
        put_shape(painter, self._icon_name, *at, side, colour)


class LinkButton(PaintedButton):
    """A link: accent words, a chevron where it leads away, perhaps a key cap."""

    def __init__(
        self,
        text: str,
        key: str = "",
        *,
        chevron: bool = False,
        role: Role = "body",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.key, self._chevron, self._role = key, chevron, role
        if key:
            QShortcut(QKeySequence(_sequence(key)), self).activated.connect(self.click)
            self.setAccessibleDescription(key)

    def sizeHint(self) -> QSize:
        width = look().metrics(self._role).horizontalAdvance(self.text()) + 4
        width += look().icon_px(12) if self._chevron else 0
        width += key_cap_size(self.key)[0] + 6 if self.key else 0
        return QSize(round(width), look().control("target_min"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = look().font(self._role)
        ink = look().colour("accent" if self.isEnabled() else "disabled_text")
        if self.underMouse() and self.isEnabled():
            ink = look().colour("accent_hover")
        painter.setFont(font)
        painter.setPen(ink)
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(self.rect()).adjusted(2, 0, 0, 0), align, self.text())
        end = 2 + look().metrics(self._role).horizontalAdvance(self.text())
        if self._chevron:
            side = look().icon_px(12)
            put_shape(painter, "chevron_right", end + 1, (self.height() - side) / 2, side, ink)
        if self.key:
            width, height = key_cap_size(self.key)
            place = QRectF(self.width() - width, round((self.height() - height) / 2), width, height)
            draw_key_cap(painter, place, self.key, look().colour("muted"), look().colour("border"))


def _sequence(key: str) -> str:
    """The key as Qt spells it."""
    *held, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*held, _KEYS.get(last, last)])
