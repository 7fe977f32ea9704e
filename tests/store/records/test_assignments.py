"""Tests of takes of records: one person at a time, for a limited time, by the database's clock if it has one."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from console.store.records import assignments as takes
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW
from tests.support.places import FIRST_PERSON, Place

OTHER_PERSON = "lead-b"
HALF_AN_HOUR = timedelta(minutes=30)
KIND, RECORD = "payment", 7


@pytest.fixture
def people(place: Place) -> Iterator[tuple[Database, Database]]:
    """The database connections of two people."""
    with (
        closing(Database(place.url(FIRST_PERSON))) as mine,
        closing(Database(place.url(OTHER_PERSON, desk=1))) as theirs,
    ):
        yield mine, theirs


def take_record(database: Database, who: str, now: datetime = NOW, lasts: timedelta = HALF_AN_HOUR) -> bool:
    return database.write(lambda tx: takes.take_record(tx.conn, KIND, RECORD, who, now, now + lasts))


def find_taker(database: Database, now: datetime = NOW) -> str | None:
    with database.read() as conn:
        found = takes.read_takes(conn, KIND, [RECORD, 99], now).get(RECORD)
    return found.person if found else None


def end_all_takes(place: Place) -> datetime:
    """Make all takes end, and return the time that a desk's clock shows then."""
    if place.is_server:
        place.sql("UPDATE takes SET taken_at = taken_at - INTERVAL 1 HOUR, until = until - INTERVAL 1 HOUR")
    return NOW + 2 * HALF_AN_HOUR


def test_a_record_has_one_take_at_a_time(place: Place, people: tuple[Database, Database]) -> None:
    """A record has one take until that person releases it; nobody else can. The person can extend the take."""
    (mine, theirs), (me, other) = people, (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON))
    assert take_record(mine, me)
    assert take_record(mine, me)
    assert not take_record(theirs, other)
    assert find_taker(theirs) == me
    assert not theirs.write(lambda tx: takes.release_take(tx.conn, KIND, RECORD, other, NOW))
    assert mine.write(lambda tx: takes.release_take(tx.conn, KIND, RECORD, me, NOW))
    assert not mine.write(lambda tx: takes.release_take(tx.conn, KIND, RECORD, me, NOW))
    assert find_taker(mine) is None
    assert take_record(theirs, other)
    assert find_taker(mine) == other


def test_a_take_ends_after_its_duration(place: Place, people: tuple[Database, Database]) -> None:
    """After the end of a take another person can take the record. The take lasts as long as requested."""
    (mine, theirs), (me, other) = people, (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON))
    assert take_record(mine, me)
    with mine.read() as conn:
        taken = takes.read_takes(conn, KIND, [RECORD])[RECORD]
    assert abs(taken.until - taken.taken_at - HALF_AN_HOUR) < timedelta(seconds=1)
    now = end_all_takes(place)
    assert find_taker(theirs, now) is None
    assert not mine.write(lambda tx: takes.release_take(tx.conn, KIND, RECORD, me, now))
    assert take_record(theirs, other, now)
    assert not take_record(mine, me, now)


@pytest.mark.engines("mariadb")
def test_a_desk_with_a_wrong_clock_cannot_take_a_record(place: Place, people: tuple[Database, Database]) -> None:
    """A desk whose clock is wrong can neither take a record before the other take's end nor keep its own take
    longer."""
    (mine, theirs), (me, other) = people, (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON))
    assert take_record(mine, me, NOW - timedelta(days=1))
    assert not take_record(theirs, other, NOW + timedelta(days=400))
    end_all_takes(place)
    assert take_record(theirs, other, NOW - timedelta(days=400))


@pytest.mark.engines("mariadb")
def test_a_person_takes_records_only_in_the_own_name(place: Place, people: tuple[Database, Database]) -> None:
    """A person can take a record only in their own name: the database knows the connected account."""
    with pytest.raises(ConsoleError) as refused:
        take_record(people[0], place.get_account_name(OTHER_PERSON))
    assert refused.value.code == "not_allowed"
    assert find_taker(people[0]) is None


def test_an_empty_list_of_records_needs_no_query(people: tuple[Database, Database]) -> None:
    """For no records the result is empty, without a query."""
    with people[0].read() as conn:
        assert takes.read_takes(conn, KIND, []) == {}


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_only_one_of_simultaneous_takes_succeeds(place: Place, people: tuple[Database, Database]) -> None:
    """Of two people who take a record at the same moment, one has it, and both learn who."""
    names = (place.get_account_name(FIRST_PERSON), place.get_account_name(OTHER_PERSON))
    won = run_at_once(
        people,
        lambda tx, i: takes.take_record(tx.conn, KIND, RECORD, names[i % 2], NOW, NOW + HALF_AN_HOUR) and i % 2,
    )
    winners = {names[one] for one in won if one is not False}
    assert len(winners) == 1
    assert {find_taker(database) for database in people} == winners
