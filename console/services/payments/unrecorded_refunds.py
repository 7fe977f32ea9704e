"""Cases about unrecorded refunds: the provider lists them for a payment, and this database doesn't have them. The
database may have lost them, or a person has requested them on the provider's own website."""

from collections.abc import Sequence

from console.domain.records import WorkReason
from console.services.payments import next_work as payment_work
from console.services.payments.listed_facts import close_case_that_lacks_a_fact
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.refunds import refunds


def open_case_of_unrecorded_refunds(
    context: ServiceContext, tx: Transaction, payment_id: int, refunds: Sequence[str]
) -> bool:
    """Open a case about those `refunds` of the payment that no person has acknowledged yet. If a case is already open
    and doesn't name one of these refunds, the new case replaces the open one (see `close_case_that_lacks_a_fact`).
    Return False if people have acknowledged all of `refunds`, otherwise True. Each text in `refunds` describes one
    refund and begins with its key. Raises RunAgain if another process has just ended the case.
    """
    rule = WorkReason.UNRECORDED_REFUND
    listed_refunds = close_case_that_lacks_a_fact(
        context, tx, payment_id, rule, refunds, lambda key: is_refund_of_this_console(tx, payment_id, key)
    )
    if listed_refunds.case_text is not None:
        payment_work.open_case(context, tx, payment_id, rule, listed_refunds.case_text, "no refund of ours")
    return listed_refunds.has_unacknowledged_facts


def is_refund_of_this_console(tx: Transaction, payment_id: int, key: str) -> bool:
    """True if this database has a refund of the payment with the idempotency key `key`. If the database lost a refund
    and a person requested it again, the new request has the same key, so the result is True."""
    refund = refunds.find_by_idempotency_key(tx.conn, key)
    return refund is not None and refund.payment_id == payment_id
