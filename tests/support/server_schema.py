"""Creates the console's schema in a new database of a server.

The migrations create the schema once per test run. In each further database the program executes the statements by
which MariaDB describes the first one, which takes a third of the processor time. tests/store/test_server_schema.py
compares such a database with a migrated one.
"""

import os
import pickle
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import console
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from tests.support import server_run
from tests.support.server_run import ServerRun
from tests.support.sql_server import SqlServer

Statement = tuple[str, tuple[Any, ...]]
"""An SQL statement and its parameters."""
_IN_THIS_DATABASE_SQL = "table_schema = DATABASE()"
_SELECT_TABLES_SQL = (
    f"SELECT table_name FROM information_schema.tables WHERE {_IN_THIS_DATABASE_SQL} AND table_type = 'BASE TABLE'"
)
_SELECT_COLUMNS_SQL = (
    f"SELECT table_name, column_name FROM information_schema.columns WHERE {_IN_THIS_DATABASE_SQL}"
    " AND is_generated = 'NEVER'"
    " ORDER BY table_name, ordinal_position"
)
_SELECT_TRIGGERS_SQL = (
    "SELECT trigger_name, action_timing, event_manipulation, event_object_table, action_statement, sql_mode"
    " FROM information_schema.triggers WHERE event_object_schema = DATABASE()"
    " ORDER BY event_object_table, event_manipulation, action_order"
)
_SELECT_PROCEDURES_SQL = (
    "SELECT routine_name, sql_mode FROM information_schema.routines WHERE routine_schema = DATABASE()"
)
_DEFINER_PATTERN = re.compile(r"^CREATE DEFINER=`[^`]*`@`[^`]*` ")
_SET_DATABASE_ID_SQL = "UPDATE console_meta SET value = %s WHERE name = 'database_id'"


def create_schema(server: SqlServer, owner: str) -> None:
    """Create the schema in the empty database of the URL `owner`, which is the URL of the database's owner."""
    run = server_run.find_current_run()
    if run is None or not server.is_mariadb:
        _run_migrations(owner)
        return
    run.prepare_folder_and_supervisor()
    record = run.folder / f"schema-{_compute_source_digest()}"
    with run.hold_lock("schema"):
        if not record.exists():
            _run_migrations(owner)
            _write_statements(run, record, describe_database(server, owner))
            return
    run_description(server, owner, pickle.loads(record.read_bytes()))


def describe_database(server: SqlServer, owner: str) -> list[Statement]:
    """Return the statements that create a database equal to the database of the URL `owner`, with its rows."""
    with server.connect(database=_get_database_name(owner)) as connection, connection.cursor() as cursor:
        return list(_describe_tables_and_triggers(cursor))


def run_description(server: SqlServer, owner: str, statements: Sequence[Statement]) -> None:
    """Run the statements in the empty database of the URL `owner`, and give this database a new database id."""
    parts = urlsplit(owner)
    account = unquote(parts.username or ""), unquote(parts.password or "")
    with server.connect(*account, _get_database_name(owner)) as connection, connection.cursor() as cursor:
        for sql, values in statements:
            cursor.execute(sql, (str(uuid.uuid4()),) if sql == _SET_DATABASE_ID_SQL else values or None)


def _describe_tables_and_triggers(cursor: Any) -> Iterator[Statement]:
    """Yield the statements that create the tables with their rows, and then the triggers and procedures. The triggers
    would refuse most rows if they were created earlier.
    """
    tables = [table for (table,) in _execute_and_fetch(cursor, _SELECT_TABLES_SQL)]
    triggers, procedures = (
        _execute_and_fetch(cursor, _SELECT_TRIGGERS_SQL),
        _execute_and_fetch(cursor, _SELECT_PROCEDURES_SQL),
    )
    (mode,) = {str(row[-1]) for row in (*triggers, *procedures)}
    yield "SET SESSION sql_mode = %s, time_zone = '+00:00', foreign_key_checks = 0", (mode,)
    columns: dict[str, list[str]] = {}
    for table, column in _execute_and_fetch(cursor, _SELECT_COLUMNS_SQL):
        columns.setdefault(table, []).append(f"`{column}`")
    for table in tables:
        ((_, sql),) = _execute_and_fetch(cursor, f"SHOW CREATE TABLE `{table}`")
        yield sql, ()
        names = ", ".join(columns[table])
        for row in _execute_and_fetch(cursor, f"SELECT {names} FROM `{table}`"):
            yield f"INSERT INTO `{table}` ({names}) VALUES ({', '.join(['%s'] * len(row))})", row
    yield _SET_DATABASE_ID_SQL, ()
    for name, timing, event, table, body, _ in triggers:
        yield f"CREATE TRIGGER `{name}` {timing} {event} ON `{table}` FOR EACH ROW {body}", ()
    for name, _ in procedures:
        ((_, _, sql, *_),) = _execute_and_fetch(cursor, f"SHOW CREATE PROCEDURE `{name}`")
        yield _DEFINER_PATTERN.sub("CREATE ", sql), ()


def _execute_and_fetch(cursor: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return list(cursor.fetchall())


def _run_migrations(owner: str) -> None:
    with closing(Database(owner, without_time_limit=True)) as schema:
        migrate.upgrade(schema)


def _get_database_name(owner: str) -> str:
    return urlsplit(owner).path[1:]


def _write_statements(run: ServerRun, record: Path, statements: list[Statement]) -> None:
    """Write the statements to the file `record` atomically, because a process of the run may be killed at any
    time.
    """
    unfinished = run.folder / f"{record.name}.{os.getpid()}"
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(pickle.dumps(statements))
    unfinished.rename(record)


@cache
def _compute_source_digest() -> str:
    """Return a digest of the program's source files. A process of the same run may test changed source files (see
    tests/mutants).
    """
    digest = sha256()
    for file in sorted(Path(console.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
