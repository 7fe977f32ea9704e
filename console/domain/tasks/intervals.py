"""Intervals of the worker's tasks, each with the reason for its length, and the rule by which a task is overdue. No
I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.domain.clock import TimeScale
from console.domain.tasks.records import ScheduledTask

TASK_LEASE_PREFIX = "task_"
"""Prefix of the lease names of the worker's tasks; the name of the task follows."""
OVERDUE_GRACE_PERIOD = timedelta(seconds=90)
"""Shortest delay after which a task counts as overdue. After a worker was killed, its lease expires within half of
this time.
"""
LONGEST_RUN_TIME = timedelta(minutes=15)
"""A run of a task that hasn't ended after this time counts as hanging; for a task with a long interval, the time is
twice the interval.
"""
LONGEST_WAIT_AFTER_FAILURES = timedelta(minutes=15)
"""Longest wait until the next run of a task whose runs fail."""
MAX_CONSECUTIVE_FAILURES = 2
"""Number of consecutive failed runs of a task up to which no alert is raised."""
BATCH_SIZE = 200
"""Largest number of records that a task works on in one run."""
SHORT_BATCH_SIZE = 100
"""Largest number of records in one run of a task that needs more time for each record than other tasks."""


@dataclass(frozen=True, slots=True)
class TaskInterval:
    """Interval of a task: the seconds from the end of a run to the start of the next run, and the reason for this
    number. A run that worked on `batch_size` records has probably left more records for the next run, which therefore
    starts after FULL_BATCH_INTERVAL.
    """

    seconds: int
    reason: str
    batch_size: int = 0

    @property
    def duration(self) -> timedelta:
        """The interval `seconds` as a timedelta."""
        return timedelta(seconds=self.seconds)


_LARGEST_EARLY_SHARE = 0.2
"""Largest share of its interval by which a task runs early, together with a task that is due."""
FULL_BATCH_INTERVAL = timedelta(seconds=2)
"""Time to the next run of a task after a run that worked on a full batch."""
USUAL_INTERVAL = TaskInterval(60, "a delay of up to one minute is short enough")
"""Interval of a task that has no entry in INTERVAL_OF_TASK."""
INTERVAL_OF_TASK: Mapping[str, TaskInterval] = {
    "spool_delivery": TaskInterval(
        15, "until an answer in the spool is written to the database, its record stays unknown"
    ),
    "lapsed_operations": TaskInterval(15, "people see such a call as unknown already; the task records that"),
    "rows_by_others": TaskInterval(
        30, "another application adds rows to the table of credit checks without a message"
    ),
    "probes": TaskInterval(30, "the first step of a probe's schedule is one minute", batch_size=BATCH_SIZE),
    "refetches": TaskInterval(
        60, "the first re-fetch is due after five minutes; one more minute does no harm", batch_size=BATCH_SIZE
    ),
    "clock_jumps": TaskInterval(
        60, "records that a clock which was ahead has scheduled too late become due now", batch_size=BATCH_SIZE
    ),
    "unconfirmed_notices": TaskInterval(15, "the notice reports money that isn't booked yet", batch_size=BATCH_SIZE),
    "payment_probes": TaskInterval(30, "the first step of a probe's schedule is one minute", batch_size=BATCH_SIZE),
    "payment_polls": TaskInterval(
        15, "if a notice was lost, a poll replaces it while the payer waits", batch_size=BATCH_SIZE
    ),
    "payment_timeouts": TaskInterval(30, "an expired payment still has reserved stock", batch_size=BATCH_SIZE),
    "order_moves": TaskInterval(
        15, "an order that could not be set to paid isn't shipped until the task has done so", batch_size=BATCH_SIZE
    ),
    "set_aside_refunds": TaskInterval(
        300, "the task requests refunds of set-asides; people then have three days to decide", batch_size=BATCH_SIZE
    ),
    "refund_probes": TaskInterval(30, "the first step of a probe's schedule is one minute", batch_size=BATCH_SIZE),
    "refund_expiry": TaskInterval(300, "refund requests expire after days, not seconds"),
    "refund_submissions": TaskInterval(
        15, "an approved refund is sent when its cooling-off is over", batch_size=BATCH_SIZE
    ),
    "refund_polls": TaskInterval(15, "the first step of a poll's schedule is half a minute", batch_size=BATCH_SIZE),
    "alert_rules": TaskInterval(60, "a mismatch may disappear within the rule's grace period of some minutes"),
    "company_changes": TaskInterval(60, "a registry changes once a day; a new record is watched within a minute"),
    "outbox": TaskInterval(
        5, "the task publishes alerts; other programs shouldn't wait longer for them", batch_size=SHORT_BATCH_SIZE
    ),
    "reconciliation": TaskInterval(900, "an announced daily file can be fetched for two hours"),
    "registry": TaskInterval(300, "a new file appears about once a day, so its import may begin some minutes later"),
    "bulk_runs": TaskInterval(5, "a person is watching the progress", batch_size=SHORT_BATCH_SIZE),
    "audit_roots": TaskInterval(300, "a root is due one hour after the oldest audit row that no root covers"),
}
"""Interval of each task, by the task's name. In tests the time scale divides the seconds."""
RIGHT_OF_TASK: Mapping[str, str] = {
    "audit_roots": "audit_root",
    "registry": "registry_import",
    "set_aside_refunds": "refund_propose",
}
"""The additional right that a task needs, by the task's name. People don't have these rights, so only a worker runs
these tasks.
"""


def get_interval(task_name: str) -> TaskInterval:
    """Return the interval of a task by its name; USUAL_INTERVAL for a task that isn't in INTERVAL_OF_TASK."""
    return INTERVAL_OF_TASK.get(task_name, USUAL_INTERVAL)


def compute_early_margin(interval: timedelta) -> timedelta:
    """Return the longest time by which a task with the interval `interval` may run early. It runs early only if
    another task is due: one run of the due tasks then runs both, with fewer transactions.
    """
    return interval * _LARGEST_EARLY_SHARE


def compute_wait_after_failures(interval: timedelta, failure_count: int) -> timedelta:
    """Return the wait until the next run of a task with the interval `interval` after `failure_count` consecutive
    failed runs. The wait doubles with each failure up to a limit. The result isn't divided by the time scale; the
    caller does that.
    """
    return min(interval * (1 << min(failure_count, 20)), max(interval, LONGEST_WAIT_AFTER_FAILURES))


def compute_longest_wait(interval: timedelta) -> timedelta:
    """Return the longest wait between two runs of a task with the interval `interval`. A stored time of the next run
    that is farther away is wrong: a desk whose clock was ahead wrote it."""
    return max(interval, LONGEST_WAIT_AFTER_FAILURES)


def is_task_running(task: ScheduledTask) -> bool:
    """True if the task's last run has not written its end. The run is then still running, or its process died."""
    return task.begun_at is not None and (task.ended_at is None or task.begun_at > task.ended_at)


def is_task_overdue(task: ScheduledTask, now: datetime, scale: TimeScale) -> bool:
    """True if the program must raise an alert about the task, in one of four cases. (1) No run is running, and the
    task's due time passed longer ago than its interval (at least `OVERDUE_GRACE_PERIOD`). (2) The present run hasn't
    ended after its time limit, which is twice the interval (at least `LONGEST_RUN_TIME`). (3) The present run is
    within its time limit, but the due time passed longer ago than the time limit and the interval together, because
    earlier runs didn't end either. (4) More than `MAX_CONSECUTIVE_FAILURES` consecutive runs failed. `scale` divides
    these times in tests.
    """
    if task.failures > MAX_CONSECUTIVE_FAILURES:
        return True
    if is_task_running(task) and task.begun_at is not None:
        longest_run_time = max(LONGEST_RUN_TIME, 2 * task.interval)
        has_hung = now - scale.scale_duration(longest_run_time) > task.begun_at
        return has_hung or now - scale.scale_duration(longest_run_time + task.interval) > task.next_at
    return now - scale.scale_duration(max(OVERDUE_GRACE_PERIOD, task.interval)) > task.next_at
