"""The composition root: settings in, a Console with all services out. The only place that wires things."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING

from console import alert_wiring, payment_wiring
from console.domain.clock import Clock, SystemClock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.records import Person
from console.services.desk import Desk, acting
from console.services.failpoints import Failpoints
from console.settings import Settings
from console.store import migrate
from console.store.documents import open_documents
from console.store.engine import Database
from console.store.spool import Spool

if TYPE_CHECKING:
    from console.machinery import CreditCheckDesk, Machinery
    from console.machinery_payments import PaymentDesk
    from console.machinery_recovery import RecoveryDesk
    from console.machinery_refunds import RefundDesk
    from console.providers.payment_protocol import PaymentVendor
    from console.providers.protocol import CreditVendor
    from console.services.accounts import Accounts
    from console.services.adoption import Adoption
    from console.services.alert_desk import AlertDesk
    from console.services.auditing import Auditing
    from console.services.bulk_runs import BulkRuns
    from console.services.figures import FigureReader
    from console.services.health import Health
    from console.services.idempotency import Idempotency
    from console.services.live_view import LiveView
    from console.services.lookup import Lookup
    from console.services.pdfs import Pdfs
    from console.services.people import People
    from console.services.reconciling import Reconciling
    from console.services.samples import PaymentSample, Render, Sample
    from console.services.scheduling import Scheduler
    from console.services.sessions import Sessions
    from console.store.cache import NoCache


class Console:
    """All services of one desk. Safe to call from any thread; close it to stop what runs in the background.

    A service is wired, and its modules are imported, when it is first asked for: a plain lookup starts without the
    machinery of buying.
    """

    def __init__(
        self, desk: Desk, vendor: "CreditVendor | None" = None,
        payment_vendor: "Callable[[str], PaymentVendor] | None" = None,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._vendor = vendor
        self._payment_vendor = payment_vendor
        self.settings = desk.settings

    @cached_property
    def lookup(self) -> "Lookup":
        from console.services.lookup import Lookup

        return Lookup(self._desk)

    @cached_property
    def credit_checks(self) -> "CreditCheckDesk":
        return self._machinery.credit_check_desk(self.lookup)

    @cached_property
    def payments(self) -> "PaymentDesk":
        return self._machinery.payment_desk()

    @cached_property
    def refunds(self) -> "RefundDesk":
        return self._machinery.refund_desk()

    @property
    def payment_providers(self) -> tuple[str, ...]:
        """The payment providers that are set up on this desk. May ask the keyring."""
        return payment_wiring.configured(self.settings)

    @cached_property
    def recovery(self) -> "RecoveryDesk":
        return self._machinery.recovery_desk()

    @property
    def scheduler(self) -> "Scheduler":
        """The due tasks, for a worker."""
        return self._machinery.scheduler

    @cached_property
    def bulk(self) -> "BulkRuns":
        return self._machinery.bulk

    @property
    def reconciliation(self) -> "Reconciling":
        return self._machinery.reconciliation

    @cached_property
    def alerts(self) -> "AlertDesk":
        from console.services.alert_desk import AlertDesk

        return AlertDesk(self._desk)

    @cached_property
    def pdfs(self) -> "Pdfs":
        return self._machinery.pdfs()

    @cached_property
    def audit(self) -> "Auditing":
        from console.services.auditing import Auditing

        return Auditing(self._desk, self._machinery.reads)

    @cached_property
    def people(self) -> "People":
        from console.services.people import People

        return People(self._desk)

    @cached_property
    def accounts(self) -> "Accounts":
        from console.services.accounts import Accounts

        return Accounts(self._desk)

    @cached_property
    def sessions(self) -> "Sessions":
        from console.services.sessions import Sessions

        return Sessions(self._desk)

    @cached_property
    def idempotency(self) -> "Idempotency":
        from console.services.idempotency import Idempotency

        return Idempotency(self._desk, _cache(self._desk))

    @cached_property
    def figures(self) -> "FigureReader":
        from console.services.figures import FigureReader
        from console.services.queues import Queues

        return FigureReader(self._desk, Queues(self._desk), self._cache_counts)

    @cached_property
    def live(self) -> "LiveView":
        from console.services.live_view import LiveView
        from console.services.queues import Queues

        return LiveView(self._desk, Queues(self._desk))

    def _cache_counts(self) -> tuple[int, int]:
        return self.idempotency.cache_counts if "idempotency" in self.__dict__ else (0, 0)

    @cached_property
    def health(self) -> "Health":
        from console.services.health import Health

        return Health(self._desk.settings, lambda: self._desk.database, self._desk.clock)

    @cached_property
    def _machinery(self) -> "Machinery":
        from console.machinery import Machinery

        desk = self._desk
        make_payment_vendor = self._payment_vendor or partial(payment_wiring.open_vendor, desk)
        vendor, publisher = self._vendor, partial(alert_wiring.open_publisher, desk)
        return Machinery(desk, lambda: vendor or _alarmbox(desk), make_payment_vendor, publisher)

    @contextmanager
    def acting(self, name: str | None) -> Iterator[None]:
        """Who acts in this thread until the end of the block."""
        with acting(name):
            yield

    def add_samples(
        self, samples: "Sequence[Sample]", team: Sequence[Person], render: "Render",
        payments: "Sequence[PaymentSample]" = (),
    ) -> None:  # fmt: skip
        """Fill an empty database with invented records and the people of `team`: for the demo and benchmarks."""
        from console.services.samples import fill

        fill(self._desk, samples, team, render, payments)

    @property
    def database(self) -> Database:
        """For tests and benchmarks that look underneath."""
        return self._desk.database

    def close(self) -> None:
        if "_machinery" in self.__dict__:
            self._machinery.close()
        if "idempotency" in self.__dict__:
            self.idempotency.close()
        self._desk.spool.close()
        self._desk.database.close()

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_console(
    settings: Settings,
    clock: Clock | None = None,
    vendor: "CreditVendor | None" = None,
    program: str = "terminal",
    payment_vendor: "Callable[[str], PaymentVendor] | None" = None,
) -> Console:
    """Open the desk: a missing embedded database is made, an unfit one refused. Nothing is sent.

    `vendor` and `payment_vendor` (by the provider's name) stand in for the configured ones; `program` names this
    process run in the database.

    Raises ConsoleError bad_profile, schema_mismatch, not_our_database, database_unreachable and its like.
    """
    used = clock or SystemClock()
    database = Database(settings.database_url)
    state = _entered(settings, database)
    database.admission = migrate.admit
    spool = Spool(settings.home, cipher=None)
    desk = Desk(
        settings=settings,
        database=database,
        database_id=state["database_id"],
        spool=spool,
        documents=open_documents(settings.documents_url, database),
        clock=used,
        scale=TimeScale(settings.time_scale),
        failpoints=Failpoints(settings.failpoint),
        program=program,
    )
    return Console(desk, vendor, payment_vendor)


def _entered(settings: Settings, database: Database) -> dict[str, str]:
    """What the database says of itself; a sign-in that it refuses is not offered again by itself."""
    try:
        return migrate.ensure(database)
    except ConsoleError as refused:
        settings.sign_in.refused(refused)
        database.close()
        raise


def open_health(settings: Settings) -> "Health":
    """For `doctor` and `db …`: works where a Console can't be opened."""
    from console.services.health import Health

    return Health(settings, lambda: Database(settings.database_url, unhurried=True), SystemClock())


@contextmanager
def open_adoption(settings: Settings, clock: Clock | None = None) -> "Iterator[Adoption]":
    """For `db adopt`: works before there is a schema, on statements of any length."""
    from console.services.adoption import Adoption

    database, spool = Database(settings.database_url, unhurried=True), Spool(settings.home, cipher=None)

    def desk() -> Desk:
        return Desk(
            settings=settings,
            database=database,
            database_id=migrate.read_state(database)["database_id"],
            spool=spool,
            documents=open_documents(settings.documents_url, database),
            clock=clock or SystemClock(),
            scale=TimeScale(settings.time_scale),
            failpoints=Failpoints(settings.failpoint),
        )

    try:
        yield Adoption(database, desk)
    finally:
        spool.close()
        database.close()


def _cache(desk: Desk) -> "NoCache | None":
    """In front of the idempotency service, where a Redis is configured; connected when it is first asked."""
    url = desk.settings.redis_url
    if url is None:
        return None
    from console.store.cache import Cache

    return Cache(url, desk.database_id, desk.settings.store_key)


def _alarmbox(desk: Desk) -> "CreditVendor":
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
