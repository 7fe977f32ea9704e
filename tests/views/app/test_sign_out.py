"""Tests of the sign-out from the window."""

import os
from types import SimpleNamespace

import pytest
from pytestqt.qtbot import QtBot

from console.domain.errors import ConsoleError, ErrorCode
from console.settings.settings import Settings
from console.views.app.main import WindowOpener
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context


def test_a_second_sign_out_opens_no_second_window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person presses "sign out" again while the session is being ended. One new window opens, so that it isn't
    replaced while the next person signs in. After a failed sign-out, the person can try again."""
    opener = WindowOpener(Settings.load(dict(os.environ)), lambda: None)  # type: ignore[arg-type, return-value]  # it opens none
    qtbot.addWidget(opener.window)
    sessions, opened = SimpleNamespace(failures=[ConsoleError(ErrorCode.DATABASE_LOCKED)]), list[object]()

    def sign_out() -> bool:
        if sessions.failures:
            raise sessions.failures.pop()
        return True

    opener.context, opener.runner = make_window_context(), InlineRunner(paused=True)  # type: ignore[assignment]
    monkeypatch.setattr(
        opener.context,
        "bind_services",
        lambda call: lambda: call(SimpleNamespace(sign_in_service=SimpleNamespace(sign_out=sign_out))),
    )
    monkeypatch.setattr(opener, "_open_window_after_sign_out", opened.append)
    for _ in range(2):
        opener.sign_out()
        opener.sign_out()
        assert opener.runner.waiting_task_count == 1  # type: ignore[attr-defined]  # an InlineRunner
        opener.runner.execute_oldest_task()  # type: ignore[attr-defined]
    assert opened == [True]
