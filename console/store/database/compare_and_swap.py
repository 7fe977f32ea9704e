"""Compare-and-swap: what every table that people change has in common."""

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Integer, Select, Table, Update, bindparam, insert, update

from console.domain.records import Work, WorkState
from console.domain.states import ForbiddenTransition
from console.store.leases import naive
from console.store.schema import changes
from console.store.troubles import RunAgain

_FEED = insert(changes)


class Stale(Exception):
    """Somebody changed the row since it was read."""


@contextmanager
def runs_again() -> Iterator[None]:
    """Around changes of rows that are read in the same transaction: when a server lets somebody else come between,
    all of it is run again from fresh reads. (SQLite lets nobody.)
    """
    try:
        yield
    except Stale:
        raise RunAgain from None


def swap(
    conn: Connection, table: Table, which: tuple[int, int], values: Mapping[str, object], **same: object
) -> None:
    """Write `values` and the next version into the row of this id if it has this version still, and `same` in these
    columns. Raises Stale.
    """
    row_id, version = which
    written = {column: stored(value) for column, value in values.items()} | {"version": version + 1}
    compared = {f"as_read_{column}": stored(value) for column, value in same.items()}
    statement = _update_of(table, tuple(written), tuple(same))
    if conn.execute(statement, {**written, **compared, "of": row_id, "as_read": version}).rowcount != 1:
        raise Stale(row_id)


@cache
def _update_of(table: Table, columns: tuple[str, ...], same: tuple[str, ...]) -> Update:
    """The compare-and-swap that writes these columns, built once."""
    alike = [table.c[column] == bindparam(f"as_read_{column}") for column in same]
    found = update(table).where(table.c.id == bindparam("of"), table.c.version == bindparam("as_read"), *alike)
    return found.values({column: bindparam(column) for column in columns})


def stored(value: object) -> object:
    """A value as a column holds it: an instant in UTC without its zone, a state as its word."""
    if isinstance(value, datetime):
        return naive(value) if value.tzinfo is not None else value
    return value.value if isinstance(value, Enum) else value


def refuse_fixed(fixed: Set[str], values: Mapping[str, object]) -> None:
    """Raise ForbiddenTransition, for it is a bug, when a column is to be written that never changes this way."""
    if touched := fixed & values.keys():
        raise ForbiddenTransition(f"never changed so: {', '.join(sorted(touched))}")


def added(conn: Connection, kind: str, statement: Insert, row: Mapping[str, object], now: datetime) -> int:
    """Insert a row, tell the feed, and say its id."""
    key = conn.execute(statement, row).inserted_primary_key
    row_id = int(key[0]) if key else 0
    announce(conn, kind, row_id, now)
    return row_id


def given(row_id: int | None) -> dict[str, object]:
    """The id of a row that vanished and is written again; a new row gets the next one."""
    return {} if row_id is None else {"id": row_id}


def work_values(work: Work) -> dict[str, object]:
    """Columns of the work axis."""
    return {
        "work_state": work.state.value,
        "work_at": naive(work.at) if work.at else None,
        "work_reason": work.reason,
        "work_attempts": work.attempt,
    }


def due(table: Table, rows: Select[Any]) -> Select[Any]:
    """Of these rows those with automatic work that is due `now` for one of the `reasons`: `most` of them, in turn."""
    found = table.c
    waits = found.work_state == WorkState.SCHEDULED.value, found.work_at <= bindparam("now")
    told = rows.where(*waits, found.work_reason.in_(bindparam("reasons", expanding=True)))
    return told.order_by(found.work_at).limit(bindparam("most", type_=Integer))


def announce(conn: Connection, kind: str, record_id: int, now: datetime) -> None:
    """Tell the feed that live views read."""
    conn.execute(_FEED, {"kind": kind, "subject_id": record_id, "at": naive(now)})
