"""Tests of the clock, of times that are in the future, and of the scale that divides waits."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.clock import CLOCK_TOLERANCE, SystemClock, TimeScale, compute_age, is_in_future

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds_ahead", "is_impossible"),
    [(-86_400.0, False), (0.0, False), (60.0, False), (60.000001, True), (86_400.0, True)],
)
def test_clocks_of_two_desks_may_be_a_minute_apart(seconds_ahead: float, is_impossible: bool) -> None:
    """A time that is more than a minute in the future counts as written by a wrong clock; an earlier one doesn't."""
    assert timedelta(minutes=1) == CLOCK_TOLERANCE
    assert is_in_future(NOW + timedelta(seconds=seconds_ahead), NOW) is is_impossible


def test_the_system_clock_returns_utc_and_only_grows() -> None:
    """The clock returns the time in UTC, with its zone. The time that measures waits never goes back, and a negative
    wait ends immediately."""
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.now().timestamp() - time.time()) < 60
    begun = clock.monotonic()
    clock.sleep(-5)
    clock.sleep(0.01)
    assert 0.01 <= clock.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("factor", "duration", "scaled_duration"),
    [(1, 1, 1), (1, 45, 45), (2, 45, 22.5), (2, 3, 2), (2, 4, 2), (0.5, 10, 20), (20, 45, 2.25), (30, 45, 2)],
)
def test_a_scaled_lease_lasts_two_seconds_at_least(factor: float, duration: float, scaled_duration: float) -> None:
    """A lease whose length is divided by the time scale lasts at least two seconds. With the scale 1 a lease has its
    usual length.
    """
    assert TimeScale(factor).scale_lease_seconds(duration) == scaled_duration


def test_the_time_scale_divides_every_wait() -> None:
    """The time scale divides each wait."""
    assert TimeScale().factor == 1
    assert TimeScale(4).scale_seconds(60) == 15
    assert TimeScale(4).scale_duration(timedelta(minutes=1)) == timedelta(seconds=15)


@pytest.mark.parametrize(
    ("seconds_ahead", "age"),
    [
        (-90.0, timedelta(seconds=90)),
        (0.0, timedelta(0)),
        (60.0, timedelta(0)),
        (60.000001, None),
    ],
)
def test_an_age_is_never_negative(seconds_ahead: float, age: timedelta | None) -> None:
    """A time in the future within the tolerance has the age 0. For a time further in the future, or without a time,
    the age is unknown (None)."""
    assert compute_age(NOW + timedelta(seconds=seconds_ahead), NOW) == age
    assert compute_age(None, NOW) is None
