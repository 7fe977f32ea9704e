"""Helpers of the old chain, as they were: the same definition on every engine, and idempotent.

On a server each DDL statement of a migration commits by itself. So an interrupted migration is run again from its
start and skips everything that exists.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from console.store.constraints.sqlite_money import SQLITE_CONSTRAINTS

LEGACY = "hansha_alarmbox_credit_checks"
_ON_SERVERS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_ORIGINAL = ("purchased_at", "expired_at")
"""Columns that other applications write keep their type."""


def create_table(name: str, *parts: Any, **options: Any) -> None:
    """Create a table unless it exists. On a server: texts compared byte by byte, instants to the microsecond, texts
    above 64 kB.
    """
    if sa.inspect(op.get_bind()).has_table(name):
        return
    if on_server():
        parts = tuple(_for_server(part) for part in parts)
        options |= _ON_SERVERS
    op.create_table(name, *parts, **options)


def create_index(name: str, table: str, columns: list[str], *, unique: bool) -> None:
    """Create an index, unless it exists or the table is another application's and waits for adoption."""
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there and not waits_for_adoption(table):
        op.create_index(name, table, columns, unique=unique)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column, unless it exists or the table is another application's and waits for adoption."""
    if column.name not in _columns(table) and not waits_for_adoption(table):
        op.add_column(table, _for_server(column) if on_server() else column)


def derive_anew(table: str, column: sa.Column[Any], index: str) -> None:
    """Give a derived column another expression. Drops `index`, which reads it; the caller creates it again.

    May be run again after an interruption. A table that waits for adoption isn't changed.
    """
    if waits_for_adoption(table):
        return
    if index in {one["name"] for one in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.drop_index(index, table)
    if column.name in _columns(table):
        op.drop_column(table, str(column.name))
    add_column(table, column)


def waits_for_adoption(table: str) -> bool:
    """True for a table with the original columns only, or with an interrupted adoption, which adds all columns
    itself.
    """
    return table == LEGACY and "claim_number" not in _columns(table)


def _columns(table: str) -> set[str]:
    return {str(found["name"]) for found in sa.inspect(op.get_bind()).get_columns(table)}


def on_server() -> bool:
    """True on MariaDB, MySQL and Galera."""
    return op.get_bind().dialect.name != "sqlite"


def _for_server(part: Any) -> Any:
    """Return the part as servers need it. Derived columns are stored there, because purge may never end over indexed
    virtual columns on a returning Galera node (decision 0019).
    """
    if isinstance(part, sa.Column) and part.computed is not None:
        part.computed.persisted = True
    elif isinstance(part, sa.Column):
        if isinstance(part.type, sa.DateTime) and part.name not in _ORIGINAL:
            part.type = mysql.DATETIME(fsp=6)
        elif isinstance(part.type, sa.Text):
            part.type = mysql.MEDIUMTEXT()
    return part


def renew_file_constraints() -> None:
    """Create the triggers of SQLite again, except those of tables and columns that a later migration creates."""
    if on_server():
        return
    bind = op.get_bind()
    tables = sa.inspect(bind).get_table_names()
    for constraint in SQLITE_CONSTRAINTS:
        if constraint.table in tables and "state_since" not in constraint.sql:
            bind.exec_driver_sql(f"DROP TRIGGER IF EXISTS {constraint.name}")
            bind.exec_driver_sql(constraint.sql)
