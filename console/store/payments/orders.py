"""Rows of the orders: the shop writes them, the console moves their state, by compare-and-swap on version and state
(the shop raises no version).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select
from sqlalchemy import insert as into

from console.domain import states
from console.domain.corporation_number import LENGTH, InvalidCorporationNumber, parse
from console.domain.order_records import Order, OrderState
from console.domain.records import Work, WorkState
from console.store import swaps
from console.store.leases import naive
from console.store.payment_rows import at
from console.store.payment_schema import orders, payments
from console.store.swaps import Stale as Stale
from console.store.swaps import runs_again as runs_again
from console.store.swaps import work_values as work_values

KIND = "order"
_t, _p = orders.c, payments.c
COLUMNS = (
    _t.id, _t.merch_txn_id, _t.corporation_number, _t.number_key, _t.status, _t.currency, _t.total_amount, _t.version,
    _t.payment_method, _t.created_at, _t.updated_at, _t.work_state, _t.work_at, _t.work_reason, _t.work_attempts,
)  # fmt: skip
UNREADABLE = "state_unreadable"
"""Work reason of an order in a state that the shop alone knows."""

_ALL = select(*COLUMNS)
_GET = _ALL.where(_t.id == bindparam("of"))
_BY_NUMBER = _ALL.where(_t.merch_txn_id == bindparam("of"))
_OF_CORPORATION = _ALL.where(_t.number_key == bindparam("of")).order_by(_t.id.desc())
_PAYMENTS = (
    select(_p.order_id, _p.id).where(_p.order_id.in_(bindparam("ids", expanding=True))).order_by(_p.order_id, _p.id)
)
_INSERT = into(orders)
_FIXED = frozenset({"id", "version", "merch_txn_id", "corporation_number", "total_amount", "currency", "created_at"})
_WORDS = frozenset(state.value for state in OrderState)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as a shop would write it; the sum in minor units of `currency`."""

    merch_txn_id: str
    total_minor: int
    currency: str = "JPY"
    corporation_number: str | None = None
    user_id: str | None = None
    payment_method: str | None = None
    state: OrderState = OrderState.PENDING


def find(conn: Connection, order_id: int) -> Order | None:
    """One order."""
    return _first(conn, _GET, {"of": order_id})


def by_number(conn: Connection, merch_txn_id: str) -> Order | None:
    """The order that people know by this number."""
    return _first(conn, _BY_NUMBER, {"of": merch_txn_id})


def of_corporation(conn: Connection, number: str) -> tuple[Order, ...]:
    """Orders of a corporation, newest first."""
    return select_records(conn, _OF_CORPORATION, {"of": number})


def all_records() -> Select[Any]:
    """Select of everything `read` needs, to be narrowed by the caller."""
    return _ALL


def select_records(conn: Connection, query: Select[Any], values: Mapping[str, object]) -> tuple[Order, ...]:
    """Orders of a narrowed `all_records()`."""
    return read(conn, conn.execute(query, values).all())


def read(conn: Connection, rows: Sequence[Row[Any]]) -> tuple[Order, ...]:
    """Rows of `all_records()` with the ids of their payments."""
    ids: dict[int, tuple[int, ...]] = {}
    for order_id, payment_id in conn.execute(_PAYMENTS, {"ids": [row.id for row in rows]}) if rows else ():
        ids[order_id] = (*ids.get(order_id, ()), payment_id)
    return tuple(to_record(row, ids.get(row.id, ())) for row in rows)


def _first(conn: Connection, query: Select[Any], values: Mapping[str, object]) -> Order | None:
    return next(iter(select_records(conn, query, values)), None)


def to_record(row: Sequence[Any], payment_ids: tuple[int, ...]) -> Order:
    """A row of `COLUMNS`. A state that we don't know is for a person, and never written over."""
    (
        order_id, number, raw_corporation, corporation, status, currency, total, version, method, created, updated,
        work_state, work_at, work_reason, attempts,
    ) = row  # fmt: skip
    work = Work(WorkState(work_state), at(work_at), work_reason, attempts)
    if status not in _WORDS:
        status, work = OrderState.PENDING, Work(WorkState.NEEDS_REVIEW, reason=UNREADABLE)
    return Order(
        id=order_id,
        merch_txn_id=number,
        corporation_number=_number(corporation, raw_corporation),
        state=OrderState(status),
        currency=currency,
        total_minor=total,
        payment_ids=payment_ids,
        version=version,
        payment_method=method,
        created_at=at(created),
        changed_at=at(updated),
        work=work,
    )


def _number(key: str | None, raw: str | None) -> str | None:
    """The normalised number, also of a spelling that SQL doesn't know."""
    if raw is not None and (key is None or len(key) != LENGTH):
        with suppress(InvalidCorporationNumber):
            return parse(raw).value
    return key or None


def insert(conn: Connection, new: NewOrder, now: datetime) -> int:
    """A new order's id, as a shop would write it: for samples and tests. IntegrityError where the number is taken."""
    row = {
        "merch_txn_id": new.merch_txn_id,
        "total_amount": new.total_minor,
        "currency": new.currency,
        "corporation_number": new.corporation_number,
        "user_id": new.user_id,
        "payment_method": new.payment_method,
        "status": new.state.value,
        "created_at": naive(now),
        "updated_at": naive(now),
    }
    return swaps.added(conn, KIND, _INSERT, row, now)


def change(conn: Connection, order: Order, now: datetime, **values: object) -> None:
    """Write columns if the row is still as `order` was read, by us and by the shop; instants may be aware, states
    their enums. Raises Stale, or ForbiddenTransition for a bug.
    """
    swaps.refuse_fixed(_FIXED, values)
    if "status" in values:
        values["status"] = target = OrderState(str(values["status"]))
        states.require(states.ORDER, order.state, target)
    written = {**values, "updated_at": now}
    swaps.swap(conn, orders, (order.id, order.version), written, status=order.state)
    swaps.announce(conn, KIND, order.id, now)


def plan(conn: Connection, order: Order, now: datetime, work: Work) -> None:
    """Write who does what next, and nothing else: `updated_at` stays the time of the order itself. Raises Stale."""
    swaps.swap(conn, orders, (order.id, order.version), work_values(work), status=order.state)
    swaps.announce(conn, KIND, order.id, now)
