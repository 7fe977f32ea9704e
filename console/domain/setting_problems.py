"""The problems that a setting can have, used in `ConsoleError.detail` of the error `bad_profile`. The values are
fixed, because scripts read them.
"""

from console.domain.reason import Reason


class SettingProblem(Reason):
    """Problems of the error `bad_profile` (`detail.problem`): the defect of a setting or of the profile file.

    ACCOUNT_LOCKED: the server has locked the database account, because an administrator or a worker said so, or after
    too many wrong passwords. ACCOUNT_MISSING: the server has no account for a person of the accounts file, and there
    is no password with which it could be created. ADDRESS_TAKEN: another program uses the address or port.
    ADDRESS_UNUSABLE: the system refuses the address or port. It isn't an address of this machine, or the user may not
    use the port. ADDRESS_OF_OTHER_MACHINE, TEST_SETTING_WITH_REAL_PROVIDER: the setting is for tests on this machine
    only. BUCKET_SUPPORT_MISSING, KAFKA_SUPPORT_MISSING: an optional package isn't installed. DESK_FILE_DAMAGED,
    DESK_FILE_REMOVED: a file of this desk, such as its spool, is damaged or was removed while it was in use.
    INVALID_FALLBACK: the address of a further database server in the database URL is malformed. INVALID_SECRET: a
    secret is empty or has a line break or another character that no provider's secret has. NO_SUCH_ENGINE: the kind
    of database isn't supported. NOT_ALPHANUMERIC: only letters and digits are allowed. OTHER_MERCHANT: the database
    belongs to another merchant of the provider. PROFILE_UNPARSABLE: the profile file has a malformed line.
    RECORD_OF_OTHER_MERCHANT: at the gateway, the record belongs to another merchant id than this desk.
    TWO_ALERT_DESTINATIONS: both a webhook and Kafka are set. UNFIT_DATABASE: the database isn't safe for real money.
    UNKNOWN_DATABASE: the server has no such database.
    """

    ACCESS_DENIED = "access_denied"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_MISSING = "account_missing"
    ADDRESS_TAKEN = "address_taken"
    ADDRESS_UNUSABLE = "address_unusable"
    BAD_ADDRESS = "bad_address"
    BAD_CERTIFICATE = "bad_certificate"
    BAD_CLIENTS = "bad_clients"
    BAD_FAILPOINT = "bad_failpoint"
    BAD_LINE = "bad_line"
    BAD_OPERATOR = "bad_operator"
    BAD_PATH = "bad_path"
    BAD_TELEPHONE = "bad_telephone"
    NOT_ALPHANUMERIC = "bad_word"
    INVALID_BROKERS = "broker_form"
    INVALID_CALL_URL = "call_url_form"
    PROFILE_UNPARSABLE = "corrupt"
    DESK_FILE_DAMAGED = "damaged"
    INVALID_DATABASE_URL = "database_form"
    INVALID_DOCUMENTS_URL = "documents_form"
    BUCKET_SUPPORT_MISSING = "extra_missing"
    INVALID_FALLBACK = "fallback_form"
    PROFILE_FOLDER_WRITABLE_BY_OTHERS = "folder_writable_by_others"
    HOST_NOT_ALLOWED = "host_not_allowed"
    UNKNOWN_PROVIDER_HOST = "host_unknown"
    KAFKA_SUPPORT_MISSING = "kafka_missing"
    KEYRING_FAILED = "keyring_failed"
    TEST_SETTING_WITH_REAL_PROVIDER = "loopback_only"
    SETTING_MISSING = "missing"
    FILE_OF_NEWER_VERSION = "newer"
    NO_KEYRING = "no_keyring"
    NO_SUCH_ENGINE = "no_such_engine"
    NO_SUCH_FAILPOINT = "no_such_failpoint"
    NOT_A_FOLDER = "not_a_folder"
    NOT_ONE_OF = "not_one_of"
    FILE_OF_OTHER_PROGRAM = "not_ours"
    NOT_PRIVATE_NETWORK = "not_private_network"
    NOT_UTF8 = "not_utf8"
    TWO_ALERT_DESTINATIONS = "one_of_two"
    DUMP_PROGRAM_MISSING = "dump_program"
    OTHER_STORE_KEY = "other_key"
    OTHER_MERCHANT = "other_merchant"
    OUT_OF_RANGE = "out_of_range"
    PASSWORD_NOT_ASCII = "password_ascii"  # noqa: S105 (a problem, no secret)
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 (a problem, no secret)
    PASSWORD_IN_FILE = "password_in_file"  # noqa: S105 (a problem, no secret)
    PASSWORD_MISSING = "password_missing"  # noqa: S105 (a problem, no secret)
    PASSWORD_REFUSED_BY_SERVER = "password_refused"  # noqa: S105 (a problem, no secret)
    PROVIDER_DISABLED = "provider_disabled"
    INVALID_REDIS_URL = "redis_form"
    RECORD_OF_OTHER_MERCHANT = "record_of_other_merchant"
    REDIS_NOT_TLS = "redis_not_tls"
    SIGN_IN_MISSING = "sign_in_missing"
    ACCOUNT_NAME_MISSING = "sign_in_unnamed"
    INVALID_SECRET = "secret_form"  # noqa: S105 (a problem, no secret)
    SECRET_FILE_UNUSABLE = "secret_file"  # noqa: S105 (a problem, no secret)
    SECRET_SET_TWICE = "secret_twice"  # noqa: S105 (a problem, no secret)
    STORE_KEY_MISSING = "store_key_missing"
    STORE_KEY_TOO_SHORT = "store_key_short"
    DESK_FILE_REMOVED = "taken_away"
    ADDRESS_OF_OTHER_MACHINE = "this_machine_only"
    TLS_FILE_UNUSABLE = "tls_file"
    TOKEN_TOO_SHORT = "token_short"  # noqa: S105 (a problem, no secret)
    PROFILE_TOO_LARGE = "too_large"
    TRAINING_REACHES_PROVIDER = "training_reaches_provider"
    TRAINING_REACHES_SERVER = "training_reaches_server"
    UNFIT_DATABASE = "unfit_database"
    UNKNOWN_DATABASE = "unknown_database"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_OPTION = "unknown_option"
    PROFILE_UNREADABLE = "unreadable"
    INVALID_URL = "url_form"
    URL_NOT_HTTPS = "url_not_https"
    PRIVATE_ADDRESS_IN_URL = "url_private_address"
    USER_NAME_IN_URL = "url_userinfo"
    PROFILE_WRITABLE_BY_OTHERS = "writable_by_others"
    WRONG_TYPE = "wrong_type"


UNUSABLE_ACCOUNT_PROBLEMS = (SettingProblem.ACCOUNT_LOCKED, SettingProblem.PASSWORD_EXPIRED)
"""Problems which mean that the database server refuses the account although the password is perhaps right."""
LOGIN_REFUSED_PROBLEMS = (SettingProblem.ACCESS_DENIED, *UNUSABLE_ACCOUNT_PROBLEMS)
"""Problems which mean that the database server refuses the account in use, so a person must sign in again."""
