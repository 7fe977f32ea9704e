"""Whether the database fits this program, and how it is brought up to it. Alembic is imported only to upgrade."""

import uuid
from collections.abc import Set as AbstractSet
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from console.domain.errors import ConsoleError
from console.store import legacy_table, upgrade_turn
from console.store.engine import Database, RunAgain
from console.store.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
OWN_VERSIONS = "console_alembic_version"
"""Where the version stands in a database that another application was in first: `alembic_version` may be its own."""

ADOPTION, WAITING, ADOPTED = "adoption", "waiting", "done"
_VERSIONS_KEPT = "versions"
_PASSED_BY = {"sqlite_sequence", upgrade_turn.TABLE}
_VERSION = {
    "alembic_version": text("SELECT version_num FROM alembic_version"),
    OWN_VERSIONS: text("SELECT version_num FROM console_alembic_version"),
}
_STATE = {
    "alembic_version": text(
        "SELECT name, value FROM console_meta UNION ALL SELECT 'schema', version_num FROM alembic_version"
    ),
    OWN_VERSIONS: text(
        "SELECT name, value FROM console_meta UNION ALL SELECT 'schema', version_num FROM console_alembic_version"
    ),
}


def ensure(database: Database) -> dict[str, str]:
    """What the database says about itself (`database_id`, `schema`, …), creating an embedded one that is missing.

    Raises ConsoleError not_our_database, schema_mismatch or what the file's trouble means.
    """
    if database.file is not None and (_is_missing(database.file) or _has_no_tables(database)):
        upgrade(database)
    state = read_state(database)
    _require_head(state["schema"])
    if state.get(ADOPTION, ADOPTED) != ADOPTED:
        raise _not_adopted()
    return state


def admit(conn: Connection) -> None:
    """For a program that was open when another desk upgraded: it writes no more. Raises schema_mismatch."""
    _require_head(str(conn.scalar(_VERSION[_versions_in(conn)])))


def _require_head(found: str) -> None:
    if found != HEAD:
        raise ConsoleError("schema_mismatch", {"found": found, "needed": HEAD, "newer": found > HEAD})


def _not_adopted() -> ConsoleError:
    facts = {"found": None, "needed": HEAD, "newer": False, "table": legacy_table.NAME}
    return ConsoleError("schema_mismatch", {"problem": "not_adopted", **facts})


def _is_missing(file: Path) -> bool:
    return not file.exists() or (file.is_file() and file.stat().st_size == 0)


def _has_no_tables(database: Database) -> bool:
    """An empty database, or one that another desk is making at this very moment (it shows nothing until COMMIT)."""
    with database.read() as conn:
        return not _tables(conn)


def read_state(database: Database) -> dict[str, str]:
    """Name and value of everything in `console_meta`, plus `schema`; not_our_database where there is none."""
    with database.read() as conn:
        tables = _tables(conn)
        versions = _versions(tables)
        if "console_meta" not in tables or versions not in tables:
            if legacy_table.is_there(conn, tables):
                raise _not_adopted()
            code = "schema_mismatch" if not tables else "not_our_database"
            raise ConsoleError(code, {"found": None, "needed": HEAD, "newer": False})
        return {str(row.name): str(row.value) for row in conn.execute(_STATE[versions])}


def _versions(tables: AbstractSet[str]) -> str:
    """Which table holds our version: of a database that wasn't empty when we came, one of our own name."""
    came_later = "console_meta" not in tables and bool(tables - _PASSED_BY)
    return OWN_VERSIONS if OWN_VERSIONS in tables or came_later else "alembic_version"


def _versions_in(conn: Connection) -> str:
    """The same by one cheap look: `console_meta` remembers it where it isn't the usual one."""
    return remembered(conn, _VERSIONS_KEPT) or "alembic_version"


def _tables(conn: Connection) -> set[str]:
    if conn.dialect.name == "sqlite":
        return set(conn.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
    return set(conn.scalars(text("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")))


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to this program's version; safe at any time, from two desks at once, and when broken off.

    A table of credit checks that another application made is left as it is: it waits for its adoption.
    Returns the versions before and after. A database of somebody else or of a newer program is refused.
    """
    _make_folder(database)
    if database.is_server:
        with database.read() as conn:  # refused before anything of ours is made
            _version(conn)
    with upgrade_turn.alone(database):
        with database.attempt() as tx:
            before = _version(tx.conn)
            if before is not None and before > HEAD:
                raise ConsoleError("schema_mismatch", {"found": before, "needed": HEAD, "newer": True})
            if before != HEAD:
                _run_alembic(tx.conn)
                _name_database(tx.conn)
            if not database.is_server:
                _guard_file(tx.conn)
        if database.is_server:
            guard(database)
    return before, HEAD


def guard(database: Database) -> None:
    """What the server itself refuses, and what roles may do: whatever is missing or altered; run again, it does
    nothing. For whoever holds the turn of upgrades.
    """
    from console.store import grants, guards_sql, online_ddl

    def in_use(sql: str) -> None:
        online_ddl.alter(database, sql.replace("%", "%%"), lambda: False)

    with database.read() as conn:
        guards_sql.refresh(conn, in_use)
        grants.refresh(conn)


def _guard_file(conn: Connection) -> None:
    """The same for an embedded database, in the transaction of the upgrade."""
    from console.store import sqlite_guards

    if sqlite_guards.missing(conn):
        sqlite_guards.renew(conn)


def _make_folder(database: Database) -> None:
    if database.file is not None:
        try:
            database.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as trouble:
            raise ConsoleError("database_unreachable", {"problem": str(trouble)}) from trouble


def _version(conn: Connection) -> str | None:
    tables = _tables(conn)
    versions = _versions(tables)
    if versions in tables and "console_meta" in tables:
        found = conn.scalar(_VERSION[versions])
        return None if found is None else str(found)
    _require_welcome(conn, tables)
    return None


def _require_welcome(conn: Connection, tables: AbstractSet[str]) -> None:
    """We make a home in an empty database, in one that an upgrade of ours was broken off in, and beside a table of
    credit checks that can be adopted, if nobody there has tables of our names.
    """
    if upgrade_turn.TABLE in tables or not tables - _PASSED_BY:
        return
    if not legacy_table.is_there(conn, tables):
        raise ConsoleError("not_our_database", {"tables": sorted(tables)[:10]})
    from console.store.worker_schema import metadata  # with it all tables of ours are known

    taken = sorted(tables & set(metadata.tables) - {legacy_table.NAME})
    if taken:
        raise ConsoleError("not_our_database", {"problem": "names_taken", "tables": taken[:10]})


def _run_alembic(conn: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = conn
    config.attributes["versions"] = _versions(_tables(conn))
    command.upgrade(config, "head")


def _name_database(conn: Connection) -> None:
    """A random id that backups keep: what a desk remembers counts only for the database that it belongs to."""
    conn.execute(
        text(
            "INSERT INTO console_meta (name, value) SELECT 'database_id', :id "
            "WHERE NOT EXISTS (SELECT 1 FROM console_meta WHERE name = 'database_id')"
        ),
        {"id": str(uuid.uuid4())},
    )
    versions = _versions(_tables(conn))
    if versions == OWN_VERSIONS:
        remember(conn, _VERSIONS_KEPT, versions)
    if legacy_table.waits(conn):
        remember(conn, ADOPTION, WAITING)


_REMEMBERED = text("SELECT value FROM console_meta WHERE name = :name")
_REMEMBER = text("INSERT INTO console_meta (name, value) VALUES (:name, :value)")


def remembered(conn: Connection, name: str) -> str | None:
    """What the database keeps about itself under `name`."""
    value = conn.scalar(_REMEMBERED, {"name": name})
    return None if value is None else str(value)


def remember(conn: Connection, name: str, value: str) -> str:
    """Keep `value` under `name` unless there is one; returns what is kept."""
    kept = remembered(conn, name)
    if kept is None:
        try:
            conn.execute(_REMEMBER, {"name": name, "value": value})
        except IntegrityError:  # somebody else was the first at this very moment
            raise RunAgain from None
    return kept or value


def adoptable(conn: Connection) -> legacy_table.Table:
    """The table of credit checks that is there, ours or not. Raises not_found, or not_our_database where only
    others have tables.
    """
    tables = _tables(conn)
    table = legacy_table.look(conn) if legacy_table.NAME in tables else None
    if table is None and ("console_meta" in tables or not tables - _PASSED_BY):
        raise ConsoleError("not_found", {"problem": "no_table", "table": legacy_table.NAME})
    if table is None:
        raise ConsoleError("not_our_database", {"tables": sorted(tables)[:10]})
    return table


_FINISH = text("UPDATE console_meta SET value = :done WHERE name = :name AND value <> :done")


def adopted(conn: Connection) -> bool:
    """The table is in service from now on; False when it was already."""
    return conn.execute(_FINISH, {"name": ADOPTION, "done": ADOPTED}).rowcount == 1
