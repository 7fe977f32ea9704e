"""Rows of stock that the shop reserves for orders. The console only changes their state from held to released."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update

from console.domain.tasks.states import StockState
from console.store.database import compare_and_swap
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import orders
from console.store.schema.worker import stock_reservations

_RESERVATIONS_QUERY = (
    select(
        stock_reservations.c.id,
        stock_reservations.c.order_id,
        stock_reservations.c.item,
        stock_reservations.c.quantity,
        stock_reservations.c.status,
    )
    .where(stock_reservations.c.order_id == bindparam("reserved_order_id"))
    .order_by(stock_reservations.c.id)
)
_HELD_RESERVATIONS_QUERY = _RESERVATIONS_QUERY.where(stock_reservations.c.status == StockState.HELD.value)
_RELEASE_RESERVATIONS_STATEMENT = (
    update(stock_reservations)
    .where(
        stock_reservations.c.order_id == bindparam("reserved_order_id"),
        stock_reservations.c.status == StockState.HELD.value,
    )
    .values(status=StockState.RELEASED.value, updated_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class StockReservation:
    """A stock reservation: `quantity` pieces of `item` are reserved for an order."""

    id: int
    order_id: int
    item: str
    quantity: int
    state: StockState


def find_by_order(conn: Connection, order_id: int) -> tuple[StockReservation, ...]:
    """Return all reservations of an order, in any state."""
    return _select_reservations(conn, _RESERVATIONS_QUERY, order_id)


def list_held_reservations(conn: Connection, order_id: int) -> tuple[StockReservation, ...]:
    """Return the stock reservations of an order in state held: neither released nor used."""
    return _select_reservations(conn, _HELD_RESERVATIONS_QUERY, order_id)


def release_reservations(conn: Connection, order_id: int, now: datetime) -> int:
    """Change the held stock reservations of an order to released and return their number. Used and released
    reservations don't change."""
    released_count = conn.execute(
        _RELEASE_RESERVATIONS_STATEMENT, {"reserved_order_id": order_id, "at": convert_to_naive_utc(now)}
    ).rowcount
    if released_count:
        compare_and_swap.announce_change(conn, orders.ORDER_KIND, order_id, now)
    return released_count


def _select_reservations(conn: Connection, query: Select[Any], order_id: int) -> tuple[StockReservation, ...]:
    rows = conn.execute(query, {"reserved_order_id": order_id})
    return tuple(
        StockReservation(row_id, order, item, quantity, StockState(state))
        for row_id, order, item, quantity, state in rows
    )
