"""The values of `problem` in `ConsoleError.detail` of errors about backups and about files of the registry, like the
sets in `error_reasons`.
"""

from console.domain.reason import Reason


class BackupProblem(Reason):
    """Problems of the error `bad_backup` (`detail.problem`). FILE_ALTERED, FILE_MISSING: a file differs from the
    manifest or doesn't exist. FILE_UNREADABLE: this program may not read a file or a folder. NO_MANIFEST: the backup
    was broken off, or the folder is no backup. OTHER_KIND_OF_DATABASE: the backup is of a database server and the
    target is an embedded database, or the reverse. FOLDER_NOT_EMPTY: the folder for a new backup contains files.
    DATABASE_NOT_EMPTY: the server database to restore into has tables. TABLES_MISSING: the dump of a server's
    database lacks tables of its schema. ROWS_LIMITED: the server limits the rows of each query, so a dump would lack
    rows and columns.
    """

    FILE_ALTERED = "altered"
    DATABASE_DAMAGED = "database"
    NEWER_FORMAT = "format"
    NO_MANIFEST = "incomplete"
    OTHER_KIND_OF_DATABASE = "kind"
    MANIFEST_DAMAGED = "manifest"
    FILE_MISSING = "missing"
    FOLDER_NOT_EMPTY = "not_empty"
    ROWS_LIMITED = "rows_limited"
    TABLES_MISSING = "tables_missing"
    DATABASE_NOT_EMPTY = "target_not_empty"
    FILE_UNREADABLE = "unreadable"


class RegistryFileProblem(Reason):
    """Problems of the error `bad_registry_file` (`detail.problem`): the rule that a file of the corporation registry
    breaks. FILE_CHANGED: the file has changed since the import checked it. FOLDER_FOR_FILE: the path is that of a
    folder. FUTURE_DAY: the day in the file's name is in the future. NOT_ONE_CSV: the ZIP contains no CSV file, or
    more than one. VALUE_NOT_ALLOWED: the publisher's definition doesn't allow the value of a field.
    """

    INCOMPLETE_ZIP = "archive"
    TOO_LARGE_UNPACKED = "bomb"
    FILE_CHANGED = "changed"
    WRONG_FIELD_COUNT = "columns"
    NOT_ONE_CSV = "contents"
    CONTROL_CHARACTER = "control_character"
    NO_CORPORATION = "empty"
    MIXED_ENCODING = "encoding"
    FOLDER_FOR_FILE = "folder_for_file"
    FUTURE_DAY = "future"
    UNEXPECTED_HEADER = "header"
    WRONG_FILE_NAME = "name"
    INVALID_CORPORATION_NUMBER = "number"
    MISPLACED_QUOTES = "quotes"
    FIELD_TOO_LONG = "too_long"
    FILE_UNREADABLE = "unreadable"
    VALUE_NOT_ALLOWED = "value"


class RegistryOrderProblem(Reason):
    """Problems of the error `registry_order` (`detail.problem`): the reason for which files can't be imported into
    the registry in use. PREFECTURES_MISSING: the files don't cover all prefectures of the registry in use.
    DAYS_MISSING: a published day would be left out. NO_WHOLE_FILE: there is no registry to which a difference could
    be applied. FILES_OF_OTHER_DAYS: the whole files are of different days. SAME_FILE_TWICE: two of the whole files
    are of the same prefecture, or another whole file comes with that of the nation.
    """

    ALREADY_APPLIED = "applied"
    PREFECTURES_MISSING = "fewer"
    DAYS_MISSING = "missing"
    NO_WHOLE_FILE = "no_whole"
    OLDER_THAN_REGISTRY = "older"
    FILES_OF_OTHER_DAYS = "other_day"
    SAME_FILE_TWICE = "twice"
