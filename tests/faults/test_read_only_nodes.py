"""A node of a cluster that is read-only, for example because it is maintained. A desk writes at another node, and is
refused only if no node accepts the change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from tests.support.servers import Server

_ACCOUNT_NAME = "twonodes"
_ACCOUNT_PASSWORD = "Two-nodes-1234"
_INSERT_STATEMENT = text("INSERT INTO written VALUES ()")
_COUNT_QUERY = text("SELECT COUNT(*) FROM written")


@pytest.fixture
def own_and_shared_node(own_server: Server, mariadb_server: Server) -> Iterator[tuple[Server, Server]]:
    """Yield the test's own server and the shared server, with one database and one account of the same names. They
    stand for two nodes of a cluster, but each has its own rows, so that a test sees which one was written to."""
    both = own_server, mariadb_server
    for server in both:
        server.sql(
            f"CREATE DATABASE {_ACCOUNT_NAME}",
            f"CREATE TABLE {_ACCOUNT_NAME}.written (id INT AUTO_INCREMENT PRIMARY KEY)",
            f"CREATE USER {_ACCOUNT_NAME}@`%` IDENTIFIED BY '{_ACCOUNT_PASSWORD}'",
            f"GRANT SELECT, INSERT ON {_ACCOUNT_NAME}.* TO {_ACCOUNT_NAME}@`%`",
        )
    yield both
    for server in both:
        server.sql(f"DROP DATABASE {_ACCOUNT_NAME}", f"DROP USER {_ACCOUNT_NAME}@`%`")


@pytest.fixture
def database(own_and_shared_node: tuple[Server, Server]) -> Iterator[Database]:
    """Yield a database whose first node is the private server."""
    first, second = own_and_shared_node
    made = Database(
        f"{first.make_url(_ACCOUNT_NAME, _ACCOUNT_PASSWORD, _ACCOUNT_NAME)}?fallback={second.host}:{second.port}"
    )
    yield made
    made.close()


@contextmanager
def make_read_only(server: Server) -> Iterator[None]:
    """Within the block, the server is read-only."""
    server.sql("SET GLOBAL read_only = 1")
    try:
        yield
    finally:
        server.sql("SET GLOBAL read_only = 0")


def insert_row(database: Database) -> None:
    database.write(lambda tx: tx.conn.execute(_INSERT_STATEMENT))


def count_rows_of_each_node(own_and_shared_node: tuple[Server, Server]) -> list[int]:
    """Return the number of rows that were written at each node."""
    return [server.sql(f"SELECT COUNT(*) FROM {_ACCOUNT_NAME}.written")[0][0] for server in own_and_shared_node]


def test_a_read_only_first_node_is_passed_over(
    database: Database, own_and_shared_node: tuple[Server, Server]
) -> None:
    """If the first node is read-only when the desk connects, the desk reads and writes at the next node."""
    with make_read_only(own_and_shared_node[0]):
        insert_row(database)
        with database.read() as conn:
            assert conn.scalar(_COUNT_QUERY) == 1
    assert count_rows_of_each_node(own_and_shared_node) == [0, 1]


def test_writes_move_away_from_a_node_that_becomes_read_only(
    database: Database, own_and_shared_node: tuple[Server, Server]
) -> None:
    """If the connected node becomes read-only, the next write is made at another node, and later ones too."""
    insert_row(database)
    with make_read_only(own_and_shared_node[0]):
        insert_row(database)
        insert_row(database)
    assert count_rows_of_each_node(own_and_shared_node) == [1, 2]


def test_a_node_whose_tables_are_read_only_is_passed_over(own_and_shared_node: tuple[Server, Server]) -> None:
    """A server that is repaired or that is a copy for reads runs with a read-only InnoDB, and its `read_only` is off.
    Alone it refuses a write with `read_only`, not with an internal error; with another node, the write is made there.
    """
    first, second = own_and_shared_node
    first_url = first.make_url(_ACCOUNT_NAME, _ACCOUNT_PASSWORD, _ACCOUNT_NAME)
    first.stop()
    repaired = replace(first, command=(*first.command, "--innodb-read-only=ON"))
    repaired.start()
    try:
        alone, both = Database(first_url), Database(f"{first_url}?fallback={second.host}:{second.port}")
        with pytest.raises(ConsoleError) as refused:
            insert_row(alone)
        assert refused.value.code == "read_only"
        insert_row(both)
        for database in (alone, both):
            database.close()
    finally:
        first.restart()
    assert count_rows_of_each_node(own_and_shared_node) == [0, 1]


def test_a_change_that_no_node_accepts_is_refused_without_delay(
    own_and_shared_node: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one node is read-only and the other one is away, reads work, and a write is refused with `read_only` at
    once. A later write succeeds when the node accepts changes again."""
    monkeypatch.setattr("console.store.database.retry_policy.UNREACHABLE_RETRY_SECONDS", 600)
    database = Database(
        f"{own_and_shared_node[0].make_url(_ACCOUNT_NAME, _ACCOUNT_PASSWORD, _ACCOUNT_NAME)}?fallback=127.0.0.1:9"
    )
    insert_row(database)
    with make_read_only(own_and_shared_node[0]):
        with pytest.raises(ConsoleError) as refused:
            insert_row(database)
        assert refused.value.code == "read_only"
        with database.read() as conn:
            assert conn.scalar(_COUNT_QUERY) == 1
    insert_row(database)
    database.close()
    assert count_rows_of_each_node(own_and_shared_node) == [2, 0]
