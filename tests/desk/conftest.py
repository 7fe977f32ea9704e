"""Fixtures for tests of complete windows, with real services and threads and a sandbox that answers over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.views.theme.theme import current_appearance, install_appearance
from tests.desk.window_desks import EmbeddedDesks, TeamModeDesks, WindowTestDesks, open_team_mode_database
from tests.desk.window_person import Person
from tests.support import server_fixtures
from tests.support.desks import MovedClock
from tests.support.money_desks import make_provider_settings
from tests.support.pooled_databases import PooledDatabase

OpenWindow = Callable[..., Person]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test with the mark `both_ways` twice, with desks that act themselves (embedded) and through a worker,
    whatever the option `--through-worker` says.
    """
    if metafunc.definition.get_closest_marker("both_ways"):
        ways = {"embedded": False, "worker": True}
        metafunc.parametrize("database_of_desks", ways.values(), ids=ways, indirect=True, scope="session")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test with the mark `embedded` if the tests run through a worker, because it tests a feature that a desk
    in team mode doesn't have.
    """
    mark = item.get_closest_marker("embedded")
    if mark is not None and item.config.getoption("--through-worker"):
        pytest.skip(mark.args[0])


@pytest.fixture(scope="session")
def database_of_desks(request: pytest.FixtureRequest) -> Iterator[PooledDatabase | None]:
    """Yield the database of desks in team mode, where a worker acts for the people. Yield None if the desks act
    themselves (embedded).
    """
    if not getattr(request, "param", request.config.getoption("--through-worker")):
        yield None
        return
    server_fixtures.require_server("mariadb")
    with open_team_mode_database() as database:
        yield database


@pytest.fixture
def extra_settings() -> dict[str, str]:
    """Return additional settings for the desks of a test, with names without the prefix `CONSOLE_`. A test module may
    override this fixture.
    """
    return {}


@pytest.fixture
def window_desks(
    qtbot: QtBot,
    qapp: QApplication,
    tmp_path: Path,
    sandbox: Sandbox,
    clock: MovedClock,
    extra_settings: dict[str, str],
    database_of_desks: PooledDatabase | None,
) -> Iterator[WindowTestDesks]:
    """Yield the desks of a test and their people, who may buy for the clients 1, 2 and 42. Windows and desks are
    closed at the end.
    """
    install_appearance(qapp, theme="light")
    settings = {"CLIENTS": "1,2,42", **make_provider_settings(sandbox.url), **extra_settings}
    if database_of_desks is None:
        made: WindowTestDesks = EmbeddedDesks(qtbot, clock, tmp_path, sandbox, settings)
    else:
        database_of_desks.restore_content()
        made = TeamModeDesks(qtbot, clock, tmp_path, sandbox, settings, database_of_desks)
    yield made
    made.close()
    if current_appearance().scale != 1.0:
        current_appearance().set_text_scale(1.0)
    current_appearance().choose_theme("light")


@pytest.fixture
def console(window_desks: WindowTestDesks) -> Console:
    """Return the console of the operator op-a's desk."""
    return window_desks.console


@pytest.fixture
def open_window(window_desks: WindowTestDesks) -> OpenWindow:
    """Return the function that opens a window for a person."""
    return window_desks.open_window


def buy_check(console: Console, number: str, client: str = "1") -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, client))


def buy_with_unknown_outcome(console: Console, sandbox: Sandbox, number: str) -> CreditCheck:
    """Make a purchase for this corporation number that the provider charges and whose answer is lost. Return its
    record, which has an unknown outcome.
    """
    sandbox.control.add_fault("status_after_charge:500", call="purchase", number=number)
    with pytest.raises(ConsoleError) as caught:
        buy_check(console, number)
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def buy_without_pdf(console: Console, sandbox: Sandbox, number: str) -> CreditCheck:
    """Buy a credit check of this corporation number whose PDF is missing until a re-fetch reads it."""
    sandbox.control.add_fault("pdf_missing", call="pdf", number=number)
    return buy_check(console, number)


def read_provider_id(sandbox: Sandbox, number: str) -> int:
    """Return the id of the newest credit check of this number in the provider's ledger."""
    return int(sandbox.control.read_ledger(number)["entries"][-1]["id"])
