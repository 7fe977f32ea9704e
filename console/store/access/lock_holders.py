"""Sessions of people that block other sessions, and the stored procedure END_LOCK_HOLDER_PROCEDURE by which a worker
ends them.

Each account that may read a row can also lock it: on MariaDB by SELECT … FOR UPDATE, and on every server in a
SERIALIZABLE transaction. A session can also raise its own time limits. So the server itself can't prevent an open
transaction of one person from blocking everybody. An account that sees and ends sessions of other accounts needs
the rights PROCESS and CONNECTION ADMIN, which no worker should have. The schema account has them and defines the
procedure; a worker has only the right to execute it.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.domain.access.permissions import APPROVER, OPERATOR, WORKER
from console.store.access.grants import (
    END_LOCK_HOLDER_PROCEDURE,
    XA_RIGHT,
    is_mariadb,
    may_grant,
    quote_identifier,
    run_statement,
)
from console.store.database.error_codes import find_error_number

MAX_BLOCKING_SECONDS = 3
"""Longest time (seconds) for which a person's transaction may block another transaction; after this time the
stored procedure of this module ends the person's session. For operators and approvers whose own desk writes to
the tables, see MAX_BLOCKING_SECONDS_OF_ACTING_PEOPLE.
"""
MAX_BLOCKING_SECONDS_OF_ACTING_PEOPLE = 15
"""Largest age (seconds) of a transaction that blocks another one, for an operator or approver whose own desk writes
to the tables. Normally the program on the desk ends such a transaction sooner.
"""
MAX_WAIT_SECONDS = 2
"""Longest time (seconds) for which one transaction waits for people's transactions, however short each of them is:
several sessions in turn can hold a lock without an end, and a gap before a row has many holders at once.
"""
MAX_BLOCKING_POINTS = 20
"""Number of points (POINTS_BY_REASON) within REPEATED_BLOCKING_PERIOD_SECONDS from which on an account is locked if
it blocks others once more.
"""
REPEATED_BLOCKING_PERIOD_SECONDS = 600.0
MAX_SESSION_SECONDS = 60
"""Longest time (seconds) of a transaction or statement of a person, whether or not it blocks another one."""
MAX_PREPARED_TRANSACTION_SECONDS = 2
"""Age (seconds) from which on a prepared XA transaction without a session is reported if it blocks another
transaction. A worker calls the procedure again and again, and rolls the transaction back when the calls have
reported it for MAX_BLOCKING_SECONDS. Both times and the time of two calls together are shorter than
`retry_policy.LOCKED_RETRY_SECONDS`, so a write that waits for the transaction's locks gets them.
"""
BLOCKS_REASON = "blocks"
BLOCKS_UNCLEAR_REASON = "blocks_unclear"
POINTS_BY_REASON = {BLOCKS_REASON: 4, BLOCKS_UNCLEAR_REASON: 1}
"""Points of an account for one ended session that blocked others, by the reason of its end."""
SUSPENDED_REASON = "suspended"
PREPARED_TRANSACTION_REASON = "prepared"
UNENDED_SESSION_REASON = "unended"

_LOCK_WAITS_QUERY_ON_MARIADB = "SELECT requesting_trx_id, blocking_trx_id FROM information_schema.innodb_lock_waits"
_LOCK_WAITS_QUERY_ON_MYSQL = (
    "SELECT requesting_engine_transaction_id AS requesting_trx_id, blocking_engine_transaction_id AS blocking_trx_id"
    " FROM performance_schema.data_lock_waits"
)
_LOCK_ACCOUNT_ON_MARIADB = "EXECUTE IMMEDIATE CONCAT('ALTER USER ', QUOTE(account), '@''%'' ACCOUNT LOCK');"
_LOCK_ACCOUNT_ON_MYSQL = """SET @console_statement = CONCAT('ALTER USER ', QUOTE(account), '@''%'' ACCOUNT LOCK');
        PREPARE locks_account FROM @console_statement;
        EXECUTE locks_account;
        DEALLOCATE PREPARE locks_account;"""
_RIGHT_PATTERNS_ON_MARIADB = {
    "PROCESS": r"\bPROCESS\b.* ON \*\.\*",
    "CONNECTION ADMIN": r"\b(CONNECTION ADMIN|SUPER)\b.* ON \*\.\*",
}
_RIGHT_PATTERNS_ON_MYSQL = {
    "PROCESS": r"\bPROCESS\b.* ON \*\.\*",
    "CONNECTION_ADMIN": r"\b(CONNECTION_ADMIN|SUPER)\b.* ON \*\.\*",
    "SELECT ON performance_schema.data_lock_waits": (
        r"\bSELECT\b.* ON (\*\.\*|`performance_schema`\.(\*|`data_lock_waits`))"
    ),
}
_ALL_PRIVILEGES_PATTERN = r"\bALL PRIVILEGES ON \*\.\*"
_REPEATERS_KEY = "repeaters"
_ROLLED_BACK_ERROR = 1402
_TRANSACTION_NOT_FOUND_ERRORS = {
    1397,
    1399,
    _ROLLED_BACK_ERROR,
}  # ended meanwhile, of an existing session, or rolled back by the server


@dataclass(frozen=True, slots=True)
class EndedSession:
    """Result of one call of the stored procedure END_LOCK_HOLDER_PROCEDURE: the account whose session it ended, and
    the reason.

    - blocks: a transaction of the session blocked a transaction of another account
    - blocks_unclear: the same, but perhaps by chance: its transaction was younger than a second, or possibly all that
      waited belonged to its own account, such as a person's second desk. While a session runs a trigger, the server
      names the trigger's owner as its account.
    - blocks_queued: it blocked others, but waited for a lock itself
    - suspended: it blocked others again and again; the account was locked, and all its sessions on this node were
      ended
    - metadata: the session waited for a metadata lock
    - long: a transaction or statement of the session took longer than MAX_SESSION_SECONDS
    - prepared: a prepared XA transaction without a session blocks another one; no session was ended, `account`
      is ""
    - unended: the session was ended before, but the server hasn't ended it yet, and it still blocks another one; no
      session was ended
    """

    account: str
    reason: str


def _make_procedure_body(conn: Connection) -> str:
    """Return the SQL body of the stored procedure END_LOCK_HOLDER_PROCEDURE. Each call of the procedure ends at most
    one session of a person: one that blocks others or runs for too long. It returns the account of that session and
    the reason: "" and `prepared` if only a prepared transaction blocks others, NULL and NULL if nothing does.

    The server ends a session only between two rows or functions, and one function can take hours. So a session that
    the procedure has ended already is left out; otherwise the procedure would end no other one. If only such a
    session blocks others, the reason is `unended`.
    """
    lock_waits_query, lock_account_sql = (
        (_LOCK_WAITS_QUERY_ON_MARIADB, _LOCK_ACCOUNT_ON_MARIADB)
        if is_mariadb(conn)
        else (_LOCK_WAITS_QUERY_ON_MYSQL, _LOCK_ACCOUNT_ON_MYSQL)
    )
    return f"""BEGIN
  DECLARE session_id, other_id BIGINT UNSIGNED;
  DECLARE account, reason VARCHAR(128);
  DECLARE now_here DATETIME DEFAULT CONVERT_TZ(SYSDATE(), @@SESSION.time_zone, 'SYSTEM');
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  {_make_session_query(lock_waits_query)};
  IF session_id IS NOT NULL THEN
    {_make_repeater_statements(lock_account_sql)}
    KILL CONNECTION session_id;
  ELSEIF EXISTS (
    SELECT 1 FROM ({lock_waits_query}) l
    JOIN information_schema.innodb_trx b ON b.trx_id = l.blocking_trx_id
    JOIN information_schema.innodb_trx w ON w.trx_id = l.requesting_trx_id
    WHERE b.trx_mysql_thread_id = 0 AND b.trx_started <= now_here - INTERVAL {MAX_PREPARED_TRANSACTION_SECONDS} SECOND
      AND w.trx_wait_started <= now_here - INTERVAL 1 SECOND
  ) THEN
    SET account = '', reason = '{PREPARED_TRANSACTION_REASON}';
  ELSE
    SELECT p.user INTO account
      FROM information_schema.processlist p
      JOIN operators o ON CAST(o.name AS BINARY) = CAST(p.user AS BINARY)
      JOIN information_schema.innodb_trx b ON b.trx_mysql_thread_id = p.id
      JOIN ({lock_waits_query}) l ON l.blocking_trx_id = b.trx_id
      JOIN information_schema.innodb_trx w ON w.trx_id = l.requesting_trx_id
      WHERE p.command = 'Killed' AND w.trx_wait_started <= now_here - INTERVAL 1 SECOND
      LIMIT 1;
    SET reason = IF(account IS NULL, NULL, '{UNENDED_SESSION_REASON}');
  END IF;
  SELECT account, reason;
END"""  # noqa: S608  # constants of this program


def _make_repeater_statements(lock_account_sql: str) -> str:
    """Return the part of the procedure that locks the account of the session if the account has blocked others again
    and again, and ends its other sessions. Otherwise a person who may connect anew after each end would block others
    for ever. The variable `@console_repeaters` of the calling session has the names of such accounts. The procedure
    locks only an account that blocks others at this moment, so no worker can lock any other one.

    `lock_account_sql` locks the account. It may fail whatever people do: one account can use up the prepared
    statements of the whole server (`max_prepared_stmt_count`). The sessions are ended all the same, which gives these
    statements free, and the next call locks the account.
    """
    return f"""IF reason IN ('{BLOCKS_REASON}', '{BLOCKS_UNCLEAR_REASON}')
      AND FIND_IN_SET(account, @console_repeaters) THEN
      BEGIN
        DECLARE EXIT HANDLER FOR SQLEXCEPTION SET reason = '{BLOCKS_REASON}';
        {lock_account_sql}
        SET reason = '{SUSPENDED_REASON}';
      END;
      SET other_id = 0;
      WHILE other_id IS NOT NULL DO
        SELECT MIN(p.id) INTO other_id FROM information_schema.processlist p
          WHERE p.user = account AND p.id > other_id AND p.id <> session_id;
        IF other_id IS NOT NULL THEN
          KILL CONNECTION other_id;
        END IF;
      END WHILE;
    END IF;"""  # noqa: S608  # constants of this program


def _make_session_query(lock_waits_query: str) -> str:
    """Return the SELECT … INTO of the procedure: it finds one session of a person that blocks others or runs for too
    long, and sets the variables `session_id`, `account` and `reason`. `lock_waits_query` is one of
    _LOCK_WAITS_QUERY_*.

    A wait (`since`) counts from the beginning of the statement that waits, not from `trx_wait_started`: the server
    sets that time anew whenever one of several sessions that hold the same lock ends. Sessions in turn, each younger
    than MAX_WAIT_SECONDS, would otherwise block others for ever, and no wait would ever be long enough.
    So the statement may have waited for other sessions nearly all the time: a session whose transaction is younger
    than a second blocks others perhaps by chance, and the reason of its end is `blocks_unclear`.
    """
    has_role_template = "FIND_IN_SET('{}', REPLACE(o.roles, ' ', ''))"
    may_act_sql = f"({has_role_template.format(OPERATOR)} OR {has_role_template.format(APPROVER)}) AND NOT o.asks"
    wait_limit_sql = f"IF({may_act_sql}, {MAX_BLOCKING_SECONDS_OF_ACTING_PEOPLE}, {MAX_BLOCKING_SECONDS})"
    wait_seconds_sql = f"IF({may_act_sql}, {MAX_BLOCKING_SECONDS_OF_ACTING_PEOPLE}, {MAX_WAIT_SECONDS})"
    is_waiting_sql = "COALESCE(t.trx_state, '') = 'LOCK WAIT'"
    return f"""SELECT p.id, p.user,
      CASE WHEN h.id IS NULL THEN IF(p.state LIKE '%metadata lock', 'metadata', 'long')
        WHEN {is_waiting_sql} THEN 'blocks_queued'
        WHEN h.is_other AND t.trx_started <= now_here - INTERVAL 1 SECOND THEN '{BLOCKS_REASON}'
        ELSE '{BLOCKS_UNCLEAR_REASON}' END
    INTO session_id, account, reason
    FROM information_schema.processlist p
    JOIN operators o ON CAST(o.name AS BINARY) = CAST(p.user AS BINARY)
    LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
    LEFT JOIN (
      SELECT b.trx_mysql_thread_id AS id,
        MIN(LEAST(w.trx_wait_started, now_here - INTERVAL COALESCE(wp.time, 0) SECOND)) AS since,
        MAX(COALESCE(wp.user NOT IN (bp.user, SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), 0)) AS is_other
      FROM ({lock_waits_query}) l
      JOIN information_schema.innodb_trx b ON b.trx_id = l.blocking_trx_id
      JOIN information_schema.innodb_trx w ON w.trx_id = l.requesting_trx_id
      JOIN information_schema.processlist bp ON bp.id = b.trx_mysql_thread_id
      LEFT JOIN information_schema.processlist wp ON wp.id = w.trx_mysql_thread_id
      GROUP BY b.trx_mysql_thread_id
    ) h ON h.id = p.id AND h.since <= now_here - INTERVAL 1 SECOND
    WHERE NOT {has_role_template.format(WORKER)} AND p.command <> 'Killed' AND (
      t.trx_started <= now_here - INTERVAL {MAX_SESSION_SECONDS} SECOND
      OR p.command <> 'Sleep' AND p.time >= {MAX_SESSION_SECONDS}
      OR (h.id IS NOT NULL OR p.state LIKE '%metadata lock')
        AND COALESCE(t.trx_started, now_here - INTERVAL p.time SECOND)
          <= now_here - INTERVAL {wait_limit_sql} SECOND
      OR h.since <= now_here - INTERVAL {wait_seconds_sql} SECOND AND h.is_other AND NOT {is_waiting_sql})
    LIMIT 1"""  # noqa: S608  # constants of this program


def renew_lock_procedure(conn: Connection) -> None:
    """Create the stored procedure END_LOCK_HOLDER_PROCEDURE if it is missing, or replace it if its stored text
    differs from the text of this program version. The caller must then grant the right to execute the procedure
    again.
    """
    body = _make_procedure_body(conn)
    stored_body = conn.exec_driver_sql(
        "SELECT routine_definition FROM information_schema.routines"
        " WHERE routine_schema = DATABASE() AND routine_name = %s",
        (END_LOCK_HOLDER_PROCEDURE,),
    ).scalar()
    if stored_body == body:
        return
    name = quote_identifier(END_LOCK_HOLDER_PROCEDURE)
    run_statement(conn, f"DROP PROCEDURE IF EXISTS {name}")
    run_statement(conn, f"CREATE PROCEDURE {name}() SQL SECURITY DEFINER\n{body}")


def list_missing_procedure_rights(conn: Connection) -> Sequence[str]:
    """Return the rights that the stored procedure END_LOCK_HOLDER_PROCEDURE needs and the connected schema account
    lacks. Empty for any other account, which can't see the schema account's rights.
    """
    if not may_grant(conn):
        return ()
    grant_lines = [str(line) for line in conn.exec_driver_sql("SHOW GRANTS").scalars()]
    if any(re.search(_ALL_PRIVILEGES_PATTERN, line) for line in grant_lines):
        return ()
    needed_patterns = _RIGHT_PATTERNS_ON_MARIADB if is_mariadb(conn) else _RIGHT_PATTERNS_ON_MYSQL
    return [
        right
        for right, pattern in needed_patterns.items()
        if not any(re.search(pattern, line) for line in grant_lines)
    ]


def list_missing_worker_rights(conn: Connection) -> Sequence[str] | None:
    """Return the rights that a worker's account lacks to roll prepared transactions back. Return None for every
    other account, and on MariaDB, where each account can do that.
    """
    grant_lines = [str(line) for line in conn.exec_driver_sql("SHOW GRANTS").scalars()]
    if is_mariadb(conn) or may_grant(conn) or not any(END_LOCK_HOLDER_PROCEDURE in line for line in grant_lines):
        return None
    return () if any(re.search(rf"\b{XA_RIGHT}\b.* ON \*\.\*", line) for line in grant_lines) else (XA_RIGHT,)


def name_repeaters(conn: Connection, accounts: Collection[str]) -> None:
    """Tell END_LOCK_HOLDER_PROCEDURE, for its later calls on `conn`, which accounts have blocked others again and
    again: it locks such an account when it finds it blocking others once more."""
    names = ",".join(sorted(accounts))
    if conn.info.get(_REPEATERS_KEY, "") != names:
        conn.exec_driver_sql("SET @console_repeaters = %s", (names,))
        conn.info[_REPEATERS_KEY] = names


def end_next_blocking_session(conn: Connection) -> EndedSession | None:
    """Call END_LOCK_HOLDER_PROCEDURE once: it ends at most one session of a person that blocks others or has lasted
    too long, or all sessions of an account that it locks (see `name_repeaters`). Return the result; None if no
    session and no prepared transaction blocks others. One call takes about 1 ms.
    """
    account, reason = conn.exec_driver_sql(f"CALL {END_LOCK_HOLDER_PROCEDURE}()").one()
    return None if reason is None else EndedSession(str(account), str(reason))


def list_prepared_transactions(conn: Connection) -> tuple[str, ...]:
    """Return the ids of all prepared XA transactions of this server, each in the SQL form for XA ROLLBACK."""
    rows = conn.exec_driver_sql("XA RECOVER").all()
    return tuple(
        _format_transaction_id(int(format_id), int(first_part_length), _encode_bytes(id_bytes))
        for format_id, first_part_length, _, id_bytes in rows
    )


def _format_transaction_id(format_id: int, first_part_length: int, id_bytes: bytes) -> str:
    """Return the SQL form of an XA transaction id: `format_id` is its format id, `first_part_length` the size (bytes)
    of the first of the two parts in `id_bytes`.
    """
    return f"X'{id_bytes[:first_part_length].hex()}',X'{id_bytes[first_part_length:].hex()}',{format_id}"


def _encode_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def roll_back_prepared_transaction(conn: Connection, transaction_id: str) -> bool:
    """Roll back a prepared XA transaction. `transaction_id` is its XA id, written as in an XA statement. Return False
    if the transaction has ended already or belongs to a session that still exists."""
    try:
        conn.exec_driver_sql(f"XA ROLLBACK {transaction_id}")
    except DBAPIError as error:
        if find_error_number(error) not in _TRANSACTION_NOT_FOUND_ERRORS:
            raise
        return find_error_number(error) == _ROLLED_BACK_ERROR
    return True
