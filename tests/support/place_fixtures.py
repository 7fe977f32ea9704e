"""`place`: a test that takes it runs on SQLite and MariaDB, and wherever else it says.

    @pytest.mark.engines("sqlite", "mariadb", "galera")

Where `CONSOLE_TEST_MYSQL_URL` names a MySQL server, whatever runs on MariaDB runs there too. On Galera a test has the
cluster together with others; one that kills a node asks for `galera_alone` beside `place`.
"""

from collections.abc import Iterator

import pytest

from tests.support import places, pooled_databases, server_fixtures, servers
from tests.support.places import Engine, Place
from tests.support.quick_desks import HandClock, lease_clock, quick_folder

_USUAL: tuple[Engine, ...] = ("sqlite", "mariadb")
_TIMEOUT_SECONDS = 150


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines(*names): the database engines that the test runs on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("engines")
    names = list(marker.args if marker else _USUAL)
    if "mariadb" in names and places.mysql_url():
        names.append("mysql")
    waiting = {"galera": [pytest.mark.timeout(_TIMEOUT_SECONDS)], "mariadb": [pytest.mark.timeout(_TIMEOUT_SECONDS)]}
    parameters = [pytest.param(name, marks=waiting.get(name, [])) for name in names]
    metafunc.parametrize("engine", parameters, scope="session")


@pytest.fixture(scope="session")
def _lent() -> Iterator[None]:
    yield
    if places.mysql_url():
        pooled_databases.drop_all()


@pytest.fixture
def place(engine: Engine, request: pytest.FixtureRequest, _lent: None) -> Iterator[Place]:
    """An empty database of this engine, in a folder of its own."""
    if engine in ("mariadb", "galera"):
        server_fixtures.need(engine)
    with quick_folder() as folder, places.fresh(engine, folder) as lent:
        yield lent


@pytest.fixture(autouse=True)
def _galera_together(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever uses the cluster waits while another worker's test has it alone."""
    callspec = getattr(request.node, "callspec", None)
    on_galera = callspec is not None and callspec.params.get("engine") == "galera"
    if not on_galera or "galera_cluster" in request.fixturenames:
        yield
        return
    server_fixtures.need("galera")
    with servers.turn("galera", alone=False):
        yield


@pytest.fixture
def hand_clock() -> Iterator[HandClock]:
    """Time that only the test moves, leases included."""
    clock = HandClock()
    with lease_clock(clock):
        yield clock


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What draws faults and places: the run's seed. `-p randomly -p "randomly_seed=N"` repeats a run."""
    return int(request.config.getoption("randomly_seed", 0) or 0)


