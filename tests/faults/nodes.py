"""Reads and writes on several nodes of a cluster at the same time. Each node must show the writes that another node
has acknowledged, and only one node may acquire a lease."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess
from tests.faults.scene import execute_as_schema_account
from tests.faults.verdicts import TriedAuditEntry
from tests.support.places import ServerPlace
from tests.support.quick_desks import START_TIME
from tests.support.waiting import MAX_WAIT_SECONDS

_WRITE_VALUE_SQL = text("UPDATE call_rates SET not_before = :value WHERE name = 'causal'")
_READ_VALUE_SQL = text("SELECT not_before FROM call_rates WHERE name = 'causal'")
_COMPARE_AND_SWAP_SQL = text(
    "UPDATE call_rates SET not_before = not_before + 1 WHERE name = 'causal' AND not_before = :value"
)
_READ_SYNC_WAIT_SQL = text("SELECT @@wsrep_sync_wait")


@contextmanager
def open_database_per_node(place: ServerPlace, *, as_owner: bool = False) -> Iterator[list[Database]]:
    """Yield one Database per node, which connects to this node only: as the schema account (`as_owner`), or as a
    person."""
    with ExitStack() as opened:
        made = []
        for number, node in enumerate(place.database.nodes):
            parts = urlsplit(place.url("") if as_owner else place.url(desk=number))
            account = parts.netloc.rpartition("@")[0]
            alone = urlunsplit((parts.scheme, f"{account}@{node.host}:{node.port}", parts.path, "", ""))
            made.append(Database(alone))
            opened.callback(made[-1].close)
        yield made


def read_after_write(databases: Sequence[Database], write_count: int) -> Counter[str]:
    """Write on one node, and read the value on the next node immediately. Return three numbers: `reads`, `stale`
    (reads with an old value) and `unguarded` (sessions without the setting that makes reads wait for other nodes'
    writes)."""
    tally: Counter[str] = Counter(reads=write_count, stale=0, unguarded=0)
    for turn in range(write_count):
        first_database, second_database = databases[turn % len(databases)], databases[(turn + 1) % len(databases)]
        first_database.write(lambda tx, turn=turn: tx.conn.execute(_WRITE_VALUE_SQL, {"value": turn}))  # type: ignore[misc]  # a default
        with second_database.read() as conn:
            tally["stale"] += conn.scalar(_READ_VALUE_SQL) != turn
            tally["unguarded"] += conn.scalar(_READ_SYNC_WAIT_SQL) != 3
    return tally


def swap_after_write(databases: Sequence[Database], write_count: int) -> Counter[str]:
    """Update a row on one node, under the condition of the value that another node has just written. No other session
    writes the row, so no update may be refused. Return two numbers: `swaps` (updates) and `refused` (updates that
    changed no row)."""
    tally: Counter[str] = Counter(swaps=write_count, refused=0)
    for turn in range(write_count):
        first_database, second_database = databases[turn % len(databases)], databases[(turn + 1) % len(databases)]
        value = turn * 10
        first_database.write(lambda tx, value=value: tx.conn.execute(_WRITE_VALUE_SQL, {"value": value}))  # type: ignore[misc]  # a default
        swap = {"value": value}
        swapped = second_database.write(lambda tx, swap=swap: tx.conn.execute(_COMPARE_AND_SWAP_SQL, swap).rowcount)  # type: ignore[misc]  # bound
        tally["refused"] += swapped != 1
    return tally


def compete_for_leases(databases: Sequence[Database], person_names: Sequence[str], round_count: int) -> Counter[str]:
    """In each of `round_count` rounds, let all databases acquire the same lease at the same time. Return two numbers:
    `round_count`, and `one_winner` (rounds in which exactly one acquired it)."""
    start = threading.Barrier(len(databases))
    won: list[list[int]] = [[] for _ in range(round_count)]

    def compete(number: int) -> None:
        holder = HoldingProcess(person_names[number], f"desk-{number}", "host", number, f"session-{number}")
        for turn in range(round_count):
            start.wait(MAX_WAIT_SECONDS)
            name = f"fought-for-{turn}"
            taken = databases[number].write(lambda tx, name=name: leases.acquire(tx, name, holder, START_TIME, 30))  # type: ignore[misc]  # bound
            if taken is not None:
                won[turn].append(number)

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(len(databases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(rounds=round_count, one_winner=sum(len(winners) == 1 for winners in won))


@dataclass
class ThreadsThatWrite:
    """One thread per database that writes rows until the end of a block. `row_mark` distinguishes the rows of this
    object. `acknowledged_rows` has the name and the try of each written row, `longest_seconds` the longest duration
    of a write (seconds), `count_by_refusal_code` the error codes."""

    databases: Sequence[Database]
    person_names: Sequence[str]
    row_mark: str
    acknowledged_rows: list[tuple[str, int]] = field(default_factory=list)
    longest_seconds: float = 0.0
    count_by_refusal_code: Counter[str] = field(default_factory=Counter)
    _stop_event: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def write_in_threads(self) -> Iterator[None]:
        """Let the threads write until the end of the block."""
        threads = [threading.Thread(target=self._write_rows, args=(number,)) for number in range(len(self.databases))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop_event.set()
            for thread in threads:
                thread.join()

    def _write_rows(self, number: int) -> None:
        turn = 0
        while not self._stop_event.is_set():
            turn += 1
            note = TriedAuditEntry(
                f"{self.row_mark}-{number}-{turn}", self.person_names[number], chain=f"{self.row_mark}-{number}"
            )
            begun = time.monotonic()
            try:
                self.acknowledged_rows.append((note.name, self.databases[number].write(note)))
            except ConsoleError as lost:
                self.count_by_refusal_code[lost.code] += 1
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - begun)

    def find_lost_and_duplicate_rows(self, place: ServerPlace) -> tuple[list[str], list[str]]:
        """Return the names of the acknowledged rows that are missing, and of the rows that exist more than once."""
        rows = execute_as_schema_account(
            place, f"SELECT subject_id FROM audit_log WHERE subject_id LIKE '{self.row_mark}-%'"
        )
        count_by_name = Counter(name for (name,) in rows)
        return [name for name, _ in self.acknowledged_rows if not count_by_name[name]], [
            n for n in count_by_name if count_by_name[n] > 1
        ]
