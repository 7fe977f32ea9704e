"""Tests of the dialog that begins a reconciliation: the choice of provider and days, a single run for several
presses, and the result.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from console.domain.tasks.records import ReconcileReport
from console.views.reconciliation.dialog import ReconcileDialog
from console.views.reconciliation.page import ReconcilePage
from console.views.runtime.routes import ReconcileRoute, Route
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import make_window_context
from tests.views.invented_runs import ReconcileServices

PROVIDER_NAMES = ("paypay", "atom", "bank")
YESTERDAY = date(2026, 11, 19)
OpenDialogFunction = Callable[..., tuple[ReconcileDialog, ReconcileServices, InlineRunner]]


@pytest.fixture
def open_dialog(qtbot: QtBot, appearance: object) -> OpenDialogFunction:
    def open_dialog_of_provider(
        provider: str = "paypay", *, providers: tuple[str, ...] = PROVIDER_NAMES, refusal: str = ""
    ) -> tuple[ReconcileDialog, ReconcileServices, InlineRunner]:
        at, services = make_window_context(), ReconcileServices(refusal=refusal)
        at.store_services(services)  # type: ignore[arg-type]  # reconciliations are all it takes
        page = ReconcilePage(at)
        qtbot.addWidget(page)
        page.show()
        dialog = ReconcileDialog(at, providers, provider, page)
        dialog.open()
        qtbot.waitUntil(lambda: dialog._is_acting_delay_over)
        assert isinstance(at.runner, InlineRunner)
        return dialog, services, at.runner

    return open_dialog_of_provider


def write_days(dialog: ReconcileDialog, first: str, last: str) -> None:
    for field, text in ((dialog.first_day_field, first), (dialog.last_day_field, last)):
        field.edit.setText(text)  # type: ignore[union-attr]  # a line
    dialog._handle_typed_day()


def test_a_reconciliation_preselects_no_provider_of_several(open_dialog: OpenDialogFunction) -> None:
    """If there are several providers, the dialog preselects none, and the button is disabled until the person has
    selected one. A single provider is preselected.
    """
    dialog, _, _ = open_dialog("")
    assert dialog._disabled_reason == "Select a provider."
    dialog.provider_list.setCurrentIndex(0)
    assert dialog.main_button.isEnabled()
    dialog.reject()
    dialog, _, _ = open_dialog("", providers=("atom",))
    assert dialog.chosen_provider == "atom"
    dialog.reject()
    dialog, _, _ = open_dialog("", providers=())
    assert dialog._disabled_reason == "No provider is set up here."
    dialog.reject()


@pytest.mark.parametrize(
    ("first", "last", "wrong_field"),
    [
        ("2026-13-01", "2026-11-19", "first"),
        ("2026-11-19", "yesterday", "last"),
        ("2026-11-19", "2026-11-18", "last"),
        ("2026-11-19", "2026-11-21", "last"),
        ("2025-11-19", "2026-11-20", "last"),
    ],
)
def test_an_invalid_day_has_its_error_and_no_button(
    open_dialog: OpenDialogFunction, first: str, last: str, wrong_field: str
) -> None:
    """The field with an invalid day shows the error, and the button is disabled."""
    dialog, services, _ = open_dialog()
    write_days(dialog, first, last)
    assert dialog._disabled_reason == "Check the days."
    field = dialog.first_day_field if wrong_field == "first" else dialog.last_day_field
    assert field.edit.accessibleDescription()
    dialog._begin_run()
    assert services.runs_begun == []
    write_days(dialog, "2026-11-18", "2026-11-20")
    assert dialog.main_button.isEnabled()
    dialog.reject()


def test_a_button_pressed_twice_begins_one_run(open_dialog: OpenDialogFunction) -> None:
    """The first press disables the button, so a second press begins no second run. Afterwards the dialog shows the
    counts and a link to the run.
    """
    dialog, services, runner = open_dialog()
    routes: list[Route] = []
    dialog._context.navigation_requested.connect(routes.append)
    runner.paused = True
    dialog.main_button.click()
    assert not dialog.main_button.isEnabled()
    dialog.main_button.click()
    dialog._begin_run()
    assert runner.waiting_task_count == 1
    runner.execute_oldest_task()
    assert services.runs_begun == [("paypay", YESTERDAY, YESTERDAY, False)]
    assert dialog.windowTitle() == "Result"
    dialog.main_button.click()
    assert routes == [ReconcileRoute(3)]


def test_a_dry_run_opens_no_run(open_dialog: OpenDialogFunction) -> None:
    """After a dry run the dialog offers no link to a run, because the dry run has written nothing."""
    dialog, services, _ = open_dialog()
    dialog.dry_run_box.setChecked(True)
    assert dialog.main_button.text() == "Compare only"
    dialog.main_button.click()
    assert services.runs_begun == [("paypay", YESTERDAY, YESTERDAY, True)]
    assert dialog.windowTitle() == "Result of the comparison"
    assert dialog.main_button.isHidden()
    dialog.reject()


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_the_result_shows_an_unknown_number_of_missing_payments(
    open_dialog: OpenDialogFunction, monkeypatch: pytest.MonkeyPatch, *, is_dry_run: bool
) -> None:
    """If an unreadable row has prevented the search for missing payments, the result of the run doesn't say that no
    payment is only ours."""
    dialog, services, _ = open_dialog()
    run = services.run

    def run_with_unreadable_row(*args: Any, **more: Any) -> ReconcileReport:
        return replace(run(*args, **more), missing_there=0, refused=2, is_missing_unknown=True)

    monkeypatch.setattr(services, "run", run_with_unreadable_row)
    dialog.dry_run_box.setChecked(is_dry_run)
    dialog.main_button.click()
    (bar,) = dialog.findChildren(NotificationBar)
    assert "only ours unknown (2 unreadable rows)" in bar.accessibleName()
    labels = [label.plain for label in dialog.findChildren(TextLabel)]
    assert labels[labels.index("Only ours") + 1] == "–"
    dialog.reject()


def test_a_refused_run_is_explained(open_dialog: OpenDialogFunction) -> None:
    """The dialog explains a refused run, and has no button left that could begin it again."""
    dialog, services, _ = open_dialog(refusal="in_progress")
    dialog.main_button.click()
    assert len(services.runs_begun) == 1
    (bar,) = dialog.findChildren(NotificationBar)
    assert bar.sentence
    assert dialog.main_button.isHidden()
    assert not dialog.is_busy
    dialog.reject()


def test_a_long_run_continues_after_its_dialog_closes(open_dialog: OpenDialogFunction) -> None:
    """After ten seconds the person can close the dialog. The run continues, and another one can't be begun
    meanwhile.
    """
    dialog, services, runner = open_dialog()
    runner.paused = True
    dialog.main_button.click()
    dialog._allow_closing()
    assert dialog.cancel_button.isEnabled()
    assert not dialog.main_button.isEnabled()
    assert dialog.hint.plain == "The reconciliation continues if you leave this screen."
    write_days(dialog, "2026-11-18", "2026-11-18")
    assert not dialog.main_button.isEnabled()
    dialog._begin_run()
    assert runner.waiting_task_count == 1
    runner.execute_oldest_task()
    assert len(services.runs_begun) == 1
    dialog.reject()
