"""The window for each role: it shows every action. An action for which the person lacks the right is disabled and
names the roles that have the right.
"""

import pytest
from PySide6.QtWidgets import QWidget

from console.app import Console
from console.domain.access.permissions import ADMIN
from console.domain.records import Person as Operator
from console.sandbox.server import Sandbox
from console.views.admin.page import AdminPage
from console.views.audit.page import AuditPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.pages.no_right_page import NoRightPage
from console.views.queues.page import QueuesPage
from console.views.records.resolve_dialog import ResolveDialog
from console.views.runtime.person_state import SCREEN_VALUE_NAME
from console.views.runtime.routes import (
    AdminRoute,
    AuditRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    QueuesRoute,
    Route,
)
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from console.views.widgets.window.search_results import ResultEntry
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_window import find_nameless_controls
from tests.desk.window_desks import WindowTestDesks
from tests.support.desks import CORPORATION_NUMBERS

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]
UNBOUGHT_NUMBER = CORPORATION_NUMBERS[1]
REFUSAL_TEXT = "Needs the role approver or operator: lead-b, op-a, op-c."


def list_disabled_buttons(root: QWidget) -> dict[str, str]:
    """Return the reason of each visible disabled button, by the button's text."""
    buttons = [button for button in root.findChildren(KeyButton) if button.isVisible()]
    return {button.text().rstrip("."): button.reason for button in buttons if not button.isEnabled()}


def read_bars(page: QWidget) -> str:
    return "\n".join(bar.accessibleName() for bar in page.findChildren(NotificationBar) if bar.isVisible())


def test_an_administrator_sees_the_reason_and_the_commands(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console
) -> None:
    """An administrator sees no pages of records. Each such page shows the reason, the roles that may see it, and the
    commands of an administrator.
    """
    window_desks.add_person(Operator("adm-f", frozenset({ADMIN}), may_buy=False))
    person = open_window()
    person.wait_for_page(HomePage)
    person = window_desks.switch_person(person, "adm-f")
    assert person.frame.start_route == AdminRoute()
    person.frame.show_route(person.frame.start_route)
    person.wait_for_page(AdminPage)
    routes: list[Route] = [
        HomeRoute(),
        QueuesRoute("unknown"),
        LookupRoute(CORPORATION_NUMBER),
        CreditCheckRoute(1),
        AuditRoute(),
    ]
    for route in routes:
        person.frame.show_route(route)
        page = person.wait_for_page(NoRightPage)
        person.wait_until_read()
        assert page.reason_label.plain.startswith("Needs the role approver, auditor or operator")
        assert "lead-b" in page.reason_label.plain
        assert "db accounts apply" in page.advice_label.plain
        assert page.admin_button.isVisible()
        assert find_nameless_controls(person.window) == []
    person.press("Ctrl+K")
    assert person.opening.controller is not None
    results = person.opening.controller.command_palette.search_box.list
    shown = [
        entry
        for row in range(results.model().rowCount())
        if isinstance(entry := results.get_line_at(row), ResultEntry)
    ]
    assert [entry.title for entry in shown if entry.disabled_reason] == [], "only commands of the role fill the list"
    assert [entry.title for entry in shown if "queue" in entry.title or "nfinished" in entry.title] == []
    person.press("Esc")
    menu_texts = [action.text() for action in person.opening.controller.person_menu.build_menu().actions()]
    assert [text for text in menu_texts if "left open" in text] == [], "the dialog would only refuse"
    assert person.frame.current_page is not None
    assert person.frame.current_page.sidebar_key == "audit"
    stored_screen = person.opening.context.person_values.get_value(SCREEN_VALUE_NAME)
    assert isinstance(stored_screen, dict)
    assert stored_screen["route"] == {"screen": "admin"}  # she doesn't start at a page that refuses her
    person = window_desks.switch_person(person, "aud-e")
    person.wait_for_page(AuditPage)


@pytest.mark.embedded("a server lets nobody sign in whose name it doesn't know")
def test_an_unknown_person_sees_a_next_step(window_desks: WindowTestDesks, open_window: OpenWindow) -> None:
    """A person who isn't registered in the database sees a page that says so, and whom to ask."""
    person = window_desks.switch_person(open_window(), "nobody-here")
    page = person.wait_for_page(NoRightPage)
    assert (
        page.reason_label.plain
        == "nobody-here is not registered in this database, or is disabled. Ask an administrator."
    )


def test_an_auditor_reads_records_without_changing_them(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """For an auditor, every button that would change a record is disabled. Its text for screen readers names the
    people who may press it; after a press of its key, a bar says the same. An auditor can't buy; an operator who
    signs in afterwards can.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person = window_desks.switch_person(person, "aud-e")
    person.frame.show_route(QueuesRoute("unknown"))
    queues = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: queues.preview.record is not None)
    shown = list_disabled_buttons(queues.preview)
    assert shown == {"Resolve with evidence": REFUSAL_TEXT}
    assert any(label.accessibleName() == REFUSAL_TEXT for label in queues.preview.findChildren(QWidget))
    person.press("P")
    person.wait_until(lambda: f"Not done. {REFUSAL_TEXT}" in read_bars(queues))
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    in_menu = {
        button.text() for button in page.action_bar.button_row.list_buttons_in_menu() if not button.isEnabled()
    }
    assert {*list_disabled_buttons(page.action_bar.bar), *(text.removesuffix("...") for text in in_menu)} == {
        "Probe",
        "Re-fetch",
        "Resolve with evidence",
        "Renew",
        "Take",
        "Add note",
    }
    assert list_disabled_buttons(page.action_bar.bar)["Probe"] == REFUSAL_TEXT
    person.frame.show_route(LookupRoute(UNBOUGHT_NUMBER))
    lookup = person.wait_for_page(LookupPage)
    person.wait_until_read()
    assert lookup.company_panel.buy_button.reason == "Needs the role approver or operator: lead-b, op-a."
    person = window_desks.switch_person(person, "op-a")
    person.wait_until(person.wait_for_page(LookupPage).company_panel.buy_button.isEnabled)


def test_an_operator_without_the_permission_cannot_buy(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """For an operator without the permission to buy, the button is disabled and names the people who have the
    permission.
    """
    person = open_window()
    person = window_desks.switch_person(person, "op-c")
    person.frame.show_route(LookupRoute(UNBOUGHT_NUMBER))
    lookup = person.wait_for_page(LookupPage)
    person.wait_until_read()
    assert (
        lookup.company_panel.buy_button.reason
        == "You don't have permission to buy. People who have it: lead-b, op-a."
    )


@pytest.mark.both_ways
def test_a_permission_that_changes_while_the_window_is_open_is_learnt(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """A permission that an administrator gives while the window is open takes effect at F5, or when the window reads
    its counts the next time.
    """
    person = open_window("op-c")
    person.frame.show_route(LookupRoute(UNBOUGHT_NUMBER))
    lookup = person.wait_for_page(LookupPage)
    person.wait_until_read()
    assert lookup.company_panel.buy_button.reason.startswith("You don't have permission to buy.")
    with window_desks.write_as_owner() as tx:
        tx.conn.exec_driver_sql("UPDATE operators SET may_buy = 1 WHERE name = 'op-c'")
    person.press("F5")
    person.wait_until(lambda: not lookup.company_panel.buy_button.reason)
    with window_desks.write_as_owner() as tx:
        tx.conn.exec_driver_sql("UPDATE operators SET may_buy = 0 WHERE name = 'op-c'")
    person.opening.controller.background_refresh._people_timer.timeout.emit()  # type: ignore[union-attr]  # it is open
    person.wait_until(lambda: lookup.company_panel.buy_button.reason.startswith("You don't have permission to buy."))


def test_a_proposal_waits_for_another_approver(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The person who made a proposal, and a person with only the role operator, can't confirm it, and the dialog says
    who can. Another approver can confirm it.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    console.recovery.resolve("credit-check", record.id, "error", "not in their list")
    person = open_window()
    expected = {
        "op-a": "You made the first decision. Another approver must confirm it: lead-b.",
        "op-c": "Needs the role approver: lead-b.",
        "lead-b": "",
    }
    person.frame.show_route(CreditCheckRoute(record.id))
    person.wait_for_page(CreditCheckPage)
    for name, reason in expected.items():
        person = window_desks.switch_person(person, name)
        page = person.wait_for_page(CreditCheckPage)
        page.action_handlers.open_resolve_dialog(record, "op-a")
        dialog = person.wait_for_dialog(ResolveDialog)
        dialog.form.kind_buttons["text"].setChecked(True)
        field = dialog.form.text_field.edit
        person.wait_until(field.isVisible)
        field.setFocus()
        person.wait_until(field.hasFocus)
        person.type_in("x")
        assert dialog.form.not_bought_button.accessibleDescription() == reason
        assert dialog.form.not_bought_button.isEnabled() is not bool(reason)
        dialog.reject()
        person.wait_without_dialog()
