"""A person's own desk requests: the person withdraws them while they wait for a worker, and the unfinished work lists
them.
"""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog, open_unfinished_work_dialog
from console.views.pages.withdrawal import WithdrawButton
from console.views.purchase.dialog import PurchaseDialog
from console.views.runtime.routes import CreditCheckRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import buy_without_pdf
from tests.desk.test_purchase import open_purchase
from tests.desk.window_desks import TeamModeDesks, WindowTestDesks
from tests.desk.window_person import Person
from tests.services.desk_requests.test_execution import take_next_request
from tests.support.desks import CORPORATION_NUMBERS

OpenWindow = Callable[..., Person]
through_a_worker = pytest.mark.parametrize(
    "database_of_desks", [True], ids=["worker"], indirect=True, scope="session"
)


@pytest.fixture
def extra_settings() -> dict[str, str]:
    return {"TIME_SCALE": "1"}


def get_team_mode_desks(window_desks: WindowTestDesks) -> TeamModeDesks:
    assert isinstance(window_desks, TeamModeDesks)
    return window_desks


def open_waiting_purchase(person: Person) -> tuple[PurchaseDialog, WithdrawButton]:
    """Start a purchase whose desk request waits for a worker. Return its dialog and the button that withdraws it."""
    dialog = open_purchase(person, "1")
    dialog.main_button.click()
    return dialog, wait_for_withdraw_button(person, dialog)


def find_withdraw_buttons(place: QWidget) -> list[WithdrawButton]:
    """Return the visible buttons that withdraw a desk request."""
    return [button for button in place.findChildren(WithdrawButton) if button.isVisible()]


def wait_for_withdraw_button(person: Person, place: QWidget) -> WithdrawButton:
    person.wait_until(lambda: bool(find_withdraw_buttons(place)))
    return find_withdraw_buttons(place)[0]


def read_visible_texts(place: QWidget) -> str:
    bars = [bar.accessibleName() for bar in place.findChildren(NotificationBar) if bar.isVisible()]
    return "\n".join([*bars, *(label.plain for label in place.findChildren(TextLabel) if label.isVisible())])


@through_a_worker
def test_a_waiting_purchase_is_withdrawn(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """A person withdraws a purchase whose desk request waits for a worker. The dialog says that nothing was sent, and
    no worker sends the purchase later.
    """
    person = open_window()
    with get_team_mode_desks(window_desks).pause_worker() as worker:
        dialog, button = open_waiting_purchase(person)
        assert button.isEnabled()
        assert "Waiting for a worker" in read_visible_texts(dialog)
        button.click()
        person.wait_until(lambda: not dialog.is_busy)
        assert dialog.windowTitle() == "Withdrawn"
        assert "Nothing was sent" in read_visible_texts(dialog)
        assert not find_withdraw_buttons(dialog)
        assert worker.desk_request_executor.count_waiting_requests() == 0
    person.wait_until_read()
    assert not sandbox.ledger.list_charges_of_number(CORPORATION_NUMBERS[0])


@through_a_worker
def test_a_purchase_taken_by_a_worker_continues(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """When a worker has taken the request of a purchase, the button to withdraw is disabled with its reason, and the
    result arrives.
    """
    sandbox.control.add_fault("hang", call="purchase")
    person = open_window()
    dialog, button = open_waiting_purchase(person)
    assert sandbox.control.wait_until_counts_reached(held=1)
    person.wait_until(lambda: not button.isEnabled())
    assert "can't be withdrawn" in button.shown_reason
    assert button.shown_reason in read_visible_texts(dialog)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert "the dialog stays open" in read_visible_texts(dialog)
    sandbox.control.release_calls()
    person.wait_until(lambda: not dialog.is_busy)
    assert dialog.windowTitle() != "Withdrawn"
    assert len(sandbox.ledger.list_charges_of_number(CORPORATION_NUMBERS[0])) == 1
    assert not find_withdraw_buttons(dialog)


@through_a_worker
def test_a_request_taken_during_its_withdrawal_continues(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """The person presses the button to withdraw after a worker has taken the request, but before the window knows
    that. The request isn't withdrawn and continues.
    """
    person = open_window()
    with get_team_mode_desks(window_desks).pause_worker() as worker:
        dialog, button = open_waiting_purchase(person)
        assert take_next_request(worker, 0.001) is not None
        button.click()
        person.wait_until(lambda: "can't be withdrawn" in button.shown_reason)
        assert (button.isEnabled(), button.text()) == (False, "Withdraw")
        assert dialog.is_busy
    person.wait_until(lambda: dialog.windowTitle() == "Bought")
    assert len(sandbox.ledger.list_charges_of_number(CORPORATION_NUMBERS[0])) == 1


@through_a_worker
def test_a_probe_on_a_page_is_withdrawn(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """While a probe waits for a worker, the progress bar on the page has a button to withdraw it. Afterwards the page
    says that the probe was withdrawn.
    """
    record = buy_without_pdf(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None)
    with get_team_mode_desks(window_desks).pause_worker():
        page.action_handlers.probe_record(record)
        wait_for_withdraw_button(person, page).click()
        person.wait_until(lambda: "was withdrawn before a worker took it" in read_visible_texts(page))


@pytest.mark.both_ways
def test_only_a_desk_in_team_mode_lists_requests(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """In team mode the unfinished work has a tab that lists each desk request with its record and its result, and
    opens the record. A desk without team mode (embedded) has no such tab.
    """
    record = buy_without_pdf(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    dialog = open_unfinished_work_dialog(person.frame)
    assert (
        (dialog.own_requests_table is not None)
        == (dialog.tabs.count() == len(dialog.TAB_NAMES))
        == isinstance(window_desks, TeamModeDesks)
    )
    if dialog.own_requests_table is None:
        return
    dialog.show_tab("requests")
    person.wait_until(lambda: read_current_request(dialog) != "")
    assert read_current_request(dialog).split(", ", 1)[1].startswith(f"Purchase, Credit check {record.id}, Done")
    assert f"Credit check {record.id}" in dialog.row_sentence_label.plain
    assert not dialog.withdraw_button.isEnabled()
    assert dialog.withdraw_button.shown_reason in read_visible_texts(dialog)
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert person.wait_for_page(CreditCheckPage) is not None


@through_a_worker
def test_any_waiting_request_is_withdrawn_in_the_list(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """A person can withdraw each waiting request in the list, also if its dialog was closed, and a message confirms
    it. A request that a worker has taken isn't withdrawn.
    """
    person = open_window()
    with get_team_mode_desks(window_desks).pause_worker() as worker:
        purchase, _ = open_waiting_purchase(person)
        purchase.allow_closing("Close", "")
        purchase.reject()
        person.wait_without_dialog()
        dialog = open_unfinished_work_dialog(person.frame)
        dialog.show_tab("requests")
        assert dialog.own_requests_table is not None
        person.wait_until(lambda: read_current_request(dialog) != "")
        assert "Waiting" in read_current_request(dialog)
        assert dialog.tabs.accessibleTabName(dialog.TAB_NAMES.index("requests")) == "My requests 1"
        person.wait_until(dialog.withdraw_button.isEnabled)
        dialog.withdraw_button.click()
        person.wait_until(lambda: "Withdrawn" in read_current_request(dialog))
        assert not dialog.withdraw_button.isEnabled()
        person.wait_until(
            lambda: dialog.tabs.accessibleTabName(dialog.TAB_NAMES.index("requests")) == "My requests 0"
        )
        person.wait_until(lambda: not person.opening.context.running_acting_calls)
        assert worker.desk_request_executor.count_waiting_requests() == 0
    assert not sandbox.ledger.list_charges_of_number(CORPORATION_NUMBERS[0])


@through_a_worker
def test_an_answer_that_this_desk_never_got_is_marked(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console
) -> None:
    """If a worker answers a request after the desk has stopped waiting (for example because its process was killed),
    the list marks the request as answered after this desk closed.
    """
    person = open_window()
    with get_team_mode_desks(window_desks).pause_worker():
        purchase, button = open_waiting_purchase(person)
        request_id = button._wait.desk_request_id
        assert request_id is not None
    person.wait_until(lambda: purchase.windowTitle() == "Bought")
    spool = console._context.spool
    assert spool.list_own_requests(console._context.database_id) == frozenset()
    spool.store_own_request(request_id, console._context.database_id)
    purchase.reject()
    dialog = open_unfinished_work_dialog(person.frame)
    dialog.show_tab("requests")
    person.wait_until(lambda: "This desk closed before the answer arrived" in read_current_request(dialog))
    assert dialog.tabs.accessibleTabName(dialog.TAB_NAMES.index("requests")) == "My requests 1"


def read_current_request(dialog: UnfinishedWorkDialog) -> str:
    """Return the text that a screen reader speaks for the current request; "" if there is none."""
    table = dialog.own_requests_table
    return "" if table is None or table.current_item is None else table.rows.format_spoken_text(table.current_item)
