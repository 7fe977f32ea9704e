"""Builds the readers of records. These read records for lists and screens, with their related records and possible
actions. The program imports the modules of a reader when the reader is used for the first time, because lists need
only a few of these modules."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from console.domain.allowed_action import AllowedAction
from console.domain.records import Person
from console.services.audit.opening_log import RecordOpeningLog
from console.services.credit_checks.provider import CreditCheckAdapterSource
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection

if TYPE_CHECKING:
    from console.services.credit_checks.details_reader import CreditCheckDetailsReader
    from console.services.evidence.timeline import TimelineService
    from console.services.payments.details_reader import PaymentDetailsReader
    from console.services.recovery.choices import DecisionChoiceReader
    from console.services.recovery.queues import QueueReader
    from console.services.recovery.related_records import RelatedRecordCompleter
    from console.services.refunds.details_reader import RefundDetailsReader
    from console.services.refunds.request import RefundRequestService
    from console.store.queues.table_queries import QueuedRecord

    RecordT = TypeVar("RecordT", bound=QueuedRecord)


class RecordReaders:
    """The readers of records. All readers use the same related records and the same decision table, so that lists and
    screens explain a record in the same way and offer the same actions.
    """

    def __init__(
        self,
        context: ServiceContext,
        opening_log: RecordOpeningLog,
        adapter_source: CreditCheckAdapterSource,
        payment_providers: PaymentProviders,
    ) -> None:
        self._context, self.opening_log = context, opening_log
        self.adapter_source, self.payment_providers = adapter_source, payment_providers

    @cached_property
    def _related_records(self) -> "RelatedRecordCompleter":
        from console.services.recovery.related_records import RelatedRecordCompleter

        return RelatedRecordCompleter(
            self._context, self.adapter_source, self.payment_providers, lambda: self._refund_requests
        )

    @cached_property
    def _refund_requests(self) -> "RefundRequestService":
        from console.services.refunds.request import RefundRequestService

        return RefundRequestService(self._context, self.payment_providers)

    def complete_records(self, conn: Connection, records: "Sequence[RecordT]") -> "tuple[RecordT, ...]":
        """Return the records in the same sequence, each with its related records (such as the refunds of a payment)
        and the registry data of its corporation, which are read over the connection `conn`."""
        from console.services.registry.facts import complete_with_corporations

        completed_records = self._related_records.complete_records(conn, records)
        return complete_with_corporations(self._context, conn, completed_records)

    def read_actions(
        self, conn: Connection, kind: str, record_id: int, person: Person | None, names: Sequence[str]
    ) -> tuple[AllowedAction, ...]:
        """Return the actions with the names `names` (such as `probe`) on one record, each with the reason for which
        `person` can't do it now (None: it is possible). The decision table (`domain/recovery/decision_table.py`)
        gives the reason. `person` is the acting person; None if no person is named. Raises not_found if there is no
        such record."""
        return self.action_choices.read_actions(conn, kind, record_id, person, names)

    @cached_property
    def action_choices(self) -> "DecisionChoiceReader":
        """The service that finds the actions which are possible on a record."""
        from console.services.recovery.choices import DecisionChoiceReader

        return DecisionChoiceReader(
            self._context, self.adapter_source, self.payment_providers, lambda: self._refund_requests
        )

    @cached_property
    def queues(self) -> "QueueReader":
        """The service that reads the queues: their pages, their counts and the causes of their records."""
        from console.services.recovery.queues import QueueReader

        return QueueReader(self._context, self.complete_records)

    @cached_property
    def timelines(self) -> "TimelineService":
        """The service that reads the events of records and of their related records."""
        from console.services.evidence.timeline import TimelineService

        return TimelineService(self._context, self.opening_log, self.complete_records)

    @cached_property
    def credit_check_details(self) -> "CreditCheckDetailsReader":
        """The reader of credit checks with the data that their screens show."""
        from console.services.credit_checks.details_reader import CreditCheckDetailsReader

        return CreditCheckDetailsReader(self._context, self.opening_log, self.complete_records, self.read_actions)

    @cached_property
    def payment_details(self) -> "PaymentDetailsReader":
        """The reader of payments and orders with the data that their screens show."""
        from console.services.payments.details_reader import PaymentDetailsReader

        return PaymentDetailsReader(self._context, self.opening_log, self.complete_records, self.read_actions)

    @cached_property
    def refund_details(self) -> "RefundDetailsReader":
        """The reader of refunds with the data that their screens show."""
        from console.services.refunds.details_reader import RefundDetailsReader

        return RefundDetailsReader(
            self._context, self.payment_providers, self.opening_log, self.complete_records, self.read_actions
        )
