"""Converts instants to and from the form of columns (UTC without a zone), and reads the present instant from the
server's clock.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, DateTime, literal_column, select


def to_naive_utc(at: datetime) -> datetime:
    """Return the aware instant `at` as a column stores it: in UTC without a zone."""
    return at.astimezone(UTC).replace(tzinfo=None)


def to_aware_utc(at: datetime) -> datetime:
    """Return the instant `at` of a column with its zone (UTC)."""
    return at.replace(tzinfo=UTC)


SERVER_TIME = literal_column("CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')", DateTime)
"""SQL expression: the present instant in UTC, by the server's clock. It uses SYSDATE, because a session can forge
NOW().
"""
_NOW_QUERY = select(SERVER_TIME)


def current_time(conn: Connection, now: datetime) -> datetime:
    """Return the present instant with its zone (UTC): the server's, or `now` on SQLite, which has no clock of its
    own.
    """
    if conn.dialect.name == "sqlite":
        return now
    return conn.execute(_NOW_QUERY).scalar_one().replace(tzinfo=UTC)
