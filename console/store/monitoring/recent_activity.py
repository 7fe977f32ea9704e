"""Figures about the last minutes. Each function reads a limited number of rows, so its cost doesn't depend on the
size of the tables."""

from collections import Counter
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, func, select

from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.database.unreadable_rows import parse_audit_detail
from console.store.operations.journal import WAITED_MS_KEY
from console.store.schema.core import audit_log, changes, evidence, operations
from console.store.schema.payments import payment_events, payments

MAX_ROWS_PER_FUNCTION = 2_000
"""Largest number of rows that one function of this module reads from a table."""
MAX_SEARCHED_EVIDENCE = 30_000
"""Largest number of evidence ids, below the newest one, among which `iterate_evidence_pages` searches."""
_MAX_IDS_PER_QUERY = 500
"""Largest number of ids in one query."""
LONGEST_WAIT_MS = 86_400_000
"""Largest value of WAITED_MS_KEY that is used: a day in milliseconds. Every account may insert audit entries, so a
larger value may be invented.
"""
_LIMIT_PARAMETER = bindparam("limit", type_=Integer)
_NEWEST_EVIDENCE_QUERY = (
    select(evidence.c.at, evidence.c.source, evidence.c.summary, evidence.c.operation_id)
    .order_by(evidence.c.id.desc())
    .limit(_LIMIT_PARAMETER)
)
_NEWEST_EVIDENCE_ID_QUERY = select(func.max(evidence.c.id))
_EVIDENCE_PAGE_QUERY = (
    select(evidence.c.id, evidence.c.at, evidence.c.source, evidence.c.summary, evidence.c.operation_id)
    .where(
        evidence.c.id < bindparam("before"),
        evidence.c.id > bindparam("after"),
        evidence.c.source.not_in(bindparam("excluded_sources", expanding=True)),
    )
    .order_by(evidence.c.id.desc())
    .limit(_LIMIT_PARAMETER)
)
_NEWEST_NOTICES_QUERY = (
    select(payment_events.c.received_at, payment_events.c.source, payment_events.c.done)
    .order_by(payment_events.c.id.desc())
    .limit(_LIMIT_PARAMETER)
)
_NEWEST_CHANGES_QUERY = (
    select(changes.c.at, changes.c.kind, changes.c.subject_id).order_by(changes.c.id.desc()).limit(_LIMIT_PARAMETER)
)
_AUDIT_ENTRIES_QUERY = (
    select(audit_log.c.id, audit_log.c.session, audit_log.c.result, audit_log.c.reason, audit_log.c.detail)
    .where(audit_log.c.id > bindparam("after"))
    .order_by(audit_log.c.id)
    .limit(_LIMIT_PARAMETER)
)
_OPERATION_DURATIONS_QUERY = select(operations.c.id, operations.c.started_at, operations.c.ended_at).where(
    operations.c.id.in_(bindparam("ids", expanding=True)), operations.c.ended_at >= bindparam("since")
)
_EVIDENCE_OF_OPERATIONS_QUERY = select(evidence.c.operation_id, evidence.c.source, evidence.c.summary).where(
    evidence.c.operation_id.in_(bindparam("ids", expanding=True))
)
_PAYMENT_STATES_QUERY = (
    select(payments.c.status, func.count())
    .where(payments.c.id.in_(bindparam("ids", expanding=True)))
    .group_by(payments.c.status)
)


def list_recent_evidence(conn: Connection, since: datetime) -> list[tuple[str, str, str | None]]:
    """Return the evidence stored since the instant `since`, newest first, each as (source such as `paypay.refund`,
    summary, operation id or None). Evidence is an answer of a provider, or a text or file that a person handed in
    (source `person`). At most MAX_ROWS_PER_FUNCTION rows are returned."""
    return [
        (str(row.source), str(row.summary), row.operation_id)
        for row in _read_newest_rows(conn, _NEWEST_EVIDENCE_QUERY, since)
    ]


@dataclass(frozen=True, slots=True)
class RecentEvidence:
    """Evidence with the columns that figures need: the instant at which it was stored, its source such as
    `paypay.refund`, its summary, and the operation to which it belongs (None: it belongs to no operation)."""

    stored_at: datetime
    source: str
    summary: str
    operation_id: str | None


def iterate_evidence_pages(
    conn: Connection, since: datetime, excluded_sources: Set[str]
) -> Iterator[list[RecentEvidence]]:
    """Yield the evidence stored since the instant `since`, newest first, in pages of at most MAX_ROWS_PER_FUNCTION
    rows. Only the newest MAX_SEARCHED_EVIDENCE ids are searched. Evidence with one of `excluded_sources` is left out.
    The set is read before each page, so the caller can add a source when it needs no more evidence of it: the rows of
    a busy provider then don't hide those of another one.
    """
    newest_id = int(conn.scalar(_NEWEST_EVIDENCE_ID_QUERY) or 0)
    before_id, after_id = newest_id + 1, newest_id - MAX_SEARCHED_EVIDENCE
    while True:
        values = {"before": before_id, "after": after_id, "excluded_sources": sorted(excluded_sources)}
        rows = conn.execute(_EVIDENCE_PAGE_QUERY, values | {"limit": MAX_ROWS_PER_FUNCTION}).all()
        page = [
            RecentEvidence(at, str(row.source), str(row.summary), row.operation_id)
            for row in rows
            if (at := convert_to_aware_utc(row.at)) >= since
        ]
        if page:
            yield page
        if not page or len(rows) < MAX_ROWS_PER_FUNCTION:
            return
        before_id = rows[-1].id


def count_notices(conn: Connection, since: datetime) -> Counter[tuple[str, str]]:
    """Return the number of providers' notices received since the instant `since`, by (source, result). Only the
    newest MAX_ROWS_PER_FUNCTION notices are counted."""
    return Counter((str(row.source), str(row.done)) for row in _read_newest_rows(conn, _NEWEST_NOTICES_QUERY, since))


def count_changed_payments_by_state(conn: Connection, since: datetime) -> dict[str, int]:
    """Return the number of payments that have changed since the instant `since`, by their present state. Only the
    payments of the newest MAX_ROWS_PER_FUNCTION changes of records are counted, and at most _MAX_IDS_PER_QUERY of
    them.
    """
    changed_ids = (
        row.subject_id for row in _read_newest_rows(conn, _NEWEST_CHANGES_QUERY, since) if row.kind == "payment"
    )
    ids = list(dict.fromkeys(changed_ids))[:_MAX_IDS_PER_QUERY]
    return (
        {str(state): int(count) for state, count in conn.execute(_PAYMENT_STATES_QUERY, {"ids": ids})} if ids else {}
    )


def read_operation_durations(conn: Connection, operation_ids: list[str], since: datetime) -> dict[str, float]:
    """Return the durations (seconds, from start to end) of the operations with these ids, by id. Operations that
    haven't ended, or that ended before the instant `since`, are left out. At most _MAX_IDS_PER_QUERY operations are
    read."""
    ids = list(dict.fromkeys(operation_ids))[:_MAX_IDS_PER_QUERY]
    rows = (
        conn.execute(_OPERATION_DURATIONS_QUERY, {"ids": ids, "since": convert_to_naive_utc(since)}).all()
        if ids
        else []
    )
    return {str(row.id): (row.ended_at - row.started_at).total_seconds() for row in rows}


def list_evidence_of_operations(conn: Connection, operation_ids: list[str]) -> list[tuple[str, str, str]]:
    """Return all evidence of the operations with these ids, each as (operation id, source such as `paypay.refund`,
    summary), whenever it was stored. At most _MAX_IDS_PER_QUERY operations are read."""
    ids = list(dict.fromkeys(operation_ids))[:_MAX_IDS_PER_QUERY]
    rows = conn.execute(_EVIDENCE_OF_OPERATIONS_QUERY, {"ids": ids}).all() if ids else []
    return [(str(row.operation_id), str(row.source), str(row.summary)) for row in rows]


@dataclass(frozen=True, slots=True)
class OtherProcessFigures:
    """Figures about other processes, read from the audit entries up to the row id `last_row_id`: the number of
    refused duplicates (`refused_duplicate_count`), and the times (seconds) for which operations have waited for their
    lease.
    """

    last_row_id: int
    refused_duplicate_count: int = 0
    wait_seconds: tuple[float, ...] = ()


def find_newest_audit_id(conn: Connection) -> int:
    """Return the id of the newest audit entry; 0 if there is none."""
    return int(conn.scalar(select(func.max(audit_log.c.id))) or 0)


def read_figures_of_other_processes(
    conn: Connection, after_id: int, own_session: str, duplicate_reasons: Collection[str]
) -> OtherProcessFigures:
    """Return figures from the audit entries with ids above `after_id` that other processes wrote. These are the
    entries of all sessions except `own_session`. At most MAX_ROWS_PER_FUNCTION entries are read, in the order of
    their ids; the caller passes the returned `last_row_id` as `after_id` of the next call. `duplicate_reasons` are
    the reasons of a refusal that count as a duplicate.
    """
    rows = conn.execute(_AUDIT_ENTRIES_QUERY, {"after": after_id, "limit": MAX_ROWS_PER_FUNCTION}).all()
    rows_of_others = [row for row in rows if row.session != own_session]
    refused_duplicate_count = sum(
        row.result == "refused" and row.reason in duplicate_reasons for row in rows_of_others
    )
    wait_seconds = tuple(wait for row in rows_of_others if (wait := _parse_waited_seconds(row.detail)) is not None)
    return OtherProcessFigures(int(rows[-1].id) if rows else after_id, refused_duplicate_count, wait_seconds)


def _parse_waited_seconds(detail: str) -> float | None:
    """Return the time (seconds) for which an operation waited for its lease. `detail` is the JSON text of the audit
    entry about the beginning of the operation; the time is under the key WAITED_MS_KEY. Return None if the text has
    no such time, or a time above LONGEST_WAIT_MS."""
    if WAITED_MS_KEY not in detail:
        return None
    waited_ms = parse_audit_detail(detail).get(WAITED_MS_KEY)
    return waited_ms / 1000 if isinstance(waited_ms, int) and 0 <= waited_ms <= LONGEST_WAIT_MS else None


def _read_newest_rows(conn: Connection, query: Select[Any], since: datetime) -> list[Row[Any]]:
    """Return the rows of the query since the instant `since`, newest first, at most MAX_ROWS_PER_FUNCTION."""
    return [
        row for row in conn.execute(query, {"limit": MAX_ROWS_PER_FUNCTION}) if convert_to_aware_utc(row[0]) >= since
    ]
