"""Bulk runs in the window: a person selects records in a queue, checks the dry run, confirms, and follows the
progress in the dialog.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from console.app import Console
from console.domain.bulk.records import ForecastKind
from console.domain.records import CreditCheck
from console.domain.tasks.records import BulkAction
from console.sandbox.server import Sandbox
from console.services.process.context import WORKER, act_as
from console.views.bulk.dialog import BulkDialog
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog, open_unfinished_work_dialog
from console.views.queues.page import QueuesPage
from console.views.records.note_dialog import NoteDialog
from console.views.runtime.routes import QueuesRoute
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow, buy_without_pdf
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment, request_refund

SUBJECT_KIND = "credit-check"
SENTENCES_OF_RUNNING_RUN = tuple(translate(key, "en") for key in ("bulk.told.begins", "bulk.told.here"))


@pytest.fixture
def extra_settings() -> dict[str, str]:
    """Return the setting that time isn't accelerated, so that a hanging provider hangs until the test releases its
    call.
    """
    return {"TIME_SCALE": "1"}


@pytest.fixture
def checks_without_pdf(console: Console, sandbox: Sandbox) -> list[CreditCheck]:
    """Buy three credit checks whose PDF is missing until a re-fetch reads it, and return them."""
    return [buy_without_pdf(console, sandbox, number) for number in CORPORATION_NUMBERS[:3]]


def open_queue(person: Person, name: str = "incomplete") -> QueuesPage:
    person.frame.show_route(QueuesRoute(name))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.table.current_item is not None and page.table.hasFocus())
    return page


def wait_for_plan(person: Person, dialog: BulkDialog) -> BulkDialog:
    """Wait until the dialog shows the dry run, and return the dialog."""
    person.wait_until(
        lambda: dialog.plan_page is not None and (dialog.main_button.isEnabled() or bool(dialog.main_button.reason))
    )
    return dialog


def wait_for_end(person: Person, dialog: BulkDialog) -> None:
    """Wait until the bulk run has ended and its dialog shows the end."""

    def is_end_announced() -> bool:
        run, outcome = dialog.run, dialog.progress_page
        if run is None or run.state == "running" or outcome is None:
            return False
        return (
            bool(outcome.result_counts_label.plain)
            and outcome.status_bar.accessibleName() not in SENTENCES_OF_RUNNING_RUN
        )

    person.wait_until(lambda: not dialog.is_running_here and is_end_announced())


def collect_toasts(person: Person) -> list[str]:
    """Return a list to which the first line of each later toast is added."""
    toasts: list[str] = []
    person.frame.context.toast_requested.connect(lambda toast: toasts.append(toast.message))
    return toasts


def count_repeated_pdf_downloads(sandbox: Sandbox, records: Sequence[CreditCheck]) -> list[int]:
    """Return, for each record, the number of times that AlarmBox has sent its PDF. The first attempt, at which the
    PDF was missing, isn't counted.
    """
    return [len(sandbox.control.read_requests("pdf", one.corporation_number)) - 1 for one in records]


def test_a_bulk_run_is_made_with_the_keyboard_alone(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, checks_without_pdf: list[CreditCheck]
) -> None:
    """With the keyboard alone, a person executes a bulk run: Space and Shift with the arrow keys select rows, F makes
    the dry run, Tab and Return confirm it, and Esc closes the dialog.
    """
    person = open_window()
    page = open_queue(person)
    assert not page.selection.bar.isVisible()
    person.press("Shift+Down", 2)
    assert page.selection.bar.count_label.plain == "3 of 3 selected"
    person.press("Shift+Up")
    assert page.selection.bar.count_label.plain == "2 of 3 selected"
    person.press("Down")
    person.press("Space")
    person.press("F")
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    assert dialog.plan_page is not None
    assert dialog.plan_page.totals_label.plain == "3 to process, 0 to skip, 0 not allowed"
    person.tab_to("Re-fetch 3")
    person.press("Return")
    wait_for_end(person, dialog)
    assert dialog.progress_page is not None
    assert (dialog.progress_page.progress_label.plain, dialog.progress_page.result_counts_label.plain) == (
        "3 of 3",
        "3 fetched",
    )
    assert count_repeated_pdf_downloads(sandbox, checks_without_pdf) == [1, 1, 1]
    person.press("Esc")
    person.wait_without_dialog()
    assert not page.selection
    assert [console.credit_checks.read_credit_check(one.id).record.incomplete for one in checks_without_pdf] == [
        ()
    ] * 3


def test_the_header_check_box_selects_all_matches_or_none(
    open_window: OpenWindow, checks_without_pdf: list[CreditCheck]
) -> None:
    """A click on the check box in the table's header selects every matching record, and the next click none. If a
    person deselects one row, the check box in the header is not checked.
    """
    person = open_window()
    page = open_queue(person)
    header = page.table.horizontalHeader()

    def click_box() -> None:
        at = QPoint(header.sectionViewportPosition(0) + 20, header.height() // 2)
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)

    click_box()
    assert page.selection.bar.count_label.plain == f"All {len(checks_without_pdf)} matches selected"
    boxes = [page.row_model.has_all_rows_selected]
    page.table.setFocus()
    person.press("Space")
    boxes.append(page.row_model.has_all_rows_selected)
    assert boxes == [True, False]
    click_box()
    click_box()
    assert not page.selection


def test_a_double_click_on_confirm_runs_the_bulk_run_once(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, checks_without_pdf: list[CreditCheck]
) -> None:
    """The second click of a double click on the confirming button neither runs the bulk run again nor stops it."""
    person = open_window()
    page = open_queue(person)
    person.press("Ctrl+A")
    assert page.selection.bar.count_label.plain == "All 3 matches selected"
    person.press("F")
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    dialog.main_button.click()
    wait_for_end(person, dialog)
    assert [(run.state, run.done) for run in console.bulk_runs.list_latest_runs()] == [("done", 3)]
    assert count_repeated_pdf_downloads(sandbox, checks_without_pdf) == [1, 1, 1]


def test_a_run_skips_records_changed_by_other_people(
    window_desks: WindowTestDesks,
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    checks_without_pdf: list[CreditCheck],
) -> None:
    """A bulk run skips a record that another person has resolved or taken since the selection. A record that arrives
    after the selection isn't part of the run.
    """
    person = open_window()
    page = open_queue(person)
    person.press("Shift+Down", 2)
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.credit_checks.refetch(checks_without_pdf[0].id)
        lead.recovery.take(SUBJECT_KIND, checks_without_pdf[1].id)
    before = count_repeated_pdf_downloads(sandbox, checks_without_pdf)
    late = buy_without_pdf(console, sandbox, CORPORATION_NUMBERS[3])
    page.queue_actions.begin_bulk_run(BulkAction.REFETCH)
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    assert dialog.plan_page is not None
    results_by_id = {
        one.row.subject_id: (one.kind, one.reason, one.blocking_person)
        for one in dialog.plan_page.limited_plan.forecasts
    }
    assert results_by_id == {
        checks_without_pdf[0].id: (ForecastKind.SKIP, "changed", None),
        checks_without_pdf[1].id: (ForecastKind.SKIP, "taken", "lead-b"),
        checks_without_pdf[2].id: (ForecastKind.WOULD_RUN, None, None),
    }
    shown = {
        dialog.plan_page.table.rows.format_spoken_text(one)
        for one in dialog.plan_page.table.rows.iterate_loaded_rows()
    }
    assert sum("Skip, Taken by lead-b" in row for row in shown) == 1
    assert dialog.main_button.text() == "Re-fetch 1"
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    wait_for_end(person, dialog)
    assert count_repeated_pdf_downloads(sandbox, checks_without_pdf) == [before[0], before[1], 1]
    assert count_repeated_pdf_downloads(sandbox, [late]) == [0]


def test_a_run_of_the_first_rows_is_continued_later(
    open_window: OpenWindow, console: Console, checks_without_pdf: list[CreditCheck]
) -> None:
    """If a person executes only the first record of a bulk run of three, the other two can be executed later, after
    another dry run. All texts of the first run say "one of three".
    """
    person = open_window()
    toasts = collect_toasts(person)
    open_queue(person)
    person.press("Ctrl+A")
    person.press("T")
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    assert dialog.plan_page is not None
    dialog.plan_page.row_limit_list.setCurrentIndex(1)
    plan_rows = dialog.plan_page.table.rows
    person.wait_until(
        lambda: plan_rows.has_read_last_page and plan_rows.row_count == 1
    )  # no row that the run leaves alone
    assert dialog.main_button.text() == "Take 1"
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    wait_for_end(person, dialog)
    assert dialog.progress_page is not None
    assert dialog.progress_page.status_bar.accessibleName() == "The first 1 is finished. Remaining: 2."
    assert dialog.progress_page.progress_label.plain == "1 of 3"
    sentences = [one.sentence for one in person.frame.announcer.announcements]
    assert "BS-1: 1 of 3 (first 1 finished). 1 taken" in sentences
    unfinished = open_unfinished_work_dialog(person.frame)
    person.wait_until(lambda: unfinished.runs_table.current_item is not None)
    (shown,) = (column for column in unfinished.runs_table.rows.columns if column.key == "done")
    assert shown.format_text(unfinished.runs_table.current_item) == "1 of 3"
    unfinished.reject()
    person.wait_until(dialog.main_button.isEnabled)
    assert dialog.main_button.text() == "Continue..."
    dialog.main_button.click()
    wait_for_plan(person, dialog)
    assert dialog.main_button.text() == "Take 2"
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    wait_for_end(person, dialog)
    assert [take.subject_id for take in console.recovery.list_takes()] == [one.id for one in checks_without_pdf]
    assert [toast for toast in toasts if "of 3" in toast] == []  # the open dialog says the same


def test_the_first_row_of_a_dry_run_is_current_while_cancel_has_the_focus(
    open_window: OpenWindow, checks_without_pdf: list[CreditCheck]
) -> None:
    """The first row of a dry run is current at once, while the cancel button has the focus. So the line below the
    table shows the whole reason of this row without a key press or a mouse pointer.
    """
    person = open_window()
    open_queue(person)
    person.press("Ctrl+A")
    person.press("F")
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    assert dialog.plan_page is not None
    assert (dialog.plan_page.table.current_row, dialog.cancel_button.hasFocus()) == (0, True)


def test_closing_the_unconfirmed_dialog_deletes_the_run(
    open_window: OpenWindow, console: Console, checks_without_pdf: list[CreditCheck]
) -> None:
    """If the dialog is closed before the run is confirmed, nothing is executed and the run is deleted."""
    person = open_window()
    page = open_queue(person)
    person.press("Ctrl+A")
    person.press("F")
    wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    person.press("Esc")
    person.wait_without_dialog()
    person.wait_until(lambda: console.bulk_runs.list_unfinished_and_recent_runs() == ())
    assert page.selection.bar.isVisible()
    person.press("Ctrl+D")
    assert not page.selection.bar.isVisible()


def test_a_run_of_a_closed_dialog_is_opened_again_and_stopped(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, checks_without_pdf: list[CreditCheck]
) -> None:
    """A person closes the dialog of a bulk run while a provider hangs. The unfinished work lists the run, and from
    there the person opens its dialog again, stops the run, and later discards the remaining records. A toast
    reports the end of the run, because the dialog that began it is closed.
    """
    sandbox.control.add_fault("hang", call="pdf", times="always")
    person = open_window()
    toasts = collect_toasts(person)
    open_queue(person)
    person.press("Ctrl+A")
    person.press("F")
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert sandbox.control.wait_until_counts_reached(held=1)
    person.press("Esc")
    person.wait_without_dialog()
    unfinished = open_unfinished_work_dialog(person.frame)
    unfinished.show_tab("runs")
    person.wait_until(lambda: unfinished.runs_table.current_item is not None)
    person.press("Return")
    again = person.wait_for_dialog(BulkDialog)
    person.wait_until(lambda: again.main_button.isEnabled() and again.main_button.text() == "Stop after this record")
    again.main_button.click()
    person.wait_until(lambda: console.bulk_runs.list_latest_runs()[0].state == "stopped")
    sandbox.control.clear_faults()
    sandbox.control.release_calls()
    person.wait_until(lambda: again.main_button.isEnabled() and again.main_button.text() == "Continue...")
    person.wait_until(lambda: any("1 of 3 (stopped)" in toast for toast in toasts))
    assert again.progress_page is not None
    assert console.bulk_runs.list_latest_runs()[0].done == 1
    again.progress_page.discard_button.click()
    person.wait_until(lambda: console.bulk_runs.list_latest_runs()[0].state == "done")
    sentence = "The remaining records were discarded from this run. To act on them, select them again"
    person.wait_until(lambda: again.progress_page.status_bar.accessibleName().startswith(sentence))  # type: ignore[union-attr]  # it is there


def test_a_window_that_closes_leaves_the_rest_to_the_program(
    window_desks: WindowTestDesks,
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    checks_without_pdf: list[CreditCheck],
) -> None:
    """A bulk run isn't one of the running calls about which a closing window asks. If the window closes, the program
    finishes the current record, and due tasks execute the other records. A worker that acts for the person executes
    the whole run.
    """
    sandbox.control.add_fault("hang", call="pdf", times="always")
    person = open_window()
    if console is window_desks.acting_desk:  # the window's own due tasks would finish the run
        person.wait_until(lambda: person.opening.context.last_due_tasks_at is not None)
    open_queue(person)
    person.press("Ctrl+A")
    person.press("F")
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert sandbox.control.wait_until_counts_reached(held=1)
    assert person.opening.context.running_acting_calls == ()
    person.press("Esc")
    for task in person.opening.runner._running_tasks:
        task.cancel()  # as a window does that closes
    sandbox.control.clear_faults()
    sandbox.control.release_calls()
    person.wait_until_read()
    run = console.bulk_runs.read_run_with_holder(console.bulk_runs.list_latest_runs()[0].id)
    if console is not window_desks.acting_desk:  # the worker was asked for the whole run
        person.wait_until(lambda: console.bulk_runs.read_run(run.run.id).state == "done")
        return
    assert (run.run.state, run.run.done, run.holder) == ("running", 1, None)
    with act_as(WORKER):
        assert console.bulk_runs.continue_unfinished_runs() == 2
    assert console.bulk_runs.read_run(run.run.id).state == "done"


@pytest.mark.both_ways
def test_a_note_on_many_records_asks_for_its_text_first(
    open_window: OpenWindow, console: Console, checks_without_pdf: list[CreditCheck]
) -> None:
    """For a note on several selected records, the dialog asks for the text of the note before the dry run. Without a
    selection, the key N adds a note to the record of the current row.
    """
    person = open_window()
    page = open_queue(person)
    person.press("Ctrl+A")
    person.press("N")
    dialog = person.wait_for_dialog(BulkDialog)
    assert dialog.hint.plain == "Write a note first."
    assert dialog.note_field is not None
    assert dialog.note_field.edit.hasFocus()
    person.type_in("called AlarmBox")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    wait_for_plan(person, dialog)
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    wait_for_end(person, dialog)
    dialog.cancel_button.click()
    person.wait_without_dialog()
    assert [
        [note.words for note in console.credit_checks.read_credit_check(one.id).notes] for one in checks_without_pdf
    ] == [["called AlarmBox"]] * 3
    assert not page.selection
    page.queue_actions.run_action_on_selection("note")
    person.wait_until(lambda: any(one.isVisible() for one in person.window.findChildren(NoteDialog)))


def test_the_key_t_takes_the_current_row(
    open_window: OpenWindow, console: Console, checks_without_pdf: list[CreditCheck]
) -> None:
    """The key T takes the record of the current row without a question, and the unfinished work lists this take."""
    person = open_window()
    page = open_queue(person)
    current = page.current_row
    assert current is not None
    person.press("T")
    person.wait_until(lambda: [take.subject_id for take in console.recovery.list_takes()] == [current.record.id])
    unfinished = open_unfinished_work_dialog(person.frame)
    unfinished.show_tab("held")
    person.wait_until(lambda: unfinished.leases_and_takes_table.current_item is not None)
    assert _format_spoken_table(unfinished).startswith(f"Taken: Credit check {current.record.id}, op-a")


def _format_spoken_table(dialog: UnfinishedWorkDialog) -> str:
    return dialog.leases_and_takes_table.rows.format_spoken_text(dialog.leases_and_takes_table.current_item)


def test_an_impossible_bulk_action_is_disabled_with_its_reason(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A bulk action is disabled if it isn't possible for the selected records, or if the person is an auditor. The
    bar shows the reason.
    """
    request_refund(console, import_paid_payment(console, sandbox, "ORD-1").id)
    person = open_window()
    page = open_queue(person, "refunds")
    person.press("Space")
    buttons = page.selection.bar.buttons
    assert {action for action, button in buttons.items() if not button.isEnabled()} == {BulkAction.REFETCH}
    assert buttons[BulkAction.REFETCH].reason == "Only credit checks can be re-fetched, and none is selected."
    person.press("F")
    assert not person.window.findChildren(BulkDialog)
    person = window_desks.switch_person(person, "aud-e")
    page = person.wait_for_page(QueuesPage)
    buttons = page.selection.bar.buttons
    person.wait_until(lambda: page.table.current_item is not None)
    page.table.setFocus(Qt.FocusReason.OtherFocusReason)
    person.press("Space")
    person.wait_until(lambda: not any(button.isEnabled() for button in buttons.values()))
    assert "op-a" in buttons[BulkAction.PROBE].reason


def test_select_all_matches_selects_only_the_filtered_records(
    open_window: OpenWindow, console: Console, checks_without_pdf: list[CreditCheck]
) -> None:
    """With a filter, *select all matches* selects only the records that match the filter."""
    person = open_window()
    page = open_queue(person)
    page.filter.edit.setText(checks_without_pdf[1].corporation_number)
    page.filter.changed.emit()
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 1)
    page.selection.select_all()
    page.queue_actions.begin_bulk_run(BulkAction.TAKE)
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    assert dialog.run is not None
    assert [row.subject_id for row in console.bulk_runs.list_rows(dialog.run.id)] == [checks_without_pdf[1].id]


def test_results_of_a_run_are_filtered_and_exported(
    window_desks: WindowTestDesks,
    open_window: OpenWindow,
    console: Console,
    checks_without_pdf: list[CreditCheck],
    tmp_path: Path,
) -> None:
    """The results of a run can be filtered to the rows that were not done, on the screen and in the exported file."""
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.take(SUBJECT_KIND, checks_without_pdf[0].id)
    person = open_window()
    open_queue(person)
    person.press("Ctrl+A")
    person.press("T")
    dialog = wait_for_plan(person, person.wait_for_dialog(BulkDialog))
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    wait_for_end(person, dialog)
    assert dialog.progress_page is not None
    outcome = dialog.progress_page
    outcome.filter_list.setCurrentIndex(1)
    person.wait_until(lambda: outcome.table.rows.has_read_last_page and outcome.table.rows.row_count == 1)
    (row,) = outcome.table.rows.iterate_loaded_rows()
    assert "Skipped, Incomplete, Taken by lead-b" in outcome.table.rows.format_spoken_text(row)
    file = tmp_path / "results.csv"
    outcome.exporter.export_list_to(str(file))
    person.wait_until(file.exists)
    person.wait_until_read()
    (written,) = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
    assert (written["Record"], written["Result"], written["Reason"]) == (
        f"Credit check {checks_without_pdf[0].id}",
        "skipped",
        "Taken by lead-b",
    )
