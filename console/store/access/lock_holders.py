"""Find the sessions of people that block other sessions. A worker ends these sessions by the stored procedure
END_LOCK_HOLDER_PROCEDURE.

Each account that may read a row can also lock it: on MariaDB by SELECT … FOR UPDATE, and on every server in a
SERIALIZABLE transaction. A session can also raise its own time limits. So the server can't prevent that an open
transaction of one person blocks all other people. To see and end sessions of other accounts, an account needs the
rights PROCESS and CONNECTION ADMIN, which no worker should have. The schema account has these rights and defines the
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
    may_grant_rights,
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
MAX_WAIT_FOR_PEOPLE_SECONDS = 2
"""Longest time (seconds) for which one transaction waits for people's transactions. Each of them may be short:
several sessions can hold the same lock one after another without a pause, and many sessions can hold the lock of one
gap before a row.
"""
MAX_BLOCKING_POINTS = 20
"""Number of points (POINTS_BY_REASON). If an account has got at least this number within
REPEATED_BLOCKING_PERIOD_SECONDS and blocks others once more, it is locked.
"""
REPEATED_BLOCKING_PERIOD_SECONDS = 600.0
MAX_ACCOUNT_MEMORY_BYTES = 256 * 1024 * 1024
"""Largest memory (bytes) of all sessions of a person on one node; if they have more, the largest sessions are ended.
MariaDB only: no server limits the memory of user variables, and MySQL shows it only to accounts with further rights.
A session of a desk uses a few MiB.
"""
MAX_SESSION_SECONDS = 60
"""Longest time (seconds) of a transaction or statement of a person, whether or not it blocks another one."""
MIN_REPORTED_TRANSACTION_SECONDS = 2
"""Smallest age (seconds) at which the database procedure that lists lock holders reports a prepared XA transaction
that has no session and blocks another transaction. A worker calls the procedure repeatedly, and rolls the transaction
back when the calls have reported it for MAX_BLOCKING_SECONDS. The sum of both times and of the duration of two calls
is shorter than `retry_policy.LOCKED_RETRY_SECONDS`, so a write that waits for the transaction's locks gets them.
"""
CALLS_BEFORE_END_OF_UNREADABLE_STATEMENT = 3
"""Number of consecutive calls of the procedure that can't read MySQL's list of sessions, at which the procedure ends
a session of a person that runs a statement. A worker makes a call each second, and a person's desk seldom runs a
statement for so long.
"""
IDLE_WATCHER_SECONDS = 5
"""Time (seconds) after which a database server closes the connection of a worker that looks for lock holders, if the
worker no longer calls the procedure, because its process is stopped. After that, another worker looks for lock
holders.
"""
WATCHER_LOCK_SQL = "CONCAT('console_', SHA2(DATABASE(), 224))"
"""SQL of the name of a user lock (`GET_LOCK`). The worker that looks for lock holders on this node holds this lock. A
name of a user lock applies to all databases of a server, and has at most 64 characters on MySQL. The name contains a
SHA-2 digest, because MySQL 9 has no function MD5.
"""
BLOCKS_REASON = "blocks"
BLOCKS_UNCLEAR_REASON = "blocks_unclear"
MEMORY_REASON = "memory"
FILLED_TEMPORARY_SPACE_REASON = "filled"
TEMPORARY_SPACE_STILL_FULL_REASON = "no_room"
POINTS_BY_REASON = {BLOCKS_REASON: 4, MEMORY_REASON: 4, BLOCKS_UNCLEAR_REASON: 1, FILLED_TEMPORARY_SPACE_REASON: 1}
"""Points of an account for one ended session that blocked others, or used up the server's memory or temporary space,
by the reason of its end."""
SUSPENDED_REASON = "suspended"
DISABLED_REASON = "disabled"
LOCKED_REASON = "locked"
UNLOCKED_REASON = "unlocked"
PREPARED_TRANSACTION_REASON = "prepared"
UNENDED_SESSION_REASON = "unended"

_TEXT_TYPE = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
"""SQL type of the text variables in the procedure END_LOCK_HOLDER_PROCEDURE. Without it they would have the
database's collation, which the server can't always compare with the texts of a session.
"""
_CANNOT_CONVERT_ERROR = 3854
"""Number of MySQL's error for a text that another character set can't represent."""
_NO_TEMPORARY_SPACE_ERRORS = "3, 1021, 1030, 1114"
"""Numbers of MariaDB's errors that mean that there is no room for a temporary table, as an SQL list."""


@dataclass(frozen=True, slots=True)
class _ProcedureSqlParts:
    """SQL of the stored procedure END_LOCK_HOLDER_PROCEDURE that differs between MariaDB and MySQL. The SQL uses
    these aliases: `p` is a session in `information_schema.processlist`; `l` is a row of `lock_waits_query`; `wp` is
    the session that waits; `m` is the memory that all sessions of the account of `p` hold.

    - `lock_waits_query`: for each transaction that waits for another transaction, the ids of the waiting and of the
      blocking session (`waiting_id`, `blocking_id`), the time at which the wait began (`wait_started`), and the time
      at which the blocking transaction began (`blocking_started`)
    - `lock_waits_table_sql`: the server's table of lock waits, from which `lock_waits_query` reads; it is empty while
      no transaction waits
    - `change_lock_template`: statements that lock or unlock the account `account`: `{}` stands for the SQL expression
      of the text ` ACCOUNT LOCK` or ` ACCOUNT UNLOCK`
    - `wait_start_sql`: the time at which the transaction in `l` began to wait
    - `statement_start_sql`: the time at which the statement of `p` began
    - `runs_too_long_sql`: true if the statement of `p` has taken MAX_SESSION_SECONDS
    - `memory_sum_sql`: the memory (bytes) of all sessions `p` of a query; 0 if the server doesn't show it
    - `memory_join_sql`: join of `m`; `holds_memory_sql`: true if the sessions of the account hold more than
      MAX_ACCOUNT_MEMORY_BYTES and `p` holds much of this memory
    """

    lock_waits_query: str
    lock_waits_table_sql: str
    change_lock_template: str
    wait_start_sql: str
    statement_start_sql: str
    runs_too_long_sql: str
    memory_sum_sql: str
    memory_join_sql: str
    holds_memory_sql: str

    @property
    def lock_account_sql(self) -> str:
        """Statements that lock the account `account`."""
        return self.change_lock_template.format("' ACCOUNT LOCK'")


_WAIT_COLUMNS = (
    "w.trx_mysql_thread_id AS waiting_id, w.trx_wait_started AS wait_started,"
    " b.trx_mysql_thread_id AS blocking_id, b.trx_started AS blocking_started"
)
_MARIADB_SQL = _ProcedureSqlParts(
    # Each transaction that has changed nothing has the id 0, also one that only reads and locks nothing.
    lock_waits_query=f"SELECT {_WAIT_COLUMNS} FROM information_schema.innodb_lock_waits i"  # noqa: S608  # constants
    " JOIN information_schema.innodb_trx w ON w.trx_id = i.requesting_trx_id"
    " AND w.trx_requested_lock_id = i.requested_lock_id"
    " JOIN information_schema.innodb_trx b ON b.trx_id = i.blocking_trx_id "
    " AND (b.trx_id <> 0 OR b.trx_rows_locked > 0) AND b.trx_mysql_thread_id <> w.trx_mysql_thread_id",
    lock_waits_table_sql="information_schema.innodb_lock_waits",
    # PREPARE would need one of the statements that one account can use up for the whole server.
    change_lock_template="EXECUTE IMMEDIATE CONCAT('ALTER USER ', QUOTE(account), '@''%''', {});",
    wait_start_sql="LEAST(l.wait_started, now_here - INTERVAL COALESCE(FLOOR(wp.time_ms / 1000), 0) SECOND)",
    statement_start_sql="now_here - INTERVAL FLOOR(p.time_ms / 1000) SECOND",
    runs_too_long_sql=f"p.time_ms >= {MAX_SESSION_SECONDS * 1000}",
    memory_sum_sql="SUM(p.memory_used)",
    memory_join_sql="JOIN (SELECT user, SUM(memory_used) AS used, MAX(memory_used) AS largest"
    " FROM information_schema.processlist WHERE command <> 'Killed' GROUP BY user) m ON m.user = p.user",
    holds_memory_sql=f"m.used >= {MAX_ACCOUNT_MEMORY_BYTES} AND p.memory_used >= m.largest / 2",
)
_MYSQL_SQL = _ProcedureSqlParts(
    lock_waits_query=f"SELECT {_WAIT_COLUMNS} FROM performance_schema.data_lock_waits i"  # noqa: S608  # constants
    " JOIN information_schema.innodb_trx w ON w.trx_id = i.requesting_engine_transaction_id"
    " JOIN information_schema.innodb_trx b ON b.trx_id = i.blocking_engine_transaction_id",
    lock_waits_table_sql="performance_schema.data_lock_waits",
    # QUOTE('%'): MySQL's information_schema shows a doubled quote of a procedure as a single one, so the stored text
    # would always differ from this one, and each upgrade would create the procedure again.
    change_lock_template="SET @console_statement ="
    " CONCAT('ALTER USER ', QUOTE(account), '@', QUOTE('%'), {});"
    " PREPARE locks_account FROM @console_statement; EXECUTE locks_account; DEALLOCATE PREPARE locks_account;",
    # A session that sets `timestamp` forges `time`: a time ahead makes it negative, and an old one makes it long.
    wait_start_sql="l.wait_started",
    statement_start_sql="now_here - INTERVAL p.time SECOND",
    runs_too_long_sql=f"(p.time >= {MAX_SESSION_SECONDS} OR p.time < -1)",
    memory_sum_sql="0",
    memory_join_sql="",
    holds_memory_sql="FALSE",
)
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
    "SELECT ON performance_schema.threads": r"\bSELECT\b.* ON (\*\.\*|`performance_schema`\.(\*|`threads`))",
}
_ALL_PRIVILEGES_PATTERN = r"\bALL PRIVILEGES ON \*\.\*"
_REPEATED_BLOCKERS_KEY = "repeaters"
_ROLLED_BACK_ERROR = 1402
_TRANSACTION_NOT_FOUND_ERRORS = {
    1397,
    1399,
    _ROLLED_BACK_ERROR,
}  # ended meanwhile, of an existing session, or rolled back by the server


@dataclass(frozen=True, slots=True)
class EndedSession:
    """Result of one call of the stored procedure END_LOCK_HOLDER_PROCEDURE: the account whose session it ended, and
    the reason. The reasons are:

    - blocks: a transaction of the session blocked a transaction of another account
    - blocks_unclear: the session blocked another account, but perhaps only by chance. The session's transaction was
      younger than a second, or the session itself waited for another session of its account, or perhaps all waiting
      sessions belonged to its own account (a person may have a second desk). The last case can't be excluded, because
      the server names the trigger's owner as the account of a session that runs a trigger.
    - blocks_queued: the session blocked others, but waited itself for a lock of another account
    - suspended: the account blocked others again and again; the account was locked, and all its sessions on this node
      were ended
    - memory: the sessions of the account held more than MAX_ACCOUNT_MEMORY_BYTES, and the ended session held much of
      this memory
    - filled: there was no room for temporary tables, and there was room again after all sessions of this account had
      ended
    - no_room: there was no room for temporary tables, and there still was no room after all sessions of this account
      had ended
    - metadata: the session waited for a metadata lock
    - long: a transaction or statement of the session took longer than MAX_SESSION_SECONDS
    - disabled: an administrator has disabled the person
    - locked: an administrator has disabled the person, and the account was locked
    - unlocked: two administrators have enabled the person, and the account was unlocked
    - prepared: a prepared XA transaction without a session blocks another transaction; no session was ended, and
      `account` is ""
    - unended: an earlier call ordered the server to end the session, but the server hasn't ended it yet, and the
      session still blocks another one; no session was ended
    """

    account: str
    reason: str


def _make_procedure_body(conn: Connection) -> str:
    """Return the SQL body of the stored procedure END_LOCK_HOLDER_PROCEDURE. Each call of the procedure ends at most
    one session of a person: a session that blocks others, runs for too long or holds much memory. It ends all
    sessions of an account that it locks, or that may have filled the server's temporary space. It returns two values:

    - the account of that session, and the reason of its end;
    - an account and `locked` or `unlocked`, if the person was disabled by an administrator or enabled again;
    - "" and `prepared`, if no session blocks others, but a prepared transaction does;
    - an account and `unended`, if only a session of this account blocks others which the server was ordered to end
      and which still runs;
    - NULL and NULL, if nothing blocks others, or if another worker looks for lock holders on this node.

    A search costs a server about 4 ms, so it only begins if there is a sign of a blocking session
    (`_make_sign_count_statements`), and of several workers only one looks: the one whose session has the user lock
    WATCHER_LOCK_SQL. A session keeps this lock until it ends. The procedure itself, and not the worker, sets the time
    after which the server ends the idle session, because a worker of an earlier version may also call the procedure.
    Any account may acquire a user lock, so the procedure ignores the lock unless a worker's session has it.

    The server ends a session only between two rows or functions, and one function can take hours. So the procedure
    skips a session that it has already ordered the server to end; otherwise it would never end another session.
    """
    sql = _MARIADB_SQL if is_mariadb(conn) else _MYSQL_SQL
    lock_waits_query = sql.lock_waits_query
    handler_sql = _make_no_temporary_space_handler(sql) if is_mariadb(conn) else _make_unreadable_list_handler(sql)
    reset_count_sql = "" if is_mariadb(conn) else "SET @console_unread_calls = 0;"
    return f"""watch: BEGIN
  DECLARE session_id, other_id, watcher_id BIGINT UNSIGNED;
  DECLARE lock_session_id BIGINT UNSIGNED DEFAULT IS_USED_LOCK({WATCHER_LOCK_SQL});
  DECLARE sign_count BIGINT;
  DECLARE account, reason VARCHAR(128) {_TEXT_TYPE};
  DECLARE now_here DATETIME DEFAULT CONVERT_TZ(SYSDATE(), @@SESSION.time_zone, 'SYSTEM');
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  {handler_sql}
  {_make_watcher_lock_statements()}
  {_make_sign_count_statements(sql)}
  IF sign_count = 0 THEN
    {reset_count_sql}
    SELECT account, reason;
    LEAVE watch;
  END IF;
  {_make_disabled_account_statements(sql.change_lock_template)}
  IF account IS NULL THEN
    {_make_blocking_session_query(sql)};
  END IF;
  IF session_id IS NOT NULL THEN
    {_make_repeated_blocker_statements(sql.lock_account_sql)}
    KILL CONNECTION session_id;
  ELSEIF account IS NOT NULL THEN
    DO 0;
  ELSEIF EXISTS (
    SELECT 1 FROM ({lock_waits_query}) l
    WHERE l.blocking_id = 0 AND l.blocking_started <= now_here - INTERVAL {MIN_REPORTED_TRANSACTION_SECONDS} SECOND
      AND l.wait_started <= now_here - INTERVAL 1 SECOND
  ) THEN
    SET account = '', reason = '{PREPARED_TRANSACTION_REASON}';
  ELSE
    SELECT p.user INTO account
      FROM information_schema.processlist p
      JOIN operators o ON CAST(o.name AS BINARY) = CAST(p.user AS BINARY)
      JOIN ({lock_waits_query}) l ON l.blocking_id = p.id
      WHERE p.command = 'Killed' AND l.wait_started <= now_here - INTERVAL 1 SECOND
      LIMIT 1;
    SET reason = IF(account IS NULL, NULL, '{UNENDED_SESSION_REASON}');
  END IF;
  {reset_count_sql}
  SELECT account, reason;
END"""  # noqa: S608  # constants of this program


def _make_watcher_lock_statements() -> str:
    """Return the SQL statements of the procedure that leave it if the session of another worker has the user lock
    WATCHER_LOCK_SQL, and that acquire the lock if no session has it."""
    return f"""IF lock_session_id IS NULL THEN
    SET SESSION wait_timeout = {IDLE_WATCHER_SECONDS};
    DO GET_LOCK({WATCHER_LOCK_SQL}, 0);
  ELSEIF lock_session_id <> CONNECTION_ID() THEN
    SELECT p.id INTO watcher_id
      FROM information_schema.processlist p
      JOIN operators o ON CAST(o.name AS BINARY) = CAST(p.user AS BINARY)
      WHERE p.id = lock_session_id AND FIND_IN_SET('{WORKER}', REPLACE(o.roles, ' ', ''));
    IF watcher_id IS NOT NULL THEN
      SELECT account, reason;
      LEAVE watch;
    END IF;
  END IF;"""  # noqa: S608  # constants of this program


def _make_sign_count_statements(sql: _ProcedureSqlParts) -> str:
    """Return the SQL statements of the procedure that set `sign_count`. It is 0 if none of the later queries can find
    a row: no transaction waits for a lock or is as old as MAX_SESSION_SECONDS, and no person's session waits for a
    metadata lock or runs a statement that has taken MAX_SESSION_SECONDS or belongs to a person whom an administrator
    has disabled, and all people's sessions together hold less than MAX_ACCOUNT_MEMORY_BYTES, and no account must be
    locked or unlocked. The statements cost the server much less than the later queries.

    Each condition has its own SELECT … INTO of one table. In an IF, InnoDB would lock the rows of `operators`, and
    the call would wait for a session that has locked them.
    """
    return f"""SELECT COUNT(*) INTO sign_count FROM {sql.lock_waits_table_sql};
  IF sign_count = 0 THEN
    SELECT COUNT(*) INTO sign_count FROM information_schema.innodb_trx t
      WHERE t.trx_started <= now_here - INTERVAL {MAX_SESSION_SECONDS} SECOND;
  END IF;
  IF sign_count = 0 THEN
    SELECT COUNT(IF(p.state LIKE '%metadata lock' OR p.command <> 'Sleep' AND {sql.runs_too_long_sql}
        OR o.disabled_by IS NOT NULL AND p.command <> 'Killed', 1, NULL))
      + COALESCE({sql.memory_sum_sql} >= {MAX_ACCOUNT_MEMORY_BYTES}, 0) INTO sign_count
      FROM information_schema.processlist p
      JOIN operators o ON CAST(o.name AS BINARY) = CAST(p.user AS BINARY)
      WHERE NOT FIND_IN_SET('{WORKER}', REPLACE(o.roles, ' ', ''));
  END IF;
  IF sign_count = 0 THEN
    SELECT COUNT(*) INTO sign_count FROM operators o WHERE {_IS_LOCK_WRONG_SQL};
  END IF;"""  # noqa: S608  # constants of this program


_IS_LOCK_WRONG_SQL = (
    "o.account_lock <> (o.disabled_by IS NOT NULL) AND (o.disabled_by IS NOT NULL OR o.disabled_at IS NULL)"
    f" AND NOT FIND_IN_SET('{WORKER}', REPLACE(o.roles, ' ', ''))"
)
"""SQL condition: the account of the person in the row `o` of `operators` must be locked, because an administrator has
disabled the person, or unlocked, because two administrators have enabled the person. The account of a person whom the
file of accounts has disabled stays as it is."""
_NO_SUCH_ACCOUNT_ERROR = 1396


def _make_disabled_account_statements(change_lock_template: str) -> str:
    """Return the SQL statements of the procedure that lock the account of one person whom an administrator has
    disabled, or unlock the account of one person whom two administrators have enabled. They store that in the column
    `account_lock`, which no account may change itself. So a worker can't lock or unlock another account, and the
    account of an enabled person that was locked for another reason stays locked.

    From each disabling and enabling until the record, the column has ACCOUNT_LOCK_TO_RENEW (the trigger stores it),
    and each call locks or unlocks the account once more. So the account is right also if the record fails, or if
    administrators disable or enable the person between the two statements.

    The statements set `account` and `reason`. They set neither if the account can't be changed now, because prepared
    statements are used up, or because somebody locks the person's row: the next call tries again, with any of
    these people, so that one row doesn't delay the others. An account that the server doesn't have counts as locked.
    """
    return f"""BEGIN
      DECLARE is_disabled BOOL;
      DECLARE EXIT HANDLER FOR SQLEXCEPTION SET account = NULL;
      SELECT o.name, o.disabled_by IS NOT NULL INTO account, is_disabled FROM operators o
        WHERE {_IS_LOCK_WRONG_SQL} ORDER BY RAND() LIMIT 1;
      IF account IS NOT NULL THEN
        BEGIN
          DECLARE CONTINUE HANDLER FOR {_NO_SUCH_ACCOUNT_ERROR} BEGIN END;
          {change_lock_template.format("IF(is_disabled, ' ACCOUNT LOCK', ' ACCOUNT UNLOCK')")}
        END;
        SET SESSION innodb_lock_wait_timeout = 1;
        UPDATE operators SET account_lock = is_disabled
          WHERE name = account AND (disabled_by IS NOT NULL) = is_disabled;
        COMMIT;
        SET reason = IF(is_disabled, '{LOCKED_REASON}', '{UNLOCKED_REASON}');
      END IF;
    END;"""  # noqa: S608  # constants of this program


def _make_account_lock_statements(lock_account_sql: str, reason_if_unlocked: str) -> str:
    """Return the SQL statements of the procedure that lock the account of the chosen session by `lock_account_sql`,
    and set the reason to `suspended`. If the account can't be locked, they set the reason `reason_if_unlocked`: one
    account can use up the prepared statements of the whole server (`max_prepared_stmt_count`).
    """
    return f"""BEGIN
        DECLARE EXIT HANDLER FOR SQLEXCEPTION SET reason = '{reason_if_unlocked}';
        {lock_account_sql}
        SET reason = '{SUSPENDED_REASON}';
      END;"""


def _make_repeated_blocker_statements(lock_account_sql: str) -> str:
    """Return the SQL statements of the procedure that run before it ends the session that it has chosen. If the
    account of this session has blocked others again and again, the statements lock the account and end its other
    sessions. Otherwise a person who connects again after each ended session could block others without end.

    The variable `@console_repeaters` of the calling session has the names of such accounts. The procedure locks only
    an account that blocks others at this moment, so a worker can't lock other accounts with it.

    `lock_account_sql` is the statement that locks the account. The sessions are ended even if it fails. This frees
    the prepared statements of the account, and the next call locks the account.
    """
    return f"""IF reason IN ('{BLOCKS_REASON}', '{BLOCKS_UNCLEAR_REASON}', '{MEMORY_REASON}')
      AND FIND_IN_SET(account, @console_repeaters) THEN
      {_make_account_lock_statements(lock_account_sql, BLOCKS_REASON)}
      SET other_id = 0;
      WHILE other_id IS NOT NULL DO
        SELECT MIN(p.id) INTO other_id FROM information_schema.processlist p
          WHERE p.user = account AND p.id > other_id AND p.id <> session_id;
        IF other_id IS NOT NULL THEN
          KILL CONNECTION other_id;
        END IF;
      END WHILE;
    END IF;"""  # noqa: S608  # constants of this program


def _make_no_temporary_space_handler(sql: _ProcedureSqlParts) -> str:
    """Return SQL of the error handler that the procedure END_LOCK_HOLDER_PROCEDURE runs if the server has no room for
    temporary tables. The procedure stores its list of sessions in such a table. So without the handler, a person who
    has filled the folder `tmpdir` of the server would prevent the procedure from ending any session.

    The server doesn't show which session has filled the folder. So the handler ends all sessions of one person's
    account, and checks for one second whether the server has room now. The next call of the procedure continues with
    the next account that has sessions, in the order of the names. The procedure returns the account with the reason
    `filled` or `suspended` if there is room afterwards, otherwise `no_room` (see `EndedSession`). If no account of a
    person has a session, the procedure raises the server's error.

    The SQL variable `@console_ended_last` of the calling session has the last account whose sessions were ended
    without gaining room. So if that account fills the folder again, the handler ends the sessions of this account
    first.
    """
    is_next = f"NOT FIND_IN_SET('{WORKER}', REPLACE(o.roles, ' ', '')) AND o.name > COALESCE(@console_ended_last, '')"
    end_sessions = "EXECUTE IMMEDIATE CONCAT('KILL CONNECTION USER ', QUOTE(account));"
    return f"""DECLARE EXIT HANDLER FOR {_NO_TEMPORARY_SPACE_ERRORS} BEGIN
    DECLARE ended_count, look_count INT DEFAULT 0;
    DECLARE has_room, is_round_complete BOOL DEFAULT FALSE;
    DECLARE first_account VARCHAR(128) {_TEXT_TYPE};
    WHILE ended_count = 0 DO
      SELECT MIN(o.name) INTO account FROM operators o WHERE {is_next};
      IF account IS NULL AND is_round_complete THEN
        RESIGNAL;
      ELSEIF account IS NULL THEN
        SET @console_ended_last = '', is_round_complete = TRUE;
      ELSE
        {end_sessions}
        SET ended_count = ROW_COUNT(), first_account = @console_ended_last, @console_ended_last = account;
      END IF;
    END WHILE;
    WHILE NOT has_room AND look_count < 10 DO
      DO SLEEP(0.1);
      SET look_count = look_count + 1, has_room = TRUE;
      BEGIN
        DECLARE CONTINUE HANDLER FOR {_NO_TEMPORARY_SPACE_ERRORS} SET has_room = FALSE;
        SELECT COUNT(*) INTO other_id FROM information_schema.processlist;
      END;
    END WHILE;
    SET reason = '{TEMPORARY_SPACE_STILL_FULL_REASON}';
    IF has_room THEN
      SET reason = '{FILLED_TEMPORARY_SPACE_REASON}', @console_ended_last = first_account;
      IF FIND_IN_SET(account, @console_repeaters) THEN
        {_make_account_lock_statements(sql.lock_account_sql, FILLED_TEMPORARY_SPACE_REASON)}
        {end_sessions}
      END IF;
    END IF;
    SELECT account, reason;
  END;"""  # noqa: S608  # constants of this program


def _make_unreadable_list_handler(sql: _ProcedureSqlParts) -> str:
    """Return SQL of the error handler that the procedure END_LOCK_HOLDER_PROCEDURE runs on MySQL if it can't read the
    list of sessions or of transactions. While any session runs a statement with a character of four bytes, such as
    an emoji, `information_schema` can't be read, because its texts have the character set utf8mb3. Without the
    handler, one long statement of a person would prevent the procedure from ending any session.

    A short statement ends before the next call, so the first calls return nothing. From the call
    CALLS_BEFORE_END_OF_UNREADABLE_STATEMENT on, each call ends one session of a person that runs a statement, by the
    server's other list. That list doesn't have the whole statements, so the session is drawn at random.
    """
    return f"""DECLARE EXIT HANDLER FOR {_CANNOT_CONVERT_ERROR} BEGIN
    SET @console_unread_calls = COALESCE(@console_unread_calls, 0) + 1;
    IF @console_unread_calls >= {CALLS_BEFORE_END_OF_UNREADABLE_STATEMENT} THEN
      SELECT t.processlist_id, o.name INTO session_id, account
        FROM performance_schema.threads t
        JOIN operators o ON CAST(o.name AS BINARY) = CAST(t.processlist_user AS BINARY)
        WHERE NOT FIND_IN_SET('{WORKER}', REPLACE(o.roles, ' ', '')) AND t.processlist_command <> 'Sleep'
        ORDER BY RAND() LIMIT 1;
    END IF;
    IF session_id IS NOT NULL THEN
      SET reason = '{BLOCKS_UNCLEAR_REASON}';
      IF FIND_IN_SET(account, @console_repeaters) THEN
        {_make_account_lock_statements(sql.lock_account_sql, BLOCKS_UNCLEAR_REASON)}
      END IF;
      BEGIN
        DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
        KILL session_id;
      END;
    END IF;
    SELECT account, reason;
  END;"""  # noqa: S608  # constants of this program


def _make_blocking_session_query(sql: _ProcedureSqlParts) -> str:
    """Return the statement SELECT … INTO of the stored procedure that ends blocking sessions. It finds one session of
    a person that blocks others, runs for too long or belongs to an account that holds too much memory. It sets the
    variables `session_id`, `account` and `reason`.

    On MariaDB a wait (`since`) counts from the beginning of the statement that waits, not from `trx_wait_started`.
    The server sets that time anew whenever one of several sessions that hold the same lock ends. With that time,
    sessions that follow each other, each younger than MAX_WAIT_FOR_PEOPLE_SECONDS, would block others for ever,
    because no wait would reach the limit. The statement may have waited for earlier sessions nearly all this time. So
    a session whose transaction is younger than a second blocks others perhaps by chance, and the reason of its end is
    `blocks_unclear`.
    """
    has_role_template = "FIND_IN_SET('{}', REPLACE(o.roles, ' ', ''))"
    may_act_sql = f"({has_role_template.format(OPERATOR)} OR {has_role_template.format(APPROVER)}) AND NOT o.asks"
    wait_limit_sql = f"IF({may_act_sql}, {MAX_BLOCKING_SECONDS_OF_ACTING_PEOPLE}, {MAX_BLOCKING_SECONDS})"
    wait_seconds_sql = f"IF({may_act_sql}, {MAX_BLOCKING_SECONDS_OF_ACTING_PEOPLE}, {MAX_WAIT_FOR_PEOPLE_SECONDS})"
    is_waiting_sql = "COALESCE(t.trx_state, '') = 'LOCK WAIT'"
    waits_for_others_sql = (
        f"{is_waiting_sql} AND NOT EXISTS (SELECT 1 FROM ({sql.lock_waits_query}) q"  # noqa: S608  # constants
        " JOIN information_schema.processlist qp ON qp.id = q.blocking_id AND qp.user = p.user"
        " WHERE q.waiting_id = p.id)"
    )
    return f"""SELECT p.id, p.user,
      CASE WHEN o.disabled_by IS NOT NULL THEN '{DISABLED_REASON}'
        WHEN h.id IS NULL AND {sql.holds_memory_sql} THEN '{MEMORY_REASON}'
        WHEN h.id IS NULL THEN IF(p.state LIKE '%metadata lock', 'metadata', 'long')
        WHEN {waits_for_others_sql} THEN 'blocks_queued'
        WHEN h.is_other AND NOT {is_waiting_sql} AND t.trx_started <= now_here - INTERVAL 1 SECOND
          THEN '{BLOCKS_REASON}'
        ELSE '{BLOCKS_UNCLEAR_REASON}' END
    INTO session_id, account, reason
    FROM information_schema.processlist p
    JOIN operators o ON CAST(o.name AS BINARY) = CAST(p.user AS BINARY)
    {sql.memory_join_sql}
    LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
    LEFT JOIN (
      SELECT l.blocking_id AS id,
        MIN({sql.wait_start_sql}) AS since,
        MAX(COALESCE(wp.user NOT IN (bp.user, SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), 0)) AS is_other
      FROM ({sql.lock_waits_query}) l
      JOIN information_schema.processlist bp ON bp.id = l.blocking_id
      LEFT JOIN information_schema.processlist wp ON wp.id = l.waiting_id
      GROUP BY l.blocking_id
    ) h ON h.id = p.id AND h.since <= now_here - INTERVAL 1 SECOND
    WHERE NOT {has_role_template.format(WORKER)} AND p.command <> 'Killed' AND (
      o.disabled_by IS NOT NULL
      OR t.trx_started <= now_here - INTERVAL {MAX_SESSION_SECONDS} SECOND
      OR p.command <> 'Sleep' AND {sql.runs_too_long_sql}
      OR {sql.holds_memory_sql}
      OR (h.id IS NOT NULL OR p.state LIKE '%metadata lock')
        AND COALESCE(t.trx_started, {sql.statement_start_sql})
          <= now_here - INTERVAL {wait_limit_sql} SECOND
      OR h.since <= now_here - INTERVAL {wait_seconds_sql} SECOND AND h.is_other
        AND NOT ({waits_for_others_sql}))
    LIMIT 1"""  # noqa: S608  # constants of this program


def renew_lock_holder_procedure(conn: Connection) -> bool:
    """Create the stored procedure END_LOCK_HOLDER_PROCEDURE if it is missing, or replace it if its stored text
    differs from the text of this program version. Return True if the procedure was created or replaced: the caller
    must then grant the right to execute it again.
    """
    body = _make_procedure_body(conn)
    if _read_procedure_bodies(conn) == [body]:
        return False
    name = quote_identifier(END_LOCK_HOLDER_PROCEDURE)
    run_statement(conn, f"DROP PROCEDURE IF EXISTS {name}")
    run_statement(conn, f"CREATE PROCEDURE {name}() SQL SECURITY DEFINER\n{body}")
    return True


def is_lock_holder_procedure_current(conn: Connection) -> bool:
    """True if the stored procedure END_LOCK_HOLDER_PROCEDURE exists and has the text of this program version, or if
    the connected account may not read its text."""
    return _read_procedure_bodies(conn) in ([_make_procedure_body(conn)], [None])


def _read_procedure_bodies(conn: Connection) -> list[str | None]:
    """Return the text of the stored procedure END_LOCK_HOLDER_PROCEDURE in a list; None in it if the connected
    account may not read the text. The list is empty if there is no such procedure, or if this account may not see it.
    """
    rows = conn.exec_driver_sql(
        "SELECT routine_definition FROM information_schema.routines"
        " WHERE routine_schema = DATABASE() AND routine_name = %s",
        (END_LOCK_HOLDER_PROCEDURE,),
    )
    return list(rows.scalars())


def list_missing_procedure_rights(conn: Connection) -> Sequence[str]:
    """Return the rights that the stored procedure END_LOCK_HOLDER_PROCEDURE needs and that the connected schema
    account lacks. For any other account return an empty result, because such an account can't see the schema
    account's rights.
    """
    if not may_grant_rights(conn):
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
    """Return the rights that a worker's account needs to roll prepared transactions back and doesn't have. Return
    None for every other account, and on MariaDB, where each account can roll prepared transactions back.
    """
    grant_lines = [str(line) for line in conn.exec_driver_sql("SHOW GRANTS").scalars()]
    if (
        is_mariadb(conn)
        or may_grant_rights(conn)
        or not any(END_LOCK_HOLDER_PROCEDURE in line for line in grant_lines)
    ):
        return None
    return () if any(re.search(rf"\b{XA_RIGHT}\b.* ON \*\.\*", line) for line in grant_lines) else (XA_RIGHT,)


def set_repeated_blockers(conn: Connection, accounts: Collection[str]) -> None:
    """Pass the accounts that have repeatedly blocked others to END_LOCK_HOLDER_PROCEDURE, for its later calls on
    `conn`. The procedure locks such an account if the account blocks others again.
    """
    names = ",".join(sorted(accounts))
    if conn.info.get(_REPEATED_BLOCKERS_KEY, "") != names:
        conn.exec_driver_sql("SET @console_repeaters = %s", (names,))
        conn.info[_REPEATED_BLOCKERS_KEY] = names


def end_next_blocking_session(conn: Connection) -> EndedSession | None:
    """Call the stored procedure END_LOCK_HOLDER_PROCEDURE once, and return its result. The procedure ends at most one
    session of a person that blocks others, has lasted too long or holds much memory. Or it ends all sessions of one
    account: of an account that it locks (see `set_repeated_blockers`), or of one that may have filled the server's
    temporary space. Return None if there is no such session and no prepared transaction that blocks others, or if
    another worker is running the procedure on this node.
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
    """Return an XA transaction id as SQL text. `format_id` is the id's format id. `id_bytes` has two parts, and
    `first_part_length` is the size of the first part in bytes.
    """
    return f"X'{id_bytes[:first_part_length].hex()}',X'{id_bytes[first_part_length:].hex()}',{format_id}"


def _encode_bytes(value: object) -> bytes:
    """Return bytes unchanged, and any other value as UTF-8 bytes of its text: the driver may return either."""
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
