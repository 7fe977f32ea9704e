"""Buttons of three kinds: with a text and a key cap, with only an icon, and in the form of a link. Each button has an
accessible name for screen readers."""

import time
from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from console.views.runtime.announcer import announce
from console.views.theme.design_tokens import TextRoleName, Tone, tokens
from console.views.theme.key_names import format_keys
from console.views.theme.mixed_font_text import draw_line_of_text, measure_font_runs, split_font_runs
from console.views.theme.painting import draw_cached_icon, draw_frame, draw_key_cap, measure_key_cap
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, set_visible_in_parent

ButtonKind = Literal["default", "primary", "danger", "tool", "inline", "search"]
_HEIGHT_TOKEN_BY_KIND = {"tool": "tool_button", "inline": "inline_button", "search": "tool_button"}
_CORNER_RADIUS_PX = 4
_BUTTON_ICON_PX = 16
_MENU_ICON_PX = 12
_MIN_REASON_WIDTH_PX = 160  # width of a reason that takes several lines, at text size 1
_QT_KEY_NAMES = {"Enter": "Return", "↓": "Down", "↑": "Up", "←": "Left"}


def accept_copy_shortcut(event: QEvent) -> bool:
    """Handle the event `ShortcutOverride`, with which Qt checks whether the focused widget itself uses the pressed
    keys. For Ctrl+C, accept the event and return True: the widget then gets the key press instead of a shortcut of
    the page with the same keys. Return False for other keys and for every other event."""
    if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.ShortcutOverride:
        return False
    if event.matches(QKeySequence.StandardKey.Copy):
        event.accept()
    return event.matches(QKeySequence.StandardKey.Copy)


class PaintedButton(QPushButton):
    """Base class of buttons that paint themselves. `focus_ring_gap_px` is the gap in px between the edge of the
    button and its focus ring.
    """

    focus_ring_gap_px = 2

    def __init__(self, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(accessible_name)
        self.setAccessibleName(accessible_name)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def setText(self, text: str) -> None:
        """Set the text of the button, and remove the shortcut that Qt makes of an "&" in it, for example in an order
        number: "&1" would make Alt+1 ambiguous, which opens a screen."""
        super().setText(text)
        self.setShortcut(QKeySequence())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ignore the key presses that the keyboard repeats while a person holds down a key. One press then runs the
        action of a button only once, even if the focus moves to another button meanwhile. Leave Ctrl+Enter to the
        window: it is the shortcut of a form's main button, and Qt would press the focused Cancel button."""
        has_control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if has_control and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
        elif not event.isAutoRepeat():
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.EnabledChange):
            self.updateGeometry()
            self.update()


class KeyButton(PaintedButton):
    """A button that shows its keyboard shortcut as a key cap. The shortcut works only while the button is visible and
    enabled.

    `acts_on_double_click` is True for a button that a person clicks several times quickly, such as a zoom button. Any
    other button ignores the second click of a double click, because the first click may have changed the button's
    effect: the button may now apply to the next row, or do the opposite action.

    Signals:
    - reason_changed(str): the reason why the button is disabled or blocked has changed; "" means that there is no
      reason.
    - availability_changed: the button was enabled, disabled, shown or hidden.
    """

    reason_changed = Signal(str)
    availability_changed = Signal()

    def __init__(
        self,
        text: str,
        key: str = "",
        kind: ButtonKind = "default",
        *,
        icon: str = "",
        binds_key: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        """`key` is the text of the key cap, such as "P", "Ctrl+K" or "Esc"; "" for a button without shortcut. With
        `binds_key=False`, another widget handles this key. `kind` is the appearance of the button, and `icon` the
        name of the icon before its text ("" for none)."""
        super().__init__(text, parent)
        self.key, self.kind, self.icon_name = key, kind, icon
        self.reason, self.block_reason = "", ""
        self.acts_on_double_click = kind == "tool"
        self._mouse_ignored_until = 0.0
        self._is_enabled_without_block, self._is_blockable = True, True
        self._own_text = text
        self._is_key_shown = bool(key)
        self._opens_menu = False
        if key and binds_key:
            shortcut = QShortcut(QKeySequence(_make_qt_key_sequence(key)), self)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(self.click)
        self._set_description()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.availability_changed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.availability_changed.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.availability_changed.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.acts_on_double_click:
            super().mouseDoubleClickEvent(event)

    def ignore_mouse_briefly(self) -> None:
        """Ignore the mouse for the next 600 ms, because the button has got another action. Otherwise the third of
        three quick clicks would start this action, about which the person has read nothing yet. The keyboard isn't
        ignored: a dialog moves the focus away from a button whose action changes."""
        self._mouse_ignored_until = time.monotonic() + tokens().px("motion", "acting_button_off_ms") / 1_000

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if time.monotonic() >= self._mouse_ignored_until:
            super().mousePressEvent(event)

    def show_menu_arrow(self) -> None:
        """Draw a small arrow at the right end of the button, because the button opens a menu."""
        self._opens_menu = True
        self.updateGeometry()

    def set_key_shown(self, is_shown: bool) -> None:
        """If `is_shown` is True, show the shortcut as a key cap in the button, otherwise only in its tooltip. Screen
        readers read the shortcut in either case."""
        self._is_key_shown = is_shown and bool(self.key)
        self.setToolTip("" if self._is_key_shown else format_keys(self.key))
        self.updateGeometry()

    def set_kind(self, kind: ButtonKind) -> None:
        """Change the appearance of the button to another kind, for example from primary to default."""
        self.kind = kind
        self.updateGeometry()
        self.update()

    def disable_with_reason(self, reason: str) -> None:
        """Disable the button and store the reason. If the button has a ReasonLabel, that label shows the reason."""
        self.reason = reason
        self.setEnabled(False)
        self._show_reason()

    def block(self, reason: str) -> None:
        """Keep the button disabled for this reason, even if `setEnabled` is called; "" ends the block. When the block
        ends, the button gets the value of the last call of `setEnabled`."""
        if reason != self.block_reason and self._is_blockable:
            self.block_reason = reason
            self.setEnabled(self._is_enabled_without_block)
            self._show_reason()

    def make_unblockable(self) -> None:
        """End a block that `block` has started, and ignore all later calls of `block` on this button. A dialog calls
        this method when the button gets a new action that is always allowed."""
        self.block("")
        self._is_blockable = False

    def setEnabled(self, enabled: bool) -> None:
        """Enable or disable the button. While `block` blocks the button, the button stays disabled; when the block
        ends, the value of this call is applied."""
        self._is_enabled_without_block = enabled
        super().setEnabled(enabled and not self.block_reason)

    @property
    def is_busy(self) -> bool:
        """True while the action of this button runs. The button then shows the text that was passed to `set_busy`."""
        return self.text() != self._own_text

    @property
    def shown_reason(self) -> str:
        """The reason why the button is disabled: the last one that was passed to `block`, until the block ends,
        otherwise the one that was passed to `disable_with_reason`; "" if there is none."""
        return self.block_reason or self.reason

    def _show_reason(self) -> None:
        self._set_description()
        self.reason_changed.emit(self.shown_reason)

    def enable_button(self) -> None:
        """Enable the button, remove the reason for which it was disabled, and show its own text again."""
        self.reason = ""
        self.show_text(self._own_text)
        self.setEnabled(True)
        self._show_reason()

    def set_busy(self, text: str) -> None:
        """Disable the button while its action runs. The button shows and announces `text`, such as "Asking…", in
        place of its own text. The announcement isn't stored, because it says nothing after the end of the action."""
        announce(self, text, tone="progress", is_stored=False)
        self.setText(text)
        self.setAccessibleName(text)
        self.setEnabled(False)
        self.updateGeometry()

    def show_key(self, key: str) -> None:
        """Show another key on the key cap; "" removes the key cap. The page or dialog must handle this key, because
        the button's own shortcut doesn't change."""
        self.key = key
        self.set_key_shown(bool(key))
        self._set_description()
        self.update()

    def show_text(self, text: str) -> None:
        self._own_text = text
        self.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        padding, gap = self._get_padding_and_gap()
        text_width = measure_font_runs(split_font_runs(self.text()), self._get_text_role(), is_bold=self._is_bold())
        width = 2 * padding + round(text_width)
        if self.icon_name:
            width += current_appearance().icon_px(_BUTTON_ICON_PX) + (gap if self.text() else 0)
        if self._is_key_shown:
            width += gap + measure_key_cap(self.key)[0]
        if self._opens_menu:
            width += current_appearance().icon_px(_MENU_ICON_PX) + 2
        return QSize(
            max(width, 24), current_appearance().control_height(_HEIGHT_TOKEN_BY_KIND.get(self.kind, "button"))
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, rect = QPainter(self), QRectF(self.rect())
        text_colour, border_colour, fill_colour, key_cap_colours = self._get_button_and_key_cap_colours()
        draw_frame(painter, rect, _CORNER_RADIUS_PX, border_colour, fill_colour, is_enabled=self.isEnabled())
        padding, gap = self._get_padding_and_gap()
        x: float = padding
        if self.icon_name:
            icon_px = current_appearance().icon_px(_BUTTON_ICON_PX)
            draw_cached_icon(painter, self.icon_name, x, (self.height() - icon_px) / 2, icon_px, text_colour)
            x += icon_px + gap
        painter.setPen(text_colour)
        draw_line_of_text(painter, x, self.height(), self.text(), self._get_text_role(), is_bold=self._is_bold())
        if self._is_key_shown:
            width, height = measure_key_cap(self.key)
            key_cap_rect = QRectF(rect.right() - padding - width, round((rect.height() - height) / 2), width, height)
            draw_key_cap(painter, key_cap_rect, self.key, *key_cap_colours)

        if self._opens_menu:
            icon_px = current_appearance().icon_px(_MENU_ICON_PX)
            draw_cached_icon(
                painter,
                "chevron_down",
                rect.right() - padding - icon_px,
                (self.height() - icon_px) / 2,
                icon_px,
                text_colour,
            )

    def _set_description(self) -> None:
        """Set the text that screen readers read after the name of the button: the shortcut, and the reason if the
        button is disabled."""
        self.setAccessibleDescription(" ".join(part for part in (format_keys(self.key), self.shown_reason) if part))

    def _get_padding_and_gap(self) -> tuple[int, int]:
        """Return, in px, the padding at the left and right edges, and the gap between icon, text and key cap."""
        return (8, 8) if self.kind in ("tool", "inline", "search") else (12, 8)

    def _get_text_role(self) -> TextRoleName:
        return "small" if self.kind == "inline" else "body"

    def _is_bold(self) -> bool:
        return self.kind in ("primary", "danger") and self.isEnabled()

    def _get_button_and_key_cap_colours(
        self,
    ) -> tuple[QColor, QColor | None, QColor, tuple[QColor, QColor, QColor | None]]:
        """Return the colours of the button's text, border and background in its present state, and a tuple with the
        colours of the key cap's text, border and background. None means no border or no background."""
        colour = current_appearance().colour
        key_cap_colours: tuple[QColor, QColor, QColor | None]
        is_down, is_hovered = self.isDown(), self.underMouse()
        if not self.isEnabled():
            key_cap_colours = (colour("disabled_text"), colour("disabled_border"), None)
            return colour("disabled_text"), colour("disabled_border"), colour("disabled_fill"), key_cap_colours
        if self.kind == "primary":
            fill_colour = colour("accent_pressed" if is_down else "accent_hover" if is_hovered else "accent")
            text_colour = colour("on_accent")
            return text_colour, None, fill_colour, (text_colour, text_colour, None)
        # In high contrast, the grey of disabled controls would make the key look disabled.
        cap_border_name = "border" if current_appearance().theme == "high_contrast" else "disabled_border"
        key_cap_colours = (colour("muted"), colour(cap_border_name), colour("base"))
        if self.kind == "danger":
            if is_down:
                text_colour = colour("on_danger")
                return text_colour, None, colour("danger_fill"), (text_colour, text_colour, None)
            return colour("bad"), colour("bad"), colour("danger_hover" if is_hovered else "base"), key_cap_colours
        if self.isFlat():
            return colour("text"), None, colour("pressed" if is_down or is_hovered else "raised"), key_cap_colours
        text_colour = colour("muted" if self.kind == "search" else "text")
        return (
            text_colour,
            colour("border"),
            colour("pressed" if is_down else "hover" if is_hovered else "base"),
            key_cap_colours,
        )


class ReasonLabel(TextLabel):
    """A label that shows the reason why `button` is disabled; it is hidden while there is no reason. The text takes
    one line if there is room for it, otherwise several. If `hides_itself` is False, only the widget around the label
    shows and hides the label. (If the label and that widget did so, each would undo the change of the other, because
    Qt lays out the widget while the label is being shown.)"""

    def __init__(self, button: KeyButton, parent: QWidget | None = None, *, hides_itself: bool = True) -> None:
        super().__init__("", "small", "muted", wraps_lines=True, parent=parent)
        self._hides_itself = hides_itself
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setBuddy(button)
        button.reason_changed.connect(self._show_reason)
        self._show_reason(button.shown_reason)

    def sizeHint(self) -> QSize:
        return QSize(self.measure_line_width(), current_appearance().line_height("small"))

    def minimumSizeHint(self) -> QSize:
        min_width = round(_MIN_REASON_WIDTH_PX * current_appearance().scale)
        return QSize(min(min_width, self.measure_line_width()), current_appearance().line_height("small"))

    def _show_reason(self, reason: str) -> None:
        self.show_text(reason)
        if self._hides_itself:
            set_visible_in_parent(self, bool(reason))


class IconButton(PaintedButton):
    """A button of 24 px with an icon and no text, such as "copy" or "close". `accessible_name` is its name for screen
    readers and its tooltip; `icon` is the name of the icon, and `size_px` its side in px.
    """

    def __init__(self, icon: str, accessible_name: str, *, size_px: int = 14, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setAccessibleName(accessible_name)
        self.setToolTip(accessible_name)
        self._icon_name, self._px = icon, size_px
        self.focus_ring_gap_px = 0

    def show_key(self, tooltip: str, key: str) -> None:
        """Show a tooltip that contains the key of the button's action, and give the key to screen readers. The page
        handles the key, not the button."""
        self.setToolTip(format_keys(tooltip))
        self.setAccessibleDescription(format_keys(key))

    def sizeHint(self) -> QSize:
        return QSize(
            current_appearance().control_height("target_min"), current_appearance().control_height("target_min")
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, icon_px = QPainter(self), current_appearance().icon_px(self._px)
        get_colour, is_enabled = current_appearance().colour, self.isEnabled()
        icon_position = (self.width() - icon_px) / 2, (self.height() - icon_px) / 2
        border_colour = None
        if current_appearance().theme == "high_contrast":  # the greys differ too little: the edges differ instead
            border_colour = get_colour("border" if is_enabled else "disabled_border")
        fill_colour = get_colour("pressed") if is_enabled and self.underMouse() else None
        if border_colour or fill_colour:
            draw_frame(
                painter, QRectF(self.rect()), _CORNER_RADIUS_PX, border_colour, fill_colour, is_enabled=is_enabled
            )
        colour = current_appearance().colour("muted" if self.isEnabled() else "disabled_text")
        draw_cached_icon(painter, self._icon_name, *icon_position, icon_px, colour)


class LinkButton(PaintedButton):
    """A button that looks like a link. Its text has the accent colour; an arrow follows if the link opens another
    page (`has_arrow`), and a key cap if `key` isn't "". If `tone` is given, the text has the colour of this tone and
    is underlined; in high contrast every link is underlined. If `is_bold` is True, the text is bold, because it is
    the main figure of its panel.
    """

    def __init__(
        self,
        text: str,
        key: str = "",
        *,
        has_arrow: bool = False,
        role: TextRoleName = "body",
        tone: Tone | None = None,
        is_bold: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.key, self._has_arrow, self._role, self._tone = key, has_arrow, role, tone
        self._is_bold = is_bold
        if key:
            QShortcut(QKeySequence(_make_qt_key_sequence(key)), self).activated.connect(self.click)
            self.setAccessibleDescription(format_keys(key))

    def sizeHint(self) -> QSize:
        return QSize(self.measure_width(self.text()), current_appearance().control_height("target_min"))

    def measure_width(self, text: str) -> int:
        """Return the width in px that the button needs with this text."""
        width = self._measure_text(text) + 2
        width += current_appearance().icon_px(12) if self._has_arrow else 0
        width += measure_key_cap(self.key)[0] + 6 if self.key else 0
        return round(width)

    def _measure_text(self, text: str) -> float:
        return measure_font_runs(split_font_runs(text), self._role, is_bold=self._is_bold)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        text_colour = current_appearance().colour((self._tone or "accent") if self.isEnabled() else "disabled_text")
        if self.underMouse() and self.isEnabled():
            text_colour = current_appearance().colour("accent_hover")
        painter.setPen(text_colour)
        # The text begins at the left edge, as that of a label above it does.
        draw_line_of_text(painter, 0, self.height(), self.text(), self._role, is_bold=self._is_bold)
        text_right = self._measure_text(self.text())
        if self._tone is not None or current_appearance().theme == "high_contrast":
            painter.fillRect(QRectF(0, self.height() - 1, text_right, 1), text_colour)
        if self._has_arrow:
            icon_px = current_appearance().icon_px(12)
            draw_cached_icon(
                painter, "chevron_right", text_right + 1, (self.height() - icon_px) / 2, icon_px, text_colour
            )
        if self.key:
            width, height = measure_key_cap(self.key)
            key_cap_rect = QRectF(self.width() - width, round((self.height() - height) / 2), width, height)
            draw_key_cap(
                painter,
                key_cap_rect,
                self.key,
                current_appearance().colour("muted"),
                current_appearance().colour("border"),
            )


def _make_qt_key_sequence(key: str) -> str:
    """Return the text of a key cap in the notation of Qt's key sequences, such as "Return" for "Enter"."""
    *modifiers, key_name = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, _QT_KEY_NAMES.get(key_name, key_name)])
