"""The dialog in which a person resolves a credit check with an unknown outcome by evidence. A second person must
confirm some decisions."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.domain.records import CheckState, CreditCheck, Operation
from console.domain.recovery.decision_reasons import DecisionReason
from console.domain.recovery.decision_rules import is_undecided_check_of_other_application
from console.views.pages.dialog_badges import make_badge_row
from console.views.presenters import credit_check_view as record_facts
from console.views.presenters import credit_checks as words
from console.views.records.evidence_dialog import EvidenceDialog
from console.views.records.evidence_wizard import FILE_EVIDENCE, NUMBER_EVIDENCE, TEXT_EVIDENCE, EvidenceForm
from console.views.runtime.context import ALARMBOX_PROVIDER_NAME, WindowContext
from console.views.runtime.routes import CreditCheckRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.inputs import Field, RadioButton
from console.wording.sentences import catalogue as wording

_FINAL_REFUSAL_ERROR_CODES = frozenset(
    {
        ErrorCode.NOTHING_TO_RESOLVE,
        ErrorCode.ALREADY_DECIDED,
        ErrorCode.SAME_PERSON,
        ErrorCode.NOT_ALLOWED,
        ErrorCode.IN_PROGRESS,
    }
)
"""Error codes of refusals that the person can't overcome by giving other evidence."""


class ResolveForm(EvidenceForm):
    """The form in which a person resolves a credit check with an unknown outcome. The result "bought" needs as
    evidence the number that AlarmBox gave to the purchase; the result "not bought" needs other evidence. `proposer`
    is the person whose proposed decision waits for a second person; None if no decision waits.
    """

    preselected_reason_by_evidence_kind = {
        NUMBER_EVIDENCE: DecisionReason.PROVIDER_SCREEN,
        FILE_EVIDENCE: DecisionReason.PROVIDER_SCREEN,
        TEXT_EVIDENCE: DecisionReason.PROVIDER_REPLY,
    }

    def __init__(self, context: WindowContext, proposer: str | None, record: CreditCheck | Operation) -> None:
        translate = context.translate
        self._state_before = record.state if isinstance(record, CreditCheck) else CheckState.PENDING
        self.is_undecided_check_of_other_application = isinstance(
            record, CreditCheck
        ) and is_undecided_check_of_other_application(record)
        kind_buttons = {
            NUMBER_EVIDENCE: RadioButton(translate("dialog.resolve.by_number")),
            FILE_EVIDENCE: RadioButton(translate("dialog.resolve.by_file")),
            TEXT_EVIDENCE: RadioButton(translate("dialog.resolve.by_text")),
        }
        bought_button, not_bought_button = (
            RadioButton(translate("dialog.resolve.as_success")),
            RadioButton(translate("dialog.resolve.as_error")),
        )
        number_field, outcome_buttons = (
            Field(translate("field.provider_id"), role="data"),
            {"success": bought_button, "error": not_bought_button},
        )
        super().__init__(context, proposer, number_field, kind_buttons, outcome_buttons)
        self.bought_button, self.not_bought_button = bought_button, not_bought_button
        self._update_result_buttons()

    def _make_widgets_below_number(self) -> tuple[QWidget, ...]:
        return (
            TextLabel(self._context.translate("dialog.resolve.by_number_hint"), "small", "muted", wraps_lines=True),
        )

    @property
    def id_at_provider(self) -> int | None:
        digits = self.number_field.text().strip()
        return (
            int(digits) if self.evidence_kind == NUMBER_EVIDENCE and digits.isascii() and digits.isdecimal() else None
        )

    def _format_number_evidence(self) -> str:
        return self._context.translate("dialog.resolve.number_statement", number=self.number_field.text().strip())

    def _has_evidence(self) -> bool:
        return bool(self.id_at_provider) if self.evidence_kind == NUMBER_EVIDENCE else super()._has_evidence()

    def _find_outcome_disabled_reason(self, name: str) -> str:
        is_number_given = self.evidence_kind == NUMBER_EVIDENCE
        if name == "success" and is_number_given:
            return self._find_second_person_refusal(name) if self.is_undecided_check_of_other_application else ""
        if name == "success":
            return self._context.translate("dialog.resolve.needs_number")
        if self._state_before is CheckState.SUCCESS:
            return self._context.translate("reason.outcome_known")
        return (
            self._context.translate("dialog.resolve.number_proves")
            if is_number_given
            else self._find_second_person_refusal(name)
        )

    def _show_effect(self) -> None:
        translate, outcome = self._context.translate, self.outcome
        state_before = translate(f"state.credit_check.{self._state_before}")
        state_after = translate(f"state.credit_check.{outcome or CheckState.PENDING}")
        wording_key_by_outcome = {"success": "dialog.resolve.effect_success", "error": "dialog.resolve.effect_error"}
        if self._state_before is CheckState.SUCCESS:
            wording_key_by_outcome = {"success": "dialog.resolve.effect_number"}
        wording_key = wording_key_by_outcome.get(outcome)
        self.effect_label.show_text(
            translate(wording_key, before=state_before, after=state_after)
            if wording_key
            else translate("dialog.resolve.no_effect")
        )
        self.second_person_label.show_text(self._format_second_person_text("dialog.resolve.one_person"))

    @property
    def needs_second_person(self) -> bool:
        return bool(self.outcome) and (self.outcome == "error" or self.is_undecided_check_of_other_application)


class ResolveDialog(EvidenceDialog[ResolveForm]):
    """The dialog in which a person resolves a credit check with an unknown outcome (see ResolveForm). After most
    refusals the person can correct the inputs and send them again. In these cases the person can only close the
    dialog or, unless it is a lost operation without a record, open the record:

    - The service has refused the decision with a code of _FINAL_REFUSAL_ERROR_CODES.
    - The call has failed, but may have acted.
    - The record has changed since the dialog was opened; the dialog then shows the changed fields.

    `proposer` is the person whose proposed decision waits for a second person; None if no decision waits.
    `is_record_shown` is True if the page behind the dialog is the record's own page: the dialog then offers no button
    that opens the record.
    """

    def __init__(
        self,
        context: WindowContext,
        record: CreditCheck | Operation,
        proposer: str | None,
        parent: QWidget,
        *,
        is_record_shown: bool = False,
    ) -> None:
        self._decided_record, self._is_record_shown = record, is_record_shown
        super().__init__(
            context,
            record,
            ResolveForm(context, proposer, record),
            parent,
            title=_format_dialog_title(context, record),
            subtitle=_format_dialog_subtitle(context, record),
            draft_title=_get_draft_title(context, record),
            call_label=context.translate("act.resolve", id=record.id)
            if isinstance(record, CreditCheck)
            else context.translate("act.resolve_case", title=_get_draft_title(context, record)),
            provider=ALARMBOX_PROVIDER_NAME,
        )

    def _show_failure(self, failure: Failure) -> None:
        if failure.code == ErrorCode.STALE_VIEW:
            self._show_final_content(self._context.translate("dialog.stale.title"), self._make_stale_content(failure))
        elif failure.code in _FINAL_REFUSAL_ERROR_CODES or failure.may_have_acted:
            self._show_final_content(
                self._context.format_failure_title(failure),
                self._make_failure_bar(failure),
            )
        else:
            self._show_form_again(failure)

    def _show_form_again(self, failure: Failure) -> None:
        """Show the refusal above the form, which still has the person's inputs."""
        self.form.setEnabled(True)
        self.allow_acting_again(self._context.translate("action.cancel"))
        content = QWidget()
        content.setLayout(make_column(self._make_failure_bar(failure), self.form, gap_px=12))
        self.show_content(content)
        self._update_main_button()

    def _make_stale_content(self, failure: Failure) -> QWidget:
        """Return the content of the dialog after a refusal because the record has changed: the refusal, the badges
        of the stored record, and its changed fields."""
        context, stored_record = self._context, failure.detail.get("record")
        widgets: list[QWidget] = [self._make_failure_bar(failure)]
        if isinstance(stored_record, CreditCheck) and isinstance(self._decided_record, CreditCheck):
            difference_text = record_facts.format_differences(self._decided_record, stored_record, context)
            widgets += [
                make_badge_row(context, stored_record),
                TextLabel(difference_text or context.translate("record.changed_nothing"), wraps_lines=True),
            ]
        content = QWidget()
        content.setLayout(make_column(*widgets, gap_px=12))
        return content

    def _show_final_content(self, title: str, content: QWidget) -> None:
        translate = self._context.translate
        can_open_record = isinstance(self._decided_record, CreditCheck) and not self._is_record_shown
        self.show_outcome(
            title,
            _format_short_subtitle(self._context, self._decided_record),
            content,
            close_text=translate("action.close"),
            main_button_text=translate("action.open_record") if can_open_record else "",
        )
        if can_open_record:
            self.main_button.clicked.connect(self._open_record)

    @Slot()
    def _open_record(self) -> None:
        self.accept()
        if isinstance(self._decided_record, CreditCheck):
            self._context.navigate(CreditCheckRoute(self._decided_record.id))


def _format_dialog_title(context: WindowContext, record: CreditCheck | Operation) -> str:
    if isinstance(record, CreditCheck):
        return context.translate("dialog.resolve.title", id=record.id)
    return context.translate("dialog.resolve.title_operation", operation=record.id)


def _get_draft_title(context: WindowContext, record: CreditCheck | Operation) -> str:
    """Return the name of the record in lists of drafts, which show a credit check by its corporation number."""
    if isinstance(record, CreditCheck):
        return record.corporation_number
    return context.translate("operation_screen.named", operation=record.id)


def _format_dialog_subtitle(context: WindowContext, record: CreditCheck | Operation) -> str:
    """Return the company and client of the record, and the version about which the person decides."""
    version_text = (
        context.translate("record.side.version", version=record.version) if isinstance(record, CreditCheck) else ""
    )
    return wording.join_facts((_format_short_subtitle(context, record), version_text), context.translate)


def _format_short_subtitle(context: WindowContext, record: CreditCheck | Operation) -> str:
    company = words.get_company_name_of_credit_check(record, context) if isinstance(record, CreditCheck) else ""
    return context.translate(
        "dialog.purchase.subtitle",
        company=company or None,
        number=record.corporation_number,
        client=context.translate("record.client", client=record.client_id),
    )
