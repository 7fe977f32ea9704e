"""Clock of leases, as SQL expressions: the database itself writes and compares the expiry of a lease.

On SQLite this clock is the machine's uptime with the id of its boot (`boot_clock`). On a server it is the server's
clock. So a desk with a wrong clock can neither acquire a lease too early nor hold a lease for too long.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, and_, bindparam
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from console.store.database import boot_clock


class lease_now(FunctionElement[int]):
    """SQL function: the present instant in milliseconds by the clock of leases. SQLite counts from the start of the
    machine, a server from another instant."""

    type = BigInteger()
    inherit_cache = True


class database_unix_ms(FunctionElement[int]):
    """SQL function: milliseconds since 1970-01-01 UTC, by the database's own clock. It is used for instants that must
    stay comparable after a reboot, and not for leases."""

    type = BigInteger()
    inherit_cache = True


class lease_clock_id(FunctionElement[str]):
    """SQL function: the id of the clock of leases (SQLite: the id of the machine's present boot; server:
    'server'). A lease whose expiry was written with another clock id has expired."""

    type = String(40)
    inherit_cache = True


@compiles(lease_now, "sqlite")
def _compile_lease_now_on_sqlite(*_: object, **__: object) -> str:
    return "lease_now()"


@compiles(lease_clock_id, "sqlite")
def _compile_clock_id_on_sqlite(*_: object, **__: object) -> str:
    return "lease_mark()"


@compiles(database_unix_ms, "sqlite")
def _compile_unix_ms_on_sqlite(*_: object, **__: object) -> str:
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(database_unix_ms, "mysql")
@compiles(lease_now, "mysql")
def _compile_now_on_server(*_: object, **__: object) -> str:
    # SYSDATE, because any session can forge NOW(). UNIX_TIMESTAMP cancels the session's time zone.
    return "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"


@compiles(lease_clock_id, "mysql")
def _compile_clock_id_on_server(*_: object, **__: object) -> str:
    return "'server'"


def make_lease_expiry_sql() -> ColumnElement[int]:
    """Return SQL for the instant that is `lease_ms` milliseconds from now. `lease_ms` is a parameter of the
    statement.
    """
    expiry: Any = lease_now() + bindparam("lease_ms", type_=BigInteger())
    return expiry  # type: ignore[no-any-return]  # an expression of an integer and a parameter


def make_is_live_condition(clock_id: ColumnElement[str], expiry: ColumnElement[int]) -> ColumnElement[bool]:
    """Return an SQL condition: the lease with this clock id and this expiry hasn't expired."""
    return and_(clock_id == lease_clock_id(), expiry > lease_now())


def register_functions(connection: DBAPIConnection) -> None:
    """Register the two SQL functions of the lease clock on an SQLite connection. `lease_now()` returns the machine's
    uptime in milliseconds. `lease_mark()` returns the id of the machine's present boot (text)."""
    sqlite_connection: Any = connection
    sqlite_connection.create_function("lease_now", 0, lambda: boot_clock.read_uptime_ms())
    sqlite_connection.create_function("lease_mark", 0, lambda: boot_clock.read_boot_id())
