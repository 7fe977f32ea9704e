"""The queries of the worker's tasks, and of the window's lists of alerts, reconciliations and bulk runs, on tables
that grow, and rows for these tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

from console.store.alerts import alerts, outbox
from console.store.payments import stock_reservations as stock
from console.store.reconciliation import runs as reconciliations
from console.store.records import notes, takes
from console.store.tasks import bulk_runs as bulk
from console.store.tasks import sagas
from tests.bench.filling import drop_triggers
from tests.bench.plans import Query

ROW_COUNT = 6_000
_NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

INDEXED_QUERY_BY_NAME: dict[str, Query] = {
    "alert": lambda conn: alerts.find(conn, 7),
    "open alerts": lambda conn: alerts.list_open_alerts(conn, 50),
    "open alerts, later page": lambda conn: alerts.list_open_alerts(conn, 50, 5_000),
    "open alerts of a rule": lambda conn: alerts.list_open_alerts_of_rule(conn, "A", 50),
    "open alerts of a rule, later page": lambda conn: alerts.list_open_alerts_of_rule(conn, "A", 50, 5_000),
    "rules of open alerts": alerts.list_rules_of_open_alerts,
    "unacknowledged alerts of a rule, later page": lambda conn: alerts.list_unacknowledged_alerts(
        conn, "A", 50, 5_000
    ),
    "open alerts of a kind": lambda conn: alerts.list_open_alerts_of_kind(conn, "order", 50),
    "count of a rule": lambda conn: alerts.count_open_alerts_and_find_oldest(conn, "A", 50),
    "all alerts": lambda conn: alerts.list_alerts(conn, 50),
    "all alerts, later page": lambda conn: alerts.list_alerts(conn, 50, 1_000),
    "alerts of a record": lambda conn: alerts.find_by_subject(conn, "order", 7),
    "sagas due": lambda conn: sagas.list_due_sagas(conn, _NOW, 50),
    "saga under way": lambda conn: sagas.find_open_saga(conn, "timeout", "payment", 5_990),
    "sagas of a record": lambda conn: sagas.find_by_subject(conn, "payment", 7),
    "events that wait": lambda conn: outbox.list_due_events(
        conn, _NOW, 50, latest_credible_time=_NOW + timedelta(hours=2)
    ),
    "event": lambda conn: outbox.find(conn, "e7"),
    "how many events wait": outbox.count_unpublished_events,
    "stock of an order": lambda conn: stock.list_held_reservations(conn, 7),
    "last reconciliations": lambda conn: reconciliations.list_latest_runs(conn, "paypay", 10),
    "differences": lambda conn: reconciliations.list_differences(conn, 7, 0, 50),
    "bulk run": lambda conn: bulk.find(conn, 7),
    "bulk runs under way": bulk.list_running_runs,
    "rows of a bulk run": lambda conn: bulk.list_rows(conn, 7, limit=50),
    "rows of a bulk run, later page": lambda conn: bulk.list_rows(conn, 7, after_position=50, limit=50),
    "rows with a result": lambda conn: bulk.list_rows(conn, 7, result="done", limit=50),
    "rows to be done": lambda conn: bulk.read_next_unprocessed_rows(conn, 7, 50),
    "results": lambda conn: bulk.count_results(conn, 7),
    "notes of a record": lambda conn: notes.list_notes(conn, "payment", 7),
    "who took records": lambda conn: takes.read_takes(conn, "payment", [5, 6, 7], _NOW),
}
QUERIES_SORTED_IN_MEMORY: dict[str, Query] = {
    "reconciliations under way": lambda conn: reconciliations.list_unfinished_runs(conn, "paypay"),
}
"""Queries by name that sort their result in memory. The result has only a few rows."""

# One of a hundred rows is open, held, waiting or under way; a bulk run has 100 rows.
_INSTANT_SQL = "'2026-11-20 02:00:00'"
_IS_OPEN_SQL = "i % 100 = 0"
_ENDED_AT_SQL = f"IF({_IS_OPEN_SQL}, NULL, {_INSTANT_SQL})"
_TASK_STATE_SQL = f"IF({_IS_OPEN_SQL}, 'running', 'done')"
_INSTANT_SQL_BY_COLUMN = {"begun_at": _INSTANT_SQL, "changed_at": _INSTANT_SQL, "ended_at": _ENDED_AT_SQL}
_COLUMN_SQL_BY_TABLE: dict[str, dict[str, str]] = {
    "alerts": {
        "rule_id": "IF(i % 3, 'A', 'B')", "subject_kind": "'order'", "subject_id": "i", "observed": "''",
        "expected": "''", "detected_at": _INSTANT_SQL, "resolved_at": _ENDED_AT_SQL,
    },
    "sagas": {
        "kind": "'timeout'", "subject_kind": "'payment'", "subject_id": "i", "state": _TASK_STATE_SQL, "step": "''",
        "facts": "'{}'", "next_at": _INSTANT_SQL, **_INSTANT_SQL_BY_COLUMN,
    },
    "outbox": {
        "topic": "'t'", "event_id": "CONCAT('e', i)", "record_key": "i % 1000", "body": "''",
        "created_at": _INSTANT_SQL,
        "next_at": _INSTANT_SQL, "published_at": _ENDED_AT_SQL,
    },
    "stock_reservations": {"order_id": "i DIV 3", "item": "'a'", "quantity": "1"},
    "reconciliations": {
        "provider": "IF(i % 2, 'paypay', 'atom')", "from_day": "DATE('2000-01-01') + INTERVAL i DAY",
        "to_day": "'2026-11-20'", "state": _TASK_STATE_SQL, "phase": "''", "asked_by": "''", **_INSTANT_SQL_BY_COLUMN,
    },
    "reconciliation_rows": {"run_id": "i % 60", "row_key": "i", "verdict": "'imported'"},
    "bulk_runs": {
        "action": "'probe'", "state": _TASK_STATE_SQL, "most": "100", "made_by": "''", "made_at": _INSTANT_SQL,
        "changed_at": _INSTANT_SQL,
    },
    "bulk_rows": {
        "run_id": "i % 60", "position": "i DIV 60", "kind": "'payment'", "subject_id": "i", "saw": "1",
        "result": "IF(i % 2, 'done', NULL)",
    },
    "notes": {"kind": "'payment'", "subject_id": "i DIV 3", "person": "''", "words": "''", "at": _INSTANT_SQL},
    "takes": {"kind": "'payment'", "subject_id": "i", "person": "''", "taken_at": _INSTANT_SQL,
        "until": _INSTANT_SQL},
}  # fmt: skip


def fill_server(cursor: Any, row_count: int = ROW_COUNT) -> None:
    """Drop the triggers of a server's database, and insert `row_count` rows into each table of
    `_COLUMN_SQL_BY_TABLE`."""
    drop_triggers(cursor)
    for table, columns in _COLUMN_SQL_BY_TABLE.items():
        counted = f"WITH counted AS (SELECT seq AS i FROM seq_1_to_{row_count})"
        made = f"{counted} SELECT {', '.join(columns.values())} FROM counted"
        cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) {made}")
    cursor.execute(f"ANALYZE TABLE {', '.join(_COLUMN_SQL_BY_TABLE)}")
