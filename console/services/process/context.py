"""The service context: database, spool, documents, clock, acting person and audit trail of one process."""

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from console.domain.access.permissions import ROLES_BY_RIGHT, has_right
from console.domain.access.read_only import RIGHTS_STOPPED_BY_SWITCH
from console.domain.audit.actions import AuditAction
from console.domain.clock import Clock, TimeScale
from console.domain.error_reasons import InProgressReason, NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import correlation as tracing
from console.domain.records import Person
from console.domain.setting_problems import SettingProblem
from console.services.process.audit_chain_lock import AuditChainLock
from console.services.process.counters import ProcessCounters
from console.services.process.failpoints import Failpoints
from console.services.process.heartbeat import Heartbeat
from console.settings.settings import Settings
from console.store.access import operators as people
from console.store.database.engine import Database, Transaction
from console.store.database.error_codes import RULE_HINT
from console.store.database.sqlalchemy_names import Connection
from console.store.documents.documents import Documents
from console.store.migrations import upgrade as migrate
from console.store.spool.cipher import Cipher
from console.store.spool.spool import ChainHead, Spool

if TYPE_CHECKING:
    from console.domain.desk_requests.records import TakenDeskRequest
    from console.domain.errors.details import BadProfileDetail, NotAllowedDetail
    from console.domain.payments.provider_messages import RefundReport
    from console.domain.registry.facts import CorporationFacts
    from console.store.audit.trail import AuditTrail
    from console.store.desk_requests.requested_audit import RequestedAuditTrail
    from console.store.operations.leases import HoldingProcess
    from console.store.operations.request_ids import LeasedRequestId
    from console.store.registry.reader import RegistryReader

WORKER = "worker"
"""Name of the actor in rows and audit entries that the worker or a due task writes for no person."""
STORE_KEY_FINGERPRINT_NAME = "store_key_fingerprint"
T = TypeVar("T")
R = TypeVar("R")
_acting_name: ContextVar[str | None] = ContextVar("acting", default=None)
_kept_readers: ContextVar[dict[str, Person] | None] = ContextVar("kept_readers", default=None)
"""The people that `find_reading_person` has found in the present block of `cache_acting_person`, by name. None
outside such a block.
"""


@contextmanager
def cache_acting_person() -> Iterator[None]:
    """Context manager: within the block, `find_reading_person` reads each person from the database only once. It is
    for several reads of this thread that together take less than a second, such as those of the counts of a window.
    If the person loses a right during the block, the reads of the block don't notice that."""
    token = _kept_readers.set({})
    try:
        yield
    finally:
        _kept_readers.reset(token)


@dataclass
class RequestBinding:
    """Connects the writes of this thread with the request id of the current call.

    `owned_request` is the request id that the call holds. `storing_transaction` is the last transaction that stored
    the call's record in the row of the request id; `is_committed` becomes True after the COMMIT of such a
    transaction.
    """

    owned_request: "LeasedRequestId"
    is_committed: bool = False
    storing_transaction: Transaction | None = None

    def mark_committed(self) -> None:
        """Set `is_committed` to True. The transaction calls this method after its COMMIT."""
        self.is_committed = True


_executed_request: "ContextVar[TakenDeskRequest | None]" = ContextVar("executed", default=None)


@contextmanager
def act_for_requester(request: "TakenDeskRequest | None") -> Iterator[None]:
    """Context manager: within the block, this thread acts for the person who made the desk request `request`. If
    `request` is None, the thread acts for the worker itself. Use this only in a process with a worker's database
    account.
    """
    token = _executed_request.set(request)
    try:
        yield
    finally:
        _executed_request.reset(token)


def require_confirmed_request() -> None:
    """Raise not_allowed (reason `password_needed`) if this thread executes a desk request that its person has not
    confirmed with the password.
    """
    request = _executed_request.get()
    if request is not None and not request.is_password_confirmed:
        facts: NotAllowedDetail = {"operator": request.person, "reason": NotAllowedReason.PASSWORD_NEEDED}
        raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)


def get_executed_desk_request_id() -> str | None:
    """Return the id of the desk request that this thread executes at present; None if it executes none."""
    request = _executed_request.get()
    return None if request is None else request.id


_required_rights: ContextVar[frozenset[str] | None] = ContextVar("rights", default=None)


@contextmanager
def remember_required_rights() -> Iterator[None]:
    """Context manager: the rights that `require_right` checks within the block are checked again if a rule of the
    database refuses a write of the block (`ServiceContext.write`). A person may have lost them meanwhile.
    """
    token = _required_rights.set(frozenset())
    try:
        yield
    finally:
        _required_rights.reset(token)


def _remember_required_right(action: str) -> None:
    """Add the right `action` to the rights of the innermost block of `remember_required_rights`; outside of a block,
    do nothing."""
    rights = _required_rights.get()
    if rights is not None:
        _required_rights.set(rights | {action})


_binding_of_writes_to_request_id: ContextVar[RequestBinding | None] = ContextVar("request", default=None)


@contextmanager
def bind_writes_to_request_id(owned_request: "LeasedRequestId") -> Iterator[RequestBinding]:
    """Context manager: within the block, each write of this thread is connected with the request id `owned_request`.
    The kind and id of each record that the thread changes, and the id of the operation, are stored in the row of the
    request id. Yield the binding, which shows whether such a write was committed.
    """
    binding = RequestBinding(owned_request)
    token = _binding_of_writes_to_request_id.set(binding)
    try:
        yield binding
    finally:
        _binding_of_writes_to_request_id.reset(token)


def holds_request_id() -> bool:
    """Return True if this thread executes a call whose request id this process holds."""
    return _binding_of_writes_to_request_id.get() is not None


@contextmanager
def act_as(person_name: str | None) -> Iterator[None]:
    """Context manager: within the block, this thread (or asyncio task) acts in the name of `person_name`, a person or
    program. If `person_name` is None, the operator in the settings acts. On a server the connected database account
    acts in any case (`operator`).
    """
    token = _acting_name.set(person_name)
    try:
        yield
    finally:
        _acting_name.reset(token)


_KINDS_WITH_PAYERS = frozenset({"payment", "refund", "order", "alert", "incident"})
"""Kinds of records whose audit entries must not name a payer."""


class PublisherAnswerSource(Protocol):
    """Interface of `services.registry.publisher_queries`, which asks the publisher of the corporation registry about
    single corporation numbers.
    """

    def ask_publisher(self, corporation_number: str) -> None:
        """Query the publisher about a corporation number that this desk's registry doesn't have, and store the
        answer. Raises not_allowed if a query is necessary and the acting person has no right to read, and the error
        of the database if the right can't be read; a failure of the query raises nothing.
        """

    def find_stored_facts(self, corporation_number: str) -> "CorporationFacts | None":
        """Return the publisher's stored answer about the corporation number; None if no answer is stored. Sends no
        query."""


_WORKER_ON_LOCAL_DATABASE = Person(WORKER, frozenset({WORKER}), may_buy=False)


@dataclass
class ServiceContext:
    """The service context of one process on one desk. All services share the same object, so it contains no state of
    a single service.

    `database_id` is the id of the database; `stored_facts` are the values of `console_meta` at the start of the
    process, by name; `accepted_merchants` has the digest of the stored merchant for each provider that this process
    may call (`services/process/merchants.py`). `scale` divides every duration for which the process waits (1 except
    in tests and demos). `failpoints` are the points at which a test stops this process. `fitness_checked_until` is
    the monotonic time (seconds) until which the check of the database's settings need not be repeated. `session_id`
    is the id of this process in the audit trail; `host_name` is the name of the machine, at most 64 characters;
    `program_name` is the program's name that the database server shows for its connections.

    `apply_refund_report` is a function that applies a provider's report about one refund to our refund. Its arguments
    are the service context, the transaction, the id of the payment, the report, and the time at which the report was
    true. It returns True, or False if no refund of the payment has the key in the report. `make_publisher_queries` is
    a function that makes the service which asks the registry's publisher about one corporation number; it is called
    at the first use. None: this desk never asks the publisher.
    """

    settings: Settings
    database: Database
    database_id: str
    spool: Spool
    documents: Documents
    clock: Clock
    scale: TimeScale
    failpoints: Failpoints
    apply_refund_report: "Callable[[ServiceContext, Transaction, int, RefundReport, datetime], bool]"
    stored_facts: Mapping[str, str] = field(default_factory=dict)
    accepted_merchants: dict[str, str] = field(default_factory=dict)
    fitness_checked_until: float = float("-inf")
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    host_name: str = field(default_factory=lambda: socket.gethostname()[:64])
    program_name: str = "terminal"
    process_counters: ProcessCounters = field(default_factory=ProcessCounters)
    _chain_lock: AuditChainLock = field(default_factory=AuditChainLock, repr=False)
    make_publisher_queries: "Callable[[ServiceContext], PublisherAnswerSource] | None" = field(
        default=None, repr=False
    )
    _registry: "RegistryReader | None" = field(default=None, repr=False)

    @cached_property
    def registry_folder(self) -> Path:
        """The folder of this desk's corporation registry. The folder doesn't exist if the desk has no registry."""
        return self.settings.home / "registry"

    def open_registry(self) -> "RegistryReader | None":
        """Return the reader of this desk's corporation registry; None if the desk has none. The registry's modules
        are imported only if it has one.
        """
        if self._registry is None and self.registry_folder.is_dir():
            from console.store.registry.reader import open_registry

            self._registry = open_registry(self.registry_folder)
        return self._registry

    def close(self) -> None:
        """Close the files and connections of this process: its registry, its spool and its database."""
        if self._registry is not None:
            self._registry.close()
        self.spool.close()
        self.database.close()

    @cached_property
    def publisher_queries(self) -> "PublisherAnswerSource | None":
        """The service that asks the registry's publisher about one corporation number; None if this desk doesn't
        ask the publisher.
        """
        return None if self.make_publisher_queries is None else self.make_publisher_queries(self)

    def ask_publisher(self, corporation_number: str) -> None:
        """Ask the registry's publisher about a corporation number that this desk's registry doesn't have, if the
        desk is configured to ask. Call this method outside of transactions: it may wait some seconds. Raises
        not_allowed if a query is necessary and the acting person has no right to read, and the error of the database
        if the right can't be read. A failure of the query raises nothing.
        """
        if self.registry_folder.is_dir() and self.publisher_queries is not None:
            self.publisher_queries.ask_publisher(corporation_number)

    def write(self, write_changes: Callable[[Transaction], T]) -> T:
        """Run `write_changes` in a write transaction and return its result.

        On a server the threads of a process share one audit chain. A thread therefore holds the chain's lock from its
        first audit entry until the COMMIT. Without the lock, more transactions would have to be repeated.

        A rule of the database may refuse the changes, because another process has changed something since
        `write_changes` or its caller has read it, or because the lease of the desk request that this thread executes
        has expired. Then the lease is renewed, the rights are checked again (`remember_required_rights`), and
        `write_changes` runs a second time. So its own checks raise the error that names the cause.
        """
        try:
            return self._try_to_write(write_changes)
        except ConsoleError as refusal:
            if refusal.detail.get("hint") != RULE_HINT:
                raise
        self._renew_desk_request_lease()
        for action in _required_rights.get() or ():
            self.require_right_despite_read_only(action)
        return self._try_to_write(write_changes)

    def write_and_read(
        self, write_changes: Callable[[Transaction], T], read: Callable[[Connection], R]
    ) -> tuple[T, R]:
        """Run `write_changes` in a write transaction (`write`). Return its result, and the result of `read`, which
        runs at the end of the same transaction. For example, `read` returns the changed record.

        A read after COMMIT could fail. The person would then get the message that nothing was changed, although the
        change is stored.
        """
        return self.write(lambda tx: (write_changes(tx), read(tx.conn)))

    def _try_to_write(self, write_changes: Callable[[Transaction], T]) -> T:
        with self._chain_lock.allow_locking():
            return self.database.write(write_changes)

    def _renew_desk_request_lease(self) -> None:
        """Renew the lease of the desk request that this thread executes, after the database has refused a change. The
        lease expires if the database is unreachable for too long; another worker ends it if it believes that this
        worker has ended. A lease that hasn't expired is renewed too, because the heartbeat's thread may have renewed
        it after the refusal. Do nothing if another worker has taken the request, or if this thread executes no
        request.
        """
        request = _executed_request.get()
        if request is None:
            return
        from console.store.desk_requests import requests  # imported here: only a worker executes desk requests

        lease_seconds = self.heartbeat.scale_lease_seconds
        with act_for_requester(None):
            self.database.write(
                lambda tx: requests.renew_lease(tx.conn, request, lease_seconds, renews_ended_lease=True)
            )

    @cached_property
    def heartbeat(self) -> Heartbeat:
        """The heartbeat that renews the leases of this process."""
        return Heartbeat(self.scale)

    @cached_property
    def audit(self) -> "AuditTrail | RequestedAuditTrail":
        """The audit trail to which this process writes. If a worker acts for the desk's person, this object stores
        each audit entry as a request to the worker.
        """
        if self.acts_through_worker:
            from console.store.desk_requests.requested_audit import RequestedAuditTrail

            return RequestedAuditTrail(self.spool.desk_id)
        from console.store.audit.trail import AuditTrail

        def store_anchors(heads: Sequence[ChainHead]) -> None:
            self.spool.store_anchors(self.database_id, heads)

        def begin_session(conn: Connection) -> None:
            account = self.database.account_name or self.settings.operator
            session_columns = (
                self.session_id,
                account,
                self.spool.desk_id,
                self.host_name,
                os.getpid(),
                self.program_name,
            )
            people.begin_session(conn, *session_columns, self.now())

        return AuditTrail(self.session_id, self.spool.desk_id, self.clock, store_anchors, begin_session)

    @cached_property
    def cipher(self) -> Cipher:
        """The cipher with the store key, which all desks of this database share. The first desk that uses the cipher
        stores the key's fingerprint in the database, unless a worker acts for the desk's person.

        Raises bad_profile if no store key is set on this desk, if the keyring can't be read, or if the key's
        fingerprint differs from the one in the database.
        """
        cipher = Cipher(self.settings.read_store_key())
        with self.database.read() as conn:
            fingerprint = migrate.read_meta(conn, STORE_KEY_FINGERPRINT_NAME)
        if fingerprint is None and not self.acts_through_worker:
            fingerprint = self.database.write(
                lambda tx: migrate.store_meta_if_missing(tx.conn, STORE_KEY_FINGERPRINT_NAME, cipher.fingerprint)
            )
        if fingerprint not in (None, cipher.fingerprint):
            problem: BadProfileDetail = {
                "variable": "CONSOLE_SECRET_STORE_KEY",
                "problem": SettingProblem.OTHER_STORE_KEY,
            }
            raise ConsoleError(ErrorCode.BAD_PROFILE, problem)
        self.spool.set_cipher(cipher)
        return cipher

    def find_answer_key(self, operation_id: str) -> str | None:
        """Return the answer key of the operation. The database uses this key to check that a stored answer comes from
        a desk with the store key. The answer key is derived from the store key and the operation id. Return None if
        this desk doesn't have the store key of this database or can't read it, or if the database can't be read to
        compare the store keys."""
        try:
            return self.cipher.derive_answer_key(operation_id)
        except ConsoleError:
            return None

    @property
    def operator(self) -> str | None:
        """The name of the acting person or program; None if no name is configured.

        While this thread executes a desk request, this is the person of the request. Otherwise, on a server, this is
        the connected database account (also for a due task). On other databases this is the name that `act_as` has
        set, or else the operator in the settings.
        """
        request = _executed_request.get()
        if request is not None:
            return request.person
        return self.database.account_name or _acting_name.get() or self.settings.operator

    def now(self) -> datetime:
        """Return the present time (UTC, timezone-aware) of the context's clock."""
        return self.clock.now()

    def make_holder(self) -> "HoldingProcess":
        """Return the holder (operator, desk, host, process, session) in whose name this thread acquires leases and
        begins operations."""
        from console.store.operations.leases import HoldingProcess  # imported here: no reading command takes a lease

        return HoldingProcess(
            self.operator or WORKER, self.spool.desk_id, self.host_name, os.getpid(), self.session_id
        )

    @cached_property
    def acts_through_worker(self) -> bool:
        """True if the connected database account may only read and write desk requests. A worker then acts for the
        person.
        """
        account = self.database.account_name
        if account is None:
            return False
        with self.database.read() as conn:
            return people.acts_through_worker(conn, account)

    def read_person(self) -> Person:
        """Return the acting person with the person's roles. Raises no_operator if no name of a person is configured,
        and not_allowed if the name is unknown. On a server, the acting person is that of the connected database
        account; also raises not_allowed if the settings or `act_as` name another person. In another database, every
        name is known and has all roles while the table `operators` is empty."""
        name = self.operator
        if name is None:
            raise ConsoleError(ErrorCode.NO_OPERATOR)
        if self._is_local_worker:
            return _WORKER_ON_LOCAL_DATABASE
        with self.database.read() as conn:
            return self._require_person(conn, name)

    @property
    def _is_local_worker(self) -> bool:
        """True if `act_as` has set the worker's name in this thread, as for a due task, and the database is not on
        a server. The operator in the settings does not count."""
        return _acting_name.get() == WORKER and not self.database.is_server

    def _require_person(self, conn: Connection, person_name: str) -> Person:
        """Return the person with this name. On a database without database accounts, every name has all roles while
        the table `operators` is empty. Raises not_allowed for an unknown name. On a server, also raises not_allowed
        if the settings or `act_as` name another person (`require_own_name`).
        """
        self.require_own_name(person_name)
        return _require_known_person(
            conn,
            person_name,
            people.find(conn, person_name, includes_unlisted_names=self.allows_names_without_operator_row),
        )

    @property
    def allows_names_without_operator_row(self) -> bool:
        """True if the database is not on a server: in such a database, a person needs no entry in the table
        `operators` while this table is empty, and every name then has all roles.
        """
        return not self.database.is_server

    def require_own_name(self, person_name: str) -> None:
        """On a server, raise not_allowed if the settings or `act_as` contain a person's name other than
        `person_name`. `person_name` is the name of the connected database account or, while this thread executes a
        desk request, of the request's person.
        """
        acting_name = _acting_name.get()
        other_names = {self.settings.operator, None if acting_name == WORKER else acting_name} - {None, person_name}
        if self.database.is_server and other_names:
            raise ConsoleError(
                ErrorCode.NOT_ALLOWED,
                {"operator": min(map(str, other_names)), "reason": NotAllowedReason.OTHER_ACCOUNT},
            )

    def find_reading_person(self, conn: Connection) -> Person | None:
        """Return the acting person, read on the connection `conn`. Return None if `reader_name` is None, because
        reading needs no right then. Raises not_allowed if the name is unknown, if it isn't that of the connected
        database account, or if the person has no right to read."""
        name, kept_readers = self.reader_name, _kept_readers.get()
        if name is None:
            return None
        if kept_readers is not None and name in kept_readers:
            return kept_readers[name]
        person = require_reader(
            conn, name, people.find(conn, name, includes_unlisted_names=self.allows_names_without_operator_row)
        )
        if kept_readers is not None:
            kept_readers[name] = person
        return person

    @property
    def reader_name(self) -> str | None:
        """The name of the person whose right to read must be checked. None if no name of a person is configured, and
        for a due task if the database is not on a server. On a server, raises not_allowed if the name isn't that of
        the connected database account."""
        name = self.operator
        if name is None or self._is_local_worker:
            return None
        self.require_own_name(name)
        return name

    def require_right(self, action: str) -> Person:
        """Return the acting person if one of the person's roles has the right `action` (a purchase also needs the
        person's flag `may_buy`). Raises read_only while a read-only switch stops this action, no_operator if no name
        of a person is configured, and not_allowed if the name is unknown or the person lacks the right or the
        flag."""
        name = self.operator
        _remember_required_right(action)
        if action not in RIGHTS_STOPPED_BY_SWITCH or name is None:
            return self.require_right_despite_read_only(action)
        from console.services.process.read_only import refuse_if_read_only  # no reading command needs it

        if not self._is_local_worker:
            self.require_own_name(name)
        with self.database.read() as conn:
            found_person, may_be_stopped = (
                (_WORKER_ON_LOCAL_DATABASE, True)
                if self._is_local_worker
                else people.find_with_read_only_switch(
                    conn, name, includes_unlisted_names=self.allows_names_without_operator_row
                )
            )
            person = _require_right_of_roles(action, _require_known_person(conn, name, found_person))
            if may_be_stopped:
                refuse_if_read_only(conn)
        return person

    def require_right_despite_read_only(self, action: str) -> Person:
        """Return the acting person if one of the person's roles has the right `action` (a purchase also needs the
        person's flag `may_buy`), also while a read-only switch stops this action. Raises no_operator if no name of a
        person is configured, and not_allowed if the name is unknown or the person's roles lack the right; the caller
        writes the audit entry about the refusal."""
        return _require_right_of_roles(action, self.read_person())

    def record_audit(
        self,
        tx: Transaction,
        action: AuditAction,
        subject_id: int | str | None,
        detail: Mapping[str, object] | None = None,
        *,
        kind: str = "credit-check",
        result: str = "done",
        reason: str | None = None,
    ) -> None:
        """Append an audit entry in the caller's transaction: the acting person (or the worker) has done `action` on
        the record `kind` and `subject_id`. `subject_id` is None if the action concerns no single record. `detail` has
        more facts for the entry, `result` is the result of the action (such as "done" or "refused"), `reason` the
        code of the reason or None. If this thread has a correlation id or executes a desk request, the entry also
        contains that id.

        The names of payers in `detail` are masked, because an entry can never be changed, and a person who verifies
        the trail reads all of it. With the result "refused" nothing is masked: the caller then passes no names of
        payers.

        If the result is "done", also store the record in the row of the call's request id (see `bind_to_request_id`).
        """
        from console.store.audit.trail import NewAuditEntry  # imported here: a lookup writes no audit entry

        if self.database.is_server:
            self._chain_lock.acquire(tx)
        if result == "done":
            self.bind_to_request_id(tx, kind, subject_id)
        correlation_facts = (
            {tracing.CORRELATION_FACT_NAME: tracing.find_correlation_id()} if tracing.find_correlation_id() else {}
        )
        request = _executed_request.get()
        request_facts = {} if request is None else {"request": request.id, "worker": self.database.account_name}
        given_facts: Mapping[str, object] = detail or {}
        # The facts of a refusal name no payers, and the refused person may have no right to read the record.
        if result != "refused":
            given_facts = _mask_payers_in_facts(tx.conn, kind, subject_id, given_facts)
        facts = {**given_facts, **correlation_facts, **request_facts}
        entry = NewAuditEntry(self.operator or WORKER, action, kind, subject_id, result, reason, facts)
        self.audit.record_all(tx, (entry,))

    def bind_to_request_id(
        self, tx: Transaction, kind: str, subject_id: int | str | None, operation_id: str | None = None
    ) -> None:
        """Store the kind and id of the record that this transaction changes, and the id of the operation if there is
        one, in the row of the call's request id. `subject_id` is None if the call is about no single record.

        Do nothing if the call has no request id, or if `operation_id` is None and a transaction of the same call has
        already stored a record. If another call holds the request id now, the next statement or COMMIT raises
        in_progress.
        """
        request_binding = _binding_of_writes_to_request_id.get()
        if request_binding is None or (
            operation_id is None and (request_binding.is_committed or request_binding.storing_transaction is tx)
        ):
            return
        from console.store.operations import request_ids  # imported here: reading commands have no request id

        subject = None if subject_id is None else str(subject_id)

        def require_stored(row_count: int) -> None:
            if row_count != 1:
                raise ConsoleError(
                    ErrorCode.IN_PROGRESS,
                    {
                        "reason": InProgressReason.SAME_REQUEST_ID_RUNNING,
                        "request_id": request_binding.owned_request.request_key.request_id,
                    },
                )

        request_ids.store_result_ids(
            tx.conn, request_binding.owned_request, kind, subject, operation_id, require_stored
        )
        request_binding.storing_transaction = tx
        tx.call_after_commit(request_binding.mark_committed)


def is_cipher_missing_for_now(error: ConsoleError) -> bool:
    """True if `ServiceContext.cipher` has raised `error` for a temporary reason: the keyring is locked, or the
    database can't be read. False if this desk has no usable store key of this database.
    """
    return error.code != ErrorCode.BAD_PROFILE or error.detail.get("problem") == SettingProblem.KEYRING_FAILED


def _mask_payers_in_facts(
    conn: Connection, kind: str, subject_id: int | str | None, detail: Mapping[str, object]
) -> Mapping[str, object]:
    """Return `detail`, the facts of an audit entry about this record, with the names of the payers of the record's
    payments masked. If `subject_id` is None, the entry concerns no single record, and `detail` is returned unchanged.
    """
    if not detail or subject_id is None or kind not in _KINDS_WITH_PAYERS:
        return detail
    from console.domain.evidence.timeline import mask_texts  # both imported here: a purchase needs neither
    from console.store.payments.payments import list_payers_of_record

    masked_facts: Mapping[str, object] = mask_texts(detail, list_payers_of_record(conn, kind, subject_id))
    return masked_facts


def require_reader(conn: Connection, person_name: str, person: Person | None) -> Person:
    """Return `person`. Raises not_allowed if `person` is None (no operator has the name `person_name`, or the
    operator is disabled) or has no right to read."""
    person = _require_known_person(conn, person_name, person)
    if not has_right(person, "read"):
        detail: NotAllowedDetail = {
            "operator": person_name,
            "reason": NotAllowedReason.RIGHT_MISSING,
            "needs": sorted(ROLES_BY_RIGHT["read"]),
        }
        raise ConsoleError(ErrorCode.NOT_ALLOWED, detail)
    return person


def _require_right_of_roles(action: str, person: Person) -> Person:
    """Return `person`. Raises not_allowed if the person's roles lack the right `action`, or if `action` is a purchase
    and the person lacks the flag `may_buy`."""
    if has_right(person, action):
        return person
    may_act = person.roles & ROLES_BY_RIGHT[action]
    reason = NotAllowedReason.MAY_NOT_BUY if may_act else NotAllowedReason.RIGHT_MISSING
    detail: NotAllowedDetail = {"operator": person.name, "reason": reason, "needs": sorted(ROLES_BY_RIGHT[action])}
    raise ConsoleError(ErrorCode.NOT_ALLOWED, detail)


def _require_known_person(conn: Connection, person_name: str, person: Person | None) -> Person:
    """Return `person`. Raises not_allowed if `person` is None: with the reason person_disabled if an administrator
    has disabled the person of this name, otherwise with the reason unknown_operator."""
    if person is not None:
        return person
    from console.store.access.disabled_people import find_disabling  # a person who is allowed to act needs no reason

    disabling = find_disabling(conn, person_name)
    detail: NotAllowedDetail = {"operator": person_name, "reason": NotAllowedReason.UNKNOWN_OPERATOR}
    if disabling is not None and disabling.by is not None:
        detail |= {
            "reason": NotAllowedReason.PERSON_DISABLED,
            "who": disabling.by,
            "since": disabling.since,
            "note": disabling.reason or "",
        }
    raise ConsoleError(ErrorCode.NOT_ALLOWED, detail)
