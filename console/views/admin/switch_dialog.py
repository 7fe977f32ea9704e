"""The dialog in which a person turns read-only on or off, for everything or for one provider."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from console.domain.access.read_only import EVERYTHING_SCOPE, ReadOnlySwitch
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.form_dialog import FormDialog
from console.views.runtime.context import Toast, WindowContext
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.inputs import Field


def translate_scope_name(context: WindowContext, scope: str) -> str:
    """Return the name of `scope` (everything, or the name of a provider) in the window's language."""
    return context.translate("admin.scope", scope=scope)


def _get_scope_key(scope: str) -> str:
    """Return the last part of the wording keys about `scope`: "everything" or "provider"."""
    return "everything" if scope == EVERYTHING_SCOPE else "provider"


class ReadOnlySwitchDialog(FormDialog):
    """The dialog in which a person turns read-only on (if `is_on`) or off for `scope`: everything, or the name of one
    provider. The person types a reason, which every person can read on the administration page. The reason is kept as
    a draft until the switch is set."""

    right_name = "set_read_only"

    def __init__(self, context: WindowContext, scope: str, parent: QWidget, *, is_on: bool) -> None:
        translate, self._key_part = context.translate, "on" if is_on else "off"
        title_key, main_button_text = (
            f"dialog.read_only.{self._key_part}.title.{_get_scope_key(scope)}",
            translate(f"dialog.read_only.{self._key_part}.act"),
        )
        super().__init__(context, translate(title_key, scope=scope), "", parent, main_button_text=main_button_text)
        self._scope, self._is_on = scope, is_on
        self.reason_field = Field(translate("dialog.read_only.reason"))
        self.reason_field.show_hint(translate("dialog.read_only.reads"))
        self._draft = DialogDraft(
            context,
            self,
            f"read_only_{self._key_part}-scope",
            scope,
            translate_scope_name(context, scope),
            lambda: {"reason": self.reason_field},
        )
        self.show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self.reason_field.edit.textChanged.connect(self.update_submit_button)
        self.update_submit_button()

    def find_first_focus(self) -> QWidget:
        return self.reason_field.edit

    def list_inputs(self) -> Sequence[QWidget]:
        effect_sentence = self.context.translate(
            f"dialog.read_only.{self._key_part}.effect.{_get_scope_key(self._scope)}", scope=self._scope
        )
        return self.reason_field, TextLabel(effect_sentence, wraps_lines=True)

    def find_form_problem(self) -> str:
        return "" if self.reason_field.text().strip() else "dialog.read_only.needs_reason"

    def send_form(self) -> None:
        scope, is_on, reason = self._scope, self._is_on, self.reason_field.text().strip()
        self.send_call(
            lambda services, request_id: services.read_only_switches.set_switch(
                scope, is_on, reason, request_id=request_id
            ),
            label=self.context.translate("act.read_only"),
            attempt=("read-only set", scope, is_on, reason),
            key=("read-only", scope),
        )

    def make_answer_toast(self, answer: ReadOnlySwitch) -> Toast:
        toast_key = "cli.read_only.on" if answer.is_on else "cli.read_only.off"
        return Toast(self.context.translate(toast_key, scope=answer.scope), subject_title="")

    def show_answer(self, answer: ReadOnlySwitch) -> None:
        """Delete the draft, because the switch is set, then show the toast and close the dialog."""
        self._draft.delete()
        super().show_answer(answer)
