"""The bars of the window: the border in the environment's colour, the top bar, the status bar, and the line of
shortcuts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QAccessible, QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.mixed_font_text import format_tooltip
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    IconLabel,
    Surface,
    TextLabel,
    discard_widget,
    make_row,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import KeyButton, LinkButton
from console.views.widgets.display.badge import KeyCap

EnvironmentName = Literal["production", "test", "training"]
_HINT_WIDGET_GAP_PX = 6
"""Gap between two widgets in the line of shortcuts."""
_EXTRA_GAP_BETWEEN_HINTS_PX = 8
"""Further space between two shortcuts in the line of shortcuts."""
_BAR_MARGIN_PX = 24
"""Margin at both ends of the line of shortcuts."""


class EnvironmentFrame(QFrame):
    """The central widget of the window. It has a border of 2 px in the colour of the environment (production,
    test, training)."""

    def __init__(self, environment: EnvironmentName, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.environment: EnvironmentName = environment
        self.setProperty("environment", environment)
        self.inner_layout = QVBoxLayout(self)
        self.inner_layout.setContentsMargins(0, 0, 0, 0)
        self.inner_layout.setSpacing(0)


class EnvironmentLabel(TextLabel):
    """A label with the name of the environment (production, test, training), on a background in the environment's
    colour.
    """

    def __init__(self, environment_word: str, environment: EnvironmentName, *, parent: QWidget | None = None) -> None:
        super().__init__(environment_word, "small", is_bold=True, parent=parent)
        self.setIndent(0)  # otherwise Qt adds half a letter, because the style sheet gives the label a frame
        self.setProperty("environment", environment)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)


class SearchButton(KeyButton):
    """A button that looks like a text field and opens the search box. The window handles the shortcut of this
    button."""

    def __init__(self, text: str, key: str, *, parent: QWidget | None = None) -> None:
        super().__init__(text, key, "search", icon="search", binds_key=False, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(tokens().px("layout", "search_width"))

    def sizeHint(self) -> QSize:
        return QSize(tokens().px("layout", "search_width"), current_appearance().control_height("tool_button"))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, current_appearance().control_height("tool_button"))


class TopBar(Surface):
    """The bar at the top of the window: product name, environment, search button, clock, and the name of the
    person.

    Signals:
    - search_requested: the person has pressed the search button (the window handles the shortcut Ctrl+K).
    - person_menu_requested: the person has pressed the button with their name, which opens the person's menu.
    - page_menu_requested: the person has pressed the button that opens the menu of pages.
    """

    search_requested = Signal()
    person_menu_requested = Signal()
    page_menu_requested = Signal()
    accessible_role = QAccessible.Role.ToolBar

    def __init__(
        self,
        product: str,
        environment_word: str,
        environment: EnvironmentName,
        search_words: str,
        operator: str,
        page_menu_words: str,
        *,
        parent: QWidget | None = None,
    ) -> None:
        """`product` is the product's name, `environment_word` the name of the environment, and `operator` the name of
        the person. `search_words` and `page_menu_words` are the texts of the search button and of the button that
        opens the menu of pages."""
        super().__init__(parent, is_raised=True, edge="bottom")
        self.setFixedHeight(current_appearance().frame_height("top_bar"))
        self._name = TextLabel(product, is_bold=True)
        self._name.setMinimumWidth(tokens().px("layout", "side_bar") - 12)
        self.page_menu = KeyButton(page_menu_words, kind="tool", icon="list")
        self.page_menu.show_menu_arrow()
        self.page_menu.clicked.connect(self.page_menu_requested)
        self.page_menu.hide()
        self.clock = TextLabel("", "data")
        self.search = SearchButton(search_words, "Ctrl+K")
        self.search.clicked.connect(self.search_requested)
        self.operator = KeyButton(operator, kind="tool", icon="person")
        self.operator.setFlat(True)
        self.operator.show_menu_arrow()
        self.operator.clicked.connect(self.person_menu_requested)
        label = EnvironmentLabel(environment_word, environment)
        # The sides have the same stretch, so that the search button is in the middle, whatever the person's name is.
        layout = make_row()
        layout.addLayout(make_row(self.page_menu, self._name, label, None, margins=(12, 0, 0, 0)), 1)
        layout.addWidget(self.search)
        layout.addLayout(make_row(None, self.clock, self.operator, margins=(0, 0, 8, 0)), 1)
        self.setLayout(layout)

    def show_page_menu_button(self, *, is_shown: bool) -> None:
        """Show the button that opens the menu of pages, in place of the product's name. The window needs this button
        while it has no sidebar."""
        self.page_menu.setVisible(is_shown)
        self._name.setVisible(not is_shown)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedHeight(current_appearance().frame_height("top_bar"))


@dataclass(frozen=True, slots=True)
class StatusCellContent:
    """The content of one cell of the status bar: name, icon (name and tone) and text (`text`). If `link_key` isn't
    "", the cell is a link, and the status bar emits the key when the person presses the link. `short_name`, if it
    isn't "", is shown in place of `name` if the bar has no room for it."""

    name: str
    icon_name: str = ""
    tone: Tone = "good"
    text: str = ""
    link_key: str = ""
    short_name: str = ""


_CELL_GAP_PX = 6
_MAX_SIGN_OF_HIDDEN_CELLS = "+9"


class StatusCell(Surface):
    """One cell of the status bar. `hideable_label` is the label that the bar hides first if it is too narrow, because
    the cell's icon has the same meaning as this label; None if the bar may hide no label of the cell.
    """

    def __init__(self, content: StatusCellContent, *, is_first: bool = False) -> None:
        # The line is at the left: one at each side of the free space would look like an empty cell.
        super().__init__(is_raised=True, edge="none" if is_first else "left")
        is_good = content.tone == "good"
        name_label = TextLabel(content.name, "small")
        self._short_name_label = TextLabel(content.short_name, "small") if content.short_name else None
        icon = IconLabel(content.icon_name, content.tone, 14) if content.icon_name else None
        text_label = TextLabel(content.text, "small", "muted" if is_good else content.tone)
        self.hideable_label = (
            text_label if icon is not None and content.text and content.tone in ("good", "muted") else None
        )
        self.setToolTip(format_tooltip(f"{content.name} {content.text}".strip()))
        widgets = (name_label, icon, text_label) if content.text else (icon, name_label)
        self._widgets: list[QWidget] = [widget for widget in widgets if widget is not None]
        self._name_label = name_label
        self.is_due_tasks = not content.icon_name
        self.setAccessibleName(f"{content.name} {content.text}".strip())
        items = [*self._widgets, self._short_name_label] if self._short_name_label is not None else self._widgets
        self.setLayout(make_row(*items, gap_px=_CELL_GAP_PX, margins=(12, 0, 12, 0)))
        self.shorten_if_too_wide(0)

    def measure_needed_width(self) -> int:
        """Return the width in px that the cell needs if its name and all its labels are shown."""
        gaps = _CELL_GAP_PX * (len(self._widgets) - 1)
        return sum(widget.sizeHint().width() for widget in self._widgets) + gaps + 2 * 12 + 1

    def measure_width_without_label(self) -> int:
        """Return the width in px that the cell needs if its name is shown, without `hideable_label`."""
        label = self.hideable_label
        return self.measure_needed_width() - (0 if label is None else label.sizeHint().width() + _CELL_GAP_PX)

    def shorten_if_too_wide(self, excess_px: int) -> int:
        """Show the short name if the contents of the bar are too wide (`excess_px` is positive), otherwise the name.
        Return the excess that remains, in px. A cell without a short name stays as it is."""
        if self._short_name_label is None:
            return excess_px
        is_short = excess_px > 0
        set_visible_in_parent(self._name_label, not is_short)
        set_visible_in_parent(self._short_name_label, is_short)
        saved_px = self._name_label.sizeHint().width() - self._short_name_label.sizeHint().width()
        return excess_px - saved_px if is_short else excess_px


class LinkCell(Surface):
    """One cell of the status bar that is a link. A screen reader reads its whole name, also if the short name is
    shown."""

    def __init__(self, content: StatusCellContent) -> None:
        super().__init__(is_raised=True, edge="left")
        self.link = LinkButton(content.name, role="small")
        self.link.setProperty("key", content.link_key)
        self.setLayout(make_row(self.link, margins=(10, 0, 10, 0)))
        self.show_content(content)

    def show_content(self, content: StatusCellContent) -> None:
        self._content = content
        self.link.setAccessibleName(content.name)
        self.setToolTip(format_tooltip(content.name))
        self.shorten_if_too_wide(0)

    def measure_needed_width(self) -> int:
        """Return the width in px that the cell needs if its name is shown."""
        return self.link.measure_width(self._content.name) + 2 * 10 + 1

    def shorten_if_too_wide(self, excess_px: int) -> int:
        """Show the short name if the contents of the bar are too wide (`excess_px` is positive), otherwise the name.
        Return the excess that remains, in px. A cell without a short name stays as it is."""
        name, short_name = self._content.name, self._content.short_name or self._content.name
        is_short = excess_px > 0
        shown_name = short_name if is_short else name
        if self.link.text() != shown_name:
            self.link.setText(shown_name)
            self.link.updateGeometry()
        saved_px = self.link.measure_width(name) - self.link.measure_width(short_name)
        return excess_px - saved_px if is_short else excess_px


class _HiddenCellsSign(Surface):
    """A number, such as "+2", in place of the cells that a narrow status bar hides. The tooltip and the screen reader
    have the texts of these cells. Without a hidden cell it is hidden itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, is_raised=True, edge="left")
        self._label = TextLabel("", "small", "muted")
        self.setLayout(make_row(self._label, margins=(12, 0, 12, 0)))
        self.hide()

    def measure_needed_width(self) -> int:
        """Return the width in px that the number needs."""
        metrics = current_appearance().font_metrics("small")
        return ceil(metrics.horizontalAdvance(_MAX_SIGN_OF_HIDDEN_CELLS)) + 2 * 12 + 2

    def show_hidden_cells(self, cells: Sequence[StatusCell]) -> None:
        """Show the number of these hidden cells."""
        texts = "\n".join(cell.accessibleName() for cell in cells)
        self._label.show_text(f"+{len(cells)}" if cells else "")
        self._label.setAccessibleName(", ".join(texts.splitlines()))
        self.setToolTip(format_tooltip(texts))
        set_visible_in_parent(self, bool(cells))


class StatusBar(Surface):
    """The bar at the bottom of the window. The cells at the left show the connections to the database and the
    providers; the cells at the right show unfinished work and, if the person can't change data at present, the
    reason.

    Signals:
    - link_pressed(str): the person has pressed the link with this key.
    """

    link_pressed = Signal(str)
    accessible_role = QAccessible.Role.StatusBar

    def __init__(self, *, parent: QWidget | None = None) -> None:
        super().__init__(parent, is_raised=True, edge="top")
        self.setFixedHeight(current_appearance().frame_height("status_bar"))
        self._layout = make_row(None, gap_px=0)
        self.setLayout(self._layout)
        self._cell_contents: tuple[tuple[StatusCellContent, ...], tuple[StatusCellContent, ...]] = ((), ())
        self._cells: dict[StatusCellContent | str, StatusCell | LinkCell] = {}
        self._hidden_cells_sign = _HiddenCellsSign(self)

    def show_cells(self, left_cells: Sequence[StatusCellContent], right_cells: Sequence[StatusCellContent]) -> None:
        """Show these cells at the left and at the right. If the bar already shows a link with the same key, use its
        widget again, so that the link keeps its position in the tab order."""
        if (tuple(left_cells), tuple(right_cells)) == self._cell_contents:
            return
        self._cell_contents = (tuple(left_cells), tuple(right_cells))
        old_cells, self._cells = self._cells, {}
        while self._layout.takeAt(0):
            pass
        for content in left_cells:
            self._layout.addWidget(self._reuse_or_make_cell(old_cells, content, is_first=content is left_cells[0]))
        self._layout.addWidget(self._hidden_cells_sign)
        self._layout.addStretch(1)
        for content in right_cells:
            self._layout.addWidget(self._reuse_or_make_cell(old_cells, content))
        for cell in old_cells.values():
            discard_widget(cell)
        self.fit_width()

    def fit_width(self) -> None:
        """Shorten and hide contents until the remaining ones fit into the width of the bar, in this order: names get
        their short name; from the right, labels are hidden whose icon has the same meaning; the links get their short
        name; the cell of the due tasks is hidden, then, from the right, cells of providers without a problem. A
        number, such as "+2", stands for the hidden cells, but doesn't take the place of a provider for the due tasks
        alone. So no provider disappears without a sign, and the time since when the window is read-only is never cut
        off.
        """
        cells = [cell for cell in self._cells.values() if isinstance(cell, StatusCell)]
        excess = sum(cell.measure_needed_width() for cell in self._cells.values()) - self.width()
        for cell in cells:
            excess = cell.shorten_if_too_wide(excess)
        for cell in reversed(cells):
            if cell.hideable_label is not None:
                excess = _hide_widget_if_too_wide(
                    cell.hideable_label, excess, cell.hideable_label.sizeHint().width() + _CELL_GAP_PX
                )
        for link_cell in self._cells.values():
            excess = link_cell.shorten_if_too_wide(excess) if isinstance(link_cell, LinkCell) else excess
        for cell in cells:
            excess = (
                _hide_widget_if_too_wide(cell, excess, cell.measure_needed_width()) if cell.is_due_tasks else excess
            )
        sign_width = self._hidden_cells_sign.measure_needed_width()
        has_sign = excess > 0 or excess + sign_width <= 0
        excess += sign_width if excess > 0 else 0
        for cell in reversed(cells[1:]):
            if cell.hideable_label is not None:
                excess = _hide_widget_if_too_wide(cell, excess, cell.measure_width_without_label())
        self._hidden_cells_sign.show_hidden_cells([cell for cell in cells if has_sign and cell.isHidden()])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_width()

    def event(self, event: QEvent) -> bool:
        """Fit the cells to the bar again after a change of a text or of the text size. Return True if Qt has
        recognised the event."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.fit_width()
        return super().event(event)

    def _reuse_or_make_cell(
        self,
        old_cells: dict[StatusCellContent | str, StatusCell | LinkCell],
        content: StatusCellContent,
        *,
        is_first: bool = False,
    ) -> StatusCell | LinkCell:
        """Return the widget of one cell. If `old_cells` has a widget for the same cell, return it with the new text
        of its link; otherwise return a new widget. The key of a cell in `old_cells` is the key of its link, or the
        whole content of a cell that is no link. A reused widget is removed from `old_cells`."""
        key = content.link_key or content
        cell = old_cells.pop(key) if key in old_cells else self._make_cell(content, is_first=is_first)
        self._cells[key] = cell
        if isinstance(cell, LinkCell):
            cell.show_content(content)
        return cell

    def _make_cell(self, content: StatusCellContent, *, is_first: bool) -> StatusCell | LinkCell:
        if not content.link_key:
            return StatusCell(content, is_first=is_first)
        cell = LinkCell(content)
        cell.link.clicked.connect(self._emit_link_pressed)
        return cell

    def _emit_link_pressed(self) -> None:
        self.link_pressed.emit(str(self.sender().property("key")))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedHeight(current_appearance().frame_height("status_bar"))


def _hide_widget_if_too_wide(widget: QWidget, excess_px: int, width_px: int) -> int:
    """Hide the widget if the contents of the bar are too wide (`excess_px` is positive), otherwise show the widget.
    `width_px` is the width in px that the bar gains if the widget is hidden. Return the excess that remains, in px;
    it is 0 or negative if the contents fit."""
    widget.setVisible(excess_px <= 0)
    return excess_px - width_px if excess_px > 0 else excess_px


class ShortcutHintBar(Surface):
    """A line of keyboard shortcuts, such as the line at the bottom of the search box: each key with the name of its
    action. `status_label`, at the right end, shows a count, the position in a list or another state. If the line is
    too narrow for all shortcuts, the last ones are hidden; the label is always shown completely."""

    def __init__(self, hints: Sequence[tuple[Sequence[str], str]] = (), *, parent: QWidget | None = None) -> None:
        """`hints` are pairs of the key caps and the name of their action, such as (("↓", "↑"), "Choose")."""
        super().__init__(parent, edge="top")
        self.setFixedHeight(current_appearance().frame_height("hint_bar"))
        self.status_label = TextLabel("", "small", "muted")
        self._widgets_by_hint: list[list[QWidget]] = [
            [*map(KeyCap, keys), TextLabel(action_name, "small", "muted")] for keys, action_name in hints
        ]
        items: list[QWidget | int | None] = []
        for hint_widgets in self._widgets_by_hint:
            items += [*hint_widgets, _EXTRA_GAP_BETWEEN_HINTS_PX]
        margins = (_BAR_MARGIN_PX, 0, _BAR_MARGIN_PX, 0)
        self.setLayout(make_row(*items, None, self.status_label, gap_px=_HINT_WIDGET_GAP_PX, margins=margins))

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._hide_hints_without_room()
        return super().event(event)

    def _hide_hints_without_room(self) -> None:
        space_px = len(self._widgets_by_hint) * (_EXTRA_GAP_BETWEEN_HINTS_PX + _HINT_WIDGET_GAP_PX)
        room_px = self.width() - 2 * _BAR_MARGIN_PX - self.status_label.sizeHint().width() - space_px
        for hint_widgets in self._widgets_by_hint:
            room_px -= sum(widget.sizeHint().width() + _HINT_WIDGET_GAP_PX for widget in hint_widgets)
            for widget in hint_widgets:
                widget.setVisible(room_px >= 0)
