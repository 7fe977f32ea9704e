"""Tests that the cursor of a page is valid only for its list, which is defined by queue, filter and sort order. The
services, and the readers of the window's rows, refuse it for another list."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import pairwise, product

import pytest
from sqlalchemy import Connection

from console.app import Console
from console.domain.payments.records import Order
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.filters import NO_FILTER, RecordFilter
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn
from console.domain.records import PurchaseRequest
from console.domain.usage_problems import UsageProblem
from console.services.process.list_cursors import format_list_cursor, parse_list_cursor
from console.store.payments import orders
from console.store.records import takes
from console.views.queues.cause_groups import make_group_reader
from console.views.queues.rows import QueueListQuery, make_row_reader
from tests.services.recovery.test_all_record_kinds import REVIEW_WORK, connection, console, list_kinds_and_ids
from tests.services.recovery.test_unreadable_records import read_kinds_and_ids
from tests.store.money_rows import NOW, insert_begun_payment
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.refusals import call_for_refusal

__all__ = ["connection", "console"]

SORT_ORDERS = tuple(
    QueueSortOrder(column, is_descending) for column, is_descending in product(SortColumn, (False, True))
)
OTHER_FILTER = parse_filter("provider:atom,paypay").record_filter


@pytest.fixture
def read_page_cursor(console: Console, connection: Connection) -> Callable[..., str]:
    """Return a function that reads a page with one record of a list of three payments and returns the page's
    cursor.
    """
    for number in range(3):
        insert_begun_payment(connection, f"P-{number}", work=REVIEW_WORK)

    def read_cursor(
        queue: str = "pending",
        record_filter: RecordFilter = NO_FILTER,
        order: QueueSortOrder = DEFAULT_SORT_ORDER,
        after: str | None = None,
    ) -> str:
        page = console.recovery.read_queue(queue, 1, after, record_filter, order)
        assert page.next_cursor is not None
        return page.next_cursor

    return read_cursor


def require_refused(call: Callable[[], object]) -> None:
    """Check that the call is refused because its cursor is unreadable."""
    refused = call_for_refusal(call)
    assert (refused.code, refused.detail) == ("usage", {"problem": UsageProblem.UNREADABLE_CURSOR})


@pytest.mark.parametrize("order", [DEFAULT_SORT_ORDER, *SORT_ORDERS])
def test_a_full_last_page_has_no_cursor(
    console: Console, read_page_cursor: Callable[..., str], order: QueueSortOrder
) -> None:
    """A page that ends with the last record of the queue has no cursor, also if the page is full. An empty page after
    it would read as if the queue had no records."""
    assert console.recovery.read_queue("pending", 3, None, NO_FILTER, order).next_cursor is None
    first = console.recovery.read_queue("pending", 1, None, NO_FILTER, order)
    rest = console.recovery.read_queue("pending", 2, first.next_cursor, NO_FILTER, order)
    assert (len(rest.items), rest.next_cursor) == (2, None)


def test_each_sort_order_refuses_cursors_of_other_sort_orders(
    console: Console, read_page_cursor: Callable[..., str]
) -> None:
    """A cursor continues the list of its own page. With another sort column, or in the opposite direction, it is
    refused, also if the sort keys have the same types."""
    cursors = {order: read_page_cursor(order=order) for order in SORT_ORDERS}
    for order, cursor in cursors.items():
        first = console.recovery.read_queue("pending", 1, None, NO_FILTER, order)
        rest = console.recovery.read_queue("pending", 50, cursor, NO_FILTER, order)
        kinds_and_ids = list_kinds_and_ids(first.items + rest.items)
        assert len(kinds_and_ids) == len(set(kinds_and_ids)) == 3
    for index, other in enumerate(SORT_ORDERS):
        for order in (SORT_ORDERS[index - 1], SORT_ORDERS[index - 2], SORT_ORDERS[index - len(SORT_ORDERS) // 2]):
            require_refused(partial(read_page_cursor, order=other, after=cursors[order]))


@pytest.mark.parametrize("is_descending", [False, True])
def test_a_page_continues_after_any_amount_of_an_order(
    console: Console, connection: Connection, is_descending: bool
) -> None:
    """Another program can write any amount into an order. A queue that is sorted by amount continues after it."""
    amounts = (-(2**63), -7, 0, 5, 2**63 - 1)
    for minor in amounts:
        orders.insert_order(connection, orders.NewOrder(f"ORD{minor}", minor), NOW)
    read_amounts, cursor, order = list[int](), None, QueueSortOrder(SortColumn.AMOUNT, is_descending)
    for _ in amounts:
        page = console.recovery.read_queue("pending", 1, cursor, sort_order=order)
        read_amounts += [item.record.total_minor for item in page.items if isinstance(item.record, Order)]
        cursor = page.next_cursor
    assert read_amounts == sorted(amounts, reverse=is_descending)


def test_a_take_that_ends_between_two_pages_hides_no_record(console: Console, connection: Connection) -> None:
    """If a person gives a record back between two pages of a queue that is sorted by owner, the next page still has
    the other records of the last owner.
    """
    ids = [insert_begun_payment(connection, f"P-{number}").id for number in range(3)]
    now, order = console._context.now(), QueueSortOrder(SortColumn.OWNER)
    for payment_id, person in zip(ids, ("op-a", "op-b", "op-b"), strict=True):
        takes.take_record(connection, "payment", payment_id, person, now, now + timedelta(minutes=30))
    first = console.recovery.read_queue("pending", 2, sort_order=order)
    assert [item.owner for item in first.items] == ["op-a", "op-b"]
    takes.release_take(connection, "payment", ids[0], "op-a", console._context.now())
    rest = console.recovery.read_queue("pending", 2, first.next_cursor, sort_order=order)
    assert ids[2] in [item.record.id for item in rest.items]


@pytest.mark.parametrize("is_descending", [False, True])
def test_a_negative_client_id_is_no_end_of_the_pages(
    console: Console, connection: Connection, is_descending: bool
) -> None:
    """Another application has a check of a client with a negative id. A queue that is sorted by the client continues
    after it."""
    for number in range(3):
        connection.exec_driver_sql(
            "INSERT INTO hansha_alarmbox_credit_checks(client_id, corporation_number)"
            f" VALUES ({number - 1}, '{CORPORATION_NUMBERS[number]}')"
        )
    order = QueueSortOrder(SortColumn.CLIENT, is_descending)
    pages = read_kinds_and_ids(console, "pending", 1, order)
    assert pages == read_kinds_and_ids(console, "pending", 50, order)
    assert len(pages) == 3


def test_another_filter_or_queue_refuses_the_cursor(console: Console, read_page_cursor: Callable[..., str]) -> None:
    """The same queue with another filter, and another queue, refuse a cursor, in the default sort order and in a
    chosen one. A cursor is valid for the same filter in another spelling.
    """
    for order in (DEFAULT_SORT_ORDER, QueueSortOrder(SortColumn.AMOUNT, is_descending=True)):
        plain = read_page_cursor(order=order)
        filtered = read_page_cursor(record_filter=OTHER_FILTER, order=order)
        require_refused(partial(read_page_cursor, record_filter=OTHER_FILTER, order=order, after=plain))
        require_refused(partial(read_page_cursor, order=order, after=filtered))
        require_refused(partial(read_page_cursor, "review", order=order, after=plain))
        same_filter = parse_filter("provider:paypay,ATOM").record_filter
        assert read_page_cursor(record_filter=same_filter, order=order, after=filtered) != filtered


def test_the_rows_of_the_window_refuse_the_cursor_of_another_query(
    console: Console, read_page_cursor: Callable[..., str]
) -> None:
    """A cursor (the position of the next page) is valid only for the query that returned it. The window's row reader
    refuses a cursor of another queue, filter or sort order. The row reader of a cause group accepts its own cursors.
    """
    queries = (
        QueueListQuery("pending"),
        QueueListQuery("review"),
        QueueListQuery("pending", record_filter=OTHER_FILTER),
        QueueListQuery("pending", sort_order=QueueSortOrder(SortColumn.CLIENT)),
        QueueListQuery("pending", sort_order=QueueSortOrder(SortColumn.OWNER)),
        QueueListQuery("pending", sort_order=QueueSortOrder(SortColumn.OWNER, is_descending=True)),
    )
    for query, other in pairwise((*queries, queries[0])):
        first = make_row_reader(query)(console, None, 1)
        rest = make_row_reader(query)(console, first.next_cursor, 50)
        assert (len(first.rows), len(rest.rows), rest.next_cursor) == (1, 2, None)
        require_refused(partial(make_row_reader(other), console, first.next_cursor, 50))
    (group,) = console.recovery.read_cause_groups("pending").groups
    read = make_group_reader(QueueListQuery("pending"), [group.cause or "-"])
    first = read(console, None, 2)
    rest = read(console, first.next_cursor, 50)
    assert (len(first.rows), len(rest.rows), rest.next_cursor) == (2, 2, None)


def test_a_timeline_refuses_the_cursor_of_another_record(console: Console) -> None:
    """A cursor of a record's timeline is valid only for this timeline."""
    one, other = (console.credit_checks.purchase(PurchaseRequest(number, "1")) for number in CORPORATION_NUMBERS[:2])
    page = console.recovery.read_timeline("credit-check", one.id, 1)
    assert console.recovery.read_timeline("credit-check", str(one.id), 50, page.next_cursor).events
    require_refused(lambda: console.recovery.read_timeline("credit-check", other.id, 50, page.next_cursor))


@pytest.mark.parametrize("text", ["", ".", "5", "5.", "5.0123456789ab", "é.x", "\ud800", "5." + "0" * 5_000])
def test_a_text_without_the_mark_of_the_list_is_refused(text: str) -> None:
    """A cursor is refused without the mark of its list, however long or short the text is, and also if the mark was
    changed.
    """
    require_refused(lambda: parse_list_cursor(text, "notices"))
    cursor = format_list_cursor("5", "notices")
    assert parse_list_cursor(cursor, "notices") == "5"
    for other in (cursor[:-1], cursor + "0", cursor.upper() + "X", cursor.replace("5.", "6", 1)):
        require_refused(partial(parse_list_cursor, other, "notices"))
    require_refused(lambda: parse_list_cursor(cursor, "companies"))
