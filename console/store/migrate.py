"""Whether the database fits this program, and how it is brought up to it. Alembic is imported only to upgrade."""

import uuid
from pathlib import Path

from sqlalchemy import Connection, text

from console.domain.errors import ConsoleError
from console.store.engine import Database
from console.store.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
_STATE = text("SELECT name, value FROM console_meta UNION ALL SELECT 'schema', version_num FROM alembic_version")


def ensure(database: Database) -> dict[str, str]:
    """What the database says about itself (`database_id`, `schema`, …), creating an embedded one that is missing.

    Raises ConsoleError not_our_database, schema_mismatch or what the file's trouble means.
    """
    if database.file is not None and (_is_missing(database.file) or _has_no_tables(database)):
        upgrade(database)
    state = read_state(database)
    if state["schema"] != HEAD:
        newer = state["schema"] > HEAD
        raise ConsoleError("schema_mismatch", {"found": state["schema"], "needed": HEAD, "newer": newer})
    return state


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
        if "console_meta" not in tables or "alembic_version" not in tables:
            code = "schema_mismatch" if not tables else "not_our_database"
            raise ConsoleError(code, {"found": None, "needed": HEAD, "newer": False})
        return {str(row.name): str(row.value) for row in conn.execute(_STATE)}


def _tables(conn: Connection) -> set[str]:
    if conn.dialect.name == "sqlite":
        return set(conn.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
    return set(conn.scalars(text("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")))


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to this program's version, in one transaction; safe at any time and from two desks at once.

    Returns the versions before and after. A database of somebody else or of a newer program is refused.
    """
    _make_folder(database)
    with database.write() as tx:
        before = _version(tx.conn)
        if before is not None and before > HEAD:
            raise ConsoleError("schema_mismatch", {"found": before, "needed": HEAD, "newer": True})
        if before != HEAD:
            _run_alembic(tx.conn)
            _name_database(tx.conn)
    return before, HEAD


def _make_folder(database: Database) -> None:
    if database.file is not None:
        try:
            database.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as trouble:
            raise ConsoleError("database_unreachable", {"problem": str(trouble)}) from trouble


def _version(conn: Connection) -> str | None:
    tables = _tables(conn)
    if "alembic_version" in tables and "console_meta" in tables:
        return str(conn.scalar(text("SELECT version_num FROM alembic_version")))
    if tables - {"sqlite_sequence"}:
        raise ConsoleError("not_our_database", {"tables": sorted(tables)[:10]})
    return None


def _run_alembic(conn: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = conn
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


_REMEMBERED = text("SELECT value FROM console_meta WHERE name = :name")


def remembered(conn: Connection, name: str) -> str | None:
    """What the database keeps about itself under `name`."""
    value = conn.scalar(_REMEMBERED, {"name": name})
    return None if value is None else str(value)


def remember(conn: Connection, name: str, value: str) -> str:
    """Keep `value` under `name` unless there is one; returns what is kept."""
    kept = remembered(conn, name)
    if kept is None:
        conn.execute(
            text("INSERT INTO console_meta (name, value) VALUES (:name, :value)"), {"name": name, "value": value}
        )
    return kept or value
