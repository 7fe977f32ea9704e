"""Tests of the queries that find the orders which may break a rule of alerts: they use indexes, read a range of
orders at a time, and miss no order that breaks a rule."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from console.domain.alerts.rules import find_broken_rule
from console.domain.clock import TimeScale
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState
from console.store.alerts import alerts, candidates
from console.store.alerts.candidates import ChangedRow
from console.store.database.engine import Database
from tests.bench import filling, plans
from tests.bench.plans import Query
from tests.support import server_schema
from tests.support.servers import Server

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
QUERY_BY_NAME: dict[str, Query] = {
    "a stretch of orders": lambda conn: candidates.list_candidate_order_ids(conn, 100, 200),
    "the newest order": candidates.find_newest_order_id,
    "the feed": lambda conn: candidates.list_changed_rows(conn, 7, 50),
    "the feed's end": candidates.find_latest_change_id,
    "orders of payments": lambda conn: candidates.find_changed_order_ids(
        conn, [ChangedRow(1, "payment", n, NOW) for n in range(1, 9)]
    ),
    "orders with their payments": lambda conn: candidates.read_orders_with_payments(conn, range(1, 9)),
    "open alerts of orders": lambda conn: alerts.read_open_alerts_of_subjects(conn, "order", range(1, 9)),
}


@pytest.fixture(scope="module")
def sqlite_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("suspects") / "console.db"
    shutil.copy(empty_database, file)
    with closing(Database(f"sqlite:///{file}")) as opened:
        yield opened


@pytest.fixture(scope="module")
def mariadb_database(mariadb_server: Server) -> Iterator[Database]:
    with mariadb_server.create_temporary_database() as url, closing(Database(url, without_time_limit=True)) as opened:
        server_schema.create_schema(mariadb_server, url)
        with mariadb_server.connect(database=urlsplit(url).path[1:]) as connection, connection.cursor() as cursor:
            filling.fill_server(cursor, 1_000, 5_000)
        yield opened


@pytest.mark.parametrize("engine_name", ["sqlite", "mariadb"])
@pytest.mark.parametrize("query_function", QUERY_BY_NAME.values(), ids=QUERY_BY_NAME)
def test_no_table_is_read_as_a_whole(request: pytest.FixtureRequest, engine_name: str, query_function: Query) -> None:
    """The number of rows that a query of candidates reads depends on the range of orders, and not on the number of
    all orders.
    """
    database: Database = request.getfixturevalue(f"{engine_name}_database")
    steps = plans.read_plan_steps(database, query_function)
    assert not plans.find_whole_table_steps(steps), steps


@pytest.mark.parametrize(
    ("engine_name", "entered"),
    [
        ("sqlite", "SEARCH orders USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ("mariadb", "range orders PRIMARY"),
    ],
)
def test_a_range_of_orders_is_read_by_the_primary_key(
    request: pytest.FixtureRequest, engine_name: str, entered: str
) -> None:
    """The database reads a range of orders by the primary key. An index of states would have to be read as a
    whole."""
    steps = plans.read_plan_steps(
        request.getfixturevalue(f"{engine_name}_database"), QUERY_BY_NAME["a stretch of orders"]
    )
    assert [step for step in steps if "orders" in step and step.startswith(entered)], steps
    assert not plans.find_sort_steps(steps), steps


def test_every_order_that_breaks_a_rule_is_a_candidate(empty_database: Path, tmp_path: Path) -> None:
    """The query of candidates finds every order that breaks a rule. The orders have each state, each with one or two
    payments in each state, and with payments that are late, or that were given back in full.
    """
    file = tmp_path / "console.db"
    shutil.copy(empty_database, file)
    _insert_orders(file)
    with closing(Database(f"sqlite:///{file}")) as database, database.read() as conn:
        newest = candidates.find_newest_order_id(conn)
        candidate_ids = candidates.list_candidate_order_ids(conn, 0, newest)
        affected_order_ids = {
            order.id
            for start in range(1, newest + 1, 500)
            for order, paid in candidates.read_orders_with_payments(conn, range(start, start + 500))
            if find_broken_rule(order, paid, NOW, TimeScale()) is not None
        }
    assert len(affected_order_ids) > newest // 4
    assert affected_order_ids <= candidate_ids


def _insert_orders(file: Path) -> None:
    """Insert three orders for each combination of states of one or two payments: an ordinary one, one whose second
    payment is late, and one whose payments were given back in full. The database file has no triggers, because other
    programs may have written such rows before the triggers existed.
    """
    at = "2026-11-19 03:00:00.000000"
    pairs = [(one, other) for one in PaymentState for other in (None, *PaymentState)]
    states = [(*pair, *facts) for pair in pairs for facts in ((None, 0), ("expired", 0), (None, 9))]
    orders = [(state, *paid) for state in OrderState for paid in states]
    with closing(sqlite3.connect(file)) as conn:
        for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            conn.execute(f"DROP TRIGGER {name}")
        conn.executemany(
            "INSERT INTO orders (id, merch_txn_id, total_amount, status, created_at, updated_at)"
            " VALUES (?, ?, 9, ?, ?, ?)",
            [(number, f"ORD-{number}", order[0], at, at) for number, order in enumerate(orders, start=1)],
        )
        paid = [
            (
                number,
                f"ORD-{number}-{place}",
                state,
                late if place else None,
                at,
                at,
                given_back_minor,
                given_back_minor,
            )
            for number, (_, one, other, late, given_back_minor) in enumerate(orders, start=1)
            for place, state in enumerate((one, other))
            if state is not None
        ]
        conn.executemany(
            "INSERT INTO payments (order_id, provider, merchant_payment_id, status, late_after, created_at,"
            " changed_at, captured_minor, refunded_minor, currency, asked_minor)"
            " VALUES (?, 'paypay', ?, ?, ?, ?, ?, ?, ?, 'JPY', 9)",
            paid,
        )
        conn.commit()
