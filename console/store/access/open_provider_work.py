"""Count a provider's open records: the program must still ask the provider about them, or must still send something
to the provider for them."""

from sqlalchemy import Connection, and_, func, or_, select

from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.states import RESERVING_REFUND_STATES, PaymentState
from console.domain.records import Certainty
from console.store.schema.core import credit_checks, operations
from console.store.schema.payments import payments, refunds

_WAITING_PAYMENT_STATES = (
    PaymentState.INITIALIZING,
    PaymentState.TOKEN_GENERATED,
    PaymentState.USER_PAYMENT,
    PaymentState.CALLBACK_RECEIVED,
    PaymentState.SIGNATURE_VERIFIED,
)


def count_open_records(conn: Connection, provider: str) -> int:
    """Return how many records of a provider are open. For the provider of credit checks: the credit checks with an
    unknown outcome, and the running calls about credit checks. For a payment provider: the payments that have an
    unknown outcome, wait for their payer, or whose notice isn't handled completely yet, and the refunds that have an
    unknown outcome or have not ended."""
    if provider == CREDIT_CHECK_PROVIDER:
        unknown = select(func.count()).where(credit_checks.c.certainty == Certainty.UNKNOWN)
        running = select(func.count()).where(
            operations.c.state == "calling", operations.c.subject_kind == "credit-check"
        )
        return int(conn.scalar(unknown) or 0) + int(conn.scalar(running) or 0)
    open_payments = select(func.count()).where(
        payments.c.provider == provider,
        or_(payments.c.certainty == Certainty.UNKNOWN, payments.c.status.in_(_WAITING_PAYMENT_STATES)),
    )
    open_refunds = (
        select(func.count())
        .select_from(refunds.join(payments, payments.c.id == refunds.c.payment_id))
        .where(
            and_(
                payments.c.provider == provider,
                or_(
                    refunds.c.certainty == Certainty.UNKNOWN,
                    refunds.c.status.in_(sorted(RESERVING_REFUND_STATES)),
                ),
            )
        )
    )
    return int(conn.scalar(open_payments) or 0) + int(conn.scalar(open_refunds) or 0)
