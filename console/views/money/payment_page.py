"""The page of one payment: its states in our database, at the provider and in the order, an explanation, amounts,
timeline, refunds and actions."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.explanations.payments import OPEN_ORDER_ACTION, OPEN_REFUND_ACTION
from console.domain.payments.service_results import PaymentDetails
from console.domain.payments.states import PAID_STATES, RECORD_OUTSIDE_ACTION, PaymentState
from console.domain.records import Certainty
from console.views.money.base_page import MoneyPage, make_fact_list
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.presenters import money_view as money_facts
from console.views.presenters import records as case_words
from console.views.records.action_bar import COPY_ENQUIRY_ACTION, SHORTCUT_BY_RECORD_ACTION
from console.views.records.page import make_record_key_hints
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RefundRoute, SetAsidesRoute
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console


class PaymentPage(MoneyPage[PaymentDetails]):
    """The page of one payment. It compares three sides: the payment in our database, the payment at the provider
    (the gateway), and the order."""

    kind = "payment"
    related_tab_names = ("refunds",)
    action_names = ("probe", "refund", "resolve", "move_order", "unmask")
    menu_action_names = (RECORD_OUTSIDE_ACTION, COPY_ENQUIRY_ACTION)
    key_hints = make_record_key_hints(*action_names)

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self._number_label = self.make_copyable_id(translate("money.reference"), role="small", tone="muted")
        probe = KeyButton(translate("action.probe"), "P", "inline", binds_key=False)
        self._probe_button = bind_button_to_right(context, probe, "probe")
        self._probe_button.clicked.connect(self._probe_payment)
        self.bind_shortcut(SHORTCUT_BY_RECORD_ACTION[OPEN_ORDER_ACTION], self._open_refund_or_order)

    def read_details(self, services: "Console", id: int) -> PaymentDetails:
        return services.payments.read_payment(id)

    def get_copied_identifier(self, details: PaymentDetails) -> str:
        return details.record.merchant_payment_id

    def list_related_records(self, details: PaymentDetails) -> frozenset[tuple[str, int]]:
        order = {("order", details.order.id)} if details.order is not None else set()
        return frozenset({("refund", refund.id) for refund in details.refunds} | order)

    # -- display

    def fill_header(self, details: PaymentDetails) -> None:
        context, record = self.context, details.record
        provider = case_words.get_provider_name(record.provider, context)
        badges = case_words.get_page_badge_keys(details)
        self.head.show_identity(
            self.get_corporation_number(details), details.record.name_in_credit_check or "", provider, badges
        )
        self.show_money_panels(details, record.provider, self._number_label, self.answers, self._probe_button)
        self._show_side_links(details)
        self.tabs.show_details(details, refunds=details.refunds)
        self.fill_facts_panel(details)
        self._show_unknown_refund_bar(details)

    def _show_unknown_refund_bar(self, details: PaymentDetails) -> None:
        """Show a bar if a refund of this payment has an unknown outcome, because another refund is possible only
        after that outcome is recorded. Otherwise hide the bar."""
        unknown_refund = next((refund for refund in details.refunds if refund.certainty is Certainty.UNKNOWN), None)
        if unknown_refund is None:
            self.hide_bar("refund")
            return
        context = self.context
        button = KeyButton(context.translate("action.open_refund"), kind="inline")
        button.setProperty("refund", unknown_refund.id)
        button.clicked.connect(self._open_unknown_refund)
        sentence = context.translate("money.refund_unknown", id=unknown_refund.id)
        bar = NotificationBar(
            context.translate("money.blocked_refund"), sentence, tone="unknown", icon_name="lock", button=button
        )
        self.show_state_bar("refund", bar, is_above_contents=True)

    @Slot()
    def _open_unknown_refund(self) -> None:
        self.context.navigate(RefundRoute(int(self.sender().property("refund")), (), self.sidebar_key))

    def _show_side_links(self, details: PaymentDetails) -> None:
        """Show the links and buttons in the panels of the sides. The panel of the provider has the id that the
        provider has given to the payment, and a link to the provider's stored answers. If there are no stored
        answers, it has a probe button in place of the link.
        """
        provider_number = details.record.provider_payment_id
        self._number_label.setVisible(provider_number is not None)
        self._number_label.show_id(
            self.context.translate("money.side.reference", number=_shorten_provider_payment_id(provider_number)),
            provider_number or "",
        )
        has_answer = details.sides[money_facts.GATEWAY_SIDE_INDEX].asked is not None
        self.answers.setVisible(has_answer)
        self._probe_button.setVisible(not has_answer)

    def fill_facts_panel(self, details: PaymentDetails) -> None:
        record, translate = details.record, self.context.translate
        self.store_unmask_refusal(record.payer)
        expires_at = (
            None
            if record.state in PAID_STATES or record.state is PaymentState.REVERSED  # it was paid in time
            else self.format_fact_time(record.expires_at, record.provider)
        )
        facts: list[tuple[str, str | QWidget | None]] = [
            (translate("column.number"), wording.format_corporation_number(record.corporation_number or "")),
            (translate("field.payer"), self.make_payer_label(record.payer)),
            (translate("field.paid_at"), self.format_fact_time(record.paid_at, record.provider)),
            (
                translate("field.merchant_payment_id"),
                self.make_copyable_fact("merchant_payment_id", record.merchant_payment_id),
            ),
            (
                translate("field.provider_payment_id"),
                self.make_copyable_fact("provider_payment_id", record.provider_payment_id),
            ),
            self.make_provider_state_fact(record),
            (translate("field.currency"), record.currency),
            (translate("field.asked"), wording.format_amount(record.asked_minor, record.currency)),
            self.make_taker_fact(details.taken),
        ]
        if expires_at:
            facts.insert(3, (translate("field.expires_at"), expires_at))
        if details.set_asides:
            set_aside_text = money_facts.format_set_asides(details.set_asides, self.context)
            facts.insert(-1, (translate("money.part.set_aside"), set_aside_text))
        self.show_facts_panel(translate("case.this_payment"), make_fact_list(*facts), details.notes)

    def list_helpful_actions(self, details: PaymentDetails) -> tuple[str, ...]:
        return money_facts.list_offered_payment_actions(details)

    # -- actions

    def run_kind_specific_action(self, action_name: str, details: PaymentDetails) -> None:
        match action_name:
            case "probe":
                self.action_handlers.probe_record(details.record)
            case "refund":
                self.action_handlers.open_refund_dialog(details.record.id)
            case _ if action_name == OPEN_REFUND_ACTION:
                self._open_refund_of_next_step(details)
            case _ if action_name == OPEN_ORDER_ACTION:
                self.open_order()
            case "resolve":
                self.action_handlers.open_resolve_dialog(details.record)
            case _ if action_name == COPY_ENQUIRY_ACTION:
                self.action_handlers.copy_enquiry(details.record, None)
            case _ if action_name == RECORD_OUTSIDE_ACTION:
                self.action_handlers.open_outside_refund_dialog(details.record)
            case "move_order":
                self.action_handlers.set_order_paid(details.record)
            case "unmask":
                title = case_words.format_record_title(details.record, self.context)
                self.unmasking.open_dialog(self.kind, details.record.id, title)

    @Slot()
    def _probe_payment(self) -> None:
        self.run_action_on_record("probe")

    @Slot()
    def _open_refund_or_order(self) -> None:
        """Open the payment's refund if the next step in the payment's explanation is to open it; otherwise open the
        payment's order. If the payment has no order, only show a message which says this."""
        if self.details is None:
            return
        if self.details.explanation.next_step.action == OPEN_REFUND_ACTION:
            self.run_action_on_record(OPEN_REFUND_ACTION)
        elif self.details.order is not None:
            self.run_action_on_record(OPEN_ORDER_ACTION)
        else:
            subject_title = case_words.format_record_title(self.details.record, self.context)
            sentence = self.context.translate("reason.payment_no_order")
            self.context.show_toast(sentence, icon_name="square_bang", tone="care", subject_title=subject_title)

    def _open_refund_of_next_step(self, details: PaymentDetails) -> None:
        """Open the page of the refund that the payment's next step names: the refund that has not ended, or the
        newest refund, if it has failed."""
        refund_id = details.explanation.next_step.facts.get("refund")
        if isinstance(refund_id, int):
            self.context.navigate(RefundRoute(refund_id, (), self.sidebar_key))

    def open_rows_of_money_part(self, part_key: str) -> None:
        """Show the rows from which the amount of this part results. For the paid and the reversed amount, and for an
        amount given back outside, open the tab with the provider's answers and people's evidence; for money set
        aside, open the page of all money set aside; for any other part, open the refunds and select the newest refund
        of this part. `part_key` is the key of the part (a field of MoneyParts)."""
        if part_key in (money_facts.PAID_PART_KEY, money_facts.REVERSED_PART_KEY, money_facts.OUTSIDE_PART_KEY):
            self.tabs.open_evidence_tab()
        elif part_key == money_facts.SET_ASIDE_PART_KEY:
            self.context.navigate(SetAsidesRoute())
        else:
            self.tabs.show_refunds_of_part(part_key)


def _shorten_provider_payment_id(number: str | None) -> str:
    """Shorten the id that the provider has given to the payment. Return the first and last four characters of an id
    with more than 12 characters, such as `7f3c…d2a1`; a shorter id unchanged; "" for None."""
    if number is None:
        return ""
    return number if len(number) <= 12 else f"{number[:4]}…{number[-4:]}"
