"""Purchases in the window: the provider charges once, however often the button is pressed, and the window responds
while the provider's answer is late.
"""

import pytest
from PySide6.QtWidgets import QLabel

from console.app import Console
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, CreditCheck, PurchaseRequest
from console.domain.tasks.records import Alert
from console.sandbox.server import Sandbox
from console.views.alerts.page import AlertsPage
from console.views.app.close_dialog import RunningCallsDialog
from console.views.credit_checks.page import CreditCheckPage
from console.views.home.page import HomePage
from console.views.purchase.dialog import PurchaseDialog
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import CreditCheckRoute, LookupRoute
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import DropDownList
from console.views.widgets.display.badge import Badge
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.refusals import call_for_refusal

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]


def open_purchase(person: Person, client: str = "2") -> PurchaseDialog:
    """Open the purchase dialog of CORPORATION_NUMBER and select a client."""
    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    person.wait_until_read()
    person.press("B")
    dialog = person.wait_for_dialog(PurchaseDialog)
    choice = dialog.form.client_input
    assert isinstance(choice, DropDownList)
    assert choice.currentIndex() == -1, "chosen for the person"
    choice.setCurrentText(client)
    person.wait_until(dialog.main_button.isEnabled)
    return dialog


def buy_in_dialog(person: Person) -> PurchaseDialog:
    """Buy in the purchase dialog, wait for the result, and return the dialog."""
    dialog = open_purchase(person)
    dialog.main_button.click()
    person.wait_until(lambda: not dialog.is_busy)
    return dialog


REAL_TIME_SETTINGS = {"TIME_SCALE": "1"}
"""Setting with which waits aren't shortened. With the scale of the other tests a call that hangs is broken off after
1.5 s, and a busy machine needs that time for one page.
"""


def start_hanging_purchase_and_close_dialog(person: Person, dialog: PurchaseDialog, sandbox: Sandbox) -> None:
    """Start a purchase at a provider that hangs, and close its dialog."""
    dialog.main_button.click()
    person.wait_until(lambda: bool(sandbox.control.read_state()["held"]))
    assert not dialog.cancel_button.isEnabled()
    assert dialog.hint.plain == "Can't be cancelled while the answer is awaited."
    dialog.allow_closing("Close", "")
    dialog.reject()
    person.wait_without_dialog()


def find_recorded_checks(console: Console) -> tuple[CreditCheck, ...]:
    return console.lookup.find_records(CORPORATION_NUMBER).credit_checks


def test_a_double_click_buys_once(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """A double click on the button of the purchase dialog buys once."""
    person = open_window()
    dialog = open_purchase(person)
    person.double_click(dialog.main_button)
    dialog.main_button.click()
    person.wait_until(lambda: not dialog.is_busy)
    assert dialog.windowTitle() == "Bought"
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1
    assert [record.client_id for record in find_recorded_checks(console)] == ["2"]


def test_the_purchase_button_is_disabled_in_the_first_moment(open_window: OpenWindow) -> None:
    """When the purchase dialog appears, its main button is disabled for a moment, so that a key typed before, or a
    double click, buys nothing.
    """
    person = open_window()
    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    person.wait_until_read()
    person.press("B")
    assert not person.wait_for_dialog(PurchaseDialog).main_button.isEnabled()
    person.press("Return")
    person.wait_without_dialog()


def test_the_dialog_links_to_a_live_check_instead_of_buying(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If the corporation has a live credit check, the dialog offers no purchase and links to this check. Before a
    client is selected, the dialog names the client of the live check, and doesn't say that there is no check."""
    record = buy_check(console, CORPORATION_NUMBER, "2")
    person = open_window()
    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    person.wait_until_read()
    person.press("B")
    dialog = person.wait_for_dialog(PurchaseDialog)
    choice = dialog.form.client_input
    assert isinstance(choice, DropDownList)
    assert dialog.form._live_check_label.plain == "For client 2"
    choice.setCurrentText("1")
    assert dialog.form._live_check_label.plain == "None for this client (there is one for client 2)"
    choice.setCurrentText("2")
    assert "bought already" in dialog.hint.plain
    person.wait_for_control("Open record", dialog).press()
    person.wait_without_dialog()
    assert person.wait_for_page(CreditCheckPage).route.id == record.id
    assert sandbox.control.count_charges() == 1


def test_a_purchase_without_an_answer_is_shown_as_unknown(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After a purchase without an answer the dialog says that the outcome is unknown and that it may have been
    charged, lists the steps, and its main button opens the record, whose page doesn't offer another purchase.
    """
    sandbox.control.add_fault("reset_after_charge", call="purchase", number=CORPORATION_NUMBER)
    person = open_window()
    dialog = buy_in_dialog(person)
    assert dialog.windowTitle() == "The outcome of the purchase is unknown"
    (bar,) = dialog.findChildren(NotificationBar)
    assert "The purchase may have been charged." in bar.sentence
    assert "Nothing was charged" not in bar.sentence
    assert [badge.word for badge in dialog.findChildren(Badge)] == ["In progress", "Unknown", "Needs a person"]
    assert dialog.main_button.text() == "Open record"
    (steps,) = dialog.findChildren(TimelineList)
    words = [steps.get_line_at(row).action_text for row in range(steps.model().rowCount())]
    assert [text for text in words if "sent" in text.lower()] == ["Sent to AlarmBox"]
    assert any(text.startswith("Operation ") for text in words), words
    person.press("Return")
    person.wait_without_dialog()
    record = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: record.details is not None)
    assert not record.action_bar.find_button("renew").isEnabled()  # type: ignore[union-attr]  # one of its buttons


def test_a_purchase_without_its_pdf_is_shown_as_bought_and_incomplete(
    open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """If the PDF of a bought credit check is missing, the dialog says "Bought", once, and "Incomplete"."""
    sandbox.control.add_fault("pdf_missing", call="pdf", number=CORPORATION_NUMBER)
    person = open_window()
    dialog = buy_in_dialog(person)
    assert dialog.windowTitle() == "Bought"
    (bar,) = dialog.findChildren(NotificationBar)
    assert "Bought" not in bar.sentence
    assert "Incomplete" in [badge.word for badge in dialog.findChildren(Badge)]


def test_a_refusal_says_that_nothing_was_charged(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """A refused purchase says once that nothing was charged, and its record is failed."""
    sandbox.control.add_fault("status:422", call="purchase", number=CORPORATION_NUMBER)
    person = open_window()
    dialog = buy_in_dialog(person)
    assert dialog.windowTitle() == "Not bought"
    (bar,) = dialog.findChildren(NotificationBar)
    assert bar.sentence.count("Nothing was charged.") == 1, bar.sentence
    assert [record.state for record in find_recorded_checks(console)] == ["error"]


def make_contradicted_purchase(window_desks: WindowTestDesks, sandbox: Sandbox) -> Alert:
    """Make a purchase that the provider first refuses and later reports as made; return the alert about it."""
    console = window_desks.console
    sandbox.control.add_fault("status:422", call="purchase", number=CORPORATION_NUMBER)
    refused = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "2")))
    (denied,) = find_recorded_checks(console)
    bought: Outcome[CheckReport] = Outcome(
        OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, CheckReport(12345, CORPORATION_NUMBER), 201, "{}"
    )
    assert refused.code == "provider_refused"
    assert window_desks.acting_desk._action_builders.credit_checks.purchases.deliver_outcome(
        denied.operation_id or "", bought
    )
    (alert,) = (alert for alert in console.alerts.list_alerts() if alert.rule_id == "contradicted")
    return alert


def test_the_primary_button_of_a_contradicted_purchase_opens_its_alert(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If AlarmBox contradicts a failed purchase, the next step is to acknowledge the alert, which the primary button
    opens. After the acknowledgement the button stays while the alert is open, but is no longer primary.
    """
    alert = make_contradicted_purchase(window_desks, sandbox)
    person = open_window()
    person.frame.show_route(CreditCheckRoute(alert.subject_id))
    page = person.wait_for_page(CreditCheckPage)

    def list_alert_buttons() -> list[KeyButton]:
        return [button for button in page.form.findChildren(KeyButton) if button.text() == "Open alert"]

    person.wait_until(lambda: len(list_alert_buttons()) == 1)
    (button,) = list_alert_buttons()
    assert button.kind == "primary"
    button.click()
    alerts_page = person.wait_for_page(AlertsPage)
    person.wait_until(
        lambda: (
            alerts_page.current_incident is not None
            and alert.id in [one.id for one in alerts_page.current_incident.alerts]
        )
    )
    console.alerts.acknowledge(alert.id, "looked at AlarmBox")
    person.frame.go_back()
    page.refresh("asked")
    person.wait_until(lambda: [one.kind for one in list_alert_buttons()] == ["default"])


def test_the_purchase_dialog_reports_an_earlier_contradicted_purchase(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After the alert about a contradicted purchase was acknowledged, the dialog of the next purchase says that
    AlarmBox reports the earlier one as bought.
    """
    alert = make_contradicted_purchase(window_desks, sandbox)
    console.alerts.acknowledge(alert.id, "looked at AlarmBox")
    dialog = open_purchase(open_window())
    texts = [label.text() for label in dialog.form.findChildren(QLabel)]
    assert any("AlarmBox says that it was bought" in text for text in texts), texts


@pytest.mark.parametrize("extra_settings", [REAL_TIME_SETTINGS], ids=["unhurried"])
def test_the_window_responds_while_the_provider_hangs(open_window: OpenWindow, sandbox: Sandbox) -> None:
    """While the provider hangs, the person can close the purchase dialog and go to other pages; the purchase
    continues until the provider answers.
    """
    sandbox.control.add_fault("hang", call="purchase", number=CORPORATION_NUMBER)
    person = open_window()
    dialog = open_purchase(person)
    start_hanging_purchase_and_close_dialog(person, dialog, sandbox)
    person.press("Alt+2")
    person.wait_for_page(QueuesPage)
    person.press("Alt+1")
    person.wait_for_page(HomePage)
    assert person.opening.context.running_acting_calls, "it goes on behind the closed dialog"
    sandbox.control.release_calls()
    person.wait_until(lambda: not person.opening.context.running_acting_calls)


@pytest.mark.parametrize("extra_settings", [REAL_TIME_SETTINGS], ids=["unhurried"])
def test_the_window_closes_after_its_running_calls(open_window: OpenWindow, sandbox: Sandbox) -> None:
    """If a person closes the window while a call is running, a dialog that names the call appears first. After its
    main button was pressed, the window closes as soon as the call has ended.
    """
    sandbox.control.add_fault("hang", call="purchase", number=CORPORATION_NUMBER)
    person = open_window()
    dialog = open_purchase(person)
    start_hanging_purchase_and_close_dialog(person, dialog, sandbox)
    person.window.close()
    leaving = person.wait_for_dialog(RunningCallsDialog)
    assert person.window.isVisible()
    (running_call,) = person.opening.context.running_acting_calls
    assert CORPORATION_NUMBER in running_call.label.replace(" ", "")
    assert running_call.label in [label.plain for label in leaving.findChildren(TextLabel)]
    person.wait_until(leaving.main_button.isEnabled)
    leaving.main_button.click()
    sandbox.control.release_calls()
    person.wait_until(lambda: not person.window.isVisible())
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1
    person.opening.close()
