"""Reads one record (credit check, order, payment or refund) by its kind and id."""

from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection

from console.store.credit_checks import credit_checks
from console.store.payments import orders, payments
from console.store.queues.table_queries import QueuedRecord
from console.store.refunds import refunds

_FIND_BY_KIND: Mapping[str, Callable[[Connection, int, AbstractSet[int]], QueuedRecord | None]] = {
    credit_checks.KIND: credit_checks.find,
    orders.KIND: lambda conn, order_id, _: orders.find(conn, order_id),
    payments.KIND: payments.find,
    refunds.KIND: refunds.find,
}


def find(conn: Connection, kind: str, record_id: int, lapsed: Mapping[str, AbstractSet[int]]) -> QueuedRecord | None:
    """Return a record; None if the record or the kind doesn't exist. `lapsed`: for each kind, the ids of the records
    whose call has lapsed (its process crashed or froze); such a record is returned with an unknown outcome.
    """
    look = _FIND_BY_KIND.get(kind)
    return look(conn, record_id, lapsed.get(kind, frozenset())) if look else None


def numbers_of(conn: Connection, subjects: Collection[str]) -> Mapping[str, str]:
    """Return, for each subject of the audit trail that is a payment or an order ("payment 17"), the number by which
    people know it. Other subjects, and records that don't exist, are left out.
    """
    ids: dict[str, set[int]] = {payments.KIND: set(), orders.KIND: set()}
    for subject in subjects:
        kind, _, record_id = subject.partition(" ")
        if kind in ids and record_id.isdecimal():
            ids[kind].add(int(record_id))
    numbers = {
        f"{payments.KIND} {one.id}": one.merchant_payment_id for one in payments.by_ids(conn, ids[payments.KIND])
    }
    return numbers | {f"{orders.KIND} {one.id}": one.merch_txn_id for one in orders.by_ids(conn, ids[orders.KIND])}
