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


def test_a_transaction_that_commits_late_is_not_missed(mariadb: Database) -> None:
    """Its change has a lower id than one that was seen before it."""
    mark, _ = read_on(mariadb, None)
    with mariadb.attempt() as slow:
        credit_checks.announce(slow.conn, 1, NOW)
        announce(mariadb, 2)
        mark, told = read_on(mariadb, mark)
        assert told == [2]
    mark, told = read_on(mariadb, mark)
    assert told == [1]
    assert read_on(mariadb, mark)[1] == []


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
    for _ in range(6):
        mark, some = read_on(database, mark)
        told += some
    assert sorted(told) == list(range(12))
