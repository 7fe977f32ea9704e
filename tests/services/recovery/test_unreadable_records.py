"""A record whose row this program can't read, such as one with a state of a newer program, doesn't hide the other
records of its list.
"""

import pytest
from sqlalchemy import Connection

from console.app import Console
from console.domain.queues.order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn
from console.domain.records import Work, WorkState
from console.services.tasks import due_tasks
from console.store.database import unreadable_rows
from console.store.payments import payments
from tests.services.recovery.test_found_together import REVIEW_WORK, connection, console, insert_order
from tests.store.money_rows import NOW, insert_begun_payment

__all__ = ["connection", "console"]

pytestmark = pytest.mark.expects_log("rows that can't be read are told")
ORDERS = {"default order": DEFAULT_SORT_ORDER, "newest first": QueueSortOrder(SortColumn.AGE, is_descending=True)}


def read_refs(console: Console, queue: str, limit: int, order: QueueSortOrder) -> list[tuple[str, int]]:
    """Read the queue page by page, and return kind and id of its records."""
    found, cursor = list[tuple[str, int]](), None
    while True:
        page = console.recovery.read_queue(queue, limit, cursor, order=order)
        found += [(type(item.record).__name__, item.record.id) for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_an_unreadable_payment_hides_no_other_record(
    console: Console, connection: Connection, limit: int, order: QueueSortOrder
) -> None:
    """The queue lists all other records, also those on later pages, and a case names the payment."""
    unreadable_rows._logged_rows.clear()
    unreadable_rows.pop_unreported_rows()
    ids = [insert_begun_payment(connection, f"P-{number}", work=REVIEW_WORK).id for number in range(4)]
    connection.exec_driver_sql(f"UPDATE payments SET status = 'future' WHERE id = {ids[1]}")
    others = [("Payment", id) for id in ids if id != ids[1]]
    assert sorted(read_refs(console, "review", limit, order)) == others
    due_tasks.open_cases_of_unreadable_rows(console._context)
    assert [(one.subject_kind, one.subject_id) for one in console.alerts.list_alerts()] == [("payment", ids[1])]
    (incident,) = console.incidents.list_incidents()
    assert (incident.cause.kind, incident.cause.id) == ("payment", ids[1])
    assert console.incidents.count_waiting_incidents() == len(console.alerts.list_open_items()) == 1


def test_an_order_with_an_unreadable_payment_hides_no_other_order(console: Console, connection: Connection) -> None:
    """The explanation of an order would be wrong without its unreadable payment: the order is left out, with a case,
    and the other orders are listed.
    """
    unreadable_rows._logged_rows.clear()
    unreadable_rows.pop_unreported_rows()
    first, second = (insert_order(connection, f"ORD-{number}") for number in (1, 2))
    payment = insert_begun_payment(connection, "P-1", order_id=first)
    connection.exec_driver_sql(f"UPDATE payments SET status = 'future' WHERE id = {payment.id}")
    assert read_refs(console, "pending", 50, DEFAULT_SORT_ORDER) == [("Order", second)]
    due_tasks.open_cases_of_unreadable_rows(console._context)
    (incident,) = console.incidents.list_incidents()
    assert (incident.cause.kind, incident.cause.id) == ("order", first)
    assert console.incidents.count_waiting_incidents() == len(console.alerts.list_open_items()) == 1


def test_an_unreadable_payment_stops_no_work_on_others(connection: Connection) -> None:
    work = Work(WorkState.SCHEDULED, at=NOW, reason="outcome_unknown")
    ids = [insert_begun_payment(connection, f"P-{number}", work=work).id for number in range(2)]
    connection.exec_driver_sql(f"UPDATE payments SET status = 'future' WHERE id = {ids[0]}")
    assert [due.id for due in payments.list_due_payments(connection, ["outcome_unknown"], NOW, 10)] == [ids[1]]
