"""Tests of the steps of a call: the window shows which steps are complete, which failed, and which are still
running.
"""

from types import SimpleNamespace

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.app.window_controller import WindowController
from console.views.pages.call_steps import ReachedStep, RunningCallTimer, make_step_lines
from console.views.runtime.status_values import PasswordRequest
from console.views.sign_in.password_dialog import PasswordDialog
from console.views.widgets.window.dialog import DialogFrame
from tests.views.invented_checks import NOW, make_window_context

STEPS = tuple(ReachedStep(code, NOW) for code in ("asking", "answered", "detail", "pdf"))


def test_a_running_call_shows_its_present_step() -> None:
    lines = make_step_lines(make_window_context(), STEPS)
    assert [line.action_text for line in lines] == [
        "Sent to AlarmBox", "Answer received", "Detail fetched", "Fetching the PDF...",
    ]  # fmt: skip


def test_a_part_that_was_not_fetched_has_a_cross() -> None:
    lines = make_step_lines(make_window_context(), STEPS, has_ended=True, failed_codes={"pdf"})
    assert [(line.icon_name, line.action_text) for line in lines[2:]] == [
        ("check", "Detail fetched"), ("cross", "The PDF could not be fetched"),
    ]  # fmt: skip


def test_no_time_runs_while_the_password_is_asked(qtbot: QtBot) -> None:
    """A call has ended because it needs the person's password. The dialog of the action doesn't say 10 s later that
    the work continues, and can't be closed under the password dialog."""
    context, parent = make_window_context(), QWidget()
    qtbot.addWidget(parent)
    dialog = DialogFrame(
        "Approve", parent=parent, cancel_text="Cancel", main_button_text="Approve", close_name="Close"
    )
    dialog.set_busy("Approving")
    call_timer = RunningCallTimer(dialog, context)
    window = SimpleNamespace(context=context, frame=SimpleNamespace(window=parent))
    request = PasswordRequest("Approve", False, dialog, lambda _: None, lambda: None)
    WindowController._open_password_dialog(window, request)  # type: ignore[arg-type]  # as much of it as is needed
    assert not call_timer.isActive()
    for password_dialog in parent.findChildren(PasswordDialog):
        password_dialog.reject()
