"""Closed sets of the values of `reason` and `problem` in `ConsoleError.detail`: one enumeration for each error code.

The values are fixed, because scripts read them as `error.detail`. The catalogue of wordings has a sentence
`error.<code>.<reason>` for most of them. The problems of settings are in the module `setting_problems`, because every
start of the program imports that module and few starts import this one.
"""

from console.domain.reason import Reason


class NumberReason(Reason):
    """Reasons of the error `invalid_corporation_number` (`detail.reason`): the first rule that the number breaks."""

    CHARACTER = "CHARACTER"
    CHECK_DIGIT = "CHECK_DIGIT"
    EMPTY = "EMPTY"
    LENGTH = "LENGTH"


class NotAllowedReason(Reason):
    """Reasons of the error `not_allowed` (`detail.reason`): the missing right, role, approval or password."""

    BINARY_LOG = "binary_log"
    BULK_DISCARD = "bulk_discard"
    BULK_MAKER = "bulk_maker"
    COOLING_OFF = "cooling_off"
    MAKER_ACTIVE = "maker_active"
    MAY_NOT_BUY = "may_not_buy"
    NO_GRANT = "no_grant"
    NOT_APPROVED = "not_approved"
    NOT_MAKER = "not_maker"
    OTHER_ACCOUNT = "other_account"
    PASSWORD_NEEDED = "password_needed"  # noqa: S105  # a reason, no secret
    PASSWORD_WRONG = "password_wrong"  # noqa: S105  # a reason, no secret
    PROVIDER_STATE = "provider_state"
    REFUSED_BY_THE_DATABASE = "refused_by_the_database"
    ROLE = "role"
    SCHEMA_RIGHTS = "schema_rights"
    SQLITE_REFUND = "sqlite_refund"
    UNKNOWN_OPERATOR = "unknown_operator"
    UNKNOWN_REFUND = "unknown_refund"


class InProgressReason(Reason):
    """Reasons of the error `in_progress` (`detail.reason`): the other work that must end before the requested
    action.
    """

    BULK = "bulk"
    NOTHING_CONTRADICTED = "nothing_contradicted"
    NOTHING_OPEN = "nothing_open"
    ONLY_DESK_KNOWS = "only_desk_knows"
    RECONCILIATION = "reconciliation"
    REGISTRY_IMPORT = "registry_import"
    REFUND_UNKNOWN = "refund_unknown"
    REQUEST_ID = "request_id"
    SIMILAR_REFUND_RUNNING = "similar_refund_running"
    TAKEN = "taken"


class UnknownReason(Reason):
    """Reasons of the error `outcome_unknown` (`detail.reason`) that the console itself sets. Reasons that come from a
    provider's answer are not listed here.
    """

    WORKER_ANSWER_MISSING = "asked"
    EARLIER_ATTEMPT = "earlier_attempt"
    INTERRUPTED = "interrupted"
    NO_LIST_CALL = "no_list_call"
    NO_READ_CALL = "no_read_call"
    NOT_KEPT = "not_kept"
    NOT_RECORDED = "not_recorded"
    NUMBER_NOT_KEPT = "number_not_kept"
    ONLY_DESK_KNOWS = "only_desk_knows"
    RECON_FILE_NOT_READ = "recon_file_not_read"
    RECON_NOT_ANNOUNCED = "recon_not_announced"


class MismatchReason(Reason):
    """Reasons of the error `evidence_mismatch` (`detail.reason`): the contradiction between a person's evidence and
    the record.
    """

    OTHER_ID = "other_id"
    OTHER_NUMBER = "other_number"
    OTHER_PROPOSAL = "other_proposal"
    PROVIDER_SAYS_OTHERWISE = "provider_says_otherwise"
    USED_BY_OTHER_RECORD = "used_by_other_record"


class ExceedsReason(Reason):
    """Reasons of the error `exceeds_captured` (`detail.reason`): the rule about amounts that the refund breaks."""

    LEFT = "left"
    PAID = "paid"
    PROVIDER = "provider"
    SET_ASIDE = "set_aside"


class PossibleRepeatReason(Reason):
    """Reasons of the error `possible_repeat` (`detail.reason`)."""

    ANSWER_NOT_KEPT = "answer_not_kept"
    EXACT_LOOKALIKE = "exact_lookalike"
    OTHER_FINGERPRINT = "other_fingerprint"
    REQUEST_ID = "request_id"


class AlreadyDecidedReason(Reason):
    """Reasons of the error `already_decided` (`detail.reason`)."""

    LATE_ANSWER = "late_answer"
    SET_ASIDE = "set_aside"


class NothingToResolveReason(Reason):
    """Reasons of the error `nothing_to_resolve` (`detail.reason`): the cause for which there is nothing to decide or
    move.
    """

    ORDER = "order"
    ORDER_KNOWS = "order_knows"
    ORDER_NOT_COVERED = "order_not_covered"
    ORDER_UNPAID = "order_unpaid"
    PAYMENT_NO_ORDER = "payment_no_order"
    PAYMENT_NOT_PAID = "payment_not_paid"


class UnusableReason(Reason):
    """Reasons of the error `provider_answer_unusable` (`detail.reason`): the fault of a PDF or of a provider's daily
    file.
    """

    CLOSED = "closed"
    CRASHED = "crashed"
    NOT_PDF = "not_pdf"
    RECON_FILE_UNREADABLE = "recon_file_unreadable"
    TOO_LARGE = "too_large"
    TOOK_TOO_LONG = "took_too_long"
    UNREADABLE = "unreadable"


class DocumentsReason(Reason):
    """Reasons of the error `documents_unreachable` (`detail.reason`): the fault of the folder or bucket of the
    documents.
    """

    CHANGING = "changing"
    DENIED = "denied"
    FOLDER_LOST = "folder_lost"
    NO_BUCKET = "no_bucket"
    NOT_CONNECTED = "not_connected"
    REFUSED = "refused"
    TIMEOUT = "timeout"


class ReadOnlyReason(Reason):
    """Reasons of the error `read_only` (`detail.reason`): the read-only switch that stops the change. A database that
    is itself read-only gives no reason.
    """

    SWITCH = "switch"
    PROVIDER_SWITCH = "provider_switch"


class UsageProblem(Reason):
    """Problems of the error `usage` (`detail.problem`): the wrong argument. Problems that begin with ACCOUNTS concern
    the file of accounts.
    """

    ACCOUNT_NAME = "account_name"
    ACCOUNTS_ACTING = "accounts_acting"
    ACCOUNTS_ASKS = "accounts_asks"
    ACCOUNTS_FLAG = "accounts_flag"
    ACCOUNTS_FORM = "accounts_form"
    ACCOUNTS_JSON = "accounts_json"
    ACCOUNTS_NAME = "accounts_name"
    ACCOUNTS_ROLES = "accounts_roles"
    ACCOUNTS_SCHEMA_ACCOUNT = "accounts_schema_account"
    ACCOUNTS_TWICE = "accounts_twice"
    ACCOUNTS_UNKNOWN_KEY = "accounts_unknown_key"
    ACCOUNTS_UNKNOWN_ROLE = "accounts_unknown_role"
    ACCOUNTS_UNREADABLE = "accounts_unreadable"
    ACCOUNTS_VARIABLE = "accounts_variable"
    ACCOUNTS_WAS_WORKER = "accounts_was_worker"
    AMOUNT_AND_DAY = "amount_and_day"
    ANSWERS_WAIT = "answers_wait"
    ARGUMENTS = "arguments"
    AS = "as"
    AS_BEGUN = "as_begun"
    AS_REFUND = "as_refund"
    BULK_ACTION = "bulk_action"
    BULK_KIND = "bulk_kind"
    BULK_MOST = "bulk_most"
    BULK_SIZE = "bulk_size"
    CLOSE_DAY = "close_day"
    COMMENT = "comment"
    CURRENCY = "currency"
    CURSOR = "cursor"
    DEAL = "deal"
    DECLINE_WORDS = "decline_words"
    DESK_ACTS = "desk_acts"
    DOCUMENT_FORMAT = "document_format"
    EXPORT_FORMAT = "export_format"
    FILE_EXISTS = "file_exists"
    FILTER = "filter"
    FILTER_COMPANIES = "filter_companies"
    MERCHANT_PAYMENT_ID = "merchant_payment_id"
    NO_ACCOUNT_NAME = "no_account_name"
    NO_ACCOUNTS = "no_accounts"
    NO_PASSWORD = "no_password"  # noqa: S105 (a problem, no secret)
    NO_SUCH_TIMEZONE = "no_such_timezone"
    NOTE = "note"
    ONE_VERSION = "one_version"
    OTHER_TIMEZONE = "other_timezone"
    OWNER = "owner"
    PART = "part"
    PROVIDER_ID = "provider_id"
    PROVIDER_ID_MISSING = "provider_id_missing"
    QUEUE = "queue"
    REASON = "reason"
    RECONCILE_DAYS = "reconcile_days"
    RECONCILE_SPAN = "reconcile_span"
    REFUND_REASON = "refund_reason"
    REFUND_TICKET = "refund_ticket"
    REQUEST_FORM = "request_form"
    REQUEST_ID = "request_id"
    SIGN_IN_GIVEN = "sign_in_given"
    SORT = "sort"
    SWITCH_REASON = "switch_reason"
    UNTIL = "until"
    VIEW_CONTENT = "view_content"
    VIEW_COUNT = "view_count"
    VIEW_NAME = "view_name"
    VIEW_NAME_TAKEN = "view_name_taken"
    VIEW_OPTIONS = "view_options"


class LockedProblem(Reason):
    """Problems of the error `database_locked` (`detail.problem`)."""

    ANOTHER_UPGRADE = "another_upgrade"
    DUPLICATES_KEEP_COMING = "duplicates_keep_coming"
    IN_USE = "in_use"
    LOST_EVERY_RACE = "lost_every_race"
    OPERATION_LOST = "operation_lost"
    TABLE_IN_USE = "table_in_use"


class UnreachableProblem(Reason):
    """Problems of the error `database_unreachable` (`detail.problem`)."""

    COMMIT_UNANSWERED = "commit_unanswered"
    CONNECTION_LOST = "connection_lost"
    NO_FOLDER = "no_folder"
    TAKEN_AWAY = "taken_away"
    TLS_UNVERIFIED = "tls_unverified"
    TOO_MANY_CONNECTIONS = "too_many_connections"


class SchemaProblem(Reason):
    """Problems of the error `schema_mismatch` (`detail.problem`): the obstacle to an adoption of the database."""

    CANNOT_BE_ADOPTED = "cannot_be_adopted"
    NEEDS_CONVERSION = "needs_conversion"
    NOT_ADOPTED = "not_adopted"


class AmountProblem(Reason):
    """Problems of the error `invalid_amount` (`detail.problem`)."""

    FORM = "form"
    ORDER_TOTAL = "order_total"
    ZERO = "zero"


class LimitReason(Reason):
    """Reasons of the error `over_limit` (`detail.reason`): the exceeded limit."""

    ACCOUNT = "account"
    PER_PERSON_DAY = "per_person_day"
    PER_REFUND = "per_refund"


class WindowReason(Reason):
    """Reasons of the error `outside_window` (`detail.reason`): the provider's rule about time, number or size of
    refunds that the refund breaks.
    """

    COUNT = "count"
    PARTIAL = "partial"
    REPEATED = "repeated"
    WINDOW = "window"


class DocumentNotFoundReason(Reason):
    """Reasons of the error `not_found` for a document (`detail.reason`)."""

    DAMAGED = "damaged"
    MISSING = "missing"
    NOT_OURS = "not_ours"
    UNREADABLE = "unreadable"


class BackupProblem(Reason):
    """Problems of the error `bad_backup` (`detail.problem`). ALTERED, MISSING: a file isn't as the manifest says.
    DATABASE: the copy of the database is damaged. INCOMPLETE: there is no manifest, so the backup was broken off or
    is none. KIND: a backup of a server database for an embedded one, or the other way round. NOT_EMPTY: something is
    in the folder for a new backup. TARGET_NOT_EMPTY: the server database into which it is to go has tables.
    """

    ALTERED = "altered"
    DATABASE = "database"
    FORMAT = "format"
    INCOMPLETE = "incomplete"
    KIND = "kind"
    MANIFEST = "manifest"
    MISSING = "missing"
    NOT_EMPTY = "not_empty"
    TARGET_NOT_EMPTY = "target_not_empty"


class RegistryFileProblem(Reason):
    """Problems of the error `bad_registry_file` (`detail.problem`): the rule that a file of the corporation registry
    breaks. UNREADABLE: the file can't be opened. ARCHIVE: it is no whole ZIP. CONTENTS: the ZIP hasn't one CSV.
    VALUE: a field has a value that the publisher's definition doesn't allow.
    """

    ARCHIVE = "archive"
    BOMB = "bomb"
    COLUMNS = "columns"
    CONTENTS = "contents"
    CONTROL_CHARACTER = "control_character"
    EMPTY = "empty"
    ENCODING = "encoding"
    HEADER = "header"
    NAME = "name"
    NUMBER = "number"
    QUOTES = "quotes"
    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"
    VALUE = "value"


class RegistryOrderProblem(Reason):
    """Problems of the error `registry_order` (`detail.problem`): the reasons for which a file can't be imported into
    the registry in use. APPLIED: the difference is in it already. FEWER: prefectures of the registry in use would be
    missing. MISSING: a published day would be left out. NO_WHOLE: there is no registry to which a difference could be
    applied. OLDER: the registry would go back. OTHER_DAY: the whole files are of different days. TWICE: a given file
    covers what another one covers.
    """

    APPLIED = "applied"
    FEWER = "fewer"
    MISSING = "missing"
    NO_WHOLE = "no_whole"
    OLDER = "older"
    OTHER_DAY = "other_day"
    TWICE = "twice"


class InternalErrorProblem(Reason):
    """Problems of the error `internal_error` (`detail.problem`) that the program itself detects."""

    ANSWER_WITHOUT_INTENT = "answer_without_intent"
    PREPARED_LATE = "prepared_late"
    REFUND_INCOMPLETE = "refund_incomplete"


RefundRule = ExceedsReason | InProgressReason | LimitReason | NotAllowedReason | WindowReason
"""A rule of refunds, named by the reason that is given if a refund breaks the rule. The class of the reason
determines the error code.
"""
