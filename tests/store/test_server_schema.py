"""Tests that a database whose schema was copied from a description equals a database that the migrations created."""

from contextlib import closing
from urllib.parse import unquote, urlsplit

import pytest

from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.schema.core import SCHEMA_VERSION
from tests.support import server_schema
from tests.support.sql_server import SqlServer

_SCHEMA_QUERY_BY_PART = {
    "tables": "SELECT * FROM information_schema.tables WHERE table_schema = DATABASE()",
    "columns": "SELECT * FROM information_schema.columns WHERE table_schema = DATABASE()",
    "indexes": "SELECT * FROM information_schema.statistics WHERE table_schema = DATABASE()",
    "constraints": "SELECT * FROM information_schema.table_constraints WHERE table_schema = DATABASE()",
    "checks": "SELECT * FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()",
    "foreign keys": "SELECT * FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
    "key columns": "SELECT * FROM information_schema.key_column_usage WHERE table_schema = DATABASE()",
    "triggers": "SELECT * FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    "routines": "SELECT * FROM information_schema.routines WHERE routine_schema = DATABASE()",
    "views": "SELECT * FROM information_schema.views WHERE table_schema = DATABASE()",
    "rights": "SHOW GRANTS",
}
_COLUMNS_LEFT_OUT = {
    *("create_time", "update_time", "check_time", "created", "last_altered", "cardinality"),
    *("table_rows", "avg_row_length", "data_length", "index_length", "data_free", "max_index_length"),
}
"""Columns that are not compared: times, and numbers that the server estimates."""


def read_schema_rights_and_rows(server: SqlServer, owner: str) -> dict[str, list[str]]:
    """Return the schema, the rights and the rows as the schema account reads them, by the name of each query: one
    text for each row, sorted, without the names of the database and of the schema account.
    """
    parts = urlsplit(owner)
    name, password, database = unquote(parts.username or ""), unquote(parts.password or ""), parts.path[1:]
    texts_by_query: dict[str, list[str]] = {}

    def read_query(label: str, sql: str) -> None:
        cursor.execute(sql)
        titles = [str(column[0]).lower() for column in cursor.description]
        texts = [
            "\n".join(
                f"{title}: {value}"
                for title, value in zip(titles, row, strict=True)
                if title not in _COLUMNS_LEFT_OUT
            )
            for row in cursor.fetchall()
        ]
        texts_by_query[label] = sorted(text.replace(database, "DATABASE").replace(name, "OWNER") for text in texts)

    with server.connect(name, password, database) as connection, connection.cursor() as cursor:
        for label, sql in _SCHEMA_QUERY_BY_PART.items():
            read_query(label, sql)
        cursor.execute("SHOW FULL TABLES WHERE table_type = 'BASE TABLE'")
        for table, _ in list(cursor.fetchall()):
            read_query(f"definition of {table}", f"SHOW CREATE TABLE `{table}`")
            read_query(f"rows of {table}", f"SELECT * FROM `{table}`")
    texts_by_query["rights"] = [_remove_password(text) for text in texts_by_query["rights"]]
    return texts_by_query


def _remove_password(grant: str) -> str:
    return grant.partition(" IDENTIFIED BY ")[0]


def test_a_described_schema_equals_a_migrated_one(sql_server: SqlServer) -> None:
    """A database that was created from a description has the same schema, rights and rows as a migrated one, except
    for the database's id. A later upgrade changes only the row of its lock.
    """
    if not sql_server.is_mariadb:
        pytest.skip("on MySQL each database is migrated")
    with sql_server.create_temporary_database() as owner, sql_server.create_temporary_database() as other:
        with closing(Database(owner, without_time_limit=True)) as migrated:
            migrate.upgrade(migrated)
        server_schema.run_description(sql_server, other, server_schema.describe_database(sql_server, owner))
        first, second = read_schema_rights_and_rows(sql_server, owner), read_schema_rights_and_rows(sql_server, other)
        assert len(first["triggers"]) > 100
        own_tables = [table for table in first["tables"] if "table_collation: utf8mb4_bin" in table]
        assert len(own_tables) >= 40
        assert all("create_options: row_format=DYNAMIC" in table for table in own_tables)
        differing = {label for label in first.keys() | second.keys() if first.get(label) != second.get(label)}
        assert differing == {"rows of console_meta"}
        ours, theirs = (set(contents["rows of console_meta"]) for contents in (first, second))
        differing_rows = [row.partition("\nvalue:")[0] for row in ours ^ theirs]
        assert differing_rows == ["name: database_id"] * 2
        with closing(Database(other, without_time_limit=True)) as copied:
            assert migrate.upgrade(copied).versions == (SCHEMA_VERSION, SCHEMA_VERSION)
        third = read_schema_rights_and_rows(sql_server, other)
        assert third | {"rows of console_upgrade": second["rows of console_upgrade"]} == second
