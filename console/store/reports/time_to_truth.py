"""Reads the calls whose outcome was or is unknown, through the journal's index of subjects, the newest records
first.
"""

from sqlalchemy import Connection, and_, or_, select

from console.domain.records import OperationState
from console.domain.reports.periods import Period
from console.domain.reports.time_to_truth import UnknownOutcome
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.operations import journal
from console.store.schema.core import operations

MAX_OPERATIONS = 10_000
"""Largest number of operations of one kind that are read: those of the newest records."""


def read_unknowns(conn: Connection, kind: str, period: Period) -> tuple[list[UnknownOutcome], bool]:
    """Return the calls of one kind that began in the period and ended without a known outcome, and False if there may
    be more operations than MAX_OPERATIONS.

    A process that writes such an outcome later raises the fencing token, so a settled row with a token above the
    first one had an unknown outcome.
    """
    newest = (
        select(
            operations.c.started_at,
            operations.c.ended_at,
            operations.c.state,
            operations.c.fence,
            operations.c.action,
        )
        .where(operations.c.subject_kind == kind)
        .order_by(operations.c.subject_id.desc())
        .limit(MAX_OPERATIONS)
        .subquery()
    )
    c = newest.c
    was_settled = and_(c.fence > journal.FIRST_FENCE, c.ended_at.is_not(None))
    rows = conn.execute(
        select(c.started_at, c.ended_at, c.state).where(
            c.action == journal.EFFECTIVE_ACTION_OF_KIND[kind],
            c.started_at >= convert_to_naive_utc(period.start),
            c.started_at < convert_to_naive_utc(period.end),
            or_(was_settled, c.state == OperationState.UNKNOWN.value),
        )
    ).all()
    unknowns = [
        UnknownOutcome(
            convert_to_aware_utc(row.started_at), None if row.ended_at is None else convert_to_aware_utc(row.ended_at)
        )
        for row in rows
    ]
    lapsed = [
        UnknownOutcome(operation.started_at, None)
        for operation in journal.lapsed_operations(conn)
        if operation.action == journal.EFFECTIVE_ACTION_OF_KIND[kind]
        and period.start <= operation.started_at < period.end
    ]
    oldest_row = conn.execute(
        select(operations.c.id)
        .where(operations.c.subject_kind == kind)
        .order_by(operations.c.subject_id.desc())
        .offset(MAX_OPERATIONS)
        .limit(1)
    ).first()
    return unknowns + lapsed, oldest_row is None
