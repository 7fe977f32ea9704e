"""What happened to one record, read from each table that knows, in that table's own order and by its index.

Keyset pages: a record with thousands of rows is read in flat memory. Openings are left out (they change nothing),
and so is the trail's own note that an operation began: the journal has it.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from console.domain.records import OperationState
from console.domain.story import Event, Step, step_of
from console.store.leases import aware, naive
from console.store.payment_schema import payment_events
from console.store.schema import alerts, approvals, audit_log, evidence, operations
from console.store.worker_schema import reconciliation_rows, reconciliations, sagas

BATCH = 200
OPERATION, PAYMENT = "operation", "payment"
READS = ("%.opened", "%.pdf_read", "%.listed", "%.exported")
"""SQL patterns: entries of the trail that tell of looking, and change nothing."""

_a, _o, _e, _n = audit_log.c, operations.c, evidence.c, payment_events.c
_p, _l, _s, _r, _run = approvals.c, alerts.c, sagas.c, reconciliation_rows.c, reconciliations.c
_SUMMARY = re.compile(r"(?:HTTP (?P<status>\d{3}) )?(?P<outcome>[A-Z_]+) (?P<reason>[a-z0-9_]*)")
"""How an answer is summed up where it is kept."""
_AT_ONCE = timedelta(seconds=2)
Last = tuple[datetime, str]
"""Time and id of the row that was read last."""
Make = Callable[[Row[Any], str, str], Event]


@dataclass(frozen=True, slots=True)
class Source:
    """One table's rows about a record. `at`: read in the order of that time, then id; None: by id alone."""

    name: str
    rows: Select[Any]
    of: Callable[[str, str], ColumnElement[bool]]
    id: ColumnElement[Any]
    make: Make
    at: ColumnElement[Any] | None = None

    def page(self, conn: Connection, kind: str, id: str, last: Last | None) -> list[Event]:
        """The next rows about this record after the last one, oldest first."""
        query = self.rows.where(self.of(kind, id))
        if last is not None:
            query = query.where(self._after(*last))
        order = (self.id,) if self.at is None else (self.at, self.id)
        found = conn.execute(query.order_by(*order).limit(BATCH))
        return [self.make(row, kind, id) for row in found]

    def events(self, conn: Connection, kind: str, id: str, last: Last | None = None) -> Iterator[Event]:
        """All rows about this record after the last one, a page at a time."""
        page = self.page(conn, kind, id, last)
        while page:
            yield from page
            if len(page) < BATCH:
                return
            page = self.page(conn, kind, id, (page[-1].at, page[-1].row))

    def newest(self, conn: Connection, kind: str, id: str, most: int) -> list[Event]:
        """At most so many rows about this record, the last ones, oldest first."""
        order = (self.id.desc(),) if self.at is None else (self.at.desc(), self.id.desc())
        found = conn.execute(self.rows.where(self.of(kind, id)).order_by(*order).limit(most))
        return [self.make(row, kind, id) for row in found][::-1]

    def _after(self, at: datetime, row: str) -> ColumnElement[bool]:
        key = int(row) if row.isdecimal() else row
        if self.at is None:
            return self.id > key
        return or_(self.at > naive(at), and_(self.at == naive(at), self.id > key))


def sources(kind: str) -> tuple[Source, ...]:
    """The tables that may know something of a record of this kind."""
    if kind == OPERATION:
        return _OF_OPERATIONS
    return (*_OF_RECORDS, *_OF_PAYMENTS) if kind == PAYMENT else _OF_RECORDS


def is_no_reading() -> ColumnElement[bool]:
    """SQL: an entry of the trail that tells of more than looking."""
    return and_(*(_a.what.not_like(pattern) for pattern in READS))


# What each row tells


def _begun(row: Row[Any], kind: str, id: str) -> Event:
    return Event(
        aware(row.started_at), Step.BEGUN, row.operator, row.action, kind, id, "operations", row.id,
        facts={"action": row.action}, operation_id=row.id, session=row.session,
    )  # fmt: skip


def _ended(row: Row[Any], kind: str, id: str) -> Event:
    answered = aware(row.answered_at) if row.answered_at is not None else None
    cause = answered if answered is not None and answered - aware(row.ended_at) < _AT_ONCE else None
    why = None if row.state == OperationState.DONE.value else row.outcome_reason
    facts = {"action": row.action, "state": row.state, "outcome": row.outcome_class, "reason": why}
    return Event(
        aware(row.ended_at), Step.ENDED, row.operator, row.action, kind, id, "operations:ended", row.id,
        facts=facts, operation_id=row.id, session=row.session, after=cause,
    )  # fmt: skip


def _kept(row: Row[Any], kind: str, id: str) -> Event:
    step = Step.PROOF if row.source == "person" else Step.ANSWER
    said = _SUMMARY.fullmatch(row.summary) if step is Step.ANSWER else None
    facts = {
        "from": row.source, "provider": row.source.partition(".")[0], "summary": row.summary, "sha256": row.sha256,
        **(said.groupdict() if said else {}),
    }  # fmt: skip
    return Event(
        aware(row.at), step, row.who, row.source, kind, id, "evidence", str(row.id),
        facts=facts, operation_id=row.operation_id, evidence=(row.id,),
    )  # fmt: skip


def _noticed(row: Row[Any], kind: str, id: str) -> Event:
    facts = {
        "from": row.source, "event": row.event_id, "told": row.kind, "done": row.done, "order": row.order_no,
        "minor": row.amount_minor, "currency": row.currency,
        "occurred": aware(row.occurred_at) if row.occurred_at is not None else None,
    }  # fmt: skip
    at, source = aware(row.received_at), "payment_events"
    return Event(at, Step.NOTICE, row.source, row.kind, kind, id, source, str(row.id), facts=facts)


def _voted(row: Row[Any], kind: str, id: str) -> Event:
    kept = () if row.evidence_id is None else (row.evidence_id,)
    facts = {"action": row.action, "proposed": row.proposed, "approval": row.id}
    return Event(
        aware(row.at), Step.DECISION, row.person, "approval", kind, id, "approvals", str(row.id), facts=facts,
        evidence=kept,
    )  # fmt: skip


def _audited(row: Row[Any], kind: str, id: str) -> Event:
    detail = json.loads(row.detail)
    kept, operation, work = detail.get("evidence"), detail.get("operation"), detail.get("correlation")
    return Event(
        aware(row.at), step_of(row.what), row.who, row.what, kind, id, "audit_log", str(row.id), row.result,
        {**detail, "reason": row.reason}, operation if isinstance(operation, str) else None, row.session,
        (kept,) if type(kept) is int else (), work if isinstance(work, str) else None,
    )  # fmt: skip


def _raised(row: Row[Any], kind: str, id: str) -> Event:
    return _alert(row, row.detected_at, "raised", "worker", kind, id)


def _acknowledged(row: Row[Any], kind: str, id: str) -> Event:
    return _alert(row, row.acknowledged_at, "acknowledged", row.acknowledged_by or "", kind, id)


def _resolved(row: Row[Any], kind: str, id: str) -> Event:
    return _alert(row, row.resolved_at, "resolved", "worker", kind, id)


def _alert(row: Row[Any], at: datetime, what: str, who: str, kind: str, id: str) -> Event:
    source = "alerts" if what == "raised" else f"alerts:{what}"
    facts = {
        "alert": row.id, "rule": row.rule_id, "observed": row.observed, "expected": row.expected, "note": row.note,
    }  # fmt: skip
    return Event(aware(at), Step.ALERT, who, f"alert_{what}", kind, id, source, str(row.id), facts=facts)


def _saga_begun(row: Row[Any], kind: str, id: str) -> Event:
    return _saga(row, row.begun_at, "begun", "sagas", kind, id)


def _saga_ended(row: Row[Any], kind: str, id: str) -> Event:
    return _saga(row, row.ended_at, "ended", "sagas:ended", kind, id)


def _saga(row: Row[Any], at: datetime, what: str, source: str, kind: str, id: str) -> Event:
    facts = {"saga": row.kind, "state": row.state, "step": row.step, "reason": row.reason, "attempts": row.attempts}
    return Event(aware(at), Step.SAGA, "worker", f"saga_{what}", kind, id, source, str(row.id), facts=facts)


def _compared(row: Row[Any], kind: str, id: str) -> Event:
    facts = {
        "run": row.run_id, "provider": row.provider, "from_day": row.from_day, "to_day": row.to_day,
        "verdict": row.verdict, "ours": row.ours, "theirs": row.theirs,
    }  # fmt: skip
    kept = () if row.evidence_id is None else (row.evidence_id,)
    return Event(
        aware(row.begun_at), Step.RECONCILIATION, row.asked_by, "reconciliation_row", kind, id,
        "reconciliation_rows", str(row.id), facts=facts, evidence=kept,
    )  # fmt: skip


# Which rows are a record's: by its number, or by its id as text


def _by_number(table: Any) -> Callable[[str, str], ColumnElement[bool]]:
    return lambda kind, id: and_(table.subject_kind == kind, table.subject_id == int(id))


def _by_text(table: Any) -> Callable[[str, str], ColumnElement[bool]]:
    return lambda kind, id: and_(table.subject_kind == kind, table.subject_id == id)


_OPERATION = select(
    _o.id, _o.action, _o.operator, _o.session, _o.state, _o.started_at, _o.ended_at, _o.outcome_class,
    _o.outcome_reason,
)  # fmt: skip
# An answer and the end that it is are written together, each with the time of its own writing.
_ANSWERED = select(_e.at).where(_e.operation_id == _o.id).order_by(_e.id).limit(1).scalar_subquery()
_ENDED = _OPERATION.add_columns(_ANSWERED.label("answered_at")).where(_o.ended_at.is_not(None))
_EVIDENCE = select(_e.id, _e.at, _e.source, _e.who, _e.sha256, _e.summary, _e.operation_id)
_AUDIT = select(_a.id, _a.at, _a.who, _a.what, _a.result, _a.reason, _a.detail, _a.session).where(
    is_no_reading(), _a.what.not_like("%.started")
)
_ALERT = select(
    _l.id, _l.rule_id, _l.observed, _l.expected, _l.note, _l.detected_at, _l.acknowledged_at, _l.acknowledged_by,
    _l.resolved_at,
)  # fmt: skip
_SAGA = select(_s.id, _s.kind, _s.state, _s.step, _s.reason, _s.attempts, _s.begun_at, _s.ended_at)
_NOTICE = select(
    _n.id, _n.source, _n.event_id, _n.kind, _n.order_no, _n.amount_minor, _n.currency, _n.occurred_at, _n.received_at,
    _n.done,
)  # fmt: skip
_COMPARED = select(
    _r.id, _r.run_id, _r.verdict, _r.ours, _r.theirs, _run.provider, _run.from_day, _run.to_day, _run.asked_by,
    _run.begun_at, _run.evidence_id,
).join(reconciliations, _run.id == _r.run_id)  # fmt: skip
_APPROVAL = select(_p.id, _p.action, _p.proposed, _p.person, _p.evidence_id, _p.at)

_TOLD = (
    Source("approvals", _APPROVAL, _by_text(_p), _p.id, _voted),
    Source("audit_log", _AUDIT, _by_text(_a), _a.id, _audited),
)
_OF_RECORDS = (
    Source("operations", _OPERATION, _by_number(_o), _o.id, _begun, _o.started_at),
    Source("operations:ended", _ENDED, _by_number(_o), _o.id, _ended, _o.ended_at),
    Source("evidence", _EVIDENCE, _by_number(_e), _e.id, _kept),
    *_TOLD,
    Source("alerts", _ALERT, _by_number(_l), _l.id, _raised),
    Source(
        "alerts:acknowledged", _ALERT.where(_l.acknowledged_at.is_not(None)), _by_number(_l), _l.id, _acknowledged,
        _l.acknowledged_at,
    ),
    Source("alerts:resolved", _ALERT.where(_l.resolved_at.is_not(None)), _by_number(_l), _l.id, _resolved,
           _l.resolved_at),
    Source("sagas", _SAGA, _by_number(_s), _s.id, _saga_begun),
    Source("sagas:ended", _SAGA.where(_s.ended_at.is_not(None)), _by_number(_s), _s.id, _saga_ended, _s.ended_at),
)  # fmt: skip
_OF_PAYMENTS = (
    Source("payment_events", _NOTICE, lambda _, id: _n.payment_id == int(id), _n.id, _noticed),
    Source("reconciliation_rows", _COMPARED, lambda _, id: _r.payment_id == int(id), _r.id, _compared),
)
_OF_OPERATIONS = (
    Source("operations", _OPERATION, lambda _, id: _o.id == id, _o.id, _begun, _o.started_at),
    Source("operations:ended", _ENDED, lambda _, id: _o.id == id, _o.id, _ended, _o.ended_at),
    Source("evidence", _EVIDENCE, lambda _, id: _e.operation_id == id, _e.id, _kept),
    *_TOLD,
)
