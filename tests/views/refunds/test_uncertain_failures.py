"""The texts of dialogs, bars and toasts after a call has failed. If the action may have been executed all the same,
no text says that it was not, and no bar has the colour of a refusal.
"""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.error_reasons import (
    AlreadyDecidedReason,
    DatabaseUnreachableProblem,
    OutcomeUnknownReason,
    PossibleRepeatReason,
)
from console.domain.errors import ErrorCode
from console.domain.payments.limits import Limit
from console.domain.payments.records import RefundRelations
from console.domain.service_results import PurchasePlan
from console.domain.tasks.records import Alert, AlertItem, BulkAction
from console.views.admin.limit_dialog import LimitDialog
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.page import AlertsPage
from console.views.bulk.dialog import BulkDialog
from console.views.bulk.request import BulkRequest
from console.views.pages.base import Page
from console.views.purchase.dialog import PurchaseDialog
from console.views.reconciliation.actions import ReconciliationActions
from console.views.reconciliation.dialog import ReconcileDialog
from console.views.records.actions import RecordActionHandlers
from console.views.records.resolve_dialog import ResolveDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog, WithdrawDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import make_payment, make_refund, make_refund_details, make_refund_plan
from tests.views.invented_runs import make_run_item

UNCERTAIN_FAILURES = {
    "the worker's answer is missing": Failure(
        ErrorCode.OUTCOME_UNKNOWN, {"reason": OutcomeUnknownReason.WORKER_ANSWER_MISSING}
    ),
    "COMMIT was not answered": Failure(
        ErrorCode.DATABASE_UNREACHABLE, {"problem": DatabaseUnreachableProblem.COMMIT_UNANSWERED}
    ),
    "the connection was lost": Failure(
        ErrorCode.DATABASE_UNREACHABLE, {"problem": DatabaseUnreachableProblem.CONNECTION_LOST}
    ),
    "executed, answer not stored": Failure(
        ErrorCode.POSSIBLE_REPEAT, {"reason": PossibleRepeatReason.ANSWER_NOT_STORED}
    ),
    "the answer can't be read": Failure(
        ErrorCode.POSSIBLE_REPEAT, {"reason": PossibleRepeatReason.ANSWER_UNREADABLE}
    ),
    "answered after the decision": Failure(ErrorCode.ALREADY_DECIDED, {"reason": AlreadyDecidedReason.LATE_ANSWER}),
    "an error in the program": Failure(ErrorCode.INTERNAL_ERROR, {}, "E-234567"),
}
CERTAIN_FAILURES = {
    "refused": Failure(ErrorCode.NOT_ALLOWED),
    "not reached": Failure(ErrorCode.DATABASE_UNREACHABLE),
    "a similar refund": Failure(ErrorCode.POSSIBLE_REPEAT, {"reason": PossibleRepeatReason.EXACT_LOOKALIKE}),
    "no worker": Failure(ErrorCode.WORKER_AWAY),
}
LATE_PAYMENT_ALERT = AlertItem(
    Alert(3, "C", "order", 9, "ORD-3", "order=cancelled; payment 5=completed 3300 JPY after=expired", "refund", NOW),
    "refund",
    "payment",
    5,
)
TEXTS_ABOUT_NOTHING_DONE = (
    "Not done", "Not bought", "Refund not requested", "Nothing has changed", "Nothing was charged.",
)  # fmt: skip


@pytest.fixture
def parent(qtbot: QtBot, appearance: object) -> QWidget:
    window = QWidget()
    window.resize(1280, 800)
    qtbot.addWidget(window)
    window.show()
    return window


MAKE_DIALOG_BY_NAME: dict[str, Callable[[Any, QWidget], Any]] = {
    "purchase": lambda context, parent: PurchaseDialog(
        context, PurchasePlan("2010401907731", ("1",), (), (), None, None, is_renewal=False, read_at=NOW), "1", parent
    ),
    "refund": lambda context, parent: RefundDialog(context, make_refund_plan(), parent),
    "approve": lambda context, parent: ApproveDialog(context, make_refund_details(), parent),
    "reject": lambda context, parent: RejectDialog(context, make_refund_details(), parent),
    "withdraw": lambda context, parent: WithdrawDialog(context, make_refund_details(), parent),
    "resolve a refund": lambda context, parent: ResolveMoneyDialog(context, make_refund(), None, parent),
    "resolve a payment": lambda context, parent: ResolveMoneyDialog(context, make_payment(), None, parent),
    "resolve a check": lambda context, parent: ResolveDialog(context, make_check(), None, parent),
}


def read_texts_after_failure(name: str, failure: Failure, parent: QWidget) -> tuple[str, list[str]]:
    """Open the dialog `name` of MAKE_DIALOG_BY_NAME, let its call fail with `failure`, and return two values: the
    title, and the other texts that the dialog then shows.
    """
    context = make_window_context()
    context.runner = InlineRunner(paused=True)
    context.store_services(object())  # type: ignore[arg-type]  # no call begins
    dialog = MAKE_DIALOG_BY_NAME[name](context, parent)
    dialog.open()
    dialog.set_busy("Waiting")
    dialog._show_failure(failure)
    assert dialog.may_be_closed
    texts = [label.plain for label in dialog.findChildren(TextLabel) if label.isVisible()]
    dialog.reject()
    return dialog.windowTitle(), texts


@pytest.mark.parametrize("name", MAKE_DIALOG_BY_NAME)
def test_no_dialog_says_that_nothing_was_done(parent: QWidget, name: str) -> None:
    for case, failure in UNCERTAIN_FAILURES.items():
        title, texts = read_texts_after_failure(name, failure, parent)
        assert title in ("It is not known whether this was done", "The outcome of the purchase is unknown"), case
        assert [text for text in texts for denial in TEXTS_ABOUT_NOTHING_DONE if denial in text] == [], case


@pytest.mark.parametrize("name", ["purchase", "refund", "approve", "resolve a refund"])
def test_a_refusal_says_that_nothing_was_done(parent: QWidget, name: str) -> None:
    for case, failure in CERTAIN_FAILURES.items():
        title, _ = read_texts_after_failure(name, failure, parent)
        assert title in ("Not done", "Not bought", "Refund not requested"), case


MAKE_FURTHER_DIALOG_BY_NAME: dict[str, Callable[[WindowContext, QWidget], Any]] = {
    "form": lambda context, parent: LimitDialog(context, Limit("per_refund", "JPY", 1_000_000, None, None), parent),
    "acknowledge": lambda context, parent: AcknowledgeAlertsDialog(context, LATE_PAYMENT_ALERT, parent),
    "bulk": lambda context, parent: BulkDialog(context, parent, BulkRequest(BulkAction.NOTE, lambda services: (), 2)),
    "reconcile": lambda context, parent: ReconcileDialog(context, ("paypay",), "", parent),
}


@pytest.mark.parametrize("name", MAKE_FURTHER_DIALOG_BY_NAME)
def test_a_dialog_colours_a_certain_failure_as_bad(parent: QWidget, name: str) -> None:
    tones = {
        "COMMIT was not answered": "unknown",
        "an error in the program": "unknown",
        "refused": "bad",
    }
    for case, tone in tones.items():
        dialog = MAKE_FURTHER_DIALOG_BY_NAME[name](make_window_context(), parent)
        show_failure = dialog._show_creation_failure if name == "bulk" else dialog._show_failure
        show_failure((UNCERTAIN_FAILURES | CERTAIN_FAILURES)[case])
        assert tone in [bar.tone for bar in dialog.findChildren(NotificationBar)], case
        assert (tone == "bad") == ("bad" in [bar.tone for bar in dialog.findChildren(NotificationBar)]), case


def show_reconciliation_refusal(page: Page, failure: Failure) -> None:
    ReconciliationActions(page.context, page)._show_refusal(make_run_item(), NotificationBar(""), failure)


SHOW_FAILURE_ON_PAGE: dict[str, Callable[[Page, Failure], None]] = {
    "reconcile": lambda page, failure: show_reconciliation_refusal(page, failure),
    "record": lambda page, failure: RecordActionHandlers(page.context, page).show_refusal(failure),
}


def find_bar(page: Page) -> NotificationBar:
    """Return the newest bar of the page."""
    return page.bars_below.findChildren(NotificationBar)[-1]


@pytest.mark.parametrize("name", SHOW_FAILURE_ON_PAGE)
def test_a_page_says_not_done_only_if_it_is_known(parent: QWidget, name: str, qtbot: QtBot) -> None:
    page = AlertsPage(make_window_context())
    qtbot.addWidget(page)
    known = {id(failure) for failure in CERTAIN_FAILURES.values()}
    for failure in [*UNCERTAIN_FAILURES.values(), *CERTAIN_FAILURES.values()]:
        SHOW_FAILURE_ON_PAGE[name](page, failure)
        bar = find_bar(page)
        assert (bar.tone == "bad", "Not done" in bar.sentence) == (id(failure) in known, id(failure) in known), (
            failure
        )


def test_a_toast_says_not_done_only_if_it_is_known(appearance: object) -> None:
    context, toasts = make_window_context(), list[Toast]()
    context.toast_requested.connect(toasts.append)
    for failure in UNCERTAIN_FAILURES.values():
        context.show_failure_toast(failure, "Not withdrawn", subject_title="R-1")
    assert {(toast.message, toast.tone) for toast in toasts} == {("It is not known whether this was done", "unknown")}
    toasts.clear()
    context.show_failure_toast(CERTAIN_FAILURES["refused"], "Not withdrawn", subject_title="R-1")
    assert [(toast.message, toast.tone) for toast in toasts] == [("Not withdrawn", "bad")]


def test_a_failed_read_before_an_action_says_that_it_was_not_done(appearance: object, qtbot: QtBot) -> None:
    page = AlertsPage(make_window_context())
    qtbot.addWidget(page)
    RecordActionHandlers(page.context, page).show_failed_read(UNCERTAIN_FAILURES["an error in the program"])
    assert find_bar(page).tone == "bad"
    assert "Not done" in find_bar(page).sentence


def test_the_dialog_of_a_refund_names_its_payment(parent: QWidget) -> None:
    """The dialog in which a person resolves a refund names the company, the payment and its provider, so that two
    refunds of the same amount can be distinguished. A payment has its own number in the title."""
    payment = make_payment()
    refund = make_refund(relations=RefundRelations(payment))
    context = make_window_context()
    context.runner = InlineRunner(paused=True)
    context.store_services(object())  # type: ignore[arg-type]  # no call begins
    dialog = ResolveMoneyDialog(context, refund, None, parent)
    payment_title = context.translate("case.title.payment", number=payment.merchant_payment_id)
    number = wording.format_corporation_number(payment.corporation_number or "")
    subtitle = f"{number} · {payment_title} · −¥8,500 · PayPay · v1"
    assert subtitle in [label.plain for label in dialog.findChildren(TextLabel)]
    of_payment = ResolveMoneyDialog(context, payment, None, parent)
    assert f"{number} · ¥12,000 · PayPay · v7" in [label.plain for label in of_payment.findChildren(TextLabel)]


def test_an_approval_says_why_it_stays_open_while_the_password_is_checked(parent: QWidget) -> None:
    """While the database checks the password of an approval, the dialog can't be closed, and says why."""
    context = make_window_context()
    context.runner = InlineRunner(paused=True)
    context.store_services(object())  # type: ignore[arg-type]  # no call begins
    dialog = ApproveDialog(context, make_refund_details(), parent)
    dialog.needs_password = True
    dialog.open()
    dialog.password_field.line_edit.setText("secret")
    dialog._send_decision()
    dialog.reject()
    assert dialog.isVisible()
    assert dialog.hint.plain == context.translate("dialog.stays_open")
