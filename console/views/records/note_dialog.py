"""The dialogs in which a person writes a note on a record, or hands the record over with a note."""

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.permission_buttons import bind_worker
from console.views.presenters.takes import given_back_toast
from console.views.runtime.context import ActingCall, Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import make_column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Edit, Field
from console.views.widgets.notification_bars import Bar


class NoteDialog(DialogFrame):
    """The dialog in which a person writes a note on a record. Its field keeps the typed text until the note is
    stored.

    Signals:
    - written(): the note is stored.
    """

    written = Signal()
    name = "note"
    """The word that begins the draft's kind, and the part of the wording keys `dialog.{name}.…`."""

    def __init__(self, context: WindowContext, kind: str, id: int, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate(f"dialog.{self.name}.title"),
            translate(f"dialog.{self.name}.subtitle"),
            cancel_text=translate("action.cancel"),
            act_text=translate(f"dialog.{self.name}.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        bind_worker(context, self.act_button)
        self._context, self._kind, self._id = context, kind, id
        self.words_field = Field(translate("dialog.note.words"), area=True)
        if not isinstance(self.words_field.edit, Edit):
            self.words_field.edit.textChanged.connect(self._update_act)
        title, draft_kind = context.translate("draft.subject", kind=kind, id=id), f"{self.name}-{kind}"
        self._draft = DialogDraft(context, self, draft_kind, str(id), title, lambda: {"words": self.words_field})
        self._show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self.act_button.clicked.connect(self._store_note)
        store = QShortcut(QKeySequence("Ctrl+Return"), self)
        store.activated.connect(self._store_note)
        self._update_act()

    def first_focus(self) -> QWidget:
        return self.words_field.edit

    def _show_form(self, *above: QWidget) -> None:
        content = QWidget()
        content.setLayout(make_column(*above, self.words_field, gap=12))
        self.show_content(content)

    @Slot()
    def _update_act(self) -> None:
        if self.words_field.text().strip():
            self.enable_act_button(self._context.translate("dialog.enter_cancels"))
        else:
            self.disable_act_button(self._context.translate("dialog.note.needs_words"))

    @Slot()
    def _store_note(self) -> None:
        if self.is_busy or not self.words_field.text().strip():
            return
        context, kind, id, words = self._context, self._kind, self._id, self.words_field.text()
        self.set_busy(context.translate("dialog.busy"))
        context.run_acting_call(
            self._make_call(kind, id, words),
            self._show_stored,
            self._show_failure,
            owner=self,
            label=context.translate(f"action.{self.name}"),
            describe=self._describe,
            attempt=(self.name, kind, id, words),
            key=(kind, id),
            provider="",
        )

    def _make_call(self, kind: str, id: int, words: str) -> ActingCall[Any]:
        """Return the call that stores the typed words."""
        return lambda services, request_id: services.recovery.add_note(kind, id, words, request_id=request_id)

    def _describe(self, _answer: Any) -> Toast:
        """Return the message after the call."""
        return Toast(self._context.translate("dialog.note.kept"))

    def _show_stored(self, answer: Any) -> None:
        self._draft.delete()
        self._context.toast_requested.emit(self._describe(answer))
        self.written.emit()
        self.accept()

    def _show_failure(self, failure: Failure) -> None:
        self.allow_closing(self._context.translate("action.cancel"), "")
        self.act_button.show_text(self._context.translate(f"dialog.{self.name}.act"))
        self._show_form(Bar("", self._context.failure_message(failure), tone="bad", shape="square_bang"))
        self._update_act()


class HandOverDialog(NoteDialog):
    """The dialog in which a person ends their own take of a record and leaves a note for the next person."""

    name = "hand_over"

    def _make_call(self, kind: str, id: int, words: str) -> ActingCall[Any]:
        return lambda services, request_id: services.recovery.hand_over(kind, id, words, request_id=request_id)

    def _describe(self, was_taken: bool) -> Toast:
        return given_back_toast(self._context, was_taken=was_taken)
