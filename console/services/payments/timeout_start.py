"""When a payment's time is over, and the journal's first line about what follows: see payment_timeouts."""

from datetime import datetime

from console.domain.order_records import Payment
from console.domain.records import Certainty
from console.domain.truth import WAITING
from console.domain.worker_records import Saga
from console.services.desk import Desk
from console.store import payments, sagas
from console.store.engine import Transaction

KIND = "payment_timeout"
ASK, EXPIRE, CANCEL, RELEASE = "ask_provider", "expire_payment", "cancel_order", "release_stock"
STEPS = (ASK, EXPIRE, CANCEL, RELEASE)
STUCK = "timeout_stuck"
"""The case of a payment whose end can't go on by a fault of ours."""
CANCELLED = "cancelled"
"""Fact: the order that we cancelled, where nobody else had."""


def is_over(payment: Payment, at: datetime) -> bool:
    """Whether the payer may not pay any more, by our clock. What nobody knows is never ended by time."""
    known = payment.certainty is Certainty.KNOWN and payment.state in WAITING
    return known and payment.expires_at is not None and payment.expires_at < at


def begin(desk: Desk, tx: Transaction, payment: Payment) -> Saga | None:
    """The payer's time has passed; None where it is under way already."""
    return sagas.start(tx.conn, KIND, payments.KIND, payment.id, ASK, {}, desk.now())


def begin_behind(desk: Desk, tx: Transaction, payment: Payment) -> None:
    """It has ended unpaid by somebody's word: its order is cancelled in the same way, once the payer's time is over.

    Until then a payer may begin again. Nothing follows where no time was set, or no order waits.
    """
    if payment.order_id is not None and payment.expires_at is not None:
        sagas.start(tx.conn, KIND, payments.KIND, payment.id, CANCEL, {}, desk.now())
