"""The lease that covers all refunds of a payment. A submission, a probe or a decision about an unknown refund holds
it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import WorkReason
from console.domain.recovery.decidable import is_decidable_refund
from console.services.guarded.leases import hold_lease
from console.services.guarded.operation import Settler
from console.services.process.context import ServiceContext
from console.services.refunds import records as refund_records
from console.services.refunds.records import RefundWithPayment
from console.store.refunds import refunds


def lease_name(payment_id: int) -> str:
    """Return the name of the lease that covers all refunds of the payment. Submissions, probes and decisions hold it,
    so that only one of them runs at a time.
    """
    return f"refund_{payment_id}"


class RefundLease:
    """Takes the lease that covers all refunds of a payment. If another process holds the lease, raises in_progress
    with its holder.
    """

    def __init__(self, context: ServiceContext, submit_action: Settler) -> None:
        self._context = context
        self._submit_action = submit_action

    @contextmanager
    def hold_refund(self, refund_id: int, expected_version: int | None) -> Iterator[RefundWithPayment]:
        """Yield the unknown refund with its payment, while this process holds the lease. If the refund's submission
        has lapsed, record its outcome as unknown first. `expected_version` is the refund's version on the person's
        screen, None to skip the comparison.

        Raises nothing_to_resolve if the refund's outcome is known, in_progress, not_found, and stale_view if the
        refund has changed since `expected_version` or changes within the block.
        """
        pair = self._open_record(refund_id, expected_version)
        with hold_lease(self._context, lease_name(pair.payment.id), record=pair.refund):
            try:
                pair = self._open_record(refund_id, expected_version)
                yield pair
            except refunds.StaleRow:
                now = refund_records.read_refund(self._context, refund_id)
                raise refund_records.make_stale_view_error(now, pair.refund.version) from None

    def _open_record(self, refund_id: int, expected_version: int | None) -> RefundWithPayment:
        pair = refund_records.read_with_payment(self._context, refund_id)
        refund = pair.refund
        if expected_version is not None and expected_version != refund.version and refund.error_code != "lapsed":
            raise refund_records.make_stale_view_error(refund, expected_version)
        with self._context.database.read() as conn:
            refund_records.refuse_running(conn, refund)
        if refund.operation_id and refund.work.reason == WorkReason.LAPSED:
            self._submit_action.record_lapse(refund.operation_id)
            pair = refund_records.read_with_payment(self._context, refund_id)
        if not is_decidable_refund(pair.refund):
            raise ConsoleError(ErrorCode.NOTHING_TO_RESOLVE, {"record": pair.refund})
        return pair
