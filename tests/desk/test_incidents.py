"""An incident is handled by keyboard: a person takes, hands over, snoozes, resolves and reopens it. Links lead to
incidents and records.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.domain.alerts.incidents import IncidentState
from console.domain.payments.records import Payment
from console.settings.window_socket import send_link
from console.store.alerts import alerts
from console.views.alerts.incident_dialogs import (
    HandOverIncidentDialog,
    ReopenIncidentDialog,
    ResolveIncidentDialog,
    SnoozeIncidentDialog,
)
from console.views.alerts.page import AlertsPage
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.runtime.context import Toast
from console.views.runtime.routes import AlertsRoute, PaymentRoute, QueuesRoute
from tests.desk.conftest import OpenWindow
from tests.desk.test_lock import unlock_window
from tests.desk.test_refunds import open_payment, payment
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person

__all__ = ["payment"]


def raise_two_alerts(window_desks: WindowTestDesks, payment: Payment) -> int:
    """Raise two alerts of one cause, as the worker does, and return the id of their incident."""
    context, incidents = window_desks.acting_desk._context, window_desks.acting_desk.incidents
    earlier = {one.id for one in incidents.list_incidents()}

    def insert_alerts(tx: object) -> None:
        conn, now = tx.conn, context.now()  # type: ignore[attr-defined]  # a transaction
        for rule in ("not_moved", "contradicted"):
            alerts.raise_alert(conn, rule, "payment", payment.id, None, "order=pending", "order=paid", now)

    context.write(insert_alerts)
    (incident,) = (one for one in incidents.list_incidents() if one.cause.kind == "payment" and one.id not in earlier)
    return incident.id


def test_an_incident_is_handled_by_keyboard(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    """A person acknowledges, takes, snoozes, resolves, reopens and hands over an incident by its keys. After each key
    the page has the new state. The steps are stored in this order, and the toasts name the payment.
    """
    with window_desks.open_acting_desk("lead-b") as lead:
        lead_name = lead.people.read_acting_person().name
    id = raise_two_alerts(window_desks, payment)
    person = open_window()
    person.press("Alt+6")
    page = person.wait_for_page(AlertsPage)
    person.wait_until(lambda: page.current_incident is not None)
    assert page.current_incident is not None
    assert len(page.current_incident.alerts) == 2
    toasts: list[Toast] = []
    page.context.toast_requested.connect(toasts.append)

    def has_state(state: IncidentState) -> bool:
        return page.current_incident is not None and page.current_incident.state is state

    person.press("A")
    person.wait_until(lambda: page.current_incident is not None and page.current_incident.is_acknowledged)
    person.press("A")  # again by mistake: it stays acknowledged, and the page says by whom
    person.wait_until(lambda: "act" in page.list_bar_names())
    assert page.current_incident is not None
    assert page.current_incident.is_acknowledged
    person.press("Ctrl+Z")
    person.wait_until(lambda: page.current_incident is not None and not page.current_incident.is_acknowledged)
    person.press("T")
    person.wait_until(lambda: page.current_incident is not None and page.current_incident.owner is not None)
    assert list_hinted_keys(page) >= {"S", "E"}
    person.press("S")
    snooze = person.wait_for_dialog(SnoozeIncidentDialog)
    person.wait_until(snooze.main_button.isEnabled)
    snooze.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: has_state(IncidentState.SNOOZED))
    person.press("S")
    person.wait_until(lambda: has_state(IncidentState.OPEN))
    person.press("E")
    resolve = person.wait_for_dialog(ResolveIncidentDialog)
    person.type_in("the shop has corrected the order")
    person.wait_until(resolve.main_button.isEnabled)
    resolve.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: has_state(IncidentState.RESOLVED))
    assert not {"S", "E"} & list_hinted_keys(page), "E reopens a resolved incident now, and S does nothing"
    person.press("E")
    reopen = person.wait_for_dialog(ReopenIncidentDialog)
    person.type_in("it has not")
    person.wait_until(reopen.main_button.isEnabled)
    reopen.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: has_state(IncidentState.OPEN))
    person.press("H")
    hand_over = person.wait_for_dialog(HandOverIncidentDialog)
    assert hand_over.drop_down_list is not None
    hand_over.drop_down_list.setCurrentText(lead_name)
    hand_over.note_field.edit.setFocus()
    person.type_in("please call the shop")
    person.wait_until(hand_over.main_button.isEnabled)
    hand_over.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: page.current_incident is not None and page.current_incident.owner == lead_name)
    steps = console.incidents.read_incident(id).steps
    assert [step.action.value for step in steps] == ["take", "snooze", "wake", "resolve", "reopen", "hand over"]
    assert len({step.person for step in steps}) == 1
    subject_titles = {toast.message: toast.subject_title for toast in toasts}
    assert {"You own this incident", "Snoozed", "Resolved", "Reopened", "Handed over"} <= subject_titles.keys()
    assert [message for message, title in subject_titles.items() if payment.merchant_payment_id not in title] == []


def test_no_key_acts_on_the_next_incident(window_desks: WindowTestDesks, open_window: OpenWindow) -> None:
    """If the selected incident closes while the person reads it, it stays selected, and a bar says that it has left
    the list. The key A acknowledges nothing and shows the reason; after the next arrow key it acknowledges the
    incident that this key has selected.
    """
    context, incidents = window_desks.acting_desk._context, window_desks.acting_desk.incidents
    for number in (1, 2):
        rule = f"queue_age_{number}"
        context.write(
            lambda tx, rule=rule, id=number: alerts.raise_alert(  # type: ignore[misc]
                tx.conn, rule, "queue", id, None, "5", "0", context.now()
            )
        )
    person = open_window()
    person.press("Alt+6")
    page = person.wait_for_page(AlertsPage)
    person.wait_until(lambda: page.current_incident is not None)
    read_id, other_id = (incident.id for incident in page.table.all_rows)
    assert is_incident_shown(page, read_id)
    context.write(lambda tx: alerts.resolve(tx.conn, read_id, context.now()))
    person.wait_until(lambda: page.table.is_current_row_removed)
    assert is_incident_shown(page, read_id)
    assert "unlisted incident" in page.list_bar_names()
    person.press("A")
    person.wait_until(lambda: "act" in page.list_bar_names())
    person.wait_until_read()
    assert not incidents.read_incident(other_id).is_acknowledged
    person.press("Down")
    person.wait_until(lambda: is_incident_shown(page, other_id) and "unlisted incident" not in page.list_bar_names())
    person.press("A")
    person.wait_until(lambda: incidents.read_incident(other_id).is_acknowledged)


def test_a_link_is_copied_and_a_sent_link_is_opened(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment
) -> None:
    """Ctrl+Shift+L copies the link to the shown page. The window shows the page of a link that another process sends;
    a link that would act is refused. While the window is locked, the link waits.
    """
    id = raise_two_alerts(window_desks, payment)
    person = open_window()

    def is_on_route(route: type) -> bool:
        return isinstance(person.frame.current_route, route)

    open_payment(person, payment)
    person.press("Ctrl+Shift+L")
    copied = QGuiApplication.clipboard().text()
    assert copied == f"support-console:record/payment/{payment.id}"
    person.frame.show_route(QueuesRoute("review"))
    home = person.frame.context.settings.home
    with ThreadPoolExecutor(1) as pool:
        for link, route in ((copied, PaymentRoute), (f"support-console:incident/{id}", AlertsRoute)):
            sent = pool.submit(send_link, home, link)
            person.wait_until(sent.done)
            assert sent.result()
            person.wait_until(partial(is_on_route, route))
        refused = pool.submit(send_link, home, f"support-console:refund/approve/{payment.id}")
        person.wait_until(refused.done)
        assert not refused.result()
        person.press("Ctrl+L")
        person.wait_until(lambda: person.frame.window_cover.is_covered)
        waiting = pool.submit(send_link, home, copied)
        person.wait_until(waiting.done)
    assert isinstance(person.frame.current_route, AlertsRoute)


def test_a_link_that_arrives_during_a_dialog_opens_nothing_later(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """A link that arrives while a dialog is open only shows a message. It opens no page after the dialog is closed
    and the window is locked and unlocked."""
    person = open_window()
    person.frame.show_route(QueuesRoute("review"))
    person.wait_until_read()
    toasts: list[Toast] = []
    person.frame.context.toast_requested.connect(toasts.append)
    open_shortcuts_dialog(person.frame, person.frame.current_page)
    person.wait_until(lambda: QApplication.activeModalWidget() is not None)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send_link, person.frame.context.settings.home, "support-console:screen/audit")
        person.wait_until(sent.done)
    person.wait_until(lambda: bool(toasts))
    person.press("Escape")
    person.wait_until(lambda: QApplication.activeModalWidget() is None)
    person.press("Ctrl+L")
    unlock_window(window_desks, person)
    assert person.frame.current_route == QueuesRoute("review")


def list_hinted_keys(page: AlertsPage) -> set[str]:
    return {key for keys, _ in page.hint_bar.key_hints for key in keys}


def is_incident_shown(page: AlertsPage, incident_id: int) -> bool:
    return page.current_incident is not None and page.current_incident.id == incident_id


def test_a_link_selects_its_incident(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment
) -> None:
    """A link to an incident selects this incident, also if the list contains incidents in several states."""
    context = window_desks.acting_desk._context
    for number in range(3):
        rule = f"queue_age_{number}"
        context.write(
            lambda tx, rule=rule, id=number + 1: alerts.raise_alert(  # type: ignore[misc]
                tx.conn, rule, "queue", id, None, "5", "0", context.now()
            )
        )
    id = raise_two_alerts(window_desks, payment)
    with window_desks.open_acting_desk("op-a") as desk:
        desk.incidents.resolve(id, "the shop has corrected the order")
    person = open_window()
    for incident in window_desks.acting_desk.incidents.list_incidents():
        person.frame.show_route(AlertsRoute(incident.main_alert.id))
        person.wait_until(partial(is_incident_shown, person.wait_for_page(AlertsPage), incident.id))


def test_a_link_never_shows_another_incident_than_its_own(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """A link to an incident whose alerts are closed selects this incident, although the list has only the open ones.
    A link to an incident that doesn't exist says so. Without a link the list has the open incidents again."""
    context = window_desks.acting_desk._context
    for number in range(2):
        rule = f"queue_age_{number}"
        context.write(
            lambda tx, rule=rule, id=number + 1: alerts.raise_alert(  # type: ignore[misc]
                tx.conn, rule, "queue", id, None, "5", "0", context.now()
            )
        )
    first, second = (incident.id for incident in window_desks.acting_desk.incidents.list_incidents())
    context.write(lambda tx: alerts.resolve(tx.conn, second, context.now()))
    person = open_window()
    page = open_incident(person, first)
    assert is_incident_shown(page, first)
    open_incident(person, second)
    assert is_incident_shown(page, second)
    assert "missing incident" not in page.list_bar_names()
    assert page.take_button not in page._offered_buttons
    open_incident(person, 10**17)
    assert "missing incident" in page.list_bar_names()
    open_incident(person, 0)
    assert [incident.id for incident in page.table.all_rows] == [first]
    assert "missing incident" not in page.list_bar_names()
    context.write(lambda tx: alerts.resolve(tx.conn, first, context.now()))
    open_incident(person, first)
    assert is_incident_shown(page, first)
    open_incident(person, 10**17)
    assert (page.current_incident, page.list_bar_names()) == (None, ("missing incident",))


def open_incident(person: Person, alert_id: int) -> AlertsPage:
    """Open the page of incidents as a link does, with the id of one of the incident's alerts (0: without a link)."""
    person.frame.show_route(AlertsRoute(alert_id))
    page = person.wait_for_page(AlertsPage)
    person.wait_until_read()
    return page
