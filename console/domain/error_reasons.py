"""Closed sets of the reasons and problems in `ConsoleError.detail`, by code.

The values are fixed: scripts read them as `error.detail`, and the catalogue has a sentence `error.<code>.<reason>`
for most of them. The problems of settings are in `setting_problems`: every start imports those, and few starts these.
"""

from console.domain.reason import Reason


class NumberReason(Reason):
    """Values of `detail.reason` of invalid_corporation_number: the first broken rule."""

    CHARACTER = "CHARACTER"
    CHECK_DIGIT = "CHECK_DIGIT"
    EMPTY = "EMPTY"
    LENGTH = "LENGTH"


class NotAllowedReason(Reason):
    """Values of `detail.reason` of not_allowed."""

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
    """Values of `detail.reason` of in_progress."""

    BULK = "bulk"
    NOTHING_CONTRADICTED = "nothing_contradicted"
    NOTHING_OPEN = "nothing_open"
    ONLY_DESK_KNOWS = "only_desk_knows"
    RECONCILIATION = "reconciliation"
    REFUND_UNKNOWN = "refund_unknown"
    REQUEST_ID = "request_id"
    SIMILAR_REFUND_RUNNING = "similar_refund_running"
    TAKEN = "taken"


class UnknownReason(Reason):
    """Values of `detail.reason` of outcome_unknown that the console sets itself, not from a provider's answer."""

    ASKED = "asked"
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
    """Values of `detail.reason` of evidence_mismatch."""

    OTHER_ID = "other_id"
    OTHER_NUMBER = "other_number"
    OTHER_PROPOSAL = "other_proposal"
    PROVIDER_SAYS_OTHERWISE = "provider_says_otherwise"
    USED_BY_OTHER_RECORD = "used_by_other_record"


class ExceedsReason(Reason):
    """Values of `detail.reason` of exceeds_captured."""

    LEFT = "left"
    PAID = "paid"
    PROVIDER = "provider"
    SET_ASIDE = "set_aside"


class RepeatReason(Reason):
    """Values of `detail.reason` of possible_repeat."""

    ANSWER_NOT_KEPT = "answer_not_kept"
    EXACT_LOOKALIKE = "exact_lookalike"
    OTHER_FINGERPRINT = "other_fingerprint"
    REQUEST_ID = "request_id"


class DecidedReason(Reason):
    """Values of `detail.reason` of already_decided."""

    LATE_ANSWER = "late_answer"
    SET_ASIDE = "set_aside"


class IdleReason(Reason):
    """Values of `detail.reason` of nothing_to_resolve."""

    ORDER = "order"
    ORDER_KNOWS = "order_knows"
    ORDER_NOT_COVERED = "order_not_covered"
    ORDER_UNPAID = "order_unpaid"
    PAYMENT_NO_ORDER = "payment_no_order"
    PAYMENT_NOT_PAID = "payment_not_paid"


class UnusableReason(Reason):
    """Values of `detail.reason` of provider_answer_unusable."""

    CLOSED = "closed"
    CRASHED = "crashed"
    NOT_PDF = "not_pdf"
    RECON_FILE_UNREADABLE = "recon_file_unreadable"
    TOO_LARGE = "too_large"
    TOOK_TOO_LONG = "took_too_long"
    UNREADABLE = "unreadable"


class PlaceReason(Reason):
    """Values of `detail.reason` of documents_unreachable."""

    CHANGING = "changing"
    DENIED = "denied"
    FOLDER_LOST = "folder_lost"
    NO_BUCKET = "no_bucket"
    NOT_CONNECTED = "not_connected"
    REFUSED = "refused"
    TIMEOUT = "timeout"


class UsageProblem(Reason):
    """Values of `detail.problem` of usage."""

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
    COMMENT = "comment"
    CURRENCY = "currency"
    CURSOR = "cursor"
    DEAL = "deal"
    DECLINE_WORDS = "decline_words"
    DESK_ACTS = "desk_acts"
    FILE_EXISTS = "file_exists"
    MERCHANT_PAYMENT_ID = "merchant_payment_id"
    NO_ACCOUNT_NAME = "no_account_name"
    NO_ACCOUNTS = "no_accounts"
    NO_PASSWORD = "no_password"  # noqa: S105 (a problem, no secret)
    NO_SUCH_TIMEZONE = "no_such_timezone"
    NOTE = "note"
    OTHER_TIMEZONE = "other_timezone"
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


class LockedProblem(Reason):
    """Values of `detail.problem` of database_locked."""

    ANOTHER_UPGRADE = "another_upgrade"
    DUPLICATES_KEEP_COMING = "duplicates_keep_coming"
    LOST_EVERY_RACE = "lost_every_race"
    OPERATION_LOST = "operation_lost"
    TABLE_IN_USE = "table_in_use"


class UnreachableProblem(Reason):
    """Values of `detail.problem` of database_unreachable."""

    COMMIT_UNANSWERED = "commit_unanswered"
    CONNECTION_LOST = "connection_lost"
    NO_FOLDER = "no_folder"
    TAKEN_AWAY = "taken_away"
    TLS_UNVERIFIED = "tls_unverified"
    TOO_MANY_CONNECTIONS = "too_many_connections"


class SchemaProblem(Reason):
    """Values of `detail.problem` of schema_mismatch."""

    CANNOT_BE_ADOPTED = "cannot_be_adopted"
    NEEDS_CONVERSION = "needs_conversion"
    NOT_ADOPTED = "not_adopted"


class AmountProblem(Reason):
    """Values of `detail.problem` of invalid_amount."""

    FORM = "form"
    ORDER_TOTAL = "order_total"
    ZERO = "zero"


class LimitReason(Reason):
    """Values of `detail.reason` of over_limit."""

    ACCOUNT = "account"
    PER_PERSON_DAY = "per_person_day"
    PER_REFUND = "per_refund"


class WindowReason(Reason):
    """Values of `detail.reason` of outside_window."""

    COUNT = "count"
    PARTIAL = "partial"
    REPEATED = "repeated"
    WINDOW = "window"


class FileReason(Reason):
    """Values of `detail.reason` of not_found for a document."""

    DAMAGED = "damaged"
    MISSING = "missing"
    NOT_OURS = "not_ours"
    UNREADABLE = "unreadable"


class BugProblem(Reason):
    """Values of `detail.problem` of internal_error."""

    ANSWER_WITHOUT_INTENT = "answer_without_intent"
    PREPARED_LATE = "prepared_late"
    REFUND_INCOMPLETE = "refund_incomplete"


RefundRule = ExceedsReason | InProgressReason | LimitReason | NotAllowedReason | WindowReason
"""A rule of refunds, named by the reason with which it refuses. The member's class determines the error code."""
