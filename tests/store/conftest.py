"""Databases for the store's tests: migrated once, copied for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.store import migrate
from console.store.engine import Database
from tests.store.audit_desk import Desk
from tests.support.places import Place


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
