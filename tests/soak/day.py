"""Soak test of a simulated day of a shop (see tests/day) with full counts: 20,000 orders with desks that act
themselves, and 2,000 orders with desks in team mode."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.day import oracle, worker_logs
from tests.day.plan import DayParameters
from tests.day.run import format_counts, run_day
from tests.soak.shards import Demand

WHOLE_DAY = DayParameters(
    order_count=20_000, seed=1, scale=10, max_running_orders=100, code_validity_seconds=40.0,
    outage_count=12, slow_period_count=10, worker_kill_count=40,
    database_kill_count=6, max_wait_seconds=1_500.0,
)  # fmt: skip
TEAM_MODE_DAY = replace(
    WHOLE_DAY,
    order_count=2_000,
    outage_count=2,
    slow_period_count=2,
    worker_kill_count=40,
    database_kill_count=2,
    uses_team_mode=True,
)


def run_whole_day(_shard: int, folder: Path) -> Counter[str]:
    """Simulate the day with 20,000 orders, and return its counts by the name of the event, such as `orders` or
    `worker_kills`."""
    return _run_day(WHOLE_DAY, folder, "a day in the life")


def run_day_in_team_mode(_shard: int, folder: Path) -> Counter[str]:
    """Simulate the day with 2,000 orders in team mode. The desks send desk requests, and workers execute them. The
    test kills one worker after another. Return the counts of the day by the name of the event, such as `orders` or
    `worker_kills`."""
    tally = _run_day(TEAM_MODE_DAY, folder, "a day in the life, asked")
    assert tally["requests ended"] > TEAM_MODE_DAY.order_count // 5, tally
    return tally


def _run_day(day: DayParameters, folder: Path, name: str) -> Counter[str]:
    """Simulate the day, print its figures under the name `name`, and return its counts by the name of the event, such
    as `orders` or `worker_kills`.

    Raises AssertionError with all differences that the oracle finds.
    """
    ended = run_day(day, folder)
    print(f"demand {name}: {format_counts(ended)}")
    assert ended.event_counts["orders"] >= day.order_count, f"closed after {ended.event_counts['orders']} orders"
    wrong = oracle.find_errors(ended.facts)
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong[:40], worker_logs.list_log_errors(folder)])
    return ended.event_counts


_DAY_FIGURES_FORMAT = (
    "{orders} orders, {lost} notices lost, {worker_kills} workers and {database_kills} databases killed: none stuck,"
    " books balance, {planned} planned, {raised} raised, {right} of them right"
)
_TEAM_DAY_FIGURES_FORMAT = (
    f"{{requests ended}} requests of desks, {{taken_over}} of them taken over; {_DAY_FIGURES_FORMAT}"
)
DEMANDS: tuple[Demand, ...] = (
    Demand("a day in the life", 1, run_whole_day, _DAY_FIGURES_FORMAT, limit_seconds=4_800),
    Demand("a day in the life, asked", 1, run_day_in_team_mode, _TEAM_DAY_FIGURES_FORMAT, limit_seconds=4_800),
)
