"""A connection is lost during a read whose code interprets database errors, or during code that ignores an error. The
program reports the lost connection, and not a result or a bug."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from console.store.access import account_properties as account_looks
from console.store.access import grants
from console.store.audit import anchors
from console.store.audit import hash_chain as audit_chain
from console.store.database.engine import Database, Transaction
from console.store.database.server import get_session
from tests.support.places import ServerPlace
from tests.support.refusals import call_for_refusal

READ_BY_NAME: dict[str, Callable[[Connection], object]] = {
    "rows on the disk": anchors._are_server_rows_on_disk,
    "rights of a role": lambda conn: grants.read_rights_of_role(conn, "nobody/operator"),
    "the accounts": account_looks.find_account_faults,
    "the trail": lambda conn: audit_chain.verify_chains(conn, ()),
}


@pytest.fixture
def database(place: ServerPlace) -> Iterator[Database]:
    made = Database(place.url())
    yield made
    made.close()


def kill_session(place: ServerPlace, conn: Connection) -> None:
    """End the database session of this connection on the server."""
    place.database.nodes[0].sql(f"KILL CONNECTION {get_session(conn).connection_id}")


@pytest.mark.parametrize("read_name", READ_BY_NAME)
def test_a_lost_read_about_a_missing_right_raises_unreachable(
    database: Database, place: ServerPlace, read_name: str
) -> None:
    """After a refused statement, a read finds out whether the account lacks a right. If this read loses its
    connection, it raises `database_unreachable`, and doesn't return a result."""

    def read_and_lose_connection() -> None:
        with database.read() as conn:
            READ_BY_NAME[read_name](conn)
            kill_session(place, conn)
            READ_BY_NAME[read_name](conn)

    assert call_for_refusal(read_and_lose_connection).code == "database_unreachable"
    with database.read() as conn:
        READ_BY_NAME[read_name](conn)


def execute_ignoring_errors(conn: Connection) -> None:
    """Run a statement, and ignore every database error, as wrong code would do."""
    try:
        conn.exec_driver_sql("SELECT 1")
    except DBAPIError:
        pass


def test_a_write_that_ignored_a_lost_connection_runs_again(database: Database, place: ServerPlace) -> None:
    """The code of a transaction ignores the loss of its connection and continues. The server has committed no part of
    it, so the program runs the whole transaction again."""
    tries = 0

    def count_try_and_read(tx: Transaction) -> int:
        nonlocal tries
        tries += 1
        tx.conn.exec_driver_sql("SELECT 1")
        if tries == 1:
            kill_session(place, tx.conn)
        execute_ignoring_errors(tx.conn)
        return int(tx.conn.exec_driver_sql("SELECT 7").scalar_one())

    assert (database.write(count_try_and_read), tries) == (7, 2)


def test_a_transaction_whose_commit_was_never_sent_runs_again(database: Database, place: ServerPlace) -> None:
    """The connection is lost at the last statement, and the code ignores this error. COMMIT was never sent, so the
    program runs the transaction again."""
    tries = 0

    def count_try_and_read(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        tx.conn.exec_driver_sql("SELECT 1")
        if tries == 1:
            kill_session(place, tx.conn)
        execute_ignoring_errors(tx.conn)

    database.write(count_try_and_read)
    assert tries == 2


def test_a_read_that_ignores_a_lost_connection_ends_as_unreachable(database: Database, place: ServerPlace) -> None:
    """The code of a read ignores the loss of its connection and continues. The read then raises
    `database_unreachable`, and not an internal error."""

    def read_and_lose_connection() -> None:
        with database.read() as conn:
            conn.exec_driver_sql("SELECT 1")
            kill_session(place, conn)
            execute_ignoring_errors(conn)
            conn.exec_driver_sql("SELECT 1")

    assert call_for_refusal(read_and_lose_connection).code == "database_unreachable"
