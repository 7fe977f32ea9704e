"""Builds the services, once per process. `console/app.py` imports this module when a service is used for the first
time."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

from console.domain.alerts.events import AlertPublisher
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.service_results import PurchasePlan, RefetchResult
from console.domain.views.any_record import CreditCheckDetails
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
from console.services.credit_checks import purchase
from console.services.credit_checks.outcomes import PurchaseSettler
from console.services.credit_checks.probe import CreditCheckProber
from console.services.credit_checks.readings import CreditCheckPartReader
from console.services.credit_checks.refetch import RefetchService
from console.services.credit_checks.resolve import PurchaseResolver
from console.services.credit_checks.view import CreditCheckDetailsReader
from console.services.evidence.pack import EvidencePackWriter
from console.services.evidence.pack_bundle import EvidenceBundleWriter
from console.services.evidence.pack_text import TimelineTextWriter
from console.services.evidence.timeline import TimelineService
from console.services.guarded import unsent_operations
from console.services.guarded.action import GuardedService, ServicesByAction, map_services_by_action
from console.services.guarded.operation import StepReporter, ignore_step
from console.services.guarded.pipeline import GuardedPipeline
from console.services.guarded.request_ids import RequestIdService
from console.services.lookup.record_search import Lookup
from console.services.payments.spooled_payments import LostPaymentRestorer
from console.services.payments.unmasking import PayerUnmasking
from console.services.process.context import ServiceContext
from console.services.reconciliation.run import ReconciliationService
from console.services.recovery import replayed_answers as record_answers
from console.services.recovery.operations import OperationRecovery, RecordRecovery
from console.services.refunds.spooled_refunds import LostRefundProber
from console.services.tasks.clock_jumps import ClockJumpCorrection
from console.services.tasks.due_tasks import DueTasks
from console.services.tasks.scheduler import Scheduler
from console.store.payments import payments as payment_rows
from console.store.refunds import refunds as refund_rows
from console.wiring.payments import PaymentService, PaymentServiceBuilder
from console.wiring.record_readers import RecordReaders
from console.wiring.records import RecordServices, RecoveryService
from console.wiring.refunds import RefundService, RefundServiceBuilder

if TYPE_CHECKING:  # see `_registry_updater` and `_write_pdf`
    from console.domain.exports.tables import ExportDocument
    from console.services.registry.updates import RegistryUpdater


class CreditCheckService:
    """The service `console.credit_checks`: all actions of a person on credit checks."""

    def __init__(
        self,
        context: ServiceContext,
        checks: purchase.CreditCheckPurchaseService,
        credit_check_prober: CreditCheckProber,
        details_reader: CreditCheckDetailsReader,
        request_ids: RequestIdService,
    ) -> None:
        self._checks, self._credit_check_prober, self._details_reader = checks, credit_check_prober, details_reader
        self._context, self._request_ids = context, request_ids

    def make_plan(self, corporation_number: str) -> PurchasePlan:
        """Return the facts that a person should read before a purchase. Raises invalid_corporation_number if
        `corporation_number` is no valid corporation number."""
        return self._checks.make_plan(corporation_number)

    def purchase(
        self, request: PurchaseRequest, progress: StepReporter | None = None, *, request_id: str | None = None
    ) -> CreditCheck:
        """Buy one credit check, at most once, and return it. `progress` is called with the name of each step. If the
        purchase is refused or fails, raises the error of `CreditCheckPurchaseService.purchase`, for example
        already_purchased if another purchase has the claim.
        """
        return self._request_ids.act_once(
            "purchase",
            request_id,
            (request,),
            lambda: self._checks.purchase(request, progress),
            record_answers.make_purchase_answer_finder(self._context),
            progress,
        )

    def refetch(
        self,
        id: int,
        *,
        detail: bool = True,
        pdf: bool = True,
        expected_version: int | None = None,
        progress: StepReporter | None = None,
        request_id: str | None = None,
    ) -> RefetchResult:
        """Read the detail data (if `detail` is True) and the PDF (if `pdf` is True) of a bought credit check from the
        provider again. Return the credit check with the names of its changed fields and its documents. Raises
        not_found for an unknown credit check; not_refetchable if the credit check isn't bought; stale_view if
        `expected_version` is given and the credit check has another version; in_progress while another process has
        its lease; and the further errors of `CreditCheckPurchaseService.refetch` if the re-fetch is refused or fails.
        """
        return self._request_ids.act_once(
            "refetch",
            request_id,
            (id, detail, pdf, expected_version),
            lambda: self._checks.refetch(
                id, detail=detail, pdf=pdf, expected_version=expected_version, progress=progress
            ),
            record_answers.make_refetch_answer_finder(self._context),
            progress,
        )

    def probe(self, id: int, *, request_id: str | None = None) -> CreditCheck:
        """Ask the provider about a credit check, and return the credit check as it is after the probe. Raises
        outcome_unknown if the outcome of the purchase stays unknown, in_progress while the call of the purchase runs,
        not_found for an unknown credit check, not_allowed if the acting person has no right to probe, and
        provider_unreachable or another code of NO_ANSWER_ERROR_CODES (`services/credit_checks/readings.py`) if the
        provider gave no answer.
        """
        return self._request_ids.act_once(
            "probe",
            request_id,
            ("credit-check", str(id)),
            lambda: self._credit_check_prober.probe(id),
            record_answers.make_probe_answer_finder(self._context, "credit-check", id),
        )

    def read_credit_check(self, id: int) -> CreditCheckDetails:
        """Return one credit check with the data that its screen shows. Raises not_found for an unknown credit check,
        and not_allowed if the acting person has no right to read.
        """
        return self._details_reader.read_credit_check(id)

    def read_pdf(self, id: int, sha256: str | None = None) -> bytes:
        """Return the content of a PDF of the credit check: the PDF with this SHA-256, or the current PDF if `sha256`
        is None. Raises not_found if the credit check has no such PDF or the PDF's file is missing or damaged,
        documents_unreachable if the storage of the documents can't be reached, and not_allowed if the acting person
        has no right to read.
        """
        return self._details_reader.read_pdf(id, sha256)


class ServiceBuilder:
    """Builds the services that act on records. Only the purchase service gets an adapter with all calls of the
    credit-check provider; the other services get an adapter with only the calls that read."""

    def __init__(
        self,
        context: ServiceContext,
        readers: RecordReaders,
        open_publisher: Callable[[], AlertPublisher | None],
        request_ids: RequestIdService,
    ) -> None:
        self._context, self._open_publisher, self._request_ids = context, open_publisher, request_ids
        self.readers, self.payment_providers = readers, readers.payment_providers
        self._adapter_source = readers.adapter_source
        get_reader = self._adapter_source.get_reader
        self._heartbeat = context.heartbeat
        self._pipeline = GuardedPipeline(context, self._heartbeat)
        self._refetch_service = RefetchService(context, self._pipeline, CreditCheckPartReader(context, get_reader))
        self._purchases: purchase.GuardedPurchaseService = GuardedService(
            context,
            self._pipeline,
            purchase.PURCHASE_ACTION,
            lambda: PurchaseSettler(context, self._adapter_source.get_capabilities()),
        )
        self._purchase_resolver = PurchaseResolver(context, get_reader, self._purchases)
        self._credit_check_prober = CreditCheckProber(context, self._purchase_resolver, get_reader)

    @cached_property
    def _payment_builder(self) -> PaymentServiceBuilder:
        return PaymentServiceBuilder(
            self._context,
            self._pipeline,
            self.payment_providers,
            self._request_ids,
            self.readers.payment_details,
        )

    @cached_property
    def _refund_builder(self) -> RefundServiceBuilder:
        return RefundServiceBuilder(
            self._context,
            self._pipeline,
            self.payment_providers,
            self._request_ids,
            self.readers.refund_details,
        )

    def make_payment_service(self) -> PaymentService:
        """Return the service with all actions on payments and orders."""
        return self._payment_builder.payments

    def make_refund_service(self) -> RefundService:
        """Return the service with all actions on refunds."""
        return self._refund_builder.refunds

    def make_credit_check_service(self, lookup: Lookup) -> CreditCheckService:
        """Return the service with all actions on credit checks. `lookup` is the service that reads the records of a
        corporation number."""
        checks = purchase.CreditCheckPurchaseService(
            self._context, self._purchases, self._adapter_source, self._refetch_service, lookup
        )
        return CreditCheckService(
            self._context, checks, self._credit_check_prober, self.readers.credit_check_details, self._request_ids
        )

    def make_record_services(self) -> RecordServices:
        """Return the services with which `RecoveryService` acts on records of every kind."""
        get_reader = self._adapter_source.get_reader
        payment_builder, refund_builder = self._payment_builder, self._refund_builder
        record_services: dict[str, RecordRecovery] = {
            payment_rows.PAYMENT_KIND: payment_builder.payments,
            refund_rows.REFUND_KIND: refund_builder.refunds,
        }
        lost_refund_prober = LostRefundProber(self._context, self.payment_providers)
        lost_payment_restorer = LostPaymentRestorer(self._context, self.payment_providers)
        operations = OperationRecovery(
            self._context,
            self._purchase_resolver,
            self._credit_check_prober,
            get_reader,
            record_services,
            lost_refund_prober,
            lost_payment_restorer,
        )
        complete_records = self.readers.complete_records
        pack_writer = EvidencePackWriter(self._context, _load_timeline_text_writer, complete_records, _write_pdf)
        return RecordServices(
            self._purchase_resolver,
            self._credit_check_prober,
            self.readers.credit_check_details,
            operations,
            payment_builder.payments,
            refund_builder.refunds,
            self.scheduler,
            self.readers.action_choices,
            TakeService(self._context),
            NoteService(self._context),
            PayerUnmasking(self._context),
            TimelineService(self._context, self.readers.opening_log, complete_records),
            pack_writer,
            EvidenceBundleWriter(self._context, pack_writer),
        )

    @cached_property
    def guarded_actions(self) -> ServicesByAction:
        """The services of all guarded actions, by the name of the action. These services settle late answers and
        lapsed operations; the program would never settle an operation whose action has no service here."""
        checks = self._purchases, self._refetch_service.refetches
        return map_services_by_action(*checks, self._payment_builder.start_action, self._refund_builder.submit_action)

    def end_unsent_operations(self) -> None:
        """Settle this desk's operations that were not sent: the intent of such an operation in the spool proves that
        its call was never sent. Store each of them as not sent."""
        unsent_operations.settle_all_unsent_operations(self._context, self.guarded_actions)

    @cached_property
    def scheduler(self) -> Scheduler:
        """The scheduler of all due tasks. It runs the tasks in a fixed order, in which a task can use the results of
        the tasks before it."""
        payment_builder, refund_builder = self._payment_builder, self._refund_builder
        due_tasks = DueTasks(
            self._context,
            self._refetch_service,
            self._credit_check_prober,
            self.guarded_actions,
            other_tasks=(
                ("clock_jumps", ClockJumpCorrection(self._context).make_future_dated_rows_due),
                *payment_builder.list_due_tasks(),
                *refund_builder.list_due_tasks(),
                ("reconciliation", lambda: self.reconciliation_service.reconcile_due_days()),
                ("registry", lambda: self._registry_updater.import_new_files()),
                ("bulk_runs", lambda: self.bulk_runs.continue_unfinished_runs()),
                ("alert_rules", AlertRuleEvaluator(self._context).update_alerts),
                ("company_changes", self.watch_companies),
                ("outbox", OutboxSender(self._context, self._open_publisher).send_due_events),
                ("audit_roots", AuditRootWriter(self._context).write_root_if_due),
            ),
        )
        return Scheduler(self._context, self._heartbeat, due_tasks.list_tasks())

    def watch_companies(self) -> int:
        """Compare the watched corporations with the corporation registry in use. Return the number of alerts that
        were raised or resolved. Raises not_allowed if the acting person may not run due tasks."""
        return ChangedCompanyAlerts(self._context).update_alerts()

    @cached_property
    def _registry_updater(self) -> "RegistryUpdater":
        """The service that keeps the corporation registry up to date. Its modules are imported when it runs for
        the first time.
        """
        from console.services.registry.service import import_files
        from console.services.registry.updates import RegistryUpdater
        from console.services.tasks.cancellation import is_stopping
        from console.wiring.providers import open_registry_api

        context = self._context
        return RegistryUpdater(
            context,
            lambda paths: import_files(context, paths, self.watch_companies, should_stop=is_stopping),
            lambda: open_registry_api(context),
            is_stopping,
        )

    @cached_property
    def bulk_runs(self) -> BulkRunService:
        """The service of bulk runs. The actions of a bulk run are probe, re-fetch, take and note."""
        context = self._context
        recovery_service = RecoveryService(self.readers.queues, self.make_record_services, context, self._request_ids)

        def refetch_credit_check(record_id: int, expected_version: int | None) -> RefetchResult:
            return self._refetch_service.refetch(
                record_id, detail=True, pdf=True, expected_version=expected_version, progress=ignore_step
            )

        action_runner = BulkActionRunner(
            context, recovery_service.probe, refetch_credit_check, TakeService(context), NoteService(context)
        )
        forecaster = BulkRowForecaster(self.readers.action_choices)
        executor = BulkExecutor(context, forecaster, action_runner)
        return BulkRunService(
            context,
            self.readers.queues,
            self.readers.complete_records,
            forecaster,
            action_runner,
            executor,
            self._request_ids,
        )

    @cached_property
    def reconciliation_service(self) -> ReconciliationService:
        """The service that compares providers' histories with our records."""
        payment_builder, refund_service = self._payment_builder, self._refund_builder.refunds
        actions = (payment_builder.payment_prober, payment_builder.imports, refund_service.probe)
        return ReconciliationService(self._context, self.payment_providers, *actions, self._request_ids)

    def stop_heartbeat(self) -> None:
        """Stop the heartbeat, the thread that renews the leases of running calls."""
        self._heartbeat.close()


def _write_pdf(file: BinaryIO, document: "ExportDocument") -> None:
    """Write the document of an export to the open file as a PDF. The first call imports the module that writes
    PDFs."""
    from console.services.exports.pdf_document import write_pdf_document  # imported at its first use

    write_pdf_document(file, document)


def _load_timeline_text_writer() -> TimelineTextWriter:
    """Return the module that makes the text of a timeline. The first call imports this module."""
    from console.wording import timelines  # The words are loaded at their first use.

    return timelines
