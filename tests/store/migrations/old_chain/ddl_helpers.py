"""How migrations make tables: the same words on every engine, and once only where DDL can't be rolled back.

On a server each statement of a migration commits by itself, so one that was broken off is run again from its start
and passes by what is there already.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

LEGACY = "hansha_alarmbox_credit_checks"
_ON_SERVERS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_ORIGINAL = ("purchased_at", "expired_at")
"""Columns that other applications write keep the type that they were written for."""


def create_table(name: str, *parts: Any, **options: Any) -> None:
    """`op.create_table`; on a server exact text, instants to the microsecond, and no limit of 64 kB."""
    if sa.inspect(op.get_bind()).has_table(name):
        return
    if on_server():
        parts = tuple(_for_server(part) for part in parts)
        options |= _ON_SERVERS
    op.create_table(name, *parts, **options)


def create_index(name: str, table: str, columns: list[str], *, unique: bool) -> None:
    """`op.create_index`, unless it is there, or the table is another application's and waits for adoption."""
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there and not waits_for_adoption(table):
        op.create_index(name, table, columns, unique=unique)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """`op.add_column`, unless it is there, or the table is another application's and waits for adoption."""
    if column.name not in _columns(table) and not waits_for_adoption(table):
        op.add_column(table, _for_server(column) if on_server() else column)


def waits_for_adoption(table: str) -> bool:
    """A table with the original columns only, or one whose adoption was broken off: that brings all of it."""
    return table == LEGACY and "claim_number" not in _columns(table)


def _columns(table: str) -> set[str]:
    return {str(found["name"]) for found in sa.inspect(op.get_bind()).get_columns(table)}


def on_server() -> bool:
    return op.get_bind().dialect.name != "sqlite"


def _for_server(part: Any) -> Any:
    """Derived columns are stored there: purge of a Galera node that returns may never end over indexed virtual ones
    (decision 0019).
    """
    if isinstance(part, sa.Column) and part.computed is not None:
        part.computed.persisted = True
    elif isinstance(part, sa.Column):
        if isinstance(part.type, sa.DateTime) and part.name not in _ORIGINAL:
            part.type = mysql.DATETIME(fsp=6)
        elif isinstance(part.type, sa.Text):
            part.type = mysql.MEDIUMTEXT()
    return part
