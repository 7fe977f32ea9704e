"""Databases for the tests of faults. Each test module has one database, which is never emptied, so every test uses
names and numbers of its own."""

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
    """Yield a database on the database server that all tests of the run share. The tests may break connections, but
    never the server.
    """
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
    """Yield a database on the cluster of three Galera nodes that the tests of the run share."""
    with make_quick_folder() as folder:
        with server_fixtures.use_galera(is_exclusive=False):
            place = ServerPlace("galera", folder, PooledDatabase(galera_cluster.nodes))
        yield place
