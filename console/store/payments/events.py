"""What sources told us of payments, each event kept once: a repeated notice meets its own first row."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, func, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.store import swaps
from console.store.leases import aware, naive
from console.store.payment_rows import at
from console.store.payment_schema import payment_events

_t = payment_events.c
LONGEST_BODY = 20_000
_ALL = select(
    _t.id, _t.source, _t.event_id, _t.payment_id, _t.kind, _t.order_no, _t.amount_minor, _t.currency, _t.occurred_at,
    _t.received_at, _t.done, _t.body,
)  # fmt: skip
_GET = _ALL.where(_t.source == bindparam("whose"), _t.event_id == bindparam("of"))
_OF_PAYMENT = _ALL.where(_t.payment_id == bindparam("of")).order_by(_t.id)
_PAGE = 100
_WALK = (
    _ALL.where(_t.payment_id == bindparam("of"), _t.id > bindparam("after"))
    .order_by(_t.id)
    .limit(bindparam("most", type_=Integer))
)
_DONE = (
    _ALL.where(_t.done == bindparam("what"), _t.id > bindparam("after"))
    .order_by(_t.id)
    .limit(bindparam("most", type_=Integer))
)
_SOME = select(_t.id).where(_t.done == bindparam("what")).limit(bindparam("most", type_=Integer)).subquery()
_COUNT = select(func.count()).select_from(_SOME)
_INSERT = into(payment_events)
_MARK = (
    update(payment_events)
    .where(_t.id == bindparam("of"), _t.done == bindparam("was"))
    .values(done=bindparam("becomes"), payment_id=bindparam("whose"))
)


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """One event. `body` is the redacted text; `done` what became of it (booked, unchanged, queued, unmatched, kept).

    Instants are aware UTC, the amount in minor units of `currency`; `id` and `received_at` are set by the store.
    """

    source: str
    event_id: str
    kind: str
    done: str
    body: str = field(repr=False)
    payment_id: int | None = None
    order_no: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    occurred_at: datetime | None = None
    received_at: datetime | None = None
    id: int = 0


def add(conn: Connection, event: PaymentEvent, now: datetime) -> bool:
    """Keep an event; False when this source has told it before, and nothing is written."""
    row = {
        "source": event.source,
        "event_id": event.event_id,
        "payment_id": event.payment_id,
        "kind": event.kind,
        "order_no": event.order_no,
        "amount_minor": event.amount_minor,
        "currency": event.currency,
        "occurred_at": swaps.stored(event.occurred_at),
        "received_at": naive(now),
        "done": event.done,
        "body": event.body[:LONGEST_BODY],
    }
    try:
        conn.execute(_INSERT, row)
    except IntegrityError:  # only the statement is undone; who wrote the first one has committed
        if seen(conn, event.source, event.event_id) is None:
            raise
        return False
    return True


def seen(conn: Connection, source: str, event_id: str) -> PaymentEvent | None:
    """The event as it was first told."""
    row = conn.execute(_GET, {"whose": source, "of": event_id}).first()
    return _event(row) if row else None


def of_payment(conn: Connection, payment_id: int) -> tuple[PaymentEvent, ...]:
    """Events of a payment, as they came."""
    return _events(conn, _OF_PAYMENT, {"of": payment_id})


def walk(conn: Connection, payment_id: int) -> Iterator[PaymentEvent]:
    """Events of a payment, as they came, a page at a time."""
    last = 0
    while page := _events(conn, _WALK, {"of": payment_id, "after": last, "most": _PAGE}):
        yield from page
        last = page[-1].id


def with_done(conn: Connection, done: str, limit: int, after: int = 0) -> tuple[PaymentEvent, ...]:
    """Events of which this became, oldest first; `after`: the last id seen."""
    return _events(conn, _DONE, {"what": done, "after": after, "most": limit})


def count(conn: Connection, done: str, most: int) -> int:
    """Of how many events this became, counted up to `most`."""
    return int(conn.scalar(_COUNT, {"what": done, "most": most}) or 0)


def mark(conn: Connection, event: PaymentEvent, done: str, payment_id: int | None) -> bool:
    """Say what became of it in the end; False when somebody else has said so meanwhile."""
    values = {"of": event.id, "was": event.done, "becomes": done, "whose": payment_id}
    return conn.execute(_MARK, values).rowcount == 1


def _events(conn: Connection, query: Select[Any], values: dict[str, object]) -> tuple[PaymentEvent, ...]:
    return tuple(_event(row) for row in conn.execute(query, values))


def _event(row: Any) -> PaymentEvent:
    return PaymentEvent(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        kind=row.kind,
        done=row.done,
        body=row.body,
        payment_id=row.payment_id,
        order_no=row.order_no,
        amount_minor=row.amount_minor,
        currency=row.currency,
        occurred_at=at(row.occurred_at),
        received_at=aware(row.received_at),
    )
