"""The dialog in which a person resolves a payment or refund with an unknown outcome, or the lost operation that
started or sent it. One person can decide if the provider confirms the result; every other decision needs two people.
"""

from typing import TypeAlias

from PySide6.QtWidgets import QWidget

from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import SENDING_STATE_BY_KIND
from console.domain.records import Operation
from console.domain.recovery.decision_reasons import DecisionReason
from console.views.presenters import records as case_words
from console.views.records.evidence_dialog import EvidenceDialog
from console.views.records.evidence_wizard import FILE_EVIDENCE, NUMBER_EVIDENCE, TEXT_EVIDENCE, EvidenceForm
from console.views.runtime.context import WindowContext
from console.views.widgets.controls.inputs import Field, RadioButton
from console.wording.sentences import catalogue as wording

_RESULT_NAMES_BY_RECORD_KIND = {
    "payment": ("completed", "payment_failed", "reversed"),
    "refund": ("completed", "failed"),
}
_RESULT_NAMES_BY_OPERATION_KIND = {**_RESULT_NAMES_BY_RECORD_KIND, "payment": ("completed", "payment_failed")}
"""The results that people can decide about a lost operation, by the kind of its record."""
MoneyRecord: TypeAlias = Payment | Refund | Operation


class ResolveMoneyForm(EvidenceForm):
    """The form in which a person resolves a payment or refund with an unknown outcome. If the person gives as
    evidence the id that the provider gave to the payment or refund, and chooses "completed", the service asks the
    provider to confirm the result, and no second person is needed. Every other decision needs two people. The result
    "completed" of a refund always needs the id that the provider gave to the refund.

    A lost operation (its record isn't in the database) is settled as "completed" only by the provider's confirmation,
    whatever the evidence is. So this result needs neither an id nor a second person.

    `proposer` is the person whose proposed decision waits for a second person; None if no decision waits.
    """

    preselected_reason_by_evidence_kind = {
        TEXT_EVIDENCE: DecisionReason.PROVIDER_REPLY
    }  # a number or file may come from several places

    def __init__(self, context: WindowContext, record: MoneyRecord, proposer: str | None) -> None:
        translate = context.translate
        if isinstance(record, Operation):
            record_kind = record.subject_kind
            result_names = _RESULT_NAMES_BY_OPERATION_KIND[record_kind]
            state_before = SENDING_STATE_BY_KIND[record_kind]
        else:
            record_kind = case_words.get_record_kind(record)
            result_names, state_before = _RESULT_NAMES_BY_RECORD_KIND[record_kind], record.state.value
        provider_id_label = _format_provider_id_label(context, record_kind)
        kind_buttons = {
            name: RadioButton(translate(f"dialog.resolve_money.by_{name}", number=provider_id_label))
            for name in (NUMBER_EVIDENCE, FILE_EVIDENCE, TEXT_EVIDENCE)
        }
        outcome_buttons = {
            name: RadioButton(translate(f"dialog.resolve_money.{record_kind}.{name}")) for name in result_names
        }
        super().__init__(
            context,
            proposer,
            Field(provider_id_label, role="data"),
            kind_buttons,
            outcome_buttons,
        )
        self._record_kind, self._state_before = record_kind, state_before
        self._is_operation = isinstance(record, Operation)
        self.refund_number_field.edit.textChanged.connect(self._update_result_buttons)
        self._update_result_buttons()

    def _make_widgets_below_outcome(self, name: str) -> tuple[QWidget, ...]:
        if name != "completed":
            return ()
        self.refund_number_field = Field(_format_provider_id_label(self._context, "refund"), role="data")
        return (self.refund_number_field,)

    @property
    def _needs_number(self) -> bool:
        """True if the selected result needs the id that the provider gave to the refund, although the person gives a
        different kind of evidence (a file or a text)."""
        is_made_refund = self._record_kind == "refund" and self.outcome == "completed"
        return is_made_refund and not self._is_operation and self.evidence_kind != NUMBER_EVIDENCE

    @property
    def id_at_provider(self) -> str | None:
        """The id that the provider gave to the payment or refund, as the person has typed it. None if the person has
        typed no id. Also None if the selected kind of evidence isn't this id and the selected result doesn't need it.
        """
        number_field = self.refund_number_field if self._needs_number else self.number_field
        id_at_provider = number_field.text().strip()
        return (
            id_at_provider
            if id_at_provider and (self._needs_number or self.evidence_kind == NUMBER_EVIDENCE)
            else None
        )

    def find_disabled_reason(self) -> str:
        is_number_missing = self._needs_number and self.id_at_provider is None
        return super().find_disabled_reason() or (
            self._context.translate("dialog.resolve_money.needs_number") if is_number_missing else ""
        )

    def _format_number_evidence(self) -> str:
        return self._context.translate(
            "dialog.resolve_money.number_statement",
            name=_format_provider_id_label(self._context, self._record_kind),
            number=self.number_field.text().strip(),
        )

    def _find_outcome_disabled_reason(self, name: str) -> str:
        if self._is_second_person_needed(name):
            return self._find_second_person_refusal(name)
        return "" if name == "completed" else self._context.translate("dialog.resolve_money.number_proves")

    def _show_effect(self) -> None:
        translate, outcome = self._context.translate, self.outcome
        self.refund_number_field.setVisible(self._needs_number)
        if not outcome:
            self.effect_label.show_text(translate("dialog.resolve.no_effect"))
            self.second_person_label.show_text("")
            return
        state_before, state_after = (
            translate(f"state.{self._record_kind}.{state}") for state in (self._state_before, outcome)
        )
        self.effect_label.show_text(translate("dialog.resolve_money.effect", before=state_before, after=state_after))
        self.second_person_label.show_text(self._format_second_person_text("dialog.resolve_money.one_person"))

    @property
    def needs_second_person(self) -> bool:
        return bool(self.outcome) and self._is_second_person_needed(self.outcome)

    def _is_second_person_needed(self, outcome_name: str) -> bool:
        """True if a decision for this result by the selected kind of evidence needs two people."""
        is_confirmed_by_provider = self._is_operation and outcome_name == "completed"
        return self.evidence_kind != NUMBER_EVIDENCE and not is_confirmed_by_provider


class ResolveMoneyDialog(EvidenceDialog[ResolveMoneyForm]):
    """The dialog in which a person resolves a payment or refund with an unknown outcome (see ResolveMoneyForm).
    `proposer` is the person whose proposed decision waits for a second person; None if no decision waits. After the
    service has stored or refused the decision, the person can only close the dialog.
    """

    def __init__(self, context: WindowContext, record: MoneyRecord, proposer: str | None, parent: QWidget) -> None:
        self._record_title = _format_dialog_title(context, record)
        super().__init__(
            context,
            record,
            ResolveMoneyForm(context, record, proposer),
            parent,
            title=context.translate("dialog.resolve_money.title", title=self._record_title),
            subtitle=_format_dialog_subtitle(context, record),
            draft_title=self._record_title,
            call_label=context.translate("act.resolve_case", title=self._record_title),
            provider="",
        )

    def _show_final_content(self, title: str, content: QWidget) -> None:
        subtitle = "" if self._record_title in title else self._record_title
        self.show_outcome(title, subtitle, content, close_text=self._context.translate("action.close"))


def _format_provider_id_label(context: WindowContext, record_kind: str) -> str:
    """Return the label of the id that the provider gives to a payment or refund, as on the record's page."""
    return context.translate(f"field.provider_{record_kind}_id")


def _format_dialog_title(context: WindowContext, record: MoneyRecord) -> str:
    """Return the title of the dialog: the title of the record, or for an operation a text with the id of the
    operation."""
    if isinstance(record, Operation):
        return context.translate("operation_screen.named", operation=record.id)
    return case_words.format_record_title(record, context)


def _format_dialog_subtitle(context: WindowContext, record: MoneyRecord) -> str:
    """Return the subtitle of the dialog: company, payment (of a refund), amount, provider and version of the record,
    as far as they are known; for an operation, the name of its action."""
    if isinstance(record, Operation):
        return context.translate(f"operation.{record.action}")
    translate = context.translate
    payment = record.relations.payment if isinstance(record, Refund) and record.relations is not None else None
    return wording.join_facts(
        (
            case_words.format_company_name_and_number(record, context),
            case_words.format_record_title(payment, context) if payment is not None else "",
            case_words.format_record_amount(record),
            case_words.get_record_provider_name(record, context),
            translate("record.side.version", version=record.version),
        ),
        translate,
    )
