"""The dialog in which a person records that the payer of a payment got an amount back other than through the
gateway. A second person must state the same amount and day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from PySide6.QtWidgets import QWidget

from console.domain.calendar_days import parse_typed_day
from console.domain.money import InvalidAmountText, parse_typed_money
from console.domain.payments.outside_refunds import OutsideRefund, is_possible_day
from console.domain.payments.records import Payment
from console.domain.payments.states import DONE_OUTSIDE, RECORD_OUTSIDE_ACTION
from console.domain.recovery.decision_reasons import (
    LONGEST_DECISION_REASON_CHARACTERS,
    DecisionReason,
    StatedReason,
)
from console.domain.recovery.records import DecisionChoice
from console.views.presenters import records as case_words
from console.views.records.evidence_dialog import EvidenceDialog
from console.views.records.evidence_wizard import FILE_EVIDENCE, NUMBER_EVIDENCE, TEXT_EVIDENCE, EvidenceForm
from console.views.runtime.context import WindowContext
from console.views.widgets.controls.inputs import Field, LineEdit, RadioButton
from console.wording.sentences import catalogue as wording
from console.wording.sentences.formats import join_facts

_INPUT_WIDTH_PX = 220


class OutsideRefundForm(EvidenceForm):
    """The form for a refund of `payment` that was done outside: the evidence (a file or a text), the amount and the
    day, and the reason. It always needs two people. The reason begins with the amount and the day, because the second
    person reads it in the list of decisions."""

    preselected_reason_by_evidence_kind = {FILE_EVIDENCE: DecisionReason.BANK_STATEMENT}

    def __init__(self, context: WindowContext, payment: Payment) -> None:
        translate = context.translate
        self._payment = payment
        super().__init__(
            context,
            None,
            Field(""),
            {name: RadioButton(translate(f"dialog.outside.by_{name}")) for name in (FILE_EVIDENCE, TEXT_EVIDENCE)},
            {DONE_OUTSIDE: RadioButton(translate("dialog.outside.outcome"))},
        )
        # No id of the provider is needed, so its field is never shown.
        self._input_by_evidence_kind[NUMBER_EVIDENCE].setParent(self)
        if isinstance(self.reason_text_field.edit, LineEdit):
            longest_beginning = self._format_reason_beginning(OutsideRefund(payment.captured_minor, date.max))
            self.reason_text_field.edit.setMaxLength(LONGEST_DECISION_REASON_CHARACTERS - len(longest_beginning))
        for field in (self.amount_field, self.day_field):
            field.edit.textChanged.connect(self._update_result_buttons)
        self._update_result_buttons()

    def _make_widgets_below_outcome(self, name: str) -> tuple[QWidget, ...]:
        translate = self._context.translate
        currency = self._payment.currency
        self.amount_field = Field(
            translate("dialog.outside.amount", currency=translate(f"currency.{currency}")),
            role="data",
            is_right_aligned=True,
            currency_symbol=wording.get_currency_symbol(currency),
        )
        self.day_field = Field(translate("dialog.outside.day"), role="data")
        for field in (self.amount_field, self.day_field):
            field.setMaximumWidth(_INPUT_WIDTH_PX)
        return (self.amount_field, self.day_field)

    @property
    def outside_refund(self) -> OutsideRefund | None:
        """The amount and the day that the person has typed. None if one of them is missing or has no valid form, if
        the day is in the future or before the payment, or if the amount is more than can be refunded."""
        try:
            amount = parse_typed_money(self.amount_field.text(), self._payment.currency)
            day = parse_typed_day(self.day_field.text())
        except (InvalidAmountText, ValueError):
            return None
        is_possible = 0 < amount.minor <= self._payment.requestable_minor
        has_possible_day = is_possible_day(day, self._payment, self._context.get_day_in_japan())
        return OutsideRefund(amount.minor, day) if is_possible and has_possible_day else None

    @property
    def stated_reason(self) -> StatedReason | None:
        reason, refund = super().stated_reason, self.outside_refund
        if reason is None or refund is None:
            return reason
        words = f"{self._format_reason_beginning(refund)}{reason.words}"
        return replace(reason, words=words[:LONGEST_DECISION_REASON_CHARACTERS])

    def _format_reason_beginning(self, refund: OutsideRefund) -> str:
        """Return the text of the amount and the day with which the reason begins."""
        translate = self._context.translate
        amount_text = wording.format_amount(refund.amount_minor, self._payment.currency)
        facts = join_facts((amount_text, refund.day.isoformat()), translate)
        return facts + translate("list.fact_separator")

    @property
    def id_at_provider(self) -> str | None:
        """The stated amount and day, which the decision stores in the place of the provider's id; None if they are
        missing or wrong."""
        return None if self.outside_refund is None else self.outside_refund.format_statement()

    def format_outcome(self) -> str:
        """Return the text of the only result with the amount and the day that the person has typed."""
        outcome, refund = super().format_outcome(), self.outside_refund
        if refund is None:
            return outcome
        amount_text = wording.format_amount(refund.amount_minor, self._payment.currency)
        return join_facts((outcome, amount_text, refund.day.isoformat()), self._context.translate)

    def get_draft_inputs(self) -> dict[str, QWidget]:
        return {**super().get_draft_inputs(), "amount": self.amount_field, "day": self.day_field}

    def find_disabled_reason(self) -> str:
        largest = wording.format_amount(self._payment.requestable_minor, self._payment.currency)
        needs_statement = self._context.translate("dialog.outside.needs_statement", largest=largest)
        return super().find_disabled_reason() or ("" if self.outside_refund is not None else needs_statement)

    def store_decision_choices(self, choices: Sequence[DecisionChoice]) -> None:
        """Store the choice to record a refund done outside, under the name of the form's only result."""
        super().store_decision_choices(
            [
                replace(choice, name=f"resolve.{DONE_OUTSIDE}")
                for choice in choices
                if choice.name == RECORD_OUTSIDE_ACTION
            ]
        )

    def _show_effect(self) -> None:
        translate = self._context.translate
        for field in (self.amount_field, self.day_field):
            field.setVisible(bool(self.outcome))
        self.effect_label.show_text(
            translate("dialog.outside.effect" if self.outcome else "dialog.resolve.no_effect")
        )
        self.second_person_label.show_text(self._format_second_person_text(""))

    def _show_dry_run(self) -> None:
        """Show the refundable amount before and after. The service has computed the effect for the largest amount.
        The person may have typed a smaller one, which leaves the order unchanged."""
        super()._show_dry_run()
        before_minor, refund = self._payment.refundable_minor, self.outside_refund
        self.money_effect_label.setVisible(refund is not None)
        if refund is None or refund.amount_minor != self._payment.requestable_minor:
            self.order_effect_label.hide()
        if refund is not None:
            text_before, text_after = (
                wording.format_amount(minor, self._payment.currency)
                for minor in (before_minor, before_minor - refund.amount_minor)
            )
            self.money_effect_label.show_text(
                self._context.translate("dialog.resolve.effect_refundable", before=text_before, after=text_after)
            )

    @property
    def needs_second_person(self) -> bool:
        return bool(self.outcome)


class OutsideRefundDialog(EvidenceDialog[OutsideRefundForm]):
    """The dialog in which a person records a refund of `payment` that was done outside (see OutsideRefundForm). After
    the service has stored or refused the record, the person can only close the dialog."""

    draft_kind = RECORD_OUTSIDE_ACTION

    def __init__(self, context: WindowContext, payment: Payment, parent: QWidget) -> None:
        self._record_title = case_words.format_record_title(payment, context)
        super().__init__(
            context,
            payment,
            OutsideRefundForm(context, payment),
            parent,
            title=context.translate("dialog.outside.title", title=self._record_title),
            subtitle=context.translate("dialog.outside.subtitle"),
            draft_title=self._record_title,
            call_label=context.translate("act.outside_refund", title=self._record_title),
            provider="",
        )

    def _show_final_content(self, title: str, content: QWidget) -> None:
        subtitle = "" if self._record_title in title else self._record_title
        self.show_outcome(title, subtitle, content, close_text=self._context.translate("action.close"))
