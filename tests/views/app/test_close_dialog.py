"""Tests of the dialog that waits for the running calls before it closes the window."""

from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.app.close_dialog import RunningCallsDialog
from console.views.runtime.status_values import PasswordRequest
from console.views.sign_in.password_dialog import open_password_dialog
from tests.views.invented_checks import make_window_context


@pytest.mark.parametrize("asks_password", [False, True])
def test_the_window_stays_open_only_for_a_password(qtbot: QtBot, appearance: object, *, asks_password: bool) -> None:
    """The window closes when the running call has ended, but not if the call has ended because it needs the person's
    password: the decision isn't made yet."""
    context, window = make_window_context(), QWidget()
    qtbot.addWidget(window)
    window.show()
    dialog = RunningCallsDialog(SimpleNamespace(context=context, window=window))  # type: ignore[arg-type]  # as much of it as is needed
    dialog.open()
    dialog._wait_for_running_calls()
    if asks_password:
        request = PasswordRequest("Approve", False, window, lambda _: None, lambda: None)
        password_dialog = open_password_dialog(context, request, window)
    dialog._close_if_calls_ended()
    assert (dialog.isVisible(), window.isVisible()) == (False, asks_password)
    if asks_password:
        assert password_dialog.isVisible()
        password_dialog.reject()
