"""Reads from the journal the calls whose outcome is unknown, or was unknown for some time. The journal's index of
subjects returns the newest records first."""

from sqlalchemy import Connection, Subquery, and_, or_, select

from console.domain.records import Operation, OperationState
from console.domain.reports.periods import Period
from console.domain.reports.time_to_truth import UnknownOutcome
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.operations import journal
from console.store.schema.core import operations

MAX_OPERATIONS = 10_000
"""Limit of two reads. For each kind of record, at most this number of operations are read: those of the newest
records. At most this number of lapsed operations of all kinds are read: the oldest ones.
"""


def make_newest_operations_subquery(kind: str, limit: int) -> Subquery:
    """Return a subquery of at most `limit` operations on records of this kind: the operations on the newest
    records."""
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
    """Return (operations, is_complete): the lapsed operations of all kinds, oldest first, at most `limit`;
    `is_complete` is False if there are more.
    """
    lapsed_operations = journal.list_lapsed_operations(conn, limit + 1)
    return lapsed_operations[:limit], len(lapsed_operations) <= limit


def read_unknown_outcomes(conn: Connection, kind: str, period: Period) -> tuple[list[UnknownOutcome], bool]:
    """Return (calls, is_complete). The calls are those that cost or move money on records of this kind, began in the
    period, and ended or lapsed without a known outcome. `is_complete` is False if calls may be missing: there are
    more than MAX_OPERATIONS operations on records of this kind, or more than MAX_OPERATIONS lapsed operations.

    Calls whose outcome has become known since then are included. The journal shows them by the fencing token: the
    process that writes an outcome after it was unknown raises the token above FIRST_FENCE.
    """
    columns = make_newest_operations_subquery(kind, MAX_OPERATIONS).c
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
    lapsed_outcomes = [
        UnknownOutcome(operation.started_at, None)
        for operation in lapsed_operations
        if operation.action == journal.MONEY_ACTION_BY_KIND[kind]
        and period.start <= operation.started_at < period.end
    ]
    return unknown_outcomes + lapsed_outcomes, has_all_lapsed and not has_more_operations(conn, kind, MAX_OPERATIONS)
