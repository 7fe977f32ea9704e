"""The same thing done by many at the same moment, before every node there is."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from console.store.database.engine import Database, Transaction
from tests.support.waiting import PATIENCE_SECONDS

T = TypeVar("T")
MANY = 6


def at_once(databases: Sequence[Database], work: Callable[[Transaction, int], T], many: int = MANY) -> list[T]:
    """What each got, in their order; `work` is told which one it is."""
    barrier = Barrier(many)

    def one(number: int) -> T:
        barrier.wait(PATIENCE_SECONDS)
        return databases[number % len(databases)].write(lambda tx: work(tx, number))

    with ThreadPoolExecutor(many) as threads:
        return list(threads.map(one, range(many)))
