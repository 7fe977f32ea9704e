"""The report of the time to truth: the times for which outcomes were unknown, per kind of record, for comparison with
the schedule of the program's probes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from console.domain.reports.periods import Period
from console.domain.tasks.retry_schedules import PAYMENT_PROBE_WAITS, PURCHASE_PROBE_WAITS, REFUND_PROBE_WAITS

PROBE_SCHEDULES: Mapping[str, Sequence[timedelta]] = {
    "credit-check": PURCHASE_PROBE_WAITS,
    "payment": PAYMENT_PROBE_WAITS,
    "refund": REFUND_PROBE_WAITS,
}
"""The waits between the automatic probes of a record whose outcome is unknown, by kind."""


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """A call that ended without a known outcome: the instant at which it began, and the instant at which its outcome
    was written later (None: it is still unknown).
    """

    started_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class TimeToTruth:
    """Figures about the calls for one kind of record whose outcome was unknown.

    - `settled_count`: the number of calls whose outcome is known now. `median`, `p90` (90th percentile) and `longest`
      are times from the beginning of such a call until its outcome was written; None if `settled_count` is 0
    - `schedule`: the time from a call to its last automatic probe; then a person must look. `late_count` is the
      number of settled calls whose outcome was unknown for a longer time
    - `open_count`: the number of calls with a still unknown outcome; `oldest_open` is the time since the first of
      them began, None if `open_count` is 0
    - `is_complete`: False if there are more operations than the report reads
    """

    kind: str
    schedule: timedelta
    settled_count: int
    median: timedelta | None
    p90: timedelta | None
    longest: timedelta | None
    late_count: int
    open_count: int
    oldest_open: timedelta | None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class TimeToTruthReport:
    """The report of the time to truth. It is about the calls that began in the period: for each kind of record it has
    the times for which the outcomes of these calls were unknown (median, 90th percentile and longest).
    """

    period: Period
    kinds: tuple[TimeToTruth, ...]
    read_at: datetime


def compute_time_to_truth(
    kind: str,
    unknown_outcomes: Iterable[UnknownOutcome],
    schedule: timedelta,
    now: datetime,
    *,
    is_complete: bool = True,
) -> TimeToTruth:
    """Return the figures about the unknown outcomes (`unknown_outcomes`) of one kind of record at the instant `now`.
    `schedule` is the time from a call to its last automatic probe. `is_complete` is False if not all operations were
    read."""
    cases = list(unknown_outcomes)
    times = sorted(case.settled_at - case.started_at for case in cases if case.settled_at is not None)
    ages = [now - case.started_at for case in cases if case.settled_at is None]
    return TimeToTruth(
        kind,
        schedule,
        len(times),
        compute_percentile(times, 50),
        compute_percentile(times, 90),
        times[-1] if times else None,
        sum(time > schedule for time in times),
        len(ages),
        max(ages, default=None),
        is_complete,
    )


def compute_percentile(durations: Sequence[timedelta], percent: int) -> timedelta | None:
    """Return the percentile of `durations`, which are sorted in ascending order: the smallest of them such that at
    least `percent` % of all are not longer. `percent` is 1 to 100; for example, 50 gives the median. None if there
    are no times.
    """
    return durations[ceil(len(durations) * percent / 100) - 1] if durations else None
