"""If a page fails to read its data again, a bar names the failed read, its time and the code of the error. The page
still shows the old data.
"""

from datetime import timedelta

import pytest

from console.app import Console
from console.domain.errors import ErrorCode, rebuild_error
from console.sandbox.server import Sandbox
from console.views.admin.page import AdminPage
from console.views.alerts.page import AlertsPage
from console.views.approvals.page import ApprovalsPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.money.payment_page import PaymentPage
from console.views.pages.base import Page
from console.views.queues.page import QueuesPage
from console.views.queues.view_dialogs import SaveViewDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    CreditCheckRoute,
    PaymentRoute,
    QueuesRoute,
)
from console.views.runtime.tasks import Failure
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person, list_windows
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.failing_methods import let_method_fail
from tests.support.money_desks import import_paid_payment, request_refund


def wait_for_failure_sentence(person: Person, page: Page) -> str:
    """Wait until the bar about the failed read is shown, and return its sentence."""
    person.wait_until(lambda: "failed" in page._bar_by_name)
    return page._bar_by_name["failed"].sentence


def test_a_payment_that_cannot_be_read_again_is_not_acted_on(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If a payment can't be read again, its old data stays visible. A bar names the failed read, its time, the code
    of the error and the age of the data. Until the payment is read again, no refund can be requested; a probe and a
    note are possible."""
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    refund, probe, note = (page.action_bar.find_button(name) for name in ("refund", "probe", "note"))
    assert refund is not None
    assert refund.isEnabled()
    with let_method_fail(
        console.payments, "read_payment", rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)
    ):
        person.press("F5")
        sentence = wait_for_failure_sentence(person, page)
        assert sentence.startswith("Not refreshed"), "the old data is still shown"
        assert "Support code: database_locked." in sentence
        assert "Time: " in sentence
        assert "The data shown was loaded at" in sentence
        assert "Some actions are off" in sentence, "a probe and a note are possible"
        assert "charged" not in sentence, "nothing is sent for a reading"
        assert page.details is not None
        assert page.head.title.short_form
        assert not refund.isEnabled()
        assert refund.shown_reason.endswith("Refresh (F5) first.")
        assert probe is not None
        assert probe.isEnabled()
        assert note is not None
        assert note.isEnabled()
        person.press("R")
        assert "act" in page.list_bar_names()
        assert not list_windows(person.window, RefundDialog)
    person.press("F5")
    person.wait_until(lambda: "failed" not in page._bar_by_name)
    assert refund.isEnabled()
    assert refund.shown_reason == ""


def test_only_a_page_that_disables_buttons_says_that_actions_are_off(
    open_window: OpenWindow, console: Console
) -> None:
    """If a list can't be read again, the bar says how old its data is. It says that actions are off only on a page
    with a button that is disabled for this reason."""
    buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until_read()
    with let_method_fail(console.recovery, "read_queue", rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)):
        person.press("F5")
        sentence = wait_for_failure_sentence(person, page)
    assert "The data shown was loaded at" in sentence
    assert "Some actions are off" not in sentence


@pytest.mark.expects_log("an error in the program is logged under the support code that the bar shows")
def test_the_shown_age_of_outdated_data_increases(
    open_window: OpenWindow, console: Console, clock: MovedClock
) -> None:
    """The bar about an error in the program shows the support code once, and the present age of the old data, which
    increases each minute. In the first minute the bar has only the time of the data, not "0 s ago".
    """
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    person.wait_until_read()
    with let_method_fail(console.credit_checks, "read_credit_check", RuntimeError("a bug")):
        person.press("F5")
        sentence = wait_for_failure_sentence(person, page)
        assert sentence.count("upport code") == 1
        assert " ago)" not in sentence
        clock.offset += timedelta(minutes=12)
        person.opening.context.minute_passed.emit()
        assert "(12 min ago)" in wait_for_failure_sentence(person, page)
    person.frame.show_route(CreditCheckRoute(buy_check(console, CORPORATION_NUMBERS[1]).id))
    person.wait_until(
        lambda: page.details is not None and page.details.record.corporation_number == CORPORATION_NUMBERS[1]
    )
    assert page.find_outdated_reason() == ""


def test_a_failed_first_read_mentions_no_outdated_data(open_window: OpenWindow, console: Console) -> None:
    """If the first read of a page fails, the bar doesn't mention old data, because the page has none."""
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    with let_method_fail(
        console.credit_checks, "read_credit_check", rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)
    ):
        person.frame.show_route(CreditCheckRoute(record.id))
        sentence = wait_for_failure_sentence(person, person.wait_for_page(CreditCheckPage))
    assert "Support code: database_locked." in sentence
    assert "loaded at" not in sentence


def test_an_approval_that_cannot_be_read_again_is_not_decided(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If a request can't be read again, the page shows its old data, and no person can approve or decline it. This is
    so even if the list of requests was read again."""
    payment = import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    refund = request_refund(console, payment.id)
    person = open_window("lead-b")
    services = window_desks.get_desk("lead-b")
    person.frame.show_route(ApprovalsRoute(refund.id))
    page = person.wait_for_page(ApprovalsPage)
    person.wait_until(lambda: page.shown_details is not None)
    person.wait_until_read()
    assert page.reject_button.isEnabled()
    with let_method_fail(
        services.refunds, "read_refund", rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)
    ):
        person.press("F5")
        wait_for_failure_sentence(person, page)
        person.wait_until_read()
        assert "failed" in page._bar_by_name
        assert not page.reject_button.isEnabled()
        assert not page.approve_button.isEnabled()
        assert page.reject_button.shown_reason == page.find_outdated_reason() != ""
    person.press("F5")
    person.wait_until(lambda: "failed" not in page._bar_by_name)
    assert page.reject_button.isEnabled()


def test_limits_are_not_changed_on_old_data_and_read_only_is_set(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console
) -> None:
    """If the administration page can't be read again, a person can still set read-only, because that only stops
    actions. Ending read-only and changing a limit are blocked until a successful read. A failed read of the health
    checks blocks nothing."""
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.read_only_switches.set_switch("paypay", True, "a test")
    person = open_window()
    person.frame.show_route(AdminRoute())
    page = person.wait_for_page(AdminPage)
    person.wait_until(lambda: page.switch_table.current_item is not None)
    person.wait_until_read()
    error = rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)
    with let_method_fail(console.health, "run_all_checks", error):
        person.press("F5")
        person.wait_until(lambda: "health" in page._bar_by_name)
        person.wait_until_read()
        assert page.find_outdated_reason() == ""
    with let_method_fail(console.read_only_switches, "list_switches", error):
        person.press("F5")
        wait_for_failure_sentence(person, page)
        assert page.switch_table.go_to_item(lambda row: row.scope == "paypay")
        assert page.switch_button.block_reason.endswith("Refresh (F5) first.")
        assert page.switch_table.go_to_item(lambda row: row.scope == "atom")
        assert page.switch_button.block_reason == ""
        assert page.limit_button.block_reason.endswith("Refresh (F5) first.")
    person.press("F5")
    person.wait_until(lambda: "failed" not in page._bar_by_name)
    assert page.limit_button.block_reason == ""


def test_incidents_are_not_decided_on_old_data(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """If the incidents can't be read again, a person can still take one or hand it over, but not resolve or
    acknowledge it.
    """
    person = open_window()
    person.frame.show_route(AlertsRoute())
    page = person.wait_for_page(AlertsPage)
    person.wait_until(lambda: page._loaded_at is not None)
    with let_method_fail(
        console.incidents, "list_incidents", rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)
    ):
        person.press("F5")
        wait_for_failure_sentence(person, page)
        blocked = {button.text() for button in page._buttons if button.block_reason}
        assert page.resolve_button.block_reason
        assert page.acknowledge_button.block_reason
        assert not page.take_button.block_reason
        assert not page.hand_over_button.block_reason
        assert len(blocked) <= 5
    person.press("F5")
    person.wait_until(lambda: "failed" not in page._bar_by_name)
    assert not any(button.block_reason for button in page._buttons)


def test_a_view_of_outdated_data_is_not_saved(open_window: OpenWindow) -> None:
    """If a queue can't be read again, its view can't be saved: the entry of the menu is disabled and shows the
    reason, and no dialog opens.
    """
    person = open_window()
    person.frame.show_route(QueuesRoute())
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page._loaded_at is not None)
    person.wait_until_read()
    page.show_reading_failure(Failure(ErrorCode.DATABASE_LOCKED, {}))
    menu = page.shown_saved_view.build_menu()
    entry = menu.actions()[0]
    assert not entry.isEnabled()
    assert "Refresh (F5) first." in entry.text()
    menu.deleteLater()
    page.shown_saved_view.open_save_dialog()
    assert not list_windows(person.window, SaveViewDialog)
