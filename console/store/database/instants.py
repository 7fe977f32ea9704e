"""Converts instants to and from the form of columns (UTC without a zone), and reads the present instant from the
server's clock.
"""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, DateTime, literal_column, select

from console.store.schema.column_types import EPOCH_START


def convert_to_naive_utc(at: datetime) -> datetime:
    """Return the aware instant `at` as a column stores it: in UTC without a zone."""
    return at.astimezone(UTC).replace(tzinfo=None)


def convert_to_aware_utc(at: datetime) -> datetime:
    """Return the instant `at` of a column, which is in UTC without a zone, with this zone."""
    return at.replace(tzinfo=UTC)


def convert_to_known_instant(at: datetime | None) -> datetime | None:
    """Return a stored instant with its zone (UTC). Return None for NULL, and for EPOCH_START, which is stored in
    place of an unknown instant."""
    return None if at is None or at == EPOCH_START else convert_to_aware_utc(at)


SERVER_TIME_EXPRESSION = literal_column("CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')", DateTime)
"""SQL expression: the present instant in UTC, by the server's clock. It uses SYSDATE, because a session can forge
NOW().
"""
_NOW_QUERY = select(SERVER_TIME_EXPRESSION)


def read_current_time(conn: Connection, now: datetime) -> datetime:
    """Return the present instant with its zone (UTC): the server's time, or `now` on SQLite, which has no separate
    clock.
    """
    if conn.dialect.name == "sqlite":
        return now
    return conn.execute(_NOW_QUERY).scalar_one().replace(tzinfo=UTC)


def read_earlier_current_time(conn: Connection, now: datetime) -> datetime:
    """Return the earlier of two present instants: `now`, by the clock of this machine, and the server's time. A day
    counts as over only if it is over by both clocks, because money may still move on a day that is running."""
    return min(now, read_current_time(conn, now))


def make_present_time_value(conn: Connection, now: datetime) -> ColumnElement[datetime] | datetime:
    """Return the value that stores the present instant in a column: SQL of the server's clock, or `now` on SQLite.
    The server's clock is used because the clocks of several desks differ, and the times in all rows must come from
    the same clock."""
    return convert_to_naive_utc(now) if conn.dialect.name == "sqlite" else SERVER_TIME_EXPRESSION
