"""The closed set of problems of a setting, used in `ConsoleError.detail` of the error `bad_profile`.

The values are fixed, because scripts read them.
"""

from console.domain.reason import Reason


class SettingProblem(Reason):
    """Problems of the error `bad_profile` (`detail.problem`): the fault of a setting or of the profile file."""

    ACCESS_DENIED = "access_denied"
    ADDRESS_TAKEN = "address_taken"
    BAD_ADDRESS = "bad_address"
    BAD_CERTIFICATE = "bad_certificate"
    BAD_CLIENTS = "bad_clients"
    BAD_FAILPOINT = "bad_failpoint"
    BAD_OPERATOR = "bad_operator"
    BAD_PATH = "bad_path"
    BAD_WORD = "bad_word"
    BROKER_FORM = "broker_form"
    CALL_URL_FORM = "call_url_form"
    CORRUPT = "corrupt"
    DAMAGED = "damaged"
    DATABASE_FORM = "database_form"
    DOCUMENTS_FORM = "documents_form"
    EXTRA_MISSING = "extra_missing"
    FALLBACK_FORM = "fallback_form"
    FOLDER_WRITABLE_BY_OTHERS = "folder_writable_by_others"
    HOST_NOT_ALLOWED = "host_not_allowed"
    HOST_UNKNOWN = "host_unknown"
    KAFKA_MISSING = "kafka_missing"
    KEYRING_FAILED = "keyring_failed"
    LOOPBACK_ONLY = "loopback_only"
    MISSING = "missing"
    NEWER = "newer"
    NO_KEYRING = "no_keyring"
    NO_SUCH_ENGINE = "no_such_engine"
    NO_SUCH_FAILPOINT = "no_such_failpoint"
    NOT_A_FOLDER = "not_a_folder"
    NOT_ONE_OF = "not_one_of"
    NOT_OURS = "not_ours"
    NOT_PRIVATE_NETWORK = "not_private_network"
    NOT_UTF8 = "not_utf8"
    ONE_OF_TWO = "one_of_two"
    DUMP_PROGRAM = "dump_program"
    OTHER_KEY = "other_key"
    OUT_OF_RANGE = "out_of_range"
    PASSWORD_ASCII = "password_ascii"  # noqa: S105 (a problem, no secret)
    PASSWORD_IN_FILE = "password_in_file"  # noqa: S105 (a problem, no secret)
    PASSWORD_MISSING = "password_missing"  # noqa: S105 (a problem, no secret)
    PROVIDER_DISABLED = "provider_disabled"
    REDIS_FORM = "redis_form"
    REDIS_NOT_TLS = "redis_not_tls"
    SIGN_IN_MISSING = "sign_in_missing"
    SIGN_IN_UNNAMED = "sign_in_unnamed"
    SECRET_FILE = "secret_file"  # noqa: S105 (a problem, no secret)
    SECRET_TWICE = "secret_twice"  # noqa: S105 (a problem, no secret)
    STORE_KEY_MISSING = "store_key_missing"
    STORE_KEY_SHORT = "store_key_short"
    TAKEN_AWAY = "taken_away"
    THIS_MACHINE_ONLY = "this_machine_only"
    TLS_FILE = "tls_file"
    TOKEN_SHORT = "token_short"  # noqa: S105 (a problem, no secret)
    TOO_LARGE = "too_large"
    TRAINING_REACHES_PROVIDER = "training_reaches_provider"
    UNFIT_DATABASE = "unfit_database"
    UNKNOWN_DATABASE = "unknown_database"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_OPTION = "unknown_option"
    UNREADABLE = "unreadable"
    URL_FORM = "url_form"
    URL_NOT_HTTPS = "url_not_https"
    URL_PRIVATE_ADDRESS = "url_private_address"
    URL_USERINFO = "url_userinfo"
    WRITABLE_BY_OTHERS = "writable_by_others"
    WRONG_TYPE = "wrong_type"
