"""The scenes of payments, orders, refunds, approvals and set-asides."""

import json
from collections.abc import Mapping
from datetime import timedelta

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from console.domain.alerts.incidents import Incident, IncidentState
from console.domain.money import Money, format_decimal
from console.domain.payments.records import Payment
from console.domain.payments.service_results import RefundDetails
from console.domain.payments.states import RECORD_OUTSIDE_ACTION
from console.domain.records import CreditCheck
from console.domain.recovery.decision_reasons import DecisionReason
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.payments import timeout_start
from console.services.payments.next_work import require_payment
from console.services.process.context import WORKER, act_as
from console.store.database.engine import Transaction
from console.store.payments import payments
from console.store.tasks import sagas
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.incident_dialogs import SnoozeIncidentDialog
from console.views.alerts.page import AlertsPage
from console.views.approvals.cards import PROPOSAL_CARD_KIND
from console.views.approvals.page import ApprovalsPage
from console.views.money.order_page import OrderPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.money.unmasking import UnmaskDialog
from console.views.queues.notices_page import UnmatchedNoticesPage
from console.views.records.outside_refund_dialog import OutsideRefundDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.routes import (
    AlertsRoute,
    ApprovalsRoute,
    LookupRoute,
    OrderRoute,
    PaymentRoute,
    QueuesRoute,
    RefundRoute,
    SetAsidesRoute,
    UnmatchedNoticesRoute,
)
from tests.shots.reconcile_scenes import RECONCILED_SAMPLE_KINDS
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage
from tests.support.payment_desks import make_signed_notice


def show_payments(stage: WindowStage) -> None:
    """Take one picture of each kind of payment, without the kinds that only a reconciliation distinguishes (these
    are in `reconcile_scenes`)."""
    newest = {
        payment.sample_kind: payment
        for payment in stage.desk.payments
        if payment.sample_kind not in RECONCILED_SAMPLE_KINDS
    }
    trail = tuple(("payment", payment.id) for payment in newest.values())
    for kind, payment in newest.items():
        stage.show_route(PaymentRoute(payment.id, trail, "queues"))
        page = stage.find(PaymentPage)
        stage.wait_until(lambda page=page, id=payment.id: page.details is not None and page.details.record.id == id)  # type: ignore[misc]  # of this turn
        stage.take_picture(f"payment-{kind}")


def show_payment_tabs(stage: WindowStage) -> None:
    payment = stage.desk.list_payments("refund_unknown")[-1]
    stage.show_route(PaymentRoute(payment.id))
    page = stage.find(PaymentPage)
    for name in ("attempts", "refunds", "evidence", "audit"):
        page.tabs.show_tab(name)
        stage.take_picture(f"payment-tab-{name}")
    page.tabs.show_tab("timeline")


def show_unmasking(stage: WindowStage) -> None:
    """Take pictures of the dialog that requires a reason, and then of a payment with the customer's name unmasked."""
    payment = stage.desk.list_payments("complete")[-1]
    stage.show_route(PaymentRoute(payment.id))
    page = stage.find(PaymentPage)
    stage.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    page.unmasking.open_dialog("payment", payment.id, payment.merchant_payment_id)
    dialog = stage.find(UnmaskDialog)
    dialog.reason_text_field.edit.setPlainText("11 月 20 日の電話の確認")  # type: ignore[union-attr]  # an edit of several lines
    stage.wait_until(dialog.main_button.isEnabled)
    stage.take_picture("dialog-unmask")
    dialog.main_button.click()
    stage.wait_until(lambda: page.unmasking.texts is not None)
    stage.take_picture("payment-unmasked")
    page.unmasking.mask_texts()


def show_orders(stage: WindowStage) -> None:
    payment = stage.desk.list_payments("complete")[-1]
    view = stage.desk.console.payments.read_payment(payment.id)
    assert view.order is not None
    stage.show_route(OrderRoute(view.order.id))
    stage.find(OrderPage).tabs.show_tab("payments")
    stage.take_picture("order")
    for kind in ("expired", "waiting"):
        payment = stage.desk.list_payments(kind)[-1]
        if kind == "waiting":
            _start_waiting_saga(stage, payment.id)
        view = stage.desk.console.payments.read_payment(payment.id)
        assert view.order is not None
        stage.show_route(OrderRoute(view.order.id))
        stage.find(OrderPage).tabs.show_tab("timeline")
        stage.take_picture(f"order-{kind}")


def _start_waiting_saga(stage: WindowStage, payment_id: int) -> None:
    """Let the time limit of a payment pass, and start its saga. The first step of the saga waits, because the gateway
    answers that it is still processing the payment.
    """
    context = stage.desk.console._context

    def start_saga(tx: Transaction) -> None:
        now = context.now()
        payments.change_payment(tx.conn, require_payment(tx, payment_id), now, payment_expires_at=now)
        saga = sagas.start_saga(
            tx.conn, timeout_start.PAYMENT_TIMEOUT_KIND, "payment", payment_id, timeout_start.ASK_STEP, {}, now
        )
        if saga is not None:
            sagas.postpone_step(tx.conn, saga, now, now + timedelta(minutes=5), "in_between")

    context.write(start_saga)


def show_refunds(stage: WindowStage) -> None:
    for kind in ("refund_asked", "refund_unknown", "refund_accepted", "refund_failed", "refunded", "partly_refunded"):
        for payment in stage.desk.list_payments(kind)[-1:]:
            stage.show_route(RefundRoute(stage.desk.console.payments.read_payment(payment.id).refunds[0].id))
            stage.find(RefundPage)
            stage.take_picture(f"refund-{kind}")


def show_money_lists(stage: WindowStage) -> None:
    for queue in ("review", "unknown", "refunds", "pending", "error"):
        stage.show_route(QueuesRoute(queue))
        stage.take_picture(f"queue-money-{queue}")
    stage.show_route(SetAsidesRoute())
    stage.take_picture("set-asides")
    stage.show_route(LookupRoute(stage.desk.list_payments("complete")[-1].corporation_number))
    stage.take_picture("company-payments")


def show_unmatched_notices(stage: WindowStage) -> None:
    """Take a picture of two notices of a bank that match no payment in the database. The first notice resembles a
    payment by its amount and day."""
    payment = next(one for one in reversed(stage.desk.list_payments("complete")) if one.currency == "JPY")
    for number, amount_minor in (("ORD-4711", payment.amount_minor), ("ORD-4712", 33_000)):
        fields = {
            "event_id": f"ev-{number}",
            "type": "payment.succeeded",
            "order_no": number,
            "amount": str(amount_minor),
            "currency": "JPY",
            "occurred_at": payment.begun_at.isoformat(),
        }
        post = make_signed_notice("bank", json.dumps(fields).encode(), stage.opening.context.now())
        stage.desk.console.payments.receive_notice(post)
    stage.show_route(UnmatchedNoticesRoute())
    page = stage.find(UnmatchedNoticesPage)
    stage.wait_until(lambda: len(page.table.all_rows) > 1 and page.candidates is not None)
    stage.take_picture("queue-notices")


def show_refund_dialog(stage: WindowStage) -> None:
    payment = stage.desk.list_payments("complete")[-1]
    stage.show_route(PaymentRoute(payment.id))
    page = stage.find(PaymentPage)
    page.run_action_on_record("refund")
    dialog = stage.find(RefundDialog)
    stage.take_picture("dialog-refund-begin")
    dialog.probe_button.click()
    stage.wait_until(lambda: not dialog.is_answer_old)
    dialog.form.amount_edit.setText("999999999")
    stage.take_picture("dialog-refund-too-much")
    dialog.form.amount_edit.setText(str(max(1, payment.amount_minor // 2)) if payment.currency == "JPY" else "1.00")
    dialog.form.reason_list.setCurrentIndex(0)
    dialog.form.explanation_edit.setText("同じ品を 2 回注文。1 点分のみ返金")
    dialog.form.ticket_edit.setText("T-88213")
    stage.wait_until(lambda: not dialog.form.is_plan_pending and not dialog._is_reading_plan)
    for field in dialog.form._answer_field_by_rule.values():
        field.edit.setText("別の注文の二重購入分")  # type: ignore[union-attr]  # a line
    stage.wait_until(dialog.main_button.isEnabled)
    stage.take_picture("dialog-refund")
    dialog.main_button.click()
    stage.take_picture("dialog-refund-review")
    dialog.main_button.click()
    stage.wait_until(lambda: not dialog.is_busy)
    stage.take_picture("dialog-refund-asked")
    dialog.cancel_button.click()
    stage.wait_until_idle()
    page.run_action_on_record("refund")
    stage.take_picture("dialog-refund-off")
    stage.find(RefundDialog).reject()


def show_approvals(stage: WindowStage) -> None:
    context = stage.opening.context
    context.change_operator("lead-b")
    stage.show_route(ApprovalsRoute())
    page = stage.find(ApprovalsPage)
    stage.take_picture("approvals")
    page.probe_payment()
    stage.wait_until_idle()
    page.request_panel.setFocus()

    def read_to_end() -> bool:
        """Scroll to the end again, because the answer of the probe may have brought a new version to read."""
        QTest.keyClick(page.request_panel, Qt.Key.Key_End)
        return page.request_panel.is_read

    stage.wait_until(read_to_end)
    stage.take_picture("approvals-end")
    for kind, act in (
        ("approve", page.action_handlers.open_approve_dialog),
        ("decline", page.action_handlers.open_reject_dialog),
    ):
        view = page.request_panel.details
        assert isinstance(view, RefundDetails)
        act(view)
        dialog = stage.find(ApproveDialog if kind == "approve" else RejectDialog)
        stage.take_picture(f"dialog-{kind}")
        dialog.reject()
        stage.wait_until_idle()
    context.change_operator("op-a")
    stage.wait_until_idle()
    stage.take_picture("approvals-own")


def show_proposals(stage: WindowStage) -> None:
    """Take two pictures as the approver lead-b, who has made a proposal, too: the page of the approvals with a
    colleague's proposal selected, and the record of this proposal. Afterwards op-a acts again.
    """
    recovery = stage.desk.console.recovery
    unknown = (item.record for item in recovery.read_queue("unknown").items)
    check = next(record for record in unknown if isinstance(record, CreditCheck))
    refunds = (refund for payment in stage.desk.list_payments("refund_unknown") for refund in payment.refunds)
    refund_id = next(
        refund.id for refund in refunds if refund.sandbox_state is None
    )  # the provider knows of the others
    recovery.resolve("refund", refund_id, "failed", "決済会社の返金一覧に該当なし")
    with stage.desk.console.acting_as("lead-b"):
        recovery.resolve("credit-check", check.id, "error", "提供元の購入一覧に該当なし")
    stage.opening.context.change_operator("lead-b")
    stage.show_route(ApprovalsRoute())
    page = stage.find(ApprovalsPage)
    page.list_panel.select_card(next(card.ref for card in page.list_panel.cards if card.ref[0] == PROPOSAL_CARD_KIND))
    stage.take_picture("approvals-proposal")
    QTest.keyClick(page.list_panel.card_list, Qt.Key.Key_Return)
    stage.take_picture("approvals-proposal-record")
    stage.opening.context.change_operator("op-a")
    stage.wait_until_idle()


def show_resolve_money(stage: WindowStage) -> None:
    payment = stage.desk.list_payments("refund_unknown")[-1]
    stage.show_route(RefundRoute(stage.desk.console.payments.read_payment(payment.id).refunds[0].id))
    page = stage.find(RefundPage)
    page.run_action_on_record("resolve")
    dialog = stage.find(ResolveMoneyDialog)
    dialog.form.kind_buttons["file"].setChecked(True)
    dialog.form.file_field.edit.setText("paypay-refund-1120.png")  # type: ignore[union-attr]  # a line
    dialog.form.outcome_buttons["completed"].setChecked(True)
    dialog.form.refund_number_field.edit.setText("1519")  # type: ignore[union-attr]  # a line
    dialog.form.reason_list.setCurrentIndex(0)
    dialog.form.reason_text_field.edit.setText("精算明細 11 月 20 日分")  # type: ignore[union-attr]  # a line
    stage.wait_until(dialog.main_button.isEnabled)
    stage.take_picture("dialog-resolve-refund")
    dialog.reject()


def show_outside_refund(stage: WindowStage) -> None:
    """Show the dialog of the first and of the second person, the proposal, and the payment afterwards."""
    sample = stage.desk.list_payments("complete")[-2]
    payment = stage.desk.console.payments.read_payment(sample.id).record
    stage.show_route(PaymentRoute(payment.id))
    _open_outside_dialog(stage)
    stage.take_picture("dialog-outside-empty")
    dialog = _fill_outside_dialog(stage, payment)
    stage.take_picture("dialog-outside")
    dialog.main_button.click()
    stage.wait_until(lambda: not dialog.is_busy)
    stage.take_picture("dialog-outside-proposed")
    dialog.reject()
    stage.opening.context.change_operator("lead-b")
    stage.show_route(PaymentRoute(payment.id))
    stage.take_picture("payment-outside-proposed")
    _open_outside_dialog(stage)
    dialog = _fill_outside_dialog(stage, payment)
    stage.take_picture("dialog-outside-second")
    dialog.main_button.click()
    stage.wait_until(lambda: not dialog.is_busy)
    dialog.reject()
    stage.wait_until_idle()
    stage.take_picture("payment-outside")
    stage.opening.context.change_operator("op-a")
    stage.wait_until_idle()


def _open_outside_dialog(stage: WindowStage) -> None:
    stage.find(PaymentPage).run_action_on_record(RECORD_OUTSIDE_ACTION)
    stage.wait_until(lambda: not stage.find(OutsideRefundDialog).form.is_reading_choices)


def _fill_outside_dialog(stage: WindowStage, payment: Payment) -> OutsideRefundDialog:
    dialog = stage.find(OutsideRefundDialog)
    form = dialog.form
    form.kind_buttons["text"].setChecked(True)
    form.text_field.edit.setPlainText("振込受付番号 114。控えは経理が保管")  # type: ignore[union-attr]  # an area
    amount = format_decimal(Money(payment.requestable_minor // 2, payment.currency))
    form.amount_field.edit.setText(amount)  # type: ignore[union-attr]  # a line
    form.day_field.edit.setText(stage.opening.context.get_day_in_japan().isoformat())  # type: ignore[union-attr]  # a line
    form.reason_list.setCurrentIndex(form.reason_list.findData(DecisionReason.BANK_STATEMENT))
    stage.wait_until(dialog.main_button.isEnabled)
    return dialog


def _is_acknowledgeable(incident: Incident) -> bool:
    """Return True if the incident is open and nobody has acknowledged it."""
    return incident.state is IncidentState.OPEN and not incident.is_acknowledged


def show_alerts(stage: WindowStage) -> None:
    with act_as(WORKER):
        AlertRuleEvaluator(stage.desk.console._context).update_alerts()
    stage.show_route(AlertsRoute())
    stage.take_picture("alerts")
    page = stage.find(AlertsPage)
    # Another scene may have left an incident selected that is acknowledged and resolved.
    stage.wait_until(lambda: page.table.go_to_item(_is_acknowledgeable))
    page.snooze_or_unsnooze_current_incident()
    snooze = stage.find(SnoozeIncidentDialog)
    stage.take_picture("dialog-snooze")
    snooze.reject()
    page.open_acknowledge_dialog()
    dialog = stage.find(AcknowledgeAlertsDialog)
    dialog.note_field.edit.setPlainText("店舗に確認中。返金を申請します")  # type: ignore[union-attr]  # an area
    stage.take_picture("dialog-acknowledge")
    dialog.reject()


MONEY_SCENES: Mapping[str, SceneFunction] = {
    "alerts": show_alerts,
    "payments": show_payments,
    "payment_tabs": show_payment_tabs,
    "unmasking": show_unmasking,
    "orders": show_orders,
    "refunds": show_refunds,
    "money_lists": show_money_lists,
    "unmatched_notices": show_unmatched_notices,
    "refund_dialog": show_refund_dialog,
    "approvals": show_approvals,
    "proposals": show_proposals,
    "resolve_money": show_resolve_money,
    "outside_refund": show_outside_refund,
}
