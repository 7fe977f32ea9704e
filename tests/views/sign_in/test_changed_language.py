"""Tests of a change of the language on the form that unlocks the window, and on the sign-in form."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from console.domain.errors import ErrorCode
from console.domain.records import Person
from console.views.runtime.tasks import Failure
from console.views.sign_in.hide_contents import CoveredWindow
from console.views.sign_in.idle_lock import IdleLock
from console.views.sign_in.sign_in_flow import SignInDefaults, SignInFlow
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context


@pytest.fixture
def covered_window(qtbot: QtBot, appearance: object) -> CoveredWindow:
    covered_window = CoveredWindow()
    covered_window.window = QMainWindow()
    qtbot.addWidget(covered_window.window)
    context = covered_window.context = make_window_context()
    context.runner = InlineRunner(paused=True)
    context.people = tuple(Person(name, frozenset({"operator"}), may_buy=True) for name in ("op-a", "lead-b"))
    sign_in = SimpleNamespace(confirm_password=lambda _password: True)
    services: Any = SimpleNamespace(training=None, acting_as=lambda _name: nullcontext(), sign_in_service=sign_in)
    context.store_services(services)
    covers: list[Any] = []
    covered_window.window_cover = SimpleNamespace(  # type: ignore[assignment]  # as much of it as is needed
        is_covered=False, show_cover=covers.append, remove_cover=lambda: None, reject_hidden_dialogs=lambda: None
    )
    return covered_window


def test_the_lock_keeps_the_selected_person(covered_window: CoveredWindow) -> None:
    """A person selects their name on the locked window and then changes the language, before and after the unlock
    button. This person, not the one before, continues."""
    context, lock = covered_window.context, IdleLock(covered_window)
    lock.lock_window()
    form = lock._form
    assert form is not None
    form.select_person("lead-b")
    context.language_changed.emit()
    assert lock._form is not None
    assert lock._form is not form
    assert lock._form.person_list.currentData() == "lead-b"
    lock._form.submit()
    context.language_changed.emit()
    assert not lock._form.submit_button.isEnabled()
    context.runner.execute_oldest_task()  # type: ignore[attr-defined]  # an InlineRunner
    assert context.operator == "lead-b"
    lock.stop()


def test_no_second_sign_in_begins_while_one_runs(
    covered_window: CoveredWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person changes the language while the sign-in runs. The form stays disabled until this sign-in has failed:
    a second one with another account would run at the same time."""
    context, runner = covered_window.context, covered_window.context.runner
    assert isinstance(runner, InlineRunner)
    monkeypatch.setattr(context.settings, "sign_in", SimpleNamespace(database_address="db.example", is_server=True))
    flow = SignInFlow(covered_window, lambda: None, lambda _services: None)  # type: ignore[arg-type, return-value]
    flow._show_form(SignInDefaults("op-a", can_store_password=False))
    assert flow.form is not None
    flow.form.password_field.line_edit.setText("secret")
    flow.form.submit()
    context.language_changed.emit()
    flow.form.password_field.line_edit.setText("secret")
    flow.form.submit()
    assert runner.waiting_task_count == 1
    flow._show_refusal(Failure(ErrorCode.DATABASE_UNREACHABLE))
    flow.form.submit()
    assert runner.waiting_task_count == 2
