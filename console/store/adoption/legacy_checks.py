"""What keeps another application's table of credit checks from being taken into service, and what a copy cures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from console.store.legacy_table import NAME, ORIGINAL, Column, Table
from console.store.schema import credit_checks

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


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps the table from being taken into service; `convertible` when a copy of it, made if told so, helps."""

    kind: str
    name: str
    found: str
    convertible: bool = False


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
