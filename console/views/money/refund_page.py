"""The page of one refund: its state, the states of its payment in our database, at the provider and in the order,
amounts, maker, checkers and actions."""

from typing import TYPE_CHECKING

from console.domain.access.permissions import is_same_person
from console.domain.payments.service_results import RefundDetails
from console.domain.payments.states import RefundState
from console.domain.records import Certainty
from console.domain.recovery.decision_rules import is_refund_certainly_unsent
from console.views.money.base_page import MoneyPage, make_fact_list
from console.views.presenters import records as case_words
from console.views.presenters.credit_checks import get_actor_name
from console.views.records.action_bar import COPY_ENQUIRY_ACTION
from console.views.records.page import make_record_key_hints
from console.views.runtime.routes import ApprovalsRoute, PaymentRoute
from console.wording import records as record_texts

if TYPE_CHECKING:
    from console.app import Console


class RefundPage(MoneyPage[RefundDetails]):
    """The page of one refund. A person approves or rejects a refund on the approvals page, to which this page only
    has a link."""

    kind = "refund"
    related_tab_names = ("other_refunds",)
    action_names = ("probe", "resolve", "withdraw", "open_payment", "open_approval", "unmask")
    menu_action_names = (COPY_ENQUIRY_ACTION,)
    key_hints = make_record_key_hints("probe", "resolve", "withdraw")

    def read_details(self, services: "Console", id: int) -> RefundDetails:
        return services.refunds.read_refund(id)

    def get_copied_identifier(self, details: RefundDetails) -> str:
        return details.record.provider_refund_key or str(details.record.id)

    def list_related_records(self, details: RefundDetails) -> frozenset[tuple[str, int]]:
        return frozenset({("payment", details.payment.id)})

    def get_corporation_number(self, details: RefundDetails) -> str:
        return details.payment.corporation_number or super().get_corporation_number(details)

    # -- display

    def fill_header(self, details: RefundDetails) -> None:
        context, record, payment = self.context, details.record, details.payment
        detail = context.translate(
            "case.refund_of",
            amount=case_words.format_record_amount(record),
            number=payment.merchant_payment_id,
            provider=case_words.get_provider_name(payment.provider, context),
        )
        badges = case_words.get_page_badge_keys(details)
        self.head.show_identity(
            self.get_corporation_number(details), details.record.name_in_credit_check or "", detail, badges
        )
        self.show_money_panels(details, payment.provider, self.answers)
        self.answers.setVisible(bool(details.evidence))
        self.tabs.show_details(details, other_refunds=details.earlier)
        self.fill_facts_panel(details)

    def fill_facts_panel(self, details: RefundDetails) -> None:
        record, translate = details.record, self.context.translate
        self.store_unmask_refusal(details.payment.payer)
        facts = make_fact_list(
            (translate("field.reason"), record_texts.format_refund_reason(record, self.context)),
            (translate("field.ticket"), record.ticket),
            (translate("field.maker"), get_actor_name(record.maker, self.context)),
            (
                translate("field.checkers"),
                translate("case.names", names=record.checkers) if record.checkers else None,
            ),
            (translate("field.payer"), self.make_payer_label(details.payment.payer)),
            (translate("field.refund_key"), self.make_copyable_fact("refund_key", record.provider_refund_key)),
            (
                translate("field.provider_refund_id"),
                self.make_copyable_fact("provider_refund_id", record.provider_refund_id),
            ),
            self.make_provider_state_fact(record),
            (translate("field.sent"), self._format_sending_time(details)),
            (translate("field.version"), str(record.version)),
            self.make_taker_fact(details.taken),
        )
        self.show_facts_panel(translate("case.this_refund"), facts, details.notes)

    def _format_sending_time(self, details: RefundDetails) -> str | None:
        """Return the text with the time of the last sending and the number of sendings; None if the refund was
        certainly not sent."""
        record = details.record
        if is_refund_certainly_unsent(record) or record.last_sent_at is None:
            return None
        sending_time = self.format_fact_time(record.last_sent_at, details.payment.provider)
        if record.sent_count == 1:
            return sending_time
        return f"{sending_time}\n{self.context.translate('case.sent_again', n=record.sent_count)}"

    def open_rows_of_money_part(self, part_key: str) -> None:
        """Open the page of the payment, which shows the rows of all parts of the payment's amount."""
        if self.details is not None:
            self.context.navigate(PaymentRoute(self.details.payment.id, (), self.sidebar_key))

    def list_helpful_actions(self, details: RefundDetails) -> tuple[str, ...]:
        """Return the names of the actions that the page offers. If the refund isn't sent yet, the only action is
        "withdraw" for its maker and "open_approval" for other people. Otherwise the list begins with the action of
        the next step in the refund's explanation; further actions that may help follow, such as "probe"."""
        record, advised = details.record, details.explanation.next_step.action
        if record.state in (RefundState.REQUESTED, RefundState.APPROVED) and record.certainty is Certainty.KNOWN:
            is_own = is_same_person(record.maker, self.context.operator or "")
            return ("withdraw",) if is_own else ("open_approval",)
        action_names = (advised, "probe", "resolve" if advised == "probe" else None, "open_payment")
        return tuple(dict.fromkeys(name for name in action_names if name is not None))

    # -- actions

    def run_kind_specific_action(self, action_name: str, details: RefundDetails) -> None:
        match action_name:
            case "probe":
                self.action_handlers.probe_record(details.record)
            case "resolve":
                self.action_handlers.open_resolve_dialog(details.record)
            case _ if action_name == COPY_ENQUIRY_ACTION:
                self.action_handlers.copy_enquiry(details.payment, details.record)
            case "withdraw":
                self.action_handlers.open_withdraw_dialog(details)
            case "unmask":
                title = case_words.format_record_title(details.record, self.context)
                self.unmasking.open_dialog(self.kind, details.record.id, title)
            case "open_payment":
                self.context.navigate(PaymentRoute(details.payment.id, (), self.sidebar_key))
            case "open_approval":
                self.context.navigate(ApprovalsRoute(details.record.id))
