"""The program waits for a long statement while its server is working, and ends the wait if the server doesn't work
any more.
"""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from tests.faults.verdicts import TriedAuditEntry, read_stored_tries
from tests.support.places import ServerPlace
from tests.support.servers import Server, start_private_mariadb
from tests.support.sql_proxy import BreakKind, SqlProxy

CONNECTION_CHECK_STATEMENT = "DO 1"


@pytest.fixture(autouse=True)
def frequent_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the console check the server after a statement has run for 0.1 s. The time limit for an answer stays 30 s
    and has another error text."""
    monkeypatch.setattr("console.store.database.server_timeouts.SECONDS_UNTIL_FIRST_CHECK", 0.1)
    monkeypatch.setattr("console.store.database.server_timeouts.CHECK_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr("console.store.database.server.CONNECT_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr("console.store.database.server.ANSWER_TIMEOUT_SECONDS", 30)


@pytest.fixture
def proxy(place: ServerPlace) -> Iterator[SqlProxy]:
    node = place.database.nodes[0]
    with SqlProxy(node.host, node.port) as opened:
        yield opened


@pytest.fixture
def database(place: ServerPlace, proxy: SqlProxy) -> Iterator[Database]:
    """Yield a connected database that is reached only through the proxy."""
    made = Database(proxy.make_url(place.url()))
    assert run_slow_statement(made, 0) == 0
    made.write(TriedAuditEntry("warm", place.get_account_name("op-a")))
    yield made
    made.close()


def run_slow_statement(database: Database, seconds: float) -> int:
    """Run a statement that takes `seconds`, and return its result (0)."""
    with database.read() as conn:
        return int(conn.scalar(text("SELECT SLEEP(:seconds)"), {"seconds": seconds}))


def test_a_slow_statement_is_waited_for(database: Database, proxy: SqlProxy) -> None:
    """During a slow statement the console checks that the server is working, and waits for the answer. A quick
    statement causes no check."""
    with proxy.cause_fault("passed"):
        assert run_slow_statement(database, 0) == 0
        assert CONNECTION_CHECK_STATEMENT not in proxy.commands
        assert run_slow_statement(database, 0.5) == 0
        assert CONNECTION_CHECK_STATEMENT in proxy.commands
        looks = proxy.commands.count(CONNECTION_CHECK_STATEMENT)
        assert run_slow_statement(database, 0) == 0
        assert proxy.commands.count(CONNECTION_CHECK_STATEMENT) == looks


@pytest.mark.usefixtures("mariadb_server")
def test_a_long_answer_through_tls_is_complete() -> None:
    """A slow and large answer over TLS arrives completely, although the console checks the server meanwhile."""
    with start_private_mariadb(tls=True) as server:
        database = Database(f"{server.admin_url}mysql?ssl_ca={quote(str(server.authority))}")
        with database.read() as conn:
            slow = text("SELECT SLEEP(0.5), REPEAT('x', 3000000) UNION ALL SELECT SLEEP(0.5), REPEAT('y', 3000000)")
            assert [words for _, words in conn.execute(slow)] == ["x" * 3_000_000, "y" * 3_000_000]
        database.close()


def test_a_refused_check_connection_does_not_end_the_statement(database: Database, place: ServerPlace) -> None:
    """The server refuses the connection of the check because it has too many connections. This shows that the server
    is working, so the console continues to wait for the answer."""
    database.close()
    server, account = place.database.nodes[0], place.get_account_name("op-a")
    server.sql(f"ALTER USER `{account}`@`%` WITH MAX_USER_CONNECTIONS 1")
    try:
        assert run_slow_statement(database, 0.5) == 0
    finally:
        server.sql(f"ALTER USER `{account}`@`%` WITH MAX_USER_CONNECTIONS 0")


def test_a_read_on_a_hanging_node_ends_in_time(database: Database, proxy: SqlProxy) -> None:
    """The server doesn't answer a read, keeps its connection open, and accepts no new connection. The read is refused
    with `database_unreachable` long before its time limit."""
    with (
        proxy.cause_fault("unanswered", sql_prefix="SELECT SLEEP", is_lasting=True) as shot,
        pytest.raises(ConsoleError) as raised,
    ):
        run_slow_statement(database, 0)
    assert shot.has_happened
    assert (raised.value.code, raised.value.exit_status) == ("database_unreachable", 6)
    assert "no longer serves" in str(raised.value.detail["problem"])


@pytest.mark.parametrize(("sql_prefix", "kind"), [("INSERT", "unheard"), ("COMMIT", "unanswered")])
def test_a_write_on_a_hanging_node_continues_on_another_node(
    place: ServerPlace, proxy: SqlProxy, sql_prefix: str, kind: BreakKind
) -> None:
    """The node hangs during a transaction, or at its COMMIT, and another node works. The program runs the transaction
    again on the other node, or finds there that it was committed. It is stored once."""
    node = place.database.nodes[0]
    database = Database(f"{proxy.make_url(place.url())}?fallback={node.host}:{node.port}")
    database.write(TriedAuditEntry("warm", place.get_account_name("op-a")))
    note = TriedAuditEntry(f"hung at {sql_prefix}", place.get_account_name("op-a"))
    with proxy.cause_fault(kind, sql_prefix=sql_prefix, is_lasting=True) as shot:
        stored_try = database.write(note)
    assert shot.has_happened
    assert (stored_try, read_stored_tries(place, note.name)) == (note.tries, [stored_try])
    assert note.tries == (2 if sql_prefix == "INSERT" else 1)
    database.close()


def test_a_read_from_a_frozen_server_is_refused(own_place: ServerPlace, own_server: Server) -> None:
    """A server that was stopped by SIGSTOP accepts connections but sends nothing. The read is refused with
    `database_unreachable`."""
    database = Database(own_place.url())
    assert run_slow_statement(database, 0) == 0
    own_server.pause()
    try:
        with pytest.raises(ConsoleError) as raised:
            run_slow_statement(database, 0)
    finally:
        own_server.resume()
    assert raised.value.code == "database_unreachable"
    assert "no longer serves" in str(raised.value.detail["problem"])
    assert run_slow_statement(database, 0) == 0
    database.close()


def test_a_database_without_a_time_limit_is_not_checked_during_statements(
    place: ServerPlace, proxy: SqlProxy
) -> None:
    """A database object without a time limit isn't checked during a statement. The commands `db …` use such an object
    for statements that take hours."""
    database = Database(proxy.make_url(place.url()), without_time_limit=True)
    assert run_slow_statement(database, 0) == 0
    with proxy.cause_fault("passed"):
        assert run_slow_statement(database, 0.3) == 0
        assert CONNECTION_CHECK_STATEMENT not in proxy.commands
    database.close()
