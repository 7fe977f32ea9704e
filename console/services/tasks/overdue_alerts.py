"""Raises an alert for each due task that is overdue, and resolves it when the task has run again."""

from collections.abc import Collection
from datetime import datetime
from zlib import crc32

from console.domain.dates import instant_text
from console.domain.task_intervals import overdue
from console.domain.worker_records import Alert, ScheduledTask
from console.services.desk import Desk
from console.store import alerts, tasks
from console.store.engine import Transaction

RULE = "task_late"
KIND = "task"
LOOK_SECONDS = 60.0
_MOST = 1000


def number_of(name: str) -> int:
    """Alerts are about records with numbers; a task's is made of its name, the same on every desk."""
    return crc32(name.encode())


class LateTasks:
    """Looks after a pass of due tasks, at most once a minute."""

    def __init__(self, desk: Desk, names: Collection[str]) -> None:
        self._desk = desk
        self._numbers = {number_of(name): name for name in names}
        self._look_from = float("-inf")

    def look(self, now: datetime) -> None:
        """Compare what is overdue with what has been told. `now`: when the pass began that has just ended, so that
        what it ran, or saw running, is not late for having waited for this very pass.
        """
        desk, monotonic = self._desk, self._desk.clock.monotonic()
        if monotonic < self._look_from:
            return
        self._look_from = monotonic + desk.scale.seconds(LOOK_SECONDS)
        with desk.database.read() as conn:
            late = {number_of(task.name): task for task in tasks.all_of(conn) if overdue(task, now, desk.scale)}
            told = {alert.subject_id: alert for alert in alerts.open_by_rule(conn, RULE, _MOST)}
        late = {number: task for number, task in late.items() if number in self._numbers}
        fresh = [late[number] for number in sorted(late.keys() - told.keys())]
        healed = [told[number] for number in sorted(told.keys() - late.keys())]
        if fresh or healed:
            desk.write(lambda tx: self._tell(tx, fresh, healed))

    def _tell(self, tx: Transaction, fresh: Collection[ScheduledTask], healed: Collection[Alert]) -> None:
        now = self._desk.now()
        for task in fresh:
            number, words = number_of(task.name), f"every {task.every.total_seconds():.0f} s"
            alerts.raise_(tx.conn, RULE, KIND, number, None, _observed(task), words, now)
        for alert in healed:
            alerts.resolve(tx.conn, alert.id, now)


def _observed(task: ScheduledTask) -> str:
    if task.trouble is not None:
        return f"{task.name}: failed {task.failures} times, {task.trouble}"
    ended = instant_text(task.ended_at) if task.ended_at else "never"
    return f"{task.name}: ended {ended}"
