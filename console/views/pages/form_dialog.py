"""The base class of dialogs with a form whose main button sends one call to the services."""

from collections.abc import Hashable, Sequence
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.runtime.context import ActingCall, ServiceCall, Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import make_column
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import make_failure_bar


class FormDialog(DialogFrame):
    """Base class of dialogs with one form. The main button sends the form's call; the answer closes the dialog and
    shows a toast. If the service refuses the call or it fails, the dialog shows the reason above the form, which
    keeps the person's inputs. If the refusal is stale_view, the dialog reads the state of the form's subject (a
    record, limit or person) again and shows it, so that the person decides about the present state. Ctrl+Enter
    presses the main button, which shows this shortcut.

    A subclass creates its widgets and then calls `show_form` and `update_submit_button`. After each change of an
    input it calls `update_submit_button` again.

    Signals:
    - answered(object): the call has returned this value.
    """

    answered = Signal(object)
    right_name = ""
    """Name of the right that the form's call needs; the subclass sets it. While a read-only switch stops this right
    or, in team mode, no worker is present, the main button is disabled with the reason."""
    gap_px = 12

    def __init__(
        self,
        context: WindowContext,
        title: str,
        subtitle: str,
        parent: QWidget,
        *,
        main_button_text: str,
    ) -> None:
        super().__init__(
            title,
            subtitle,
            cancel_text=context.translate("action.cancel"),
            main_button_text=main_button_text,
            close_name=context.translate("action.close"),
            parent=parent,
        )
        self.too_early_text = context.translate("dialog.too_early")
        block_button_while_read_only(context, self.main_button, self.right_name)
        self.context, self._main_button_text = context, main_button_text
        self.main_button.clicked.connect(self.submit_form)
        self.main_button.show_key("Ctrl+Enter")

    def list_inputs(self) -> Sequence[QWidget]:
        """Return the widgets of the form, from top to bottom. The subclass implements it."""
        raise NotImplementedError  # abstract; a class of Qt has its own metaclass, so it can be no ABC

    def find_form_problem(self) -> str:
        """Return the wording key of the sentence about the missing or wrong input; "" if the form is complete. The
        subclass implements it.
        """
        raise NotImplementedError  # abstract; a class of Qt has its own metaclass, so it can be no ABC

    def send_form(self) -> None:
        """Send the call of the complete form with `send_call`. The subclass implements it."""
        raise NotImplementedError  # abstract; a class of Qt has its own metaclass, so it can be no ABC

    def make_answer_toast(self, answer: Any) -> Toast:
        """Return the toast about `answer`, the value that the call has returned. The subclass implements it."""
        raise NotImplementedError  # abstract; a class of Qt has its own metaclass, so it can be no ABC

    def make_state_reader(self) -> ServiceCall[Any] | None:
        """Return the call that reads the present state of the form's subject, for `show_read_state`; None if the
        service never refuses the form's call with stale_view. A subclass whose call can be refused with stale_view
        overrides both methods."""
        return None

    def show_read_state(self, state: Any) -> None:
        """Store `state`, which the call of `make_state_reader` has returned, in place of the state with which the
        dialog was opened. The caller shows the form afterwards. The default does nothing."""

    def show_form(self, *widgets_above: QWidget) -> None:
        """Show the form as the content of the dialog, below the widgets `widgets_above`."""
        content = QWidget()
        content.setLayout(make_column(*widgets_above, *self.list_inputs(), gap_px=self.gap_px))
        self.show_content(content)

    @Slot()
    def update_submit_button(self) -> None:
        """Enable the main button if the form is complete; otherwise disable it and show the reason."""
        problem_key = self.find_form_problem()
        if problem_key:
            self.disable_main_button(self.context.translate(problem_key))
        else:
            self.enable_main_button()

    @Slot()
    def submit_form(self) -> None:
        """Send the form if it is complete and no call is running. The main button calls this."""
        if not self.is_busy and not self.find_form_problem():
            self.send_form()

    def send_call(self, call: ActingCall[Any], *, label: str, attempt: Hashable, key: Hashable) -> None:
        """Run the form's call in a background thread with `WindowContext.run_acting_call`. `label` names the call on
        the screen. `attempt` is the command with its arguments: if the person sends the form again with an equal
        `attempt` after a lost answer, the call gets the same request id. Calls with the same `key` run one after
        another."""
        self.set_busy(self.context.translate("dialog.busy"))
        self.context.run_acting_call(
            call,
            self.show_answer,
            self._show_failure,
            caller=self,
            label=label,
            make_toast=self.make_answer_toast,
            attempt=attempt,
            key=key,
            provider="",
        )

    def show_answer(self, answer: Any) -> None:
        """Show the toast about the call's answer, emit `answered`, and close the dialog."""
        self.context.toast_requested.emit(self.make_answer_toast(answer))
        self.answered.emit(answer)
        self.accept()

    def _show_failure(self, failure: Failure) -> None:
        read_state = self.make_state_reader() if failure.code == ErrorCode.STALE_VIEW else None
        if read_state is None:
            self._show_form_after(failure)
            return

        def show_state(state: Any) -> None:
            self.show_read_state(state)
            self._show_form_after(failure)

        self.context.run_read(
            read_state, show_state, lambda _: self._show_form_after(failure), caller=self, key="state of a form"
        )

    def set_main_button_text(self, text: str) -> None:
        """Set the text that the main button shows while no call runs, because the form's call has another effect
        now."""
        self._main_button_text = text

    def _show_form_after(self, failure: Failure) -> None:
        """Show the form with the reason of the failure above it."""
        self.allow_acting_again(self.context.translate("action.cancel"))
        self.main_button.show_text(self._main_button_text)
        self.show_form(make_failure_bar(failure, self.context.format_failure(failure)))
        self.update_submit_button()
