"""The base class of all pages. It contains the header, the notification bars, the line of keyboard shortcuts, and
the rules by which a page reads its data again."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from math import ceil
from typing import Any, TypeVar

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QHideEvent, QKeyEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QBoxLayout,
    QDialog,
    QGridLayout,
    QLayout,
    QMenu,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from console.domain.access.permissions import does_right_change_records
from console.domain.errors import ErrorCode
from console.views.runtime.context import ServiceCall, WindowContext
from console.views.runtime.routes import RecordRef, Route
from console.views.runtime.tasks import Failure
from console.views.tables.record_table import RecordTable
from console.views.theme.design_tokens import tokens
from console.views.theme.mixed_font_text import format_menu_entry
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    Surface,
    TextLabel,
    TitleLabel,
    discard_widget,
    make_column,
    make_row,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.controls.menu import Menu
from console.views.widgets.display.badge import KeyCap
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences.formats import join_facts

T = TypeVar("T")
_REASON_BY_KEY_OF_OTHER_PAGES = {"Ctrl+P": "reason.no_print", "Ctrl+E": "reason.no_list"}
"""For a shortcut that only some pages bind: the wording key of the reason why it has no effect on the others."""
_REFUSAL_TONES = ("care", "bad")
_log = logging.getLogger("console.views")
_HEADER_GAPS_WIDTH_PX = 88  # margins and spaces between the parts of a head, in px
KeyHint = tuple[Sequence[str], str]
"""One entry of the line of shortcuts: the names of one or more keys, and the wording key of the action that they run.
"""


_KEY_HINT_GAP_PX = 16
_RIGHT_BY_KEY_HINT: Mapping[str, str] = {
    "key.probe": "probe", "key.refetch": "refetch", "key.resolve": "resolve", "key.move_order": "resolve",
    "key.take": "take", "key.give_back": "take", "key.hand_over": "take", "key.note": "note",
    "key.acknowledge": "note", "key.snooze": "note", "key.resolve_incident": "note", "key.save_view": "save_view",
    "key.purchase": "purchase", "key.refund": "refund_request", "key.reconcile": "import",
    "reconcile.go_on": "import",
}  # fmt: skip
"""Name of the right to the action of a shortcut, by the wording key of its hint. A page shows no hint while the
person can't use the right."""
_LIST_KEY_HINTS = ("key.move", "key.open")
_WINDOW_WIDTH_OF_TOKEN_PANEL_WIDTHS_PX = (
    1440  # width of the window for which the design tokens define the side panels
)


def set_tab_order(*focus_stops: QWidget) -> None:
    """Make the Tab key move the focus through these widgets in this order."""
    for before, after in pairwise(focus_stops):
        QWidget.setTabOrder(before, after)


def find_focused_widget(window: QWidget) -> QWidget | None:
    """Return the widget of `window` that has the focus; None if no widget has it. (Qt's type stubs don't mention
    None.)"""
    return window.focusWidget()


def has_room_beside_lists(window: QWidget) -> bool:
    """Return True if the window is so wide, for the text size, that a panel has room beside a list."""
    return window.width() >= tokens().px("layout", "preview_hidden_below_width") * current_appearance().scale


def compute_side_panel_width(panel_name: str, window: QWidget) -> int:
    """Return the width, in px, of a panel beside a list or a record. `panel_name` is the panel's name in the design
    tokens, which define its width in a window of `_WINDOW_WIDTH_OF_TOKEN_PANEL_WIDTHS_PX`. In a wider window the
    panel keeps its share of the window's width; in a narrower one it keeps its width."""
    return round(
        tokens().px("layout", panel_name) * max(1.0, window.width() / _WINDOW_WIDTH_OF_TOKEN_PANEL_WIDTHS_PX)
    )


class KeyHintPanel(Surface):
    """The line at the bottom of a page that shows each keyboard shortcut with the name of its action. `status_label`,
    at its right end, has a count, the position in a list or another state of the page."""

    def __init__(self, hints: Sequence[tuple[Sequence[str], str]], parent: QWidget) -> None:
        super().__init__(parent, edge="top")
        self.status_label = TextLabel("", "small", "muted")
        self.key_hints: Sequence[tuple[Sequence[str], str]] = ()
        self._hints: list[QWidget] = []
        margin = tokens().px("spacing", "page_margin")
        self._box = make_row(None, self.status_label, gap_px=_KEY_HINT_GAP_PX, margins=(margin, 6, margin, 4))
        self._box.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # hints that don't fit are hidden
        self.setLayout(self._box)
        self.show_key_hints(hints)
        self.setFixedHeight(current_appearance().frame_height("hint_bar"))

    def show_key_hints(self, hints: Sequence[tuple[Sequence[str], str]]) -> None:
        """Replace the shown shortcuts with `hints`. Each hint is a pair: the names of the keys, and the name of
        their action."""
        if hints == self.key_hints:
            return
        self.key_hints = hints
        for hint in self._hints:
            discard_widget(hint)
        self._hints = [_make_key_hint(keys, action_name, self) for keys, action_name in hints]
        for hint_index, hint in enumerate(self._hints):
            self._box.insertWidget(hint_index, hint)
        self._fit_key_hints()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.height())

    def _fit_key_hints(self) -> None:
        """Show as many shortcuts as fit beside the count, and hide the others. The dialog of shortcuts (Ctrl+/) lists
        all shortcuts. Do nothing before the panel is first shown, because the panel gets its width at that moment."""
        if not self.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):
            return
        room = self.width() - 2 * tokens().px("spacing", "page_margin") - self.status_label.sizeHint().width()
        for hint in self._hints:
            room -= hint.sizeHint().width() + _KEY_HINT_GAP_PX
            hint.setVisible(room >= 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_key_hints()

    def event(self, event: QEvent) -> bool:
        """Call `_fit_key_hints` when the text of the count or the text size has changed; leave every other event to
        Qt. Return True if Qt has recognised the event."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit_key_hints()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedHeight(current_appearance().frame_height("hint_bar"))


def _make_key_hint(keys: Sequence[str], action_name: str, parent: QWidget) -> QWidget:
    hint = QWidget(parent)
    hint.setLayout(make_row(*(KeyCap(key) for key in keys), TextLabel(action_name, "small", "muted"), gap_px=6))
    return hint


class PageHead(Surface):
    """The header of a page: the title, a sentence about the purpose of the page, the time when its data was last
    read, and buttons. In a low window, or if the buttons don't fit beside the title, a menu button (`menu_button`)
    replaces the buttons that `add_button` has added. Each function in `menu_entry_adders` gets this menu and adds its
    own entries to it."""

    def __init__(
        self, title: str, sentence: str = "", button: KeyButton | None = None, *, menu_text: str = ""
    ) -> None:
        """`button` is always visible. `menu_text` is the text of the menu button; "" for a page without added
        buttons, which has no menu.
        """
        super().__init__()
        self.title = TitleLabel(title)
        self.sentence_label = TextLabel(sentence, "body", "muted", wraps_lines=True)
        self.read_time_label = TextLabel("", "small", "muted")
        margin = self._margin = tokens().px("spacing", "page_margin")
        self.alternative_sentences: Sequence[str] = ()
        """The sentences of the other pages with the same tabs. If one of these sentences, or this page's, needs the
        line below the title, the sentences of all these pages stand there, so that the tabs keep their height when
        the person changes between the pages."""
        self.read_time_sample = ""
        """A text as long as the one that `read_time_label` will show; "" if the page shows none. The sentence keeps
        its place when the time appears beside it."""
        self._added_buttons: list[KeyButton] = []
        self._reason_label_by_button: dict[KeyButton, ReasonLabel] = {}
        self._widgets_beside_title: list[QWidget] = []
        self._is_low_window = False
        self.menu_entry_adders: list[Callable[[QMenu], object]] = []
        self.menu_button = KeyButton(menu_text)
        self.menu_button.show_menu_arrow()
        self.menu_button.clicked.connect(self._open_menu)
        self.menu_button.hide()
        self.focus_stops: tuple[QWidget, ...] = (*((button,) if button else ()), self.menu_button)
        focus_stops = self.focus_stops
        self._right_side = QWidget()
        self._right_side.setLayout(make_row(self.read_time_label, *focus_stops, gap_px=8))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(margin, 12, margin, 12)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.title, 0, 0)
        self._grid.addWidget(self._right_side, 0, 2)
        self._is_sentence_below: bool | None = None
        self._move_sentence(is_below=False)

    def _move_sentence(self, *, is_below: bool) -> None:
        """Put the sentence about the page below the title if `is_below`, otherwise beside the title."""
        if is_below != self._is_sentence_below:
            self._is_sentence_below = is_below
            self._grid.removeWidget(self.sentence_label)
            if is_below:
                self._grid.addWidget(self.sentence_label, 1, 0, 1, 3)
            else:
                self._grid.addWidget(self.sentence_label, 0, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_right_side()
        self._fit_widgets_beside_title()
        self.fit_sentence()

    def event(self, event: QEvent) -> bool:
        """Fit the right side of the header and the widget beside the title again after a change of one of their
        texts. Return True if Qt has recognised the event."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit_right_side()
            self._fit_widgets_beside_title()
        return super().event(event)

    def minimumSizeHint(self) -> QSize:
        """Return the size that the header needs with only its permanent widgets at the right side. If the header has
        no room for more, it hides the other widgets."""
        smallest = self._measure_row_width(self._get_permanent_widgets(has_menu=bool(self._added_buttons)))
        return QSize(smallest + 2 * self._margin, super().minimumSizeHint().height())

    def _get_permanent_widgets(self, *, has_menu: bool) -> list[QWidget]:
        """Return the title, the widget beside it, and the buttons that are always visible; with `has_menu` also the
        menu button."""
        stops = (stop for stop in self.focus_stops if stop not in self._added_buttons)
        buttons = (stop for stop in stops if stop is not self.menu_button or has_menu)
        beside_title = (widget for widget in self._widgets_beside_title if widget.parentWidget() is self)
        return [self.title, *beside_title, *buttons]

    def _measure_row_width(self, widgets: Sequence[QWidget]) -> int:
        """Return the width in px that these widgets need beside each other in the header."""
        widths = (
            (widget.minimumSizeHint() if widget in self._widgets_beside_title else widget.sizeHint()).width()
            for widget in widgets
        )
        return sum(width + self._grid.horizontalSpacing() for width in widths)

    def _measure_read_time_width(self) -> int:
        """Return the width in px of the time at which the data was last read, also before it is shown."""
        sample_px = current_appearance().font_metrics("small").horizontalAdvance(self.read_time_sample)
        return max(ceil(sample_px), self.read_time_label.sizeHint().width())

    def _fit_right_side(self) -> None:
        """Show the time at which the data was last read only if the window isn't low and the time fits beside the
        buttons. Replace the added buttons with the menu button if the window is low or the buttons don't fit."""
        room = self.width() - 2 * self._margin
        buttons = [*self._get_permanent_widgets(has_menu=False), *self._added_buttons]
        has_menu = self._is_low_window or (bool(self._added_buttons) and self._measure_row_width(buttons) > room)
        shown = self._get_permanent_widgets(has_menu=True) if has_menu else buttons
        for button in self._added_buttons:
            button.setVisible(not has_menu)
        self._show_reasons()
        self.menu_button.setVisible(has_menu and bool(self._added_buttons or self.menu_entry_adders))
        time_width = self._measure_read_time_width() + self._grid.horizontalSpacing()
        has_time = not self._is_low_window and self._measure_row_width(shown) + time_width <= room
        self.read_time_label.setVisible(has_time)

    def adapt_to_low_window(self, *, is_low_window: bool) -> None:
        """If `is_low_window`, hide the sentence below the title and the time at which the page last read its data,
        and replace the buttons of the page with one menu button. Otherwise show them again if they fit.
        """
        self._is_low_window = is_low_window
        self._fit_right_side()
        self.sentence_label.setVisible(not is_low_window)
        self._grid.setContentsMargins(
            self._margin, 4 if is_low_window else 12, self._margin, 4 if is_low_window else 12
        )

    def add_button(self, button: KeyButton) -> None:
        """Add a button at the right of the header, before the buttons that are already there. In a low window the
        button is only in the menu, so the page must bind its shortcut."""
        row = self._right_side.layout()
        assert isinstance(row, QBoxLayout)  # noqa: S101  # made by make_row
        row.insertWidget(1, button)
        self._added_buttons.append(button)
        self.focus_stops = (button, *self.focus_stops)

    def make_reason_label(self, button: KeyButton) -> ReasonLabel:
        """Return a label with the reason why an added button is disabled, for the right end of the line below the
        header. While the button is only in the menu, the label is hidden, and the menu entry has the reason."""
        label = self._reason_label_by_button[button] = ReasonLabel(button, hides_itself=False)
        label.setAlignment(Qt.AlignmentFlag.AlignRight)
        button.reason_changed.connect(self._show_reasons)
        self._show_reasons()
        return label

    @Slot()
    def _show_reasons(self) -> None:
        for button, label in self._reason_label_by_button.items():
            set_visible_in_parent(label, bool(button.shown_reason) and not button.isHidden())

    @Slot()
    def _open_menu(self) -> None:
        menu = self.build_menu()
        menu.popup(
            self.menu_button.mapToGlobal(
                QPoint(self.menu_button.width() - menu.sizeHint().width(), self.menu_button.height() + 2)
            )
        )

    def build_menu(self) -> QMenu:
        """Return a new menu with the added buttons, and with the entries of the functions in `menu_entry_adders`."""
        menu = Menu(self)
        menu.setAccessibleName(self.menu_button.text())
        menu.aboutToHide.connect(menu.deleteLater)
        for button in self._added_buttons:
            reason = "" if button.isEnabled() else button.shown_reason
            text = f"{button.text()}: {reason}" if reason else button.text()
            action = menu.addAction(format_menu_entry(text, button.key))
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        for add_entries in self.menu_entry_adders:
            add_entries(menu)
        return menu

    def compute_point_below(self, button: KeyButton) -> QPoint:
        """Return the point below an added button (or below `menu_button` while this button is only in the menu), at
        which a menu or panel can open, in px of the screen."""
        shown_button = button if button.isVisible() else self.menu_button
        return shown_button.mapToGlobal(QPoint(0, shown_button.height() + 2))

    def add_widget_beside_title(self, widget: QWidget) -> None:
        """Put a widget beside the title, in the place of the sentence about the page's purpose. While the line of the
        title has no room for the widget, the widget is below the title, as wide as the header."""
        self._grid.addWidget(widget, 0, 1, Qt.AlignmentFlag.AlignVCenter)
        if widget not in self._widgets_beside_title:
            self._widgets_beside_title.append(widget)

    def _fit_widgets_beside_title(self) -> None:
        """Put each widget beside the title if it fits there on one line, otherwise below the title."""
        fixed_width = self._measure_row_width([self.title, self._right_side])
        room = self.width() - 2 * self._margin - fixed_width
        for widget in self._widgets_beside_title:
            index = self._grid.indexOf(widget)
            if index < 0:
                continue  # the page has put it elsewhere
            position = (1, 0, 1, 3) if widget.sizeHint().width() > room else (0, 1, 1, 1)
            if self._grid.getItemPosition(index) != position:
                self._grid.removeWidget(widget)
                self._grid.addWidget(widget, *position, Qt.AlignmentFlag.AlignVCenter)

    def fit_sentence(self) -> None:
        """Put the sentence about the page beside the title if it fits there, otherwise below the title."""
        measure = current_appearance().font_metrics("body").horizontalAdvance
        max_sentence_px = max(
            measure(sentence) for sentence in (self.sentence_label.plain, *self.alternative_sentences)
        )
        fixed_width = self.title.sizeHint().width() + self._right_side.sizeHint().width()
        if not self.read_time_label.isHidden():
            fixed_width += self._measure_read_time_width() - self.read_time_label.sizeHint().width()
        self._move_sentence(is_below=fixed_width + max_sentence_px + _HEADER_GAPS_WIDTH_PX > self.width())


def add_hidden_buttons_to_menu(container: QWidget, menu: QMenu) -> None:
    """Add the enabled buttons inside the widget `container` to `menu`, but only if `container` is hidden because the
    window is too small for it."""
    if container.isVisible():
        return
    for button in container.findChildren(QAbstractButton):
        if button.isEnabled() and button.text() and not button.isHidden():
            menu.addAction(format_menu_entry(button.text())).triggered.connect(button.click)


class BarContainer(QWidget):
    """A container for the notification bars of a page; it has no height while it is empty."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.gap_below_px = 8  # below the last bar
        self._scroll_bar_px = 0
        self._box = make_column(gap_px=8)
        self.setLayout(self._box)

    def add_bar(self, bar: NotificationBar) -> None:
        self._box.addWidget(bar)
        self._fit_margins()

    def leave_room_for_scroll_bar(self, scroll_bar_px: int) -> None:
        """End the bars where the contents above them end, which have a scroll bar of this width at their right side;
        0 for none."""
        self._scroll_bar_px = scroll_bar_px
        self._fit_margins()

    def remove_bar(self, bar: NotificationBar) -> None:
        """Remove and delete the bar; do nothing if it isn't in this container."""
        if bar.parentWidget() is self:
            self._box.removeWidget(bar)
            discard_widget(bar)
        self._fit_margins()

    def move_bar(self, bar: NotificationBar, target: "BarContainer") -> None:
        """Move the bar to the end of another container; do nothing if it is already there. Screen readers don't
        announce it again."""
        if bar.parentWidget() is not target:
            self._box.removeWidget(bar)
            self._fit_margins()
            target.add_bar(bar)

    def _fit_margins(self) -> None:
        margin = tokens().px("spacing", "page_margin")
        margins = (margin, 8, margin + self._scroll_bar_px, self.gap_below_px) if self._box.count() else (0, 0, 0, 0)
        self._box.setContentsMargins(*margins)


class Page(QWidget):
    """Base class of all pages. `page_name` is in the window's title, and a screen reader speaks it; for a page with a
    PageHead it is the header's title. `refresh` reads the data of a visible page immediately, and the data of a
    hidden page when the page is next shown. Its argument `reason` is a code such as "entered" or "changed".
    `sidebar_key` is the key of the page's entry in the sidebar. A subclass adds its widgets with `add_content` and
    implements `read_data`. If its route has values, such as an id, it also implements `show_route`.

    Signals:
    - page_name_changed: `page_name` has changed.
    - screen_state_changed: `get_screen_state` now returns another value.
    """

    page_name_changed = Signal()
    screen_state_changed = Signal()
    sidebar_key = ""
    help_key = "screen.help"
    key_hints: Sequence[KeyHint] = ()
    shows_read_time = True
    """True if the header shows the time at which the page's data was read."""
    gap_below_window_bar_px = 0
    """The distance in px between a bar of the window and the page below it; 0 for a page that itself begins with a
    margin.
    """
    min_full_window_height_px = 480
    """Height of the lowest window that shows every part of the page, at text size 1 (px). A lower window hides some
    of them, see `adapt_to_low_window`."""
    accessible_role = QAccessible.Role.Pane

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self.context = context
        self.page_name = self._pending_refresh_reason = ""
        self._loaded_at: datetime | None = None
        self._reading_failure: tuple[Failure, datetime] | None = None
        self.page_head: PageHead | None = None
        self._bar_by_name: dict[str, NotificationBar] = {}
        self._state_bar_names_below: set[str] = set()
        self._has_bar_container = False
        self._lower_parts: list[QWidget] = []
        self._has_key_hints = self._is_low_window = False
        self._dialog_request_number = 0
        self.focus_substitute: QWidget | None = None
        """The widget that has got the focus instead of the first of `list_focus_targets`; None if this one has got
        it, or if the rows have been shown since (`focus_list_after_read`)."""
        self._hidden_hint_keys: frozenset[str] = frozenset()
        self._buttons_of_key_hints: list[KeyButton] = []
        self._tables_of_key_hints: tuple[RecordTable, ...] = ()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._bars_above, self.bars_below = BarContainer(self), BarContainer(self)
        self.hint_bar = KeyHintPanel(
            [(keys, context.translate(wording_key)) for keys, wording_key in self.key_hints], self
        )
        for part in (self._bars_above, self.bars_below, self.hint_bar):
            part.hide()  # until the page adds it to a layout: outside one, it would cover the title
        context.records_changed.connect(self._refresh_on_changes)
        context.minute_passed.connect(self._update_data_age)
        context.services_opened.connect(self._refresh_when_services_opened)
        context.person_changed.connect(self._refresh_on_person_change)
        self._known_read_only_switches = context.connection_state.active_switches
        context.connection_state_changed.connect(self._refresh_on_read_only_change)

    # -- construction

    def add_content(self, content: QWidget | QLayout, stretch: int = 0) -> None:
        """Add a widget or layout at the bottom of the page. `stretch` is its stretch factor in the page's layout;
        0 means a fixed height."""
        if isinstance(content, QLayout):
            self._layout.addLayout(content, stretch)
        else:
            self._layout.addWidget(content, stretch)
            if isinstance(content, PageHead):
                self.page_head = content
                if self.shows_read_time:
                    content.read_time_sample = self.context.translate("screen.last_read", at=self.context.now())
                self.set_page_name(content.title.plain)
            if not stretch:
                self._lower_parts.append(content)
        if stretch:
            self._lower_parts = [self.bars_below]
            if self.bars_below.parentWidget() is self:  # the page has not put it into another layout
                self._layout.addWidget(self.bars_below)
            self.bars_below.show()

    def add_bar_container(self, layout: QBoxLayout | None = None, *, gap_below_px: int = 8) -> None:
        """Add the container of the notification bars that belong to the page's contents. The container is placed
        below everything that `layout` (by default the layout of the page) contains at the time of the call.
        `gap_below_px` is the distance in px between the last bar and the widget below it."""
        self._bars_above.gap_below_px = gap_below_px
        self._has_bar_container = True
        (self._layout if layout is None else layout).addWidget(self._bars_above)
        self._bars_above.show()

    def hide_key_hints(self, hidden_hint_keys: Collection[str]) -> None:
        """Hide the shortcuts with these wording keys in the line at the bottom, because the page doesn't offer their
        actions now. The line shows again the shortcuts that an earlier call has hidden and this call doesn't name."""
        self._hidden_hint_keys = frozenset(hidden_hint_keys)
        self._update_key_hints()

    @property
    def hinted_shortcuts(self) -> Sequence[KeyHint]:
        """The shortcuts that the line at the bottom may show; by default `key_hints`. The line itself leaves out
        those that have no effect at present."""
        return self.key_hints

    @Slot()
    def _update_key_hints(self) -> None:
        """Show the shortcuts that have an effect now: not those of actions that the page doesn't offer, whose button
        is disabled, or whose right the acting person can't use at present, and not those of an empty list."""
        context = self.context
        self.hint_bar.show_key_hints(
            [
                (keys, context.translate(wording_key))
                for keys, wording_key in self.hinted_shortcuts
                if wording_key not in self._hidden_hint_keys
                and not self._is_right_of_hint_disabled(wording_key)
                and not self._is_button_of_keys_disabled(keys)
                and not (wording_key in _LIST_KEY_HINTS and self._are_lists_empty())
            ]
        )

    def _is_right_of_hint_disabled(self, wording_key: str) -> bool:
        """Return True if the action of the hint with this wording key needs a right that the acting person can't use
        at present, or changes records although the page's data is outdated. Such a key would only show a reason."""
        right_name = _RIGHT_BY_KEY_HINT.get(wording_key)
        return right_name is not None and bool(
            self.context.find_disabled_reason(right_name)
            or (does_right_change_records(right_name) and self.find_outdated_reason())
        )

    def _is_button_of_keys_disabled(self, keys: Sequence[str]) -> bool:
        """Return True if the page has buttons with these shortcuts and all of them are disabled. Hidden buttons count
        only if no button with these shortcuts is visible: the shortcut of a button that is in a menu still acts."""
        buttons = [button for button in self._buttons_of_key_hints if button.key in keys]
        visible_buttons = [button for button in buttons if button.isVisibleTo(self)]
        return bool(buttons) and not any(button.isEnabled() for button in visible_buttons or buttons)

    def _are_lists_empty(self) -> bool:
        """Return True if the page has lists, and each of them is hidden or has no rows."""
        return bool(self._tables_of_key_hints) and not any(
            table.isVisibleTo(self) and table.rows.rowCount() for table in self._tables_of_key_hints
        )

    def add_key_hints(self, *tables: RecordTable) -> None:
        """Add the line of shortcuts at the bottom of the page. While each of `tables` is empty or hidden, the line
        doesn't name the keys that move in a list and open a row."""
        self._has_key_hints = True
        update_timer = QTimer(self, singleShot=True, interval=0)  # a new row changes many buttons
        update_timer.timeout.connect(self._update_key_hints)
        self.context.people_changed.connect(self._update_key_hints)
        self.context.person_changed.connect(self._update_key_hints)
        self.context.connection_state_changed.connect(self._update_key_hints)
        hinted_keys = {key for keys, _wording_key in self.key_hints for key in keys}
        self._buttons_of_key_hints = [button for button in self.findChildren(KeyButton) if button.key in hinted_keys]
        for button in self._buttons_of_key_hints:
            button.availability_changed.connect(update_timer.start)
        self._tables_of_key_hints = tables
        for table in tables:
            table.rows.changed.connect(update_timer.start)
            table.rows.modelReset.connect(update_timer.start)
        self._update_key_hints()
        self.add_content(self.hint_bar)
        self.hint_bar.setVisible(not self._is_low_window)

    def adapt_to_low_window(self, *, is_low_window: bool) -> None:
        """If the window is low for the text size (`is_low_window`), hide the header's sentence and the line of
        shortcuts (which Ctrl+/ lists), so that the contents have more room. Otherwise show them again."""
        self.hint_bar.setVisible(self._has_key_hints and not is_low_window)
        if self.page_head is not None:
            self.page_head.adapt_to_low_window(is_low_window=is_low_window)

    @property
    def is_low_window(self) -> bool:
        """True if the window is low for the text size, so that `adapt_to_low_window` has hidden some texts."""
        return self._is_low_window

    def _adapt_to_window_height(self) -> None:
        is_low_window = self.window().height() < self.min_full_window_height_px * current_appearance().scale
        if is_low_window != self._is_low_window:
            self._is_low_window = is_low_window
            self.adapt_to_low_window(is_low_window=is_low_window)
            self._place_state_bars()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._adapt_to_window_height()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._adapt_to_window_height()

    def go_to_record(self, ref: RecordRef) -> None:
        """Make the row of this record the current row. Called when the person returns from the page of a record that
        was opened from this page. Implemented by the pages whose lists are the trail of a record's route (the records
        that its page can step through).
        """

    @property
    def lower_bars(self) -> list[QWidget]:
        """The widgets below the contents that a toast must not cover. By default these are the widgets below the
        widget that takes the free height of the page."""
        return self._lower_parts

    def make_page_head(self, title: str, sentence: str = "") -> PageHead:
        """Return a header for this page, with a button that reads the data again (F5 key)."""
        button = KeyButton(self.context.translate("action.reread"), "F5", icon="reload", binds_key=False)
        button.clicked.connect(self.read_data_again)
        return PageHead(title, sentence, button, menu_text=self.context.translate("action.more"))

    def bind_shortcut(self, keys: str, on_press: Callable[[], object]) -> None:
        """Call `on_press` when the person presses this shortcut while a widget of the page has the focus. A single
        letter doesn't call `on_press` while a text field has the focus, because the field receives typed letters."""
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(on_press)

    def add_button_shortcut(self, button: KeyButton) -> None:
        """Let the shortcut of `button` work on the whole page. A button made with `binds_key=False` needs this,
        because it doesn't handle its key."""
        self.bind_shortcut(button.key, partial(self.press_button, button))

    def press_button(self, button: KeyButton, reason: str = "") -> None:
        """Press a button because its shortcut was pressed. If the button is disabled, show its own reason, or
        `reason` if it has none. If it is hidden, show `reason`, or its own reason if `reason` is "". If neither
        reason exists, show a sentence which says that the action doesn't fit the selected row. Do nothing for a busy
        button, because the window has already shown that its call is running. If the button can be pressed,
        also remove the bar about an earlier action, such as a refusal whose reason no longer holds."""
        if button.isEnabled() and button.isVisibleTo(self):
            self.hide_ended_action_bar()
            button.click()
        elif not button.is_busy:
            reasons = (button.shown_reason, reason) if button.isVisibleTo(self) else (reason, button.shown_reason)
            self.show_key_refusal(next(filter(None, reasons), self.context.translate("act.not_for_selected")))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """If the person presses the shortcut for printing or exporting on a page without this shortcut, show the
        reason why the page prints or exports nothing. Qt calls this method only for a key that no shortcut and no
        widget of the page has used."""
        reason_key = _REASON_BY_KEY_OF_OTHER_PAGES.get(QKeySequence(event.keyCombination()).toString())
        if reason_key is None:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self.show_key_refusal(self.context.translate(reason_key))

    def show_key_refusal(self, reason: str) -> None:
        """Show in a bar the reason why a pressed shortcut has no effect. A screen reader speaks the bar, so that a
        person who can't see the disabled button also learns the reason. While the bar says that an action is still
        being executed, show the reason in a toast instead."""
        lead = self.context.translate("act.refused")
        if self.is_action_bar_busy:
            self.context.show_toast(lead, reason, "square_bang", "care", subject_title="")
            return
        close_button = KeyButton(self.context.translate("action.close"), kind="inline")
        close_button.clicked.connect(partial(self.hide_bar, "act"))
        self.show_bar("act", NotificationBar(lead, reason, tone="care", icon_name="square_bang", button=close_button))

    # -- display

    def set_page_name(self, *name_parts: str) -> None:
        """Set `page_name` to these parts, such as the number of a record and its state, and emit `page_name_changed`
        if it has changed."""
        name = join_facts(name_parts, self.context.translate)
        if name != self.page_name:
            self.page_name = name
            self.setAccessibleName(name)
            self.page_name_changed.emit()

    def show_route(self, route: Route) -> None:
        """Show the contents for `route`. The window keeps a page that the person leaves, so a later route may have
        other values, such as the id of another record. The default does nothing."""

    def clean_up_after_visit(self) -> None:
        """Release the resources that the page needs only while it is open, such as a child process. The window calls
        this when it opens another page, builds its pages again or closes. It doesn't call this when the lock hides
        the page or when the window is minimized, because it then shows the page again without a call of `show_route`.
        The default does nothing.
        """

    def get_own_scroll_area(self) -> QScrollArea | None:
        """Return the area of this page in which its contents scroll; None if the whole page scrolls in the area of
        the window."""
        return None

    def get_screen_state(self) -> Mapping[str, Any]:
        """Return the page's state that isn't in its route, such as filter, tab and selected row, as JSON values. A
        page with such a state emits `screen_state_changed` after each change."""
        return {}

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `get_screen_state` has returned earlier, for example the selected tab. A value that
        the page can't apply, because it is missing or has another type, is ignored. The window calls this after
        `show_route`. The default does nothing; a page with a state overrides this method.
        """

    def find_route_to_shown_contents(self, route: Route) -> Route:
        """Return the route to the contents that the page shows at present; a link to the page names these contents.
        `route` is the route with which the window opened the page; the default returns it. A page on which the person
        can select other contents overrides this method."""
        return route

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        """Return the widgets that may get the focus when the person opens the page, the best one first; None for
        a widget that can't get it now. The subclass implements the method."""
        return ()

    def take_focus(self) -> None:
        """Give the keyboard focus to the first widget of `list_focus_targets` that is visible and enabled. If there
        is none, give it to the title of the page, so that the focus is always visible."""
        if not self.isVisible():
            return  # a hidden page must not take the focus from the visible one
        targets = (*self.list_focus_targets(), *self.findChildren(TitleLabel))
        target = next((target for target in targets if target is not None and self.can_focus(target)), None)
        self.focus_substitute = None if target is targets[0] else target
        if target is not None:
            target.setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_list_after_read(self) -> None:
        """Call `take_focus` again if `focus_substitute` still has the focus. A page whose list may be empty at first
        calls this after it has shown rows: Enter must then open a row, and not press a button."""
        if self.focus_substitute is not None and find_focused_widget(self.window()) is self.focus_substitute:
            self.take_focus()
        self.focus_substitute = None

    def restore_focus(self) -> None:
        """Call `take_focus` if no widget of the window has the focus, or if the focused widget of this page accepts
        no input: a hidden widget, the title, or the EmptyState that has replaced a list. A page calls this after it
        has shown its data.
        """
        focus = find_focused_widget(self.window())
        is_own = focus is not None and self.is_part(focus)
        if focus is None or (is_own and (isinstance(focus, TitleLabel | EmptyState) or not focus.isVisible())):
            self.take_focus()

    def is_part(self, widget: QWidget) -> bool:
        """Return True if `widget` is inside the page or in one of its bars, which the window can place below it."""
        return self.isAncestorOf(widget) or self.bars_below.isAncestorOf(widget)

    def can_focus(self, target: QWidget) -> bool:
        """Return True if `target` is part of the page, visible and enabled, so that it can have the focus."""
        return self.is_part(target) and target.isVisibleTo(self) and target.isEnabled()

    def open_acting_dialog(self, dialog: QDialog) -> None:
        """Open a dialog whose action changes the data of this page. Read the data again after the action."""
        dialog.accepted.connect(self._refresh_after_action)  # a slot: a dialog can outlive the page
        dialog.open()

    @Slot()
    def _refresh_after_action(self) -> None:
        self.refresh("acted")

    @property
    def may_open_requested_dialog(self) -> bool:
        """True if the person still sees this page and no dialog: a dialog that the person has requested here may
        open. False in a locked window, which hides its pages."""
        return self.isVisible() and QApplication.activeModalWidget() is None

    def read_for_dialog(
        self,
        call: ServiceCall[T],
        open_dialog: Callable[[T], object],
        on_failed: Callable[[Failure], None],
    ) -> None:
        """Read the data for a dialog that the person has requested on this page, then call `open_dialog` with it;
        after a failed read, call `on_failed`. Don't open the dialog if the person has meanwhile left the page, opened
        another dialog or requested a newer one, if the page shows another record, or if the window is locked: the
        person would type into a dialog that they don't expect.
        """
        self._dialog_request_number += 1
        number = self._dialog_request_number

        def open_dialog_if_expected(value: T) -> None:
            is_newest = number == self._dialog_request_number
            if is_newest and self.may_open_requested_dialog:
                open_dialog(value)

        def tell_failure_if_expected(failure: Failure) -> None:
            if number == self._dialog_request_number:
                on_failed(failure)

        self.context.run_read(call, open_dialog_if_expected, tell_failure_if_expected, caller=self)

    def cancel_requested_dialog(self) -> None:
        """Cancel the requested dialog, whose data is still being read, because the page shows another record from now
        on: don't open the dialog, and don't show a failure of the read.
        """
        self._dialog_request_number += 1

    def refresh(self, reason: str) -> None:
        """Read the data of the page: now if the page is visible, otherwise when it is next shown. Do nothing
        before the services are open. `reason` is a code such as "changed", for the log and for `read_data`."""
        if not self.context.is_ready:
            return
        if self.isVisible():
            _log.debug("%s reads anew: %s", type(self).__name__, reason)
            self._pending_refresh_reason = ""
            self.read_data(reason)
        elif reason != "changed" or not self._pending_refresh_reason:  # "changed" asks for the least of all reasons
            self._pending_refresh_reason = reason

    def read_data(self, reason: str) -> None:
        """Read the page's data from the services and show it. `reason` is the code that the caller has given to
        `refresh`. The subclass implements it."""

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        """Return True if the page must read its data again because these records, given as (kind, id), have
        changed. By default, every change affects the page."""
        return bool(changes)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._pending_refresh_reason:
            self.refresh(self._pending_refresh_reason)

    def hideEvent(self, event: QHideEvent) -> None:
        """Remove the bar about an action when the person leaves the page. The bar describes the state at the time of
        the action, which may have changed when the person returns. A bar that appears while the page is hidden stays.
        """
        super().hideEvent(event)
        if not event.spontaneous():  # a minimized window is not left
            self.hide_bar("act")

    @Slot(object)
    def _refresh_on_changes(self, changes: frozenset[tuple[str, int]]) -> None:
        """Read the page's data again if these changed records affect it."""
        if self.is_affected_by(changes):
            self.refresh("changed")

    @Slot()
    def _refresh_on_read_only_change(self) -> None:
        """Read the data again after a read-only switch has changed, because the next steps of records depend on
        the switches."""
        switches = self.context.connection_state.active_switches
        if switches != self._known_read_only_switches:
            self._known_read_only_switches = switches
            self.refresh("changed")

    @Slot()
    def _refresh_when_services_opened(self) -> None:
        self.refresh("arrived")

    @Slot()
    def _refresh_on_person_change(self) -> None:
        self.refresh("person")

    # -- bars

    def show_bar(self, bar_name: str, bar: NotificationBar, *, is_above_contents: bool = False) -> None:
        """Show a notification bar on the page; a screen reader speaks it. The bar replaces the bar with the same
        name. It is below the contents, so that no row or button moves under the mouse pointer; only the height of the
        contents becomes smaller. With `is_above_contents`, the bar is above the contents. Use this only for a bar
        that appears together with the contents.
        """
        self.hide_bar(bar_name)
        self._bar_by_name[bar_name] = bar
        (self._bars_above if is_above_contents else self.bars_below).add_bar(bar)

    def show_state_bar(self, bar_name: str, bar: NotificationBar | None, *, is_above_contents: bool = False) -> None:
        """Show a notification bar about the state of the contents; None removes the bar. If the shown bar of this
        name has the same sentence, leave it in place, so that a screen reader doesn't speak it again each time the
        contents are read. `is_above_contents` is True if the bar is placed above the contents, not below them. In a
        low window, a bar that would be below the contents scrolls with them."""
        shown_bar = self._bar_by_name.get(bar_name)
        if bar is None:
            self.hide_bar(bar_name)
        elif shown_bar is None or shown_bar.sentence != bar.sentence:
            is_in_contents = not is_above_contents and self._has_state_bars_in_contents
            self.show_bar(bar_name, bar, is_above_contents=is_above_contents or is_in_contents)
            if not is_above_contents:
                self._state_bar_names_below.add(bar_name)

    @property
    def _has_state_bars_in_contents(self) -> bool:
        """True if the bars about the state of the contents scroll with these: in a low window, fixed bars would leave
        no room for the contents."""
        return self._is_low_window and self._has_bar_container

    def _place_state_bars(self) -> None:
        """Place the bars about the state of the contents at the present height of the window."""
        containers = (self._bars_above, self.bars_below)
        source, target = reversed(containers) if self._has_state_bars_in_contents else containers
        for bar_name in self._state_bar_names_below & self._bar_by_name.keys():
            source.move_bar(self._bar_by_name[bar_name], target)

    def hide_bar(self, bar_name: str, only: NotificationBar | None = None) -> None:
        """Remove the notification bar with this name; do nothing if the page shows no such bar. If `only` is given,
        remove the bar only if it is this bar, and not a later bar of the same name."""
        if only is not None and self._bar_by_name.get(bar_name) is not only:
            return
        bar = self._bar_by_name.pop(bar_name, None)
        self._state_bar_names_below.discard(bar_name)
        if bar is not None:
            for bar_container in (self._bars_above, self.bars_below):
                bar_container.remove_bar(bar)

    def hide_refusal_bar(self) -> None:
        """Remove the bar about a refused action. A bar about an action that is being executed, or whose outcome is
        unknown, stays."""
        bar = self._bar_by_name.get("act")
        if bar is not None and bar.tone in _REFUSAL_TONES:
            self.hide_bar("act")

    def hide_ended_action_bar(self) -> None:
        """Remove the bar about an action, because the page shows another record or the person begins another action.
        The bar about an action that is still being executed stays, with the button that withdraws it."""
        if not self.is_action_bar_busy:
            self.hide_bar("act")

    def hide_bars_of_contents(self) -> None:
        """Remove all bars, because the page shows another record. The bar about an action that is still being
        executed stays."""
        for name in set(self.list_bar_names()) - {"act"}:
            self.hide_bar(name)
        self.hide_ended_action_bar()

    @property
    def is_action_bar_busy(self) -> bool:
        """True if the bar about an action says that the action is still being executed."""
        bar = self._bar_by_name.get("act")
        return bar is not None and bar.tone == "progress"

    def list_bar_names(self) -> tuple[str, ...]:
        """Return the names of the bars that the page shows now."""
        return tuple(self._bar_by_name)

    @Slot(object)
    def show_reading_failure(self, failure: Failure) -> None:
        """Show a bar about a failed read of the page's data. The bar has the reason, the time, a support code, and a
        button that reads the data again. The data read earlier stays on the page, and the bar says when it was read.
        Until the data is read again, the actions that change something are disabled (`find_outdated_reason`). If the
        service refused the read for lack of a right, also request that the window reads the people again: an
        administrator may have disabled the person, and the window then says so instead of showing an empty page."""
        self._reading_failure = failure, self.context.now()
        if failure.code == ErrorCode.NOT_ALLOWED:
            self.context.people_outdated.emit()
        self._update_key_hints()
        self.update_outdated_actions()
        was_cancelled = failure.code == "cancelled"
        retry_button = KeyButton(self.context.translate("action.try_again"), kind="inline")
        retry_button.clicked.connect(self.read_data_again)
        self.show_bar(
            "failed",
            NotificationBar(
                *self._format_reading_failure(),
                tone="care" if was_cancelled else "bad",
                icon_name="square_bang" if was_cancelled else "cross",
                button=retry_button,
            ),
        )

    def _format_reading_failure(self) -> tuple[str, str]:
        """Return the bold text and the text of the bar which says that the data could not be read. If the data could
        be read, return two empty texts."""
        if self._reading_failure is None:
            return "", ""
        (failure, failed_at), translate = self._reading_failure, self.context.translate
        was_cancelled = failure.code == "cancelled"
        text = self.context.format_failure(replace(failure, detail={"about": "reading", **failure.detail}))
        if not was_cancelled:
            # the message of an error in the program contains its support code
            code = {} if failure.support_code else {"support_code": failure.code}
            text = translate("screen.state.failed", message=text, at=failed_at, **code)
        lead_key = "screen.not_read"
        if self._loaded_at is not None:
            lead_key = "screen.not_read_again"
            age = self.context.format_age_beside_time(self._loaded_at)
            key = "screen.state.outdated" if self._has_outdated_action() else "screen.state.old"
            text = translate(key, message=text, at=self._loaded_at, age=age)
        return translate("screen.reading_cancelled" if was_cancelled else lead_key), text

    @Slot()
    def _update_data_age(self) -> None:
        """Update the age of the data in the bar which says that the data could not be read again. A screen reader
        doesn't announce the bar again."""
        bar = self._bar_by_name.get("failed")
        if bar is not None:
            bar.show_text(*self._format_reading_failure(), is_announced=False)

    def find_outdated_reason(self) -> str:
        """Return the reason why actions that change something are disabled: the data on the page was read earlier,
        and could not be read again. Return "" if the last read succeeded, or if no data was read yet."""
        if self._reading_failure is None or self._loaded_at is None:
            return ""
        return self.context.translate("reason.outdated", at=self._loaded_at)

    def _has_outdated_action(self) -> bool:
        """True if the page has a button that is disabled because the data could not be read again."""
        reason = self.find_outdated_reason()
        return any(button.shown_reason == reason for button in self.findChildren(KeyButton))

    def update_outdated_actions(self) -> None:
        """Disable or enable the buttons of the page after `find_outdated_reason` has changed. The subclass implements
        it if it has buttons that change something; the default does nothing."""

    @Slot()
    def read_data_again(self) -> None:
        """Read the data of the page, because the person has pressed F5 or a button for it."""
        self.refresh("asked")

    def mark_data_read(self, read_at: datetime | None = None) -> None:
        """Store and show the time `read_at` (None for the present time) at which the page's data was read, and remove
        the bar that `show_reading_failure` has shown."""
        self._store_read_time(read_at or self.context.now())

    def reset_read_state(self) -> None:
        """Store that the page has read no data yet, and remove the bar about a failed read, because the page is going
        to show another record or list."""
        self._store_read_time(None)

    def _store_read_time(self, read_at: datetime | None) -> None:
        """Store and show the time `read_at` at which the page's data was read; None if none was read yet. Remove the
        bar about a failed read."""
        had_failed = self._reading_failure is not None
        self._loaded_at, self._reading_failure = read_at, None
        self.hide_bar("failed")
        if self.page_head is not None and self.shows_read_time:
            self.page_head.read_time_label.show_text(
                "" if read_at is None else self.context.translate("screen.last_read", at=read_at)
            )
        if had_failed:
            self._update_key_hints()
            self.update_outdated_actions()
