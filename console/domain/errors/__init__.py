"""Errors of the console: refusals and failures to which a person can react.

ConsoleError (code, facts)
├── exit 2  bad input, nothing written
├── exit 3  refused by a rule of the console
├── exit 4  outcome unknown
├── exit 5  the provider refused, or its answer is unusable
├── exit 6  unreachable or out of space before anything was sent
└── exit 70 a bug of the program

The sentences for the codes are in `console.wording.sentences.catalogue`; this module has only codes and facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, cast, overload

if TYPE_CHECKING:  # every start imports this module; `details` names all records
    from console.domain.errors import details as _d


class ErrorCode(StrEnum):
    """Code of a ConsoleError. The values are fixed, because scripts, the audit trail and `error_code` columns contain
    them.
    """

    INVALID_CORPORATION_NUMBER = "invalid_corporation_number"
    INVALID_AMOUNT = "invalid_amount"
    UNKNOWN_CLIENT = "unknown_client"
    NOT_FOUND = "not_found"
    NO_OPERATOR = "no_operator"
    NO_EVIDENCE = "no_evidence"
    USAGE = "usage"
    BAD_PROFILE = "bad_profile"
    BAD_REGISTRY_FILE = "bad_registry_file"
    BAD_BACKUP = "bad_backup"
    ALREADY_PURCHASED = "already_purchased"
    NOT_EXPIRED = "not_expired"
    LEASE_TIMEOUT = "lease_timeout"
    IN_PROGRESS = "in_progress"
    NOT_REFETCHABLE = "not_refetchable"
    NOTHING_TO_RESOLVE = "nothing_to_resolve"
    EVIDENCE_MISMATCH = "evidence_mismatch"
    SAME_PERSON = "same_person"
    ALREADY_DECIDED = "already_decided"
    NOT_ALLOWED = "not_allowed"
    EXCEEDS_CAPTURED = "exceeds_captured"
    OVER_LIMIT = "over_limit"
    POSSIBLE_REPEAT = "possible_repeat"
    OUTSIDE_WINDOW = "outside_window"
    STALE_VIEW = "stale_view"
    READ_ONLY = "read_only"
    SCHEMA_MISMATCH = "schema_mismatch"
    NOT_OUR_DATABASE = "not_our_database"
    AUDIT_BROKEN = "audit_broken"
    DATABASE_WENT_BACK = "database_went_back"
    REGISTRY_ORDER = "registry_order"
    OUTCOME_UNKNOWN = "outcome_unknown"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_AUTH = "provider_auth"
    VIEWING_PERIOD_OVER = "viewing_period_over"
    RATE_LIMITED = "rate_limited"
    PROVIDER_ANSWER_UNUSABLE = "provider_answer_unusable"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    DATABASE_UNREACHABLE = "database_unreachable"
    DATABASE_LOCKED = "database_locked"
    WORKER_AWAY = "worker_away"
    DOCUMENTS_UNREACHABLE = "documents_unreachable"
    STORAGE_FULL = "storage_full"
    INTERRUPTED = "interrupted"
    INTERNAL_ERROR = "internal_error"


EXIT_STATUS: Mapping[str, int] = {
    **dict.fromkeys(
        (
            ErrorCode.INVALID_CORPORATION_NUMBER,
            ErrorCode.INVALID_AMOUNT,
            ErrorCode.UNKNOWN_CLIENT,
            ErrorCode.NOT_FOUND,
            ErrorCode.NO_OPERATOR,
            ErrorCode.NO_EVIDENCE,
            ErrorCode.USAGE,
            ErrorCode.BAD_PROFILE,
            ErrorCode.BAD_REGISTRY_FILE,
            ErrorCode.BAD_BACKUP,
        ),
        2,
    ),
    **dict.fromkeys(
        (
            ErrorCode.ALREADY_PURCHASED,
            ErrorCode.NOT_EXPIRED,
            ErrorCode.LEASE_TIMEOUT,
            ErrorCode.IN_PROGRESS,
            ErrorCode.NOT_REFETCHABLE,
            ErrorCode.NOTHING_TO_RESOLVE,
            ErrorCode.EVIDENCE_MISMATCH,
            ErrorCode.SAME_PERSON,
            ErrorCode.ALREADY_DECIDED,
            ErrorCode.NOT_ALLOWED,
            ErrorCode.EXCEEDS_CAPTURED,
            ErrorCode.OVER_LIMIT,
            ErrorCode.POSSIBLE_REPEAT,
            ErrorCode.OUTSIDE_WINDOW,
            ErrorCode.STALE_VIEW,
            ErrorCode.READ_ONLY,
            ErrorCode.SCHEMA_MISMATCH,
            ErrorCode.NOT_OUR_DATABASE,
            ErrorCode.AUDIT_BROKEN,
            ErrorCode.DATABASE_WENT_BACK,
            ErrorCode.REGISTRY_ORDER,
        ),
        3,
    ),
    ErrorCode.OUTCOME_UNKNOWN: 4,
    **dict.fromkeys(
        (
            ErrorCode.PROVIDER_REFUSED,
            ErrorCode.PROVIDER_AUTH,
            ErrorCode.RATE_LIMITED,
            ErrorCode.PROVIDER_ANSWER_UNUSABLE,
        ),
        5,
    ),
    **dict.fromkeys(
        (
            ErrorCode.PROVIDER_UNREACHABLE,
            ErrorCode.DATABASE_UNREACHABLE,
            ErrorCode.DATABASE_LOCKED,
            ErrorCode.WORKER_AWAY,
            ErrorCode.DOCUMENTS_UNREACHABLE,
            ErrorCode.STORAGE_FULL,
            ErrorCode.INTERRUPTED,
        ),
        6,
    ),
    ErrorCode.INTERNAL_ERROR: 70,
}


class ConsoleError(Exception):
    """A refusal or failure with a stable code and with facts (`detail`). The module `details` has the type of the
    facts for each code.

    The code determines `exit_status`. Only the code `viewing_period_over` has no usual exit status, so the caller
    must pass one: 5 if the provider has just refused the call, and 3 if the console refused the action without
    calling the provider.
    """

    @overload
    def __init__(self, code: ErrorCode, *, exit_status: int | None = None) -> None: ...
    @overload
    def __init__(
        self, code: Literal[ErrorCode.INVALID_CORPORATION_NUMBER], detail: _d.InvalidNumberDetail
    ) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.INVALID_AMOUNT], detail: _d.InvalidAmountDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.UNKNOWN_CLIENT], detail: _d.UnknownClientDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.NOT_FOUND], detail: _d.NotFoundDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.NO_EVIDENCE], detail: _d.NoEvidenceDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.USAGE], detail: _d.UsageDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.BAD_PROFILE], detail: _d.BadProfileDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.BAD_REGISTRY_FILE], detail: _d.BadRegistryFileDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.BAD_BACKUP], detail: _d.BadBackupDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.REGISTRY_ORDER], detail: _d.RegistryOrderDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.ALREADY_PURCHASED], detail: _d.AlreadyPurchasedDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.NOT_EXPIRED], detail: _d.NotExpiredDetail) -> None: ...
    @overload
    def __init__(
        self, code: Literal[ErrorCode.IN_PROGRESS, ErrorCode.LEASE_TIMEOUT], detail: _d.InProgressDetail
    ) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.NOT_REFETCHABLE], detail: _d.NotRefetchableDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.NOTHING_TO_RESOLVE], detail: _d.NothingToResolveDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.EVIDENCE_MISMATCH], detail: _d.EvidenceMismatchDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.SAME_PERSON], detail: _d.SamePersonDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.ALREADY_DECIDED], detail: _d.AlreadyDecidedDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.NOT_ALLOWED], detail: _d.NotAllowedDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.EXCEEDS_CAPTURED], detail: _d.ExceedsCapturedDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.OVER_LIMIT], detail: _d.OverLimitDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.POSSIBLE_REPEAT], detail: _d.PossibleRepeatDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.STALE_VIEW], detail: _d.StaleViewDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.READ_ONLY], detail: _d.ReadOnlyDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.SCHEMA_MISMATCH], detail: _d.SchemaMismatchDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.NOT_OUR_DATABASE], detail: _d.NotOurDatabaseDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.AUDIT_BROKEN], detail: _d.AuditBrokenDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.DATABASE_WENT_BACK], detail: _d.DatabaseWentBackDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.OUTCOME_UNKNOWN], detail: _d.OutcomeUnknownDetail) -> None: ...
    @overload
    def __init__(
        self, code: Literal[ErrorCode.PROVIDER_ANSWER_UNUSABLE], detail: _d.ProviderAnswerUnusableDetail
    ) -> None: ...
    @overload
    def __init__(
        self, code: Literal[ErrorCode.DATABASE_UNREACHABLE], detail: _d.DatabaseUnreachableDetail
    ) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.DATABASE_LOCKED], detail: _d.DatabaseLockedDetail) -> None: ...
    @overload
    def __init__(
        self, code: Literal[ErrorCode.DOCUMENTS_UNREACHABLE], detail: _d.DocumentsUnreachableDetail
    ) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.STORAGE_FULL], detail: _d.StorageFullDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.INTERRUPTED], detail: _d.InterruptedDetail) -> None: ...
    @overload
    def __init__(self, code: Literal[ErrorCode.INTERNAL_ERROR], detail: _d.InternalErrorDetail) -> None: ...
    @overload
    def __init__(
        self, code: Literal[ErrorCode.VIEWING_PERIOD_OVER], detail: _d.ProviderAnswerFacts, *, exit_status: int
    ) -> None: ...
    def __init__(
        self, code: ErrorCode, detail: Mapping[str, object] | None = None, *, exit_status: int | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = cast("_d.ErrorDetail", dict(detail or {}))
        self.is_audited = False
        """True if the audit trail already has an entry about this error."""
        self.exit_status = EXIT_STATUS[code] if exit_status is None else exit_status


def make_outcome_error(
    code: ErrorCode, detail: _d.ProviderAnswerFacts, *, exit_status: int | None = None
) -> ConsoleError:
    """Return the error for an unsuccessful call to a provider, with the facts `detail`. The caller has derived `code`
    from the call's outcome. `exit_status` None means the usual exit status of the code.
    """
    return rebuild_error(code, detail, exit_status=exit_status)


def rebuild_error(code: ErrorCode, detail: Mapping[str, object], *, exit_status: int | None = None) -> ConsoleError:
    """Return an error with facts (`detail`) that were read from a database or copied from another error. mypy can't
    check the types of such facts. `exit_status` None means the usual exit status of the code.
    """
    make_error: Callable[..., ConsoleError] = ConsoleError
    return make_error(code, detail, exit_status=exit_status)
