"""Input widgets: a field with label and message, check box, radio button, drop-down list, and filter chip (a
drop-down list inside a sentence)."""

import re
from collections.abc import Callable
from math import ceil

from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QInputMethodEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QTextCharFormat,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QRadioButton,
    QSizePolicy,
    QWidget,
)

from console.views.runtime.announcer import announce
from console.views.theme.design_tokens import TextRoleName, Tone, tokens
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    draw_line_of_text,
    elide_font_runs,
    measure_font_runs,
    split_font_runs,
)
from console.views.theme.painting import draw_cached_icon, draw_check_box, draw_frame, draw_radio_button
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    IconLabel,
    TextLabel,
    make_column,
    make_row,
    set_style_property,
    set_visible_in_parent,
)
from console.views.widgets.controls.focus_ring import refresh_focus_ring

_COMPLETION_LIST_KEYS = (
    Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab,
)  # fmt: skip
MAX_TYPED_CHARACTERS = 100_000
"""Number of characters above which a multi-line input refuses a pasted or dropped text. A text of some megabytes
would stop the window for minutes."""
_TEXT_INSET_PX = 10
"""Space between the left edge of an input and its text. In a text input, the style sheet's border and padding and
Qt's own margin of 2 px leave this space; drop-down lists and currency symbols have the same space.
"""
_DROP_DOWN_ARROW_WIDTH_PX = 14
_SPACE_AROUND_ARROW_PX = 20
_SEPARATOR_PATTERN = re.compile(r"[,.]")


def _is_export_key(event: QKeyEvent) -> bool:
    """Return True for Ctrl+E, which writes the list of a page to a file."""
    return event.key() == Qt.Key.Key_E and event.modifiers() == Qt.KeyboardModifier.ControlModifier


def _draw_disabled_border(edit: QWidget) -> None:
    """Draw the dashed border of a disabled input in high contrast. In the other themes, the style sheet draws its
    border."""
    if not edit.isEnabled() and current_appearance().theme == "high_contrast":
        border_colour, radius_px = current_appearance().colour("disabled_border"), tokens().px("radii", "control")
        draw_frame(QPainter(edit), QRectF(edit.rect()), radius_px, border_colour, None, is_enabled=False)


class LineEdit(QLineEdit):
    """A single-line text input. While its Field shows an error, the input has a red border, and the focus ring is
    outside the border."""

    focus_ring_gap_px: int | None = None
    is_composing = False
    """True while an input method composes text that it hasn't committed yet."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.property("bare"):
            _draw_disabled_border(self)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self.is_composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def event(self, event: QEvent) -> bool:
        """Leave Ctrl+E to the page, whose shortcut it is. On Linux, Qt's text inputs use it, too, as the End key of
        Emacs. Return True if Qt has recognised the event."""
        is_recognised = super().event(event)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _is_export_key(event):
            event.ignore()
        return is_recognised


class MultiLineEdit(QPlainTextEdit):
    """A multi-line text input; the Tab key moves to the next control. `completion_popup` is a list of texts that
    complete the typed text. While this list is visible, the list gets the keys Enter, Esc and Tab.

    Signals:
    - paste_refused: the person has pasted or dropped a text with which the input would have more than
      MAX_TYPED_CHARACTERS characters. The input has inserted no part of this text.
    """

    paste_refused = Signal()
    focus_ring_gap_px: int | None = None
    completion_popup: QWidget | None = None

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setFixedHeight(3 * current_appearance().line_height("body") + 14)

    def event(self, event: QEvent) -> bool:
        """Draw the border of a disabled input above the one that Qt has drawn. Return True if Qt has recognised the
        event."""
        is_recognised = super().event(event)
        if event.type() == QEvent.Type.Paint:
            _draw_disabled_border(self)
        return is_recognised

    def insertFromMimeData(self, source: QMimeData) -> None:
        if self.document().characterCount() + len(source.text()) > MAX_TYPED_CHARACTERS:
            self.paste_refused.emit()
        else:
            super().insertFromMimeData(source)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._is_completion_list_open and event.key() in _COMPLETION_LIST_KEYS:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, next: bool) -> bool:
        return not self._is_completion_list_open and super().focusNextPrevChild(next)

    @property
    def _is_completion_list_open(self) -> bool:
        return self.completion_popup is not None and self.completion_popup.isVisible()


class Field(QWidget):
    """A text input with a label above it and a message below it. The message is a hint, or an error that explains how
    to correct the text.
    """

    def __init__(
        self,
        label: str,
        *,
        role: TextRoleName = "body",
        is_right_aligned: bool = False,
        currency_symbol: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """`label` is the text above the input. The typed text has the font of the text role `role`. For an amount,
        the text is right-aligned (`is_right_aligned`), and `currency_symbol` is shown inside the input, at its left
        end."""
        super().__init__(parent)
        self._role: TextRoleName = role
        self._announced_error = ""
        self.edit = self._make_edit()
        self.edit.setAccessibleName(label)
        self._uses_figures_font = True if is_right_aligned else None
        self.edit.setFont(current_appearance().font(role, uses_figures_font=self._uses_figures_font))
        # Not in `changeEvent`: Qt applies the style sheet to the input later, and would restore the previous font.
        current_appearance().changed.connect(self._set_font)
        if is_right_aligned and isinstance(self.edit, LineEdit):
            self.edit.setAlignment(Qt.AlignmentFlag.AlignRight)
            self.edit.textChanged.connect(self._set_font_of_separators)
        self.label = TextLabel(label, "small", "muted")
        self.label.setBuddy(self.edit)
        self._message_icon = IconLabel("square_bang", "bad", 12, line_role="small")
        self._message_label = TextLabel("", "small", "muted", wraps_lines=True)
        self._message_label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._symbol_label = TextLabel(currency_symbol, "body", "muted")
        set_visible_in_parent(self._symbol_label, bool(currency_symbol))
        self._symbol_label.is_decoration = True  # the label names the currency
        self._symbol_label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._inner_layout = make_row(
            self._symbol_label, None, gap_px=4, margins=(_TEXT_INSET_PX if currency_symbol else 0, 0, 10, 0)
        )
        self._inside_icon = IconLabel("check", "good", 14)
        self._inside_label = TextLabel("", "small", "good")
        if isinstance(self.edit, LineEdit):
            self._inner_layout.addWidget(self._inside_icon)
            self._inner_layout.addWidget(self._inside_label)
            self.edit.setLayout(self._inner_layout)
        self._message_row = make_row(self._message_icon, self._message_label, gap_px=6)
        self._message_row.setAlignment(self._message_icon, Qt.AlignmentFlag.AlignTop)  # beside the first line
        self.setLayout(make_column(self.label, self.edit, self._message_row, gap_px=4))
        self.show_text_in_input("")
        self.show_hint("")

    def _make_edit(self) -> LineEdit | MultiLineEdit:
        return LineEdit()

    def text(self) -> str:
        return self.edit.text() if isinstance(self.edit, LineEdit) else self.edit.toPlainText()

    def detach_message_row(self) -> QLayout:
        """Remove the layout with the message from this field, and return the layout. The caller puts it into a wider
        place: below a narrow input, the message would be broken into several lines."""
        if layout := self.layout():
            layout.removeItem(self._message_row)
        self._message_row.setParent(None)
        return self._message_row

    def show_error(self, error: str) -> None:
        """Show and announce an error below the input, which says how to correct the text; "" removes the error. If
        the error equals the error that was announced last, don't announce it again, because a form may check the
        Field after every key."""
        self._mark_error(has_error=bool(error))
        self._show_message(error, "bad")
        self.edit.setAccessibleDescription(error)
        if error and error != self._announced_error:
            self._announced_error = error
            announce(self, error, icon_name="square_bang", tone="bad")

    def show_hint(self, hint: str) -> None:
        """Show a hint below the input, in place of an error; "" removes the hint."""
        self._mark_error(has_error=False)
        self._show_message(hint, "muted")
        self.edit.setAccessibleDescription(hint)

    def show_text_in_input(self, text: str) -> None:
        """Show a short text with a check mark inside the input, at its right end, such as "✓ check digit"; "" removes
        the text and the check mark."""
        self._inside_label.show_text(text)
        self._inside_icon.setVisible(bool(text))
        self._inside_label.setVisible(bool(text))
        self._set_text_margins()

    def _set_text_margins(self) -> None:
        """Set the margins of the typed text so that it doesn't overlap the currency symbol at the left or the short
        text at the right end of the input."""
        if not isinstance(self.edit, LineEdit):
            return
        gap_px = self._inner_layout.spacing()
        has_symbol, has_text = self._symbol_label.isVisibleTo(self), self._inside_label.isVisibleTo(self)
        symbol_px = self._symbol_label.sizeHint().width() + gap_px if has_symbol else 0
        left_part_px = _TEXT_INSET_PX + symbol_px if has_symbol else 0
        text_px = self._inner_layout.sizeHint().width() - left_part_px if has_text else 0
        self.edit.setTextMargins(symbol_px, 0, text_px, 0)

    @Slot()
    def _set_font_of_separators(self) -> None:
        """Draw the comma and the point of the amount in the text font, because in the figures font they leave a gap.
        Only an event of an input method can format letters of a QLineEdit; the event that this function sends inserts
        no text. While an input method composes text, such an event would remove the composed text, so the letters are
        formatted after the input method has committed this text.
        """
        if isinstance(self.edit, LineEdit) and self.edit.is_composing:
            return
        text_format = QTextCharFormat()
        text_format.setFont(current_appearance().font(self._role, uses_figures_font=False))
        cursor = self.edit.cursorPosition() if isinstance(self.edit, LineEdit) else 0
        separators = (match.start() for match in _SEPARATOR_PATTERN.finditer(self.text()))
        attributes = [
            QInputMethodEvent.Attribute(QInputMethodEvent.AttributeType.TextFormat, position - cursor, 1, text_format)
            for position in separators
        ]
        QCoreApplication.sendEvent(self.edit, QInputMethodEvent("", attributes))

    def _mark_error(self, *, has_error: bool) -> None:
        if bool(self.edit.property("error")) == has_error:
            return
        set_style_property(self.edit, "error", has_error)
        self.edit.focus_ring_gap_px = tokens().px("focus", "gap") if has_error else None
        refresh_focus_ring()

    def _show_message(self, message: str, tone: Tone) -> None:
        self._message_label.show_text(message, tone)
        self._message_label.setVisible(bool(message))
        self._message_icon.setVisible(bool(message) and tone == "bad")

    @Slot()
    def _set_font(self) -> None:
        """Give the typed text the font of the text role at the present text scale."""
        self.edit.setFont(current_appearance().font(self._role, uses_figures_font=self._uses_figures_font))
        self._set_text_margins()
        if self._uses_figures_font:
            self._set_font_of_separators()


class MultiLineField(Field):
    """A field whose input has several lines. If a pasted text is too long, the field shows a message about this until
    the text changes. `translate` returns the sentence of a wording key."""

    def __init__(self, label: str, translate: Callable[..., str]) -> None:
        super().__init__(label)
        self._translate = translate
        self._hint, self._has_refused_paste = "", False

    def _make_edit(self) -> MultiLineEdit:
        edit = MultiLineEdit()
        edit.paste_refused.connect(self._show_refused_paste)
        edit.textChanged.connect(self._show_hint_again)
        return edit

    def show_hint(self, hint: str) -> None:
        self._hint, self._has_refused_paste = hint, False
        super().show_hint(hint)

    @Slot()
    def _show_refused_paste(self) -> None:
        self._has_refused_paste = True
        self.show_error(self._translate("input.paste_too_long", longest=MAX_TYPED_CHARACTERS))

    @Slot()
    def _show_hint_again(self) -> None:
        if self._has_refused_paste:
            self.show_hint(self._hint)


class CheckBox(QCheckBox):
    """A check box painted in the colours of the theme. Its signal `checkStateChanged` reports each change of its
    state."""

    focus_ring_gap_px = 2

    def sizeHint(self) -> QSize:
        return _measure_check_or_radio_button(self)

    def minimumSizeHint(self) -> QSize:
        return _measure_check_or_radio_button(self)

    def hitButton(self, pos: object) -> bool:  # a click on the text counts as well
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        state = self.checkState()
        draw_check_box(
            painter,
            _compute_indicator_rect(self),
            is_checked=state == Qt.CheckState.Checked,
            is_partly_checked=state == Qt.CheckState.PartiallyChecked,
            is_enabled=self.isEnabled(),
        )
        _draw_text_next_to_indicator(painter, self)


class RadioButton(QRadioButton):
    """A radio button painted in the colours of the theme. An arrow key moves the focus to the next button of the
    group and selects it, even if no button of the group was selected before. While the focus is in a group, it is at
    the selected button, also after a stored draft or the program has selected another button."""

    focus_ring_gap_px = 2

    def checkStateSet(self) -> None:
        """Take the focus from another button of the group if the program has selected this button."""
        super().checkStateSet()
        focused_widget = QApplication.focusWidget()
        if (
            self.isChecked()
            and isinstance(focused_widget, RadioButton)
            and focused_widget is not self
            and focused_widget.group() is find_button_group(self) is not None
        ):
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Pass the focus on to the selected button of the group, unless a click is about to select this button."""
        super().focusInEvent(event)
        group = find_button_group(self)
        selected_button = group.checkedButton() if group is not None else None
        if selected_button is None or self.isChecked() or event.reason() == Qt.FocusReason.MouseFocusReason:
            return
        if selected_button.isEnabled():
            selected_button.setFocus(event.reason())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        focused_widget = QApplication.focusWidget()
        if (
            isinstance(focused_widget, RadioButton)
            and focused_widget is not self
            and focused_widget.group() is self.group()
        ):
            focused_widget.setChecked(True)

    def sizeHint(self) -> QSize:
        return _measure_check_or_radio_button(self)

    def minimumSizeHint(self) -> QSize:
        return _measure_check_or_radio_button(self)

    def hitButton(self, pos: object) -> bool:
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_radio_button(
            painter, _compute_indicator_rect(self), is_checked=self.isChecked(), is_enabled=self.isEnabled()
        )
        _draw_text_next_to_indicator(painter, self)


def find_button_group(button: QAbstractButton) -> QButtonGroup | None:
    """Return the group of the button; None if it is in no group. (Qt's type stubs don't mention None.)"""
    return button.group()


def _compute_indicator_rect(button: QAbstractButton) -> QRectF:
    """Return the rectangle of the box or ring that shows whether a check box or radio button is on, in px relative to
    the button."""
    side_px = current_appearance().icon_px(tokens().px("control_heights", "check_box"))
    return QRectF(0, round((button.height() - side_px) / 2), side_px, side_px)


def _measure_check_or_radio_button(button: QAbstractButton) -> QSize:
    """Return the size in px that a check box or radio button needs for its box or ring and its text."""
    text_width = measure_font_runs(split_font_runs(button.text()))
    side_px = current_appearance().icon_px(tokens().px("control_heights", "check_box"))
    return QSize(round(side_px + 8 + text_width) + 1, current_appearance().control_height("target_min"))


def _draw_text_next_to_indicator(painter: QPainter, button: QAbstractButton) -> None:
    """Draw the text of a check box or radio button at the right of its box or ring."""
    painter.setPen(current_appearance().colour("text" if button.isEnabled() else "disabled_text"))
    x = _compute_indicator_rect(button).right() + 8
    draw_line_of_text(painter, x, button.height(), button.text())


class DropDownList(QComboBox):
    """A drop-down list. `setCurrentIndex(-1)` selects nothing, so that the person must choose an item."""

    focus_ring_gap_px = 2

    def __init__(self, name: str, *, placeholder: str = "", parent: QWidget | None = None) -> None:
        """`name` is the accessible name. `placeholder` is the text shown while nothing is selected."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not WheelFocus: the wheel scrolls the page

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the selected item only if this list has the focus. Otherwise a person who scrolls the page with the
        mouse wheel could change the item without noticing it.
        """
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def sizeHint(self) -> QSize:
        texts = [self.itemText(index) for index in range(self.count())] + [self.placeholderText()]
        width = max(measure_font_runs(split_font_runs(text)) for text in texts)
        space_px = _TEXT_INSET_PX + current_appearance().icon_px(_DROP_DOWN_ARROW_WIDTH_PX) + _SPACE_AROUND_ARROW_PX
        return QSize(ceil(width) + space_px, current_appearance().control_height("input"))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, current_appearance().control_height("input"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, rect, is_enabled = QPainter(self), QRectF(self.rect()), self.isEnabled()
        colour = current_appearance().colour
        fill_colour = colour("hover" if self.underMouse() else "base") if is_enabled else colour("disabled_fill")
        has_error = bool(self.property("error"))
        border_colour = colour("bad" if has_error else "border" if is_enabled else "disabled_border")
        draw_frame(painter, rect, 4, border_colour, fill_colour, 2 if has_error else 1, is_enabled=is_enabled)
        is_empty = self.currentIndex() < 0
        painter.setPen(colour("disabled_text" if not is_enabled else "placeholder" if is_empty else "text"))
        text = self.placeholderText() if is_empty else self.currentText()
        icon_px = current_appearance().icon_px(_DROP_DOWN_ARROW_WIDTH_PX)
        available_width = rect.width() - _TEXT_INSET_PX - icon_px - _SPACE_AROUND_ARROW_PX
        runs = elide_font_runs(split_font_runs(text), available_width)
        draw_font_runs(painter, _TEXT_INSET_PX, compute_centred_baseline(0, self.height()), runs)
        text_colour = colour("text" if is_enabled else "disabled_text")
        draw_cached_icon(
            painter, "chevron_down", rect.right() - icon_px - 9, (rect.height() - icon_px) / 2, icon_px, text_colour
        )


def make_labelled_control(text: str, control: QWidget) -> QWidget:
    """Return a widget that contains `control`, such as a drop-down list, below a label with `text`."""
    label = TextLabel(text, "small", "muted")
    label.setBuddy(control)
    labelled_control = QWidget()
    labelled_control.setLayout(make_column(label, control, gap_px=4))
    return labelled_control


class FilterChip(DropDownList):
    """A drop-down list that is part of a sentence and filters a list. It is 26 px high at text scale 1.0. Item 0 is
    the default; another selected item is shown in the accent colour."""

    def sizeHint(self) -> QSize:
        text_width = measure_font_runs(split_font_runs(self.currentText()))
        return QSize(
            round(text_width) + 24 + current_appearance().icon_px(14),
            current_appearance().control_height("filter_chip"),
        )

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, rect, colour = QPainter(self), QRectF(self.rect()), current_appearance().colour
        is_changed = self.currentIndex() > 0
        fill_name = "selected" if is_changed else "hover" if self.underMouse() else "base"
        draw_frame(painter, rect, 4, colour("accent" if is_changed else "border"), colour(fill_name))
        text_colour = colour("accent" if is_changed else "text")
        painter.setPen(text_colour)
        draw_line_of_text(painter, 9, self.height(), self.currentText())
        icon_px = current_appearance().icon_px(14)
        draw_cached_icon(
            painter, "chevron_down", rect.right() - icon_px - 7, (rect.height() - icon_px) / 2, icon_px, text_colour
        )
