"""An open transaction of one person blocks other people only for seconds: a worker ends the database session of the
transaction, and the requests of the other people are executed.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from socket import SHUT_RDWR, socket
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import pytest
from sqlalchemy import Connection, make_url

from console.app import Console, open_console
from console.domain.desk_requests.records import make_request_id
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.store.access.grants import END_LOCK_HOLDER_PROCEDURE, renew_role_rights
from console.store.access.lock_holders import (
    MAX_BLOCKING_SECONDS,
    MAX_WAIT_FOR_PEOPLE_SECONDS,
    WATCHER_LOCK_SQL,
    end_next_blocking_session,
    list_prepared_transactions,
    renew_lock_holder_procedure,
    set_repeated_blockers,
)
from console.store.access.server_accounts import MAX_CONNECTIONS
from console.store.constraints import fitness
from console.store.database.engine import Database
from console.worker.blocking_sessions_thread import BlockingSessionsThread
from console.worker.request_threads import REQUEST_THREAD_COUNT
from tests.support.invented import invent_numbers
from tests.support.places import Place, ServerPlace
from tests.support.refusals import call_for_refusal_code
from tests.support.team_mode import is_result_unknown, keep_executing_desk_requests, start_team_mode
from tests.support.waiting import MAX_WAIT_SECONDS as MAX_TEST_WAIT_SECONDS
from tests.support.waiting import wait_until


def open_connection(place: Place, person: str, desk: int = 0) -> Any:
    """Return a plain database connection of the person's account. On a cluster it leads to the node that the worker
    or desk with this number uses.
    """
    assert isinstance(place, ServerPlace)
    parts = urlsplit(place.url(person))
    node = place.database.nodes[desk % len(place.database.nodes)]
    return node.connect(unquote(parts.username or ""), unquote(parts.password or ""), parts.path[1:])


@pytest.fixture
def worker(place: Place, sandbox: Sandbox) -> Iterator[Console]:
    """Yield the console of a worker, which executes no request by itself. The people op-a and lead-b are in team
    mode.
    """
    start_team_mode(place, "op-a", "lead-b")
    with place.open_desk(sandbox, person="worker", desk=1) as console:
        yield console


@contextmanager
def execute_requests_and_end_lock_holders(worker: Console) -> Iterator[None]:
    """Inside the block the worker executes requests, and looks for database sessions that block others and ends
    them.
    """
    over = Event()
    thread = BlockingSessionsThread(worker.blocking_session_ender, over, lambda: False)
    thread.start()
    try:
        with keep_executing_desk_requests(worker):
            yield
    finally:
        over.set()
        assert thread.wait_until_ended(MAX_TEST_WAIT_SECONDS, Event())


def buy_as_lead(place: Place, sandbox: Sandbox, number: str) -> None:
    """Let lead-b buy a credit check of the number through the worker, and assert that the purchase is charged once.
    While a lock prevents the worker from reporting its presence or from answering in time, or the desk from storing
    the request, lead-b sends the request again with the same request id.
    """
    with place.open_desk(sandbox, person="lead-b", desk=1) as desk:

        def has_bought() -> bool:
            try:
                request = PurchaseRequest(number, "1")
                return desk.credit_checks.purchase(request, request_id=number).corporation_number == number
            except ConsoleError as refusal:
                if not is_result_unknown(refusal):
                    raise
                return False

        wait_until(has_bought, "the purchase")
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1


def make_locking_statement_for_reader(place: Place, statement: str) -> str:
    """Return the statement `statement`, which locks rows with FOR UPDATE, in the form that this server accepts from
    an account that only reads, as that of a person in team mode. MySQL refuses FOR UPDATE to such an account.
    """
    return statement.replace("FOR UPDATE", "LOCK IN SHARE MODE") if place.engine == "mysql" else statement


LOCKING_STATEMENTS = (
    ("SELECT COUNT(*) FROM {table} FOR UPDATE",),
    ("SELECT COUNT(*) FROM {table} LOCK IN SHARE MODE",),
    ("SELECT COUNT(*) FROM {table}",),
    (
        "INSERT INTO requests (id, action, args) VALUES ('{id}', 'probe', '[]')",
        "SELECT COUNT(*) FROM {table} FOR UPDATE",
    ),
)
SECONDS_BETWEEN_CHECKS = 0.3
"""Seconds between two looks of the worker for blocking sessions. It is longer than 0.1 s, because InnoDB renews its
list of transactions only if nobody has read the list for 0.1 s.
"""
MAX_TEMPORARY_TABLE_COUNT_WITHOUT_SIGN = 4
"""Largest number of temporary tables that one call of the stored procedure which ends blocking sessions makes if
it finds no sign of such a session: three for its looks for signs, and one for the statement by which the test
counts the tables.
"""
TABLES_TO_LOCK = ("own_requests", "operations", "leases", "audit_log", "hansha_alarmbox_credit_checks", "operators")


@pytest.mark.expects_log("a lock of op-a may time out in the worker before op-a's session is ended")
def test_a_session_that_locks_other_peoples_rows_is_ended(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """In a session without time limits, op-a locks the rows that a purchase needs, and never commits: lead-b's
    purchases are still executed.
    """
    with execute_requests_and_end_lock_holders(worker):
        for count, (statements, number) in enumerate(
            zip(LOCKING_STATEMENTS, invent_numbers(len(LOCKING_STATEMENTS), seed=101), strict=True)
        ):
            with closing(open_connection(place, "op-a", 1)) as connection, connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
                cursor.execute("BEGIN")
                for statement in statements:
                    for table in TABLES_TO_LOCK[count:]:
                        locking_statement = make_locking_statement_for_reader(place, statement)
                        cursor.execute(locking_statement.format(table=table, id=make_request_id()))
                buy_as_lead(place, sandbox, number)
        if place.engine != "galera":
            wait_until(lambda: bool(list_authors_of_entries(place)), "the entries about the ended sessions")
    assert list_authors_of_entries(place) in ([], [("worker", 1)], [(place.get_account_name("worker"), 1)])


def list_authors_of_entries(place: Place) -> list[tuple[Any, ...]]:
    """Return who has written the audit entries about ended sessions, each with 1 if the reason of the end is a block,
    otherwise 0.
    """
    return place.sql("SELECT DISTINCT who, detail LIKE '%blocks%' FROM audit_log WHERE what = 'lock_holder.ended'")


def connect_as_schema_account(place: ServerPlace) -> Any:
    """Return a plain connection of the schema account. It leads to the same database node as the connections for desk
    1.
    """
    parts = urlsplit(place.database._team.owner)
    node = place.database.nodes[1 % len(place.database.nodes)]
    return node.connect(unquote(parts.username or ""), unquote(parts.password or ""), parts.path[1:])


def wait_for_sessions_end(place: Place, person: str) -> None:
    """Wait until the server has no session of this person. After a client has disconnected, its session can remain
    for some time with its locks.
    """
    assert isinstance(place, ServerPlace)
    query = f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{place.get_account_name(person)}'"
    with closing(connect_as_schema_account(place)) as connection, connection.cursor() as cursor:

        def have_ended() -> bool:
            cursor.execute(query)
            return bool(cursor.fetchone() == (0,))

        wait_until(have_ended, "the end of the sessions", 600)


def execute_in_thread(stack: ExitStack, cursor: Any, statement: str) -> None:
    """Execute the statement in a thread and ignore an error of the statement. The exit stack waits for the end of the
    thread.
    """

    def execute_ignoring_errors() -> None:
        with suppress(pymysql.MySQLError):
            cursor.execute(statement)

    thread = Thread(target=execute_ignoring_errors)
    thread.start()
    stack.callback(thread.join)


def lock_repeatedly_until_account_is_locked(place: Place, statement: str, end_event: Event) -> None:
    """As op-a, lock the end of a table for so short a time that the worker doesn't end the session. Repeat this in
    new sessions until the worker has locked op-a's account.
    """
    while not end_event.is_set():
        try:
            with closing(open_connection(place, "op-a", 1)) as connection, connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                cursor.execute("BEGIN")
                cursor.execute(statement)
                end_event.wait(MAX_BLOCKING_SECONDS - 1)
        except pymysql.MySQLError as refused:
            if refused.args[0] in LOCKED_ACCOUNT_ERROR_NUMBERS:
                return
            end_event.wait(0.1)  # such as too many connections


LOCKED_ACCOUNT_ERROR_NUMBERS = (4151, 3118)  # MariaDB, MySQL


@pytest.mark.expects_log("an account is locked")
@pytest.mark.parametrize("locked_range", ["own_requests WHERE id > 'f'", "audit_log WHERE id > 1000000000"])
def test_an_account_that_blocks_others_repeatedly_is_locked(
    place: Place, sandbox: Sandbox, worker: Console, locked_range: str
) -> None:
    """The sessions of op-a lock a gap one after the other, each for a short time, so that no person can store a
    request: the worker locks op-a's account. The command `db accounts apply` unlocks the account.
    """
    end_event = Event()
    locks = f"SELECT COUNT(*) FROM {locked_range}"
    attackers = [
        Thread(target=lock_repeatedly_until_account_is_locked, args=(place, locks, end_event))
        for _ in range(2 * REQUEST_THREAD_COUNT)
    ]
    (number,) = invent_numbers(1, seed=104)
    for attacker in attackers:
        attacker.start()

    def are_all_sessions_ended() -> bool:
        """Try to store a request as lead-b; return True if no attacking session of op-a is running any more."""
        with (
            closing(open_connection(place, "lead-b", 1)) as connection,
            connection.cursor() as cursor,
            suppress(pymysql.MySQLError),
        ):
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 4")
            cursor.execute("INSERT INTO requests (id, action, args) VALUES (%s, 'audit', '{}')", (make_request_id(),))
        return not any(attacker.is_alive() for attacker in attackers)

    try:
        with execute_requests_and_end_lock_holders(worker):
            wait_until(are_all_sessions_ended, "the end of the attack")
            buy_as_lead(place, sandbox, number)
            wait_until(lambda: count_locked_accounts(place) == 1, "the entry about the locked account")
        with pytest.raises(pymysql.MySQLError, match="locked"):
            open_connection(place, "op-a", 1)
    finally:
        end_event.set()
        for attacker in attackers:
            attacker.join()
        start_team_mode(place, "op-a")
    open_connection(place, "op-a", 1).close()
    assert count_locked_accounts(place) == 1


def count_locked_accounts(place: Place) -> int:
    """Return the number of audit entries about accounts that a worker has locked. A worker writes such an entry some
    time after it has locked the account, when its look ends no session and nothing locks the audit trail.
    """
    return int(place.sql("SELECT COUNT(*) FROM audit_log WHERE what = 'lock_holder.locked_out'")[0][0])


def hand_over_lock(
    place: Place, worker: Console, stack: ExitStack, *, has_third_session: bool = False
) -> tuple[int, int]:
    """Let a lock pass from one session of op-a to a second one while lead-b waits for it, and let the worker look
    for blocking sessions once. Return the number of sessions that the worker ended, and the longest time (seconds)
    that passing the lock may have taken.

    First op-a locks a gap, and lead-b waits long enough for the session to be ended. Early in a second of the
    server's clock a second session of op-a locks the gap too, and the first session ends. With `has_third_session`
    the second session then waits for a third session of op-a. If the worker looks within one second, lead-b's wait
    for the second session alone is too short for the worker to end that session.
    """
    assert isinstance(place, ServerPlace)
    looking, waiting = (
        stack.enter_context(closing(connection))
        for connection in (connect_as_schema_account(place), open_connection(place, "lead-b", 1))
    )
    cursor, waiting_cursor = stack.enter_context(looking.cursor()), stack.enter_context(waiting.cursor())
    connections = [stack.enter_context(closing(open_connection(place, "op-a", 1))) for _ in range(3)]
    holding = [stack.enter_context(connection.cursor()) for connection in connections]
    for each in (*holding, waiting_cursor):
        each.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
    for each in holding:
        each.execute("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    waiting_cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def lock_gap(number: int) -> None:
        """Lock the gap in the session of op-a with this number."""
        holding[number].execute("BEGIN")
        holding[number].execute("SELECT COUNT(*) FROM own_requests WHERE id > 'f'")

    def read_row(query: str) -> Any:
        cursor.execute(query)
        return cursor.fetchone()

    lock_gap(0)
    execute_in_thread(
        stack,
        waiting_cursor,
        f"INSERT INTO requests (id, action, args) VALUES ('{make_request_id()}', 'audit', '{{}}')",
    )
    stack.callback(lambda: [connection._force_close() for connection in connections])
    wait = (
        "SELECT MAX(trx_wait_started), COUNT(*) FROM information_schema.innodb_trx"
        f" JOIN information_schema.processlist p ON p.id = trx_mysql_thread_id WHERE p.id = {waiting.thread_id()}"
        f" AND trx_state = 'LOCK WAIT' AND p.time >= {MAX_WAIT_FOR_PEOPLE_SECONDS + 1}"
    )

    def read_wait() -> Any:
        """Return the time at which lead-b's wait began, and 1 if the wait is long enough for the worker to end a
        session, otherwise 0.
        """
        Event().wait(SECONDS_BETWEEN_CHECKS)
        return read_row(wait)

    wait_until(lambda: read_wait()[1] == 1, "a long wait")
    before, _ = read_wait()
    dates_anew = place.engine != "mysql"  # MySQL dates a wait once
    wait_until(lambda: read_row("SELECT MICROSECOND(SYSDATE(6)) < 200000")[0] == 1, "the beginning of a second")
    (handed_on,) = read_row("SELECT SYSDATE()")
    lock_gap(1)
    connections[0].commit()
    wait_until(lambda: (read_wait()[0] != before) == dates_anew, "the wait for the second session")
    if has_third_session:
        holding[2].execute("BEGIN")
        holding[2].execute("SELECT COUNT(*) FROM limits FOR UPDATE")
        execute_in_thread(stack, holding[1], "SELECT COUNT(*) FROM limits FOR UPDATE")
        waits = (
            "SELECT COUNT(*) FROM information_schema.innodb_trx"
            f" WHERE trx_mysql_thread_id = {connections[1].thread_id()} AND trx_state = 'LOCK WAIT'"
        )

        def is_queued() -> bool:
            Event().wait(SECONDS_BETWEEN_CHECKS)
            return bool(read_row(waits) == (1,))

        wait_until(is_queued, "the wait of the second session")
    ended = worker.blocking_session_ender.end_blocking_sessions()
    (seconds,) = read_row(f"SELECT TIMESTAMPDIFF(SECOND, '{handed_on}', SYSDATE())")
    return ended, seconds


def test_a_wait_for_a_lock_passed_between_sessions_counts_as_one(place: Place, worker: Console) -> None:
    """A database server counts a wait from zero when another session takes over the lock. The worker counts the whole
    duration of lead-b's statement as the wait, and ends the session that has taken over the lock.
    """
    judged: list[int] = []

    def has_worker_looked_in_time() -> bool:
        """Hand the lock over; return True after the worker has looked within one second of a hand-over. A slow
        machine needs more attempts.
        """
        with ExitStack() as stack:
            ended, seconds = hand_over_lock(place, worker, stack)
        wait_for_sessions_end(place, "op-a")
        judged.extend([ended] if seconds == 0 else [])
        return bool(judged)

    wait_until(has_worker_looked_in_time, "a look in the second of the hand-over", 600)
    worker.blocking_session_ender.close()
    assert judged == [1]


def test_a_session_that_waits_for_an_own_session_counts_as_blocking(place: Place, worker: Console) -> None:
    """The sessions of op-a wait for one another, each for a short time, so the session that blocks lead-b always
    waits, too: the worker ends this session, and counts the block only a little towards locking op-a's account.
    """
    judged: list[int] = []
    if place.engine == "mysql":
        pytest.skip("who asks can't lock a row there for itself")

    def has_worker_looked_in_time() -> bool:
        with ExitStack() as stack:
            ended, seconds = hand_over_lock(place, worker, stack, has_third_session=True)
        wait_for_sessions_end(place, "op-a")
        judged.extend([ended] if seconds < MAX_BLOCKING_SECONDS else [])
        return bool(judged)

    wait_until(has_worker_looked_in_time, "a look while all of these sessions are young", 600)
    worker.blocking_session_ender.close()
    assert judged[0] >= 1
    assert "blocks_unclear" in "".join(read_entries_about(place, "op-a"))


def test_a_session_that_only_reads_is_not_ended(place: Place, worker: Console) -> None:
    """MariaDB gives transactions without changes the id 0. The worker ends the session that holds the lock, and ends
    no session that only reads.
    """
    assert isinstance(place, ServerPlace)
    readers, (person, waits) = ("lead-c", "op-b"), ("op-a", "lead-b")
    start_team_mode(place, *readers)
    with ExitStack() as stack:
        connections = [
            stack.enter_context(closing(open_connection(place, name, 1)))
            for name in (readers[0], person, readers[1], waits)
        ]
        cursors = [stack.enter_context(connection.cursor()) for connection in connections]
        for cursor, name in zip(cursors, (readers[0], person, readers[1], waits), strict=True):
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
            if name == waits:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                asks = f"INSERT INTO requests (id, action, args) VALUES ('{make_request_id()}', 'audit', '{{}}')"
                execute_in_thread(stack, cursor, asks)
                continue
            isolation = "SERIALIZABLE" if name == person else "REPEATABLE READ"
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
            cursor.execute("BEGIN")
            cursor.execute("SELECT COUNT(*) FROM own_requests WHERE id > 'f'")

        def look_for_lock_holders() -> bool:
            """Let the worker look for blocking sessions; return True if the locking session has ended."""
            Event().wait(SECONDS_BETWEEN_CHECKS)
            worker.blocking_session_ender.end_blocking_sessions()
            return has_ended_session(place, connections[1])

        wait_until(look_for_lock_holders, "the end of the session that locks")
        assert not has_ended_session(place, connections[0])
        assert not has_ended_session(place, connections[2])
    worker.blocking_session_ender.close()


def test_no_session_forges_how_long_a_statement_takes(place: Place, worker: Console) -> None:
    """On MySQL a session can set its own time. A session whose statement seems to begin in the future is still ended,
    and a wait that seems to last since 1970 counts only with its real duration. MariaDB refuses to set the time.
    """
    assert isinstance(place, ServerPlace)
    ender = worker.blocking_session_ender
    with ExitStack() as stack:
        holding, waiting = (
            stack.enter_context(closing(open_connection(place, name, 1))) for name in ("lead-b", "op-a")
        )
        cursor, waiting_cursor = stack.enter_context(holding.cursor()), stack.enter_context(waiting.cursor())
        if place.engine != "mysql":
            with pytest.raises(pymysql.MySQLError, match="secure-timestamp"):
                waiting_cursor.execute("SET timestamp = 1000")
            return
        insert = f"INSERT INTO requests (id, action, args) VALUES ('{make_request_id()}', 'probe', '[]')"
        cursor.execute("BEGIN")
        cursor.execute(insert)
        waiting_cursor.execute("SET timestamp = 1000")
        waiting_cursor.execute("BEGIN")
        execute_in_thread(stack, waiting_cursor, insert)  # waits: the same id
        stack.callback(waiting._force_close)
        listed = "SELECT TIMESTAMPDIFF(SECOND, MAX(trx_wait_started), SYSDATE()) FROM information_schema.innodb_trx"
        looking = stack.enter_context(stack.enter_context(closing(connect_as_schema_account(place))).cursor())

        def wait_seconds() -> int | None:
            Event().wait(SECONDS_BETWEEN_CHECKS)
            looking.execute(f"{listed} WHERE trx_mysql_thread_id = {waiting.thread_id()}")
            return looking.fetchone()[0]  # type: ignore[no-any-return]  # PyMySQL has no types

        wait_until(lambda: wait_seconds() is not None, "the wait")
        ended, seconds = ender.end_blocking_sessions(), wait_seconds()
        assert ended == 0 or seconds is None or seconds >= MAX_WAIT_FOR_PEOPLE_SECONDS
        cursor.execute("ROLLBACK")
    wait_for_sessions_end(place, "op-a")
    with ExitStack() as stack:
        sleeping = stack.enter_context(closing(open_connection(place, "op-a", 1)))
        sleeping_cursor = stack.enter_context(sleeping.cursor())
        sleeping_cursor.execute("SET timestamp = 2000000000")
        execute_in_thread(stack, sleeping_cursor, "SELECT SLEEP(600)")
        wait_until(lambda: ender.end_blocking_sessions() == 1, "the end of the statement")
    ender.close()


def read_entries_about(place: Place, person: str) -> list[str]:
    """Return the details of the audit entries about ended database sessions of this person. Other entries are left
    out: a worker also writes entries when it rolls back prepared transactions of other databases of the server.
    """
    details = place.sql("SELECT detail FROM audit_log WHERE what = 'lock_holder.ended' ORDER BY id")
    return [str(detail) for (detail,) in details if place.get_account_name(person) in str(detail)]


def has_ended_session(place: Place, connection: Any) -> bool:
    """Return True if the server has closed the session of this connection."""
    assert isinstance(place, ServerPlace)
    with closing(connect_as_schema_account(place)) as other, other.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM information_schema.processlist WHERE id = {connection.thread_id()}"
            " AND command <> 'Killed'"
        )
        return bool(cursor.fetchone() == (0,))


def test_a_wait_for_an_own_session_counts_only_a_little(place: Place, worker: Console) -> None:
    """A person's second desk waits for a lock of the person's first desk, which sends a file. The worker ends the
    session of the first desk, and counts this wait only a little towards locking the account.
    """
    assert isinstance(place, ServerPlace)
    wait_for_sessions_end(place, "op-a")
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(open_connection(place, "op-a", 1))) for _ in range(2)]
        for connection in connections:
            cursor = stack.enter_context(connection.cursor())
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute("BEGIN")
            asks = f"INSERT INTO requests (id, action, args) VALUES ('{make_request_id()}', 'probe', '[]')"
            if connection is connections[0]:
                cursor.execute(asks)
            else:
                execute_in_thread(stack, cursor, asks)

        def look_for_lock_holders() -> bool:
            Event().wait(SECONDS_BETWEEN_CHECKS)
            worker.blocking_session_ender.end_blocking_sessions()
            return has_ended_session(place, connections[0])

        wait_until(look_for_lock_holders, "the end of the first session")
    wait_for_sessions_end(place, "op-a")
    wait_until(
        lambda: worker.blocking_session_ender.end_blocking_sessions() == 0, "the entries about the ended session"
    )
    worker.blocking_session_ender.close()
    details = read_entries_about(place, "op-a")
    assert ["blocks_unclear" in detail for detail in details] == [True], details


LONG_FUNCTION_SQL = "SELECT LOCATE(CONCAT(REPEAT('a', 100000), 'b'), REPEAT('a', 200000))"
"""A statement with a function that takes a server some seconds, and that the server doesn't leave before its end,
also when the session is ended.
"""


@pytest.mark.expects_log("a session that does not end is told")
def test_a_session_that_cannot_be_ended_does_not_stop_ending_others(
    place: Place, worker: Console, caplog: pytest.LogCaptureFixture
) -> None:
    """Two sessions block others, and the server can't end one of them yet: the log has one message about that
    session, and the worker ends the other session.
    """
    assert isinstance(place, ServerPlace)
    with ExitStack() as stack:
        for table in ("operators", "limits"):
            connection = stack.enter_context(closing(open_connection(place, "op-a", 1)))
            cursor = stack.enter_context(connection.cursor())
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            cursor.execute("BEGIN")
            cursor.execute(make_locking_statement_for_reader(place, f"SELECT COUNT(*) FROM {table} FOR UPDATE"))
            if table == "operators":
                execute_in_thread(stack, cursor, LONG_FUNCTION_SQL)
        for table in ("operators", "limits"):
            waiting = stack.enter_context(closing(connect_as_schema_account(place)))
            execute_in_thread(
                stack, stack.enter_context(waiting.cursor()), f"SELECT COUNT(*) FROM {table} FOR UPDATE"
            )
        ended = 0

        def look_for_lock_holders() -> bool:
            nonlocal ended
            Event().wait(SECONDS_BETWEEN_CHECKS)
            ended += worker.blocking_session_ender.end_blocking_sessions()
            return ended >= 2

        wait_until(look_for_lock_holders, "the end of both sessions")
        assert ended == 2
        for _ in range(2):
            Event().wait(SECONDS_BETWEEN_CHECKS)
            assert worker.blocking_session_ender.end_blocking_sessions() == 0
        messages = [record.getMessage() for record in caplog.records if "restart this node" in record.getMessage()]
        assert len(messages) == 1
        assert place.get_account_name("op-a") in messages[0]
    worker.blocking_session_ender.close()
    wait_for_sessions_end(place, "op-a")


def test_a_session_that_blocks_no_other_stays_connected(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """The worker doesn't end the session of an open transaction for which no other session waits."""
    with closing(open_connection(place, "op-a", 1)) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT COUNT(*) FROM sagas")
        assert worker.blocking_session_ender.end_blocking_sessions() == 0
        with closing(Database(place.url("worker"))) as database, database.read() as conn:
            set_repeated_blockers(conn, {place.get_account_name("op-a")})  # also if a worker says so without a reason
            assert end_next_blocking_session(conn) is None
        cursor.execute("SELECT 1")
    open_connection(place, "op-a", 1).close()
    worker.blocking_session_ender.close()


def list_prepared_ids(database: Database) -> tuple[str, ...]:
    """Return the ids of the prepared transactions that this database account can read."""
    with database.read() as conn:
        return list_prepared_transactions(conn)


@contextmanager
def prepared_transaction(place: Place) -> Iterator[None]:
    """An XA transaction in which op-a has locked the rows that a purchase needs; op-a has prepared it and
    disconnected. On MySQL the worker has the right to roll it back. A cluster has no XA transactions, so the test is
    skipped there.
    """
    assert isinstance(place, ServerPlace)
    server = place.database.nodes[0]
    with closing(open_connection(place, "op-a", 1)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute("XA START 'a','b',7")
        except pymysql.MySQLError:
            assert place.engine == "galera"
            pytest.skip("a cluster has no XA transactions")
        cursor.execute("INSERT INTO requests (id, action, args) VALUES (%s, 'probe', '[]')", (make_request_id(),))
        for table in TABLES_TO_LOCK:
            cursor.execute(make_locking_statement_for_reader(place, f"SELECT COUNT(*) FROM {table} FOR UPDATE"))
        cursor.execute("XA END 'a','b',7")
        cursor.execute("XA PREPARE 'a','b',7")
    right = f"XA_RECOVER_ADMIN ON *.* {{}} `{place.get_account_name('worker')}`@`%`"
    try:
        if place.engine == "mysql":
            server.sql(f"GRANT {right.format('TO')}")
        yield
    finally:
        with suppress(pymysql.MySQLError):  # the worker has done so
            server.sql("XA ROLLBACK 'a','b',7")
        if place.engine == "mysql":
            server.sql(f"REVOKE {right.format('FROM')}")


def test_a_worker_rolls_back_a_prepared_transaction(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """A prepared XA transaction keeps its locks after its session has ended; the worker rolls it back."""
    (number,) = invent_numbers(1, seed=102)
    with prepared_transaction(place), closing(Database(place.url("worker"))) as database:
        assert list_prepared_ids(database) == ("X'61',X'62',7",)
        with execute_requests_and_end_lock_holders(worker):
            buy_as_lead(place, sandbox, number)
        wait_until(lambda: list_prepared_ids(database) == (), "the end of the prepared transaction")


def test_repeated_short_waits_end_the_blocking_session(place: Place, worker: Console) -> None:
    """A person waits again and again for the lock of a prepared transaction, only two seconds each time: the worker
    still rolls back the prepared transaction.
    """
    over = Event()

    def wait_for_lock_repeatedly(cursor: Any) -> None:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 2")
        while not over.is_set():
            with suppress(pymysql.MySQLError):
                cursor.execute(
                    "INSERT INTO requests (id, action, args) VALUES (%s, 'probe', '[]')", (make_request_id(),)
                )
            over.wait(1)

    def look_for_lock_holders() -> int:
        over.wait(SECONDS_BETWEEN_CHECKS)
        return worker.blocking_session_ender.end_blocking_sessions()

    with (
        prepared_transaction(place),
        closing(open_connection(place, "lead-b", 1)) as connection,
        connection.cursor() as cursor,
    ):
        asking = Thread(target=wait_for_lock_repeatedly, args=(cursor,))
        asking.start()
        try:
            wait_until(lambda: look_for_lock_holders() == 1, "the end of the prepared transaction")
        finally:
            over.set()
            asking.join()
    worker.blocking_session_ender.close()


def test_a_lock_on_the_people_does_not_stop_the_search(place: Place, worker: Console) -> None:
    """While a transaction has locked all rows of `operators`, the worker still looks for blocking sessions: the
    stored procedure that looks for them reads the people without a lock.
    """
    assert isinstance(place, ServerPlace)
    with closing(connect_as_schema_account(place)) as owner, owner.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT name FROM operators FOR UPDATE")
        assert cursor.fetchall()
        assert worker.blocking_session_ender.end_blocking_sessions() == 0
        cursor.execute("ROLLBACK")
    worker.blocking_session_ender.close()


def test_a_call_without_a_sign_of_a_blocking_session_searches_nothing(place: Place, worker: Console) -> None:
    """While nothing waits or lasts long, a call of the stored procedure that ends blocking sessions only looks for
    signs of them, because a worker calls it each second. The search itself makes more than ten temporary tables,
    and each look for signs makes one. On MySQL neither of them makes temporary tables.
    """
    if place.engine == "mysql":
        pytest.skip("a MySQL makes no temporary table of its sessions")

    def count_temporary_tables(conn: Connection) -> int:
        return int(conn.exec_driver_sql("SHOW SESSION STATUS LIKE 'Created_tmp_tables'").one()[1])

    def has_only_looked_for_signs() -> bool:
        before = count_temporary_tables(conn)
        if end_next_blocking_session(conn) is not None:  # the server lists a lock for a moment after its end
            return False
        return count_temporary_tables(conn) - before <= MAX_TEMPORARY_TABLE_COUNT_WITHOUT_SIGN

    with closing(Database(place.url("worker"))) as database, database.read() as conn:
        wait_until(has_only_looked_for_signs, "a call while no other test blocks sessions of this server")


@contextmanager
def block_writers_of_limits(place: Place) -> Iterator[Any]:
    """Inside the block, a session of op-a has locked the rows of `limits`, and a session of the schema account has
    waited for them longer than a worker lets others wait. Yield the connection of op-a's session.
    """
    with ExitStack() as stack:
        locking = stack.enter_context(closing(open_connection(place, "op-a", 1)))
        cursor = stack.enter_context(locking.cursor())
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 1000 /*M! , idle_transaction_timeout = 0 */")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        cursor.execute("BEGIN")
        cursor.execute(make_locking_statement_for_reader(place, "SELECT COUNT(*) FROM limits FOR UPDATE"))
        assert isinstance(place, ServerPlace)
        waiting, looking = (stack.enter_context(closing(connect_as_schema_account(place))) for _ in range(2))
        execute_in_thread(stack, stack.enter_context(waiting.cursor()), "SELECT COUNT(*) FROM limits FOR UPDATE")
        stack.callback(waiting._force_close)
        looking_cursor = stack.enter_context(looking.cursor())

        def is_wait_too_long() -> bool:
            Event().wait(SECONDS_BETWEEN_CHECKS)
            looking_cursor.execute(
                "SELECT COUNT(*) FROM information_schema.innodb_trx"
                f" WHERE trx_mysql_thread_id = {waiting.thread_id()} AND trx_state = 'LOCK WAIT'"
                f" AND trx_wait_started <= SYSDATE() - INTERVAL {MAX_BLOCKING_SECONDS + 1} SECOND"
            )
            return bool(looking_cursor.fetchone() == (1,))

        wait_until(is_wait_too_long, "a long wait")
        yield locking


@contextmanager
def run_statement_with_emoji(place: Place, person: str) -> Iterator[Any]:
    """Inside the block, a session of this person runs a statement with a character of four bytes. Yield its
    connection."""
    with ExitStack() as stack:
        connection = stack.enter_context(closing(open_connection(place, person, 1)))
        execute_in_thread(stack, stack.enter_context(connection.cursor()), "SELECT '\N{GRINNING FACE}', SLEEP(1000)")
        stack.enter_context(suppress(OSError))  # the server may have closed it
        stack.callback(connection._sock.shutdown, SHUT_RDWR)
        yield connection


@contextmanager
def take_watcher_lock(place: Place, person: str) -> Iterator[None]:
    """Inside the block, a session of this person or worker has the user lock of the watching worker on each node."""
    assert isinstance(place, ServerPlace)
    with ExitStack() as stack:
        for node in range(len(place.database.nodes)):
            cursor = stack.enter_context(stack.enter_context(closing(connect_as_schema_account(place))).cursor())
            cursor.execute(f"SELECT {WATCHER_LOCK_SQL}")
            (name,) = cursor.fetchone()
            connection = stack.enter_context(closing(open_connection(place, person, node)))
            holding = stack.enter_context(connection.cursor())
            # The server ends the session of the worker of an earlier test only after some seconds.
            wait_until(partial(_take_user_lock, holding, name), "the user lock of the watching worker")
        yield


def _take_user_lock(cursor: Any, name: str) -> bool:
    """Take the user lock for the session of this cursor. Return False if another session has it."""
    cursor.execute("SELECT GET_LOCK(%s, 0)", (name,))
    return bool(cursor.fetchone() == (1,))


def test_a_statement_with_an_emoji_protects_no_blocking_session(place: Place, worker: Console) -> None:
    """MySQL's lists of sessions and transactions can't be read while a session runs a statement with a character of
    four bytes. A worker ends such a session of a person after some passes, and then the session that blocks others.
    """
    ender = worker.blocking_session_ender
    with block_writers_of_limits(place) as locking, run_statement_with_emoji(place, "lead-b"):

        def has_ended_the_blocking_session() -> bool:
            ender.end_blocking_sessions()
            with suppress(pymysql.MySQLError):  # this test can't read the list of sessions either
                return has_ended_session(place, locking)
            return False

        wait_until(has_ended_the_blocking_session, "the end of the session that locks")


def is_watcher_lock_taken(cursor: Any) -> bool:
    """True if a session at the node of this cursor has the user lock of the watching worker."""
    cursor.execute(f"SELECT IS_USED_LOCK({WATCHER_LOCK_SQL}) IS NOT NULL")
    return bool(cursor.fetchone() == (1,))


def test_a_worker_ends_no_session_while_another_one_watches(place: Place, worker: Console) -> None:
    """While another worker's session has the user lock, a worker doesn't end a session that blocks others. After the
    other worker's session has ended, the worker ends the blocking session, and has the user lock.
    """
    assert isinstance(place, ServerPlace)
    ender = worker.blocking_session_ender
    with block_writers_of_limits(place) as locking:
        with take_watcher_lock(place, "worker"):
            assert ender.end_blocking_sessions() == 0
            assert not has_ended_session(place, locking)
        wait_until(lambda: ender.end_blocking_sessions() == 1, "the end of the session that locks")
    with closing(connect_as_schema_account(place)) as connection, connection.cursor() as cursor:
        assert is_watcher_lock_taken(cursor)
    ender.close()
    wait_for_sessions_end(place, "op-a")


def count_calls(patch: pytest.MonkeyPatch, owner: object, method: str) -> list[int]:
    """Return a list that contains the number of further calls of this method."""
    count, call = [0], getattr(owner, method)

    def count_and_call(*given: object) -> object:
        count[0] += 1
        return call(*given)

    patch.setattr(owner, method, count_and_call)
    return count


def test_a_person_with_the_lock_of_the_watching_worker_stops_no_worker(
    place: Place, worker: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person may take a user lock of any name, also the one by which workers agree which of them watches. A
    worker still ends a session that blocks others. While a person has locked the end of the audit trail, the
    worker tries once to write the entry about the ended session, because it must look for sessions again.
    """
    ender = worker.blocking_session_ender
    with block_writers_of_limits(place), take_watcher_lock(place, "lead-b"):
        assert ender.end_blocking_sessions() == 1
    with closing(open_connection(place, "op-a", 1)) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        cursor.execute("BEGIN")
        cursor.execute("SELECT COUNT(*) FROM audit_log WHERE id > 1000000000")
        tries = count_calls(monkeypatch, ender, "_record_audit")
        assert call_for_refusal_code(ender.end_blocking_sessions) == "database_locked"
        assert tries == [1]
    assert isinstance(place, ServerPlace)
    wait_for_sessions_end(place, "op-a")
    assert ender.end_blocking_sessions() == 0
    assert len(read_entries_about(place, "op-a")) == 1
    ender.close()


def test_another_worker_watches_after_the_first_has_stopped(place: Place, worker: Console) -> None:
    """A worker whose process is stopped no longer calls the stored procedure that ends blocking sessions, but its
    connections exist. The server closes them, and another worker ends the session that blocks others. This holds
    also if the stopped worker has an earlier version of the program, which does nothing but call the procedure.
    """
    with closing(Database(place.url("worker", 1))) as stopped, stopped.read() as conn:
        assert end_next_blocking_session(conn) is None
        with block_writers_of_limits(place):
            ender = worker.blocking_session_ender
            wait_until(lambda: ender.end_blocking_sessions() == 1, "the end of the session that locks")
    ender.close()
    wait_for_sessions_end(place, "op-a")


def test_an_unreachable_node_does_not_stop_the_search_on_other_nodes(
    place: Place, sandbox: Sandbox, worker: Console
) -> None:
    """The first node of a worker's database can't be reached. The worker still looks for blocking sessions on the
    other nodes.
    """
    assert isinstance(place, ServerPlace)
    url = make_url(place.url("worker", 1))
    with (
        socket() as closed_port,
        closing(connect_as_schema_account(place)) as connection,
        connection.cursor() as cursor,
    ):
        closed_port.bind(("127.0.0.1", 0))
        nodes = {"fallback": (f"127.0.0.1:{url.port}",)}
        url = url.set(host="127.0.0.1", port=closed_port.getsockname()[1], query={**url.query, **nodes})
        environment = place.make_environment(sandbox.url, "worker", 2)
        environment["CONSOLE_DATABASE_URL"] = url.render_as_string(hide_password=False)
        with open_console(Settings.load(environment)) as console:
            assert console.blocking_session_ender.end_blocking_sessions() == 0
            assert is_watcher_lock_taken(cursor)
            console.blocking_session_ender.close()


@pytest.mark.expects_log("the procedure is missing, or may not be executed yet")
def test_a_worker_whose_search_fails_releases_the_watcher_lock_and_tries_again(
    place: Place, worker: Console, caplog: pytest.LogCaptureFixture
) -> None:
    """The stored procedure that ends blocking sessions is missing, as during an upgrade, or the server refuses it
    for a reason without an error code. The worker releases the user lock of the watching worker, so that another
    worker can watch, and watches again seconds after the procedure was mended.
    """
    assert isinstance(place, ServerPlace)
    over = Event()
    thread = BlockingSessionsThread(worker.blocking_session_ender, over, lambda: False)
    with (
        closing(connect_as_schema_account(place)) as connection,
        connection.cursor() as cursor,
        closing(Database(place.database._team.owner)) as owner,
        owner.read() as conn,
    ):
        thread.start()
        try:
            wait_until(lambda: is_watcher_lock_taken(cursor), "a worker that watches")
            conn.exec_driver_sql(f"DROP PROCEDURE {END_LOCK_HOLDER_PROCEDURE}")
            wait_until(lambda: not is_watcher_lock_taken(cursor), "the end of its session", seconds=50)
            conn.exec_driver_sql(f"CREATE PROCEDURE {END_LOCK_HOLDER_PROCEDURE}(IN arg INT) DO arg")
            renew_role_rights(conn)
            # MySQL may have refused the missing procedure without a code, too, which is logged only once.
            wait_until(lambda: "the search for blocking sessions failed" in caplog.text, "a refusal without a code")
            renew_lock_holder_procedure(conn)
            renew_role_rights(conn)
            wait_until(lambda: is_watcher_lock_taken(cursor), "a worker that watches again", seconds=50)
        finally:
            over.set()
            assert thread.wait_until_ended(MAX_TEST_WAIT_SECONDS, Event())


def test_a_worker_without_a_server_right_is_reported(place: Place) -> None:
    """On MySQL a worker can read prepared transactions only with a right that the server's administrator grants; a
    health check reports the missing right.
    """
    named = "prepared_transactions"
    with closing(Database(place.url("worker"))) as database:
        finding_by_check = {finding.check_name: finding for finding in fitness.check_fitness(database)}
        if place.engine == "mysql":
            assert call_for_refusal_code(lambda: list_prepared_ids(database)) == "not_allowed"
            assert (finding_by_check[named].has_passed, finding_by_check[named].stops_purchases) == (False, False)
        else:
            assert list_prepared_ids(database) == ()
            assert named not in finding_by_check


def test_an_account_has_a_limited_number_of_connections(place: Place, sandbox: Sandbox, worker: Console) -> None:
    """The server limits the number of connections of an account in team mode; other accounts can still connect."""
    (number,) = invent_numbers(1, seed=103)
    assert isinstance(place, ServerPlace)
    with ExitStack() as stack:
        wait_for_sessions_end(place, "op-a")
        connections = [
            stack.enter_context(closing(open_connection(place, "op-a", 1))) for _ in range(MAX_CONNECTIONS)
        ]
        with pytest.raises(pymysql.MySQLError, match="max_user_connections"):
            open_connection(place, "op-a", 1)
        assert len(connections) == MAX_CONNECTIONS
        stack.enter_context(keep_executing_desk_requests(worker))
        buy_as_lead(place, sandbox, number)
