"""Notices about refunds: they add and change no refund, however often and however late they arrive."""

import pytest

from console.domain.payments.states import RefundState
from tests.support.payment_desks import make_notice
from tests.support.refund_desks import RefundDesk


@pytest.mark.parametrize("fields", [{"state": "REFUNDED"}, {"notification_type": "Refund"}])
def test_a_notice_of_a_refund_neither_adds_nor_changes_a_refund(desk: RefundDesk, fields: dict[str, str]) -> None:
    """PayPay's notice of a refund arrives twice before the refund is completed, and once more after it. The payment
    has one refund, in the name of its requester, and only the program's own read completes it.
    """
    payment = desk.make_paid_payment()
    refund = desk.approve_refund(desk.request_refund(payment))

    def deliver_notice() -> None:
        notice = make_notice(desk.control.payments_control, "paypay", payment.merchant_payment_id, fields=fields)
        desk.console.payments.receive_notice(notice)

    deliver_notice()
    deliver_notice()
    assert desk.read_refund(refund) == refund
    completed_refund = desk.probe_refund(refund)
    assert (completed_refund.state, completed_refund.maker) == (RefundState.COMPLETED, "op-a")
    deliver_notice()
    assert desk.read_refund(refund) == completed_refund
    assert desk.sql("SELECT id FROM refunds") == [(refund.id,)]
