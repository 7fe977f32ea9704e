"""Fixtures for database servers.

A test run has one server of each kind, which all worker processes of pytest use and the controller process ends. If
this machine can't run a server, its tests are skipped with the reason. On CI, and with
`CONSOLE_TEST_REQUIRE_SERVERS=1`, they fail.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import server_run, servers

MYSQL_URL_VARIABLE = "CONSOLE_TEST_MYSQL_URL"
NO_MYSQL_MESSAGE = (
    f"nothing runs on MySQL, no server was given: {MYSQL_URL_VARIABLE}=mysql+pymysql://admin:secret@host:port/"
)
# Of this process: whether it is one of pytest's, and how many turns on the cluster it holds.
_plugin_state = {"pytest": 0, "galera turns": 0}


def pytest_configure(config: pytest.Config) -> None:
    """In the controller process, create the test run without starting a server. A worker process, or a run inside a
    run, already belongs to a run.
    """
    _plugin_state["pytest"] = 1
    if server_run.find_current_run() is None:
        run = server_run.make_run()
        server_run.publish_run(run)
        config.add_cleanup(run.end)
        config.add_cleanup(lambda: server_run.publish_run(None))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get(MYSQL_URL_VARIABLE):
        terminalreporter.write_line(NO_MYSQL_MESSAGE)


def are_servers_required() -> bool:
    """Return True if a test must fail, instead of being skipped, when its server can't run on this machine."""
    return os.environ.get("CI") == "true" or os.environ.get("CONSOLE_TEST_REQUIRE_SERVERS") == "1"


def require_server(kind: str) -> None:
    """Skip the test if this machine can't run a server of this kind. If servers are required, fail the test."""
    reason = servers.find_missing_reason(kind)
    if reason and are_servers_required():
        pytest.fail(f"servers are required here: {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


def require_engine(engine: str) -> None:
    """Skip the test if this machine can't run this database engine, or fail it if servers are required. SQLite and a
    configured MySQL server are always available.
    """
    if engine in ("mariadb", "galera"):
        require_server(engine)


@pytest.fixture(scope="session")
def mariadb_server() -> servers.Server:
    """Return the run's MariaDB server. Other tests use the server at the same time. A test that stops or kills a
    server must use a private one (`with start_private_mariadb()`).
    """
    require_server("mariadb")
    return servers.get_shared_mariadb()


@pytest.fixture
def mariadb_url(mariadb_server: servers.Server) -> Iterator[str]:
    """Yield the URL of a new, empty database on the run's MariaDB server, with the account that owns the database.
    The database is dropped afterwards."""
    with mariadb_server.create_temporary_database() as url:
        yield url


@contextmanager
def use_galera(*, is_exclusive: bool) -> Iterator[None]:
    """Use the run's cluster with all nodes running within the block, together with other tests, or alone if
    `is_exclusive` is True. If a node is missing, the cluster is repaired first: another process may have killed the
    node and crashed. Within a block, this process can use the cluster in another block, but `is_exclusive` raises
    RuntimeError there.
    """
    if _plugin_state["galera turns"]:
        if is_exclusive:
            raise RuntimeError("a fixture of several tests shares the cluster meanwhile")
        yield
        return
    while True:
        with servers.use_shared_server("galera", is_exclusive=is_exclusive):
            if servers.get_shared_galera().is_whole():
                _plugin_state["galera turns"] += 1
                try:
                    yield
                finally:
                    _plugin_state["galera turns"] -= 1
                return
        with servers.use_shared_server("galera", is_exclusive=True):
            servers.get_shared_galera().restart_nodes()


def require_galera_turn() -> None:
    """Raise RuntimeError if a test uses the cluster outside a block of `use_galera`, because another test may be
    killing its nodes. Soaks and benchmarks, which run outside pytest, have a cluster of their own.
    """
    if _plugin_state["pytest"] and not _plugin_state["galera turns"]:
        raise RuntimeError("the cluster is used without a turn: with use_galera(is_exclusive=False)")


@pytest.fixture(scope="session")
def galera_cluster() -> servers.Cluster:
    """Return the run's cluster of three nodes. A test that kills, stops or pauses a node must use `galera_alone`."""
    require_server("galera")
    return servers.get_shared_galera()


@pytest.fixture
def galera_alone(galera_cluster: servers.Cluster) -> Iterator[servers.Cluster]:
    """Yield the run's cluster while no other test uses it. After the test, the nodes that the test has stopped are
    restarted.
    """
    yield galera_cluster
    galera_cluster.restart_nodes()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a test that uses the cluster request the fixture `galera_turn`, before the fixtures of the test alone. A
    fixture that every test requests would take 1 % of a run.
    """
    if not isinstance(item, pytest.Function):
        return
    engine = item.callspec.params.get("engine") if hasattr(item, "callspec") else None
    if engine == "galera" or "galera_cluster" in item.fixturenames:
        place = item.fixturenames.index("fail_tests_with_side_effects")
        # A new list: all variants of a function share the former one.
        item.fixturenames = [*item.fixturenames[:place], "galera_turn", *item.fixturenames[place:]]


@pytest.fixture
def galera_turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the test wait while a test of another worker process uses the cluster alone."""
    require_server("galera")
    with use_galera(is_exclusive="galera_alone" in request.fixturenames):
        yield


@pytest.fixture(scope="session")
def redis_server() -> servers.RedisServer:
    """Return the run's Redis server. Other tests use the server at the same time. A test that kills, pauses or
    flushes a server must use a private one (`with start_private_redis()`).
    """
    require_server("redis")
    return servers.get_shared_redis()


@pytest.fixture(scope="session")
def mysql_server() -> servers.SqlServer:
    """Return the MySQL server that CONSOLE_TEST_MYSQL_URL names. The test is skipped without one."""
    url = os.environ.get(MYSQL_URL_VARIABLE)
    if not url:
        pytest.skip(NO_MYSQL_MESSAGE)
    return servers.prepare_server(url)


@pytest.fixture(scope="session")
def sql_server(request: pytest.FixtureRequest) -> servers.SqlServer:
    """Return the run's MariaDB server or the configured MySQL server. A test with this fixture runs once on each of
    them.
    """
    server: servers.SqlServer = request.getfixturevalue(f"{request.param}_server")
    return server
