"""Statements that several tables use: compare-and-swap on `version`, INSERT together with a row of the change
feed, and the query for rows whose work is due."""

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Integer, Select, Table, Update, bindparam, insert, update

from console.domain.records import Work, WorkState
from console.domain.transitions.tables import ForbiddenTransition
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_naive_utc
from console.store.schema.core import changes

_INSERT_CHANGE_STATEMENT = insert(changes)


class StaleRow(Exception):
    """A compare-and-swap found no matching row: another process has changed the row since it was read."""


@contextmanager
def run_again_if_stale() -> Iterator[None]:
    """Context manager: if the block raises StaleRow, raise RunAgain instead. The block changes rows that were read in
    the same transaction.

    On a server another transaction can change the row between the read and the write; then the whole transaction is
    run again from fresh reads. SQLite has one writer at a time, so this can't happen there.
    """
    try:
        yield
    except StaleRow:
        raise RunAgain from None


def update_if_unchanged(
    conn: Connection, table: Table, id_and_version: tuple[int, int], values: Mapping[str, object], **unchanged: object
) -> None:
    """Write `values` and the next version into a row of `table`. The row must still have the id and version of
    `id_and_version`, and each column named in `unchanged` must still have the value in `unchanged`. If such a value
    is None, no row matches, even if the column is NULL.

    Raises StaleRow if no row matches.
    """
    row_id, version = id_and_version
    written_values = {column: make_storable_value(value) for column, value in values.items()} | {
        "version": version + 1
    }
    compared_values = {f"as_read_{column}": make_storable_value(value) for column, value in unchanged.items()}
    statement = _make_update_statement(table, tuple(written_values), tuple(unchanged))
    if (
        conn.execute(
            statement, {**written_values, **compared_values, "row_id": row_id, "version_as_read": version}
        ).rowcount
        != 1
    ):
        raise StaleRow(row_id)


@cache
def _make_update_statement(table: Table, columns: tuple[str, ...], unchanged_columns: tuple[str, ...]) -> Update:
    """Return the compare-and-swap statement that writes `columns` and compares the version and the columns
    `unchanged_columns`. The statement is cached for each combination of columns.
    """
    same_sql = [table.c[column] == bindparam(f"as_read_{column}") for column in unchanged_columns]
    statement = update(table).where(
        table.c.id == bindparam("row_id"), table.c.version == bindparam("version_as_read"), *same_sql
    )
    return statement.values({column: bindparam(column) for column in columns})


def make_storable_value(value: object) -> object:
    """Return a value as its column stores it: an instant in UTC without a zone, an enum member as its value. Other
    values are returned unchanged.
    """
    if isinstance(value, datetime):
        return convert_to_naive_utc(value) if value.tzinfo is not None else value
    return value.value if isinstance(value, Enum) else value


def refuse_fixed_columns(fixed_columns: Set[str], values: Mapping[str, object]) -> None:
    """Raise ForbiddenTransition (a bug of the caller) if `values` has one of `fixed_columns`, which never change."""
    if touched_columns := fixed_columns & values.keys():
        raise ForbiddenTransition(f"never changed so: {', '.join(sorted(touched_columns))}")


def insert_and_announce(
    conn: Connection, kind: str, statement: Insert, row: Mapping[str, object], now: datetime
) -> int:
    """Insert `row` by the INSERT `statement`. Also insert a row into the change feed, which announces the new record
    of the kind `kind`. Return the id of the record."""
    key = conn.execute(statement, row).inserted_primary_key
    row_id = int(key[0]) if key else 0
    announce_change(conn, kind, row_id, now)
    return row_id


def make_id_values(row_id: int | None) -> dict[str, object]:
    """Return the values of the column `id`, by column name, for an INSERT: {"id": row_id} for a row that is restored
    under its old id; {} for a new row (None), to which the database assigns an id.
    """
    return {} if row_id is None else {"id": row_id}


def make_work_values(work: Work) -> dict[str, object]:
    """Return the values of the columns `work_state`, `work_at` (UTC), `work_reason` and `work_attempts` for this
    work, by column name."""
    return {
        "work_state": work.state.value,
        "work_at": convert_to_naive_utc(work.at) if work.at else None,
        "work_reason": work.reason,
        "work_attempts": work.attempt,
    }


def make_due_query(table: Table, rows_query: Select[Any]) -> Select[Any]:
    """Return `rows_query`, limited to the rows of `table` whose work is scheduled and due, sorted by due time.

    Parameters of the query: `now`, `reasons` (the accepted work reasons) and `limit` (the largest number of rows).
    """
    columns = table.c
    is_due_conditions = columns.work_state == WorkState.SCHEDULED.value, columns.work_at <= bindparam("now")
    waiting_rows = rows_query.where(*is_due_conditions, columns.work_reason.in_(bindparam("reasons", expanding=True)))
    return waiting_rows.order_by(columns.work_at).limit(bindparam("limit", type_=Integer))


def announce_change(conn: Connection, kind: str, record_id: int, now: datetime) -> None:
    """Insert a row into the change feed (the table `changes`), from which windows learn that this record has
    changed."""
    execute_with_next_statement(
        conn, _INSERT_CHANGE_STATEMENT, {"kind": kind, "subject_id": record_id, "at": convert_to_naive_utc(now)}
    )
