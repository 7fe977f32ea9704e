"""Reads the structure of the table of credit checks, which another application may have created."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import Connection, text

from console.store.schema.core import credit_checks

TABLE_NAME = credit_checks.name
ORIGINAL_COLUMNS = (
    "id", "client_id", "corporation_number", "credit_check_id", "company_name", "purchased_at", "expired_at",
    "result", "pdf_file_path",
)  # fmt: skip
_LEGACY_COLUMNS_QUERY = text(
    "SELECT column_name, column_type, is_nullable, column_default, character_set_name, collation_name, extra,"
    " column_comment FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = :table_name ORDER BY ordinal_position"
)
_LEGACY_INDEXES_QUERY = text(
    "SELECT index_name, column_name, non_unique FROM information_schema.statistics"
    " WHERE table_schema = DATABASE() AND table_name = :table_name ORDER BY index_name, seq_in_index"
)
_LEGACY_TABLE_OPTIONS_QUERY = text(
    "SELECT engine, create_options, table_collation FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = :table_name"
)


@dataclass(frozen=True, slots=True)
class LegacyColumn:
    """A column of the table of credit checks. `type` is its SQL type as the database reports it, in lower case.
    `has_default_value` is True if an INSERT needs no value for the column. This is so if the column is generated,
    gets numbers from the database (auto_increment), or has a default value that the console's connections accept
    (they refuse the day 0000-00-00). `default_sql` is the SQL of the default value. `further_properties` are the
    properties that a server reports as `extra`, such as auto_increment. `charset` and `collation` are None on SQLite,
    and for a column that isn't a text. `comment` is the column's comment in the database.
    """

    name: str
    type: str
    is_nullable: bool
    has_default_value: bool
    default_sql: str | None = None
    charset: str | None = None
    collation: str | None = None
    further_properties: str = ""
    comment: str = ""

    @property
    def base_type(self) -> str:
        """The name of the column's type without length and options: `bigint` for `bigint(20) unsigned`."""
        return re.split(r"[ (]", self.type, maxsplit=1)[0]

    @property
    def width(self) -> int | None:
        """The length of a CHAR or VARCHAR column in characters; None for other types."""
        match = re.fullmatch(r"(?:var)?char\((\d+)\)", self.type)
        return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class LegacyTable:
    """Structure of the table of credit checks in the database.

    - `columns`: the columns by name; `primary_key`: the names of the key's columns
    - `indexes`: for each index name the names of its columns
    - `unique_indexes`: the names of those indexes that refuse equal rows
    - `engine`: the storage engine; None on SQLite
    - `stores_unicode`: texts are stored as UTF-8
    - `can_hide_columns`: the server can hide columns from `SELECT *` and from INSERTs without a list of columns
    - `is_partitioned`: the table is divided into partitions
    """

    columns: Mapping[str, LegacyColumn]
    primary_key: tuple[str, ...]
    indexes: Mapping[str, tuple[str, ...]]
    engine: str | None = None
    is_partitioned: bool = False
    stores_unicode: bool = True
    can_hide_columns: bool = False
    unique_indexes: AbstractSet[str] = frozenset()

    @property
    def has_adoption_begun(self) -> bool:
        """True if the table has the column `work_state`, because an adoption has begun or the console created the
        table."""
        return "work_state" in self.columns

    @property
    def is_complete(self) -> bool:
        """True if the table has all columns (also the derived ones) and all indexes that the console needs."""
        names = {str(index.name) for index in credit_checks.indexes}
        return set(credit_checks.c.keys()) <= set(self.columns) and names <= set(self.indexes)

    @property
    def computes_claims(self) -> bool:
        """True if the database computes the claim of each new row: the derived columns exist, and the adoption has
        marked the duplicates among the existing rows."""
        return "claim_number" in self.columns and self.columns["duplicate_of"].default_sql is None

    @property
    def number_source_sql(self) -> str:
        """The SQL expression that reads the stored corporation number for the derived columns: without the padding of
        a CHAR column, and converted to utf8mb4 if the column's character set isn't a form of UTF-8."""
        column = self.columns["corporation_number"]
        sql = "RTRIM(corporation_number)" if column.base_type == "char" else "corporation_number"
        is_foreign_charset = column.charset is not None and not column.charset.startswith("utf8")
        return f"CONVERT({sql} USING utf8mb4)" if is_foreign_charset else sql

    @property
    def has_utc_dates(self) -> bool:
        """True if `purchased_at` and `expired_at` are TIMESTAMP columns, whose values are instants (UTC)."""
        return {self.columns[name].base_type for name in ("purchased_at", "expired_at")} == {"timestamp"}


def has_credit_check_table(conn: Connection, tables: AbstractSet[str]) -> bool:
    """True if `tables`, the names of the existing tables, contain the table of credit checks and it has all
    columns of `ORIGINAL_COLUMNS`."""
    table = find_table_structure(conn) if TABLE_NAME in tables else None
    return table is not None and set(ORIGINAL_COLUMNS) <= set(table.columns)


def waits_for_adoption(conn: Connection) -> bool:
    """True if the table of credit checks exists but lacks columns or indexes that the console needs. Then it must
    be adopted."""
    table = find_table_structure(conn)
    return table is not None and not table.is_complete


def find_table_structure(conn: Connection) -> LegacyTable | None:
    """Return the structure of the table of credit checks as the database has it; None if there is no such table."""
    return _read_sqlite_table(conn) if conn.dialect.name == "sqlite" else _read_server_table(conn)


def _read_server_table(conn: Connection) -> LegacyTable | None:
    """Return the structure of the table of credit checks on MariaDB or MySQL; None if there is no such table."""
    table_row = conn.execute(_LEGACY_TABLE_OPTIONS_QUERY, {"table_name": TABLE_NAME}).first()
    if table_row is None:
        return None
    engine, options, table_collation = table_row
    columns = {}
    for name, kind, nullable, default, charset, collation, extra, comment in conn.execute(
        _LEGACY_COLUMNS_QUERY, {"table_name": TABLE_NAME}
    ):
        default_sql = None if default in (None, "NULL") else str(default)
        # MySQL returns a text default without quotes
        if default_sql is not None and charset is not None and not _is_quoted(default_sql):
            default_sql = "'" + default_sql.replace("'", "''") + "'"
        gives_value = _fills_new_rows(str(kind).lower(), default_sql, str(extra).lower())
        columns[name.lower()] = LegacyColumn(
            name.lower(),
            str(kind).lower(),
            nullable == "YES",
            gives_value,
            default_sql,
            charset,
            collation,
            extra,
            comment,
        )
    indexes: dict[str, tuple[str, ...]] = {}
    unique_indexes = set()
    for index_name, column, is_ambiguous in conn.execute(_LEGACY_INDEXES_QUERY, {"table_name": TABLE_NAME}):
        indexes[index_name] = (*indexes.get(index_name, ()), str(column).lower())
        if not is_ambiguous:
            unique_indexes.add(index_name)
    primary_key = indexes.pop("PRIMARY", ())
    stores_unicode = str(table_collation).startswith("utf8")
    return LegacyTable(
        columns,
        primary_key,
        indexes,
        str(engine),
        "partitioned" in str(options),
        stores_unicode,
        _can_hide_columns(conn),
        frozenset(unique_indexes - {"PRIMARY"}),
    )


def _fills_new_rows(column_type: str, default_sql: str | None, further_properties: str) -> bool:
    """True if a column gives each new row a value without an INSERT naming the column. `column_type` is the column's
    SQL type, `default_sql` its default, `further_properties` its further properties. The properties `on update …` and
    `INVISIBLE` give no value. A default of the day 0000-00-00, which MariaDB may report for a date or timestamp,
    gives no value either, because the strict mode refuses this day.
    """
    is_day_zero = column_type.startswith(("date", "timestamp")) and (default_sql or "").strip("'").startswith(
        "0000-00-00"
    )
    return (
        (default_sql is not None and not is_day_zero)
        or "auto_increment" in further_properties
        or "generated" in further_properties
    )


def _can_hide_columns(conn: Connection) -> bool:
    is_mariadb = bool(getattr(conn.dialect, "is_mariadb", False))
    return is_mariadb or (conn.dialect.server_version_info or ()) >= (8, 0, 23)


def _is_quoted(default: str) -> bool:
    return default[:1] == "'" == default[-1:]


def _read_sqlite_table(conn: Connection) -> LegacyTable | None:
    """Return the structure of the table of credit checks on SQLite; None if there is no such table."""
    columns, primary_key = {}, []
    for row in conn.exec_driver_sql(f"PRAGMA table_xinfo({TABLE_NAME})"):
        name = str(row.name).lower()
        gives_value = row.dflt_value is not None or row.hidden != 0
        columns[name] = LegacyColumn(name, str(row.type).lower(), not row.notnull, gives_value, row.dflt_value)
        if row.pk:
            primary_key.append(name)
    if not columns:
        return None
    indexes, unique_indexes = {}, set()
    for index in conn.exec_driver_sql(f"PRAGMA index_list({TABLE_NAME})").all():
        index_columns = conn.exec_driver_sql(f"PRAGMA index_info('{index.name}')")
        indexes[str(index.name)] = tuple(str(index_column.name).lower() for index_column in index_columns)
        if index.unique:
            unique_indexes.add(str(index.name))
    return LegacyTable(columns, tuple(primary_key), indexes, unique_indexes=frozenset(unique_indexes))
