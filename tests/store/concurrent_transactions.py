"""A helper that runs the same function in many threads at the same moment, spread over all nodes of a database."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from console.store.database.engine import Database, Transaction
from tests.support.waiting import MAX_WAIT_SECONDS

ResultT = TypeVar("ResultT")
THREAD_COUNT = 6


def run_at_once(databases: Sequence[Database], work: Callable[[Transaction, int], ResultT]) -> list[ResultT]:
    """Run `work` in THREAD_COUNT threads at the same moment, each in a write transaction; the threads are spread over
    the databases. `work` gets the transaction and the number of its thread. Return the results in the order of the
    threads.
    """
    barrier = Barrier(THREAD_COUNT)

    def run_transaction(number: int) -> ResultT:
        barrier.wait(MAX_WAIT_SECONDS)
        return databases[number % len(databases)].write(lambda tx: work(tx, number))

    with ThreadPoolExecutor(THREAD_COUNT) as threads:
        return list(threads.map(run_transaction, range(THREAD_COUNT)))
