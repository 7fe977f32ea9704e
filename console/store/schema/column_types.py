"""Column types for instants, long texts and ids on each database. On reading they replace invalid values that
other applications have written."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles

EPOCH_START = datetime(1970, 1, 1)  # noqa: DTZ001  # without a zone, as columns store it
"""Value (UTC) that the type `Instant` returns in place of a stored value that isn't an instant, such as the date
0000-00-00. `SharedColumnInstant` returns None."""


class _LenientInstant(sqlite.DATETIME):
    """Column type of an instant on SQLite. SQLite stores any value that another application writes; this type
    returns None for a value that isn't an instant."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        strict_processor = super().result_processor(dialect, coltype)

        def read_instant(value: Any) -> datetime | None:
            try:
                return strict_processor(value) if strict_processor else value
            except (TypeError, ValueError):
                return None

        return read_instant


class _ReadableInstant(_LenientInstant):
    """Column type of an instant on SQLite. A stored value that isn't an instant is returned as EPOCH_START, so that
    the row can be read: an error here would end the whole list, not only its row. A stored instant with a time zone
    is converted to UTC.
    """

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        lenient_processor = super().result_processor(dialect, coltype)

        def read_instant(value: Any) -> datetime | None:
            at = lenient_processor(value) if lenient_processor else value
            if at is None:
                return None if value is None else EPOCH_START
            try:
                return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
            except OverflowError:
                return EPOCH_START

        return read_instant


class _NonZeroInstant(DateTime):
    """Column type of an instant on a server. A server without strict mode stores 0000-00-00, which the driver returns
    as text; this type returns None instead. For a value of a DATE column, this type returns the beginning of the day.
    """

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        def read_instant(value: Any) -> datetime | None:
            if isinstance(value, date) and not isinstance(value, datetime):  # an adopted DATE column
                return datetime.combine(value, time())
            return value if isinstance(value, datetime) else None

        return read_instant


SharedColumnInstant = (
    DateTime()
    .with_variant(_LenientInstant(), "sqlite")  # type: ignore[no-untyped-call]  # SQLAlchemy's method has no types
    .with_variant(_NonZeroInstant(), "mysql")
)
"""Column type of an instant in a column that other applications also write, so that a value may be invalid."""


# Compiled by the dialect's name: importing the servers' dialect would add a tenth to the start of every command.
class _MicrosecondInstant(DateTime):
    """Column type of an instant with microseconds on a server. A value such as 0000-00-00, which the driver returns
    as text, is returned as EPOCH_START, so that the row can be read.
    """

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        def read_instant(value: Any) -> datetime | None:
            return value if value is None or isinstance(value, datetime) else EPOCH_START

        return read_instant


class _SixteenMegabyteText(Text):
    """Column type of a text of up to 16 MiB on a server, whose normal text type ends at 64 KiB."""


@compiles(_MicrosecondInstant, "mysql")
def _compile_microsecond_instant_for_mysql(*_: object, **__: object) -> str:
    return "DATETIME(6)"


@compiles(_SixteenMegabyteText, "mysql")
def _compile_sixteen_megabyte_text_for_mysql(*_: object, **__: object) -> str:
    return "MEDIUMTEXT"


Instant = (
    DateTime().with_variant(_MicrosecondInstant(), "mysql").with_variant(_ReadableInstant(), "sqlite")  # type: ignore[no-untyped-call]  # as above
)
UNKNOWN_INSTANT_SQL = "1970-01-01 00:00:00.000000"
"""Default of the columns `state_since`: the instant isn't known. It equals EPOCH_START, so these rows come first
in an index, like the oldest rows, and a key never has a NULL. It has all its digits, because SQLite compares it
as a text.
"""
LongText = Text().with_variant(_SixteenMegabyteText(), "mysql")
Id = BigInteger().with_variant(Integer, "sqlite")
