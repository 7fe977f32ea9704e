"""Transactions that lose against another transaction, by a deadlock, a lock or an outdated snapshot, and the checks
of how they end.
"""

import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from typing import Any

from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database, Transaction
from tests.support.waiting import MAX_WAIT_SECONDS

# The tests count in the column `not_before` of rows that no provider has.
_INCREMENT_COUNTER_SQL = text("UPDATE call_rates SET not_before = not_before + 1 WHERE name = :name")
_READ_COUNTER_SQL = text("SELECT not_before FROM call_rates WHERE name = :name")
_WRITE_COUNTER_SQL = text("UPDATE call_rates SET not_before = :value WHERE name = :name")
COUNTER_NAMES = ("faults-a", "faults-b")


class RerunCounter(logging.Handler):
    """A log handler that counts how often the program ran a transaction again, by the number of the server's error
    (`numbers`)."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.numbers: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        for number in ("1213", "1205", "1020", "1062"):
            self.numbers[number] += f"({number}," in record.getMessage()


@contextmanager
def count_reruns() -> Iterator[RerunCounter]:
    """Yield the counter of the transactions that are run again within the block."""
    log, counted = logging.getLogger("console.store"), RerunCounter()
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(counted)
    try:
        yield counted
    finally:
        log.removeHandler(counted)
        log.setLevel(before)


class CrossingTransaction:
    """A transaction that increments two rows in the given order. Two such transactions with opposite orders deadlock.
    `tries` is the number of times that it was run."""

    def __init__(self, order: Sequence[str]) -> None:
        self._order = order
        self.tries = 0

    def __call__(self, tx: Transaction) -> None:
        self.tries += 1
        first, second = self._order
        tx.conn.execute(_INCREMENT_COUNTER_SQL, {"name": first})
        tx.conn.exec_driver_sql("DO SLEEP(0.002)")  # a transaction of ours has other things to do in between
        tx.conn.execute(_INCREMENT_COUNTER_SQL, {"name": second})


class ReadModifyWrite:
    """A transaction that reads one row and writes its value plus one. The result is right only if no other
    transaction has written the row meanwhile."""

    tries = 0

    def __call__(self, tx: Transaction) -> None:
        self.tries += 1
        value = int(tx.conn.execute(_READ_COUNTER_SQL, {"name": COUNTER_NAMES[0]}).scalar_one())
        tx.conn.execute(_WRITE_COUNTER_SQL, {"name": COUNTER_NAMES[0], "value": value + 1})


def run_crossing_transactions(databases: Sequence[Database], transaction_count: int) -> Counter[str]:
    """Run `transaction_count` crossing transactions on each database, each database in a thread of its own. Every
    second thread has the opposite order of rows. Return `won` (transactions that succeeded), the number of failed
    ones by error code, `tries` (of all transactions) and `max_tries` (of one transaction)."""
    tally: Counter[str] = Counter()
    start = Barrier(len(databases))

    def run_thread(number: int, database: Database) -> None:
        start.wait(MAX_WAIT_SECONDS)
        chance, pause = random.Random(number), Event()
        for _ in range(transaction_count):
            pause.wait(chance.uniform(0, 0.02))  # people who never pause would starve whoever goes the other way
            work = CrossingTransaction(COUNTER_NAMES if number % 2 else COUNTER_NAMES[::-1])
            try:
                database.write(work)
                tally["won"] += 1
            except ConsoleError as lost:
                tally[lost.code] += 1
            tally["max_tries"] = max(tally["max_tries"], work.tries)
            tally["tries"] += work.tries

    threads = [Thread(target=run_thread, args=(number, database)) for number, database in enumerate(databases)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def reset_counters(sql: Any) -> None:
    """Set both counter rows to 0, and mark them as rows that belong to the server's clock, because no session may
    change rows that are dated by another clock. `sql` runs statements with the schema account."""
    sql(
        "DELETE FROM call_rates",
        *(f"INSERT INTO call_rates VALUES ('{name}', 'server', 0)" for name in COUNTER_NAMES),
    )
