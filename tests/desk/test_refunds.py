"""Refunds through whole windows: one person asks, another decides, the provider gives the money back once."""

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.order_records import OrderState, Payment, PaymentImport, Refund, RefundRequest
from console.domain.payment_records import RefundState
from console.domain.records import Certainty, CreditCheck
from console.sandbox.server import Sandbox
from console.services.failpoints import Failpoints
from console.views.dialogs.decide import ApproveDialog, DeclineDialog, WithdrawDialog
from console.views.dialogs.refund import RefundDialog
from console.views.pages.approvals import ApprovalsPage
from console.views.pages.payment import PaymentPage
from console.views.pages.refund import RefundPage
from console.views.routes import HomeRoute, PaymentRoute, RefundRoute
from tests.desk.conftest import Sit
from tests.desk.hands import Person
from tests.support.money_desks import newest, paid

NUMBER = "ORD-20261120-000123"


@pytest.fixture
def payment(console: Console, sandbox: Sandbox) -> Payment:
    """Somebody has paid 12,000 yen."""
    return paid(console, sandbox, NUMBER, 12_000)


def at_payment(person: Person, payment: Payment) -> PaymentPage:
    person.frame.go(PaymentRoute(payment.id))
    page = person.page(PaymentPage)
    person.until(lambda: page.view is not None and page.view.record.id == payment.id)
    person.rest()
    return page


def ask(person: Person, payment: Payment, amount: str = "8500") -> Refund:
    """Through the dialog: form, review, asked for."""
    at_payment(person, payment)
    person.press("R")
    dialog = person.dialog(RefundDialog)
    dialog.form.amount_edit.setText(amount)
    dialog.form.reason.setCurrentIndex(0)
    dialog.form.words_edit.setText("ordered twice")
    for field in dialog.form._answers.values():
        field.edit.setText("another order")  # type: ignore[union-attr]  # a line
    person.until(dialog.act_button.isEnabled)
    dialog.act_button.click()
    assert dialog.review is not None
    person.until(dialog.act_button.isEnabled)
    dialog.act_button.click()
    person.until(lambda: dialog.windowTitle() == "Refund asked for")
    person.press("Esc")
    person.no_dialog()
    found = dialog_refund(person, payment)
    assert found is not None
    return found


def dialog_refund(person: Person, payment: Payment) -> Refund | None:
    desk = person.opening.seat._desk
    assert isinstance(desk, Console)
    return newest(desk, payment.id)


def read_to_the_end(person: Person, page: ApprovalsPage) -> None:
    """All of it was shown."""
    bar, content = page.view.verticalScrollBar(), page.view.widget()
    assert content is not None
    person.until(lambda: content.height() > 100)
    bar.setValue(bar.maximum())
    person.until(lambda: page.view.seen_whole)


def at_approvals(person: Person, refund: Refund) -> ApprovalsPage:
    person.press("Alt+4")
    page = person.page(ApprovalsPage)
    person.until(lambda: page.view.view is not None and page.view.view.record.id == refund.id)
    person.rest()
    return page


def ended(person: Person, console: Console, refund: Refund) -> None:
    """The provider has said that it is done: at once, or when it is asked again."""

    person.until(lambda: console.refunds.probe(refund.id).state is RefundState.COMPLETED)


def test_one_asks_another_approves_and_it_is_refunded(
    sit: Sit, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """Two windows: nothing is sent before the second person; then once, and it ends completed."""
    maker = sit()
    refund = ask(maker, payment)
    assert (refund.state, refund.provider_refund_key) == (RefundState.REQUESTED, None)
    assert sandbox.control.money.refunds() == []

    checker = sit()
    checker.opening.seat.become("lead-b")
    checker.until(lambda: checker.opening.seat.standing.decisions == 1)
    page = at_approvals(checker, refund)
    read_to_the_end(checker, page)
    checker.until(page.approve.isEnabled)
    checker.press("A")
    dialog = checker.dialog(ApproveDialog)
    checker.until(dialog.act_button.isEnabled)
    dialog.act_button.click()
    checker.until(lambda: dialog.windowTitle() == "Approved")
    checker.press("Esc")
    checker.no_dialog()
    checker.until(lambda: page.content.currentWidget() is page.empty)  # nothing is left to decide
    ended(checker, console, refund)
    assert [one["amount_minor"] for one in sandbox.control.money.refunds()] == [8_500]
    assert maker.opening.seat.operator == "op-a"


def test_ones_own_request_has_no_buttons(sit: Sit, console: Console, payment: Payment) -> None:
    """An approver who asked sees it apart: neither approving nor declining, only taking it back."""
    person = sit()
    person.opening.seat.become("lead-b")
    refund = ask(person, payment)
    page = at_approvals(person, refund)
    assert page.list.cards[0].refund.id == refund.id
    assert not page.inbox.mine_to_decide
    assert page.approve.isHidden()
    assert page.decline.isHidden()
    person.press("W")
    dialog = person.dialog(WithdrawDialog)
    person.until(dialog.act_button.isEnabled)
    dialog.act_button.click()
    person.until(lambda: dialog.windowTitle() == "Withdrawn")
    assert console.refunds.show(refund.id).record.state is RefundState.WITHDRAWN


def test_declining_needs_words_and_the_maker_reads_them(sit: Sit, console: Console, payment: Payment) -> None:
    """Without words the button stays off; the words stand in the maker's record."""
    person = sit()
    refund = ask(person, payment)
    person.opening.seat.become("lead-b")
    page = at_approvals(person, refund)
    person.until(page.decline.isEnabled)
    person.press("D")
    dialog = person.dialog(DeclineDialog)
    assert not dialog.act_button.isEnabled()
    assert dialog.hint.plain == "Say why first."
    dialog.words.edit.setPlainText("delivered as ordered")  # type: ignore[union-attr]  # an area
    person.until(dialog.act_button.isEnabled)
    dialog.act_button.click()
    person.until(lambda: dialog.windowTitle() == "Declined")
    person.press("Esc")
    person.opening.seat.become("op-a")
    person.frame.go(RefundRoute(refund.id))
    record = person.page(RefundPage)
    person.until(lambda: record.view is not None and "delivered as ordered" in record.form._why.plain)


def test_approving_is_off_until_read_and_fresh(sit: Sit, console: Console, payment: Payment) -> None:
    """An old fact asks for a probe first, an unread view to be read; the reason stands beside the button."""
    with console.acting("op-a"):
        refund = console.refunds.request(RefundRequest(payment.id, "500", "ordered twice"))
    person = sit()
    person.opening.seat.become("lead-b")
    person.window.resize(1280, 800)
    page = at_approvals(person, refund)
    page.view.view = None  # as if nothing had been shown yet
    page.view._seen.clear()
    page.show_refund(refund.id)
    person.rest()
    person.until(lambda: page.view.view is not None)
    if not page.view.seen_whole:
        assert not page.approve.isEnabled()
        assert page.why_not.plain == "Read down to the end first."
    read_to_the_end(person, page)
    person.until(page.approve.isEnabled)


WRONG = {
    "0": "Write an amount above zero, in digits alone.",
    "-5": "Write an amount above zero, in digits alone.",
    "0.5": "Write an amount above zero, in digits alone.",
    "1000000000000000000": "Write an amount above zero, in digits alone.",
    "12001": "At most ¥12,000 can be refunded.",
    "８５００": "Write the amount in plain ASCII digits.",
    "": "Enter the amount.",
}


def test_a_wrong_amount_is_told_at_its_field(sit: Sit, payment: Payment) -> None:
    """In words that say how to write it; the review can't be reached."""
    person = sit()
    at_payment(person, payment)
    person.press("R")
    dialog = person.dialog(RefundDialog)
    for typed, told in WRONG.items():
        dialog.form.amount_edit.setText(typed)
        assert dialog.form.amount._message.plain == told, typed
        assert not dialog.act_button.isEnabled()


def test_an_unknown_refund_blocks_another_and_says_so(
    sit: Sit, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """The page and the form say that nothing else may be refunded, and never that it failed."""
    sandbox.control.fault("close_after_charge", call="paypay_refund", times=1)
    person = sit()
    refund = ask(person, payment)
    with console.acting("lead-b"), pytest.raises(ConsoleError):
        console.refunds.approve(refund.id)
    assert console.refunds.show(refund.id).record.certainty is Certainty.UNKNOWN
    page = at_payment(person, payment)
    person.until(lambda: "refund" in page.bar_names())
    page.act("refund")
    dialog = person.dialog(RefundDialog)
    assert not dialog.act_button.isEnabled()
    assert "no known result" in dialog.hint.plain


def test_search_finds_a_payment_by_its_numbers(
    sit: Sit, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """Ctrl+K, our number or the provider's, Enter: the payment is open, and not the company that it belongs to."""
    sandbox.control.money.know("paypay", "ORD-OF-A-COMPANY", 500)
    asked = PaymentImport("paypay", "ORD-OF-A-COMPANY", corporation_number="1180301018771")
    of_company = console.payments.import_(asked)
    person = sit()
    shell = person.opening.shell
    assert shell is not None
    assert payment.provider_payment_id is not None
    finder = shell.finder
    wanted = ((NUMBER, payment), (payment.provider_payment_id, payment), ("ORD-OF-A-COMPANY", of_company))
    for number, whose in wanted:
        person.frame.go(HomeRoute())
        person.press("Ctrl+K")
        person.until(lambda: finder.box.visible)
        finder.box.input.setText("")
        finder.box.input.insert(number)
        person.until(lambda: any(not isinstance(one, CreditCheck) for one in finder._found))
        person.rest()
        person.press("Return")
        page = person.page(PaymentPage)
        person.until(
            lambda page=page, whose=whose: page.view is not None and page.view.record.id == whose.id  # type: ignore[misc]  # of this turn
        )


class Away(Failpoints):
    """The database is away whenever an order is to be moved."""

    def __init__(self) -> None:
        super().__init__(None)

    def reach(self, name: str) -> None:
        if name == "before_order_move":
            raise RuntimeError("away")


@pytest.mark.expects_log("what was tolerated is told")
def test_an_unpaid_order_is_moved_by_hand(sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """The payment's page frames the order, M moves it, and nothing is sent to the provider."""
    order = order_of(console, "ORD-7", 3_300)
    payment = console.payments.start(order, "paypay").payment
    sandbox.control.money.move("paypay", "ORD-7", "paid")
    before, console._desk.failpoints = console._desk.failpoints, Away()
    console.payments.probe(payment.id)
    person = sit()
    page = at_payment(person, payment)
    person.until(lambda: page.form._verdict.plain.startswith("Sides disagree"))
    assert page.strip.panels[2].property("differs")
    console._desk.failpoints = before
    person.press("M")
    person.until(lambda: console.payments.order(order).record.state is OrderState.PAID)
    person.until(lambda: page.form._verdict.plain == "¥3,300 is paid.")


def order_of(console: Console, number: str, minor: int) -> int:
    """An order as the shop writes it; its id."""
    with console.database.attempt() as tx:
        insert = (
            "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
            " VALUES (:number, :minor, 'JPY', '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
        )
        tx.conn.execute(text(insert), {"number": number, "minor": minor})
        return int(tx.conn.execute(text("SELECT max(id) FROM orders")).scalar_one())
