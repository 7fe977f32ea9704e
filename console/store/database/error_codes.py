"""Classifies database errors: finds the error code that a person sees, and the consequence for the transaction (it
may or may not be run again).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy.exc import DatabaseError, DBAPIError, PendingRollbackError

from console.domain.error_reasons import DatabaseLockedProblem, DatabaseUnreachableProblem, NotAllowedReason
from console.domain.errors import ErrorCode
from console.domain.setting_problems import SettingProblem

if TYPE_CHECKING:
    from console.domain.errors.details import ErrorDetail

ErrorConsequence = Literal["undone", "gone", "other"]
"""Consequence of a database error for its transaction; see `get_error_consequence`."""


class RunAgain(Exception):
    """The reads of this transaction are out of date. `Database.write` rolls the transaction back and runs it again
    from fresh reads.
    """


# SQLite has no error numbers in its exceptions, only messages.
_SQLITE_MESSAGE_PARTS_AND_CODES = (
    ("database is locked", ErrorCode.DATABASE_LOCKED),
    ("database table is locked", ErrorCode.DATABASE_LOCKED),
    ("disk is full", ErrorCode.STORAGE_FULL),
    ("readonly", ErrorCode.READ_ONLY),
    ("read-only", ErrorCode.READ_ONLY),
    ("unable to open", ErrorCode.DATABASE_UNREACHABLE),
    ("disk i/o error", ErrorCode.STORAGE_FULL),
    ("not a database", ErrorCode.NOT_OUR_DATABASE),
    ("malformed", ErrorCode.NOT_OUR_DATABASE),
    ("already exists", ErrorCode.NOT_OUR_DATABASE),  # all migrations run in one transaction
    ("no such table", ErrorCode.SCHEMA_MISMATCH),
    ("no such column", ErrorCode.SCHEMA_MISMATCH),
)
_DAMAGED_DATABASE_PROBLEM: Final = "damaged"
"""Value of `problem` in the detail of `not_our_database` if SQLite can't read the file."""

AUDIT_TIME_MESSAGE = "an audit row carries the time of the server"
"""Message of the trigger that refuses an audit row whose time isn't the server's."""

INTERRUPTED_READ_MESSAGE = "has an error in its body"
"""Part of an error message. A server that is interrupted while it reads a trigger wrongly reports a syntax error with
this text.
"""

# Error numbers of servers and of the client library. Where MariaDB and MySQL differ, both are listed. Source: the
# error references of MariaDB and MySQL.
LOCK_WAIT_TIMEOUT_ERROR = 1205
_NO_QUORUM_ERROR = 1047
# Snapshot conflict, lock wait, deadlock or certification failure, changed table, statement that must be prepared
# again because a table was changed.
_LOST_RACE_ERRORS = {1020, LOCK_WAIT_TIMEOUT_ERROR, 1213, 1412, 1615}
_STATEMENT_TIMEOUT_ERRORS = {1969, 3024}  # MariaDB, MySQL
_TIMEOUT_ERRORS = {LOCK_WAIT_TIMEOUT_ERROR} | _STATEMENT_TIMEOUT_ERRORS
_INTERRUPTED_ERRORS = {1317} | _STATEMENT_TIMEOUT_ERRORS  # statement stopped by KILL QUERY, or by its time limit
_NO_FREE_CONNECTION_ERRORS = {1040, 1135, 1203, 1226}  # out of connections (server, account) or of threads
CONNECTION_NOT_OPENED_ERROR = 2012
"""Number of the error of a connection that could not be opened: its address doesn't speak the protocol of a database
server, or the server refused the connection for another reason than those that have a number in this module.
"""
_ENCRYPTION_NEEDED_ERROR = 3159  # require_secure_transport
_CONNECTION_LOST_ERRORS = _NO_FREE_CONNECTION_ERRORS | {
    # server: not in the primary component, or shutting down
    _NO_QUORUM_ERROR, 1053, 1129, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1927, 3168,
    2002, 2003, 2006, 2013, 2014, 2055, 4031,  # client: connection refused, gone away or lost
    CONNECTION_NOT_OPENED_ERROR, _ENCRYPTION_NEEDED_ERROR,
}  # fmt: skip
# Locked by an administrator (MySQL, MariaDB); locked after too many wrong passwords (MySQL, MariaDB).
_ACCOUNT_LOCKED_ERRORS = {3118, 4151, 3955, 4150}
_PASSWORD_EXPIRED_ERRORS = {1820, 1862}
# 1524: MySQL 8.4 asks an account that doesn't exist for a sign-in by a plugin that it has not loaded.
_LOGIN_REFUSED_ERRORS = {1044, 1045, 1130, 1251, 1524, 1698} | _ACCOUNT_LOCKED_ERRORS | _PASSWORD_EXPIRED_ERRORS
_MISSING_RIGHT_ERRORS = {1142, 1143, 1227, 1370, 1401, 1410}  # 1401: MySQL, XA RECOVER without XA_RECOVER_ADMIN
PASSWORD_REFUSED_ERRORS = frozenset({1819, 3638})
"""Numbers of server errors that refuse a new password: by the server's password check (a plugin or component), or by
MySQL's history of passwords.
"""
NO_SUCH_ACCOUNT_ERROR = 1396  # ALTER USER of an account that doesn't exist
# A server with read_only or super_read_only (1290), with --read-only of MySQL (1836), or whose InnoDB is read-only
# (1036, 1874): innodb_read_only, or innodb_force_recovery during the repair of a damaged server.
_READ_ONLY_NODE_ERRORS = {1036, 1290, 1836, 1874}
_READ_ONLY_SESSION_ERROR = 1792  # a session gets transaction_read_only from the server when it begins
_TRIGGERS_REFUSED_ERROR = 1419
_COUNTER_EXHAUSTED_ERRORS = {167, 1467}  # the table's AUTO_INCREMENT is at its end: no row gets a number any more
_STORAGE_FULL_ERRORS = {3, 1021, 1026, 1030, 1114} | _COUNTER_EXHAUSTED_ERRORS
# No memory, no room for locks or transactions, or a transaction too large for the binary log's memory.
_NO_MEMORY_ERRORS = {5, 1037, 1038, 1041, 1197, 1206, 1637, 1705}
# A setting or a limit of the server doesn't allow the statement: too many rows to read, an error without a number of
# its own, a statement or writeset that is too large (1105, 1153, 4165), a table without a primary key (1173, 3098,
# 3750), no key (1175), too small a stack, the format of the binary log (1598, 1665), GTIDs (1785), the format of rows
# in an index (1071, 1709), the way of changing a table (1845, 1846).
_REFUSED_BY_SETTING_ERRORS = {
    1071, 1104, 1105, 1153, 1173, 1175, 1436, 1598, 1665, 1709, 1785, 1845, 1846, 3098, 3750, 4165,
}  # fmt: skip
_REFUSED_BY_RULE_ERRORS = {1644, 3819, 4025}
_SQLITE_TRIGGER_REFUSAL = "SQLITE_CONSTRAINT_TRIGGER"
RULE_HINT = "rule"
"""Value of `hint` in the detail of `not_allowed` if a trigger or constraint of this program refused the change. Its
message is English and names columns, so the texts on screen don't contain it.
"""
_ERRORS_OF_CODE: Mapping[ErrorCode, set[int]] = {
    ErrorCode.DATABASE_LOCKED: _LOST_RACE_ERRORS | _INTERRUPTED_ERRORS,
    ErrorCode.DATABASE_UNREACHABLE: _CONNECTION_LOST_ERRORS | {2005, 2026},
    ErrorCode.BAD_PROFILE: _LOGIN_REFUSED_ERRORS | {1049},
    ErrorCode.NOT_ALLOWED: (
        _MISSING_RIGHT_ERRORS | {_TRIGGERS_REFUSED_ERROR} | _REFUSED_BY_RULE_ERRORS | _REFUSED_BY_SETTING_ERRORS
    ),
    ErrorCode.READ_ONLY: _READ_ONLY_NODE_ERRORS | {_READ_ONLY_SESSION_ERROR},
    ErrorCode.STORAGE_FULL: _STORAGE_FULL_ERRORS | _NO_MEMORY_ERRORS,
    ErrorCode.SCHEMA_MISMATCH: {1054, 1146, 1356, 1449},  # no such column or table; invalid view; no such definer
}
_CODE_BY_NUMBER = {number: code for code, numbers in _ERRORS_OF_CODE.items() for number in numbers}
"""The error code that a person sees, by the error number of the server or of the client library."""
_ERROR_NUMBERS_AND_PROBLEMS = (
    (_ACCOUNT_LOCKED_ERRORS, SettingProblem.ACCOUNT_LOCKED),
    (_PASSWORD_EXPIRED_ERRORS, SettingProblem.PASSWORD_EXPIRED),
    (_LOGIN_REFUSED_ERRORS, SettingProblem.ACCESS_DENIED),
    ({1049}, SettingProblem.UNKNOWN_DATABASE),
    ({2026}, DatabaseUnreachableProblem.TLS_UNVERIFIED),
    ({_ENCRYPTION_NEEDED_ERROR}, DatabaseUnreachableProblem.ENCRYPTION_NEEDED),
    (_NO_FREE_CONNECTION_ERRORS, DatabaseUnreachableProblem.TOO_MANY_CONNECTIONS),
    (_MISSING_RIGHT_ERRORS, NotAllowedReason.NO_GRANT),
    ({_TRIGGERS_REFUSED_ERROR}, NotAllowedReason.BINARY_LOG_REFUSES_TRIGGERS),
    (_COUNTER_EXHAUSTED_ERRORS, "counter_used_up"),
    (_REFUSED_BY_RULE_ERRORS | _REFUSED_BY_SETTING_ERRORS, NotAllowedReason.REFUSED_BY_THE_DATABASE),
)
"""Pairs for the detail of a ConsoleError: error numbers, and the name of the problem that these errors mean."""


def find_error_number(error: DatabaseError | DBAPIError) -> int | None:
    """Return the error number that the server or the client library gave; None if there is none, as on SQLite."""
    return _find_driver_error_number(error.orig)


def _find_driver_error_number(driver_error: BaseException | None) -> int | None:
    """Return the error number in an exception of the database driver; None if the exception has none."""
    args = getattr(driver_error, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def find_database_error_code(error: DatabaseError | DBAPIError) -> ErrorCode | None:
    """Return the error code for a database error; None for a duplicate key, and for an error that only a bug of this
    program can cause. A lost race and a lost connection always have a code, even if the database gives no error
    number for them.
    """
    number, message = find_error_number(error), str(error.orig)
    if _is_race_without_error_number(number, message):
        return ErrorCode.DATABASE_LOCKED
    if is_refused_by_rule(error):
        return ErrorCode.NOT_ALLOWED
    code = _find_code_of_sqlite_message(message) if number is None else _CODE_BY_NUMBER.get(number)
    if code is None and error.connection_invalidated:
        return ErrorCode.DATABASE_UNREACHABLE
    return code


def _find_code_of_sqlite_message(message: str) -> ErrorCode | None:
    """Return the error code for this message of SQLite, which gives no error numbers; None for another message."""
    return next((code for part, code in _SQLITE_MESSAGE_PARTS_AND_CODES if part in message.lower()), None)


def _is_tls_failure(error: DatabaseError | DBAPIError) -> bool:
    """True if the encryption of the connection to the server failed, usually because its TLS certificate was refused.
    PyMySQL reports this as a refused connection with the cause in `original_exception`."""
    import ssl

    return isinstance(getattr(error.orig, "original_exception", None), ssl.SSLError)


def make_error_detail(error: DatabaseError | DBAPIError, code: ErrorCode) -> "ErrorDetail":
    """Return the detail of the ConsoleError with the error code `code` for this database error. For `bad_profile` it
    names the setting of the database's URL. For `not_allowed`, `reason` is the name of the problem (None if it has
    none) and `problem` the database's message. For every other code, `problem` is the name of the problem or, without
    a name, the database's message.
    """
    number = find_error_number(error)
    problem: str | None = next((name for numbers, name in _ERROR_NUMBERS_AND_PROBLEMS if number in numbers), None)
    if _is_race_without_error_number(number, str(error.orig)):
        problem = DatabaseLockedProblem.LOST_EVERY_RACE
    is_file_error = number is None and _find_code_of_sqlite_message(str(error.orig)) is not None
    if problem is None and code == ErrorCode.DATABASE_UNREACHABLE and number not in _CODE_BY_NUMBER:
        problem = None if is_file_error else DatabaseUnreachableProblem.CONNECTION_LOST
    if _is_tls_failure(error):
        problem = DatabaseUnreachableProblem.TLS_UNVERIFIED
    if code == ErrorCode.BAD_PROFILE:  # the database's message would show which part of the login was wrong
        return {"variable": "CONSOLE_DATABASE_URL", "problem": problem}
    if code == ErrorCode.NOT_ALLOWED and is_refused_by_rule(error):
        return {
            "reason": NotAllowedReason.REFUSED_BY_THE_DATABASE,
            "problem": str(error.orig),
            "hint": RULE_HINT,
        }
    if code == ErrorCode.NOT_ALLOWED:
        return {"reason": problem, "problem": str(error.orig)}
    if code == ErrorCode.NOT_OUR_DATABASE and is_file_error:
        problem = _DAMAGED_DATABASE_PROBLEM
    return {"problem": problem or str(error.orig)}


def is_refused_by_rule(error: DatabaseError | DBAPIError) -> bool:
    """True if a trigger or constraint of this program refused the statement."""
    return (
        find_error_number(error) in _REFUSED_BY_RULE_ERRORS
        or getattr(error.orig, "sqlite_errorname", None) == _SQLITE_TRIGGER_REFUSAL
    )


def get_error_consequence(error: BaseException) -> ErrorConsequence:
    """Return the consequence of an error that was raised before COMMIT was sent.

    - `undone`: the transaction lost a race, or waited too long for a lock; roll it back and run it again.
    - `gone`: the connection or the server of the transaction is lost, or the server has interrupted a statement
      (error 1317); run the transaction again on another node or later.
    - `other`: a statement was wrong or refused; don't run it again.
    """
    if isinstance(error, RunAgain):
        return "undone"
    if isinstance(error, PendingRollbackError):  # a statement was sent on a connection that is already lost
        return "gone"
    if not isinstance(error, DBAPIError):
        return "other"
    number = find_error_number(error)
    if number in _LOST_RACE_ERRORS or _is_race_without_error_number(number, str(error.orig)):
        return "undone"
    return "gone" if is_connection_lost(error) or number == 1317 or error.connection_invalidated else "other"


def _is_race_without_error_number(error_number: int | None, message: str) -> bool:
    """True if an error with this number and message is one of three kinds of lost races for which servers have no
    error number of their own.

    - Two threads of one process wrote the next row of the process's audit chain.
    - The process slept between reading the server's time and writing it into an audit row.
    - On Galera (seen on MariaDB 10.11), the node aborted this statement in favour of another node's write while it
      was still reading a trigger.
    """
    return (
        _is_chain_position_taken(error_number, message)
        or _is_wrong_audit_time(error_number, message)
        or (error_number == 1064 and INTERRUPTED_READ_MESSAGE in message)
    )


def is_conflict_in_own_audit_chain(error: BaseException) -> bool:
    """True if the transaction failed because another thread of this process wrote the next row of the process's audit
    chain first.
    """
    return isinstance(error, DBAPIError) and _is_chain_position_taken(find_error_number(error), str(error.orig))


def is_wrong_audit_time(error: DBAPIError) -> bool:
    """True if the server refused an audit row because the time in the row isn't the server's time."""
    return _is_wrong_audit_time(find_error_number(error), str(error.orig))


def _is_wrong_audit_time(error_number: int | None, message: str) -> bool:
    """True if an error with this number and message means that the time in an audit row isn't the server's time."""
    return error_number == 1644 and AUDIT_TIME_MESSAGE in message


def _is_chain_position_taken(error_number: int | None, message: str) -> bool:
    """True if an error with this number and message means that another row already has this position in an audit
    chain."""
    return error_number == 1062 and "uq_audit_chain" in message


def is_lock_wait_timeout(error: BaseException) -> bool:
    """True if the statement waited for another transaction's lock until the server's lock wait limit was over."""
    return isinstance(error, DBAPIError) and find_error_number(error) == LOCK_WAIT_TIMEOUT_ERROR


def has_waited_too_long(error: BaseException | None) -> bool:
    """True if the server ended the statement because it had waited or run for too long. This is also true for the
    error of a COMMIT that waits while a backup of the whole server lets no session commit.
    """
    return isinstance(error, DBAPIError) and find_error_number(error) in _TIMEOUT_ERRORS


def is_connection_lost(error: DatabaseError | DBAPIError) -> bool:
    """True if this error means that the server, or the connection to it, can no longer be used."""
    return find_error_number(error) in _CONNECTION_LOST_ERRORS


def is_node_read_only(error: DatabaseError | DBAPIError) -> bool:
    """True if this error means that the server, or the node of a cluster, accepts no changes from this account."""
    return find_error_number(error) in _READ_ONLY_NODE_ERRORS


def is_session_read_only(error: DatabaseError | DBAPIError) -> bool:
    """True if this error means that the session accepts no changes. A new session may accept them."""
    return find_error_number(error) == _READ_ONLY_SESSION_ERROR


def is_unreachable(connection_error: BaseException) -> bool:
    """True if this error of a new connection means that the server can't be used. False for a server that only has no
    free connection.
    """
    return _find_driver_error_number(connection_error) in _CONNECTION_LOST_ERRORS - _NO_FREE_CONNECTION_ERRORS


def has_error_code_at_login(connection_error: BaseException) -> bool:
    """True if this error of a new connection has an error code of its own. False if the server has no number for the
    error, if the number has no error code, and for the numbers by which a server says that a setting or the lack of
    memory prevents a statement. The caller treats an error without a code as CONNECTION_NOT_OPENED_ERROR.
    """
    number = _find_driver_error_number(connection_error)
    return number in _CODE_BY_NUMBER and number not in _REFUSED_BY_SETTING_ERRORS | _NO_MEMORY_ERRORS


def is_login_refused(error: BaseException | None) -> bool:
    """True if `error` is the error of a server that refuses the account or its password; False for None."""
    return _find_driver_error_number(error) in _LOGIN_REFUSED_ERRORS


def has_no_quorum(error: BaseException | None) -> bool:
    """True if `error` is the error of a Galera node that isn't part of the primary component (error 1047); False for
    None.
    """
    return _find_driver_error_number(error.orig if isinstance(error, DBAPIError) else error) == _NO_QUORUM_ERROR


def was_undone_at_commit(error: DBAPIError) -> bool:
    """True if the server answered COMMIT with the error that it rolled the transaction back. After any other error at
    COMMIT the outcome is unknown.
    """
    return find_error_number(error) in {1020, 1213}
