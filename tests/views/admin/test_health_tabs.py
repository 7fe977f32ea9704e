"""Tests of the state in which the administration page shows a due task of the worker, and of the order of checks."""

from datetime import UTC, datetime, timedelta

import pytest

from console.domain.errors import ErrorCode
from console.domain.service_results import HealthCheck
from console.domain.tasks.records import ScheduledTask
from console.views.admin.health_tabs import DueTaskRow, format_row_detail, make_due_task_columns, sort_health_checks
from console.views.tables.columns import format_cell_as_plain_text
from console.wording.sentences import catalogue as wording
from tests.views.invented_checks import make_window_context


def test_late_failed_and_running_tasks_are_named() -> None:
    """The page shows a late task as overdue, a failed task as failed, a running task as running, and any other task
    as waiting."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    task = ScheduledTask("probes", timedelta(seconds=30), now, now - timedelta(minutes=1), now)
    assert DueTaskRow(task, is_overdue=True).state == "overdue"
    assert DueTaskRow(task, is_overdue=False).state == "waiting"
    failed = ScheduledTask("probes", timedelta(seconds=30), now, now, now, error_code="internal_error")
    assert DueTaskRow(failed, is_overdue=False).state == "failed"
    begun = ScheduledTask("probes", timedelta(seconds=30), now, now, now - timedelta(minutes=1))
    assert DueTaskRow(begun, is_overdue=False).state == "running"


def test_the_last_and_the_next_run_differ_for_a_short_interval() -> None:
    """For a task that runs every 5 s, the times of the last and of the next run are shown with seconds, so that they
    differ.
    """
    now = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
    task = ScheduledTask("probes", timedelta(seconds=5), now + timedelta(seconds=5), now, now)
    row = DueTaskRow(task, is_overdue=False)
    cells = {column.key: column.make_cell(row) for column in make_due_task_columns(make_window_context())}
    assert {cells["last"], cells["next"]} == {"2026-11-20 15:04:05 JST", "2026-11-20 15:04:10 JST"}


@pytest.mark.parametrize("code", [*ErrorCode, "from_a_newer_version"])
def test_an_error_is_shown_in_words(code: str) -> None:
    """The table shows the error of a task in words without its code, also for a code that this version doesn't know.
    The detail below the table has the words and the code.
    """
    now = datetime(2026, 11, 20, tzinfo=UTC)
    row = DueTaskRow(
        ScheduledTask("probes", timedelta(seconds=30), now, now, now, error_code=str(code), failures=2),
        is_overdue=False,
    )
    context = make_window_context()
    (cell,) = (
        format_cell_as_plain_text(column.make_cell(row))
        for column in make_due_task_columns(context)
        if column.key == "error"
    )
    assert cell[0].isupper()
    assert cell.endswith(".")
    assert "_" not in cell
    assert cell in format_row_detail(row, context)
    assert f"Code {code}, 2 failures" in format_row_detail(row, context)
    japanese = wording.format_error_event(str(code), "ja")
    assert japanese.count("。") == 1
    assert japanese.endswith("。")
    assert "_" not in japanese


def test_failed_health_checks_are_listed_first() -> None:
    """The checks that failed come first, then those that passed with a hint, and then the others, so that an
    administrator sees a failed check at once.
    """
    checks = (
        HealthCheck("version", True, "doctor.version", ""),
        HealthCheck("worker", True, "doctor.worker", "doctor.worker.next"),
        HealthCheck("profile", True, "doctor.profile", ""),
        HealthCheck("tasks", False, "doctor.tasks", "doctor.tasks.next"),
    )
    assert [check.name for check in sort_health_checks(checks)] == ["tasks", "worker", "version", "profile"]
