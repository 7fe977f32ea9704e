"""Intervals of the scheduled tasks with their reasons, and the rule that tells if a task is overdue. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.domain.clock import TimeScale
from console.domain.tasks.records import ScheduledTask

TASK_LEASE_PREFIX = "task_"
"""Prefix of the names of the tasks' leases."""
OVERDUE_GRACE = timedelta(seconds=90)
"""A task that is late by less isn't overdue. After a worker was killed, its lease expires within half of this
time.
"""
LONGEST_RUN = timedelta(minutes=15)
"""A run that hasn't ended after this time counts as hanging."""
LONGEST_BACK_OFF = timedelta(minutes=15)
MOST_FAILURES_IN_A_ROW = 2
"""Largest number of consecutive failed runs without an alert."""
BATCH_SIZE = 200
"""Largest number of records that a task works on in one run."""
SHORT_BATCH_SIZE = 100
"""Largest number of records in one run of a task that needs more time for each record."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Interval of a task: the seconds from the end of a run to the start of the next. A run that worked on `batch`
    records has probably left some, so the next one starts after SOON.
    """

    seconds: int
    reason: str
    batch: int = 0

    @property
    def every(self) -> timedelta:
        """The interval as a duration."""
        return timedelta(seconds=self.seconds)


FULL_BATCH_INTERVAL = timedelta(seconds=2)
"""Interval after a run that worked on a full batch."""
USUAL_INTERVAL = Interval(60, "what is due to the minute is soon enough")
INTERVAL_OF_TASK: Mapping[str, Interval] = {
    "spool_delivery": Interval(15, "an answer that the database could not take keeps a record unknown"),
    "lapsed_operations": Interval(15, "a call whose process died is seen as unknown anyway; this settles it"),
    "rows_by_others": Interval(30, "another application writes at any time and tells nobody"),
    "probes": Interval(30, "the first step of a probe's schedule is one minute", batch=BATCH_SIZE),
    "refetches": Interval(60, "what is missing was missing for a while", batch=BATCH_SIZE),
    "clock_jumps": Interval(
        60, "what a clock that was ahead has put off would be late by its jump", batch=BATCH_SIZE
    ),
    "unconfirmed_notices": Interval(15, "the money is known to have arrived and isn't booked yet", batch=BATCH_SIZE),
    "payment_probes": Interval(30, "the first step of a probe's schedule is one minute", batch=BATCH_SIZE),
    "payment_polls": Interval(
        15, "the way in which a lost notice is made up for: a payer is waiting", batch=BATCH_SIZE
    ),
    "payment_timeouts": Interval(30, "a payment that expired holds stock", batch=BATCH_SIZE),
    "order_moves": Interval(15, "a paid order waits to be shipped", batch=BATCH_SIZE),
    "set_aside_refunds": Interval(300, "people have three days to decide about what it asks for", batch=BATCH_SIZE),
    "refund_probes": Interval(30, "the first step of a probe's schedule is one minute", batch=BATCH_SIZE),
    "refund_expiry": Interval(300, "a limit of days"),
    "refund_submissions": Interval(15, "an approved refund is sent when its cooling-off is over", batch=BATCH_SIZE),
    "refund_polls": Interval(15, "the first step of a poll's schedule is half a minute", batch=BATCH_SIZE),
    "alert_rules": Interval(60, "an inconsistency may heal within its grace"),
    "outbox": Interval(5, "who waits for an alert waits for people already", batch=SHORT_BATCH_SIZE),
    "reconciliation": Interval(900, "a file that was announced can be fetched for two hours"),
    "bulk_runs": Interval(5, "somebody is looking at the progress", batch=SHORT_BATCH_SIZE),
    "audit_roots": Interval(300, "looks whether an hour has gone by since the oldest row that no root covers"),
}
"""Interval of each task by name. The time scale divides the seconds."""
RIGHT_OF_TASK: Mapping[str, str] = {"audit_roots": "audit_root", "set_aside_refunds": "refund_propose"}
"""The additional right that a task needs, by task. A person lacks these rights, so only a worker runs these tasks."""


def interval_of(name: str) -> Interval:
    """Return the task's interval, USUAL for an unlisted task."""
    return INTERVAL_OF_TASK.get(name, USUAL_INTERVAL)


def wait_after_failures(every: timedelta, failures: int) -> timedelta:
    """Return the wait after `failures` consecutive failed runs of a task with the interval `every`, not divided by
    the time scale.
    """
    return min(every * (1 << min(failures, 20)), max(every, LONGEST_BACK_OFF))


def longest_wait(every: timedelta) -> timedelta:
    """Return the longest wait of a task with the interval `every`. If its next run is later than that, a desk wrote
    it while its clock was ahead.
    """
    return max(every, LONGEST_BACK_OFF)


def is_running(task: ScheduledTask) -> bool:
    """True if the task's last run hasn't written its end: it is running, or its process ended early."""
    return task.begun_at is not None and (task.ended_at is None or task.begun_at > task.ended_at)


def is_overdue(task: ScheduledTask, now: datetime, scale: TimeScale) -> bool:
    """True if an alert must be raised: the task's due time passed longer ago than its interval (at least
    `OVERDUE_GRACE`), a run hangs, or more than `MOST_FAILURES_IN_A_ROW` runs failed one after another.
    """
    if task.failures > MOST_FAILURES_IN_A_ROW:
        return True
    if is_running(task) and task.begun_at is not None:
        return now - scale.scaled_delta(max(LONGEST_RUN, 2 * task.every)) > task.begun_at
    return now - scale.scaled_delta(max(OVERDUE_GRACE, task.every)) > task.next_at
