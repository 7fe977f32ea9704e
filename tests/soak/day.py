"""A day in the life at full count: 20,000 orders on one database, and 2,000 whose people ask."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.day import oracle, worker_logs
from tests.day.plan import Day
from tests.day.run import figure, run
from tests.soak.shards import Demand

WHOLE = Day(
    orders=20_000, seed=1, scale=10, under_way=100, code_seconds=40.0, outages=12, slow_spells=10, worker_kills=40,
    database_kills=6, patience=1_500.0,
)  # fmt: skip
ASKED = replace(WHOLE, orders=2_000, outages=2, slow_spells=2, worker_kills=40, database_kills=2, asks=True)


def whole(_shard: int, folder: Path) -> Counter[str]:
    return _lived(WHOLE, folder, "a day in the life")


def asked(_shard: int, folder: Path) -> Counter[str]:
    """The people's desks ask, and the workers, one of which is killed again and again, do all that people do."""
    tally = _lived(ASKED, folder, "a day in the life, asked")
    assert tally["requests ended"] > ASKED.orders // 5, tally
    return tally


def _lived(day: Day, folder: Path, name: str) -> Counter[str]:
    """Raises with what the oracle names."""
    ended = run(day, folder)
    print(f"demand {name}: {figure(ended)}")
    assert ended.tally["orders"] >= day.orders, f"closed after {ended.tally['orders']} orders"
    wrong = oracle.judge(ended.facts)
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong[:40], worker_logs.trouble(folder)])
    return ended.tally


_TOLD = (
    "{orders} orders, {lost} notices lost, {worker_kills} workers and {database_kills} databases killed: none stuck,"
    " books balance, {planted} planted, {raised} raised, {right} of them right"
)
_TOLD_ASKED = f"{{requests ended}} requests of desks, {{taken_over}} of them taken over; {_TOLD}"
DEMANDS: tuple[Demand, ...] = (
    Demand("a day in the life", 1, whole, _TOLD, seconds=4_800),
    Demand("a day in the life, asked", 1, asked, _TOLD_ASKED, seconds=4_800),
)
