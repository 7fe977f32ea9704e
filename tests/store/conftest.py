"""Fixtures of the tests of the store: databases with their schema, the database connections of two desks, a spool,
and a team with its database accounts."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection

from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.spool.cipher import Cipher
from console.store.spool.spool import Spool
from tests.store import forbidden_worker, money_scene
from tests.store.audit_desk import DatabaseWithThreeChains
from tests.store.plain_connections import PersonConnections, open_server_with_movable_time
from tests.store.spool_worker import STORE_KEY
from tests.support.places import FIRST_PERSON, Engine, Place, open_empty_place_anywhere
from tests.support.quick_desks import ManualClock
from tests.support.sql_server import SqlServer
from tests.support.teams import Team, open_team


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file of a database with its schema and without rows. A test must copy the file."""
    file = tmp_path_factory.mktemp("store") / "empty.db"
    database = Database(f"sqlite:///{file}")
    migrate.upgrade(database)
    database.close()
    return file


@pytest.fixture
def trail_database(place: Place) -> Iterator[DatabaseWithThreeChains]:
    opened = DatabaseWithThreeChains(place)
    yield opened
    opened.database.close()


@pytest.fixture(scope="module")
def database_without_person_triggers(engine: Engine) -> Iterator[Database]:
    """Yield a database without the triggers that check which person moves money, for tests that check only the SQL
    statements."""
    with open_empty_place_anywhere(engine) as place:
        for table in ("accounts", "approvals", "orders", "payment_events", "payments", "refunds", "set_asides"):
            place.drop_table_triggers(table)
        with closing(Database(place.url(""))) as opened:
            yield opened


@pytest.fixture
def connection(database_without_person_triggers: Database) -> Iterator[Connection]:
    """Yield a write transaction of `database_without_person_triggers` that is rolled back at the end of the test."""
    with suppress(_EndOfTest), database_without_person_triggers.write_without_retries() as tx:
        yield tx.conn
        raise _EndOfTest


@pytest.fixture(scope="module")
def person_database(engine: Engine) -> Iterator[Database]:
    """Yield a database connection with an operator's account. The triggers of this database check which person moves
    money.
    """
    with open_empty_place_anywhere(engine) as place, closing(Database(place.url())) as opened:
        yield opened


@pytest.fixture
def person_connection(person_database: Database) -> Iterator[Connection]:
    """Yield a write transaction of the operator's account that is rolled back at the end of the test."""
    with suppress(_EndOfTest), person_database.write_without_retries() as tx:
        yield tx.conn
        raise _EndOfTest


@pytest.fixture
def acting_person(person_database: Database) -> str:
    """Return the name of the person who acts in the test."""
    return person_database.account_name or FIRST_PERSON


class _EndOfTest(Exception):
    """An exception that is raised at the end of a test to roll its transaction back."""


@pytest.fixture
def databases(place: Place, hand_clock: ManualClock) -> Iterator[tuple[Database, ...]]:
    """Yield the database connections of two desks: on different nodes if the engine has several."""
    hand_clock.move_listeners[place.folder] = place.move_lease_clock
    opened = tuple(Database(place.url(desk=desk)) for desk in range(2))
    yield opened
    for database in opened:
        database.close()


@pytest.fixture
def migrated_server_database(sql_server: SqlServer) -> Iterator[Database]:
    """Yield a database with its schema, on each kind of database server."""
    with sql_server.create_temporary_database() as url, closing(Database(url, without_time_limit=True)) as made:
        migrate.upgrade(made)
        yield made


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Yield a new, empty spool of a desk."""
    opened = Spool(tmp_path, Cipher(STORE_KEY))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def team(engine: Engine) -> Iterator[Team]:
    """Yield a team's database with payments and refunds of every kind. The tests of a module share the database and
    must not change it.
    """
    with open_server_with_movable_time(engine) as server, open_team(server) as made:
        money_scene.insert_money_rows(made)
        forbidden_worker.insert_worker_rows(made)
        yield made


@pytest.fixture(scope="module")
def connections(team: Team) -> Iterator[PersonConnections]:
    made = PersonConnections(team)
    yield made
    made.close()
