"""The review of a refund request before the service stores it: the values, the effects, and the people who decide
about the refund."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from console.domain.payments.compared_sides import MoneyParts
from console.domain.payments.service_results import RefundPlan
from console.views.presenters import money_view as money_facts
from console.views.presenters import records as case_words
from console.views.refunds import texts as refund_words
from console.views.refunds.request_form import RefundForm
from console.views.runtime.context import WindowContext
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.inputs import Field, LineEdit
from console.views.widgets.display.money_strip import MoneyPanel
from console.views.widgets.display.record_parts import FactList, make_titled_panel
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording


class RefundReview(QWidget):
    """Shows the values and effects of a refund request before the service stores the request. The person can't change
    the values in this widget. If the refund needs two approvers, the person must type the last characters of the
    order number.

    Signals:
    - changed: the typed characters have changed, so `find_disabled_reason` may return another reason.
    """

    changed = Signal()

    def __init__(self, context: WindowContext, plan: RefundPlan, form: RefundForm) -> None:
        super().__init__()
        self._context, self._plan = context, plan
        entered_money = form.entered_money
        self._amount_minor = entered_money.minor if entered_money is not None else 0
        self.order_number_check = OrderNumberConfirmation(
            context, plan.order.merch_txn_id if plan.order else plan.payment.merchant_payment_id
        )
        self.second_checker_label = TextLabel(
            refund_words.format_second_checker_reasons(plan, context), "small", "muted", wraps_lines=True
        )
        self.second_checker_label.setVisible(plan.needs_second_checker)
        self.order_number_check.changed.connect(self.changed)
        self.order_number_check.setVisible(self.needs_order_number)
        translate, provider_name = context.translate, case_words.get_provider_name(plan.payment.provider, context)
        bold_text = translate("dialog.refund.nothing_sent_lead")
        no_effect_bar = NotificationBar(
            bold_text,
            translate("dialog.refund.nothing_sent_now", provider=provider_name),
            tone="text",
            icon_name="shield",
        )
        money_panel = MoneyPanel(translate("money.strip"), margins=(0, 0, 0, 0))
        money_panel.setProperty("edge", "none")
        money_after = compute_amounts_after_refund(
            plan.money, self._amount_minor, set_aside_id=form.make_request().set_aside_id
        )
        parts, remaining_part = money_facts.make_money_parts(money_after, context, plan.money.refundable)
        money_panel.show_money_parts([part for part in parts if not part.is_muted], remaining_part)
        titled_panel = make_titled_panel(translate("dialog.refund.money_after"), money_panel)
        self.setLayout(
            make_column(
                no_effect_bar,
                self._make_request_facts(form),
                titled_panel,
                make_flow_widget(
                    refund_words.make_icon_line(
                        "clock", "muted", refund_words.format_cooling_off_period(plan, context)
                    ),
                    refund_words.make_icon_line("person", "muted", refund_words.format_checkers(plan, context)),
                    gap_px=20,
                    line_gap_px=6,
                    has_equal_columns=True,
                ),
                self.second_checker_label,
                self.order_number_check,
                gap_px=12,
            )
        )

    @property
    def needs_order_number(self) -> bool:
        """True if the amount needs two approvers; the person must then type the last characters of the order
        number."""
        return self._plan.needs_second_checker

    def find_disabled_reason(self) -> str:
        return self.order_number_check.find_disabled_reason() if self.needs_order_number else ""

    def _make_request_facts(self, form: RefundForm) -> FactList:
        context, plan = self._context, self._plan
        translate, payment = context.translate, plan.payment
        fact_list = FactList()
        order_number = plan.order.merch_txn_id if plan.order else payment.merchant_payment_id
        labelled_facts = [
            (translate("field.order_number"), order_number),
            (
                translate("field.corporation_number"),
                wording.format_corporation_number(payment.corporation_number or "") or "–",
            ),
            (translate("field.payer"), case_words.mask_payer(payment.payer) or wording.NO_VALUE),
            (translate("field.reason"), form.format_reason()),
        ]
        if company := case_words.get_record_company_name(payment, context):
            labelled_facts.insert(1, (translate("column.corporation"), company))
        if ticket := form.make_request().ticket:
            labelled_facts.append((translate("field.ticket"), ticket))
        for label, value in labelled_facts:
            fact_list.add_fact(label, TextLabel(value, wraps_lines=True, is_selectable=True))
        answer_by_rule = dict(form.list_risk_signal_answers())
        for risk_signal in plan.risk_signals:
            answer = answer_by_rule.get(risk_signal.rule, "")
            sentence = translate(
                "case.answered", hit=refund_words.format_risk_signal(risk_signal, context), answer=answer
            )
            fact_list.add_fact(translate("dialog.refund.radar_short"), TextLabel(sentence, wraps_lines=True))
        return fact_list


class OrderNumberConfirmation(QWidget):
    """A field in which the person must type the last four characters of the order number, so that the person
    checks the order before confirming a large amount.

    Signals:
    - changed: the typed characters have changed.
    """

    changed = Signal()

    def __init__(self, context: WindowContext, order_number: str) -> None:
        super().__init__()
        self._context, self._last_four = context, order_number[-4:]
        self.field = Field(context.translate("dialog.refund.last_four"), role="data")
        line_edit = self.field.edit
        if isinstance(line_edit, LineEdit):
            line_edit.setMaxLength(4)
            line_edit.setFixedWidth(104)
            line_edit.textChanged.connect(self.changed)
        self.setLayout(make_column(self.field))

    def find_disabled_reason(self) -> str:
        is_typed = self.field.text().strip() == self._last_four.strip()
        return "" if is_typed else self._context.translate("dialog.refund.needs_last_four")


def compute_amounts_after_refund(
    money: MoneyParts, amount_minor: int, *, set_aside_id: int | None = None
) -> MoneyParts:
    """Return the parts of the payment's amount as they will be after a refund request of `amount_minor` minor units.
    The result is for display only, because the service computes the stored amounts. `set_aside_id` is the id of the
    money set aside from which the refund is paid; None for an ordinary refund.
    """
    return MoneyParts(
        money.currency,
        money.captured,
        money.refunded,
        money.on_its_way,
        money.unknown,
        money.waiting + amount_minor,
        money.set_aside - (amount_minor if set_aside_id is not None else 0),
        money.refundable - (0 if set_aside_id is not None else amount_minor),
        money.outside,
    )
