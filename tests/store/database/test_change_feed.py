"""The feed that live views read: each change once, none missed, in whatever order transactions commit."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.domain.results import FeedMark
from console.store import credit_checks, feed, migrate
from console.store.engine import Database

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CHECK = credit_checks.KIND


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/console.db")
    migrate.ensure(made)
    yield made
    made.close()


def announce(database: Database, *records: int) -> None:
    with database.attempt() as tx:
        for record in records:
            credit_checks.announce(tx.conn, record, NOW)


def read_on(database: Database, mark: FeedMark | None) -> tuple[FeedMark, list[int]]:
    with database.read() as conn:
        mark, changed = feed.since(conn, mark)
    return mark, [record for kind, record in changed if kind == CHECK]


@pytest.mark.parametrize("kept_by", ["embedded", "mariadb"])
def test_each_change_is_told_once(kept_by: str, request: pytest.FixtureRequest) -> None:
    """What was there before the first reading is no news; a record that changed twice is told once."""
    database: Database = request.getfixturevalue(kept_by)
    announce(database, 1)
    mark, told = read_on(database, None)
    assert told == []
    announce(database, 2, 3, 2)
    mark, told = read_on(database, mark)
    assert told == [2, 3]
    assert read_on(database, mark)[1] == []


@pytest.mark.parametrize("others", [1, 2 * feed.LOOK_BACK])
def test_a_transaction_that_commits_late_is_not_missed(mariadb: Database, others: int) -> None:
    """Its change has a lower id than one that was seen before it, or than thousands of them, read one by one or in
    one piece.
    """
    mark, _ = read_on(mariadb, None)
    with mariadb.attempt() as slow:
        credit_checks.announce(slow.conn, 1, NOW)
        announce(mariadb, *range(2, 2 + others))
        mark, told = read_on(mariadb, mark)
        assert told == [*range(2, 2 + others)]
        announce(mariadb, 1_000_000)
        mark, told = read_on(mariadb, mark)
        assert told == [1_000_000]
    mark, told = read_on(mariadb, mark)
    assert told == [1]
    assert read_on(mariadb, mark)[1] == []


def test_one_that_began_before_the_first_reading_is_not_missed(mariadb: Database) -> None:
    with mariadb.attempt() as slow:
        credit_checks.announce(slow.conn, 1, NOW)
        announce(mariadb, 2)
        mark, _ = read_on(mariadb, None)
    assert read_on(mariadb, mark)[1] == [1]


def test_what_is_open_is_told_until_it_must_be_over(mariadb: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids stay open for one stretch of time at least and two at most; what a mark carries is bounded by that."""
    clock = [0.0]
    monkeypatch.setattr("console.store.feed.time.monotonic", lambda: clock[0])
    announce(mariadb, *range(20))
    mark, _ = read_on(mariadb, None)
    with mariadb.attempt() as slow:
        credit_checks.announce(slow.conn, 99, NOW)
        for turn in range(1, 4):
            clock[0] += feed.OPEN_SECONDS / 2
            announce(mariadb, 100 + turn)
            mark, told = read_on(mariadb, mark)
            assert told == [100 + turn]
    mark, told = read_on(mariadb, mark)
    assert told == [99]
    for _ in range(2):
        clock[0] += feed.OPEN_SECONDS
        mark, told = read_on(mariadb, mark)
        assert told == []
    assert mark.seen == frozenset()


def test_another_database_in_its_place_is_read_from_its_end(mariadb: Database) -> None:
    """One restored from a backup gives ids again that were given before."""
    announce(mariadb, *range(10))
    mark, _ = read_on(mariadb, None)
    with mariadb.attempt() as tx:
        tx.conn.exec_driver_sql("DELETE FROM changes WHERE subject_id >= 5")
    mark, told = read_on(mariadb, mark)
    assert told == []
    announce(mariadb, 77)
    assert read_on(mariadb, mark)[1] == [77]


@pytest.mark.parametrize("kept_by", ["embedded", "mariadb"])
def test_more_than_one_reading_takes_is_told_in_several(
    kept_by: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing falls behind the limit of one reading."""
    database: Database = request.getfixturevalue(kept_by)
    mark, _ = read_on(database, None)
    monkeypatch.setattr(feed, "LONGEST_READ", 5)
    monkeypatch.setattr(feed, "LOOK_BACK", 2)
    announce(database, *range(12))
    told: list[int] = []
    for _ in range(3):
        mark, some = read_on(database, mark)
        told += some
    assert told == list(range(12))
