"""Tests of the time since which a record has its present state. Only a change of the state or of the certainty
changes this time, whichever program writes the change."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from console.domain.audit.actions import AuditAction
from console.domain.payments.records import Order, OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CreditCheck, Work, WorkState
from console.store.credit_checks import credit_checks
from console.store.database.engine import Database
from console.store.database.instants import convert_to_known_instant
from console.store.migrations import upgrade as migrate
from console.store.payments import balances, orders, payments
from console.store.refunds import refunds
from tests.store.migrations.test_old_chain import create_old_schema, open_empty_database
from tests.store.money_rows import (
    NOW,
    insert_begun_payment,
    insert_paid_payment,
    insert_requested_refund,
    reread_payment,
    reread_refund,
)
from tests.support.places import CHECKS_TABLE, Engine, Place

ONE_HOUR_LATER, TWO_HOURS_LATER = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
SCHEDULED_COLUMNS = {"work_state": WorkState.SCHEDULED, "work_at": TWO_HOURS_LATER, "work_reason": "unknown"}


def find_check(conn: Connection, record_id: int) -> CreditCheck:
    record = credit_checks.find(conn, record_id)
    assert record is not None
    return record


def find_order(conn: Connection, order_id: int) -> Order:
    order = orders.find(conn, order_id)
    assert order is not None
    return order


def test_a_payment_stores_since_when_it_has_its_state(connection: Connection) -> None:
    """A change of the state, and an unknown outcome, set the time since which the payment has its state. Work, the
    answer to a probe and a reservation leave this time unchanged."""
    payment = insert_begun_payment(connection)
    assert payment.state_since == NOW
    payments.change_payment(
        connection, payment, ONE_HOUR_LATER, **SCHEDULED_COLUMNS, provider_state="CREATED", told_at=ONE_HOUR_LATER
    )
    assert (
        reread_payment(connection, payment.id).state_since,
        reread_payment(connection, payment.id).changed_at,
    ) == (
        NOW,
        ONE_HOUR_LATER,
    )
    payments.change_payment(
        connection, reread_payment(connection, payment.id), ONE_HOUR_LATER, certainty=Certainty.UNKNOWN
    )
    assert reread_payment(connection, payment.id).state_since == ONE_HOUR_LATER
    payments.change_payment(
        connection, reread_payment(connection, payment.id), TWO_HOURS_LATER, certainty=Certainty.UNKNOWN
    )
    assert reread_payment(connection, payment.id).state_since == ONE_HOUR_LATER
    payments.change_payment(
        connection, reread_payment(connection, payment.id), TWO_HOURS_LATER, status=PaymentState.TOKEN_GENERATED
    )
    assert reread_payment(connection, payment.id).state_since == TWO_HOURS_LATER
    done = insert_paid_payment(connection, "ORD-2")
    assert balances.reserve_amount(connection, done.id, 500, TWO_HOURS_LATER)
    assert (reread_payment(connection, done.id).state_since, reread_payment(connection, done.id).changed_at) == (
        NOW,
        TWO_HOURS_LATER,
    )


def test_a_lapsed_call_is_unknown_since_its_beginning(connection: Connection) -> None:
    """The outcome of a lapsed call is unknown since the call began, both before and after a due task has stored the
    lapse."""
    payment = insert_begun_payment(connection)
    lapsed_payment = payments.find(connection, payment.id, frozenset({payment.id}))
    assert lapsed_payment is not None
    assert (lapsed_payment.certainty, lapsed_payment.state_since) == (Certainty.UNKNOWN, NOW)
    payments.change_payment(connection, lapsed_payment, ONE_HOUR_LATER, certainty=Certainty.UNKNOWN)
    assert reread_payment(connection, payment.id).state_since == NOW


def test_the_state_of_a_refund_has_its_time(connection: Connection) -> None:
    """The time since which the refund has its state doesn't change when work is scheduled; a change of the state sets
    it."""
    refund = insert_requested_refund(connection, insert_paid_payment(connection))
    assert refund.state_since == NOW
    refunds.change_refund(connection, refund, ONE_HOUR_LATER, **SCHEDULED_COLUMNS)
    assert (reread_refund(connection, refund.id).state_since, reread_refund(connection, refund.id).changed_at) == (
        NOW,
        ONE_HOUR_LATER,
    )
    refunds.change_refund(
        connection, reread_refund(connection, refund.id), TWO_HOURS_LATER, status=RefundState.WITHDRAWN
    )
    assert reread_refund(connection, refund.id).state_since == TWO_HOURS_LATER


def test_the_state_of_a_credit_check_has_its_time(connection: Connection) -> None:
    """An unknown outcome sets the time since which the credit check has its state. An error code and a new version
    leave this time and the time of the sending (`sent_at`) unchanged."""
    record_id = credit_checks.insert_pending_check(connection, "1", "1180301018771", "op-1", NOW, None)
    record = find_check(connection, record_id)
    assert (record.state_since, record.sent_at) == (NOW, NOW)
    credit_checks.change_record(
        connection, record, ONE_HOUR_LATER, certainty="unknown", **credit_checks.make_work_values(Work())
    )
    assert find_check(connection, record_id).state_since == ONE_HOUR_LATER
    credit_checks.change_record(
        connection, find_check(connection, record_id), TWO_HOURS_LATER, error_code="read_timeout"
    )
    credit_checks.increment_version(connection, find_check(connection, record_id), TWO_HOURS_LATER)
    record = find_check(connection, record_id)
    assert (record.state_since, record.sent_at, record.changed_at) == (ONE_HOUR_LATER, NOW, TWO_HOURS_LATER)


def test_the_state_of_an_order_has_its_time(connection: Connection) -> None:
    """The column `state_since` of an order is set by a change of its state, and isn't changed by other changes, such
    as scheduled work.
    """
    order_id = orders.insert_order(connection, orders.NewOrder("ORD-9", 3_300), NOW)
    orders.write_order_work(
        connection,
        find_order(connection, order_id),
        ONE_HOUR_LATER,
        Work(WorkState.SCHEDULED, TWO_HOURS_LATER, "waiting"),
    )
    orders.fill_empty_columns(
        connection, find_order(connection, order_id), ONE_HOUR_LATER, {"payment_method": "paypay"}
    )
    orders.change_order(connection, find_order(connection, order_id), ONE_HOUR_LATER, work_reason="unknown")
    assert find_order(connection, order_id).state_since == NOW
    orders.change_order(connection, find_order(connection, order_id), TWO_HOURS_LATER, status=OrderState.PAID)
    assert find_order(connection, order_id).state_since == TWO_HOURS_LATER


STATEMENTS_OF_OTHER_APPLICATIONS = {
    CHECKS_TABLE: (
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number) VALUES (1, '1180301018771')",
        f"UPDATE {CHECKS_TABLE} SET company_name = '架空'",
        f"UPDATE {CHECKS_TABLE} SET credit_check_id = 77",
    ),
    "orders": (
        "INSERT INTO orders (merch_txn_id, total_amount) VALUES ('ORD-1', 3300)",
        "UPDATE orders SET user_id = 'u-1', updated_at = '2026-01-01 00:00:00'",
        "UPDATE orders SET status = 'cancelled'",
    ),
}


@pytest.mark.parametrize("table", STATEMENTS_OF_OTHER_APPLICATIONS)
def test_the_database_dates_states_that_other_applications_write(place: Place, table: str) -> None:
    """The database sets the time since which a row has its state if another application inserts the row or changes
    its state.
    """
    with closing(Database(place.url(""))) as database:
        migrate.upgrade(database)
        insert, touch, change = STATEMENTS_OF_OTHER_APPLICATIONS[table]
        before = datetime.now(UTC) - timedelta(seconds=2)
        write = place.execute_as_shop if table == CHECKS_TABLE else place.sql
        write(insert)
        first = read_state_since(database, table)
        assert first is not None
        assert before <= first <= datetime.now(UTC) + timedelta(seconds=2)
        write(touch)
        assert read_state_since(database, table) == first
        write(change)
        second = read_state_since(database, table)
        assert second is not None
        assert second > first


def read_state_since(database: Database, table: str) -> datetime | None:
    with database.read() as conn:
        return convert_to_instant(conn.exec_driver_sql(f"SELECT state_since FROM {table}").scalar_one())


def convert_to_instant(stored: str | datetime) -> datetime | None:
    return convert_to_known_instant(datetime.fromisoformat(stored) if isinstance(stored, str) else stored)


INSERT_OLD_ROWS_SQL = f"""INSERT INTO payments (id, provider, merchant_payment_id, status, certainty, currency,
    asked_minor, created_at, changed_at) VALUES
    (1, 'paypay', 'P-1', 'completed', 'known', 'JPY', 100, '{{begun}}', '{{written}}'),
    (2, 'paypay', 'P-2', 'initializing', 'unknown', 'JPY', 100, '{{begun}}', '{{written}}'),
    (3, 'paypay', 'P-3', 'expired', 'known', 'JPY', 100, '{{begun}}', '{{written}}');
INSERT INTO orders (id, merch_txn_id, total_amount, status, created_at, updated_at)
    VALUES (1, 'ORD-1', 100, 'pending', '{{begun}}', '{{written}}'), (2, 'ORD-2', 100, 'paid', NULL, NULL);
INSERT INTO {CHECKS_TABLE} (id, client_id, corporation_number, status, operation_id, changed_at)
    VALUES (1, 1, '7010001065142', 'error', 'op-1', '{{written}}'), (2, 2, '7010001065142', 'pending', NULL, NULL)"""
INSERT_AUDIT_ENTRY_SQL = """INSERT INTO audit_log (session, seq, at, who, desk, what, subject_kind, subject_id,
    result,
    detail, prev_hash, hash) VALUES ('s', {seq}, '2026-10-0{day} 03:00:00.000000', 'op-a', 'd', '{what}', '{kind}',
    '{subject}', 'done', '{{}}', '', '')"""
AUDIT_ENTRIES = (
    ("payment", "1", AuditAction.PAYMENT_BOOKED),
    ("payment", "1", AuditAction.PAYMENT_PROBED),
    ("payment", "2", AuditAction.PAYMENT_BOOKED),
    ("payment", "2", AuditAction.PAYMENT_UNKNOWN),
    ("credit-check", "1", AuditAction.CREDIT_CHECK_NOT_BOUGHT),
    ("order", "2", AuditAction.ORDER_PAID),
)
ROWS_BEGUN_AT, ROWS_WRITTEN_AT = "2026-10-01 03:00:00.000000", "2026-10-09 03:00:00.000000"
EXPECTED_STATE_SINCE = {
    "payments": {1: "2026-10-02", 2: "2026-10-05", 3: "2026-10-09"},
    "orders": {1: "2026-10-09", 2: "2026-10-07"},
    CHECKS_TABLE: {1: "2026-10-06", 2: None},
}


@pytest.fixture(params=["0006", "0011"])
def upgraded_database(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Yield a database of an older version with records and audit entries, after two upgrades."""
    with open_empty_database(engine, tmp_path / "old") as old:
        create_old_schema(old, request.param)
        with old.write_without_retries() as tx:
            drop_triggers(tx.conn)
            for statement in INSERT_OLD_ROWS_SQL.format(begun=ROWS_BEGUN_AT, written=ROWS_WRITTEN_AT).split(";"):
                tx.conn.exec_driver_sql(statement)
            for seq, (kind, subject, what) in enumerate(AUDIT_ENTRIES):
                values = {"seq": seq, "day": seq + 2, "what": what, "kind": kind, "subject": subject}
                tx.conn.exec_driver_sql(INSERT_AUDIT_ENTRY_SQL.format(**values))
        migrate.upgrade(old)
        migrate.upgrade(old)
        yield old


def drop_triggers(conn: Connection) -> None:
    """Drop the triggers of an SQLite database, which would refuse rows without earlier states. A server database of
    the old migrations has no triggers yet."""
    if conn.dialect.name == "sqlite":
        for name in conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            conn.exec_driver_sql(f"DROP TRIGGER {name}")


@pytest.mark.parametrize("table", EXPECTED_STATE_SINCE)
def test_states_of_old_rows_are_dated_by_audit_entries(upgraded_database: Database, table: str) -> None:
    """The upgrade dates the state of an old row by the newest audit entry about its present state, or else by the
    row's last write. The state of the other application's row gets no date.
    """
    with upgraded_database.read() as conn:
        rows = conn.exec_driver_sql(f"SELECT id, state_since FROM {table} ORDER BY id").all()
    dates = {number: convert_to_instant(stored) for number, stored in rows}
    assert {number: str(at.date()) if at else None for number, at in dates.items()} == EXPECTED_STATE_SINCE[table]
