"""Server rules for the ids of rows, in every table with AUTO_INCREMENT.

While a counter is at its end nobody can insert a row, and a rolled-back statement doesn't give its number back. So
only the schema account may choose an id. No other account may set it in the row, by `insert_id`, or by a large
increment of the counter. Ids of rows of other applications, and of rows that are restored under their old id, must be
near the existing ids.
"""

from collections.abc import Mapping

from console.store.constraints.sql_expressions import Rule, aggregate_sql
from console.store.database.row_counters import COUNTED_TABLES
from console.store.schema.core import credit_checks

LARGEST_ID_LEAP = 1_000
"""Largest distance above the table's highest id for a row that is restored under its old id."""
LARGEST_ID_LEAP_OF_OTHERS = 100_000
"""Largest distance above the table's highest id for rows of other applications."""
WIDEST_STEP = 64
"""Largest increment of a counter: the nodes of a cluster count in steps of the number of nodes."""
SHARED_TABLES = (credit_checks.name, "orders", "stock_reservations")
"""Tables that other applications write, too."""
RESTORED_TABLES = (credit_checks.name, "payments", "refunds")
"""Tables of which only a desk's spool has some rows after a backup was restored."""

_MESSAGE = "a row gets its number from the database"


def _is_counter_unset_sql() -> str:
    """SQL: this session leaves the next id to the database."""
    return f"@@SESSION.insert_id = 0 AND @@SESSION.auto_increment_increment <= {WIDEST_STEP}"


def _is_near_sql(table: str, leap: int) -> str:
    highest = aggregate_sql("COALESCE(MAX(n.id), 0)", f"{table} n")
    return f"NEW.id BETWEEN 0 AND {highest} + {leap}"


def id_rules(table: str) -> tuple[Rule, ...]:
    """Return the rule for the ids of rows that the console inserts into this table."""
    id_condition = "COALESCE(NEW.id, 0) = 0"
    if table in RESTORED_TABLES:
        id_condition = f"({id_condition} OR {_is_near_sql(table, LARGEST_ID_LEAP)})"
    return (Rule(f"{_is_counter_unset_sql()} AND {id_condition}", _MESSAGE),)


def id_rules_for_others(table: str) -> tuple[Rule, ...]:
    """Return the rule for the ids of rows that another application inserts into this table."""
    return (
        Rule(
            f"{_is_counter_unset_sql()} AND "
            f"(COALESCE(NEW.id, 0) = 0 OR {_is_near_sql(table, LARGEST_ID_LEAP_OF_OTHERS)})",
            _MESSAGE,
        ),
    )


ID_RULES_OF_TABLE: Mapping[str, tuple[Rule, ...]] = {
    name: id_rules(name) for name in COUNTED_TABLES if name not in SHARED_TABLES
}
"""Rules of the tables that only the console writes."""
