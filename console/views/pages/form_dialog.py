"""The base class of dialogs with one form, whose acting button sends one call."""

from collections.abc import Hashable, Sequence
from typing import Any, Literal

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.views.pages.permission_buttons import bind_worker
from console.views.runtime.context import ActingCall, Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import make_column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.notification_bars import NotificationBar


class FormDialog(DialogFrame):
    """Base class of dialogs with one form. The acting button sends the call of the form; an answer closes the dialog
    and shows a toast. After a refusal or failure, the dialog shows it above the form, which still has the person's
    inputs.

    A subclass makes its widgets, then calls `show_form` and `update_act`. It calls `update_act` again after each
    change of an input.

    Signals:
    - answered(object): the call returned this value.
    """

    answered = Signal(object)
    gap_px = 12

    def __init__(
        self,
        context: WindowContext,
        title: str,
        subtitle: str,
        parent: QWidget,
        *,
        act_text: str,
        kind: Literal["primary", "danger"] = "primary",
    ) -> None:
        super().__init__(
            title,
            subtitle,
            cancel_text=context.translate("action.cancel"),
            act_text=act_text,
            kind=kind,
            close_name=context.translate("action.close"),
            parent=parent,
        )
        bind_worker(context, self.act_button)
        self.context, self._act_text = context, act_text
        self.act_button.clicked.connect(self.act)

    def list_inputs(self) -> Sequence[QWidget]:
        """Return the widgets of the form, from top to bottom."""
        raise NotImplementedError  # each dialog overrides it

    def find_obstacle(self) -> str:
        """Return the wording key of the sentence that says which input is missing or wrong; "" if the form is
        complete.
        """
        raise NotImplementedError  # each dialog overrides it

    def send_form(self) -> None:
        """Send the call of the complete form, by `send_call`."""
        raise NotImplementedError  # each dialog overrides it

    def describe(self, answer: Any) -> Toast:
        """Return the toast about the answer of the call."""
        raise NotImplementedError  # each dialog overrides it

    def show_form(self, *above: QWidget) -> None:
        """Show the form as the content of the dialog, with the widgets `above` over it."""
        content = QWidget()
        content.setLayout(make_column(*above, *self.list_inputs(), gap=self.gap_px))
        self.show_content(content)

    @Slot()
    def update_act(self) -> None:
        """Enable the acting button if the form is complete; otherwise disable it and show the reason."""
        key = self.find_obstacle()
        if key:
            self.disable_act_button(self.context.translate(key))
        else:
            self.enable_act_button(self.context.translate("dialog.enter_cancels"))

    @Slot()
    def act(self) -> None:
        """Send the form if it is complete and no call runs."""
        if not self.is_busy and not self.find_obstacle():
            self.send_form()

    def send_call(self, call: ActingCall[Any], *, label: str, attempt: Hashable, key: Hashable) -> None:
        """Send the call of the form. `label`, `attempt` and `key` are those of `WindowContext.run_acting_call`."""
        self.set_busy(self.context.translate("dialog.busy"))
        self.context.run_acting_call(
            call,
            self.show_answer,
            self._show_failure,
            owner=self,
            label=label,
            describe=self.describe,
            attempt=attempt,
            key=key,
            provider="",
        )

    def show_answer(self, answer: Any) -> None:
        """Show the toast about the answer, emit `answered` and close the dialog."""
        self.context.toast_requested.emit(self.describe(answer))
        self.answered.emit(answer)
        self.accept()

    def _show_failure(self, failure: Failure) -> None:
        self.allow_closing(self.context.translate("action.cancel"), "")
        self.act_button.show_text(self._act_text)
        self.show_form(NotificationBar("", self.context.failure_message(failure), tone="bad", shape="square_bang"))
        self.update_act()
