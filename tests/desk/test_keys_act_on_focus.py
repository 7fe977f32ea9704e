"""A key of one letter executes its action on the row or record that has the focus, and never on another one."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QMenu, QWidget
from pytestqt.exceptions import TimeoutError
from pytestqt.qtbot import QtBot

from console.domain.clock import SystemClock
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, act_as
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.page import AlertsPage
from console.views.approvals.cards import PROPOSAL_CARD_KIND
from console.views.approvals.page import ApprovalsPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.lookup.page import LookupPage
from console.views.money.order_page import OrderPage
from console.views.money.payment_page import PaymentPage
from console.views.money.set_asides_page import SetAsidesPage
from console.views.presenters.records import make_record_ref
from console.views.queues.page import QueuesPage
from console.views.records.actions import RecordActionHandlers
from console.views.records.collaboration_actions import CollaborationActions
from console.views.runtime.routes import (
    AdminRoute,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    ChangedCompaniesRoute,
    CreditCheckRoute,
    LookupRoute,
    OrderRoute,
    PaymentRoute,
    QueuesRoute,
    ReconcileRoute,
    ReconcileRunsRoute,
    RecordRef,
    RefundRoute,
    Route,
    SetAsidesRoute,
)
from tests.desk.window_person import Person, list_open_windows, list_windows
from tests.support.announcements import SentAnnouncement, collect_announcements
from tests.support.sample_desk import SampleDesk, open_sample_desk

ROUTE_PART_COUNT = 3


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    with open_sample_desk(tmp_path_factory.mktemp("keys") / "desk", LANGUAGE="en") as made:
        with act_as(WORKER):  # otherwise the alerts appear with a due task, before or after the keys
            AlertRuleEvaluator(made.console._context).update_alerts()
        yield made


@pytest.fixture
def person(qtbot: QtBot, desk: SampleDesk) -> Iterator[Person]:
    someone = Person(qtbot, desk.console, desk.console.settings, SystemClock())
    yield someone
    someone.opening.context.change_operator("op-a")
    someone.close()


@pytest.fixture
def recorded_actions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, RecordRef]]:
    """Replace the actions of the window by functions that only record their call. Return the list of (name of the
    action, record).
    """
    done: list[tuple[str, RecordRef]] = []

    def record_action(name: str, method_name: str, get_record_ref: Callable[..., RecordRef]) -> None:
        monkeypatch.setattr(
            RecordActionHandlers, method_name, lambda _self, *of, **_how: done.append((name, get_record_ref(*of)))
        )

    record_action("probe", "probe_record", lambda record, *_: make_record_ref(record))
    for name in ("resolve", "refetch"):
        record_action(name, f"open_{name}_dialog", lambda record, *_: make_record_ref(record))
    record_action("refund", "open_refund_dialog", lambda payment_id, *_: ("payment", payment_id))
    for name in ("approve", "reject", "withdraw"):
        record_action(name, f"open_{name}_dialog", lambda details: ("refund", details.record.id))

    def record_take_or_note(_self: object, name: str, kind: str, id: int, _title: str = "") -> bool:
        if name in ("take", "note"):
            done.append((name, (kind, id)))
        return name in ("take", "note")

    monkeypatch.setattr(CollaborationActions, "run_action_if_supported", record_take_or_note)
    return done


def get_focused_record(row: Any) -> RecordRef:
    """Return the record of a row of a queue or of a list of records."""
    item = getattr(row, "item", row)
    return make_record_ref(getattr(item, "record", item))


@pytest.mark.parametrize("queue", ["review", "unknown", "incomplete", "refunds"])
def test_keys_act_on_the_row_of_a_queue(
    person: Person, recorded_actions: list[tuple[str, RecordRef]], queue: str
) -> None:
    """In a queue, the keys act on the row that has the focus, also after arrow keys have moved the focus."""
    person.frame.show_route(QueuesRoute(queue))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.queue == queue and page.table.current_item is not None)
    person.wait_for_active_window()  # the window of the test before may have taken the keyboard with it
    person.wait_until(lambda: page.table.focus_ring_row == page.table.current_row)
    for steps in (0, 2, 1):
        person.press("Down", steps)
        ref = get_focused_record(page.table.current_item)
        assert page.table.focus_ring_row == page.table.current_row
        recorded_actions.clear()
        for key in "PTN":
            person.press(key)
        assert recorded_actions == [("probe", ref), ("take", ref), ("note", ref)]


def test_keys_act_on_the_part_of_a_company(
    person: Person, desk: SampleDesk, recorded_actions: list[tuple[str, RecordRef]]
) -> None:
    """On the page of a company, the keys act on the part that has the focus: the row of the list, the open issue, or
    the credit check of the panel.
    """
    sample = next(one for one in desk.list_checks("incomplete") if one.column_values.get("work_at"))
    person.frame.show_route(LookupRoute(sample.corporation_number))
    company = person.wait_for_page(LookupPage).company_panel
    person.wait_until(lambda: company.number == sample.corporation_number and company.is_showing_credit_checks)
    person.wait_until_read()
    for _ in company.credit_checks:
        ref = get_focused_record(company.table.current_item)
        recorded_actions.clear()
        person.press("P")
        assert recorded_actions == [("probe", ref)]
        person.press("Down")
    for stop in company.open_items.focus_stops:
        stop.setFocus()
        recorded_actions.clear()
        person.press("P")
        assert recorded_actions == [("probe", make_record_ref(company.open_items.find_record(stop)))]  # type: ignore[arg-type]  # a record
    assert company.open_items.focus_stops
    for stop in company.live_check_panel.focus_stops:
        stop.setFocus()
        recorded_actions.clear()
        person.press("P")
        assert recorded_actions == [("probe", ("credit-check", company.live_check_panel.find_check_id(stop)))]
    assert company.live_check_panel.focus_stops


def test_keys_on_a_payments_page_act_on_the_focused_refund(
    person: Person, desk: SampleDesk, recorded_actions: list[tuple[str, RecordRef]]
) -> None:
    """On the page of a payment, the keys act on the payment. While a row of its refunds has the focus, the keys act
    on that refund.
    """
    payment = desk.list_payments("refund_unknown")[-1]
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    for key in "PTN":
        person.press(key)
    own = ("payment", payment.id)
    assert recorded_actions == [("probe", own), ("take", own), ("note", own)]
    page.tabs.show_tab("refunds")
    person.wait_until_read()
    page.tabs.focus_content()
    person.wait_until(lambda: page.tabs.find_focused_row() is not None)
    row = get_focused_record(page.tabs.find_focused_row())
    assert row[0] == "refund"
    recorded_actions.clear()
    for key in "PETNRM":
        person.press(key)
    assert recorded_actions == [("probe", row), ("resolve", row), ("take", row), ("note", row)]
    assert "act" in page.list_bar_names(), "the keys that a refund hasn't say so"


def test_keys_of_other_kinds_state_the_reason_on_an_orders_page(
    person: Person, desk: SampleDesk, recorded_actions: list[tuple[str, RecordRef]]
) -> None:
    """On the page of an order, the key of an action that only other kinds of records have states the reason. While
    the row of the order's payment has the focus, R requests a refund of that payment.
    """
    payment = desk.list_payments("complete")[-1]
    order = desk.console.payments.read_payment(payment.id).order
    assert order is not None
    person.frame.show_route(OrderRoute(order.id))
    page = person.wait_for_page(OrderPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == order.id)
    for key in ("R", "F", "P", "E", "M", "B", "W", "U"):
        page.hide_bar("act")
        person.press(key)
        assert "act" in page.list_bar_names(), key
    assert recorded_actions == []
    page.tabs.show_tab("payments")
    person.wait_until_read()
    page.tabs.focus_content()
    person.wait_until(lambda: page.tabs.find_focused_row() is not None)
    person.press("R")
    assert recorded_actions == [("refund", get_focused_record(page.tabs.find_focused_row()))]


def test_keys_on_a_credit_checks_page_act_on_the_focused_earlier_check(
    person: Person, desk: SampleDesk, recorded_actions: list[tuple[str, RecordRef]]
) -> None:
    sample = desk.list_checks("superseded")[0]
    person.frame.show_route(CreditCheckRoute(sample.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == sample.id)
    page.tabs.show_tab("history")
    person.wait_until_read()
    page.tabs.focus_content()
    person.wait_until(lambda: page.tabs.find_focused_row() is not None)
    row = get_focused_record(page.tabs.find_focused_row())
    assert row != ("credit-check", sample.id)
    for key in "PFE":
        person.press(key)
    assert recorded_actions == [("probe", row), ("refetch", row), ("resolve", row)]


def test_keys_act_on_the_shown_approval(person: Person, recorded_actions: list[tuple[str, RecordRef]]) -> None:
    """In the list of approvals, the focus, the selected card and the shown request are the same record after each
    arrow key, and the keys act on this record. If a proposal is shown, the keys for refunds do nothing.
    """
    person.opening.context.change_operator("lead-b")
    person.frame.show_route(ApprovalsRoute())
    page = person.wait_for_page(ApprovalsPage)
    person.wait_until(lambda: page.shown_details is not None)
    person.wait_until_read()
    refs = [card.ref for card in page.list_panel.cards]
    assert len(refs) > 2
    assert person.window.focusWidget() is page.list_panel.card_list
    for place, ref in enumerate(refs):
        assert page.list_panel.current_ref == ref
        recorded_actions.clear()
        if ref[0] == PROPOSAL_CARD_KIND:
            for key in "PADW":
                person.press(key)
            assert recorded_actions == []
            assert page.proposal is not None
            assert page.proposal.id == ref[1]
            person.press("Down")
            continue
        person.wait_until(lambda ref=ref: page.shown_details is not None and page.shown_details.record.id == ref[1])  # type: ignore[misc]  # of this turn
        page.request_panel._mark_request_read()
        for key in "PADW":
            person.press(key)
        assert {at for name, at in recorded_actions if name != "probe"} <= {ref}, place
        assert page.reject_button.isHidden() or ("reject", ref) in recorded_actions
        assert page.withdraw_button.isHidden() or ("withdraw", ref) in recorded_actions
        assert recorded_actions[0] == ("probe", ("payment", page.shown_details.payment.id))  # type: ignore[union-attr]  # shown
        person.press("Down")
    person.press("Home")
    assert page.list_panel.current_ref == refs[0]
    person.press("End")
    assert page.list_panel.current_ref == refs[-1]


def test_keys_of_approvals_wait_while_a_request_is_being_read(
    person: Person, recorded_actions: list[tuple[str, RecordRef]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the next request of the approvals is being read, no key acts on the request that was shown before."""
    person.opening.context.change_operator("lead-b")
    person.frame.show_route(ApprovalsRoute())
    page = person.wait_for_page(ApprovalsPage)
    person.wait_until(lambda: page.shown_details is not None)
    monkeypatch.setattr(page, "_read_refund", lambda _id: None)
    person.press("Down")
    for key in "PADW":
        person.press(key)
    assert recorded_actions == []
    assert not page.approve_button.isEnabled()
    person.wait_until(lambda: page.content.currentWidget() is page.placeholder_bars)


def test_keys_act_on_the_row_of_set_asides(person: Person, recorded_actions: list[tuple[str, RecordRef]]) -> None:
    person.frame.show_route(SetAsidesRoute())
    page = person.wait_for_page(SetAsidesPage)
    person.wait_until(lambda: page.current_item is not None)
    assert page.sidebar_key == "queues", "a refund is requested here, not approved"
    for _ in page.table.all_rows:
        item = page.current_item
        assert item is not None
        recorded_actions.clear()
        person.press("R")
        assert recorded_actions in ([("refund", ("payment", item.payment.id))], [])
        assert bool(recorded_actions) == page.request_button.isVisible() == ("R" in list_hinted_keys(person))
        person.press("Down")


def test_keys_act_on_the_focused_incident(person: Person) -> None:
    """Shift+A acts on the incident whose row has the focus."""
    person.frame.show_route(AlertsRoute())
    page = person.wait_for_page(AlertsPage)
    person.wait_until(lambda: page.current_incident is not None)
    for _ in range(3):
        person.press("Down")
        incident = page.current_incident
        assert incident is not None
        if page.acknowledge_with_note_button.isVisible():
            person.press("Shift+A")
            dialog = person.wait_for_dialog(AcknowledgeAlertsDialog)
            assert dialog._alert_ids[0] in {alert.id for alert in incident.alerts}
            person.press("Esc")
            person.wait_without_dialog()


def list_single_keys(person: Person) -> list[str]:
    """Return the keys of the visible page that are a single character, and Shift+T."""
    holder = person.frame.page_stack.currentWidget()
    assert holder is not None
    keys = [shortcut.key().toString() for shortcut in holder.findChildren(QShortcut)]
    return sorted({key for key in keys if len(key) == 1 or key == "Shift+T"})


def find_keys_without_effect(
    person: Person, announcements: list[SentAnnouncement], acts: list[tuple[str, RecordRef]]
) -> list[str]:
    """Press each single-character key of the visible page once. Return the keys after which no sentence was
    announced, no action was recorded, no dialog was opened and the page and the focus stayed.
    """
    silent = []
    for key in list_single_keys(person):
        acts.clear()
        announcements.clear()
        route, focus = person.frame.current_route, person.window.focusWidget()

        def is_announced(route: Route | None = route, focus: QWidget | None = focus) -> bool:
            is_moved = person.frame.current_route != route or person.window.focusWidget() is not focus
            opened = [*list_open_windows(person.window, QDialog), *list_open_windows(person.window, QMenu)]
            return bool(announcements or acts or opened or is_moved)

        person.press(key)
        try:
            person.wait_until(is_announced)
        except TimeoutError:
            silent.append(key)
        person.wait_until_read()
        for dialog in list_windows(person.window, QDialog):
            dialog.reject()
        for menu in list_open_windows(person.window, QMenu):
            menu.close()
        QApplication.processEvents()
        if person.frame.current_route != route and route is not None:
            person.frame.show_route(route)
            person.wait_until_read()
    return silent


@pytest.mark.parametrize("person_name", ["aud-e", "op-a", "lead-b"])
@pytest.mark.parametrize("part", range(ROUTE_PART_COUNT))
def test_each_key_acts_or_shows_the_reason(
    person: Person,
    desk: SampleDesk,
    recorded_actions: list[tuple[str, RecordRef]],
    monkeypatch: pytest.MonkeyPatch,
    part: int,
    person_name: str,
) -> None:
    """Each key of one letter either acts on the selected row or says why it doesn't. The test covers an auditor, who
    may change nothing, an operator and an approver, with orders, settled records, empty lists and the ends of lists.
    """
    monkeypatch.setattr(
        RecordActionHandlers, "set_order_paid", lambda *_: recorded_actions.append(("move_order", ("", 0)))
    )
    person.opening.context.change_operator(person_name)
    payment, check = desk.list_payments("complete")[-1], desk.list_checks("incomplete")[0]
    view = desk.console.payments.read_payment(payment.id)
    assert view.order is not None
    routes: list[Route] = [
        *(QueuesRoute(name) for name in ("review", "unknown", "refunds", "incomplete", "error")),
        CreditCheckRoute(check.id), PaymentRoute(payment.id), OrderRoute(view.order.id),
        RefundRoute(desk.console.recovery.read_queue("refunds", 1).items[0].record.id),
        LookupRoute(""), LookupRoute(check.corporation_number), ApprovalsRoute(), SetAsidesRoute(), AlertsRoute(),
        ChangedCompaniesRoute(),
        ReconcileRoute(), ReconcileRunsRoute(), AuditRoute(), AdminRoute(),
    ]  # fmt: skip
    silent, pressed = [], 0
    with collect_announcements() as announcements:
        for route in routes[part::ROUTE_PART_COUNT]:
            person.frame.show_route(route)
            person.wait_until_read()
            page = person.frame.current_page
            assert page is not None
            page.take_focus()
            if page.focusWidget() is None or isinstance(page.window().focusWidget(), QLineEdit):
                page.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                page.setFocus()
            pressed += len(list_single_keys(person))
            silent += [(route, key) for key in find_keys_without_effect(person, announcements, recorded_actions)]
    assert pressed > 15
    assert silent == []


def list_hinted_keys(person: Person) -> set[str]:
    page = person.frame.current_page
    assert page is not None
    return {key for keys, _ in page.hint_bar.key_hints for key in keys}


@pytest.mark.parametrize("route", [QueuesRoute("unknown"), AlertsRoute(), ReconcileRunsRoute()], ids=str)
def test_an_auditor_reads_no_hints_of_keys_that_change_something(person: Person, route: Route) -> None:
    """The line of shortcuts has only keys that the person has the right to use, also after another person has signed
    in. Keys that move or export are shown to every person."""
    keys_that_change = {"P", "F", "E", "T", "Shift+T", "H", "N", "A", "S"}
    person.frame.show_route(route)
    person.wait_until_read()
    assert list_hinted_keys(person) & keys_that_change
    person.opening.context.change_operator("aud-e")
    person.wait_until(lambda: not list_hinted_keys(person) & keys_that_change)
    assert "Enter" in list_hinted_keys(person)


def test_a_key_without_an_effect_on_the_selection_states_the_reason(
    person: Person, desk: SampleDesk, recorded_actions: list[tuple[str, RecordRef]]
) -> None:
    """The whole list is selected. A key whose action isn't possible for the selection announces the reason and shows
    it in a bar.
    """
    person.opening.context.change_operator("aud-e")
    person.frame.show_route(QueuesRoute("refunds"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until_read()  # the rows are read anew for the other person, which ends what was selected before
    person.wait_until(lambda: page.table.current_item is not None)
    person.press("Ctrl+A")
    for key in ("P", "F", "T", "Shift+T", "N"):
        with collect_announcements() as announcements:
            person.press(key)
            person.wait_until(lambda announcements=announcements: any(one.is_urgent for one in announcements))  # type: ignore[misc]  # of this turn
        # A page that is still being read may announce something that isn't urgent at the same time.
        assert sum(one.is_urgent for one in announcements) == 1, key
        assert "act" in page.list_bar_names()
        page.hide_bar("act")
    assert recorded_actions == []
