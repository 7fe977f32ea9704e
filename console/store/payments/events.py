"""Rows of events: notices that providers and banks send about payments. Each event is stored once; a repeated notice
adds no row. Functions that return several events leave out rows that can't be read."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, func, or_, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.payments import payment_events

NOTICE_KIND = "notice"
"""Subject kind of alerts, audit entries and evidence about a notice itself, for example about a notice whose payment
is missing here.
"""
UNMATCHED_EVENT_STATE = "unmatched"
"""Value of the column `done` of a notice whose payment is missing here."""
MAX_SEARCHED_UNMATCHED_EVENTS = 5_000
"""Number of the newest unmatched notices among which those of an order are searched. No index has the order number of
a notice, so this number bounds the search.
"""
LONGEST_BODY_CHARACTERS = 20_000
"""Longest stored text (characters) of a notice."""
_PAYMENT_EVENTS_QUERY = select(
    payment_events.c.id, payment_events.c.source, payment_events.c.event_id, payment_events.c.payment_id,
    payment_events.c.kind, payment_events.c.order_no, payment_events.c.amount_minor, payment_events.c.currency,
    payment_events.c.occurred_at, payment_events.c.received_at, payment_events.c.done, payment_events.c.body,
    payment_events.c.signature, payment_events.c.who,
)  # fmt: skip
_EVENT_BY_SOURCE_ID_QUERY = _PAYMENT_EVENTS_QUERY.where(
    payment_events.c.source == bindparam("source"), payment_events.c.event_id == bindparam("event_id")
)
_EVENTS_BY_ID_QUERY = _PAYMENT_EVENTS_QUERY.where(payment_events.c.id.in_(bindparam("ids", expanding=True)))
_EVENTS_OF_PAYMENT_QUERY = _PAYMENT_EVENTS_QUERY.where(
    payment_events.c.payment_id == bindparam("payment_id")
).order_by(payment_events.c.id)
_EVENTS_PER_PAGE = 100
_EVENTS_PAGE_OF_PAYMENT_QUERY = (
    _PAYMENT_EVENTS_QUERY.where(
        payment_events.c.payment_id == bindparam("payment_id"), payment_events.c.id > bindparam("after")
    )
    .order_by(payment_events.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_EVENTS_WITH_STATE_QUERY = (
    _PAYMENT_EVENTS_QUERY.where(
        payment_events.c.done == bindparam("result"), payment_events.c.id > bindparam("after")
    )
    .order_by(payment_events.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_IDS_OF_EVENTS_WITH_STATE_SUBQUERY = (
    select(payment_events.c.id)
    .where(payment_events.c.done == bindparam("result"))
    .limit(bindparam("limit", type_=Integer))
    .subquery()
)
_newest_unmatched_ids = (
    select(payment_events.c.id)
    .where(payment_events.c.done == UNMATCHED_EVENT_STATE)
    .order_by(payment_events.c.id.desc())
    .limit(MAX_SEARCHED_UNMATCHED_EVENTS)
    .subquery()
)
_UNMATCHED_EVENTS_OF_NUMBER_QUERY = (
    _PAYMENT_EVENTS_QUERY.join_from(
        _newest_unmatched_ids, payment_events, payment_events.c.id == _newest_unmatched_ids.c.id
    )
    .where(
        or_(
            payment_events.c.order_no == bindparam("number"),
            func.substr(payment_events.c.order_no, 1, bindparam("prefix_length", type_=Integer))
            == bindparam("prefix"),
        )
    )
    .order_by(payment_events.c.id)
)
_COUNT_WITH_STATE_QUERY = select(func.count()).select_from(_IDS_OF_EVENTS_WITH_STATE_SUBQUERY)
_INSERT_EVENT_STATEMENT = into(payment_events)
_WRITE_EVENT_STATE_STATEMENT = (
    update(payment_events)
    .where(payment_events.c.id == bindparam("row_id"), payment_events.c.done == bindparam("result_as_read"))
    .values(done=bindparam("new_result"), payment_id=bindparam("new_payment_id"))
)


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """One event that a source (a provider or a bank) sent.

    - `event_id`: the id that the source gave to the event; `kind`: the source's name of the kind of event.
    - `payment_id`: the payment to which the event belongs; None if there is none, or if it isn't known. `order_no`:
      the order number in the notice (of a notice about a file: its day). `occurred_at`: the time of the event, as the
      source states it.
    - `body`: the redacted text of the notice.
    - `state`: the result of its handling (booked, unchanged, queued, unmatched, kept and others).
    - `signature`: the signature header, if the source signs its notices. Then `body` is stored unchanged, and the
      signature is verified again before the row is used for a booking.
    - `storing_account`: the database account that stored the row.
    - Instants are aware (UTC); the amount is in minor units of `currency`. `add_event` sets `id`, `received_at` and
      `storing_account`.
    """

    source: str
    event_id: str
    kind: str
    state: str
    body: str = field(repr=False)
    payment_id: int | None = None
    order_no: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    occurred_at: datetime | None = None
    received_at: datetime | None = None
    signature: str | None = field(default=None, repr=False)
    storing_account: str | None = None
    id: int = 0

    @property
    def source_facts(self) -> tuple[object, ...]:
        """The values that the source sent, without those that this program added. If the body is signed, the
        signature protects all of them."""
        return (
            self.source, self.event_id, self.kind, self.order_no, self.amount_minor, self.currency, self.occurred_at,
            self.body, self.signature,
        )  # fmt: skip


def add_event(conn: Connection, event: PaymentEvent, database_account: str, now: datetime) -> bool:
    """Store an event; `database_account` is the database account that stores it. Return False, without a write, if an
    event of the same source with the same event id is already stored."""
    row = {
        "source": event.source,
        "event_id": event.event_id,
        "payment_id": event.payment_id,
        "kind": event.kind,
        "order_no": event.order_no,
        "amount_minor": event.amount_minor,
        "currency": event.currency,
        "occurred_at": compare_and_swap.make_storable_value(event.occurred_at),
        "received_at": convert_to_naive_utc(now),
        "done": event.state,
        "body": event.body if event.signature else event.body[:LONGEST_BODY_CHARACTERS],
        "signature": event.signature,
        "who": database_account,
    }
    try:
        conn.execute(_INSERT_EVENT_STATEMENT, row)
    except IntegrityError:  # only the statement was undone; the transaction of the first row has committed
        if find_by_event_id(conn, event.source, event.event_id) is None:
            raise
        return False
    return True


def find_by_event_id(conn: Connection, notice_source: str, event_id: str) -> PaymentEvent | None:
    """Return the stored event with this event id of this source; None if there is none."""
    row = conn.execute(_EVENT_BY_SOURCE_ID_QUERY, {"source": notice_source, "event_id": event_id}).first()
    return make_event(row) if row else None


def find_by_payment(conn: Connection, payment_id: int) -> tuple[PaymentEvent, ...]:
    """Return the events of a payment in the order of their arrival."""
    return _select_events(conn, _EVENTS_OF_PAYMENT_QUERY, {"payment_id": payment_id})


def iterate_events(conn: Connection, payment_id: int) -> Iterator[PaymentEvent]:
    """Yield the events of a payment in the order of their arrival, page by page."""
    last_id = 0
    while page := _select_events(
        conn, _EVENTS_PAGE_OF_PAYMENT_QUERY, {"payment_id": payment_id, "after": last_id, "limit": _EVENTS_PER_PAGE}
    ):
        yield from page
        last_id = page[-1].id


def list_events_with_state(
    conn: Connection, event_state: str, limit: int, after_id: int = 0
) -> tuple[PaymentEvent, ...]:
    """Return at most `limit` events with this state, oldest first; `after_id`: last id of the previous page."""
    return _select_events(conn, _EVENTS_WITH_STATE_QUERY, {"result": event_state, "after": after_id, "limit": limit})


def list_unmatched_events_of_number(
    conn: Connection, order_number: str, number_prefix: str
) -> tuple[PaymentEvent, ...]:
    """Return the unmatched events whose order number is `order_number` or begins with `number_prefix`, oldest first,
    among the MAX_SEARCHED_UNMATCHED_EVENTS newest unmatched ones."""
    values: dict[str, object] = {"number": order_number, "prefix": number_prefix, "prefix_length": len(number_prefix)}
    return _select_events(conn, _UNMATCHED_EVENTS_OF_NUMBER_QUERY, values)


def find_by_ids(conn: Connection, ids: Collection[int]) -> tuple[PaymentEvent, ...]:
    """Return the events with these ids, in any order."""
    return _select_events(conn, _EVENTS_BY_ID_QUERY, {"ids": sorted(ids)}) if ids else ()


def count_events_with_state(conn: Connection, event_state: str, limit: int) -> int:
    """Return the number of events with the state `event_state`, counted up to `limit`."""
    return int(conn.scalar(_COUNT_WITH_STATE_QUERY, {"result": event_state, "limit": limit}) or 0)


def write_event_state(conn: Connection, event: PaymentEvent, event_state: str, payment_id: int | None) -> bool:
    """Write the state `event_state` of an event and the id of the payment to which it belongs (None: no payment).
    Return False, without a write, if another process has changed the event's state since `event` was read."""
    values = {
        "row_id": event.id,
        "result_as_read": event.state,
        "new_result": event_state,
        "new_payment_id": payment_id,
    }
    return conn.execute(_WRITE_EVENT_STATE_STATEMENT, values).rowcount == 1


def get_all_rows_query() -> Select[Any]:
    """Return the query of all events. The caller adds conditions to it; `make_event` converts its rows."""
    return _PAYMENT_EVENTS_QUERY


def _select_events(conn: Connection, query: Select[Any], values: dict[str, object]) -> tuple[PaymentEvent, ...]:
    return unreadable_rows.select_readable_records(conn, query, values, _read_readable_rows)


def _read_readable_rows(rows: Sequence[Row[Any]]) -> tuple[PaymentEvent, ...]:
    return unreadable_rows.read_readable_rows("payment_events", rows, make_event)


def make_event(row: Any) -> PaymentEvent:
    """Return the event of a row of `get_all_rows_query`."""
    return PaymentEvent(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        kind=row.kind,
        state=row.done,
        body=row.body,
        payment_id=row.payment_id,
        order_no=row.order_no,
        amount_minor=row.amount_minor,
        currency=row.currency,
        occurred_at=read_as_utc(row.occurred_at),
        received_at=convert_to_aware_utc(row.received_at),
        signature=row.signature,
        storing_account=row.who,
    )
