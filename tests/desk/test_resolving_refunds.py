"""What nobody knows about a refund, decided through a whole window."""

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.order_records import Refund
from console.domain.records import Certainty
from console.sandbox.server import Sandbox
from console.views.dialogs.resolve_money import ResolveMoneyDialog
from console.views.pages.refund import RefundPage
from console.views.routes import RefundRoute
from tests.desk.conftest import Sit
from tests.support.money_desks import ask, paid


def unknown(console: Console, sandbox: Sandbox) -> Refund:
    """A refund that was sent; the gateway answers nothing any more."""
    sandbox.control.fault("close_after_charge", call="paypay_refund", times=1)
    sandbox.control.fault("status:500", call="paypay_refund_details", times="always")
    refund = ask(console, paid(console, sandbox, "ORD-1").id)
    with console.acting("lead-b"), pytest.raises(ConsoleError):
        console.refunds.approve(refund.id)
    return refund


def test_who_says_that_it_took_place_says_under_which_number(sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """With the gateway's words as evidence its number is asked for too; both are kept, a second is awaited."""
    refund, person = unknown(console, sandbox), sit()
    person.frame.go(RefundRoute(refund.id))
    page = person.page(RefundPage)
    person.until(lambda: page.view is not None)
    person.press("E")
    dialog = person.dialog(ResolveMoneyDialog)
    form = dialog.form
    form.kinds["text"].setChecked(True)
    form.text.edit.setPlainText("Their support says that it went through.")  # type: ignore[union-attr]  # an area
    form.outcomes["failed"].setChecked(True)
    assert not form.done_as.isVisible()
    form.outcomes["completed"].setChecked(True)
    assert form.done_as.isVisible()
    assert not dialog.act_button.isEnabled()
    form.done_as.edit.setText("1519")  # type: ignore[union-attr]  # a line
    person.until(dialog.act_button.isEnabled)
    dialog.act_button.click()
    person.until(lambda: dialog.windowTitle() == "Asked to resolve")
    view = console.refunds.show(refund.id)
    assert view.record.certainty is Certainty.UNKNOWN
    assert any("1519" in item.body and "support says" in item.body for item in view.evidence)
