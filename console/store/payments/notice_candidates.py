"""Finds the payments and orders to which an unmatched notice may belong: those with a number of the notice, or
with its amount and day. Each query uses an index and returns a limited number of rows."""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import BindParameter, Column, Connection, Integer, bindparam
from sqlalchemy.sql.elements import ColumnElement

from console.domain.payments.records import Order, OrderState, Payment
from console.domain.records import WorkState
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import orders, payments
from console.store.schema.column_types import Instant
from console.store.schema.payments import orders as order_rows
from console.store.schema.payments import payments as payment_rows

MAX_CANDIDATES = 5
"""Largest number of rows that each query reads; in a search by numbers, this many for each number."""
_NUMBERS_PARAMETER: BindParameter[str] = bindparam("numbers", expanding=True)
_LIMIT_PARAMETER: BindParameter[int] = bindparam("limit", type_=Integer)
_PAYMENTS_BY_OUR_NUMBER_QUERY = (
    payments.get_all_rows_query()
    .where(payment_rows.c.merchant_payment_id.in_(_NUMBERS_PARAMETER))
    .limit(_LIMIT_PARAMETER)
)
_PAYMENTS_BY_PROVIDER_ID_QUERY = (
    payments.get_all_rows_query()
    .where(payment_rows.c.provider_payment_id.in_(_NUMBERS_PARAMETER))
    .limit(_LIMIT_PARAMETER)
)
_ORDERS_BY_NUMBER_QUERY = (
    orders.get_all_rows_query().where(order_rows.c.merch_txn_id.in_(_NUMBERS_PARAMETER)).limit(_LIMIT_PARAMETER)
)


def _make_period_condition(column: Column[datetime]) -> ColumnElement[bool]:
    """Return an SQL condition: the instant in `column` is between the parameters `since` and `until`."""
    return column.between(bindparam("since", type_=Instant), bindparam("until", type_=Instant))


_PROVIDER_AND_PRICE_CONDITIONS = (
    payment_rows.c.provider == bindparam("provider"),
    payment_rows.c.currency == bindparam("currency"),
    payment_rows.c.asked_minor == bindparam("amount_minor"),
)
_PAYMENTS_OF_DAY_QUERIES = [
    payments.get_all_rows_query()
    .where(*_PROVIDER_AND_PRICE_CONDITIONS, _make_period_condition(column))
    .order_by(column)
    .limit(_LIMIT_PARAMETER)
    for column in (payment_rows.c.begun_at, payment_rows.c.paid_at)
]
_ORDERS_OF_DAY_QUERY = (
    orders.get_all_rows_query()
    .where(
        order_rows.c.status == OrderState.PENDING.value,
        order_rows.c.work_state == bindparam("work_state"),
        _make_period_condition(order_rows.c.state_since),
        order_rows.c.currency == bindparam("currency"),
        order_rows.c.total_amount == bindparam("amount_minor"),
    )
    .order_by(order_rows.c.state_since)
    .limit(_LIMIT_PARAMETER)
)


def find_by_numbers(conn: Connection, numbers: Collection[str]) -> tuple[Order | Payment, ...]:
    """Return the payments and orders that have one of these numbers: as our payment number, as the provider's id
    of a payment, or as order number. Rows that can't be read are left out."""
    if not numbers:
        return ()
    values = {"numbers": sorted(numbers), "limit": MAX_CANDIDATES * len(numbers)}
    records_by_key: dict[tuple[str, int], Order | Payment] = {}
    for query in (_PAYMENTS_BY_OUR_NUMBER_QUERY, _PAYMENTS_BY_PROVIDER_ID_QUERY):
        found_payments = payments.select_records(conn, query, values, skips_unreadable=True)
        records_by_key |= {(payments.PAYMENT_KIND, payment.id): payment for payment in found_payments}
    found_orders = orders.select_records(conn, _ORDERS_BY_NUMBER_QUERY, values, skips_unreadable=True)
    records_by_key |= {(orders.ORDER_KIND, order.id): order for order in found_orders}
    return tuple(records_by_key.values())


def find_by_amount_and_day(
    conn: Connection, provider: str, amount_minor: int, currency: str, since: datetime, until: datetime
) -> tuple[Order | Payment, ...]:
    """Return the payments and orders to which a notice with this amount and day may belong. First come the payments
    of the provider `provider` whose price is exactly `amount_minor` (minor units of `currency`) and that began or
    were paid from `since` to `until`. Then come the pending orders of any provider with this total whose state is
    pending since an instant of this period.

    Each query reads at most MAX_CANDIDATES rows, and every payment that the queries find is returned. Of the orders,
    MAX_CANDIDATES are returned, or more while payments and orders together are at most 2 * MAX_CANDIDATES.
    """
    values: dict[str, object] = {
        "amount_minor": amount_minor,
        "currency": currency,
        "since": convert_to_naive_utc(since),
        "until": convert_to_naive_utc(until),
        "limit": MAX_CANDIDATES,
    }
    payments_by_id: dict[int, Payment] = {}
    for query in _PAYMENTS_OF_DAY_QUERIES:
        rows = payments.select_records(conn, query, {**values, "provider": provider}, skips_unreadable=True)
        payments_by_id |= {record.id: record for record in rows}
    pending_orders = tuple(_read_pending_orders(conn, values))
    return (
        *payments_by_id.values(),
        *pending_orders[: max(MAX_CANDIDATES, 2 * MAX_CANDIDATES - len(payments_by_id))],
    )


def _read_pending_orders(conn: Connection, values: dict[str, object]) -> Iterator[Order]:
    """Yield the pending orders of the period and amount in `values` (parameters of the query). Each work state has
    a query of its own, because its rows are one range of an index."""
    for work_state in WorkState:
        values_of_state = {**values, "work_state": work_state.value}
        yield from orders.select_records(conn, _ORDERS_OF_DAY_QUERY, values_of_state, skips_unreadable=True)
