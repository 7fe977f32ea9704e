"""Tests of an upgrade that is interrupted at any of its statements. The next upgrade finishes it, and until then the
program refuses to use the database."""

import random
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from console.domain.errors import ConsoleError
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.schema.core import SCHEMA_VERSION
from tests.store.migrations.test_each_version import (
    STATEMENTS_BACK_TO_VERSION,
    insert_rows,
    read_state_dates,
    read_unchanged_rows,
)
from tests.store.migrations.test_old_chain import create_old_schema, open_empty_database, read_schema
from tests.store.test_state_since import EXPECTED_STATE_SINCE
from tests.support.places import Engine

_READING_KEYWORDS = ("SELECT", "SHOW", "SET", "PRAGMA", "DESCRIBE", "BEGIN")
_LOCK_NAME = "console_upgrade"
_PART_COUNT = 8
_STATEMENT_NUMBER_BEFORE_FIRST_TABLES = 1
"""Number of a statement of the first upgrade of a database; before this statement no table of the program exists."""
_SOAKED_PARTS = (pytest.param(part, marks=pytest.mark.soak) for part in range(_PART_COUNT))
_for_each_part = pytest.mark.parametrize("part", [None, *_SOAKED_PARTS])
"""Mark with which a test is interrupted at statements of every part in `make soak`, and at three random statements in
`make test`.
"""


class UpgradeInterrupted(Exception):
    """An exception that stands for the kill of the process: the database connection is closed, and the program sends
    no further statement.
    """


class ChangeCounter:
    """A counter of the statements that change the database. It raises UpgradeInterrupted before the statement with
    the number `breaks_before`, counted from 0 (None: never).
    """

    def __init__(self, breaks_before: int | None) -> None:
        self._breaks_before = breaks_before
        self.number = 0

    def count_change(self, _conn: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if sql.lstrip().upper().startswith(_READING_KEYWORDS) or _LOCK_NAME in sql:
            return
        if self.number == self._breaks_before:
            raise UpgradeInterrupted(sql)
        self.number += 1


def upgrade_until(database: Database, breaks_before: int | None = None) -> int:
    """Upgrade the database, or interrupt the upgrade before the statement with the number `breaks_before`. Only
    statements that change the database count; the first has the number 0. Return how many of them were executed.
    Check that the result of a complete upgrade has `has_recreated_parts` exactly if the database already had the
    newest version and a statement still changed it.
    """
    changes = ChangeCounter(breaks_before)
    event.listen(database.engine, "before_cursor_execute", changes.count_change)
    try:
        with nullcontext() if breaks_before is None else pytest.raises(UpgradeInterrupted):
            ended = migrate.upgrade(database)
    finally:
        event.remove(database.engine, "before_cursor_execute", changes.count_change)
    if breaks_before is None:
        has_completed = changes.number > 0 and ended.version_before == SCHEMA_VERSION
        assert ended.has_recreated_parts is has_completed
    return changes.number


def choose_statements(statement_count: int, part: int | None) -> list[int]:
    """Return the numbers of the statements at which the test interrupts the upgrade: every _PART_COUNT-th number
    beginning with `part`. If `part` is None, return three random numbers."""
    return (
        random.sample(range(statement_count), 3) if part is None else list(range(statement_count))[part::_PART_COUNT]
    )


def require_database_is_refused(database: Database) -> None:
    """Check that the program refuses to use the database, and that the refusal names the version that it found and
    the newer version that it needs.
    """
    with pytest.raises(ConsoleError) as refused:
        migrate.ensure_schema(database)
    assert refused.value.code == "schema_mismatch"
    detail = dict(refused.value.detail)
    assert str(detail["found"]) < str(detail["needed"]) == SCHEMA_VERSION


def find_refusal(database: Database) -> str | None:
    """Return the error code with which the program refuses to open the database now. Return None if the program opens
    it.
    """
    try:
        migrate.ensure_schema(database)
    except ConsoleError as refused:
        return refused.code
    return None


def read_schema_without_version(database: Database) -> dict[str, set[tuple[object, ...]]]:
    """Return the schema of a server's database without the table of its version. If the first upgrade was interrupted
    before the table `console_meta` existed, the next upgrade uses the other of the two possible names for the version
    table.
    """
    names = {"alembic_version", migrate.OWN_VERSION_TABLE}
    return {part: {row for row in rows if names.isdisjoint(row)} for part, rows in read_schema(database).items()}


def downgrade_to_oldest_version(database: Database) -> None:
    """Change a server's database from the present version to the oldest version that has desk requests."""
    with database.write_without_retries() as tx:
        for statement in chain.from_iterable(STATEMENTS_BACK_TO_VERSION.values()):
            tx.conn.exec_driver_sql(statement)
        tx.conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{list(STATEMENTS_BACK_TO_VERSION)[-1]}'")


@pytest.mark.engines("mariadb")
@_for_each_part
def test_an_interrupted_upgrade_of_a_server_continues(engine: Engine, tmp_path: Path, part: int | None) -> None:
    """On a server each statement of an upgrade commits by itself. After an interruption the next upgrade executes the
    remaining statements and keeps all rows."""
    with open_empty_database(engine, tmp_path / "db") as database:
        migrate.upgrade(database)
        schema = read_schema(database)
        with database.write_without_retries() as tx:
            insert_rows(tx.conn)
            rows = read_unchanged_rows(tx.conn) | {"requests": []}
        downgrade_to_oldest_version(database)
        upgrade_until(database)  # also creates the triggers that `insert_rows` has dropped; later upgrades find them
        downgrade_to_oldest_version(database)
        statements = upgrade_until(database)
        assert statements > len(STATEMENTS_BACK_TO_VERSION)
        for number in choose_statements(statements, part):
            downgrade_to_oldest_version(database)
            upgrade_until(database, number)
            if migrate.read_meta_and_schema(database)["schema"] != SCHEMA_VERSION:
                require_database_is_refused(database)
            upgrade_until(database)
            upgraded = read_schema(database)
            for name, expected in schema.items():
                assert upgraded[name] == expected, (number, name)
            with database.read() as conn:
                assert read_unchanged_rows(conn) == rows, number
                assert {
                    table: read_state_dates(conn, table) for table in EXPECTED_STATE_SINCE
                } == EXPECTED_STATE_SINCE, number


@pytest.mark.engines("mariadb")
@_for_each_part
def test_an_interrupted_creation_on_a_server_continues(engine: Engine, tmp_path: Path, part: int | None) -> None:
    """The first upgrade of a new database is interrupted at any statement. A desk that opens this database then gets
    no other error than `schema_mismatch`, and the next upgrade creates the rest of the schema. A further upgrade
    changes nothing."""
    with open_empty_database(engine, tmp_path / "whole") as whole:
        statements, schema = upgrade_until(whole), read_schema_without_version(whole)
    for number in sorted({_STATEMENT_NUMBER_BEFORE_FIRST_TABLES, *choose_statements(statements, part)}):
        with open_empty_database(engine, tmp_path / f"db{number}") as database:
            upgrade_until(database, number)
            assert find_refusal(database) in (None, "schema_mismatch"), number
            upgrade_until(database)
            assert read_schema_without_version(database) == schema, number
            assert upgrade_until(database) == 0


@pytest.mark.engines("sqlite")
@_for_each_part
def test_an_interrupted_upgrade_of_a_file_is_rolled_back(engine: Engine, tmp_path: Path, part: int | None) -> None:
    """On SQLite all statements of an upgrade are one transaction. After an interruption the file is unchanged, and
    the next upgrade executes all statements."""
    with open_empty_database(engine, tmp_path / "counted") as counted:
        create_old_schema(counted, migrate.BASELINE_VERSION)
        statements = upgrade_until(counted)
    assert statements > len(STATEMENTS_BACK_TO_VERSION)
    with open_empty_database(engine, tmp_path / "db") as database:
        create_old_schema(database, migrate.BASELINE_VERSION)
        before = read_schema(database)
        for number in choose_statements(statements, part):
            upgrade_until(database, number)
            assert read_schema(database) == before, number
            require_database_is_refused(database)
        assert upgrade_until(database) == statements
        assert migrate.ensure_schema(database)["schema"] == SCHEMA_VERSION
