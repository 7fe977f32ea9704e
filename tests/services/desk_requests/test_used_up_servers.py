"""A person uses up a resource that all accounts of a database server share: the worker can still end sessions that
block others.
"""

import subprocess
from collections.abc import Collection, Generator, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import pymysql
import pytest

from console.store.access.grants import END_LOCK_HOLDER_PROCEDURE
from console.store.access.lock_holders import (
    BLOCKS_REASON,
    FILLED_TEMPORARY_SPACE_REASON,
    MAX_ACCOUNT_MEMORY_BYTES,
    MEMORY_REASON,
    SUSPENDED_REASON,
    TEMPORARY_SPACE_STILL_FULL_REASON,
    EndedSession,
    end_next_blocking_session,
    set_repeated_blockers,
)
from console.store.credit_checks import credit_checks
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.migrations.upgrade import renew_constraints
from tests.services.desk_requests.test_lock_holders import SECONDS_BETWEEN_CHECKS, execute_in_thread
from tests.support.server_fixtures import require_engine
from tests.support.servers import start_private_mariadb
from tests.support.teams import ROLES_BY_PERSON, Team, open_team
from tests.support.waiting import wait_until

_MAX_PREPARED_STATEMENT_COUNT = 20
"""Number of prepared statements that the server has for all accounts together; usually 16,382."""


_ROLES_BY_MEMBER = {name: ROLES_BY_PERSON[name] for name in ("op-a", "lead-b", "worker")}
_SESSION_VARIABLE_SIZE_BYTES = 16_000_000
_HOLD_DISK_TABLE_SQL = (
    "WITH RECURSIVE r AS (SELECT 1 AS n, REPEAT('x', 60000) AS p UNION ALL SELECT n + 1, p FROM r WHERE n < 60)"
    " SELECT SUM(SLEEP(36000)), MAX(p) FROM r"
)
"""A statement with a temporary table on disk, which it keeps until its session ends."""


@pytest.fixture(scope="module")
def people() -> Iterator[Team]:
    """Database accounts in team mode on a small database server of their own, whose database has another collation
    than the connections."""
    require_engine("mariadb")
    with (
        start_private_mariadb(extra_config=(f"max_prepared_stmt_count={_MAX_PREPARED_STATEMENT_COUNT}",)) as server,
        open_team(server, _ROLES_BY_MEMBER, has_team_mode=True) as made,
        closing(Database(made.owner)) as owner,
    ):
        server.sql(
            f"ALTER DATABASE `{made.database}` COLLATE utf8mb4_unicode_ci",
            f"DROP PROCEDURE `{made.database}`.{END_LOCK_HOLDER_PROCEDURE}",
        )
        renew_constraints(owner, lambda: None)
        yield made


def lock_rows_that_lead_waits_for(people: Team, stack: ExitStack) -> None:
    """Let op-a lock rows without a commit, and let lead-b wait for these rows."""
    lines = [stack.enter_context(closing(people.open_connection(name))) for name in ("op-a", "lead-b")]
    holding, waiting = (stack.enter_context(line.cursor()) for line in lines)
    for cursor in (holding, waiting):
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000, idle_transaction_timeout = 0")
    holding.execute("BEGIN")
    holding.execute("SELECT COUNT(*) FROM operators FOR UPDATE")
    execute_in_thread(stack, waiting, "SELECT COUNT(*) FROM operators FOR UPDATE")

    def give_up() -> None:
        with suppress(pymysql.MySQLError):
            holding.execute("ROLLBACK")

    stack.callback(give_up)


def end_next_session(people: Team, worker: Database, repeaters: Collection[str] = ("op-a",)) -> EndedSession:
    """Let the worker look for blocking sessions until it has ended one, and return that session. The worker counts
    the persons in `repeaters` as having blocked others repeatedly.
    """
    ended: list[EndedSession] = []

    def has_ended() -> bool:
        Event().wait(SECONDS_BETWEEN_CHECKS)
        with worker.read() as conn:
            set_repeated_blockers(conn, {people.names[name] for name in repeaters})
            session = end_next_blocking_session(conn)
        ended.extend([session] if session else [])
        return bool(ended)

    wait_until(has_ended, "the end of the session")
    return ended[0]


def use_up_prepared_statements(cursor: Any) -> None:
    """Prepare statements until the server's limit for all accounts is reached, so that no account can prepare another
    one.
    """
    for number in range(_MAX_PREPARED_STATEMENT_COUNT):
        cursor.execute(f"PREPARE kept_{number} FROM 'DO 1'")
    with pytest.raises(pymysql.MySQLError, match="max_prepared_stmt_count"):
        cursor.execute("PREPARE one_more FROM 'DO 1'")


@pytest.mark.parametrize("whose", ["op-a", "lead-b"])
def test_a_worker_locks_an_account_without_free_prepared_statements(people: Team, whose: str) -> None:
    """A person has used up all prepared statements of the server, and op-a's session blocks lead-b: the worker still
    locks op-a's account.
    """
    account = people.names["op-a"]
    with ExitStack() as stack:
        worker = stack.enter_context(closing(Database(people.urls["worker"])))
        use_up_prepared_statements(
            stack.enter_context(stack.enter_context(closing(people.open_connection(whose))).cursor())
        )
        lock_rows_that_lead_waits_for(people, stack)
        assert end_next_session(people, worker) == EndedSession(account, SUSPENDED_REASON)
        with pytest.raises(pymysql.MySQLError, match="locked"):
            people.open_connection("op-a")
    people.server.sql(f"ALTER USER `{account}`@`%` ACCOUNT UNLOCK")


def test_a_window_reads_the_feed_without_free_prepared_statements(people: Team) -> None:
    """A person has used up all prepared statements of the server: the window of another person still reads the
    change feed, which it would otherwise read by a prepared statement.
    """
    with ExitStack() as stack:
        desk = stack.enter_context(closing(Database(people.urls["op-a"])))
        with desk.read() as conn:
            mark, _ = change_feed.list_changes_since(conn, None)
        use_up_prepared_statements(
            stack.enter_context(stack.enter_context(closing(people.open_connection("lead-b"))).cursor())
        )
        for _ in range(2):
            with desk.read() as conn:
                assert change_feed.list_changes_since(conn, mark)[1] == ()
        with closing(Database(people.urls["worker"])) as worker, worker.write_without_retries() as tx:
            credit_checks.announce_change(tx.conn, 1, datetime.now(UTC))
        with desk.read() as conn:
            assert change_feed.list_changes_since(conn, mark)[1] == (("credit-check", 1),)


def test_a_session_of_an_account_that_cannot_be_locked_is_ended(people: Team) -> None:
    """A session of op-a blocks lead-b. The worker can't lock op-a's account, because the schema account lacks the
    right CREATE USER: the worker ends the session instead.
    """
    account, owner = people.names["op-a"], people.owner.partition("//")[2].partition(":")[0]
    with ExitStack() as stack:
        worker = stack.enter_context(closing(Database(people.urls["worker"])))
        people.server.sql(f"REVOKE CREATE USER ON *.* FROM `{owner}`@`%`")
        stack.callback(people.server.sql, f"GRANT CREATE USER ON *.* TO `{owner}`@`%`")
        lock_rows_that_lead_waits_for(people, stack)
        assert end_next_session(people, worker) == EndedSession(account, BLOCKS_REASON)
    with suppress(pymysql.MySQLError):
        people.open_connection("op-a").close()


@pytest.mark.parametrize("whose", [["op-a", "op-a"], ["op-a", "lead-b"]], ids=["one", "two"])
def test_sessions_that_fill_the_memory_are_ended(people: Team, whose: list[str]) -> None:
    """User variables of two sessions of one person fill the memory of the server: the worker ends one of the
    sessions. The worker doesn't add up the memory of sessions of different persons.
    """
    with ExitStack() as stack:
        worker = stack.enter_context(closing(Database(people.urls["worker"])))
        for name in whose:
            cursor = stack.enter_context(stack.enter_context(closing(people.open_connection(name))).cursor())
            for number in range(MAX_ACCOUNT_MEMORY_BYTES // _SESSION_VARIABLE_SIZE_BYTES // 2 + 1):
                cursor.execute(f"SET @kept_{number} = REPEAT('x', {_SESSION_VARIABLE_SIZE_BYTES})")
        if whose[0] == whose[1]:
            assert end_next_session(people, worker, ()) == EndedSession(people.names["op-a"], MEMORY_REASON)
        with worker.read() as conn:
            assert end_next_blocking_session(conn) is None


@pytest.fixture
def small_folder() -> Iterator[str]:
    """A folder of 16 MB for the server's temporary tables, in a file system of its own. The fixture needs root;
    without root the test is skipped.
    """
    with TemporaryDirectory(prefix="console-tmpdir-") as folder:  # the server's account may not enter pytest's own
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m,mode=1777", "tmpfs", folder], capture_output=True
        )
        if made.returncode != 0:
            pytest.skip("no file system can be made here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill_folder(folder: str) -> Path:
    """Write one file that uses all free space of the folder, and return its path."""
    file = Path(folder, "rest")
    with suppress(OSError), file.open("wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4_096))
    return file


def end_filling_sessions(people: Team, folder: str) -> Generator[EndedSession, None, None]:
    """Yield the sessions that a worker ends in four looks, while a statement of op-a keeps a temporary table in a
    full folder. After the second look lead-b connects again. At the fourth look the worker counts op-a as a person
    who has filled the folder repeatedly.

    A separate file fills the rest of the folder. A statement that fills the folder by itself would fail a second
    later, possibly before the worker looks.
    """
    with ExitStack() as stack:
        worker = stack.enter_context(closing(Database(people.urls["worker"])))

        def hold_disk_table() -> None:
            connection = stack.enter_context(closing(people.open_connection("op-a")))
            cursor = stack.enter_context(connection.cursor())
            cursor.execute("SET SESSION max_statement_time = 0")
            execute_in_thread(stack, cursor, _HOLD_DISK_TABLE_SQL)
            state = f"SELECT state FROM information_schema.processlist WHERE id = {connection.thread_id()}"
            wait_until(lambda: people.server.sql(state) == (("User sleep",),), "the temporary table")
            rest = fill_folder(folder)
            stack.callback(rest.unlink, missing_ok=True)

        def make_room() -> None:
            Path(folder, "rest").unlink()

        other = stack.enter_context(closing(people.open_connection("lead-b")))
        hold_disk_table()
        yield from (end_next_session(people, worker, ()) for _ in range(2))
        make_room()
        with pytest.raises(pymysql.MySQLError), other.cursor() as cursor:
            cursor.execute("SELECT 1")
        other = stack.enter_context(closing(people.open_connection("lead-b")))
        hold_disk_table()
        yield end_next_session(people, worker, ())
        make_room()
        hold_disk_table()
        yield end_next_session(people, worker)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1")


def test_sessions_that_fill_the_temporary_folder_are_ended(small_folder: str) -> None:
    """While the folder for temporary tables is full, the server can't list its sessions: the worker ends the sessions
    of one account after the other until there is room. If a person fills the folder again, the worker ends this
    person's sessions first, and finally locks the account.
    """
    require_engine("mariadb")
    with (
        start_private_mariadb(extra_config=(f"tmpdir={small_folder}",)) as server,
        open_team(server, _ROLES_BY_MEMBER, has_team_mode=True) as people,
    ):
        account, other = people.names["op-a"], people.names["lead-b"]
        expected = [
            EndedSession(other, TEMPORARY_SPACE_STILL_FULL_REASON),
            EndedSession(account, FILLED_TEMPORARY_SPACE_REASON),
            EndedSession(account, FILLED_TEMPORARY_SPACE_REASON),
            EndedSession(account, SUSPENDED_REASON),
        ]
        sessions: list[EndedSession] = []

        def run_all_worker_checks() -> bool:
            """Let the worker look four times for sessions that fill the disk, and store the sessions that it ends in
            `sessions`. Return False if a slow server removed op-a's table too late; all four looks must then be
            repeated.
            """
            sessions.clear()
            with closing(end_filling_sessions(people, small_folder)) as ends:
                for end in ends:
                    sessions.append(end)
                    if end == EndedSession(account, TEMPORARY_SPACE_STILL_FULL_REASON):
                        return False
            return True

        wait_until(run_all_worker_checks, "a look that sees the room")
        assert sessions == expected
        with pytest.raises(pymysql.MySQLError, match="locked"):
            people.open_connection("op-a")
