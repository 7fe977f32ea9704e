"""The window of a person in team mode, and of a person who acts without a worker: each decision needs the
password."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.app import Console, open_console
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.views.approvals.page import ApprovalsPage
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog
from console.views.sign_in.password_dialog import PasswordDialog
from console.views.theme.theme import current_appearance, install_appearance
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.test_refunds import ORDER_NUMBER, open_approvals, request_refund, scroll_to_end, wait_for_refund_end
from tests.desk.window_person import Person
from tests.support import server_fixtures
from tests.support.desks import make_environment
from tests.support.money_desks import import_paid_payment, make_provider_settings
from tests.support.places import Place, ServerPlace, get_nodes
from tests.support.pooled_teams import lend_team_database
from tests.support.team_mode import get_password_of, keep_executing_desk_requests, start_team_mode


@pytest.fixture(params=["asks", "acts"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """Yield a team on a database of its own, because the tests change the rights of its accounts. Each test runs with
    people in team mode, and with people who act without a worker.
    """
    server_fixtures.require_server("mariadb")
    with lend_team_database(get_nodes("mariadb")) as database:
        place = ServerPlace("mariadb", tmp_path, database)
        if request.param == "asks":
            start_team_mode(place, "op-a", "lead-b")
        yield place


@pytest.fixture
def desks(place: Place, sandbox: Sandbox, tmp_path: Path) -> Iterator[dict[str, Console]]:
    """Yield the consoles of a worker and of each person: each has its own home folder and database account, all have
    the same database. The worker executes desk requests.
    """
    with ExitStack() as stack:
        opened = {}
        for name in ("worker", "op-a", "lead-b"):
            settings = make_environment(tmp_path / name, sandbox.url, **make_provider_settings(sandbox.url)) | {
                f"CONSOLE_{key}": text for key, text in place.make_access_settings(name).items()
            }
            opened[name] = stack.enter_context(open_console(Settings.load(settings)))
        stack.enter_context(keep_executing_desk_requests(opened["worker"]))
        yield opened


def begin_decline(checker: Person, refund: Refund) -> RejectDialog:
    """Decline the refund in the window up to the step that asks for the password. Return the dialog of this step."""
    page = open_approvals(checker, refund)
    scroll_to_end(checker, page)
    checker.wait_until(page.reject_button.isEnabled)
    checker.press("D")
    dialog = checker.wait_for_dialog(RejectDialog)
    dialog.reason_field.edit.setPlainText("ordered once")  # type: ignore[union-attr]  # an area
    checker.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    return dialog


def test_decisions_need_the_password(
    qtbot: QtBot, qapp: QApplication, desks: dict[str, Console], place: Place, sandbox: Sandbox
) -> None:
    """A rejection opens a dialog that asks for the password; an approval has a field for it. Esc and a wrong password
    decide nothing.
    """
    install_appearance(qapp, theme="light")
    maker, password = desks["op-a"], get_password_of(place, "lead-b")
    payment = import_paid_payment(maker, sandbox, ORDER_NUMBER, 12_000)
    people = [Person(qtbot, maker, maker.settings)]

    def read_state(refund: Refund) -> RefundState:
        return maker.refunds.read_refund(refund.id).record.state

    try:
        refund = request_refund(people[0], payment)
        people.append(Person(qtbot, desks["lead-b"], desks["lead-b"].settings))
        checker = people[1]

        dialog = begin_decline(checker, refund)
        assert checker.wait_for_dialog(PasswordDialog).password_field.line_edit.hasFocus()
        checker.press("Esc")
        checker.wait_until(
            lambda: any("needs your password" in bar.accessibleName() for bar in dialog.findChildren(NotificationBar))
        )
        assert read_state(refund) is RefundState.REQUESTED
        dialog.activateWindow()  # as a window manager does
        checker.wait_until(dialog.isActiveWindow)
        checker.press("Esc")
        checker.wait_without_dialog()

        dialog = begin_decline(checker, refund)
        first = checker.wait_for_dialog(PasswordDialog)
        checker.type_in("wrong")
        checker.wait_until(first.main_button.isEnabled)
        checker.press("Return")
        checker.wait_until(
            lambda: any(
                one.password_field.line_edit.accessibleDescription() for one in dialog.findChildren(PasswordDialog)
            )
        )
        assert read_state(refund) is RefundState.REQUESTED
        second = checker.wait_for_dialog(PasswordDialog)
        checker.type_in(password)
        checker.wait_until(second.main_button.isEnabled)
        checker.press("Return")
        checker.wait_until(lambda: dialog.windowTitle() == "Declined")
        assert read_state(refund) is RefundState.REJECTED
        dialog.activateWindow()  # as a window manager does
        checker.wait_until(dialog.isActiveWindow)
        checker.press("Esc")
        checker.wait_without_dialog()

        people[0].window.activateWindow()
        refund = request_refund(people[0], payment)
        checker.window.activateWindow()
        page = checker.wait_for_page(ApprovalsPage)
        checker.wait_until(lambda: ("refund", refund.id) in [card.ref for card in page.list_panel.cards])
        assert page.request_panel.details is not None
        assert page.request_panel.details.record.id != refund.id, (
            "the decided request stays until the person moves on"
        )
        checker.press("Down")
        page = open_approvals(checker, refund)
        scroll_to_end(checker, page)
        checker.wait_until(page.approve_button.isEnabled)
        checker.press("A")
        approval = checker.wait_for_dialog(ApproveDialog)
        approval.password_field.line_edit.setText(password)
        checker.wait_until(approval.main_button.isEnabled)
        approval.main_button.click()
        checker.wait_until(lambda: approval.windowTitle() == "Approved")
        wait_for_refund_end(checker, maker, refund)
        assert [one["amount_minor"] for one in sandbox.control.payments_control.read_refunds()] == [8_500]
    finally:
        for person in people:
            person.opening.close()
        current_appearance().choose_theme("light")
