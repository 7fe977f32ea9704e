"""Databases for the store's tests: migrated once, copied for each."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection

from console.store import migrate
from console.store.engine import Database
from tests.store.audit_desk import Desk
from tests.support import server_fixtures
from tests.support.places import Engine, Place, fresh_anywhere


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with nothing but its schema. Copy it."""
    file = tmp_path_factory.mktemp("store") / "empty.db"
    database = Database(f"sqlite:///{file}")
    migrate.upgrade(database)
    database.close()
    return file


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    opened = Desk(place)
    yield opened
    opened.database.close()


@pytest.fixture(scope="module")
def books(engine: Engine) -> Iterator[Database]:
    """A database in which nobody asks who moves what: these tests are about what statements do by themselves."""
    server_fixtures.need_engine(engine)
    with fresh_anywhere(engine) as place:
        for table in ("accounts", "approvals", "orders", "payment_events", "payments", "refunds", "set_asides"):
            place.unguard(table)
        with closing(Database(place.url(""))) as opened:
            yield opened


@pytest.fixture
def rows(books: Database) -> Iterator[Connection]:
    """A write transaction of which nothing stays."""
    with suppress(_Undone), books.attempt() as tx:
        yield tx.conn
        raise _Undone


class _Undone(Exception):
    """Ends a test's transaction."""
