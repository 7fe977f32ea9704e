"""Tests of the error code that each database error gets, and of the rule by which its transaction may run again."""

import pymysql
import pytest
from sqlalchemy.exc import DatabaseError

from console.store.database import error_codes, retry_policy

TRIGGER_ERROR_MESSAGE = (
    "Trigger 'console_refunds_update' has an error in its body: 'You have an error in your SQL syntax'"
)


@pytest.mark.parametrize(
    ("number", "words", "transaction_outcome"),
    [
        (1213, "Deadlock found", "undone"),
        (1064, TRIGGER_ERROR_MESSAGE, "undone"),
        (1064, "You have an error in your SQL syntax", "other"),
        (1062, "Duplicate entry for key 'uq_audit_chain'", "undone"),
        (1062, "Duplicate entry for key 'uq_refunds_open'", "other"),
        (1047, "WSREP has not yet prepared node", "gone"),
    ],
)
def test_each_database_error_has_its_transaction_outcome(number: int, words: str, transaction_outcome: str) -> None:
    """A transaction that lost a race may run again, even if a node aborted it while reading a trigger. A transaction
    that has failed because of a bug of this program may not run again.
    """
    error = DatabaseError("UPDATE refunds", {}, pymysql.err.ProgrammingError(number, words))
    assert error_codes.get_error_consequence(error) == transaction_outcome


@pytest.mark.parametrize(
    ("number", "words", "code"),
    [
        (1062, "Duplicate entry for key 'uq_audit_chain'", "database_locked"),
        (1644, error_codes.AUDIT_TIME_MESSAGE, "database_locked"),
        (0, "", "database_unreachable"),
    ],
)
def test_no_lost_race_or_connection_is_a_bug(number: int, words: str, code: str) -> None:
    """An error after which a transaction may run again gets an error code, even if the server has no error number of
    its own for it. It doesn't count as a bug of the program.
    """
    lost = DatabaseError("X", {}, pymysql.err.InterfaceError(number, words), connection_invalidated=not number)
    assert error_codes.get_error_consequence(lost) in ("undone", "gone")
    assert error_codes.find_database_error_code(lost) == code


@pytest.mark.parametrize(
    ("number", "problem"),
    [(1045, "access_denied"), (4151, "account_locked"), (4150, "account_locked"), (3118, "account_locked"),
     (3955, "account_locked"), (1862, "password_expired"), (1820, "password_expired")],
)  # fmt: skip
def test_a_locked_account_is_no_wrong_password(number: int, problem: str) -> None:
    """The servers' errors about a locked account, also after too many wrong passwords, are reported with another
    `problem` than a wrong password, and none of them counts as a bug of the program."""
    refused = DatabaseError("X", {}, pymysql.err.OperationalError(number, "refused"))
    code = error_codes.find_database_error_code(refused)
    assert code == "bad_profile"
    assert error_codes.make_error_detail(refused, code) == {"variable": "CONSOLE_DATABASE_URL", "problem": problem}


@pytest.mark.parametrize("number", [1036, 1290, 1836, 1874])
def test_a_server_that_accepts_no_change_is_read_only(number: int) -> None:
    """The errors of a read-only server, also of one whose InnoDB is read-only, are no bug of the program."""
    refused = DatabaseError("X", {}, pymysql.err.OperationalError(number, "refused"))
    assert error_codes.find_database_error_code(refused) == "read_only"
    assert error_codes.is_node_read_only(refused)


def test_a_race_against_the_sessions_own_chain_is_run_again_after_a_long_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transaction that lost the race for the next row of its audit chain is tried again up to MAX_RERUNS times,
    even if it has waited for a lock for a long time."""
    lost = DatabaseError("X", {}, pymysql.err.IntegrityError(1062, "Duplicate entry for key 'uq_audit_chain'"))
    monkeypatch.setattr(retry_policy, "OWN_CHAIN_RETRY_SECONDS", 0.0)
    retries = retry_policy.RetryCounters()
    allowed = [retries.allows_retry(lost, was_connected=True, has_unanswered_commit=False) for _ in range(7)]
    assert allowed == [True] * retry_policy.MAX_RERUNS + [False] * 2


def test_an_aborted_read_of_a_trigger_is_not_reported_as_a_bug() -> None:
    """A syntax error of a server that was aborted while reading a trigger counts as `database_locked`. Any other
    syntax error has no error code and counts as a bug."""
    half = DatabaseError("UPDATE refunds", {}, pymysql.err.ProgrammingError(1064, TRIGGER_ERROR_MESSAGE))
    wrong = DatabaseError("UPDATE refunds", {}, pymysql.err.ProgrammingError(1064, "near 'X'"))
    assert (error_codes.find_database_error_code(half), error_codes.find_database_error_code(wrong)) == (
        "database_locked",
        None,
    )


@pytest.mark.parametrize(
    ("number", "words", "code", "detail"),
    [
        (1665, "BINLOG_FORMAT = STATEMENT", "not_allowed", {"reason": "refused_by_the_database"}),
        (1105, "Maximum writeset size exceeded", "not_allowed", {"reason": "refused_by_the_database"}),
        (1709, "Index column size too large", "not_allowed", {"reason": "refused_by_the_database"}),
        (1153, "Got a packet bigger than 'max_allowed_packet' bytes", "not_allowed", {}),
        (1041, "Out of memory", "storage_full", {}),
        (1206, "The total number of locks exceeds the lock table size", "storage_full", {}),
        (1615, "Prepared statement needs to be re-prepared", "database_locked", {}),
        (1356, "View 'books_people.console_meta' references invalid table(s)", "schema_mismatch", {}),
        (1449, "The user specified as a definer does not exist", "schema_mismatch", {}),
    ],
)
def test_a_limit_or_setting_of_the_server_is_not_reported_as_a_bug(
    number: int, words: str, code: str, detail: dict[str, str]
) -> None:
    """If a setting or a limit of the server doesn't allow a statement, the error has an error code and the server's
    message. It doesn't count as a bug of the program."""
    refused = DatabaseError("INSERT", {}, pymysql.err.OperationalError(number, words))
    error_code = error_codes.find_database_error_code(refused)
    assert error_code == code
    assert (
        error_codes.make_error_detail(refused, error_code).items()
        >= {"problem": f"({number}, {words!r})", **detail}.items()
    )
