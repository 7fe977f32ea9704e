"""A day in the life at full count: 20,000 orders on one database."""

from collections import Counter
from pathlib import Path

from tests.day import oracle
from tests.day.plan import Day
from tests.day.run import figure, run
from tests.soak.shards import Demand

WHOLE = Day(
    orders=20_000, seed=1, scale=10, under_way=100, code_seconds=40.0, outages=12, slow_spells=10, worker_kills=40,
    database_kills=6, patience=1_500.0,
)  # fmt: skip


def whole(_shard: int, folder: Path) -> Counter[str]:
    """Raises with what the oracle names."""
    ended = run(WHOLE, folder)
    print(f"demand a day in the life: {figure(ended)}")
    assert ended.tally["orders"] >= WHOLE.orders, f"closed after {ended.tally['orders']} orders"
    wrong = oracle.judge(ended.facts)
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong[:40]])
    return ended.tally


_TOLD = (
    "{orders} orders, {lost} notices lost, {worker_kills} workers and {database_kills} databases killed: none stuck,"
    " books balance, {planted} planted, {raised} raised, {right} of them right"
)
DEMANDS: tuple[Demand, ...] = (Demand("a day in the life", 1, whole, _TOLD, seconds=4_800),)
