"""The texts of the dialogs that spend or return money after their call has failed. If the action may have been
executed all the same, no text says that it was not.
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
from console.domain.service_results import PurchasePlan
from console.views.purchase.dialog import PurchaseDialog
from console.views.records.resolve_dialog import ResolveDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog, WithdrawDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import make_payment, make_plan, make_refund, make_view

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
        ErrorCode.POSSIBLE_REPEAT, {"reason": PossibleRepeatReason.ANSWER_NOT_KEPT}
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


DIALOGS: dict[str, Callable[[Any, QWidget], Any]] = {
    "purchase": lambda context, parent: PurchaseDialog(
        context, PurchasePlan("2010401907731", ("1",), (), (), None, None, is_renewal=False, read_at=NOW), "1", parent
    ),
    "refund": lambda context, parent: RefundDialog(context, make_plan(), None, parent),
    "approve": lambda context, parent: ApproveDialog(context, make_view(), parent),
    "reject": lambda context, parent: RejectDialog(context, make_view(), parent),
    "withdraw": lambda context, parent: WithdrawDialog(context, make_view(), parent),
    "resolve a refund": lambda context, parent: ResolveMoneyDialog(context, make_refund(), None, parent),
    "resolve a payment": lambda context, parent: ResolveMoneyDialog(context, make_payment(), None, parent),
    "resolve a check": lambda context, parent: ResolveDialog(context, make_check(), None, parent),
}


def read_texts_after_failure(name: str, failure: Failure, parent: QWidget) -> tuple[str, list[str]]:
    """Open a dialog, let its call fail, and return the title and the other texts that the dialog then shows."""
    context = make_window_context()
    context.runner = InlineRunner(paused=True)
    context.store_services(object())  # type: ignore[arg-type]  # no call begins
    dialog = DIALOGS[name](context, parent)
    dialog.open()
    dialog.set_busy("Waiting")
    dialog._show_failure(failure)
    assert dialog.may_be_closed
    texts = [label.plain for label in dialog.findChildren(TextLabel) if label.isVisible()]
    dialog.reject()
    return dialog.windowTitle(), texts


@pytest.mark.parametrize("name", DIALOGS)
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
