"""Evidence that a person exports from a record's page: the timeline to the clipboard and the evidence pack to a file.
If the person may not export, the page says why.
"""

import zipfile
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from console.app import Console
from console.domain.access.permissions import WORKER
from console.domain.records import Person as Somebody
from console.sandbox.server import Sandbox
from console.services.evidence.pack_verification import verify_pack
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.money.order_page import OrderPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.pages.base import Page
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import (
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    OrderRoute,
    PaymentRoute,
    QueuesRoute,
    RefundRoute,
    Route,
)
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame
from tests.desk.conftest import OpenWindow, buy_check, buy_with_unknown_outcome, buy_without_pdf
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment, request_refund

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]


def read_visible_words(root: QWidget, kind: type[QWidget]) -> str:
    """Return all texts of the visible widgets of this class."""
    shown = (one for one in root.findChildren(kind) if one.isVisible())
    return " ".join(words.plain for one in shown for words in one.findChildren(TextLabel))


def choose_file(person: Person, file: Path) -> None:
    """Enter the file name into the open file dialog, and confirm it."""

    def list_file_dialogs() -> list[QFileDialog]:
        return [one for one in person.window.findChildren(QFileDialog) if one.isVisible()]

    person.wait_until(lambda: bool(list_file_dialogs()))
    (dialog,) = list_file_dialogs()
    assert dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.fileSelected.emit(str(file))
    dialog.reject()


def show_page(person: Person, route: Route, kind: type[Page]) -> Page:
    person.frame.show_route(route)
    page = person.wait_for_page(kind)
    person.wait_until(lambda: getattr(page, "details", None) is not None)
    person.wait_until_read()
    return page


def test_a_pack_is_exported_by_a_key_and_a_file_name(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """On the page of a record, Ctrl+Shift+E and a file name write its evidence pack. The toast has the path and the
    size of the file, and the pack can be verified.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    show_page(person, CreditCheckRoute(record.id), CreditCheckPage)
    person.press("Ctrl+Shift+E")
    file = tmp_path / "case.zip"
    choose_file(person, file)
    person.wait_until(lambda: str(file) in read_visible_words(person.window, ToastFrame))
    assert "Evidence pack written (" in read_visible_words(person.window, ToastFrame)
    assert verify_pack(file).is_intact


def test_a_pack_name_in_use_is_refused_in_a_bar(open_window: OpenWindow, console: Console, tmp_path: Path) -> None:
    """If a file with the entered name exists already, it isn't replaced, and a bar says so. With another name the
    evidence pack is written.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    page = show_page(person, CreditCheckRoute(record.id), CreditCheckPage)
    file = tmp_path / "case.zip"
    file.write_bytes(b"mine")
    person.press("Ctrl+Shift+E")
    choose_file(person, file)
    person.wait_until(
        lambda: "already exists" in " ".join(bar.accessibleName() for bar in page.findChildren(NotificationBar))
    )
    assert file.read_bytes() == b"mine"
    other = tmp_path / "other.zip"
    person.press("Ctrl+Shift+E")
    choose_file(person, other)
    person.wait_until(lambda: str(other) in read_visible_words(person.window, ToastFrame))
    assert "already exists" not in read_visible_words(page, NotificationBar)
    person.press("Ctrl+Shift+E")
    choose_file(person, other)
    person.wait_until(lambda: "already exists" in read_visible_words(page, NotificationBar))
    assert read_visible_words(person.window, ToastFrame) == "", "a success and a refusal are shown at once"


@pytest.mark.both_ways
def test_evidence_packs_of_selected_records_are_exported(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """In a queue, Ctrl+Shift+E exports the evidence pack of the current record; after Ctrl+A those of all matching
    records. On a company's page it exports the packs of the visible tab's records. A cancelled export leaves no file.
    """
    lacking = [buy_without_pdf(console, sandbox, number) for number in CORPORATION_NUMBERS[:2]]
    person = open_window()
    person.frame.show_route(QueuesRoute("incomplete"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == len(lacking))
    page.take_focus()
    person.press("Ctrl+Shift+E")
    choose_file(person, tmp_path / "one.zip")
    person.wait_until((tmp_path / "one.zip").exists)
    person.press("Ctrl+A")
    assert page.selection.bar.evidence_packs_button.isEnabled()
    person.press("Ctrl+Shift+E")
    choose_file(person, tmp_path / "all.zip")
    packs = page.queue_actions.evidence_bundle
    person.wait_until(lambda: (tmp_path / "all.zip").exists() and not packs.is_running)
    assert "2 evidence packs written" in read_visible_words(person.window, ToastFrame)
    with zipfile.ZipFile(tmp_path / "all.zip") as bundle:
        names = {name for name in bundle.namelist() if name.startswith("packs/")}
    assert names == {f"packs/credit-check-{check.id}.zip" for check in lacking}
    assert verify_pack(tmp_path / "all.zip").is_intact
    packs.write_bundle_to(str(tmp_path / "cancelled.zip"))
    packs.cancel()
    person.wait_until(lambda: not packs.is_running)
    assert not (tmp_path / "cancelled.zip").exists()

    person.frame.show_route(LookupRoute(CORPORATION_NUMBERS[0]))
    lookup = person.wait_for_page(LookupPage)
    person.wait_until(lambda: lookup.company_panel.number == CORPORATION_NUMBERS[0])
    tabs = lookup.company_panel.tabs
    tabs.setCurrentIndex([tabs.get_tab_data(place) for place in range(tabs.count())].index("checks"))
    person.press("Ctrl+Shift+E")
    choose_file(person, tmp_path / "company.zip")
    person.wait_until(lambda: (tmp_path / "company.zip").exists() and not lookup.evidence_bundle.is_running)
    assert verify_pack(tmp_path / "company.zip").manifest["packs"] == 1
    for place, name in ((tabs.currentIndex(), "checks"), (tabs.count() - 1, "all")):
        tabs.setCurrentIndex(place)
        lookup.exporter.export_list_to(str(tmp_path / f"{name}.csv"))
        person.wait_until(lambda: not lookup.exporter.is_running)
        assert (tmp_path / f"{name}.csv").exists(), name


def test_every_record_page_has_keys_to_copy_the_timeline_and_write_a_pack(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """On the page of a credit check, payment, order and refund, one key copies the timeline to the clipboard and
    another writes the evidence pack to a file.
    """
    check = buy_check(console, CORPORATION_NUMBER)
    number = insert_order(window_desks)
    payment = import_paid_payment(console, sandbox, "ORD-1")
    refund = request_refund(console, payment.id)
    person = open_window()
    pages: tuple[tuple[str, Route, type[Page]], ...] = (
        ("credit-check", CreditCheckRoute(check.id), CreditCheckPage),
        ("payment", PaymentRoute(payment.id), PaymentPage),
        ("order", OrderRoute(number), OrderPage),
        ("refund", RefundRoute(refund.id), RefundPage),
    )
    for kind, route, page in pages:
        show_page(person, route, page)
        QGuiApplication.clipboard().clear()
        person.press("Ctrl+Shift+T")
        person.wait_until(lambda: QGuiApplication.clipboard().text().startswith("Timeline of "))
        assert QGuiApplication.clipboard().text().count("\n") > 3
        person.press("Ctrl+Shift+E")
        choose_file(person, tmp_path / f"{kind}.zip")
        person.wait_until((tmp_path / f"{kind}.zip").exists)
        person.wait_until_read()


def insert_order(window_desks: WindowTestDesks) -> int:
    """Insert an order into the database, as the shop does, and return its id."""
    from sqlalchemy import text

    statement = (
        "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
        " VALUES ('ORD-1', 3000, 'JPY', '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
    )
    with window_desks.write_as_owner() as tx:
        tx.conn.execute(text(statement))
        return int(tx.conn.scalar(text("SELECT id FROM orders")) or 0)


def test_the_disabled_export_button_shows_its_reason(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console
) -> None:
    """If a person may not export, the button is disabled and shows the reason and the roles that may. Its key writes
    no file. Copying the timeline is still possible.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    robot = Somebody("robot", frozenset({WORKER}), may_buy=False)
    window_desks.add_person(robot)
    person = window_desks.open_window("robot")
    page = show_page(person, CreditCheckRoute(record.id), CreditCheckPage)
    assert isinstance(page, CreditCheckPage)
    button, copy = page.action_bar.find_button("evidence_pack"), page.action_bar.find_button("copy_story")
    assert button is not None
    assert copy is not None
    person.wait_until(lambda: not button.isEnabled())
    assert "auditor" in button.reason.lower()
    assert copy.isEnabled()
    person.press("Ctrl+Shift+E")
    assert not person.window.findChildren(QFileDialog)


def test_both_export_actions_are_in_the_list_of_keys(open_window: OpenWindow, console: Console) -> None:
    """The dialog with the keys of the page lists the key that copies the timeline and the key that exports the
    evidence pack.
    """
    record = buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    page = show_page(person, CreditCheckRoute(record.id), CreditCheckPage)
    dialog = open_shortcuts_dialog(person.frame, page)
    words = [one.plain for one in dialog.findChildren(TextLabel)]
    assert "Export evidence pack" in words
    assert "Copy timeline as text" in words
    dialog.reject()


@pytest.mark.parametrize("has_waiting_record", [False, True])
def test_home_shows_a_message_only_if_no_record_waits(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, has_waiting_record: bool
) -> None:
    """If no record waits for the person, Home says so and has a button to the queues. If a record waits, Home's table
    shows it.
    """
    if has_waiting_record:
        buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(HomeRoute())
    page = person.wait_for_page(HomePage)
    person.wait_until(lambda: page.rows.has_read_last_page)
    person.wait_until_read()
    assert page.empty_state.isVisible() is not has_waiting_record
    assert page.table.isVisible() is has_waiting_record
    if not has_waiting_record:
        assert "Nothing is waiting for you." in " ".join(
            one.plain for one in page.empty_state.findChildren(TextLabel)
        )
        person.wait_for_control("Open in Queues", page.empty_state).press()
        person.wait_until(lambda: not isinstance(person.frame.current_page, HomePage))
