"""Reads the calls whose outcome was or is unknown, from the journal. Its index of subjects returns the newest
records first."""

from sqlalchemy import Connection, Subquery, and_, or_, select

from console.domain.records import Operation, OperationState
from console.domain.reports.periods import Period
from console.domain.reports.time_to_truth import UnknownOutcome
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.operations import journal
from console.store.schema.core import operations

MAX_OPERATIONS = 10_000
"""Largest number of operations of one kind that are read (those of the newest records), and of lapsed operations of
all kinds (the oldest)."""


def select_newest_operations(kind: str, limit: int) -> Subquery:
    """Return a subquery of the operations on records of this kind, at most `limit`, those of the newest records."""
    return (
        select(
            operations.c.subject_id,
            operations.c.started_at,
            operations.c.ended_at,
            operations.c.state,
            operations.c.fence,
            operations.c.action,
        )
        .where(operations.c.subject_kind == kind)
        .order_by(operations.c.subject_id.desc())
        .limit(limit)
        .subquery()
    )


def has_more_operations(conn: Connection, kind: str, limit: int) -> bool:
    """True if the journal has more than `limit` operations on records of this kind."""
    query = select(operations.c.id).where(operations.c.subject_kind == kind).order_by(operations.c.subject_id.desc())
    return conn.execute(query.offset(limit).limit(1)).first() is not None


def list_lapsed_operations(conn: Connection, limit: int) -> tuple[tuple[Operation, ...], bool]:
    """Return two values: the lapsed operations of all kinds, oldest first, at most `limit`; and False if there are
    more, otherwise True."""
    lapsed_ids = journal.list_lapsed_operations(conn, limit + 1)
    return lapsed_ids[:limit], len(lapsed_ids) <= limit


def read_unknown_outcomes(conn: Connection, kind: str, period: Period) -> tuple[list[UnknownOutcome], bool]:
    """Return two values: the calls that cost or move money on records of this kind, began in the period, and ended or
    lapsed without a known outcome; and False if there are more than MAX_OPERATIONS operations of this kind or lapsed
    operations of all kinds, so that calls may be missing, otherwise True.

    A process that writes such an outcome later raises the fencing token. So a row with an end and a higher token than
    the operation's first token had an unknown outcome.
    """
    columns = select_newest_operations(kind, MAX_OPERATIONS).c
    was_settled = and_(columns.fence > journal.FIRST_FENCE, columns.ended_at.is_not(None))
    rows = conn.execute(
        select(columns.started_at, columns.ended_at, columns.state).where(
            columns.action == journal.MONEY_ACTION_BY_KIND[kind],
            columns.started_at >= convert_to_naive_utc(period.start),
            columns.started_at < convert_to_naive_utc(period.end),
            or_(was_settled, columns.state == OperationState.UNKNOWN.value),
        )
    ).all()
    unknown_outcomes = [
        UnknownOutcome(
            convert_to_aware_utc(row.started_at), None if row.ended_at is None else convert_to_aware_utc(row.ended_at)
        )
        for row in rows
    ]
    lapsed_operations, has_all_lapsed = list_lapsed_operations(conn, MAX_OPERATIONS)
    lapsed_ids = [
        UnknownOutcome(operation.started_at, None)
        for operation in lapsed_operations
        if operation.action == journal.MONEY_ACTION_BY_KIND[kind]
        and period.start <= operation.started_at < period.end
    ]
    return unknown_outcomes + lapsed_ids, has_all_lapsed and not has_more_operations(conn, kind, MAX_OPERATIONS)
