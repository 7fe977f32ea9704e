"""Reads the totals, notes, documents and history of a company's records. Notes, documents and history are read for
the newest MAX_ROWS_ON_COMPANY_PAGE records of each kind only. The queries use the indexes of the corporation number
and of the records."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, select

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST
from console.domain.evidence.timeline import TimelineEventKind
from console.domain.money import LARGEST_AMOUNT_MINOR
from console.domain.payments.outside_refunds import read_recorded_refund
from console.domain.payments.states import PAID_STATES, PaymentState, RefundState
from console.domain.records import Certainty, Document
from console.domain.tasks.records import Note
from console.domain.views.company import (
    MAX_ROWS_ON_COMPANY_PAGE,
    CompanyDocument,
    CompanyEvent,
    CompanyTotals,
    RecordRef,
)
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.database.unreadable_rows import parse_audit_detail
from console.store.operations import journal
from console.store.records.corporation_records import RECORD_IDS_OF_NUMBER_SUBQUERY
from console.store.records.history import (
    AUDIT_EVENT_COLUMNS,
    NOTICE_QUERY,
    PAYMENT_KIND,
    make_audit_event,
    make_notice_event,
    make_reports_more_than_reading_condition,
)
from console.store.refunds.refunds import REFUND_KIND
from console.store.schema.core import audit_log, credit_checks, documents
from console.store.schema.payments import payment_events, payments, refunds
from console.store.schema.worker import notes

_KNOWN_CERTAINTY = Certainty.KNOWN.value
_HAS_OUTSIDE_AMOUNT_CONDITION = and_(
    payments.c.outside_minor.between(1, LARGEST_AMOUNT_MINOR), payments.c.status != PaymentState.REVERSED.value
)
"""SQL condition: an amount of the payment was given back outside. Reversed payments are left out, because their money
is shown without such an amount. The upper limit excludes a text, which SQLite stores in a column of numbers, too.
"""


def sum_money_of_corporation(conn: Connection, corporation_number: str, since: datetime) -> tuple[CompanyTotals, ...]:
    """Return the totals of a corporation number, one `CompanyTotals` per currency, in minor units, sorted by currency
    in descending order (JPY before INR). Each has four amounts:

    - the payments paid since `since`
    - the refunds completed since `since`, and the amounts given back outside since then
    - the refunds that the provider has accepted but not completed (state submitted)
    - the refunds with an unknown outcome, which are in no other amount

    Reversed payments, and payments with an unknown outcome, aren't counted.
    """
    since_utc = convert_to_naive_utc(since)
    is_paid = (
        (payments.c.certainty == _KNOWN_CERTAINTY)
        & payments.c.status.in_([str(state) for state in PAID_STATES])
        & (payments.c.paid_at >= since_utc)
    )
    is_known = refunds.c.certainty == _KNOWN_CERTAINTY
    is_lapsed = journal.make_lapsed_record_condition(REFUND_KIND, refunds.c.id, refunds.c.status)
    paid_sums_query = (
        select(
            payments.c.currency,
            func.sum(case((is_paid, payments.c.captured_minor), else_=0)),
            func.max(case((_HAS_OUTSIDE_AMOUNT_CONDITION, 1), else_=0)),
        )
        .join_from(
            RECORD_IDS_OF_NUMBER_SUBQUERY, payments, payments.c.id == RECORD_IDS_OF_NUMBER_SUBQUERY.c.payment_id
        )
        .group_by(payments.c.currency)
    )
    refund_conditions = (
        (refunds.c.status == RefundState.COMPLETED.value) & is_known & (refunds.c.state_since >= since_utc),
        (refunds.c.status == RefundState.SUBMITTED.value) & is_known,
        (refunds.c.certainty == Certainty.UNKNOWN.value) | is_lapsed,
    )
    refunded = (
        select(
            refunds.c.currency,
            *(
                func.sum(case((refund_condition, refunds.c.refund_amount), else_=0))
                for refund_condition in refund_conditions
            ),
        )
        .join_from(RECORD_IDS_OF_NUMBER_SUBQUERY, refunds, refunds.c.id == RECORD_IDS_OF_NUMBER_SUBQUERY.c.refund_id)
        .group_by(refunds.c.currency)
    )
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    has_outside_amounts = False
    for currency, amount_minor, has_outside_amount in conn.execute(paid_sums_query, {"number": corporation_number}):
        sums[currency][0] = int(amount_minor)
        has_outside_amounts = has_outside_amounts or bool(has_outside_amount)
    for currency, *refund_sums in conn.execute(refunded, {"number": corporation_number}):
        sums[currency][1:] = map(int, refund_sums)
    if has_outside_amounts:  # seldom, so that most reads need no further statement
        for currency, amount_minor in _list_amounts_given_back_outside(conn, corporation_number, since):
            sums[currency][1] += amount_minor
    return tuple(CompanyTotals(currency, *sums[currency]) for currency in sorted(sums, reverse=True))


def _list_amounts_given_back_outside(
    conn: Connection, corporation_number: str, since: datetime
) -> Iterator[tuple[str, int]]:
    """Yield, for each payment of this corporation number, its currency and the sum (minor units) that its payer got
    back outside on the Japanese day of `since` or later.

    The day is only in the audit entry of the second person's decision. Every database account may insert such
    entries, so a sum is never more than the amount in the payment's row.
    """
    query = (
        select(payments.c.id, payments.c.currency, payments.c.outside_minor)
        .join_from(
            RECORD_IDS_OF_NUMBER_SUBQUERY, payments, payments.c.id == RECORD_IDS_OF_NUMBER_SUBQUERY.c.payment_id
        )
        .where(_HAS_OUTSIDE_AMOUNT_CONDITION)
    )
    rows = conn.execute(query, {"number": corporation_number}).all()
    entries_query = select(audit_log.c.subject_id, audit_log.c.detail).where(
        audit_log.c.subject_kind == PAYMENT_KIND,
        audit_log.c.subject_id.in_([str(row.id) for row in rows]),
        audit_log.c.what == AuditAction.PAYMENT_RESOLVE.value,
    )
    first_day = since.astimezone(JST).date()
    recorded_sums: dict[str, int] = defaultdict(int)
    for payment_id, detail_text in conn.execute(entries_query):
        outside_refund = read_recorded_refund(parse_audit_detail(detail_text))
        if outside_refund is not None and outside_refund.day >= first_day:
            recorded_sums[payment_id] += outside_refund.amount_minor
    for row in rows:
        yield row.currency, min(row.outside_minor, recorded_sums[str(row.id)])


def read_notes(conn: Connection, references: Collection[RecordRef]) -> tuple[Note, ...]:
    """Return the newest notes of these records, newest first, at most MAX_ROWS_ON_COMPANY_PAGE for each kind of
    record."""
    rows: list[Any] = []
    for kind, ids in _group_by_kind(references):
        query = select(notes.c.id, notes.c.kind, notes.c.subject_id, notes.c.person, notes.c.words, notes.c.at)
        rows += _read_newest_rows(conn, query.where(notes.c.kind == kind, notes.c.subject_id.in_(ids)), notes.c.id)
    notes_query = (
        Note(row.id, row.kind, row.subject_id, row.person, row.words, convert_to_aware_utc(row.at)) for row in rows
    )
    return tuple(sorted(notes_query, key=lambda note: note.id, reverse=True))


def read_documents(conn: Connection, references: Collection[RecordRef]) -> tuple[CompanyDocument, ...]:
    """Return the newest stored PDFs of these records, newest first, at most MAX_ROWS_ON_COMPANY_PAGE for each kind of
    record. Each one has the reference (kind and id) of its record. The PDF whose path the row of its credit check has
    is marked as current (`is_current`), as on the page of the credit check; other records have no PDFs.
    """
    rows: list[Any] = []
    for kind, ids in _group_by_kind(references):
        query = (
            select(documents, credit_checks.c.pdf_file_path)
            .outerjoin(credit_checks, credit_checks.c.id == documents.c.subject_id)
            .where(documents.c.subject_kind == kind, documents.c.subject_id.in_(ids))
        )
        rows += _read_newest_rows(conn, query, documents.c.id)
    rows.sort(key=lambda row: (row.fetched_at, row.id), reverse=True)
    return tuple(
        CompanyDocument(
            (row.subject_kind, row.subject_id),
            Document(
                row.path, row.sha256, row.bytes, convert_to_aware_utc(row.fetched_at), row.path == row.pdf_file_path
            ),
        )
        for row in rows
    )


def read_history(conn: Connection, references: Collection[RecordRef]) -> tuple[CompanyEvent, ...]:
    """Return the newest events of these records, newest first, at most MAX_ROWS_ON_COMPANY_PAGE: audit entries, and
    notices that providers sent about payments. Entries which only report that a person has read something are left
    out.
    """
    events: list[CompanyEvent] = []
    for kind, ids in _group_by_kind(references):
        events += _read_audit_events(conn, kind, ids)
        if kind == PAYMENT_KIND:
            events += _read_notice_events(conn, ids)
    return tuple(sorted(events, key=_make_sort_key, reverse=True)[:MAX_ROWS_ON_COMPANY_PAGE])


def _read_audit_events(conn: Connection, kind: str, ids: list[int]) -> Iterator[CompanyEvent]:
    """Yield the events of the newest audit entries about the records of this kind with these ids."""
    columns = (*AUDIT_EVENT_COLUMNS, audit_log.c.subject_id)
    is_about_records = (audit_log.c.subject_kind == kind) & audit_log.c.subject_id.in_([str(id) for id in ids])
    for row in _read_newest_rows(
        conn, select(*columns).where(is_about_records, make_reports_more_than_reading_condition()), audit_log.c.id
    ):
        yield CompanyEvent((kind, int(row.subject_id)), make_audit_event(row, kind, row.subject_id))


def _read_notice_events(conn: Connection, ids: list[int]) -> Iterator[CompanyEvent]:
    """Yield the events of the newest notices about the payments with these ids."""
    for row in _read_newest_rows(
        conn,
        NOTICE_QUERY.add_columns(payment_events.c.payment_id).where(payment_events.c.payment_id.in_(ids)),
        payment_events.c.id,
    ):
        yield CompanyEvent((PAYMENT_KIND, row.payment_id), make_notice_event(row, PAYMENT_KIND, str(row.payment_id)))


def _make_sort_key(event: CompanyEvent) -> tuple[datetime, bool, int]:
    """Return the key by which events are sorted by time. In ascending order a notice comes before an audit entry of
    the same instant."""
    return event.event.at, event.event.event_kind is not TimelineEventKind.NOTICE, int(event.event.row)


def _group_by_kind(references: Collection[RecordRef]) -> Iterable[tuple[str, list[int]]]:
    """Return the references by kind: each kind with the ids of its newest MAX_ROWS_ON_COMPANY_PAGE records."""
    ids: dict[str, list[int]] = {}
    for kind, id in sorted(references, reverse=True):
        ids.setdefault(kind, []).append(id)
    return ((kind, of_kind[:MAX_ROWS_ON_COMPANY_PAGE]) for kind, of_kind in ids.items())


def _read_newest_rows(conn: Connection, query: Select[Any], id_column: Any) -> list[Any]:
    """Return the rows of the query, the highest ids first, at most MAX_ROWS_ON_COMPANY_PAGE."""
    return list(conn.execute(query.order_by(id_column.desc()).limit(MAX_ROWS_ON_COMPANY_PAGE)))
