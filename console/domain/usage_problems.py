"""The values of `problem` in `ConsoleError.detail` of the error `usage`, like the sets in `error_reasons`. They are
in a module of their own, which a command imports only if its arguments can be wrong in one of these ways, so that
most commands start more quickly.
"""

from console.domain.reason import Reason


class UsageProblem(Reason):
    """Problems of the error `usage` (`detail.problem`): the wrong argument. Problems that begin with ACCOUNTS concern
    the file of accounts.

    ACCOUNTS_ACCOUNT_OF_SERVER: a new person has the name of an account that has rights on the whole server.
    ACCOUNTS_ACCOUNT_OF_OTHER_DATABASE: another schema account of the server has created the person's own role.
    ACCOUNTS_ACTS_NOT_STATED: the file doesn't say whether the person acts directly or a worker acts for the person.
    ACCOUNTS_ASKS_WITH_ACTS: an entry has the old key `asks` together with the key `acts`, or `asks` with another
    value than true. ACCOUNTS_NEW_ROLE_FOR_WORKER: the file gives another role to an account that has been a worker's
    account. ACCOUNTS_OWNER_OF_SCHEMA: the account owns the schema. AMOUNT_AND_DAY_ONLY_FOR_OUTSIDE: an amount or a
    day was given for a decision other than `done_outside` (an amount was given back outside). ANSWERS_NEED_STORE_KEY:
    the spool has answers that only the store key can decrypt. DESK_NEEDS_OWN_CREDENTIALS: no worker acts for the
    desk's person, so the desk needs its credentials. NO_CODE: the authorisation code is missing. NO_OLDER_VERSION:
    the PDF has only one version. OPTIONS_WITH_VIEW: a filter or a sort order was given together with a saved view,
    which has its own. OTHER_CORPORATION_NUMBER: the database already has the payment to import, with another
    corporation number than the given one. SAME_VERSION: the two versions to compare are the same one.
    SIGN_IN_IN_SETTINGS: the settings already have the account and password. UNKNOWN_PART: a list has no such part
    (tab).
    """

    INVALID_ACCOUNT_NAME = "account_name"
    ACCOUNTS_ACCOUNT_OF_SERVER = "accounts_account_of_server"
    ACCOUNTS_ACCOUNT_OF_OTHER_DATABASE = "accounts_other_database"
    ACCOUNTS_ACTS_NOT_STATED = "accounts_acting"
    ACCOUNTS_ASKS_WITH_ACTS = "accounts_asks"
    ACCOUNTS_FLAG_NOT_BOOLEAN = "accounts_flag"
    ACCOUNTS_WRONG_FORM = "accounts_form"
    ACCOUNTS_INVALID_JSON = "accounts_json"
    ACCOUNTS_INVALID_NAME = "accounts_name"
    ACCOUNTS_INVALID_ROLES = "accounts_roles"
    ACCOUNTS_OWNER_OF_SCHEMA = "accounts_schema_account"
    ACCOUNTS_SAME_NAME_TWICE = "accounts_twice"
    ACCOUNTS_UNKNOWN_KEY = "accounts_unknown_key"
    ACCOUNTS_UNKNOWN_ROLE = "accounts_unknown_role"
    ACCOUNTS_UNREADABLE = "accounts_unreadable"
    ACCOUNTS_INVALID_VARIABLE_NAME = "accounts_variable"
    ACCOUNTS_NEW_ROLE_FOR_WORKER = "accounts_was_worker"
    AMOUNT_AND_DAY_MISSING = "amount_and_day"
    ANSWERS_NEED_STORE_KEY = "answers_wait"
    INVALID_ARGUMENTS = "arguments"
    INVALID_OUTCOME = "as"
    INVALID_OUTCOME_OF_BEGUN_PAYMENT = "as_begun"
    INVALID_OUTCOME_OF_REFUND = "as_refund"
    UNKNOWN_BULK_ACTION = "bulk_action"
    TOO_MANY_BULK_RECORDS = "bulk_day"
    RECORD_KIND_WITHOUT_BULK = "bulk_kind"
    INVALID_BULK_LIMIT = "bulk_most"
    INVALID_RECORD_COUNT = "bulk_size"
    CLOSE_DAY_IN_FUTURE = "close_day"
    COMMENT_TOO_LONG = "comment"
    CURRENCY_NOT_ACCEPTED = "currency"
    UNREADABLE_CURSOR = "cursor"
    INVALID_DEAL_CODE = "deal"
    INVALID_DECISION_REASON = "decision_reason"
    DECLINE_REASON_MISSING = "decline_words"
    DESK_NEEDS_OWN_CREDENTIALS = "desk_acts"
    UNKNOWN_DOCUMENT_FORMAT = "document_format"
    UNKNOWN_EXPORT_FORMAT = "export_format"
    FILE_EXISTS = "file_exists"
    FOLDER_FOR_FILE = "folder_for_file"
    UNREADABLE_FILTER = "filter"
    QUEUE_WITHOUT_FILTER = "filter_companies"
    REPEATED_FILTER = "filter_repeated"
    INVALID_MERCHANT_PAYMENT_ID = "merchant_payment_id"
    NO_ACCOUNT_NAME = "no_account_name"
    NO_ACCOUNTS = "no_accounts"
    NO_CODE = "no_code"
    NO_READABLE_FILE = "no_file"
    NO_SUCH_FOLDER = "no_folder"
    NO_PASSWORD = "no_password"  # noqa: S105 (a problem, no secret)
    NO_SUCH_TIMEZONE = "no_such_timezone"
    INVALID_NOTE = "note"
    NO_OLDER_VERSION = "one_version"
    OTHER_CORPORATION_NUMBER = "other_corporation_number"
    OTHER_TIMEZONE = "other_timezone"
    INVALID_INCIDENT_OWNER = "owner"
    UNKNOWN_PART = "part"
    GATEWAY_ID_MISSING = "provider_id"
    ALARMBOX_ID_MISSING = "provider_id_missing"
    INVALID_ALARMBOX_ID = "alarmbox_id"
    UNKNOWN_QUEUE = "queue"
    INVALID_OUTSIDE_REFUND = "outside_refund"
    AMOUNT_AND_DAY_ONLY_FOR_OUTSIDE = "only_done_outside"
    INVALID_REASON_CODES = "reason"
    INVALID_RECONCILIATION_DAYS = "reconcile_days"
    RECONCILIATION_PERIOD_TOO_LONG = "reconcile_span"
    INVALID_REFUND_REASON = "refund_reason"
    REFUND_TICKET_TOO_LONG = "refund_ticket"
    UNREADABLE_DESK_REQUEST = "request_form"
    INVALID_REQUEST_ID = "request_id"
    SAME_VERSION = "same_version"
    SIGN_IN_IN_SETTINGS = "sign_in_given"
    UNKNOWN_SORT_COLUMN = "sort"
    INVALID_SWITCH_REASON = "switch_reason"
    INVALID_SNOOZE_END = "until"
    VIEW_TOO_LARGE = "view_content"
    TOO_MANY_VIEWS = "view_count"
    INVALID_VIEW_NAME = "view_name"
    VIEW_NAME_TAKEN = "view_name_taken"
    OPTIONS_WITH_VIEW = "view_options"
