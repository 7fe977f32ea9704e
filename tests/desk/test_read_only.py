"""The read-only switch in the window: each person sees it, no person can change a record while it is on, and an
approver ends it by the keyboard.
"""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import console.views
from console.app import Console
from console.domain.access.permissions import ROLES_BY_RIGHT
from console.domain.access.read_only import EVERYTHING_SCOPE
from console.domain.bulk.records import ChosenRecord
from console.sandbox.server import Sandbox
from console.services.bulk.execute import make_lease_name
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess
from console.store.tasks import bulk_runs
from console.views.admin.page import AdminPage
from console.views.admin.switch_dialog import ReadOnlySwitchDialog
from console.views.bulk.dialog import BulkDialog
from console.views.credit_checks.page import CreditCheckPage
from console.views.home.page import HomePage
from console.views.records.note_dialog import NoteDialog
from console.views.records.resolve_dialog import ResolveDialog
from console.views.runtime.routes import AdminRoute, CreditCheckRoute, HomeRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from console.views.widgets.window.window_bars import StatusCell
from tests.desk.conftest import buy_with_unknown_outcome
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS

REASON = "provider incident"
BLOCKING_FUNCTION_NAMES = ("block_button_while_read_only", "bind_button_to_right")
VIEWS_FOLDER = Path(console.views.__file__).parent


def read_bars(person: Person) -> str:
    return "\n".join(bar.accessibleName() for bar in person.window.findChildren(NotificationBar) if bar.isVisible())


def read_status_bar(person: Person) -> list[str]:
    """Return the names of the status bar's cells."""
    return [cell.accessibleName() for cell in person.frame.status_bar.findChildren(StatusCell) if cell.isVisible()]


def read_labels(dialog: DialogFrame) -> str:
    return "\n".join(label.plain for label in dialog.findChildren(TextLabel) if label.isVisible())


def open_administration(person: Person) -> AdminPage:
    person.press("Alt+9")
    page = person.wait_for_page(AdminPage)
    person.wait_until(lambda: page.switch_table.current_item is not None)
    return page


def set_read_only(person: Person, words: str) -> None:
    """Press O, enter this reason in the dialog of the read-only switch, and confirm."""
    person.press("O")
    dialog = person.wait_for_dialog(ReadOnlySwitchDialog)
    person.wait_until(dialog.reason_field.edit.hasFocus)
    person.type_in(words)
    person.wait_until(dialog.main_button.isEnabled)
    person.tab_to(dialog.main_button.accessibleName())
    person.press("Return")
    person.wait_without_dialog()


def test_the_read_only_switch_is_set_and_ended_by_keyboard(
    window_desks: WindowTestDesks, open_window: Callable[..., Person], console: Console, sandbox: Sandbox
) -> None:
    """Alt+9 and O set the read-only switch with a reason. The bar then shows who set it and why, and the status bar
    has the reason in place of "Writes on". On the page of a credit check the button to resolve is disabled and says
    who set the switch; the probe isn't disabled. An auditor sees the bar but can't end the switch. For the person
    with the right, O ends it.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.wait_for_page(HomePage)
    person = window_desks.switch_person(person, "lead-b")
    open_administration(person)
    person.wait_until(lambda: "Writes on" in read_status_bar(person))
    set_read_only(person, REASON)
    person.wait_until(lambda: REASON in read_bars(person))
    assert "lead-b" in read_bars(person)
    assert "Writes on" not in read_status_bar(person)
    assert REASON in next(name for name in read_status_bar(person) if name.startswith("Read-only since "))
    person.frame.show_route(CreditCheckRoute(record.id))
    check = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: check.details is not None)
    stopped = {b.text(): b.reason for b in check.findChildren(KeyButton) if "set by lead-b" in b.reason}
    assert any("Resolve" in text for text in stopped), stopped
    assert not any("Probe" in text for text in stopped), stopped
    person = window_desks.switch_person(person, "aud-e")
    page = open_administration(person)
    assert not page.switch_button.isEnabled()
    assert "lead-b" in page.switch_button.reason
    person.wait_until(lambda: REASON in read_bars(person))
    person = window_desks.switch_person(person, "lead-b")
    open_administration(person)
    set_read_only(person, "over")
    person.wait_until(lambda: REASON not in read_bars(person))
    person.wait_until(lambda: "Writes on" in read_status_bar(person))
    assert not any(one.is_on for one in console.read_only_switches.list_switches())


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (EVERYTHING_SCOPE, "Lookup, probes, re-fetches and withdrawing a refund request still work."),
        ("paypay", "Nothing that costs or moves money is sent to PayPay. Everything else still works."),
    ],
)
def test_the_read_only_bar_names_the_actions_that_still_work(
    window_desks: WindowTestDesks, open_window: Callable[..., Person], scope: str, words: str
) -> None:
    """The bar about a read-only switch names the actions that still work: for everything, only lookups, probes,
    re-fetches and the withdrawal of a refund request; for one provider, all but the calls to it that cost or move
    money.
    """
    person = open_window()
    person.wait_for_page(HomePage)
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.read_only_switches.set_switch(scope, True, REASON)
        person.wait_until(lambda: REASON in read_bars(person))
    assert read_bars(person).endswith(words)


def test_the_bar_opens_the_administration_only_from_other_pages(
    window_desks: WindowTestDesks, open_window: Callable[..., Person]
) -> None:
    """The bar about a read-only switch has a button that opens the administration page, but not on that page."""
    person = open_window()
    person.wait_for_page(HomePage)
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.read_only_switches.set_switch(EVERYTHING_SCOPE, True, REASON)
        person.wait_until(lambda: REASON in read_bars(person))

    def list_visible_buttons() -> list[str]:
        bars = person.window.findChildren(NotificationBar)
        buttons = [bar.button for bar in bars if bar.button is not None]
        return [button.text() for button in buttons if button.isVisible() and button.text() == "Administration"]

    assert list_visible_buttons() == ["Administration"]
    person.frame.show_route(AdminRoute())
    person.wait_for_page(AdminPage)
    assert list_visible_buttons() == []
    person.frame.show_route(HomeRoute())
    person.wait_for_page(HomePage)
    assert list_visible_buttons() == ["Administration"]


def test_a_running_bulk_run_can_be_stopped_while_everything_is_read_only(
    window_desks: WindowTestDesks, open_window: Callable[..., Person], console: Console, sandbox: Sandbox
) -> None:
    """Another person sets the read-only switch of everything while a bulk run of takes is running. The bulk run can
    still be stopped in its open dialog, because that only prevents changes. It can't be resumed, and the button says
    why.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    run = console.bulk_runs.create_run("take", [ChosenRecord("credit-check", record.id, record.version)])
    now, other_process = console._context.now(), HoldingProcess("op-a", "desk-2", "host-2", 7, "session-2")
    with window_desks.write_as_owner() as tx:
        leases.acquire(tx, make_lease_name(run.id), other_process, now, 3_600.0)
        bulk_runs.write_run_state(tx.conn, run, now, bulk_runs.RUNNING_RUN_STATE)
    person = open_window()
    person.wait_for_page(HomePage)
    BulkDialog(person.frame.context, person.window, console.bulk_runs.read_run(run.id)).open()
    dialog = person.wait_for_dialog(BulkDialog)
    person.wait_until(dialog.main_button.isEnabled)
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.read_only_switches.set_switch(EVERYTHING_SCOPE, True, REASON)
    person.wait_until(lambda: REASON in read_bars(person))
    assert dialog.main_button.isEnabled()
    dialog.main_button.click()
    person.wait_until(lambda: console.bulk_runs.read_run(run.id).state == "stopped")
    person.wait_until(lambda: "lead-b" in dialog.main_button.shown_reason)
    assert not dialog.main_button.isEnabled()


@pytest.mark.parametrize(("key", "dialog_class"), [("E", ResolveDialog), ("N", NoteDialog)])
def test_an_open_dialog_says_that_nothing_can_be_changed(
    window_desks: WindowTestDesks,
    open_window: Callable[..., Person],
    console: Console,
    sandbox: Sandbox,
    key: str,
    dialog_class: type[DialogFrame],
) -> None:
    """Another person sets the read-only switch while a dialog is open. The main button of the dialog is disabled, the
    dialog shows the reason, and its shortcut sends nothing. When the switch is ended, the reason disappears, and the
    button of a filled form is enabled again.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    check = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: check.details is not None)
    person.press(key)
    dialog = person.wait_for_dialog(dialog_class)
    if isinstance(dialog, NoteDialog):
        person.type_in("called the client")
        person.wait_until(dialog.main_button.isEnabled)
    assert "lead-b" not in read_labels(dialog)
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.read_only_switches.set_switch(EVERYTHING_SCOPE, True, REASON)
        person.wait_until(lambda: "lead-b" in read_labels(dialog))
        assert "lead-b" in dialog.main_button.shown_reason
        assert not dialog.main_button.isEnabled()
        dialog.press_main_button()
        assert not dialog.is_busy
        lead.read_only_switches.set_switch(EVERYTHING_SCOPE, False, "over")
    person.wait_until(lambda: "lead-b" not in read_labels(dialog))
    assert dialog.main_button.isEnabled() == isinstance(dialog, NoteDialog)


def test_each_blocked_button_names_a_right() -> None:
    """Each call in the code that blocks a button, and each subclass of FormDialog, names the right of its action, and
    this right exists. Without the right, a read-only switch would not disable the button."""
    rights: dict[str, str] = {}
    forms: dict[str, bool] = {}
    for source in sorted(VIEWS_FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in BLOCKING_FUNCTION_NAMES
            ):
                given = node.args[2]
                if isinstance(given, ast.Constant):
                    rights[f"{source.name}:{node.lineno}"] = str(given.value)
            elif isinstance(node, ast.ClassDef) and "FormDialog" in map(ast.unparse, node.bases):
                forms[node.name] = any(
                    isinstance(line, ast.Assign)
                    and ast.unparse(line.targets[0]) == "right_name"
                    and ast.literal_eval(line.value) in ROLES_BY_RIGHT
                    for line in node.body
                )
    assert len(rights) >= 15
    assert {place: name for place, name in rights.items() if name not in ROLES_BY_RIGHT} == {}
    assert len(forms) >= 5
    assert [name for name, has_right_name in forms.items() if not has_right_name] == []
