"""Tests of the derived values and the initial values of the records that belong to due tasks."""

from datetime import UTC, date, datetime, timedelta

from console.domain.tasks.records import (
    Alert,
    BulkAction,
    BulkRow,
    BulkRun,
    ReconcileReport,
    ReconciliationDifference,
    ReconciliationVerdict,
    Saga,
    ScheduledTask,
)
from console.domain.tasks.states import SagaState

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
RECONCILED_DAY = date(2026, 11, 19)


def test_a_new_task_has_never_run_nor_failed() -> None:
    """A new task has no run and no failure."""
    task = ScheduledTask("probes", timedelta(seconds=30), NOW)
    assert (task.handled_record_count, task.failures, task.error_code, task.position, task.version) == (
        0,
        0,
        None,
        None,
        1,
    )
    assert (task.begun_at, task.ended_at) == (None, None)


def test_a_new_saga_has_no_attempt() -> None:
    """A new saga has no attempt."""
    saga = Saga(1, "payment_timeout", "payment", 5, SagaState.RUNNING, "ask", {}, NOW, NOW)
    assert (saga.attempts, saga.version, saga.reason, saga.next_at, saga.ended_at) == (0, 1, None, None, None)


def test_a_reconciliation_begins_with_nothing_counted() -> None:
    """A new reconciliation isn't stored yet, and all its counts are 0."""
    report = ReconcileReport("paypay", RECONCILED_DAY, RECONCILED_DAY)
    assert (report.matched, report.imported, report.refused) == (0, 0, 0)
    assert (report.missing_there, report.different_state, report.different_amount) == (0, 0, 0)
    assert (report.differences, report.cases, report.run_id, report.evidence_id) == ((), (), None, None)


def test_a_new_difference_has_no_case() -> None:
    """A new difference has no case."""
    difference = ReconciliationDifference("row", ReconciliationVerdict.DIFFERENT_STATE, 5, "completed", "failed")
    assert (difference.case_opened, difference.id) == (False, 0)


def test_a_new_alert_is_open() -> None:
    """A new alert is open."""
    alert = Alert(4, "A", "order", 3, "ORD-1", "x", "y", NOW)
    assert (alert.resolved_at, alert.acknowledged_by, alert.acknowledged_at, alert.note) == (None, None, None, None)


def test_a_bulk_run_has_a_readable_name() -> None:
    """A bulk run has a short name for people, such as BS-7."""
    run = BulkRun(7, BulkAction.PROBE, "running", "op-a", NOW, 10, 5, 0)
    assert (run.name, run.version, run.reason, run.ended_at) == ("BS-7", 1, None, None)
    row = BulkRow(1, "payment", 5, 3)
    assert (row.result, row.reason, row.done_at) == (None, None, None)
