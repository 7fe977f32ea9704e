"""Helpers of the migrations before the baseline, unchanged: they create the same definition on every engine and can
be repeated.

On a server each DDL statement of a migration commits by itself. An interrupted migration is therefore run again from
its start, and skips everything that exists.
"""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from console.store.constraints.sqlite_money import SQLITE_CONSTRAINTS

LEGACY_TABLE = "hansha_alarmbox_credit_checks"
_SERVER_TABLE_OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_ORIGINAL_DATE_COLUMNS = ("purchased_at", "expired_at")
"""Columns that other applications write keep their type."""
_COLUMN_OF_ROW_PATTERN = re.compile(r"\b(?:NEW|OLD)\.(\w+)")


def create_table(name: str, *parts: Any, **options: Any) -> None:
    """Create a table unless it exists. On a server the table compares texts byte by byte, stores instants to the
    microsecond, and accepts texts above 64 kB.
    """
    if sa.inspect(op.get_bind()).has_table(name):
        return
    if is_on_server():
        parts = tuple(_adapt_to_server(part) for part in parts)
        options |= _SERVER_TABLE_OPTIONS
    op.create_table(name, *parts, **options)


def create_index(name: str, table: str, columns: list[str], *, unique: bool) -> None:
    """Create an index, unless the index exists or its table belongs to another application and waits for adoption."""
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there and not is_waiting_for_adoption(table):
        op.create_index(name, table, columns, unique=unique)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column, unless the column exists or its table belongs to another application and waits for adoption."""
    if column.name not in _read_column_names(table) and not is_waiting_for_adoption(table):
        op.add_column(table, _adapt_to_server(column) if is_on_server() else column)


def replace_derived_column(table: str, column: sa.Column[Any], index: str) -> None:
    """Give a derived column another expression. The function drops `index`, which reads the column; the caller
    creates the index again.

    The function may be run again after an interruption. It doesn't change a table that waits for adoption.
    """
    if is_waiting_for_adoption(table):
        return
    if index in {one["name"] for one in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.drop_index(index, table)
    if column.name in _read_column_names(table):
        op.drop_column(table, str(column.name))
    add_column(table, column)


def is_waiting_for_adoption(table: str) -> bool:
    """Return True for a table that has only the original columns, or whose adoption was interrupted. The adoption
    adds all columns itself.
    """
    return table == LEGACY_TABLE and "claim_number" not in _read_column_names(table)


def _read_column_names(table: str) -> set[str]:
    return {str(column["name"]) for column in sa.inspect(op.get_bind()).get_columns(table)}


def is_on_server() -> bool:
    """Return True if the migration runs on MariaDB, MySQL or Galera."""
    return op.get_bind().dialect.name != "sqlite"


def _adapt_to_server(part: Any) -> Any:
    """Return the part of a table in the form that servers need. Derived columns are stored columns there: over
    indexed virtual columns, the purge of a returning Galera node may never end (decision 0019).
    """
    if isinstance(part, sa.Column) and part.computed is not None:
        part.computed.persisted = True
    elif isinstance(part, sa.Column):
        if isinstance(part.type, sa.DateTime) and part.name not in _ORIGINAL_DATE_COLUMNS:
            part.type = mysql.DATETIME(fsp=6)
        elif isinstance(part.type, sa.Text):
            part.type = mysql.MEDIUMTEXT()
    return part


def renew_file_constraints() -> None:
    """Create the present triggers of SQLite again, except those of tables and columns that a later migration
    creates: SQLite drops no column of any table while a trigger reads a column that doesn't exist."""
    if is_on_server():
        return
    bind = op.get_bind()
    tables = sa.inspect(bind).get_table_names()
    for constraint in SQLITE_CONSTRAINTS:
        read_columns = set(_COLUMN_OF_ROW_PATTERN.findall(constraint.sql))
        if constraint.table in tables and read_columns <= _read_column_names(constraint.table):
            bind.exec_driver_sql(f"DROP TRIGGER IF EXISTS {constraint.name}")
            bind.exec_driver_sql(constraint.sql)
