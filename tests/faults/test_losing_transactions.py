"""The program runs a transaction that loses against another one again as a whole, at most five times. Nearly all such
transactions then succeed.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database, Transaction
from console.store.database.retry_policy import MAX_RERUNS
from tests.faults import losing_transactions
from tests.faults.losing_transactions import COUNTER_NAMES, CrossingTransaction, ReadModifyWrite, count_reruns
from tests.faults.scene import connect_to_place, execute_as_schema_account
from tests.support.places import ServerPlace
from tests.support.waiting import MAX_WAIT_SECONDS

TRANSACTIONS_PER_THREAD = 60
THREAD_COUNT = 3


@contextmanager
def open_databases(place: ServerPlace, count: int) -> Iterator[list[Database]]:
    """Yield `count` databases with both counters set to 0."""
    with ExitStack() as opened:
        made = [Database(place.url(desk=number)) for number in range(count)]
        for database in made:
            opened.callback(database.close)
        losing_transactions.reset_counters(lambda *statements: execute_as_schema_account(place, *statements))
        yield made


def read_counters(place: ServerPlace) -> list[int]:
    """Return the values of both counters."""
    return [
        int(value) for (value,) in execute_as_schema_account(place, "SELECT not_before FROM call_rates ORDER BY name")
    ]


@contextmanager
def hold_transaction_open(place: ServerPlace, statement: str) -> Iterator[Any]:
    """Yield a connection whose open transaction has run this statement."""
    with connect_to_place(place, autocommit=False) as connection:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        yield connection
        connection.rollback()


def test_deadlocks_are_run_again(place: ServerPlace) -> None:
    """Transactions that update two rows in opposite orders deadlock, and the program runs them again. Nearly all
    succeed, and each successful one has incremented both rows once.
    """
    with open_databases(place, THREAD_COUNT) as made, count_reruns() as reruns:
        tally = losing_transactions.run_crossing_transactions(made, TRANSACTIONS_PER_THREAD)
    turns = THREAD_COUNT * TRANSACTIONS_PER_THREAD
    most = tally["max_tries"] - 1
    print(f"demand 7: {tally['won']} of {turns} through, {reruns.numbers['1213']} times 1213, at most {most} reruns")
    assert reruns.numbers["1213"], "nobody ever lost"
    assert tally["won"] >= 0.999 * turns - 1
    assert tally["max_tries"] <= MAX_RERUNS + 1
    assert read_counters(place) == [tally["won"]] * 2


def test_a_lock_wait_rolls_back_the_whole_transaction(place: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Error 1205 (lock wait) rolls back only its statement on the server. The program rolls back the whole
    transaction, so that its earlier writes aren't committed.
    """
    monkeypatch.setattr("console.store.database.server.LOCK_WAIT_SECONDS", 1)
    monkeypatch.setattr("console.store.database.retry_policy.MAX_RERUNS", 1)
    with open_databases(place, 1) as (database,):
        with database.engine.connect() as conn:
            conn.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
        with hold_transaction_open(
            place, f"UPDATE call_rates SET not_before = 100 WHERE name = '{COUNTER_NAMES[1]}'"
        ):
            work = CrossingTransaction(COUNTER_NAMES)
            with pytest.raises(ConsoleError) as lost:
                database.write(work)
        assert (lost.value.code, work.tries) == ("database_locked", 2)
        assert read_counters(place) == [0, 0]
        database.write(work)
    assert read_counters(place) == [1, 1]


def test_a_released_row_lock_lets_the_waiting_transaction_commit(place: ServerPlace) -> None:
    """A transaction that waits for the row lock of another transaction gets the lock when it is released, and commits
    at its first try.
    """
    lock = f"SELECT * FROM call_rates WHERE name = '{COUNTER_NAMES[0]}' FOR UPDATE"
    with open_databases(place, 1) as (database,), hold_transaction_open(place, lock) as other:
        release = threading.Timer(0.3, other.rollback)
        release.start()
        work = CrossingTransaction(COUNTER_NAMES)
        database.write(work)
        release.join()  # only one thread at a time may read from the connection
    assert (work.tries, read_counters(place)) == (1, [1, 1])


@pytest.mark.parametrize(
    "lock",
    [
        f"SELECT not_before FROM call_rates WHERE name = '{COUNTER_NAMES[0]}' FOR UPDATE",
        f"UPDATE call_rates SET not_before = not_before + 0 WHERE name = '{COUNTER_NAMES[0]}'",
    ],
    ids=["read for update", "written"],
)
def test_a_stopped_process_loses_its_database_locks(place: ServerPlace, lock: str) -> None:
    """A desk stops during a transaction that holds a lock: the server ends the transaction, another desk writes, and
    the first desk runs its transaction again.
    """
    if place.engine == "mysql":
        pytest.skip("MySQL ends no idle transaction")
    stopped, woken = threading.Event(), threading.Event()
    works = [CrossingTransaction(COUNTER_NAMES), CrossingTransaction(COUNTER_NAMES)]

    def lock_and_wait(tx: Transaction) -> None:
        tx.conn.exec_driver_sql(lock)
        stopped.set()
        assert woken.wait(MAX_WAIT_SECONDS)
        works[0](tx)

    with open_databases(place, 2) as (first, second), ThreadPoolExecutor(1) as thread:
        sleeper = thread.submit(first.write, lock_and_wait)
        try:
            assert stopped.wait(MAX_WAIT_SECONDS)
            second.write(works[1])
            assert not sleeper.done()
        finally:
            woken.set()
        sleeper.result(MAX_WAIT_SECONDS)
    assert (works[0].tries, read_counters(place)) == (2, [2, 2])


@pytest.mark.parametrize(
    ("statements", "try_count"),
    [((), 1), (("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",), 2)],
    ids=["our sessions", "repeatable read"],
)
def test_sessions_read_present_rows_despite_an_old_snapshot(
    place: ServerPlace, statements: tuple[str, ...], try_count: int
) -> None:
    """MariaDB from 11.6 on refuses by default writes on an outdated snapshot. The program's sessions read the present
    rows and continue. If a session keeps its first snapshot, it gets error 1020; the program then runs the
    transaction again from its reads, and no write is lost.
    """
    if place.engine == "mysql":
        pytest.skip("MySQL guards no snapshots")
    with open_databases(place, 1) as (database,), count_reruns() as reruns:

        def execute_at_connect(dbapi: Any, _record: object) -> None:
            with dbapi.cursor() as cursor:
                for statement in ("SET SESSION innodb_snapshot_isolation = 1", *statements):
                    cursor.execute(statement)

        event.listen(database.engine, "connect", execute_at_connect)
        work = ReadModifyWrite()

        def read_then_overtaken(tx: Transaction) -> None:
            tx.conn.execute(text("SELECT count(*) FROM call_rates"))
            if work.tries == 0:
                execute_as_schema_account(place, "UPDATE call_rates SET not_before = 10")
            work(tx)

        database.write(read_then_overtaken)
    assert (work.tries, reruns.numbers["1020"]) == (try_count, try_count - 1)
    assert read_counters(place) == [11, 10]


def test_a_statement_beyond_the_time_limit_is_refused(place: ServerPlace) -> None:
    """The server ends a statement at its time limit. The write is refused with `database_locked` and isn't run
    again.
    """
    endless = "SET STATEMENT max_statement_time = 0.2 FOR SELECT sleep(60)"
    if place.engine == "mysql":
        endless = "SELECT /*+ MAX_EXECUTION_TIME(200) */ 1 FROM operators WHERE sleep(60) = 0"
    tries = 0
    with open_databases(place, 1) as (database,):

        def count_try_and_execute(tx: Transaction) -> None:
            nonlocal tries
            tries += 1
            tx.conn.exec_driver_sql(endless)

        with pytest.raises(ConsoleError) as stopped:
            database.write(count_try_and_execute)
    assert (stopped.value.code, tries) == ("database_locked", 1)
