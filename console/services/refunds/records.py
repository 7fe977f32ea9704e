"""Read the present state of one refund and its payment, for other services.

If the process that sent a refund has ended without recording an answer, the refund is returned with the certainty
unknown.
"""

from collections.abc import Collection
from dataclasses import dataclass

from console.domain.error_reasons import InternalErrorProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.money import Money
from console.domain.payments.provider_messages import RefundInstruction
from console.domain.payments.records import Payment, Refund
from console.services.payments.next_work import require_payment_after_lapse
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.payments import payments
from console.store.refunds import refunds

REFUND_KIND = refunds.REFUND_KIND


@dataclass(frozen=True, slots=True)
class RefundWithPayment:
    """A refund and its payment. Together they contain the data that identify the refund at the provider
    (`refund_instruction`).
    """

    refund: Refund
    payment: Payment

    @property
    def refund_instruction(self) -> RefundInstruction:
        """The data that identify this refund at the provider, to send it or to ask about it. The data are the same
        for every call. Raises internal_error if the idempotency key, the provider's payment id or the request time is
        missing.
        """
        refund, payment = self.refund, self.payment
        if refund.created_at is None or refund.provider_refund_key is None or payment.provider_payment_id is None:
            raise ConsoleError(
                ErrorCode.INTERNAL_ERROR, {"problem": InternalErrorProblem.REFUND_INCOMPLETE, "record": refund}
            )
        return RefundInstruction(
            key=refund.provider_refund_key,
            merchant_payment_id=payment.merchant_payment_id,
            provider_payment_id=payment.provider_payment_id,
            amount=Money(refund.amount_minor, refund.currency),
            requested_at=refund.created_at,
            reason=refund.reason or str(refund.reason_code or ""),
        )


def read_refund(context: ServiceContext, refund_id: int) -> Refund:
    """Return the refund, read in a transaction of its own. Raises not_found if there is none."""
    with context.database.read() as conn:
        return require_refund_after_lapse(conn, refund_id)


def require_refund_after_lapse(conn: Connection, refund_id: int) -> Refund:
    """Return the refund, read in the caller's transaction. If the process that sent the refund has ended without
    recording an answer, its certainty is unknown, also if no due task has stored that yet. Raises not_found if there
    is none."""
    refund = refunds.find(conn, refund_id, journal.list_lapsed_record_ids(conn, REFUND_KIND))
    if refund is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": REFUND_KIND, "id": str(refund_id)})
    return refund


def read_refund_with_payment(context: ServiceContext, refund_id: int) -> RefundWithPayment:
    """Return the refund with its payment, read in a transaction of its own. Raises not_found if there is none."""
    with context.database.read() as conn:
        return require_refund_with_payment(conn, refund_id)


def require_refund_with_payment(conn: Connection, refund_id: int) -> RefundWithPayment:
    """Return the refund with its payment, read in the caller's transaction. Raises not_found if there is none."""
    refund = require_refund_after_lapse(conn, refund_id)
    return RefundWithPayment(refund, require_payment_after_lapse(conn, refund.payment_id))


def require_refunds_with_payments(conn: Connection, refund_ids: Collection[int]) -> tuple[RefundWithPayment, ...]:
    """Return the refunds with these ids, each with its payment, in any sequence; they are read in the caller's
    transaction. Raises not_found if one of them is missing."""
    refunds_by_id = refunds.find_by_ids(conn, refund_ids, journal.list_lapsed_record_ids(conn, REFUND_KIND))
    for missing_id in set(refund_ids) - {refund.id for refund in refunds_by_id}:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": REFUND_KIND, "id": str(missing_id)})
    payment_ids = {refund.payment_id for refund in refunds_by_id}
    payment_of = {
        payment.id: payment
        for payment in payments.find_by_ids(
            conn, payment_ids, journal.list_lapsed_record_ids(conn, payments.PAYMENT_KIND)
        )
    }
    return tuple(RefundWithPayment(refund, payment_of[refund.payment_id]) for refund in refunds_by_id)
