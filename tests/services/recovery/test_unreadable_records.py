"""A record whose row this program can't read, such as one with a state of a newer program, doesn't hide the other
records of its list.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from console.app import Console
from console.domain.payments.records import Order
from console.domain.payments.states import PaymentState, RefundState
from console.domain.process.lease_names import make_credit_check_lease_name
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn
from console.domain.records import PurchaseRequest, Work, WorkState
from console.services.guarded.leases import hold_lease
from console.services.tasks import due_tasks
from console.store.alerts import candidates
from console.store.database import unreadable_rows
from console.store.payments import orders, payment_deadlines, payments
from console.store.queues import queues
from console.store.refunds import refunds
from console.store.schema.core import operations
from console.store.schema.legacy_table import TABLE_NAME
from tests.services.recovery.test_all_record_kinds import REVIEW_WORK, connection, console, insert_order
from tests.store.credit_checks.test_joined_reads import make_operation_row
from tests.store.money_rows import (
    NOW,
    insert_begun_payment,
    insert_paid_payment,
    insert_requested_refund,
    move_refund_to_state,
)
from tests.support.bulk_stage import insert_unknown_checks
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.places import Place

__all__ = ["connection", "console"]

pytestmark = pytest.mark.expects_log("rows that can't be read are told")
PROBE_WORK = Work(WorkState.SCHEDULED, at=NOW, reason="outcome_unknown")
FAR_FUTURE = datetime(2200, 1, 1, tzinfo=UTC)
BY_AMOUNT = QueueSortOrder(SortColumn.AMOUNT)
SORT_ORDER_BY_NAME = {
    "default order": DEFAULT_SORT_ORDER,
    "newest first": QueueSortOrder(SortColumn.AGE, is_descending=True),
}


def read_kinds_and_ids(console: Console, queue: str, limit: int, order: QueueSortOrder) -> list[tuple[str, int]]:
    """Read the queue page by page, and return kind and id of its records."""
    records, cursor = list[tuple[str, int]](), None
    while True:
        page = console.recovery.read_queue(queue, limit, cursor, sort_order=order)
        records += [(type(item.record).__name__, item.record.id) for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return records


@pytest.mark.parametrize("order", SORT_ORDER_BY_NAME.values(), ids=SORT_ORDER_BY_NAME)
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_an_unreadable_payment_hides_no_other_record(
    console: Console, connection: Connection, limit: int, order: QueueSortOrder
) -> None:
    """If the program can't read a payment's row, the queue lists all other records, also those on later pages, and
    a case names the payment.
    """
    unreadable_rows._logged_rows.clear()
    unreadable_rows.pop_unreported_rows()
    ids = [insert_begun_payment(connection, f"P-{number}", work=REVIEW_WORK).id for number in range(4)]
    connection.exec_driver_sql(f"UPDATE payments SET status = 'future' WHERE id = {ids[1]}")
    others = [("Payment", id) for id in ids if id != ids[1]]
    assert sorted(read_kinds_and_ids(console, "review", limit, order)) == others
    due_tasks.open_cases_of_unreadable_rows(console._context)
    assert [(one.subject_kind, one.subject_id) for one in console.alerts.list_alerts()] == [("payment", ids[1])]
    (incident,) = console.incidents.list_incidents()
    assert (incident.cause.kind, incident.cause.id) == ("payment", ids[1])
    assert console.incidents.count_waiting_incidents() == len(console.alerts.list_open_alert_items()) == 1


def test_an_order_with_an_unreadable_payment_hides_no_other_order(console: Console, connection: Connection) -> None:
    """The explanation of an order would be wrong without its unreadable payment: the order is left out, with a case,
    and the other orders are listed.
    """
    unreadable_rows._logged_rows.clear()
    unreadable_rows.pop_unreported_rows()
    first, second = (insert_order(connection, f"ORD-{number}") for number in (1, 2))
    payment = insert_begun_payment(connection, "P-1", order_id=first)
    connection.exec_driver_sql(f"UPDATE payments SET status = 'future' WHERE id = {payment.id}")
    assert read_kinds_and_ids(console, "pending", 50, DEFAULT_SORT_ORDER) == [("Order", second)]
    due_tasks.open_cases_of_unreadable_rows(console._context)
    (incident,) = console.incidents.list_incidents()
    assert (incident.cause.kind, incident.cause.id) == ("order", first)
    assert console.incidents.count_waiting_incidents() == len(console.alerts.list_open_alert_items()) == 1


def make_due_payments(connection: Connection) -> list[int]:
    """Insert three payments that are due to be probed, and return their ids."""
    return [insert_begun_payment(connection, f"P-{number}", work=PROBE_WORK).id for number in range(3)]


def make_overdue_payments(connection: Connection) -> list[int]:
    """Insert three waiting payments whose deadline has passed, the oldest deadline first, and return their ids."""
    return [
        insert_begun_payment(
            connection, f"P-{number}", state=PaymentState.USER_PAYMENT, expires_at=NOW - timedelta(minutes=9 - number)
        ).id
        for number in range(3)
    ]


def make_refunds(connection: Connection, state: RefundState | None = None, **facts: Any) -> list[int]:
    """Insert three refunds of three payments, each in the state `state` (None: requested), and return their ids.
    `facts` are further arguments of `insert_requested_refund`, the same for each refund.
    """
    ids = list[int]()
    for number in range(3):
        refund = insert_requested_refund(connection, insert_paid_payment(connection, f"P-{number}"), **facts)
        ids.append(refund.id if state is None else move_refund_to_state(connection, refund, state).id)
    return ids


LISTS_BY_NAME: Mapping[
    str, tuple[str, Callable[[Connection], list[int]], Callable[[Connection, int], Sequence[Any]]]
] = {
    "due payments": (
        "payments",
        make_due_payments,
        lambda conn, limit: payments.list_due_payments(conn, ["outcome_unknown"], NOW, limit),
    ),
    "overdue payments": (
        "payments",
        make_overdue_payments,
        lambda conn, limit: payment_deadlines.list_overdue_payments(conn, "payment_timeout", NOW, limit),
    ),
    "due refunds": (
        "refunds",
        lambda conn: make_refunds(conn, work=PROBE_WORK),
        lambda conn, limit: refunds.list_due_refunds(conn, ["outcome_unknown"], NOW, limit, ["paypay"]),
    ),
    "refunds that wait for a decision": (
        "refunds",
        make_refunds,
        lambda conn, limit: refunds.list_refunds_waiting_for_decision(conn, NOW, limit),
    ),
    "refunds overdue for a decision": (
        "refunds",
        lambda conn: make_refunds(conn, decide_by=NOW - timedelta(hours=1)),
        lambda conn, limit: refunds.list_refunds_overdue_for_decision(conn, NOW, limit),
    ),
    "refunds overdue for sending": (
        "refunds",
        lambda conn: make_refunds(conn, RefundState.APPROVED, decide_by=NOW - timedelta(hours=1), work=REVIEW_WORK),
        lambda conn, limit: refunds.list_refunds_overdue_for_sending(conn, NOW, limit, 0),
    ),
}


@pytest.mark.parametrize("name", LISTS_BY_NAME)
def test_unreadable_rows_stop_no_work_on_others(connection: Connection, name: str) -> None:
    """A list of records on which a due task works leaves out the rows that can't be read, also if more of them
    come first than the list may have rows: the task works on the others.
    """
    table, make_rows, list_rows = LISTS_BY_NAME[name]
    ids = make_rows(connection)
    assert sorted(row.id for row in list_rows(connection, 10)) == ids
    column = {"payments": "late_after", "refunds": "reason_code"}[table]
    connection.exec_driver_sql(f"UPDATE {table} SET {column} = 'future' WHERE id <> {ids[2]}")
    assert [row.id for row in list_rows(connection, 1)] == [row.id for row in list_rows(connection, 10)] == [ids[2]]


def test_unreadable_credit_checks_stop_no_probe_of_others(
    place: Place, console: Console, connection: Connection
) -> None:
    """The list of due credit checks leaves out the rows that can't be read, also if more of them come first than the
    list may have rows.
    """
    ids = sorted(record.id for record in insert_unknown_checks(console, CORPORATION_NUMBERS[:3]))
    place.drop_table_triggers(TABLE_NAME)
    connection.exec_driver_sql(
        f"UPDATE {TABLE_NAME} SET work_state = 'scheduled', work_reason = 'unknown', work_at = '2026-01-01 00:00:00'"
    )

    def list_due_ids(limit: int) -> list[int]:
        return sorted(due.id for due in queues.list_due_credit_checks(connection, "unknown", NOW, limit))

    assert list_due_ids(10) == ids
    connection.exec_driver_sql(f"UPDATE {TABLE_NAME} SET certainty = 'future' WHERE id <> {ids[2]}")
    assert list_due_ids(1) == list_due_ids(10) == [ids[2]]


@pytest.mark.parametrize("kind", ["order", "refund"])
def test_an_unreadable_record_hides_no_other_record_in_lists_of_people(
    console: Console, connection: Connection, kind: str
) -> None:
    """If the program can't read the row of a record, the inbox of approvals and the list of unfinished work still
    have the other refunds. The lists of alerts and incidents have a case about the unreadable record, and the
    other cases.
    """
    unreadable_rows._logged_rows.clear()
    unreadable_rows.pop_unreported_rows()
    order_ids, refund_ids = list[int](), list[int]()
    for number in range(2):
        order_ids.append(insert_order(connection, f"ORD-{number}"))
        payment = insert_paid_payment(connection, f"P-{number}", order_id=order_ids[-1])
        refund_ids.append(insert_requested_refund(connection, payment, decide_by=FAR_FUTURE).id)
    bad_id, column = {"order": (order_ids[1], "work_state"), "refund": (refund_ids[1], "reason_code")}[kind]
    connection.exec_driver_sql(f"UPDATE {kind}s SET {column} = 'future' WHERE id = {bad_id}")
    inbox = console.refunds.read_inbox()
    listed = [refund.id for refund in (*inbox.refunds_to_decide, *inbox.other_refunds)]
    assert listed == (refund_ids if kind == "order" else refund_ids[:1])
    with console._context.database.read() as conn:
        assert len(candidates.read_orders_with_payments(conn, order_ids)) == (1 if kind == "order" else 2)
    console.left_open.list_items()
    due_tasks.open_cases_of_unreadable_rows(console._context)
    assert [(one.subject_kind, one.subject_id) for one in console.alerts.list_alerts()] == [(kind, bad_id)]
    (incident,) = console.incidents.list_incidents()
    assert (incident.cause.kind, incident.cause.id) == (kind, bad_id)
    assert console.incidents.count_waiting_incidents() == len(console.alerts.list_open_alert_items()) == 1


def test_an_unreadable_payment_hides_no_other_summary_of_a_request(console: Console, connection: Connection) -> None:
    """If the program can't read the payment of one refund request, the list of approvals still has the summaries
    of the other requests.
    """
    pays = [insert_paid_payment(connection, f"P-{number}") for number in range(2)]
    ids = [insert_requested_refund(connection, payment, decide_by=FAR_FUTURE).id for payment in pays]
    connection.exec_driver_sql(f"UPDATE payments SET late_after = 'future' WHERE id = {pays[0].id}")
    assert list(console.refunds.read_summaries(ids)) == [ids[1]]


@pytest.mark.parametrize(
    ("table", "column", "hidden_kinds"),
    [
        ("payments", "late_after", {"payment", "order", "refund"}),
        ("refunds", "reason_code", {"refund", "payment", "order"}),
        ("orders", "work_state", {"order", "payment"}),
        (TABLE_NAME, "certainty", {"credit-check"}),
    ],
)
def test_an_unreadable_row_hides_no_other_record_in_searches(
    place: Place, console: Console, connection: Connection, table: str, column: str, hidden_kinds: set[str]
) -> None:
    """A search and the lookup of a company list the records that have nothing to do with the unreadable row."""
    place.drop_table_triggers(TABLE_NAME)
    insert_unknown_checks(console, CORPORATION_NUMBERS[:1])
    kinds = {"order", "payment", "refund", "credit-check"}
    for number in range(2):
        order_id = orders.insert_order(
            connection, orders.NewOrder(f"ORD-{number}", 3_300, corporation_number=CORPORATION_NUMBERS[0]), NOW
        )
        payment = insert_paid_payment(
            connection, f"ORD-{number}", order_id=order_id, corporation_number=CORPORATION_NUMBERS[0]
        )
        insert_requested_refund(connection, payment)

    def search_and_count_records() -> list[dict[str, int]]:
        """Return the numbers of the records found by a lookup and by a search, each by kind."""
        looked_up, search_result = (
            console.lookup.find_records(CORPORATION_NUMBERS[0]),
            console.lookup.search(CORPORATION_NUMBERS[0]),
        )
        groups = (looked_up.orders, looked_up.payments, looked_up.refunds, looked_up.credit_checks)
        return [
            dict(zip(("order", "payment", "refund", "credit-check"), map(len, groups), strict=True)),
            {kind: len(group.records) for kind, group in search_result.records_by_kind.items()},
        ]

    whole = {"order": 2, "payment": 2, "refund": 2, "credit-check": 1}
    assert search_and_count_records() == [whole, whole]
    first_id = connection.exec_driver_sql(f"SELECT MIN(id) FROM {table}").scalar()
    connection.exec_driver_sql(f"UPDATE {table} SET {column} = 'future' WHERE id = {first_id}")
    rest = {kind: whole[kind] - (kind in hidden_kinds) for kind in kinds}
    assert search_and_count_records() == [rest, rest]


def test_an_unreadable_record_hides_no_unfinished_operation(
    place: Place, console: Console, connection: Connection
) -> None:
    """If the program can't read the record of an unfinished operation, the operation is listed without its record,
    and the other operation with its record.
    """
    for table in (TABLE_NAME, operations.name):
        place.drop_table_triggers(table)
    ids = sorted(record.id for record in insert_unknown_checks(console, CORPORATION_NUMBERS[:2]))
    connection.execute(insert(operations), [make_operation_row(id, "credit-check.purchase", "unknown") for id in ids])
    connection.exec_driver_sql(f"UPDATE {TABLE_NAME} SET certainty = 'future' WHERE id = {ids[0]}")
    listed = console.recovery.list_unfinished_operations()
    assert sorted(str(item.record.id if item.record else None) for item in listed) == sorted(["None", str(ids[1])])


def test_an_unreadable_refund_has_no_lease_holder_of_another_record(console: Console, connection: Connection) -> None:
    """If the program can't read the refund of an unfinished operation, the operation doesn't name the person who has
    the lease of a credit check with the same id, and its next step isn't about AlarmBox."""
    refund_id = make_refunds(connection)[0]
    row = make_operation_row(refund_id, "refund.submit", "unknown") | {"subject_kind": "refund"}
    connection.execute(insert(operations), row)
    connection.exec_driver_sql(f"UPDATE refunds SET status = 'future' WHERE id = {refund_id}")
    with hold_lease(console._context, make_credit_check_lease_name(refund_id)):
        (item,) = console.recovery.list_unfinished_operations()
    assert (item.record, item.holder, item.next_step.code) == (None, None, "next.resolve_operation_money")


@pytest.mark.parametrize(
    ("table", "column"), [("orders", "total_amount"), ("payments", "asked_minor"), ("refunds", "refund_amount")]
)
def test_a_text_in_a_column_of_amounts_hides_no_other_record(
    place: Place, console: Console, connection: Connection, table: str, column: str
) -> None:
    """SQLite stores the text `3,300` of an imported file as an amount, which the program can't read. Queues,
    search and lookup still list the other records.
    """
    if connection.dialect.name != "sqlite":
        return
    for number in range(2):
        orders.insert_order(
            connection, orders.NewOrder(f"O-{number}", 3_300, corporation_number=CORPORATION_NUMBERS[0]), NOW
        )
        insert_begun_payment(connection, f"P-{number}", corporation_number=CORPORATION_NUMBERS[0])
        paid = insert_paid_payment(connection, f"PAID-{number}", corporation_number=CORPORATION_NUMBERS[0])
        insert_requested_refund(connection, paid)
    place.drop_table_triggers(table)
    connection.exec_driver_sql(f"UPDATE {table} SET {column} = '3,300' WHERE id = 1")
    queue = "refunds" if table == "refunds" else "pending"
    kind = {"orders": "Order", "payments": "Payment", "refunds": "Refund"}[table]
    for sort_order, limit in ((DEFAULT_SORT_ORDER, 50), (BY_AMOUNT, 50), (BY_AMOUNT, 1)):
        listed = {ref for ref in read_kinds_and_ids(console, queue, limit, sort_order) if ref[0] == kind}
        assert (kind, 1) not in listed
        assert listed
    group = {"orders": "order", "payments": "payment", "refunds": "refund"}[table]
    searched_ids = [
        record.id for record in console.lookup.search(CORPORATION_NUMBERS[0]).records_by_kind[group].records
    ]
    looked_up = [record.id for record in getattr(console.lookup.find_records(CORPORATION_NUMBERS[0]), table)]
    assert searched_ids
    assert sorted(searched_ids) == sorted(looked_up)
    assert 1 not in searched_ids


def test_a_text_that_is_not_utf8_hides_no_record(place: Place, console: Console, connection: Connection) -> None:
    """SQLite stores the Shift_JIS bytes of an imported file as a text. The queue, the search and the lookup list the
    order, with replacement characters.
    """
    if connection.dialect.name != "sqlite":
        return
    ids = [
        orders.insert_order(
            connection, orders.NewOrder(f"O-{n}", 3_300, corporation_number=CORPORATION_NUMBERS[0]), NOW
        )
        for n in range(2)
    ]
    place.drop_table_triggers("orders")
    connection.exec_driver_sql("UPDATE orders SET payment_method = CAST(x'8ba08d73' AS TEXT) WHERE id = 1")
    assert read_kinds_and_ids(console, "pending", 50, DEFAULT_SORT_ORDER) == [("Order", id) for id in ids]
    assert [order.id for order in console.lookup.find_records(CORPORATION_NUMBERS[0]).orders] == ids[::-1]
    found_orders = [order for order in console.lookup.search("O-").orders.records if isinstance(order, Order)]
    assert {order.id: order.payment_method for order in found_orders} == {1: "\ufffd\ufffd\ufffds", 2: None}


def test_an_unreadable_credit_check_hides_no_other_page(
    place: Place, console: Console, connection: Connection
) -> None:
    """The page of a credit check opens, without the unreadable credit checks of the same number in its history."""
    first, newest = (
        console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], client)) for client in ("1", "2")
    )
    place.drop_table_triggers(TABLE_NAME)
    connection.exec_driver_sql(f"UPDATE {TABLE_NAME} SET certainty = 'future' WHERE id = {newest.id}")
    assert [check.id for check in console.credit_checks.read_credit_check(first.id).history] == [first.id]
