"""The base class of all pages: header, bars, content, line of shortcuts, and the rules by which a page reads its
data.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QBoxLayout, QGridLayout, QLayout, QMenu, QVBoxLayout, QWidget

from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Route
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.badge import KeyCap
from console.views.widgets.base import Surface, TextLabel, TitleLabel, make_column, make_row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.notification_bars import NotificationBar
from console.views.widgets.placeholders import EmptyState

log = logging.getLogger("console.views")
_HEAD_GAPS_PX = 88  # margins and spaces between the parts of a head, in px
KeyHint = tuple[Sequence[str], str]
"""One entry of the line of shortcuts: the names of one or more keys, and the wording key of the action that they run.
"""


_HINT_GAP_PX = 16
_FULL_WINDOW_PX = 480  # height of the lowest window that shows every part of a page, at text size 1


def set_tab_order(*stops: QWidget) -> None:
    """Make the Tab key visit these widgets in this order."""
    for before, after in pairwise(stops):
        QWidget.setTabOrder(before, after)


def find_focus(window: QWidget) -> QWidget | None:
    """Return the widget of a window that has the focus; None if none has it. (Qt's stubs leave the None out.)"""
    return window.focusWidget()


class HintsPanel(Surface):
    """The line at the bottom of a page: each shortcut with the name of its action, and a count at the right."""

    def __init__(self, hints: Sequence[tuple[Sequence[str], str]]) -> None:
        super().__init__(edge="top")
        self.count = TextLabel("", "small", "muted")
        self.hints: Sequence[tuple[Sequence[str], str]] = ()
        self._hints: list[QWidget] = []
        margin = tokens().px("spacing", "page_margin")
        self._box = make_row(None, self.count, gap=_HINT_GAP_PX, margins=(margin, 6, margin, 4))
        self._box.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # hints that don't fit are hidden
        self.setLayout(self._box)
        self.show_hints(hints)
        self.setFixedHeight(current_appearance().frame_height("hint_bar"))

    def show_hints(self, hints: Sequence[tuple[Sequence[str], str]]) -> None:
        """Show these shortcuts instead of the previous ones. Each is (keys, name of the action)."""
        if hints == self.hints:
            return
        self.hints = hints
        for hint in self._hints:
            hint.hide()
            hint.deleteLater()
        self._hints = [_make_hint(keys, words) for keys, words in hints]
        for place, hint in enumerate(self._hints):
            self._box.insertWidget(place, hint)
        self._fit_hints()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.height())

    def _fit_hints(self) -> None:
        """Show as many hints as have room beside the count, and hide the others. F1 lists all of them."""
        room = self.width() - 2 * tokens().px("spacing", "page_margin") - self.count.sizeHint().width()
        for hint in self._hints:
            room -= hint.sizeHint().width() + _HINT_GAP_PX
            hint.setVisible(room >= 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_hints()

    def event(self, event: QEvent) -> bool:
        """Fit the hints again when the text of the count or the text size has changed."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit_hints()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.setFixedHeight(current_appearance().frame_height("hint_bar"))


def _make_hint(keys: Sequence[str], words: str) -> QWidget:
    hint = QWidget()
    hint.setLayout(make_row(*(KeyCap(key) for key in keys), TextLabel(words, "small", "muted"), gap=6))
    return hint


class PageHead(Surface):
    """The header of a page: the title, a sentence about the purpose of the page, the time of the last reading of its
    data, and an optional button. In a low window the further buttons are in the menu of the button `more`, with the
    entries that `menu_parts` add.
    """

    def __init__(self, title: str, sentence: str = "", button: KeyButton | None = None, *, more: str = "") -> None:
        """`more` is the text of the button with the menu; a header without further buttons needs none."""
        super().__init__()
        self.title = TitleLabel(title)
        self.sentence = TextLabel(sentence, "body", "muted", wrap=True)
        self.read_at = TextLabel("", "small", "muted")
        margin = self._margin = tokens().px("spacing", "page_margin")
        self._further_buttons: list[KeyButton] = []
        self.menu_parts: list[Callable[[QMenu], object]] = []
        self.more = KeyButton(more)
        self.more.mark_as_menu()
        self.more.clicked.connect(self._open_menu)
        self.more.hide()
        self.stops: tuple[QWidget, ...] = (*((button,) if button else ()), self.more)
        stops = self.stops
        self._right_side = QWidget()
        self._right_side.setLayout(make_row(self.read_at, *stops, gap=8))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(margin, 12, margin, 12)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.title, 0, 0)
        self._grid.addWidget(self._right_side, 0, 2)
        self._is_button_below: bool | None = None
        self._place_button(below=False)

    def _place_button(self, *, below: bool) -> None:
        """Put the sentence about the page beside the title, or below the title (`below`)."""
        if below != self._is_button_below:
            self._is_button_below = below
            self._grid.removeWidget(self.sentence)
            if below:
                self._grid.addWidget(self.sentence, 1, 0, 1, 3)
            else:
                self._grid.addWidget(self.sentence, 0, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_sentence()

    def set_short(self, *, is_short: bool) -> None:
        """Leave out the sentence and the time of the last reading, and move the further buttons into the menu, in a
        window that has no room for them.
        """
        for button in self._further_buttons:
            button.setVisible(not is_short)
        self.more.setVisible(is_short and bool(self._further_buttons or self.menu_parts))
        self.sentence.setVisible(not is_short)
        self.read_at.setVisible(not is_short)
        self._grid.setContentsMargins(self._margin, 4 if is_short else 12, self._margin, 4 if is_short else 12)

    def add_button(self, button: KeyButton) -> None:
        """Put a further button at the right, before the others. A low window has it in the menu, so its page must
        bind its key.
        """
        row = self._right_side.layout()
        assert isinstance(row, QBoxLayout)  # noqa: S101  # made by make_row
        row.insertWidget(1, button)
        self._further_buttons.append(button)
        self.stops = (button, *self.stops)

    @Slot()
    def _open_menu(self) -> None:
        menu = self.build_menu()
        menu.popup(self.more.mapToGlobal(QPoint(self.more.width() - menu.sizeHint().width(), self.more.height() + 2)))

    def build_menu(self) -> QMenu:
        """Build and return the menu with the buttons and parts that a low window doesn't show."""
        menu = QMenu(self)
        menu.setAccessibleName(self.more.text())
        menu.aboutToHide.connect(menu.deleteLater)
        for button in self._further_buttons:
            action = menu.addAction(f"{button.text()}\t{button.key}" if button.key else button.text())
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        for add_entries in self.menu_parts:
            add_entries(menu)
        return menu

    def place_below(self, button: KeyButton) -> QPoint:
        """Return the place below a further button, or below `more` while the button is in its menu; in px of the
        screen.
        """
        shown = button if button.isVisible() else self.more
        return shown.mapToGlobal(QPoint(0, shown.height() + 2))

    def put_beside_title(self, widget: QWidget) -> None:
        """Put a widget of the page beside the title, in place of the sentence."""
        self._grid.addWidget(widget, 0, 1)

    def fit_sentence(self) -> None:
        """Check whether the sentence about the page fits beside the title, and put it there or below the title."""
        words = current_appearance().font_metrics("body").horizontalAdvance(self.sentence.plain)
        fixed_width = self.title.sizeHint().width() + self._right_side.sizeHint().width()
        self._place_button(below=fixed_width + words + _HEAD_GAPS_PX > self.width())


def add_hidden_buttons(part: QWidget, menu: QMenu) -> None:
    """Add to a menu the enabled buttons of a part of the page that is hidden because it has no room."""
    if part.isVisible():
        return
    for button in part.findChildren(QAbstractButton):
        if button.isEnabled() and button.text() and not button.isHidden():
            menu.addAction(button.text()).triggered.connect(button.click)


class BarPlace(QWidget):
    """The place of the bars of a page; it has no height while it is empty."""

    def __init__(self) -> None:
        super().__init__()
        self._box = make_column(gap=8)
        self.setLayout(self._box)

    def add_bar(self, bar: NotificationBar) -> None:
        margin = tokens().px("spacing", "page_margin")
        self._box.setContentsMargins(margin, 8, margin, 8)
        self._box.addWidget(bar)

    def remove_bar(self, bar: NotificationBar) -> None:
        """Remove and delete the bar; do nothing if it stands elsewhere."""
        if bar.parentWidget() is self:
            self._box.removeWidget(bar)
            bar.hide()
            bar.deleteLater()
        if not self._box.count():
            self._box.setContentsMargins(0, 0, 0, 0)


class Page(QWidget):
    """Base class of the pages of the window. Its name is in the title of the window and is read by screen readers;
    a page with a PageHead is named by its title.

    `refresh` reads the data of a visible page at once, and of a hidden page when it is next shown. It gets a reason,
    a code such as "entered" or "changed". `sidebar_key` is the key of the sidebar entry to which the page belongs. A
    subclass adds its widgets with `add_part` and implements `read_data`; if its route has values, such as an id, it
    also implements `show_route`.

    Signals:
    - renamed: `page_name` is new.
    - screen_state_changed: `screen_state` returns another value.
    """

    renamed = Signal()
    screen_state_changed = Signal()
    sidebar_key = ""
    help_key = "screen.help"
    hints: Sequence[KeyHint] = ()
    accessible_role = QAccessible.Role.Pane

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self.context = context
        self.page_name = self._pending_refresh_reason = ""
        self.page_head: PageHead | None = None
        self._named_bars: dict[str, NotificationBar] = {}
        self._lower_parts: list[QWidget] = []
        self._has_hints = self._is_short = False
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._bars_above, self.bars_below = BarPlace(), BarPlace()
        self.hint_bar = HintsPanel([(keys, context.translate(words)) for keys, words in self.hints])
        context.changed.connect(self._refresh_on_changes)
        context.services_opened.connect(self._refresh_on_arrival)
        context.person_changed.connect(self._refresh_for_person)
        self._seen_switches = context.connection_state.switches_on
        context.connection_state_changed.connect(self._refresh_on_switches)

    # -- construction

    def add_part(self, part: QWidget | QLayout, stretch: int = 0) -> None:
        """Add a widget or layout at the bottom of the page, below the parts that were added before. `stretch` is the
        layout's stretch factor.
        """
        if isinstance(part, QLayout):
            self._layout.addLayout(part, stretch)
        else:
            self._layout.addWidget(part, stretch)
            if isinstance(part, PageHead):
                self.page_head = part
                self.rename(part.title.plain)
            if not stretch:
                self._lower_parts.append(part)
        if stretch:
            self._lower_parts = [self.bars_below]
            if self.bars_below.parentWidget() is None:
                self._layout.addWidget(self.bars_below)

    def add_bars_above(self) -> None:
        """Add, at the bottom of the parts so far, the place of the bars that belong to the contents of the page."""
        self._layout.addWidget(self._bars_above)

    def add_hints(self) -> None:
        self._has_hints = True
        self.add_part(self.hint_bar)

    def show_short(self, *, is_short: bool) -> None:
        """Hide the helping texts (the sentence of the header, and the line of shortcuts, which Ctrl+/ lists), so that
        the contents have enough room in a window that is low for the text size.
        """
        self.hint_bar.setVisible(self._has_hints and not is_short)
        if self.page_head is not None:
            self.page_head.set_short(is_short=is_short)

    @property
    def is_short(self) -> bool:
        """True if the window is low for the text size; see show_short."""
        return self._is_short

    def _fit_height(self) -> None:
        is_short = self.window().height() < _FULL_WINDOW_PX * current_appearance().scale
        if is_short != self._is_short:
            self._is_short = is_short
            self.show_short(is_short=is_short)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit_height()

    @property
    def lower_bars(self) -> list[QWidget]:
        """The bars with actions or shortcuts below the content; toasts are shown above them. By default, the parts
        below the part that takes the free height.
        """
        return self._lower_parts

    def make_head(self, title: str, sentence: str = "") -> PageHead:
        """Return the header of this page with the button that reads the page again (F5)."""
        button = KeyButton(self.context.translate("action.reread"), "F5", icon="reload", binds=False)
        button.clicked.connect(self.read_again)
        return PageHead(title, sentence, button, more=self.context.translate("action.more"))

    def bind_key(self, keys: str, act: Callable[[], object]) -> None:
        """Run `act` when this shortcut is pressed while a widget of the page has the focus. A focused text field
        receives typed letters itself, so a single letter doesn't run `act` there.
        """
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(act)

    def add_button_shortcut(self, button: KeyButton) -> None:
        """Let the button's shortcut work on the whole page. Needed for a button that was made with `binds=False`,
        because such a button doesn't handle its key itself.
        """
        self.bind_key(button.key, partial(self.press_button, button))

    def press_button(self, button: KeyButton, reason: str = "") -> None:
        """Press a button by its shortcut. If the button is disabled or hidden, show the reason: its own reason,
        `reason`, or a sentence that the action doesn't fit the selection. A busy button shows nothing, because it has
        announced its call.
        """
        if button.isEnabled() and button.isVisibleTo(self):
            button.click()
        elif not button.is_busy:
            reasons = (button.shown_reason, reason) if button.isVisibleTo(self) else (reason, button.shown_reason)
            self.refuse_key(next(filter(None, reasons), self.context.translate("act.not_for_selected")))

    def refuse_key(self, reason: str) -> None:
        """Show the reason why a typed shortcut has no effect, in a bar, which is announced. A person who doesn't see
        the disabled button learns the reason from this bar.
        """
        close = KeyButton(self.context.translate("action.close"), kind="inline")
        close.clicked.connect(partial(self.hide_bar, "act"))
        lead = self.context.translate("act.refused")
        self.show_bar("act", NotificationBar(lead, reason, tone="care", shape="square_bang", button=close))

    # -- display

    def rename(self, *parts: str) -> None:
        """Set the page's name from its present content, such as a record and its state, and emit `renamed`."""
        name = " · ".join(part for part in parts if part)
        if name != self.page_name:
            self.page_name = name
            self.setAccessibleName(name)
            self.renamed.emit()

    def show_route(self, route: Route) -> None:
        """Show the content for a route of this page. The page is kept when the person leaves it, so its route may now
        have other values, such as another record's id.
        """

    def screen_state(self) -> Mapping[str, Any]:
        """Return the state of this page beyond the route, such as filter, tab and current row, as values that JSON
        can represent. A page that has such a state emits `screen_state_changed` when it changes.
        """
        return {}

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        """Restore the state of the page that `screen_state` has returned earlier. Called after `show_route`.
        Values that don't fit are ignored.
        """

    def focus_targets(self) -> Sequence[QWidget | None]:
        """Return the widgets that may get the focus when the page is opened, the best one first. Implemented by the
        subclass.
        """
        return ()

    def take_focus(self) -> None:
        """Give the keyboard focus to the first of `focus_targets` that is visible and enabled; if there is none, to
        the title of the page. Then the focus is always visible.
        """
        if not self.isVisible():
            return  # a hidden page must not take the focus from the visible one
        targets = (*self.focus_targets(), *self.findChildren(TitleLabel))
        target = next((target for target in targets if target is not None and self.can_focus(target)), None)
        if target is not None:
            target.setFocus(Qt.FocusReason.OtherFocusReason)

    def improve_focus(self) -> None:
        """Move the focus from the title of the page, from a widget that was replaced, or from the EmptyState to which
        Qt moved it from a list, to the best target. Called after the contents of the page have arrived.
        """
        focus = find_focus(self.window())
        is_own = focus is not None and self.isAncestorOf(focus)
        if focus is None or (is_own and (isinstance(focus, TitleLabel | EmptyState) or not focus.isVisible())):
            self.take_focus()

    def can_focus(self, target: QWidget) -> bool:
        """Return True if the target is a part of the page that can have the focus now: visible and enabled."""
        return self.isAncestorOf(target) and target.isVisibleTo(self) and target.isEnabled()

    def refresh(self, reason: str) -> None:
        """Read the data of the page: now if the page is visible, otherwise when it is next shown. Do nothing before
        the services are open. `reason` is a code such as "changed", for the log and for `read_data`.
        """
        if not self.context.is_ready:
            return
        if self.isVisible():
            log.debug("%s reads anew: %s", type(self).__name__, reason)
            self._pending_refresh_reason = ""
            self.read_data(reason)
        elif reason != "changed" or not self._pending_refresh_reason:  # "changed" asks for the least of all reasons
            self._pending_refresh_reason = reason

    def read_data(self, reason: str) -> None:
        """Read the page's data from the services and show it. `reason` is the code that `refresh` got. Implemented by
        the subclass.
        """

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        """Return True if the page must be read again because these records, given as (kind, id), have changed. By
        default, any changed record affects the page.
        """
        return bool(changes)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._pending_refresh_reason:
            self.refresh(self._pending_refresh_reason)

    @Slot(object)
    def _refresh_on_changes(self, changes: frozenset[tuple[str, int]]) -> None:
        if self.is_affected_by(changes):
            self.refresh("changed")

    @Slot()
    def _refresh_on_switches(self) -> None:
        """Read the page again after a read-only switch was set: the next steps of records depend on it."""
        switches = self.context.connection_state.switches_on
        if switches != self._seen_switches:
            self._seen_switches = switches
            self.refresh("changed")

    @Slot()
    def _refresh_on_arrival(self) -> None:
        self.refresh("arrived")

    @Slot()
    def _refresh_for_person(self) -> None:
        self.refresh("person")

    # -- bars

    def show_bar(self, name: str, bar: NotificationBar, *, above: bool = False) -> None:
        """Show a bar with a message on the page, and announce it. It replaces the bar that was shown with the same
        name. The bar stands below the content, which gets lower: no row or button of the content moves under the
        pointer. A bar that arrives together with the contents stands `above` them.
        """
        self.hide_bar(name)
        self._named_bars[name] = bar
        (self._bars_above if above else self.bars_below).add_bar(bar)

    def show_state_bar(self, name: str, bar: NotificationBar | None, *, above: bool = False) -> None:
        """Show a bar about the state of the page's content; None removes it. If the bar of this name has the same
        sentence already, leave that one, so that reading the page again doesn't announce it again.
        """
        shown = self._named_bars.get(name)
        if bar is None:
            self.hide_bar(name)
        elif shown is None or shown.sentence != bar.sentence:
            self.show_bar(name, bar, above=above)

    def hide_bar(self, name: str) -> None:
        """Remove the bar of this name; do nothing if there is none."""
        bar = self._named_bars.pop(name, None)
        if bar is not None:
            for place in (self._bars_above, self.bars_below):
                place.remove_bar(bar)

    def bar_names(self) -> tuple[str, ...]:
        return tuple(self._named_bars)

    @Slot(object)
    def show_reading_failure(self, failure: Failure) -> None:
        """Show a bar with the reason why the data could not be read, and a button that reads the data again. The data
        that was read before stays on the page.
        """
        retry_button = KeyButton(self.context.translate("action.try_again"), kind="inline")
        retry_button.clicked.connect(self.read_again)
        words = self.context.failure_message(failure)
        self.show_bar(
            "failed",
            NotificationBar(
                self.context.translate("screen.not_read"), words, tone="bad", shape="cross", button=retry_button
            ),
        )

    @Slot()
    def read_again(self) -> None:
        self.refresh("asked")

    def hide_reading_failure(self) -> None:
        """Remove the bar of a failed reading."""
        self.hide_bar("failed")
