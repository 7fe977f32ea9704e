"""Tests of the rows of orders, which the shop changes too. The program never overwrites a change that the shop has
made since the program read the row."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from console.domain.payments.records import Order, OrderState
from console.domain.records import Work, WorkState
from console.domain.transitions.tables import ForbiddenTransition
from console.store.payments import orders
from tests.store.money_rows import NOW, insert_begun_payment

CORPORATION_NUMBER = "1180301018771"


def insert_order(conn: Connection, number: str = "ORD-1", corporation: str | None = CORPORATION_NUMBER) -> Order:
    new = orders.NewOrder(number, 3_300, corporation_number=corporation)
    order = orders.find(conn, orders.insert_order(conn, new, NOW))
    assert order is not None
    return order


def change_state_as_shop(conn: Connection, order: Order, status: str) -> None:
    """Change the state of an order as the shop does, with the version unchanged."""
    conn.execute(text("UPDATE orders SET status = :status WHERE id = :id"), {"status": status, "id": order.id})


def test_an_order_is_found_by_every_id(connection: Connection) -> None:
    """An order is found by its id and its number, and with its payments. The orders of a corporation are listed from
    the newest to the oldest.
    """
    one, other = insert_order(connection), insert_order(connection, "ORD-2")
    ids = tuple(insert_begun_payment(connection, f"P-{i}", order_id=one.id).id for i in range(3))
    order_by_number = orders.find_by_number(connection, "ORD-1")
    assert order_by_number is not None
    assert (
        order_by_number.id,
        order_by_number.payment_ids,
        order_by_number.total_minor,
        order_by_number.currency,
    ) == (one.id, ids, 3_300, "JPY")
    assert orders.find_by_corporation(connection, CORPORATION_NUMBER) == (other, order_by_number)
    assert orders.find(connection, other.id + 1) is None


def test_order_numbers_are_unique(connection: Connection) -> None:
    """The database refuses a second order with the same number."""
    insert_order(connection)
    with pytest.raises(IntegrityError):
        insert_order(connection)


@pytest.mark.parametrize("written", ["1180-3010-18771", " 1180301018771", "1180301018771", "T1180301018771"])
def test_each_spelling_of_a_corporation_number_is_read(connection: Connection, written: str) -> None:
    """The program reads a corporation number as 13 digits, in whichever spelling the shop has written it."""
    assert insert_order(connection, corporation=written).corporation_number == CORPORATION_NUMBER


@pytest.mark.parametrize("written", [None, ""])
def test_a_missing_corporation_number_of_an_order_is_none(connection: Connection, written: str | None) -> None:
    """The corporation of an order is None if its corporation number is missing or empty."""
    assert insert_order(connection, corporation=written).corporation_number is None


def test_a_write_on_an_old_order_state_is_refused(connection: Connection) -> None:
    """The shop changes the state of an order without raising the version. A later write of the program that has read
    the former state fails with StaleRow."""
    former_order = insert_order(connection)
    change_state_as_shop(connection, former_order, "cancelled")
    with pytest.raises(orders.StaleRow):
        orders.change_order(connection, former_order, NOW, status=OrderState.PAID)
    present_order = orders.find(connection, former_order.id)
    assert present_order is not None
    assert (present_order.state, present_order.version) == (OrderState.CANCELLED, former_order.version)
    with pytest.raises(ForbiddenTransition):
        orders.change_order(connection, present_order, NOW, status=OrderState.PAID)


def test_a_payment_moves_its_order_along_the_transitions(connection: Connection) -> None:
    """A payment changes the state of its order along the transition table and stores the order's next step (work). A
    write by a caller with an older version raises StaleRow."""
    former_order = insert_order(connection)
    work = Work(WorkState.NEEDS_REVIEW, reason="paid_twice")
    orders.change_order(connection, former_order, NOW, status=OrderState.PAID, **orders.make_work_values(work))
    present_order = orders.find(connection, former_order.id)
    assert present_order is not None
    assert (present_order.state, present_order.work, present_order.version) == (
        OrderState.PAID,
        work,
        former_order.version + 1,
    )
    with pytest.raises(orders.StaleRow):
        orders.change_order(connection, former_order, NOW, status=OrderState.PAID)


@pytest.mark.parametrize("word", ["on hold", "PAID", ""])
def test_a_shop_state_that_the_program_does_not_know_is_not_changed(connection: Connection, word: str) -> None:
    """An order with a state that the program doesn't know waits for a person, and the program refuses to change that
    state.
    """
    former_order = insert_order(connection)
    change_state_as_shop(connection, former_order, word)
    present_order = orders.find(connection, former_order.id)
    assert present_order is not None
    assert present_order.work == Work(WorkState.NEEDS_REVIEW, reason=orders.UNREADABLE_STATE_REASON)
    with pytest.raises(orders.StaleRow):
        orders.change_order(connection, present_order, NOW, status=OrderState.PAID)


@pytest.mark.parametrize("column", ["merch_txn_id", "total_amount", "currency", "corporation_number"])
def test_number_amount_currency_and_corporation_of_an_order_cannot_change(
    connection: Connection, column: str
) -> None:
    """The program refuses to change the number, the amount, the currency and the corporation of an order."""
    with pytest.raises(ForbiddenTransition):
        orders.change_order(connection, insert_order(connection), NOW, **{column: 1})
