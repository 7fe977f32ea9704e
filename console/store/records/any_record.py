"""Reads records (credit checks, orders, payments and refunds) by their kinds and ids, and the numbers by which people
know the subjects of audit entries.
"""

from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from console.store.credit_checks import credit_checks
from console.store.database import unreadable_rows
from console.store.payments import orders, payments
from console.store.refunds import refunds

if TYPE_CHECKING:  # imported for types only: a purchase doesn't need the queries of queues
    from console.store.queues.table_queries import QueuedRecord

_FINDER_BY_KIND: "Mapping[str, Callable[[Connection, int, AbstractSet[int]], QueuedRecord | None]]" = {
    credit_checks.CREDIT_CHECK_KIND: credit_checks.find,
    orders.ORDER_KIND: lambda conn, order_id, _: orders.find(conn, order_id),
    payments.PAYMENT_KIND: payments.find,
    refunds.REFUND_KIND: refunds.find,
}


def find(
    conn: Connection, kind: str, record_id: int, lapsed_ids: Mapping[str, AbstractSet[int]]
) -> "QueuedRecord | None":
    """Return the record of this kind and id; None if the kind is unknown or there is no such record. `lapsed_ids`:
    for each kind, the ids of the records whose call has lapsed (its process crashed or froze); such a record is
    returned with an unknown outcome.
    """
    find_record = _FINDER_BY_KIND.get(kind)
    return find_record(conn, record_id, lapsed_ids.get(kind, frozenset())) if find_record else None


def find_readable_records(
    conn: Connection, record_keys: Collection[tuple[str, int]], lapsed_ids: Mapping[str, AbstractSet[int]]
) -> "dict[tuple[str, int], QueuedRecord]":
    """Return the existing records among `record_keys` (pairs of kind and id), by these pairs. Records that this
    program can't read are left out and reported (`unreadable_rows`). `lapsed_ids`: for each kind, the ids of the
    records whose call has lapsed (its process crashed or froze); such a record is returned with an unknown outcome.
    """

    def find_by_key(key: tuple[str, int]) -> "tuple[tuple[str, int], QueuedRecord | None]":
        kind, record_id = key
        return key, find(conn, kind, record_id, lapsed_ids)

    records_by_key = unreadable_rows.read_readable_rows(
        "records", record_keys, find_by_key, lambda key: key, lambda key: f"{key[0]} {key[1]}"
    )
    return {key: record for key, record in records_by_key if record is not None}


def read_numbers_of_subjects(conn: Connection, subjects: Collection[str]) -> Mapping[str, str]:
    """Return the number by which people know each of these subjects of the audit trail ("payment 17"), by subject. It
    is the order number of an order, our payment number of a payment or of a refund's payment, and the corporation
    number of a credit check. Subjects that aren't records, and records that don't exist, are left out. The function
    makes at most one query for each kind of record, two for orders."""
    return _read_numbers(conn, subjects, _NUMBER_READER_BY_KIND)


def read_corporation_numbers_of_subjects(conn: Connection, subjects: Collection[str]) -> Mapping[str, str]:
    """Return the corporation number of each of these subjects of the audit trail ("payment 17"), by subject; for a
    refund that of its payment. Subjects that aren't records, records that don't exist, and records without a
    corporation number are left out. The function makes at most one query for each kind of record, two for orders."""
    return _read_numbers(conn, subjects, _CORPORATION_NUMBER_READER_BY_KIND)


def _read_numbers(
    conn: Connection, subjects: Collection[str], number_reader_by_kind: "Mapping[str, _NumberReader]"
) -> Mapping[str, str]:
    ids: dict[str, set[int]] = {kind: set() for kind in number_reader_by_kind}
    for subject in subjects:
        kind, _, record_id = subject.partition(" ")
        if kind in ids and record_id.isdecimal():
            ids[kind].add(int(record_id))
    return {
        f"{kind} {record_id}": number
        for kind, read_numbers in number_reader_by_kind.items()
        for record_id, number in read_numbers(conn, ids[kind]).items()
    }


def _read_order_numbers(conn: Connection, ids: Collection[int]) -> Mapping[int, str]:
    """Return the order numbers of these orders, by id, without orders whose rows can't be read."""
    return {order.id: order.merch_txn_id for order in orders.find_by_ids(conn, ids, skips_unreadable=True)}


def _read_payment_numbers(conn: Connection, ids: Collection[int]) -> Mapping[int, str]:
    """Return our payment numbers of these payments, by id, without payments whose rows can't be read."""
    readable_payments = payments.find_by_ids(conn, ids, skips_unreadable=True)
    return {payment.id: payment.merchant_payment_id for payment in readable_payments}


def _read_corporation_numbers_of_orders(conn: Connection, ids: Collection[int]) -> Mapping[int, str]:
    """Return the corporation numbers of these orders, by id, without orders whose rows can't be read."""
    readable_orders = orders.find_by_ids(conn, ids, skips_unreadable=True)
    return {order.id: order.corporation_number for order in readable_orders if order.corporation_number}


def _read_corporation_numbers_of_payments(conn: Connection, ids: Collection[int]) -> Mapping[int, str]:
    """Return the corporation numbers of these payments, by id, without payments whose rows can't be read."""
    readable_payments = payments.find_by_ids(conn, ids, skips_unreadable=True)
    return {payment.id: payment.corporation_number for payment in readable_payments if payment.corporation_number}


_NumberReader = Callable[[Connection, Collection[int]], Mapping[int, str]]
_NUMBER_READER_BY_KIND: Mapping[str, _NumberReader] = {
    credit_checks.CREDIT_CHECK_KIND: credit_checks.read_numbers_by_ids,
    orders.ORDER_KIND: _read_order_numbers,
    payments.PAYMENT_KIND: _read_payment_numbers,
    refunds.REFUND_KIND: refunds.read_payment_numbers_by_ids,
}
_CORPORATION_NUMBER_READER_BY_KIND: Mapping[str, _NumberReader] = {
    credit_checks.CREDIT_CHECK_KIND: credit_checks.read_numbers_by_ids,
    orders.ORDER_KIND: _read_corporation_numbers_of_orders,
    payments.PAYMENT_KIND: _read_corporation_numbers_of_payments,
    refunds.REFUND_KIND: refunds.read_corporation_numbers_by_ids,
}
