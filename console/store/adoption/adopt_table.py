"""Adopts another application's table of credit checks without copying the rows to a new table, by small changes. Each
change is made only once, even if the adoption is run again.

During the adoption the rows have no claim: on a server `duplicate_of` has the default 0 (UNDECIDED_CLAIM), so no new
row can violate the unique index of the claim. A row is decided when its `work_state` isn't NULL.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column as SchemaColumn
from sqlalchemy import Connection, DefaultClause, Index
from sqlalchemy.exc import DBAPIError, IntegrityError

from console.domain.error_reasons import SchemaProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.store.adoption import legacy_checks
from console.store.database import online_ddl
from console.store.database.engine import Database, Transaction
from console.store.migrations import upgrade as migrate
from console.store.schema import claim_columns as claim_sql
from console.store.schema import legacy_table
from console.store.schema import mismatch_columns as mismatch_sql
from console.store.schema.core import credit_checks
from console.store.schema.legacy_table import TABLE_NAME, LegacyTable

UNDECIDED_CLAIM = 0
"""Value of the column `duplicate_of` in a row that the adoption has not processed yet: it isn't decided if the row
holds the claim of its client and corporation number.
"""

CLAIM_INDEX = "uq_credit_checks_claim"
"""Name of the unique index that allows only one live row per client and corporation number."""
DATES_ZONE_META_NAME = "dates_zone"
"""Name of the column, and of the value in `console_meta`, that has the time zone of the dates of adopted rows."""

_IN_PLACE_ALTER_OPTIONS = (", ALGORITHM=INSTANT", ", ALGORITHM=INPLACE, LOCK=NONE")
_ONLINE_ALTER_OPTIONS = _IN_PLACE_ALTER_OPTIONS[1:]
_COPYING_ALTER_OPTIONS = (", ALGORITHM=COPY",)
_CHARACTER_SET = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


class DuplicateLiveRows(Exception):
    """The unique index of the claim can't be created, or a row can't be adopted, because two live rows have the same
    claim. The caller must mark one of them as a duplicate first.
    """


_VIOLATED_INDEX_PATTERN = re.compile(r"for key '(?:[^'.]*\.)?([^']+)'|UNIQUE constraint failed: (.+)")
"""Pattern that finds the violated index in an error message: the index's name in a message of a server, its columns
in a message of SQLite.
"""


def find_index_of_other_application(error: DBAPIError) -> str | None:
    """Return the name (on SQLite the columns) of the unique index that refused a change, if another application
    created that index. Return None for an index of this program, and for an error whose message names no index.
    """
    match = _VIOLATED_INDEX_PATTERN.search(str(error.orig))
    name = (match[1] or match[2]) if match else None
    if name is None or "claim_number" in name or name in {index.name for index in credit_checks.indexes}:
        return None
    return name


@dataclass(frozen=True, slots=True)
class TableChange:
    """One change of the table's structure: a name and its SQL. `is_online`: the change doesn't make other statements
    wait.
    """

    change_name: str
    sql: str
    is_online: bool = True


def read_table_structure(database: Database) -> LegacyTable:
    """Return the present structure of the table of credit checks. Raises ConsoleError `not_found` if there is no such
    table.
    """
    with database.read() as conn:
        table = legacy_table.find_table_structure(conn)
    if table is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"problem": "no_table", "table": TABLE_NAME})
    return table


def list_needed_changes(table: LegacyTable, dialect: str, zone: str | None) -> tuple[TableChange, ...]:
    """Return the changes of structure that this table of credit checks still needs before the console can use it, in
    the order in which they must be made. `dialect` is `sqlite`, or `mysql` for every server; `zone`: the time zone of
    the table's dates, None if it isn't known.
    """
    changes = (
        *_list_conversion_changes(table),
        *_list_missing_columns(table, dialect, zone),
        *_list_missing_indexes(table, dialect),
        *_list_claim_default_change(table, dialect),
    )
    return tuple(changes)


def is_change_done(table: LegacyTable, change: TableChange, dialect: str, zone: str | None) -> bool:
    """True if the table with the structure `table` already has this change. `dialect` is `sqlite`, or `mysql` for
    every server; `zone` is the time zone of the table's dates, None if it isn't known.
    """
    return change.change_name not in {
        missing_change.change_name for missing_change in list_needed_changes(table, dialect, zone)
    }


# Changes that the table still needs


def _list_conversion_changes(table: LegacyTable) -> Iterator[TableChange]:
    """Yield the changes that convert existing parts of the table: the storage engine, the AUTO_INCREMENT of the ids,
    and the types of columns. SQLite needs no such changes."""
    if table.engine is None:
        return
    if table.engine != "InnoDB":
        yield TableChange("engine", f"ALTER TABLE {TABLE_NAME} ENGINE = InnoDB", is_online=False)
    column = table.columns["id"]
    if "auto_increment" not in column.further_properties.lower():
        yield TableChange(
            "own_numbers",
            f"ALTER TABLE {TABLE_NAME} MODIFY id {column.type} NOT NULL AUTO_INCREMENT",
            is_online=False,
        )
    for name, kind in legacy_checks.make_new_types_of_changed_columns(table).items():
        yield TableChange(f"redefine {name}", f"ALTER TABLE {TABLE_NAME} MODIFY {name} {kind}")


def _list_missing_columns(table: LegacyTable, dialect: str, zone: str | None) -> Iterator[TableChange]:
    """Yield the changes that add the missing columns of the console: first the plain columns, then the derived ones.
    `zone` is the time zone of the table's dates, None if it isn't known.
    """
    missing_columns = [column for column in credit_checks.c if column.name not in table.columns]
    plain_clauses = [
        _make_column_clause(column, table, dialect, zone) for column in missing_columns if column.computed is None
    ]
    derived_clauses = [
        _make_derived_column_clause(column, table, dialect)
        for column in missing_columns
        if column.computed is not None
    ]
    if table.engine is not None and not table.stores_unicode:
        plain_clauses.append(
            f"DEFAULT {_CHARACTER_SET}"
        )  # the table's default; existing columns keep their character set
    if plain_clauses:
        yield TableChange("columns", _make_alter_sql(dialect, plain_clauses))
    if derived_clauses:
        yield TableChange("derived columns", _make_alter_sql(dialect, derived_clauses))


def _make_alter_sql(dialect: str, clauses: list[str]) -> str:
    """Return one ALTER statement with all `clauses`. On SQLite, which adds one column per statement, return one
    statement per clause, with a semicolon and a line break between them."""
    if dialect == "sqlite":
        return ";\n".join(f"ALTER TABLE {TABLE_NAME} {clause}" for clause in clauses)
    return f"ALTER TABLE {TABLE_NAME} " + ", ".join(clauses)


def _make_column_clause(column: SchemaColumn[Any], table: LegacyTable, dialect: str, zone: str | None) -> str:
    """Return the clause of an ALTER statement that adds this column. `zone` becomes the default of the column
    DATES_ZONE_META_NAME, unless it is None or the dates are in UTC."""
    default = _make_default_sql(column)
    if column.name == DATES_ZONE_META_NAME and zone is not None and not table.has_utc_dates:
        default = f"'{zone}'"
    if column.name == "duplicate_of" and dialect != "sqlite":
        default = str(UNDECIDED_CLAIM)
    null_clause = "" if column.nullable else " NOT NULL"
    default_clause = f" DEFAULT {default}" if default else ""
    options = f"{null_clause}{default_clause}{_get_invisible_option(table)}"
    return f"ADD COLUMN {column.name} {_make_type_sql(column, dialect)}{options}"


def _get_invisible_option(table: LegacyTable) -> str:
    """Return the column option INVISIBLE, which hides a new column from `SELECT *` and from an INSERT without a
    column list. Return "" if the server has no such option.
    """
    return " INVISIBLE" if table.can_hide_columns else ""


def _make_default_sql(column: SchemaColumn[Any]) -> str | None:
    """Return the SQL of the column's default value; None if it has none."""
    if not isinstance(column.server_default, DefaultClause):
        return None
    default = column.server_default.arg
    return f"'{default}'" if isinstance(default, str) else str(default)


def _make_type_sql(column: SchemaColumn[Any], dialect: str) -> str:
    """Return the SQL type of a column, as the console's migrations write it. On a server the type of a text column
    has the character set and a collation that compares byte by byte."""
    kind = column.type.compile(_load_dialect(dialect))
    return f"{kind} {_CHARACTER_SET}" if dialect != "sqlite" and kind.startswith("VARCHAR") else kind


def _load_dialect(dialect_name: str) -> Any:
    """Return SQLAlchemy's dialect of this name: the dialect of SQLite for `sqlite`; the dialect of MySQL, which
    writes the SQL of all servers, for any other name."""
    from sqlalchemy.dialects import mysql, sqlite

    return sqlite.dialect() if dialect_name == "sqlite" else mysql.dialect()


def _make_derived_column_clause(column: SchemaColumn[Any], table: LegacyTable, dialect: str) -> str:
    """Return the clause that adds a derived column as VIRTUAL. In the console's own tables derived columns are stored
    (decision 0019). In an adopted table, storing the column would copy the table while its writers wait.
    """
    source = table.number_source_sql
    expressions = {
        "number_key": claim_sql.make_number_key_sql(dialect, source),
        "seen_status": claim_sql.EFFECTIVE_STATUS_SQL,
        "seen_work": claim_sql.EFFECTIVE_WORK_SQL,
        "claim_number": claim_sql.make_claim_number_sql(dialect, source),
        "missing": claim_sql.IS_INCOMPLETE_SQL,
        "disagrees": mismatch_sql.CREDIT_CHECK_MISMATCH_SQL,
    }
    kind, expression = _make_type_sql(column, dialect), expressions[column.name]
    return f"ADD COLUMN {column.name} {kind} AS ({expression}) VIRTUAL{_get_invisible_option(table)}"


def _list_missing_indexes(table: LegacyTable, dialect: str) -> Iterator[TableChange]:
    """Yield the changes that create missing indexes. The unique index of the claim comes first, because only its
    creation can fail for stored rows.
    """
    missing_indexes = [index for index in credit_checks.indexes if index.name not in table.indexes]
    for index in sorted(missing_indexes, key=lambda index: (not index.unique, str(index.name))):
        yield TableChange(f"index {index.name}", _make_index_sql(index, dialect))


def _make_index_sql(index: Index, dialect: str) -> str:
    unique_keyword, columns = "UNIQUE " if index.unique else "", ", ".join(index.columns.keys())
    if dialect == "sqlite":
        return f"CREATE {unique_keyword}INDEX IF NOT EXISTS {index.name} ON {TABLE_NAME} ({columns})"
    return f"ALTER TABLE {TABLE_NAME} ADD {unique_keyword}INDEX {index.name} ({columns})"


def _list_claim_default_change(table: LegacyTable, dialect: str) -> Iterator[TableChange]:
    """Yield the last change: `duplicate_of` gets the default NULL. After this change, each new row that another
    application inserts has its claim.
    """
    column = table.columns.get("duplicate_of")
    if dialect != "sqlite" and (column is None or column.default_sql is not None):
        yield TableChange("claims", f"ALTER TABLE {TABLE_NAME} ALTER COLUMN duplicate_of SET DEFAULT NULL")


# Execution of the changes


def apply_table_change(
    database: Database,
    change: TableChange,
    zone: str | None,
    *,
    may_copy_table: bool,
    before_claim_index: Callable[[Transaction], None],
) -> None:
    """Make one change of the table's structure, unless it is done already. `zone` is the time zone of the table's
    dates, None if it isn't known. `may_copy_table`: the server may copy the table for the change; a change that isn't
    online is always made by a copy. `before_claim_index` is called only on SQLite, before the change that creates the
    claim's index, in the same transaction.

    Raises DuplicateLiveRows if the change creates the claim's index and two live rows have the same claim;
    ConsoleError `schema_mismatch` (detail.problem `needs_conversion`) if the server can make the change only by
    copying the table and `may_copy_table` is False; `database_locked` if other sessions used the table during all
    tries.
    """
    if not database.is_server:
        _apply_change_on_sqlite(database, change, zone, before_claim_index)
        return
    for alter_options in _list_alter_options(change, may_copy_table=may_copy_table):
        try:
            online_ddl.alter_table(
                database,
                change.sql + alter_options,
                lambda: is_change_done(read_table_structure(database), change, database.dialect, zone),
            )
        except online_ddl.CopyNeeded as refused:
            reason = str(refused)
            continue
        except IntegrityError as error:
            raise DuplicateLiveRows from error
        return
    raise ConsoleError(
        ErrorCode.SCHEMA_MISMATCH,
        {"problem": SchemaProblem.NEEDS_CONVERSION, "step": change.change_name, "cause": reason},
    )


def _list_alter_options(change: TableChange, *, may_copy_table: bool) -> tuple[str, ...]:
    """Return the texts of options (ALGORITHM and LOCK) with which the ALTER statement of this change is tried, one
    after another. Options that let other sessions write come first. The option that copies the table comes last, if
    `may_copy_table` allows a copy. A change that isn't online always has only this last option, even if
    `may_copy_table` is False.
    """
    online_options = (
        (_ONLINE_ALTER_OPTIONS if change.change_name.startswith("index") else _IN_PLACE_ALTER_OPTIONS)
        if change.is_online
        else ()
    )
    return (*online_options, *_COPYING_ALTER_OPTIONS) if may_copy_table or not change.is_online else online_options


def _apply_change_on_sqlite(
    database: Database, change: TableChange, zone: str | None, before_claim_index: Callable[[Transaction], None]
) -> None:
    """Make the change in one transaction, unless it is done already. Before the change that creates the claim's
    index, call `before_claim_index` in the same transaction. `zone` is the time zone of the table's dates, None if it
    isn't known.
    """
    with database.write_without_retries() as tx:
        table = legacy_table.find_table_structure(tx.conn)
        if table is None or is_change_done(table, change, database.dialect, zone):
            return
        if CLAIM_INDEX in change.sql:
            before_claim_index(tx)
        for statement in change.sql.split(";\n"):
            tx.conn.exec_driver_sql(statement)


def begin_adoption(conn: Connection, time_zone_name: str) -> str:
    """Store in `console_meta` that the table of credit checks waits for its adoption, and `time_zone_name`, the time
    zone of the table's dates, such as `Asia/Tokyo`. If an earlier run has stored a time zone, it stays. Return the
    stored time zone."""
    migrate.store_meta_if_missing(conn, migrate.ADOPTION_KEY, migrate.ADOPTION_WAITING)
    return migrate.store_meta_if_missing(conn, DATES_ZONE_META_NAME, time_zone_name)
