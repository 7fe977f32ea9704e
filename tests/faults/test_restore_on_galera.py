"""Restores on different nodes of a Galera cluster: at most one of them loads its dump."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.store.backup import restore_claim, server_dump
from console.store.backup.restore_claim import hold_restore_claim
from console.store.database.engine import Database
from tests.support.servers import Cluster
from tests.support.waiting import MAX_WAIT_SECONDS

DIGEST = "0" * 64


@pytest.fixture
def databases(galera_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Database]]:
    """Yield one empty database, opened on each of the three nodes. A restore that has ended is noticed soon."""
    monkeypatch.setattr(restore_claim, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(restore_claim, "SECONDS_WITHOUT_BEAT", 10.0)
    first, *others = galera_cluster.nodes
    url = first.create_database()
    name = url.rpartition("/")[2].partition("?")[0]
    address = f"127.0.0.1:{first.port}"
    with ExitStack() as stack:
        urls = [url, *(url.replace(address, f"127.0.0.1:{node.port}") for node in others)]
        for node in others:  # a read that waits until the node has applied the new database and its account
            node.sql("SET SESSION wsrep_sync_wait = 1", "SELECT COUNT(*) FROM mysql.db")
        yield [stack.enter_context(closing(Database(one, without_time_limit=True))) for one in urls]
    first.sql(f"DROP DATABASE `{name}`")


def hold_claim(database: Database, stack: ExitStack) -> restore_claim.RestoreClaim:
    """Mark the database as the target of a restore, lock the mark and take the claim, as a restore does."""
    server_dump.mark_restore_target_despite_conflicts(database, DIGEST)
    holder = stack.enter_context(server_dump.hold_restore_mark(database))
    return stack.enter_context(hold_restore_claim(database, holder))


def break_off_restore(database: Database) -> None:
    """Begin a restore that ends with an error."""
    with ExitStack() as broken:
        hold_claim(database, broken)
        raise ZeroDivisionError


def test_a_restore_on_another_node_is_refused_while_one_runs(databases: list[Database]) -> None:
    """The lock of the mark is known only to the node of the running restore. The claim refuses a restore on another
    node; after the end of the first restore, also after an error, the next one begins at once."""
    first_database, second_database, _ = databases
    with ExitStack() as first:
        claim = hold_claim(first_database, first)
        with ExitStack() as second, pytest.raises(ConsoleError) as refused:
            hold_claim(second_database, second)
        assert refused.value.detail["problem"] == "another_restore"
        claim.require_claim()
    with pytest.raises(ZeroDivisionError):
        break_off_restore(second_database)
    with ExitStack() as third:
        hold_claim(first_database, third).require_claim()


def test_only_one_of_three_restores_at_once_gets_the_claim(databases: list[Database]) -> None:
    """Restores on three nodes take the claim at the same moment. One gets it; the others are refused."""
    barrier, ended = threading.Barrier(3), threading.Barrier(3)
    results: list[str] = []

    def restore(database: Database) -> None:
        barrier.wait(MAX_WAIT_SECONDS)
        with ExitStack() as stack:
            try:
                hold_claim(database, stack)
                results.append("held")
            except ConsoleError as error:
                results.append(str(error.detail.get("problem")))
            ended.wait(MAX_WAIT_SECONDS)

    threads = [threading.Thread(target=restore, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["another_restore", "another_restore", "held"]


def test_the_claim_of_a_killed_restore_is_taken_over(databases: list[Database]) -> None:
    """The process of a restore was killed, so nothing renews its claim. A restore on another node takes it over after
    a wait. If the first process was only suspended, it finds out before it completes its database."""
    first_database, second_database, _ = databases
    with ExitStack() as first:
        with first_database.engine.begin() as conn:
            server_dump.mark_restore_target(conn, DIGEST)
        restore_claim._take_claim(first_database, "suspended", "another node:1")
        suspended = restore_claim.RestoreClaim(first_database, "suspended")
        suspended.require_claim()
        hold_claim(second_database, first).require_claim()
        with pytest.raises(ConsoleError) as refused:
            suspended.require_claim()
        assert refused.value.detail["problem"] == "another_restore"


def test_a_restore_after_a_completed_one_is_refused(databases: list[Database]) -> None:
    """A restore was completed on another node after this one had locked the mark. The database may be in use, so it
    isn't emptied, and nothing of the restore stays in it."""
    first_database, second_database, _ = databases
    with first_database.engine.begin() as conn:
        version_table = sorted(server_dump.SCHEMA_VERSION_TABLES)[0]
        conn.execute(text(f"CREATE TABLE {version_table} (version_num VARCHAR(32) PRIMARY KEY)"))
        conn.execute(text(f"INSERT INTO {version_table} VALUES ('0001')"))
    with (
        second_database.engine.begin() as holder,
        pytest.raises(ConsoleError) as refused,
        hold_restore_claim(second_database, holder),
    ):
        pass
    assert refused.value.detail["problem"] == "another_restore"
    with first_database.read() as conn:
        assert server_dump.read_table_names(conn) == {version_table}
