"""Databases for the store's tests: migrated once, copied for each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.store import migrate
from console.store.engine import Database
from tests.store.audit_desk import Desk


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with nothing but its schema. Copy it."""
    file = tmp_path_factory.mktemp("store") / "empty.db"
    database = Database(f"sqlite:///{file}")
    migrate.upgrade(database)
    database.close()
    return file


@pytest.fixture
def desk(empty_database: Path, tmp_path: Path) -> Iterator[Desk]:
    file = tmp_path / "console.db"
    shutil.copy(empty_database, file)
    opened = Desk(file)
    yield opened
    opened.database.close()
