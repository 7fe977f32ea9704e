"""Builds the services that work on records of every kind, once per process. `console/app.py` imports this module when
one of these services is used for the first time."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

from console.domain.alerts.events import AlertPublisher
from console.domain.service_results import RefetchResult
from console.services.alerts.changed_companies import ChangedCompanyAlerts
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.alerts.outbox_sender import OutboxSender
from console.services.annotations.notes import NoteService
from console.services.annotations.takes import TakeService
from console.services.audit.roots import AuditRootWriter
from console.services.bulk.actions import BulkActionRunner
from console.services.bulk.eligibility import BulkRowForecaster
from console.services.bulk.execute import BulkExecutor
from console.services.bulk.runs import BulkRunService
from console.services.evidence.pack import EvidencePackWriter
from console.services.evidence.pack_bundle import EvidenceBundleWriter
from console.services.evidence.pack_text import TimelineTextWriter
from console.services.guarded.operation import ignore_step
from console.services.guarded.request_ids import RequestIdService
from console.services.payments.spooled_payments import LostPaymentRestorer
from console.services.payments.unmasking import PayerUnmasking
from console.services.process.context import ServiceContext
from console.services.reconciliation.run import ReconciliationService
from console.services.recovery.operations import OperationRecovery, RecordRecovery
from console.services.refunds.spooled_refunds import LostRefundProber
from console.services.tasks.clock_jumps import ClockJumpCorrection
from console.services.tasks.due_tasks import DueTasks
from console.services.tasks.scheduler import Scheduler
from console.store.payments import payments as payment_rows
from console.store.refunds import refunds as refund_rows
from console.wiring.action_builders import ActionBuilders
from console.wiring.record_readers import RecordReaders
from console.wiring.recovery import RecordServices, RecoveryService

if TYPE_CHECKING:  # see `_registry_updater` and `_write_pdf`
    from console.domain.exports.tables import ExportDocument
    from console.services.registry.updates import RegistryUpdater


class ServiceBuilder:
    """Builds the services that work on records of every kind: recovery, due tasks, bulk runs and reconciliation."""

    def __init__(
        self,
        context: ServiceContext,
        readers: RecordReaders,
        make_alert_publisher: Callable[[], AlertPublisher | None],
        request_ids: RequestIdService,
        action_builders: ActionBuilders,
    ) -> None:
        self._context, self._make_alert_publisher, self._request_ids = context, make_alert_publisher, request_ids
        self._readers, self._action_builders = readers, action_builders

    def make_record_services(self) -> RecordServices:
        """Return the services with which `RecoveryService` acts on records of every kind."""
        check_builder, providers = self._action_builders.credit_checks, self._readers.payment_providers
        payment_builder, refund_builder = self._action_builders.payments, self._action_builders.refunds
        record_services: dict[str, RecordRecovery] = {
            payment_rows.PAYMENT_KIND: payment_builder.payments,
            refund_rows.REFUND_KIND: refund_builder.refunds,
        }
        operations = OperationRecovery(
            self._context,
            check_builder.purchase_resolver,
            check_builder.credit_check_prober,
            self._readers.adapter_source.get_reader,
            record_services,
            LostRefundProber(self._context, providers),
            LostPaymentRestorer(self._context, providers),
        )
        complete_records = self._readers.complete_records
        pack_writer = EvidencePackWriter(self._context, _load_timeline_text_writer, complete_records, _write_pdf)
        return RecordServices(
            check_builder.purchase_resolver,
            check_builder.credit_check_prober,
            operations,
            payment_builder.payments,
            refund_builder.refunds,
            self.scheduler,
            TakeService(self._context),
            NoteService(self._context),
            PayerUnmasking(self._context),
            self._request_ids,
            pack_writer,
            EvidenceBundleWriter(self._context, pack_writer),
        )

    @cached_property
    def scheduler(self) -> Scheduler:
        """The scheduler of all due tasks. It runs the tasks in a fixed order, in which a task can use the results of
        the tasks before it."""
        payment_builder, refund_builder = self._action_builders.payments, self._action_builders.refunds
        due_tasks = DueTasks(
            self._context,
            self._action_builders.credit_checks.refetch_service,
            self._action_builders.credit_checks.credit_check_prober,
            self._action_builders.services_by_action,
            other_tasks=(
                ("clock_jumps", ClockJumpCorrection(self._context).make_future_dated_rows_due),
                *payment_builder.list_due_tasks(),
                *refund_builder.list_due_tasks(),
                ("reconciliation", lambda: self.reconciliation_service.reconcile_due_days()),
                ("registry", lambda: self._registry_updater.import_new_files()),
                ("bulk_runs", lambda: self.bulk_runs.continue_unfinished_runs()),
                ("alert_rules", AlertRuleEvaluator(self._context).update_alerts),
                ("company_changes", self.compare_watched_corporations),
                ("outbox", OutboxSender(self._context, self._make_alert_publisher).send_due_events),
                ("audit_roots", AuditRootWriter(self._context).write_root_if_due),
            ),
        )
        return Scheduler(self._context, self._context.heartbeat, due_tasks.list_tasks())

    def compare_watched_corporations(self) -> int:
        """Compare the corporation registry in use with the facts of the watched corporations that people have been
        told. Raise an alert about each changed corporation, and resolve the alerts about the corporations whose facts
        match again. Return the number of alerts that were raised or resolved. Raises not_allowed if the acting person
        may not run due tasks."""
        return ChangedCompanyAlerts(self._context).update_alerts()

    @cached_property
    def _registry_updater(self) -> "RegistryUpdater":
        """The service that keeps the corporation registry up to date. Its modules are imported when it runs for
        the first time.
        """
        from console.services.registry.service import import_files
        from console.services.registry.updates import RegistryUpdater
        from console.services.tasks.cancellation import must_stop_task
        from console.wiring.providers import make_registry_client

        context = self._context
        return RegistryUpdater(
            context,
            lambda paths: import_files(context, paths, self.compare_watched_corporations, should_stop=must_stop_task),
            lambda: make_registry_client(context),
            must_stop_task,
        )

    @cached_property
    def bulk_runs(self) -> BulkRunService:
        """The service of bulk runs. The actions of a bulk run are probe, re-fetch, take and note."""
        context = self._context
        recovery_service = RecoveryService(self._readers, self.make_record_services, context)

        def refetch_credit_check(record_id: int, expected_version: int | None) -> RefetchResult:
            return self._action_builders.credit_checks.refetch_service.refetch(
                record_id, detail=True, pdf=True, expected_version=expected_version, progress=ignore_step
            )

        action_runner = BulkActionRunner(
            context, recovery_service.probe, refetch_credit_check, TakeService(context), NoteService(context)
        )
        forecaster = BulkRowForecaster(self._readers.action_choices)
        executor = BulkExecutor(context, forecaster, action_runner)
        return BulkRunService(
            context,
            self._readers.queues,
            self._readers.complete_records,
            forecaster,
            action_runner,
            executor,
            self._request_ids,
        )

    @cached_property
    def reconciliation_service(self) -> ReconciliationService:
        """The service that compares providers' histories with our records."""
        payment_builder, refund_service = self._action_builders.payments, self._action_builders.refunds.refunds
        actions = (payment_builder.payment_prober, payment_builder.imports, refund_service.probe)
        return ReconciliationService(self._context, self._readers.payment_providers, *actions, self._request_ids)


def _write_pdf(file: BinaryIO, document: "ExportDocument") -> None:
    """Write the document of an export to the open file as a PDF. The first call imports the module that writes
    PDFs."""
    from console.services.exports.pdf_document import write_pdf_document  # imported at its first use

    write_pdf_document(file, document)


def _load_timeline_text_writer() -> TimelineTextWriter:
    """Return the module that makes the text of a timeline. The first call imports this module."""
    from console.wording import timelines  # The words are loaded at their first use.

    return timelines
