"""The cursor of a page is valid for its own list only: its queue, filter and sort order. Another list refuses it, in
the services and in the rows of the window."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise, product

import pytest
from sqlalchemy import Connection

from console.app import Console
from console.domain.error_reasons import UsageProblem
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.filters import NO_FILTER, RecordFilter
from console.domain.queues.order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn
from console.domain.records import PurchaseRequest
from console.services.process.list_cursors import format_list_cursor, parse_list_cursor
from console.views.queues.cause_groups import make_group_reader
from console.views.queues.rows import QueueListQuery, make_row_reader
from tests.services.recovery.test_found_together import REVIEW_WORK, connection, console, list_kinds_and_ids
from tests.store.money_rows import insert_begun_payment
from tests.support.desks import NUMBERS
from tests.support.refusals import call_for_refusal

__all__ = ["connection", "console"]

ORDERS = tuple(QueueSortOrder(column, is_descending) for column, is_descending in product(SortColumn, (False, True)))
OTHER_FILTER = parse_filter("provider:atom,paypay").record_filter


@pytest.fixture
def pages(console: Console, connection: Connection) -> Callable[..., str]:
    """A function that reads a page of one record of a list of three payments and returns its cursor."""
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
    """Assert that the call is refused as one with an unreadable cursor."""
    refused = call_for_refusal(call)
    assert (refused.code, refused.detail) == ("usage", {"problem": UsageProblem.UNREADABLE_CURSOR})


def test_each_order_refuses_the_cursors_of_the_others(console: Console, pages: Callable[..., str]) -> None:
    """A cursor continues the list whose page contains it; with another column, or in the opposite direction, it is
    refused, also if the sort keys have the same types."""
    cursors = {order: pages(order=order) for order in ORDERS}
    for order, cursor in cursors.items():
        first = console.recovery.read_queue("pending", 1, None, NO_FILTER, order)
        rest = console.recovery.read_queue("pending", 50, cursor, NO_FILTER, order)
        kinds_and_ids = list_kinds_and_ids(first.items + rest.items)
        assert len(kinds_and_ids) == len(set(kinds_and_ids)) == 3
    for index, other in enumerate(ORDERS):
        for order in (ORDERS[index - 1], ORDERS[index - 2], ORDERS[index - len(ORDERS) // 2]):
            require_refused(partial(pages, order=other, after=cursors[order]))


def test_another_filter_or_queue_refuses_the_cursor(console: Console, pages: Callable[..., str]) -> None:
    """A cursor is refused by the same queue with another filter and by another queue, in the default sort order and
    in a chosen one. Two texts of the same filter are the same list.
    """
    for order in (DEFAULT_SORT_ORDER, QueueSortOrder(SortColumn.AMOUNT, is_descending=True)):
        plain = pages(order=order)
        filtered = pages(record_filter=OTHER_FILTER, order=order)
        require_refused(partial(pages, record_filter=OTHER_FILTER, order=order, after=plain))
        require_refused(partial(pages, order=order, after=filtered))
        require_refused(partial(pages, "review", order=order, after=plain))
        same_filter = parse_filter("provider:paypay,ATOM").record_filter
        assert pages(record_filter=same_filter, order=order, after=filtered) != filtered


def test_the_rows_of_the_window_refuse_the_cursor_of_another_query(
    console: Console, pages: Callable[..., str]
) -> None:
    """The reader of a query reads on with its own cursors only, in words, grouped by cause, and plain."""
    queries = (
        QueueListQuery("pending"),
        QueueListQuery("review"),
        QueueListQuery("pending", record_filter=OTHER_FILTER),
        QueueListQuery("pending", order=QueueSortOrder(SortColumn.CLIENT)),
        QueueListQuery("pending", order=QueueSortOrder(SortColumn.OWNER)),
        QueueListQuery("pending", order=QueueSortOrder(SortColumn.OWNER, is_descending=True)),
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
    """A page of a record's timeline leads on in this timeline only."""
    one, other = (console.credit_checks.purchase(PurchaseRequest(number, "1")) for number in NUMBERS[:2])
    page = console.recovery.read_timeline("credit-check", one.id, 1)
    assert console.recovery.read_timeline("credit-check", str(one.id), 50, page.next_cursor).events
    require_refused(lambda: console.recovery.read_timeline("credit-check", other.id, 50, page.next_cursor))


@pytest.mark.parametrize("text", ["", ".", "5", "5.", "5.0123456789ab", "é.x", "\ud800", "5." + "0" * 5_000])
def test_a_text_without_the_mark_of_the_list_is_refused(text: str) -> None:
    """No text without the mark is read, however long or short it is; a mark is never cut from another text."""
    require_refused(lambda: parse_list_cursor(text, "notices"))
    cursor = format_list_cursor("5", "notices")
    assert parse_list_cursor(cursor, "notices") == "5"
    for other in (cursor[:-1], cursor + "0", cursor.upper() + "X", cursor.replace("5.", "6", 1)):
        require_refused(partial(parse_list_cursor, other, "notices"))
    require_refused(lambda: parse_list_cursor(cursor, "companies"))
