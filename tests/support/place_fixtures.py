"""Fixtures for tests on several database engines. A test with the fixture `place` runs on SQLite and MariaDB, or on
the engines that its mark names. The other fixtures are parts of a desk.

    @pytest.mark.engines("sqlite", "mariadb", "galera")

If `CONSOLE_TEST_MYSQL_URL` names a MySQL server, tests for MariaDB also run on that server. Several tests use the
Galera cluster at the same time; a test that kills a node also needs the fixture `galera_alone`.
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
    from tests.support.in_memory_alarmbox import InMemoryAlarmBox
    from tests.support.places import Engine, Place
    from tests.support.quick_desks import ManualClock

_USUAL_ENGINES = ("sqlite", "mariadb")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines(*names): the database engines that the test runs on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sql_server" in metafunc.fixturenames:
        given = ["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else []
        metafunc.parametrize("sql_server", ["mariadb", *given], indirect=True, scope="session")
    if "engine" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("engines")
    names = list(marker.args if marker else _USUAL_ENGINES)
    if "mariadb" in names and os.environ.get(server_fixtures.MYSQL_URL_VARIABLE):
        names.append("mysql")
    metafunc.parametrize("engine", names, scope="session")


@pytest.fixture(scope="session")
def _drop_pooled_databases_at_end() -> Iterator[None]:
    """At the end of the run, drop the pooled databases on a MySQL server that was configured by its URL."""
    yield
    if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE):
        from tests.support import pooled_databases

        pooled_databases.drop_all_databases()


@pytest.fixture
def place(engine: "Engine", _drop_pooled_databases_at_end: None) -> "Iterator[Place]":
    """Yield a Place: an empty database of this engine, with a temporary folder for the spools and profiles of its
    desks."""
    from tests.support import places

    with places.open_empty_place_anywhere(engine) as lent:
        yield lent


@pytest.fixture
def fresh_place(
    engine: "Engine", _drop_pooled_databases_at_end: None
) -> "Callable[[], AbstractContextManager[Place]]":
    """Return a function that makes an empty database of this engine for the length of a block. It is for tests that
    need several databases one after another.
    """
    from tests.support import places

    return lambda: places.open_empty_place_anywhere(engine)


@pytest.fixture
def hand_clock() -> "Iterator[ManualClock]":
    """Yield a clock that only the test moves. The leases use the same clock."""
    from tests.support.quick_desks import ManualClock, use_lease_clock

    clock = ManualClock()
    with use_lease_clock(clock):
        yield clock


@pytest.fixture
def alarmbox(hand_clock: "ManualClock") -> "InMemoryAlarmBox":
    """Return a simulated provider of credit checks in memory that uses the clock of the fixture `hand_clock`."""
    from tests.support.in_memory_alarmbox import InMemoryAlarmBox

    return InMemoryAlarmBox(today=hand_clock.today)


@pytest.fixture
def sandbox() -> "Iterator[Sandbox]":
    """Yield a new sandbox, which simulates the providers over HTTP and has received no requests yet."""
    from console.sandbox.server import Sandbox

    with Sandbox() as running:
        yield running


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a temporary home folder for a desk. It is in memory if the system has a folder in memory."""
    from tests.support.quick_desks import make_quick_folder

    with make_quick_folder() as folder:
        yield folder


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Return the random seed of the run, from which tests choose faults and places. The option `-p "randomly_seed=N"`
    repeats a run with the seed N.
    """
    return int(request.config.getoption("randomly_seed", 0) or 0)
