"""The composition root: `open_console` opens the database and returns a `Console`, from which all services are
reached. The modules of `console.wiring` build the services.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from console.domain.access.permissions import WORKER
from console.domain.clock import Clock, SystemClock, TimeScale
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments import provider_registry
from console.services.process.context import ServiceContext, act_as, get_executed_desk_request_id
from console.services.process.failpoints import Failpoints
from console.settings.settings import Settings
from console.store.database.engine import Database
from console.store.documents.documents import open_documents
from console.store.migrations import upgrade as migrate
from console.store.spool.spool import Spool
from console.wiring import providers as alert_wiring
from console.wiring import providers as payment_wiring

if TYPE_CHECKING:
    from pathlib import Path

    from console.domain.exports.tables import ExportDocument, ExportRequest, ExportTable
    from console.domain.payments.provider_messages import RefundReport
    from console.domain.reports.daily_close import DailyClose
    from console.providers.credit_checks.provider import CreditCheckProvider
    from console.providers.payments.provider import PaymentProvider
    from console.services.access.accounts import DatabaseAccountService
    from console.services.access.blocking_sessions import BlockingSessionEnder
    from console.services.access.disabled_people import DisabledPeopleService
    from console.services.access.merchants import MerchantService
    from console.services.access.operators import OperatorService
    from console.services.access.read_only import ReadOnlySwitchService
    from console.services.access.sessions import SignInService
    from console.services.adoption.adopt import Adoption
    from console.services.alerts.inbox import AlertService
    from console.services.alerts.incidents import IncidentService
    from console.services.alerts.unmatched_notices import UnmatchedNoticeReader
    from console.services.annotations.mentions import MentionService
    from console.services.audit.trail import AuditService
    from console.services.backup.backup import RestoreResult
    from console.services.bulk.runs import BulkRunService
    from console.services.credit_checks.authorisation import ProviderAuthorisation
    from console.services.credit_checks.pdf import CreditCheckPdfReader
    from console.services.desk_requests.desk_status import DeskStatusService
    from console.services.desk_requests.execution import RequestExecutor
    from console.services.desk_requests.own_requests import OwnDeskRequestService
    from console.services.exports.daily_close_writer import DailyCloseWriter
    from console.services.exports.export_service import ExportService
    from console.services.exports.pdf_copies import PdfCopyWriter
    from console.services.exports.printouts import PrintoutService
    from console.services.guarded.idempotency import IdempotencyKeyService
    from console.services.guarded.request_ids import RequestIdService
    from console.services.lookup.record_search import Lookup
    from console.services.monitoring.doctor import HealthCheckService
    from console.services.monitoring.live_feed import LiveFeedReader
    from console.services.monitoring.metrics import MetricFigureReader
    from console.services.notifications.personal_events import PersonalEventReader
    from console.services.person_state.encrypted_file import PersonStateStore
    from console.services.reconciliation.run import ReconciliationService
    from console.services.recovery.left_open import LeftOpenService
    from console.services.recovery.saved_views import SavedViewService
    from console.services.refunds.limit_changes import RefundLimitService
    from console.services.registry.publisher_queries import PublisherQueries
    from console.services.registry.service import RegistryService
    from console.services.reports.service import ReportService
    from console.services.tasks.scheduler import Scheduler
    from console.services.training.service import TrainingService
    from console.store.database.engine import Transaction
    from console.store.database.sqlalchemy_names import Connection
    from console.store.operations.idempotency_cache import IdempotencyCache
    from console.store.operations.request_ids import RequestIdUse
    from console.store.queues.table_queries import QueuedRecord
    from console.wiring.action_builders import ActionBuilders
    from console.wiring.credit_checks import CreditCheckService
    from console.wiring.payments import PaymentService
    from console.wiring.record_readers import RecordReaders
    from console.wiring.recovery import RecoveryService
    from console.wiring.refunds import RefundService
    from console.wiring.services import ServiceBuilder

    RecordT = TypeVar("RecordT", bound=QueuedRecord)

T = TypeVar("T")


class Console:
    """All services of one database. Any thread may use this object. `close` stops its background threads.

    A service is built, and its modules are imported, at its first use. So a lookup does not import the modules of a
    purchase. `credit_check_adapter` and `make_payment_adapter` replace the adapters of the configured providers; if
    they are None, the configured adapters are used.
    """

    def __init__(
        self,
        context: ServiceContext,
        credit_check_adapter: "CreditCheckProvider | None" = None,
        make_payment_adapter: "Callable[[str], PaymentProvider] | None" = None,
    ) -> None:
        self._context = context
        self._credit_check_adapter = credit_check_adapter
        self._make_payment_adapter = make_payment_adapter
        self.settings = context.settings
        self.training: TrainingService | None = None
        """The service of the training that runs in this process; None at a desk for real work."""

    @cached_property
    def lookup(self) -> "Lookup":
        from console.services.lookup.record_search import Lookup

        return Lookup(self._context, self._complete_records)

    def _complete_records(self, conn: "Connection", records: "Sequence[RecordT]") -> "tuple[RecordT, ...]":
        """Return the records, each together with its related records (such as the refunds of a payment), which are
        read over the connection `conn`. The modules that read related records are imported only if they are needed.
        """
        return self._record_readers.complete_records(conn, records)

    @cached_property
    def credit_checks(self) -> "CreditCheckService":
        return self._action_builders.credit_checks.make_credit_check_service(self.lookup)

    @cached_property
    def payments(self) -> "PaymentService":
        return self._action_builders.payments.payments

    @cached_property
    def refunds(self) -> "RefundService":
        return self._action_builders.refunds.refunds

    @property
    def payment_providers(self) -> tuple[str, ...]:
        """The names of the payment providers that this desk may use. In team mode, where a worker makes the calls,
        these are all payment providers that the program has; otherwise those that the settings configure. Reading the
        names may read the keyring."""
        if self._context.acts_through_worker:  # the worker knows which ones are configured
            return provider_registry.list_provider_names()
        return payment_wiring.list_enabled_payment_providers(self.settings)

    @cached_property
    def recovery(self) -> "RecoveryService":
        from console.wiring.recovery import RecoveryService

        return RecoveryService(
            self._record_readers, lambda: self._service_builder.make_record_services(), self._context
        )

    @property
    def scheduler(self) -> "Scheduler":
        """The scheduler that runs the due tasks; used by a worker process."""
        return self._service_builder.scheduler

    @cached_property
    def bulk_runs(self) -> "BulkRunService":
        return self._service_builder.bulk_runs

    @property
    def reconciliation(self) -> "ReconciliationService":
        return self._service_builder.reconciliation_service

    @cached_property
    def alerts(self) -> "AlertService":
        from console.services.alerts.inbox import AlertService
        from console.services.refunds.spooled_refunds import LostRefundProber

        prober = LostRefundProber(self._context, self._record_readers.payment_providers)
        return AlertService(
            self._context, self.request_ids, self._complete_records, prober.is_reported_refund_acknowledged
        )

    @cached_property
    def incidents(self) -> "IncidentService":
        from console.services.alerts.incidents import IncidentService

        return IncidentService(self._context, self.request_ids, self.alerts.find_alert_items)

    @cached_property
    def mentions(self) -> "MentionService":
        from console.services.annotations.mentions import MentionService

        return MentionService(self._context, self.request_ids)

    @cached_property
    def saved_views(self) -> "SavedViewService":
        from console.services.recovery.saved_views import SavedViewService

        return SavedViewService(self._context, self.request_ids)

    @cached_property
    def notices(self) -> "UnmatchedNoticeReader":
        """The service that reads the queue of unmatched notices."""
        from console.services.alerts.unmatched_notices import UnmatchedNoticeReader

        return UnmatchedNoticeReader(self._context, self._record_readers.payment_providers)

    @cached_property
    def registry(self) -> "RegistryService":
        from console.services.registry.service import RegistryService

        return RegistryService(
            self._context,
            lambda *call: self.request_ids.act_once(*call),
            lambda: self._service_builder.compare_watched_corporations(),
        )

    @cached_property
    def refund_limits(self) -> "RefundLimitService":
        """The service that reads and changes the limits of refunds."""
        from console.services.refunds.limit_changes import RefundLimitService

        return RefundLimitService(self._context, self.request_ids)

    @cached_property
    def read_only_switches(self) -> "ReadOnlySwitchService":
        from console.services.access.read_only import ReadOnlySwitchService

        return ReadOnlySwitchService(self._context, self.request_ids)

    @cached_property
    def disabled_people(self) -> "DisabledPeopleService":
        """The service that disables and enables people."""
        from console.services.access.disabled_people import DisabledPeopleService

        return DisabledPeopleService(self._context, self.request_ids)

    @cached_property
    def pdfs(self) -> "CreditCheckPdfReader":
        """The service that reads the stored PDFs of credit checks."""
        from console.services.credit_checks.pdf import CreditCheckPdfReader

        return CreditCheckPdfReader(self._record_readers.credit_check_details)

    @cached_property
    def audit(self) -> "AuditService":
        from console.services.audit.trail import AuditService
        from console.services.guarded.answer_serialization import CallAnswer

        def act_once(
            command: str,
            request_id: str | None,
            arguments: tuple[object, ...],
            act: "Callable[[], T]",
            find_value: "Callable[[RequestIdUse], T | None]",
        ) -> T:
            def find_answer(use: "RequestIdUse") -> CallAnswer | None:
                value = find_value(use)
                return None if value is None else CallAnswer(value)

            return self.request_ids.act_once(command, request_id, arguments, act, find_answer)

        return AuditService(self._context, self._record_readers.opening_log, act_once)

    @cached_property
    def exports(self) -> "ExportService":
        from console.services.exports.export_service import ExportService

        return ExportService(self._context, self._make_export_table)

    @cached_property
    def printouts(self) -> "PrintoutService":
        from console.services.exports.printouts import PrintoutService

        views = self._record_readers.credit_check_details
        return PrintoutService(self._context, self._make_export_table, views.list_documents)

    def _make_export_table(self, request: "ExportRequest", language: str, person: str) -> "ExportTable":
        """Return the table of an export in the language `language`. The services of this console read its rows.
        `person` is the name of the person who exports it."""
        from console.wiring.exports import make_export_table
        from console.wording.sentences.text_context import FileTextContext

        registry = self._context.open_registry()
        registry_date = None if registry is None else registry.registry_date
        return make_export_table(self, request, person, FileTextContext(language, self._context.now), registry_date)

    @cached_property
    def daily_closes(self) -> "DailyCloseWriter":
        from console.services.exports.daily_close_writer import DailyCloseWriter
        from console.wording.exports.daily_close import make_daily_close_document
        from console.wording.sentences.text_context import FileTextContext

        context = self._context

        def make_document(close: "DailyClose", language: str) -> "ExportDocument":
            return make_daily_close_document(close, FileTextContext(language, context.now))

        return DailyCloseWriter(context, self.reports.read_daily_close, make_document)

    @cached_property
    def pdf_copy_writer(self) -> "PdfCopyWriter":
        from console.services.exports.pdf_copies import PdfCopyWriter

        return PdfCopyWriter(self._context, self._record_readers.credit_check_details.read_pdf)

    @cached_property
    def people(self) -> "OperatorService":
        from console.services.access.operators import OperatorService

        return OperatorService(self._context)

    @cached_property
    def accounts(self) -> "DatabaseAccountService":
        """The service that creates database accounts for people and workers."""
        from console.services.access.accounts import DatabaseAccountService

        return DatabaseAccountService(self._context, self.request_ids)

    @cached_property
    def merchants(self) -> "MerchantService":
        """The service that binds the database to another merchant of a provider."""
        from console.services.access.merchants import MerchantService

        return MerchantService(self._context, self.request_ids)

    def require_own_merchants(self) -> None:
        """Check that the settings of each provider name the merchant to which the database belongs, and raise
        bad_profile if they name another merchant. If the database doesn't belong to a merchant of a provider yet,
        store the merchant that the settings name. A worker calls this method at its start, before it runs a task or
        takes a request."""
        from console.services.process.merchants import list_providers_with_merchant, require_own_merchant

        for provider in list_providers_with_merchant():
            if not self.settings.list_missing_secret_names(provider):
                require_own_merchant(self._context, provider)

    @cached_property
    def person_state(self) -> "PersonStateStore":
        """The store of the encrypted values that a window keeps for a person, such as drafts."""
        from console.services.person_state.encrypted_file import PersonStateStore

        return PersonStateStore(self._context)

    @cached_property
    def sign_in_service(self) -> "SignInService":
        """The service that signs this process in at its database, and signs it out."""
        from console.services.access.sessions import SignInService

        return SignInService(self._context)

    @cached_property
    def idempotency_keys(self) -> "IdempotencyKeyService":
        from console.services.guarded.idempotency import IdempotencyKeyService

        return IdempotencyKeyService(self._context, self._answer_cache)

    @cached_property
    def request_ids(self) -> "RequestIdService":
        """The service that runs a command at most once under the request id of its caller. If a worker acts for
        the person of this desk, the service stores a desk request, and the worker runs the command."""
        from console.services.guarded.request_ids import RequestIdService

        if self._context.acts_through_worker:
            from console.services.desk_requests.desk_calls import RemoteRequestIdService
            from console.wiring.desk_requests import DESK_REQUEST_FORM_BY_COMMAND

            return RemoteRequestIdService(self._context, DESK_REQUEST_FORM_BY_COMMAND)
        return RequestIdService(self._context, self._answer_cache)

    @cached_property
    def desk_request_executor(self) -> "RequestExecutor":
        """The service with which a worker executes the requests that desks have stored."""
        from console.services.desk_requests.execution import RequestExecutor
        from console.wiring.desk_requests import (
            DESK_REQUEST_FORM_BY_COMMAND,
            DeskRequestServices,
            make_command_runners,
        )

        services = DeskRequestServices(
            self.credit_checks,
            self.payments,
            self.refunds,
            self.recovery,
            self.bulk_runs,
            self.alerts,
            self.reconciliation,
            self.audit,
            self.refund_limits,
            self.read_only_switches,
            self.disabled_people,
            self.incidents,
            self.saved_views,
            self.mentions,
        )
        return RequestExecutor(
            self._context, make_command_runners(self._context, services), DESK_REQUEST_FORM_BY_COMMAND
        )

    @cached_property
    def provider_authorisation(self) -> "ProviderAuthorisation":
        from console.services.credit_checks.authorisation import ProviderAuthorisation

        return ProviderAuthorisation(
            self._context, partial(payment_wiring.make_alarmbox_authorisation, self._context)
        )

    @cached_property
    def desk_status(self) -> "DeskStatusService":
        from console.services.desk_requests.desk_status import DeskStatusService

        return DeskStatusService(self._context)

    @cached_property
    def own_desk_requests(self) -> "OwnDeskRequestService":
        from console.services.desk_requests.own_requests import OwnDeskRequestService

        return OwnDeskRequestService(self._context)

    @cached_property
    def left_open(self) -> "LeftOpenService":
        from console.services.recovery.left_open import LeftOpenService

        return LeftOpenService(self._context, self.own_desk_requests, lambda: self.incidents.list_incidents())

    @cached_property
    def notifications(self) -> "PersonalEventReader":
        from console.services.notifications.personal_events import PersonalEventReader

        return PersonalEventReader(self._context, self.incidents)

    @cached_property
    def blocking_session_ender(self) -> "BlockingSessionEnder":
        """The service with which a worker ends the database sessions of people whose locks block other sessions."""
        from console.services.access.blocking_sessions import BlockingSessionEnder

        return BlockingSessionEnder(self._context)

    @cached_property
    def _answer_cache(self) -> "IdempotencyCache":
        """The cache of answers in Redis; it connects to Redis at its first use. If the settings name no Redis server,
        this is an object that stores nothing and finds nothing.
        """
        from console.store.operations.idempotency_cache import IdempotencyCache, RedisIdempotencyCache

        url = self._context.settings.redis_url
        return (
            IdempotencyCache()
            if url is None
            else RedisIdempotencyCache(url, self._context.database_id, self._context.settings.read_store_key)
        )

    @cached_property
    def metric_figures(self) -> "MetricFigureReader":
        from console.services.monitoring.metrics import MetricFigureReader

        return MetricFigureReader(self._context, self._record_readers.queues, self._count_cache_hits_and_lookups)

    @cached_property
    def reports(self) -> "ReportService":
        from console.services.reports.service import ReportService

        return ReportService(self._context)

    @cached_property
    def live_feed(self) -> "LiveFeedReader":
        from console.services.monitoring.live_feed import LiveFeedReader

        return LiveFeedReader(self._context, self._record_readers.queues)

    def _count_cache_hits_and_lookups(self) -> tuple[int, int]:
        """Return two numbers for the answer cache of all desks together: the answers that were found in it, and all
        lookups."""
        return self._answer_cache.hit_and_query_counts

    @cached_property
    def health(self) -> "HealthCheckService":
        """The service with the checks of the commands `doctor` and `db check`."""
        from console.services.monitoring.doctor import HealthCheckService

        database = self._context.database
        return HealthCheckService(self._context.settings, lambda: nullcontext(database), self._context.clock)

    @cached_property
    def _record_readers(self) -> "RecordReaders":
        """The objects that read records together with their related records; several services share them."""
        from console.services.audit.opening_log import RecordOpeningLog
        from console.services.credit_checks.provider import CreditCheckAdapterSource
        from console.services.payments.providers import PaymentProviders
        from console.wiring.record_readers import RecordReaders

        context, credit_check_adapter = self._context, self._credit_check_adapter
        return RecordReaders(
            context,
            RecordOpeningLog(context),
            CreditCheckAdapterSource(
                lambda: credit_check_adapter or payment_wiring.make_credit_check_adapter(context)
            ),
            PaymentProviders(self._make_payment_adapter or partial(payment_wiring.make_payment_adapter, context)),
        )

    @cached_property
    def _action_builders(self) -> "ActionBuilders":
        """The builders of the services that act on records of one kind."""
        from console.wiring.action_builders import ActionBuilders

        return ActionBuilders(self._context, self._record_readers, self.request_ids)

    @cached_property
    def _service_builder(self) -> "ServiceBuilder":
        from console.wiring.services import ServiceBuilder

        context = self._context
        return ServiceBuilder(
            context,
            self._record_readers,
            partial(alert_wiring.make_alert_publisher, context),
            self.request_ids,
            self._action_builders,
        )

    def settle_unsent_operations(self) -> None:
        """Settle as not sent the operations that an earlier process of this desk had claimed but not sent, because it
        crashed or ended. If an operation can't be settled now, the due tasks do it later."""
        from console.services.guarded import unsent_operations

        if unsent_operations.has_unsent_operations(self._context):
            with act_as(WORKER):
                self._action_builders.settle_unsent_operations()

    @contextmanager
    def acting_as(self, name: str | None) -> Iterator[None]:
        """Context manager: within the block, the person `name` acts in this thread; None means the operator that the
        settings name. With a database server, the person of the connected database account acts, and the services
        refuse another person's `name` with not_allowed."""
        with act_as(name):
            yield

    @property
    def database(self) -> Database:
        """The connected database, for code that reads or writes tables without a service, such as tests and
        benchmarks."""
        return self._context.database

    def close(self) -> None:
        """Write the collected audit entries about records that people opened, stop the background threads of the
        services, and close the answer cache, the registry, the spool and the database."""
        if "_record_readers" in self.__dict__:
            self._record_readers.opening_log.flush()
        if "_action_builders" in self.__dict__:
            self._action_builders.stop_heartbeat()
        if "request_ids" in self.__dict__:
            self.request_ids.close()
        if "_answer_cache" in self.__dict__:
            self._answer_cache.close()
        self._context.close()

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_console(
    settings: Settings,
    clock: Clock | None = None,
    credit_check_adapter: "CreditCheckProvider | None" = None,
    program: str = "terminal",
    make_payment_adapter: "Callable[[str], PaymentProvider] | None" = None,
) -> Console:
    """Open the database and return its services. No request is sent to a provider. `credit_check_adapter` and
    `make_payment_adapter` (called with the provider's name) replace the adapters of the configured providers; if they
    are None, the configured adapters are used. If `clock` is None, the machine's clock is used. `program` is the name
    of this program in the table of database sessions.

    If the file of an embedded database is missing, the database is created, unless this desk's spool shows that a
    database existed at this address.

    Raises bad_profile if a setting is missing or the database isn't safe for real money; schema_mismatch if the
    schema is of another version; not_our_database if the tables belong to another application; database_went_back if
    the database file is missing although this desk's spool shows that it existed; database_unreachable or
    database_locked if the database can't be read.
    """
    console_clock = clock or SystemClock()
    from console.services.guarded import database_rollback

    spool = Spool(settings.home, cipher=None)
    database = _open_database(settings)
    with ExitStack() as opened_resources:
        opened_resources.callback(database.close)
        opened_resources.callback(spool.close)
        database_state = _sign_in_to_database(settings, database)
        database.get_executed_request_id = get_executed_desk_request_id
        context = ServiceContext(
            settings=settings,
            database=database,
            database_id=database_state["database_id"],
            stored_facts=database_state,
            spool=spool,
            documents=open_documents(settings.documents_url, database),
            clock=console_clock,
            scale=TimeScale(settings.time_scale),
            failpoints=Failpoints(settings.failpoint),
            apply_refund_report=_apply_refund_report,
            program_name=program,
            make_publisher_queries=_make_publisher_queries,
        )
        database.database_check = partial(_require_unchanged_database, context)
        console = Console(context, credit_check_adapter, make_payment_adapter)
        opened_resources.callback(console.close)
        if not context.acts_through_worker:  # the worker acts, and compares its own anchors with the whole trail
            database_rollback.find_database_rollback(context)
            console.settle_unsent_operations()
        opened_resources.pop_all()
    return console


def _open_database(settings: Settings, *, without_time_limit: bool = False) -> Database:
    """Return the configured database. With `without_time_limit`, the database statements have no time limit. Raises
    database_went_back if the database file is missing although this desk's spool shows that a database existed at
    this address."""
    from console.services.guarded import database_rollback

    database, spool = (
        Database(settings.database_url, without_time_limit=without_time_limit),
        Spool(settings.home, cipher=None),
    )
    try:
        database_rollback.refuse_unexpected_new_database(database, spool)
    except BaseException:
        database.close()
        raise
    finally:
        spool.close()
    return database


def _require_unchanged_database(context: ServiceContext, conn: "Connection") -> None:
    """Raise schema_mismatch if another desk has upgraded the schema since this process started, and bad_profile if
    an administrator has bound the database to another merchant of a provider that this process calls."""
    stored_merchants = migrate.require_current_version(conn)
    if context.accepted_merchants:
        from console.services.process.merchants import refuse_changed_merchants  # a lookup calls no provider

        refuse_changed_merchants(context, stored_merchants)


def _sign_in_to_database(settings: Settings, database: Database) -> dict[str, str]:
    """Sign in to the database and return its stored state, such as its id and schema version
    (`migrate.ensure_schema`). If the database refuses the account, this process doesn't use the account again
    until a person signs in.
    """
    try:
        return migrate.ensure_schema(database)
    except ConsoleError as refused:
        settings.sign_in.forget_refused_account(refused)
        raise


def act_once_by_request_id(
    settings: Settings, command: str, request_id: str | None, arguments: tuple[object, ...], act: Callable[[], T]
) -> T:
    """Run `act` at most once under a request id, for commands such as `db upgrade` that make a database usable.
    Return the answer of `act`, or the stored answer of an earlier call with the same request id. Without a request id
    (None), run `act` in every call. `command` is the command's name, `arguments` are its arguments. Raises
    possible_repeat if the request id was used for another command or other arguments in the last 24 hours.

    If the database is not usable before `act`, run `act` without the request id, and store its answer under the id
    afterwards. So a repeated call may run `act` again: `act` must detect by itself that its work is already done.
    """
    if request_id is None:
        return act()
    console = _open_console_if_usable(settings)
    if console is not None:
        with console:
            return console.request_ids.act_once(command, request_id, arguments, act)
    answer = act()
    console = _open_console_if_usable(settings)
    if console is not None:
        with console:
            console.request_ids.act_once(command, request_id, arguments, lambda: answer)
    return answer


def _open_console_if_usable(settings: Settings) -> Console | None:
    """Open the database and return its services. Return None if the database file is missing, if the schema doesn't
    fit this version of the program, or if the tables belong to another application.
    """
    file = Database(settings.database_url).file
    if file is not None and not file.exists():
        return None
    try:
        return open_console(settings)
    except ConsoleError as unfit:
        if unfit.code in (ErrorCode.SCHEMA_MISMATCH, ErrorCode.NOT_OUR_DATABASE):
            return None
        raise


def open_health_checks(settings: Settings) -> "HealthCheckService":
    """Return the service that runs the checks of the commands `doctor` and `db check`. The service works even if
    `open_console` raises an error."""
    from console.services.monitoring.doctor import HealthCheckService

    return HealthCheckService(
        settings, lambda: closing(_open_database(settings, without_time_limit=True)), SystemClock()
    )


def restore_backup(settings: Settings, folder: "Path", request_id: str | None) -> "tuple[RestoreResult, bool]":
    """Replace the database by the backup in `folder`, open the restored database and record the restore in it. Return
    the result of the restore, and False. If an earlier call with this request id has already restored the backup,
    restore nothing, and return the result of that call, and True; if the process of that call ended early, complete
    its last steps. Without a request id (None) every call restores the backup.

    Raises in_progress while another restore with a request id runs at this desk, and possible_repeat if the request
    id was used for another command or folder.
    """
    from console.domain.process import interrupts
    from console.services.backup import backup, restore_requests

    clock = SystemClock()
    with ExitStack() as last_steps:

        def begin_last_steps() -> None:
            # A signal waits from then on: the answer that nothing was changed would be wrong.
            last_steps.enter_context(interrupts.defer_signals())

        if request_id is None:
            result = backup.restore(settings, folder, clock, begin_last_steps)
            with open_console(settings) as console:
                return backup.record_restore(console._context, result), False
        request = restore_requests.make_restore_request(settings, str(folder), request_id)
        last_steps.enter_context(restore_requests.hold_restore_lock(settings))
        if earlier := backup.find_earlier_restore(settings, folder, request, clock.now()):
            return earlier, True
        begun = restore_requests.find_begun_restore(settings, request)
        if begun is None:
            result = backup.restore(settings, folder, clock, begin_last_steps, request)
        else:
            begin_last_steps()
            result = backup.complete_begun_restore(settings, begun, clock.now())
        with open_console(settings) as console:
            result = backup.record_restore(console._context, result, is_repeated=begun is not None)
        backup.store_restore_result(settings, result, request, clock.now())
    return result, begun is not None


@contextmanager
def open_adoption(settings: Settings) -> "Iterator[Adoption]":
    """Yield the service of the command `db adopt`. The service works before the schema of this program exists, and
    its SQL statements have no time limit.
    """
    from console.services.adoption.adopt import Adoption

    database, spool = _open_database(settings, without_time_limit=True), Spool(settings.home, cipher=None)

    def make_context() -> ServiceContext:
        return ServiceContext(
            settings=settings,
            database=database,
            database_id=migrate.read_meta_and_schema(database)["database_id"],
            spool=spool,
            documents=open_documents(settings.documents_url, database),
            clock=SystemClock(),
            scale=TimeScale(settings.time_scale),
            failpoints=Failpoints(settings.failpoint),
            apply_refund_report=_apply_refund_report,
        )

    try:
        yield Adoption(database, make_context)
    finally:
        spool.close()
        database.close()


def _make_publisher_queries(context: ServiceContext) -> "PublisherQueries":
    """Return the service that queries the publisher's Web-API about corporation numbers."""
    from console.services.registry.publisher_queries import PublisherQueries
    from console.wiring.providers import make_registry_client

    return PublisherQueries(context, lambda: make_registry_client(context))


def _apply_refund_report(
    context: ServiceContext, tx: "Transaction", payment_id: int, report: "RefundReport", effective_at: datetime
) -> bool:
    """Copy a provider's report about one refund of a payment, which was true at `effective_at`, into our refund with
    the same idempotency key, within the transaction `tx` (`services/refunds/late_outcomes.py`, imported at the first
    call). Return False if no refund of this payment has the key."""
    from console.services.refunds.late_outcomes import apply_refund_report

    return apply_refund_report(context, tx, payment_id, report, effective_at)
