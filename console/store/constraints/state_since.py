"""Rules and triggers that keep the column `state_since` correct: the instant at which a record's state or certainty
last changed.

The console itself writes the column in the one function of each table that changes rows. Other applications write
orders and credit checks by plain SQL without this column, so a trigger of the database sets it. (A program that reads
the row later could detect the new state, but not the time of the change.) The console increments `version` with each
change, and other applications never do. So an UPDATE that leaves the version unchanged comes from another
application.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from console.store.constraints.sql_expressions import UTC_NOW_SQL, TriggerRule
from console.store.constraints.sql_expressions import are_unchanged_sql as unchanged_on_server_sql
from console.store.constraints.sqlite_expressions import are_unchanged_sql as unchanged_in_file_sql
from console.store.schema.column_types import UNKNOWN_INSTANT_SQL
from console.store.schema.core import credit_checks
from console.store.schema.payments import orders

_WRONG_STATE_SINCE_MESSAGE = "the time of a state changes only with the state"
_NOW_ON_SQLITE = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
_CREDIT_CHECK_STATE_SQL = (
    "CASE WHEN {0}.status = 'pending' AND {0}.credit_check_id IS NOT NULL THEN 'success' ELSE {0}.status END"
)
_STATE_SQL_BY_TABLE: Mapping[str, str] = {credit_checks.name: _CREDIT_CHECK_STATE_SQL, orders.name: "{0}.status"}
"""For each table that other applications write, SQL of the state that the program shows. `{0}` is OLD or NEW."""


def make_server_rule(*columns: str) -> TriggerRule:
    """Return the rule of a server's trigger: an UPDATE changes `state_since` only if it also changes one of
    `columns`, which make up the state, such as `status` and `certainty`."""
    return TriggerRule(
        f"{unchanged_on_server_sql('state_since')} OR NOT ({unchanged_on_server_sql(*columns)})",
        _WRONG_STATE_SINCE_MESSAGE,
    )


def make_sqlite_rule(*columns: str) -> TriggerRule:
    """Return the rule of an SQLite trigger: an UPDATE changes `state_since` only if it also changes one of
    `columns`, which make up the state, such as `status` and `certainty`."""
    return TriggerRule(
        f"{unchanged_in_file_sql('state_since')} OR NOT ({unchanged_in_file_sql(*columns)})",
        _WRONG_STATE_SINCE_MESSAGE,
    )


def make_state_since_assignment(table: str, event: str) -> str:
    """Return the last SQL statement of a server's trigger on `table` for `event` (INSERT, UPDATE or DELETE). The
    statement sets `state_since` in an inserted row that lacks it, and in a row whose state another application
    has changed. Return "" for DELETE, and for every table except those of credit checks and orders.
    """
    if table not in _STATE_SQL_BY_TABLE or event == "DELETE":
        return ""
    condition = f"NEW.state_since = '{UNKNOWN_INSTANT_SQL}'"
    if event == "UPDATE":
        old_state_sql, new_state_sql = (_STATE_SQL_BY_TABLE[table].format(row) for row in ("OLD", "NEW"))
        condition = f"NEW.version <=> OLD.version AND NOT ({old_state_sql} <=> {new_state_sql})"
    return f"IF {condition} THEN SET NEW.state_since = {UTC_NOW_SQL}; END IF;"


@dataclass(frozen=True, slots=True)
class StateSinceTrigger:
    """An SQLite trigger that runs after `event` (INSERT or UPDATE) on `table` and sets `state_since` to the
    present time: in an inserted row that lacks it, and in a row whose state another application has changed."""

    table: str
    event: str

    @property
    def name(self) -> str:
        """The trigger's name, made of the table and the event."""
        return f"state_since_{self.table}_{self.event.lower()}"

    @property
    def sql(self) -> str:
        """The CREATE TRIGGER statement of this trigger."""
        condition = f"NEW.state_since = '{UNKNOWN_INSTANT_SQL}'"
        if self.event == "UPDATE":
            old_state_sql, new_state_sql = (_STATE_SQL_BY_TABLE[self.table].format(row) for row in ("OLD", "NEW"))
            condition = f"NEW.version IS OLD.version AND {old_state_sql} IS NOT {new_state_sql}"
        return (
            f"CREATE TRIGGER {self.name} AFTER {self.event} ON {self.table} WHEN {condition} BEGIN\n"
            f"UPDATE {self.table} SET state_since = {_NOW_ON_SQLITE} WHERE id = NEW.id; END"  # constants
        )


def list_sqlite_triggers(conn: Connection) -> Iterator[StateSinceTrigger]:
    """Yield the triggers that set `state_since` in this SQLite database: the triggers of all tables that have this
    column. The table of credit checks gets the column with its adoption."""
    for table in _STATE_SQL_BY_TABLE:
        columns = {row.name for row in conn.exec_driver_sql(f"PRAGMA table_xinfo({table})")}
        if "state_since" in columns:
            yield from (StateSinceTrigger(table, event) for event in ("INSERT", "UPDATE"))
