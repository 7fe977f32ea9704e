"""Rows of takes: a person takes a record for some time, and other people see that this person works on it. The end
of a take is compared with the clock of the database server; on SQLite, with the clock of the desk."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, DateTime, and_, bindparam, func, literal_column, select, true, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.clock import CLOCK_TOLERANCE
from console.domain.tasks.records import Take
from console.store.database import compare_and_swap
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.schema.worker import takes

_TAKES_OF_SUBJECTS_QUERY = select(takes.c.subject_id, takes.c.person, takes.c.taken_at, takes.c.until).where(
    takes.c.kind == bindparam("record_kind"), takes.c.subject_id.in_(bindparam("ids", expanding=True))
)


_TAKES_QUERY = select(takes.c.kind, takes.c.subject_id, takes.c.person, takes.c.taken_at, takes.c.until)
_MAX_TAKES = 100_000
"""Largest number of takes that one list returns: those of several bulk runs. A take that the list lacks would show a
taken record as free, and hide it from the filter of its owner."""


class _TakeStatements:
    """The SQL statements for takes, on a server or on SQLite. `now` is SQL of the present time, `until` SQL of the
    end of a new take. The SQL condition `is_possible` is false for a stored take whose times are in the future,
    because a desk wrote it while its clock was ahead.
    """

    def __init__(self, now: Any, until: Any, possible_condition: Any) -> None:
        take_update = update(takes).where(
            takes.c.kind == bindparam("record_kind"), takes.c.subject_id == bindparam("record_id")
        )
        is_own_take, is_running = (
            takes.c.person == bindparam("person_name"),
            and_(takes.c.until > now, possible_condition),
        )
        take_values = {"person": bindparam("person_name"), "taken_at": now, "until": until}
        self.renew_statement = take_update.where(is_own_take, is_running).values(until=until)
        self.take_over_statement = take_update.where(~is_running).values(take_values)
        self.insert_statement = into(takes).values(
            kind=bindparam("record_kind"), subject_id=bindparam("record_id"), **take_values
        )
        self.release_statement = take_update.where(is_own_take, is_running).values(until=now)
        self.running_query = _TAKES_OF_SUBJECTS_QUERY.where(is_running)
        self.all_running_query = _TAKES_QUERY.where(is_running).order_by(takes.c.taken_at).limit(_MAX_TAKES)
        self.running_of_person_query = self.all_running_query.where(is_own_take)


_SERVER_NOW_EXPRESSION = literal_column("CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')", DateTime())
_DURATION_PARAMETER = bindparam("duration_microseconds", type_=BigInteger())
_TAKE_STATEMENTS_ON_SERVER = _TakeStatements(
    _SERVER_NOW_EXPRESSION,
    func.timestampadd(literal_column("MICROSECOND"), _DURATION_PARAMETER, _SERVER_NOW_EXPRESSION, type_=DateTime()),
    true(),
)
_TAKE_STATEMENTS_ON_SQLITE = _TakeStatements(
    bindparam("now", type_=DateTime()),
    bindparam("take_end", type_=DateTime()),
    takes.c.taken_at <= bindparam("latest_credible_time", type_=DateTime()),
)


def take_record(conn: Connection, kind: str, subject_id: int, person: str, now: datetime, until: datetime) -> bool:
    """Write that `person` takes the record with this kind and id until `until`, or extend the running take of this
    person. On a server the take lasts for the time from `now` to `until`, counted from the server's present time.
    Return False, without a write, if another person's take is running.

    Raises RunAgain if another process inserted a take of the record at the same time.
    """
    statements, values = _choose_take_statements(conn, now, until)
    values |= {"record_kind": kind, "record_id": subject_id, "person_name": person}
    is_taken = any(
        conn.execute(statement, values).rowcount == 1
        for statement in (statements.renew_statement, statements.take_over_statement)
    )
    if not is_taken and not read_takes(conn, kind, (subject_id,)):
        try:
            conn.execute(statements.insert_statement, values)
        except IntegrityError:  # another process took the record at the same time: read its take
            raise RunAgain from None
        is_taken = True
    if is_taken:
        compare_and_swap.announce_change(conn, kind, subject_id, now)
    return is_taken


def release_take(conn: Connection, kind: str, subject_id: int, person: str, now: datetime) -> bool:
    """End the running take of `person`. Return False if this person has no running take of the record."""
    statements, values = _choose_take_statements(conn, now, now)
    is_released = (
        conn.execute(
            statements.release_statement,
            values | {"record_kind": kind, "record_id": subject_id, "person_name": person},
        ).rowcount
        == 1
    )
    if is_released:
        compare_and_swap.announce_change(conn, kind, subject_id, now)
    return is_released


def read_takes(
    conn: Connection, kind: str, subject_ids: Collection[int], now: datetime | None = None
) -> Mapping[int, Take]:
    """Return the last take of each of these records, by record id. With `now`, return only takes that are running at
    that time.
    """
    if not subject_ids:
        return {}
    values: dict[str, object] = {"record_kind": kind, "ids": list(subject_ids)}
    query = _TAKES_OF_SUBJECTS_QUERY
    if now is not None:
        statements, clock_values = _choose_take_statements(conn, now, now)
        query, values = statements.running_query, values | clock_values
    rows = conn.execute(query, values)
    return {
        record_id: Take(kind, record_id, person, convert_to_aware_utc(taken_at), convert_to_aware_utc(until))
        for record_id, person, taken_at, until in rows
    }


def list_running_takes(conn: Connection, now: datetime, person: str | None = None) -> tuple[Take, ...]:
    """Return the running takes of all records, oldest first, at most _MAX_TAKES; with `person` only this
    person's."""
    statements, values = _choose_take_statements(conn, now, now)
    if person is None:
        rows = conn.execute(statements.all_running_query, values)
    else:
        rows = conn.execute(statements.running_of_person_query, values | {"person_name": person})
    return tuple(
        Take(kind, record_id, person, convert_to_aware_utc(at), convert_to_aware_utc(until))
        for kind, record_id, person, at, until in rows
    )


def _choose_take_statements(
    conn: Connection, now: datetime, until: datetime
) -> tuple[_TakeStatements, dict[str, object]]:
    """Return the statements for this kind of database, and the values of their parameters for a take that begins at
    `now` and ends at `until`."""
    if conn.dialect.name == "sqlite":
        return _TAKE_STATEMENTS_ON_SQLITE, {
            "now": convert_to_naive_utc(now),
            "take_end": convert_to_naive_utc(until),
            "latest_credible_time": convert_to_naive_utc(now + CLOCK_TOLERANCE),
        }
    return _TAKE_STATEMENTS_ON_SERVER, {"duration_microseconds": round((until - now).total_seconds() * 1_000_000)}
