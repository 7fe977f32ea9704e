"""PayPay's webhook about a transaction: unsigned JSON, times in UTC, the amount as text."""

from datetime import UTC, datetime

from console.sandbox.payment_book import Payment
from console.sandbox.wire import JsonObject


def transaction_notice(payment: Payment) -> JsonObject:
    """FAILED carries no times."""
    timed = payment.state != "FAILED"
    return {
        "notification_type": "Transaction",
        "merchant_id": payment.merchant,
        "store_id": "1",
        "pos_id": None,
        "order_id": payment.id,
        "merchant_order_id": payment.number,
        "authorized_at": _text(payment.begun) if payment.state == "AUTHORIZED" else None,
        "expires_at": None,
        "paid_at": _text(payment.ended) if timed else None,
        "order_amount": str(payment.amount_minor),
        "state": payment.state,
    }


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
