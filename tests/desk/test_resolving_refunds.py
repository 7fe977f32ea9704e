"""A person resolves an unknown refund in the window."""

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.records import Refund
from console.domain.records import Certainty
from console.sandbox.server import Sandbox
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.presenters.drafts import format_draft_sentence
from console.views.queues.page import QueuesPage
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.runtime.routes import PaymentRoute, QueuesRoute, RefundRoute
from console.views.widgets.base import TextLabel
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.money_desks import import_paid_payment, request_refund


@pytest.fixture
def extra_settings() -> dict[str, str]:
    """Return the setting that time isn't accelerated, so that no call to a provider times out on a slow machine."""
    return {"TIME_SCALE": "1"}


def make_unknown_refund(window_desks: WindowTestDesks, sandbox: Sandbox) -> Refund:
    """Make a refund that was sent and whose outcome the gateway doesn't report. Return it."""
    sandbox.control.add_fault("close_after_charge", call="paypay_refund", times=1)
    sandbox.control.add_fault("status:500", call="paypay_refund_details", times="always")
    refund = request_refund(window_desks.console, import_paid_payment(window_desks.console, sandbox, "ORD-1").id)
    with window_desks.open_acting_desk("lead-b") as lead, pytest.raises(ConsoleError):
        lead.refunds.approve(refund.id)
    return refund


def test_a_refund_decided_as_completed_needs_the_gateways_number(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """If a statement of the gateway is the evidence that a refund took place, the dialog also asks for the gateway's
    number. Both are stored, and the decision waits for a second person.
    """
    refund, person = make_unknown_refund(window_desks, sandbox), open_window()
    person.frame.show_route(RefundRoute(refund.id))
    page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: page.details is not None)
    person.press("E")
    dialog = person.wait_for_dialog(ResolveMoneyDialog)
    form = dialog.form
    form.kind_buttons["text"].setChecked(True)
    form.text_field.edit.setPlainText("Their support says that it went through.")  # type: ignore[union-attr]  # an area
    form.outcome_buttons["failed"].setChecked(True)
    assert not form.refund_number_field.isVisible()
    form.outcome_buttons["completed"].setChecked(True)
    assert form.refund_number_field.isVisible()
    assert not dialog.main_button.isEnabled()
    form.refund_number_field.edit.setText("1519")  # type: ignore[union-attr]  # a line
    form.reason_list.setCurrentIndex(form.reason_list.findData("provider_reply"))
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle().startswith("Outcome proposed for Refund "))
    view = window_desks.console.refunds.read_refund(refund.id)
    assert view.record.certainty is Certainty.UNKNOWN
    (evidence_item,) = [item for item in view.evidence if "1519" in item.body and "support says" in item.body]
    assert evidence_item.summary == "[provider_reply] Their support says that it went through."


def test_a_draft_of_evidence_is_named_after_its_record(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """For the draft of a decision, Home names the kind of the draft and its record. It doesn't add the title of the
    dialog.
    """
    refund, person = make_unknown_refund(window_desks, sandbox), open_window()
    person.frame.show_route(RefundRoute(refund.id))
    page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: page.details is not None)
    person.press("E")
    dialog = person.wait_for_dialog(ResolveMoneyDialog)
    dialog.form.kind_buttons["text"].setChecked(True)
    dialog.form.text_field.edit.setPlainText("Their support says that it went through.")  # type: ignore[union-attr]  # an area
    dialog.reject()
    (draft,) = person.opening.context.person_values.list_drafts()
    assert draft.title == f"Refund R-{refund.id}"
    sentence = format_draft_sentence(draft, person.opening.context)
    assert sentence.startswith(f"Draft: resolution with evidence, Refund R-{refund.id}, stopped at the form (")


def list_providers_with_shown_answer_time(person: Person) -> list[str]:
    """Return the payment providers for which the window shows the time of the last answer."""
    return [one.name for one in person.opening.context.connection_state.gateways if one.answered_at is not None]


@pytest.mark.parametrize("place", ["queue", "tab", "page"])
def test_a_probed_refund_shows_the_time_of_the_providers_answer(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox, place: str
) -> None:
    """After a probe of a refund in a queue, in the tab of its payment or on its own page, the window shows the time
    of the provider's answer.
    """
    refund, person = make_unknown_refund(window_desks, sandbox), open_window()
    if place == "queue":
        person.frame.show_route(QueuesRoute("refunds"))
        queues = person.wait_for_page(QueuesPage)
        person.wait_until(lambda: queues.table.current_item is not None)
    elif place == "tab":
        person.frame.show_route(PaymentRoute(refund.payment_id))
        page = person.wait_for_page(PaymentPage)
        person.wait_until(lambda: page.details is not None)
        page.tabs.show_tab("refunds")
        person.wait_until_read()
        page.tabs.focus_content()
        person.wait_until(lambda: page.tabs.find_focused_row() is not None)
    else:
        person.frame.show_route(RefundRoute(refund.id))
        refund_page = person.wait_for_page(RefundPage)
        person.wait_until(lambda: refund_page.details is not None)
    assert list_providers_with_shown_answer_time(person) == []
    person.press("P")
    person.wait_until_read()
    assert list_providers_with_shown_answer_time(person) == ["paypay"]


@pytest.mark.parametrize(("fault", "is_silent"), [("result:NO_SUCH_REFUND_ORDER", False), ("status:500", True)])
def test_a_provider_that_finds_no_refund_has_answered(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox, fault: str, is_silent: bool
) -> None:
    """If the gateway answers a probe that it doesn't find the refund, the outcome stays unknown, but the status bar
    shows the time of an answer. It says that there was no answer after an error of the gateway's server. The bar on
    the page of the refund doesn't advise to open the refund.
    """
    refund = make_unknown_refund(window_desks, sandbox)
    sandbox.control.clear_faults()
    sandbox.control.add_fault(fault, call="paypay_refund_details", times="always")
    person = open_window()
    person.frame.show_route(RefundRoute(refund.id))
    page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: page.details is not None)
    person.press("P")
    person.wait_until(lambda: list_providers_with_shown_answer_time(person) == ["paypay"])
    (paypay,) = [one for one in person.opening.context.connection_state.gateways if one.name == "paypay"]
    assert paypay.is_silent is is_silent
    bar_texts = [label.plain for label in page.findChildren(TextLabel) if "refund is unknown" in label.plain]
    assert bar_texts or is_silent
    assert not [text for text in bar_texts if "Open the record" in text], "the record is open"
    assert window_desks.console.refunds.read_refund(refund.id).record.certainty is Certainty.UNKNOWN
