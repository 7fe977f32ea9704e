"""Tests that a server with 100,000 watched corporations answers each query about changed companies by an index."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import pytest

from console.domain.registry.watched_facts import (
    CORPORATION_CHANGE_RULE,
    CORPORATION_KIND,
    compute_corporation_subject_id,
)
from console.services.alerts.changed_companies import IDS_PER_PAGE, ROWS_PER_PAGE
from console.store.alerts import alerts
from console.store.database.engine import Database
from console.store.registry import live_records, our_records, watched_corporations
from tests.bench import filling, plans
from tests.bench.plans import Query
from tests.support import server_schema
from tests.support.servers import Server

WATCHED_COUNT, PAYMENT_COUNT, CHANGED_COUNT = 100_000, 40_000, 6_000
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CORPORATION_NUMBERS = [filling.compute_corporation_number(row) for row in range(1, ROWS_PER_PAGE + 1)]
SUBJECT_IDS = [compute_corporation_subject_id(number) for number in CORPORATION_NUMBERS]
QUERY_BY_NAME: dict[str, Query] = {
    "first page": lambda conn: watched_corporations.read_page(conn, "", ROWS_PER_PAGE),
    "later page": lambda conn: watched_corporations.read_page(conn, CORPORATION_NUMBERS[-1], ROWS_PER_PAGE),
    "rows of numbers": lambda conn: watched_corporations.find_by_numbers(conn, CORPORATION_NUMBERS),
    "live records of numbers": lambda conn: live_records.find_record_beginnings(conn, CORPORATION_NUMBERS, NOW),
    "renewed checks of numbers": lambda conn: live_records.find_renewed_numbers(
        conn, dict.fromkeys(CORPORATION_NUMBERS, NOW), NOW
    ),
    "open alerts of numbers": lambda conn: alerts.read_open_alerts_of_subjects(conn, CORPORATION_KIND, SUBJECT_IDS),
    "open changes": lambda conn: alerts.list_open_alerts_of_rule(conn, CORPORATION_CHANGE_RULE, ROWS_PER_PAGE),
    "open changes, later page": lambda conn: alerts.list_open_alerts_of_rule(
        conn, CORPORATION_CHANGE_RULE, ROWS_PER_PAGE, 3_000
    ),
    "count of open changes": lambda conn: alerts.count_open_alerts_and_find_oldest(
        conn, CORPORATION_CHANGE_RULE, 1_001
    ),
    "records of numbers": lambda conn: our_records.find_numbers_with_our_records(conn, CORPORATION_NUMBERS),
    "open records": our_records.list_numbers_of_open_records,
    **{
        f"newest {kind}": partial(live_records.find_highest_record_id, kind=kind)
        for kind in live_records.LIVE_RECORD_KINDS
    },
    **{
        f"{place} new {kind}s": partial(
            live_records.list_live_numbers_in_id_range,
            kind=kind,
            after_id=after,
            up_to_id=after + IDS_PER_PAGE,
            now=NOW,
        )
        for kind in live_records.LIVE_RECORD_KINDS
        for place, after in {"first": 0, "last": WATCHED_COUNT - IDS_PER_PAGE}.items()
    },
}


@pytest.fixture(scope="module")
def database_with_many_rows(mariadb_server: Server) -> Iterator[Database]:
    with mariadb_server.create_temporary_database() as url, closing(Database(url, without_time_limit=True)) as opened:
        server_schema.create_schema(mariadb_server, url)
        with mariadb_server.connect(database=urlsplit(url).path[1:]) as connection, connection.cursor() as cursor:
            filling.fill_server(cursor, WATCHED_COUNT, PAYMENT_COUNT)
            cursor.execute(
                "INSERT IGNORE INTO watched_corporations (corporation_number, facts, registry_date, changed_at)"
                f" SELECT corporation_number, '{{}}', '2026-11-18', NOW() FROM {filling.CHECKS_TABLE}"
            )
            cursor.execute(
                "INSERT INTO alerts (rule_id, subject_kind, subject_id, observed, expected, detected_at)"
                f" SELECT '{CORPORATION_CHANGE_RULE}', '{CORPORATION_KIND}', corporation_number, '', '', NOW()"
                f" FROM watched_corporations LIMIT {CHANGED_COUNT}"
            )
            cursor.execute("ANALYZE TABLE watched_corporations, alerts")
        yield opened


@pytest.mark.parametrize("name", QUERY_BY_NAME)
def test_the_watch_query_follows_an_index(database_with_many_rows: Database, name: str) -> None:
    """No query for changed companies reads a whole table or sorts rows."""
    steps = plans.read_plan_steps(database_with_many_rows, QUERY_BY_NAME[name])
    assert not plans.find_whole_table_steps(steps), steps
    assert not plans.find_sort_steps(steps), steps


def test_the_database_has_a_hundred_thousand_watched_rows(database_with_many_rows: Database) -> None:
    """The test database has about 100,000 watched corporations; with few rows a query plan would not show whether an
    index is used.
    """
    with database_with_many_rows.read() as conn:
        counted = conn.exec_driver_sql("SELECT COUNT(*) FROM watched_corporations").scalar_one()
    assert counted > 0.8 * WATCHED_COUNT
