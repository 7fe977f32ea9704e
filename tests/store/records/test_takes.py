"""Tests of takes of records. One person at a time can take a record, for a limited time, which the database's clock
decides if the database has a clock.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from console.store.records import takes
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW
from tests.support.places import FIRST_PERSON, Place

OTHER_PERSON = "lead-b"
HALF_AN_HOUR = timedelta(minutes=30)
RECORD_KIND, RECORD_ID = "payment", 7


@pytest.fixture
def databases_of_two_people(place: Place) -> Iterator[tuple[Database, Database]]:
    """Yield the database connections of two people."""
    with (
        closing(Database(place.url(FIRST_PERSON))) as mine,
        closing(Database(place.url(OTHER_PERSON, desk=1))) as theirs,
    ):
        yield mine, theirs


def take_record(database: Database, person: str, now: datetime = NOW, duration: timedelta = HALF_AN_HOUR) -> bool:
    return database.write(lambda tx: takes.take_record(tx.conn, RECORD_KIND, RECORD_ID, person, now, now + duration))


def find_taker(database: Database, now: datetime = NOW) -> str | None:
    with database.read() as conn:
        take = takes.read_takes(conn, RECORD_KIND, [RECORD_ID, 99], now).get(RECORD_ID)
    return take.person if take else None


def end_all_takes(place: Place) -> datetime:
    """End all takes, and return the time that a desk's clock shows then."""
    if place.is_server:
        place.sql("UPDATE takes SET taken_at = taken_at - INTERVAL 1 HOUR, until = until - INTERVAL 1 HOUR")
    return NOW + 2 * HALF_AN_HOUR


def test_a_record_has_one_take_at_a_time(place: Place, databases_of_two_people: tuple[Database, Database]) -> None:
    """Only the person who has taken a record can extend the take or release the record. Another person can take the
    record only after the release.
    """
    (mine, theirs), (me, other) = (
        databases_of_two_people,
        (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON)),
    )
    assert take_record(mine, me)
    assert take_record(mine, me)
    assert not take_record(theirs, other)
    assert find_taker(theirs) == me
    assert not theirs.write(lambda tx: takes.release_take(tx.conn, RECORD_KIND, RECORD_ID, other, NOW))
    assert mine.write(lambda tx: takes.release_take(tx.conn, RECORD_KIND, RECORD_ID, me, NOW))
    assert not mine.write(lambda tx: takes.release_take(tx.conn, RECORD_KIND, RECORD_ID, me, NOW))
    assert find_taker(mine) is None
    assert take_record(theirs, other)
    assert find_taker(mine) == other


def test_a_take_ends_after_its_duration(place: Place, databases_of_two_people: tuple[Database, Database]) -> None:
    """A take lasts as long as requested. After its end another person can take the record."""
    (mine, theirs), (me, other) = (
        databases_of_two_people,
        (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON)),
    )
    assert take_record(mine, me)
    with mine.read() as conn:
        taken = takes.read_takes(conn, RECORD_KIND, [RECORD_ID])[RECORD_ID]
    assert abs(taken.until - taken.taken_at - HALF_AN_HOUR) < timedelta(seconds=1)
    now = end_all_takes(place)
    assert find_taker(theirs, now) is None
    assert not mine.write(lambda tx: takes.release_take(tx.conn, RECORD_KIND, RECORD_ID, me, now))
    assert take_record(theirs, other, now)
    assert not take_record(mine, me, now)


@pytest.mark.engines("mariadb")
def test_a_desk_with_a_wrong_clock_cannot_take_a_record(
    place: Place, databases_of_two_people: tuple[Database, Database]
) -> None:
    """A desk with a wrong clock can't take a record before the end of another person's take, and can't keep its own
    take longer than requested."""
    (mine, theirs), (me, other) = (
        databases_of_two_people,
        (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON)),
    )
    assert take_record(mine, me, NOW - timedelta(days=1))
    assert not take_record(theirs, other, NOW + timedelta(days=400))
    end_all_takes(place)
    assert take_record(theirs, other, NOW - timedelta(days=400))


@pytest.mark.engines("mariadb")
def test_a_person_takes_records_only_in_their_own_name(
    place: Place, databases_of_two_people: tuple[Database, Database]
) -> None:
    """The database refuses a take in another person's name, because it compares the name with the connected
    account.
    """
    with pytest.raises(ConsoleError) as refused:
        take_record(databases_of_two_people[0], place.get_account_name(OTHER_PERSON))
    assert refused.value.code == "not_allowed"
    assert find_taker(databases_of_two_people[0]) is None


def test_an_empty_list_of_records_has_no_takes(databases_of_two_people: tuple[Database, Database]) -> None:
    """For an empty list of records the result is empty."""
    with databases_of_two_people[0].read() as conn:
        assert takes.read_takes(conn, RECORD_KIND, []) == {}


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_only_one_of_simultaneous_takes_succeeds(
    place: Place, databases_of_two_people: tuple[Database, Database]
) -> None:
    """If two people take a record at the same moment, one take succeeds, and both people get the name of the person
    who has taken the record.
    """
    names = (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON))
    won = run_at_once(
        databases_of_two_people,
        lambda tx, i: (
            takes.take_record(tx.conn, RECORD_KIND, RECORD_ID, names[i % 2], NOW, NOW + HALF_AN_HOUR) and i % 2
        ),
    )
    winners = {names[one] for one in won if one is not False}
    assert len(winners) == 1
    assert {find_taker(database) for database in databases_of_two_people} == winners
