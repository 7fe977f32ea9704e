"""The base class of the dialogs in which a person resolves an unknown outcome by evidence, for records of every
kind."""

from abc import abstractmethod
from typing import Generic, TypeAlias, TypeVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck, Operation
from console.domain.views.any_record import ResolveResult
from console.views.pages.dialog_badges import make_badge_row
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.pages.withdrawal import is_request_withdrawn, make_withdrawn_bar
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.records.evidence_wizard import EvidenceForm, read_decision_choices
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import make_column
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar

DecidedRecord: TypeAlias = CreditCheck | Payment | Refund | Operation
FormT = TypeVar("FormT", bound=EvidenceForm)


class EvidenceDialog(DialogFrame, Generic[FormT]):
    """Base class of the dialogs with an EvidenceForm, in which a person resolves an unknown outcome. The person
    must give evidence before choosing a result. If the record has changed since the dialog was opened, the
    service refuses the decision.
    """

    draft_kind = "resolve"
    """Name of the dialog in the names of its drafts: the name of the action that opens it."""

    def __init__(
        self,
        context: WindowContext,
        record: DecidedRecord,
        form: FormT,
        parent: QWidget,
        *,
        title: str,
        subtitle: str,
        draft_title: str,
        call_label: str,
        provider: str,
    ) -> None:
        """`draft_title` is the name of the record in lists of drafts (see `format_draft_title`). `call_label` is the
        name of the decision in messages. `provider` is the name of the provider that the service calls during the
        decision; "" if it calls none."""
        translate = context.translate
        super().__init__(
            title,
            subtitle,
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.resolve.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        block_button_while_read_only(context, self.main_button, "resolve")
        self._context, self._record, self.form = context, record, form
        self._call_label, self._provider = call_label, provider
        self.last_input = form.reason_text_field.edit
        self.form.changed.connect(self._update_main_button)
        kind, id = case_words.get_subject_kind_and_id(record)
        self._draft = DialogDraft(
            context, self, f"{self.draft_kind}-{kind}", str(id), draft_title, form.get_draft_inputs
        )
        body: QWidget = form
        if self._draft.bar is not None:
            body = QWidget()
            body.setLayout(make_column(self._draft.bar, form, gap_px=12))
        self.show_content(self._make_content_with_badges(record, body, is_body_first=False))
        self.main_button.clicked.connect(self._send_decision)
        self.main_button.show_key("Ctrl+Enter")
        self.too_early_text = translate("dialog.too_early")
        if not isinstance(record, Operation):
            read_decision_choices(context, self.form, *case_words.make_record_ref(record))
        self._update_main_button()

    def find_first_focus(self) -> QWidget:
        """Return the radio button of the first kind of evidence that the person can select. If there is none, return
        the Cancel button, because the person can send nothing without evidence."""
        return next((radio for radio in self.form.kind_buttons.values() if radio.isEnabled()), self.cancel_button)

    def find_missing_input(self) -> QWidget | None:
        return self.form.find_missing_input()

    def _make_content_with_badges(
        self, record: object, body: QWidget, *, is_body_first: bool = True, awaits_second_person: bool = False
    ) -> QWidget:
        """Return a widget that contains `body` and the badges of the record. If `is_body_first` is True, `body` is
        above the badges, otherwise below them. For a record without badges, such as an operation, the widget contains
        only `body`. If `awaits_second_person` is True, the badges show that a second person must confirm the outcome.
        """
        badge_rows = (
            [make_badge_row(self._context, record, is_second_person_awaited=awaits_second_person)]
            if isinstance(record, CreditCheck | Payment | Refund)
            else []
        )
        content = QWidget()
        content.setLayout(make_column(*((body, *badge_rows) if is_body_first else (*badge_rows, body)), gap_px=12))
        return content

    def _get_main_button_wording_key(self) -> str:
        """Return the wording key of the main button's text, which says whether the decision takes effect now or
        waits for a second person."""
        if not self.form.needs_second_person:
            return "dialog.resolve.act_now"
        return "dialog.resolve.act_second" if self.form.is_acting_person_second else "dialog.resolve.act"

    def _get_main_button_hint_key(self) -> str:
        """Return the wording key of the hint that the dialog shows next to the main button while the button is
        enabled; "" for no hint."""
        return "dialog.resolve.nothing_yet" if self._get_main_button_wording_key() == "dialog.resolve.act" else ""

    @abstractmethod
    def _show_final_content(self, title: str, content: QWidget) -> None:
        """Replace the form by the final content of the dialog, after the service has stored or refused the
        decision."""

    @Slot()
    def _update_main_button(self) -> None:
        """Set the text of the main button for the selected result, and enable the button if the form is complete;
        otherwise disable it and show the reason."""
        translate, disabled_reason = self._context.translate, self.form.find_disabled_reason()
        self.main_button.show_text(translate(self._get_main_button_wording_key()))
        if disabled_reason:
            self.disable_main_button(disabled_reason)
        else:
            hint_key = self._get_main_button_hint_key()
            self.enable_main_button(translate(hint_key) if hint_key else "")

    @Slot()
    def _send_decision(self) -> None:
        if self.is_busy:
            return
        context, record, form = self._context, self._record, self.form
        kind, id = record_ref = case_words.get_subject_kind_and_id(record)
        expected_version = None if isinstance(record, Operation) else record.version
        outcome, evidence, id_at_provider = form.outcome, form.get_evidence(), form.id_at_provider
        stated_reason = form.stated_reason
        outcome_word = form.format_outcome()
        self.set_busy(context.translate("dialog.resolve.busy"))
        form.setEnabled(False)
        context.run_acting_call(
            lambda services, request_id: services.recovery.resolve(
                kind, id, outcome, evidence, id_at_provider, expected_version, stated_reason, request_id=request_id
            ),
            lambda result: self._show_result(result, outcome_word),
            self._show_failure,
            caller=self,
            label=self._call_label,
            make_toast=lambda result: _make_decision_toast(context, result, outcome_word),
            attempt=("resolve", kind, id, outcome, evidence, id_at_provider, expected_version, stated_reason),
            key=record_ref,
            provider=self._provider,
        )

    def _show_result(self, result: ResolveResult, outcome_word: str) -> None:
        """Show the end of the decision. `outcome_word` is the text of the outcome that the person has selected."""
        self._draft.delete()
        context = self._context
        toast = _make_decision_toast(context, result, outcome_word)
        bar = NotificationBar("", toast.detail, tone=toast.tone, icon_name=toast.icon_name)
        record_title = case_words.format_subject_title(result.record, context)
        self._show_final_content(
            context.translate("dialog.resolve.awaiting_record", title=record_title, outcome=outcome_word)
            if result.awaiting
            else toast.message,
            self._make_content_with_badges(result.record, bar, awaits_second_person=result.awaiting is not None),
        )

    def _show_failure(self, failure: Failure) -> None:
        self._draft.stop_storing()
        if is_request_withdrawn(failure):
            bar = make_withdrawn_bar(self._context, failure)
            self._show_final_content(
                self._context.translate("dialog.withdraw.done"), self._make_content_with_badges(None, bar)
            )
            return
        title = self._context.format_failure_title(failure)
        if failure.code == ErrorCode.STALE_VIEW:
            title = self._context.translate("dialog.stale.title")
        self._show_final_content(
            title,
            self._make_content_with_badges(failure.detail.get("record"), self._make_failure_bar(failure)),
        )

    def _make_failure_bar(self, failure: Failure) -> NotificationBar:
        return make_failure_bar(failure, self._context.format_failure(failure))


def _make_decision_toast(context: WindowContext, result: ResolveResult, outcome_word: str) -> Toast:
    """Return the toast about a decision. `outcome_word` is the text of the outcome that the person has selected; the
    toast has it while a second person, whom the toast names, must still confirm it."""
    route = None if isinstance(result.record, Operation) else case_words.make_record_route(result.record)
    if result.awaiting:
        title_and_detail = (
            context.translate("dialog.resolve.awaiting_title", outcome=outcome_word),
            context.translate(
                "dialog.resolve.awaiting", people=context.list_other_people_with_right("resolve_second")
            ),
        )
        return Toast(
            *title_and_detail,
            "hourglass",
            "progress",
            route,
            subject_title=case_words.format_subject_title(result.record, context),
        )
    detail = _format_decision(context, result.record)
    return Toast(context.translate("dialog.resolve.done_title"), detail, route=route, subject_title="")


def _format_decision(context: WindowContext, record: CreditCheck | Order | Payment | Refund | Operation) -> str:
    """Return the sentence about a settled record: its title and its new state, and for a credit check the decided
    outcome and the number that AlarmBox gave to the purchase."""
    if isinstance(record, Operation):
        return context.translate("dialog.resolve.settled_operation", operation=record.id, state=record.state.value)
    is_check = isinstance(record, CreditCheck)
    key = f"credit_check.{record.state}" if is_check else case_words.get_state_badge_key(record)
    state_word = record_words.make_state_cell(key, context.language).word
    provider_number = record.credit_check_id if isinstance(record, CreditCheck) else None
    title = case_words.format_record_title(record, context)
    return context.translate("dialog.resolve.settled", title=title, state=state_word, number=provider_number)
