"""A connection that is lost inside something that takes a refusal for an answer: never an answer, never a bug."""

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
from tests.support.refusals import refusal

LOOKS: dict[str, Callable[[Connection], object]] = {
    "whether all is on the disk": anchors._are_server_rows_on_disk,
    "what a role holds": lambda conn: grants.read_rights_of_role(conn, "nobody/operator"),
    "the accounts": account_looks.find_account_faults,
    "the trail": lambda conn: audit_chain.verify_chains(conn, ()),
}


@pytest.fixture
def database(place: ServerPlace) -> Iterator[Database]:
    made = Database(place.url())
    yield made
    made.close()


def end(place: ServerPlace, conn: Connection) -> None:
    """Kill the session of this connection, in the middle of whatever it does."""
    place.database.nodes[0].sql(f"KILL CONNECTION {get_session(conn).connection_id}")


@pytest.mark.parametrize("what", LOOKS)
def test_a_look_that_is_lost_teaches_nothing(database: Database, place: ServerPlace, what: str) -> None:
    """Its connection is killed before it, and it is told as that, not as what it would say of a refusal."""

    def lost_before_the_second() -> None:
        with database.read() as conn:
            LOOKS[what](conn)
            end(place, conn)
            LOOKS[what](conn)

    assert refusal(lost_before_the_second).code == "database_unreachable"
    with database.read() as conn:
        LOOKS[what](conn)


def swallowing(conn: Connection) -> None:
    """Does what nobody should: goes on after an error without a look at what it was."""
    try:
        conn.exec_driver_sql("SELECT 1")
    except DBAPIError:
        pass


def test_a_write_that_went_on_is_run_again(database: Database, place: ServerPlace) -> None:
    """Nothing was committed of it, so all of it is done once more."""
    tries = 0

    def work(tx: Transaction) -> int:
        nonlocal tries
        tries += 1
        tx.conn.exec_driver_sql("SELECT 1")
        if tries == 1:
            end(place, tx.conn)
        swallowing(tx.conn)
        return int(tx.conn.exec_driver_sql("SELECT 7").scalar_one())

    assert (database.write(work), tries) == (7, 2)


def test_a_commit_that_nobody_could_ask_for(database: Database, place: ServerPlace) -> None:
    """The connection was lost with the last statement, unseen: there was no COMMIT, so it is run again."""
    tries = 0

    def work(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        tx.conn.exec_driver_sql("SELECT 1")
        if tries == 1:
            end(place, tx.conn)
        swallowing(tx.conn)

    database.write(work)
    assert tries == 2


def test_a_reading_that_went_on_is_told_as_what_it_is(database: Database, place: ServerPlace) -> None:
    """The database is out of reach; that is no bug of the program."""

    def read() -> None:
        with database.read() as conn:
            conn.exec_driver_sql("SELECT 1")
            end(place, conn)
            swallowing(conn)
            conn.exec_driver_sql("SELECT 1")

    assert refusal(read).code == "database_unreachable"
