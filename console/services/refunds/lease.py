"""The lease that covers all refunds of a payment. A process holds it while it sends or probes a refund, or stores a
person's decision about the unknown outcome of a refund."""

from collections.abc import Iterator
from contextlib import contextmanager

from console.domain.process.lease_names import make_refund_lease_name
from console.domain.records import WorkReason
from console.domain.recovery.decision_rules import is_decidable_refund, make_stale_view_error, make_undecidable_error
from console.services.guarded.leases import hold_lease, refuse_running_operation
from console.services.guarded.operation import OperationSettler
from console.services.guarded.second_person import is_version_decidable
from console.services.process.context import ServiceContext
from console.services.refunds import records as refund_records
from console.services.refunds.records import RefundWithPayment
from console.store.refunds import refunds


class RefundLeaseService:
    """Acquires the lease that covers all refunds of a payment, to probe a refund with an unknown outcome or to decide
    about it."""

    def __init__(self, context: ServiceContext, submit_action: OperationSettler) -> None:
        self._context = context
        self._submit_action = submit_action

    @contextmanager
    def hold_refund_lease(self, refund_id: int, expected_version: int | None) -> Iterator[RefundWithPayment]:
        """Context manager: within the block, this process holds the lease that covers all refunds of the payment.
        Yield the refund with its payment. The refund must be decidable: its outcome is unknown, or the provider has
        accepted it and it needs a review. If the process that sent the refund has ended without recording an answer,
        first record the outcome as unknown. `expected_version` is the version of the refund that the person's screen
        shows; with None, versions are not compared.

        Raises not_found if there is no such refund; nothing_to_resolve if the refund is not decidable; in_progress
        (with the holder) while a process sends the refund or another process holds the lease; stale_view if the
        refund's version is not `expected_version` or if the refund changes within the block.
        """
        pair = self._read_undecided_refund(refund_id, expected_version)
        with hold_lease(self._context, make_refund_lease_name(pair.payment.id), record=pair.refund):
            try:
                pair = self._read_undecided_refund(refund_id, expected_version)
                yield pair
            except refunds.StaleRow:
                changed_refund = refund_records.read_refund(self._context, refund_id)
                raise make_stale_view_error(changed_refund, pair.refund.version) from None

    def _read_undecided_refund(self, refund_id: int, expected_version: int | None) -> RefundWithPayment:
        pair = refund_records.read_refund_with_payment(self._context, refund_id)
        refund = pair.refund
        if expected_version is not None and not is_version_decidable(
            self._context, refunds.REFUND_KIND, refund, expected_version
        ):
            raise make_stale_view_error(refund, expected_version)
        with self._context.database.read() as conn:
            refuse_running_operation(conn, refunds.REFUND_KIND, refund)
        if refund.operation_id and refund.work.reason == WorkReason.LAPSED:
            self._submit_action.record_lapse(refund.operation_id)
            pair = refund_records.read_refund_with_payment(self._context, refund_id)
        if not is_decidable_refund(pair.refund):
            raise make_undecidable_error(pair.refund)
        return pair
