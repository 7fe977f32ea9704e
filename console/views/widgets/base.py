"""Base classes and layout helpers of the other widgets: painted widgets, surfaces, labels, rows and columns."""

from math import ceil
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAccessible, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from console.views.theme.design_tokens import TextRoleName, Tone
from console.views.theme.mixed_font_text import (
    compute_centred_baseline,
    draw_font_runs,
    elide_font_runs,
    format_rich_text,
    format_tooltip,
    measure_font_runs,
    remove_unreadable_marks,
    split_font_runs,
)
from console.views.theme.painting import draw_cached_icon
from console.views.theme.theme import current_appearance

_HEADING_LEVEL_BY_TEXT_ROLE: dict[TextRoleName, int] = {"title": 1, "dialog_title": 1, "panel_title": 2}
"""The usual level of a heading by the text role of its label; labels of other roles are usually no headings."""
_TEXT_CONTROL_HOLDER_NAME = "text control"
_MAX_READING_WIDTH_PX = 1000  # of a line of running text, at text size 1
UNLIMITED_WIDTH_PX = 16_777_215
"""The maximum width that Qt gives a widget without a limit (`QWIDGETSIZE_MAX` in its C++ headers)."""
BorderEdge = Literal["none", "top", "bottom", "left", "right", "all"]


class Surface(QFrame):
    """An area of the page with a border line of 1 px at one edge, at all edges or at none (`edge`). If `is_raised` is
    True, the area has the background colour of raised areas, which differs from the background colour of the page.
    """

    def __init__(self, parent: QWidget | None = None, *, is_raised: bool = False, edge: BorderEdge = "none") -> None:
        super().__init__(parent)
        self.setProperty("raised", is_raised)
        self.setProperty("edge", edge)


class ToneBox(QFrame):
    """A box with the border colour and the background colour of a tone, for a message that the person must notice."""

    def __init__(self, tone: Tone, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("tone", tone)


class TextLabel(QLabel):
    """A label with the font of one text role and the colour of one tone. Amounts, times and identifiers in its
    text use the figures font. For screen readers, the label of a title is a heading with a level."""

    accessible_role = QAccessible.Role.StaticText
    heading_level = 0
    is_decoration = False

    def __init__(
        self,
        text: str = "",
        role: TextRoleName = "body",
        tone: Tone = "text",
        *,
        is_bold: bool = False,
        wraps_lines: bool = False,
        is_selectable: bool = False,
        heading_level: int | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`heading_level` is the heading level for screen readers: 1 for the title of a page or dialog, 2 for a
        section, 3 for a subsection, 0 for no heading; None means the usual level of the text role."""
        super().__init__(parent)
        self._role: TextRoleName = role
        self._bold = is_bold
        self.heading_level = _HEADING_LEVEL_BY_TEXT_ROLE.get(role, 0) if heading_level is None else heading_level
        if self.heading_level:
            self.accessible_role = QAccessible.Role.Heading
        self.setWordWrap(wraps_lines)
        if wraps_lines:  # without this, a layout gives a sentence the width of its longest word
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        if is_selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self._apply_current_text_size()
        self.plain = remove_unreadable_marks(text)
        self._set_markup()
        set_style_property(self, "tone", tone)

    def _apply_current_text_size(self) -> None:
        self._scale = current_appearance().scale
        self.setFont(self._get_role_font())
        self.setMinimumHeight(current_appearance().line_height(self._role))

    def _get_role_font(self) -> QFont:
        return current_appearance().font(self._role, is_bold=self._bold)

    @property
    def has_current_text_size(self) -> bool:
        """True if the font of the label already has the text size that the person has chosen."""
        return self.font().pixelSize() == self._get_role_font().pixelSize()

    @property
    def role(self) -> TextRoleName:
        """The text role of the label."""
        return self._role

    def set_role(self, role: TextRoleName) -> None:
        """Use the font of another text role from now on."""
        self._role = role
        self._apply_current_text_size()
        self._set_markup()

    def show_text(self, text: str, tone: Tone | None = None) -> None:
        """Show `text` in place of the present text, in the colour of `tone`. If `tone` is None, keep the present
        colour of the label."""
        text = remove_unreadable_marks(text)
        if text != self.plain:
            self.plain = text
            self._set_markup()
        if tone is not None and tone != self.property("tone"):
            set_style_property(self, "tone", tone)

    def _set_markup(self) -> None:
        """Make Qt show the label's text (`plain`, a text without markup) with the fonts of the text role at the
        current text scale. In the markup, amounts, times and identifiers have the figures font."""
        text = self.plain
        markup = format_rich_text(text, self._role, can_wrap=self.wordWrap())
        if self.wordWrap():
            # Qt adds the whole extra line height above the letters; this moves half of it below them.
            shift_px = compute_half_leading_px(self._role)
            self.setContentsMargins(0, -shift_px, 0, shift_px)
        self.setTextFormat(Qt.TextFormat.PlainText if markup == text else Qt.TextFormat.RichText)
        self.setText(markup)
        if markup != text or self.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse:
            _detach_text_control(self)
        self.setAccessibleName(text)

    def set_wrapping(self, wraps_lines: bool) -> None:
        """Let the text wrap over several lines (True), or keep it on one line (False)."""
        if wraps_lines != self.wordWrap():
            self.setWordWrap(wraps_lines)
            self.setContentsMargins(0, 0, 0, 0)
            self._set_markup()

    def measure_line_width(self) -> int:
        """Return the width that the text needs on one line, in px."""
        return ceil(measure_font_runs(split_font_runs(self.plain), self._role, is_bold=self._bold)) + 1

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Qt also sends this for each new parent and each new tone; fonts and markup depend on the text scale alone.
        # The style sheet puts the old font back after the first of these events, so the font is compared as well.
        if event.type() == QEvent.Type.StyleChange and (
            self._scale != current_appearance().scale or not self.has_current_text_size
        ):
            self._apply_current_text_size()
            self._set_markup()


class ParagraphLabel(TextLabel):
    """A label of running text that wraps. Its lines are at most as long as a person can read with ease, however wide
    the window is. `row` is a layout with the label at its left end."""

    def __init__(self, role: TextRoleName = "body", tone: Tone = "text", *, is_selectable: bool = False) -> None:
        super().__init__("", role, tone, wraps_lines=True, is_selectable=is_selectable)
        self.row = QHBoxLayout()
        self.row.addWidget(self, 1)
        self.row.addStretch(0)

    def _apply_current_text_size(self) -> None:
        super()._apply_current_text_size()
        self.setMaximumWidth(round(_MAX_READING_WIDTH_PX * current_appearance().scale))


class TitleLabel(TextLabel):
    """The title of a page or dialog. The title gets the focus, with a visible ring, if the page or dialog has no
    control that can have the focus at present. The Tab key doesn't stop at the title."""

    focus_ring_gap_px = 2

    def __init__(
        self,
        text: str = "",
        role: TextRoleName = "title",
        *,
        wraps_lines: bool = False,
        heading_level: int | None = None,
    ) -> None:
        super().__init__(text, role, wraps_lines=wraps_lines, heading_level=heading_level)


def _detach_text_control(label: QLabel) -> None:
    """Stop Qt from sending text events for a label with markup or selectable text. Qt's text control, a child object
    of the label, sends the events for its parent if the parent is a widget. But a label has no text interface, so
    Qt's AT-SPI bridge warns "Received text event for invalid interface". This function gives the text control a
    parent that isn't a widget.
    """
    for child in label.children():
        if child.metaObject().className() == "QWidgetTextControl":
            holder = label.findChild(QObject, _TEXT_CONTROL_HOLDER_NAME) or QObject(
                label, objectName=_TEXT_CONTROL_HOLDER_NAME
            )
            child.setParent(holder)


def compute_half_leading_px(role: TextRoleName) -> int:
    """Return half of the leading of a text role in px. The leading is the line height of the role less the height of
    its font."""
    return int((current_appearance().line_height(role) - current_appearance().font_metrics(role).height()) // 2)


class FlowLabel(TextLabel):
    """A label in a FlowLayout. The text takes one line if there is room for it, otherwise several; a TextLabel would
    wrap its text although the line has room."""

    def sizeHint(self) -> QSize:
        lines = self.plain.split("\n")
        width = max(measure_font_runs(split_font_runs(line), self._role, is_bold=self._bold) for line in lines)
        return QSize(ceil(width) + 1, len(lines) * current_appearance().line_height(self._role))


class ElidedLabel(QWidget):
    """A label of one line. If the text is too long for the width of the label, its end is replaced by "…". The
    tooltip and the accessible name contain the whole text."""

    accessible_role = QAccessible.Role.StaticText

    def __init__(
        self,
        text: str = "",
        role: TextRoleName = "body",
        tone: Tone = "text",
        *,
        is_bold: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._role: TextRoleName = role
        self._tone: Tone = tone
        self._bold = is_bold
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        self.plain = text = remove_unreadable_marks(text)
        self.setAccessibleName(text)
        self.setToolTip(format_tooltip(text))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        width = measure_font_runs(split_font_runs(self.plain), self._role, is_bold=self._bold)
        return QSize(ceil(width) + 1, current_appearance().line_height(self._role))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(48, self.sizeHint().width()), current_appearance().line_height(self._role))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(current_appearance().colour(self._tone))
        runs = elide_font_runs(split_font_runs(self.plain), self.width(), self._role, is_bold=self._bold)
        draw_font_runs(
            painter, 0, compute_centred_baseline(0, self.height(), self._role), runs, self._role, is_bold=self._bold
        )


class IconLabel(QWidget):
    """A widget that shows an icon in the colour of a tone. It has no accessible name, because the label next to it
    has the same meaning as text. If `line_role` is given, the widget is as high as a line of that text role, so that
    an icon next to a text of several lines is centred on the first line."""

    is_decoration = True

    def __init__(
        self,
        icon_name: str,
        tone: Tone = "text",
        size_px: int = 16,
        *,
        line_role: TextRoleName | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._px, self._line_role = size_px, line_role
        self.show_icon(icon_name, tone)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_icon(self, icon_name: str, tone: Tone) -> None:
        """Show another icon in the colour of a tone."""
        self._icon_name, self._tone = icon_name, tone
        self.update()

    def sizeHint(self) -> QSize:
        side_px = current_appearance().icon_px(self._px)
        return QSize(
            side_px, max(side_px, current_appearance().line_height(self._line_role)) if self._line_role else side_px
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        side_px = current_appearance().icon_px(self._px)
        top = (self.height() - side_px) / 2
        draw_cached_icon(QPainter(self), self._icon_name, 0, top, side_px, current_appearance().colour(self._tone))


def make_icon_row(icon_name: str, tone: Tone, size_px: int, label: TextLabel, *, gap_px: int = 6) -> QHBoxLayout:
    """Return a layout with an icon of `size_px` px before a label. If the label has several lines, the icon is next
    to the first line."""
    row = make_row(gap_px=gap_px)
    row.addWidget(IconLabel(icon_name, tone, size_px, line_role=label.role), 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(label, 1)
    return row


def set_style_property(widget: QWidget, property_name: str, value: object) -> None:
    """Set a dynamic property of a Qt widget, and apply the rules of the style sheet that depend on this property
    again."""
    widget.setProperty(property_name, value)
    if widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):  # any other is polished before it is shown
        widget.style().unpolish(widget)
        widget.style().polish(widget)
        widget.update()


def set_visible_in_parent(widget: QWidget, is_visible: bool) -> None:
    """Show or hide a part of a window. A part that has no parent yet becomes visible together with its later parent.
    For such a part, Qt's `setVisible` would show a separate window for a moment, and this window would take the
    keyboard focus from the window in which the person works."""
    if is_visible and widget.parentWidget() is None:
        widget.setAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide, False)
    else:
        widget.setVisible(is_visible)


def make_scroll_area() -> QScrollArea:
    """Return a scroll area that scrolls only vertically. The widgets inside it can have the focus; the area itself
    can't."""
    scroll_area = QScrollArea()
    scroll_area.setWidgetResizable(True)
    scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return scroll_area


def make_row(
    *items: QWidget | int | None,
    gap_px: int = 8,
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> QHBoxLayout:
    """Return a layout with the items side by side. An integer is a space in px; None is a space that takes the
    remaining width. `gap_px` and `margins` (left, top, right, bottom) are in px."""
    layout = QHBoxLayout()
    fill_layout(layout, items, gap_px, margins)
    return layout


def make_column(
    *items: QWidget | QLayout | int | None,
    gap_px: int = 8,
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> QVBoxLayout:
    """Return a layout with the items one below another. An integer is a space in px; None is a space that takes the
    remaining height. `gap_px` and `margins` (left, top, right, bottom) are in px."""
    layout = QVBoxLayout()
    fill_layout(layout, items, gap_px, margins)
    return layout


def fill_layout(
    layout: QHBoxLayout | QVBoxLayout,
    items: tuple[QWidget | QLayout | int | None, ...],
    gap_px: int,
    margins: tuple[int, int, int, int],
) -> None:
    """Add the items to a layout. An integer is a space in px; None is a space that takes the remaining width or
    height. `gap_px` and `margins` (left, top, right, bottom) are in px."""
    layout.setSpacing(gap_px)
    layout.setContentsMargins(*margins)
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, int):
            layout.addSpacing(item)
        elif isinstance(item, QLayout):
            layout.addLayout(item)
        else:
            layout.addWidget(item)


def discard_widget(widget: QWidget) -> None:
    """Hide a widget that is replaced by another widget, and delete it. Qt deletes the widget only in a later turn of
    the event loop, because Qt may be handling one of the widget's events. Without hiding, the widget with its buttons
    would stay visible next to its replacement until then.
    """
    widget.hide()
    widget.deleteLater()


def clear_layout(layout: QLayout) -> None:
    """Remove all items from a layout, and discard the widgets among them (`discard_widget`)."""
    while item := layout.takeAt(0):
        if widget := item.widget():
            discard_widget(widget)
