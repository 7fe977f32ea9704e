"""Tests of the number of statements that create the schema on a server. Each statement is a round trip, and each DDL
statement blocks a cluster."""

import re
from collections import Counter
from contextlib import closing

from sqlalchemy import event

from console.store.constraints import server_triggers
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.migrations.ddl_helpers import LEGACY_TABLE
from tests.support.sql_server import SqlServer

_INDEX_STATEMENT_PATTERN = re.compile(
    r"(?:CREATE (?:UNIQUE )?INDEX .* ON|ALTER TABLE) `?(\w+)`? *(?:\(|ADD (?:UNIQUE )?INDEX)"
)


def test_indexes_are_made_together_and_the_owner_is_read_once(sql_server: SqlServer) -> None:
    """The upgrade creates all indexes of a table with one statement, except of the table of credit checks. It reads
    the owner of the triggers once, however many triggers the database has."""
    sent: list[str] = []
    with sql_server.create_temporary_database() as url, closing(Database(url, without_time_limit=True)) as made:
        for engine in (made.engine, made._read_engine):
            event.listen(engine, "before_cursor_execute", lambda _conn, _cursor, sql, *_: sent.append(sql))
        migrate.upgrade(made)
        indexed = Counter(match[1] for statement in sent if (match := _INDEX_STATEMENT_PATTERN.match(statement)))
        assert indexed["audit_log"] == 1
        # Migrations 0009 and 0015 make one index of this table again.
        assert {table for table, times in indexed.items() if times > 1} == {LEGACY_TABLE}
        sent.clear()
        with made.read() as conn:
            server_triggers.renew_triggers(conn)
        assert sent.count("SELECT CURRENT_USER()") == 1
