"""Rows of decisions that need two people: proposals of a final state, and approvals (votes) of refunds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.store.database.instants import to_naive_utc
from console.store.schema.core import approvals

RESOLVE_ACTION, APPROVE_ACTION = "resolve", "refund.approve"
REFUND_KIND = "refund"
_t = approvals.c
_IS_OPEN_PROPOSAL = (_t.action == RESOLVE_ACTION, _t.closed_at.is_(None))
_AWAITED_SUBJECTS_QUERY = select(_t.subject_id).where(
    _t.subject_kind == bindparam("kind"), _t.subject_id.in_(bindparam("ids", expanding=True)), *_IS_OPEN_PROPOSAL
)
_VOTES_QUERY = select(_t.id, _t.vote_of, _t.person).where(_t.vote_of.in_(bindparam("ids", expanding=True)))
_INSERT_VOTE = insert(approvals)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A first person's proposal: its id, the proposed state and the person."""

    id: int
    proposed: str
    person: str


def open_proposal(conn: Connection, kind: str, subject_id: str) -> Proposal | None:
    """Return the newest proposal about a record that waits for a second person; None if there is none."""
    query = (
        select(_t.id, _t.proposed, _t.person)
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, *_IS_OPEN_PROPOSAL)
        .order_by(_t.id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return Proposal(*row) if row else None


def subjects_with_proposal(conn: Connection, kind: str, subject_ids: Collection[str]) -> frozenset[str]:
    """Return those of the given record ids about which a proposal waits for a second person."""
    if not subject_ids:
        return frozenset()
    return frozenset(conn.scalars(_AWAITED_SUBJECTS_QUERY, {"kind": kind, "ids": list(subject_ids)}))


def insert_proposal(
    conn: Connection, kind: str, subject_id: str, proposed: str, person: str, evidence_id: int, now: datetime
) -> None:
    """Insert the proposal of a first person: the proposed state and its evidence."""
    conn.execute(
        insert(approvals).values(
            subject_kind=kind,
            subject_id=subject_id,
            action=RESOLVE_ACTION,
            proposed=proposed,
            person=person,
            evidence_id=evidence_id,
            at=to_naive_utc(now),
        )
    )


def close_proposals(conn: Connection, kind: str, subject_id: str, now: datetime) -> None:
    """Close the open proposals about a record, because the record was decided or needs no decision any more.
    Approvals of refunds don't change.
    """
    conn.execute(
        update(approvals)
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, *_IS_OPEN_PROPOSAL)
        .values(closed_at=to_naive_utc(now))
    )


def insert_vote(conn: Connection, refund_id: int, person: str, now: datetime) -> bool:
    """Insert an approval of a refund. Return False, without a write, if this person has approved it before: an
    approver counts only once.
    """
    row = {
        "subject_kind": REFUND_KIND,
        "subject_id": str(refund_id),
        "action": APPROVE_ACTION,
        "proposed": "approved",
        "person": person,
        "at": to_naive_utc(now),
    }
    try:
        conn.execute(_INSERT_VOTE, row)
    except IntegrityError:
        if person in read_voters(conn, refund_id):
            return False
        raise
    return True


def read_voters(conn: Connection, refund_id: int) -> tuple[str, ...]:
    """Return the people who approved a refund, in the order of their approvals."""
    return voters_of_refunds(conn, [refund_id]).get(refund_id, ())


def voters_of_refunds(conn: Connection, refund_ids: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    """Return the people who approved each of these refunds, in the order of their approvals, by refund id. A refund
    without approvals is missing.
    """
    by_refund: dict[int, tuple[str, ...]] = {}
    if refund_ids:
        cast = conn.execute(_VOTES_QUERY, {"ids": [str(refund_id) for refund_id in refund_ids]})
        for _, refund, person in sorted(cast.all()):
            by_refund[int(refund)] = (*by_refund.get(int(refund), ()), person)
    return by_refund
