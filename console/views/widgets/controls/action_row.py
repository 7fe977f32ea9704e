"""A row of action buttons on one line. Buttons that don't fit on the line are moved to the menu of the button
"more"."""

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QEvent, QPoint, QSize, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLayout, QMenu, QWidget

from console.views.theme.mixed_font_text import format_menu_entry, measure_two_line_width
from console.views.widgets.base import make_row
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel

_BUTTON_GAP_PX = 8
_MAX_FIT_ATTEMPTS = 3  # a layout that follows from the second fitting finds the same buttons


class ActionRow(QWidget):
    """A row of buttons on one line. The reason why a button is disabled is shown next to the button; adjacent buttons
    with the same reason show it once.

    If the window is too narrow, buttons move into the menu of the button "more": first the disabled ones, then the
    others, each time from the end of the row. The menu shows the key of each button, and the reason of a disabled
    button. The page binds the keys of all buttons, including the buttons in the menu.
    """

    def __init__(
        self,
        left_buttons: Sequence[KeyButton],
        right_buttons: Sequence[KeyButton],
        menu_buttons: Sequence[KeyButton],
        *,
        menu_button_text: str,
        format_menu_text: Callable[[str, str], str],
        opens_menu_below: bool = False,
    ) -> None:
        """`left_buttons` and `right_buttons` are the buttons at the two ends of the line; `menu_buttons` are the
        buttons that are always in the menu. `menu_button_text` is the text of the button that opens the menu.
        `format_menu_text` returns the menu text of a disabled button from the button's text and the reason. The menu
        opens above the row; if `opens_menu_below` is True, it opens below the row, for a row at the top of a page.
        """
        super().__init__()
        self._format_menu_text, self._opens_menu_below = format_menu_text, opens_menu_below
        self._menu_buttons = tuple(menu_buttons)
        self._right_buttons = tuple(right_buttons)
        self._is_fitting = self._must_fit_again = False
        self._reason_labels = {
            button: ReasonLabel(button, hides_itself=False) for button in (*left_buttons, *right_buttons)
        }
        for button, reason_label in self._reason_labels.items():
            reason_label.hide()
            button.reason_changed.connect(self._fit_buttons)
        self._labelled_buttons = {
            button: _make_button_with_reason(button, reason) for button, reason in self._reason_labels.items()
        }
        for button in self._menu_buttons:
            button.setParent(self)
            button.hide()
        self.menu_button = KeyButton(menu_button_text)
        self.menu_button.show_menu_arrow()
        self.menu_button.clicked.connect(self._open_menu)
        left_pairs, right_pairs = (
            [self._labelled_buttons[button] for button in buttons] for buttons in (left_buttons, right_buttons)
        )
        self._layout = make_row(*left_pairs, None, *right_pairs, self.menu_button, gap_px=_BUTTON_GAP_PX)
        self._layout.setSizeConstraint(
            QLayout.SizeConstraint.SetNoConstraint
        )  # buttons that don't fit are in the menu
        self.setLayout(self._layout)

    def offer_buttons(self, offered_buttons: Collection[KeyButton]) -> None:
        """Show the buttons `offered_buttons`, in the line or in the menu, and hide the other buttons of the row. The
        buttons that are always in the menu stay there."""
        for button in self._labelled_buttons:
            button.setVisible(button in offered_buttons)
        self._fit_buttons()

    def _list_visible_buttons(self) -> list[KeyButton]:
        return [button for button in self._labelled_buttons if not button.isHidden()]

    def list_buttons_in_menu(self) -> tuple[KeyButton, ...]:
        """Return the buttons that are in the menu now, in their order."""
        return (
            *(button for button in self._list_visible_buttons() if self._labelled_buttons[button].isHidden()),
            *self._menu_buttons,
        )

    def minimumSizeHint(self) -> QSize:
        return self.menu_button.sizeHint()

    def sizeHint(self) -> QSize:
        return self.menu_button.sizeHint()

    @Slot()
    def _fit_buttons(self) -> None:
        """Show as many buttons as fit on the line, and move the others into the menu. While this method shows a part
        of the row, Qt lays out the row and calls the method again. This inner call does nothing, because Qt would
        show the part even if the inner call hid it. Instead, the outer call fits the buttons again."""
        if self._is_fitting:
            self._must_fit_again = True
            return
        self._is_fitting = True
        for _ in range(_MAX_FIT_ATTEMPTS):
            self._must_fit_again = False
            self._show_fitting_buttons()
            if not self._must_fit_again:
                break
        self._is_fitting = False

    def _show_fitting_buttons(self) -> None:
        visible_buttons = self._list_visible_buttons()
        while visible_buttons and self._measure_needed_width(visible_buttons) > self.width():
            disabled_buttons = [button for button in visible_buttons if not button.isEnabled()]
            visible_buttons.remove((disabled_buttons or visible_buttons)[-1])
        explained_buttons = self._list_buttons_with_reason(visible_buttons)
        for button, labelled_button in self._labelled_buttons.items():
            labelled_button.setVisible(button in visible_buttons)
            reason_label = self._reason_labels[button]
            reason_label.setMinimumWidth(_measure_reason_width(reason_label))
            reason_label.setVisible(button in explained_buttons)
        self.menu_button.setVisible(bool(self.list_buttons_in_menu()))

    def _list_buttons_with_reason(self, shown_buttons: Sequence[KeyButton]) -> list[KeyButton]:
        """Return the buttons next to which the row shows a reason. If adjacent buttons have the same reason, only one
        of them is returned: the last of these buttons at the left end of the line, the first of them at the right
        end."""
        button_by_run: dict[tuple[int, str], KeyButton] = {}
        run_number, previous_reason = 0, ""
        for button in shown_buttons:
            run_number += button.shown_reason != previous_reason
            previous_reason = button.shown_reason
            if previous_reason and not (
                button in self._right_buttons and (run_number, previous_reason) in button_by_run
            ):
                button_by_run[run_number, previous_reason] = button
        return list(button_by_run.values())

    def _measure_needed_width(self, shown_buttons: Sequence[KeyButton]) -> int:
        has_menu = bool(self._menu_buttons) or len(shown_buttons) < len(self._list_visible_buttons())
        widths = [button.sizeHint().width() + _BUTTON_GAP_PX for button in shown_buttons]
        for button in self._list_buttons_with_reason(shown_buttons):
            widths.append(_measure_reason_width(self._reason_labels[button]) + _BUTTON_GAP_PX)
        return sum(widths) + (self.menu_button.sizeHint().width() if has_menu else 0)

    @Slot()
    def _open_menu(self) -> None:
        menu = self.build_menu()
        menu_size, button = menu.sizeHint(), self.menu_button
        top = button.height() + 2 if self._opens_menu_below else -menu_size.height() - 2
        menu.popup(button.mapToGlobal(QPoint(button.width() - menu_size.width(), top)))

    def build_menu(self) -> QMenu:
        """Return a new menu with the buttons that aren't on the line."""
        menu = QMenu(self)
        menu.setAccessibleName(self.menu_button.text())
        menu.aboutToHide.connect(menu.deleteLater)
        for button in self.list_buttons_in_menu():
            menu_text = (
                button.text() if button.isEnabled() else self._format_menu_text(button.text(), button.shown_reason)
            )
            # The text names the shortcut; setting it on the action would register it a second time.
            action = menu.addAction(format_menu_entry(menu_text, button.key))
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        return menu

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_buttons()

    def event(self, event: QEvent) -> bool:
        """Fit the buttons to the line again after a change of a button, a reason or the text size. Return True if Qt
        has recognised the event."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit_buttons()
        return super().event(event)


def _measure_reason_width(reason_label: ReasonLabel) -> int:
    """Return the least width of a reason in px: it may take two lines, which are as high as a button."""
    two_line_width = measure_two_line_width(reason_label.plain, reason_label.role)
    return max(reason_label.minimumSizeHint().width(), two_line_width)


def _make_button_with_reason(button: KeyButton, reason_label: ReasonLabel) -> QWidget:
    labelled_button = QWidget()
    labelled_button.setLayout(make_row(button, reason_label, gap_px=_BUTTON_GAP_PX))
    return labelled_button
