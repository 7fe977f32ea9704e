"""Refunds in complete windows: one person requests a refund, another decides, and the provider executes the refund
once.
"""

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.payments.records import OrderState, Payment, PaymentImport, Refund, RefundRequest
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, CreditCheck
from console.sandbox.server import Sandbox
from console.services.process.failpoints import Failpoints
from console.views.approvals.page import ApprovalsPage
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog, WithdrawDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.routes import HomeRoute, PaymentRoute, RefundRoute
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.money_desks import find_newest_refund, import_paid_payment

ORDER_NUMBER = "ORD-20261120-000123"


@pytest.fixture
def payment(console: Console, sandbox: Sandbox) -> Payment:
    """Import a payment of 12,000 yen."""
    return import_paid_payment(console, sandbox, ORDER_NUMBER, 12_000)


def open_payment(person: Person, payment: Payment) -> PaymentPage:
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    person.wait_until_read()
    return page


def request_refund(person: Person, payment: Payment, amount: str = "8500") -> Refund:
    """Request a refund through the dialog with its review; return the refund."""
    open_payment(person, payment)
    person.press("R")
    dialog = person.wait_for_dialog(RefundDialog)
    dialog.form.amount_edit.setText(amount)
    dialog.form.reason_list.setCurrentIndex(0)
    dialog.form.explanation_edit.setText("ordered twice")
    for field in dialog.form._answer_field_by_rule.values():
        field.edit.setText("another order")  # type: ignore[union-attr]  # a line
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert dialog.review is not None
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle().startswith("Refund R-"))
    person.press("Esc")
    person.wait_without_dialog()
    refund = read_refund_of_dialog(person, payment)
    assert refund is not None
    return refund


def read_refund_of_dialog(person: Person, payment: Payment) -> Refund | None:
    console = person.opening.context._services
    assert isinstance(console, Console)
    return find_newest_refund(console, payment.id)


def scroll_to_end(person: Person, page: ApprovalsPage) -> None:
    """Scroll the shown refund request to its end, so that the window counts it as read."""
    bar, content = page.request_panel.verticalScrollBar(), page.request_panel.widget()
    assert content is not None
    person.wait_until(lambda: content.height() > 100)
    bar.setValue(bar.maximum())
    person.wait_until(lambda: page.request_panel.is_read)


def open_approvals(person: Person, refund: Refund) -> ApprovalsPage:
    person.press("Alt+4")
    page = person.wait_for_page(ApprovalsPage)
    person.wait_until(
        lambda: page.request_panel.details is not None and page.request_panel.details.record.id == refund.id
    )
    person.wait_until_read()
    return page


def wait_for_refund_end(person: Person, console: Console, refund: Refund) -> None:
    """Probe the refund until the provider reports it as completed."""

    person.wait_until(lambda: console.refunds.probe(refund.id).state is RefundState.COMPLETED)


@pytest.mark.both_ways
def test_a_refund_is_requested_approved_and_sent_in_two_windows(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """One person requests a refund in a window, and another person approves it in another window. Before the approval
    nothing is sent. After it, the refund is sent once and completed.
    """
    maker = open_window()
    refund = request_refund(maker, payment)
    assert (refund.state, refund.provider_refund_key) == (RefundState.REQUESTED, None)
    assert sandbox.control.payments_control.read_refunds() == []

    checker = open_window()
    checker = window_desks.switch_person(checker, "lead-b")
    checker.wait_until(lambda: checker.opening.context.work_counts.waiting_decision_count == 1)
    page = open_approvals(checker, refund)
    scroll_to_end(checker, page)
    checker.wait_until(page.approve_button.isEnabled)
    checker.press("A")
    dialog = checker.wait_for_dialog(ApproveDialog)
    window_desks.type_password(dialog, "lead-b")
    checker.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    checker.wait_until(lambda: dialog.windowTitle() == "Approved")
    checker.press("Esc")
    checker.wait_without_dialog()
    checker.wait_until_read()
    assert page.shown_details is not None, "the result stays, and nothing else comes in its place"
    assert (page.shown_details.record.id, page.list_panel.current_ref) == (refund.id, ("refund", refund.id))
    checker.wait_until(lambda: page.footer.isHidden())
    assert checker.window.focusWidget() is page.list_panel.card_list
    wait_for_refund_end(checker, console, refund)
    assert [one["amount_minor"] for one in sandbox.control.payments_control.read_refunds()] == [8_500]
    assert maker.opening.context.operator == "op-a"


def test_a_persons_own_refund_request_has_no_decision_buttons(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    """For an approver's own refund request there are no buttons to approve or decline it, only one to withdraw it."""
    person = open_window()
    person = window_desks.switch_person(person, "lead-b")
    refund = request_refund(person, payment)
    page = open_approvals(person, refund)
    assert page.list_panel.cards[0].ref == ("refund", refund.id)
    assert not page.inbox.refunds_to_decide
    assert page.approve_button.isHidden()
    assert page.reject_button.isHidden()
    person.press("W")
    dialog = person.wait_for_dialog(WithdrawDialog)
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle() == "Withdrawn")
    assert console.refunds.read_refund(refund.id).record.state is RefundState.WITHDRAWN


def test_a_decline_needs_a_text_that_the_requester_reads(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    """Declining needs a text, which the requester reads on the refund's page."""
    person = open_window()
    refund = request_refund(person, payment)
    person = window_desks.switch_person(person, "lead-b")
    page = open_approvals(person, refund)
    person.wait_until(page.reject_button.isEnabled)
    person.press("D")
    dialog = person.wait_for_dialog(RejectDialog)
    assert not dialog.main_button.isEnabled()
    assert dialog.hint.plain == "Enter a reason first."
    dialog.reason_field.edit.setPlainText("delivered as ordered")  # type: ignore[union-attr]  # an area
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    window_desks.confirm_with_password(person, "lead-b")
    person.wait_until(lambda: dialog.windowTitle() == "Declined")
    person.press("Esc")
    person = window_desks.switch_person(person, "op-a")
    person.frame.show_route(RefundRoute(refund.id))
    record = person.wait_for_page(RefundPage)
    person.wait_until(lambda: record.details is not None and "delivered as ordered" in record.form._why_label.plain)


def test_approving_is_disabled_until_the_request_is_read(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    """The button to approve is disabled until the person has read the request to its end. The reason is shown beside
    the button.
    """
    with window_desks.open_acting_desk("op-a") as maker:
        refund = maker.refunds.request(RefundRequest(payment.id, "500", "ordered twice"))
    person = open_window()
    person = window_desks.switch_person(person, "lead-b")
    person.window.resize(1280, 800)
    page = open_approvals(person, refund)
    page.request_panel.details = None  # as if nothing had been shown yet
    page.request_panel._read_versions.clear()
    page.show_refund(refund.id)
    person.wait_until_read()
    person.wait_until(lambda: page.request_panel.details is not None)
    if not page.request_panel.is_read:
        assert not page.approve_button.isEnabled()
        assert page.disabled_reason_label.plain == "Read to the end first."
    scroll_to_end(person, page)
    person.wait_until(page.approve_button.isEnabled)


WRONG_AMOUNTS = {
    "0": "Enter an amount above zero, in digits only.",
    "-5": "Enter an amount above zero, in digits only.",
    "0.5": "Enter an amount above zero, in digits only.",
    "1000000000000000000": "Enter an amount above zero, in digits only.",
    "12001": "At most ¥12,000 can be refunded.",
    "８５００": "Enter the amount in half-width digits.",
    "": "Enter the amount.",
}


def test_a_wrong_amount_has_an_error_at_its_field(open_window: OpenWindow, payment: Payment) -> None:
    """For a wrong amount, a message at the field states the accepted form of an amount or the largest amount that can
    be refunded, and the review can't be opened."""
    person = open_window()
    open_payment(person, payment)
    person.press("R")
    dialog = person.wait_for_dialog(RefundDialog)
    for typed, message in WRONG_AMOUNTS.items():
        dialog.form.amount_edit.setText(typed)
        assert dialog.form.amount_field._message_label.plain == message, typed
        assert not dialog.main_button.isEnabled()


def test_an_unknown_refund_blocks_another_with_a_message(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """While the outcome of a refund is unknown, the page of the payment and the form of a refund say so, and no other
    refund can be requested.
    """
    sandbox.control.add_fault("close_after_charge", call="paypay_refund", times=1)
    person = open_window()
    refund = request_refund(person, payment)
    with window_desks.open_acting_desk("lead-b") as lead, pytest.raises(ConsoleError):
        lead.refunds.approve(refund.id)
    assert console.refunds.read_refund(refund.id).record.certainty is Certainty.UNKNOWN
    page = open_payment(person, payment)
    person.wait_until(lambda: "refund" in page.list_bar_names())
    page.run_action_on_record("refund")
    dialog = person.wait_for_dialog(RefundDialog)
    assert not dialog.main_button.isEnabled()
    assert "is unknown" in dialog.hint.plain


def test_the_search_box_finds_a_payment_by_its_numbers(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """Ctrl+K, then our payment number or the provider's number, then Enter open the page of the payment, not that of
    its company.
    """
    sandbox.control.payments_control.register_payment("paypay", "ORD-OF-A-COMPANY", 500)
    payment_import = PaymentImport("paypay", "ORD-OF-A-COMPANY", corporation_number="1180301018771")
    of_company = console.payments.import_payment(payment_import)
    person = open_window()
    shell = person.opening.controller
    assert shell is not None
    assert payment.provider_payment_id is not None
    finder = shell.command_palette
    numbers_and_payments = (
        (ORDER_NUMBER, payment),
        (payment.provider_payment_id, payment),
        ("ORD-OF-A-COMPANY", of_company),
    )
    for number, whose in numbers_and_payments:
        person.frame.show_route(HomeRoute())
        person.press("Ctrl+K")
        person.wait_until(lambda: finder.search_box.is_open)
        finder.search_box.input.setText("")
        finder.search_box.input.insert(number)
        person.wait_until(lambda: any(not isinstance(one, CreditCheck) for one in finder._found_records))
        person.wait_until_read()
        person.press("Return")
        page = person.wait_for_page(PaymentPage)
        person.wait_until(
            lambda page=page, whose=whose: page.details is not None and page.details.record.id == whose.id  # type: ignore[misc]  # of this turn
        )


class UnreachableBeforeOrderIsPaid(Failpoints):
    """Failpoints that raise an error each time before an order is set to paid, as if the database could not be
    reached.
    """

    def __init__(self) -> None:
        super().__init__(None)

    def reach(self, name: str) -> None:
        if name == "before_order_move":
            raise RuntimeError("away")


@pytest.mark.expects_log("what was tolerated is told")
def test_an_unpaid_order_is_set_to_paid_by_hand(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The page of a paid payment marks its order if the order isn't set to paid. The key M sets it to paid."""
    order = insert_order(window_desks, "ORD-7", 3_300)
    payment = console.payments.start(order, "paypay").payment
    sandbox.control.payments_control.change_payment_state("paypay", "ORD-7", "paid")
    acting = window_desks.acting_desk._context
    before, acting.failpoints = acting.failpoints, UnreachableBeforeOrderIsPaid()
    console.payments.probe(payment.id)
    person = open_window()
    page = open_payment(person, payment)
    person.wait_until(lambda: page.form._verdict_label.plain.startswith("Mismatch"))
    assert page.sides_strip.panels[2].is_different
    acting.failpoints = before
    person.press("M")
    person.wait_until(lambda: console.payments.read_order(order).record.state is OrderState.PAID)
    person.wait_until(lambda: page.form._verdict_label.plain == "¥3,300 is paid.")


def insert_order(window_desks: WindowTestDesks, number: str, minor: int) -> int:
    """Insert an order with the order number `number` and a price of `minor` minor units into the database, as the
    shop does, and return its id."""
    with window_desks.write_as_owner() as tx:
        insert = (
            "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
            " VALUES (:number, :minor, 'JPY', '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
        )
        tx.conn.execute(text(insert), {"number": number, "minor": minor})
        return int(tx.conn.execute(text("SELECT max(id) FROM orders")).scalar_one())
