"""Types of the facts in `ConsoleError.detail`: one TypedDict for each error code.

The overloads of ConsoleError's constructor assign each TypedDict to its code, so mypy checks every raise.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from console.domain.error_reasons import (
    AmountProblem,
    BugProblem,
    DecidedReason,
    ExceedsReason,
    FileReason,
    IdleReason,
    InProgressReason,
    LimitReason,
    LockedProblem,
    MismatchReason,
    NotAllowedReason,
    NumberReason,
    PlaceReason,
    RepeatReason,
    SchemaProblem,
    UnknownReason,
    UnreachableProblem,
    UnusableReason,
    UsageProblem,
)
from console.domain.money import Money
from console.domain.payments.records import Order, Payment, Refund
from console.domain.reason import Text
from console.domain.records import CreditCheck, LeaseHolder, Operation
from console.domain.setting_problems import SettingProblem

Record = CreditCheck | Order | Payment | Refund | Operation


class Holder(TypedDict, total=False):
    """The person and the process that hold a lease or run the same action."""

    operator: str
    desk: str
    host: str
    process: int


class Held(TypedDict, total=False):
    """The holder of a lease, and the instants of its beginning and end. `holder` is None if the lease is free
    again.
    """

    holder: Holder | LeaseHolder | None
    since: datetime | None
    until: datetime


class _Shared(TypedDict, total=False):
    """Facts that the errors of most codes may have. `duplicate` is True for the stored answer of a repeated request
    id; `about` is a kind of record, for the choice of the sentence.
    """

    record: Record | None
    about: str
    duplicate: bool


class FailedPart(TypedDict):
    """A part of a credit check (`detail` or `pdf`) that a re-fetch could not read, with the error code and the
    reason.
    """

    part: str
    code: str
    reason: str


class InvalidNumber(TypedDict, total=False):
    """Facts of invalid_corporation_number; `normalized` has the digits, `candidates` similar numbers on record."""

    reason: NumberReason
    normalized: str | None
    hint: Literal["check_digit_missing"]
    candidates: list[str]


class InvalidAmount(_Shared, total=False):
    """Facts of invalid_amount; `amount` is the text as given, `minor` the order's total."""

    problem: AmountProblem
    amount: str
    currency: str
    minor: int


class UnknownClient(TypedDict):
    """Facts of unknown_client."""

    client_id: str
    clients: list[str]


class NotFound(TypedDict, total=False):
    """Facts of not_found: `kind` and `id` of a record, or a table, or a document with the reason."""

    kind: str
    id: str
    payment: str
    problem: Literal["no_table"]
    table: str
    document: str
    reason: FileReason


class NoEvidence(TypedDict, total=False):
    """Facts of no_evidence."""

    reason: Literal["no_such_file"]
    problem: Literal["empty", "too_large"] | Text
    file: str
    largest: int


class Usage(TypedDict, total=False):
    """Facts of usage; `usage` is the synopsis of the command, `line` a line number in the file of accounts."""

    problem: UsageProblem | Text
    usage: str
    allowed: Sequence[object]
    longest: int
    file: str
    line: int
    name: str | None
    names: Sequence[str]
    key: str
    role: str
    timezone: str
    n: int
    most: int
    value: str


class BadProfile(TypedDict, total=False):
    """Facts of bad_profile: the setting and its problem. They never hold the setting's value."""

    variable: str
    problem: SettingProblem | None
    file: str
    line: int
    place: str
    user: str | None
    name: str | None
    host: str
    folder: str
    check: str
    option: str
    engine: str
    provider: str
    allowed: str | tuple[str, ...]
    low: str
    high: str
    day: str | None
    cause: str
    status: int | None


class AlreadyPurchased(_Shared, total=False):
    """Facts of already_purchased and not_expired: the live record, or the operation that only a desk's spool has."""

    source: Literal["desk"]
    operation_id: str
    operator: str
    since: datetime | None
    expired_at: datetime | None


class InProgress(Held, _Shared, total=False):
    """Facts of in_progress and lease_timeout: the holder of the lease, or the work that must end first."""

    reason: InProgressReason
    kind: str
    id: int
    reconciliation: int
    operation_id: str
    request_id: str
    source: Literal["desk"]
    operator: str


class StateTold(_Shared, total=False):
    """Facts of not_refetchable: the record and its stored state."""

    state: str


class Idle(_Shared, total=False):
    """Facts of nothing_to_resolve."""

    reason: IdleReason


class Mismatch(_Shared, total=False):
    """Facts of evidence_mismatch."""

    reason: MismatchReason | Text


class SamePerson(_Shared, total=False):
    """Facts of same_person; `first` is the person who acted first."""

    first: str


class AlreadyDecided(_Shared, total=False):
    """Facts of already_decided; `case` is the id of the open case about a late answer. For an alert, `who` is the
    person who acknowledged it, and `at` the time.
    """

    reason: DecidedReason | Text
    state: str
    status: int | None
    case: int | None
    order: str
    refund: int | None
    operation_id: str
    since: datetime
    who: str | None
    at: datetime | None


class NotAllowed(_Shared, total=False):
    """Facts of not_allowed; `needs` are the roles that may act, `needs_rights` the rights that the database account
    lacks.
    """

    reason: NotAllowedReason
    operator: str
    needs: list[str]
    needs_rights: list[str]
    maker: str
    provider: str
    until: datetime
    problem: Text


class Exceeds(_Shared, total=False):
    """Facts of exceeds_captured. `left` is in minor units, `amount` a decimal text."""

    reason: ExceedsReason
    left: int
    amount: str
    currency: str


class OverLimit(_Shared, total=False):
    """Facts of over_limit. They are set for the limit of an account; for a limit of refunds, `reason` is the rule."""

    reason: LimitReason
    limit: Money
    left: Money
    asked: Money


class PossibleRepeat(_Shared, total=False):
    """Facts of possible_repeat."""

    reason: RepeatReason
    request_id: str
    command: str
    operation_id: str
    since: datetime
    maker: str
    at: datetime | None


class StaleView(_Shared, total=False):
    """Facts of stale_view; `changed` names what differs from the caller's screen."""

    changed: object


class SchemaMismatch(TypedDict, total=False):
    """Facts of schema_mismatch: the found and the needed revision, or the obstacles that prevent an adoption."""

    found: str | None
    needed: str
    newer: bool
    problem: SchemaProblem
    table: str
    step: str
    cause: str
    obstacles: list[dict[str, str]]
    names: list[str]


class NotOurs(TypedDict, total=False):
    """Facts of not_our_database."""

    problem: Literal["names_taken"]
    tables: list[str]


class AuditBroken(TypedDict, total=False):
    """Facts of audit_broken; `first_bad` is the first damaged row."""

    problem: Literal["pack"]
    file: str
    part: str
    why: str
    rows: int
    first_bad: int | None
    problems: list[dict[str, object]]


class WentBack(TypedDict, total=False):
    """Facts of database_went_back: the operations that the database lacks, and the alert about them."""

    missing: list[dict[str, object]]
    count: int
    operations: str
    alert: int
    since: datetime
    observed: str
    problem: Literal["file_missing"]
    file: str


class OutcomeUnknown(Held, _Shared, total=False):
    """Facts of outcome_unknown if the console itself set the reason. If it follows from a provider's answer, the
    facts are `Answered`.
    """

    reason: UnknownReason
    operation_id: str | None
    provider_id: int | str | None
    provider: str
    day: str | None
    cause: str
    status: int | None


class Answered(_Shared, total=False):
    """Facts of a call to a provider that did not succeed: the outcome's reason and the HTTP status. The error code is
    derived from the outcome.
    """

    reason: str | None
    status: int | None
    provider_state: str | None
    state: str
    problem: str | None
    day: str | None
    cause: str
    failed: list[FailedPart]
    changed: object


class Unusable(_Shared, total=False):
    """Facts of provider_answer_unusable; `rows` is the number of rows that can't be read."""

    reason: UnusableReason | Text
    rows: int
    day: str | None
    cause: str
    status: int | None


class Unreachable(TypedDict, total=False):
    """Facts of database_unreachable."""

    problem: UnreachableProblem | Text
    folder: str
    file: str | None
    cause: str


class Locked(TypedDict, total=False):
    """Facts of database_locked."""

    problem: LockedProblem | Text
    file: str


class DocumentsAway(TypedDict):
    """Facts of documents_unreachable; `problem` is the message of the storage, or empty."""

    place: str
    reason: PlaceReason
    problem: str


class StorageFull(TypedDict, total=False):
    """Facts of storage_full; `free` and `needs` are bytes."""

    problem: Literal["counter_used_up"] | Text | None
    reason: Literal["not_writable"]
    file: str
    path: str
    folder: str
    table: str
    free: int
    needs: int


class Interrupted(_Shared, total=False):
    """Facts of interrupted."""

    reason: Literal["told_not_sent"]
    operation_id: str


class Bug(_Shared, total=False):
    """Facts of internal_error; `support_code` is in the log too."""

    problem: BugProblem
    support_code: str
    operation_id: str


class Detail(Held, _Shared, total=False):
    """Facts that callers read from `ConsoleError.detail` without a check of the code. `reason` and `problem` are
    members of the code's enumeration, or text of another program.
    """

    reason: str | None
    problem: str | None
    cause: str
    why: str
    hint: str
    id: str
    source: str
    state: str
    newer: bool
    case: int | None
    operation_id: str | None
    provider_id: int | str | None
    provider: str
    payment: Record | None
    changed: object
    failed: list[FailedPart]
    missing: list[dict[str, object]]
    today: int
    candidates: list[str]
    normalized: str | None
    variable: str
    place: str
    user: str | None
    check: str
    usage: str
    line: int
    names: Sequence[str]
    rows: int
    first_bad: int | None
    needs_rights: list[str]
