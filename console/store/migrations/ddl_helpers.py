"""Functions that migrations use: they create tables, columns and indexes on every kind of database as
`console.store.schema` declares them.

On a server each DDL statement of a migration commits by itself. So an interrupted migration is run again from its
start and skips each change that is made already. The first migration creates the whole present schema in a new
database, so all later migrations skip their changes there.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from console.store.schema import claim_columns
from console.store.schema.core import REQUEST_HOUR_SQL, credit_checks

LEGACY_TABLE = credit_checks.name
ROWS_PER_TRANSACTION = 5_000
"""Number of rows that a migration changes in one transaction of a server. A cluster refuses larger ones
(`wsrep_max_ws_size`, decision 0117), or all its nodes wait for them.
"""
_SERVER_TABLE_OPTIONS = {
    "mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin",
    "mysql_row_format": "DYNAMIC",  # in other formats a server refuses the index of a long text
}  # fmt: skip
_DERIVED_COLUMN_SQL_ON_SERVERS = {
    "number_key": claim_columns.NUMBER_KEY_SQL["mysql"],
    "claim_number": claim_columns.CLAIM_NUMBER_SQL["mysql"],
    "asked_hour": REQUEST_HOUR_SQL["mysql"],
}


def create_table(table: sa.Table) -> None:
    """Create this table as it is declared, unless it exists. Then create those of its indexes that don't exist yet; a
    table that waits for adoption gets no index. On a server, texts of the table are compared byte by byte."""
    present_indexes: set[str] = set()
    if sa.inspect(op.get_bind()).has_table(table.name):
        present_indexes = _read_index_names(table.name)
    else:
        op.execute(sa.schema.CreateTable(_copy_table_with_server_types(table) if is_on_server() else table))
    missing_indexes = [index for index in table.indexes if index.name not in present_indexes]
    if missing_indexes and not waits_for_adoption(table.name):
        _add_indexes(table.name, sorted(missing_indexes, key=lambda index: str(index.name)))


def _add_indexes(table: str, indexes: Sequence[sa.Index]) -> None:
    """Add indexes to a table, on a server in one statement: after each such statement a server opens the table
    again, and all nodes of a cluster wait for it."""
    if is_on_server():
        index_clauses = (
            f"ADD {'UNIQUE ' if index.unique else ''}INDEX {index.name} ({', '.join(index.columns.keys())})"
            for index in indexes
        )
        op.execute(f"ALTER TABLE {table} {', '.join(index_clauses)}")
        return
    for index in indexes:
        op.create_index(str(index.name), table, index.columns.keys(), unique=index.unique)


def create_index(name: str, table: str, columns: list[str], *, unique: bool) -> None:
    """Create an index, unless it exists, or the table belongs to another application and waits for adoption."""
    if name not in _read_index_names(table) and not waits_for_adoption(table):
        op.create_index(name, table, columns, unique=unique)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column, unless it exists, or the table belongs to another application and waits for adoption. On a server
    the values of a derived column are stored; on SQLite they are computed at each read.
    """
    if column.name not in _read_column_names(table) and not waits_for_adoption(table):
        _set_storage_of_derived_column(column)
        op.add_column(table, column)


def add_hidden_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column, unless it exists, or the table belongs to another application and waits for adoption. On a server
    that can hide columns, the adoption may have made `work_state` invisible. Then this column becomes invisible, too:
    `SELECT *` and an INSERT without a list of columns don't see it.

    The declaration of an invisible derived column decides whether its values are stored or computed at each read. For
    any other derived column `add_column` decides it.
    """
    if column.name in _read_column_names(table) or waits_for_adoption(table):
        return
    if is_on_server() and _is_column_hidden(table, "work_state"):
        ddl = sa.schema.CreateColumn(column).compile(dialect=op.get_bind().dialect)
        op.execute(f"ALTER TABLE {table} ADD COLUMN {ddl} INVISIBLE")
    else:
        add_column(table, column)


def replace_index(name: str, table: str, columns: list[str]) -> None:
    """Give the index `name` the columns `columns`, by dropping and creating it. If it has these columns already,
    nothing is changed. A missing index is created, unless the table waits for adoption. On a server one statement
    drops and creates the index, because triggers may name it.
    """
    present_indexes = {
        str(index["name"]): index["column_names"] for index in sa.inspect(op.get_bind()).get_indexes(table)
    }
    if name in present_indexes and present_indexes[name] != columns:
        if is_on_server():
            op.execute(f"ALTER TABLE {table} DROP INDEX {name}, ADD INDEX {name} ({', '.join(columns)})")
            return
        op.drop_index(name, table)
    create_index(name, table, columns, unique=False)


def update_rows(table: sa.Table, statement: sa.Update) -> None:
    """Execute the UPDATE statement `statement` of this table, on a server in transactions of at most
    ROWS_PER_TRANSACTION rows. An interrupted migration executes it again from its start.
    """
    if not is_on_server():
        op.execute(statement)
        return
    conn = op.get_bind()
    for first, last in _iterate_id_ranges(conn, table):
        conn.execute(statement.where(table.c.id.between(first, last)))
        conn.commit()


def _iterate_id_ranges(conn: sa.Connection, table: sa.Table) -> Iterator[tuple[int, int]]:
    """Yield the first and the last id of each ROWS_PER_TRANSACTION rows of the table."""
    ids = sa.select(table.c.id).order_by(table.c.id)
    first = conn.scalar(ids.limit(1))
    while first is not None:
        following = ids.where(table.c.id >= first)
        last = conn.scalar(following.offset(ROWS_PER_TRANSACTION - 1).limit(1))
        if last is None:
            last = conn.scalar(sa.select(sa.func.max(table.c.id)))
        yield first, last
        first = conn.scalar(ids.where(table.c.id > last).limit(1))


def _is_column_hidden(table: str, column: str) -> bool:
    """True if the server hides this column of the table (INVISIBLE)."""
    column_properties = op.get_bind().scalar(
        sa.text(
            "SELECT extra FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = :table_name AND column_name = :column_name"
        ),
        {"table_name": table, "column_name": column},
    )
    return "INVISIBLE" in str(column_properties).upper()


def replace_derived_column(table: str, column: sa.Column[Any], index: str) -> None:
    """Give a derived column another expression, by dropping and adding the column. The function first drops `index`,
    which contains the column; the caller creates it again.

    The function may be run again after an interruption. A table that waits for adoption isn't changed.
    """
    if waits_for_adoption(table):
        return
    if index in _read_index_names(table):
        op.drop_index(index, table)
    if column.name in _read_column_names(table):
        op.drop_column(table, str(column.name))
    add_column(table, column)


def waits_for_adoption(table: str) -> bool:
    """True if the table is the table of credit checks, another application created it, and its adoption hasn't added
    `claim_number` yet: the adoption wasn't begun, or was interrupted before that. A migration must not add columns to
    such a table, because the adoption adds the console's columns."""
    return table == LEGACY_TABLE and "claim_number" not in _read_column_names(table)


def _read_column_names(table: str) -> set[str]:
    return {str(column["name"]) for column in sa.inspect(op.get_bind()).get_columns(table)}


def _read_index_names(table: str) -> set[str]:
    return {str(index["name"]) for index in sa.inspect(op.get_bind()).get_indexes(table)}


def is_on_server() -> bool:
    """True if the migration runs on MariaDB, MySQL or Galera; False on SQLite."""
    return op.get_bind().dialect.name != "sqlite"


def _copy_table_with_server_types(declared_table: sa.Table) -> sa.Table:
    """Return a copy of the declared table with the options and the expressions of derived columns for a server."""
    table = declared_table.to_metadata(sa.MetaData())
    table.kwargs.update(_SERVER_TABLE_OPTIONS)
    for column in table.columns:
        if column.computed is not None and column.name in _DERIVED_COLUMN_SQL_ON_SERVERS:
            column.computed.sqltext = sa.text(_DERIVED_COLUMN_SQL_ON_SERVERS[column.name])
        _set_storage_of_derived_column(column)
    return table


def _set_storage_of_derived_column(column: sa.Column[Any]) -> None:
    """Change the declaration of a derived column for the present database: on a server its value is stored, on SQLite
    it is computed at each read.

    The reason is InnoDB on a Galera node that returns to its cluster: with an index on a computed column, its purge
    of old rows may never end (decision 0019).
    """
    if column.computed is not None:
        column.computed.persisted = is_on_server()
