"""Whether the database fits this program, and how it is brought up to it. Alembic is imported only to upgrade."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from console.domain.errors import ConsoleError
from console.store.engine import Database
from console.store.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
_TURN_MS = 600_000
_MAKE_TURN = text(
    "CREATE TABLE IF NOT EXISTS console_upgrade"
    " (one INTEGER PRIMARY KEY, token VARCHAR(36) NULL, until_ms BIGINT NOT NULL) ENGINE = InnoDB"
)
_FIRST_TURN = text("INSERT IGNORE INTO console_upgrade (one, until_ms) VALUES (1, 0)")
_TAKE_TURN = text(
    "UPDATE console_upgrade SET token = :token, until_ms = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) + :ms"
    " WHERE until_ms < CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
)
_END_TURN = text("UPDATE console_upgrade SET until_ms = 0 WHERE token = :token")
_WHOSE_TURN = text("SELECT token FROM console_upgrade WHERE until_ms > 0")
_VERSION = text("SELECT version_num FROM alembic_version")
_STATE = text("SELECT name, value FROM console_meta UNION ALL SELECT 'schema', version_num FROM alembic_version")


def ensure(database: Database) -> dict[str, str]:
    """What the database says about itself (`database_id`, `schema`, …), creating an embedded one that is missing.

    Raises ConsoleError not_our_database, schema_mismatch or what the file's trouble means.
    """
    if database.file is not None and (_is_missing(database.file) or _has_no_tables(database)):
        upgrade(database)
    state = read_state(database)
    _require_head(state["schema"])
    return state


def admit(conn: Connection) -> None:
    """For a program that was open when another desk upgraded: it writes no more. Raises schema_mismatch."""
    _require_head(str(conn.scalar(_VERSION)))


def _require_head(found: str) -> None:
    if found != HEAD:
        raise ConsoleError("schema_mismatch", {"found": found, "needed": HEAD, "newer": found > HEAD})


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
    """Bring the schema to this program's version; safe at any time, from two desks at once, and when broken off.

    Returns the versions before and after. A database of somebody else or of a newer program is refused.
    """
    _make_folder(database)
    with _alone(database), database.attempt() as tx:
        before = _version(tx.conn)
        if before is not None and before > HEAD:
            raise ConsoleError("schema_mismatch", {"found": before, "needed": HEAD, "newer": True})
        if before != HEAD:
            _run_alembic(tx.conn)
            _name_database(tx.conn)
    return before, HEAD


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """One upgrade at a time. SQLite's is one transaction. On a server DDL commits by itself, and a named lock holds
    on one node of a cluster only; a row, taken by compare-and-swap and given back by its time, holds everywhere.
    """
    if not database.is_server:
        yield
        return
    with database.attempt() as tx:
        tx.conn.execute(_MAKE_TURN)
    token, deadline = str(uuid.uuid4()), time.monotonic() + _TURN_MS / 1000
    while not database.write(lambda tx: _take_turn(tx.conn, token)):
        if time.monotonic() >= deadline:
            raise ConsoleError("database_locked", {"problem": "another_upgrade"})
        time.sleep(0.2)
    try:
        yield
    finally:
        database.write(lambda tx: tx.conn.execute(_END_TURN, {"token": token}))


def _take_turn(conn: Connection, token: str) -> bool:
    conn.execute(_FIRST_TURN)
    conn.execute(_TAKE_TURN, {"token": token, "ms": _TURN_MS})
    return bool(conn.scalar(_WHOSE_TURN) == token)


def _make_folder(database: Database) -> None:
    if database.file is not None:
        try:
            database.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as trouble:
            raise ConsoleError("database_unreachable", {"problem": str(trouble)}) from trouble


def _version(conn: Connection) -> str | None:
    tables = _tables(conn)
    if "alembic_version" in tables and "console_meta" in tables:
        return str(conn.scalar(_VERSION))
    if tables - {"sqlite_sequence", "console_upgrade"}:
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
