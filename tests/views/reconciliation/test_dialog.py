"""Beginning a reconciliation: nothing assumed, pressed once, and what it came to."""

from collections.abc import Callable
from datetime import date

import pytest
from pytestqt.qtbot import QtBot

from console.views.dialogs.reconcile import ReconcileDialog
from console.views.pages.reconcile import ReconcilePage
from console.views.routes import ReconcileRoute, Route
from tests.support.inline_runner import InlineRunner
from tests.views.pages.invented_checks import seat
from tests.views.pages.invented_runs import ReconcileDesk

PROVIDERS = ("paypay", "atom", "bank")
YESTERDAY = date(2026, 11, 19)
Open = Callable[..., tuple[ReconcileDialog, ReconcileDesk, InlineRunner]]


@pytest.fixture
def opened(qtbot: QtBot, the_look: object) -> Open:
    def open_(
        provider: str = "paypay", *, providers: tuple[str, ...] = PROVIDERS, refusal: str = ""
    ) -> tuple[ReconcileDialog, ReconcileDesk, InlineRunner]:
        at, desk = seat(), ReconcileDesk(refusal=refusal)
        at.take(desk)  # type: ignore[arg-type]  # reconciliations are all it takes
        page = ReconcilePage(at)
        qtbot.addWidget(page)
        page.show()
        dialog = ReconcileDialog(at, providers, provider, page)
        dialog.open()
        qtbot.waitUntil(lambda: dialog._ready, timeout=30_000)
        assert isinstance(at.runner, InlineRunner)
        return dialog, desk, at.runner

    return open_


def write(dialog: ReconcileDialog, first: str, last: str) -> None:
    for field, text in ((dialog.first, first), (dialog.last, last)):
        field.edit.setText(text)  # type: ignore[union-attr]  # a line
    dialog._edited()


def test_nothing_is_assumed_where_there_are_several(opened: Open) -> None:
    """Off with the reason until a provider is chosen; the only one needs no choosing."""
    dialog, _, _ = opened("")
    assert dialog._off_reason == "Choose the provider."
    dialog.provider.setCurrentIndex(0)
    assert dialog.act_button.isEnabled()
    dialog.reject()
    dialog, _, _ = opened("", providers=("atom",))
    assert dialog.chosen == "atom"
    dialog.reject()
    dialog, _, _ = opened("", providers=())
    assert dialog._off_reason == "No provider is set up here."
    dialog.reject()


@pytest.mark.parametrize(
    ("first", "last", "wrong"),
    [
        ("2026-13-01", "2026-11-19", "first"),
        ("2026-11-19", "yesterday", "last"),
        ("2026-11-19", "2026-11-18", "last"),
        ("2026-11-19", "2026-11-21", "last"),
        ("2025-11-19", "2026-11-20", "last"),
    ],
)
def test_days_that_can_not_be_compared(opened: Open, first: str, last: str, wrong: str) -> None:
    """What is wrong stands at its field, and the button is off."""
    dialog, desk, _ = opened()
    write(dialog, first, last)
    assert dialog._off_reason == "Check the days."
    field = dialog.first if wrong == "first" else dialog.last
    assert field.edit.accessibleDescription()
    dialog._begin()
    assert desk.asked == []
    write(dialog, "2026-11-18", "2026-11-20")
    assert dialog.act_button.isEnabled()
    dialog.reject()


def test_pressed_twice_is_one_run(opened: Open) -> None:
    """Off at the first press; then the counts, and the way to the run."""
    dialog, desk, runner = opened()
    routes: list[Route] = []
    dialog._seat.wanted.connect(routes.append)
    runner.held = True
    dialog.act_button.click()
    assert not dialog.act_button.isEnabled()
    dialog.act_button.click()
    dialog._begin()
    assert runner.waiting == 1
    runner.step()
    assert desk.asked == [("paypay", YESTERDAY, YESTERDAY, False)]
    assert dialog.windowTitle() == "What it found"
    dialog.act_button.click()
    assert routes == [ReconcileRoute(3)]


def test_only_compared(opened: Open) -> None:
    """A dry run leads nowhere, because nothing was written."""
    dialog, desk, _ = opened()
    dialog.dry.setChecked(True)
    assert dialog.act_button.text() == "Only compare"
    dialog.act_button.click()
    assert desk.asked == [("paypay", YESTERDAY, YESTERDAY, True)]
    assert dialog.windowTitle() == "What it would find"
    assert dialog.act_button.isHidden()
    dialog.reject()


def test_refused(opened: Open) -> None:
    """In words, in the dialog, and nothing more to press."""
    dialog, desk, _ = opened(refusal="in_progress")
    dialog.act_button.click()
    assert len(desk.asked) == 1
    assert dialog.act_button.isHidden()
    assert not dialog.busy
    dialog.reject()


def test_a_long_one_may_be_left(opened: Open) -> None:
    """After ten seconds the dialog can be closed; the run goes on and still can't be pressed again."""
    dialog, desk, runner = opened()
    runner.held = True
    dialog.act_button.click()
    dialog._let_go()
    assert dialog.cancel_button.isEnabled()
    assert not dialog.act_button.isEnabled()
    assert dialog.hint.plain == "It goes on when you leave this screen."
    write(dialog, "2026-11-18", "2026-11-18")
    assert not dialog.act_button.isEnabled()
    dialog._begin()
    assert runner.waiting == 1
    runner.step()
    assert len(desk.asked) == 1
    dialog.reject()
