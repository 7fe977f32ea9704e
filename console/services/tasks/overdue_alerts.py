"""Raise an alert about each overdue task (a due task whose last run is too long ago), and resolve the alert when
the task has run again."""

from collections.abc import Collection
from datetime import datetime
from zlib import crc32

from console.domain.calendar_days import format_instant
from console.domain.tasks.intervals import is_task_overdue
from console.domain.tasks.records import Alert, ScheduledTask
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.tasks import tasks

OVERDUE_TASK_ALERT_RULE = "task_late"
TASK_KIND = "task"
OVERDUE_CHECK_INTERVAL_SECONDS = 60.0
_MAX_OPEN_ALERTS = 1000
"""Largest number of open alerts about tasks that are read."""


def compute_task_subject_id(name: str) -> int:
    """Return the number that identifies the task `name` in an alert. The subject of an alert must be a number, so the
    CRC-32 of the name is used, which is the same on every desk."""
    return crc32(name.encode())


class OverdueTaskAlerts:
    """Raises and resolves the alerts about overdue tasks. The scheduler calls `update_alerts` after it has run tasks;
    the method reads the tasks at most once every OVERDUE_CHECK_INTERVAL_SECONDS.
    """

    def __init__(self, context: ServiceContext, names: Collection[str]) -> None:
        """Store the service context and `names`, the names of all due tasks of this process."""
        self._context = context
        self._numbers = frozenset(map(compute_task_subject_id, names))
        self._next_check_at = float("-inf")

    def update_alerts(self, now: datetime) -> None:
        """Raise alerts about this process's tasks that are overdue, and resolve the alerts about those that are no
        longer overdue. Alerts about other tasks, which another version of the program has, stay as they are: two
        processes would otherwise raise and resolve them in turn. `now` is the start of the scheduler's last run, so
        that a task which ran in that run does not count as overdue."""
        context, monotonic = self._context, self._context.clock.monotonic()
        if monotonic < self._next_check_at:
            return
        self._next_check_at = monotonic + context.scale.scale_seconds(OVERDUE_CHECK_INTERVAL_SECONDS)
        with context.database.read() as conn:
            overdue_tasks = {
                compute_task_subject_id(task.name): task
                for task in tasks.list_tasks(conn)
                if compute_task_subject_id(task.name) in self._numbers and is_task_overdue(task, now, context.scale)
            }
            open_alerts = {
                alert.subject_id: alert
                for alert in alerts.list_open_alerts_of_rule(conn, OVERDUE_TASK_ALERT_RULE, _MAX_OPEN_ALERTS)
                if alert.subject_id in self._numbers
            }
        new_tasks = [overdue_tasks[number] for number in sorted(overdue_tasks.keys() - open_alerts.keys())]
        outdated_alerts = [open_alerts[number] for number in sorted(open_alerts.keys() - overdue_tasks.keys())]
        if new_tasks or outdated_alerts:
            context.write(lambda tx: self._raise_and_resolve_alerts(tx, new_tasks, outdated_alerts))

    def _raise_and_resolve_alerts(
        self, tx: Transaction, new_tasks: Collection[ScheduledTask], outdated_alerts: Collection[Alert]
    ) -> None:
        now = self._context.now()
        for task in new_tasks:
            number, state_text = compute_task_subject_id(task.name), f"every {task.interval.total_seconds():.0f} s"
            alerts.raise_alert(
                tx.conn, OVERDUE_TASK_ALERT_RULE, TASK_KIND, number, None, _format_task_state(task), state_text, now
            )
        for alert in outdated_alerts:
            alerts.resolve(tx.conn, alert.id, now)


def _format_task_state(task: ScheduledTask) -> str:
    if task.error_code is not None:
        return f"{task.name}: failed {task.failures} times, {task.error_code}"
    end_text = format_instant(task.ended_at) if task.ended_at else "never"
    return f"{task.name}: ended {end_text}"
