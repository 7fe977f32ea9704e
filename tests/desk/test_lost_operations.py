"""A person resolves operations in the window that the database has lost together with their records, and that only
the spool of this desk still has: a purchase, the start of a payment, and the sending of a refund.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment, Refund
from console.domain.records import CreditCheck, OperationState
from console.domain.service_results import OperationDetails
from console.sandbox.server import Sandbox
from console.views.records.operation_page import OperationPage
from console.views.records.resolve_dialog import ResolveDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.runtime.routes import OperationRoute
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment, request_refund

pytestmark = pytest.mark.embedded("a desk in team mode sends no operation itself")
CORPORATION_NUMBER = CORPORATION_NUMBERS[0]
PROVIDER_REPLY = "Their support says that they have nothing of it."


@pytest.fixture
def extra_settings() -> dict[str, str]:
    """Return the setting that time isn't accelerated, so that no call to a provider times out on a slow machine."""
    return {"TIME_SCALE": "1"}


def lose_rows(window_desks: WindowTestDesks, *tables: str) -> None:
    """Delete all rows of these tables, as a restored backup would."""
    for table in tables:
        window_desks.drop_table_triggers(table)
    with window_desks.write_as_owner() as tx:
        for table in tables:
            tx.conn.execute(text(f"DELETE FROM {table}"))


def call_without_answer(act: Callable[[], object]) -> str:
    """Call `act`, which must fail with an unknown outcome. Return the id of the operation that it has begun."""
    with pytest.raises(ConsoleError) as caught:
        act()
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck | Payment | Refund)
    return record.operation_id or ""


def lose_purchase(window_desks: WindowTestDesks, sandbox: Sandbox) -> str:
    """Lose a purchase that AlarmBox has not received. Return the id of its operation."""
    sandbox.control.add_fault("reset", call="purchase", times=1)
    operation_id = call_without_answer(lambda: buy_check(window_desks.console, CORPORATION_NUMBER))
    lose_rows(window_desks, "operations", "hansha_alarmbox_credit_checks")
    return operation_id


def lose_payment_start(window_desks: WindowTestDesks, sandbox: Sandbox) -> str:
    """Lose the start of a payment that the gateway has not received. Return the id of its operation."""
    with window_desks.write_as_owner() as tx:
        tx.conn.execute(
            text(
                "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
                " VALUES ('ORD-1', 3300, 'JPY', '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
            )
        )
        order_id = tx.conn.execute(text("SELECT id FROM orders")).scalar_one()
    sandbox.control.add_fault("reset", call="paypay_create", times=1)
    operation_id = call_without_answer(lambda: window_desks.console.payments.start(order_id, "paypay"))
    lose_rows(window_desks, "operations", "payments")
    return operation_id


def lose_refund(window_desks: WindowTestDesks, sandbox: Sandbox, fault: str = "reset") -> str:
    """Lose a refund whose sending had this fault. Return the id of its operation."""
    sandbox.control.add_fault(fault, call="paypay_refund", times=1)
    refund = request_refund(window_desks.console, import_paid_payment(window_desks.console, sandbox, "ORD-1").id)
    with window_desks.open_acting_desk("lead-b") as lead:
        operation_id = call_without_answer(lambda: lead.refunds.approve(refund.id))
    window_desks.drop_table_triggers("payments")
    with window_desks.write_as_owner() as tx:
        tx.conn.execute(text("UPDATE payments SET reserved_minor = 0, version = version + 1"))
    lose_rows(window_desks, "operations", "approvals", "refunds")
    return operation_id


class LostOperation(NamedTuple):
    """A kind of lost operation: the function that loses one, and the texts of the dialog that resolves it. `denial`
    is the result that the operation had no effect, `state_change` the sentence about this result."""

    lose: Callable[[WindowTestDesks, Sandbox], str]
    dialog: type[ResolveDialog] | type[ResolveMoneyDialog]
    results: dict[str, str]
    denial: str
    state_change: str
    subtitle: str


LOST_OPERATION_BY_NAME = {
    "purchase": LostOperation(
        lose_purchase,
        ResolveDialog,
        {"success": "Bought", "error": "Not bought"},
        "error",
        "The state changes from In progress to Not bought. Then a check of this corporation can be bought again.",
        "client 1",
    ),
    "payment": LostOperation(
        lose_payment_start,
        ResolveMoneyDialog,
        {"completed": "Paid", "payment_failed": "Not paid"},
        "payment_failed",
        "The state changes from Starting to Failed.",
        "New payment",
    ),
    "refund": LostOperation(
        lose_refund,
        ResolveMoneyDialog,
        {"completed": "Refunded", "failed": "Not refunded"},
        "failed",
        "The state changes from Sending to Refused.",
        "Refund submission",
    ),
}


def show_operation(person: Person, operation_id: str) -> OperationPage:
    """Show the page of the operation in the person's window, and return the page after it was read."""
    person.frame.show_route(OperationRoute(operation_id))
    page = person.wait_for_page(OperationPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == operation_id)
    return page


def choose_result(person: Person, kind: type[Any], result: str) -> Any:
    """Open the dialog of this kind for the shown operation, give the provider's written reply as evidence, and choose
    this result. Return the dialog."""
    person.press("E")
    dialog = person.wait_for_dialog(kind)
    dialog.form.kind_buttons["text"].setChecked(True)
    dialog.form.text_field.edit.setPlainText(PROVIDER_REPLY)
    assert dialog.form.outcome_buttons[result].isEnabled(), dialog.form.outcome_buttons[
        result
    ].accessibleDescription()
    dialog.form.outcome_buttons[result].setChecked(True)
    person.wait_until(dialog.main_button.isEnabled)
    return dialog


@pytest.mark.parametrize("name", LOST_OPERATION_BY_NAME)
def test_two_people_decide_that_a_lost_operation_had_no_effect(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox, name: str
) -> None:
    """The dialog that resolves a lost operation offers the results of its kind of record. Two people decide there
    that the operation had no effect at the provider.
    """
    expected = LOST_OPERATION_BY_NAME[name]
    operation_id = expected.lose(window_desks, sandbox)
    person = open_window()
    person.opening.context.change_language("en")
    show_operation(person, operation_id)
    dialog = choose_result(person, expected.dialog, expected.denial)
    assert {key: button.text() for key, button in dialog.form.outcome_buttons.items()} == expected.results
    assert dialog.form.effect_label.plain == expected.state_change
    assert expected.subtitle in dialog._subtitle.plain
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle().startswith("Outcome proposed for Operation "))
    dialog.reject()

    second = window_desks.switch_person(person, "lead-b")
    page = show_operation(second, operation_id)
    second.wait_until(lambda: page.details is not None and page.details.awaiting == "second_person")
    dialog = choose_result(second, expected.dialog, expected.denial)
    dialog.main_button.click()
    window_desks.confirm_with_password(second, "lead-b")
    second.wait_until(lambda: not dialog.is_busy)
    view = window_desks.console.recovery.read_record("operation", operation_id)
    assert isinstance(view, OperationDetails)
    assert (view.awaiting, view.record.state) == (None, OperationState.FAILED)
    assert not dialog.main_button.isVisible(), "the database has no record that the button could open"


def test_one_person_settles_a_lost_refund_that_the_provider_confirms(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """Only the gateway's confirmation settles a lost refund as refunded. So the dialog asks neither for the gateway's
    number nor for a second person, whatever the evidence is.
    """
    operation_id = lose_refund(window_desks, sandbox, "close_after_charge")
    person = open_window()
    person.opening.context.change_language("en")
    show_operation(person, operation_id)
    dialog = choose_result(person, ResolveMoneyDialog, "completed")
    assert not dialog.form.refund_number_field.isVisible()
    assert dialog.form.second_person_label.plain.startswith("No second person is needed")
    assert dialog.main_button.text() == person.opening.context.translate("dialog.resolve.act_now")
    dialog.main_button.click()
    person.wait_until(lambda: not dialog.is_busy)
    view = window_desks.console.recovery.read_record("operation", operation_id)
    assert isinstance(view, OperationDetails)
    assert (view.awaiting, view.record.state) == (None, OperationState.DONE)


@pytest.mark.parametrize("name", LOST_OPERATION_BY_NAME)
def test_a_probe_of_a_lost_operation_shows_no_answer_of_alarmbox(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox, name: str
) -> None:
    """A probe of a lost purchase calls nobody if no answer of AlarmBox contains its id, and a probe of a lost payment
    or refund calls the gateway. After none of them, the status bar shows the time of an answer of AlarmBox.
    """
    operation_id = LOST_OPERATION_BY_NAME[name].lose(window_desks, sandbox)
    person = open_window()
    show_operation(person, operation_id)
    person.press("P")
    person.wait_until_read()
    person.wait_until(lambda: not person.opening.context.running_acting_calls)
    assert person.opening.context.connection_state.alarmbox_answered_at is None
