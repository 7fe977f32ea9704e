"""Trigger rules of a server for the ids of new rows, in every table with AUTO_INCREMENT.

If a counter reaches its end, no account can insert a row into the table any more. A rollback doesn't make an id
usable again. So only the schema account may freely set the id of a new row. No other account may move the counter
forward by many ids at once: by an id in the row, by `insert_id`, or by a large increment. Rows of other applications,
and rows that are restored under their old id, may have an id near the existing ids.
"""

from collections.abc import Mapping

from console.store.constraints.sql_expressions import TriggerRule, make_aggregate_sql
from console.store.database.row_counters import COUNTED_TABLES
from console.store.schema.core import credit_checks

MAX_ID_DISTANCE = 1_000
"""Largest distance above the table's highest id for the id of a row that is restored under its old id."""
MAX_ID_DISTANCE_OF_OTHER_APPLICATIONS = 100_000
"""Largest distance above the table's highest id for the id of a row that another application inserts."""
MAX_COUNTER_INCREMENT = 64
"""Largest accepted increment of a counter. In a cluster the increment is the number of nodes."""
TABLES_SHARED_WITH_APPLICATIONS = (credit_checks.name, "orders", "stock_reservations")
"""Tables whose rows other applications also insert."""
RESTORED_TABLES = (credit_checks.name, "payments", "refunds")
"""Tables whose rows the console may insert again under their old id. If a backup was restored, some of these rows
exist only in a desk's spool.
"""

_ID_SET_BY_CALLER_MESSAGE = "a row gets its number from the database"


def _is_id_from_counter_sql() -> str:
    """Return an SQL condition on the database session that inserts the row: the session has not set the next id
    itself (`insert_id`), and its increment of the counter is at most MAX_COUNTER_INCREMENT.
    """
    return f"@@SESSION.insert_id = 0 AND @@SESSION.auto_increment_increment <= {MAX_COUNTER_INCREMENT}"


def _is_near_highest_id_sql(table: str, max_id_distance: int) -> str:
    """Return an SQL condition: the new row's id is at most `max_id_distance` above the table's highest id."""
    highest_id_sql = make_aggregate_sql("COALESCE(MAX(n.id), 0)", f"{table} n")
    return f"NEW.id BETWEEN 0 AND {highest_id_sql} + {max_id_distance}"


def make_id_rules(table: str) -> tuple[TriggerRule, ...]:
    """Return a tuple with one rule: the console inserts rows into this table without an id. If the table is one of
    RESTORED_TABLES, the console may also insert a row with an id at most MAX_ID_DISTANCE above the table's highest
    id."""
    id_condition = "COALESCE(NEW.id, 0) = 0"
    if table in RESTORED_TABLES:
        id_condition = f"({id_condition} OR {_is_near_highest_id_sql(table, MAX_ID_DISTANCE)})"
    return (TriggerRule(f"{_is_id_from_counter_sql()} AND {id_condition}", _ID_SET_BY_CALLER_MESSAGE),)


def make_id_rules_for_other_applications(table: str) -> tuple[TriggerRule, ...]:
    """Return a tuple with one rule: another application inserts rows into this table without an id, or with an id at
    most MAX_ID_DISTANCE_OF_OTHER_APPLICATIONS above the table's highest id."""
    return (
        TriggerRule(
            f"{_is_id_from_counter_sql()} AND "
            f"(COALESCE(NEW.id, 0) = 0 OR {_is_near_highest_id_sql(table, MAX_ID_DISTANCE_OF_OTHER_APPLICATIONS)})",
            _ID_SET_BY_CALLER_MESSAGE,
        ),
    )


ID_RULES_OF_TABLE: Mapping[str, tuple[TriggerRule, ...]] = {
    name: make_id_rules(name) for name in COUNTED_TABLES if name not in TABLES_SHARED_WITH_APPLICATIONS
}
"""Rules for the ids in each table that only the console writes, by table name."""
