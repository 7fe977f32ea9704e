"""Databases for tests of faults. Each module has one, which is never emptied: every test uses names and numbers of
its own."""

from collections.abc import Iterator

import pytest

from tests.support import server_fixtures
from tests.support.places import ServerPlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.quick_desks import make_quick_folder
from tests.support.servers import Cluster, Server, start_private_mariadb
from tests.support.sql_server import SqlServer


@pytest.fixture(scope="module")
def place(sql_server: SqlServer) -> Iterator[ServerPlace]:
    """Yield a database on the server that all tests share. Its tests break only connections, never the server."""
    database = PooledDatabase((sql_server,))
    with make_quick_folder() as folder:
        yield ServerPlace("mariadb" if isinstance(sql_server, Server) else "mysql", folder, database)
    database.drop_database()


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """Yield a private server for one module. A test that breaks the server repairs it before it ends."""
    server_fixtures.require_server("mariadb")
    with start_private_mariadb() as server:
        yield server


@pytest.fixture(scope="module")
def own_place(own_server: Server) -> Iterator[ServerPlace]:
    """Yield a database on the private server."""
    with make_quick_folder() as folder:
        yield ServerPlace("mariadb", folder, PooledDatabase((own_server,)))


@pytest.fixture(scope="module")
def galera_place(galera_cluster: Cluster) -> Iterator[ServerPlace]:
    """Yield a database on the run's cluster of three nodes."""
    with make_quick_folder() as folder:
        with server_fixtures.use_galera(alone=False):
            place = ServerPlace("galera", folder, PooledDatabase(galera_cluster.nodes))
        yield place
