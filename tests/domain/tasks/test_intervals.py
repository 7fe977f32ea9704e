"""Tests of the intervals of due tasks: waits after failures, overdue tasks, and the table in the documentation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.domain.clock import TimeScale
from console.domain.tasks.intervals import (
    INTERVAL_OF_TASK,
    LONGEST_RUN_TIME,
    LONGEST_WAIT_AFTER_FAILURES,
    OVERDUE_GRACE_PERIOD,
    USUAL_INTERVAL,
    compute_longest_wait,
    compute_wait_after_failures,
    get_interval,
    is_task_overdue,
)
from console.domain.tasks.records import ScheduledTask

INSTANT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
REAL_SCALE = TimeScale()
FAST_SCALE = TimeScale(20)


def make_task(interval: timedelta = MINUTE, **facts: object) -> ScheduledTask:
    return ScheduledTask("probes", interval, INSTANT, **facts)  # type: ignore[arg-type]  # fields by name


def test_the_worker_page_has_the_table_of_intervals() -> None:
    """docs/worker.md contains the table of intervals and reasons."""
    text = (Path(__file__).parents[3] / "docs" / "worker.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {interval.seconds} | {interval.reason} |" for name, interval in INTERVAL_OF_TASK.items()]
    assert [row for row in rows if row not in text] == []


def test_an_unnamed_task_has_the_usual_interval() -> None:
    """A task without an entry in the table has the default interval."""
    assert get_interval("something new") == USUAL_INTERVAL


@pytest.mark.parametrize("interval", [timedelta(seconds=5), MINUTE, HOUR])
def test_each_wait_after_a_failure_is_longer_up_to_a_bound(interval: timedelta) -> None:
    """Each wait after a failure is at least as long as the wait before, and at most the upper bound for all tasks. If
    the interval of a task is longer than the bound, the task waits its interval."""
    waits = [compute_wait_after_failures(interval, failures) for failures in range(60)]
    assert waits == sorted(waits)
    assert interval <= waits[0]
    assert waits[-1] == compute_longest_wait(interval) == max(interval, LONGEST_WAIT_AFTER_FAILURES)


@pytest.mark.parametrize(
    ("interval", "allowed"),
    [(timedelta(seconds=5), OVERDUE_GRACE_PERIOD), (MINUTE, OVERDUE_GRACE_PERIOD), (HOUR, HOUR)],
)
@pytest.mark.parametrize("scale", [REAL_SCALE, FAST_SCALE])
def test_a_task_is_overdue_after_twice_its_interval(
    interval: timedelta, allowed: timedelta, scale: TimeScale
) -> None:
    """A task is overdue when twice its interval has passed since its last end. It is never overdue before the lease
    of a killed worker has expired."""
    late = INSTANT + scale.scale_duration(allowed)
    assert not is_task_overdue(make_task(interval), late, scale)
    assert is_task_overdue(make_task(interval), late + timedelta(milliseconds=1), scale)


def test_a_run_that_does_not_end_is_overdue() -> None:
    """A run that doesn't end within LONGEST_RUN_TIME is overdue, whatever the task's row says about the next run. An
    ended run isn't."""
    begun = replace(make_task(begun_at=INSTANT + HOUR), next_at=INSTANT + 2 * HOUR)
    assert not is_task_overdue(begun, INSTANT + HOUR + LONGEST_RUN_TIME, REAL_SCALE)
    assert is_task_overdue(begun, INSTANT + HOUR + LONGEST_RUN_TIME + MINUTE, REAL_SCALE)
    ended = make_task(begun_at=INSTANT - HOUR, ended_at=INSTANT - MINUTE)
    assert not is_task_overdue(ended, INSTANT, REAL_SCALE)


def test_a_task_that_keeps_failing_is_overdue() -> None:
    """A task that has failed three times in a row is overdue, however long its next run is postponed."""
    assert [is_task_overdue(make_task(failures=n, error_code="x"), INSTANT - HOUR, REAL_SCALE) for n in range(4)] == [
        False,
        False,
        False,
        True,
    ]


def test_a_run_has_a_longest_duration() -> None:
    """A run may take a quarter of an hour, or twice the task's interval if that is longer."""
    for every, allowed in ((MINUTE, 15), (8 * MINUTE, 16), (HOUR, 120)):
        running = make_task(every, begun_at=INSTANT)
        assert not is_task_overdue(running, INSTANT + allowed * MINUTE, REAL_SCALE)
        assert is_task_overdue(running, INSTANT + allowed * MINUTE + timedelta(milliseconds=1), REAL_SCALE)


def test_failing_tasks_run_again_after_growing_waits() -> None:
    """After each failure the wait is twice as long as before, up to a quarter of an hour. After a worker was killed,
    its task doesn't count as late for 90 s."""
    assert [compute_wait_after_failures(MINUTE, failures) / MINUTE for failures in range(6)] == [1, 2, 4, 8, 15, 15]
    assert timedelta(seconds=90) == OVERDUE_GRACE_PERIOD
    assert [is_task_overdue(make_task(failures=failures), INSTANT, REAL_SCALE) for failures in (0, 2, 3)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(("interval", "allowed"), [(MINUTE, 16), (HOUR, 180)])
def test_runs_that_all_die_make_a_task_overdue(interval: timedelta, allowed: int) -> None:
    """The process of each run dies, so a run has always just begun: the task is overdue when its due time passed
    longer ago than the longest run and the interval together."""
    now = INSTANT + allowed * MINUTE
    task = make_task(interval, begun_at=now - MINUTE, ended_at=INSTANT - HOUR)
    assert not is_task_overdue(task, now, REAL_SCALE)
    assert is_task_overdue(task, now + timedelta(milliseconds=1), REAL_SCALE)
