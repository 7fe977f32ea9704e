"""Closed sets of the values of `reason` and `problem` in `ConsoleError.detail`. An error code whose errors have
different reasons or problems has one enumeration.

The values are fixed, because scripts read them as `error.detail`. The catalogue of wordings has a sentence
`error.<code>.<reason>` for most of them. So that the program starts quickly, the problems are divided into modules by
their use: each start of the program imports `setting_problems`, few starts import `error_reasons`, and fewer still
import `usage_problems` and `file_problems`.
"""

from console.domain.reason import Reason


class NumberReason(Reason):
    """Reasons of the error `invalid_corporation_number` (`detail.reason`): the first rule that the number breaks.
    NO_DIGITS: the text is empty, or has only spaces and hyphens. OTHER_CHARACTER: the text has a character that isn't
    a digit. WRONG_LENGTH: the number of digits isn't 13. WRONG_CHECK_DIGIT: the first digit isn't the check digit of
    the other digits.
    """

    OTHER_CHARACTER = "CHARACTER"
    WRONG_CHECK_DIGIT = "CHECK_DIGIT"
    NO_DIGITS = "EMPTY"
    WRONG_LENGTH = "LENGTH"


class NotAllowedReason(Reason):
    """Reasons of the error `not_allowed` (`detail.reason`): the missing right, role, approval or password.
    APPROVER_DISABLED: a person who has approved the refund was disabled before it was sent.
    BINARY_LOG_REFUSES_TRIGGERS: the server's binary log doesn't allow this account to create triggers.
    DISABLED_BY_FILE: only the file of accounts enables this person. NO_GRANT: the database account lacks a right.
    MAY_NOT_MANAGE_ACCOUNTS: the connected account lacks rights on the server that the change of database accounts
    needs. NOT_MAKER: only the requester may do this. ONLY_ADMINISTRATOR: a second administrator must confirm the
    request, and there is none. OTHER_ACCOUNT: the person isn't the one whose database account
    is connected. OTHER_AUTHORISATION: the pasted address belongs to another authorisation. OWN_ACCOUNT: nobody
    disables themselves. PERSON_DISABLED: an administrator has disabled the acting person. RIGHT_MISSING: none of the
    person's roles has the right. STATE_NOT_REFUNDABLE: the provider doesn't report the payment as paid.
    SQLITE_REFUND: an SQLite file can't enforce that two people decide. TOO_FEW_APPROVALS: a limit was lowered after
    the refund was approved, so that it needs a second approver now. WORKER_ACCOUNT: the account of a worker can't be
    disabled. WORKER_HOLDS_CREDENTIALS: only the worker has AlarmBox's credentials. UNRECORDED_REFUND: the provider
    has a refund that the database doesn't have; the code is older than the term.
    """

    APPROVER_DISABLED = "approver_disabled"
    BINARY_LOG_REFUSES_TRIGGERS = "binary_log"
    NO_RIGHT_TO_DISCARD_BULK_RUN = "bulk_discard"
    BULK_RUN_OF_OTHER_PERSON = "bulk_maker"
    COOLING_OFF_NOT_OVER = "cooling_off"
    DISABLED_BY_FILE = "disabled_by_file"
    MAKER_NOT_ACTIVE = "maker_active"
    MAY_NOT_BUY = "may_not_buy"
    NO_GRANT = "no_grant"
    TOO_FEW_APPROVALS = "not_approved"
    NOT_MAKER = "not_maker"
    ONLY_ADMINISTRATOR = "only_administrator"
    OTHER_ACCOUNT = "other_account"
    OWN_ACCOUNT = "own_account"
    PASSWORD_NEEDED = "password_needed"  # noqa: S105  # a reason, no secret
    PASSWORD_WRONG = "password_wrong"  # noqa: S105  # a reason, no secret
    PERSON_DISABLED = "person_disabled"
    STATE_NOT_REFUNDABLE = "provider_state"
    REFUSED_BY_THE_DATABASE = "refused_by_the_database"
    RIGHT_MISSING = "role"
    MAY_NOT_MANAGE_ACCOUNTS = "schema_rights"
    SQLITE_REFUND = "sqlite_refund"
    OTHER_AUTHORISATION = "state_differs"
    UNKNOWN_OPERATOR = "unknown_operator"
    UNRECORDED_REFUND = "unknown_refund"
    WORKER_ACCOUNT = "worker_account"
    WORKER_HOLDS_CREDENTIALS = "worker_holds_credentials"


class InProgressReason(Reason):
    """Reasons of the error `in_progress` (`detail.reason`): the work that must end before the requested action.
    ONLY_DESK_KNOWS: an operation is stored in one desk's spool only. OVERDUE_PAYMENT_UNCLEAR: the code of a payment
    has expired, and it isn't known whether the payment was paid. OTHER_REFUND_CONTRADICTED,
    OTHER_PAYMENT_CONTRADICTED: the provider's answer contradicts a refund of the payment, or a payment of the order.
    PROVIDER_WORK_OPEN: records of the provider are not settled. TAKEN_BY_OTHER_PERSON: another person's take of the
    record is running. UNMATCHED_NOTICE: a notice reports a payment of the order that this database doesn't have."""

    BULK_RUN_RUNNING = "bulk"
    OTHER_REFUND_CONTRADICTED = "nothing_contradicted"
    OTHER_REFUND_OPEN = "nothing_open"
    OTHER_PAYMENT_CONTRADICTED = "payment_contradicted"
    OTHER_PAYMENT_OPEN = "payment_open"
    OVERDUE_PAYMENT_UNCLEAR = "overdue_payment_unclear"
    PROVIDER_WORK_OPEN = "provider_work_open"
    ONLY_DESK_KNOWS = "only_desk_knows"
    RECONCILIATION_RUNNING = "reconciliation"
    REGISTRY_IMPORT_RUNNING = "registry_import"
    REFUND_OUTCOME_UNKNOWN = "refund_unknown"
    SAME_REQUEST_ID_RUNNING = "request_id"
    RESTORE_RUNNING = "restore"
    SIMILAR_REFUND_RUNNING = "similar_refund_running"
    TAKEN_BY_OTHER_PERSON = "taken"
    UNMATCHED_NOTICE = "unmatched_notice"


class AlreadyPurchasedReason(Reason):
    """Reasons of the error `already_purchased` (`detail.reason`). DENIED_BUT_BOUGHT: two people decided that the
    purchase was not made, AlarmBox reported later that it was made, and no person has acknowledged the case about
    this contradiction.
    """

    DENIED_BUT_BOUGHT = "denied_but_bought"


class NotExpiredReason(Reason):
    """Reasons of the error `not_expired` (`detail.reason`) if it is not known when the live credit check expires.
    NO_DATE: a re-fetch may get the date. DATE_UNAVAILABLE: AlarmBox doesn't state the date, or no longer shows the
    credit check."""

    NO_DATE = "no_date"
    DATE_UNAVAILABLE = "date_unavailable"


class OutcomeUnknownReason(Reason):
    """Reasons of the error `outcome_unknown` (`detail.reason`) that the console itself sets. Reasons that come from a
    provider's answer are not listed here.

    WORKER_ANSWER_MISSING: the worker's answer to a desk request didn't reach this desk. EARLIER_ATTEMPT: the outcome
    of an earlier attempt is unknown. NO_LIST_CALL, NO_READ_CALL: the provider has no call that could show the
    outcome. ANSWER_NOT_SPOOLED: the spool had no space for the answer. ANSWER_NOT_RECORDED: the database couldn't
    store the answer, which is in the spool. PAYMENT_NUMBER_NOT_STORED: an older version of the program began the
    payment without storing its number. ONLY_DESK_KNOWS: the operation is stored in this desk's spool only, and the
    provider can't be queried about it. NO_DAILY_FILE_ANNOUNCED: the provider has not yet announced its file of the
    day. TOKENS_LOST: neither the database nor the spool could store the tokens of an authorisation.
    TOKENS_NOT_STORED: the database couldn't store them, but the spool has them.
    """

    WORKER_ANSWER_MISSING = "asked"
    EARLIER_ATTEMPT = "earlier_attempt"
    INTERRUPTED_BY_PERSON = "interrupted"
    NO_LIST_CALL = "no_list_call"
    NO_READ_CALL = "no_read_call"
    ANSWER_NOT_SPOOLED = "not_kept"
    ANSWER_NOT_RECORDED = "not_recorded"
    PAYMENT_NUMBER_NOT_STORED = "number_not_kept"
    ONLY_DESK_KNOWS = "only_desk_knows"
    DAILY_FILE_NOT_READ = "recon_file_not_read"
    NO_DAILY_FILE_ANNOUNCED = "recon_not_announced"
    TOKENS_LOST = "tokens_lost"
    TOKENS_NOT_STORED = "tokens_not_stored"


class EvidenceMismatchReason(Reason):
    """Reasons of the error `evidence_mismatch` (`detail.reason`): the contradiction between a person's evidence and
    the record.

    ANSWER_ON_DESK: a desk has the provider's answer that the operation was executed. BOUGHT_BEFORE: the credit check
    with this id was bought before the purchase was sent. EXPIRED_BEFORE: the credit check with this id had expired
    before the purchase was sent. LISTED_PURCHASE: AlarmBox lists a purchase of the corporation that no record of this
    database has. MADE_WITHOUT_ID: AlarmBox's answer to the purchase shows the purchased credit check, but without its
    id. NAMED_PURCHASE: AlarmBox's answer to the purchase can't be used, but contains the id of a credit check that
    may be this purchase. NO_NUMBER: the provider's answer about this id names no corporation. OTHER_ID: the provider,
    or the first of the two people, has stated another id. OTHER_NUMBER: the id belongs to another corporation.
    OTHER_OUTSIDE_REFUND: the first of the two people has stated another amount or day of the refund. OLD_ANSWER: a
    cache returned an answer that is older than the query, so the provider's present answer isn't known.
    PROVIDER_SAYS_OTHERWISE: the provider's answer contradicts the decision. RECORDED_BEFORE: two people have recorded
    a refund done outside with the same amount and day before. REFUSED_BUT_MADE: the provider's answer contradicts
    itself: it reports that nothing was made, but contains the purchase, payment or refund that the decision denies.
    UNUSABLE_ANSWER: the provider's answer about a payment or refund can't be used, and may mean that it was made.
    USED_BY_OTHER_RECORD: another record has this id.
    """

    ANSWER_ON_DESK = "answer_on_desk"
    BOUGHT_BEFORE = "bought_before"
    EXPIRED_BEFORE = "expired_before"
    LISTED_PURCHASE = "listed_purchase"
    MADE_WITHOUT_ID = "made_without_id"
    NAMED_PURCHASE = "named_purchase"
    NO_NUMBER = "no_number"
    OLD_ANSWER = "old_answer"
    OTHER_ID = "other_id"
    OTHER_NUMBER = "other_number"
    OTHER_OUTSIDE_REFUND = "other_outside_refund"
    PROVIDER_SAYS_OTHERWISE = "provider_says_otherwise"
    RECORDED_BEFORE = "recorded_before"
    REFUSED_BUT_MADE = "refused_but_made"
    UNUSABLE_ANSWER = "unusable_answer"
    USED_BY_OTHER_RECORD = "used_by_other_record"


class ExceedsCapturedReason(Reason):
    """Reasons of the error `exceeds_captured` (`detail.reason`): the rule about amounts that the refund breaks.
    MORE_THAN_REFUNDABLE: the amount is larger than the refundable amount. MORE_THAN_PROVIDER_REFUNDS: with the
    refunds that the provider reports, it is larger than the payment. NOT_CONFIRMED_AS_PAID: the provider has not
    confirmed the payment. NOT_WHOLE_SET_ASIDE: a set-aside can only be refunded as a whole. ONLY_SET_ASIDE: only
    money set aside is left, which can't be recorded as given back outside.
    """

    MORE_THAN_REFUNDABLE = "left"
    NOT_CONFIRMED_AS_PAID = "paid"
    MORE_THAN_PROVIDER_REFUNDS = "provider"
    NOT_WHOLE_SET_ASIDE = "set_aside"
    ONLY_SET_ASIDE = "only_set_aside"


class PossibleRepeatReason(Reason):
    """Reasons of the error `possible_repeat` (`detail.reason`): the way in which a request resembles an earlier one.
    EXACT_LOOKALIKE: an earlier refund has the same payment and amount. REQUEST_ID: the request id was used for
    another request. OTHER_FINGERPRINT: the idempotency key was used for another request. ANSWER_NOT_STORED: the
    request was executed, but its answer isn't stored or can't be read at this desk. ANSWER_UNREADABLE: the worker
    that answered runs another version of the program, and this desk can't read its answer.
    """

    ANSWER_NOT_STORED = "answer_not_kept"
    ANSWER_UNREADABLE = "answer_unreadable"
    EXACT_LOOKALIKE = "exact_lookalike"
    OTHER_FINGERPRINT = "other_fingerprint"
    REQUEST_ID = "request_id"


class AlreadyDecidedReason(Reason):
    """Reasons of the error `already_decided` (`detail.reason`): the earlier decision or answer. LATE_ANSWER: people
    decided the record's outcome before the provider's answer came. SET_ASIDE: a refund of this set-aside was already
    requested. ACKNOWLEDGED_BY_OTHER: another person has acknowledged the alert, and only this person can undo that.
    """

    ACKNOWLEDGED_BY_OTHER = "acknowledged_by_other"
    LATE_ANSWER = "late_answer"
    SET_ASIDE = "set_aside"


class NothingToResolveReason(Reason):
    """Reasons of the error `nothing_to_resolve` (`detail.reason`): the fact because of which people have nothing to
    decide about a record, or can't set an order to paid. ORDER_FOLLOWS_PAYMENTS: the program derives the state of an
    order from its payments. ORDER_NOT_COVERED: the paid amount is less than the order's total. PAID_BY_CALLBACK_ONLY:
    only a callback reports the payment as paid. OUTCOME_EXPECTED: the outcome is unknown, but the program still
    expects to learn it.
    """

    ORDER_FOLLOWS_PAYMENTS = "order"
    ORDER_NOT_PENDING = "order_knows"
    ORDER_NOT_COVERED = "order_not_covered"
    ORDER_WITHOUT_PAYMENT = "order_unpaid"
    PAID_BY_CALLBACK_ONLY = "callback_only"
    PAYMENT_WITHOUT_ORDER = "payment_no_order"
    PAYMENT_NOT_PAID = "payment_not_paid"
    PAYMENT_REVERSED = "payment_reversed"
    OUTCOME_EXPECTED = "outcome_expected"


class UnusableAnswerReason(Reason):
    """Reasons of the error `provider_answer_unusable` (`detail.reason`): the defect of a PDF, or of a provider's
    daily file (DAILY_FILE_UNREADABLE). PDF_READER_CLOSED, PDF_READER_CRASHED: the child process that reads PDFs was
    ended or has crashed.
    """

    PDF_READER_CLOSED = "closed"
    PDF_READER_CRASHED = "crashed"
    NOT_PDF = "not_pdf"
    DAILY_FILE_UNREADABLE = "recon_file_unreadable"
    TOO_LARGE = "too_large"
    TOOK_TOO_LONG = "took_too_long"
    PDF_UNREADABLE = "unreadable"


class DocumentsUnreachableReason(Reason):
    """Reasons of the error `documents_unreachable` (`detail.reason`): the failure of the folder or bucket of the
    documents. NOT_CONNECTED: the shared folder isn't connected, or the bucket doesn't answer. FOLDER_LOST: the folder
    has no documents although the database names some, probably because its share isn't mounted.
    OBJECT_CHANGES_TOO_OFTEN: other processes replaced an object of the bucket at each try.
    """

    OBJECT_CHANGES_TOO_OFTEN = "changing"
    PERMISSION_DENIED = "denied"
    FOLDER_LOST = "folder_lost"
    NO_BUCKET = "no_bucket"
    NOT_CONNECTED = "not_connected"
    REQUEST_REFUSED = "refused"
    TIMED_OUT = "timeout"


class ReadOnlyReason(Reason):
    """Reasons of the error `read_only` (`detail.reason`): the switch for everything or that of the provider stops
    the change. A database that is itself read-only gives no reason."""

    SWITCH_FOR_EVERYTHING = "switch"
    PROVIDER_SWITCH = "provider_switch"


class DatabaseLockedProblem(Reason):
    """Problems of the error `database_locked` (`detail.problem`): the process or conflict that kept the database or
    its rows locked. DUPLICATES_KEEP_COMING: another program writes new duplicates during an adoption.
    LOST_EVERY_RACE: at each attempt of this process, other writers changed the same rows first. OPERATION_LOST: the
    lease expired, and another process has taken the operation over.
    """

    ANOTHER_RESTORE = "another_restore"
    ANOTHER_UPGRADE = "another_upgrade"
    DUPLICATES_KEEP_COMING = "duplicates_keep_coming"
    DATABASE_IN_USE = "in_use"
    LOST_EVERY_RACE = "lost_every_race"
    OPERATION_LOST = "operation_lost"
    TABLE_IN_USE = "table_in_use"


class DatabaseUnreachableProblem(Reason):
    """Problems of the error `database_unreachable` (`detail.problem`): the failure of the connection or of the
    database file. COMMIT_UNANSWERED: the connection was lost before the answer to a COMMIT. NO_FOLDER: the folder of
    the database file doesn't exist. FOLDER_NOT_WRITABLE: the folder can't be created, or this process may not create
    the database file in it. FILE_NOT_WRITABLE: this process may not write to the database file, to one of SQLite's
    auxiliary files next to it, or to its folder; SQLite must write there even for a read. DATABASE_FILE_REPLACED: the
    file was moved or replaced while it was in use. ENCRYPTION_NEEDED: the server refuses connections without
    encryption. TLS_UNVERIFIED: the server's certificate couldn't be verified.
    """

    COMMIT_UNANSWERED = "commit_unanswered"
    CONNECTION_LOST = "connection_lost"
    ENCRYPTION_NEEDED = "encryption_needed"
    NO_FOLDER = "no_folder"
    FOLDER_NOT_WRITABLE = "folder_not_writable"
    FILE_NOT_WRITABLE = "file_not_writable"
    DATABASE_FILE_REPLACED = "taken_away"
    TLS_UNVERIFIED = "tls_unverified"
    TOO_MANY_CONNECTIONS = "too_many_connections"


class SchemaProblem(Reason):
    """Problems of the error `schema_mismatch` (`detail.problem`). NOT_ADOPTED: the database has the table of another
    application, which `db adopt` hasn't taken over yet. CANNOT_BE_ADOPTED: that table has obstacles which a person
    must remove. BACKUP_NEWER: a newer version of the program has made the backup. BACKUP_TOO_OLD: the version that
    made the backup is so old that this program can't upgrade its schema. NEEDS_CONVERSION: the server can change a
    column to our type only by copying the table. FOREIGN_UNIQUE_INDEX: a unique index that another application has
    created refuses a new row of this program.
    """

    BACKUP_NEWER = "backup_newer"
    BACKUP_TOO_OLD = "backup_too_old"
    CANNOT_BE_ADOPTED = "cannot_be_adopted"
    FOREIGN_UNIQUE_INDEX = "foreign_unique_index"
    NEEDS_CONVERSION = "needs_conversion"
    NOT_ADOPTED = "not_adopted"


class AmountProblem(Reason):
    """Problems of the error `invalid_amount` (`detail.problem`): the rule that the amount breaks. WRONG_FORM: the
    text is no amount. NOT_ORDER_TOTAL: the amount isn't the total of the order. NOT_POSITIVE: the amount is zero.
    """

    WRONG_FORM = "form"
    NOT_ORDER_TOTAL = "order_total"
    NOT_POSITIVE = "zero"


class OverLimitReason(Reason):
    """Reasons of the error `over_limit` (`detail.reason`): the exceeded limit, which is that of a corporation's
    account, of one refund, or of a person's refunds on one day."""

    LIMIT_OF_ACCOUNT = "account"
    LIMIT_PER_PERSON_AND_DAY = "per_person_day"
    LIMIT_PER_REFUND = "per_refund"


class RefundWindowReason(Reason):
    """Reasons of the error `outside_window` (`detail.reason`): the provider's rule that the refund breaks.
    REFUND_COUNT_REACHED: the payment has the largest allowed number of refunds. NO_PARTIAL_REFUND: only the whole
    amount can be refunded. NO_SECOND_REFUND: a payment can be refunded once. REFUND_PERIOD_OVER: too much time has
    passed since the payment.
    """

    REFUND_COUNT_REACHED = "count"
    NO_PARTIAL_REFUND = "partial"
    NO_SECOND_REFUND = "repeated"
    REFUND_PERIOD_OVER = "window"


class DocumentNotFoundReason(Reason):
    """Reasons of the error `not_found` for a document (`detail.reason`). CONTENT_DAMAGED: the content of the file
    doesn't match the stored SHA-256. FILE_MISSING: there is no such file. NO_DOCUMENT_PATH: the path doesn't have the
    form of a stored document's path. CONTENT_UNREADABLE: the file can't be read.
    """

    CONTENT_DAMAGED = "damaged"
    FILE_MISSING = "missing"
    NO_DOCUMENT_PATH = "not_ours"
    CONTENT_UNREADABLE = "unreadable"


class InternalErrorProblem(Reason):
    """Problems of the error `internal_error` (`detail.problem`): contradictions that the program detects in its own
    data. ANSWER_WITHOUT_INTENT: the spool has an answer without the intent of its call. PREPARED_LATE: the program
    was about to store the intent of an operation whose state is no longer `prepared`. REFUND_INCOMPLETE: a refund
    lacks a value that is needed to send or probe it.
    """

    ANSWER_WITHOUT_INTENT = "answer_without_intent"
    PREPARED_LATE = "prepared_late"
    REFUND_INCOMPLETE = "refund_incomplete"


RefundRule = ExceedsCapturedReason | InProgressReason | OverLimitReason | NotAllowedReason | RefundWindowReason
"""The reason of an error about a refund that breaks a rule of refunds. The enumeration to which the reason belongs
determines the error code.
"""
