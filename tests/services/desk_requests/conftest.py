"""A team whose people ask, on a database of its own, because its rights are changed."""

from collections.abc import Iterator

import pytest

from tests.support.places import Engine, Place, ServerPlace, shared_nodes
from tests.support.pooled_databases import PooledDatabase
from tests.support.quick_desks import quick_folder


@pytest.fixture(scope="module", params=["mariadb", "galera"])
def team_database(request: pytest.FixtureRequest) -> Iterator[PooledDatabase]:
    """A team of its own, because its rights are changed."""
    with shared_nodes(request.param) as nodes:
        database = PooledDatabase(nodes)
        yield database
        database.drop()


@pytest.fixture
def place(team_database: PooledDatabase) -> Iterator[Place]:
    team_database.empty()
    engine: Engine = "mariadb" if len(team_database.nodes) == 1 else "galera"
    with quick_folder() as folder:
        yield ServerPlace(engine, folder, team_database)
