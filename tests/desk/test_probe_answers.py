"""The message after a probe lists the fields that the probe has changed, with the values before and after it."""

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.money.payment_page import PaymentPage
from console.views.runtime.routes import PaymentRoute
from tests.desk.conftest import OpenWindow
from tests.support.money_desks import import_paid_payment


def test_a_probe_lists_the_changed_fields(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """The toast of a probe names the changed amount before and after. A second probe, with the same answer, lists no
    change.
    """
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    toasts: list[str] = []
    person.opening.context.toast_requested.connect(lambda toast: toasts.append(toast.detail))
    sandbox.control.add_fault("other_amount", call="paypay_payment", times="always")
    person.press("P")
    person.wait_until(lambda: len(toasts) == 1)
    assert "Amount: ¥12,000 → ¥12,001" in toasts[0]
    person.wait_until_read()
    person.press("P")
    person.wait_until(lambda: len(toasts) == 2)
    assert "→" not in toasts[1]
