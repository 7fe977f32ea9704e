"""A table of credit checks that another application made: what it looks like, and what stands in its way."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import Connection, text

from console.store.schema import credit_checks

NAME = credit_checks.name
ORIGINAL = (
    "id", "client_id", "corporation_number", "credit_check_id", "company_name", "purchased_at", "expired_at",
    "result", "pdf_file_path",
)  # fmt: skip
_MAY_BE_NULL = ORIGINAL[3:]
_WHOLE = ("tinyint", "smallint", "mediumint", "int", "bigint")
_TYPES: Mapping[str, tuple[str, ...]] = {
    "id": ("mediumint", "int", "bigint"),
    "client_id": _WHOLE,
    "corporation_number": ("char", "varchar", "tinytext", "text", "bigint"),
    "credit_check_id": ("int", "bigint"),
    "company_name": ("char", "varchar", "tinytext", "text", "mediumtext"),
    "purchased_at": ("datetime", "date", "timestamp"),
    "expired_at": ("datetime", "date", "timestamp"),
    "result": ("char", "varchar", "enum"),
    "pdf_file_path": ("char", "varchar", "tinytext", "text", "mediumtext"),
}
_WIDTHS = {"corporation_number": 13, "company_name": 255, "result": 4, "pdf_file_path": 80}
_TEXT_WIDTHS = {"company_name": 255, "result": 20, "pdf_file_path": 255}

_LETTER_BYTES = {"latin1": 1, "ascii": 1, "utf8": 3, "utf8mb3": 3, "utf8mb4": 4}

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
    "SELECT engine, create_options, table_collation, data_length FROM information_schema.tables"
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
class Obstacle:
    """What keeps the table from being taken into service; `convertible` when a copy of it, made if told so, helps."""

    kind: str
    name: str
    found: str
    convertible: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The table as it is. `engine` is None on SQLite; `indexes` are their columns by name; `bytes` an estimate."""

    columns: Mapping[str, Column]
    primary: tuple[str, ...]
    indexes: Mapping[str, tuple[str, ...]]
    engine: str | None = None
    partitioned: bool = False
    in_unicode: bool = True
    bytes: int = 0

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
    engine, options, letters, size = about
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
    return Table(columns, primary, indexes, str(engine), "partitioned" in str(options), unicode, int(size or 0))


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


def obstacles(table: Table) -> tuple[Obstacle, ...]:
    """Everything that must be out of the way first."""
    found = [*_missing(table), *_key(table), *_others(table), *_names(table)]
    if table.engine is not None and not found:
        found += [*_server_only(table), *_types(table), *_copied(table)]
    elif table.engine is None:
        found += [Obstacle("must_be_null", name, "not null") for name in _strict(table)]
    return tuple(found)


def _missing(table: Table) -> Iterator[Obstacle]:
    for name in ORIGINAL:
        if name not in table.columns:
            yield Obstacle("column_missing", name, "")


def _key(table: Table) -> Iterator[Obstacle]:
    column = table.columns.get("id")
    if column is None:
        return
    if table.primary != ("id",):
        yield Obstacle("primary_key", "id", ", ".join(table.primary))
    elif table.engine is None and column.type != "integer":
        yield Obstacle("no_own_numbers", "id", column.type)
    elif table.engine is not None and "auto_increment" not in column.extra.lower():
        yield Obstacle("no_own_numbers", "id", column.type, convertible=True)


def _others(table: Table) -> Iterator[Obstacle]:
    """Columns that we don't know and would have to fill."""
    ours = set(credit_checks.c.keys())
    for column in table.columns.values():
        if column.name not in ours and not column.nullable and not column.filled:
            yield Obstacle("needs_default", column.name, column.type)


def _names(table: Table) -> Iterator[Obstacle]:
    """Names of ours that mean something else there."""
    if not table.begun:
        for name in sorted(set(table.columns) & set(credit_checks.c.keys()) - set(ORIGINAL) - {"created_at"}):
            yield Obstacle("column_taken", name, table.columns[name].type)
    for index in credit_checks.indexes:
        columns = table.indexes.get(str(index.name))
        if columns is not None and columns != tuple(index.columns.keys()):
            yield Obstacle("index_taken", str(index.name), ", ".join(columns))


def _server_only(table: Table) -> Iterator[Obstacle]:
    if table.engine != "InnoDB":
        yield Obstacle("engine", NAME, str(table.engine), convertible=True)
    if table.partitioned:
        yield Obstacle("partitioned", NAME, "")


def _types(table: Table) -> Iterator[Obstacle]:
    for name, allowed in _TYPES.items():
        column = table.columns[name]
        if column.base not in allowed:
            yield Obstacle("type", name, column.type)
    if table.columns["credit_check_id"].default is not None:
        yield Obstacle("default_is_no_null", "credit_check_id", str(table.columns["credit_check_id"].default))
    if len({table.columns[name].base == "timestamp" for name in ("purchased_at", "expired_at")}) == 2:
        yield Obstacle("mixed_dates", "expired_at", table.columns["expired_at"].type)
    width = table.columns["corporation_number"].width
    if width is not None and width < _WIDTHS["corporation_number"]:
        yield Obstacle("type", "corporation_number", table.columns["corporation_number"].type)


def _copied(table: Table) -> Iterator[Obstacle]:
    """Columns that a server widens only by copying the table: into another character set, or past 255 bytes."""
    for name in redefined(table):
        column = table.columns[name]
        bytes_each = _LETTER_BYTES.get(str(column.charset), 2)
        if name == "company_name" and not str(column.charset).startswith("utf8"):
            yield Obstacle("letters", name, str(column.charset), convertible=True)
        elif column.width is not None and column.width < _WIDTHS.get(name, 0) and column.width * bytes_each < 256:
            yield Obstacle("width", name, column.type, convertible=True)


def _strict(table: Table) -> list[str]:
    return [name for name in _MAY_BE_NULL if name in table.columns and not table.columns[name].nullable]


def redefined(table: Table) -> dict[str, str]:
    """Columns that must hold more than they do, and their new SQL type: NULL where something isn't known yet, names
    of any length and in any character, our paths.
    """
    changed = {}
    for name in _MAY_BE_NULL if table.engine is not None else ():
        column = table.columns[name]
        narrow = column.width is not None and column.width < _WIDTHS.get(name, 0)
        lacking = name == "company_name" and column.charset not in (None, "utf8mb4")
        if not column.nullable or narrow or lacking:
            kind = f"varchar({_TEXT_WIDTHS[name]})" if narrow else column.type
            changed[name] = kind + _rest(column, unicode=lacking)
    return changed


def _rest(column: Column, *, unicode: bool) -> str:
    if column.charset is None:
        letters = ""
    elif unicode:
        letters = " CHARACTER SET utf8mb4"
    else:
        letters = f" CHARACTER SET {column.charset} COLLATE {column.collation}"
    default = f" DEFAULT {column.default}" if column.default is not None else ""
    note = column.comment.replace("\\", "\\\\").replace("'", "''")
    return f"{letters} NULL{default}" + (f" COMMENT '{note}'" if note else "")
