"""How often each due task runs and why, and when one is overdue. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.domain.clock import TimeScale
from console.domain.worker_records import ScheduledTask

TASK_LEASE = "task_"
"""What the names of their leases begin with."""
GRACE = timedelta(seconds=90)
"""Nothing is late before this: the lease of a killed worker takes half of it to end."""
LONGEST_RUN = timedelta(minutes=15)
"""A run that has not ended after this hangs."""
LONGEST_BACK_OFF = timedelta(minutes=15)
MOST_FAILURES = 2
"""So many runs in a row may fail before somebody is told."""


@dataclass(frozen=True, slots=True)
class Interval:
    """How long a task waits from the end of a run. `batch`: who took that many has left some, and goes on soon."""

    seconds: int
    reason: str
    batch: int = 0

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self.seconds)


SOON = timedelta(seconds=2)
"""After a full batch."""
USUAL = Interval(60, "what is due to the minute is soon enough")
INTERVALS: Mapping[str, Interval] = {
    "spool_delivery": Interval(15, "an answer that the database could not take keeps a record unknown"),
    "lapsed_operations": Interval(15, "a call whose process died is seen as unknown anyway; this settles it"),
    "rows_by_others": Interval(30, "another application writes at any time and tells nobody"),
    "probes": Interval(30, "the first step of a probe's schedule is one minute", batch=200),
    "refetches": Interval(60, "what is missing was missing for a while", batch=200),
    "clock_jumps": Interval(60, "what a clock that was ahead has put off would be late by its jump", batch=200),
    "unconfirmed_notices": Interval(15, "the money is known to have arrived and isn't booked yet", batch=200),
    "payment_probes": Interval(30, "the first step of a probe's schedule is one minute", batch=200),
    "payment_polls": Interval(15, "the way in which a lost notice is made up for: a payer is waiting", batch=200),
    "payment_timeouts": Interval(30, "a payment that expired holds stock", batch=200),
    "order_moves": Interval(15, "a paid order waits to be shipped", batch=200),
    "refund_probes": Interval(30, "the first step of a probe's schedule is one minute", batch=200),
    "refund_expiry": Interval(300, "a limit of days"),
    "refund_submissions": Interval(15, "an approved refund is sent when its cooling-off is over", batch=200),
    "refund_polls": Interval(15, "the first step of a poll's schedule is half a minute", batch=200),
    "alert_rules": Interval(60, "an inconsistency may heal within its grace"),
    "outbox": Interval(5, "who waits for an alert waits for people already", batch=100),
    "reconciliation": Interval(900, "a file that was announced can be fetched for two hours"),
    "bulk_runs": Interval(5, "somebody is looking at the progress", batch=100),
    "audit_roots": Interval(300, "looks whether an hour has gone by since the oldest row that no root covers"),
}
"""In seconds of the end of a run to the next beginning; the scale of time divides them."""
RIGHTS: Mapping[str, str] = {"audit_roots": "audit_root"}
"""What some tasks take beyond the right to run due tasks; windows of people leave them to a worker."""


def interval_of(name: str) -> Interval:
    return INTERVALS.get(name, USUAL)


def back_off(every: timedelta, failures: int) -> timedelta:
    """How long to wait after that many failed runs in a row, all unscaled."""
    return min(every * (1 << min(failures, 20)), max(every, LONGEST_BACK_OFF))


def longest_wait(every: timedelta) -> timedelta:
    """No run is put off for longer: what is further away was written by a clock that has jumped since."""
    return max(every, LONGEST_BACK_OFF)


def is_running(task: ScheduledTask) -> bool:
    """Whether its last run has not ended: it is under way, or its process went away."""
    return task.begun_at is not None and (task.ended_at is None or task.begun_at > task.ended_at)


def overdue(task: ScheduledTask, now: datetime, scale: TimeScale) -> bool:
    """Whether people must hear of it: later than twice its interval, hanging, or failing again and again."""
    if task.failures > MOST_FAILURES:
        return True
    if is_running(task) and task.begun_at is not None:
        return now > task.begun_at + scale.delta(max(LONGEST_RUN, 2 * task.every))
    return now > task.next_at + scale.delta(max(GRACE, task.every))
