"""Tests of deferred statements, which the program sends together with the next statement: the server executes them in
their order, and an error of one prevents COMMIT."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, insert, text, update
from sqlalchemy.exc import DBAPIError

from console.store.credit_checks import credit_checks
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.engine import Database, Transaction
from console.store.database.server import LOCK_WAIT_SECONDS, avoid_lock_waits
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.schema.core import changes, leases
from tests.support.places import Place
from tests.support.sent_statements import record_packets

pytestmark = pytest.mark.engines("sqlite", "mariadb")

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
_INSERT_CHANGE = insert(changes)
_INSERT_LEASE = insert(leases)
_RELEASE_LEASE_STATEMENT = update(leases).where(leases.c.name == bindparam("of")).values(lease_expires=0)


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """Yield a database connection with an operator's account, whose statements the triggers check."""
    opened = Database(place.url("op-a"))
    yield opened
    opened.close()


def make_lease_row(place: Place, name: str) -> dict[str, object]:
    clock = "server" if place.is_server else "boot"
    facts = {"operator": place.get_account_name("op-a"), "lease_clock": clock, "lease_expires": 0, "fence": 1}
    return {"name": name, "slot": 0, **facts}


def make_change_row(record_id: int) -> dict[str, object]:
    return {"kind": "credit-check", "subject_id": record_id, "at": NOW.replace(tzinfo=None)}


def write_change(database: Database, record_id: int) -> None:
    """Insert one change with a deferred statement, in a transaction of its own."""
    database.write(lambda tx: execute_with_next_statement(tx.conn, _INSERT_CHANGE, make_change_row(record_id)))


def read_changed_ids(place: Place) -> list[int]:
    return [row_id for (row_id,) in place.sql("SELECT subject_id FROM changes ORDER BY id")]


def test_deferred_statements_are_sent_with_the_next_statement(place: Place, database: Database) -> None:
    """On MariaDB the program sends three statements in one packet, and COMMIT in a packet of its own. The server
    executes them in their order."""
    database.write(lambda tx: tx.conn.execute(text("SELECT 1")))  # connects
    with record_packets() as sent, database.write_without_retries() as tx:
        execute_with_next_statement(tx.conn, _INSERT_CHANGE, make_change_row(1))
        execute_with_next_statement(tx.conn, _INSERT_CHANGE, make_change_row(2))
        count = tx.conn.execute(text("SELECT COUNT(*) FROM changes WHERE subject_id IN (1, 2)")).scalar_one()
        execute_with_next_statement(tx.conn, _INSERT_CHANGE, make_change_row(3))
    assert count == 2
    assert read_changed_ids(place) == [1, 2, 3]
    if place.engine in ("mariadb", "galera"):
        assert [len(packet) for packet in sent] == [3, 1, 1]
        assert sent[-1] == [b"COMMIT"]


def test_an_error_of_a_deferred_statement_prevents_commit(place: Place, database: Database) -> None:
    """An error of a deferred statement is raised at the next statement or at COMMIT, and the whole transaction is
    rolled back, even if the caller has caught the error."""
    with database.write_without_retries() as tx:
        tx.conn.execute(_INSERT_LEASE, make_lease_row(place, "taken"))

    def fail_at_statement(tx: Transaction) -> None:
        execute_with_next_statement(tx.conn, _INSERT_LEASE, make_lease_row(place, "taken"))
        tx.conn.execute(_INSERT_CHANGE, make_change_row(1))

    def fail_at_commit(tx: Transaction) -> None:
        tx.conn.execute(_INSERT_CHANGE, make_change_row(2))
        execute_with_next_statement(tx.conn, _INSERT_LEASE, make_lease_row(place, "taken"))

    def go_on_after_error(tx: Transaction) -> None:
        with pytest.raises(UniqueViolation):
            fail_at_statement(tx)
        if place.engine in ("mariadb", "galera"):
            tx.conn.execute(_INSERT_CHANGE, make_change_row(3))
        else:  # the statement was not deferred: its error is that of any statement
            raise UniqueViolation(None, None, Exception())

    for place_of_error, run in enumerate((fail_at_statement, fail_at_commit, go_on_after_error)):
        with pytest.raises(UniqueViolation):
            database.write(run)
        write_change(database, 10 + place_of_error)
    assert read_changed_ids(place) == [10, 11, 12]


def test_a_row_count_that_is_wrong_prevents_commit(place: Place, database: Database) -> None:
    """A wrong row count of a deferred statement is raised like an error of the statement, and the transaction is
    rolled back."""

    def require_one_row(count: int) -> None:
        if count != 1:
            raise credit_checks.StaleRow(count)

    def release_unknown_lease(tx: Transaction) -> None:
        execute_with_next_statement(tx.conn, _RELEASE_LEASE_STATEMENT, {"of": "unknown"}, require_one_row)
        execute_with_next_statement(tx.conn, _INSERT_CHANGE, make_change_row(1))

    with pytest.raises(credit_checks.StaleRow):
        database.write(release_unknown_lease)
    write_change(database, 2)
    assert read_changed_ids(place) == [2]


def test_a_rollback_drops_deferred_statements(place: Place, database: Database) -> None:
    """The program doesn't send a deferred statement after a rollback of its transaction."""

    class _Stopped(Exception):
        pass

    def raise_stopped(tx: Transaction) -> None:
        execute_with_next_statement(tx.conn, _INSERT_CHANGE, make_change_row(1))
        raise _Stopped

    with pytest.raises(_Stopped):
        database.write(raise_stopped)
    database.write(lambda tx: tx.conn.execute(_INSERT_CHANGE, make_change_row(2)))
    assert read_changed_ids(place) == [2]


def test_a_long_statement_is_sent_by_itself(place: Place, database: Database) -> None:
    """A statement that is too long for a common packet is sent alone, after the statements that were deferred before
    it."""
    long_text = text(f"INSERT INTO changes(kind, subject_id, at) SELECT kind, 2, at FROM changes -- {'x' * 300_000}")

    def write_long_statement(tx: Transaction) -> None:
        execute_with_next_statement(tx.conn, _INSERT_CHANGE, make_change_row(1))
        execute_with_next_statement(tx.conn, long_text, {})

    database.write(lambda tx: tx.conn.execute(text("SELECT 1")))  # connects
    with record_packets() as sent:
        database.write(write_long_statement)
    assert read_changed_ids(place) == [1, 2]
    if place.engine in ("mariadb", "galera"):
        packets = [packet for packet in sent if not packet[0].startswith(b"SELECT @@SESSION")]
        assert [len(packet) for packet in packets] == [1, 1, 1]
        assert len(packets[1][0]) > 300_000
        assert packets[2] == [b"COMMIT"]


def test_a_statement_without_a_transaction_is_sent_immediately(place: Place, database: Database) -> None:
    """On a connection without a transaction a deferred statement is executed at once, because no later COMMIT would
    send it.
    """
    if not place.is_server:
        pytest.skip("SQLite has no AUTOCOMMIT connections here")
    with database.read() as conn:
        execute_with_next_statement(conn, _INSERT_CHANGE, make_change_row(1))
        assert read_changed_ids(place) == [1]


@pytest.mark.engines("mariadb")
def test_only_the_statement_in_the_block_waits_for_no_lock(place: Place, database: Database) -> None:
    """Inside `avoid_lock_waits` a statement doesn't wait for locks. After the block, even after an error, the
    database session has its own time limit for locks again."""
    own_limit = text("SELECT @@SESSION.innodb_lock_wait_timeout")
    with database.write_without_retries() as tx:
        with avoid_lock_waits(tx.conn):
            # The smallest limit of MySQL is a second.
            assert tx.conn.execute(own_limit).scalar_one() == (1 if place.engine == "mysql" else 0)
        with pytest.raises(DBAPIError), avoid_lock_waits(tx.conn):
            tx.conn.execute(text("UPDATE no_such_table SET id = 1"))
        assert tx.conn.execute(own_limit).scalar_one() == LOCK_WAIT_SECONDS


@pytest.mark.engines("mariadb")
def test_the_next_transaction_writes_the_id_of_the_executed_request(database: Database) -> None:
    """The program writes the id of the executed desk request into a variable of the database session, together with
    the first statement of a transaction. If a transaction fails before its first statement, the next transaction
    writes the id."""
    database.get_executed_request_id = lambda: "another"
    named = text("SELECT @console_request")
    database.write(lambda tx: tx.conn.execute(text("SELECT 1")))  # connects
    database.get_executed_request_id = lambda: None

    def fail_before_any_statement(_tx: Transaction) -> None:
        raise ValueError

    with pytest.raises(ValueError):  # raised here
        database.write(fail_before_any_statement)
    assert database.write(lambda tx: tx.conn.execute(named).scalar_one()) is None
    database.get_executed_request_id = lambda: "a third"
    assert database.write(lambda tx: tx.conn.execute(named).scalar_one()) == "a third"
