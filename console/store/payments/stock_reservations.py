"""Stock that the shop holds for orders: the console gives it free, and writes nothing else of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update

from console.domain.worker_records import StockState
from console.store import orders, swaps
from console.store.leases import naive
from console.store.worker_schema import stock_reservations

_t = stock_reservations.c
_ALL = (
    select(_t.id, _t.order_id, _t.item, _t.quantity, _t.status).where(_t.order_id == bindparam("of")).order_by(_t.id)
)
_HELD = _ALL.where(_t.status == StockState.HELD.value)
_RELEASE = (
    update(stock_reservations)
    .where(_t.order_id == bindparam("of"), _t.status == StockState.HELD.value)
    .values(status=StockState.RELEASED.value, updated_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class Reservation:
    """So many pieces of an item that are kept for an order."""

    id: int
    order_id: int
    item: str
    quantity: int
    state: StockState


def of_order(conn: Connection, order_id: int) -> tuple[Reservation, ...]:
    """All of an order's, whatever became of them."""
    return _select(conn, _ALL, order_id)


def held_of(conn: Connection, order_id: int) -> tuple[Reservation, ...]:
    """Those that are held still."""
    return _select(conn, _HELD, order_id)


def release(conn: Connection, order_id: int, now: datetime) -> int:
    """Give free what is held for an order: how many were. What was used or given free before stays so."""
    freed = conn.execute(_RELEASE, {"of": order_id, "at": naive(now)}).rowcount
    if freed:
        swaps.announce(conn, orders.KIND, order_id, now)
    return freed


def _select(conn: Connection, query: Select[Any], order_id: int) -> tuple[Reservation, ...]:
    found = conn.execute(query, {"of": order_id})
    return tuple(Reservation(row, of, item, pieces, StockState(state)) for row, of, item, pieces, state in found)
