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
    """Return the result of each thread, in their order; `work` gets the number of its thread."""
    barrier = Barrier(many)

    def one(number: int) -> T:
        barrier.wait(PATIENCE_SECONDS)
        return databases[number % len(databases)].write(lambda tx: work(tx, number))

    with ThreadPoolExecutor(many) as threads:
        return list(threads.map(one, range(many)))
