"""A window in team mode while no worker is running: which message it shows, and which actions it offers."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import console.views
from console.app import Console, open_console
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import load_settings
from console.views.app.leftovers_dialog import LeftoverCredentialsDialog
from console.views.credit_checks.page import CreditCheckPage
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.runtime.routes import CreditCheckRoute
from console.views.theme.theme import current_appearance, install_appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.window_person import Person
from tests.support import servers
from tests.support.desks import CORPORATION_NUMBERS, UNUSED_URL
from tests.support.keyrings import MemoryKeyring
from tests.support.places import Place, ServerPlace
from tests.support.pooled_teams import lend_team_database
from tests.support.quick_desks import make_quick_folder
from tests.support.server_fixtures import require_server
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode

VIEWS_FOLDER = Path(console.views.__file__).parent
OpenWindow = Callable[..., Person]


@pytest.fixture
def place() -> Iterator[Place]:
    """Yield a database of its own with a team, because `start_team_mode` changes op-a's rights."""
    require_server("mariadb")
    with make_quick_folder() as folder, lend_team_database((servers.get_shared_mariadb(),)) as database:
        made = ServerPlace("mariadb", folder, database)
        start_team_mode(made, "op-a")
        yield made


@pytest.fixture
def worker(place: Place, sandbox: Sandbox) -> Iterator[Console]:
    with place.open_desk(sandbox, person="worker", desk=1, TIME_SCALE="1") as worker:
        yield worker


@pytest.fixture
def open_window(qtbot: QtBot, qapp: QApplication, place: Place) -> Iterator[OpenWindow]:
    """Return a function that opens op-a's window. The desk has no credentials except those in `keyring` (the keyring)
    and `given` (environment variables).
    """
    install_appearance(qapp, theme="light")
    people: list[Person] = []
    desks: list[Console] = []

    def open_second_window(keyring: MemoryKeyring | None = None, **given: str) -> Person:
        hidden = ("CONSOLE_SECRET_", "CONSOLE_ALARMBOX_URL")
        facts = place.make_environment(UNUSED_URL, TIME_SCALE="1")
        environment = {name: text for name, text in facts.items() if not name.startswith(hidden)}
        settings = load_settings(environment | given, find_keyring=lambda: keyring)
        desks.append(open_console(settings))
        people.append(Person(qtbot, desks[-1], settings))
        return people[-1]

    yield open_second_window
    for person in people:
        person.opening.close()
    for desk in desks:
        desk.close()
    current_appearance().choose_theme("light")


def list_visible_bar_names(person: Person) -> list[str]:
    return [bar.accessibleName() for bar in person.window.findChildren(NotificationBar) if bar.isVisible()]


def buy_check_without_pdf(place: Place, sandbox: Sandbox, worker: Console) -> CreditCheck:
    """Buy a credit check whose PDF is missing and can be re-fetched, and return its record."""
    sandbox.control.add_fault("pdf_missing", call="pdf", number=CORPORATION_NUMBERS[0])
    with place.open_desk(sandbox, desk=2, TIME_SCALE="1") as desk, keep_executing_desk_requests(worker):
        return desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))


def test_acting_buttons_are_disabled_without_a_worker(
    place: Place, sandbox: Sandbox, worker: Console, open_window: OpenWindow
) -> None:
    """While no worker is running, the window says so and disables each acting button, also in an open dialog, with
    the reason; reading is possible. When a worker is running again, the buttons are enabled.
    """
    record = buy_check_without_pdf(place, sandbox, worker)
    with keep_executing_desk_requests(worker):
        person = open_window()
        person.frame.show_route(CreditCheckRoute(record.id, (), "queues"))
        page = person.wait_for_page(CreditCheckPage)
        person.wait_until(lambda: page.details is not None)
        probe, pack = page.action_bar.find_button("probe"), page.action_bar.find_button("evidence_pack")
        assert probe is not None
        assert pack is not None
        person.wait_until(probe.isEnabled)
        assert list_visible_bar_names(person) == []
        person.press("F")
        dialog = person.wait_for_dialog(RefetchDialog)
        person.wait_until(dialog.main_button.isEnabled)
    person.wait_until(lambda: not probe.isEnabled())
    reason = person.opening.context.find_worker_away_reason()
    assert "No worker" in reason
    assert [label.plain for label in page.findChildren(ReasonLabel) if label.buddy() is probe] == [reason]
    person.wait_until(lambda: any("No worker is running" in text for text in list_visible_bar_names(person)))
    assert not dialog.main_button.isEnabled()
    assert reason in [label.plain for label in dialog.findChildren(TextLabel) if label.isVisible()]
    assert pack.isEnabled()
    page.refresh("a person reads on")
    person.wait_until_read()
    assert not probe.isEnabled()
    with keep_executing_desk_requests(worker):
        person.wait_until(probe.isEnabled)
        person.wait_until(dialog.main_button.isEnabled)
        person.wait_until(lambda: not any("No worker" in text for text in list_visible_bar_names(person)))
        assert reason not in [label.plain for label in dialog.findChildren(TextLabel) if label.isVisible()]


def test_left_over_credentials_are_reported_and_deleted(open_window: OpenWindow, worker: Console) -> None:
    """A bar reports that provider credentials are still stored on the desk, and opens their list. The person can
    delete those in the keyring. The list names the environment variables, which the window can't delete.
    """
    keyring = MemoryKeyring({"PAYPAY_API_KEY": "x", "STORE_KEY": "a-key-that-is-long-enough", "mine": "y"})
    with keep_executing_desk_requests(worker):
        person = open_window(keyring, CONSOLE_SECRET_ATOM_PASSWORD="z")
        person.wait_until(lambda: any("no longer needs" in text for text in list_visible_bar_names(person)))
        person.wait_for_control("Show credentials").press()
        dialog = person.wait_for_dialog(LeftoverCredentialsDialog)
        texts = "\n".join(label.plain for label in dialog.findChildren(TextLabel))
        assert all(name in texts for name in ("PAYPAY_API_KEY", "STORE_KEY", "CONSOLE_SECRET_ATOM_PASSWORD"))
        person.wait_until(dialog.main_button.isEnabled)
        dialog.main_button.click()
        person.wait_without_dialog()
        assert set(keyring.entries) == {"mine", "DRAFT_KEY"}, "the desk's own key is no provider's credential"
        person.wait_until(
            lambda: any(": 1." in text and "no longer needs" in text for text in list_visible_bar_names(person))
        )
        person.wait_for_control("Show credentials").press()
        dialog = person.wait_for_dialog(LeftoverCredentialsDialog)
        assert not dialog.main_button.isEnabled()
        assert dialog.main_button.reason
        person.press("Esc")
        person.wait_for_control("Close").press()
        person.wait_until(lambda: list_visible_bar_names(person) == [])


def test_a_change_to_a_blocked_button_takes_effect_after_the_block(qtbot: QtBot) -> None:
    """If a dialog changes the state of a button while the button is blocked, the change takes effect when the block
    ends.
    """
    button = KeyButton("Buy")
    qtbot.addWidget(button)
    button.block("no worker")
    button.enable_button()
    assert (button.isEnabled(), button.shown_reason) == (False, "no worker")
    button.disable_with_reason("no client chosen")
    button.block("")
    assert (button.isEnabled(), button.shown_reason) == (False, "no client chosen")
    button.block("no worker")
    button.enable_button()
    button.block("")
    assert (button.isEnabled(), button.shown_reason) == (True, "")
    button.make_unblockable()
    button.block("no worker")
    assert button.isEnabled()


DIALOG_FILES_WITH_ACTING_CALL = sorted(
    path for path in VIEWS_FOLDER.rglob("*dialog*.py") if "run_acting_call(" in path.read_text("utf-8")
)


@pytest.mark.parametrize(
    "source", DIALOG_FILES_WITH_ACTING_CALL, ids=lambda path: str(path.relative_to(VIEWS_FOLDER))
)
def test_each_dialog_that_acts_is_blocked_without_a_worker(source: Path) -> None:
    """In each file of a dialog that starts an acting call, the code blocks the main button while no worker is
    running, or inherits this from a base class. The list of leftover credentials is exempt, because it needs no
    worker.
    """
    content = source.read_text("utf-8")
    bases = {
        base.id
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    }
    is_exempt = source.name == "leftovers_dialog.py"  # deletes entries of this desk's keyring itself
    assert "block_button_while_read_only(" in content or is_exempt or bases & {"BulkRunDialog", "EvidenceDialog"}
