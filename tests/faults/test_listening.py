"""A statement that takes long: waited for while its server serves, given up when that serves no more."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from tests.faults.verdicts import Note, tries_kept
from tests.support.places import ServerPlace
from tests.support.servers import Server, mariadb
from tests.support.sql_proxy import Break, SqlProxy

LOOK = "DO 1"


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is looked at soon; the limit of an answer would be met much later, and is told in other words."""
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
    """Through the proxy alone, and connected."""
    made = Database(proxy.url(place.url()))
    assert slept(made, 0) == 0
    made.write(Note("warm", place.named("op-a")))
    yield made
    made.close()


def slept(database: Database, seconds: float) -> int:
    """The answer of a statement that takes so many seconds."""
    with database.read() as conn:
        return int(conn.scalar(text("SELECT SLEEP(:seconds)"), {"seconds": seconds}))


def test_a_slow_statement_is_waited_for(database: Database, proxy: SqlProxy) -> None:
    """The server is looked at and serves: its answer is awaited. One that comes at once costs no look."""
    with proxy.breaking("passed"):
        assert slept(database, 0) == 0
        assert LOOK not in proxy.commands
        assert slept(database, 0.5) == 0
        assert LOOK in proxy.commands
        looks = proxy.commands.count(LOOK)
        assert slept(database, 0) == 0
        assert proxy.commands.count(LOOK) == looks


@pytest.mark.usefixtures("mariadb_server")
def test_a_long_answer_through_tls() -> None:
    """Encrypted, slow and of many records: looked at meanwhile, and complete."""
    with mariadb(tls=True) as server:
        database = Database(f"{server.admin_url}mysql?ssl_ca={quote(str(server.authority))}")
        with database.read() as conn:
            slow = text("SELECT SLEEP(0.5), REPEAT('x', 3000000) UNION ALL SELECT SLEEP(0.5), REPEAT('y', 3000000)")
            assert [words for _, words in conn.execute(slow)] == ["x" * 3_000_000, "y" * 3_000_000]
        database.close()


def test_a_server_without_room_for_a_look(database: Database, place: ServerPlace) -> None:
    """It refuses one connection more, and so it lives: what it works at is awaited."""
    database.close()
    server, account = place.database.nodes[0], place.named("op-a")
    server.sql(f"ALTER USER `{account}`@`%` WITH MAX_USER_CONNECTIONS 1")
    try:
        assert slept(database, 0.5) == 0
    finally:
        server.sql(f"ALTER USER `{account}`@`%` WITH MAX_USER_CONNECTIONS 0")


def test_a_read_on_a_node_that_is_gone(database: Database, proxy: SqlProxy) -> None:
    """No answer, no end of the connection, and nobody gets in any more: told long before the limit."""
    with proxy.breaking("unanswered", on="SELECT SLEEP", lasting=True) as shot, pytest.raises(ConsoleError) as told:
        slept(database, 0)
    assert shot.hit
    assert (told.value.code, told.value.exit_status) == ("database_unreachable", 6)
    assert "serves no more" in str(told.value.detail["problem"])


@pytest.mark.parametrize(("on", "kind"), [("INSERT", "unheard"), ("COMMIT", "unanswered")])
def test_a_write_goes_on_elsewhere(place: ServerPlace, proxy: SqlProxy, on: str, kind: Break) -> None:
    """Its node hangs in the middle or at COMMIT, another one serves: run again there, or found there, once."""
    node = place.database.nodes[0]
    database = Database(f"{proxy.url(place.url())}?fallback={node.host}:{node.port}")
    database.write(Note("warm", place.named("op-a")))
    note = Note(f"hung at {on}", place.named("op-a"))
    with proxy.breaking(kind, on=on, lasting=True) as shot:
        told = database.write(note)
    assert shot.hit
    assert (told, tries_kept(place, note.name)) == (note.tries, [told])
    assert note.tries == (2 if on == "INSERT" else 1)
    database.close()


def test_a_frozen_server(own_place: ServerPlace, own_server: Server) -> None:
    """SIGSTOP: it takes connections and says nothing, and that is no service."""
    database = Database(own_place.url())
    assert slept(database, 0) == 0
    own_server.pause()
    try:
        with pytest.raises(ConsoleError) as told:
            slept(database, 0)
    finally:
        own_server.resume()
    assert told.value.code == "database_unreachable"
    assert "serves no more" in str(told.value.detail["problem"])
    assert slept(database, 0) == 0
    database.close()


def test_who_has_no_limit_is_not_hurried(place: ServerPlace, proxy: SqlProxy) -> None:
    """Nobody checks or ends the long statements of `db …`, which may run for hours."""
    database = Database(proxy.url(place.url()), without_time_limit=True)
    assert slept(database, 0) == 0
    with proxy.breaking("passed"):
        assert slept(database, 0.3) == 0
        assert LOOK not in proxy.commands
    database.close()
