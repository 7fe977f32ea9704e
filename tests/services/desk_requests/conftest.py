"""Fixtures: a team in team mode, whose desks send requests to a worker. The tests change the rights of its database
accounts.
"""

import os
from collections.abc import Iterator

import pytest

from tests.support import server_fixtures
from tests.support.places import Engine, Place, ServerPlace, use_shared_nodes
from tests.support.pooled_databases import PooledDatabase
from tests.support.pooled_teams import lend_team_database
from tests.support.quick_desks import make_quick_folder

_ENGINES = ["mariadb", "galera", *(["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else [])]


@pytest.fixture(scope="module", params=_ENGINES)
def team_database(request: pytest.FixtureRequest) -> Iterator[PooledDatabase]:
    """Yield a database that only one test file uses at a time, because the tests change the rights of its
    accounts.
    """
    with use_shared_nodes(request.param) as nodes, lend_team_database(nodes) as database:
        yield database


@pytest.fixture
def place(request: pytest.FixtureRequest, team_database: PooledDatabase) -> Iterator[Place]:
    """Empty the team's database and return it, on the engine of `team_database`."""
    team_database.restore_content()
    engine: Engine = request.node.callspec.params["team_database"]
    with make_quick_folder() as folder:
        yield ServerPlace(engine, folder, team_database)
