"""Reads one record (credit check, order, payment or refund) by its kind and id."""

from collections.abc import Callable, Mapping
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
