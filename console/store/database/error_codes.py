"""What a database's errors mean: for a person, and for whoever may run a transaction again."""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy.exc import DatabaseError, DBAPIError

Fate = Literal["undone", "gone", "other"]


class RunAgain(Exception):
    """Raised inside a transaction whose ground has moved: all of it is undone and run again from fresh reads."""


# SQLite tells its troubles in words only.
_SQLITE = (
    ("database is locked", "database_locked"),
    ("database table is locked", "database_locked"),
    ("disk is full", "storage_full"),
    ("readonly", "read_only"),
    ("read-only", "read_only"),
    ("unable to open", "database_unreachable"),
    ("disk i/o error", "storage_full"),
    ("not a database", "not_our_database"),
    ("malformed", "not_our_database"),
    ("no such table", "schema_mismatch"),
    ("no such column", "schema_mismatch"),
)

TOO_LATE = "an audit row carries the time of the server"
"""What a trigger says of a row that is dated otherwise."""

HALF_READ = "has an error in its body"
"""What a server says of a trigger that it was interrupted in reading, as if it had been written wrongly."""

# Servers tell them in numbers (the server's and the client's; MariaDB's where the two differ).
LOCK_WAIT = 1205
_NO_QUORUM = 1047
_LOST_RACE = {1020, LOCK_WAIT, 1213, 1412}  # snapshot conflict, lock wait, deadlock or certification, new table
_CUT_OFF = {1317, 1969, 3024}  # the statement was stopped: by KILL QUERY, or after the time that we allow
_CROWDED = {1040, 1135, 1203, 1226}  # connections: the server's, those of an account, or its threads are used up
_GONE = _CROWDED | {
    _NO_QUORUM, 1053, 1129, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1927,  # the server: not primary, going away
    2002, 2003, 2006, 2013, 2014, 2055, 4031,  # the client: refused, gone away, lost
}  # fmt: skip
_ENTRY_REFUSED = {1044, 1045, 1130, 1251, 1698, 1820, 1862, 3118, 4151}
_NO_RIGHT = {1142, 1143, 1227, 1370, 1410, 1419}
_FULL = {3, 1021, 1026, 1030, 1114}
_CODES: Mapping[str, set[int]] = {
    "database_locked": _LOST_RACE | _CUT_OFF,
    "database_unreachable": _GONE | {2005, 2026},
    "bad_profile": _ENTRY_REFUSED | {1049},
    "not_allowed": _NO_RIGHT | {1644, 3819, 4025},
    "read_only": {1290, 1836, 1792},
    "storage_full": _FULL,
    "schema_mismatch": {1054, 1146},
}
_CODE_OF = {number: code for code, numbers in _CODES.items() for number in numbers}
_PROBLEM_OF = (
    (_ENTRY_REFUSED, "access_denied"),
    ({1049}, "unknown_database"),
    ({2026}, "tls_unverified"),
    (_CROWDED, "too_many_connections"),
    (_NO_RIGHT, "no_grant"),
    ({1644, 3819, 4025}, "refused_by_the_database"),
)


def number_of(trouble: DatabaseError | DBAPIError) -> int | None:
    """The server's or client's error number; None where there is none, as on SQLite."""
    return _number(trouble.orig)


def _number(told_by: BaseException | None) -> int | None:
    told = getattr(told_by, "args", ())
    return told[0] if told and isinstance(told[0], int) else None


def code_of(trouble: DatabaseError | DBAPIError) -> str | None:
    """The error code for a database trouble; None for what only a bug of ours can cause."""
    number = number_of(trouble)
    if number == 1064 and HALF_READ in str(trouble.orig):
        return "database_locked"
    if number is not None:
        return _CODE_OF.get(number)
    words = str(trouble.orig).lower()
    return next((code for part, code in _SQLITE if part in words), None)


def _was_tls(trouble: DatabaseError | DBAPIError) -> bool:
    """The driver calls a certificate that doesn't hold a refused connection, and keeps the reason beside it."""
    import ssl

    return isinstance(getattr(trouble.orig, "original_exception", None), ssl.SSLError)


def facts_of(trouble: DatabaseError | DBAPIError, code: str) -> dict[str, object]:
    """What a person is told beside the code: the database's words, and ours where it has a name."""
    number = number_of(trouble)
    problem = next((name for numbers, name in _PROBLEM_OF if number in numbers), None)
    if _was_tls(trouble):
        problem = "tls_unverified"
    if code == "bad_profile":  # its words name the account; which field was wrong is nobody's business
        return {"variable": "CONSOLE_DATABASE_URL", "problem": problem}
    if code == "not_allowed":
        return {"reason": problem, "problem": str(trouble.orig)}
    return {"problem": problem or str(trouble.orig)}


def fate_of(trouble: BaseException) -> Fate:
    """What became of a transaction that raised this before COMMIT was asked for: `undone` (it lost a race; run it
    again), `gone` (its connection or server is; run it again elsewhere or later), `other` (its own fault).
    """
    if isinstance(trouble, RunAgain):
        return "undone"
    if not isinstance(trouble, DBAPIError):
        return "other"
    number = number_of(trouble)
    if number in _LOST_RACE or _overtaken(number, str(trouble.orig)):
        return "undone"
    return "gone" if is_gone(trouble) or number == 1317 or trouble.connection_invalidated else "other"


def _overtaken(number: int | None, words: str) -> bool:
    """Two threads of one process at the head of its chain; or it slept between asking for the time and using it; or
    its node gave way to another one's write while it was still reading a trigger (seen on Galera, MariaDB 10.11).
    """
    return (
        (number == 1062 and "uq_audit_chain" in words)
        or (number == 1644 and TOO_LATE in words)
        or (number == 1064 and HALF_READ in words)
    )


def waited_in_vain(trouble: BaseException) -> bool:
    """Whether somebody else held a lock for longer than we wait."""
    return isinstance(trouble, DBAPIError) and number_of(trouble) == LOCK_WAIT


def is_gone(trouble: DatabaseError | DBAPIError) -> bool:
    """Whether the server, or our connection to it, serves no more."""
    return number_of(trouble) in _GONE


def means_away(refused: BaseException) -> bool:
    """Whether the driver's own error, met by somebody who came in, says that the server is of no use to anybody."""
    return _number(refused) in _GONE - _CROWDED


def has_no_quorum(trouble: BaseException | None) -> bool:
    """Whether a node has said that it lost its cluster: nothing is decided until people or other nodes come back."""
    return _number(trouble.orig if isinstance(trouble, DBAPIError) else trouble) == _NO_QUORUM


def undone_at_commit(trouble: DBAPIError) -> bool:
    """COMMIT said no, and meant it. Any other answer, or none, says nothing."""
    return number_of(trouble) in {1020, 1213}
