"""The database counts a person's requests for the limits: the count reads only the rows of the last two hours,
however many older rows exist.
"""

from contextlib import ExitStack, closing
from typing import Any

import pymysql
import pytest

from tests.services.desk_requests.test_hostile_requests import insert_request, open_connection
from tests.support.places import Place
from tests.support.team_mode import start_team_mode

OLD_REQUEST_COUNT = 2_000


def count_rows_read(connection: Any) -> int:
    """Return the number of rows that the database server has read for this session so far."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(count) for _, count in cursor.fetchall())


def count_rows_read_for_request(connection: Any, action: str) -> int:
    """Store one request with one part of a file; return the number of rows that the server has read for that."""
    before = count_rows_read(connection)
    unread = count_rows_read(connection) - before  # what the question itself reads
    request = insert_request(connection, action, "[]", evidence_sha256="0" * 64)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO request_files (request, part, content) VALUES (%s, 0, 'x')", (request,))
    return count_rows_read(connection) - before - 2 * unread


def store_old_requests(place: Place, person: str, count: int) -> None:
    """Store this many requests of the person, which ended three hours ago, each with a part of a file."""
    digits = " UNION ALL ".join(f"SELECT {digit} AS n" for digit in range(10))
    number, old_id = (
        "ones.n + 10 * tens.n + 100 * hundreds.n + 1000 * thousands.n + 10000 * more.n",
        "01900000-0000-7000-8000-",
    )
    tables = ", ".join(f"({digits}) {name}" for name in ("ones", "tens", "hundreds", "thousands", "more"))
    place.sql(
        "INSERT INTO requests (id, who, at, expires_at, action, args, state)"
        f" SELECT CONCAT('{old_id}', LPAD({number}, 12, '0')), '', NOW(), NOW(), 'probe', '[]', 'ended'"
        f" FROM {tables} WHERE {number} < {count}",
        f"UPDATE requests SET who = '{place.get_account_name(person)}', at = at - INTERVAL 3 HOUR"
        " WHERE state = 'ended'",
        "INSERT INTO request_files (request, part, content) SELECT id, 0, 'x' FROM requests WHERE state = 'ended'",
    )


@pytest.mark.parametrize("action", ["resolve", "audit"])
def test_old_requests_are_not_read(place: Place, action: str) -> None:
    """A person has 2,000 older requests, which are never deleted: the server doesn't read more rows for a new request
    because of them.
    """
    start_team_mode(place, "op-a")
    with closing(open_connection(place)) as connection:
        few = count_rows_read_for_request(connection, action)
        store_old_requests(place, "op-a", OLD_REQUEST_COUNT)
        many = count_rows_read_for_request(connection, action)
    print(f"rows read: {few} without old requests, {many} with {OLD_REQUEST_COUNT}")
    assert many < few + 20


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_an_open_transaction_of_one_person_delays_no_other_person(place: Place, isolation: str) -> None:
    """One person's open transaction has counted and stored requests: the persons whose names sort before and after
    this person still store their own. Each person already has older requests. Without them, the first count in an
    isolation level stricter than READ COMMITTED would also lock the gap before the first request.
    """
    people = ("lead-b", "op-a", "op-b")
    start_team_mode(place, *people)
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(open_connection(place, person))) for person in people]
        for connection in connections:
            store_request_and_entry(connection)
        place.sql("UPDATE requests SET state = 'lapsed', ended_at = at, at = at - INTERVAL 3 HOUR")
        for connection in connections:
            cursor = stack.enter_context(connection.cursor())
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 300")
        before, open_session, after = connections
        open_session.begin()
        for connection in (open_session, before, after):
            store_request_and_entry(connection)
        open_session.rollback()
    rows = place.sql("SELECT who, COUNT(*) FROM requests GROUP BY who ORDER BY who")
    assert rows == [(place.get_account_name(name), 2 if name == "op-a" else 4) for name in people]


@pytest.mark.parametrize("zone", ["SYSTEM", "-12:00", "+13:00"])
def test_no_time_zone_moves_the_time_of_a_request(place: Place, zone: str) -> None:
    """A database session whose time zone has summer time can't store a request, because a request in the repeated
    hour would count as an hour older. A time zone with a fixed offset is accepted and doesn't change the request's
    stored time.
    """
    start_team_mode(place, "op-a")
    with closing(open_connection(place)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET SESSION time_zone = '{zone}'")
        if zone == "SYSTEM":
            with pytest.raises(pymysql.MySQLError, match="offset"):
                insert_request(connection, "probe", "[]")
        else:
            insert_request(connection, "probe", "[]")
    rows = place.sql("SELECT ABS(TIMESTAMPDIFF(MINUTE, at, UTC_TIMESTAMP(6))) FROM requests")
    assert rows == ([] if zone == "SYSTEM" else [(0,)])


def store_request_and_entry(connection: Any) -> None:
    """Store two requests: an ordinary one, and a request for an audit entry."""
    insert_request(connection, "probe", "[]")
    insert_request(connection, "audit", "{}")
