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
from tests.desk.window_desks import EmbeddedDesks, TeamModeDesks, WindowTestDesks, open_database_of_askers
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
    """A test that is marked `both_ways` runs embedded and through a worker, whatever the option says."""
    if metafunc.definition.get_closest_marker("both_ways"):
        ways = {"embedded": False, "worker": True}
        metafunc.parametrize("database_of_desks", ways.values(), ids=ways, indirect=True, scope="session")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test of something that a desk in team mode doesn't have."""
    mark = item.get_closest_marker("embedded")
    if mark is not None and item.config.getoption("--through-worker"):
        pytest.skip(mark.args[0])


@pytest.fixture(scope="session")
def database_of_desks(request: pytest.FixtureRequest) -> Iterator[PooledDatabase | None]:
    """Yield the database of desks in team mode, for whose people a worker acts; None if the desks are embedded."""
    if not getattr(request, "param", request.config.getoption("--through-worker")):
        yield None
        return
    server_fixtures.require_server("mariadb")
    with open_database_of_askers() as database:
        yield database


@pytest.fixture
def extra_settings() -> dict[str, str]:
    """The settings that a file of tests adds for its desks; names without their `CONSOLE_`."""
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
    """Desks of three clients with their people; windows and desks are closed at the end."""
    install_appearance(qapp, theme="light")
    told = {"CLIENTS": "1,2,42", **make_provider_settings(sandbox.url), **extra_settings}
    if database_of_desks is None:
        made: WindowTestDesks = EmbeddedDesks(qtbot, clock, tmp_path, sandbox, told)
    else:
        database_of_desks.restore_content()
        made = TeamModeDesks(qtbot, clock, tmp_path, sandbox, told, database_of_desks)
    yield made
    made.close()
    if current_appearance().scale != 1.0:
        current_appearance().set_text_scale(1.0)
    current_appearance().choose_theme("light")


@pytest.fixture
def console(window_desks: WindowTestDesks) -> Console:
    """Return the desk of op-a."""
    return window_desks.console


@pytest.fixture
def open_window(window_desks: WindowTestDesks) -> OpenWindow:
    """Return the function that opens a window for a person."""
    return window_desks.open_window


def buy_check(console: Console, number: str, client: str = "1") -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, client))


def buy_unknown(console: Console, sandbox: Sandbox, number: str) -> CreditCheck:
    """Make a purchase that is charged and whose answer is lost; return its record."""
    sandbox.control.add_fault("status_after_charge:500", call="purchase", number=number)
    with pytest.raises(ConsoleError) as caught:
        buy_check(console, number)
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def buy_without_pdf(console: Console, sandbox: Sandbox, number: str) -> CreditCheck:
    """Buy a credit check whose PDF is missing until it is fetched again."""
    sandbox.control.add_fault("pdf_missing", call="pdf", number=number)
    return buy_check(console, number)


def read_provider_id(sandbox: Sandbox, number: str) -> int:
    """Return the provider's id of the newest credit check of this number, from its ledger."""
    return int(sandbox.control.read_ledger(number)["entries"][-1]["id"])
