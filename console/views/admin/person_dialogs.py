"""The dialogs in which an administrator disables a person, or requests to enable a disabled person."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from console.domain.access.disabled_people import PersonAccess
from console.domain.access.people_commands import DISABLE_COMMAND, ENABLE_COMMAND
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.form_dialog import FormDialog
from console.views.runtime.context import ServiceCall, Toast, WindowContext
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.inputs import Field


class _PersonDialog(FormDialog):
    """Base class of the dialogs about one person's access."""

    right_name = "people"

    def __init__(
        self, context: WindowContext, access: PersonAccess, parent: QWidget, *, title_key: str, button_key: str
    ) -> None:
        name = access.person.name
        super().__init__(
            context,
            context.translate(title_key, name=name),
            context.translate("admin.roles", roles=sorted(access.person.roles)),
            parent,
            main_button_text=context.translate(button_key),
        )
        self._access, self._name = access, name

    def make_answer_toast(self, answer: PersonAccess) -> Toast:
        if answer.disabling is None:
            key = "cli.person.enabled"
        else:
            key = "cli.person.disabled" if answer.proposed_by is None else "cli.person.awaiting"
        return Toast(self.context.translate(key, name=answer.person.name), subject_title="")


class DisablePersonDialog(_PersonDialog):
    """The dialog in which an administrator disables a person at once and types the reason, which everybody can read.
    The reason is kept as a draft until the person is disabled."""

    def __init__(self, context: WindowContext, access: PersonAccess, parent: QWidget) -> None:
        super().__init__(
            context, access, parent, title_key="dialog.person.disable.title", button_key="dialog.person.disable.act"
        )
        self.reason_field = Field(context.translate("dialog.read_only.reason"))
        self.reason_field.show_hint(context.translate("dialog.read_only.reads"))
        self._draft = DialogDraft(
            context, self, "disable_person-scope", self._name, self._name, lambda: {"reason": self.reason_field}
        )
        self.show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self.reason_field.edit.textChanged.connect(self.update_submit_button)
        self.update_submit_button()

    def find_first_focus(self) -> QWidget:
        return self.reason_field.edit

    def list_inputs(self) -> Sequence[QWidget]:
        effect_sentence = self.context.translate("dialog.person.disable.effect", name=self._name)
        return self.reason_field, TextLabel(effect_sentence, wraps_lines=True)

    def find_form_problem(self) -> str:
        return "" if self.reason_field.text().strip() else "dialog.read_only.needs_reason"

    def send_form(self) -> None:
        name, reason = self._name, self.reason_field.text().strip()
        self.send_call(
            lambda services, request_id: services.disabled_people.disable(name, reason, request_id=request_id),
            label=self.context.translate("request.action.people_disable"),
            attempt=(DISABLE_COMMAND, name, reason),
            key=("person", name),
        )

    def show_answer(self, answer: PersonAccess) -> None:
        """Delete the draft, because the person is disabled, then show the toast and close the dialog."""
        self._draft.delete()
        super().show_answer(answer)


class EnablePersonDialog(_PersonDialog):
    """The dialog in which an administrator requests to enable a disabled person, or confirms the request of another
    administrator, which enables the person. The dialog says which of the two it does."""

    def __init__(self, context: WindowContext, access: PersonAccess, parent: QWidget) -> None:
        super().__init__(
            context,
            access,
            parent,
            title_key="dialog.person.enable.title",
            button_key=_get_enable_button_key(access),
        )
        self.show_form()
        self.update_submit_button()

    def make_state_reader(self) -> ServiceCall[tuple[PersonAccess, ...]]:
        return lambda services: services.disabled_people.list_people()

    def show_read_state(self, state: tuple[PersonAccess, ...]) -> None:
        """Show the person of this dialog as in `state`, all people as just read: another administrator has meanwhile
        enabled the person, disabled the person again, or requested to enable the person."""
        self._access = next((access for access in state if access.person.name == self._name), self._access)
        self.set_main_button_text(self.context.translate(_get_enable_button_key(self._access)))

    def list_inputs(self) -> Sequence[QWidget]:
        translate, disabling = self.context.translate, self._access.disabling
        sentences = [
            translate("dialog.person.enable.now", who=disabling.by, since=disabling.since, note=disabling.reason)
            if disabling is not None
            else "",
            translate("dialog.person.enable.confirms", who=self._access.proposed_by, name=self._name)
            if self._access.proposed_by is not None
            else translate("dialog.person.enable.second", name=self._name),
        ]
        return [TextLabel(sentence, wraps_lines=True) for sentence in sentences if sentence]

    def find_form_problem(self) -> str:
        return "dialog.person.enable.is_enabled" if self._access.disabling is None else ""

    def send_form(self) -> None:
        name, disabling = self._name, self._access.disabling
        seen_id = None if disabling is None else disabling.id
        self.send_call(
            lambda services, request_id: services.disabled_people.enable(name, seen_id, request_id=request_id),
            label=self.context.translate("request.action.people_enable"),
            attempt=(ENABLE_COMMAND, name, disabling),
            key=("person", name),
        )


def _get_enable_button_key(access: PersonAccess) -> str:
    """Return the wording key of the button that requests to enable the person, or confirms an open request."""
    is_confirmation = access.proposed_by is not None
    return "dialog.person.enable.confirm" if is_confirmation else "dialog.person.enable.act"
