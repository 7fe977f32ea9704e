"""A table of credit checks that another application made: what it looks like."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import Connection, text

from console.store.schema import credit_checks

NAME = credit_checks.name
ORIGINAL = (
    "id", "client_id", "corporation_number", "credit_check_id", "company_name", "purchased_at", "expired_at",
    "result", "pdf_file_path",
)  # fmt: skip
_COLUMNS = text(
    "SELECT column_name, column_type, is_nullable, column_default, character_set_name, collation_name, extra,"
    " column_comment FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = :name ORDER BY ordinal_position"
)
_INDEXES = text(
    "SELECT index_name, column_name FROM information_schema.statistics"
    " WHERE table_schema = DATABASE() AND table_name = :name ORDER BY index_name, seq_in_index"
)
_TABLE = text(
    "SELECT engine, create_options, table_collation FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = :name"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is: `type` in lower case as the database words it, `filled` when the database fills it."""

    name: str
    type: str
    nullable: bool
    filled: bool
    default: str | None = None
    charset: str | None = None
    collation: str | None = None
    extra: str = ""
    comment: str = ""

    @property
    def base(self) -> str:
        """`bigint` of `bigint(20) unsigned`."""
        return re.split(r"[ (]", self.type, maxsplit=1)[0]

    @property
    def width(self) -> int | None:
        """Characters of a CHAR or VARCHAR."""
        found = re.fullmatch(r"(?:var)?char\((\d+)\)", self.type)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Table:
    """The table as it is. `engine` is None on SQLite; `indexes` are their columns by name. `hides`: the server can
    keep columns out of `SELECT *` and of INSERTs without a list.
    """

    columns: Mapping[str, Column]
    primary: tuple[str, ...]
    indexes: Mapping[str, tuple[str, ...]]
    engine: str | None = None
    partitioned: bool = False
    in_unicode: bool = True
    hides: bool = False

    @property
    def begun(self) -> bool:
        """Our columns are there: an adoption was begun, or we made the table."""
        return "work_state" in self.columns

    @property
    def whole(self) -> bool:
        """All of ours is there, derived columns and indexes included."""
        names = {str(index.name) for index in credit_checks.indexes}
        return set(credit_checks.c.keys()) <= set(self.columns) and names <= set(self.indexes)

    @property
    def admits_claims(self) -> bool:
        """Rows that come in hold their claim by themselves: with the derived columns, and decided."""
        return "claim_number" in self.columns and self.columns["duplicate_of"].default is None

    @property
    def number_source(self) -> str:
        """SQL of the number as the derived columns read it: no CHAR's padding, and a character set that has all
        the spellings that they know.
        """
        column = self.columns["corporation_number"]
        sql = "RTRIM(corporation_number)" if column.base == "char" else "corporation_number"
        foreign = column.charset is not None and not column.charset.startswith("utf8")
        return f"CONVERT({sql} USING utf8mb4)" if foreign else sql

    @property
    def dates_are_utc(self) -> bool:
        """TIMESTAMP columns are instants: no zone has a part in them."""
        return {self.columns[name].base for name in ("purchased_at", "expired_at")} == {"timestamp"}


def is_there(conn: Connection, tables: AbstractSet[str]) -> bool:
    """Whether a table with the original columns is among `tables`."""
    found = look(conn) if NAME in tables else None
    return found is not None and set(ORIGINAL) <= set(found.columns)


def waits(conn: Connection) -> bool:
    """Whether it is there without all that is ours."""
    found = look(conn)
    return found is not None and not found.whole


def look(conn: Connection) -> Table | None:
    """The table as it is now; None where there is none."""
    return _look_at_file(conn) if conn.dialect.name == "sqlite" else _look_at_server(conn)


def _look_at_server(conn: Connection) -> Table | None:
    about = conn.execute(_TABLE, {"name": NAME}).first()
    if about is None:
        return None
    engine, options, letters = about
    columns = {}
    for name, kind, nullable, default, charset, collation, extra, comment in conn.execute(_COLUMNS, {"name": NAME}):
        given = None if default in (None, "NULL") else str(default)
        if given is not None and charset is not None and not _quoted(given):  # MySQL tells a text without quotes
            given = "'" + given.replace("'", "''") + "'"
        filled = given is not None or bool(extra)
        columns[name.lower()] = Column(
            name.lower(), str(kind).lower(), nullable == "YES", filled, given, charset, collation, extra, comment
        )
    indexes: dict[str, tuple[str, ...]] = {}
    for index, column in conn.execute(_INDEXES, {"name": NAME}):
        indexes[index] = (*indexes.get(index, ()), str(column).lower())
    primary = indexes.pop("PRIMARY", ())
    unicode = str(letters).startswith("utf8")
    return Table(columns, primary, indexes, str(engine), "partitioned" in str(options), unicode, _hides(conn))


def _hides(conn: Connection) -> bool:
    maria = bool(getattr(conn.dialect, "is_mariadb", False))
    return maria or (conn.dialect.server_version_info or ()) >= (8, 0, 23)


def _quoted(default: str) -> bool:
    return default[:1] == "'" == default[-1:]


def _look_at_file(conn: Connection) -> Table | None:
    columns, primary = {}, []
    for row in conn.exec_driver_sql(f"PRAGMA table_xinfo({NAME})"):
        name = str(row.name).lower()
        filled = row.dflt_value is not None or row.hidden != 0
        columns[name] = Column(name, str(row.type).lower(), not row.notnull, filled, row.dflt_value)
        if row.pk:
            primary.append(name)
    if not columns:
        return None
    indexes = {}
    for index in conn.exec_driver_sql(f"PRAGMA index_list({NAME})").all():
        parts = conn.exec_driver_sql(f"PRAGMA index_info('{index.name}')")
        indexes[str(index.name)] = tuple(str(part.name).lower() for part in parts)
    return Table(columns, tuple(primary), indexes)
