"""The requester and the approver of a refund use two windows on one database server, each with a database account of
their own.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.app import Console, open_console
from console.domain.payments.states import RefundState
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.views.refunds.decision_dialog import ApproveDialog
from console.views.theme.theme import current_appearance, install_appearance
from tests.desk.test_refunds import ORDER_NUMBER, open_approvals, request_refund, scroll_to_end, wait_for_refund_end
from tests.desk.test_sign_in import get_account
from tests.desk.window_person import Person
from tests.support.desks import make_environment
from tests.support.money_desks import import_paid_payment, make_provider_settings
from tests.support.places import Place

pytestmark = pytest.mark.engines("mariadb")


@pytest.fixture
def desks(place: Place, sandbox: Sandbox, tmp_path: Path) -> Iterator[dict[str, Console]]:
    """Yield one desk for each person: each has its own home folder and database account, all have the same
    database.
    """
    with ExitStack() as stack:
        opened = {}
        for name in ("op-a", "lead-b"):
            environment = make_environment(tmp_path / name, sandbox.url, **make_provider_settings(sandbox.url)) | {
                f"CONSOLE_{key}": text for key, text in place.make_access_settings(name).items()
            }
            opened[name] = stack.enter_context(open_console(Settings.load(environment)))
        yield opened


def test_an_approval_in_a_window_on_a_server_needs_the_password(
    qtbot: QtBot, qapp: QApplication, desks: dict[str, Console], place: Place, sandbox: Sandbox
) -> None:
    """To approve a refund, the approver types their own password. With a wrong password nothing is decided; with the
    right one the refund is sent once.
    """
    install_appearance(qapp, theme="light")
    payment = import_paid_payment(desks["op-a"], sandbox, ORDER_NUMBER, 12_000)
    people = [Person(qtbot, desks["op-a"], desks["op-a"].settings)]
    try:
        refund = request_refund(people[0], payment)
        people.append(Person(qtbot, desks["lead-b"], desks["lead-b"].settings))
        checker = people[1]
        page = open_approvals(checker, refund)
        scroll_to_end(checker, page)
        checker.wait_until(page.approve_button.isEnabled)
        checker.press("A")
        dialog = checker.wait_for_dialog(ApproveDialog)
        assert dialog.needs_password
        dialog.password_field.line_edit.setText("not the password")
        checker.wait_until(dialog.main_button.isEnabled)
        dialog.main_button.click()
        checker.wait_until(lambda: dialog.password_field.line_edit.accessibleDescription() != "")
        assert desks["op-a"].refunds.read_refund(refund.id).record.state is RefundState.REQUESTED
        assert dialog.password_field.text() == ""
        dialog.password_field.line_edit.setText(get_account(place, "lead-b")[1])
        checker.wait_until(dialog.main_button.isEnabled)
        dialog.main_button.click()
        checker.wait_until(lambda: dialog.windowTitle() == "Approved")
        wait_for_refund_end(checker, desks["lead-b"], refund)
        assert [one["amount_minor"] for one in sandbox.control.payments_control.read_refunds()] == [8_500]
        stored_refund = desks["op-a"].refunds.read_refund(refund.id).record
        assert stored_refund.checkers == (desks["lead-b"].people.read_acting_person().name,)
        assert stored_refund.maker == desks["op-a"].people.read_acting_person().name
    finally:
        for person in people:
            person.opening.close()
        current_appearance().choose_theme("light")
