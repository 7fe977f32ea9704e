"""The idempotency key of a refund at its provider. If the database has lost the submission of a refund, the same key
is computed again.
"""

import base64
import hashlib
from itertools import count

from console.domain.payments.records import Payment, Refund
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection
from console.store.refunds import refunds


def find_key(context: ServiceContext, conn: Connection, refund: Refund, payment: Payment) -> str:
    """Return the refund's stored key, or, if none is stored, the first computed key for this payment and amount that
    no other refund has.

    The key is computed from the database's id, the payment, the amount and a repetition number. In a database that
    went back in time the refund's row is missing, so the same key is computed again. A provider that stores keys then
    answers with the refund that was already sent; any other provider is asked about the key before the refund is
    sent. A failed refund keeps its key; the next refund of the same amount gets the next repetition number.
    """
    if refund.provider_refund_key is not None:
        return refund.provider_refund_key
    for repeat in count(1):
        key = _compute_key(context.database_id, payment, refund.amount_minor, repeat)
        if refunds.find_by_key(conn, key) is None:
            return key
    raise AssertionError("a count has no end")


def _compute_key(database_id: str, payment: Payment, amount_minor: int, repeat: int) -> str:
    """Return the key: `RFD-` and 26 characters (A-Z, 2-7). PayPay and Atom accept it."""
    parts = (database_id, payment.provider, payment.merchant_payment_id, amount_minor, payment.currency, repeat)
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return f"RFD-{base64.b32encode(digest).decode()[:26]}"
