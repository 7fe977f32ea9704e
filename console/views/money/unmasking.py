"""Shows the payer of a record, and the stored answers that name the payer, without masks for a short time. It
contains the dialog in which the person types the reason, and the object by which a page masks the texts again."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.payments.unmasking import UNMASKED_SECONDS, UnmaskedTexts
from console.views.pages.base import Page
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.form_dialog import FormDialog
from console.views.runtime.announcer import announce
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import MultiLineField
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording import audit_words

_UNMASKED_BAR_NAME = "unmasked"


class UnmaskDialog(FormDialog):
    """The dialog in which a person types the reason for reading the payer of a payment or refund without the mask.
    The typed reason is kept as a draft until the service has stored it. Drafts are encrypted, because they may name
    payers."""

    right_name = "unmask"

    def __init__(self, context: WindowContext, kind: str, id: int, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            context,
            translate("dialog.unmask.title"),
            translate("dialog.unmask.subtitle", seconds=UNMASKED_SECONDS),
            parent,
            main_button_text=translate("dialog.unmask.act"),
        )
        self._kind, self._id = kind, id
        self.reason_text_field = MultiLineField(translate("dialog.unmask.words"), translate)
        self.reason_text_field.edit.textChanged.connect(self.update_submit_button)
        draft_title = audit_words.format_record_reference(kind, id, context.language)
        self._draft = DialogDraft(
            context, self, f"unmask-{kind}", str(id), draft_title, lambda: {"words": self.reason_text_field}
        )
        self._draft.read_title(kind, id)
        self.show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self.update_submit_button()

    def find_first_focus(self) -> QWidget:
        return self.reason_text_field.edit

    def list_inputs(self) -> Sequence[QWidget]:
        return (self.reason_text_field,)

    def find_form_problem(self) -> str:
        return "" if self.reason_text_field.text().strip() else "dialog.unmask.needs_words"

    def send_form(self) -> None:
        kind, id, words = self._kind, self._id, self.reason_text_field.text()
        self.send_call(
            lambda services, request_id: services.recovery.unmask(kind, id, words, request_id=request_id),
            label=self.context.translate(
                "act.about", title=self._draft.title, message=self.context.translate("action.unmask")
            ),
            attempt=("unmask", kind, id, words),
            key=(kind, id),
        )

    def make_answer_toast(self, answer: Any) -> Toast:  # the service returns nothing that the toast could add
        route = make_route_to_record(self._kind, self._id)
        return Toast(self.context.translate("dialog.unmask.stored"), route=route, subject_title=self._draft.title)

    def show_answer(self, answer: Any) -> None:
        """Delete the draft, because the reason is stored, then show the toast and close the dialog."""
        self._draft.delete()
        super().show_answer(answer)


class PayerUnmasking(QObject):
    """Holds in `texts` the unmasked texts of the record that a page shows, until their time limit
    (`UnmaskedTexts.seconds_left`) has passed, or until the page is hidden: by the lock, by another page, or with the
    window. While everything is masked, `texts` is None.

    Signals:
    - changed: `texts` has a new value, so the page must show its payer and answers again.
    """

    changed = Signal()

    def __init__(self, context: WindowContext, page: Page) -> None:
        super().__init__(page)
        self._context, self._page = context, page
        self.texts: UnmaskedTexts | None = None
        """The unmasked texts; None while everything is masked."""
        self._requested_record: tuple[str, int] | None = None
        self._requested_title = ""
        self._mask_timer = QTimer(self)
        self._mask_timer.setSingleShot(True)
        self._mask_timer.setTimerType(Qt.TimerType.PreciseTimer)  # a coarse one may end a little later
        self._mask_timer.timeout.connect(self.mask_texts)
        context.person_changed.connect(self.mask_texts)

    @property
    def unmasked_answer_by_evidence_id(self) -> Mapping[int, str]:
        """The unmasked answers by the id of the evidence; empty while everything is masked."""
        return self.texts.answers if self.texts is not None else {}

    def open_dialog(self, kind: str, id: int, record_title: str) -> None:
        """Open the dialog that asks the person for the reason. After the service has stored the reason, read the
        texts and show them without masks. `kind` and `id` name the payment or refund, and `record_title` is its title
        in messages."""
        self._requested_record, self._requested_title = (kind, id), record_title
        dialog = UnmaskDialog(self._context, kind, id, self._page.window())
        dialog.answered.connect(self._read_texts)
        dialog.open()

    @Slot()
    def _read_texts(self) -> None:
        if self._requested_record is None:
            return
        kind, id = requested_record = self._requested_record
        title = self._requested_title
        self._context.run_read(
            lambda services: services.recovery.read_unmasked(kind, id),
            lambda texts: self._show_texts(requested_record, texts),
            partial(self._show_failure, title),
            caller=self,
            key=("unmasked", kind, id),
        )

    def _show_texts(self, record: tuple[str, int], texts: UnmaskedTexts | None) -> None:
        """Show the unmasked texts until their time limit has passed. Do nothing if the service returned no texts
        (None), if the page has been hidden, or if the page shows another record than `record` (kind, id)."""
        if texts is None or record != self._requested_record or not self._page.isVisible():
            return
        self.texts = texts
        self._mask_timer.start(round(texts.seconds_left * 1000))
        context = self._context
        mask_button = KeyButton(context.translate("action.mask"), kind="inline")
        mask_button.clicked.connect(self.mask_texts)
        sentence = context.translate("record.unmasked", until=context.now() + timedelta(seconds=texts.seconds_left))
        lead = context.translate("record.unmasked_lead")
        self._page.show_bar(
            _UNMASKED_BAR_NAME, NotificationBar(lead, sentence, tone="care", icon_name="lock", button=mask_button)
        )
        self.changed.emit()

    def _show_failure(self, record_title: str, failure: Failure) -> None:
        context = self._context
        sentence, message = context.translate("act.refused"), context.format_failure(failure)
        context.show_toast(sentence, message, icon_name="square_bang", tone="bad", subject_title=record_title)

    @Slot()
    def mask_texts(self) -> None:
        """Mask the texts again, and discard a request for unmasked texts that is still running."""
        self._mask_timer.stop()
        self._requested_record = None
        if self.texts is None:
            return
        self.texts = None
        self._page.hide_bar(_UNMASKED_BAR_NAME)
        if self._page.isVisible():
            announce(self._page, self._context.translate("record.masked_again"))
        self.changed.emit()
