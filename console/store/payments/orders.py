"""Rows of orders. The shop inserts them; the console changes their state. The console writes only if both version
and state of the row are unchanged, because the shop doesn't increment the version."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, String, bindparam, or_, select, update
from sqlalchemy import insert as into

from console.domain.corporation_number import DIGIT_COUNT
from console.domain.lookup.number_input import find_corporation_number
from console.domain.payments.records import Order, OrderState
from console.domain.records import Work, WorkReason, WorkState
from console.domain.transitions import tables as states
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.compare_and_swap import make_work_values as make_work_values
from console.store.database.compare_and_swap import run_again_if_stale as run_again_if_stale
from console.store.database.instants import convert_to_known_instant, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.claim_columns import make_has_number_condition
from console.store.schema.payments import orders, payments

ORDER_KIND = "order"
ORDER_COLUMNS = (
    orders.c.id, orders.c.merch_txn_id, orders.c.corporation_number, orders.c.number_key, orders.c.status,
    orders.c.currency, orders.c.total_amount, orders.c.version, orders.c.payment_method, orders.c.created_at,
    orders.c.updated_at, orders.c.work_state, orders.c.work_at, orders.c.work_reason, orders.c.work_attempts,
    orders.c.atom_token_id, orders.c.atom_txn_id, orders.c.state_since,
)  # fmt: skip
UNREADABLE_STATE_REASON = WorkReason.STATE_UNREADABLE
"""Work reason of an order whose stored state isn't an `OrderState`."""

_ORDERS_QUERY = select(*ORDER_COLUMNS)
_ORDER_BY_ID_QUERY = _ORDERS_QUERY.where(orders.c.id == bindparam("order_id"))
_ORDERS_BY_ID_QUERY = _ORDERS_QUERY.where(orders.c.id.in_(bindparam("ids", expanding=True)))
_ORDER_BY_NUMBER_QUERY = _ORDERS_QUERY.where(orders.c.merch_txn_id == bindparam("order_number"))
_ORDERS_OF_CORPORATION_QUERY = _ORDERS_QUERY.where(make_has_number_condition(orders.c.number_key))
_PAYMENT_IDS_OF_ORDERS_QUERY = (
    select(payments.c.order_id, payments.c.id)
    .where(payments.c.order_id.in_(bindparam("ids", expanding=True)))
    .order_by(payments.c.order_id, payments.c.id)
)
_INSERT_ORDER_STATEMENT = into(orders)
_COLUMNS_NEVER_CHANGED = frozenset(
    {"id", "version", "merch_txn_id", "corporation_number", "total_amount", "currency", "created_at"}
)
_KNOWN_ORDER_STATES = frozenset(state.value for state in OrderState)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be inserted as the shop would insert it. `merch_txn_id` is the order number, `user_id` the shop's
    id of the customer, `payment_method` the shop's name of the way of paying; `total_minor` is in minor units of
    `currency`. A field is None if the shop left it empty. `state_since` None: the instant of the INSERT."""

    merch_txn_id: str
    total_minor: int
    currency: str = "JPY"
    corporation_number: str | None = None
    user_id: str | None = None
    payment_method: str | None = None
    state: OrderState = OrderState.PENDING
    state_since: datetime | None = None
    """The instant since which the order has this state; None: the instant of the INSERT."""


def find(conn: Connection, order_id: int) -> Order | None:
    """Return one order; None if there is none."""
    return _find_first_order(conn, _ORDER_BY_ID_QUERY, {"order_id": order_id})


def find_by_ids(conn: Connection, ids: Collection[int], *, skips_unreadable: bool = False) -> tuple[Order, ...]:
    """Return the orders with these ids, in any order. If `skips_unreadable` is True, leave out the rows that this
    program can't read and report them (`unreadable_rows`); otherwise such a row raises one of READ_ERRORS.
    """
    if not ids:
        return ()
    return select_records(conn, _ORDERS_BY_ID_QUERY, {"ids": sorted(ids)}, skips_unreadable=skips_unreadable)


def find_by_number(conn: Connection, merch_txn_id: str) -> Order | None:
    """Return the order with this order number; None if there is none."""
    return _find_first_order(conn, _ORDER_BY_NUMBER_QUERY, {"order_number": merch_txn_id})


def list_numbers_with_prefix(conn: Connection, prefix: str) -> tuple[str, ...]:
    """Return the order numbers that begin with `prefix`."""
    query = select(orders.c.merch_txn_id).where(orders.c.merch_txn_id.startswith(prefix, autoescape=True))
    return tuple(number for number in conn.scalars(query) if number.startswith(prefix))


def find_by_corporation(conn: Connection, corporation_number: str) -> tuple[Order, ...]:
    """Return the orders of a corporation, newest first. Rows that can't be read are left out."""
    values = {"number": corporation_number}
    unsorted_orders = select_records(conn, _ORDERS_OF_CORPORATION_QUERY, values, skips_unreadable=True)
    # Not by SQL: the index has the orders of each spelling of the number in order, and a server would sort them all.
    return tuple(sorted(unsorted_orders, key=lambda order: order.id, reverse=True))


def get_all_rows_query() -> Select[Any]:
    """Return the query of all orders with the columns that `read_orders` needs. The caller adds conditions to it."""
    return _ORDERS_QUERY


def select_records(
    conn: Connection, query: Select[Any], values: Mapping[str, object], *, skips_unreadable: bool = False
) -> tuple[Order, ...]:
    """Run a query made from `get_all_rows_query()`, with the parameters `values`, and return its orders. If
    `skips_unreadable` is True, leave out the rows that this program can't read and report them (`unreadable_rows`);
    otherwise such a row raises one of READ_ERRORS.
    """
    if not skips_unreadable:
        return read_orders(conn, conn.execute(query, values).all())
    return unreadable_rows.select_readable_records(
        conn, query, values, lambda rows: read_orders(conn, rows, skips_unreadable=True)
    )


def read_orders(conn: Connection, rows: Sequence[Row[Any]], *, skips_unreadable: bool = False) -> tuple[Order, ...]:
    """Return the orders of rows of `get_all_rows_query()`, with the ids of their payments. If `skips_unreadable` is
    True, leave out the rows that this program can't read and report them (`unreadable_rows`); otherwise such a row
    raises one of READ_ERRORS.
    """
    ids: dict[int, tuple[int, ...]] = {}
    for order_id, payment_id in (
        conn.execute(_PAYMENT_IDS_OF_ORDERS_QUERY, {"ids": [row.id for row in rows]}) if rows else ()
    ):
        ids[order_id] = (*ids.get(order_id, ()), payment_id)

    def make_order(row: Row[Any]) -> Order:
        return make_record(row, ids.get(row.id, ()))

    if not skips_unreadable:
        return tuple(map(make_order, rows))
    return unreadable_rows.read_readable_rows(orders.name, rows, make_order, lambda row: (ORDER_KIND, row.id))


def _find_first_order(conn: Connection, query: Select[Any], values: Mapping[str, object]) -> Order | None:
    return next(iter(select_records(conn, query, values)), None)


def make_record(row: Sequence[Any], payment_ids: tuple[int, ...]) -> Order:
    """Convert a row of `ORDER_COLUMNS` into an order with the ids of its payments. If the stored state isn't an
    `OrderState`, the returned order is pending and its work says that a person must look; the row isn't
    changed.
    """
    (
        order_id, order_number, stored_corporation_number, number_key, status, currency, total_minor, version,
        payment_method, created_at, updated_at, work_state, work_at, work_reason, attempts, token, transaction,
        state_since,
    ) = row  # fmt: skip
    unreadable_rows.require_numbers(total_minor, version, attempts)
    texts = (order_number, stored_corporation_number, payment_method, token, transaction)
    order_number, stored_corporation_number, payment_method, token, transaction = map(
        unreadable_rows.convert_to_text, texts
    )
    work = Work(WorkState(work_state), read_as_utc(work_at), work_reason, attempts)
    if status not in _KNOWN_ORDER_STATES:
        status, work = OrderState.PENDING, Work(WorkState.NEEDS_REVIEW, reason=UNREADABLE_STATE_REASON)
    return Order(
        id=order_id,
        merch_txn_id=order_number or "",
        corporation_number=_get_normalised_number(number_key, stored_corporation_number),
        state=OrderState(status),
        currency=currency,
        total_minor=total_minor,
        payment_ids=payment_ids,
        version=version,
        payment_method=payment_method,
        atom_token_id=token,
        atom_txn_id=transaction,
        created_at=convert_to_known_instant(created_at),
        changed_at=convert_to_known_instant(updated_at),
        state_since=convert_to_known_instant(state_since),
        work=work,
    )


def _get_normalised_number(key: str | None, stored_number: str | None) -> str | None:
    """Return the normalised corporation number of an order. `stored_number` is the stored number, `key` the column
    `number_key`, which SQL derives from it. If SQL couldn't normalise the stored number, this function parses
    `stored_number`. If that fails too, return `key` (None if `key` is empty)."""
    if key is None or len(key) != DIGIT_COUNT:
        return find_corporation_number(stored_number) or key or None
    return key


def insert_order(conn: Connection, order: NewOrder, now: datetime) -> int:
    """Insert an order as the shop does, for samples and tests, and return its id. Raises IntegrityError if an order
    with this order number exists.
    """
    row = {
        "merch_txn_id": order.merch_txn_id,
        "total_amount": order.total_minor,
        "currency": order.currency,
        "corporation_number": order.corporation_number,
        "user_id": order.user_id,
        "payment_method": order.payment_method,
        "status": order.state.value,
        "created_at": convert_to_naive_utc(now),
        "updated_at": convert_to_naive_utc(now),
        "state_since": convert_to_naive_utc(order.state_since or now),
    }
    return compare_and_swap.insert_and_announce(conn, ORDER_KIND, _INSERT_ORDER_STATEMENT, row, now)


def change_order(conn: Connection, order: Order, now: datetime, **values: object) -> None:
    """Write `values`, by column name, into the order's row. They may be aware instants and enum members.

    Raises StaleRow if the row's version or stored state isn't the same as in `order`. So a change by the shop that
    leaves the state unchanged isn't noticed, and an order with an unreadable state can't be changed. Raises
    ForbiddenTransition (a bug of the caller) for a state change that ORDER_TRANSITIONS doesn't allow, or for a column
    that never changes.
    """
    compare_and_swap.refuse_fixed_columns(_COLUMNS_NEVER_CHANGED, values)
    if "status" in values:
        values["status"] = new_state = OrderState(str(values["status"]))
        states.require_transition(states.ORDER_TRANSITIONS, order.state, new_state)
    written_values = {**values, "updated_at": now}
    if values.get("status", order.state) is not order.state:
        written_values["state_since"] = now
    compare_and_swap.update_if_unchanged(conn, orders, (order.id, order.version), written_values, status=order.state)
    compare_and_swap.announce_change(conn, ORDER_KIND, order.id, now)


def write_order_work(conn: Connection, order: Order, now: datetime, work: Work) -> None:
    """Write the work of an order (its next step). Only the columns of the work and the version change, not even
    `updated_at`. Raises StaleRow if the row's version or stored state isn't the same as in `order`."""
    compare_and_swap.update_if_unchanged(
        conn, orders, (order.id, order.version), make_work_values(work), status=order.state
    )
    compare_and_swap.announce_change(conn, ORDER_KIND, order.id, now)


def fits_order_column(column: str, value: str) -> bool:
    """True if the text `value` isn't too long for this column of the table `orders`."""
    kind = orders.c[column].type
    return not isinstance(kind, String) or kind.length is None or len(value) <= kind.length


def fill_empty_columns(conn: Connection, order: Order, now: datetime, values: Mapping[str, str]) -> None:
    """Write `values` (texts by column name) into columns of an order's row that are empty; `updated_at` doesn't
    change.

    Raises StaleRow if the row's version or stored state isn't the same as in `order`, or if one of the columns isn't
    empty any more: the shop writes without incrementing the version.
    """
    are_empty_conditions = [or_(orders.c[column].is_(None), orders.c[column] == "") for column in values]
    unchanged_conditions = (
        orders.c.id == order.id,
        orders.c.version == order.version,
        orders.c.status == order.state.value,
    )
    statement = (
        update(orders)
        .where(*unchanged_conditions, *are_empty_conditions)
        .values({**values, "version": order.version + 1})
    )
    if conn.execute(statement).rowcount != 1:
        raise StaleRow(order.id)
    compare_and_swap.announce_change(conn, ORDER_KIND, order.id, now)
