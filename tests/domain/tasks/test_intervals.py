"""Intervals of due tasks: what is waited for, what is overdue, and what the docs say of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.domain.clock import TimeScale
from console.domain.task_intervals import (
    GRACE,
    INTERVALS,
    LONGEST_BACK_OFF,
    LONGEST_RUN,
    USUAL,
    back_off,
    interval_of,
    longest_wait,
    overdue,
)
from console.domain.worker_records import ScheduledTask

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
REAL, FAST = TimeScale(), TimeScale(20)


def task(every: timedelta = MINUTE, **facts: object) -> ScheduledTask:
    return ScheduledTask("probes", every, AT, **facts)  # type: ignore[arg-type]  # fields by name


def test_the_docs_tell_each_interval_and_its_reason() -> None:
    """docs/worker.md has the table as it is."""
    text = (Path(__file__).parents[2] / "docs" / "worker.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {interval.seconds} | {interval.reason} |" for name, interval in INTERVALS.items()]
    assert [row for row in rows if row not in text] == []


def test_an_unnamed_task_has_the_usual_interval() -> None:
    """A task may be added before anybody has thought about its interval."""
    assert interval_of("something new") == USUAL


@pytest.mark.parametrize("every", [timedelta(seconds=5), MINUTE, HOUR])
def test_back_off_grows_within_its_bound(every: timedelta) -> None:
    """Each wait is at least the one before, none longer than any task may wait; a rare task is not hurried."""
    waits = [back_off(every, failures) for failures in range(60)]
    assert waits == sorted(waits)
    assert every <= waits[0]
    assert waits[-1] == longest_wait(every) == max(every, LONGEST_BACK_OFF)


@pytest.mark.parametrize(("every", "allowed"), [(timedelta(seconds=5), GRACE), (MINUTE, GRACE), (HOUR, HOUR)])
@pytest.mark.parametrize("scale", [REAL, FAST])
def test_a_task_is_overdue_by_its_interval_again(every: timedelta, allowed: timedelta, scale: TimeScale) -> None:
    """Twice its interval since it last ended, and never before a killed worker's lease has ended."""
    late = AT + scale.delta(allowed)
    assert not overdue(task(every), late, scale)
    assert overdue(task(every), late + timedelta(milliseconds=1), scale)


def test_a_run_that_does_not_end_is_overdue() -> None:
    """By its beginning, whatever its row says of the next run; one that has ended is not."""
    begun = task(begun_at=AT + HOUR)
    assert not overdue(begun, AT + HOUR + LONGEST_RUN, REAL)
    assert overdue(begun, AT + HOUR + LONGEST_RUN + MINUTE, REAL)
    ended = task(begun_at=AT - HOUR, ended_at=AT - MINUTE)
    assert not overdue(ended, AT, REAL)


def test_failing_again_and_again_is_overdue() -> None:
    """However far it is put off."""
    assert [overdue(task(failures=n, trouble="x"), AT - HOUR, REAL) for n in range(4)] == [False, False, False, True]
