"""The two buttons with which a person gives back a taken record or an owned incident, or hands it over to a
colleague with a note."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QApplication, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.alerts.incidents import INCIDENT_KIND, Incident
from console.domain.recovery.left_open import LeftOpen, LeftOpenReason
from console.domain.tasks.records import Take
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.presenters.takes import make_give_back_toast
from console.views.records.collaboration_actions import SHORTCUT_BY_OWN_TAKE_ACTION
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.widgets.base import make_row
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel

if TYPE_CHECKING:
    from console.app import Console

_SubjectRef = tuple[str, int]
"""Kind and id of a record or an incident."""


class OwnTakeButtons(QWidget):
    """Two buttons about the selected row of a list: one gives the record or incident back, the other hands it over
    with a note. They are enabled if the acting person has taken the row's record or owns its incident; otherwise a
    label beside them shows the reason. If the service refuses an action, this widget calls `show_refusal` with the
    text that names the record or incident and with the failure. `name_subject(kind, id)` returns the text that names
    a record or incident in messages.

    Signals:
    - take_ended: the person has given the record or incident back, or handed it over.
    """

    take_ended = Signal()

    def __init__(
        self,
        context: WindowContext,
        show_refusal: Callable[[str, Failure], None],
        name_subject: Callable[[str, str], str],
    ) -> None:
        super().__init__()
        self._context, self._show_refusal, self._name_subject = context, show_refusal, name_subject
        self._taken_subject: _SubjectRef | None = None
        self.give_back_button, self.hand_over_button = (
            block_button_while_read_only(
                context, KeyButton(context.translate(f"action.{name}"), key, kind="tool"), "take"
            )
            for name, key in SHORTCUT_BY_OWN_TAKE_ACTION.items()
        )
        for button in (self.give_back_button, self.hand_over_button):
            button.acts_on_double_click = False  # the second click would act on the next row
        self.give_back_button.clicked.connect(self._give_back_subject)
        self.hand_over_button.clicked.connect(self._open_hand_over_dialog)
        reason = ReasonLabel(self.give_back_button, self)
        self.setLayout(make_row(self.give_back_button, self.hand_over_button, reason, None))

    def update_for_row(self, row: object) -> None:
        """Enable the buttons if the acting person has taken the record, or owns the incident, of `row`, the
        selected row; otherwise disable them. None means that no row is selected."""
        self._taken_subject = _find_taken_subject(row, self._context.operator or "")
        for button in (self.give_back_button, self.hand_over_button):
            if self._taken_subject is None:
                button.disable_with_reason(self._context.translate("reason.not_your_take"))
            else:
                button.enable_button()

    @Slot()
    def _give_back_subject(self) -> None:
        """End the person's take of the selected record, or the ownership of the selected incident."""
        if self._taken_subject is None:
            return
        context, (kind, id) = self._context, self._taken_subject
        is_incident = kind == INCIDENT_KIND
        make_toast = partial(self._make_give_back_toast, kind, id)
        title = self._name_subject(kind, str(id))

        def give_back(services: "Console", request_id: str) -> bool:
            if not is_incident:
                return services.recovery.give_up_take(kind, id, request_id=request_id)
            return services.incidents.release(id, request_id=request_id).owner is None

        context.run_acting_call(
            give_back,
            partial(self._show_give_back_toast, make_toast),
            partial(self._show_refusal, title),
            caller=self,
            label=context.translate("act.about", title=title, message=context.translate("action.give_back")),
            make_toast=make_toast,
            attempt=("release" if is_incident else "give up", kind, id),
            key=(kind, id),
            provider="",
        )

    def _make_give_back_toast(self, kind: str, id: int, was_taken: bool) -> Toast:
        route = None if kind == INCIDENT_KIND else make_route_to_record(kind, id)
        return make_give_back_toast(self._context, self._name_subject(kind, str(id)), route, was_taken=was_taken)

    def _show_give_back_toast(self, make_toast: Callable[[bool], Toast], was_taken: bool) -> None:
        self._context.toast_requested.emit(make_toast(was_taken))
        self.take_ended.emit()

    @Slot()
    def _open_hand_over_dialog(self) -> None:
        if self._taken_subject is None:
            return
        kind, id = self._taken_subject
        if kind == INCIDENT_KIND:
            self._context.run_read(
                lambda services: (services.incidents.read_incident(id), services.incidents.list_possible_owners()),
                self._open_incident_dialog,
                partial(self._show_refusal, self._name_subject(kind, str(id))),
                caller=self,
            )
        else:
            from console.views.records.note_dialog import HandOverDialog

            self._open_dialog_of_taken_subject(partial(HandOverDialog, self._context, kind, id))

    def _open_incident_dialog(self, incident_and_owners: tuple[Incident, tuple[str, ...]]) -> None:
        """Open the dialog that hands the incident over. `incident_and_owners` is the incident and the names of the
        people who may own it. Do nothing if the person has closed the list or opened another dialog over it
        meanwhile.
        """
        if QApplication.activeModalWidget() is not self.window():
            return
        from console.views.alerts.incident_dialogs import HandOverIncidentDialog

        self._open_dialog_of_taken_subject(partial(HandOverIncidentDialog, self._context, *incident_and_owners))

    def _open_dialog_of_taken_subject(self, make_dialog: Callable[[QWidget], Any]) -> None:
        """Open the dialog of the record or incident of the selected row. `make_dialog` gets the parent window and
        returns this dialog. Emit `take_ended` after the action of the dialog has succeeded."""
        dialog = make_dialog(self.window())
        dialog.answered.connect(self.take_ended)
        dialog.open()


def _find_taken_subject(row: object, operator: str) -> _SubjectRef | None:
    """Return kind and id of the record that `row` is about, if the person with the name `operator` has taken it, or
    of its incident, if this person owns it. Return None for any other row."""
    if isinstance(row, Take) and is_same_person(row.person, operator):
        return row.kind, row.subject_id
    if isinstance(row, LeftOpen) and row.reason in (LeftOpenReason.TAKEN, LeftOpenReason.INCIDENT):
        return row.kind, int(row.id)
    return None
