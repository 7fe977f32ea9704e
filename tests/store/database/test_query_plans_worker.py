"""Tests that the frequent queries of the worker's tasks, and of the window's lists of alerts, reconciliations and
bulk runs, use an index, so that their cost doesn't depend on the size of the tables."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from console.store.database.engine import Database
from tests.bench import plans, plans_worker
from tests.bench.plans import Query
from tests.bench.plans_worker import INDEXED_QUERY_BY_NAME, QUERIES_SORTED_IN_MEMORY
from tests.support import server_schema
from tests.support.servers import Server


@pytest.fixture(scope="module")
def sqlite_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("plans") / "console.db"
    shutil.copy(empty_database, file)
    with closing(Database(f"sqlite:///{file}")) as opened:
        yield opened


@pytest.fixture(scope="module")
def mariadb_database(mariadb_server: Server) -> Iterator[Database]:
    with mariadb_server.create_temporary_database() as url, closing(Database(url, without_time_limit=True)) as opened:
        server_schema.create_schema(mariadb_server, url)
        with mariadb_server.connect(database=urlsplit(url).path[1:]) as connection, connection.cursor() as cursor:
            plans_worker.fill_server(cursor)
        yield opened


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened


@pytest.mark.parametrize("query_function", INDEXED_QUERY_BY_NAME.values(), ids=INDEXED_QUERY_BY_NAME)
def test_every_query_follows_an_index(database: Database, query_function: Query) -> None:
    """No query of `INDEXED_QUERY_BY_NAME` reads a whole table or sorts rows."""
    steps = plans.read_plan_steps(database, query_function)
    assert not plans.find_whole_table_steps(steps), steps
    assert not plans.find_sort_steps(steps), steps


@pytest.mark.parametrize("query_function", QUERIES_SORTED_IN_MEMORY.values(), ids=QUERIES_SORTED_IN_MEMORY)
def test_few_rows_are_found_through_an_index(database: Database, query_function: Query) -> None:
    """Queries that sort their rows in memory first find these few rows through an index."""
    steps = plans.read_plan_steps(database, query_function)
    assert not plans.find_whole_table_steps(steps), steps
