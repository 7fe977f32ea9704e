"""The page of one order of the shop: its state compared with the state of its payment, its payments and its
refunds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from console.domain.payments.service_results import OrderDetails
from console.domain.tasks.saga_progress import SagaProgress, SagaStep, StepState
from console.views.money.base_page import MoneyPage, make_fact_list
from console.views.presenters import money_view as money_facts
from console.views.presenters import records as case_words
from console.views.records.page import make_record_key_hints
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import PaymentRoute
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import Surface
from console.views.widgets.controls.buttons import LinkButton
from console.views.widgets.display.steps import StepLine, StepList
from console.wording import sagas as saga_wording
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_ICON_AND_TONE_BY_SAGA_STEP_STATE: Mapping[StepState, tuple[str, Tone]] = {
    StepState.DONE: ("check", "good"),
    StepState.CURRENT: ("ring_arrow", "progress"),
    StepState.WAITING: ("hourglass", "care"),
    StepState.STUCK: ("person", "bad"),
    StepState.OPEN: ("ring", "muted"),
    StepState.SKIPPED: ("dash", "muted"),
    StepState.UNDONE: ("arrow_back", "care"),
}


class OrderPage(MoneyPage[OrderDetails]):
    """The page of one order. It compares the same three sides as the page of a payment: our payment, the payment at
    the provider, and the order. If the order has several payments, the page compares the payment that the explanation
    is about. If a payment of the order has expired, the page shows above the tabs the steps of the saga that
    followed.
    """

    kind = "order"
    related_tab_names = ("payments", "refunds")
    action_names = ("open_payment",)
    shows_amounts = False
    key_hints = make_record_key_hints()

    def __init__(self, context: WindowContext) -> None:
        self.saga_step_list = StepList(context.translate("saga.steps"))
        self.saga_step_list.hide()
        line_below_explanation = Surface(edge="top")  # other pages have the amounts there, with a line of their own
        line_below_explanation.setFixedHeight(1)
        super().__init__(context, line_below_explanation, self.saga_step_list)
        self._payment_link = LinkButton("", has_arrow=True, role="small")
        self._payment_link.clicked.connect(self._open_explained_payment)

    def read_details(self, services: "Console", id: int) -> OrderDetails:
        return services.payments.read_order(id)

    def get_copied_identifier(self, details: OrderDetails) -> str:
        return details.record.merch_txn_id

    def list_related_records(self, details: OrderDetails) -> frozenset[tuple[str, int]]:
        payments = {("payment", payment.id) for payment in details.payments}
        return frozenset(payments | {("refund", refund.id) for refund in details.refunds})

    def fill_header(self, details: OrderDetails) -> None:
        record, translate = details.record, self.context.translate
        total = case_words.format_amount_with_difference_mark(record, self.context)
        badges = case_words.get_page_badge_keys(details)
        self.head.show_identity(
            self.get_corporation_number(details), details.record.name_in_credit_check or "", total, badges
        )
        self._show_sides(details)
        self._show_saga_steps(details.sagas)
        self.tabs.show_details(details, payments=details.payments, refunds=details.refunds)
        facts = make_fact_list(
            (translate("column.number"), wording.format_corporation_number(record.corporation_number or "")),
            (translate("field.order_number"), record.merch_txn_id),
            (translate("field.total"), total),
            (translate("field.currency"), record.currency),
            (translate("field.created_at"), wording.format_instant(record.created_at) if record.created_at else None),
            (translate("field.version"), str(record.version)),
            self.make_taker_fact(details.taken),
        )
        self.show_facts_panel(translate("case.this_order"), facts, details.notes)

    def _show_sides(self, details: OrderDetails) -> None:
        """Show the compared sides of the payment that the explanation is about, and a link that names and opens this
        payment."""
        payment, context = details.explained_payment, self.context
        sides = money_facts.make_shown_sides(
            details.sides, context, provider=payment.provider if payment is not None else "", record=payment
        )
        self.show_sides(sides, {money_facts.OWN_SIDE_INDEX: [self._payment_link]})
        self._payment_link.setVisible(payment is not None)
        self.action_bar.missing_record_reasons = (
            {"open_payment": context.translate("money.side.no_payment")} if payment is None else {}
        )
        if payment is not None:
            text_key = "order.side.payment" if len(details.payments) == 1 else "order.side.payment_of_several"
            text = context.translate(text_key, number=payment.merchant_payment_id, n=len(details.payments))
            self._payment_link.setText(text)

    @Slot()
    def _open_explained_payment(self) -> None:
        payment = self.details.explained_payment if self.details is not None else None
        if payment is not None:
            self.context.navigate(PaymentRoute(payment.id, (), self.sidebar_key))

    def _show_saga_steps(self, sagas: Sequence[SagaProgress]) -> None:
        """Show the steps of one saga that followed an expired payment: the newest unfinished saga or, if all sagas
        have ended, the newest one. Hide the widget if there is no saga."""
        unfinished_sagas = [saga for saga in sagas if saga.record.ended_at is None]
        visible_sagas = (unfinished_sagas or list(sagas))[-1:]
        self.saga_step_list.setVisible(bool(visible_sagas))
        if visible_sagas:
            language = self.context.language
            state_text = (
                saga_wording.format_saga_state(visible_sagas[0], language),
                saga_wording.format_saga_time(visible_sagas[0], language),
            )
            lines = [make_saga_step_line(step, language) for step in visible_sagas[0].steps]
            state = wording.join_facts(state_text, self.context.translate)
            self.saga_step_list.show_steps(saga_wording.get_saga_title(language), state, lines)

    def list_helpful_actions(self, details: OrderDetails) -> tuple[str, ...]:
        return ("open_payment",) if details.payments else ()

    def run_kind_specific_action(self, action_name: str, details: OrderDetails) -> None:
        if action_name == "open_payment":
            self._open_explained_payment()


def make_saga_step_line(step: SagaStep, language: str) -> StepLine:
    """Return the line that shows this step of a saga in the list of steps."""
    icon_name, tone = _ICON_AND_TONE_BY_SAGA_STEP_STATE[step.state]
    return StepLine(
        saga_wording.get_step_name(step, language),
        icon_name,
        tone,
        saga_wording.get_step_state_word(step, language),
        saga_wording.format_step_detail(step, language),
        is_bold=step.state in (StepState.CURRENT, StepState.WAITING, StepState.STUCK),
    )
