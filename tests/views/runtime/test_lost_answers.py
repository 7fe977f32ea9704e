"""Tests that every acting call of the window, made through the real services, has a request id, and that a click
which is repeated after a lost answer has an effect only once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from PySide6.QtWidgets import QWidget

from console.app import Console
from console.domain.access.permissions import ALL_ROLES
from console.domain.alerts.incidents import Incident
from console.domain.bulk.records import ChosenRecord
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Payment, Refund
from console.domain.queues.saved_views import ViewContent
from console.domain.reconciliation.service_results import ReconciliationRunItem, RunState
from console.domain.records import CreditCheck, Person, PurchaseRequest
from console.domain.tasks.records import AlertItem, BulkAction, BulkRun
from console.services.guarded.request_ids import require_valid_request_id
from console.services.process.failpoints import Failpoints
from console.services.process.passwords import use_password_reader
from console.store.alerts import alerts
from console.views.admin.switch_dialog import ReadOnlySwitchDialog
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.incident_dialogs import (
    HandOverIncidentDialog,
    IncidentDialog,
    ReopenIncidentDialog,
    ResolveIncidentDialog,
    SnoozeIncidentDialog,
)
from console.views.alerts.page import AlertsPage
from console.views.bulk import background_run
from console.views.bulk.dialog import BulkDialog
from console.views.bulk.request import BulkRequest
from console.views.left_open.mention_rows import MentionDoneButton
from console.views.money.unmasking import UnmaskDialog
from console.views.pages.base import Page, PageHead
from console.views.purchase.dialog import PurchaseDialog
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.queues.selection_bar import _SelectedRecordLister
from console.views.queues.shown_view import ShownSavedView
from console.views.queues.view_dialogs import RenameViewDialog, SaveViewDialog
from console.views.reconciliation.actions import ReconciliationActions
from console.views.reconciliation.dialog import ReconcileDialog
from console.views.records.actions import RecordActionHandlers
from console.views.records.collaboration_actions import CollaborationActions
from console.views.records.evidence_wizard import NUMBER_EVIDENCE as NUMBER_GIVEN
from console.views.records.evidence_wizard import TEXT_EVIDENCE
from console.views.records.note_dialog import HandOverDialog, NoteDialog
from console.views.records.resolve_dialog import ResolveDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog, WithdrawDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.inline_runner import InlineRunner
from tests.support.money_desks import import_paid_payment, insert_order, request_refund
from tests.support.money_stage import MoneyStage, open_money_stage
from tests.support.places import Place
from tests.views.runtime.test_acting_call_ids import find_acting_calls

WRITTEN_TABLES = (
    "hansha_alarmbox_credit_checks", "operations", "evidence", "orders", "payments", "refunds", "approvals", "notes",
    "takes", "alerts", "bulk_runs", "bulk_rows", "reconciliations", "reconciliation_rows", "documents",
    "payment_events", "outbox", "read_only_switches", "saved_views", "mentions",
)  # fmt: skip
CORPORATION_NUMBER = CORPORATION_NUMBERS[0]
ClickFunction = Callable[[], None]
ACTING_CALLS = find_acting_calls()


class ServicesWithLostAnswers:
    """The real services. While `loses` is True, a call is executed and then its answer is lost. On a server the
    person types the right password for each call that asks for it.
    """

    def __init__(self, console: Console) -> None:
        self._console, self.loses, self.database_url = console, False, console.settings.database_url
        self.sent: list[tuple[str, str, str | None]] = []
        self.endings: list[str] = []

    def __getattr__(self, service: str) -> Any:
        attribute = getattr(self._console, service)
        return attribute if callable(attribute) else _Service(self, service, attribute)


class _Service:
    def __init__(self, services: ServicesWithLostAnswers, name: str, real: Any) -> None:
        self._lossy, self._name, self._real = services, name, real

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._real, method)
        if (self._name, method) not in ACTING_CALLS:
            return attribute

        def record_and_call(*arguments: Any, **named: Any) -> Any:
            self._lossy.sent.append((self._name, method, named.get("request_id")))
            try:
                with use_password_reader(lambda: unquote(urlsplit(self._lossy.database_url).password or "")):
                    return attribute(*arguments, **named)
            except ConsoleError as refusal:
                self._lossy.endings.append(refusal.code)
                raise
            finally:
                if self._lossy.loses:
                    raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

        return record_and_call


@dataclass
class PersonWindow:
    """The window context of a person, whose calls are executed at once. Its pages and dialogs are made, but not
    shown.
    """

    stage: MoneyStage
    desk: Console
    lossy_services: ServicesWithLostAnswers
    context: WindowContext
    parent: QWidget
    page: Page
    record_actions: RecordActionHandlers
    failures: list[Failure] = field(default_factory=list)

    def buy_check(self, fault: str = "", call: str = "purchase") -> CreditCheck:
        """Buy a credit check, and return it. With `fault`, a fault of the sandbox in the call `call`, its outcome may
        be unknown.
        """
        if fault:
            self.stage.sandbox.control.add_fault(fault, call=call, number=CORPORATION_NUMBER)
        try:
            return self.desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
        except ConsoleError as unknown:
            record = unknown.detail["record"]
            assert isinstance(record, CreditCheck)
            return record

    def make_paid_payment(self, number: str = "ORD-1") -> Payment:
        return import_paid_payment(self.stage.maker, self.stage.sandbox, number)

    def request_refund(self) -> Refund:
        """Request a refund as the requester, who may be another person than the one of this window."""
        return request_refund(self.stage.maker, self.make_paid_payment().id)

    def make_unknown_refund(self) -> Refund:
        payment = self.make_paid_payment()
        refund = request_refund(self.stage.maker, payment.id)
        self.stage.sandbox.control.add_fault(
            "close_after_charge", call="paypay_refund", payment=payment.merchant_payment_id
        )
        with pytest.raises(ConsoleError):
            self.stage.checker.refunds.approve(refund.id)
        return self.stage.maker.refunds.read_refund(refund.id).record

    def create_bulk_run(self) -> BulkRun:
        """Create a bulk run of this person that takes one record, and return it before its execution."""
        record = self.buy_check()
        return self.desk.bulk_runs.create_run("take", [ChosenRecord("credit-check", record.id, record.version)])


def prepare_purchase(window: PersonWindow) -> ClickFunction:
    def click() -> None:
        dialog = PurchaseDialog(
            window.context, window.desk.credit_checks.make_plan(CORPORATION_NUMBER), "1", window.parent
        )
        dialog._buy_check()

    return click


def prepare_refetch(window: PersonWindow) -> ClickFunction:
    record = window.buy_check("pdf_missing", "pdf")
    return lambda: RefetchDialog(window.context, record, window.parent)._refetch_parts()


def prepare_resolve(window: PersonWindow) -> ClickFunction:
    record = window.buy_check("status_after_charge:500")

    def make_filled_dialog() -> ResolveDialog:
        dialog = ResolveDialog(window.context, record, None, window.parent)
        dialog.form.kind_buttons[TEXT_EVIDENCE].setChecked(True)
        dialog.form.text_field.edit.setPlainText("their letter")  # type: ignore[union-attr]  # an area
        dialog.form.outcome_buttons["error"].setChecked(True)
        return dialog

    dialogs = [make_filled_dialog() for _ in range(3)]  # one that is opened later reads the person's own proposal
    return lambda: dialogs.pop()._send_decision()


def prepare_resolve_money(window: PersonWindow) -> ClickFunction:
    refund = window.make_unknown_refund()

    def make_filled_dialog() -> ResolveMoneyDialog:
        dialog = ResolveMoneyDialog(window.context, refund, None, window.parent)
        dialog.form.kind_buttons[NUMBER_GIVEN].setChecked(True)
        dialog.form.number_field.edit.setText(refund.provider_refund_key or "")  # type: ignore[union-attr]  # a line
        dialog.form.outcome_buttons["completed"].setChecked(True)
        return dialog

    dialogs = [
        make_filled_dialog() for _ in range(3)
    ]  # a dialog that is opened later reads that the refund is settled
    return lambda: dialogs.pop()._send_decision()


def prepare_note(window: PersonWindow) -> ClickFunction:
    record = window.buy_check()

    def click() -> None:
        dialog = NoteDialog(window.context, "credit-check", record.id, window.parent)
        dialog.note_field.edit.setPlainText("called them")  # type: ignore[union-attr]  # an area
        dialog.submit_form()

    return click


def prepare_unmask(window: PersonWindow) -> ClickFunction:
    shown = window.make_paid_payment()

    def click() -> None:
        dialog = UnmaskDialog(window.context, "payment", shown.id, window.parent)
        dialog.reason_text_field.edit.setPlainText("called them")  # type: ignore[union-attr]  # an area
        dialog.submit_form()

    return click


def prepare_take(window: PersonWindow) -> ClickFunction:
    record, collaboration = (
        window.buy_check(),
        CollaborationActions(window.context, window.record_actions, lambda _name: None),
    )
    return lambda: collaboration.take_record("credit-check", record.id, f"Credit check {record.id}")


def prepare_give_back(window: PersonWindow) -> ClickFunction:
    record, collaboration = (
        window.buy_check(),
        CollaborationActions(window.context, window.record_actions, lambda _name: None),
    )
    window.desk.recovery.take("credit-check", record.id)
    return lambda: collaboration.give_back_record("credit-check", record.id, f"Credit check {record.id}")


def prepare_hand_over(window: PersonWindow) -> ClickFunction:
    record = window.buy_check()
    window.desk.recovery.take("credit-check", record.id)

    def click() -> None:
        dialog = HandOverDialog(window.context, "credit-check", record.id, window.parent)
        dialog.note_field.edit.setPlainText("waits for their call")  # type: ignore[union-attr]  # an area
        dialog.submit_form()

    return click


def prepare_end_mention(window: PersonWindow) -> ClickFunction:
    record = window.buy_check()
    me, maker = window.desk.people.read_acting_person().name, window.stage.maker.people.read_acting_person().name
    if not window.desk.people.list_enabled_people():  # without registered people, a name is a text
        window.desk.people.add_person(Person(me, ALL_ROLES, may_buy=True))
        window.desk.people.add_person(Person("lead-b", ALL_ROLES, may_buy=True))
    author = window.stage.checker if me == maker else window.stage.maker
    author.recovery.add_note("credit-check", record.id, f"@{me}")
    buttons = MentionDoneButton(window.context, lambda _title, _failure: None, lambda kind, id: f"{kind} {id}")
    buttons.setParent(window.parent)
    buttons.update_for_row(window.desk.mentions.list_open_mentions()[0])
    return buttons.done_button.click


def prepare_probe(window: PersonWindow) -> ClickFunction:
    record = window.buy_check("status_after_charge:500")
    return lambda: window.record_actions.probe_record(record)


def prepare_probe_payment(window: PersonWindow) -> ClickFunction:
    payment = window.make_paid_payment()
    return lambda: window.record_actions.probe_record(payment)


def prepare_probe_refund(window: PersonWindow) -> ClickFunction:
    refund = window.make_unknown_refund()
    return lambda: window.record_actions.probe_record(refund)


def prepare_probe_in_dialog(window: PersonWindow) -> ClickFunction:
    payment = window.make_paid_payment()
    dialog = RefundDialog(window.context, window.desk.refunds.make_plan(payment.id), window.parent)
    return dialog._probe_payment


def prepare_move_order(window: PersonWindow) -> ClickFunction:
    insert_order(window.stage.place, "ORD-1", 3_000)
    window.stage.maker._context.failpoints = Failpoints(("before_order_move", 1, "raise"))
    payment = window.make_paid_payment()
    return lambda: window.record_actions.set_order_paid(replace(payment))  # the page reads it again after each answer


def prepare_request_refund(window: PersonWindow) -> ClickFunction:
    plan = window.desk.refunds.make_plan(window.make_paid_payment().id)

    def click() -> None:
        dialog = RefundDialog(window.context, plan, window.parent)
        dialog.form.reason_list.setCurrentIndex(0)
        dialog._show_review()
        dialog._send_request()

    return click


def prepare_approve(window: PersonWindow) -> ClickFunction:
    view = window.desk.refunds.read_refund(window.request_refund().id)

    def click() -> None:
        dialog = ApproveDialog(window.context, view, window.parent)
        dialog._send_call(dialog._make_decision_call())  # as after the right password

    return click


def prepare_reject(window: PersonWindow) -> ClickFunction:
    view = window.desk.refunds.read_refund(window.request_refund().id)

    def click() -> None:
        dialog = RejectDialog(window.context, view, window.parent)
        dialog.reason_field.edit.setPlainText("not ours")  # type: ignore[union-attr]  # an area
        dialog._send_decision()

    return click


def make_incident(window: PersonWindow) -> Incident:
    payment, now = window.make_paid_payment(), window.desk._context.now()
    raised = window.stage.maker.database.write(
        lambda tx: alerts.raise_alert(tx.conn, "A", "payment", payment.id, None, "paid", "pending", now)
    )
    assert raised is not None
    return window.desk.incidents.read_incident(raised.id)


def make_incident_case(act: str, *first_actions: str) -> Callable[[PersonWindow], ClickFunction]:
    """Return a case that executes this action on the page of incidents. Before it, the actions `first_actions` are
    executed through the service.
    """

    def prepare(window: PersonWindow) -> ClickFunction:
        incident = make_incident(window)
        for name in first_actions:
            if name == "acknowledge":
                window.desk.alerts.acknowledge_alerts([alert.id for alert in incident.alerts], "")
            elif name == "snooze":
                window.desk.incidents.snooze(incident.id, window.desk._context.now() + timedelta(hours=1))
            else:
                getattr(window.desk.incidents, name)(incident.id)
        window.context.operator = window.desk._context.operator
        page = AlertsPage(window.context)
        page.setParent(window.parent)
        page._show_incidents((window.desk.incidents.read_incident(incident.id),))
        return lambda: getattr(page, act)()

    return prepare


def make_incident_dialog_case(
    make: Callable[..., IncidentDialog], *first_actions: str
) -> Callable[[PersonWindow], ClickFunction]:
    """Return a case that executes the action of the dialog for incidents that `make` makes. With "resolve" among
    `first_actions` the incident is resolved first.
    """

    def prepare(window: PersonWindow) -> ClickFunction:
        incident = make_incident(window)
        if "resolve" in first_actions:
            incident = window.desk.incidents.resolve(incident.id, "done")
        args = (("op-a", "lead-b", str(window.desk._context.operator)),) if make is HandOverIncidentDialog else ()

        def click() -> None:
            dialog = make(window.context, incident, *args, window.parent)
            dialog.note_field.edit.setPlainText("words")  # type: ignore[union-attr]  # an area
            if dialog.drop_down_list is not None:
                dialog.drop_down_list.setCurrentIndex(dialog.drop_down_list.count() - 1)
            dialog.submit_form()

        return click

    return prepare


def prepare_withdraw_refund(window: PersonWindow) -> ClickFunction:
    view = window.desk.refunds.read_refund(window.request_refund().id)
    return lambda: WithdrawDialog(window.context, view, window.parent)._send_decision()


def prepare_acknowledge(window: PersonWindow) -> ClickFunction:
    payment, now = window.make_paid_payment(), window.desk._context.now()
    raised = window.stage.maker.database.write(
        lambda tx: alerts.raise_alert(tx.conn, "A", "payment", payment.id, None, "paid", "pending", now)
    )
    assert raised is not None

    def click() -> None:
        dialog = AcknowledgeAlertsDialog(
            window.context, AlertItem(raised, None, "payment", payment.id, payment.merchant_payment_id), window.parent
        )
        dialog.note_field.edit.setPlainText("seen")  # type: ignore[union-attr]  # an area
        dialog._acknowledge_alerts()

    return click


def prepare_create_run(window: PersonWindow) -> ClickFunction:
    record = window.buy_check()
    chosen = (ChosenRecord("credit-check", record.id, record.version),)
    return lambda: _forget_run(
        BulkDialog(window.context, window.parent, BulkRequest(BulkAction.TAKE, _SelectedRecordLister(chosen), 1))
    )


def _forget_run(dialog: BulkDialog) -> None:
    dialog.task = dialog._request = None  # leaves the run as it is


def prepare_execute_run(window: PersonWindow) -> ClickFunction:
    frozen = window.create_bulk_run()
    return lambda: _execute_run(window, frozen)


def _execute_run(window: PersonWindow, frozen: BulkRun) -> None:
    show_toast = window.context.toast_requested.emit
    background_run.execute_run_in_background(window.context, frozen, 1, show_toast, window.failures.append)


def prepare_stop_run(window: PersonWindow) -> ClickFunction:
    dialog = BulkDialog(window.context, window.parent, window.create_bulk_run())
    return dialog._stop_run


def prepare_discard_run(window: PersonWindow) -> ClickFunction:
    dialog = BulkDialog(window.context, window.parent, window.create_bulk_run())
    return dialog._discard_run


def prepare_leave_dialog_of_run(window: PersonWindow) -> ClickFunction:
    frozen = window.create_bulk_run()

    def click() -> None:
        dialog = BulkDialog(window.context, window.parent, frozen)
        dialog._request, dialog.run = BulkRequest(BulkAction.TAKE, _SelectedRecordLister(()), 1), frozen
        dialog.reject()

    return click


def prepare_reconcile(window: PersonWindow) -> ClickFunction:
    window.make_paid_payment()

    def click() -> None:
        dialog = ReconcileDialog(window.context, ("paypay",), "paypay", window.parent)
        dialog._begin_run()

    return click


def prepare_continue_reconciliation(window: PersonWindow) -> ClickFunction:
    window.make_paid_payment()
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    now = datetime.now(UTC)
    item = ReconciliationRunItem(1, "paypay", day, day, RunState.RUNNING, 0, 0, 0, 0, 0, "op-a", now, now)
    acts = ReconciliationActions(window.context, window.page)
    return lambda: acts.resume_run(item)


def prepare_set_switch(window: PersonWindow) -> ClickFunction:
    window.buy_check()

    def click() -> None:
        dialog = ReadOnlySwitchDialog(window.context, "paypay", window.parent, is_on=True)
        dialog.reason_field.edit.setText("incident")  # type: ignore[union-attr]  # a line
        dialog.submit_form()

    return click


VIEW_CONTENT = ViewContent("unknown", "provider:paypay")


def prepare_save_view(window: PersonWindow) -> ClickFunction:
    window.buy_check()

    def click() -> None:
        dialog = SaveViewDialog(window.context, VIEW_CONTENT, window.parent)
        dialog.name_field.edit.setText("PayPay")  # type: ignore[union-attr]  # a line
        dialog._send_form()

    return click


def prepare_rename_view(window: PersonWindow) -> ClickFunction:
    view = window.desk.saved_views.save_view("PayPay", False, VIEW_CONTENT)

    def click() -> None:
        dialog = RenameViewDialog(window.context, view, window.parent)
        dialog.name_field.edit.setText("Atom")  # type: ignore[union-attr]  # a line
        dialog._send_form()

    return click


def make_view_case(act: str, *first_actions: str) -> Callable[[PersonWindow], ClickFunction]:
    """Return a case that deletes or restores a saved view from the page's menu. Before it, the actions
    `first_actions` are executed through the service.
    """

    def prepare(window: PersonWindow) -> ClickFunction:
        view = window.desk.saved_views.save_view("PayPay", False, VIEW_CONTENT)
        for name in first_actions:
            view = getattr(window.desk.saved_views, name)(view.id)

        def click() -> None:
            head = PageHead("Queues")
            shown = ShownSavedView(window.context, window.page, head, lambda: VIEW_CONTENT, lambda *_: None)
            shown.view = view
            shown.delete_view() if act == "delete" else shown._restore_view(view)

        return click

    return prepare


PREPARE_AND_CALL_BY_NAME: Mapping[str, tuple[Callable[[PersonWindow], ClickFunction], tuple[str, str]]] = {
    "buy": (prepare_purchase, ("credit_checks", "purchase")),
    "fetch again": (prepare_refetch, ("credit_checks", "refetch")),
    "decide a credit check": (prepare_resolve, ("recovery", "resolve")),
    "decide a refund": (prepare_resolve_money, ("recovery", "resolve")),
    "note": (prepare_note, ("recovery", "add_note")),
    "unmask": (prepare_unmask, ("recovery", "unmask")),
    "take": (prepare_take, ("recovery", "take")),
    "give back": (prepare_give_back, ("recovery", "give_up_take")),
    "hand over": (prepare_hand_over, ("recovery", "hand_over")),
    "end a mention": (prepare_end_mention, ("mentions", "mark_done")),
    "probe a credit check": (prepare_probe, ("recovery", "probe")),
    "probe a payment": (prepare_probe_payment, ("recovery", "probe")),
    "probe a refund": (prepare_probe_refund, ("recovery", "probe")),
    "probe from the refund's dialog": (prepare_probe_in_dialog, ("recovery", "probe")),
    "move the order": (prepare_move_order, ("payments", "set_order_paid")),
    "ask for a refund": (prepare_request_refund, ("refunds", "request")),
    "approve": (prepare_approve, ("refunds", "approve")),
    "reject": (prepare_reject, ("refunds", "reject")),
    "withdraw": (prepare_withdraw_refund, ("refunds", "withdraw")),
    "acknowledge": (prepare_acknowledge, ("alerts", "acknowledge_alerts")),
    "undo an acknowledgement": (
        make_incident_case("undo_acknowledgement", "acknowledge"),
        ("alerts", "undo_acknowledgements"),
    ),
    "take an incident": (make_incident_case("take_current_incident"), ("incidents", "take")),
    "give an incident back": (make_incident_case("give_back_current_incident", "take"), ("incidents", "release")),
    "wake an incident": (
        make_incident_case("snooze_or_unsnooze_current_incident", "snooze"),
        ("incidents", "end_snooze"),
    ),
    "hand an incident over": (make_incident_dialog_case(HandOverIncidentDialog), ("incidents", "hand_over")),
    "snooze an incident": (make_incident_dialog_case(SnoozeIncidentDialog), ("incidents", "snooze")),
    "resolve an incident": (make_incident_dialog_case(ResolveIncidentDialog), ("incidents", "resolve")),
    "reopen an incident": (make_incident_dialog_case(ReopenIncidentDialog, "resolve"), ("incidents", "reopen")),
    "create a run": (prepare_create_run, ("bulk_runs", "create_run")),
    "run": (prepare_execute_run, ("bulk_runs", "run")),
    "stop": (prepare_stop_run, ("bulk_runs", "stop")),
    "discard": (prepare_discard_run, ("bulk_runs", "discard")),
    "leave a frozen run": (prepare_leave_dialog_of_run, ("bulk_runs", "discard")),
    "reconcile": (prepare_reconcile, ("reconciliation", "run")),
    "go on reconciling": (prepare_continue_reconciliation, ("reconciliation", "run")),
    "save a view": (prepare_save_view, ("saved_views", "save_view")),
    "rename a view": (prepare_rename_view, ("saved_views", "rename_view")),
    "delete a view": (make_view_case("delete"), ("saved_views", "delete_view")),
    "restore a view": (make_view_case("restore", "delete_view"), ("saved_views", "restore_view")),
    "set read-only": (prepare_set_switch, ("read_only_switches", "set_switch")),
}
ACTIONS_OF_APPROVER = {"approve", "reject", "set read-only"}
CALLS_TESTED_ELSEWHERE = {
    ("refund_limits", "set_limit"),
    ("disabled_people", "disable"),
    ("disabled_people", "enable"),
}
"""Acting calls that have no case in this file, as (service, method). Only administrators set limits and disable
people, and this file has no administrator: `test_limit_dialog.py` and `test_people_tab.py` in `tests/views/admin`
test these calls."""


@pytest.fixture
def payment_stage(place: Place) -> Iterator[MoneyStage]:
    with open_money_stage(place) as made:
        yield made


@pytest.fixture
def make_person_window(payment_stage: MoneyStage, qtbot: Any, appearance: object) -> Callable[[str], PersonWindow]:
    """Return a function that opens the window context of a person who has the right to execute the action with a
    given name.
    """

    def make_window_for(act: str) -> PersonWindow:
        desk = payment_stage.checker if act in ACTIONS_OF_APPROVER else payment_stage.maker
        context = WindowContext(desk.settings, InlineRunner(), payment_stage.clock)
        context.operator = desk.people.read_acting_person().name
        services, parent = ServicesWithLostAnswers(desk), QWidget()
        parent.resize(1280, 800)
        qtbot.addWidget(parent)
        context.store_services(services)  # type: ignore[arg-type]  # the services, looked up by name
        context.replace_people(desk.people.list_enabled_people())
        page = Page(context)
        page.setParent(parent)
        return PersonWindow(payment_stage, desk, services, context, parent, page, RecordActionHandlers(context, page))

    return make_window_for


def test_every_acting_call_has_a_case() -> None:
    """Each acting call of the window is tested in this module or listed in CALLS_TESTED_ELSEWHERE."""
    assert {call for _, call in PREPARE_AND_CALL_BY_NAME.values()} | CALLS_TESTED_ELSEWHERE == ACTING_CALLS


ACTIONS_WITHOUT_RECORD = {"create a run", "set read-only"}
"""Actions about no record that exists before, so that their labels name none."""
RECORD_NAME_PATTERN = re.compile(r"[Cc]redit[ -]check \d|1 1803 0101 8771|R-\d|ORD-\d|BS-\d|PayPay|Atom|alert \d")
"""The name of a record, company, incident, alert, bulk run, view, provider or switch in the English messages of the
cases of this file."""


@pytest.mark.expects_log("an order that is not moved is told")
@pytest.mark.parametrize("act", sorted(PREPARE_AND_CALL_BY_NAME))
def test_each_message_of_an_action_names_its_record(
    make_person_window: Callable[[str], PersonWindow], act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A toast is still shown when the person has moved on to another record's page. So each toast about the end of an
    action, and the label with which a failure is shown after its page was closed, names the record of the action."""
    window = make_person_window(act)
    window.context.language = "en"
    click = PREPARE_AND_CALL_BY_NAME[act][0](window)
    toasts: list[Toast] = []
    labels: list[str] = []
    run_acting_call = WindowContext.run_acting_call
    run_long_acting_call = WindowContext.run_long_acting_call

    def record_label_of_long_call(context: WindowContext, *callables: Any, **named: Any) -> object:
        labels.append(named["label"])
        return run_long_acting_call(context, *callables, **named)

    def record_messages(context: WindowContext, call: Any, on_done: Any, on_failed: Any, **named: Any) -> None:
        """Run the acting call, and record its label and the toast about its result."""

        def record_toast(value: Any) -> None:
            toasts.append(named["make_toast"](value))
            on_done(value)

        labels.append(named["label"])
        run_acting_call(context, call, record_toast, on_failed, **named)

    monkeypatch.setattr(WindowContext, "run_acting_call", record_messages)
    monkeypatch.setattr(WindowContext, "run_long_acting_call", record_label_of_long_call)
    window.context.toast_requested.connect(toasts.append)
    click()
    assert labels or toasts
    for toast in toasts:
        toast_texts = f"{toast.message} {toast.subject_title} {toast.detail}"
        assert RECORD_NAME_PATTERN.search(toast_texts), toast_texts
    for label in () if act in ACTIONS_WITHOUT_RECORD else labels:
        assert RECORD_NAME_PATTERN.search(label), label


@pytest.mark.expects_log("an order that is not moved is told")
@pytest.mark.parametrize("act", sorted(PREPARE_AND_CALL_BY_NAME))
def test_a_click_after_a_lost_answer_repeats_the_request_id(
    make_person_window: Callable[[str], PersonWindow], place: Place, act: str
) -> None:
    """After a lost answer, a second click sends the same request id. Nothing more is written to the database or sent
    to a provider. A third click, after this answer, sends another request id.
    """
    context = make_person_window(act)
    prepare, (service, method) = PREPARE_AND_CALL_BY_NAME[act]
    click = prepare(context)
    context.lossy_services.loses = True
    click()
    context.lossy_services.loses = False
    rows_before, sent = read_written_rows(place), count_requests(context)
    click()
    assert read_written_rows(place) == rows_before
    assert count_requests(context) == sent
    ids = [id for called, name, id in context.lossy_services.sent if (called, name) == (service, method)]
    assert len(ids) == 2
    assert len(set(ids)) == 1, context.lossy_services.endings
    assert require_valid_request_id(ids[0] or "") == ids[0]
    states = "SELECT state, COUNT(*) FROM request_ids GROUP BY state"
    assert place.sql(states) == [("kept", 1)]
    click()
    assert context.lossy_services.sent[-1][2] != ids[0]


def read_written_rows(place: Place) -> list[list[tuple[Any, ...]]]:
    """Return the rows of all tables into which an acting call may write, except the audit trail and the request
    ids.
    """
    return [sorted(place.sql(f"SELECT * FROM {table}"), key=str) for table in WRITTEN_TABLES]


def count_requests(window: PersonWindow) -> int:
    """Return the number of requests that the providers have received."""
    return len(window.stage.sandbox.control.read_requests())
