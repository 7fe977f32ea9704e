"""The queue of changed companies in the window: it lists each change once, one key leads to the successor, and a
person acknowledges the change.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from PySide6.QtCore import Qt
from sqlalchemy import update

from console.sandbox.registry.changes import close_company, merge_company, move_company, rename_company
from console.sandbox.registry.files import write_difference_file, write_whole_file
from console.sandbox.registry.rows import RegistryRow, make_company_row
from console.services.alerts.changed_companies import ChangedCompanyAlerts
from console.services.process.context import WORKER, act_as
from console.store.database.instants import convert_to_naive_utc
from console.store.schema.core import credit_checks
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.incident_dialogs import ReopenIncidentDialog
from console.views.alerts.page import AlertsPage
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.purchase.dialog import PurchaseDialog
from console.views.queues.companies_page import ChangedCompaniesPage
from console.views.queues.notices_page import UnmatchedNoticesPage
from console.views.queues.page import QueuesPage
from console.views.queues.tabs import QueueTabs
from console.views.registry.facts_view import CorporationFactsView
from console.views.runtime.routes import (
    QUEUE_TAB_NAMES,
    AlertsRoute,
    ChangedCompaniesRoute,
    HomeRoute,
    LookupRoute,
    QueuesRoute,
    UnmatchedNoticesRoute,
)
from console.views.tables.columns import StateCell
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.invented import invent_numbers

WHOLE_FILE_DAY = date(2026, 11, 18)
DIFFERENCE_DAY = date(2026, 11, 19)
WATCHED_COMPANY_COUNT = 40
WATCHED_NUMBERS = invent_numbers(WATCHED_COMPANY_COUNT, 72)
SUCCESSOR_NUMBER, UNWATCHED_NUMBER = invent_numbers(2, 73)
REGISTRY_ROW_BY_NUMBER = {
    number: make_company_row(number, f"株式会社見張{index}") for index, number in enumerate(WATCHED_NUMBERS)
}
UNCHANGED_COMPANIES = [
    make_company_row(SUCCESSOR_NUMBER, "株式会社承継先"),
    make_company_row(UNWATCHED_NUMBER, "株式会社他人"),
]
CHANGE_FUNCTIONS = (
    lambda row: merge_company(row, SUCCESSOR_NUMBER, DIFFERENCE_DAY),
    lambda row: close_company(row, DIFFERENCE_DAY),
    lambda row: rename_company(row, "株式会社新しい名", DIFFERENCE_DAY),
    lambda row: move_company(row, "別町１－１", DIFFERENCE_DAY),
)
CHANGE_WORDS = ("Merged", "Closed", "Renamed", "Moved")


def import_changes(window_desks: WindowTestDesks, folder: Path, changes: Iterable[RegistryRow]) -> None:
    """Import a whole file and a difference with these changes, as the process does that watches the companies."""
    desk = window_desks.acting_desk
    whole = write_whole_file(
        folder, WHOLE_FILE_DAY, 50, 5, first_rows=[*REGISTRY_ROW_BY_NUMBER.values(), *UNCHANGED_COMPANIES]
    )
    difference = write_difference_file(folder, DIFFERENCE_DAY, 10, 5, whole_row_count=50, changes=list(changes))
    for file in (whole, difference):
        desk.registry.import_files([file])
        with act_as(WORKER):
            ChangedCompanyAlerts(desk._context).update_alerts()
    window_desks.console.registry.fetch_published_registry()


def open_queue(person: Person) -> ChangedCompaniesPage:
    person.frame.show_route(ChangedCompaniesRoute())
    person.wait_until_read()
    return person.wait_for_page(ChangedCompaniesPage)


def test_each_changed_company_is_listed_once(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """Forty changes of watched companies give forty rows, each with its change; a change of another company has no
    row. The tab, the sidebar and Home show the number of rows.
    """
    for number in WATCHED_NUMBERS:
        buy_check(window_desks.console, number)
    changes = [CHANGE_FUNCTIONS[index % 4](row) for index, row in enumerate(REGISTRY_ROW_BY_NUMBER.values())]
    import_changes(
        window_desks, tmp_path, [*changes, rename_company(UNCHANGED_COMPANIES[1], "株式会社別人", DIFFERENCE_DAY)]
    )
    person = open_window()
    page = open_queue(person)
    rows = page.table.all_rows
    assert sorted(row.change.corporation_number for row in rows) == sorted(WATCHED_NUMBERS)
    assert page.head.isAncestorOf(page.acknowledged_button), "beside the tabs it would take their room"
    change = next(column for column in page.table.rows.columns if column.key == "change")
    cell_by_number = {row.change.corporation_number: change.make_cell(row) for row in rows}
    for index, number in enumerate(WATCHED_NUMBERS):
        cell = cell_by_number[number]
        assert isinstance(cell, StateCell)
        assert cell.word == CHANGE_WORDS[index % 4]
    person.wait_until(lambda: person.opening.context.work_counts.find_queue_count("companies") is not None)
    place = QUEUE_TAB_NAMES.index("companies")
    person.wait_until(lambda: page.tabs.tabText(place).endswith(str(WATCHED_COMPANY_COUNT)))
    review = person.opening.context.work_counts.find_queue_count("review")
    assert review is not None
    beside_queues = person.frame.sidebar.model().index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert beside_queues == f"Queues, {WATCHED_COMPANY_COUNT + review.count}, Alt+2"
    waiting_texts = [f"Needs a person {review.count}"] if review.count else []
    waiting_texts.append(f"Company changed {WATCHED_COMPANY_COUNT}")
    explanation = person.frame.sidebar.get_entry_at(1).explanation
    assert explanation == (" · ".join(waiting_texts) if review.count else "")
    person.frame.show_route(AlertsRoute())
    person.wait_until_read()
    alerts_page = person.wait_for_page(AlertsPage)
    about = next(column for column in alerts_page.table.rows.columns if column.key == "about")
    for incident in alerts_page.table.all_rows:
        names = (REGISTRY_ROW_BY_NUMBER[incident.number].name, "株式会社新しい名")
        assert any(name in str(about.make_cell(incident)) for name in names)
    assert any("国税庁" in label.plain for label in alerts_page.card.findChildren(TextLabel))
    person.frame.show_route(HomeRoute())
    person.wait_until_read()
    home = person.wait_for_page(HomePage)
    beginning = f"The {WATCHED_COMPANY_COUNT + review.count} beside Queues is the sum of"
    assert any(label.plain.startswith(beginning) for label in home.team_panel.findChildren(TextLabel))
    person.wait_for_control("Company changed", person.frame.current_page).press()
    person.wait_until(lambda: person.frame.current_route == ChangedCompaniesRoute())


def test_a_change_is_acknowledged_by_keyboard(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """The key S opens the page of the successor, Esc leads back, and an acknowledgement removes the row from the
    queue.
    """
    merged, closed = WATCHED_NUMBERS[:2]
    for number in (merged, closed):
        buy_check(window_desks.console, number)
    import_changes(
        window_desks,
        tmp_path,
        [CHANGE_FUNCTIONS[0](REGISTRY_ROW_BY_NUMBER[merged]), CHANGE_FUNCTIONS[1](REGISTRY_ROW_BY_NUMBER[closed])],
    )
    person = open_window()
    page = open_queue(person)
    _select_company(person, page, merged)
    assert "株式会社承継先" in page.explanation_label.plain
    assert "国税庁" in page.source_label.plain
    person.press("S")
    person.wait_until_read()
    assert person.wait_for_page(LookupPage).company_panel.number == SUCCESSOR_NUMBER
    person.press("Esc")
    person.wait_until(lambda: person.frame.current_route == ChangedCompaniesRoute())
    _select_company(person, page, closed)
    assert not page.successor_button.isVisible()
    person.press("S")
    assert person.frame.current_route == ChangedCompaniesRoute()
    person.press("Enter")
    person.wait_until_read()
    company = person.wait_for_page(LookupPage).company_panel
    assert company.number == closed
    assert isinstance(company.registry_facts, CorporationFactsView)
    (closure_bar,) = company.registry_facts.findChildren(NotificationBar)
    assert closure_bar.sentence.lower().count("closed") == 1, "the registry and its alert say it once"
    assert "not acknowledged yet" in closure_bar.sentence
    assert closure_bar.button is not None
    assert closure_bar.button.property("alert"), "the button of the open alert"
    person.press("Esc")
    person.wait_until(lambda: person.frame.current_route == ChangedCompaniesRoute())
    _select_company(person, page, closed)
    person.press("A")
    dialog = person.wait_for_dialog(AcknowledgeAlertsDialog)
    assert any("closes with your acknowledgement" in label.plain for label in dialog.findChildren(TextLabel))
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: [row.change.corporation_number for row in page.table.all_rows] == [merged])


def test_the_page_of_a_renamed_company_leads_to_its_alert(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """As long as nobody has acknowledged that a company was renamed, its page says so and opens the alert."""
    number = WATCHED_NUMBERS[0]
    buy_check(window_desks.console, number)
    import_changes(window_desks, tmp_path, [CHANGE_FUNCTIONS[2](REGISTRY_ROW_BY_NUMBER[number])])
    person = open_window()
    person.frame.show_route(LookupRoute(number))
    person.wait_until_read()
    (bar,) = person.wait_for_page(LookupPage).company_panel.registry_facts.findChildren(NotificationBar)
    assert "株式会社新しい名" in bar.sentence
    assert bar.button is not None
    bar.button.click()
    person.wait_until(lambda: isinstance(person.frame.current_route, AlertsRoute))
    person.wait_until_read()
    incident = person.wait_for_page(AlertsPage).current_incident
    assert incident is not None
    assert incident.number == number


def test_an_acknowledged_change_is_reopened_with_a_reason(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """The key C lists the acknowledged changes with person and time. The key A reopens one of them, with a reason.
    The selected change, which is acknowledged outside the window, stays in the list, marked as removed, until the
    list is read again.
    """
    number = WATCHED_NUMBERS[0]
    buy_check(window_desks.console, number)
    import_changes(window_desks, tmp_path, [CHANGE_FUNCTIONS[1](REGISTRY_ROW_BY_NUMBER[number])])
    person = open_window()
    page = open_queue(person)
    (item,) = window_desks.console.alerts.read_company_queue().items
    window_desks.console.alerts.acknowledge(item.alert.id, "called them")
    person.wait_until(lambda: page.table.is_current_row_removed)
    page.acknowledged_button.click()
    shown = "Acknowledged changes are shown too. Exports leave them out."
    assert shown not in _list_toasts(person), "only after the read"
    assert (("C",), "Hide acknowledged") in page.hint_bar.key_hints
    person.wait_until(lambda: [row.is_acknowledged for row in page.table.all_rows] == [True])
    assert shown in _list_toasts(person)
    person.press("C")
    person.wait_until(lambda: not page.table.all_rows)
    person.press("C")
    person.wait_until(lambda: len(page.table.all_rows) == 1)
    person.wait_until(lambda: page.current_change is not None)
    assert "Acknowledged by op-a" in page.next_step_label.plain
    person.press("A")
    dialog = person.wait_for_dialog(ReopenIncidentDialog)
    person.type_in("the wrong company")
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Ctrl+Return")
    person.wait_without_dialog()
    person.wait_until(lambda: [row.is_acknowledged for row in page.table.all_rows] == [False])
    person.wait_until(lambda: "Acknowledged" not in page.next_step_label.plain)
    person.wait_for_active_window()
    person.press("C")
    person.wait_until(lambda: page.acknowledged_button.text() == "Show acknowledged")
    assert (("C",), "Show acknowledged") in page.hint_bar.key_hints


def _list_toasts(person: Person) -> list[str]:
    return [toast.accessibleName() for toast in person.frame.toasts.visible_toasts]


def test_an_expired_check_of_a_changed_company_is_renewed_by_key(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """While the credit check is valid, the key B shows until when. After it has expired, B opens the dialog of the
    purchase that renews it.
    """
    record = buy_check(window_desks.console, WATCHED_NUMBERS[2])
    import_changes(window_desks, tmp_path, [CHANGE_FUNCTIONS[2](REGISTRY_ROW_BY_NUMBER[WATCHED_NUMBERS[2]])])
    person = open_window()
    page = open_queue(person)
    person.wait_until(lambda: page.current_change is not None)
    assert record.expired_at is not None
    assert not page.renew_button.isEnabled()
    assert f"{record.expired_at.year}" in page.renew_button.shown_reason
    person.press("B")
    assert person.window.findChildren(PurchaseDialog) == []
    with window_desks.write_as_owner() as tx:
        past = convert_to_naive_utc(datetime(2026, 1, 1, tzinfo=UTC))
        tx.conn.execute(update(credit_checks).where(credit_checks.c.id == record.id).values(expired_at=past))
    page.refresh("asked")
    person.wait_until(page.renew_button.isEnabled)
    person.press("B")
    dialog = person.wait_for_dialog(PurchaseDialog)
    assert dialog.form.is_renewal
    assert dialog.form.client_id == record.client_id
    person.wait_until(dialog.main_button.isEnabled)


def _select_company(person: Person, page: ChangedCompaniesPage, number: str) -> None:
    rows = page.table.rows
    person.wait_until(lambda: rows.rowCount() > 1)
    place = next(place for place, row in enumerate(page.table.all_rows) if row.change.corporation_number == number)
    page.table.go_to_row(place)
    person.wait_until(
        lambda: page.current_change is not None and page.current_change.change.corporation_number == number
    )


def test_arrow_keys_lead_from_the_queue_tabs_to_companies_and_back(open_window: OpenWindow) -> None:
    """The arrow keys lead from the tabs of the queues to the pages of notices and companies and back. The focus stays
    on the tabs of the opened page.
    """
    last, notices, companies = QUEUE_TAB_NAMES[-3:]
    person = open_window()
    person.frame.show_route(QueuesRoute(last))
    person.wait_until_read()
    person.wait_for_page(QueuesPage).tabs.setFocus(Qt.FocusReason.TabFocusReason)
    for key, route, page_class, name in (
        ("Right", UnmatchedNoticesRoute(), UnmatchedNoticesPage, notices),
        ("Right", ChangedCompaniesRoute(), ChangedCompaniesPage, companies),
        ("Left", UnmatchedNoticesRoute(), UnmatchedNoticesPage, notices),
        ("Left", QueuesRoute(last), QueuesPage, last),
    ):
        person.press(key)
        person.wait_until(lambda route=route: person.frame.current_route == route)  # type: ignore[misc]  # of this turn
        tabs = person.wait_for_page(page_class).findChild(QueueTabs)
        assert isinstance(tabs, QueueTabs)
        assert person.window.focusWidget() is tabs
        assert tabs.currentIndex() == QUEUE_TAB_NAMES.index(name)
