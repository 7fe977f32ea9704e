"""A person works on two exercises of the training in the window: one is solved, the other one ends with a wrong
result.
"""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.demo.training.session import open_training
from console.domain.training.results import TrainingOverview, TrainingVerdict
from console.services.training.service import TrainingService
from console.settings.settings import Settings
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.app.background_refresh import BackgroundRefresh
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.queues.notices_page import UnmatchedNoticesPage
from console.views.runtime.routes import CreditCheckRoute, UnmatchedNoticesRoute
from console.views.theme.theme import install_appearance
from console.views.training.page import TrainingPage
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.inputs import MultiLineEdit
from console.views.widgets.display.badge import KeyCap
from console.wording.sentences.catalogue import format_corporation_number
from tests.desk.conftest import OpenWindow
from tests.desk.window_person import Person
from tests.support.waiting import MAX_WAIT_SECONDS


@pytest.fixture
def trainee(qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Yield the window of a training in which due tasks don't run, because the daily reconciliation could ask a
    provider before the person does.
    """
    monkeypatch.setattr(BackgroundRefresh, "run_due_tasks", lambda _self: None)
    install_appearance(qapp, theme="light")
    desk = Settings.load({"CONSOLE_HOME": str(tmp_path), "CONSOLE_LANGUAGE": "en", "CONSOLE_OPERATOR": "sato"})
    with open_training(desk) as console:
        person = Person(qtbot, console, console.settings, is_new=True)
        yield person
        person.opening.close()


def start_exercise(person: Person, key: str, press_count: int = 1, gate: Event | None = None) -> TrainingPage:
    """Go to the exercise `key` by keys, and start it; return the page. If `press_count` is more than 1, the key is
    pressed that often and the button clicked once more. `gate` is set after the last press.
    """
    person.press("Alt+0")
    page = person.wait_for_page(TrainingPage)
    person.wait_until(lambda: page.current_exercise is not None)
    place = next(place for place, row in enumerate(page.table.all_rows) if row.key == key)
    page.table.setFocus()
    page.table.go_to_row(place)
    if all(row.state == "not_begun" for row in page.table.all_rows):
        assert page.check_button.shown_reason == "No exercise has been started."
    person.press("S", press_count)
    if press_count > 1:
        page.begin_button.click()
    if gate is not None:
        gate.set()
    person.wait_until(lambda: page.current_exercise is not None and page.current_exercise.state == "open")
    assert page.check_button.isEnabled()
    person.wait_until(lambda: (("S",), "Start again") in page.hint_bar.key_hints)  # as on the button
    return page


def list_primary_buttons(page: TrainingPage) -> list[str]:
    """Return the texts of the primary buttons."""
    return [button.text() for button, _ in page._button_actions if button.kind == "primary"]


def test_a_start_pressed_twice_starts_once(trainee: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a person starts a training exercise twice by key and then by a click, it is started once. A second start
    would make further records and discard the first ones. Two clicks on "Check" count as one attempt.
    """
    gate, start = Event(), TrainingService.begin_exercise

    def start_after_all_presses(service: TrainingService, key: str) -> TrainingOverview:
        assert gate.wait(MAX_WAIT_SECONDS)
        return start(service, key)

    monkeypatch.setattr(TrainingService, "begin_exercise", start_after_all_presses)
    page = start_exercise(trainee, "missing_pdf", press_count=2, gate=gate)
    trainee.wait_until_read()
    read_number = trainee.opening.context.bind_services(
        lambda services: services.training and services.training._scores.read_attempt("missing_pdf").number
    )
    assert read_number() == 1
    page.table.setFocus()
    for _ in range(2):
        page.check_button.click()
    trainee.wait_until(lambda: bool(page.current_exercise and page.current_exercise.verdict))
    trainee.wait_until_read()
    assert read_number() == 1


def test_the_list_of_shortcuts_has_the_words_of_the_buttons(trainee: Person) -> None:
    """Ctrl+/ lists each key of the training, and names the key S as the button and the line at the bottom do: once an
    exercise is started, the key starts it again.
    """
    page = start_exercise(trainee, "missing_pdf")
    dialog = open_shortcuts_dialog(trainee.frame, page)
    assert {cap.key for cap in dialog.findChildren(KeyCap)} >= {"S", "C", "N"}
    assert "Start again" in [label.plain for label in dialog.findChildren(TextLabel)]


def test_the_list_of_exercises_has_the_focus_when_its_rows_come(trainee: Person) -> None:
    """If no widget has the focus when the page shows its rows, as at the start of the window, the list takes it: the
    keys of the line at the bottom work at once.
    """
    trainee.press("Alt+0")
    page = trainee.wait_for_page(TrainingPage)
    trainee.wait_until(lambda: page.current_exercise is not None)
    focused_widget = QApplication.focusWidget()
    assert focused_widget is not None
    focused_widget.clearFocus()
    page._select_first_exercise()
    assert page.table.hasFocus()


def test_a_read_that_ends_during_a_start_enables_no_second_start(
    trainee: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an exercise is being started, a read of the page that ends late doesn't enable the start button again."""
    read_gate, start_gate = Event(), Event()
    read, start = TrainingService.read_overview, TrainingService.begin_exercise
    starts: list[str] = []

    def read_late(service: TrainingService) -> TrainingOverview:
        assert read_gate.wait(MAX_WAIT_SECONDS)
        return read(service)

    def start_late(service: TrainingService, key: str) -> TrainingOverview:
        starts.append(key)
        assert start_gate.wait(MAX_WAIT_SECONDS)
        return start(service, key)

    page = trainee.wait_for_page(TrainingPage)
    trainee.wait_until(lambda: page.current_exercise is not None)
    trainee.wait_until_read()
    monkeypatch.setattr(TrainingService, "read_overview", read_late)
    monkeypatch.setattr(TrainingService, "begin_exercise", start_late)
    page.table.setFocus()
    trainee.press("F5")
    trainee.press("S")
    applied: list[int] = []
    page.table.rows.page_applied.connect(lambda: applied.append(1))
    read_gate.set()
    trainee.wait_until(lambda: bool(applied))
    assert not page.begin_button.isEnabled()
    trainee.press("S")
    start_gate.set()
    trainee.wait_until(lambda: page.current_exercise is not None and page.current_exercise.state == "open")
    trainee.wait_until_read()
    assert len(starts) == 1
    assert page.begin_button.isEnabled()


def check_training(person: Person) -> TrainingPage:
    person.press("Alt+0")
    page = person.wait_for_page(TrainingPage)
    person.wait_until_read()
    page.table.setFocus()
    person.press("C")
    person.wait_until(lambda: bool(page.current_exercise and page.current_exercise.verdict))
    person.wait_until_read()
    return page


def test_two_exercises_are_worked_on_with_the_ordinary_screens(trainee: Person) -> None:
    """In a training, S shows the situation of an exercise. A re-fetch solves the first exercise. The second one ends
    wrong because the person acknowledges without a probe. The page shows score and reason, and N leads to the next
    exercise.
    """
    person = trainee
    assert list_primary_buttons(person.wait_for_page(TrainingPage)) == ["Start exercise"], (
        "a training begins on its own page"
    )
    person.press("Alt+1")
    assert person.wait_for_page(HomePage).first_tasks_panel.isHidden(), "a training has new preferences each time"
    assert (
        person.wait_for_page(HomePage).own_work_panel._footer_label.plain
        == "There are no operations without a result."
    )
    page = start_exercise(person, "missing_pdf")
    assert page.current_exercise is not None
    assert list_primary_buttons(page) == ["Check"], "a new start would discard the work"
    record = int(page.current_exercise.facts["record"])
    assert format_corporation_number(str(page.current_exercise.facts["number"])) in page.situation.plain
    person.frame.show_route(CreditCheckRoute(record))
    check_page = person.wait_for_page(CreditCheckPage)
    person.wait_until_read()
    check_page.take_focus()
    person.press("F")
    dialog = person.wait_for_dialog(RefetchDialog)
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: dialog.windowTitle() == "Re-fetched" and not dialog.is_busy)
    person.press("Esc")
    person.wait_without_dialog()
    page = check_training(person)
    assert page.current_exercise is not None
    assert (page.current_exercise.verdict, "1 of 12" in page.score.text()) == (TrainingVerdict.RIGHT, True)
    assert list_primary_buttons(page) == ["Go to next exercise"]
    page = start_exercise(person, "forged_notice")
    person.frame.show_route(UnmatchedNoticesRoute())
    notices = person.wait_for_page(UnmatchedNoticesPage)
    person.wait_until(lambda: notices.current_notice is not None)
    notices.table.setFocus()
    person.press("A")
    acknowledging = person.wait_for_dialog(AcknowledgeAlertsDialog)
    edit = acknowledging.note_field.edit
    assert isinstance(edit, MultiLineEdit)
    edit.setPlainText("looks good")
    person.wait_until(acknowledging.main_button.isEnabled)
    acknowledging.main_button.click()
    person.wait_until(lambda: not notices.table.all_rows)
    page = check_training(person)
    assert page.current_exercise is not None
    assert page.current_exercise.verdict == TrainingVerdict.ENDED_UNCHECKED
    assert "without asking PayPay" in page.verdict.text()
    assert [row.state for row in page.table.all_rows].count("right") == 1
    person.press("N")
    assert page.current_exercise.key == "refund_unknown"


def test_a_desk_for_real_work_has_no_training(open_window: OpenWindow) -> None:
    """A desk that isn't a training has no entry for it in the sidebar, and its key opens nothing."""
    person = open_window()
    assert not person.frame.sidebar.has_entry("training")
    person.press("Alt+0")
    person.wait_until_read()
    assert not isinstance(person.frame.current_page, TrainingPage)


def test_a_newcomer_looks_up_a_sample_number(trainee: Person) -> None:
    """One key press fills in a number of the training's records and shows these records. Before the training has
    records, a message says so.
    """
    trainee.press("Alt+3")
    page = trainee.wait_for_page(LookupPage)
    page.number_field.sample_button.click()
    trainee.wait_until(lambda: "Start an exercise first" in page.number_field.edit.accessibleDescription())
    start_exercise(trainee, "lost_answer")
    trainee.press("Alt+3")
    page = trainee.wait_for_page(LookupPage)
    button = page.number_field.sample_button
    assert button.isVisible()
    button.setFocus()
    trainee.press("Space")
    trainee.wait_until(lambda: page.result_stack.currentWidget() is page.company_panel)
    trainee.wait_until(lambda: bool(page.company_panel.all_records))
    assert page.company_panel.number == page.number_field.text.replace(" ", "")
