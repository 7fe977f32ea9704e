"""Find payments whose expiry time has passed, and begin the sagas that end them. `payments/timeouts.py` has the
steps of these sagas.
"""

from datetime import datetime

from console.domain.payments.records import Payment
from console.domain.payments.states import WAITING_STATES
from console.domain.records import Certainty, WorkReason
from console.domain.tasks.records import Saga
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.payments import payments
from console.store.tasks import sagas

PAYMENT_TIMEOUT_KIND = "payment_timeout"
ASK_STEP = "ask_provider"
EXPIRE_STEP = "expire_payment"
CANCEL_STEP = "cancel_order"
RELEASE_STEP = "release_stock"
TIMEOUT_SAGA_STEP_NAMES = (ASK_STEP, EXPIRE_STEP, CANCEL_STEP, RELEASE_STEP)
STUCK_SAGA_RULE = WorkReason.TIMEOUT_STUCK
"""Alert rule of the case about a saga that is stuck because of an error in this program."""
CANCELLED_ORDER_FACT_KEY = "cancelled"
"""Key of a saga's fact: the id of the order that the saga has cancelled."""


def has_timed_out(payment: Payment, at: datetime) -> bool:
    """True if the payment's expiry time is before `at` and the payer has not paid. A payment with an unknown outcome
    never counts as timed out.
    """
    can_time_out = payment.certainty is Certainty.KNOWN and payment.state in WAITING_STATES
    return can_time_out and payment.expires_at is not None and payment.expires_at < at


def begin_timeout_saga(context: ServiceContext, tx: Transaction, payment: Payment) -> Saga | None:
    """Begin the saga that ends a payment whose expiry time has passed. Return the saga; None if the payment
    already has such a saga.
    """
    return sagas.start_saga(
        tx.conn, PAYMENT_TIMEOUT_KIND, payments.PAYMENT_KIND, payment.id, ASK_STEP, {}, context.now()
    )


def begin_timeout_saga_at_cancellation(context: ServiceContext, tx: Transaction, payment: Payment) -> None:
    """Begin the saga of a payment that a report or a decision has ended unpaid, at the step `cancel_order`. Do
    nothing if the payment has no order or no expiry time.

    This step cancels the order only after the payment's expiry time; until then the payer may start another
    payment.
    """
    if payment.order_id is not None and payment.expires_at is not None:
        sagas.start_saga(
            tx.conn, PAYMENT_TIMEOUT_KIND, payments.PAYMENT_KIND, payment.id, CANCEL_STEP, {}, context.now()
        )
