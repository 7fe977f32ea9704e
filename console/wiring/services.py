"""The machinery of buying and settling, wired once per process: the second half of the composition root."""

from collections.abc import Callable
from functools import cached_property

from console.domain.publishing import Publisher
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.results import CreditCheckView, PurchasePlan, RefetchResult
from console.machinery_payments import PaymentDesk, PaymentMachinery
from console.machinery_recovery import CheckMatters, Hands, RecoveryDesk
from console.machinery_refunds import RefundDesk, RefundMachinery
from console.providers.payment_protocol import PaymentVendor
from console.providers.protocol import CreditVendor
from console.services import credit_checks as purchasing
from console.services.alerting import AlertRules
from console.services.audit_roots import AuditRoots
from console.services.bulk_acts import BulkActs
from console.services.bulk_judging import Judging
from console.services.bulk_running import BulkRunning
from console.services.bulk_runs import BulkRuns
from console.services.choices import Choices
from console.services.clock_jumps import ClockJumps
from console.services.completion import Completion
from console.services.described import Progress
from console.services.desk import Desk
from console.services.due import DueTasks
from console.services.evidence_pack import EvidencePacks
from console.services.explaining import Explaining
from console.services.forgotten_refunds import ForgottenRefunds
from console.services.guarded import Guard
from console.services.heartbeat import Heartbeat
from console.services.lookup import Lookup
from console.services.noting import Noting
from console.services.operations import Matters, Operations
from console.services.parts import Parts
from console.services.payment_vendors import PaymentVendors
from console.services.pdfs import Pdfs
from console.services.probing import Probing
from console.services.publishing import Publishing
from console.services.queues import Queues
from console.services.reads import ReadLog
from console.services.reconciling import Reconciling
from console.services.recovery import Recovery
from console.services.scheduling import Scheduler
from console.services.taking import Taking
from console.services.vendors import Vendors
from console.services.views import Views
from console.store import payments as payment_rows
from console.store import refunds as refund_rows


class CreditCheckDesk:
    """`console.credit_checks`: everything about credit checks that a person does with one."""

    def __init__(self, checks: purchasing.CreditChecks, probing: Probing, views: Views) -> None:
        self._checks, self._probing, self._views = checks, probing, views

    def plan(self, number: str) -> PurchasePlan:
        return self._checks.plan(number)

    def purchase(self, request: PurchaseRequest, progress: Progress | None = None) -> CreditCheck:
        return self._checks.purchase(request, progress)

    def refetch(
        self, id: int, *, detail: bool = True, pdf: bool = True, saw: int | None = None,
        progress: Progress | None = None,
    ) -> RefetchResult:  # fmt: skip
        return self._checks.refetch(id, detail=detail, pdf=pdf, saw=saw, progress=progress)

    def probe(self, id: int) -> CreditCheck:
        return self._probing.probe(id)

    def show(self, id: int) -> CreditCheckView:
        return self._views.credit_check(id)

    def read_pdf(self, id: int, sha256: str | None = None) -> bytes:
        return self._views.pdf(id, sha256)


class Machinery:
    """The pipeline and what hangs on it. Everything but the purchase gets only the vendor's reading half."""

    def __init__(
        self,
        desk: Desk,
        make_vendor: Callable[[], CreditVendor],
        make_payment_vendor: Callable[[str], PaymentVendor],
        open_publisher: Callable[[], Publisher | None],
    ) -> None:
        self._desk, self._open_publisher = desk, open_publisher
        self.reads = ReadLog(desk)
        self._vendors = Vendors(make_vendor)
        reader = self._vendors.reader
        self._heartbeat = Heartbeat(desk.scale)
        self._guard = Guard(desk, self._heartbeat)
        self._completion = Completion(desk, self._guard, self._heartbeat, Parts(desk, reader))
        self._recovery = Recovery(desk, reader, self._vendors.capabilities)
        self._probing = Probing(desk, self._recovery, reader)
        self._views = Views(desk, self.reads)
        self._payment_vendors = PaymentVendors(make_payment_vendor)

    @cached_property
    def _payments(self) -> PaymentMachinery:
        return PaymentMachinery(self._desk, self._guard, self._payment_vendors, self.reads)

    @cached_property
    def _refunds(self) -> RefundMachinery:
        return RefundMachinery(self._desk, self._guard, self._payment_vendors, self.reads)

    def payment_desk(self) -> PaymentDesk:
        return self._payments.payments

    def refund_desk(self) -> RefundDesk:
        return self._refunds.refunds

    def credit_check_desk(self, lookup: Lookup) -> CreditCheckDesk:
        checks = purchasing.CreditChecks(self._desk, self._guard, self._vendors, self._completion, lookup)
        return CreditCheckDesk(checks, self._probing, self._views)

    def recovery_desk(self) -> RecoveryDesk:
        reader = self._vendors.reader
        payments, refunds = self._payments, self._refunds
        others: dict[str, Matters] = {payment_rows.KIND: payments.payments, refund_rows.KIND: refunds.refunds}
        forgotten = ForgottenRefunds(self._desk, self._payment_vendors)
        operations = Operations(self._desk, self._recovery, self._probing, reader, others, forgotten)
        checks = CheckMatters(self._recovery, self._probing, self._views)
        sides = (payments.payments, refunds.refunds)
        return RecoveryDesk(Queues(self._desk), checks, operations, *sides, self.scheduler, self._hands)

    @cached_property
    def _choices(self) -> Choices:
        return Choices(self._desk, self._vendors, self._payment_vendors, self._refunds.refunding)

    @property
    def _hands(self) -> Hands:
        """What can be done beside any record."""
        explaining, packs = Explaining(self._desk, self.reads), EvidencePacks(self._desk)
        return Hands(self._choices, Taking(self._desk), Noting(self._desk), explaining, packs)

    @cached_property
    def scheduler(self) -> Scheduler:
        """All due tasks, in the order in which each finds what the one before it left."""
        payments, refunds = self._payments, self._refunds
        due = DueTasks(
            self._desk,
            self._completion,
            self._probing,
            self._vendors.capabilities,
            settlers={payment_rows.KIND: payments.settler, refund_rows.KIND: refunds.settler},
            further=(
                ("clock_jumps", ClockJumps(self._desk).run),
                *payments.tasks(),
                *refunds.tasks(),
                ("reconciliation", lambda: self.reconciliation.run_due()),
                ("bulk_runs", lambda: self.bulk.go_on()),
                ("alert_rules", AlertRules(self._desk).run),
                ("outbox", Publishing(self._desk, self._open_publisher).run),
                ("audit_roots", AuditRoots(self._desk).write_due),
            ),
        )
        return Scheduler(self._desk, self._heartbeat, due.tasks())

    @cached_property
    def bulk(self) -> BulkRuns:
        """Runs get what everybody probes, re-fetches, takes and notes with, and nothing else."""
        desk, records = self._desk, self.recovery_desk()

        def refetch(record_id: int, saw: int | None) -> RefetchResult:
            return self._completion.refetch(record_id, detail=True, pdf=True, saw=saw, progress=lambda _step: None)

        acts = BulkActs(desk, records.probe, refetch, Taking(desk), Noting(desk))
        judging = Judging(self._choices)
        running = BulkRunning(desk, judging, acts, self._heartbeat)
        return BulkRuns(desk, Queues(desk), judging, acts, running)

    @cached_property
    def reconciliation(self) -> Reconciling:
        payments, refunds = self._payments, self._refunds.refunds
        return Reconciling(self._desk, self._payment_vendors, payments.probing, payments.imports, refunds.probe)

    def pdfs(self) -> Pdfs:
        return Pdfs(self._views)

    def close(self) -> None:
        self.reads.flush()
        self._heartbeat.close()
