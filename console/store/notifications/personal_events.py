"""Reads the events of which a person is notified: the person's decided refunds, closed proposals and ended bulk runs.
Only the columns that a notification shows are read.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, and_, bindparam, cast, func, select

from console.domain.payments.states import RefundState
from console.store.database.instants import convert_to_naive_utc
from console.store.refunds.approvals import RESOLVE_ACTION
from console.store.schema.core import approvals, credit_checks
from console.store.schema.payments import payments, refunds
from console.store.schema.worker import bulk_runs
from console.store.tasks.bulk_runs import DONE_RUN_STATE

_MAX_LISTED_RECORDS = 50
_DECIDED_REFUNDS_QUERY = (
    select(refunds.c.id, refunds.c.status, payments.c.merchant_payment_id)
    .join_from(refunds, payments, payments.c.id == refunds.c.payment_id)
    .where(
        refunds.c.maker == bindparam("person_name"),
        refunds.c.created_at >= bindparam("since"),
        refunds.c.status.not_in((RefundState.REQUESTED.value, RefundState.WITHDRAWN.value)),
    )
    .order_by(refunds.c.state_since.desc(), refunds.c.id.desc())
    .limit(_MAX_LISTED_RECORDS)
)
_later_proposals = approvals.alias("later_proposals")
_HAS_NEWER_OWN_PROPOSAL_EXPRESSION = (
    select(_later_proposals.c.id)
    .where(
        _later_proposals.c.subject_kind == approvals.c.subject_kind,
        _later_proposals.c.subject_id == approvals.c.subject_id,
        _later_proposals.c.action == RESOLVE_ACTION,
        _later_proposals.c.person == approvals.c.person,
        _later_proposals.c.id > approvals.c.id,
    )
    .exists()
)
_HAS_OPEN_PROPOSAL_EXPRESSION = (
    select(_later_proposals.c.id)
    .where(
        _later_proposals.c.subject_kind == approvals.c.subject_kind,
        _later_proposals.c.subject_id == approvals.c.subject_id,
        _later_proposals.c.action == RESOLVE_ACTION,
        _later_proposals.c.closed_at.is_(None),
    )
    .exists()
)
_NUMERIC_SUBJECT_ID_EXPRESSION = cast(approvals.c.subject_id, BigInteger)
# The index of `vote_of` leads to the proposals, which are few; those of one person need no index of their own.
_CLOSED_PROPOSALS_QUERY = (
    select(
        approvals.c.id, approvals.c.subject_kind, approvals.c.subject_id, approvals.c.proposed,
        func.coalesce(credit_checks.c.status, payments.c.status, refunds.c.status).label("record_state"),
        payments.c.merchant_payment_id, _HAS_OPEN_PROPOSAL_EXPRESSION.label("has_open_proposal"),
    )
    .select_from(approvals)
    .outerjoin(
        credit_checks,
        and_(approvals.c.subject_kind == "credit-check", credit_checks.c.id == _NUMERIC_SUBJECT_ID_EXPRESSION),
    )
    .outerjoin(
        payments, and_(approvals.c.subject_kind == "payment", payments.c.id == _NUMERIC_SUBJECT_ID_EXPRESSION)
    )
    .outerjoin(refunds, and_(approvals.c.subject_kind == "refund", refunds.c.id == _NUMERIC_SUBJECT_ID_EXPRESSION))
    .where(
        approvals.c.vote_of.is_(None),
        approvals.c.action == RESOLVE_ACTION,
        approvals.c.person == bindparam("person_name"),
        approvals.c.at >= bindparam("since"),
        approvals.c.closed_at.is_not(None),
        ~_HAS_NEWER_OWN_PROPOSAL_EXPRESSION,
    )
    .order_by(approvals.c.closed_at.desc(), approvals.c.id.desc())
    .limit(_MAX_LISTED_RECORDS)
)  # fmt: skip
_ENDED_BULK_RUNS_QUERY = (
    select(bulk_runs.c.id, bulk_runs.c.reason)
    .where(bulk_runs.c.made_by == bindparam("person_name"), bulk_runs.c.state == DONE_RUN_STATE)
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
    """A person's newest proposal about the outcome of a record, after this proposal was closed. A proposal is closed
    when the outcome was decided, when the record no longer needs a decision, or when another proposal has replaced
    it.

    `kind` and `record_id` name the record; `payment_number` is our number of a payment, None for other kinds.
    `proposed_state` is the state that the person proposed. `record_state` is the present state of the record; None
    for an operation, which has other states. `has_open_proposal`: another proposal about the record waits for a
    second person.
    """

    id: int
    kind: str
    record_id: str
    proposed_state: str
    record_state: str | None
    payment_number: str | None
    has_open_proposal: bool


def list_decided_refunds(conn: Connection, person: str, since: datetime) -> tuple[DecidedRefund, ...]:
    """Return, of the decided refunds that the person has requested since the instant `since`, the 50 whose state
    changed last, the latest change first. Refunds that the person has withdrawn are left out."""
    rows = conn.execute(_DECIDED_REFUNDS_QUERY, {"person_name": person, "since": convert_to_naive_utc(since)})
    return tuple(DecidedRefund(id, RefundState(status), number) for id, status, number in rows)


def list_closed_proposals(conn: Connection, person: str, since: datetime) -> tuple[ClosedProposal, ...]:
    """Return, of the closed proposals that the person has made since the instant `since`, the 50 that were closed
    last, the latest first. A proposal that the person has replaced by a newer proposal about the same record is left
    out."""
    rows = conn.execute(_CLOSED_PROPOSALS_QUERY, {"person_name": person, "since": convert_to_naive_utc(since)})
    return tuple(
        ClosedProposal(
            row.id, row.subject_kind, row.subject_id, row.proposed, row.record_state, row.merchant_payment_id,
            bool(row.has_open_proposal),
        )
        for row in rows
    )  # fmt: skip


def list_ended_bulk_runs(conn: Connection, person: str) -> tuple[tuple[int, str | None], ...]:
    """Return (id, reason) of the newest 50 bulk runs of the person that are done, newest first. The reason is the
    stored code of the reason for which the run ended; None if no code is stored."""
    return tuple((id, reason) for id, reason in conn.execute(_ENDED_BULK_RUNS_QUERY, {"person_name": person}))
