"""The scenes of bulk runs: selecting records, the dry run, the run, its results, and unfinished work."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from console.domain.bulk.records import ChosenRecord
from console.domain.records import CreditCheck
from console.domain.tasks.records import BulkAction, BulkRun
from console.views.bulk.dialog import BulkDialog
from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import QueuesRoute
from tests.shots.scenes import SceneFunction
from tests.shots.stage import WindowStage

SUBJECT_KIND = "credit-check"


def show_selection(stage: WindowStage) -> None:
    """Take pictures of three ways to select records: three rows by keyboard, refunds only (which can't be
    re-fetched), and all records of the queue.
    """
    page = _open_queue(stage, "unknown")
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Down):
        QTest.keyClick(page.table, key)
    for _ in range(2):
        QTest.keyClick(page.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    stage.take_picture("queue-chosen")
    page.selection.select_all()
    stage.take_picture("queue-chosen-all")
    page = _open_queue(stage, "refunds")
    QTest.keyClick(page.table, Qt.Key.Key_Space)
    stage.take_picture("queue-chosen-refund")
    page.selection.clear_selection()


def show_dry_runs(stage: WindowStage) -> None:
    """Take pictures of the dry run of all records, of a dry run of the first few, of a dry run in which nothing can
    be done, and of the form for a note's text."""
    page = _open_queue(stage, "unknown")
    others = [item.item.record.id for item in page.row_model.iterate_loaded_rows() if item.item.record.id % 5 == 0]
    with stage.desk.console.acting_as("lead-b"):
        for id in others[1:4]:
            stage.desk.console.recovery.take(SUBJECT_KIND, id)
    page.selection.select_all()
    page.queue_actions.begin_bulk_run(BulkAction.PROBE)
    dialog = _wait_for_plan(stage)
    stage.take_picture("bulk-plan")
    assert dialog.plan_page is not None
    dialog.plan_page.row_limit_list.setCurrentIndex(2)
    stage.take_picture("bulk-plan-first")
    dialog.reject()
    page.queue_actions.begin_bulk_run(BulkAction.REFETCH)
    _wait_for_plan(stage)
    stage.take_picture("bulk-plan-nothing")
    stage.find(BulkDialog).reject()
    page.queue_actions.begin_bulk_run(BulkAction.NOTE)
    dialog = stage.find(BulkDialog)
    stage.take_picture("bulk-note")
    assert dialog.note_field is not None
    dialog.note_field.edit.setPlainText("AlarmBox へ電話で確認中。折り返し待ち。")  # type: ignore[union-attr]  # an area
    stage.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    _wait_for_plan(stage)
    stage.take_picture("bulk-note-plan")
    dialog.reject()
    page.selection.clear_selection()


def show_runs(stage: WindowStage) -> None:
    """Take pictures of a bulk run while a provider hangs, of its end, and of the rows that it did not execute."""
    page = _open_queue(stage, "unknown")
    page.selection.select_all()
    page.queue_actions.begin_bulk_run(BulkAction.PROBE)
    dialog = _wait_for_plan(stage)
    assert dialog.plan_page is not None
    dialog.plan_page.row_limit_list.setCurrentIndex(3)
    stage.wait_until(dialog.main_button.isEnabled)
    stage.desk.sandbox.control.add_fault("hang", times="always")
    dialog.main_button.click()
    stage.wait_until(lambda: stage.desk.sandbox.control.read_state()["held"] != [])
    stage.wait_until(lambda: dialog.progress_page is not None and dialog.main_button.isEnabled())
    stage.opening.runner.is_idle = lambda: True  # type: ignore[method-assign]  # it is held on purpose
    stage.take_picture("bulk-running")
    del stage.opening.runner.is_idle
    stage.desk.sandbox.control.clear_faults()
    stage.desk.sandbox.control.release_calls()
    stage.wait_until(lambda: not dialog.is_running_here)
    stage.wait_until(lambda: dialog.run is not None and dialog.run.state != "running")
    stage.wait_until(dialog.main_button.isEnabled)  # shortly after its meaning has changed
    stage.take_picture("bulk-stopped")
    assert dialog.progress_page is not None
    dialog.progress_page.filter_list.setCurrentIndex(1)
    stage.take_picture("bulk-not-done")
    dialog.reject()


def show_unfinished_work(stage: WindowStage) -> None:
    """Take pictures of the tabs of the dialog for unfinished work: bulk runs of every state, the holders of leases,
    and unfinished operations.
    """
    _make_runs(stage)
    dialog = open_unfinished_work_dialog(stage.frame)
    for name in dialog.TAB_NAMES[: dialog.tabs.count()]:
        dialog.show_tab(name)
        stage.take_picture(f"unfinished-{name}")
    dialog.reject()


def _make_runs(stage: WindowStage) -> list[BulkRun]:
    console = stage.desk.console
    items = console.recovery.read_queue("unknown", 20).items
    checks = [item.record for item in items if isinstance(item.record, CreditCheck)]
    chosen = [ChosenRecord(SUBJECT_KIND, check.id, check.version) for check in checks]
    done = console.bulk_runs.run(console.bulk_runs.create_run("take", chosen[:3]).id)
    stopped = console.bulk_runs.run(console.bulk_runs.create_run("take", chosen[3:9]).id, 2)
    return [done, stopped, console.bulk_runs.create_run("probe", chosen)]


def _open_queue(stage: WindowStage, name: str) -> QueuesPage:
    stage.show_route(QueuesRoute(name))
    page = stage.find(QueuesPage)
    stage.wait_until(lambda: page.table.current_item is not None)
    return page


def _wait_for_plan(stage: WindowStage) -> BulkDialog:
    dialog = stage.find(BulkDialog)
    stage.wait_until(
        lambda: dialog.plan_page is not None and (dialog.main_button.isEnabled() or bool(dialog.main_button.reason))
    )
    return dialog


BULK_SCENES: Mapping[str, SceneFunction] = {
    "choosing": show_selection,
    "planning": show_dry_runs,
    "running": show_runs,
    "unfinished": show_unfinished_work,
}
