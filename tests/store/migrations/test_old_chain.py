"""Tests that the program upgrades databases which the old migrations 0001 to 0011 have created.

A database of revision 0006 or later gets the schema of a new database and keeps its rows. An older database is
refused. `old_chain` contains the migrations as they were when 0001 to 0006 were joined into the baseline.
"""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.schema.core import SCHEMA_VERSION
from tests.support import server_fixtures
from tests.support.adoptions import open_temporary_database
from tests.support.places import CHECKS_TABLE, Engine, get_nodes

OLD_CHAIN_FOLDER = Path(__file__).parent / "old_chain" / "versions"
_SELECT_COLUMNS_SQL = """
    SELECT table_name, column_name, column_type, is_nullable, column_default, extra, generation_expression,
    character_set_name, collation_name FROM information_schema.columns WHERE table_schema = DATABASE()"""
_SELECT_KEYS_SQL = """
    SELECT table_name, index_name, non_unique, seq_in_index, column_name FROM information_schema.statistics
    WHERE table_schema = DATABASE()"""
_SELECT_TABLES_SQL = """SELECT table_name, engine, table_collation FROM information_schema.tables
    WHERE table_schema = DATABASE()"""
_SELECT_CHECKS_SQL = """SELECT constraint_name, check_clause FROM information_schema.check_constraints
    WHERE constraint_schema = DATABASE()"""
_SELECT_TRIGGERS_SQL = """SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement
    FROM information_schema.triggers WHERE trigger_schema = DATABASE()"""


@contextmanager
def open_empty_database(engine: Engine, folder: Path) -> Iterator[Database]:
    """Yield an empty database on this engine."""
    server_fixtures.require_engine(engine)
    folder.mkdir(exist_ok=True)
    server = get_nodes(engine)[0] if engine != "sqlite" else None
    with open_temporary_database(server, folder) as url, closing(Database(url, without_time_limit=True)) as database:
        yield database


def create_old_schema(database: Database, revision: str) -> None:
    """Create the schema that the old migrations create at this revision."""
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS_FOLDER))
    config.set_main_option("version_locations", str(OLD_CHAIN_FOLDER))
    config.set_main_option("path_separator", "newline")
    with database.write_without_retries() as tx:
        config.attributes.update(connection=tx.conn, versions="alembic_version")
        command.upgrade(config, revision)
        migrate.store_meta_if_missing(tx.conn, "database_id", str(uuid.uuid4()))


def read_schema(database: Database) -> dict[str, Any]:
    """Return everything that the database states about its schema, except the order of columns and the counters in
    MariaDB's descriptions."""
    with database.read() as conn:
        return _read_server_schema(conn) if database.is_server else _read_file_schema(conn)


def _read_server_schema(conn: Connection) -> dict[str, Any]:
    query_by_name = {
        "columns": _SELECT_COLUMNS_SQL,
        "keys": _SELECT_KEYS_SQL,
        "tables": _SELECT_TABLES_SQL,
        "checks": _SELECT_CHECKS_SQL,
        "triggers": _SELECT_TRIGGERS_SQL,
    }
    return {name: {tuple(row) for row in conn.execute(text(sql))} for name, sql in query_by_name.items()}


def _read_file_schema(conn: Connection) -> dict[str, Any]:
    rows = conn.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
    made = {(row.type, row.name): str(row.sql) for row in rows if row.type != "table"}
    return {"tables": {row.name: _split_definitions(row.sql) for row in rows if row.type == "table"}, "others": made}


def _split_definitions(sql: str) -> set[str]:
    """Return the columns and constraints of a CREATE TABLE statement."""
    parts, depth, quoted = [""], 0, False
    for letter in sql[sql.index("(") + 1 : sql.rindex(")")]:
        quoted ^= letter == "'"
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if letter == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return {" ".join(part.split()) for part in parts}


@pytest.mark.parametrize("revision", ["0006", "0011"])
def test_the_old_chain_builds_the_present_schema(engine: Engine, tmp_path: Path, revision: str) -> None:
    """After the upgrade of an old database, its tables, columns, derived columns, keys, indexes and triggers equal
    those of a new database."""
    with open_empty_database(engine, tmp_path / "new") as new, open_empty_database(engine, tmp_path / "old") as old:
        migrate.upgrade(new)
        create_old_schema(old, revision)
        assert migrate.upgrade(old).versions == (revision, SCHEMA_VERSION)
        assert migrate.ensure_schema(old)["schema"] == SCHEMA_VERSION
        expected, upgraded = read_schema(new), read_schema(old)
        assert expected.keys() == upgraded.keys()
        for part in expected:
            assert upgraded[part] == expected[part], part


def test_rows_of_the_old_chain_stay_unchanged(engine: Engine, tmp_path: Path) -> None:
    """An upgrade keeps the rows of an old database. It doesn't insert the initial limits a second time, and gives
    existing rows the values of new columns."""
    with open_empty_database(engine, tmp_path / "old") as old:
        create_old_schema(old, migrate.BASELINE_VERSION)
        with old.write_without_retries() as tx:
            tx.conn.exec_driver_sql("UPDATE limits SET value = 7 WHERE name = 'per_refund' AND currency = 'JPY'")
            tx.conn.exec_driver_sql(
                f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number, status)"
                " VALUES (1, '7010001065142', 'success')"
            )
            named = tx.conn.exec_driver_sql("SELECT value FROM console_meta WHERE name = 'database_id'").scalar_one()
        migrate.upgrade(old)
        with old.read() as conn:
            check = conn.exec_driver_sql(
                f"SELECT missing, claim_number, incomplete_accepted FROM {CHECKS_TABLE}"
            ).one()
            limits = conn.exec_driver_sql("SELECT count(*), min(value) FROM limits").one()
        assert tuple(check) == (1, "7010001065142", 0)
        assert tuple(limits) == (10, 7)
        assert migrate.ensure_schema(old)["database_id"] == named


def test_a_database_older_than_the_baseline_is_refused(engine: Engine, tmp_path: Path) -> None:
    """An upgrade refuses a database whose schema is older than the baseline, names its version and doesn't change
    it.
    """
    with open_empty_database(engine, tmp_path / "old") as old:
        create_old_schema(old, "0005")
        with pytest.raises(ConsoleError) as refused:
            migrate.upgrade(old)
        assert (refused.value.code, refused.value.exit_status) == ("schema_mismatch", 3)
        assert refused.value.detail == {"found": "0005", "needed": SCHEMA_VERSION, "newer": False}
        assert migrate.read_meta_and_schema(old)["schema"] == "0005"
