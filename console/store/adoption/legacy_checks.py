"""Finds the obstacles to the adoption of another application's table of credit checks. Some obstacles can be removed
by copying the table.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from console.domain.records import CheckState
from console.store.schema.core import credit_checks
from console.store.schema.legacy_table import ORIGINAL_COLUMNS, TABLE_NAME, LegacyColumn, LegacyTable

_NULLABLE_COLUMNS = ORIGINAL_COLUMNS[3:]
"""Columns that must accept NULL: all original columns (ORIGINAL_COLUMNS) except the first three."""
_INTEGER_TYPES = ("tinyint", "smallint", "mediumint", "int", "bigint")
_TYPES_OF_COLUMN: Mapping[str, tuple[str, ...]] = {
    "id": ("mediumint", "int", "bigint"),
    "client_id": _INTEGER_TYPES,
    "corporation_number": ("char", "varchar", "tinytext", "text", "bigint"),
    "credit_check_id": ("int", "bigint"),
    "company_name": ("char", "varchar", "tinytext", "text", "mediumtext"),
    "purchased_at": ("datetime", "date", "timestamp"),
    "expired_at": ("datetime", "date", "timestamp"),
    "result": ("char", "varchar", "enum"),
    "pdf_file_path": ("char", "varchar", "tinytext", "text", "mediumtext"),
}
"""SQL types that each original column may have."""
_SMALLEST_WIDTH_OF_COLUMN = {"corporation_number": 13, "company_name": 255, "result": 4, "pdf_file_path": 80}
"""Smallest accepted length (characters) of text columns."""
_WIDTH_BY_TEXT_COLUMN = {"company_name": 255, "result": 20, "pdf_file_path": 255}
"""Length (characters) that a text column gets if it is too short now."""

_COLUMNS_OF_BOTH_APPLICATIONS = frozenset({"created_at", "status"})
"""Columns of the console that the other application's table may have already, with the same meaning."""
_COLUMNS_WITH_REPEATED_VALUES = frozenset({"client_id", "corporation_number", "company_name", "result", "status"})
"""Columns in which two credit checks of one client and corporation number can have the same values."""
_CONSTANT_PATTERN = re.compile(r"'.*'|[+-]?[0-9.]+", re.DOTALL)
"""Pattern of the SQL of a default that gives each new row the same value."""
_STATUS_TYPES = ("varchar", "tinytext", "text")
_LONGEST_STATUS_CHARACTERS = max(len(state) for state in CheckState)
_MAX_LISTED_STATUSES = 5
_BYTES_PER_CHARACTER_BY_CHARACTER_SET = {"latin1": 1, "ascii": 1, "utf8": 3, "utf8mb3": 3, "utf8mb4": 4}


@dataclass(frozen=True, slots=True)
class AdoptionObstacle:
    """An obstacle to the adoption: its `code` (such as column_missing), the `name` of the column, index or table, and
    its present value, such as the type of the column. `is_convertible`: a copy of the table, made on request, removes
    the obstacle.
    """

    code: str
    name: str
    present_value: str
    is_convertible: bool = False


def find_obstacles(table: LegacyTable) -> tuple[AdoptionObstacle, ...]:
    """Return the obstacles in the structure of this table that must be removed before it can be adopted. On a server
    the engine, the types and the widths of columns are checked only if there is no other obstacle.
    """
    obstacles = [
        *_find_missing_columns(table),
        *_find_primary_key_obstacles(table),
        *_find_foreign_columns(table),
        *_find_name_conflicts(table),
        *_find_refusing_indexes(table),
    ]
    if table.engine is not None and not obstacles:
        obstacles += [
            *_find_engine_obstacles(table),
            *_find_type_obstacles(table),
            *_find_columns_needing_copy(table),
        ]
    elif table.engine is None:
        obstacles += [AdoptionObstacle("must_be_null", name, "not null") for name in _list_not_null_columns(table)]
    return tuple(obstacles)


def has_numeric_ids(table: LegacyTable) -> bool:
    """True if the column `id` has an integer type, so that the rows can be read in ranges of ids."""
    return table.columns["id"].base_type in (*_INTEGER_TYPES, "integer")


def _find_missing_columns(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle for each original column that the table lacks."""
    for name in ORIGINAL_COLUMNS:
        if name not in table.columns:
            yield AdoptionObstacle("column_missing", name, "")


def _find_primary_key_obstacles(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle if the primary key isn't the column `id`, or if the database assigns no ids to new rows."""
    column = table.columns.get("id")
    if column is None:
        return
    if table.primary_key != ("id",):
        yield AdoptionObstacle("primary_key", "id", ", ".join(table.primary_key))
    elif table.engine is None and column.type != "integer":
        yield AdoptionObstacle("no_own_numbers", "id", column.type)
    elif table.engine is not None and "auto_increment" not in column.further_properties.lower():
        yield AdoptionObstacle("no_own_numbers", "id", column.type, is_convertible=True)


def _find_foreign_columns(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle for each column of another application that needs a value in each INSERT (NOT NULL without a
    default). The console's INSERT would contain no value for such a column."""
    our_columns = set(credit_checks.c.keys())
    for column in table.columns.values():
        if column.name not in our_columns and not column.is_nullable and not column.has_default_value:
            yield AdoptionObstacle("needs_default", column.name, column.type)


def _find_name_conflicts(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle for each column and index of the legacy table that has the name of a column or index of this
    program's schema, but a different definition. Examples are a column that an earlier program added for its own use,
    a status with another meaning, or an index on other columns.
    """
    if not table.has_adoption_begun:
        for name in sorted(
            set(table.columns) & set(credit_checks.c.keys()) - set(ORIGINAL_COLUMNS) - _COLUMNS_OF_BOTH_APPLICATIONS
        ):
            yield AdoptionObstacle("column_taken", name, table.columns[name].type)
        yield from _find_status_obstacles(table)
    for index in credit_checks.indexes:
        columns = table.indexes.get(str(index.name))
        if columns is not None and columns != tuple(index.columns.keys()):
            yield AdoptionObstacle("index_taken", str(index.name), ", ".join(columns))


def _find_refusing_indexes(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle for each unique index of another application that would refuse the console's second row for
    one client and corporation number, such as a renewal or a purchase after an error. In all columns of such an index
    the two rows can have the same values. An index with a condition, which SQLite allows, counts too, because its
    condition can include both rows."""
    our_index_names = {index.name for index in credit_checks.indexes}
    equal_columns = _COLUMNS_WITH_REPEATED_VALUES | {
        column.name
        for column in table.columns.values()
        if column.name not in credit_checks.c and _CONSTANT_PATTERN.fullmatch(column.default_sql or "")
    }
    for name in sorted(table.unique_indexes - our_index_names):
        if equal_columns.issuperset(table.indexes[name]):
            yield AdoptionObstacle("unique_index", name, ", ".join(table.indexes[name]))


def _find_status_obstacles(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle if the table has a column `status` that isn't a text, may be NULL, or has another default
    than `pending`.
    """
    column = table.columns.get("status")
    if column is None:
        return
    if column.base_type not in _STATUS_TYPES or (
        column.width is not None and column.width < _LONGEST_STATUS_CHARACTERS
    ):
        yield AdoptionObstacle("column_taken", "status", column.type)
    elif column.is_nullable:
        yield AdoptionObstacle("status_null", "status", column.type)
    elif column.default_sql is not None and column.default_sql.strip("'\"") != CheckState.PENDING:
        yield AdoptionObstacle("status_default", "status", column.default_sql)


def list_unknown_status_obstacles(states: Iterable[str]) -> tuple[AdoptionObstacle, ...]:
    """Return one obstacle if some of the values `states` of the column `status` aren't values of `CheckState`,
    compared byte by byte; () if all are known. The obstacle's present value lists at most _MAX_LISTED_STATUSES of the
    unknown values.
    """
    unknown_states = sorted(set(states) - {state.value for state in CheckState})
    return (
        (
            AdoptionObstacle(
                "status_words", "status", ", ".join(repr(word) for word in unknown_states[:_MAX_LISTED_STATUSES])
            ),
        )
        if unknown_states
        else ()
    )


def _find_engine_obstacles(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle if the table isn't stored by InnoDB, or is divided into partitions."""
    if table.engine != "InnoDB":
        yield AdoptionObstacle("engine", TABLE_NAME, str(table.engine), is_convertible=True)
    if table.is_partitioned:
        yield AdoptionObstacle("partitioned", TABLE_NAME, "")


def _find_type_obstacles(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle for each column of the other application with a type, default or length that the console
    can't use.
    """
    for name, allowed_types in _TYPES_OF_COLUMN.items():
        column = table.columns[name]
        if column.base_type not in allowed_types:
            yield AdoptionObstacle("type", name, column.type)
    if table.columns["credit_check_id"].default_sql is not None:
        yield AdoptionObstacle(
            "default_is_no_null", "credit_check_id", str(table.columns["credit_check_id"].default_sql)
        )
    if len({table.columns[name].base_type == "timestamp" for name in ("purchased_at", "expired_at")}) == 2:
        yield AdoptionObstacle("mixed_dates", "expired_at", table.columns["expired_at"].type)
    width = table.columns["corporation_number"].width
    if width is not None and width < _SMALLEST_WIDTH_OF_COLUMN["corporation_number"]:
        yield AdoptionObstacle("type", "corporation_number", table.columns["corporation_number"].type)


def _find_columns_needing_copy(table: LegacyTable) -> Iterator[AdoptionObstacle]:
    """Yield an obstacle for each column that a server can widen only by copying the table. Such a column needs
    another character set, or more than 255 bytes.
    """
    for name in make_new_types_of_changed_columns(table):
        column = table.columns[name]
        bytes_each = _BYTES_PER_CHARACTER_BY_CHARACTER_SET.get(str(column.charset), 2)
        if name == "company_name" and not str(column.charset).startswith("utf8"):
            yield AdoptionObstacle("letters", name, str(column.charset), is_convertible=True)
        elif (
            column.width is not None
            and column.width < _SMALLEST_WIDTH_OF_COLUMN.get(name, 0)
            and column.width * bytes_each < 256
        ):
            yield AdoptionObstacle("width", name, column.type, is_convertible=True)


def _list_not_null_columns(table: LegacyTable) -> list[str]:
    """Return the names of those columns in _NULLABLE_COLUMNS that don't accept NULL now."""
    return [name for name in _NULLABLE_COLUMNS if name in table.columns and not table.columns[name].is_nullable]


def make_new_types_of_changed_columns(table: LegacyTable) -> dict[str, str]:
    """Return the columns of this table that must accept more values than now, as a mapping from the name to the new
    SQL type and options. Such a column doesn't accept NULL, is too short (for example for the console's document
    paths), or has the company name in a character set without all characters. Return {} for a table of SQLite."""
    changed_columns = {}
    for name in _NULLABLE_COLUMNS if table.engine is not None else ():
        column = table.columns[name]
        is_narrow = column.width is not None and column.width < _SMALLEST_WIDTH_OF_COLUMN.get(name, 0)
        lacks_unicode = name == "company_name" and column.charset not in (None, "utf8mb4")
        if not column.is_nullable or is_narrow or lacks_unicode:
            kind = f"varchar({_WIDTH_BY_TEXT_COLUMN[name]})" if is_narrow else column.type
            changed_columns[name] = kind + _format_column_options(column, as_utf8=lacks_unicode)
    return changed_columns


def _format_column_options(column: LegacyColumn, *, as_utf8: bool) -> str:
    """Return the SQL options with which a column is defined again: its character set (UTF-8 if `as_utf8`), NULL, its
    default and its comment."""
    if column.charset is None:
        charset_clause = ""
    elif as_utf8:
        charset_clause = " CHARACTER SET utf8mb4"
    else:
        charset_clause = f" CHARACTER SET {column.charset} COLLATE {column.collation}"
    default = f" DEFAULT {column.default_sql}" if column.default_sql is not None else ""
    escaped_comment = column.comment.replace("\\", "\\\\").replace("'", "''")
    return f"{charset_clause} NULL{default}" + (f" COMMENT '{escaped_comment}'" if escaped_comment else "")
