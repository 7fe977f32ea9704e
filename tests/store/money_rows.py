"""Helper functions for the tests of the tables of payments and refunds: each function inserts a payment or a refund,
or moves it to a state."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.store.payments import payments
from console.store.refunds import refunds

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
STATES_TO_PAID = (
    PaymentState.TOKEN_GENERATED,
    PaymentState.USER_PAYMENT,
    PaymentState.PAYMENT_SUCCESS,
    PaymentState.COMPLETED,
)
STATES_TO_REFUND_STATE = {
    RefundState.APPROVED: (RefundState.APPROVED,),
    RefundState.SUBMITTING: (RefundState.APPROVED, RefundState.SUBMITTING),
    RefundState.SUBMITTED: (RefundState.APPROVED, RefundState.SUBMITTING, RefundState.SUBMITTED),
    RefundState.COMPLETED: (RefundState.APPROVED, RefundState.SUBMITTING, RefundState.COMPLETED),
    RefundState.FAILED: (RefundState.APPROVED, RefundState.SUBMITTING, RefundState.FAILED),
    RefundState.REJECTED: (RefundState.REJECTED,),
    RefundState.WITHDRAWN: (RefundState.WITHDRAWN,),
    RefundState.EXPIRED: (RefundState.EXPIRED,),
}


def insert_begun_payment(conn: Connection, number: str = "ORD-1", **facts: Any) -> Payment:
    """Insert a payment of 3,300 yen with the payment number `number` that has just been begun, and return it.
    `facts` replaces fields of the payment.
    """
    known = {"provider": "paypay", "merchant_payment_id": number, "currency": "JPY", "asked_minor": 3_300}
    return reread_payment(conn, payments.insert_payment(conn, payments.NewPayment(**{**known, **facts}), NOW))


def insert_paid_payment(conn: Connection, number: str = "ORD-1", minor: int = 3_300, **facts: Any) -> Payment:
    """Insert a payment (payment number `number`) of which the provider has captured `minor` minor units, and
    return it. `facts` replaces fields of the payment.
    """
    payment = insert_begun_payment(conn, number, **facts)
    payments.move_payment_along_path(conn, payment, STATES_TO_PAID, NOW, paid_at=NOW)
    assert payments.set_captured_amount(conn, payment.id, minor, NOW)
    return reread_payment(conn, payment.id)


def reread_payment(conn: Connection, payment_id: int) -> Payment:
    """Read the payment again, and return its present row."""
    payment = payments.find(conn, payment_id)
    assert payment is not None
    return payment


def insert_requested_refund(
    conn: Connection, payment: Payment, minor: int = 1_000, maker: str = "op-a", **facts: Any
) -> Refund:
    """Insert a requested refund of `minor` minor units, and return it. The payment reserves no amount for this
    refund. `facts` replaces fields of the refund.
    """
    known = {
        "payment_id": payment.id, "order_id": payment.order_id, "amount_minor": minor, "currency": payment.currency,
        "maker": maker, "reason": "sent back", "payment_at_request": '{"version": 3}', "risk_signals": "[]",
        "checkers_needed": 1, "decide_by": NOW + timedelta(hours=72),
    }  # fmt: skip
    return reread_refund(conn, refunds.insert_refund(conn, refunds.NewRefund(**{**known, **facts}), NOW))


def reread_refund(conn: Connection, refund_id: int) -> Refund:
    """Read the refund again, and return its present row."""
    refund = refunds.find(conn, refund_id)
    assert refund is not None
    return refund


def move_refund_to_state(conn: Connection, refund: Refund, state: RefundState) -> Refund:
    """Move the refund step by step to this state, and return it."""
    for step in STATES_TO_REFUND_STATE[state]:
        more = {"refund_txn_id": f"R-{refund.id}"} if step is RefundState.COMPLETED else {}
        refunds.change_refund(conn, reread_refund(conn, refund.id), NOW, status=step, **more)
    return reread_refund(conn, refund.id)
