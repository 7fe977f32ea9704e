"""`place`: a test that takes it runs on SQLite and MariaDB, and wherever else it says. Also what a desk there needs.

    @pytest.mark.engines("sqlite", "mariadb", "galera")

Where `CONSOLE_TEST_MYSQL_URL` names a MySQL server, whatever runs on MariaDB runs there too. On Galera a test has the
cluster together with others; one that kills a node asks for `galera_alone` beside `place`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import server_fixtures

if TYPE_CHECKING:  # the program is imported by the tests that run it
    from console.sandbox.server import Sandbox
    from tests.support.ledger_vendor import LedgerVendor
    from tests.support.places import Engine, Place
    from tests.support.quick_desks import HandClock

_USUAL = ("sqlite", "mariadb")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines(*names): the database engines that the test runs on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sql_server" in metafunc.fixturenames:
        given = ["mysql"] if os.environ.get(server_fixtures.MYSQL) else []
        metafunc.parametrize("sql_server", ["mariadb", *given], indirect=True, scope="session")
    if "engine" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("engines")
    names = list(marker.args if marker else _USUAL)
    if "mariadb" in names and os.environ.get(server_fixtures.MYSQL):
        names.append("mysql")
    metafunc.parametrize("engine", names, scope="session")


@pytest.fixture(scope="session")
def _pool() -> Iterator[None]:
    """A server that was given keeps nothing of ours."""
    yield
    if os.environ.get(server_fixtures.MYSQL):
        from tests.support import pooled_databases

        pooled_databases.drop_all()


@pytest.fixture
def place(engine: "Engine", _pool: None) -> "Iterator[Place]":
    """An empty database of this engine, in a folder of its own."""
    from tests.support import places

    with places.fresh_anywhere(engine) as lent:
        yield lent


@pytest.fixture
def fresh_place(engine: "Engine", _pool: None) -> "Callable[[], AbstractContextManager[Place]]":
    """Makes an empty database of this engine for the length of a block, for tests that need one after the other."""
    from tests.support import places

    return lambda: places.fresh_anywhere(engine)


@pytest.fixture(autouse=True)
def _galera_together(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test with the cluster waits while another worker's test has it alone."""
    callspec = getattr(request.node, "callspec", None)
    on_galera = callspec is not None and callspec.params.get("engine") == "galera"
    if not on_galera or "galera_cluster" in request.fixturenames:
        yield
        return
    server_fixtures.need("galera")
    with server_fixtures.galera_turn(alone=False):
        yield


@pytest.fixture
def hand_clock() -> "Iterator[HandClock]":
    """Time that only the test moves, leases included."""
    from tests.support.quick_desks import HandClock, lease_clock

    clock = HandClock()
    with lease_clock(clock):
        yield clock


@pytest.fixture
def vendor(hand_clock: "HandClock") -> "LedgerVendor":
    """A provider in memory, on the same time."""
    from tests.support.ledger_vendor import LedgerVendor

    return LedgerVendor(today=hand_clock.today)


@pytest.fixture
def sandbox() -> "Iterator[Sandbox]":
    """The simulated providers over HTTP, which nobody has asked anything."""
    from console.sandbox.server import Sandbox

    with Sandbox() as running:
        yield running


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a desk, in memory where the system has one."""
    from tests.support.quick_desks import quick_folder

    with quick_folder() as folder:
        yield folder


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The run's seed, which draws faults and places. `-p randomly -p "randomly_seed=N"` repeats a run."""
    return int(request.config.getoption("randomly_seed", 0) or 0)
