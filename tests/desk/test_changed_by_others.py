"""If another person changes a payment or refund that is open in a window, a bar shows the values before and after the
change.
"""

import pytest
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.payments.service_results import PaymentDetails, RefundDetails
from console.sandbox.server import Sandbox
from console.views.home.page import HomePage
from console.views.money.base_page import MoneyPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.runtime.routes import PaymentRoute, RefundRoute, make_route_to_record
from console.views.widgets.controls.buttons import KeyButton
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.money_desks import import_paid_payment, request_refund


def show_difference(person: Person, page: MoneyPage[PaymentDetails] | MoneyPage[RefundDetails]) -> str:
    """Wait for the bar that says that the record has changed, and press its button. Return the sentence that the bar
    then shows.
    """
    person.wait_until(lambda: "changed" in page.list_bar_names())
    (button,) = page._bar_by_name["changed"].findChildren(KeyButton)
    assert button.text() == translate("action.show_difference", "en")
    button.click()
    focus = QApplication.focusWidget()
    assert isinstance(focus, KeyButton)
    assert focus.text() == translate("action.close", "en")
    return page._bar_by_name["changed"].sentence


def test_a_payment_shows_the_fields_before_and_after(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A colleague's probe changes the amount of the payment that is open in a window: the bar shows the fields before
    and after.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    sandbox.control.add_fault("other_amount", call="paypay_payment", times="always")
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.probe("payment", payment.id)
    sentence = show_difference(person, page)
    assert "Amount: ¥12,000 → ¥12,001" in sentence
    assert "Work: " in sentence


def test_recent_records_show_their_present_state(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A record changes while the person is on another page. Home's list of recent records shows its new state, with
    the time of the visit unchanged.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id, 8_500)
    person = open_window()
    person.frame.show_route(RefundRoute(refund.id))
    page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    person.press("Alt+1")
    home = person.wait_for_page(HomePage)
    lines = home.recent_panel._lines
    person.wait_until(lambda: [button.line.count_text for button in lines] == ["Requested"])
    (visit,) = person.opening.context.visits
    console.refunds.withdraw(refund.id)
    person.wait_until(lambda: [button.line.count_text for button in lines] == ["Withdrawn"])
    assert [one.at for one in person.opening.context.visits] == [visit.at]


def test_a_refusal_disappears_when_its_page_is_left(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The bar that explains why a key did nothing disappears when the person leaves the page. It isn't shown again
    when the person comes back, because the state may have changed."""
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    person.press("M")
    person.wait_until(lambda: "act" in page.list_bar_names())
    person.press("Alt+1")
    person.wait_for_page(HomePage)
    person.frame.go_back()
    assert "act" not in person.wait_for_page(PaymentPage).list_bar_names()


@pytest.mark.parametrize("kind", ["payment", "refund"])
def test_an_unchanged_record_announces_no_change(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, kind: str
) -> None:
    """Neither a repeated read of the record, nor unmasking a customer, nor a refused action is announced as a change
    of the record, and neither is an event from before the page was opened. A real change is announced with the name
    of the person who made it.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id, 8_500)
    person, record_id = open_window(), payment.id if kind == "payment" else refund.id
    person.frame.show_route(make_route_to_record(kind, record_id, (), "lookup"))
    page: MoneyPage[PaymentDetails] | MoneyPage[RefundDetails]
    page = person.wait_for_page(PaymentPage) if kind == "payment" else person.wait_for_page(RefundPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    console.recovery.unmask(kind, record_id, "a call")
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.unmask(kind, record_id, "a call")
        lead.recovery.read_record(kind, record_id)
        with pytest.raises(ConsoleError):
            lead.refunds.withdraw(refund.id)
        with pytest.raises(ConsoleError):
            lead.refunds.request(RefundRequest(payment.id, "8500", "returned"))
    page.read_data_again()
    person.wait_until_read()
    assert "changed" not in page.list_bar_names()
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.add_note(kind, record_id, "seen")
        lead.recovery.unmask(kind, record_id, "another call")
    page.read_data_again()
    person.wait_until(lambda: "changed" in page.list_bar_names())
    assert "lead-b at " in page._bar_by_name["changed"].sentence


def test_a_rejected_refund_shows_its_changed_state(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id, 8_500)
    person = open_window()
    person.frame.show_route(RefundRoute(refund.id))
    page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.refunds.reject(refund.id, "not ours")
    assert "State: " in show_difference(person, page)


def test_a_change_before_the_page_was_opened_is_not_announced(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """An entry of the person's own adds a row to the timeline. The newest entry of another person is older than the
    opening of the page, so the window announces no change.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.probe("payment", payment.id)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    assert page.details is not None
    entries = len(page.details.timeline)
    console.recovery.unmask("payment", payment.id, "call of the payer")
    page.refresh("person")
    person.wait_until(lambda: page.details is not None and len(page.details.timeline) > entries)
    person.wait_until_read()
    assert "changed" not in page.list_bar_names()
