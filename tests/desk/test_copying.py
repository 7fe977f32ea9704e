"""Ctrl+C copies the identifier that has the focus into the clipboard, without separators."""

from PySide6.QtGui import QGuiApplication

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.records.action_bar import COPY_ENQUIRY_ACTION
from console.views.runtime.routes import CreditCheckRoute, PaymentRoute, RefundRoute
from console.views.widgets.display.copyable_id import CopyableId
from tests.desk.conftest import OpenWindow, buy_check
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment, request_refund


def test_ctrl_c_copies_the_identifier_that_has_the_focus(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Ctrl+C copies the identifier that has the focus: the title, a number in the header, or an identifier among the
    facts."""
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    for identifier in (page.head.title, page._number_label, *page.facts_panel.findChildren(CopyableId)):
        assert identifier.isVisible()
        identifier.setFocus()
        person.press("Ctrl+C")
        assert QGuiApplication.clipboard().text() == identifier.plain != ""
    check = buy_check(console, CORPORATION_NUMBERS[0])
    person.frame.show_route(CreditCheckRoute(check.id))
    number = person.wait_for_page(CreditCheckPage).head.corporation_number
    person.wait_until(number.isVisible)
    person.wait_until_read()
    number.setFocus()
    person.press("Ctrl+C")
    assert QGuiApplication.clipboard().text() == CORPORATION_NUMBERS[0] != number.short_form


def test_the_enquiry_to_the_gateway_is_copied(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """An entry of the menu copies the letter to the gateway from the page of a payment and from that of a
    refund."""
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id)
    person = open_window()
    routes: dict[type[PaymentPage | RefundPage], PaymentRoute | RefundRoute] = {
        PaymentPage: PaymentRoute(payment.id),
        RefundPage: RefundRoute(refund.id),
    }
    for page_type, route in routes.items():
        person.frame.show_route(route)
        page = person.wait_for_page(page_type)
        person.wait_until(lambda page=page: page.details is not None)  # type: ignore[misc]  # a bound default
        person.wait_until_read()
        button = page.action_bar.find_button(COPY_ENQUIRY_ACTION)
        assert button is not None
        button.click()
        text = QGuiApplication.clipboard().text()
        assert "加盟店サポート御中" in text
        assert "当社の決済番号: ORD-20261120-000123" in text
        assert ("返金額: ¥" in text) == (page_type is RefundPage)
