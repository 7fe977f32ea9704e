"""The dialogs in which a person hands over, snoozes, resolves or reopens an incident."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtWidgets import QWidget

from console.domain.access.permissions import is_same_person
from console.domain.alerts.incidents import Incident, IncidentState
from console.domain.alerts.snooze import find_snooze_ends
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.form_dialog import FormDialog
from console.views.presenters import incidents as incident_texts
from console.views.runtime.context import ActingCall, ServiceCall, Toast, WindowContext
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.inputs import DropDownList, LineEdit, MultiLineField, make_labelled_control
from console.wording import incident_words


class IncidentDialog(FormDialog):
    """Base class of the dialogs in which a person hands over, snoozes, resolves or reopens one incident. The form has
    a field for a note; a subclass may add a drop-down list above this field. The service answers with the changed
    Incident. The typed note is kept as a draft until the service has executed the action."""

    right_name = "note"
    action_name = ""
    """Name of the action of this dialog, also in the key of its draft."""
    missing_note_key = "dialog.note.needs_words"
    """Wording key of the sentence that asks for a note if the person has typed none; "" if the note is optional."""

    def __init__(self, context: WindowContext, incident: Incident, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            context,
            translate(f"dialog.incident_{self.wording_name}.title"),
            incident_texts.format_incident_name(incident, context),
            parent,
            main_button_text=translate(f"dialog.incident_{self.wording_name}.act"),
        )
        self.incident = incident
        self._state_texts: tuple[str, ...] = ()  # shown after the state has changed
        self.note_field = MultiLineField(translate(f"dialog.incident_{self.wording_name}.words"), translate)
        if not isinstance(self.note_field.edit, LineEdit):
            self.note_field.edit.textChanged.connect(self.update_submit_button)
        self.drop_down_list = self.make_drop_down_list()
        if self.drop_down_list is not None:
            self.drop_down_list.currentIndexChanged.connect(self.update_submit_button)
        incident_name = incident_texts.format_incident_name(incident, context)
        self._draft = DialogDraft(
            context,
            self,
            f"incident_{self.action_name}-incident",
            str(incident.id),
            incident_name,
            self._list_draft_inputs,
        )
        self.show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self.update_submit_button()

    @property
    def wording_name(self) -> str:
        """The name of this dialog in its wording keys: `dialog.incident_{wording_name}.…`."""
        return self.action_name

    def make_drop_down_list(self) -> DropDownList | None:
        """Return the drop-down list above the field for the note; None if this dialog has no list."""
        return None

    def _list_draft_inputs(self) -> Mapping[str, QWidget]:
        return {"words": self.note_field}

    def make_state_reader(self) -> ServiceCall[Incident]:
        id = self.incident.id
        return lambda services: services.incidents.read_incident(id)

    def show_read_state(self, state: Incident) -> None:
        """Store `state`, the incident as just read, because it has changed since the dialog was opened, for example
        by a new alert. From now on, the form begins with texts about its present state: the number of its alerts, its
        state and the affected records."""
        self.incident = state
        texts = (
            incident_texts.format_title_and_count(state, self.context),
            incident_words.format_incident_state(state, self.context.translate),
            incident_words.format_incident_extent(state, self.context.translate),
        )
        self._state_texts = tuple(text for text in texts if text)

    def find_first_focus(self) -> QWidget:
        return self.drop_down_list or self.note_field.edit

    def list_inputs(self) -> Sequence[QWidget]:
        drop_down_list: Sequence[QWidget] = (
            ()
            if self.drop_down_list is None
            else (
                make_labelled_control(
                    self.context.translate(f"dialog.incident_{self.wording_name}.choice"), self.drop_down_list
                ),
            )
        )
        effect_label = TextLabel(
            self.context.translate(f"dialog.incident_{self.wording_name}.effect"), "small", "muted", wraps_lines=True
        )
        state_labels = (TextLabel(text, wraps_lines=True) for text in self._state_texts)
        return *state_labels, *drop_down_list, self.note_field, effect_label

    def find_form_problem(self) -> str:
        if self.drop_down_list is not None and self.drop_down_list.currentIndex() < 0:
            return f"dialog.incident_{self.wording_name}.needs_choice"
        return self.missing_note_key if not self.note_field.text().strip() else ""

    def make_incident_call(self, id: int, note: str) -> ActingCall[Incident]:
        """Return the call to the service that executes this dialog's action on the incident with this id; `note` is
        the text that the person has typed."""
        raise NotImplementedError  # abstract; a class of Qt has its own metaclass, so it can be no ABC

    def list_attempt_values(self) -> tuple[Any, ...]:
        """Return the inputs of the form: the incident's id, the note and the selected line of the drop-down list. If
        the person sends the form twice with equal inputs, both calls get the same request id, so that the service
        executes the action only once.
        """
        return (
            self.incident.id,
            self.note_field.text(),
            self.drop_down_list.currentText() if self.drop_down_list else "",
        )

    def send_form(self) -> None:
        self.send_call(
            self.make_incident_call(self.incident.id, self.note_field.text().strip()),
            label=self.context.translate(
                "act.about",
                title=incident_texts.format_incident_name(self.incident, self.context),
                message=self.context.translate(f"dialog.incident_{self.wording_name}.act"),
            ),
            attempt=(f"incident {self.action_name}", *self.list_attempt_values()),
            key=("incident", self.incident.id),
        )

    def make_answer_toast(self, answer: Incident) -> Toast:  # each dialog has one sentence
        return Toast(
            self.context.translate(f"dialog.incident_{self.wording_name}.done"),
            subject_title=incident_texts.format_incident_name(answer, self.context),
        )

    def show_answer(self, answer: Incident) -> None:
        """Delete the draft, because the note is stored, then show the toast and close the dialog."""
        self._draft.delete()
        super().show_answer(answer)


class HandOverIncidentDialog(IncidentDialog):
    """The dialog in which a person hands an incident over to another owner, with a note. `owners` are the names of
    the people who may own an incident; the dialog omits the present owner."""

    action_name = "hand_over"

    def __init__(self, context: WindowContext, incident: Incident, owners: Sequence[str], parent: QWidget) -> None:
        self._owners = [name for name in owners if not is_same_person(name, incident.owner or "")]
        super().__init__(context, incident, parent)

    def make_drop_down_list(self) -> DropDownList:
        translate = self.context.translate
        drop_down_list = DropDownList(
            translate("dialog.incident_hand_over.choice"), placeholder=translate("dialog.incident_hand_over.empty")
        )
        drop_down_list.addItems(self._owners)
        drop_down_list.setCurrentIndex(-1)
        return drop_down_list

    def _list_draft_inputs(self) -> Mapping[str, QWidget]:
        owner_list = {} if self.drop_down_list is None else {"owner": self.drop_down_list}
        return {**super()._list_draft_inputs(), **owner_list}

    def make_incident_call(self, id: int, note: str) -> ActingCall[Incident]:
        owner = self._owners[self.drop_down_list.currentIndex()] if self.drop_down_list else ""
        return lambda services, request_id: services.incidents.hand_over(id, owner, note, request_id=request_id)


class SnoozeIncidentDialog(IncidentDialog):
    """The dialog in which a person snoozes an incident until one of the moments that `find_snooze_ends` offers, such
    as four hours from now, with an optional note."""

    action_name = "snooze"
    missing_note_key = ""

    def make_drop_down_list(self) -> DropDownList:
        context = self.context
        self._snooze_ends: Sequence[tuple[str, datetime]] = find_snooze_ends(context.now())
        drop_down_list = DropDownList(context.translate("dialog.incident_snooze.choice"))
        drop_down_list.addItems(
            [context.translate(f"dialog.incident_snooze.{key}", at=at) for key, at in self._snooze_ends]
        )
        drop_down_list.setCurrentIndex(0)
        return drop_down_list

    def make_incident_call(self, id: int, note: str) -> ActingCall[Incident]:
        until = self._snooze_ends[self.drop_down_list.currentIndex() if self.drop_down_list else 0][1]
        newest_alert_id = self.incident.extent.newest_alert_id
        return lambda services, request_id: services.incidents.snooze(
            id, until, note, newest_alert_id, request_id=request_id
        )


class ResolveIncidentDialog(IncidentDialog):
    """The dialog in which a person resolves an incident, with the reason why nothing more has to be done."""

    action_name = "resolve"
    missing_note_key = "dialog.incident_resolve.needs_words"

    def make_incident_call(self, id: int, note: str) -> ActingCall[Incident]:
        newest_alert_id = self.incident.extent.newest_alert_id
        return lambda services, request_id: services.incidents.resolve(
            id, note, newest_alert_id, request_id=request_id
        )


class ReopenIncidentDialog(IncidentDialog):
    """The dialog in which a person opens a resolved incident again, or ends the acknowledgements of an incident that
    is still open, with a reason."""

    action_name = "reopen"
    missing_note_key = "dialog.incident_reopen.needs_words"

    def __init__(self, context: WindowContext, incident: Incident, parent: QWidget) -> None:
        self._is_still_open = incident.state in (IncidentState.OPEN, IncidentState.SNOOZED)
        super().__init__(context, incident, parent)

    @property
    def wording_name(self) -> str:
        return "unacknowledge" if self._is_still_open else self.action_name

    def make_incident_call(self, id: int, note: str) -> ActingCall[Incident]:
        return lambda services, request_id: services.incidents.reopen(id, note, request_id=request_id)


DIALOG_CLASS_BY_INCIDENT_ACTION: dict[str, Callable[[WindowContext, Incident, QWidget], IncidentDialog]] = {
    "snooze": SnoozeIncidentDialog,
    "resolve": ResolveIncidentDialog,
    "reopen": ReopenIncidentDialog,
}
