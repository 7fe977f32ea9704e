"""Functions that enable or disable a button by the acting person's right, by the read-only switches, or by the
presence of a worker. A disabled button stays visible and shows its reason, such as the names of the people who have
the right."""

from PySide6.QtCore import QObject, Slot

from console.views.runtime.context import WindowContext
from console.views.widgets.base import FlowLabel, set_visible_in_parent
from console.views.widgets.controls.buttons import KeyButton


class _ButtonRightBinding(QObject):
    """Enables or disables one button according to the acting person's right. It updates the button after each change
    of the acting person, of the list of people or of the state of the connection."""

    def __init__(self, context: WindowContext, button: KeyButton, right_name: str) -> None:
        super().__init__(button)
        self._context, self._button, self._right = context, button, right_name
        for signal in (context.people_changed, context.person_changed, context.connection_state_changed):
            signal.connect(self.update_button)
        self.update_button()

    @Slot()
    def update_button(self) -> None:
        disabled_reason = self._context.find_disabled_reason(self._right)
        if disabled_reason == self._button.reason:
            return
        if disabled_reason:
            self._button.disable_with_reason(disabled_reason)
        else:
            self._button.enable_button()


def bind_button_to_right(context: WindowContext, button: KeyButton, right_name: str) -> KeyButton:
    """Keep the button enabled only while the acting person can use the right (see
    `WindowContext.find_disabled_reason`); otherwise disable it with the reason, such as a missing role, a lost
    connection or a read-only switch. Return the button."""
    _ButtonRightBinding(context, button, right_name)
    return button


class _ReadOnlyButtonBlocker(QObject):
    """Blocks one button, with the reason, while a read-only switch stops the button's action. In team mode, in which
    a worker executes the person's actions, it also blocks the button while no worker is present."""

    def __init__(self, context: WindowContext, button: KeyButton, right_name: str, provider: str | None) -> None:
        super().__init__(button)
        self._context, self._button, self._right, self._provider = context, button, right_name, provider
        context.connection_state_changed.connect(self.update_button)
        self.update_button()

    def change_right(self, right_name: str) -> None:
        """From now on, block the button while a read-only switch stops this right."""
        self._right = right_name
        self.update_button()

    @Slot()
    def update_button(self) -> None:
        self._button.block(
            self._context.find_read_only_reason(self._right, self._provider)
            or self._context.find_worker_away_reason()
        )


def block_button_while_read_only(
    context: WindowContext, button: KeyButton, right_name: str, provider: str | None = None
) -> KeyButton:
    """Block the button (see `KeyButton.block`) while a read-only switch stops the action of the right `right_name`.
    In team mode, in which a worker executes the person's actions, also block it while no worker is present. At other
    times the caller enables or disables the button. `provider` is the payment provider at which the action moves
    money; None if the action moves no money. Return the button."""
    _ReadOnlyButtonBlocker(context, button, right_name, provider)
    return button


def change_right_of_blocked_button(button: KeyButton, right_name: str) -> None:
    """Bind a button that `block_button_while_read_only` blocks to the right `right_name`, because the button's action
    has changed. "" means that no read-only switch stops the action, for example if it stops a running bulk run."""
    for binding in button.findChildren(_ReadOnlyButtonBlocker):
        binding.change_right(right_name)


class DisabledReasonsLabel(FlowLabel):
    """A label below several buttons that shows the reason why each disabled one is disabled; it shows equal reasons
    once.
    """

    def __init__(self, *buttons: KeyButton) -> None:
        super().__init__("", "small", "muted", wraps_lines=True)
        self._buttons = buttons
        for button in buttons:
            button.reason_changed.connect(self._show_reasons)
        self._show_reasons()

    @Slot()
    def _show_reasons(self) -> None:
        reasons = dict.fromkeys(button.shown_reason for button in self._buttons if button.shown_reason)
        self.show_text("\n".join(reasons))
        set_visible_in_parent(self, bool(reasons))
