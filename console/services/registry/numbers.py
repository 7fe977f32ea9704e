"""Find the corporation numbers of records, with at most one query for payments and one for orders."""

from collections.abc import Mapping, Sequence

from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import orders, payments
from console.store.queues.table_queries import QueuedRecord

RecordTypeAndId = tuple[type, int]
"""Class and id of a record."""


def find_corporation_numbers(conn: Connection, records: Sequence[QueuedRecord]) -> dict[RecordTypeAndId, str]:
    """Return the corporation number of each record that has one, by type and id of the record. A payment without a
    number of its own has the number of its order; a refund has the number of its payment."""
    payment_by_id = _find_payments_of_refunds(conn, records)
    order_by_id = _find_orders_of_payments(conn, [*records, *payment_by_id.values()])
    numbers = {
        (type(record), record.id): _find_number_of_record(record, payment_by_id, order_by_id) for record in records
    }
    return {key: number for key, number in numbers.items() if number is not None}


def _find_number_of_record(
    record: QueuedRecord, payment_by_id: Mapping[int, Payment], order_by_id: Mapping[int, Order]
) -> str | None:
    """Return the corporation number of the record: its own or, if it has none, that of its payment or order. None if
    there is none. `payment_by_id` and `order_by_id` have the related records.
    """
    match record:
        case CreditCheck() | Order():
            return record.corporation_number
        case Refund():
            payment = payment_by_id.get(record.payment_id)
            return None if payment is None else _find_number_of_record(payment, payment_by_id, order_by_id)
    order = None if record.order_id is None else order_by_id.get(record.order_id)
    return record.corporation_number or (order.corporation_number if order is not None else None)


def _find_payments_of_refunds(conn: Connection, records: Sequence[QueuedRecord]) -> dict[int, Payment]:
    """Return the payments of the refunds in `records`, by id. Payments that the refunds' relations don't contain
    are read from the database."""
    refunds = [record for record in records if isinstance(record, Refund)]
    payment_by_id = {
        refund.payment_id: refund.relations.payment
        for refund in refunds
        if refund.relations is not None and refund.relations.payment is not None
    }
    missing_ids = {refund.payment_id for refund in refunds} - payment_by_id.keys()
    if missing_ids:
        payment_by_id |= {
            payment.id: payment for payment in payments.find_by_ids(conn, missing_ids, skips_unreadable=True)
        }
    return payment_by_id


def _find_orders_of_payments(conn: Connection, records: Sequence[QueuedRecord]) -> dict[int, Order]:
    """Return the orders of those payments in `records` that have no corporation number of their own, by id."""
    payments_without_number = [
        record for record in records if isinstance(record, Payment) and record.corporation_number is None
    ]
    order_by_id = {
        payment.relations.order.id: payment.relations.order
        for payment in payments_without_number
        if payment.relations is not None and payment.relations.order is not None
    }
    missing_ids = {
        payment.order_id for payment in payments_without_number if payment.order_id is not None
    } - order_by_id.keys()
    if missing_ids:
        order_by_id |= {order.id: order for order in orders.find_by_ids(conn, missing_ids, skips_unreadable=True)}
    return order_by_id
