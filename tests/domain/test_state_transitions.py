"""Transition tables, schedules, permissions and days."""

from datetime import UTC, date, datetime, timedelta

import pytest

from console.domain import dates, permissions, schedules, states
from console.domain.clock import TimeScale
from console.domain.errors import EXIT_STATUS, ConsoleError
from console.domain.records import CheckState, OperationState, Person

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after"), [(CheckState.SUCCESS, CheckState.ERROR), (CheckState.ERROR, CheckState.SUCCESS)]
)
def test_what_ended_stays(before: CheckState, after: CheckState) -> None:
    """A charge is never taken back, and an error never becomes a purchase."""
    with pytest.raises(states.ForbiddenTransition):
        states.require_check(before, after)


def test_pending_may_end_both_ways() -> None:
    """Only pending is open."""
    assert states.CREDIT_CHECK[CheckState.PENDING] == {CheckState.SUCCESS, CheckState.ERROR}
    assert "calling" in states.sources_of_operation(OperationState.UNKNOWN)
    assert "unknown" not in states.sources_of_operation(OperationState.UNKNOWN)


def test_schedules_end_with_a_person() -> None:
    """Probes and re-fetches follow their schedule, then nothing is due by itself any more."""
    scale = TimeScale()
    assert schedules.next_at(schedules.PURCHASE_PROBES, 0, NOW, scale) == NOW + timedelta(minutes=1)
    assert schedules.next_at(schedules.INCOMPLETE_REFETCHES, 4, NOW, scale) == NOW + timedelta(days=1)
    assert schedules.next_at(schedules.INCOMPLETE_REFETCHES, 5, NOW, scale) is None


def test_the_scale_divides_waits_but_never_starves_a_lease() -> None:
    """A scaled lease lasts at least two seconds."""
    assert TimeScale(20).seconds(60) == 3
    assert TimeScale(100).lease_seconds(45) == 2
    assert TimeScale(1).lease_seconds(45) == 45


def test_a_day_ends_at_midnight_in_japan() -> None:
    """The last valid day counts in full, in Japan."""
    assert dates.instant_text(dates.day_ended(date(2027, 11, 20))) == "2027-11-20T15:00:00Z"
    assert dates.last_day(dates.day_ended(date(2027, 11, 20))) == date(2027, 11, 20)


def test_buying_takes_the_flag() -> None:
    """A role alone doesn't buy."""
    assert permissions.may(Person("op-a", frozenset({"operator"}), may_buy=True), "purchase")
    assert not permissions.may(Person("op-a", frozenset({"operator"}), may_buy=False), "purchase")
    assert not permissions.may(Person("aud-e", frozenset({"auditor"}), may_buy=True), "refetch")


def test_one_person_under_two_spellings() -> None:
    """Case and blanks make nobody a second person."""
    assert permissions.same_person("op-a", " OP-A ")
    assert not permissions.same_person("op-a", "op-b")


def test_exit_statuses_are_complete() -> None:
    """Every code has its status; the one that has two says which."""
    assert set(EXIT_STATUS.values()) == {2, 3, 4, 5, 6, 70}
    assert ConsoleError("viewing_period_over", exit_status=5).exit_status == 5
