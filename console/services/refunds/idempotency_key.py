"""Find the idempotency key of a refund at its provider. The key can be computed again if the database has lost the
row of a sent refund."""

import base64
import hashlib
from itertools import count

from console.domain.payments.records import Payment, Refund
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection
from console.store.refunds import refunds
from console.store.spool.spool import Intent

_MAX_REPEATED_REFUNDS = 50
"""Largest repetition number for which the program compares the computed key with the key of a lost refund."""


def find_refund_key(context: ServiceContext, conn: Connection, refund: Refund, payment: Payment) -> str:
    """Return the refund's stored idempotency key. If none is stored, compute keys and return the first one that no
    other refund has.

    A key is computed from the database's id, the payment, the amount and a repetition number (1, 2, …). If the
    database went back to an earlier state and has lost the refund's row, the computation gives the same key again. A
    provider that stores keys then answers with the refund that it already has. A provider that stores no keys is
    asked about the refund before the refund is sent. A failed refund keeps its key; the next refund of the same
    amount gets the next repetition number.
    """
    if refund.provider_refund_key is not None:
        return refund.provider_refund_key
    for repeat in count(1):
        key = _compute_refund_key(context.database_id, payment, refund.amount_minor, repeat)
        if refunds.find_by_idempotency_key(conn, key) is None:
            return key
    raise AssertionError("a count has no end")


def is_refund_of_payment(intent: Intent, payment: Payment) -> bool:
    """Return True if the refund that a desk has sent (`intent`) belongs to this payment. The function compares the
    refund's idempotency key, not the payment's id. A restored database gives the ids of lost payments to new
    payments, and a lost payment may be inserted again with another id.

    An earlier version of the program computed keys in another way. If the key was not computed from this payment, the
    refund belongs to the payment with the intent's payment id, unless that payment began after the refund was sent.
    """
    amount_minor = intent.amount_minor or 0
    if any(
        _compute_refund_key(intent.database_id, payment, amount_minor, repeat) == intent.provider_key
        for repeat in range(1, _MAX_REPEATED_REFUNDS + 1)
    ):
        return True
    has_begun_later = payment.begun_at is not None and payment.begun_at > intent.at
    return intent.payment_id == payment.id and not has_begun_later


def _compute_refund_key(database_id: str, payment: Payment, amount_minor: int, repetition_number: int) -> str:
    """Return an idempotency key: `RFD-` and 26 characters (A-Z, 2-7) that are computed from the four arguments.
    PayPay and Atom accept keys of this form. `database_id` is the id of our database; `repetition_number` counts the
    payment's refunds of this amount, from 1."""
    parts = (
        database_id,
        payment.provider,
        payment.merchant_payment_id,
        amount_minor,
        payment.currency,
        repetition_number,
    )
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return f"RFD-{base64.b32encode(digest).decode()[:26]}"
