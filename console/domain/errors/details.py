"""Types of the facts in `ConsoleError.detail`: a TypedDict for each error code.

The overloads of ConsoleError's constructor assign a TypedDict to each code, so mypy checks the facts of every raise.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from console.domain.error_reasons import (
    AlreadyDecidedReason,
    AlreadyPurchasedReason,
    AmountProblem,
    BackupProblem,
    DatabaseUnreachableProblem,
    DocumentNotFoundReason,
    DocumentsReason,
    ExceedsReason,
    InProgressReason,
    InternalErrorProblem,
    LimitReason,
    LockedProblem,
    MismatchReason,
    NotAllowedReason,
    NotExpiredReason,
    NothingToResolveReason,
    NumberReason,
    PossibleRepeatReason,
    ReadOnlyReason,
    RegistryFileProblem,
    RegistryOrderProblem,
    SchemaProblem,
    UnknownReason,
    UnusableReason,
    UsageProblem,
)
from console.domain.money import Money
from console.domain.payments.records import Order, Payment, Refund
from console.domain.reason import ForeignText
from console.domain.records import CreditCheck, LeaseHolder, Operation
from console.domain.setting_problems import SettingProblem

AnyRecord = CreditCheck | Order | Payment | Refund | Operation


class LeaseHolderFacts(TypedDict, total=False):
    """The person and the process that hold a lease, or that execute the same action now."""

    operator: str
    desk: str
    host: str
    process: int


class LeaseFacts(TypedDict, total=False):
    """Facts about a lease: its holder, its beginning (`since`) and its end (`until`). `holder` is None if the lease
    is free again.
    """

    holder: LeaseHolderFacts | LeaseHolder | None
    since: datetime | None
    until: datetime


class _SharedFacts(TypedDict, total=False):
    """Facts that the errors of most codes may have. `duplicate` is True if the error is the stored answer of a
    repeated request id. `about` names the kind of record or the action that the error is about, such as
    `refund` or `refetch`; the wording of the error depends on it. If a person probes an order and one of its
    payments causes the error, `record` is the order and `payment` this payment.
    """

    record: AnyRecord | None
    payment: AnyRecord | None
    about: str
    duplicate: bool


class RefundRuleFacts(TypedDict, total=False):
    """Facts of the error about a refund that breaks a rule (`services/refunds/rules.py`); each rule sets those that
    it uses. Amounts are in minor units of `currency`.

    - `minor`: the requested amount; `left`: the amount that can still be refunded
    - `limit`: the exceeded limit; `today`: the sum that the maker has requested today
    - `earlier`: the number of refunds that the provider has accepted; `most`: the largest number that it accepts
    - `refund`: the id of the other refund that stops this one; `state`: the payment's state
    - `until`: the instant after which the provider accepts no refund of the payment; `maker`: the requester's name
    """

    reason: str
    currency: str
    state: str
    refund: int | None
    left: int
    minor: int
    earlier: int
    most: int | None
    until: datetime | None
    limit: int
    today: int
    maker: str


class FailedPart(TypedDict):
    """A part of a credit check (`detail` or `pdf`) that a re-fetch could not read, with the error code and the
    reason.
    """

    part: str
    code: str
    reason: str


class InvalidNumberDetail(TypedDict, total=False):
    """Facts of the error `invalid_corporation_number`. `normalized` has the digits of the typed text; `candidates`
    has similar corporation numbers that the database contains. `hint`: the text may be a number without its check
    digit, or a name.
    """

    reason: NumberReason
    normalized: str | None
    hint: Literal["check_digit_missing", "name"]
    candidates: list[str]


class InvalidAmountDetail(_SharedFacts, total=False):
    """Facts of the error `invalid_amount`. `amount` is the amount as the person typed it, `minor` the total of the
    order in minor units.
    """

    problem: AmountProblem
    amount: str
    currency: str
    minor: int


class UnknownClientDetail(TypedDict):
    """Facts of the error `unknown_client`: the given client id, and the ids of the known clients."""

    client_id: str
    clients: list[str]


class NotFoundDetail(TypedDict, total=False):
    """Facts of the error `not_found`: `kind` and `id` of the missing record, or the missing table, or the missing
    document with the reason.
    """

    kind: str
    id: str
    payment: str
    problem: Literal["no_table"]
    table: str
    document: str
    reason: DocumentNotFoundReason


class NoEvidenceDetail(TypedDict, total=False):
    """Facts of the error `no_evidence`: the evidence for a decision is missing, empty, too large or can't be read.
    `largest` is the size limit in bytes.
    """

    reason: Literal["no_such_file"]
    problem: Literal["empty", "too_large"] | ForeignText
    file: str
    largest: int


class UsageDetail(TypedDict, total=False):
    """Facts of the error `usage`: a wrong argument, or a wrong file of accounts. `usage` is the synopsis of the
    command, `line` a line number in the file of accounts. `worker_version` and `desk_version` are the versions
    of the two programs if the worker can't read the desk's request. The other facts are values that the error's
    sentence contains.
    """

    problem: UsageProblem | ForeignText
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
    worker_version: str
    desk_version: str


class BadProfileDetail(TypedDict, total=False):
    """Facts of the error `bad_profile`: the name of the wrong setting (`variable`) and its problem, never the
    setting's value. If the problem is a database that isn't safe for real money, the facts are the findings of its
    check (`store/constraints/fitness.py`), such as `journal` or `synchronous`. Of a file that a newer program wrote,
    `found` is the version of its form and `needed` the newest one that this program reads. The other facts are values
    that the error's sentence contains.
    """

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
    status: int | str | None
    journal: str
    synchronous: int
    value: str
    cipher: str
    index: str
    faults: list[str]
    count: int
    size: int
    nodes: list[str]
    table: str
    left: int
    used_percent: float
    found: int
    needed: int
    environment: str
    merchant: str
    stored_environment: str
    stored_merchant: str


class BadRegistryFileDetail(TypedDict, total=False):
    """Facts of the error `bad_registry_file`. `file` is the name of the publisher's file, `line` the number of the
    bad line of its CSV (None if the fault isn't in a line), `field` the publisher's name of the wrong field.
    """

    problem: RegistryFileProblem
    file: str
    line: int | None
    field: str


class BadBackupDetail(TypedDict, total=False):
    """Facts of the error `bad_backup`. `file` is the faulty file of the backup, or the folder of the backup. Of a
    file that a newer program wrote, `found` is the version of its form and `needed` the newest one that this program
    reads.
    """

    problem: BackupProblem
    file: str
    found: int
    needed: int


class RegistryOrderDetail(TypedDict, total=False):
    """Facts of the error `registry_order`. `file` is the file that can't be imported now, `registry_date` the day of
    the registry in use, `missing_days` the days whose differences must be imported before (both as YYYY-MM-DD).
    """

    problem: RegistryOrderProblem
    file: str
    registry_date: str
    missing_days: list[str]


class NotExpiredDetail(_SharedFacts, total=False):
    """Facts of the error `not_expired`. `expired_at` is the instant at which the live credit check of the corporation
    number expires. If this instant isn't known, `expired_at` is None and `reason` is set.
    """

    reason: NotExpiredReason
    expired_at: datetime | None


class AlreadyPurchasedDetail(_SharedFacts, total=False):
    """Facts of the error `already_purchased`: the live credit check of the corporation number, the credit check that
    `reason` describes, or the operation that only the spool of a desk has.
    """

    reason: AlreadyPurchasedReason
    source: Literal["desk"]
    operation_id: str
    operator: str
    since: datetime | None
    expired_at: datetime | None


class InProgressDetail(LeaseFacts, _SharedFacts, total=False):
    """Facts of the errors `in_progress` and `lease_timeout`: the holder of the lease, or the other work that must
    end before the requested action. `source` is "desk" if only the spool of a desk has this work."""

    reason: InProgressReason
    kind: str
    id: int
    reconciliation: int
    operation_id: str
    request_id: str
    source: Literal["desk"]
    operator: str
    provider: str
    count: int


class NotRefetchableDetail(_SharedFacts, total=False):
    """Facts of the error `not_refetchable`, raised for a re-fetch of a credit check that was not bought: the record
    and its stored state.
    """

    state: str


class NothingToResolveDetail(_SharedFacts, total=False):
    """Facts of the error `nothing_to_resolve`: the record's outcome is known already, no person may set an outcome
    for a record in this state, or an order can't be moved or has no payment.
    """

    reason: NothingToResolveReason


class EvidenceMismatchDetail(_SharedFacts, total=False):
    """Facts of the error `evidence_mismatch`: the evidence doesn't fit the record."""

    reason: MismatchReason | ForeignText


class SamePersonDetail(_SharedFacts, total=False):
    """Facts of the error `same_person`: one person tried to take both parts in a decision that needs two people.
    `first` is the person who acted first.
    """

    first: str


class AlreadyDecidedDetail(_SharedFacts, total=False):
    """Facts of the error `already_decided`. `case` is the id of the case that was opened about a late answer,
    `refund` the id of the refund that was requested before. For an alert, `who` is the person who acknowledged it,
    and `at` the time.
    """

    reason: AlreadyDecidedReason | ForeignText
    state: str
    status: int | None
    case: int | None
    order: str
    refund: int | None
    operation_id: str
    since: datetime
    who: str | None
    at: datetime | None


class NotAllowedDetail(_SharedFacts, total=False):
    """Facts of the error `not_allowed`. `needs` has the roles that may do the action, `needs_rights` the database
    rights that the account lacks. `maker` is the requester of a refund, `until` the end of its cooling-off period.
    """

    reason: NotAllowedReason | None
    operator: str
    needs: list[str]
    needs_rights: list[str]
    maker: str
    provider: str
    until: datetime
    problem: ForeignText


class ExceedsCapturedDetail(_SharedFacts, total=False):
    """Facts of the error `exceeds_captured`: a refund is larger than the refundable amount. `left` is the refundable
    amount in minor units, `amount` the requested amount as decimal text.
    """

    reason: ExceedsReason
    left: int
    amount: str
    currency: str


class OverLimitDetail(_SharedFacts, total=False):
    """Facts of the error `over_limit`. For the limit of a corporation's account, `limit`, `left` (the amount that
    is still free) and `asked` (the requested amount) are set. For a limit of refunds, only `reason` is set: the
    rule that the refund would break.
    """

    reason: LimitReason
    limit: Money
    left: Money
    asked: Money


class PossibleRepeatDetail(_SharedFacts, total=False):
    """Facts of the error `possible_repeat`: the request looks like an earlier one, or its id was used for another
    request. `worker_version` and `desk_version` are the versions of the two programs if the desk can't read the
    worker's answer.
    """

    reason: PossibleRepeatReason
    request_id: str
    command: str
    operation_id: str
    since: datetime
    maker: str
    at: datetime | None
    worker_version: str
    desk_version: str


class StaleViewDetail(_SharedFacts, total=False):
    """Facts of the error `stale_view`: the record has changed since the caller read it. `changed` has the fields
    whose values have changed."""

    changed: object


class ReadOnlyDetail(TypedDict, total=False):
    """Facts of the error `read_only`. If a read-only switch stops the change: the person `who` set it at `since` with
    the text `note`; `provider` is the provider of the switch, missing for the switch of everything. If the database
    itself is read-only, `problem` is its message.
    """

    reason: ReadOnlyReason
    provider: str
    who: str | None
    since: datetime
    note: str
    problem: ForeignText


class SchemaMismatchDetail(TypedDict, total=False):
    """Facts of the error `schema_mismatch`. `found` and `needed` are revisions of the schema, `newer` is True if the
    found revision is newer than this program; `obstacles` are the facts that prevent an adoption of the database.
    """

    found: str | None
    needed: str
    newer: bool
    problem: SchemaProblem | ForeignText
    table: str
    step: str
    cause: str
    obstacles: list[dict[str, str]]
    names: list[str]


class NotOurDatabaseDetail(TypedDict, total=False):
    """Facts of the error `not_our_database`: another application has tables with the names that this program
    needs (`names_taken`), or a backup is of another database (`other_backup`). `database_id` is the id of this
    database, `backup_of` that of the database in the backup.
    """

    problem: Literal["names_taken", "other_backup"] | ForeignText
    found: str | None
    needed: str
    newer: bool
    tables: list[str]
    database_id: str
    backup_of: str


class AuditBrokenDetail(TypedDict, total=False):
    """Facts of the error `audit_broken`: the audit trail or an evidence pack is damaged. `first_bad` is the id of the
    first damaged audit entry.
    """

    problem: Literal["pack", "no_pack"]
    file: str
    part: str
    why: str
    note: str
    rows: int
    first_bad: int | None
    problems: list[dict[str, object]]


class DatabaseWentBackDetail(TypedDict, total=False):
    """Facts of the error `database_went_back`: the database was restored from an older copy. `missing` has the
    operations that it lacks; `alert` is the id of the alert about them, raised at `since`.
    """

    missing: list[dict[str, object]]
    count: int
    operations: str
    alert: int
    since: datetime
    observed: str
    problem: Literal["file_missing"]
    file: str


class OutcomeUnknownDetail(LeaseFacts, _SharedFacts, total=False):
    """Facts of the error `outcome_unknown` if the console itself set the reason. If the reason follows from a
    provider's answer, the facts are `ProviderAnswerFacts`.
    """

    reason: UnknownReason
    operation_id: str | None
    provider_id: int | str | None
    provider: str
    day: str | None
    cause: str
    status: int | None


class ProviderAnswerFacts(_SharedFacts, total=False):
    """Facts of an error that follows from a provider's answer: the reason of the outcome, and the HTTP status. The
    error code is derived from the outcome's class.
    """

    reason: str | None
    status: int | None
    provider_state: str | None
    state: str
    problem: str | None
    provider: str
    day: str | None
    cause: str
    failed: list[FailedPart]
    changed: object


class ProviderAnswerUnusableDetail(_SharedFacts, total=False):
    """Facts of the error `provider_answer_unusable`. `rows` is the number of rows of a provider's file that can't be
    read.
    """

    reason: UnusableReason | ForeignText
    rows: int
    day: str | None
    cause: str
    status: int | None


class DatabaseUnreachableDetail(TypedDict, total=False):
    """Facts of the error `database_unreachable`: the problem, or the database's own message. `folder` or `file`
    is the path of a database file that is missing or was replaced.
    """

    problem: DatabaseUnreachableProblem | ForeignText
    folder: str
    file: str | None
    cause: str


class DatabaseLockedDetail(TypedDict, total=False):
    """Facts of the error `database_locked`: the database stayed busy, or another process changed the same rows."""

    problem: LockedProblem | ForeignText
    file: str


class DocumentsUnreachableDetail(TypedDict):
    """Facts of the error `documents_unreachable`. `place` is the folder or bucket of the documents; `problem` is the
    storage's own message, or empty.
    """

    place: str
    reason: DocumentsReason
    problem: str


class StorageFullDetail(TypedDict, total=False):
    """Facts of the error `storage_full`: no space is free, or writing is forbidden. `free` (the free space) and
    `needs` (the needed space) are in bytes.
    """

    problem: Literal["counter_used_up"] | ForeignText | None
    reason: Literal["not_writable"]
    file: str
    path: str
    folder: str
    table: str
    free: int
    needs: int


class InterruptedDetail(_SharedFacts, total=False):
    """Facts of the error `interrupted`: the process was stopped before it sent the request."""

    reason: Literal["told_not_sent", "withdrawn", "registry_import"]
    operation_id: str


class InternalErrorDetail(_SharedFacts, total=False):
    """Facts of the error `internal_error`. `support_code` is also in the log, so that developers can find the
    failure. `altered` and `missing` are paths of the built application's files that differ from the build or are
    missing.
    """

    problem: InternalErrorProblem
    support_code: str
    altered: tuple[str, ...]
    missing: tuple[str, ...]
    operation_id: str


class ErrorDetail(LeaseFacts, _SharedFacts, total=False):
    """All facts that a caller may read from `ConsoleError.detail` without a check of the error code. `reason` and
    `problem` are members of the code's enumeration, or a text of another program.
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
    note: str
    rows: int
    first_bad: int | None
    needs_rights: list[str]
