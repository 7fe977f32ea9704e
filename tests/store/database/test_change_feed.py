"""Tests of the change feed that windows read: each change is returned once and none is missed, in whatever order
transactions commit."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from console.domain.service_results import FeedMark
from console.store.credit_checks import credit_checks
from console.store.database import change_feed
from console.store.database.engine import Database
from tests.support.places import Place

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CHECK_KIND = credit_checks.CREDIT_CHECK_KIND


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """Yield an empty database on each engine."""
    with closing(Database(place.url(""))) as opened:
        yield opened


def announce_changes(database: Database, *records: int) -> None:
    with database.write_without_retries() as tx:
        for record in records:
            credit_checks.announce_change(tx.conn, record, NOW)


def read_new_changes(database: Database, mark: FeedMark | None) -> tuple[FeedMark, list[int]]:
    """Return the mark for the next read of the change feed, and the ids of the credit checks that have changed since
    `mark`.
    """
    with database.read() as conn:
        mark, changed = change_feed.list_changes_since(conn, mark)
    return mark, [record for kind, record in changed if kind == CHECK_KIND]


def test_the_change_feed_reports_each_changed_record_once(database: Database) -> None:
    """The change feed reports no record that changed only before the first reading, and reports a record once that
    changed twice.
    """
    announce_changes(database, 1)
    mark, changed_ids = read_new_changes(database, None)
    assert changed_ids == []
    announce_changes(database, 2, 3, 2)
    mark, changed_ids = read_new_changes(database, mark)
    assert changed_ids == [2, 3]
    assert read_new_changes(database, mark)[1] == []


@pytest.mark.parametrize("other_change_count", [1, 2 * change_feed.INITIAL_OPEN_ID_COUNT])
def test_a_transaction_that_commits_late_is_not_missed(
    migrated_server_database: Database, other_change_count: int
) -> None:
    """A transaction commits a change with a lower id than changes that were already read, one or thousands of them.
    The next read of the change feed returns it.
    """
    mark, _ = read_new_changes(migrated_server_database, None)
    with migrated_server_database.write_without_retries() as slow:
        credit_checks.announce_change(slow.conn, 1, NOW)
        announce_changes(migrated_server_database, *range(2, 2 + other_change_count))
        mark, changed_ids = read_new_changes(migrated_server_database, mark)
        assert changed_ids == [*range(2, 2 + other_change_count)]
        announce_changes(migrated_server_database, 1_000_000)
        mark, changed_ids = read_new_changes(migrated_server_database, mark)
        assert changed_ids == [1_000_000]
    mark, changed_ids = read_new_changes(migrated_server_database, mark)
    assert changed_ids == [1]
    assert read_new_changes(migrated_server_database, mark)[1] == []


def test_a_change_committed_after_the_first_read_is_reported(migrated_server_database: Database) -> None:
    """A change whose transaction began before the first read of the feed, and commits after it, is returned by the
    next read."""
    with migrated_server_database.write_without_retries() as slow:
        credit_checks.announce_change(slow.conn, 1, NOW)
        announce_changes(migrated_server_database, 2)
        mark, _ = read_new_changes(migrated_server_database, None)
    assert read_new_changes(migrated_server_database, mark)[1] == [1]


def test_a_missing_id_stays_open_for_a_limited_time(
    migrated_server_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is missing between the read ids stays open for one to two periods. If the id's transaction commits
    in that time, the next read returns the change. So the mark of a reader contains a limited number of open ids."""
    clock = [0.0]
    monkeypatch.setattr("console.store.database.change_feed.time.monotonic", lambda: clock[0])
    announce_changes(migrated_server_database, *range(20))
    mark, _ = read_new_changes(migrated_server_database, None)
    with migrated_server_database.write_without_retries() as slow:
        credit_checks.announce_change(slow.conn, 99, NOW)
        for turn in range(1, 4):
            clock[0] += change_feed.OPEN_ID_SECONDS / 2
            announce_changes(migrated_server_database, 100 + turn)
            mark, changed_ids = read_new_changes(migrated_server_database, mark)
            assert changed_ids == [100 + turn]
    mark, changed_ids = read_new_changes(migrated_server_database, mark)
    assert changed_ids == [99]
    for _ in range(2):
        clock[0] += change_feed.OPEN_ID_SECONDS
        mark, changed_ids = read_new_changes(migrated_server_database, mark)
        assert changed_ids == []
    assert mark.read_ids == frozenset()


def test_the_feed_of_a_restored_database_is_read_from_its_end(migrated_server_database: Database) -> None:
    """A database that was restored from a backup assigns ids of changes a second time. A desk then reads the feed
    from its present end on.
    """
    announce_changes(migrated_server_database, *range(10))
    mark, _ = read_new_changes(migrated_server_database, None)
    with migrated_server_database.write_without_retries() as tx:
        tx.conn.exec_driver_sql("DELETE FROM changes WHERE subject_id >= 5")
    mark, changed_ids = read_new_changes(migrated_server_database, mark)
    assert changed_ids == []
    announce_changes(migrated_server_database, 77)
    assert read_new_changes(migrated_server_database, mark)[1] == [77]


def test_the_feed_of_a_restored_database_is_read_after_a_quiet_time(
    migrated_server_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk whose mark has no open rows, because nothing changed for minutes, finds by the latest id that the
    database was restored. The desk reads the changes that get the ids of lost ones.
    """
    clock = [0.0]
    monkeypatch.setattr("console.store.database.change_feed.time.monotonic", lambda: clock[0])
    announce_changes(migrated_server_database, *range(10))
    mark, _ = read_new_changes(migrated_server_database, None)
    for _ in range(2):
        clock[0] += change_feed.OPEN_ID_SECONDS
        mark, _ = read_new_changes(migrated_server_database, mark)
    assert mark.read_ids == frozenset()
    with migrated_server_database.write_without_retries() as tx:
        tx.conn.exec_driver_sql("DELETE FROM changes WHERE subject_id >= 5")
        tx.conn.exec_driver_sql(
            "ALTER TABLE changes AUTO_INCREMENT = 1"
        )  # the next id is the one after the newest row
    mark, changed_ids = read_new_changes(migrated_server_database, mark)
    assert changed_ids == []
    announce_changes(migrated_server_database, 77)
    assert read_new_changes(migrated_server_database, mark)[1] == [77]


def test_a_long_feed_is_read_in_several_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are more changes than one read returns, the next reads return the rest."""
    mark, _ = read_new_changes(database, None)
    monkeypatch.setattr(change_feed, "MAX_ROWS_PER_READ", 5)
    monkeypatch.setattr(change_feed, "INITIAL_OPEN_ID_COUNT", 2)
    announce_changes(database, *range(12))
    changed_ids: list[int] = []
    for _ in range(3):
        mark, some = read_new_changes(database, mark)
        changed_ids += some
    assert changed_ids == list(range(12))
