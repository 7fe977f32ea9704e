"""Types with which services and the guarded pipeline exchange data: the description of a guarded operation, its
claim, the error of an unrecorded outcome, and the settler of late answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import interrupts
from console.domain.process.sending_permission import STOPPED_BEFORE_SENDING_REASON
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass, SendingCertainty
from console.domain.records import OperationState
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.providers.http.answer_outcomes import UNREADABLE_REASON
from console.providers.http.failure_outcomes import BROKEN_ANSWER_REASONS, OUT_OF_RESOURCES_REASON
from console.store.database import boot_clock
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations.leases import Lease

if TYPE_CHECKING:
    from console.domain.errors.details import OutcomeUnknownDetail

T = TypeVar("T")
StepReporter = Callable[[str], None]
"""A function that is called with the name of each step of an operation, to show the progress to a person."""


def ignore_step(_step: str) -> None:
    """Do nothing: the StepReporter of a caller that doesn't show the progress."""


@dataclass(frozen=True, slots=True)
class ClaimedRecord:
    """The record of an operation, as the first transaction (tx1) has claimed it.

    `kind` and `id` identify the record; `idempotency_key` is the operation key and `fingerprint` the fingerprint of
    the request. Each other field is None if the kind of record doesn't need it. A purchase has `client_id` and
    `corporation_number`, the pair that the unique index admits only once. A refund has `payment_id`, `provider_key`
    (the refund's idempotency key at the provider) and `amount_minor` (minor units). The start of a payment has
    `corporation_number`, `provider_key` (see `make_started_payment_key`) and `amount_minor`.
    """

    kind: str
    id: int
    client_id: str | None
    corporation_number: str | None
    idempotency_key: str
    fingerprint: str
    payment_id: int | None = None
    provider_key: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class GuardedOperation(Generic[T]):
    """Description of one guarded operation for the pipeline, which calls the callables in the caller's thread.

    - `lease_name`: name of the lease, None if the operation needs no lease.
    - `waits_for_lease`: True if the operation waits while another holder has the lease; False if the pipeline refuses
      the operation with in_progress instead.
    - `has_effect`: True if the operation costs or moves money.
    - `check` raises the refusal of an operation that can't succeed, before and during the wait for the lease.
    - `may_be_refused` returns True if the operation may have to be refused. If it returns False, two steps are left
      out in the first transaction (tx1): `check`, and the search for an open alert that the database has gone back to
      an earlier state.
    - `claim` repeats the checks and writes the claim, in the first transaction (tx1).
    - `call` calls the provider, while no transaction is open.
    - `record_outcome` writes the outcome into the record, in the second transaction (tx2).
    - `deliver` settles the operation with an outcome that tx2 did not record, because another process had ended the
      operation; it returns False if the operation or its record is missing.
    """

    action: AuditAction
    lease_name: str | None
    waits_for_lease: bool
    has_effect: bool
    check: Callable[[Connection], None]
    may_be_refused: Callable[[Connection], bool]
    claim: Callable[[Transaction, str], ClaimedRecord]
    call: Callable[[ClaimedRecord], Outcome[T]]
    record_outcome: Callable[[Transaction, ClaimedRecord, Outcome[T]], None]
    deliver: Callable[[str, Outcome[T]], bool]


class LeaseDeadline:
    """The time until which the lease of an operation's journal row is certainly live. The time is measured by this
    machine's uptime in milliseconds, which also counts while the machine sleeps. The thread of the operation and the
    heartbeat's threads may use this object at the same time.
    """

    def __init__(self, begun_at_ms: int, lease_seconds: float) -> None:
        self._ends_at_ms = begun_at_ms + int(lease_seconds * 1000)

    def extend(self, renewed_at_ms: int, lease_seconds: float) -> None:
        """Record a renewal of the lease by `lease_seconds` seconds. The write of the renewal began at `renewed_at_ms`
        (uptime in milliseconds).
        """
        self._ends_at_ms = max(self._ends_at_ms, renewed_at_ms + int(lease_seconds * 1000))

    def is_live(self) -> bool:
        """True if the lease is certainly live now."""
        return boot_clock.read_uptime_ms() < self._ends_at_ms


@dataclass(frozen=True, slots=True)
class ClaimedOperation:
    """A guarded operation whose first transaction (tx1) is committed. `fence` is the fencing token of its journal
    row; `subject` is the claimed record; `lease` is the named lease that the operation has acquired, None if it needs
    no lease; `deadline` is the time until which the lease of its journal row is certainly live.
    """

    operation_id: str
    fence: int
    subject: ClaimedRecord
    lease: Lease | None
    deadline: LeaseDeadline


class OutcomeUnrecorded(ConsoleError):
    """The error outcome_unknown of a call whose outcome could not be written to the database.

    If `is_spooled` is True, the answer is in the desk's spool and a process of the desk will deliver it. Otherwise
    people must decide; detail.provider_id is the id that the provider gave to the record in its answer, None if the
    answer had no id.
    """

    def __init__(
        self, claimed_operation: ClaimedOperation, *, is_spooled: bool, id_at_provider: int | str | None
    ) -> None:
        reason = OutcomeUnknownReason.ANSWER_NOT_RECORDED if is_spooled else OutcomeUnknownReason.ANSWER_NOT_SPOOLED
        facts: OutcomeUnknownDetail = {
            "reason": reason,
            "operation_id": claimed_operation.operation_id,
            "provider_id": id_at_provider,
        }
        super().__init__(ErrorCode.OUTCOME_UNKNOWN, facts)
        self.claimed = claimed_operation


class OperationSettler(Protocol):
    """Settles the operations of one guarded action that were not ended by the process which had begun them."""

    def deliver_outcome(self, operation_id: str, outcome: Outcome[Any]) -> bool:
        """Settle the operation with the outcome that its second transaction (tx2) did not record. Return True, or
        False if the operation or its record is missing.
        """
        ...

    def record_lapse(self, operation_id: str) -> bool:
        """Record that the process of the operation ended during the call to the provider. Return True, or False if
        the operation has not lapsed or another process has recorded the lapse."""
        ...


OWN_FAILURE_ERROR_CODES = frozenset(
    {
        ErrorCode.DATABASE_UNREACHABLE,
        ErrorCode.DATABASE_LOCKED,
        ErrorCode.STORAGE_FULL,
        ErrorCode.DOCUMENTS_UNREACHABLE,
        ErrorCode.READ_ONLY,
        ErrorCode.SCHEMA_MISMATCH,
    }
)
"""Error codes of failures in this program's own environment (database, disk, documents). An outcome with one of these
reasons is never reported as a failure of the provider.
"""


_REASONS_OF_FAILED_TOKEN_RENEWAL = BROKEN_ANSWER_REASONS | {
    "address_not_allowed",
    "bad_certificate",
    "connect_timeout",
    interrupts.INTERRUPT_REASON,
    ErrorCode.LEASE_TIMEOUT,
    "name_not_resolved",
    "not_connected",
    OLD_ANSWER_REASON,
    "proxy_refused",
    STOPPED_BEFORE_SENDING_REASON,
    "stored_by_another_desk",
    "token_unreadable",
    UNREADABLE_REASON,
}
"""Reasons for which this program got no newer access token after the provider refused the outdated one: the provider
could not be reached, its answer could not be used, or this program had to end. The provider has not refused the
credentials.
"""


def find_own_failure_error_code(outcome: Outcome[Any]) -> ErrorCode | None:
    """Return the error code of a failure in this program's own environment (database, disk, documents) that ended a
    call to a provider; None if the outcome has another cause."""
    if outcome.reason == OUT_OF_RESOURCES_REASON:
        return ErrorCode.STORAGE_FULL
    return ErrorCode(outcome.reason) if outcome.reason in OWN_FAILURE_ERROR_CODES else None


def find_auth_error_code(reason: str) -> ErrorCode:
    """Return the error code for an outcome of the class AUTH with this reason: provider_auth, or provider_unreachable
    if the provider only refused an outdated access token, and gave no usable answer to the request for a newer
    one."""
    is_token_missing = reason in _REASONS_OF_FAILED_TOKEN_RENEWAL or reason.startswith(("http_3", "http_5"))
    return ErrorCode.PROVIDER_UNREACHABLE if is_token_missing else ErrorCode.PROVIDER_AUTH


def find_error_code_of_effect_call(outcome: Outcome[Any]) -> ErrorCode:
    """Return the error code for the outcome of a call to a provider that should cost or move money and did not
    succeed."""
    own_failure_code = find_own_failure_error_code(outcome)
    if own_failure_code is not None and outcome.kind is not OutcomeClass.UNKNOWN:
        return own_failure_code
    if outcome.reason == ErrorCode.INTERNAL_ERROR and (
        outcome.sent is SendingCertainty.NO or outcome.kind is OutcomeClass.AUTH
    ):
        return ErrorCode.INTERNAL_ERROR
    if outcome.kind is OutcomeClass.AUTH:
        return find_auth_error_code(outcome.reason)
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        return ErrorCode.RATE_LIMITED
    if outcome.kind is OutcomeClass.FAILED_DEFINITE:
        if (outcome.reason, outcome.sent) == (interrupts.INTERRUPT_REASON, SendingCertainty.NO):
            return ErrorCode.INTERRUPTED
        if outcome.sent is not SendingCertainty.NO:
            return ErrorCode.PROVIDER_REFUSED
        # With a status, the provider has answered a question before the call, and this answer allowed no call.
        return ErrorCode.PROVIDER_UNREACHABLE if outcome.status is None else ErrorCode.PROVIDER_ANSWER_UNUSABLE
    return ErrorCode.OUTCOME_UNKNOWN


def find_journal_state(outcome: Outcome[T], has_effect: bool) -> OperationState:
    """Return the state of an operation in the journal for an outcome. `has_effect` is True if the call costs or moves
    money. Without an effect, an unknown outcome counts as failed, because the read can simply be repeated."""
    if outcome.kind in OUTCOME_CLASSES_WITH_EFFECT:
        return OperationState.DONE
    if outcome.kind in (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED) or not has_effect:
        return OperationState.FAILED
    return OperationState.UNKNOWN
