"""A row of action buttons on one line. Buttons for which the line has no room are moved to the menu of the button
"more"."""

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QEvent, QPoint, QSize, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLayout, QMenu, QWidget

from console.views.widgets.base import make_row
from console.views.widgets.buttons import KeyButton, ReasonLabel

_BUTTON_GAP_PX = 8
_TWO_LINE_REASON_WIDTH_RATIO = (
    0.6  # width of a sentence in two lines, as a part of its width in one: lines end between words
)


class ActionRow(QWidget):
    """A row of buttons on one line. Beside a disabled button stands the reason why it is disabled; adjacent
    buttons with the same reason show it once.

    If the window is too narrow, buttons move into the menu of the button "more": first the disabled ones, then the
    others, each time from the end of the row. The menu shows the key of each button, and the reason of a disabled
    one. The page binds the keys of all buttons, including those in the menu.
    """

    def __init__(
        self,
        left: Sequence[KeyButton],
        right: Sequence[KeyButton],
        in_menu: Sequence[KeyButton],
        *,
        more: str,
        explain: Callable[[str, str], str],
    ) -> None:
        """`left` and `right` are the buttons at the two ends of the line; those of `in_menu` are always in the
        menu. `more` is the text of the button that opens the menu. `explain` returns the menu text of a
        disabled button from the button's text and the reason.
        """
        super().__init__()
        self._explain_reasons = explain
        self._in_menu = tuple(in_menu)
        self._right = tuple(right)
        self._reasons = {button: ReasonLabel(button) for button in (*left, *right)}
        self._pairs = {button: _make_button_with_reason(button, reason) for button, reason in self._reasons.items()}
        for button in self._in_menu:
            button.setParent(self)
            button.hide()
        self.more = KeyButton(more)
        self.more.show_menu_arrow()
        self.more.clicked.connect(self._open_menu)
        left_pairs, right_pairs = ([self._pairs[button] for button in buttons] for buttons in (left, right))
        self._layout = make_row(*left_pairs, None, *right_pairs, self.more, gap=_BUTTON_GAP_PX)
        self._layout.setSizeConstraint(
            QLayout.SizeConstraint.SetNoConstraint
        )  # buttons that don't fit are in the menu
        self.setLayout(self._layout)

    def offer_buttons(self, offered_buttons: Collection[KeyButton]) -> None:
        """Show the buttons `offered_buttons`, in the line or in the menu, and hide the other buttons of the row. The
        buttons that are always in the menu stay there."""
        for button in self._pairs:
            button.setVisible(button in offered_buttons)
        self._fit_buttons()

    def _list_visible_buttons(self) -> list[KeyButton]:
        return [button for button in self._pairs if not button.isHidden()]

    def list_buttons_in_menu(self) -> tuple[KeyButton, ...]:
        """Return the buttons that are in the menu now, in their order."""
        return (
            *(button for button in self._list_visible_buttons() if self._pairs[button].isHidden()),
            *self._in_menu,
        )

    def minimumSizeHint(self) -> QSize:
        return self.more.sizeHint()

    def sizeHint(self) -> QSize:
        return self.more.sizeHint()

    def _fit_buttons(self) -> None:
        """Show as many buttons as have room on the line, and move the others into the menu."""
        visible_buttons = self._list_visible_buttons()
        while visible_buttons and self._measure_needed_width(visible_buttons) > self.width():
            disabled_buttons = [button for button in visible_buttons if not button.isEnabled()]
            visible_buttons.remove((disabled_buttons or visible_buttons)[-1])
        explained_buttons = self._list_buttons_with_reason(visible_buttons)
        for button, pair in self._pairs.items():
            pair.setVisible(button in visible_buttons)
            self._reasons[button].setVisible(button in explained_buttons)
        self.more.setVisible(bool(self.list_buttons_in_menu()))

    def _list_buttons_with_reason(self, shown_buttons: Sequence[KeyButton]) -> list[KeyButton]:
        """Return the buttons beside which a reason is shown. If adjacent buttons have the same reason, it is shown
        once: beside the last button at the left end of the line, beside the first at the right end."""
        buttons_by_reason: dict[tuple[int, str], KeyButton] = {}
        run, previous = 0, ""
        for button in shown_buttons:
            run += button.shown_reason != previous
            previous = button.shown_reason
            if previous and not (button in self._right and (run, previous) in buttons_by_reason):
                buttons_by_reason[run, previous] = button
        return list(buttons_by_reason.values())

    def _measure_needed_width(self, shown_buttons: Sequence[KeyButton]) -> int:
        has_menu = bool(self._in_menu) or len(shown_buttons) < len(self._list_visible_buttons())
        widths = [button.sizeHint().width() + _BUTTON_GAP_PX for button in shown_buttons]
        for button in self._list_buttons_with_reason(
            shown_buttons
        ):  # a reason may take two lines, which are as high as a button
            reason = self._reasons[button]
            widths.append(
                max(
                    reason.minimumSizeHint().width(),
                    round(reason.measure_line_width() * _TWO_LINE_REASON_WIDTH_RATIO),
                )
                + _BUTTON_GAP_PX
            )
        return sum(widths) + (self.more.sizeHint().width() if has_menu else 0)

    @Slot()
    def _open_menu(self) -> None:
        menu = self.build_menu()
        corner = self.more.mapToGlobal(QPoint(self.more.width(), 0))
        size = menu.sizeHint()
        menu.popup(QPoint(corner.x() - size.width(), corner.y() - size.height() - 2))

    def build_menu(self) -> QMenu:
        """Return a new menu with the buttons that aren't on the line."""
        menu = QMenu(self)
        menu.setAccessibleName(self.more.text())
        menu.aboutToHide.connect(menu.deleteLater)
        for button in self.list_buttons_in_menu():
            words = button.text() if button.isEnabled() else self._explain_reasons(button.text(), button.shown_reason)
            # The text names the shortcut; setting it on the action would register it a second time.
            action = menu.addAction(f"{words}\t{button.key}" if button.key else words)
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        return menu

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_buttons()

    def event(self, event: QEvent) -> bool:
        """Fit the buttons to the line again after a change of a button, a reason or the text size. Return Qt's
        result."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit_buttons()
        return super().event(event)


def _make_button_with_reason(button: KeyButton, reason: ReasonLabel) -> QWidget:
    pair = QWidget()
    pair.setLayout(make_row(button, reason, gap=_BUTTON_GAP_PX))
    return pair
