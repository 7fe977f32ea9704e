"""The dialogs in which a person writes a note on a record, or hands the record over with a note."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.form_dialog import FormDialog
from console.views.presenters.takes import make_give_back_toast
from console.views.records.mention_completion import MentionCompletion
from console.views.runtime.context import ActingCall, Toast, WindowContext
from console.views.runtime.routes import make_route_to_record
from console.views.widgets.controls.inputs import LineEdit, MultiLineField
from console.wording import audit_words
from console.wording.sentences import catalogue as wording


class NoteDialog(FormDialog):
    """The dialog in which a person writes a note on a record. Its subtitle names the record: over a list, another
    record may have become the current one meanwhile. The dialog stores the typed text as a draft until the note is
    stored."""

    right_name = "note"
    name = "note"
    """The first word of the kind of this dialog's draft, and the part `{name}` of the dialog's wording keys
    `dialog.{name}.…`.
    """

    def __init__(self, context: WindowContext, kind: str, id: int, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            context,
            translate(f"dialog.{self.name}.title"),
            self._format_subtitle(context, audit_words.format_record_reference(kind, id, context.language)),
            parent,
            main_button_text=translate(f"dialog.{self.name}.act"),
        )
        self._kind, self._id = kind, id
        self._sent_text = ""
        """The text of the last call. The answer may come after the field was deleted, because a dialog that waits for
        long can be closed."""
        self.note_field = MultiLineField(translate("dialog.note.words"), translate)
        if not isinstance(self.note_field.edit, LineEdit):
            self.note_field.edit.textChanged.connect(self.update_submit_button)
            self.mention_completion = MentionCompletion(context, self.note_field)
        draft_title, draft_kind = (
            audit_words.format_record_reference(kind, id, context.language),
            f"{self.name}-{kind}",
        )
        self._draft = DialogDraft(context, self, draft_kind, str(id), draft_title, lambda: {"words": self.note_field})
        self._draft.title_read.connect(self._show_record_name)
        self._draft.read_title(kind, id)
        self.show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self.update_submit_button()

    def _format_subtitle(self, context: WindowContext, record_name: str) -> str:
        """Return the name of the record, and the sentence about the effect of this dialog."""
        return wording.join_facts((record_name, context.translate(f"dialog.{self.name}.subtitle")), context.translate)

    @Slot(str)
    def _show_record_name(self, record_name: str) -> None:
        self.show_title(self.windowTitle(), self._format_subtitle(self.context, record_name))
        self.fit_size()

    def find_first_focus(self) -> QWidget:
        return self.note_field.edit

    def list_inputs(self) -> Sequence[QWidget]:
        return (self.note_field,)

    def find_form_problem(self) -> str:
        return "" if self.note_field.text().strip() else "dialog.note.needs_words"

    def send_form(self) -> None:
        kind, id, note_text = self._kind, self._id, self.note_field.text()
        self._sent_text = note_text
        self.send_call(
            self._make_store_call(kind, id, note_text),
            label=self.context.translate(
                "act.about", title=self._draft.title, message=self.context.translate(f"action.{self.name}")
            ),
            attempt=(self.name, kind, id, note_text),
            key=(kind, id),
        )

    def _make_store_call(self, kind: str, id: int, note_text: str) -> ActingCall[Any]:
        """Return the acting call that stores the text `note_text` as a note on the record with this kind and id."""
        return lambda services, request_id: services.recovery.add_note(kind, id, note_text, request_id=request_id)

    def make_answer_toast(self, answer: Any) -> Toast:  # the service returns nothing that the toast could add
        route = make_route_to_record(self._kind, self._id)
        message = self._add_mentioned_people(self.context.translate("dialog.note.kept"))
        return Toast(message, route=route, subject_title=self._draft.title)

    def _add_mentioned_people(self, message: str) -> str:
        """Return the message about the stored note, followed by the names of the people whom the note mentions."""
        people = self.mention_completion.format_mentioned_people(self._sent_text)
        return wording.join_sentences((message, people), self.context.translate)

    def show_answer(self, answer: Any) -> None:
        """Delete the draft, because the note is stored, then show the toast about the service's answer and close the
        dialog.
        """
        self._draft.delete()
        super().show_answer(answer)


class HandOverDialog(NoteDialog):
    """The dialog in which a person ends their own take of a record and leaves a note for the next person."""

    right_name = "take"
    name = "hand_over"

    def _make_store_call(self, kind: str, id: int, note_text: str) -> ActingCall[Any]:
        return lambda services, request_id: services.recovery.hand_over(kind, id, note_text, request_id=request_id)

    def make_answer_toast(self, answer: bool) -> Toast:
        """Return the toast after the hand-over. `answer` is True if the person's take was ended and the note
        stored, False if the person had no take, so that nothing was written."""
        route = make_route_to_record(self._kind, self._id)
        toast = make_give_back_toast(self.context, self._draft.title, route, was_taken=answer)
        return replace(toast, message=self._add_mentioned_people(toast.message)) if answer else toast
