"""Reads the history of one record.

It reads the rows about the record from several tables, each through an index and sorted by the table's own time or
id. Rows are read in pages, so that the used memory doesn't grow with their number. Two kinds of audit entries are
left out: the entries that only report that a person has read something, and the entries about the start of an
operation, because the journal also has a row about the start.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, String, and_, bindparam, or_, select

from console.domain.evidence.timeline import TimelineEvent, TimelineEventKind, get_event_kind
from console.domain.records import OperationState
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.database.unreadable_rows import parse_audit_detail
from console.store.schema.core import (
    UNCOUNTED_EVIDENCE_KIND_SUFFIX,
    alerts,
    approvals,
    audit_log,
    evidence,
    operations,
)
from console.store.schema.payments import payment_events
from console.store.schema.worker import reconciliation_rows, reconciliations, sagas

ROWS_PER_BATCH = 200
OPERATION_KIND = "operation"
PAYMENT_KIND = "payment"
PATTERNS_OF_READING_ACTIONS = ("%.opened", "%.pdf_read", "%.listed", "%.exported")
"""SQL patterns of the actions whose audit entries only report that a person has read something."""

_SUMMARY_PATTERN = re.compile(r"(?:HTTP (?P<status>\d{3}) )?(?P<outcome>[A-Z_]+) (?P<reason>[a-z0-9_]*)")
"""Regular expression for the column `summary` of a provider's answer in the table `evidence`."""
_MAX_DELAY_BETWEEN_ANSWER_AND_END = timedelta(seconds=2)
"""Largest difference between the times of an answer and of the end of its operation, if one transaction has written
both."""

EventRowPosition = tuple[datetime, str]
"""Time and id of the last row that was read. The next page begins after this row."""
EventMaker = Callable[[Row[Any], str, str], TimelineEvent]
"""Function that converts a row into an event of the record with this kind and id."""


@dataclass(frozen=True, slots=True, eq=False)
class EventSource:
    """The events of one kind in one table, such as the start of operations or their end.

    `name` is the table's name, followed by a colon and the event for each further source of the same table.
    `rows_query` is the query of all their rows; `condition` is the SQL condition for one record, whose kind and id
    are the parameters `record_kind` and `record_id` (or `record_number`, if the column has numeric ids); `make_event`
    converts a row into an event. The rows are sorted by `time_column` (None: not used), then by `id_column`.
    """

    name: str
    rows_query: Select[Any]
    condition: ColumnElement[bool]
    id_column: ColumnElement[Any]
    make_event: EventMaker
    time_column: ColumnElement[Any] | None = None

    def read_events_page(
        self, conn: Connection, kind: str, id: str, last_position: EventRowPosition | None
    ) -> list[TimelineEvent]:
        """Return the next page of events about the record, oldest first. `last_position` is the position of the last
        event of the previous page; None for the first page."""
        query = _make_oldest_rows_query(self)
        if last_position is not None:
            query = query.where(self._is_after_sql(*last_position))
        rows = conn.execute(query, _make_parameters(kind, id))
        return [self.make_event(row, kind, id) for row in rows]

    def iterate_events(
        self, conn: Connection, kind: str, id: str, last_position: EventRowPosition | None = None
    ) -> Iterator[TimelineEvent]:
        """Yield all events about the record after the position `last_position` (None: from the first), oldest first,
        reading page by page."""
        page = self.read_events_page(conn, kind, id, last_position)
        while page:
            yield from page
            if len(page) < ROWS_PER_BATCH:
                return
            page = self.read_events_page(conn, kind, id, (page[-1].at, page[-1].row))

    def read_newest_rows(self, conn: Connection, kind: str, id: str, limit: int) -> list[Row[Any]]:
        """Return the newest rows of this source about the record, at most `limit`, oldest first."""
        rows = conn.execute(_make_newest_rows_query(self, limit), _make_parameters(kind, id))
        return list(rows)[::-1]

    def select_own_rows(self, rows: list[Row[Any]]) -> list[Row[Any]]:
        """Select from `rows`, all rows of the table about one record, those that belong to this source, and return
        them oldest first."""
        if self.time_column is None:
            return rows
        name = self.time_column.name
        own_rows = (row for row in rows if getattr(row, name) is not None)
        return sorted(own_rows, key=lambda row: (getattr(row, name), row.id))

    def _is_after_sql(self, at: datetime, row_id: str) -> ColumnElement[bool]:
        """Return the SQL condition that a row comes after the row with the time `at` and the id `row_id`, in the
        order of the events.
        """
        key = int(row_id) if row_id.isdecimal() else row_id
        if self.time_column is None:
            return self.id_column > key
        return or_(
            self.time_column > convert_to_naive_utc(at),
            and_(self.time_column == convert_to_naive_utc(at), self.id_column > key),
        )


# The queries are built once: each page of a record reads all sources, and SQLAlchemy takes longer to build a query
# than the database takes to run it.


@cache
def _make_oldest_rows_query(source: EventSource) -> Select[Any]:
    """Return the query of the first page of the rows of one record, oldest first."""
    sort_columns = (source.id_column,) if source.time_column is None else (source.time_column, source.id_column)
    return source.rows_query.where(source.condition).order_by(*sort_columns).limit(ROWS_PER_BATCH)


@lru_cache(maxsize=256)
def _make_newest_rows_query(source: EventSource, limit: int) -> Select[Any]:
    """Return the query of at most `limit` newest rows of one record, newest first."""
    sort_columns = (
        (source.id_column.desc(),)
        if source.time_column is None
        else (source.time_column.desc(), source.id_column.desc())
    )
    return source.rows_query.where(source.condition).order_by(*sort_columns).limit(limit)


def _make_parameters(kind: str, id: str) -> dict[str, object]:
    """Return the values of the parameters of `EventSource.condition`. `record_number` is missing for an operation,
    whose id isn't a number.
    """
    return {"record_kind": kind, "record_id": id} | ({} if kind == OPERATION_KIND else {"record_number": int(id)})


def list_history_sources(kind: str) -> tuple[EventSource, ...]:
    """Return the sources of the events that a record of this kind can have."""
    if kind == OPERATION_KIND:
        return _EVENT_SOURCES_OF_OPERATIONS
    return (
        (*_EVENT_SOURCES_OF_RECORDS, *_EVENT_SOURCES_OF_PAYMENTS)
        if kind == PAYMENT_KIND
        else _EVENT_SOURCES_OF_RECORDS
    )


def read_newest_events(conn: Connection, kind: str, id: str, limit: int) -> Iterator[list[TimelineEvent]]:
    """Yield, for each source of the record's history, its newest events about the record: at most `limit`, oldest
    first.

    If several sources are in one table, the table is read only once, unless it has `limit` or more rows about the
    record.
    """
    for _, sources in groupby(list_history_sources(kind), lambda source: source.name.partition(":")[0]):
        first_source, *other_sources = sources
        rows = first_source.read_newest_rows(conn, kind, id, limit)
        yield [first_source.make_event(row, kind, id) for row in rows]
        for source in other_sources:
            own_rows = (
                source.select_own_rows(rows) if len(rows) < limit else source.read_newest_rows(conn, kind, id, limit)
            )
            yield [source.make_event(row, kind, id) for row in own_rows]


def make_reports_more_than_reading_condition() -> ColumnElement[bool]:
    """Return an SQL condition on an audit entry: false if the entry only reports that a person has read something
    (`PATTERNS_OF_READING_ACTIONS`), true for every other entry."""
    return and_(*(audit_log.c.what.not_like(pattern) for pattern in PATTERNS_OF_READING_ACTIONS))


# Events from rows


def _make_operation_begun_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    return TimelineEvent(
        convert_to_aware_utc(row.started_at),
        TimelineEventKind.BEGUN,
        row.operator,
        row.action,
        kind,
        id,
        "operations",
        row.id,
        facts={"action": row.action},
        operation_id=row.id,
        session=row.session,
    )


def _make_operation_ended_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    answered_at = convert_to_aware_utc(row.answered_at) if row.answered_at is not None else None
    cause = (
        answered_at
        if answered_at is not None
        and answered_at - convert_to_aware_utc(row.ended_at) < _MAX_DELAY_BETWEEN_ANSWER_AND_END
        else None
    )
    outcome_reason = None if row.state == OperationState.DONE.value else row.outcome_reason
    facts = {"action": row.action, "state": row.state, "outcome": row.outcome_class, "reason": outcome_reason}
    return TimelineEvent(
        convert_to_aware_utc(row.ended_at),
        TimelineEventKind.ENDED,
        row.operator,
        row.action,
        kind,
        id,
        "operations:ended",
        row.id,
        facts=facts,
        operation_id=row.id,
        session=row.session,
        after=cause,
    )


def _make_evidence_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    step = TimelineEventKind.PROOF if row.source == "person" else TimelineEventKind.ANSWER
    summary = _SUMMARY_PATTERN.fullmatch(row.summary) if step is TimelineEventKind.ANSWER else None
    facts = {
        "from": row.source,
        "provider": row.source.partition(".")[0],
        "summary": row.summary,
        "sha256": row.sha256,
        **(summary.groupdict() if summary else {}),
    }
    return TimelineEvent(
        convert_to_aware_utc(row.at), step, row.who, row.source, kind, id, "evidence", str(row.id),
        facts=facts, operation_id=row.operation_id, evidence=(row.id,),
    )  # fmt: skip


def make_notice_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    """Return the event of a record's history for a row of NOTICE_QUERY, which is a provider's notice about the record
    of this kind and id."""
    facts = {
        "from": row.source,
        "event": row.event_id,
        "told": row.kind,
        "done": row.done,
        "order": row.order_no,
        "minor": row.amount_minor,
        "currency": row.currency,
        "occurred": convert_to_aware_utc(row.occurred_at) if row.occurred_at is not None else None,
    }
    at, source = convert_to_aware_utc(row.received_at), "payment_events"
    return TimelineEvent(
        at, TimelineEventKind.NOTICE, row.source, row.kind, kind, id, source, str(row.id), facts=facts
    )


def _make_approval_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    evidence_ids = () if row.evidence_id is None else (row.evidence_id,)
    facts = {"action": row.action, "proposed": row.proposed, "approval": row.id}
    return TimelineEvent(
        convert_to_aware_utc(row.at),
        TimelineEventKind.DECISION,
        row.person,
        "approval",
        kind,
        id,
        "approvals",
        str(row.id),
        facts=facts,
        evidence=evidence_ids,
    )


def make_audit_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    """Return the event of a record's history for an audit entry about the record of this kind and id."""
    detail = parse_audit_detail(row.detail)
    evidence_id, operation, work = detail.get("evidence"), detail.get("operation"), detail.get("correlation")
    return TimelineEvent(
        convert_to_aware_utc(row.at),
        get_event_kind(row.what),
        row.who,
        row.what,
        kind,
        id,
        "audit_log",
        str(row.id),
        row.result,
        {**detail, "reason": row.reason},
        operation if isinstance(operation, str) else None,
        row.session,
        (evidence_id,) if type(evidence_id) is int else (),
        work if isinstance(work, str) else None,
    )


def _make_alert_raised_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    return _make_alert_event(row, row.detected_at, "raised", "worker", kind, id)


def _make_alert_acknowledged_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    return _make_alert_event(row, row.acknowledged_at, "acknowledged", row.acknowledged_by or "", kind, id)


def _make_alert_resolved_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    return _make_alert_event(row, row.resolved_at, "resolved", "worker", kind, id)


def _make_alert_event(row: Row[Any], at: datetime, event_code: str, actor: str, kind: str, id: str) -> TimelineEvent:
    """Return the event "alert raised", "alert acknowledged" or "alert resolved" of the record; `event_code` is the
    second word.
    """
    source = "alerts" if event_code == "raised" else f"alerts:{event_code}"
    facts = {
        "alert": row.id,
        "rule": row.rule_id,
        "observed": row.observed,
        "expected": row.expected,
        "note": row.note,
    }
    return TimelineEvent(
        convert_to_aware_utc(at),
        TimelineEventKind.ALERT,
        actor,
        f"alert_{event_code}",
        kind,
        id,
        source,
        str(row.id),
        facts=facts,
    )


def _make_saga_begun_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    return _make_saga_event(row, row.begun_at, "begun", "sagas", kind, id)


def _make_saga_ended_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    return _make_saga_event(row, row.ended_at, "ended", "sagas:ended", kind, id)


def _make_saga_event(
    row: Row[Any], at: datetime, event_code: str, table_and_event: str, kind: str, id: str
) -> TimelineEvent:
    """Return the event of a saga at the instant `at`. `event_code` is the code of the event: begun or ended.
    `table_and_event` names the table and the event; the history shows it as the source of the event.
    """
    facts = {"saga": row.kind, "state": row.state, "step": row.step, "reason": row.reason, "attempts": row.attempts}
    return TimelineEvent(
        convert_to_aware_utc(at),
        TimelineEventKind.SAGA,
        "worker",
        f"saga_{event_code}",
        kind,
        id,
        table_and_event,
        str(row.id),
        facts=facts,
    )


def _make_reconciliation_event(row: Row[Any], kind: str, id: str) -> TimelineEvent:
    facts = {
        "run": row.run_id,
        "provider": row.provider,
        "from_day": row.from_day,
        "to_day": row.to_day,
        "verdict": row.verdict,
        "ours": row.ours,
        "theirs": row.theirs,
    }
    evidence_ids = () if row.evidence_id is None else (row.evidence_id,)
    return TimelineEvent(
        convert_to_aware_utc(row.begun_at),
        TimelineEventKind.RECONCILIATION,
        row.asked_by,
        "reconciliation_row",
        kind,
        id,
        "reconciliation_rows",
        str(row.id),
        facts=facts,
        evidence=evidence_ids,
    )


# Conditions for the rows of a record, by its id as a number or as text


def _is_about_record_number_sql(table: Any) -> ColumnElement[bool]:
    """Return the SQL condition that a row of `table` is about the record in the parameters `record_kind` and
    `record_number`."""
    return and_(table.subject_kind == bindparam("record_kind"), table.subject_id == bindparam("record_number"))


def _is_evidence_of_record_sql() -> ColumnElement[bool]:
    """Return the SQL condition that a row of evidence is about the record in the parameters `record_kind` and
    `record_number`. The kind in the row is the kind of the record, or this kind followed by
    UNCOUNTED_EVIDENCE_KIND_SUFFIX (such as `credit-check.question`). An answer of the second form is shown with the
    record, but proves nothing about the record's outcome."""
    kind: ColumnElement[str] = bindparam("record_kind", type_=String())
    return and_(
        evidence.c.subject_kind.in_((kind, kind + UNCOUNTED_EVIDENCE_KIND_SUFFIX)),
        evidence.c.subject_id == bindparam("record_number"),
    )


def _is_about_record_id_sql(table: Any) -> ColumnElement[bool]:
    """Return the SQL condition that a row of `table` is about the record in the parameters `record_kind` and
    `record_id` (a text)."""
    return and_(table.subject_kind == bindparam("record_kind"), table.subject_id == bindparam("record_id"))


# An answer and the end of its operation are written in one transaction, but with slightly different times.
_FIRST_ANSWER_TIME_QUERY = (
    select(evidence.c.at)
    .where(evidence.c.operation_id == operations.c.id)
    .order_by(evidence.c.id)
    .limit(1)
    .scalar_subquery()
)
_OPERATION_EVENTS_QUERY = select(
    operations.c.id, operations.c.action, operations.c.operator, operations.c.session, operations.c.state,
    operations.c.started_at, operations.c.ended_at, operations.c.outcome_class, operations.c.outcome_reason,
    _FIRST_ANSWER_TIME_QUERY.label("answered_at"),
)  # fmt: skip
_ENDED_OPERATION_EVENTS_QUERY = _OPERATION_EVENTS_QUERY.where(operations.c.ended_at.is_not(None))
_EVIDENCE_EVENTS_QUERY = select(
    evidence.c.id,
    evidence.c.at,
    evidence.c.source,
    evidence.c.who,
    evidence.c.sha256,
    evidence.c.summary,
    evidence.c.operation_id,
)
AUDIT_EVENT_COLUMNS = (
    audit_log.c.id,
    audit_log.c.at,
    audit_log.c.who,
    audit_log.c.what,
    audit_log.c.result,
    audit_log.c.reason,
    audit_log.c.detail,
    audit_log.c.session,
)
"""The columns that `make_audit_event` reads."""
_AUDIT_EVENTS_QUERY = select(*AUDIT_EVENT_COLUMNS).where(
    make_reports_more_than_reading_condition(), audit_log.c.what.not_like("%.started")
)
_ALERT_EVENTS_QUERY = select(
    alerts.c.id, alerts.c.rule_id, alerts.c.observed, alerts.c.expected, alerts.c.note, alerts.c.detected_at,
    alerts.c.acknowledged_at, alerts.c.acknowledged_by, alerts.c.resolved_at,
)  # fmt: skip
_SAGA_EVENTS_QUERY = select(
    sagas.c.id,
    sagas.c.kind,
    sagas.c.state,
    sagas.c.step,
    sagas.c.reason,
    sagas.c.attempts,
    sagas.c.begun_at,
    sagas.c.ended_at,
)
NOTICE_QUERY = select(
    payment_events.c.id, payment_events.c.source, payment_events.c.event_id, payment_events.c.kind,
    payment_events.c.order_no, payment_events.c.amount_minor, payment_events.c.currency, payment_events.c.occurred_at,
    payment_events.c.received_at, payment_events.c.done,
)  # fmt: skip
"""Query of the notices that providers sent about payments."""
_COMPARISON_EVENTS_QUERY = select(
    reconciliation_rows.c.id, reconciliation_rows.c.run_id, reconciliation_rows.c.verdict, reconciliation_rows.c.ours,
    reconciliation_rows.c.theirs, reconciliations.c.provider, reconciliations.c.from_day, reconciliations.c.to_day,
    reconciliations.c.asked_by, reconciliations.c.begun_at, reconciliations.c.evidence_id,
).join(reconciliations, reconciliations.c.id == reconciliation_rows.c.run_id)  # fmt: skip
_APPROVAL_EVENTS_QUERY = select(
    approvals.c.id,
    approvals.c.action,
    approvals.c.proposed,
    approvals.c.person,
    approvals.c.evidence_id,
    approvals.c.at,
)

_EVENT_SOURCES_OF_ALL_KINDS = (
    EventSource(
        "approvals",
        _APPROVAL_EVENTS_QUERY,
        _is_about_record_id_sql(approvals.c),
        approvals.c.id,
        _make_approval_event,
    ),
    EventSource(
        "audit_log", _AUDIT_EVENTS_QUERY, _is_about_record_id_sql(audit_log.c), audit_log.c.id, make_audit_event
    ),
)
_EVENT_SOURCES_OF_RECORDS = (
    EventSource(
        "operations",
        _OPERATION_EVENTS_QUERY,
        _is_about_record_number_sql(operations.c),
        operations.c.id,
        _make_operation_begun_event,
        operations.c.started_at,
    ),
    EventSource(
        "operations:ended",
        _ENDED_OPERATION_EVENTS_QUERY,
        _is_about_record_number_sql(operations.c),
        operations.c.id,
        _make_operation_ended_event,
        operations.c.ended_at,
    ),
    EventSource(
        "evidence", _EVIDENCE_EVENTS_QUERY, _is_evidence_of_record_sql(), evidence.c.id, _make_evidence_event
    ),
    *_EVENT_SOURCES_OF_ALL_KINDS,
    EventSource(
        "alerts", _ALERT_EVENTS_QUERY, _is_about_record_number_sql(alerts.c), alerts.c.id, _make_alert_raised_event
    ),
    EventSource(
        "alerts:acknowledged",
        _ALERT_EVENTS_QUERY.where(alerts.c.acknowledged_at.is_not(None)),
        _is_about_record_number_sql(alerts.c),
        alerts.c.id,
        _make_alert_acknowledged_event,
        alerts.c.acknowledged_at,
    ),
    EventSource(
        "alerts:resolved",
        _ALERT_EVENTS_QUERY.where(alerts.c.resolved_at.is_not(None)),
        _is_about_record_number_sql(alerts.c),
        alerts.c.id,
        _make_alert_resolved_event,
        alerts.c.resolved_at,
    ),
    EventSource(
        "sagas", _SAGA_EVENTS_QUERY, _is_about_record_number_sql(sagas.c), sagas.c.id, _make_saga_begun_event
    ),
    EventSource(
        "sagas:ended",
        _SAGA_EVENTS_QUERY.where(sagas.c.ended_at.is_not(None)),
        _is_about_record_number_sql(sagas.c),
        sagas.c.id,
        _make_saga_ended_event,
        sagas.c.ended_at,
    ),
)
_EVENT_SOURCES_OF_PAYMENTS = (
    EventSource(
        "payment_events",
        NOTICE_QUERY,
        payment_events.c.payment_id == bindparam("record_number"),
        payment_events.c.id,
        make_notice_event,
    ),
    EventSource(
        "reconciliation_rows",
        _COMPARISON_EVENTS_QUERY,
        reconciliation_rows.c.payment_id == bindparam("record_number"),
        reconciliation_rows.c.id,
        _make_reconciliation_event,
    ),
)
_EVENT_SOURCES_OF_OPERATIONS = (
    EventSource(
        "operations",
        _OPERATION_EVENTS_QUERY,
        operations.c.id == bindparam("record_id"),
        operations.c.id,
        _make_operation_begun_event,
        operations.c.started_at,
    ),
    EventSource(
        "operations:ended",
        _ENDED_OPERATION_EVENTS_QUERY,
        operations.c.id == bindparam("record_id"),
        operations.c.id,
        _make_operation_ended_event,
        operations.c.ended_at,
    ),
    EventSource(
        "evidence",
        _EVIDENCE_EVENTS_QUERY,
        evidence.c.operation_id == bindparam("record_id"),
        evidence.c.id,
        _make_evidence_event,
    ),
    *_EVENT_SOURCES_OF_ALL_KINDS,
)
