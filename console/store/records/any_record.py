"""One record of whatever kind, as everybody sees it."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection

from console.store import credit_checks, orders, payments, refunds
from console.store.queue_parts import Queued

_FIND: Mapping[str, Callable[[Connection, int, AbstractSet[int]], Queued | None]] = {
    credit_checks.KIND: credit_checks.find,
    orders.KIND: lambda conn, order_id, _: orders.find(conn, order_id),
    payments.KIND: payments.find,
    refunds.KIND: refunds.find,
}


def find(conn: Connection, kind: str, record_id: int, lapsed: Mapping[str, AbstractSet[int]]) -> Queued | None:
    """None where there is no such record, or no such kind. `lapsed`: by kind, the ids whose process went away."""
    look = _FIND.get(kind)
    return look(conn, record_id, lapsed.get(kind, frozenset())) if look else None
