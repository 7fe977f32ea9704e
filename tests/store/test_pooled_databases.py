"""Tests that a pooled database equals a new one for the next test, whatever rows the previous test has left in it."""

from collections.abc import Mapping
from typing import Any

import pytest

from console.domain.records import PurchaseRequest
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place, ServerPlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.quick_desks import ManualClock

INSERT_LOST_OPERATION_SQL = (
    "INSERT INTO lost_operations (id, database_id, action, operator, desk, at, fingerprint, holds, told_at)"
    " VALUES ('a', 'b', 'purchase', 'op-a', 'd', NOW(6), 'f', FALSE, NOW(6))"
)
"""Statement that adds a row which no account may delete, not even the owner of the database."""


@pytest.mark.engines("mariadb", "galera")
def test_a_pooled_database_is_emptied_for_the_next_test(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """After a purchase and a run of all due tasks, the pool deletes the rows, restores the rows that the upgrade had
    written, and lets ids begin at 1."""
    assert isinstance(place, ServerPlace)
    before = read_contents(place.database)
    with place.desk(alarmbox, hand_clock) as desk:
        desk.credit_checks.purchase(PurchaseRequest(invent_numbers(1)[0], "1"))
        desk.recovery.run_all_tasks()
    place.sql(INSERT_LOST_OPERATION_SQL)
    changed = {table for table, rows in read_contents(place.database).items() if rows != before[table]}
    assert changed >= {"audit_log", "changes", "leases", "lost_operations", "operations", "sessions", "tasks"}
    place.database.restore_content()
    assert read_contents(place.database) == before


def read_contents(database: PooledDatabase) -> Mapping[str, tuple[Any, list[tuple[Any, ...]]]]:
    """Return for each table, by name, its next id and its rows. MySQL states no next id for a table that never had
    a row, which counts as 1 in the result.
    """
    tables = database.sql(
        "SELECT table_name, auto_increment FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
    )
    return {str(table): (next_id or 1, database.sql(f"SELECT * FROM {table}")) for table, next_id in tables}
