"""Another person's change of a payment, a refund or an order: the bar shows what it was and what it is."""

from PySide6.QtWidgets import QApplication

from console.app import Console
from console.domain.payments.service_results import PaymentDetails, RefundDetails
from console.sandbox.server import Sandbox
from console.views.money.base_page import MoneyPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.runtime.routes import PaymentRoute, RefundRoute
from console.views.widgets.controls.buttons import KeyButton
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import Sit
from tests.desk.hands import Person
from tests.desk.seats import Seats
from tests.support.money_desks import ask, paid


def show_difference(person: Person, page: MoneyPage[PaymentDetails] | MoneyPage[RefundDetails]) -> str:
    """Press the button of the bar, once it is there; the sentence that it shows."""
    person.until(lambda: "changed" in page.list_bar_names())
    (button,) = page._bar_by_name["changed"].findChildren(KeyButton)
    assert button.text() == translate("action.show_difference", "en")
    button.click()
    focus = QApplication.focusWidget()
    assert isinstance(focus, KeyButton)
    assert focus.text() == translate("action.close", "en")
    return page._bar_by_name["changed"].sentence


def test_a_payment_shows_the_fields_before_and_after(
    seats: Seats, sit: Sit, console: Console, sandbox: Sandbox
) -> None:
    """The gateway now speaks of another amount, and a colleague probes it."""
    payment = paid(console, sandbox, "ORD-20261120-000123", 12_000)
    person = sit()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.page(PaymentPage)
    person.until(lambda: page.view is not None)
    person.rest()
    sandbox.control.add_fault("other_amount", call="paypay_payment", times="always")
    with seats.acting("lead-b") as lead:
        lead.recovery.probe("payment", payment.id)
    sentence = show_difference(person, page)
    assert "Amount: ¥12,000 → ¥12,001" in sentence
    assert "Work: " in sentence


def test_a_refund_shows_who_has_decided(seats: Seats, sit: Sit, console: Console, sandbox: Sandbox) -> None:
    payment = paid(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = ask(console, payment.id, 8_500)
    person = sit()
    person.frame.show_route(RefundRoute(refund.id))
    page = person.page(RefundPage)
    person.until(lambda: page.view is not None)
    person.rest()
    with seats.acting("lead-b") as lead:
        lead.refunds.reject(refund.id, "not ours")
    assert "State: " in show_difference(person, page)
