"""The composition root: settings in, a Console with all services out. The only place that wires things."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.clock import Clock, SystemClock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.records import (
    CreditCheck,
    CreditCheckView,
    LeaseHolder,
    Operation,
    OperationView,
    Person,
    PurchasePlan,
    PurchaseRequest,
    QueueCount,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
    UnfinishedWork,
)
from console.providers.protocol import CreditVendor
from console.services import credit_checks as purchasing
from console.services.auditing import Auditing
from console.services.completion import Completion
from console.services.desk import Desk, acting
from console.services.due import DueTasks
from console.services.failpoints import Failpoints
from console.services.guarded import Guard, Progress
from console.services.health import Health
from console.services.heartbeat import Heartbeat
from console.services.lookup import Lookup
from console.services.operations import Operations
from console.services.people import People
from console.services.probing import Probing
from console.services.queues import Queues
from console.services.reads import ReadLog
from console.services.recovery import Recovery
from console.services.vendors import Vendors
from console.services.views import Views
from console.settings import Settings
from console.store import migrate
from console.store.documents import Documents
from console.store.engine import Database
from console.store.spool import Spool

if TYPE_CHECKING:
    from console.services.samples import Render, Sample

PROGRAM = "support-console 1"


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

    def changes(self, after: int | None = None) -> tuple[int, tuple[tuple[str, int], ...]]:
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


class Console:
    """All services of one desk. Safe to call from any thread; close it to stop what runs in the background."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.settings = desk.settings
        self._heartbeat = Heartbeat(desk.scale)
        self._reads = ReadLog(desk)
        guard = Guard(desk, self._heartbeat)
        vendors = Vendors(lambda: _alarmbox(desk))
        completion = Completion(desk, guard, self._heartbeat, vendors.reader)
        recovery = Recovery(desk, vendors.reader)
        probing = Probing(desk, recovery, vendors.reader)
        views = Views(desk, self._reads)
        operations = Operations(desk, recovery, probing, vendors.reader)
        due = DueTasks(desk, completion, probing, vendors.reader)
        self.lookup = Lookup(desk)
        checks = purchasing.CreditChecks(desk, guard, vendors, completion, self.lookup)
        self.credit_checks = CreditCheckDesk(checks, probing, views)
        self.recovery = RecoveryDesk(Queues(desk), recovery, probing, operations, views, due)
        self.audit = Auditing(desk, self._reads)
        self.people = People(desk)
        self.health = Health(desk.settings, desk.database)

    @contextmanager
    def acting(self, name: str | None) -> Iterator[None]:
        """Who acts in this thread until the end of the block."""
        with acting(name):
            yield

    @property
    def database(self) -> Database:
        """For tests and benchmarks that look underneath."""
        return self._desk.database

    def add_samples(self, samples: "Sequence[Sample]", team: Sequence[Person], render: "Render") -> None:
        """Fill an empty database with invented records and the people of `team`: for the demo and benchmarks."""
        from console.services.samples import fill

        fill(self._desk, samples, team, render)

    def close(self) -> None:
        self._reads.flush()
        self._heartbeat.close()
        self._desk.spool.close()
        self._desk.database.close()

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_console(settings: Settings, clock: Clock | None = None) -> Console:
    """Open the desk: a missing embedded database is made, an unfit one refused. Nothing is sent.

    Raises ConsoleError bad_profile, schema_mismatch, not_our_database, database_unreachable and its like.
    """
    used = clock or SystemClock()
    database = Database(settings.database_url)
    state = migrate.ensure(database)
    spool = Spool(settings.home, cipher=None)
    desk = Desk(
        settings=settings,
        database=database,
        database_id=state["database_id"],
        spool=spool,
        documents=Documents(settings.documents_url),
        clock=used,
        scale=TimeScale(settings.time_scale),
        failpoints=Failpoints(settings.failpoint),
    )
    return Console(desk)


def open_health(settings: Settings) -> Health:
    """For `doctor` and `db …`: works where a Console can't be opened."""
    return Health(settings, Database(settings.database_url))


def _alarmbox(desk: Desk) -> CreditVendor:
    """The vendor as configured. Raises bad_profile naming what is missing, before anything is sent."""
    from console.providers.alarmbox import PRODUCTION_URL, AlarmBoxConfig, open_alarmbox
    from console.services.tokens import SpacedCalls, StoredTokens

    settings = desk.settings
    client_id, secret = settings.secret("ALARMBOX_CLIENT_ID"), settings.secret("ALARMBOX_CLIENT_SECRET")
    if not client_id or not secret:
        variable = "CONSOLE_SECRET_ALARMBOX_CLIENT_ID" if not client_id else "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET"
        raise ConsoleError("bad_profile", {"variable": variable, "problem": "missing"})
    config = AlarmBoxConfig(
        base_url=settings.alarmbox_url or PRODUCTION_URL,
        client_id=client_id,
        client_secret=secret,
        find_purchases=settings.alarmbox_find_purchases,
    )
    first = settings.secret("ALARMBOX_REFRESH_TOKEN")
    return open_alarmbox(
        config,
        tokens=StoredTokens(desk, "alarmbox", first, desk.cipher),
        gate=SpacedCalls(desk, "alarmbox", settings.alarmbox_spacing_seconds),
        clock=desk.clock,
        scale=desk.scale,
    )
