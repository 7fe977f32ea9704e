"""The machinery of buying and settling, wired once per process: the second half of the composition root."""

from collections.abc import Callable
from pathlib import Path

from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, LeaseHolder, Operation, PurchaseRequest
from console.domain.results import (
    CreditCheckView,
    FeedMark,
    OperationView,
    PurchasePlan,
    QueueCount,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
    UnfinishedWork,
)
from console.providers.protocol import CreditVendor
from console.services import credit_checks as purchasing
from console.services.completion import Completion
from console.services.described import Progress
from console.services.desk import Desk
from console.services.due import DueTasks
from console.services.guarded import Guard
from console.services.heartbeat import Heartbeat
from console.services.lookup import Lookup
from console.services.operations import Operations
from console.services.parts import Parts
from console.services.pdfs import Pdfs
from console.services.probing import Probing
from console.services.queues import Queues
from console.services.reads import ReadLog
from console.services.recovery import Recovery
from console.services.vendors import Vendors
from console.services.views import Views


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


class RecoveryDesk:
    """`console.recovery`: what waits, and how it is settled. Kinds: credit-check, operation."""

    def __init__(
        self,
        queues: Queues,
        recovery: Recovery,
        probing: Probing,
        operations: Operations,
        views: Views,
        due: DueTasks,
    ) -> None:
        self._queues, self._recovery, self._probing = queues, recovery, probing
        self._operations, self._views, self._due = operations, views, due

    def queue(self, name: str, limit: int = 50, after: str | None = None) -> QueuePage:
        return self._queues.queue(name, limit, after)

    def counts(self) -> tuple[QueueCount, ...]:
        return self._queues.counts()

    def unfinished(self) -> tuple[UnfinishedWork, ...]:
        return self._queues.unfinished()

    def holders(self) -> tuple[LeaseHolder, ...]:
        return self._queues.holders()

    def changes(self, after: FeedMark | None = None) -> tuple[FeedMark, tuple[tuple[str, int], ...]]:
        return self._queues.changes(after)

    def run_due(self) -> tuple[TaskRun, ...]:
        return self._due.run()

    def show(self, kind: str, id: int | str) -> CreditCheckView | OperationView:
        if kind == "operation":
            return self._operations.show(str(id))
        return self._views.credit_check(_record_id(kind, id))

    def probe(self, kind: str, id: int | str) -> CreditCheck | Operation:
        if kind == "operation":
            return self._operations.probe(str(id))
        return self._probing.probe(_record_id(kind, id))

    def resolve(
        self, kind: str, id: int | str, as_state: str, evidence: str | Path, provider_id: int | None = None,
        saw: int | None = None,
    ) -> ResolveResult:  # fmt: skip
        if kind == "operation":
            return self._operations.resolve(str(id), as_state, evidence, provider_id)
        return self._recovery.resolve(_record_id(kind, id), as_state, evidence, provider_id, saw)


def _record_id(kind: str, id: int | str) -> int:
    text = str(id)
    if kind != "credit-check" or not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise ConsoleError("not_found", {"kind": kind, "id": text[:40]})
    return int(text)


class Machinery:
    """The pipeline and what hangs on it. Everything but the purchase gets only the vendor's reading half."""

    def __init__(self, desk: Desk, make_vendor: Callable[[], CreditVendor]) -> None:
        self._desk = desk
        self.reads = ReadLog(desk)
        self._vendors = Vendors(make_vendor)
        reader = self._vendors.reader
        self._heartbeat = Heartbeat(desk.scale)
        self._guard = Guard(desk, self._heartbeat)
        self._completion = Completion(desk, self._guard, self._heartbeat, Parts(desk, reader))
        self._recovery = Recovery(desk, reader, self._vendors.capabilities)
        self._probing = Probing(desk, self._recovery, reader)
        self._views = Views(desk, self.reads)

    def credit_check_desk(self, lookup: Lookup) -> CreditCheckDesk:
        checks = purchasing.CreditChecks(self._desk, self._guard, self._vendors, self._completion, lookup)
        return CreditCheckDesk(checks, self._probing, self._views)

    def recovery_desk(self) -> RecoveryDesk:
        reader = self._vendors.reader
        operations = Operations(self._desk, self._recovery, self._probing, reader)
        due = DueTasks(self._desk, self._completion, self._probing, self._vendors.capabilities)
        return RecoveryDesk(Queues(self._desk), self._recovery, self._probing, operations, self._views, due)

    def pdfs(self) -> Pdfs:
        return Pdfs(self._views)

    def close(self) -> None:
        self.reads.flush()
        self._heartbeat.close()
