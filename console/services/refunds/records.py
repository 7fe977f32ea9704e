"""One refund as it is now, with its payment, for services among themselves; a lapsed sending is seen as unknown."""

from dataclasses import dataclass

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.order_records import Payment, Refund
from console.domain.payment_records import RefundOrder
from console.services.desk import Desk
from console.store import journal, payments, refunds

KIND = refunds.KIND


@dataclass(frozen=True, slots=True)
class Matter:
    """A refund and the payment that it gives back."""

    refund: Refund
    payment: Payment

    @property
    def order(self) -> RefundOrder:
        """As it is sent and asked about; the same for each sending."""
        refund, payment = self.refund, self.payment
        if refund.created_at is None or refund.provider_refund_key is None or payment.provider_payment_id is None:
            raise ConsoleError("internal_error", {"problem": "refund_incomplete", "record": refund})
        return RefundOrder(
            key=refund.provider_refund_key,
            merchant_payment_id=payment.merchant_payment_id,
            provider_payment_id=payment.provider_payment_id,
            amount=Money(refund.amount_minor, refund.currency),
            requested_at=refund.created_at,
            reason=refund.reason,
        )


def current(desk: Desk, refund_id: int) -> Refund:
    """The refund in a read of its own. Raises not_found."""
    with desk.database.read() as conn:
        return found(conn, refund_id)


def found(conn: Connection, refund_id: int) -> Refund:
    """The refund within the caller's transaction. Raises not_found."""
    refund = refunds.find(conn, refund_id, journal.lapsed_subjects(conn, KIND))
    if refund is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(refund_id)})
    return refund


def matter(desk: Desk, refund_id: int) -> Matter:
    """The refund with its payment in a read of its own. Raises not_found."""
    with desk.database.read() as conn:
        return matter_in(conn, refund_id)


def matter_in(conn: Connection, refund_id: int) -> Matter:
    """The refund with its payment within the caller's transaction. Raises not_found."""
    refund = found(conn, refund_id)
    return Matter(refund, payment(conn, refund.payment_id))


def payment(conn: Connection, payment_id: int) -> Payment:
    """A payment as everybody sees it. Raises not_found."""
    record = payments.find(conn, payment_id, journal.lapsed_subjects(conn, payments.KIND))
    if record is None:
        raise ConsoleError("not_found", {"kind": payments.KIND, "id": str(payment_id)})
    return record


def stale_view(refund: Refund, saw: int) -> ConsoleError:
    """The refund is no longer what the person saw."""
    changed = {"version": {"saw": saw, "now": refund.version}, "state": refund.state.value}
    return ConsoleError("stale_view", {"record": refund, "changed": changed})


def refuse_running(conn: Connection, refund: Refund) -> None:
    """Raise in_progress, with who it is, while a living process is sending it."""
    running = journal.running_of(conn, KIND, refund.id)
    if running is not None and running.action in journal.EFFECTS:
        holder = {"operator": running.operator, "desk": running.desk}
        raise ConsoleError("in_progress", {"record": refund, "holder": holder, "since": running.started_at})
