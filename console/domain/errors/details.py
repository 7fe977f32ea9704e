"""Types of the facts in `ConsoleError.detail`: a TypedDict for each error code.

The overloads of ConsoleError's constructor assign a TypedDict to each code, so mypy checks the facts of every raise.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

from console.domain.error_reasons import (
    AlreadyDecidedReason,
    AlreadyPurchasedReason,
    AmountProblem,
    DatabaseLockedProblem,
    DatabaseUnreachableProblem,
    DocumentNotFoundReason,
    DocumentsUnreachableReason,
    EvidenceMismatchReason,
    ExceedsCapturedReason,
    InProgressReason,
    InternalErrorProblem,
    NotAllowedReason,
    NotExpiredReason,
    NothingToResolveReason,
    NumberReason,
    OutcomeUnknownReason,
    OverLimitReason,
    PossibleRepeatReason,
    ReadOnlyReason,
    SchemaProblem,
    UnusableAnswerReason,
)
from console.domain.file_problems import BackupProblem, RegistryFileProblem, RegistryOrderProblem
from console.domain.money import Money
from console.domain.payments.records import Order, Payment, Refund
from console.domain.reason import ForeignText
from console.domain.records import CreditCheck, LeaseHolder, Operation
from console.domain.setting_problems import SettingProblem
from console.domain.usage_problems import UsageProblem

AnyRecord = CreditCheck | Order | Payment | Refund | Operation


class LeaseHolderFacts(TypedDict, total=False):
    """The person (`operator`) and the process that hold a lease or execute a guarded operation now. `desk` is the id
    of the desk, `host` the name of its machine, `process` the id of the process on this machine. Only the known facts
    are set.
    """

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
    """Facts of the error about a refund that breaks a rule (`services/refunds/rules.py`). Each rule sets only the
    facts that its sentence needs. Amounts are in minor units of `currency`.

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


class RefetchFacts(TypedDict, total=False):
    """Facts of an error by which a re-fetch ends because of a failure in this program's environment, such as a full
    disk, in addition to the facts about this failure: the parts that could not be read."""

    failed: list[FailedPart]


class InvalidNumberDetail(TypedDict, total=False):
    """Facts of the error `invalid_corporation_number`. `normalized` has the digits of the typed text; `candidates`
    has similar corporation numbers that the database contains. `hint` is set if the text is probably a number without
    its check digit ("check_digit_missing") or the name of a company ("name")."""

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
    """Facts of the error `not_found`. For a record, `kind` and `id` name the missing record; if a payment has no
    order, `kind` is "order" and `payment` is the id of the payment. For a table, `problem` is "no_table" and `table`
    its name. For a document, `document` is its path and `reason` is the code of the problem with it. If a credit
    check doesn't have the requested PDF, `problem` is "no_pdf", `kind` is "document" and `id` is the id of the credit
    check.
    """

    kind: str
    id: str
    payment: str
    problem: Literal["no_pdf", "no_table"]
    table: str
    document: str
    reason: DocumentNotFoundReason


UnusableEvidenceReason: TypeAlias = Literal["is_folder", "no_such_file", "special_file"]
"""Why a path is no file of evidence. `special_file`: it is a pipe, a socket or a device."""


class NoEvidenceDetail(TypedDict, total=False):
    """Facts of the error `no_evidence`: the evidence for a decision is missing, empty, too large or can't be read.
    `largest` is the size limit in bytes. `reason` is the code of the reason why the path `file` is no file of
    evidence.
    """

    reason: UnusableEvidenceReason
    problem: Literal["empty", "too_large"] | ForeignText
    file: str
    largest: int


class UsageDetail(_SharedFacts, total=False):
    """Facts of the error `usage`: a wrong argument, or a wrong file of accounts. `usage` is the synopsis of the
    command, `line` a line number in the file of accounts. `corporation_number` is the number of the payment that an
    import found in this database; None if that payment has none. `worker_version` and `desk_version` are the program
    versions of the worker and of the desk, set if the worker can't read the desk's request. The other facts are
    values that the error's sentence contains.
    """

    problem: UsageProblem | ForeignText
    usage: str
    allowed: Sequence[object]
    longest: int
    file: str
    folder: str
    line: int
    name: str | None
    names: Sequence[str]
    key: str
    role: str
    timezone: str
    n: int
    most: int
    value: str
    corporation_number: str | None
    worker_version: str
    desk_version: str


class BadProfileDetail(TypedDict, total=False):
    """Facts of the error `bad_profile`: the name of the wrong setting (`variable`) and its problem, never the
    setting's value. If the database isn't safe for real money, the facts are the findings of the check of the
    database (`store/constraints/fitness.py`), such as `journal` or `synchronous`. If a newer program wrote a file,
    `found` is the format version of the file and `needed` the newest format version that this program reads. The
    other facts are values that the error's sentence contains.
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
    bad line of its CSV (None if the defect isn't in a line), `field` the publisher's name of the wrong field.
    """

    problem: RegistryFileProblem
    file: str
    line: int | None
    field: str


class BadBackupDetail(TypedDict, total=False):
    """Facts of the error `bad_backup`. `file` is the file of the backup that has the problem, or the folder of the
    backup. If a newer program wrote the file, `found` is its format version and `needed` the newest format version
    that this program reads. If the backup is of another kind of database than this desk's, `hint` is the kind of the
    database in the backup.
    """

    problem: BackupProblem
    file: str
    hint: Literal["server", "sqlite"]
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
    """Facts of the error `already_purchased`.

    Normally `record` is the credit check that forbids the purchase: a live one, which expires at `expired_at`, or the
    one that `reason` describes. If an earlier purchase is stored only in the spool of a desk, `source` is "desk", and
    `operation_id`, `operator` and `since` are the id, person and beginning of that purchase.
    """

    reason: AlreadyPurchasedReason
    source: Literal["desk"]
    operation_id: str
    operator: str
    since: datetime | None
    expired_at: datetime | None


class InProgressDetail(LeaseFacts, _SharedFacts, total=False):
    """Facts of the errors `in_progress` and `lease_timeout`: the holder of the lease, or the work that must end
    before the requested action.

    - `reason`: the code of this work; `source` is "desk" if only the spool of a desk has it
    - `kind` and `id`: the bulk run that a process executes now; `reconciliation`: the id of the reconciliation run
    - `operation_id` and `operator`: the running operation, and the person who began it
    - `request_id`: the request id whose first call still runs
    - `provider` and `count`: a provider, and the number of its records that are not settled
    """

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
    for a record in this state, or an order can't be set to paid or has no payment.
    """

    reason: NothingToResolveReason


class EvidenceMismatchDetail(_SharedFacts, total=False):
    """Facts of the error `evidence_mismatch`: a person's evidence contradicts the record, as `reason` states."""

    reason: EvidenceMismatchReason | ForeignText


class SamePersonDetail(_SharedFacts, total=False):
    """Facts of the error `same_person`: one person tried to act as both people in a decision that needs two different
    people. `first` is the person who acted first.
    """

    first: str


class AlreadyDecidedDetail(_SharedFacts, total=False):
    """Facts of the error `already_decided`: the requested change came too late, because the record, its outcome or
    its alert was decided or ended before.

    - `state`: the record's present state; `order`: the number of an order that no longer waits for a payment
    - `case`: the id of the case that was opened about a late answer; `status`: the HTTP status of this answer
    - `refund`: the id of the refund that was requested for the same set-aside before
    - `operation_id` and `since`: an earlier operation with the same idempotency key, and its beginning
    - `who` and `at`: the person who acknowledged an alert, and the time; `at` is also the time at which an incident
      was closed
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
    `hint` is "rule" if a rule of the database refused the change; `problem` is then the rule's message. `who`,
    `since` and `note` are the administrator who has disabled the acting person, the instant, and the reason.
    """

    reason: NotAllowedReason | None
    hint: Literal["rule"]
    operator: str
    needs: list[str]
    needs_rights: list[str]
    maker: str
    provider: str
    until: datetime
    problem: ForeignText
    who: str
    since: datetime
    note: str


class ExceedsCapturedDetail(_SharedFacts, total=False):
    """Facts of the error `exceeds_captured`: a refund is larger than the refundable amount. `left` is the refundable
    amount in minor units, `amount` the requested amount as decimal text.
    """

    reason: ExceedsCapturedReason
    left: int
    amount: str
    currency: str


class OverLimitDetail(_SharedFacts, total=False):
    """Facts of the error `over_limit` for the limit of a corporation's account: `limit`, `left` (the amount that is
    still free) and `asked` (the requested amount). For a limit of refunds, the facts are those of RefundRuleFacts.
    """

    reason: OverLimitReason
    limit: Money
    left: Money
    asked: Money


class PossibleRepeatDetail(_SharedFacts, total=False):
    """Facts of the error `possible_repeat`: the request looks like an earlier one, or its id or idempotency key was
    used for another request.

    - `request_id`: the id of the request; `command`: the command for which this id was first used
    - `operation_id`: the earlier operation with the same idempotency key; `since`: the beginning of the earlier call
    - `maker` and `at`: the requester of the similar refund, and the time of its request
    - `worker_version` and `desk_version`: the program versions of the worker and of the desk, if the desk can't read
      the worker's answer
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
    """Facts of the error `stale_view`: the record has changed since the caller read it. `changed` has the changed
    values, by name, such as {"version": {"saw": 3, "now": 4}}: `saw` is the value that the caller has read, `now` the
    present value. The value of `state` is no such pair, but only the present state as a text."""

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
    """Facts of the error `not_our_database`: another application has tables with the names that this program needs
    (`problem` "names_taken"; `tables` has at most ten names), the file is damaged or isn't a database ("damaged"), or
    a backup is of another database ("other_backup"). `database_id` is the id of this database, `backup_of` that of
    the database in the backup. `needed` is the version of the schema that this program needs, `found` the version in
    the database (None if it has none). `newer` is True if `found` is the newer one of these two versions.
    """

    problem: Literal["damaged", "names_taken", "other_backup"] | ForeignText
    found: str | None
    needed: str
    newer: bool
    tables: list[str]
    database_id: str
    backup_of: str


class AuditBrokenDetail(TypedDict, total=False):
    """Facts of the error `audit_broken`: the audit trail or an evidence pack is damaged. `first_bad` is the id of the
    first damaged audit entry, `why` the code of the damage, `rows` the number of audit entries that were read. For an
    evidence pack, `file` is its path, and `problem` is "pack"; `part` is the file inside the pack that has the first
    problem, and `problems` has all problems.
    """

    problem: Literal["pack"]
    file: str
    part: str
    why: str
    note: str
    who: str | None
    rows: int
    first_bad: int | None
    problems: list[dict[str, object]]


class DatabaseWentBackDetail(TypedDict, total=False):
    """Facts of the error `database_went_back`: the database was restored from an older copy, so it lacks `count`
    operations that this desk's spool has. `missing` has the first of these operations, and `operations` is a text
    with the ids of the first five. `alert` is the id of the alert about them, raised at `since` with the text
    `observed`. If `problem` is "file_missing", the database file `file` itself is missing.
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
    provider's answer, the facts are `ProviderAnswerFacts`. `operation_id` is the operation whose outcome is unknown.
    `provider_id` is the id that the provider has given to the purchase, payment or refund; None if its answer had
    none. For a provider's daily file, `day` is its day (YYYY-MM-DD), `cause` the code of the failure, and `status`
    the HTTP status.
    """

    reason: OutcomeUnknownReason
    operation_id: str | None
    provider_id: int | str | None
    provider: str
    day: str | None
    cause: str
    status: int | None


class ProviderAnswerFacts(_SharedFacts, total=False):
    """Facts of an error that follows from a provider's answer. `reason` is the code of the outcome, `status` the HTTP
    status (None: no answer came), `provider_state` the provider's own word for the record's state. `provider` is the
    provider's name, `state` the record's stored state. The error code is derived from the outcome's class.

    After a re-fetch, `failed` has the parts that could not be read. For a file of one day, `day` is this day
    (YYYY-MM-DD) and `cause` the code of the failure. `hint` is set if the provider searches a payment by number,
    amount and day together, so that any of these three may be wrong.
    """

    reason: str | None
    status: int | None
    provider_state: str | None
    state: str
    problem: str | None
    provider: str
    day: str | None
    cause: str
    hint: Literal["amount_and_day"]
    failed: list[FailedPart]
    changed: object


class ProviderAnswerUnusableDetail(_SharedFacts, total=False):
    """Facts of the error `provider_answer_unusable`. `reason` is the code of the defect. For a provider's file of one
    day, `rows` is the number of its rows that can't be read, `day` its day (YYYY-MM-DD), `cause` the code of the
    failure, and `status` the HTTP status (None: no answer came).
    """

    reason: UnusableAnswerReason | ForeignText
    rows: int
    day: str | None
    cause: str
    status: int | None


class DatabaseUnreachableDetail(TypedDict, total=False):
    """Facts of the error `database_unreachable`: the problem, or the database's own message. `folder` or `file`
    is the path of a database file that is missing, was replaced or can't be written.
    """

    problem: DatabaseUnreachableProblem | ForeignText
    folder: str
    file: str | None
    cause: str


class DatabaseLockedDetail(TypedDict, total=False):
    """Facts of the error `database_locked`: the database stayed busy, or another process changed the same rows."""

    problem: DatabaseLockedProblem | ForeignText
    file: str


class DocumentsUnreachableDetail(TypedDict):
    """Facts of the error `documents_unreachable`. `place` is the folder or bucket of the documents; `problem` is the
    storage's own message, or empty.
    """

    place: str
    reason: DocumentsUnreachableReason
    problem: str


class StorageFullDetail(TypedDict, total=False):
    """Facts of the error `storage_full`: no space is free, or writing is forbidden (`not_writable`). `file`, `path`
    or `folder` is the path that can't be written. `free` (the free space) and `needs` (the needed space) are in
    bytes. If `problem` is "counter_used_up", the table `table` has almost no unused row ids. If `reason` is
    "out_of_resources", this process gets no further file descriptor.
    """

    problem: Literal["counter_used_up"] | ForeignText | None
    reason: Literal["not_writable", "out_of_resources"]
    file: str
    path: str
    folder: str
    table: str
    free: int
    needs: int


class InterruptedDetail(_SharedFacts, total=False):
    """Facts of the error `interrupted`: the requested action was stopped, and nothing that costs or moves money was
    sent. The value of `reason` has this meaning:

    - no `reason`: this process was stopped, for example by Ctrl+C, before the action began or (a reconciliation)
      before its end
    - "told_not_sent": this desk has recorded before that the operation `operation_id` was not sent
    - "withdrawn": the person has withdrawn the desk request before a worker took it
    - "registry_import": the import of a registry file was stopped; the registry in use is unchanged
    """

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
    """The changes since the caller read the record (see StaleViewDetail)."""
    failed: list[FailedPart]
    missing: list[dict[str, object]]
    today: int
    candidates: list[str]
    normalized: str | None
    corporation_number: str | None
    variable: str
    place: str
    user: str | None
    check: str
    usage: str
    line: int
    names: Sequence[str]
    note: str
    who: str | None
    rows: int
    first_bad: int | None
    needs_rights: list[str]
