"""Pooled connections that were ended, are all in use, or lead to a node that doesn't answer. The program replaces
them, or refuses the call with an error code."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event, text

from console.domain.errors import ConsoleError
from console.store.access import grants
from console.store.database import server
from console.store.database.engine import Database, Transaction
from console.store.database.server import POOL_SIZE
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess
from tests.support.places import ServerPlace
from tests.support.quick_desks import START_TIME
from tests.support.sql_proxy import SqlProxy
from tests.support.waiting import wait_until

SELECT_ONE_QUERY = text("SELECT 1")


@pytest.fixture
def database(place: ServerPlace) -> Iterator[Database]:
    made = Database(place.url())
    yield made
    made.close()


def list_session_ids(place: ServerPlace) -> list[int]:
    """Return the ids of the sessions that the person's account has on the server."""
    account = place.get_account_name("op-a")
    query = f"SELECT id FROM information_schema.processlist WHERE user = '{account}' AND command <> 'Killed'"
    return [int(number) for (number,) in place.database.nodes[0].sql(query)]


def can_read_and_write(database: Database, place: ServerPlace, name: str) -> bool:
    """Return True if a read succeeds, and a write that acquires the lease `name`. Raises ConsoleError if the database
    refuses one of them.
    """
    me = HoldingProcess(place.get_account_name("op-a"), "desk", "host", 1, "session")
    with database.read() as conn:
        assert conn.scalar(SELECT_ONE_QUERY) == 1
    return database.write(lambda tx: leases.acquire(tx, name, me, START_TIME, 1)) is not None


def test_every_connection_is_returned_to_its_pool(database: Database, place: ServerPlace) -> None:
    """Many threads read and write, and many of their calls fail. All connections return to their pools, and after
    `close` the server has no session of this account."""

    def select_and_raise(tx: Transaction) -> None:
        tx.conn.execute(SELECT_ONE_QUERY)
        raise LookupError

    def use_connection() -> None:
        for turn in range(15):
            with database.read() as conn:
                conn.execute(SELECT_ONE_QUERY)
            with suppress(LookupError):
                database.write(select_and_raise)
            with suppress(ConsoleError), database.read() as conn:
                conn.execute(text("SELECT * FROM no_such_table"))
            database.write(lambda tx: tx.conn.execute(SELECT_ONE_QUERY))
            assert turn >= 0

    threads = [threading.Thread(target=use_connection) for _ in range(3 * POOL_SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pools: list[Any] = [engine.pool for engine in (database.engine, database._read_engine)]
    out = [pool.checkedout() for pool in pools]
    assert out == [0, 0]
    assert len(list_session_ids(place)) <= 4 * POOL_SIZE
    database.close()
    wait_until(lambda: list_session_ids(place) == [], "the server to notice")
    assert can_read_and_write(database, place, "after-close")


def test_a_thread_without_a_free_connection_waits(place: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that finds no free connection waits; if it waits too long, it is refused."""
    monkeypatch.setattr("console.store.database.server.ANSWER_TIMEOUT_SECONDS", 1)
    database = Database(place.url())
    open_reads = [database.read() for _ in range(2 * POOL_SIZE)]
    for one in open_reads:
        one.__enter__()
    with pytest.raises(ConsoleError) as raised, database.read():
        pass
    for one in open_reads:
        one.__exit__(None, None, None)
    assert (raised.value.code, raised.value.detail["problem"]) == ("database_unreachable", "too_many_connections")
    assert can_read_and_write(database, place, "after-crowd")
    database.close()


def test_sessions_killed_while_idle_are_replaced(database: Database, place: ServerPlace) -> None:
    """An administrator ends all sessions of the account while they are idle. The next read and write still
    succeed.
    """
    assert can_read_and_write(database, place, "before-kill")
    for number in list_session_ids(place):
        place.database.nodes[0].sql(f"KILL CONNECTION {number}")
    wait_until(lambda: list_session_ids(place) == [], "the sessions to end")
    assert can_read_and_write(database, place, "after-kill")


def test_connections_closed_by_the_server_are_replaced(database: Database, place: ServerPlace) -> None:
    """The server closes idle connections after its wait_timeout. The program replaces them without an error."""

    def set_short_wait_timeout(dbapi: Any, _record: object) -> None:
        with dbapi.cursor() as cursor:
            cursor.execute("SET SESSION wait_timeout = 1")

    for engine in (database.engine, database._read_engine):
        event.listen(engine, "connect", set_short_wait_timeout)
    assert can_read_and_write(database, place, "before-idle")
    wait_until(lambda: list_session_ids(place) == [], "the server to hang up")
    assert can_read_and_write(database, place, "after-idle")


def test_a_dead_idle_connection_is_replaced(place: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle connection gets no more answers but isn't closed, as behind a firewall that has dropped it. A short
    check before its next use detects that, and the program replaces it."""
    monkeypatch.setattr("console.store.database.server.CONNECT_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr("console.store.database.server.ANSWER_TIMEOUT_SECONDS", 600)  # not what ends the wait
    monkeypatch.setattr("console.store.database.server._IDLE_SECONDS_BEFORE_CHECK", 0.0)
    node = place.database.nodes[0]
    with SqlProxy(node.host, node.port) as proxy:
        database = Database(proxy.make_url(place.url()))
        assert can_read_and_write(database, place, "before-dead")
        with proxy.cause_fault("unheard") as shot:
            assert can_read_and_write(database, place, "after-dead")
            assert shot.has_happened
        database.close()


@pytest.mark.parametrize("first", ["closed", "mute"])
def test_a_desk_connects_to_the_second_node(place: ServerPlace, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first node refuses connections, or accepts them and sends nothing. The desk connects to the second node,
    and its later connections try this node first."""
    monkeypatch.setattr("console.store.database.server.CONNECT_TIMEOUT_SECONDS", 1)
    node = place.database.nodes[0]
    with SqlProxy(node.host, 9, is_mute=first == "mute") as broken:
        database = Database(f"{broken.make_url(place.url())}?fallback={node.host}:{node.port}")
        assert can_read_and_write(database, place, f"fallback-{first}")
        connection_count = broken.taken
        with database.read(), database.read() as second:  # one more connection is made
            second.execute(SELECT_ONE_QUERY)
        assert broken.taken == connection_count > 0
        database.close()


def test_every_connection_has_its_session_settings(database: Database) -> None:
    """Each connection of both pools has the right isolation level, time zone and time limits."""
    with database.read() as conn:
        maria = grants.is_mariadb(conn)
    isolation, bounds = (
        ("tx_isolation", "@@max_statement_time, @@wsrep_sync_wait")
        if maria
        else ("transaction_isolation", "@@lock_wait_timeout")
    )
    settings_query = f"SELECT @@{isolation}, @@time_zone, @@innodb_lock_wait_timeout, {bounds}"
    for _ in range(3):
        with database.read() as conn:
            settings = tuple(conn.execute(text(settings_query)).one())
            assert settings == ("READ-COMMITTED", "+00:00", 4, *((10.0, 3) if maria else (10,)))
        assert database.write(lambda tx: tuple(tx.conn.execute(text(settings_query)).one()))[0] == "READ-COMMITTED"


def test_a_mariadb_without_galera_is_connected(
    database: Database, place: ServerPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB for Windows lacks the variables of Galera. A connection to such a server has all other settings."""
    unknown = "/*M!100000 , wsrep_variable_that_no_server_has = 3 */"
    settings = [sql.replace(server._GALERA_SETTING, unknown) for sql in server._SESSION_SETTINGS]
    monkeypatch.setattr(server, "_GALERA_SETTING", unknown)
    monkeypatch.setattr(server, "_SESSION_SETTINGS", tuple(settings))
    assert can_read_and_write(database, place, "without-galera")
    with database.read() as conn:
        assert conn.scalar(text("SELECT @@innodb_lock_wait_timeout")) == server.LOCK_WAIT_SECONDS
