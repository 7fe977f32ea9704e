"""Reads the decided refunds, closed proposals and ended bulk runs of one person, with only the columns that a
notification shows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from console.domain.payments.states import RefundState
from console.store.database.instants import convert_to_naive_utc
from console.store.refunds.approvals import RESOLVE_ACTION
from console.store.schema.core import approvals
from console.store.schema.payments import payments, refunds
from console.store.schema.worker import bulk_runs
from console.store.tasks.bulk_runs import RUN_DONE

_MAX_LISTED_RECORDS = 50
_DECIDED_REFUNDS_QUERY = (
    select(refunds.c.id, refunds.c.status, payments.c.merchant_payment_id)
    .join_from(refunds, payments, payments.c.id == refunds.c.payment_id)
    .where(
        refunds.c.maker == bindparam("person_name"),
        refunds.c.created_at >= bindparam("since"),
        refunds.c.status.not_in((RefundState.REQUESTED.value, RefundState.WITHDRAWN.value)),
    )
    .order_by(refunds.c.created_at.desc(), refunds.c.id.desc())
    .limit(_MAX_LISTED_RECORDS)
)
# The index of `vote_of` leads to the proposals, which are few; those of one person need no index of their own.
_CLOSED_PROPOSALS_QUERY = (
    select(approvals.c.id, approvals.c.subject_kind, approvals.c.subject_id, approvals.c.closed_at)
    .where(
        approvals.c.vote_of.is_(None),
        approvals.c.action == RESOLVE_ACTION,
        approvals.c.person == bindparam("person_name"),
        approvals.c.at >= bindparam("since"),
    )
    .order_by(approvals.c.id.desc())
    .limit(_MAX_LISTED_RECORDS)
)
_ENDED_BULK_RUNS_QUERY = (
    select(bulk_runs.c.id, bulk_runs.c.reason)
    .where(bulk_runs.c.made_by == bindparam("person_name"), bulk_runs.c.state == RUN_DONE)
    .order_by(bulk_runs.c.id.desc())
    .limit(_MAX_LISTED_RECORDS)
)


@dataclass(frozen=True, slots=True)
class DecidedRefund:
    """A refund that no longer waits for its approvers: its state, and the number under which this program sent its
    payment to the provider (`payment_number`).
    """

    id: int
    state: RefundState
    payment_number: str


@dataclass(frozen=True, slots=True)
class ClosedProposal:
    """A person's newest proposal about the outcome of a record, after the proposal was closed because the outcome was
    decided or no longer needs a decision. `kind` and `record_id` name the record.
    """

    id: int
    kind: str
    record_id: str


def list_decided_refunds(conn: Connection, person: str, since: datetime) -> tuple[DecidedRefund, ...]:
    """Return the newest 50 decided refunds that the person has requested since the instant `since`, newest first.
    Refunds that the person has withdrawn are left out."""
    rows = conn.execute(_DECIDED_REFUNDS_QUERY, {"person_name": person, "since": convert_to_naive_utc(since)})
    return tuple(DecidedRefund(id, RefundState(status), number) for id, status, number in rows)


def list_closed_proposals(conn: Connection, person: str, since: datetime) -> tuple[ClosedProposal, ...]:
    """Of the newest 50 proposals that the person has made since the instant `since`, return those that are closed. A
    proposal that the person has replaced by a newer proposal about the same record is left out."""
    rows = conn.execute(_CLOSED_PROPOSALS_QUERY, {"person_name": person, "since": convert_to_naive_utc(since)}).all()
    newest_by_record = {(kind, subject): (id, closed_at) for id, kind, subject, closed_at in reversed(rows)}
    return tuple(
        ClosedProposal(id, kind, subject)
        for (kind, subject), (id, closed_at) in newest_by_record.items()
        if closed_at is not None
    )


def list_ended_bulk_runs(conn: Connection, person: str) -> tuple[tuple[int, str | None], ...]:
    """Return (id, reason) of the newest 50 bulk runs of the person that are done, newest first. The reason is the
    stored code that says why the run ended as it did; None if none is stored."""
    return tuple((id, reason) for id, reason in conn.execute(_ENDED_BULK_RUNS_QUERY, {"person_name": person}))
