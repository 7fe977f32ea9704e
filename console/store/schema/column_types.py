"""Column types: what each engine keeps of an instant, a long text and an id, and how what others wrote is read."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles


class _LenientInstant(sqlite.DATETIME):
    """SQLite keeps whatever another application writes into its columns: what is no time is read as missing."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        strict = super().result_processor(dialect, coltype)

        def read(value: Any) -> datetime | None:
            try:
                return strict(value) if strict else value
            except (TypeError, ValueError):
                return None

        return read


class _NeverZero(DateTime):
    """A server keeps 0000-00-00 for applications that don't ask for strictness; the driver hands it out as text."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        def read(value: Any) -> datetime | None:
            if isinstance(value, date) and not isinstance(value, datetime):  # an adopted column of days
                return datetime.combine(value, time())
            return value if isinstance(value, datetime) else None

        return read


ByOthers = (
    DateTime()
    .with_variant(_LenientInstant(), "sqlite")  # type: ignore[no-untyped-call]  # SQLAlchemy's
    .with_variant(_NeverZero(), "mysql")
)


# By their names alone: importing the servers' dialect would cost every plain command a tenth of its start.
class _ToTheMicrosecond(DateTime):
    """An instant as servers keep it."""


class _SixteenMegabytes(Text):
    """Text as servers keep it beyond 64 kB."""


@compiles(_ToTheMicrosecond, "mysql")
def _datetime(*_: object, **__: object) -> str:
    return "DATETIME(6)"


@compiles(_SixteenMegabytes, "mysql")
def _text(*_: object, **__: object) -> str:
    return "MEDIUMTEXT"


Instant = DateTime().with_variant(_ToTheMicrosecond(), "mysql")
LongText = Text().with_variant(_SixteenMegabytes(), "mysql")
Id = BigInteger().with_variant(Integer, "sqlite")
