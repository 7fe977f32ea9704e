"""The next start of the window restores the last page and each typed text that was not sent. This is also so after
the process was killed.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit

from console.app import Console
from console.domain.access.disabled_people import PersonAccess
from console.domain.access.permissions import OPERATOR
from console.domain.alerts.incidents import Incident
from console.domain.payments.limits import Limit
from console.domain.payments.records import Payment
from console.domain.queues.saved_views import SavedView, ViewContent
from console.domain.records import Person as Operator
from console.domain.tasks.records import BulkAction
from console.sandbox.server import Sandbox
from console.views.admin.limit_dialog import LimitDialog
from console.views.admin.person_dialogs import DisablePersonDialog
from console.views.admin.switch_dialog import ReadOnlySwitchDialog
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.incident_dialogs import (
    HandOverIncidentDialog,
    ReopenIncidentDialog,
    ResolveIncidentDialog,
    SnoozeIncidentDialog,
)
from console.views.alerts.page import AlertsPage
from console.views.bulk.dialog import BulkDialog
from console.views.bulk.request import BulkRequest
from console.views.home.page import HomePage
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog
from console.views.money.payment_page import PaymentPage
from console.views.money.unmasking import UnmaskDialog
from console.views.presenters.incidents import make_main_alert_item
from console.views.presenters.reconciliation import get_yesterday
from console.views.queues.page import QueuesPage
from console.views.queues.view_dialogs import RenameViewDialog, SaveViewDialog
from console.views.reconciliation.dialog import ReconcileDialog
from console.views.records.note_dialog import NoteDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    HomeRoute,
    PaymentRoute,
    QueuesRoute,
    ReconcileRoute,
    Route,
)
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_incidents import raise_two_alerts
from tests.desk.test_refunds import open_payment, payment, request_refund
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person

__all__ = ["payment"]


def end_without_closing(person: Person) -> None:
    """End the window as if its process were killed: only values that the window has already stored remain."""
    person.wait_until(lambda: not person.opening.context.person_values._unwritten_changes)
    person.wait_until_read()
    person.opening.context.person_values._value_source = None  # a dead process writes nothing
    person.opening.close()


def type_refund(person: Person, payment: Payment) -> RefundDialog:
    open_payment(person, payment)
    person.press("R")
    dialog = person.wait_for_dialog(RefundDialog)
    dialog.form.amount_edit.setText("8500")
    dialog.form.reason_list.setCurrentIndex(0)
    dialog.form.explanation_edit.setText("ordered twice")
    dialog.form.ticket_edit.setText("T-7")
    person.wait_until(dialog.main_button.isEnabled)
    return dialog


def read_home_bars(person: Person) -> list[NotificationBar]:
    person.frame.show_route(HomeRoute())
    page = person.wait_for_page(HomePage)
    return [page._bar_by_name[name] for name in page.list_bar_names() if name == "drafts"]


def test_a_refund_that_stopped_at_review_is_continued(open_window: OpenWindow, payment: Payment) -> None:
    person = open_window()
    dialog = type_refund(person, payment)
    dialog.main_button.click()
    assert dialog.review is not None
    end_without_closing(person)
    again = open_window()
    page = again.wait_for_page(PaymentPage)
    assert page.id == payment.id, "the screen where the person was"
    (bar,) = read_home_bars(again)
    assert "review" in bar.accessibleName()
    assert payment.merchant_payment_id in bar.accessibleName()
    assert bar.button is not None
    bar.button.click()
    dialog = again.wait_for_dialog(RefundDialog)
    form = dialog.form
    assert (form.amount_edit.text(), form.reason_code) == ("8500", "ordered_twice")
    assert (form.explanation_edit.text(), form.ticket_edit.text()) == ("ordered twice", "T-7")
    assert dialog.review is None, "a draft only fills the form"
    assert dialog._draft is not None
    assert dialog._draft.bar is not None
    assert "Amounts and rules are checked again." in dialog._draft.bar.accessibleName()
    again.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    again.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    again.wait_until(lambda: dialog._refund is not None)
    again.press("Esc")
    again.wait_without_dialog()
    assert read_home_bars(again) == []


def test_a_draft_of_a_refund_is_not_sent_after_another_request(open_window: OpenWindow, payment: Payment) -> None:
    """If a refund of the payment has been requested meanwhile, the button of the draft only opens the page of the
    payment. There, the button that requests a refund is disabled with a reason, and no dialog opens.
    """
    person = open_window()
    type_refund(person, payment)
    end_without_closing(person)
    other = open_window()
    open_payment(other, payment)
    other.opening.context.person_values.store(f"draft.refund.{payment.id}", None)
    request_refund(other, payment)
    other.opening.context.person_values.store(
        f"draft.refund.{payment.id}",
        {
            "kind": "refund",
            "subject": str(payment.id),
            "title": "ORD-1",
            "stage": "form",
            "inputs": {"amount": "8500"},
        },
    )
    (bar,) = read_home_bars(other)
    assert bar.button is not None
    bar.button.click()
    page = other.wait_for_page(PaymentPage)
    other.wait_until_read()
    button = page.find_button("refund")
    assert button is not None
    assert not button.isEnabled()
    assert button.reason
    other.wait_without_dialog()


def test_a_draft_that_was_sent_in_another_window_is_no_draft(open_window: OpenWindow, payment: Payment) -> None:
    """The home page of a second window of the person offers the draft that the person is typing in the first window.
    After it was sent there, the second window doesn't offer it any more when the person comes back to it."""
    first = open_window()
    dialog = type_refund(first, payment)
    first.wait_until(lambda: not first.opening.context.person_values._unwritten_changes)
    first.wait_until_read()
    second = open_window()
    assert len(read_home_bars(second)) == 1
    dialog.main_button.click()
    first.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    first.wait_until(lambda: dialog._refund is not None)
    first.wait_until(lambda: not first.opening.context.person_values._unwritten_changes)
    first.wait_until_read()
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    application.applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    second.wait_until(lambda: not read_home_bars(second))


def test_a_draft_is_discarded(open_window: OpenWindow, payment: Payment) -> None:
    person = open_window()
    dialog = type_refund(person, payment)
    dialog.reject()
    (bar,) = read_home_bars(person)
    person.wait_for_control("Discard", bar).press()
    person.wait_until(lambda: person.opening.context.person_values.list_drafts() == ())
    assert read_home_bars(person) == []
    open_payment(person, payment)
    person.press("R")
    dialog = person.wait_for_dialog(RefundDialog)
    assert dialog.form.explanation_edit.text() == ""
    assert dialog._draft is not None
    assert dialog._draft.bar is None


def test_an_emptied_dialog_leaves_no_draft(open_window: OpenWindow, payment: Payment) -> None:
    person = open_window()
    dialog = type_refund(person, payment)
    form = dialog.form
    form.full_amount_button.setChecked(True)
    form.reason_list.setCurrentIndex(-1)
    form.explanation_edit.clear()
    form.ticket_edit.clear()
    dialog.reject()
    assert read_home_bars(person) == []


def test_the_review_of_a_refund_can_be_left_for_the_form(open_window: OpenWindow, payment: Payment) -> None:
    """Alt+Left leads from the review of a refund back to the form with all typed texts. After a correction the review
    shows the new amount.
    """
    person = open_window()
    dialog = type_refund(person, payment)
    dialog.main_button.click()
    assert "8,500" in dialog.windowTitle()
    person.press("Alt+Left")
    assert dialog.main_button.text() == "Review..."
    assert dialog.form.isVisible()
    assert dialog.form.explanation_edit.text() == "ordered twice"
    assert dialog.form.amount_edit.hasFocus()
    dialog.form.amount_edit.setText("7500")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert "7,500" in dialog.windowTitle()
    assert dialog.form.make_request().amount == "7500"


def test_a_draft_of_a_note_is_visible_to_its_author_only(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment
) -> None:
    person = open_window()
    open_payment(person, payment)
    person.press("N")
    dialog = person.wait_for_dialog(NoteDialog)
    dialog.note_field.edit.setPlainText("Ms Sato called")  # type: ignore[union-attr]  # an area
    end_without_closing(person)
    other = open_window("lead-b")
    other.wait_until(lambda: other.opening.context.person_values.person == "lead-b")
    other.wait_until_read()
    assert read_home_bars(other) == []
    open_payment(other, payment)
    other.press("N")
    assert other.wait_for_dialog(NoteDialog).note_field.text() == ""
    other.press("Esc")
    other.wait_without_dialog()
    other = window_desks.switch_person(other, "op-a")
    open_payment(other, payment)
    other.press("N")
    dialog = other.wait_for_dialog(NoteDialog)
    assert dialog.note_field.text() == "Ms Sato called"
    other.type_in(" back")
    assert dialog.note_field.text() == "Ms Sato called back", "the cursor is after the text"
    other.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    other.wait_without_dialog()
    assert other.opening.context.person_values.list_drafts() == ()


TYPED_TEXT = "asked Ms Sato; she calls back"


def open_hand_over(person: Person, incident: Incident) -> DialogFrame:
    return HandOverIncidentDialog(person.opening.context, incident, ("lead-b", "lead-c"), person.window)


def open_acknowledgement(person: Person, incident: Incident) -> DialogFrame:
    return AcknowledgeAlertsDialog(person.opening.context, make_main_alert_item(incident), person.window)


def open_read_only_switch(person: Person, _incident: Incident) -> DialogFrame:
    return ReadOnlySwitchDialog(person.opening.context, "paypay", person.window, is_on=True)


def open_disabling(person: Person, _incident: Incident) -> DialogFrame:
    access = PersonAccess(Operator("op-b", frozenset({OPERATOR}), may_buy=False))
    return DisablePersonDialog(person.opening.context, access, person.window)


def open_bulk_note(person: Person, _incident: Incident) -> DialogFrame:
    request = BulkRequest(BulkAction.NOTE, lambda _services: (), 2)
    return BulkDialog(person.opening.context, person.window, request)


def open_limit_dialog(person: Person, _incident: Incident) -> DialogFrame:
    return LimitDialog(person.opening.context, Limit("per_refund", "JPY", 1_000_000, None, None), person.window)


def open_unmasking(person: Person, _incident: Incident) -> DialogFrame:
    return UnmaskDialog(person.opening.context, "payment", 1, person.window)


def open_reconciliation(person: Person) -> ReconcileDialog:
    dialog = ReconcileDialog(person.opening.context, ("paypay", "atom"), "paypay", person.window)
    dialog.open()
    return dialog


VIEW_CONTENT = ViewContent("unknown")


def open_save_view(person: Person, _incident: Incident) -> DialogFrame:
    return SaveViewDialog(person.opening.context, VIEW_CONTENT, person.window)


def open_rename_view(person: Person, _incident: Incident) -> DialogFrame:
    view = SavedView(7, "Old ones", False, "op-a", VIEW_CONTENT, "op-a", datetime.now(UTC))
    return RenameViewDialog(person.opening.context, view, person.window)


OPENER_AND_ROUTE_BY_DIALOG: dict[
    str, tuple[Callable[[Person, Incident], DialogFrame], Callable[[Incident], Route]]
] = {
    "incident_hand_over": (open_hand_over, lambda incident: AlertsRoute(incident.id)),
    **{
        f"incident_{kind.action_name}": (
            lambda person, incident, kind=kind: kind(person.opening.context, incident, person.window),  # type: ignore[misc]  # of this turn
            lambda incident: AlertsRoute(incident.id),
        )
        for kind in (SnoozeIncidentDialog, ResolveIncidentDialog, ReopenIncidentDialog)
    },
    "acknowledge": (open_acknowledgement, lambda incident: AlertsRoute(incident.main_alert.id)),
    "read_only_on": (open_read_only_switch, lambda _: AdminRoute()),
    "disable_person": (open_disabling, lambda _: AdminRoute()),
    "bulk_note": (open_bulk_note, lambda _: QueuesRoute()),
    "limit": (open_limit_dialog, lambda _: AdminRoute()),
    "unmask": (open_unmasking, lambda _: PaymentRoute(1, (), "home")),
    "save_view": (open_save_view, lambda _: QueuesRoute("unknown")),
    "rename_view": (open_rename_view, lambda _: QueuesRoute(view_id=7)),
}


def find_text_input(dialog: DialogFrame) -> QPlainTextEdit | QLineEdit:
    """Return the input field of a dialog into which a person types a sentence."""
    edits: list[QPlainTextEdit | QLineEdit] = [*dialog.findChildren(QPlainTextEdit), *dialog.findChildren(QLineEdit)]
    return next(edit for edit in edits if edit.isVisible())


@pytest.mark.parametrize("name", OPENER_AND_ROUTE_BY_DIALOG)
def test_a_text_typed_into_a_dialog_is_restored_in_the_next_process(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment, name: str
) -> None:
    """A text that was typed into a dialog is restored in the next process: Home names the dialog and links to its
    page, where the dialog has the text.
    """
    incident_id = raise_two_alerts(window_desks, payment)
    open_dialog, make_route = OPENER_AND_ROUTE_BY_DIALOG[name]
    person = open_window()
    incident = window_desks.acting_desk.incidents.read_incident(incident_id)
    dialog = open_dialog(person, incident)
    dialog.open()
    edit = find_text_input(dialog)
    (edit.setPlainText if isinstance(edit, QPlainTextEdit) else edit.setText)(TYPED_TEXT)
    dialog.reject()
    end_without_closing(person)
    again = open_window()
    (bar,) = read_home_bars(again)
    assert again.opening.context.translate(f"draft.kind.{name}") in bar.accessibleName()
    assert bar.button is not None
    assert bar.button.accessibleDescription() in bar.accessibleName()
    assert bar.button.accessibleDescription() != ""
    bar.button.click()
    assert again.frame.current_route == make_route(incident)
    dialog = open_dialog(again, incident)
    dialog.open()
    edit = find_text_input(dialog)
    assert (edit.toPlainText() if isinstance(edit, QPlainTextEdit) else edit.text()) == TYPED_TEXT
    dialog.reject()


def test_home_has_one_bar_for_all_drafts(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment
) -> None:
    """The bar is about the newest draft; it has the number of the other drafts, and a button that opens the list of
    all. When the draft is discarded, the bar is about the next one, and a second press of the key discards nothing.
    """
    incident_id = raise_two_alerts(window_desks, payment)
    person = open_window()
    incident = window_desks.acting_desk.incidents.read_incident(incident_id)
    names = ("limit", "unmask", "save_view")
    for count, name in enumerate(names):
        dialog = OPENER_AND_ROUTE_BY_DIALOG[name][0](person, incident)
        dialog.open()
        edit = find_text_input(dialog)
        (edit.setPlainText if isinstance(edit, QPlainTextEdit) else edit.setText)(TYPED_TEXT)
        dialog.reject()
        person.wait_without_dialog()
        (bar,) = read_home_bars(person)
        assert (f"{count} more draft" in bar.accessibleName()) is (count > 0)
    person.wait_for_control("Show all", bar).press()
    listing = person.wait_for_dialog(UnfinishedWorkDialog)
    person.wait_until(lambda: listing.own_items_table.rows.rowCount() >= len(names))
    person.press("Esc")
    person.wait_without_dialog()
    (bar,) = read_home_bars(person)
    person.wait_for_control("Discard", bar).press()
    person.wait_until(lambda: len(person.opening.context.person_values.list_drafts()) == 2)
    bar = person.wait_for_page(HomePage)._bar_by_name["drafts"]
    assert "1 more draft." in bar.accessibleName()
    person.wait_until(lambda: person.window.focusWidget() is bar.button)


def test_a_draft_restores_the_days_of_a_reconciliation(open_window: OpenWindow) -> None:
    """The days that a person has typed into the dialog of a reconciliation are restored with their provider. A dialog
    with only the proposed days leaves no draft. *Start over* deletes the draft, and the dialog proposes yesterday
    again.
    """
    person = open_window()
    dialog = open_reconciliation(person)
    dialog.provider_list.setCurrentIndex(1)
    dialog.reject()
    assert person.opening.context.person_values.list_drafts() == ()
    dialog = open_reconciliation(person)
    dialog.provider_list.setCurrentIndex(1)
    edit = dialog.first_day_field.edit
    edit.setFocus()
    edit.selectAll()
    person.type_in("2026-11-01")
    dialog.reject()
    end_without_closing(person)
    again = open_window()
    (bar,) = read_home_bars(again)
    assert "days of a reconciliation" in bar.accessibleName()
    assert bar.button is not None
    bar.button.click()
    assert again.frame.current_route == ReconcileRoute()
    dialog = open_reconciliation(again)
    assert (dialog.chosen_provider, dialog.first_day_field.text()) == ("atom", "2026-11-01")
    assert dialog._draft.bar is not None
    assert "Amounts" not in dialog._draft.bar.accessibleName(), "days have none"
    context = again.opening.context
    yesterdays = {get_yesterday(context, "paypay").isoformat()}  # another day after midnight in Japan
    again.wait_for_control("Start over", dialog._draft.bar).press()
    again.wait_until(lambda: dialog.first_day_field.text() != "2026-11-01")
    yesterdays.add(get_yesterday(context, "paypay").isoformat())
    assert dialog.first_day_field.text() in yesterdays
    assert dialog.chosen_provider == "paypay"
    assert again.opening.context.person_values.list_drafts() == ()
    dialog.reject()


def test_a_stored_reason_is_no_draft_any_more(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment
) -> None:
    """The draft of a reason is restored when its dialog is opened again, and is deleted when the reason has been
    sent.
    """
    raise_two_alerts(window_desks, payment)
    person = open_window()
    person.press("Alt+6")
    page = person.wait_for_page(AlertsPage)
    person.wait_until(lambda: page.current_incident is not None)
    person.press("E")
    person.wait_for_dialog(ResolveIncidentDialog).note_field.edit.setPlainText(TYPED_TEXT)  # type: ignore[union-attr]  # an area
    person.press("Esc")
    person.wait_without_dialog()
    person.press("E")
    dialog = person.wait_for_dialog(ResolveIncidentDialog)
    assert dialog.note_field.text() == TYPED_TEXT
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_without_dialog()
    assert person.opening.context.person_values.list_drafts() == ()


def test_a_queue_is_restored_with_filter_and_row(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    for number in ("1180301018771", "1010001112577", "4010401050341"):
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.opening.context.navigate(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until_read()
    page.table.go_to_row(page.table.current_row + 1)
    row = page.current_row
    assert row is not None
    end_without_closing(person)
    again = open_window()
    page = again.wait_for_page(QueuesPage)
    again.wait_until_read()
    assert page.queue == "unknown"
    assert page.current_row is not None
    assert page.current_row.record.id == row.record.id
    page.filter.edit.setText("1180301018771")
    page.filter.changed.emit()
    again.wait_until_read()
    end_without_closing(again)
    third = open_window()
    page = third.wait_for_page(QueuesPage)
    third.wait_until_read()
    assert page.filter.text == "1180301018771"
    assert page.row_model.row_count == 1


def test_visited_records_are_restored(open_window: OpenWindow, payment: Payment) -> None:
    person = open_window()
    open_payment(person, payment)
    person.frame.show_route(HomeRoute())
    end_without_closing(person)
    again = open_window()
    again.wait_until(lambda: bool(again.opening.context.visits))
    assert [visit.record.id for visit in again.opening.context.visits] == [payment.id]


def test_an_unreadable_stored_state_opens_home(open_window: OpenWindow) -> None:
    person = open_window()
    state = person.opening.context.person_values
    state.store("screen", {"route": {"screen": "payment", "id": "x"}, "page": 7})
    state.store("visits", [["payment", "x", 3], 7, ["ship", 1, "2026-01-01T00:00:00+00:00"]])
    state.store("draft.refund.1", {"kind": "refund"})
    state.store("draft.note-payment.1", 7)
    end_without_closing(person)
    again = open_window()
    assert isinstance(again.frame.current_page, HomePage)
    assert again.opening.context.person_values.list_drafts() == ()


def test_a_restored_page_says_that_its_record_is_missing(open_window: OpenWindow) -> None:
    person = open_window()
    person.frame.show_route(PaymentRoute(4711))
    person.wait_until_read()
    end_without_closing(person)
    again = open_window()
    page = again.wait_for_page(PaymentPage)
    assert "failed" in page.list_bar_names()
