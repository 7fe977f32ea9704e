"""Inputs: a field with label and message, check box, radio button, choice, filter chip."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QRadioButton,
    QSizePolicy,
    QWidget,
)

from console.views.look.painting import draw_check_box, draw_frame, draw_radio, put_shape
from console.views.look.theme import look
from console.views.look.tokens import Role, Tone, tokens
from console.views.widgets.base import Sign, Words, column, row, set_property
from console.views.widgets.ring import refresh_ring

_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class Edit(QLineEdit):
    """A line of input. In error it keeps its red border and gets the ring outside."""

    focus_ring: int | None = None


class Area(QPlainTextEdit):
    """Several lines of input; Tab leads on to the next control."""

    focus_ring: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setFixedHeight(3 * look().line("body") + 14)


class Field(QWidget):
    """A label above, the input, and below it what is wrong and how to put it right."""

    def __init__(
        self,
        label: str,
        *,
        role: Role = "body",
        area: bool = False,
        right: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._role: Role = role
        self.edit: Edit | Area = Area() if area else Edit()
        self.edit.setAccessibleName(label)
        self.edit.setFont(look().font(role))
        if right and isinstance(self.edit, Edit):
            self.edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.label = Words(label, "small", "muted")
        self.label.setBuddy(self.edit)
        self._sign = Sign("square_bang", "bad", 12)
        self._message = Words("", "small", "muted", wrap=True)
        self._message.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._inside = row(None, gap=4, margins=(0, 0, 10, 0))
        self._inside_sign = Sign("check", "good", 14)
        self._inside_words = Words("", "small", "good")
        if isinstance(self.edit, Edit):
            self._inside.addWidget(self._inside_sign)
            self._inside.addWidget(self._inside_words)
            self.edit.setLayout(self._inside)
        self.note = row(self._sign, self._message, gap=6)
        self.setLayout(column(self.label, self.edit, self.note, gap=4))
        self.show_inside("")
        self.show_hint("")

    def text(self) -> str:
        return self.edit.text() if isinstance(self.edit, Edit) else self.edit.toPlainText()

    def show_error(self, words: str) -> None:
        """What is wrong, down to how it is put right; "" takes it back."""
        self._mark(wrong=bool(words))
        self._say(words, "bad")
        self.edit.setAccessibleDescription(words)

    def show_hint(self, words: str) -> None:
        """Words below the field that are no error."""
        self._mark(wrong=False)
        self._say(words, "muted")
        self.edit.setAccessibleDescription(words)

    def show_inside(self, words: str, shape: str = "check", tone: Tone = "good") -> None:
        """A short finding at the right end inside the field, such as ✓ check digit; "" takes it away."""
        self._inside_words.say(words, tone)
        self._inside_sign.show_shape(shape, tone)
        self._inside_sign.setVisible(bool(words))
        self._inside_words.setVisible(bool(words))
        if isinstance(self.edit, Edit):
            self.edit.setTextMargins(0, 0, self._inside.sizeHint().width() if words else 0, 0)

    def lock(self, words: str) -> None:
        """Off for now; the words in it say what switches it on."""
        self.edit.setEnabled(False)
        self.edit.setPlaceholderText(words)
        self.edit.setAccessibleDescription(words)
        self.show_inside(" ", "lock", "muted")

    def unlock(self) -> None:
        self.edit.setEnabled(True)
        self.edit.setPlaceholderText("")
        self.edit.setAccessibleDescription("")
        self.show_inside("")

    def _mark(self, *, wrong: bool) -> None:
        if bool(self.edit.property("error")) == wrong:
            return
        set_property(self.edit, "error", wrong)
        self.edit.focus_ring = tokens().px("focus", "gap") if wrong else None
        refresh_ring()

    def _say(self, words: str, tone: Tone) -> None:
        self._message.say(words, tone)
        self._message.setVisible(bool(words))
        self._sign.setVisible(bool(words) and tone == "bad")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "edit"):
            self.edit.setFont(look().font(self._role))


class CheckBox(QCheckBox):
    """A check box painted from the look. Listen to `checkStateChanged`."""

    focus_ring = 2

    def sizeHint(self) -> QSize:
        return _box_size(self)

    def hitButton(self, pos: object) -> bool:  # the words belong to the box
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        state = self.checkState()
        draw_check_box(
            painter,
            _box_rect(self),
            checked=state == Qt.CheckState.Checked,
            partly=state == Qt.CheckState.PartiallyChecked,
            enabled=self.isEnabled(),
        )
        _draw_box_words(painter, self)


class RadioButton(QRadioButton):
    """A radio button painted from the look."""

    focus_ring = 2

    def sizeHint(self) -> QSize:
        return _box_size(self)

    def hitButton(self, pos: object) -> bool:
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_radio(painter, _box_rect(self), checked=self.isChecked(), enabled=self.isEnabled())
        _draw_box_words(painter, self)


def _box_rect(button: QAbstractButton) -> QRectF:
    side = look().icon_px(tokens().px("control_heights", "check_box"))
    return QRectF(0, round((button.height() - side) / 2), side, side)


def _box_size(button: QAbstractButton) -> QSize:
    words = look().metrics("body").horizontalAdvance(button.text())
    side = look().icon_px(tokens().px("control_heights", "check_box"))
    return QSize(round(side + 8 + words) + 1, look().control("target_min"))


def _draw_box_words(painter: QPainter, button: QAbstractButton) -> None:
    painter.setFont(look().font("body"))
    painter.setPen(look().colour("text" if button.isEnabled() else "disabled_text"))
    left = _box_rect(button).right() + 8
    painter.drawText(QRectF(button.rect()).adjusted(left, 0, 0, 0), _LEFT, button.text())


class Choice(QComboBox):
    """One of several. It begins empty when nothing may be assumed: `setCurrentIndex(-1)`."""

    focus_ring = 2

    def __init__(self, name: str, *, empty: str = "", parent: QWidget | None = None) -> None:
        """`empty` is shown while nothing is chosen."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setPlaceholderText(empty)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:
        words = [self.itemText(i) for i in range(self.count())] + [self.placeholderText()]
        width = max(look().metrics("body").horizontalAdvance(word) for word in words)
        return QSize(round(width) + 44, look().control("input"))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, look().control("input"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box, on = QPainter(self), QRectF(self.rect()), self.isEnabled()
        colour = look().colour
        fill = colour("hover" if self.underMouse() else "base") if on else colour("disabled_fill")
        wrong = bool(self.property("error"))
        edge = colour("bad" if wrong else "border" if on else "disabled_border")
        draw_frame(painter, box, 4, edge, fill, 2 if wrong else 1)
        painter.setFont(look().font("body"))
        empty = self.currentIndex() < 0
        painter.setPen(colour("disabled_text" if not on else "muted" if empty else "text"))
        words = self.placeholderText() if empty else self.currentText()
        room = box.adjusted(9, 0, -28, 0)
        shown = look().metrics("body").elidedText(words, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, _LEFT, shown)
        side = look().icon_px(14)
        ink = colour("text" if on else "disabled_text")
        put_shape(painter, "chevron_down", box.right() - side - 9, (box.height() - side) / 2, side, ink)


class FilterChip(Choice):
    """A choice inside a sentence, 26 px; it wears the accent while it departs from its usual value (item 0)."""

    def sizeHint(self) -> QSize:
        words = look().metrics("body").horizontalAdvance(self.currentText())
        return QSize(round(words) + 24 + look().icon_px(14), look().control("filter_chip"))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box, colour = QPainter(self), QRectF(self.rect()), look().colour
        changed = self.currentIndex() > 0
        rest = "selected" if changed else "hover" if self.underMouse() else "base"
        draw_frame(painter, box, 4, colour("accent" if changed else "border"), colour(rest))
        ink = colour("accent" if changed else "text")
        painter.setFont(look().font("body"))
        painter.setPen(ink)
        painter.drawText(box.adjusted(9, 0, 0, 0), _LEFT, self.currentText())
        side = look().icon_px(14)
        put_shape(painter, "chevron_down", box.right() - side - 7, (box.height() - side) / 2, side, ink)
