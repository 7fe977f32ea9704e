"""The clock that judges leases, as SQL: written and read by the database, never computed beside it.

On SQLite it is this machine's uptime and the id of its boot (`boot_clock`), on a server the server's own clock. A
desk whose clock is wrong can neither take a lease too early nor keep one too long.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, and_, bindparam
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from console.store import boot_clock


class lease_now(FunctionElement[int]):
    """Milliseconds now, by the clock that judges leases."""

    type = BigInteger()
    inherit_cache = True


class lease_mark(FunctionElement[str]):
    """Which clock that is: an expiry by another one has passed."""

    type = String(40)
    inherit_cache = True


@compiles(lease_now, "sqlite")
def _now_on_sqlite(*_: object, **__: object) -> str:
    return "lease_now()"


@compiles(lease_mark, "sqlite")
def _mark_on_sqlite(*_: object, **__: object) -> str:
    return "lease_mark()"


@compiles(lease_now, "mysql")
def _now_on_server(*_: object, **__: object) -> str:
    # SYSDATE, because any session may forge NOW(); the session's time zone is undone by UNIX_TIMESTAMP.
    return "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"


@compiles(lease_mark, "mysql")
def _mark_on_server(*_: object, **__: object) -> str:
    return "'server'"


def expiry() -> ColumnElement[int]:
    """SQL: the instant `lease_ms` milliseconds from now. Takes that parameter."""
    later: Any = lease_now() + bindparam("lease_ms", type_=BigInteger())
    return later  # type: ignore[no-any-return]  # an expression of an integer and a parameter


def is_live(clock: ColumnElement[str], expires: ColumnElement[int]) -> ColumnElement[bool]:
    """SQL: not yet expired."""
    return and_(clock == lease_mark(), expires > lease_now())


def lend(connection: DBAPIConnection) -> None:
    """Give an SQLite connection the two functions."""
    create: Any = connection
    create.create_function("lease_now", 0, lambda: boot_clock.uptime_ms())
    create.create_function("lease_mark", 0, lambda: boot_clock.boot_id())
