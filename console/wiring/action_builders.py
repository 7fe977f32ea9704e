"""Builds the services with which people act on credit checks, payments and refunds. The modules for one kind of
record are imported when a service for this kind is used for the first time, because most commands act on one kind.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.wiring.record_readers import RecordReaders

if TYPE_CHECKING:
    from console.services.guarded.action import ServicesByAction
    from console.services.guarded.pipeline import GuardedPipeline
    from console.wiring.credit_checks import CreditCheckServiceBuilder
    from console.wiring.payments import PaymentServiceBuilder
    from console.wiring.refunds import RefundServiceBuilder


class ActionBuilders:
    """The builders of the services that act on records, one builder for each kind of record. All of them use the same
    pipeline for guarded operations."""

    def __init__(self, context: ServiceContext, readers: RecordReaders, request_ids: RequestIdService) -> None:
        self._context, self._readers, self._request_ids = context, readers, request_ids

    @cached_property
    def _pipeline(self) -> "GuardedPipeline":
        from console.services.guarded.pipeline import GuardedPipeline

        return GuardedPipeline(self._context, self._context.heartbeat)

    @cached_property
    def credit_checks(self) -> "CreditCheckServiceBuilder":
        """The builder of the services for credit checks."""
        from console.wiring.credit_checks import CreditCheckServiceBuilder

        return CreditCheckServiceBuilder(self._context, self._pipeline, self._readers, self._request_ids)

    @cached_property
    def payments(self) -> "PaymentServiceBuilder":
        """The builder of the services for payments."""
        from console.wiring.payments import PaymentServiceBuilder

        return PaymentServiceBuilder(
            self._context,
            self._pipeline,
            self._readers.payment_providers,
            self._request_ids,
            self._readers.payment_details,
        )

    @cached_property
    def refunds(self) -> "RefundServiceBuilder":
        """The builder of the services for refunds."""
        from console.wiring.refunds import RefundServiceBuilder

        return RefundServiceBuilder(
            self._context,
            self._pipeline,
            self._readers.payment_providers,
            self._request_ids,
            self._readers.refund_details,
        )

    @cached_property
    def services_by_action(self) -> "ServicesByAction":
        """The services of the guarded actions, by the name of the action. They settle late answers and lapsed
        operations. Every guarded action must have its service here; otherwise the program never settles its
        operations."""
        from console.services.guarded.action import map_services_by_action

        checks = self.credit_checks
        return map_services_by_action(
            checks.purchases, checks.refetch_service.refetches, self.payments.start_action, self.refunds.submit_action
        )

    def settle_unsent_operations(self) -> None:
        """Settle the operations that this desk has claimed but not sent: store each of them as not sent. The intent
        of such an operation in the spool proves that its call was never sent."""
        from console.services.guarded import unsent_operations

        unsent_operations.settle_all_unsent_operations(self._context, self.services_by_action)

    def stop_heartbeat(self) -> None:
        """Stop the heartbeat, the thread that renews the leases of running calls."""
        self._context.heartbeat.close()
