"""Two people record in the window that a payer got an amount back other than through the gateway."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from console.domain.payments.records import Payment
from console.domain.payments.states import RECORD_OUTSIDE_ACTION
from console.sandbox.server import Sandbox
from console.views.approvals.page import ApprovalsPage
from console.views.home.page import HomePage
from console.views.money.payment_page import PaymentPage
from console.views.records.outside_refund_dialog import OutsideRefundDialog
from console.views.runtime.routes import PaymentRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.money_desks import import_paid_payment
from tests.support.outside_days import read_today


def open_outside_dialog(person: Person, payment: Payment) -> OutsideRefundDialog:
    """Open the page of the payment, and from its menu the dialog."""
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    person.wait_until_read()
    button = page.action_bar.find_button(RECORD_OUTSIDE_ACTION)
    assert button is not None
    assert (button.text(), button.isEnabled()) == ("Record as done outside...", True)
    button.click()
    dialog = person.wait_for_dialog(OutsideRefundDialog)
    person.wait_until(lambda: not dialog.form.is_reading_choices)
    return dialog


def state_refund(dialog: OutsideRefundDialog, amount: str, day: str) -> None:
    """Fill the form: a written reply as evidence, the amount and the day."""
    form = dialog.form
    form.kind_buttons["text"].setChecked(True)
    form.text_field.edit.setPlainText("Transfer 114, told by letter")  # type: ignore[union-attr]  # an area
    form.reason_list.setCurrentIndex(form.reason_list.findData("bank_statement"))
    form.amount_field.edit.setText(amount)  # type: ignore[union-attr]  # a line
    form.day_field.edit.setText(day)  # type: ignore[union-attr]  # a line


def read_visible_text(page: QWidget) -> str:
    """Return the texts of all visible labels of the page, one line each."""
    return "\n".join(label.plain for label in page.findChildren(TextLabel) if label.isVisible())


def test_a_refund_done_outside_is_proposed_listed_and_confirmed(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """The proposer states the amount and the day. The list of decisions shows both to the second person, who states
    them again; then the payment shows the amount, and only the rest can be refunded."""
    today = read_today()
    payment = import_paid_payment(window_desks.console, sandbox, "ORD-1")
    person = open_window()
    dialog = open_outside_dialog(person, payment)
    state_refund(dialog, "3,001", today)
    assert "at most ¥3,000" in dialog.form.find_disabled_reason()
    state_refund(dialog, "1,000", "2036-11-01")
    assert not dialog.main_button.isEnabled()
    state_refund(dialog, "1,000", today)
    assert "¥3,000" in dialog.form.money_effect_label.plain
    assert "¥2,000" in dialog.form.money_effect_label.plain
    assert dialog.form.order_effect_label.isHidden()
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle().startswith("Outcome proposed for Payment "))
    assert dialog.windowTitle().endswith(f"Given back outside · ¥1,000 · {today}")
    labels = [label.plain for label in dialog.findChildren(TextLabel)]
    assert "Payment ORD-1" not in labels, "the title names the payment"
    dialog.reject()
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: "Do not refund it again" in read_visible_text(page))

    person = window_desks.switch_person(person, "lead-b")
    person.press("Alt+4")
    approvals = person.wait_for_page(ApprovalsPage)
    person.wait_until(lambda: approvals.proposal is not None)
    person.wait_until(lambda: f"¥1,000 · {today}" in read_visible_text(approvals))
    dialog = open_outside_dialog(person, payment)
    page = person.wait_for_page(PaymentPage)
    assert "select Record as done outside" in read_visible_text(page)
    primary = [button.property("act") for button in page.form.findChildren(KeyButton) if button.kind == "primary"]
    assert primary == [RECORD_OUTSIDE_ACTION]
    state_refund(dialog, "1,000", today)
    assert dialog.form.is_acting_person_second
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    window_desks.confirm_with_password(person, "lead-b")
    person.wait_until(lambda: window_desks.console.payments.read_payment(payment.id).record.outside_minor == 1000)
    dialog.reject()
    person.wait_until(lambda: page.details is not None and page.details.money.refundable == 2000)
    assert list(page.money_panel.part_buttons) == ["paid", "outside"]
    page.money_panel.part_buttons["outside"].click()
    person.wait_until_read()
    assert page.tabs.current_tab_name == "evidence"


def test_the_amount_of_a_refund_outside_looks_like_the_one_of_every_refund(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """The label names the currency in words, the amount is right-aligned after its symbol, and the reason joins the
    amount, the day and the words with the separator of the language."""
    today = read_today()
    payment = import_paid_payment(window_desks.console, sandbox, "ORD-1")
    person = open_window()
    dialog = open_outside_dialog(person, payment)
    field = dialog.form.amount_field
    assert field.label.plain == "Amount (yen)"
    assert field.edit.alignment() & Qt.AlignmentFlag.AlignRight  # type: ignore[union-attr]  # a line
    assert field._symbol_label.plain == "¥"
    state_refund(dialog, "1,000", today)
    reason = dialog.form.stated_reason
    assert reason is not None
    assert reason.words == f"¥1,000 · {today} · Transfer 114, told by letter"
    person.opening.context.change_language("ja")
    reason = dialog.form.stated_reason
    assert reason is not None
    assert reason.words == f"¥1,000・{today}・Transfer 114, told by letter"


def test_a_draft_of_a_refund_outside_is_continued_from_home(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """The bar of Home opens the dialog again, with the typed amount."""
    today = read_today()
    payment = import_paid_payment(window_desks.console, sandbox, "ORD-1")
    person = open_window()
    dialog = open_outside_dialog(person, payment)
    state_refund(dialog, "1,000", today)
    dialog.reject()
    person.press("Alt+1")
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: "drafts" in home._bar_by_name)
    bar = home._bar_by_name["drafts"]
    assert "Draft: record of a refund done outside, Payment ORD-1" in bar.accessibleName()
    assert bar.button is not None
    bar.button.click()
    assert person.wait_for_dialog(OutsideRefundDialog).form.amount_field.text() == "1,000"
