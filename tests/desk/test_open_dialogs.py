"""Another person changes a record while a dialog about it is open. The page behind the dialog shows the change, but
the dialog keeps the values on which the person decides.
"""

import pytest
from PySide6.QtWidgets import QDialog

from console.app import Console
from console.domain.payments.records import Payment, RefundRequest
from console.domain.payments.states import RefundState
from console.sandbox.server import Sandbox
from console.views.refunds.decision_dialog import ApproveDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import ToastFrame
from tests.desk.conftest import OpenWindow
from tests.desk.test_refunds import open_approvals, open_payment, read_refund_of_dialog, request_refund, scroll_to_end
from tests.desk.window_desks import WindowTestDesks
from tests.support.money_desks import import_paid_payment


@pytest.fixture
def payment(console: Console, sandbox: Sandbox) -> Payment:
    """Import a payment of 12,000 yen."""
    return import_paid_payment(console, sandbox, "ORD-20261120-000124", 12_000)


def read_dialog_texts(dialog: QDialog) -> list[str]:
    """Return the texts of a dialog, without those of toasts, which appear and disappear in it without a key press."""
    of_toasts = {words for toast in dialog.findChildren(ToastFrame) for words in toast.findChildren(TextLabel)}
    return [one.plain for one in dialog.findChildren(TextLabel) if one.isVisible() and one not in of_toasts]


def test_a_review_is_refused_after_another_refund_was_requested(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """While a person sees the review of a refund, another refund of the payment is requested. The review keeps its
    amounts, and the person's request is refused.
    """
    person = open_window()
    page = open_payment(person, payment)
    person.press("R")
    dialog = person.wait_for_dialog(RefundDialog)
    dialog.form.amount_edit.setText("8500")
    dialog.form.reason_list.setCurrentIndex(0)
    dialog.form.explanation_edit.setText("ordered twice")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert dialog.review is not None
    person.wait_until(dialog.main_button.isEnabled)
    before = read_dialog_texts(dialog)
    with window_desks.open_acting_desk("lead-b") as lead:
        other = lead.refunds.request(RefundRequest(payment.id, "5000", "sent back"))
    person.wait_until(lambda: page.details is not None and page.details.record.version > payment.version)
    assert read_dialog_texts(dialog) == before
    dialog.main_button.click()
    person.wait_until(lambda: not dialog.is_busy and read_dialog_texts(dialog) != before)
    newest = read_refund_of_dialog(person, payment)
    assert newest is not None
    assert newest.id == other.id


def test_an_approval_is_refused_after_the_withdrawal(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """While an approver reads a refund request, the requester withdraws it. The dialog keeps its text, the approval
    is refused, and nothing is sent.
    """
    refund = request_refund(open_window(), payment)
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
    before = read_dialog_texts(dialog)
    console.refunds.withdraw(refund.id)
    checker.wait_until(lambda: page.footer.isHidden())  # its result is shown in place of the request
    assert read_dialog_texts(dialog) == before
    dialog.main_button.click()
    checker.wait_until(lambda: not dialog.is_busy and read_dialog_texts(dialog) != before)
    assert console.refunds.read_refund(refund.id).record.state is RefundState.WITHDRAWN
    assert sandbox.control.payments_control.read_refunds() == []
