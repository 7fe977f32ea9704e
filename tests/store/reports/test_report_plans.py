"""Tests of the cost of reports: their queries use indexes, and read no more rows than their limits, whatever the size
of the tables."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Connection

from console.domain.clock import TimeScale
from console.domain.reports.periods import make_period_until
from console.services.reports import report_queries
from console.services.reports.provider_success import read_provider_success
from console.store.database.engine import Database
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.store.reports import provider_success, queue_ages, settlement
from tests.bench import filling, plans
from tests.bench.plans import Query
from tests.support import server_schema
from tests.support.servers import Server

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_REPORT_PERIOD = make_period_until(NOW, 14)
INDEXED_QUERY_BY_NAME: dict[str, Query] = {
    "success": lambda conn: read_provider_success(conn, NOW),
    "states of a provider": lambda conn: provider_success.count_payments_by_state(conn, "paypay", _REPORT_PERIOD),
    "money": lambda conn: report_queries.read_settlement(conn, NOW),
    "payments of a provider": lambda conn: settlement.sum_payments(conn, "paypay", _REPORT_PERIOD),
    **{
        f"ages of {name}": lambda conn, name=name: queue_ages.count_records_by_age(conn, name, {}, NOW)  # type: ignore[misc]
        for name in RECORD_QUEUE_NAMES
    },
}


def _read_time_to_truth(conn: Connection) -> object:
    return report_queries.read_time_to_truth(conn, NOW, TimeScale(1))


QUERIES_OF_NEWEST_ROWS: dict[str, Query] = {
    "refunds": lambda conn: report_queries.read_refund_funnel(conn, NOW),
    "unknown outcomes": _read_time_to_truth,
}
"""Queries of reports that read the newest rows in the order of an index, up to a limit, by the report's name."""


@pytest.fixture(scope="module")
def sqlite_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("plans") / "console.db"
    shutil.copy(empty_database, file)
    with closing(Database(f"sqlite:///{file}")) as opened:
        yield opened


@pytest.fixture(scope="module")
def mariadb_database(mariadb_server: Server) -> Iterator[Database]:
    with mariadb_server.create_temporary_database() as url, closing(Database(url, without_time_limit=True)) as opened:
        server_schema.create_schema(mariadb_server, url)
        with mariadb_server.connect(database=urlsplit(url).path[1:]) as connection, connection.cursor() as cursor:
            filling.fill_server(cursor, 5_000, 10_000)
        yield opened


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened


def test_no_report_reads_a_whole_table(database: Database) -> None:
    """No query of a report reads a whole table or a whole index."""
    for name, ask in INDEXED_QUERY_BY_NAME.items():
        steps = plans.read_plan_steps(database, ask)
        assert not plans.find_whole_table_steps(steps), (name, steps)


def test_statements_for_newest_rows_have_a_limit(database: Database) -> None:
    """Each statement that reads the newest rows has a limit and reads along an index, so that the database sorts no
    table. Only the few lapsed calls are sorted by their beginning, and the sums by their currency."""
    for name, ask in QUERIES_OF_NEWEST_ROWS.items():
        for sql, values in plans.record_statements(database, ask):
            steps = plans.explain_statements(database, [(sql, values)])
            whole = plans.find_whole_table_steps(steps)
            assert not whole or "LIMIT" in sql, (name, steps)
            assert all(step.startswith(("SCAN refunds", "index refunds PRIMARY")) for step in whole), (name, steps)
            sorted_tables = [step for step in plans.find_sort_steps(steps) if not step.startswith("ALL <")]
            assert not sorted_tables or any("ix_operations_lapse" in step for step in steps), (name, steps)
