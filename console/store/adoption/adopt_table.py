"""Makes another application's table of credit checks ours, in place: one small step at a time, each done only once.

While this goes on its rows claim nothing: on a server `duplicate_of` begins with the default 0, undecided, so that no
row which comes in meanwhile can spoil the unique index. Decided rows have a work state.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column as SchemaColumn
from sqlalchemy import Connection, DefaultClause, Index
from sqlalchemy.exc import IntegrityError

from console.domain.errors import ConsoleError
from console.store import claim_sql, legacy_obstacles, legacy_table, migrate, online_ddl
from console.store.engine import Database, Transaction
from console.store.legacy_table import NAME, Table
from console.store.schema import credit_checks

UNDECIDED = 0
"""`duplicate_of` of a row whose place nobody has decided yet."""

CLAIM = "uq_credit_checks_claim"
ZONE = "dates_zone"
_IN_PLACE = (", ALGORITHM=INSTANT", ", ALGORITHM=INPLACE, LOCK=NONE")
_ONLINE = _IN_PLACE[1:]
_COPIED = (", ALGORITHM=COPY",)
_LETTERS = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


class Doubled(Exception):
    """Two live rows of one claim came in: the index can't be made before one of them is marked."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the table; `online`: nobody waits for it."""

    name: str
    sql: str
    online: bool = True


def look(database: Database) -> Table:
    """The table as it is now. Raises not_found when there is none."""
    with database.read() as conn:
        table = legacy_table.look(conn)
    if table is None:
        raise ConsoleError("not_found", {"problem": "no_table", "table": NAME})
    return table


def steps(table: Table, dialect: str, zone: str | None) -> tuple[Step, ...]:
    """Everything that this table still lacks, in order, as it will be done."""
    made = (
        *_converting(table),
        *_adding(table, dialect, zone),
        *_indexing(table, dialect),
        *_opening(table, dialect),
    )
    return tuple(made)


def is_done(table: Table, step: Step, dialect: str, zone: str | None) -> bool:
    return step.name not in {left.name for left in steps(table, dialect, zone)}


# ---- what is lacking


def _converting(table: Table) -> Iterator[Step]:
    if table.engine is None:
        return
    if table.engine != "InnoDB":
        yield Step("engine", f"ALTER TABLE {NAME} ENGINE = InnoDB", online=False)
    column = table.columns["id"]
    if "auto_increment" not in column.extra.lower():
        yield Step("own_numbers", f"ALTER TABLE {NAME} MODIFY id {column.type} NOT NULL AUTO_INCREMENT", online=False)
    for name, kind in legacy_obstacles.redefined(table).items():
        yield Step(f"redefine {name}", f"ALTER TABLE {NAME} MODIFY {name} {kind}")


def _adding(table: Table, dialect: str, zone: str | None) -> Iterator[Step]:
    lacking = [column for column in credit_checks.c if column.name not in table.columns]
    plain = [_plain(column, table, dialect, zone) for column in lacking if column.computed is None]
    derived = [_derived(column, table, dialect) for column in lacking if column.computed is not None]
    if table.engine is not None and not table.in_unicode:
        plain.append(f"DEFAULT {_LETTERS}")  # of the table: columns that are there keep theirs
    if plain:
        yield Step("columns", _altering(dialect, plain))
    if derived:
        yield Step("derived columns", _altering(dialect, derived))


def _altering(dialect: str, parts: list[str]) -> str:
    """SQLite adds one column a statement."""
    if dialect == "sqlite":
        return ";\n".join(f"ALTER TABLE {NAME} {part}" for part in parts)
    return f"ALTER TABLE {NAME} " + ", ".join(parts)


def _plain(column: SchemaColumn[Any], table: Table, dialect: str, zone: str | None) -> str:
    default = _default_of(column)
    if column.name == ZONE and zone is not None and not table.dates_are_utc:
        default = f"'{zone}'"
    if column.name == "duplicate_of" and dialect != "sqlite":
        default = str(UNDECIDED)
    null = "" if column.nullable else " NOT NULL"
    given = f" DEFAULT {default}" if default else ""
    return f"ADD COLUMN {column.name} {_type_of(column, dialect)}{null}{given}{_hidden(table)}"


def _hidden(table: Table) -> str:
    """An application that says `SELECT *`, or INSERT without a list of columns, goes on as before."""
    return " INVISIBLE" if table.hides else ""


def _default_of(column: SchemaColumn[Any]) -> str | None:
    if not isinstance(column.server_default, DefaultClause):
        return None
    given = column.server_default.arg
    return f"'{given}'" if isinstance(given, str) else str(given)


def _type_of(column: SchemaColumn[Any], dialect: str) -> str:
    """As migrations have it: text on a server is exact."""
    kind = column.type.compile(_dialect(dialect))
    return f"{kind} {_LETTERS}" if dialect != "sqlite" and kind.startswith("VARCHAR") else kind


def _dialect(name: str) -> Any:
    from sqlalchemy.dialects import mysql, sqlite

    return sqlite.dialect() if name == "sqlite" else mysql.dialect()


def _derived(column: SchemaColumn[Any], table: Table, dialect: str) -> str:
    """Virtual, where our own tables store it (decision 0019): that would copy the table while its writers wait."""
    source = table.number_source
    expressions = {
        "number_key": claim_sql.number_key(dialect, source),
        "seen_status": claim_sql.SEEN_STATUS,
        "seen_work": claim_sql.SEEN_WORK,
        "claim_number": claim_sql.claim_number(dialect, source),
        "missing": claim_sql.MISSING,
    }
    kind, expression = _type_of(column, dialect), expressions[column.name]
    return f"ADD COLUMN {column.name} {kind} AS ({expression}) VIRTUAL{_hidden(table)}"


def _indexing(table: Table, dialect: str) -> Iterator[Step]:
    """The claim first: what may still go wrong goes wrong there."""
    lacking = [index for index in credit_checks.indexes if index.name not in table.indexes]
    for index in sorted(lacking, key=lambda index: (not index.unique, str(index.name))):
        yield Step(f"index {index.name}", _index_sql(index, dialect))


def _index_sql(index: Index, dialect: str) -> str:
    unique, columns = "UNIQUE " if index.unique else "", ", ".join(index.columns.keys())
    if dialect == "sqlite":
        return f"CREATE {unique}INDEX IF NOT EXISTS {index.name} ON {NAME} ({columns})"
    return f"ALTER TABLE {NAME} ADD {unique}INDEX {index.name} ({columns})"


def _opening(table: Table, dialect: str) -> Iterator[Step]:
    """From here on rows that others insert hold their claim from the first moment."""
    column = table.columns.get("duplicate_of")
    if dialect != "sqlite" and (column is None or column.default is not None):
        yield Step("claims", f"ALTER TABLE {NAME} ALTER COLUMN duplicate_of SET DEFAULT NULL")


# ---- how it is done


def carry_out(
    database: Database, step: Step, zone: str | None, *, convert: bool, last: Callable[[Transaction], None]
) -> None:
    """Do one step, unless it is done. `last` runs before an index of the claim is made, in its transaction if DDL
    can be in one (SQLite).

    Raises Doubled, needs_conversion where only a copy of the table helps and `convert` doesn't allow it,
    database_locked when the table was in use all the time.
    """
    if not database.is_server:
        _in_file(database, step, zone, last)
        return
    for way in _ways(step, convert=convert):
        try:
            online_ddl.alter(database, step.sql + way, lambda: is_done(look(database), step, database.dialect, zone))
        except online_ddl.NeedsCopy as refused:
            reason = str(refused)
            continue
        except IntegrityError as trouble:
            raise Doubled from trouble
        return
    raise ConsoleError("schema_mismatch", {"problem": "needs_conversion", "step": step.name, "cause": reason})


def _ways(step: Step, *, convert: bool) -> tuple[str, ...]:
    """From the one that nobody notices to the one that keeps writers waiting."""
    gentle = (_ONLINE if step.name.startswith("index") else _IN_PLACE) if step.online else ()
    return (*gentle, *_COPIED) if convert or not step.online else gentle


def _in_file(database: Database, step: Step, zone: str | None, last: Callable[[Transaction], None]) -> None:
    with database.attempt() as tx:
        table = legacy_table.look(tx.conn)
        if table is None or is_done(table, step, database.dialect, zone):
            return
        if CLAIM in step.sql:
            last(tx)
        for statement in step.sql.split(";\n"):
            tx.conn.exec_driver_sql(statement)


def begin(conn: Connection, zone: str) -> str:
    """Remember the zone that existing dates are read in; returns the one that holds, which the first run chose."""
    migrate.remember(conn, migrate.ADOPTION, migrate.WAITING)
    return migrate.remember(conn, ZONE, zone)
