"""Each button and key that starts an acting call is pressed at least twice, and the action is executed once with one
outcome.

Each case prepares the window up to the press. It is run once with clicks, and once with keys, of which Enter is held
down until the outcome is shown. A case of a page is run a third time: the second press comes after the answer to the
first one, and must not undo it. The tests check the audit trail, the providers' ledgers and the toasts.
"""

import ast
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from console.app import Console
from console.domain.access.permissions import ADMIN
from console.domain.bulk.records import ChosenRecord
from console.domain.errors import ConsoleError
from console.domain.links.link import Link
from console.domain.payments.records import Payment
from console.domain.payments.service_results import RefundDetails
from console.domain.payments.states import RECORD_OUTSIDE_ACTION
from console.domain.queues.saved_views import ViewContent
from console.domain.records import CreditCheck
from console.domain.records import Person as Operator
from console.domain.tasks.records import BulkAction
from console.sandbox.server import Sandbox
from console.store.audit.trail import list_newest_entries
from console.views.admin.limit_dialog import LimitDialog
from console.views.admin.page import AdminPage
from console.views.admin.person_dialogs import DisablePersonDialog, EnablePersonDialog
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
from console.views.credit_checks.page import CreditCheckPage
from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog
from console.views.links.routes import convert_link_to_route
from console.views.money.payment_page import PaymentPage
from console.views.money.refund_page import RefundPage
from console.views.money.unmasking import UnmaskDialog
from console.views.purchase.dialog import PurchaseDialog
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.queues.page import QueuesPage
from console.views.queues.view_dialogs import RenameViewDialog, SaveViewDialog
from console.views.records.note_dialog import HandOverDialog, NoteDialog
from console.views.records.outside_refund_dialog import OutsideRefundDialog
from console.views.records.resolve_dialog import ResolveDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog, WithdrawDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.context import Toast
from console.views.runtime.routes import (
    AlertsRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    PaymentRoute,
    QueuesRoute,
    RefundRoute,
)
from console.views.sign_in.password_dialog import PasswordDialog
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import DropDownList, Field, LineEdit, MultiLineEdit
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome, buy_without_pdf
from tests.desk.test_incidents import raise_two_alerts
from tests.desk.test_own_requests import through_a_worker
from tests.desk.test_printed_payers import set_payer_name
from tests.desk.test_records import fill_not_bought_form
from tests.desk.test_refunds import UnreachableBeforeOrderIsPaid, insert_order
from tests.desk.test_resolving_refunds import make_unknown_refund
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment, request_refund
from tests.support.outside_days import read_today

VIEWS_FOLDER = Path(__file__).parents[2] / "console" / "views"
KEY_REPEAT_COUNT = 5
_AUDIT_ACTIONS_OF_READS_OR_PROGRAM = (
    ".opened",
    ".listed",
    ".show",
    "token.refreshed",
    "merchant.stored",
    "audit.root",
)
DialogT = TypeVar("DialogT", bound=DialogFrame)


@dataclass
class CaseStage:
    """The window of one case, with its desks and its provider. `number` counts how often the case has been prepared,
    so that each preparation uses another record."""

    window_desks: WindowTestDesks
    sandbox: Sandbox
    person: Person
    folder: Path
    number: int = -1
    toasts: list[Toast] = field(default_factory=list)

    @property
    def console(self) -> Console:
        return self.window_desks.console

    @property
    def name(self) -> str:
        """The name of the acting person."""
        return self.person.opening.context.operator or ""

    def switch_person(self, name: str) -> None:
        """Let this person work at the window."""
        if self.name != name:
            self.person = self.window_desks.switch_person(self.person, name)

    def store_action_toast(self, toast: Toast) -> None:
        """Store a toast about an action. Ignore a toast that announces an event and leads to a page."""
        if toast.route is None:
            self.toasts.append(toast)

    def read_audited_actions(self) -> list[str]:
        """Return the actions in the audit trail, the oldest first. Left out are reads, the entries about a refreshed
        token and about the merchant that a call to a provider stores, the roots that due tasks write, and the
        worker's requests for the password.
        """
        with self.window_desks.write_as_owner() as tx:
            entries = list_newest_entries(tx.conn, limit=1_000)
        return [
            one.what
            for one in reversed(entries)
            if not one.what.endswith(_AUDIT_ACTIONS_OF_READS_OR_PROGRAM)
            and one.detail.get("refusal") != "password_needed"
        ]

    def count_money_movements(self) -> tuple[int, int]:
        """Return the number of purchases that AlarmBox has charged, and the number of refunds that PayPay has."""
        control = self.sandbox.control
        return control.count_charges(), len(control.payments_control.read_refunds())


@dataclass(frozen=True)
class ActingPress:
    """The button to press: a button of a dialog, or a button of a page with its key. `has_ended` returns True as soon
    as the outcome is shown. `dialog_stays_open` is True if the dialog shows its outcome until the person closes it.
    """

    button: QWidget
    has_ended: Callable[[], bool]
    dialog: DialogFrame | None = None
    key: str = ""
    dialog_stays_open: bool = False


PreparePress = Callable[[CaseStage], ActingPress]
"""Type of a function that brings the window to the moment before the press, and returns the press."""


@dataclass(frozen=True)
class RepeatedPressExample:
    """One action that is started by a repeated press. `prepare` brings the window to the moment before the press.
    `person_name` is the acting person, `call_sites` are the places in the code that start the call, `dialog` is the
    dialog that starts it. `audit_actions` has the expected audit entries. `needs_password` says whether a person in
    team mode confirms the action with the password."""

    prepare: PreparePress
    call_sites: tuple[str, ...]
    audit_actions: tuple[str, ...]
    dialog: type[DialogFrame] | None = None
    person_name: str = "op-a"
    needs_password: bool = False


CASE_BY_NAME: dict[str, RepeatedPressExample] = {}


def register_case(
    *sites: str, audit_actions: tuple[str, ...], person_name: str = "op-a",
    dialog: type[DialogFrame] | None = None, needs_password: bool = False,
) -> Callable[[PreparePress], PreparePress]:  # fmt: skip
    """Return a decorator that registers a function `prepare_…` as the case with the rest of its name. The arguments
    are the fields of RepeatedPressExample; `sites` are its `call_sites`.
    """

    def store_case(prepare: PreparePress) -> PreparePress:
        name = prepare.__name__.removeprefix("prepare_")
        CASE_BY_NAME[name] = RepeatedPressExample(prepare, sites, audit_actions, dialog, person_name, needs_password)
        return prepare

    return store_case


# -- presses


def click_often(person: Person, press: ActingPress) -> None:
    """Click the button several times. On a page this is a double click, during which the answer may arrive. In a
    dialog the button is clicked twice without a pause, and again while the answer is late and the person has changed
    the texts."""
    button = press.button
    if press.dialog is None and button.isVisible():
        person.double_click(button)
        return
    button.click()  # type: ignore[attr-defined]  # a button
    button.click()  # type: ignore[attr-defined]
    if press.dialog is not None and press.dialog.is_busy:
        press.dialog.allow_closing("Close", "")
        change_texts(press.dialog)
        if shiboken6.isValid(button):  # typing lets the answer arrive, which may close the dialog
            button.click()  # type: ignore[attr-defined]
            assert not button.isEnabled(), "pressed again while the answer is late"


def change_texts(dialog: DialogFrame) -> None:
    """Change each text in the dialog that a person can change."""
    edits: list[LineEdit | MultiLineEdit] = [*dialog.findChildren(LineEdit), *dialog.findChildren(MultiLineEdit)]
    for edit in edits:
        if shiboken6.isValid(edit) and edit.isVisibleTo(dialog) and edit.isEnabled():
            QTest.keyClicks(edit, "7")


def press_keys_often(person: Person, press: ActingPress) -> None:
    """On a page, press the key twice and click the button. In a dialog, press Enter on the button and hold it
    down.
    """
    if press.dialog is None:
        if press.key:
            person.press(press.key, 2)
        if shiboken6.isValid(press.button):  # the answer to the keys may have replaced it
            press.button.click()  # type: ignore[attr-defined]
        return
    press.button.setFocus()
    handle = press.dialog.windowHandle()
    QTest.keyPress(handle, Qt.Key.Key_Return)
    hold_enter(press.dialog)
    if shiboken6.isValid(press.button):
        press.button.click()  # type: ignore[attr-defined]


def press_again_after_the_answer(person: Person, press: ActingPress) -> None:
    """On a page, press the key (or click the button), and once more when the answer to the first press is shown."""
    for _ in range(2):
        if press.key:
            person.press(press.key)
        elif shiboken6.isValid(press.button):
            press.button.click()  # type: ignore[attr-defined]
        person.wait_until_read()


def hold_enter(dialog: DialogFrame) -> None:
    """Send a repeated Enter to the widget with the focus, as the keyboard does while the key is held down. Do nothing
    if the answer to the first press has already closed the dialog."""
    if not shiboken6.isValid(dialog):
        return
    handle = dialog.windowHandle()
    for _ in range(KEY_REPEAT_COUNT):
        if shiboken6.isValid(handle):
            repeat = QKeyEvent(
                QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r", autorep=True
            )
            QCoreApplication.sendEvent(handle, repeat)


def is_dialog_visible(press: ActingPress) -> bool:
    return press.dialog is not None and shiboken6.isValid(press.dialog) and press.dialog.isVisible()


def run_case(stage: CaseStage, example: RepeatedPressExample, press_method: str) -> None:
    """Prepare the case, press its button or key several times, wait for the end, and check the outcome.
    `press_method` is "clicks", "keys" or "again" (a second press after the answer to the first).
    """
    stage.number += 1
    press = example.prepare(stage)
    by_keys = press_method != "clicks"
    person = stage.person
    person.wait_until_read()
    stage.toasts.clear()
    before, money = len(stage.read_audited_actions()), stage.count_money_movements()
    if press_method == "again":
        press_again_after_the_answer(person, press)
    elif by_keys:
        press_keys_often(person, press)
    else:
        click_often(person, press)
    if example.needs_password:
        stage.window_desks.confirm_with_password(person, example.person_name)

    def has_case_ended() -> bool:
        if by_keys and is_dialog_visible(press) and press.dialog is not None:
            hold_enter(press.dialog)
        return press.has_ended()

    person.wait_until(has_case_ended)
    person.wait_until_read()
    assert not person.opening.context.running_acting_calls
    if press.dialog_stays_open:
        if by_keys and press.dialog is not None:
            hold_enter(press.dialog)
        assert is_dialog_visible(press), "the outcome was closed before the person saw it"
    # A desk that asks sends its entries about files to the worker, which writes them a moment later.
    person.wait_until(lambda: len(stage.read_audited_actions()) >= before + len(example.audit_actions))
    assert stage.read_audited_actions()[before:] == list(example.audit_actions)
    charges, refunds = stage.count_money_movements()
    assert charges - money[0] == example.audit_actions.count("credit-check.bought")
    assert refunds - money[1] == example.audit_actions.count("refund.submit.started")
    if press.dialog is not None:  # a page's key may come after the first answer, and has an answer of its own then
        assert len({toast.message for toast in stage.toasts}) <= 1, [toast.message for toast in stage.toasts]
    answers = [toast for toast in stage.toasts if "a note mentions you" not in toast.detail]  # that one is told anew
    assert by_keys or len(answers) <= 1, "two presses in one pass of the event loop have one answer"
    bad_toasts = [toast.message for toast in stage.toasts if toast.tone in ("bad", "care")]
    bad_bars = [
        bar.accessibleName()
        for bar in person.window.findChildren(NotificationBar)
        if bar.isVisible() and bar.tone == "bad"
    ]
    assert press_method == "again" or not bad_bars + bad_toasts  # a second press of its own may be refused
    if by_keys:
        QTest.keyRelease(person.wait_for_active_window(), Qt.Key.Key_Return)
    while open_dialogs := [example for example in person.window.findChildren(DialogFrame) if example.isVisible()]:
        open_dialogs[-1].reject()
        QCoreApplication.processEvents()
    person.wait_without_dialog()


# -- credit checks


def open_dialog_by_key(stage: CaseStage, kind: type[DialogT], key: str) -> DialogT:
    """Press this key, and return the one dialog that it opens, ready to be filled in."""
    stage.person.press(key)
    dialog = stage.person.wait_for_dialog(kind)
    stage.person.wait_until_read()
    assert len([one for one in stage.person.window.findChildren(kind) if one.isVisible()]) == 1
    return dialog


def make_dialog_press(stage: CaseStage, dialog: DialogFrame, *, dialog_stays_open: bool = True) -> ActingPress:
    """Return the press of the main button of a dialog. The dialog shows the outcome, or closes with it."""
    stage.person.wait_until(dialog.main_button.isEnabled)

    def has_ended() -> bool:
        return not shiboken6.isValid(dialog) or not (dialog.isVisible() and dialog.is_busy)

    return ActingPress(dialog.main_button, has_ended, dialog, dialog_stays_open=dialog_stays_open)


def open_check(stage: CaseStage, record: CreditCheck) -> CreditCheckPage:
    person = stage.person
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == record.id)
    person.wait_until_read()
    page.take_focus()
    return page


@register_case(
    "PurchaseDialog._buy_check",
    dialog=PurchaseDialog,
    audit_actions=(
        "credit-check.purchase.started",
        "credit-check.bought",
        "credit-check.detail_stored",
        "credit-check.pdf_stored",
    ),
)
def prepare_purchase(stage: CaseStage) -> ActingPress:
    stage.person.frame.show_route(LookupRoute(CORPORATION_NUMBERS[stage.number]))
    stage.person.wait_until_read()
    dialog = open_dialog_by_key(stage, PurchaseDialog, "B")
    choice = dialog.form.client_input
    assert isinstance(choice, DropDownList)
    choice.setCurrentText("2")
    return make_dialog_press(stage, dialog)


@register_case(
    "RefetchDialog._refetch_parts",
    dialog=RefetchDialog,
    audit_actions=("credit-check.refetch.started", "credit-check.pdf_stored"),
)
def prepare_refetch(stage: CaseStage) -> ActingPress:
    open_check(stage, buy_without_pdf(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number]))
    return make_dialog_press(stage, open_dialog_by_key(stage, RefetchDialog, "F"))


@register_case(
    "EvidenceDialog._send_decision",
    dialog=ResolveDialog,
    audit_actions=("credit-check.resolve_proposed",),
)
def prepare_resolve(stage: CaseStage) -> ActingPress:
    """Open and fill the dialog in which the first of two people proposes the outcome of an unknown purchase.
    Nothing is sent before the returned press."""
    open_check(stage, buy_with_unknown_outcome(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number]))
    return open_filled_resolve_dialog(stage)


def open_filled_resolve_dialog(stage: CaseStage) -> ActingPress:
    dialog = open_dialog_by_key(stage, ResolveDialog, "E")
    fill_not_bought_form(dialog, "not on their list")
    return make_dialog_press(stage, dialog)


@register_case(
    "EvidenceDialog._send_decision",
    dialog=ResolveDialog,
    audit_actions=("credit-check.not_bought",),
    person_name="lead-b",
    needs_password=True,
)
def prepare_resolve_second(stage: CaseStage) -> ActingPress:
    """Prepare the second of two decisions about an unknown purchase, which ends it."""
    record = buy_with_unknown_outcome(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number])
    with stage.window_desks.open_acting_desk("op-a") as first:
        first.recovery.resolve("credit-check", record.id, "error", "not on their list")
    open_check(stage, record)
    return open_filled_resolve_dialog(stage)


@register_case("RecordActionHandlers.probe_record", audit_actions=())
def prepare_probe(stage: CaseStage) -> ActingPress:
    page = open_check(
        stage, buy_with_unknown_outcome(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number])
    )
    return make_page_press(stage, page.action_bar.find_button("probe"), "P")


def make_page_press(
    stage: CaseStage, button: QWidget | None, key: str, has_ended: Callable[[], bool] | None = None
) -> ActingPress:
    """Return the press of a button of a page, or of its key `key`. The press has ended when `has_ended` returns True
    (None: when no acting call is running).
    """
    assert button is not None
    stage.person.wait_until(button.isEnabled)
    acting = stage.person.opening.context
    return ActingPress(button, has_ended or (lambda: not acting.running_acting_calls), key=key)


# -- refunds


def make_paid_payment(stage: CaseStage) -> Payment:
    return import_paid_payment(stage.console, stage.sandbox, f"ORD-{stage.number}", 12_000)


def open_payment(stage: CaseStage, payment: Payment) -> PaymentPage:
    person = stage.person
    person.frame.show_route(PaymentRoute(payment.id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    person.wait_until_read()
    page.take_focus()
    return page


@register_case("RefundDialog._send_request", dialog=RefundDialog, audit_actions=("refund.requested",))
def prepare_refund_request(stage: CaseStage) -> ActingPress:
    open_payment(stage, make_paid_payment(stage))
    dialog = open_dialog_by_key(stage, RefundDialog, "R")
    dialog.form.amount_edit.setText("8500")
    dialog.form.reason_list.setCurrentIndex(0)
    dialog.form.explanation_edit.setText("ordered twice")
    stage.person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert dialog.review is not None
    return make_dialog_press(stage, dialog)


def open_refund(stage: CaseStage) -> RefundPage:
    """Open the page of a refund that op-a has requested, and return the page."""
    with stage.window_desks.open_acting_desk("op-a") as maker:
        refund = request_refund(maker, make_paid_payment(stage).id)
    person = stage.person
    person.frame.show_route(RefundRoute(refund.id))
    page = person.wait_for_page(RefundPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == refund.id)
    person.wait_until_read()
    page.take_focus()
    return page


def open_decision_dialog(
    stage: CaseStage, kind: type[DialogT], act: Callable[[RefundPage], Callable[[RefundDetails], None]]
) -> DialogT:
    """Open the page of the refund, call the function of the page that `act` returns, and return the dialog of class
    `kind` that it opens.
    """
    page = open_refund(stage)
    assert page.details is not None
    act(page)(page.details)
    return stage.person.wait_for_dialog(kind)


@register_case(
    "_DecisionDialog._send_call",
    dialog=ApproveDialog,
    audit_actions=("refund.approved", "refund.submit.started", "refund.accepted"),
    person_name="lead-b",
)
def prepare_approve(stage: CaseStage) -> ActingPress:
    dialog = open_decision_dialog(stage, ApproveDialog, lambda page: page.action_handlers.open_approve_dialog)
    stage.window_desks.type_password(dialog, "lead-b")
    return make_dialog_press(stage, dialog)


@register_case(
    "_DecisionDialog._send_call",
    dialog=RejectDialog,
    audit_actions=("refund.rejected",),
    person_name="lead-b",
    needs_password=True,
)
def prepare_reject(stage: CaseStage) -> ActingPress:
    dialog = open_decision_dialog(stage, RejectDialog, lambda page: page.action_handlers.open_reject_dialog)
    set_field_text(dialog.reason_field, "delivered as ordered")
    return make_dialog_press(stage, dialog)


@register_case("_DecisionDialog._send_call", dialog=WithdrawDialog, audit_actions=("refund.withdrawn",))
def prepare_withdraw(stage: CaseStage) -> ActingPress:
    return make_dialog_press(
        stage, open_decision_dialog(stage, WithdrawDialog, lambda page: page.action_handlers.open_withdraw_dialog)
    )


def set_field_text(field: Field, words: str) -> None:
    edit = field.edit
    if isinstance(edit, LineEdit):
        edit.setText(words)
    else:
        edit.setPlainText(words)


@register_case(
    "EvidenceDialog._send_decision",
    dialog=ResolveMoneyDialog,
    audit_actions=("refund.resolve_proposed",),
)
def prepare_resolve_money(stage: CaseStage) -> ActingPress:
    if stage.number:
        stage.sandbox.control.add_fault("close_after_charge", call="paypay_refund", times=1)
        refund = request_refund(
            stage.console, import_paid_payment(stage.console, stage.sandbox, f"ORD-{stage.number + 1}").id
        )
        with stage.window_desks.open_acting_desk("lead-b") as lead, pytest.raises(ConsoleError):
            lead.refunds.approve(refund.id)
    else:
        refund = make_unknown_refund(stage.window_desks, stage.sandbox)
    stage.person.frame.show_route(RefundRoute(refund.id))
    page = stage.person.wait_for_page(RefundPage)
    stage.person.wait_until(lambda: page.details is not None and page.details.record.id == refund.id)
    page.take_focus()
    dialog = open_dialog_by_key(stage, ResolveMoneyDialog, "E")
    dialog.form.kind_buttons["text"].setChecked(True)
    set_field_text(dialog.form.text_field, "Their support says that it went through.")
    dialog.form.outcome_buttons["completed"].setChecked(True)
    dialog.form.reason_list.setCurrentIndex(0)
    set_field_text(dialog.form.refund_number_field, f"15{stage.number}")
    return make_dialog_press(stage, dialog)


@register_case(
    "EvidenceDialog._send_decision",
    dialog=OutsideRefundDialog,
    audit_actions=("payment.resolve_proposed",),
)
def prepare_outside_refund(stage: CaseStage) -> ActingPress:
    today = read_today()
    payment = import_paid_payment(stage.console, stage.sandbox, f"ORD-{stage.number + 1}")
    page = open_payment(stage, payment)
    button = page.action_bar.find_button(RECORD_OUTSIDE_ACTION)
    assert button is not None
    button.click()
    dialog = stage.person.wait_for_dialog(OutsideRefundDialog)
    stage.person.wait_until_read()
    dialog.form.kind_buttons["text"].setChecked(True)
    set_field_text(dialog.form.text_field, "Transfer 114")
    set_field_text(dialog.form.amount_field, "1,000")
    set_field_text(dialog.form.day_field, today)
    dialog.form.reason_list.setCurrentIndex(0)
    return make_dialog_press(stage, dialog)


# -- files


@register_case("EvidenceExportActions.write_pack", audit_actions=("evidence_pack.exported",))
def prepare_evidence_pack(stage: CaseStage) -> ActingPress:
    """Prepare the writing of an evidence pack whose file name was entered already."""
    payment = make_paid_payment(stage)
    page = open_payment(stage, payment)
    button = KeyButton("", parent=page)
    path = stage.folder / f"pack-{stage.number}.zip"
    button.clicked.connect(
        partial(page.evidence.write_pack, "payment", payment.id, payment.merchant_payment_id, path)
    )
    return make_page_press(stage, button, "")


@register_case(audit_actions=("list.exported",))
def prepare_export(stage: CaseStage) -> ActingPress:
    """Prepare the export of a queue whose file name was entered already."""
    buy_without_pdf(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number])
    page = open_queue(stage, "incomplete")
    button = KeyButton("", parent=page)
    path = stage.folder / f"list-{stage.number}.csv"
    button.clicked.connect(partial(page.exporter.export_list_to, str(path)))
    return make_page_press(stage, button, "", lambda: path.exists() and not page.exporter.is_running)


# -- work shared by people


@register_case("FormDialog.send_call", dialog=NoteDialog, audit_actions=("record.note",))
def prepare_note(stage: CaseStage) -> ActingPress:
    open_payment(stage, make_paid_payment(stage))
    dialog = open_dialog_by_key(stage, NoteDialog, "N")
    set_field_text(dialog.note_field, "called them")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case("FormDialog.send_call", dialog=UnmaskDialog, audit_actions=("payment.unmask",))
def prepare_unmask(stage: CaseStage) -> ActingPress:
    payment = make_paid_payment(stage)
    set_payer_name(stage.window_desks, payment.id)
    open_payment(stage, payment)
    dialog = open_dialog_by_key(stage, UnmaskDialog, "U")
    set_field_text(dialog.reason_text_field, "the caller names it")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case("CollaborationActions.take_record", audit_actions=("record.take",))
def prepare_take(stage: CaseStage) -> ActingPress:
    page = open_payment(stage, make_paid_payment(stage))
    return make_page_press(stage, page.action_bar.find_button("take"), "T")


def take_payment(stage: CaseStage) -> PaymentPage:
    payment = make_paid_payment(stage)
    with stage.window_desks.open_acting_desk("op-a") as desk:
        desk.recovery.take("payment", payment.id)
    page = open_payment(stage, payment)
    stage.person.wait_until_read()  # a bar of the take before goes with the reading
    stage.person.wait_until(lambda: "taken" in page.list_bar_names())
    return page


@register_case("CollaborationActions.give_back_record", audit_actions=("record.given_up",))
def prepare_give_back(stage: CaseStage) -> ActingPress:
    page = take_payment(stage)

    def list_give_back_buttons() -> list[KeyButton]:
        return [one for one in page.findChildren(KeyButton) if one.text() == "Give back" and one.isVisible()]

    stage.person.wait_until_read()  # a later reading replaces the buttons of the bar
    stage.person.wait_until(lambda: bool(list_give_back_buttons()))  # the bar is shown before it has its place
    return make_page_press(stage, list_give_back_buttons()[0], "Shift+T")


@register_case("FormDialog.send_call", dialog=HandOverDialog, audit_actions=("record.given_up", "record.note"))
def prepare_hand_over(stage: CaseStage) -> ActingPress:
    take_payment(stage)
    dialog = open_dialog_by_key(stage, HandOverDialog, "H")
    set_field_text(dialog.note_field, "waits for their call")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case("OwnTakeButtons._give_back_subject", audit_actions=("record.given_up",))
def prepare_give_back_in_list(stage: CaseStage) -> ActingPress:
    take_payment(stage)
    dialog = open_unfinished_work_dialog(stage.person.frame)
    dialog.show_tab("held")
    return make_page_press(stage, dialog.own_takes.give_back_button, "")


@register_case("MentionDoneButton._mark_done", audit_actions=("mention.done",))
def prepare_mention_done(stage: CaseStage) -> ActingPress:
    payment, me = make_paid_payment(stage), stage.console.people.read_acting_person().name
    with stage.window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.add_note("payment", payment.id, f"@{me} please look")
        lead.recovery.add_note("payment", payment.id, f"@{me} and here")
    dialog = open_unfinished_work_dialog(stage.person.frame)
    dialog.show_tab("mentions")
    return make_page_press(stage, dialog.mention_buttons.done_button, "")


# -- incidents


def open_incident(stage: CaseStage, *acts: Callable[[Console, int], object]) -> tuple[AlertsPage, int]:
    """Open the alerts page on an incident on which op-a has executed these actions. Return the page and the
    incident's id.
    """
    id = raise_two_alerts(stage.window_desks, make_paid_payment(stage))
    with stage.window_desks.open_acting_desk("op-a") as desk:
        for act in acts:
            act(desk, id)
    person = stage.person
    person.frame.show_route(HomeRoute())
    person.wait_until_read()
    incident = stage.console.incidents.read_incident(id)
    person.frame.show_route(AlertsRoute(incident.main_alert.id))
    page = person.wait_for_page(AlertsPage)
    person.wait_until(lambda: page.current_incident is not None and page.current_incident.id == id)
    person.wait_until_read()
    page.table.setFocus()
    return page, id


def resolve_incident(desk: Console, id: int) -> None:
    desk.incidents.resolve(id, "the shop has corrected it")


@register_case("AlertsPage._run_incident_action", audit_actions=("alert.acknowledged", "alert.acknowledged"))
def prepare_acknowledge(stage: CaseStage) -> ActingPress:
    page, _ = open_incident(stage)
    return make_page_press(stage, page.acknowledge_button, "A")


@register_case("AlertsPage._run_incident_action", audit_actions=("incident.taken",))
def prepare_incident_take(stage: CaseStage) -> ActingPress:
    page, _ = open_incident(stage)
    return make_page_press(stage, page.take_button, "T")


@register_case("AlertsPage._run_incident_action", audit_actions=("incident.released",))
def prepare_incident_give_back(stage: CaseStage) -> ActingPress:
    page, _ = open_incident(stage, lambda desk, id: desk.incidents.take(id))
    return make_page_press(stage, page.give_back_button, "Shift+T")


@register_case("FormDialog.send_call", dialog=HandOverIncidentDialog, audit_actions=("incident.handed_over",))
def prepare_incident_hand_over(stage: CaseStage) -> ActingPress:
    open_incident(stage)
    dialog = open_dialog_by_key(stage, HandOverIncidentDialog, "H")
    assert dialog.drop_down_list is not None
    dialog.drop_down_list.setCurrentIndex(0)
    set_field_text(dialog.note_field, "please call the shop")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case("FormDialog.send_call", dialog=SnoozeIncidentDialog, audit_actions=("incident.snoozed",))
def prepare_incident_snooze(stage: CaseStage) -> ActingPress:
    open_incident(stage)
    return make_dialog_press(stage, open_dialog_by_key(stage, SnoozeIncidentDialog, "S"), dialog_stays_open=False)


@register_case("FormDialog.send_call", dialog=ResolveIncidentDialog, audit_actions=("incident.resolved",))
def prepare_incident_resolve(stage: CaseStage) -> ActingPress:
    open_incident(stage)
    dialog = open_dialog_by_key(stage, ResolveIncidentDialog, "E")
    set_field_text(dialog.note_field, "the shop has corrected it")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case("FormDialog.send_call", dialog=ReopenIncidentDialog, audit_actions=("incident.reopened",))
def prepare_incident_reopen(stage: CaseStage) -> ActingPress:
    open_incident(stage, resolve_incident)
    dialog = open_dialog_by_key(stage, ReopenIncidentDialog, "E")
    set_field_text(dialog.note_field, "it has not")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case(
    "AcknowledgeAlertsDialog._acknowledge_alerts",
    dialog=AcknowledgeAlertsDialog,
    audit_actions=("alert.acknowledged", "alert.acknowledged"),
)
def prepare_acknowledge_with_note(stage: CaseStage) -> ActingPress:
    open_incident(stage)
    dialog = open_dialog_by_key(stage, AcknowledgeAlertsDialog, "Shift+A")
    set_field_text(dialog.note_field, "seen")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


# -- administration


def open_administration(stage: CaseStage, tab: int) -> AdminPage:
    stage.person.press("Alt+9")
    page = stage.person.wait_for_page(AdminPage)
    page.tabs.setCurrentIndex(tab)
    table = (page.switch_table, page.limit_table, page.people_table)[tab]
    stage.person.wait_until(lambda: table.current_item is not None)
    stage.person.wait_until_read()
    table.setFocus()
    return page


@register_case(
    "FormDialog.send_call", dialog=ReadOnlySwitchDialog, audit_actions=("read_only.on",), person_name="adm-f"
)
def prepare_read_only_switch(stage: CaseStage) -> ActingPress:
    page = open_administration(stage, 0)
    page.switch_table.go_to_row(1 - stage.number)  # one provider, then everything
    stage.person.wait_until_read()
    dialog = open_dialog_by_key(stage, ReadOnlySwitchDialog, "O")
    set_field_text(dialog.reason_field, "provider incident")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case(
    "FormDialog.send_call",
    dialog=LimitDialog,
    audit_actions=("limit.proposed",),
    person_name="adm-f",
    needs_password=True,
)
def prepare_limit(stage: CaseStage) -> ActingPress:
    open_administration(stage, 1)
    dialog = open_dialog_by_key(stage, LimitDialog, "C")
    set_field_text(dialog.value_field, str(4321 + stage.number))
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


def open_people_tab(stage: CaseStage, disabled_by: str = "") -> None:
    """Add a person, disabled by the administrator `disabled_by` if it isn't "", and select the person on the page."""
    name = f"op-z{stage.number}"
    values = f"UTC_TIMESTAMP(6), '{disabled_by}', 'left'" if disabled_by else "NULL, NULL, NULL"
    with stage.window_desks.write_as_owner() as tx:
        if tx.conn.dialect.name == "sqlite":
            values = values.replace("UTC_TIMESTAMP(6)", "'2026-11-20 00:00:00'")
        tx.conn.exec_driver_sql(
            "INSERT INTO operators (name, roles, disabled_at, disabled_by, disabled_reason)"
            f" VALUES ('{name}', 'operator', {values})"
        )
    page = open_administration(stage, 2)
    page.read_data_again()
    stage.person.wait_until_read()
    stage.person.wait_until(lambda: name in [row.person.name for row in page.people_table.all_rows])
    page.people_table.go_to_row([row.person.name for row in page.people_table.all_rows].index(name))
    stage.person.wait_until_read()


@register_case(
    "FormDialog.send_call",
    dialog=DisablePersonDialog,
    audit_actions=("operator.disabled",),
    person_name="adm-f",
    needs_password=True,
)
def prepare_disable_person(stage: CaseStage) -> ActingPress:
    open_people_tab(stage)
    dialog = open_dialog_by_key(stage, DisablePersonDialog, "D")
    set_field_text(dialog.reason_field, "the laptop was stolen")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case(
    "FormDialog.send_call",
    dialog=EnablePersonDialog,
    audit_actions=("operator.enabling_requested",),
    person_name="adm-f",
    needs_password=True,
)
def prepare_enable_person(stage: CaseStage) -> ActingPress:
    open_people_tab(stage, "adm-g")
    dialog = open_dialog_by_key(stage, EnablePersonDialog, "D")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


# -- queues and bulk runs


def open_queue(stage: CaseStage, name: str) -> QueuesPage:
    person = stage.person
    person.frame.show_route(QueuesRoute(name))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.table.current_item is not None)
    person.wait_until_read()
    page.take_focus()
    return page


@register_case("SaveViewDialog._send_form", dialog=SaveViewDialog, audit_actions=("view.saved",))
def prepare_save_view(stage: CaseStage) -> ActingPress:
    buy_with_unknown_outcome(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number])
    open_queue(stage, "unknown")
    dialog = open_dialog_by_key(stage, SaveViewDialog, "Ctrl+S")
    set_field_text(dialog.name_field, f"view {stage.number}")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


def open_saved_view(stage: CaseStage) -> QueuesPage:
    buy_with_unknown_outcome(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number])
    with stage.window_desks.open_acting_desk("op-a") as desk:
        view = desk.saved_views.save_view(f"view {stage.number}", False, ViewContent("unknown", "", "", "-age"))
    stage.person.opening.context.saved_views_outdated.emit()
    stage.person.wait_until(lambda: any(one.view.id == view.id for one in stage.person.opening.context.saved_views))
    stage.person.frame.show_route(convert_link_to_route(Link("view", str(view.id))))
    page = stage.person.wait_for_page(QueuesPage)
    stage.person.wait_until(
        lambda: page.shown_saved_view.view is not None and page.shown_saved_view.view.id == view.id
    )
    stage.person.wait_until_read()
    return page


@register_case("SaveViewDialog._send_form", dialog=RenameViewDialog, audit_actions=("view.changed",))
def prepare_rename_view(stage: CaseStage) -> ActingPress:
    open_saved_view(stage).shown_saved_view.open_rename_dialog()
    dialog = stage.person.wait_for_dialog(RenameViewDialog)
    set_field_text(dialog.name_field, f"renamed {stage.number}")
    return make_dialog_press(stage, dialog, dialog_stays_open=False)


@register_case("ShownSavedView.delete_view", audit_actions=("view.deleted",))
def prepare_delete_view(stage: CaseStage) -> ActingPress:
    """Prepare the deletion of a saved view from the menu of the page."""
    page = open_saved_view(stage)
    button = KeyButton("", parent=page)
    button.clicked.connect(page.shown_saved_view.delete_view)
    return make_page_press(stage, button, "", lambda: "view" in page.list_bar_names())


@register_case("ShownSavedView._restore_view", audit_actions=("view.restored",))
def prepare_restore_view(stage: CaseStage) -> ActingPress:
    page = open_saved_view(stage)
    page.shown_saved_view.delete_view()

    def list_restore_buttons() -> list[KeyButton]:
        return [one for one in page.findChildren(KeyButton) if one.isVisible() and one.text() == "Restore"]

    stage.person.wait_until(lambda: page.shown_saved_view.view is None and bool(list_restore_buttons()))
    return make_page_press(stage, list_restore_buttons()[0], "", lambda: page.shown_saved_view.view is not None)


def choose_record(stage: CaseStage) -> list[ChosenRecord]:
    record = buy_without_pdf(stage.console, stage.sandbox, CORPORATION_NUMBERS[stage.number])
    return [ChosenRecord("credit-check", record.id, record.version)]


def open_bulk_dialog(stage: CaseStage) -> BulkDialog:
    """Open the dialog of a bulk run of one record, with its dry run, and return it."""
    with stage.window_desks.open_acting_desk("op-a") as desk:
        run = desk.bulk_runs.create_run("refetch", choose_record(stage))
    dialog = BulkDialog(stage.person.opening.context, stage.person.window, run)
    dialog.open()
    stage.person.wait_until(dialog.main_button.isEnabled)
    return dialog


@register_case("BulkRunDialog._discard_run", audit_actions=("bulk.discarded",))
def prepare_bulk_discard(stage: CaseStage) -> ActingPress:
    dialog = open_bulk_dialog(stage)
    assert dialog.progress_page is not None
    return make_page_press(stage, dialog.progress_page.discard_button, "")


@register_case(
    "execute_run_in_background",
    dialog=BulkDialog,
    audit_actions=(
        "bulk.begun",
        "credit-check.refetch.started",
        "credit-check.detail_stored",
        "credit-check.pdf_stored",
        "bulk.ended",
    ),
)
def prepare_bulk_run(stage: CaseStage) -> ActingPress:
    """Prepare the confirmation of a bulk run that was opened again."""
    dialog = open_bulk_dialog(stage)
    dialog.main_button.click()
    stage.person.wait_until(lambda: dialog.plan_page is not None)
    press = make_dialog_press(stage, dialog)
    return replace(
        press, has_ended=lambda: dialog.run is not None and dialog.run.state == "done" and not dialog.is_running_here
    )


@register_case("BulkDialog._create_run", audit_actions=("bulk.frozen",))
def prepare_bulk_freeze(stage: CaseStage) -> ActingPress:
    """Prepare the dialog that stores the selected records as a bulk run with a note."""
    choose_record(stage)
    page = open_queue(stage, "incomplete")
    stage.person.press("Ctrl+A")
    page.queue_actions.begin_bulk_run(BulkAction.NOTE)
    dialog = stage.person.wait_for_dialog(BulkDialog)
    assert dialog.note_field is not None
    set_field_text(dialog.note_field, "seen")
    press = make_dialog_press(stage, dialog)
    return replace(press, has_ended=lambda: dialog.plan_page is not None)


@register_case("BulkDialog.reject", audit_actions=("bulk.discarded",))
def prepare_bulk_leave(stage: CaseStage) -> ActingPress:
    """Prepare the closing of a dialog whose bulk run wasn't confirmed and is discarded."""
    choose_record(stage)
    page = open_queue(stage, "incomplete")
    stage.person.press("Ctrl+A")
    page.queue_actions.begin_bulk_run(BulkAction.REFETCH)
    dialog = stage.person.wait_for_dialog(BulkDialog)
    stage.person.wait_until(lambda: dialog.plan_page is not None)
    return make_page_press(stage, dialog.cancel_button, "")


# -- payments and their reconciliation


@register_case("RecordActionHandlers.set_order_paid", audit_actions=("order.filled", "order.paid"))
def prepare_move_order(stage: CaseStage) -> ActingPress:
    number = f"ORD-{stage.number}"
    order = insert_order(stage.window_desks, number, 3_300)
    payment = stage.console.payments.start(order, "paypay").payment
    stage.sandbox.control.payments_control.change_payment_state("paypay", number, "paid")
    acting = stage.window_desks.acting_desk._context
    before, acting.failpoints = acting.failpoints, UnreachableBeforeOrderIsPaid()
    stage.console.payments.probe(payment.id)
    acting.failpoints = before
    page = open_payment(stage, payment)
    return make_page_press(stage, page.action_bar.find_button("move_order"), "M")


_TEST_OF_REPEATED_PRESSES = "tests/views/runtime/test_request_id.py::test_a_button_pressed_twice_makes_one_call"
TEST_BY_CALL_SITE_WITHOUT_CASE = {
    "ReconcileDialog._begin_run": (
        "tests/views/reconciliation/test_dialog.py::test_a_button_pressed_twice_begins_one_run"
    ),
    "ReconciliationActions.resume_run": (
        "tests/views/reconciliation/test_page.py::test_a_second_press_of_continue_has_no_effect"
    ),
    "RefundDialog._probe_payment": _TEST_OF_REPEATED_PRESSES,
    "BulkRunDialog._stop_run": _TEST_OF_REPEATED_PRESSES,
    "LeftoverCredentialsDialog._delete_credentials": _TEST_OF_REPEATED_PRESSES,
}
"""Places in the code that start an acting call and have no case in this file, each with the test that presses their
button twice."""
DIALOGS_WITHOUT_ACTING_CALL = {
    "RunningCallsDialog", "ColumnsDialog", "HelpDialog", "AnnouncementsDialog", "NotificationsDialog",
    "UnfinishedWorkDialog",
}  # fmt: skip
"""Dialogs whose main button starts no acting call."""


CASES_THAT_CONTINUE = {"mention_done"}
"""Cases in which the answer shows the next record of a list, so that a second press is meant for the next record."""


def find_acting_calls() -> set[str]:
    """Return class and method of each call of `run_acting_call` and `run_long_acting_call`."""
    call_sites: set[str] = set()

    def visit(node: ast.AST, names: tuple[str, ...]) -> None:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = (*names, node.name)
        if isinstance(node, ast.Attribute) and node.attr in ("run_acting_call", "run_long_acting_call"):
            call_sites.add(".".join(names))
        for child in ast.iter_child_nodes(node):
            visit(child, names)

    for source in VIEWS_FOLDER.rglob("*.py"):
        text = source.read_text("utf-8")
        if "acting_call" in text:
            visit(ast.parse(text), ())
    return call_sites


def list_dialog_names() -> set[str]:
    """Return the names of all dialog classes of the product, without base classes."""
    for source in VIEWS_FOLDER.rglob("*.py"):
        if "Dialog" in source.read_text("utf-8"):
            importlib.import_module(".".join(source.relative_to(VIEWS_FOLDER.parents[1]).with_suffix("").parts))
    waiting, dialog_names = [DialogFrame], set()
    while waiting:
        derived = waiting.pop().__subclasses__()
        waiting += derived
        dialog_names |= {one.__name__ for one in derived if one.__module__.startswith("console.")}
    return dialog_names - {
        "FormDialog",
        "EvidenceDialog",
        "IncidentDialog",
        "BulkRunDialog",
        "_DecisionDialog",
        "_PersonDialog",
    }


def test_every_acting_call_has_a_case_or_another_test() -> None:
    """Every acting call has a case here or is listed with an existing test that covers it. Every dialog either starts
    such a call or is listed as a dialog without one.
    """
    cases = CASE_BY_NAME.values()
    assert find_acting_calls() == {site for one in cases for site in one.call_sites} | set(
        TEST_BY_CALL_SITE_WITHOUT_CASE
    )
    acting = {one.dialog.__name__ for one in cases if one.dialog} | {
        "LeftoverCredentialsDialog",
        "PasswordDialog",
        "ReconcileDialog",
    }
    assert list_dialog_names() == acting | DIALOGS_WITHOUT_ACTING_CALL
    for test in TEST_BY_CALL_SITE_WITHOUT_CASE.values():
        path, name = test.split("::")
        assert f"def {name}(" in (VIEWS_FOLDER.parents[1] / path).read_text("utf-8")


LOG_MARKS_BY_CASE = {"move_order": (pytest.mark.expects_log("what was tolerated is told"),)}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=LOG_MARKS_BY_CASE.get(name, ())) for name in sorted(CASE_BY_NAME)]
)
def test_a_button_pressed_twice_acts_once(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    """If a button is clicked several times, or its key is held down, its action is executed once: the audit trail has
    it once, and one result is shown.
    """
    one = CASE_BY_NAME[name]
    if one.person_name == "adm-f":
        for administrator in ("adm-f", "adm-g"):  # the second one could confirm a limit
            window_desks.add_person(Operator(administrator, frozenset({ADMIN}), may_buy=False))
    stage = CaseStage(window_desks, sandbox, open_window(), tmp_path)
    stage.switch_person(one.person_name)
    stage.person.opening.context.toast_requested.connect(stage.store_action_toast)
    for way in ("clicks", "keys"):
        run_case(stage, one, way)
    if one.dialog is None and name not in CASES_THAT_CONTINUE:
        run_case(stage, one, "again")


@through_a_worker
@pytest.mark.parametrize("uses_keyboard", [False, True], ids=["clicks", "keys"])
def test_a_password_entered_twice_decides_once(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox, tmp_path: Path, uses_keyboard: bool
) -> None:
    """If a person confirms the password twice in the dialog of a rejection, there is one desk request and one
    rejection.
    """
    stage = CaseStage(window_desks, sandbox, open_window(), tmp_path, number=0)
    stage.switch_person("lead-b")
    press, person = prepare_reject(stage), stage.person
    press.button.click()  # type: ignore[attr-defined]  # a button
    dialog = person.wait_for_dialog(PasswordDialog)
    dialog.password_field.line_edit.setText(window_desks.get_password_of("lead-b"))
    password = ActingPress(dialog.main_button, press.has_ended, dialog)
    person.wait_until(dialog.main_button.isEnabled)
    if uses_keyboard:
        dialog.password_field.line_edit.setFocus()
        QTest.keyPress(dialog.windowHandle(), Qt.Key.Key_Return)
        assert press.dialog is not None
        hold_enter(dialog if shiboken6.isValid(dialog) else press.dialog)
    else:
        click_often(person, password)
    person.wait_until(press.has_ended)
    person.wait_until_read()
    assert stage.read_audited_actions()[-1] == "refund.rejected"
    assert stage.read_audited_actions().count("refund.rejected") == 1
    with window_desks.write_as_owner() as tx:
        requests = tx.conn.exec_driver_sql("SELECT confirmed FROM requests WHERE action = 'refund reject'").all()
    assert [tuple(row) for row in requests] == [(1,)]
    assert not person.window.findChildren(PasswordDialog)
