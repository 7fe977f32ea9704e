"""pytest's side of the servers: one of each kind per run, shared by the workers, ended by the controller.

Where a server is missing, its tests are skipped and say why; on CI, and where `CONSOLE_TEST_REQUIRE_SERVERS=1` asks
for it, they fail.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import server_run, servers

MYSQL = "CONSOLE_TEST_MYSQL_URL"
NOT_GIVEN = f"nothing runs on MySQL, no server was given: {MYSQL}=mysql+pymysql://admin:secret@host:port/"
# Of this process: whether it is one of pytest's, and how many turns on the cluster it holds.
_state = {"pytest": 0, "galera turns": 0}


def pytest_configure(config: pytest.Config) -> None:
    """The controller opens the run (nothing starts yet); a worker, or a run inside a run, belongs to it already."""
    _state["pytest"] = 1
    if server_run.current_run() is None:
        run = server_run.new_run()
        server_run.publish(run)
        config.add_cleanup(run.end)
        config.add_cleanup(lambda: server_run.publish(None))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get(MYSQL):
        terminalreporter.write_line(NOT_GIVEN)


def required() -> bool:
    """Whether a missing server is a failure here."""
    return os.environ.get("CI") == "true" or os.environ.get("CONSOLE_TEST_REQUIRE_SERVERS") == "1"


def need(kind: str) -> None:
    """Skip, or fail where servers are required, unless this machine can run this kind."""
    reason = servers.missing(kind)
    if reason and required():
        pytest.fail(f"servers are required here: {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


def need_engine(engine: str) -> None:
    """The same for a database engine by name; SQLite is always there, and a MySQL server was given."""
    if engine in ("mariadb", "galera"):
        need(engine)


@pytest.fixture(scope="session")
def mariadb_server() -> servers.Server:
    """The run's MariaDB. Others use it at the same time: stop or kill one of your own (`with mariadb()`)."""
    need("mariadb")
    return servers.shared_mariadb()


@pytest.fixture
def mariadb_url(mariadb_server: servers.Server) -> Iterator[str]:
    """A fresh, empty database on the run's MariaDB for one test: its owner's address."""
    with mariadb_server.database() as url:
        yield url


@contextmanager
def galera_turn(*, alone: bool) -> Iterator[None]:
    """The cluster, whole, for a test or for what several share; a node that is missing is brought back first.

    Looked at while it is held: until then somebody else may have broken it, and not lived to mend it. Within a turn
    of this process the cluster is lent once more, but raises RuntimeError for `alone`.
    """
    if _state["galera turns"]:
        if alone:
            raise RuntimeError("a fixture of several tests shares the cluster meanwhile")
        yield
        return
    while True:
        with servers.turn("galera", alone=alone):
            if servers.shared_galera().whole():
                _state["galera turns"] += 1
                try:
                    yield
                finally:
                    _state["galera turns"] -= 1
                return
        with servers.turn("galera", alone=True):
            servers.shared_galera().heal()


def require_galera_turn() -> None:
    """Raise RuntimeError where a test uses the cluster without a turn: another test may be killing its nodes.

    Processes outside pytest (soak, benchmarks) have a cluster of their own.
    """
    if _state["pytest"] and not _state["galera turns"]:
        raise RuntimeError("the cluster is used without a turn: with galera_turn(alone=False)")


@pytest.fixture(scope="session")
def galera_cluster() -> servers.Cluster:
    """The run's cluster of three nodes. Who kills, stops or pauses a node asks for `galera_alone`."""
    need("galera")
    return servers.shared_galera()


@pytest.fixture
def galera_alone(galera_cluster: servers.Cluster) -> Iterator[servers.Cluster]:
    """The run's cluster while nobody else uses it; what the test did to its nodes is healed afterwards."""
    yield galera_cluster
    galera_cluster.heal()


@pytest.fixture(autouse=True)
def _galera_turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test with the cluster waits while another worker's test has it alone."""
    if "galera_cluster" not in request.fixturenames:
        yield
        return
    with galera_turn(alone="galera_alone" in request.fixturenames):
        yield


@pytest.fixture(scope="session")
def redis_server() -> servers.RedisServer:
    """The run's Redis. Others use it at the same time: kill, pause or flush one of your own (`with redis()`)."""
    need("redis")
    return servers.shared_redis()


@pytest.fixture(scope="session")
def mysql_server() -> servers.SqlServer:
    """The MySQL server that was given."""
    url = os.environ.get(MYSQL)
    if not url:
        pytest.skip(NOT_GIVEN)
    return servers.given(url)


@pytest.fixture(scope="session")
def sql_server(request: pytest.FixtureRequest) -> servers.SqlServer:
    """The run's MariaDB, and the MySQL server that was given: a test that takes it runs on each."""
    server: servers.SqlServer = request.getfixturevalue(f"{request.param}_server")
    return server
