"""The change feed on a Galera cluster. Each change that is written on one node reaches the readers of every node
exactly once. This is so also for a transaction that stays open while hundreds of others are committed. A reader never
reads an older state of a record after a newer one.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Event, Thread

import pytest

from console.domain.service_results import FeedMark
from console.store.database import change_feed, compare_and_swap
from console.store.database.engine import Database, Transaction
from console.store.records import notes
from tests.faults import nodes
from tests.faults.scene import execute_as_schema_account
from tests.support.places import ServerPlace
from tests.support.quick_desks import START_TIME
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

pytestmark = pytest.mark.engines("galera")
RECORD_KIND = "payment"
RECORD_IDS = range(1, 6)
TRANSACTION_COUNT = 25
"""Number of transactions of each writer."""
ANNOUNCED_RECORD_COUNT = 60
"""Number of other records whose change every fifth transaction announces."""


class FeedReader:
    """Reads the change feed of one node. When it gets a change of a record, it reads the record, as a page of the
    window does. `read_count_by_id` counts how often each id of the feed was read. `note_counts_by_record` has, for
    each record, the number of its notes at each of these reads, in their order.
    """

    def __init__(self, database: Database) -> None:
        self.read_count_by_id: Counter[int] = Counter()
        self.note_counts_by_record: defaultdict[int, list[int]] = defaultdict(list)
        self._database, self._over = database, Event()
        with database.read() as conn:
            self._mark, _ = change_feed.list_changes_since(conn, None)
        self._thread = Thread(target=self._read_until_stopped, daemon=True)

    @contextmanager
    def read_in_thread(self) -> Iterator["FeedReader"]:
        """Read the feed in a thread until the end of the block."""
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join(MAX_WAIT_SECONDS)

    def _read_until_stopped(self) -> None:
        while not self._over.wait(0.01):
            self._mark = self._read(self._mark)

    def _read(self, previous_mark: FeedMark) -> FeedMark:
        with self._database.read() as conn:
            mark, changed = change_feed.list_changes_since(conn, previous_mark)
            for kind, record in changed:
                if kind == RECORD_KIND:
                    self.note_counts_by_record[record].append(len(notes.list_notes(conn, kind, record)))
        self.read_count_by_id.update(mark.read_ids - previous_mark.read_ids)
        return mark


def write_notes(database: Database, person: str, number: int) -> None:
    """Write notes on a few records on which other threads also write. `number` is that of the thread and selects its
    random records. Every fifth transaction announces changes of many records.
    """
    chance = random.Random(number)
    for turn in range(TRANSACTION_COUNT):
        record, announced_count = chance.choice(RECORD_IDS), ANNOUNCED_RECORD_COUNT if turn % 5 == 0 else 0

        def write_note_and_changes(
            tx: Transaction, record: int = record, announced_count: int = announced_count, turn: int = turn
        ) -> None:
            notes.add_note(tx.conn, RECORD_KIND, record, person, f"{number}-{turn}", START_TIME)
            for one in range(announced_count):
                compare_and_swap.announce_change(tx.conn, "order", 1_000 * number + one, START_TIME)

        database.write(write_note_and_changes)


@contextmanager
def commit_note_late(database: Database, person: str, record: int) -> Iterator[None]:
    """Write a note before the block, and commit its transaction after the block."""
    with database.write_without_retries() as tx:
        notes.add_note(tx.conn, RECORD_KIND, record, person, "late", START_TIME)
        yield


def test_each_node_of_a_cluster_reads_each_change_once(galera_place: ServerPlace) -> None:
    """Each of three nodes has a writer, a reader, and a transaction that is committed after all others. Each reader
    gets each change once, and never reads an older state of a record after a newer one.
    """
    me, before = galera_place.get_account_name("op-a"), read_feed_ids(galera_place)
    with nodes.open_database_per_node(galera_place) as databases, ExitStack() as opened:
        readers = [opened.enter_context(FeedReader(database).read_in_thread()) for database in databases]
        with ExitStack() as late:
            for number, database in enumerate(databases):
                late.enter_context(commit_note_late(database, me, RECORD_IDS[number]))
            run_threads([Thread(target=write_notes, args=(one, me, number)) for number, one in enumerate(databases)])
            most = max(read_feed_ids(galera_place))
            assert most - min(read_feed_ids(galera_place) - before) > change_feed.INITIAL_OPEN_ID_COUNT, (
                "the late ones lie far back"
            )
        feed_ids = read_feed_ids(galera_place) - before
        wait_until(
            lambda: all(feed_ids <= reader.read_count_by_id.keys() for reader in readers),
            "all ids are read everywhere",
        )
        written = {record: len(read_notes(databases[0], record)) for record in RECORD_IDS}
    for reader in readers:
        assert {one for one in feed_ids if reader.read_count_by_id[one] != 1} == set(), "read twice"
        for record, note_counts in reader.note_counts_by_record.items():
            assert (note_counts, note_counts[-1]) == (sorted(note_counts), written[record]), f"record {record}"


def read_notes(database: Database, record: int) -> Sequence[object]:
    """Return the notes of a payment."""
    with database.read() as conn:
        return notes.list_notes(conn, RECORD_KIND, record)


def run_threads(threads: Sequence[Thread]) -> None:
    """Start all threads, and wait until they have ended."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(MAX_WAIT_SECONDS)
        assert not thread.is_alive()


def read_feed_ids(place: ServerPlace) -> set[int]:
    """Return the ids of all rows of the change feed."""
    return {int(one) for (one,) in execute_as_schema_account(place, "SELECT id FROM changes")}
