"""Why a record is like this: what happened to it and to the records it belongs to, collected from every table."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import Certainty, CreditCheck, Operation
from console.domain.story import NEVER, Chain, Event, in_order, shown
from console.services.desk import Desk
from console.services.reads import ReadLog
from console.store import any_record, credit_checks, journal, orders, payments, refunds
from console.store.happenings import OPERATION, Source, sources

AnyRecord = CreditCheck | Operation | Order | Payment | Refund
LONGEST_PAGE = 5_000
MOST_RELATED = 200
"""Payments of an order, and refunds, whose events are told with it; the newest ones."""
ON_A_PAGE, MOST_ON_A_PAGE = 500, 25
"""Events that a record's page tells, and records whose events they are: the copied story has all of them."""
KINDS = (credit_checks.KIND, payments.KIND, orders.KIND, refunds.KIND, OPERATION)
_LONGEST_ID = 18  # digits
_Read = dict[str, tuple[datetime, str, datetime]]
"""By stream: time and id of the last row that was told, and the moment that the stream had reached."""


@dataclass(frozen=True, slots=True)
class Story(Chain):
    """A chain of events that people can read."""

    def as_text(self, language: str) -> str:
        """The same as plain text: to be copied, and read to a customer or an auditor. Payers are masked."""
        from console.story_words import text  # words are loaded when they are asked for

        return text(self, language)


@dataclass(frozen=True, slots=True)
class Family:
    """A record with those that it belongs to and that belong to it: never another client's."""

    record: AnyRecord
    related: tuple[AnyRecord, ...] = ()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return tuple((kind_of(one), str(one.id)) for one in (self.record, *self.related))

    @property
    def hidden(self) -> tuple[str, ...]:
        """Who paid, as the provider calls them: shown masked to everybody."""
        payers = {one.payer for one in (self.record, *self.related) if isinstance(one, Payment) and one.payer}
        return tuple(sorted(payers))


class Explaining:
    """Collects by index, in pages; each telling is audited as an opening."""

    def __init__(self, desk: Desk, reads: ReadLog) -> None:
        self._desk = desk
        self._reads = reads

    def story(self, kind: str, id: int | str, limit: int = 500, after: str | None = None) -> Story:
        """The events of a record, oldest first; `after` is the cursor of the page before. Raises not_found."""
        read = _from_cursor(after)
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            family = family_of(self._desk, conn, kind, id)
            most = max(1, min(limit, LONGEST_PAGE))
            events = tuple(islice(walk(conn, family, read), most + 1))
        self._reads.opened("story.opened", kind, family.record.id)
        told = events[:most]
        if len(events) > most:
            read = _read_until(told, read)
        cursor = _cursor(read) if len(events) > most else None
        return Story(kind, str(family.record.id), told, cursor, facts_of(family), family.hidden)


def walk(conn: Connection, family: Family, read: _Read | None = None) -> Iterator[Event]:
    """All events of a family as one chain, in flat memory; payers are masked."""
    done, hidden = read or {}, family.hidden
    streams = [
        _rest(conn, source, *subject, done.get(f"{source.name} {' '.join(subject)}"))
        for subject in family.subjects
        for source in sources(subject[0])
    ]
    return (shown(event, hidden) for _, event in in_order(streams))


def newest(desk: Desk, conn: Connection, kind: str, id: int, most: int = ON_A_PAGE) -> Chain:
    """The newest events of a family as one chain, for its record's page, within the caller's read. Of each table no
    more rows are read than can be among them.
    """
    family = family_of(desk, conn, kind, id)
    streams = [
        (iter(source.newest(conn, *subject, most)), NEVER)
        for subject in family.subjects[:MOST_ON_A_PAGE]
        for source in sources(subject[0])
    ]
    told = deque((shown(event, family.hidden) for _, event in in_order(streams)), most)
    return Chain(kind, str(id), tuple(told), hidden=family.hidden)


def _rest(
    conn: Connection, source: Source, kind: str, id: str, read: tuple[datetime, str, datetime] | None
) -> tuple[Iterator[Event], datetime]:
    if read is None:
        return source.events(conn, kind, id), NEVER
    at, row, reached = read
    return source.events(conn, kind, id, (at, row)), reached


# Which records belong together


def family_of(desk: Desk, conn: Connection, kind: str, id: int | str) -> Family:
    """The record and those of its order, payment and refunds. Raises not_found."""
    if kind == OPERATION:
        return _of_operation(desk, conn, str(id))
    lapsed = journal.lapsed_by_kind(conn)
    number = _number(kind, id)
    record = any_record.find(conn, kind, number, lapsed)
    if record is None:
        raise ConsoleError("not_found", {"kind": kind, "id": str(number)})
    return Family(record, _related(conn, record, lapsed))


def _related(conn: Connection, record: AnyRecord, lapsed: Mapping[str, frozenset[int]]) -> tuple[AnyRecord, ...]:
    def found(kind: str, id: int | None) -> tuple[AnyRecord, ...]:
        one = None if id is None else any_record.find(conn, kind, id, lapsed)
        return () if one is None else (one,)

    def given_back(payment: Payment) -> tuple[AnyRecord, ...]:
        return refunds.of_payment(conn, payment.id, lapsed.get(refunds.KIND, frozenset()))[:MOST_RELATED]

    match record:
        case Order():
            paid = payments.of_order(conn, record.id, lapsed.get(payments.KIND, frozenset()))[:MOST_RELATED]
            return (*paid, *(refund for payment in paid for refund in given_back(payment)))
        case Payment():
            return (*found(orders.KIND, record.order_id), *given_back(record))
        case Refund():
            payment = found(payments.KIND, record.payment_id)
            order = next((one.order_id for one in payment if isinstance(one, Payment)), record.order_id)
            return (*found(orders.KIND, order), *payment)
    return ()


def _of_operation(desk: Desk, conn: Connection, operation_id: str) -> Family:
    """An operation with the record that it is about; what only the desk's spool knows has no rows to tell."""
    operation = journal.seen(conn, operation_id)
    if operation is None:
        raise ConsoleError("not_found", {"kind": OPERATION, "id": operation_id[:64]})
    lapsed = journal.lapsed_by_kind(conn)
    subject = any_record.find(conn, operation.subject_kind, operation.subject_id or 0, lapsed)
    return Family(operation, () if subject is None else (subject,))


def kind_of(record: AnyRecord) -> str:
    match record:
        case CreditCheck():
            return credit_checks.KIND
        case Order():
            return orders.KIND
        case Payment():
            return payments.KIND
        case Refund():
            return refunds.KIND
    return OPERATION


def facts_of(family: Family) -> dict[str, object]:
    """What a story says of its record first: by what people know it, and its axes."""
    record = family.record
    facts: dict[str, object] = {"state": record.state.value}
    match record:
        case CreditCheck():
            facts |= {"name": record.corporation_number, "company": record.company_name}
        case Order():
            facts |= {"name": record.merch_txn_id, "minor": record.total_minor, "currency": record.currency}
        case Payment():
            minor = record.captured_minor or record.asked_minor
            facts |= {"name": record.merchant_payment_id, "minor": minor, "currency": record.currency}
        case Refund():
            paid = (one.merchant_payment_id for one in family.related if isinstance(one, Payment))
            name = next(paid, str(record.payment_id))
            facts |= {"name": name, "minor": record.amount_minor, "currency": record.currency}
        case Operation():
            return facts | {"name": record.action}
    certainty = Certainty.KNOWN if isinstance(record, Order) else record.certainty
    return facts | {"certainty": certainty.value, "work": record.work.state.value, "reason": record.work.reason}


def _number(kind: str, id: int | str) -> int:
    text = str(id)
    if kind not in KINDS or not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_ID:
        raise ConsoleError("not_found", {"kind": kind[:40], "id": text[:40]})
    return int(text)


# Where the next page goes on


def _read_until(told: tuple[Event, ...], before: _Read) -> _Read:
    """How far each stream was read once these were told."""
    read = dict(before)
    for event in told:
        _, _, reached = read.get(event.stream, (NEVER, "", NEVER))
        read[event.stream] = (event.at, event.row, max(reached, event.moment))
    return read


def _cursor(read: _Read) -> str:
    plain = {stream: [at.isoformat(), row, reached.isoformat()] for stream, (at, row, reached) in read.items()}
    return urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode()


def _from_cursor(text: str | None) -> _Read:
    if text is None:
        return {}
    try:
        plain = json.loads(urlsafe_b64decode(text))
        return {
            str(stream): (_instant(at), str(row), _instant(reached)) for stream, (at, row, reached) in plain.items()
        }
    except (ValueError, TypeError, AttributeError) as bad:
        raise ConsoleError("usage", {"problem": "cursor"}) from bad


def _instant(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("an instant without its zone")
    return at
