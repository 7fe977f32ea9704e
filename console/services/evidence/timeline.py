"""Read timelines: the events of a record and of its related records, collected from all tables."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.evidence.timeline import (
    EARLIEST_INSTANT,
    TimelineEvent,
    TimelinePage,
    mask_event,
    merge_event_streams,
)
from console.domain.explanations.badges import find_state_badge
from console.domain.explanations.records import explain_record
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck, Operation
from console.domain.usage_problems import UsageProblem
from console.services.audit.opening_log import RecordOpeningLog
from console.services.process import list_cursors
from console.services.process.context import ServiceContext
from console.services.records.completer import RecordsCompleter, complete_record
from console.store.credit_checks import credit_checks
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.payments import orders, payments
from console.store.records import any_record, history
from console.store.records.history import OPERATION_KIND, EventSource, list_history_sources
from console.store.refunds import refunds

AnyRecord = CreditCheck | Operation | Order | Payment | Refund
MAX_EVENTS_PER_PAGE = 5_000
MAX_RELATED_RECORDS = 200
"""Largest number of related payments, or of refunds of a payment, whose events a timeline includes. If there are
more, the newest are included.
"""
MAX_EVENTS_ON_SCREEN = 500
"""Largest number of events on the screen of a record."""
MAX_RECORDS_ON_SCREEN = 25
"""Largest number of records whose events the screen of a record shows. The copied text of the timeline has the events
of all records.
"""
TIMELINE_KINDS = (
    credit_checks.CREDIT_CHECK_KIND,
    payments.PAYMENT_KIND,
    orders.ORDER_KIND,
    refunds.REFUND_KIND,
    OPERATION_KIND,
)
_MAX_ID_DIGITS = 18  # digits
_ReadPosition = dict[str, tuple[datetime, str, datetime]]
"""The read position of a page of a timeline. By the key of each stream of events (`TimelineEvent.stream_key`): the
time and the id of the stream's last event up to this page, and the latest moment that the stream had reached."""


@dataclass(frozen=True, slots=True)
class RelatedRecords:
    """A record with its related records: an order has its payments and their refunds, a payment its order and its
    refunds, a refund its order and its payment, an operation its record. Records that belong to another client are
    never included.
    """

    record: AnyRecord
    related: tuple[AnyRecord, ...] = ()

    @property
    def record_keys(self) -> tuple[tuple[str, str], ...]:
        """The kind and id of the record and of each related record."""
        return tuple((get_record_kind(record), str(record.id)) for record in (self.record, *self.related))

    @property
    def payer_names(self) -> tuple[str, ...]:
        """The names of the payers of these records at the providers, which the program always masks."""
        payers = {
            record.payer for record in (self.record, *self.related) if isinstance(record, Payment) and record.payer
        }
        return tuple(sorted(payers))

    @property
    def number_by_key(self) -> Mapping[tuple[str, str], str]:
        """The number by which people know each record, by kind and id of the record."""
        return {
            (get_record_kind(record), str(record.id)): _find_record_number(record)
            for record in (self.record, *self.related)
        }


def _find_record_number(record: AnyRecord) -> str:
    match record:
        case Order():
            return record.merch_txn_id
        case Payment():
            return record.merchant_payment_id
        case Refund():
            return f"R-{record.id}"
    return str(record.id)


class TimelineService:
    """Reads timelines (the events of a record) in pages, with queries that use indexes, and writes an audit entry
    about each opened timeline."""

    def __init__(
        self, context: ServiceContext, opening_log: RecordOpeningLog, complete_records: RecordsCompleter
    ) -> None:
        """Store the service context and two helpers. `complete_records` adds to a record its relations (such as the
        refunds of a payment), which the first lines of a timeline need to explain the record. `opening_log` writes
        the audit entries about opened timelines.
        """
        self._context = context
        self._opening_log, self._complete_records = opening_log, complete_records

    def read_timeline(
        self, kind: str, id: int | str, limit: int = 500, after_cursor: str | None = None
    ) -> TimelinePage:
        """Return one page of the events of a record and its related records, oldest first. `limit` is at most
        MAX_EVENTS_PER_PAGE; `after_cursor` is the cursor of the next page, which the previous page contains; None for
        the first page. Raises not_found if the database has no such record, usage for a malformed cursor or a cursor
        of another record's timeline, and not_allowed if the acting person has no right to read."""
        read_position = _parse_cursor(after_cursor, kind, str(id))
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            related_records = read_related_records(self._context, conn, kind, id)
            page_size = max(1, min(limit, MAX_EVENTS_PER_PAGE))
            events = tuple(islice(iterate_events(conn, related_records, read_position), page_size + 1))
            timeline_head = make_timeline_head(conn, related_records, self._complete_records, self._context.now())
        self._opening_log.record_opening(AuditAction.STORY_OPENED, kind, related_records.record.id)
        page_events = events[:page_size]
        if len(events) > page_size:
            read_position = _advance_read_position(page_events, read_position)
        next_cursor = _format_cursor(read_position, kind, str(id)) if len(events) > page_size else None
        return TimelinePage(
            kind,
            str(related_records.record.id),
            page_events,
            next_cursor,
            timeline_head,
            related_records.payer_names,
            related_records.number_by_key,
        )

    def read_last_events(self, kind: str, id: int, limit: int) -> TimelinePage:
        """Return the newest `limit` events of a record and its related records, oldest first, for the preview next to
        a list. Writes no audit entry. Raises not_found if the database has no such record, not_allowed if the acting
        person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return read_newest_events(self._context, conn, kind, id, limit)


def iterate_events(
    conn: Connection, related_records: RelatedRecords, read_position: _ReadPosition | None = None
) -> Iterator[TimelineEvent]:
    """Yield the events of a record and its related records, oldest first, after `read_position` (None: from the first
    event). Payers' names are masked. Only a part of the events is in memory at a time."""
    position, hidden_texts = read_position or {}, related_records.payer_names
    streams = [
        _open_event_stream(conn, source, *subject, position.get(f"{source.name} {' '.join(subject)}"))
        for subject in related_records.record_keys
        for source in list_history_sources(subject[0])
    ]
    return (mask_event(event, hidden_texts) for _, event in merge_event_streams(streams))


def read_newest_events(
    context: ServiceContext, conn: Connection, kind: str, id: int, limit: int = MAX_EVENTS_ON_SCREEN
) -> TimelinePage:
    """Return at most `limit` newest events of a record and its related records, for the screen of the record and the
    command `show`. Only the first MAX_RECORDS_ON_SCREEN of these records are read; `has_earlier_events` of the page
    is True if older events or further records exist. Reads in the caller's transaction, and at most `limit` + 1 rows
    of each table and record. Raises not_found if the database has no such record."""
    related_records = read_related_records(context, conn, kind, id)
    record_keys = related_records.record_keys[:MAX_RECORDS_ON_SCREEN]
    streams = [
        (iter(events), EARLIEST_INSTANT)
        for subject in record_keys
        for events in history.read_newest_events(conn, *subject, limit + 1)
    ]
    events = deque(
        (mask_event(event, related_records.payer_names) for _, event in merge_event_streams(streams)), limit + 1
    )
    has_earlier_events = len(events) > limit or len(related_records.record_keys) > len(record_keys)
    return TimelinePage(
        kind,
        str(id),
        tuple(events)[-limit:],
        hidden_texts=related_records.payer_names,
        names=related_records.number_by_key,
        has_earlier_events=has_earlier_events,
    )


def _open_event_stream(
    conn: Connection, source: EventSource, kind: str, id: str, stream_position: tuple[datetime, str, datetime] | None
) -> tuple[Iterator[TimelineEvent], datetime]:
    """Return the events of one record in one source, beginning after `stream_position`, and the latest time of an
    earlier event. `stream_position` has the time and the row key of the last event that was read, and the latest time
    of all events up to it. If `stream_position` is None, begin at the first event, and return EARLIEST_INSTANT as the
    latest time."""
    if stream_position is None:
        return source.iterate_events(conn, kind, id), EARLIEST_INSTANT
    at, row_key, last_moment = stream_position
    return source.iterate_events(conn, kind, id, (at, row_key)), last_moment


# Related records


def read_related_records(context: ServiceContext, conn: Connection, kind: str, id: int | str) -> RelatedRecords:
    """Return the record with its related records. Raises not_found if the database has no such record, for an unknown
    kind, and for a malformed id."""
    if kind == OPERATION_KIND:
        return _read_operation_with_record(context, conn, str(id))
    lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
    number = _parse_record_id(kind, id)
    record = any_record.find(conn, kind, number, lapsed_ids)
    if record is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": str(number)})
    return RelatedRecords(record, _read_related_records(conn, record, lapsed_ids))


def _read_related_records(
    conn: Connection, record: AnyRecord, lapsed_ids: Mapping[str, frozenset[int]]
) -> tuple[AnyRecord, ...]:
    """Return the related records whose events also belong to the timeline of the record: of an order its payments and
    their refunds, of a payment its order and refunds, of a refund its order and payment.
    """

    def read_record_as_tuple(kind: str, id: int | None) -> tuple[AnyRecord, ...]:
        related_record = None if id is None else any_record.find(conn, kind, id, lapsed_ids)
        return () if related_record is None else (related_record,)

    def list_refunds(payment: Payment) -> tuple[AnyRecord, ...]:
        return refunds.find_by_payment(conn, payment.id, lapsed_ids.get(refunds.REFUND_KIND, frozenset()))[
            :MAX_RELATED_RECORDS
        ]

    match record:
        case Order():
            order_payments = payments.find_by_order(
                conn, record.id, lapsed_ids.get(payments.PAYMENT_KIND, frozenset())
            )[:MAX_RELATED_RECORDS]
            return (*order_payments, *(refund for payment in order_payments for refund in list_refunds(payment)))
        case Payment():
            return (*read_record_as_tuple(orders.ORDER_KIND, record.order_id), *list_refunds(record))
        case Refund():
            payment = read_record_as_tuple(payments.PAYMENT_KIND, record.payment_id)
            order_id = next(
                (candidate.order_id for candidate in payment if isinstance(candidate, Payment)), record.order_id
            )
            return (*read_record_as_tuple(orders.ORDER_KIND, order_id), *payment)
    return ()


def _read_operation_with_record(context: ServiceContext, conn: Connection, operation_id: str) -> RelatedRecords:
    """Return an operation with its record. Raises not_found if the journal has no such operation, even if the
    spool of a desk has it."""
    operation = journal.find_with_state_after_lapse(conn, operation_id)
    if operation is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": OPERATION_KIND, "id": operation_id[:64]})
    lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
    subject = any_record.find(conn, operation.subject_kind, operation.subject_id or 0, lapsed_ids)
    return RelatedRecords(operation, () if subject is None else (subject,))


def get_record_kind(record: AnyRecord) -> str:
    """Return the kind of the record, such as `payment`."""
    match record:
        case CreditCheck():
            return credit_checks.CREDIT_CHECK_KIND
        case Order():
            return orders.ORDER_KIND
        case Payment():
            return payments.PAYMENT_KIND
        case Refund():
            return refunds.REFUND_KIND
    return OPERATION_KIND


def make_timeline_head(
    conn: Connection, related_records: RelatedRecords, complete_records: RecordsCompleter, now: datetime
) -> dict[str, object]:
    """Return the facts for the first lines of a timeline: the record's number or, of an operation, its action
    (`name`); the amount of an order, payment or refund (`minor`, `currency`); the `company` of a credit check;
    `state`; and, for records other than operations, `state_badge`, `certainty`, `work` and `reason` (of the work).
    Certainty and work come from the record's explanation at the time `now`, as on the page of the record.
    `complete_records` reads the relations which this explanation needs."""
    record = related_records.record
    facts: dict[str, object] = {"state": record.state.value}
    match record:
        case CreditCheck():
            facts |= {"name": record.corporation_number, "company": record.company_name}
        case Order():
            facts |= {"name": record.merch_txn_id, "minor": record.total_minor, "currency": record.currency}
        case Payment():
            amount_minor = record.captured_minor or record.asked_minor
            facts |= {"name": record.merchant_payment_id, "minor": amount_minor, "currency": record.currency}
        case Refund():
            payment_numbers = (
                candidate.merchant_payment_id
                for candidate in related_records.related
                if isinstance(candidate, Payment)
            )
            name = next(payment_numbers, str(record.payment_id))
            facts |= {"name": name, "minor": record.amount_minor, "currency": record.currency}
        case Operation():
            return facts | {"name": record.action}
    facts["state_badge"] = find_state_badge(record)
    explanation = explain_record(complete_record(complete_records, conn, record), now)
    badges = {"certainty": explanation.certainty.value, "work": explanation.work.value}
    return facts | badges | {"reason": record.work.reason}


def _parse_record_id(kind: str, id: int | str) -> int:
    text = str(id)
    if kind not in TIMELINE_KINDS or not (text.isascii() and text.isdecimal()) or len(text) > _MAX_ID_DIGITS:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind[:40], "id": text[:40]})
    return int(text)


# Cursor


def _advance_read_position(events: tuple[TimelineEvent, ...], position: _ReadPosition) -> _ReadPosition:
    """Return the read position after one page of a timeline: for each stream of events, the time and id of its last
    event on the page. `events` are the events of the page, and `position` is the read position at which the page
    began."""
    new_position = dict(position)
    for event in events:
        _, _, last_moment = new_position.get(event.stream_key, (EARLIEST_INSTANT, "", EARLIEST_INSTANT))
        new_position[event.stream_key] = (event.at, event.row, max(last_moment, event.moment))
    return new_position


def _format_cursor(read_position: _ReadPosition, kind: str, record_id: str) -> str:
    json_position = {
        stream: [at.isoformat(), row, last_moment.isoformat()]
        for stream, (at, row, last_moment) in read_position.items()
    }
    position = urlsafe_b64encode(json.dumps(json_position, separators=(",", ":")).encode()).decode()
    return list_cursors.format_list_cursor(position, kind, record_id)


def _parse_cursor(text: str | None, kind: str, record_id: str) -> _ReadPosition:
    if text is None:
        return {}
    position = list_cursors.parse_list_cursor(text, kind, record_id)
    try:
        json_position = json.loads(urlsafe_b64decode(position))
        return {
            str(stream): (_parse_instant(at), str(row), _parse_instant(last_moment))
            for stream, (at, row, last_moment) in json_position.items()
        }
    except (ValueError, TypeError, AttributeError) as malformed:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR}) from malformed


def _parse_instant(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("an instant without its zone")
    return at
