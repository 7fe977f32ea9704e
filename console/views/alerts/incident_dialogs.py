"""The dialogs of incidents: hand over with a note, snooze until a moment, resolve and reopen with a reason."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from console.domain.access.permissions import is_same_person
from console.domain.alerts.incidents import Incident
from console.domain.alerts.snooze import find_snooze_ends
from console.views.pages.permission_buttons import bind_worker
from console.views.presenters import incidents as words
from console.views.runtime.context import ActingCall, Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Choice, Edit, Field
from console.views.widgets.notification_bars import Bar


class IncidentDialog(DialogFrame):
    """Base class of the dialogs of incidents: a note, a choice above it in some of them, and one call.

    Signals:
    - acted(object): the call was answered with this Incident.
    """

    acted = Signal(object)
    name = ""
    """The part of the wording keys `dialog.incident_{name}.…`."""
    needs_words = True

    def __init__(self, context: WindowContext, incident: Incident, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate(f"dialog.incident_{self.name}.title"),
            words.about_text(incident, context),
            cancel_text=translate("action.cancel"),
            act_text=translate(f"dialog.incident_{self.name}.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        bind_worker(context, self.act_button)
        self.context, self.incident = context, incident
        self.words_field = Field(translate(f"dialog.incident_{self.name}.words"), area=True)
        if not isinstance(self.words_field.edit, Edit):
            self.words_field.edit.textChanged.connect(self.update_act)
        self.choice = self.make_choice()
        if self.choice is not None:
            self.choice.currentIndexChanged.connect(self.update_act)
        self._show_form()
        self.act_button.clicked.connect(self._act)
        self._act_shortcut = QShortcut(QKeySequence("Ctrl+Return"), self)
        self._act_shortcut.activated.connect(self._act)
        self.update_act()

    def make_choice(self) -> Choice | None:
        """Return the drop-down list above the note; None if the dialog has none."""
        return None

    def first_focus(self) -> QWidget:
        return self.choice or self.words_field.edit

    def _show_form(self, *above: QWidget) -> None:
        content = QWidget()
        parts: Sequence[QWidget] = () if self.choice is None else (self._choice_label(self.choice), self.choice)
        effect = TextLabel(self.context.translate(f"dialog.incident_{self.name}.effect"), "small", "muted", wrap=True)
        content.setLayout(make_column(*above, *parts, self.words_field, effect, gap=8))
        self.show_content(content)

    def _choice_label(self, choice: Choice) -> TextLabel:
        label = TextLabel(self.context.translate(f"dialog.incident_{self.name}.choice"), "small", "muted")
        label.setBuddy(choice)
        return label

    def missing(self) -> str:
        """Return the wording key of what the form lacks; empty if nothing."""
        if self.choice is not None and self.choice.currentIndex() < 0:
            return f"dialog.incident_{self.name}.needs_choice"
        return "dialog.note.needs_words" if self.needs_words and not self.words_field.text().strip() else ""

    @Slot()
    def update_act(self) -> None:
        key = self.missing()
        if key:
            self.disable_act_button(self.context.translate(key))
        else:
            self.enable_act_button(self.context.translate("dialog.enter_cancels"))

    def make_call(self, id: int, note: str) -> ActingCall[Incident]:
        """Return the call that does what the dialog says."""
        raise NotImplementedError  # each dialog overrides it

    def attempt(self) -> tuple[Any, ...]:
        """Return what distinguishes this attempt from another one."""
        return (self.incident.id, self.words_field.text(), self.choice.currentText() if self.choice else "")

    @Slot()
    def _act(self) -> None:
        if self.is_busy or self.missing():
            return
        context = self.context
        self.set_busy(context.translate("dialog.busy"))
        context.run_acting_call(
            self.make_call(self.incident.id, self.words_field.text().strip()),
            self._show_done,
            self._show_failure,
            owner=self,
            label=context.translate(f"dialog.incident_{self.name}.act"),
            describe=self._describe,
            attempt=(f"incident {self.name}", *self.attempt()),
            key=("incident", self.incident.id),
            provider="",
        )

    def _describe(self, _incident: Incident) -> Toast:
        return Toast(self.context.translate(f"dialog.incident_{self.name}.done"))

    def _show_done(self, incident: Incident) -> None:
        self.context.toast_requested.emit(self._describe(incident))
        self.acted.emit(incident)
        self.accept()

    def _show_failure(self, failure: Failure) -> None:
        self.allow_closing(self.context.translate("action.cancel"), "")
        self.act_button.show_text(self.context.translate(f"dialog.incident_{self.name}.act"))
        self._show_form(Bar("", self.context.failure_message(failure), tone="bad", shape="square_bang"))
        self.update_act()


class HandOverIncidentDialog(IncidentDialog):
    """Asks for the new owner and a note. `owners` are the names of the people who may own an incident."""

    name = "hand_over"

    def __init__(self, context: WindowContext, incident: Incident, owners: Sequence[str], parent: QWidget) -> None:
        self._owners = [name for name in owners if not is_same_person(name, incident.owner or "")]
        super().__init__(context, incident, parent)

    def make_choice(self) -> Choice:
        translate = self.context.translate
        choice = Choice(
            translate("dialog.incident_hand_over.choice"), empty=translate("dialog.incident_hand_over.empty")
        )
        choice.addItems(self._owners)
        choice.setCurrentIndex(-1)
        return choice

    def make_call(self, id: int, note: str) -> ActingCall[Incident]:
        owner = self._owners[self.choice.currentIndex()] if self.choice else ""
        return lambda services, request_id: services.incidents.hand_over(id, owner, note, request_id=request_id)


class SnoozeDialog(IncidentDialog):
    """Asks until when the incident is put aside, with an optional note."""

    name = "snooze"
    needs_words = False

    def make_choice(self) -> Choice:
        context = self.context
        self._ends: Sequence[tuple[str, datetime]] = find_snooze_ends(context.now())
        choice = Choice(context.translate("dialog.incident_snooze.choice"))
        choice.addItems([context.translate(f"dialog.incident_snooze.{key}", at=at) for key, at in self._ends])
        choice.setCurrentIndex(0)
        return choice

    def make_call(self, id: int, note: str) -> ActingCall[Incident]:
        until = self._ends[self.choice.currentIndex() if self.choice else 0][1]
        return lambda services, request_id: services.incidents.snooze(id, until, note, request_id=request_id)


class ResolveIncidentDialog(IncidentDialog):
    """Asks why nothing more has to be done."""

    name = "resolve"

    def make_call(self, id: int, note: str) -> ActingCall[Incident]:
        return lambda services, request_id: services.incidents.resolve(id, note, request_id=request_id)


class ReopenIncidentDialog(IncidentDialog):
    """Asks why the incident is opened again."""

    name = "reopen"

    def make_call(self, id: int, note: str) -> ActingCall[Incident]:
        return lambda services, request_id: services.incidents.reopen(id, note, request_id=request_id)


DIALOGS: dict[str, Callable[[WindowContext, Incident, QWidget], IncidentDialog]] = {
    "snooze": SnoozeDialog,
    "resolve": ResolveIncidentDialog,
    "reopen": ReopenIncidentDialog,
}
