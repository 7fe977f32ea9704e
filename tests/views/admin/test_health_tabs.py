"""The state in which the administration shows a task of the worker."""

from datetime import UTC, datetime, timedelta

from console.domain.tasks.records import ScheduledTask
from console.views.admin.health_tabs import TaskRow


def test_what_needs_a_look_is_named() -> None:
    """A late task is overdue, a failed one failed, one that runs is running."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    task = ScheduledTask("probes", timedelta(seconds=30), now, now - timedelta(minutes=1), now)
    assert TaskRow(task, is_overdue=True).state == "overdue"
    assert TaskRow(task, is_overdue=False).state == "waiting"
    failed = ScheduledTask("probes", timedelta(seconds=30), now, now, now, error_code="internal_error")
    assert TaskRow(failed, is_overdue=False).state == "failed"
    begun = ScheduledTask("probes", timedelta(seconds=30), now, now, now - timedelta(minutes=1))
    assert TaskRow(begun, is_overdue=False).state == "running"
