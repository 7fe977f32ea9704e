"""Tests of the shop's stock reservations: the program releases each reservation once and changes nothing else in
it.
"""

from datetime import timedelta

import pytest

from console.domain.tasks.states import StockState
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.payments import stock_reservations as stock
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW
from tests.support.places import Place

FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)
HELD, RELEASED, USED = StockState.HELD, StockState.RELEASED, StockState.USED


def insert_reservations(place: Place) -> None:
    """Insert the shop's stock reservations: for order 1 two that are held and one that was used, for order 2 one that
    is held."""
    rows = "(1, 'tea', 2, 'held'), (1, 'cups', 6, 'held'), (1, 'pot', 1, 'used'), (2, 'tea', 9, 'held')"
    place.sql(f"INSERT INTO stock_reservations (order_id, item, quantity, status) VALUES {rows}")


def test_open_reservations_of_an_order_are_released_once(place: Place, databases: tuple[Database, ...]) -> None:
    """Only the held reservations of the given order are released. Used reservations and those of other orders are
    unchanged. The change feed gets an entry for the order.
    """
    insert_reservations(place)
    database = databases[0]
    with database.read() as conn:
        mark, _ = change_feed.list_changes_since(conn, None)
        assert [(one.item, one.quantity) for one in stock.list_held_reservations(conn, 1)] == [
            ("tea", 2),
            ("cups", 6),
        ]
    assert database.write(lambda tx: stock.release_reservations(tx.conn, 1, NOW)) == 2
    assert database.write(lambda tx: stock.release_reservations(tx.conn, 1, FIVE_MINUTES_LATER)) == 0
    with database.read() as conn:
        assert stock.list_held_reservations(conn, 1) == ()
        assert [one.state for one in stock.find_by_order(conn, 1)] == [RELEASED, RELEASED, USED]
        assert [one.state for one in stock.find_by_order(conn, 2)] == [HELD]
        assert change_feed.list_changes_since(conn, mark)[1] == (("order", 1),)
    assert len(place.sql("SELECT 1 FROM stock_reservations WHERE updated_at IS NOT NULL")) == 2


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_releases_succeed_once(place: Place, databases: tuple[Database, ...]) -> None:
    """Many processes release an order's reservations at the same moment; each reservation is released once."""
    insert_reservations(place)
    assert sorted(run_at_once(databases, lambda tx, _: stock.release_reservations(tx.conn, 1, NOW)))[-1] == 2
    with databases[0].read() as conn:
        assert [one.state for one in stock.find_by_order(conn, 1)] == [RELEASED, RELEASED, USED]
