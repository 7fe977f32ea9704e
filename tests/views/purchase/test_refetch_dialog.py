"""Tests of the dialog that fetches parts of a credit check again."""

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.errors import ErrorCode
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.runtime.tasks import Failure
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_check, make_window_context


@pytest.mark.parametrize("code", [ErrorCode.INTERNAL_ERROR, ErrorCode.DATABASE_UNREACHABLE])
def test_an_unreadable_watched_refetch_is_not_called_failed(qtbot: QtBot, code: ErrorCode) -> None:
    """The dialog watches another person's re-fetch, and a read of it fails. The dialog doesn't say that parts could
    not be fetched, or that the outcome of an action isn't known. It offers to watch again."""
    context, parent = make_window_context(), QWidget()
    context.runner = runner = InlineRunner(paused=True)
    context.store_services(object())  # type: ignore[arg-type]  # no read ends
    qtbot.addWidget(parent)
    dialog = RefetchDialog(context, make_check(), parent)
    dialog.open()
    dialog._offer_to_watch(Failure(ErrorCode.IN_PROGRESS), "op-b", NOW)
    dialog.main_button.click()
    assert dialog._watch is not None
    dialog._watch.failed.emit(Failure(code))
    assert dialog.windowTitle() == context.translate("screen.not_read")
    assert [bar.tone for bar in dialog.findChildren(NotificationBar) if bar.isVisible()] == ["bad"]
    waiting_count = runner.waiting_task_count
    dialog.main_button.click()
    assert runner.waiting_task_count == waiting_count + 1
    dialog.reject()
