"""The amounts on the page of a payment: each amount opens its rows, and can be copied as a plain number."""

from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.money.base_page import MoneyPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.runtime.routes import OrderRoute, PaymentRoute, RefundRoute
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import TextLabel
from console.wording.sentences.formats import format_instant
from tests.desk.conftest import OpenWindow
from tests.desk.test_evidence import insert_order
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.money_desks import import_paid_payment, request_refund


def test_each_amount_opens_its_rows_and_is_copied_without_format(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The paid amount opens the tab with the gateway's answers, and the waiting amount opens its refund. Ctrl+C
    copies an amount as a plain number. An amount of zero has no button. On the page of the refund the paid amount
    opens the payment.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id, 8_500)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    panel = page.money_panel
    assert list(panel.part_buttons) == ["paid", "waiting"]
    for key, number in (("paid", "12000"), ("waiting", "-8500")):
        panel.part_buttons[key].setFocus()
        person.press("Ctrl+C")
        assert QGuiApplication.clipboard().text() == number
    person.press("Space")
    assert page.tabs.current_tab_name == "refunds"
    table = page.tabs._list_by_tab_name["refunds"].table
    person.wait_until(table.hasFocus)
    assert getattr(table.current_item, "id", None) == refund.id
    panel.part_buttons["paid"].click()
    assert page.tabs.current_tab_name == "evidence"

    panel.part_buttons["paid"].setFocus()
    person.press("F5")
    person.wait_until_read()
    assert panel.part_buttons["paid"].hasFocus()
    console.refunds.withdraw(refund.id)
    person.wait_until(lambda: list(panel.part_buttons) == ["paid"])
    assert panel.part_buttons["paid"].hasFocus()

    person.frame.show_route(RefundRoute(refund.id))
    refund_page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: refund_page.details is not None)
    person.wait_until_read()
    refund_page.money_panel.part_buttons["paid"].click()
    assert person.wait_for_page(PaymentPage).id == payment.id


def test_the_facts_below_the_tabs_begin_at_the_margin_of_the_page(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """In a narrow window, the facts of the record are below the tabs, and begin at the same margin as the title of
    the page.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    person = open_window()
    person.window.resize(1000, 720)
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    title, page_margin = page.facts_panel.findChildren(TextLabel)[0], tokens().px("spacing", "page_margin")
    assert page.facts_panel.y() > page.tabs.y()
    assert title.mapTo(page, QPoint()).x() == page.money_panel.mapTo(page, QPoint()).x() + page_margin


def test_the_facts_of_a_payment_have_its_newest_note(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """On the page of a payment, the facts contain the number of its notes and the newest note with its author, so
    that a person reads it without opening the tab of the notes. The page of its refund, which has no note of its own,
    shows none.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id, 8_500)
    for words in ("電話あり", "お客様へ返金を連絡済み"):
        console.recovery.add_note("payment", payment.id, words)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)

    def read_panel(shown_page: PaymentPage | RefundPage) -> list[str]:
        return [label.plain for label in shown_page.facts_panel.findChildren(TextLabel) if label.isVisible()]

    person.wait_until(lambda: "お客様へ返金を連絡済み" in read_panel(page))
    heading, words, author = read_panel(page)[-3:]
    assert (heading, words) == ("Notes 2", "お客様へ返金を連絡済み")
    assert author.startswith("op-a · ")
    assert "電話あり" not in read_panel(page)
    person.frame.show_route(RefundRoute(refund.id))
    refund_page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: refund_page.details is not None)
    assert not any(text.startswith("Notes") for text in read_panel(refund_page))


def test_the_panel_names_the_person_with_the_take(
    open_window: OpenWindow, window_desks: WindowTestDesks, console: Console, sandbox: Sandbox
) -> None:
    """On the pages of payments, orders and refunds, the panel names the person who has taken the record and until
    when. If nobody has taken it, the panel says so.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id, 8_500)
    order_id = insert_order(window_desks)
    person = open_window()
    for kind, route in (
        ("payment", PaymentRoute(payment.id)),
        ("order", OrderRoute(order_id)),
        ("refund", RefundRoute(refund.id)),
    ):
        person.frame.show_route(route)
        page = person.wait_for_page(MoneyPage)
        wait_for_taker(person, page, "No one")
        take = console.recovery.take(kind, route.id)
        page.refresh("taken")
        wait_for_taker(person, page, f"op-a until {format_instant(take.until, 'clock')}")


def wait_for_taker(person: Person, page: MoneyPage[Any], taker: str) -> None:
    person.wait_until(lambda: read_taker(page) == taker)


def read_taker(page: MoneyPage[Any]) -> str:
    """Return the text beside the label "Taken by"; "" if the record isn't read yet."""
    texts = [label.plain for label in page.facts_panel.findChildren(TextLabel)]
    return texts[texts.index("Taken by") + 1] if "Taken by" in texts else ""
