"""A search for a part of a company's name leads to the company and its records, with the facts of the corporation
registry.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication

from console.app import Console
from console.domain.records import CreditCheck
from console.domain.registry.facts import REGISTRY_PUBLISHER
from console.sandbox.alarmbox import companies
from console.sandbox.registry.changes import close_company, merge_company, rename_company
from console.sandbox.registry.files import write_whole_file
from console.sandbox.registry.rows import RegistryRow, make_company_row
from console.sandbox.server import Sandbox
from console.store.registry.import_files import import_registry_files
from console.views.approvals.page import ApprovalsPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.lookup.found_records import FoundRecordsPanel
from console.views.lookup.page import LookupPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.purchase.dialog import PurchaseDialog
from console.views.queues.page import QueuesPage
from console.views.records.page import RecordPage
from console.views.registry.company_list import CompanyList
from console.views.registry.facts_view import CorporationFactsView
from console.views.runtime.routes import (
    ApprovalsRoute,
    CreditCheckRoute,
    LookupRoute,
    PaymentRoute,
    QueuesRoute,
    RecordPageRoute,
    RefundRoute,
)
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton, LinkButton
from console.views.widgets.controls.inputs import DropDownList
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_check, buy_with_unknown_outcome
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person, list_open_windows
from tests.support.invented import invent_numbers
from tests.support.money_desks import import_paid_payment, request_refund

REGISTRY_DATE = date(2026, 11, 20)
OPEN_NUMBER, CLOSED_NUMBER, MERGED_NUMBER, SUCCESSOR_NUMBER, ABSENT_NUMBER = invent_numbers(5, 71)
REGISTRY_ROWS = [
    make_company_row(OPEN_NUMBER, "株式会社みなも堂印刷", furigana="ミナモドウインサツ"),
    close_company(make_company_row(CLOSED_NUMBER, "みなも堂商事有限会社"), date(2026, 10, 31)),
    merge_company(make_company_row(MERGED_NUMBER, "株式会社霧沢建材"), SUCCESSOR_NUMBER, date(2026, 9, 1)),
    make_company_row(SUCCESSOR_NUMBER, "株式会社オリゾン測器"),
]


def import_registry(window_desks: WindowTestDesks, folder: Path, rows: Sequence[RegistryRow] = REGISTRY_ROWS) -> None:
    file = write_whole_file(folder, REGISTRY_DATE, 300, 5, first_rows=rows)
    import_registry_files(window_desks.console.settings.home / "registry", [file], on_progress=lambda _: None)


def read_visible_facts(root: CorporationFactsView) -> str:
    """Return the texts of the visible facts of the page as one line."""
    return " ".join(label.plain for label in root.findChildren(TextLabel) if label.isVisible())


def search_text(person: Person, text: str) -> LookupPage:
    person.frame.show_route(LookupRoute(text))
    person.wait_until_read()
    return person.wait_for_page(LookupPage)


def list_companies(page: LookupPage) -> CompanyList:
    """Return the list of companies above the records of a search."""
    panel = page.result_stack.currentWidget()
    assert isinstance(panel, FoundRecordsPanel)
    assert panel.table.all_rows
    assert panel.company_list is not None
    return panel.company_list


@pytest.mark.parametrize("text", ["about this program", "このプログラムについて"])
def test_a_typed_command_stands_before_a_company_with_its_words(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path, text: str
) -> None:
    """A command whose whole title was typed is the first result, and an early Enter runs it, also if a company has
    the typed words in its name.
    """
    import_registry(window_desks, tmp_path, [make_company_row(OPEN_NUMBER, f"{text.upper()}株式会社")])
    person = open_window()
    for waits_for_results in (True, False):
        person.press("Ctrl+K")
        assert person.opening.controller is not None
        palette = person.opening.controller.command_palette
        palette.search_box.input.selectAll()
        palette.search_box.input.insert(text)
        if waits_for_results:
            person.wait_until(lambda palette=palette: bool(palette._companies))  # type: ignore[misc]  # a bound default
        person.press("Enter")
        assert person.wait_for_dialog(DialogFrame).accessibleName().startswith("About Support Console")
        person.press("Esc")
        palette.search_box.input.setText("")


def test_a_credit_check_is_found_by_a_part_of_a_name_in_three_keys(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """A person opens a credit check from a part of the company's name with three keys besides the text: Ctrl+K, Enter
    on the company, Enter on the credit check.
    """
    import_registry(window_desks, tmp_path)
    check = buy_check(window_desks.console, OPEN_NUMBER)
    person = open_window()
    person.press("Ctrl+K")
    assert person.opening.controller is not None
    box = person.opening.controller.command_palette.search_box
    box.input.insert("みなもどう")  # as an input method does: these letters have no keys
    entries = box.list
    person.wait_until(
        lambda: any(
            "みなも堂" in str(entries.model().index(row, 0).data()) for row in range(entries.model().rowCount())
        )
    )
    person.press("Enter")
    person.wait_until_read()
    page = person.wait_for_page(LookupPage)
    assert page.company_panel.number == OPEN_NUMBER  # with records of ours it stands before the closed one
    assert page.company_panel.name_label.plain == "株式会社みなも堂印刷"
    assert page.company_panel.furigana_label.plain == "ミナモドウインサツ"
    person.press("Enter")
    person.wait_until_read()
    route = person.frame.current_route
    assert isinstance(route, CreditCheckRoute)
    assert route.id == check.id


def test_several_matching_companies_are_listed(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    import_registry(window_desks, tmp_path)
    person = open_window()
    page = search_text(person, "みなも堂")
    company_list = page.result_stack.currentWidget()
    assert isinstance(company_list, CompanyList)
    assert [company.corporation_number for company in company_list.table.all_rows] == [OPEN_NUMBER, CLOSED_NUMBER]
    assert company_list.table.all_rows[1].closure_word
    person.press("Down")
    person.press("Enter")
    person.wait_until_read()
    assert page.company_panel.number == CLOSED_NUMBER
    assert search_text(person, "霧沢建材").company_panel.number == MERGED_NUMBER  # a single one opens at once
    assert isinstance(search_text(person, "該当しない名前").result_stack.currentWidget(), EmptyState)


def test_the_title_of_a_company_list_describes_its_search(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """The title of the list says if more companies match than are shown, or if they match only another spelling of
    the text. For a text of one character, the message says how to search within names.
    """
    import_registry(window_desks, tmp_path)
    person = open_window()
    page = search_text(person, "株式会社")
    company_list = page.result_stack.currentWidget()
    assert isinstance(company_list, CompanyList)
    count = len(company_list.table.all_rows)
    title = page.context.translate("corporation.found_first_for", text="株式会社", n=count)
    assert title in [label.plain for label in company_list.findChildren(TextLabel)]
    page = search_text(person, "みなもどーいんさつ")
    other = page.result_stack.currentWidget()
    assert isinstance(other, CompanyList), "found by another spelling, so it doesn't open at once"
    assert [company.corporation_number for company in other.table.all_rows] == [OPEN_NUMBER]
    titles = [label.plain for label in other.findChildren(TextLabel)]
    assert any("ミナモドウインサツ" in title and "みなもどーいんさつ" in title for title in titles), titles
    message = search_text(person, "空").result_stack.currentWidget()
    assert isinstance(message, EmptyState)
    hint = page.context.translate("lookup.one_character")
    assert any(hint in label.plain for label in message.findChildren(TextLabel))


def test_the_page_of_a_closed_company_shows_closure_and_successor(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path, sandbox: Sandbox
) -> None:
    """The page of a company says on which day the company was closed; it has a button that opens the successor, and
    the successor's page has a link back. The dialog of a purchase names the successor and links to it, and the
    purchase stays possible. For a number that the registry doesn't have, the page has the registry date.
    """
    import_registry(window_desks, tmp_path)
    buy_check(window_desks.console, SUCCESSOR_NUMBER)
    person = open_window()
    page = search_text(person, CLOSED_NUMBER)
    facts = page.company_panel.registry_facts
    person.wait_until(lambda: "2026-10-31" in read_visible_facts(facts))
    person.wait_until(lambda: REGISTRY_DATE.isoformat() in read_visible_facts(facts))
    search_text(person, MERGED_NUMBER)
    (link,) = (stop for stop in facts.focus_stops if isinstance(stop, KeyButton))
    link.click()
    person.wait_until_read()
    assert page.company_panel.number == SUCCESSOR_NUMBER
    (back,) = (stop for stop in facts.focus_stops if isinstance(stop, LinkButton))
    back.click()
    person.wait_until_read()
    assert page.company_panel.number == MERGED_NUMBER
    person.press("B")
    dialog = person.wait_for_dialog(PurchaseDialog)
    assert any("株式会社オリゾン測器" in bar.accessibleName() for bar in dialog.form.findChildren(NotificationBar))
    client = dialog.form.client_input
    assert isinstance(client, DropDownList)
    client.setCurrentIndex(0)
    person.wait_until(dialog.main_button.isEnabled)  # told, not refused
    (successor,) = (link for link in dialog.form.findChildren(LinkButton) if link.isVisible())
    successor.click()
    person.wait_without_dialog()
    person.wait_until_read()
    assert page.company_panel.number == SUCCESSOR_NUMBER
    search_text(person, ABSENT_NUMBER)
    person.wait_until(
        lambda: REGISTRY_DATE.isoformat() in read_visible_facts(facts)
    )  # the registry doesn't have this number, and says so
    assert page.company_panel.name_label.plain


def test_pages_of_records_show_closure_and_successor_of_the_company(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path, sandbox: Sandbox
) -> None:
    """The pages of a credit check, a payment and a refund have the closure and the official name or the successor,
    with the day and the source of the registry. The request in the approvals and the preview of a queue have the
    closure with the source.
    """
    check = buy_check(window_desks.console, MERGED_NUMBER)
    payment = import_paid_payment(
        window_desks.acting_desk, sandbox, "ORD-20261120-000123", 12_000, corporation_number=CLOSED_NUMBER
    )
    with window_desks.open_acting_desk("op-a") as desk:
        refund = request_refund(desk, payment.id, 8_500)
    import_registry(window_desks, tmp_path)
    person = open_window()
    pages: tuple[tuple[RecordPageRoute, type[RecordPage[Any]], str, str], ...] = (
        (CreditCheckRoute(check.id), CreditCheckPage, "2026-09-01", "株式会社オリゾン測器"),
        (PaymentRoute(payment.id), PaymentPage, "2026-10-31", "みなも堂商事有限会社 (registry)"),
        (RefundRoute(refund.id), RefundPage, "2026-10-31", "みなも堂商事有限会社 (registry)"),
    )
    for route, page_type, closed_on, name in pages:
        person.frame.show_route(route)
        person.wait_until_read()
        head = person.wait_for_page(page_type).head
        person.wait_until(head.registry_label.isVisible)
        assert f"Closed on {closed_on}" in head.registry_notice_label.plain
        assert name in f"{head.company_label.plain} {head.registry_notice_label.plain}"
        assert REGISTRY_DATE.isoformat() in head.registry_label.plain
        assert REGISTRY_PUBLISHER in head.registry_label.plain
    person.frame.show_route(ApprovalsRoute(refund.id))
    panel = person.wait_for_page(ApprovalsPage).request_panel
    person.wait_until(lambda: panel.details is not None)
    person.wait_until_read()
    shown_text = " ".join(label.plain for label in panel.findChildren(TextLabel))
    assert "みなも堂商事有限会社 (registry)" in shown_text
    assert "Closed on 2026-10-31" in shown_text
    assert REGISTRY_PUBLISHER in shown_text
    person.window.resize(1920, 1080)
    person.frame.show_route(QueuesRoute("refunds"))
    preview = person.wait_for_page(QueuesPage).preview
    person.wait_until(lambda: preview.record is not None)
    person.wait_until_read()
    shown_text = " ".join(label.plain for label in preview.findChildren(TextLabel))
    assert "Closed on 2026-10-31" in shown_text
    assert REGISTRY_PUBLISHER in shown_text
    assert (check.company_name or "") != "株式会社霧沢建材"
    person.frame.show_route(CreditCheckRoute(check.id))
    person.wait_until_read()
    assert "Official name: 株式会社霧沢建材" in person.wait_for_page(CreditCheckPage).head.registry_notice_label.plain


def test_a_differing_company_name_is_shown(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    check = buy_check(window_desks.console, OPEN_NUMBER)
    row = rename_company(make_company_row(OPEN_NUMBER, "旧名株式会社"), "株式会社新しい名", date(2026, 11, 1))
    import_registry(window_desks, tmp_path, [row])
    person = open_window()
    page = search_text(person, OPEN_NUMBER)
    assert page.company_panel.name_label.plain == "株式会社新しい名"
    assert check.company_name
    person.wait_until(lambda: (check.company_name or "") in read_visible_facts(page.company_panel.registry_facts))


def test_rows_show_the_official_company_name(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path, sandbox: Sandbox
) -> None:
    """A record without a company name from the provider shows the official name of the corporation registry, marked
    as such.
    """
    check: CreditCheck = buy_with_unknown_outcome(window_desks.console, sandbox, OPEN_NUMBER)
    import_registry(window_desks, tmp_path)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    person.wait_until_read()
    table = person.wait_for_page(QueuesPage).table
    column = next(column for column in table.rows.columns if column.key in ("corporation", "company"))
    rows = [row for place in range(table.rows.rowCount()) if (row := table.rows.get_item(place)) is not None]
    (name,) = (column.format_text(row) for row in rows if row.item.record.id == check.id)
    assert "株式会社みなも堂印刷" in name
    assert name != "株式会社みなも堂印刷"


def test_the_page_of_a_company_names_facts_missing_without_a_registry(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    """Without a corporation registry, the page of a company names the facts that a registry would add. With a
    registry, the page shows these facts."""
    person = open_window()
    page = search_text(person, OPEN_NUMBER)
    hint = page.context.translate("lookup.no_registry_facts")
    facts = page.company_panel.registry_facts
    person.wait_until(lambda: read_visible_facts(facts) == hint)
    import_registry(window_desks, tmp_path)
    person.press("F5")
    person.wait_until(lambda: REGISTRY_DATE.isoformat() in read_visible_facts(facts))
    assert hint not in read_visible_facts(facts)


@pytest.mark.parametrize("text", ["みなも堂", "東京都"])
def test_a_search_without_registry_and_records_finds_nothing(open_window: OpenWindow, text: str) -> None:
    page = search_text(open_window(), text)
    assert isinstance(page.result_stack.currentWidget(), EmptyState)
    assert page.company_panel.registry_facts.isHidden()


def buy_checks_of_similar_names(window_desks: WindowTestDesks) -> str:
    """Buy credit checks of two companies whose names begin alike, and return this beginning."""
    first, *others = invent_numbers(40, 71)
    prefix = companies.make_company_name(first)[:2]
    second = next(number for number in others if companies.make_company_name(number).startswith(prefix))
    for number in (first, second):
        buy_check(window_desks.console, number)
    return prefix


def test_a_search_without_a_registry_finds_own_records(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """Without a corporation registry, a search by name finds the companies of our own records. The list has no
    columns for facts of a registry.
    """
    company_list = list_companies(search_text(open_window(), buy_checks_of_similar_names(window_desks)))
    assert {column.key for column in company_list.table.rows.columns} == {"name", "number", "ours"}


def test_a_company_missing_in_the_registry_is_not_called_open(
    window_desks: WindowTestDesks, open_window: OpenWindow, tmp_path: Path
) -> None:
    prefix = buy_checks_of_similar_names(window_desks)
    import_registry(window_desks, tmp_path, [])
    company_list = list_companies(search_text(open_window(), prefix))
    state = next(column for column in company_list.table.rows.columns if column.key == "state")
    ours = [company for company in company_list.table.all_rows if not company.is_registered]
    assert {state.format_text(company) for company in ours} == {"Not in the registry"}


def test_no_key_acts_on_a_company_that_is_not_shown(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """While a list of found records, or nothing yet, is shown in place of a company, no key acts on the company that
    was looked up before: B would open its purchase, and Ctrl+C would copy its number.
    """
    record = buy_with_unknown_outcome(console, sandbox, OPEN_NUMBER)
    person = open_window()
    person.frame.show_route(LookupRoute(ABSENT_NUMBER))
    page = person.wait_for_page(LookupPage)
    person.wait_until_read()
    assert page.company_panel.number == ABSENT_NUMBER
    assert page.company_panel.tabs.hasFocus()  # not the button that buys
    person.frame.show_route(LookupRoute(OPEN_NUMBER))
    assert not page.company_panel.isVisible()  # as soon as another number is looked up
    assert not page.company_panel.tabs.hasFocus()
    person.wait_until_read()
    assert page.company_panel.current_record == record
    person.frame.show_route(LookupRoute("age:>0h"))
    person.wait_until(lambda: isinstance(page.result_stack.currentWidget(), FoundRecordsPanel))
    QGuiApplication.clipboard().setText("before")
    for key in ("B", "F", "P", "R", "Ctrl+C"):
        page.hide_bar("act")
        person.press(key)
        person.wait_until_read()
        assert list_open_windows(person.window, DialogFrame) == [], key
        assert page.list_bar_names() == ("act",), key
    assert QGuiApplication.clipboard().text() == "before"
