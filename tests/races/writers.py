"""A race of many processes that read and increment one row of SQLite at the same time."""

import time
from collections import Counter
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sqlalchemy import text

from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from tests.support.children import CHILD_WAIT_SECONDS, Pipe, get_context, start_children

PROCESS_COUNT = 16
_READ_SUM_SQL = text("SELECT value FROM console_meta WHERE name = 'sum'")
_WRITE_SUM_SQL = text("UPDATE console_meta SET value = :value WHERE name = 'sum'")


def run_counter_race(folder: Path, turn_count: int, *, uses_queue: bool = True) -> Counter[str]:
    """Let 16 processes increment the row `turn_count` times each, with or without the queue of writers. Return
    `turn_count` (increments), `lost` (increments) and `longest_ms` (the duration of the longest one)."""
    url = f"sqlite:///{folder / 'console.db'}"
    database = Database(url)
    migrate.ensure_schema(database)
    if not uses_queue:
        (folder / "console.db-turn").unlink(missing_ok=True)
        (folder / "console.db-turn").mkdir()
    with database.write_without_retries() as tx:
        migrate.store_meta_if_missing(tx.conn, "sum", "0")
    barrier = get_context().Barrier(PROCESS_COUNT)
    with start_children(increment_row, [(url, turn_count, barrier)] * PROCESS_COUNT) as children:
        waits = [int(child.wait_for_report()) for child in children]
    with database.read() as conn:
        total = int(conn.scalar(_READ_SUM_SQL) or 0)
    database.close()
    return Counter(turns=turn_count * PROCESS_COUNT, lost=turn_count * PROCESS_COUNT - total, longest_ms=max(waits))


def increment_row(pipe: Pipe, url: str, turn_count: int, barrier: Barrier) -> None:
    """Entry point of a child process: increment the row repeatedly, and send the duration of the longest increment
    (ms) to the test.
    """
    database = Database(url)
    with database.read() as conn:
        conn.scalar(_READ_SUM_SQL)
    barrier.wait(CHILD_WAIT_SECONDS)
    longest = 0.0
    for _ in range(turn_count):
        begun = time.monotonic()
        with database.write_without_retries() as tx:
            value = int(tx.conn.scalar(_READ_SUM_SQL) or 0)
            tx.conn.execute(_WRITE_SUM_SQL, {"value": str(value + 1)})
        longest = max(longest, time.monotonic() - begun)
    pipe.send(int(longest * 1000))
    database.close()
