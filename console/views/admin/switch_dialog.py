"""The dialog in which a person sets or ends read-only for everything or for one provider."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.access.read_only import EVERYTHING, ReadOnlySwitch
from console.views.pages.permission_buttons import bind_worker
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Field
from console.views.widgets.notification_bars import Bar


def scope_name(context: WindowContext, scope: str) -> str:
    """Return the name of a switch's scope in the window's language."""
    return context.translate("admin.scope", scope=scope)


class SwitchDialog(DialogFrame):
    """The dialog sets read-only (`is_on`) or ends it, with the person's reason, which everybody sees.

    Signals:
    - stored(): the switch is set.
    """

    stored = Signal()

    def __init__(self, context: WindowContext, scope: str, parent: QWidget, *, is_on: bool) -> None:
        translate, self._word = context.translate, "on" if is_on else "off"
        super().__init__(
            translate(f"dialog.read_only.{self._word}.title", scope=scope),
            cancel_text=translate("action.cancel"),
            act_text=translate(f"dialog.read_only.{self._word}.act"),
            kind="primary",
            close_name=translate("action.close"),
            parent=parent,
        )
        bind_worker(context, self.act_button)
        self._context, self._scope, self._is_on = context, scope, is_on
        self.reason_field = Field(translate("dialog.read_only.reason"))
        self.reason_field.show_hint(translate("dialog.read_only.reads"))
        self._show_form()
        self.reason_field.edit.textChanged.connect(self._update_act)
        self.act_button.clicked.connect(self._set_switch)
        self._update_act()

    def first_focus(self) -> QWidget:
        return self.reason_field.edit

    def _show_form(self, *above: QWidget) -> None:
        effect = "everything" if self._scope == EVERYTHING else "provider"
        words = self._context.translate(f"dialog.read_only.{self._word}.effect.{effect}", scope=self._scope)
        content = QWidget()
        content.setLayout(make_column(*above, self.reason_field, TextLabel(words, wrap=True), gap=12))
        self.show_content(content)

    @Slot()
    def _update_act(self) -> None:
        if self.reason_field.text().strip():
            self.enable_act_button(self._context.translate("dialog.enter_cancels"))
        else:
            self.disable_act_button(self._context.translate("dialog.read_only.needs_reason"))

    @Slot()
    def _set_switch(self) -> None:
        context, scope, is_on, reason = self._context, self._scope, self._is_on, self.reason_field.text().strip()
        if self.is_busy or not reason:
            return
        self.set_busy(context.translate("dialog.busy"))
        context.run_acting_call(
            lambda services, request_id: services.read_only.set_switch(scope, is_on, reason, request_id=request_id),
            self._show_stored,
            self._show_failure,
            owner=self,
            label=context.translate("act.read_only"),
            describe=self._describe,
            attempt=("read-only set", scope, is_on, reason),
            key=("read-only", scope),
            provider="",
        )

    def _describe(self, switch: ReadOnlySwitch) -> Toast:
        key = "cli.read_only.on" if switch.is_on else "cli.read_only.off"
        return Toast(self._context.translate(key, scope=switch.scope))

    def _show_stored(self, switch: ReadOnlySwitch) -> None:
        self._context.toast_requested.emit(self._describe(switch))
        self.stored.emit()
        self.accept()

    def _show_failure(self, failure: Failure) -> None:
        self.allow_closing(self._context.translate("action.cancel"), "")
        self.act_button.show_text(self._context.translate(f"dialog.read_only.{self._word}.act"))
        self._show_form(Bar("", self._context.failure_message(failure), tone="bad", shape="square_bang"))
        self._update_act()
