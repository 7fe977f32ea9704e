"""Decisions that take two people: first halves of resolutions, and votes for refunds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.store.leases import naive
from console.store.schema import approvals

RESOLVE, APPROVE = "resolve", "refund.approve"
REFUND = "refund"
_t = approvals.c
_OPEN = (_t.action == RESOLVE, _t.closed_at.is_(None))
_AWAITED = select(_t.subject_id).where(
    _t.subject_kind == bindparam("kind"), _t.subject_id.in_(bindparam("ids", expanding=True)), *_OPEN
)
_VOTES = select(_t.id, _t.vote_of, _t.person).where(_t.vote_of.in_(bindparam("ids", expanding=True)))
_VOTE = insert(approvals)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a first person proposed, and who it was."""

    id: int
    proposed: str
    person: str


def open_proposal(conn: Connection, kind: str, subject_id: str) -> Proposal | None:
    """The proposal that waits for a second person, if any."""
    query = (
        select(_t.id, _t.proposed, _t.person)
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, *_OPEN)
        .order_by(_t.id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return Proposal(*row) if row else None


def awaited(conn: Connection, kind: str, subject_ids: Collection[str]) -> frozenset[str]:
    """Those of these records whose decision waits for a second person."""
    if not subject_ids:
        return frozenset()
    return frozenset(conn.scalars(_AWAITED, {"kind": kind, "ids": list(subject_ids)}))


def propose(
    conn: Connection, kind: str, subject_id: str, proposed: str, person: str, evidence_id: int, now: datetime
) -> None:
    """Keep the first half of a decision."""
    conn.execute(
        insert(approvals).values(
            subject_kind=kind, subject_id=subject_id, action=RESOLVE, proposed=proposed, person=person,
            evidence_id=evidence_id, at=naive(now),
        )
    )  # fmt: skip


def close(conn: Connection, kind: str, subject_id: str, now: datetime) -> None:
    """The decision was made, or the matter settled itself. Votes stay: they say who approved."""
    conn.execute(
        update(approvals)
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, *_OPEN)
        .values(closed_at=naive(now))
    )


def vote(conn: Connection, refund_id: int, person: str, now: datetime) -> bool:
    """Approve a refund; False when this person has done so before: nobody counts as two."""
    row = {
        "subject_kind": REFUND, "subject_id": str(refund_id), "action": APPROVE, "proposed": "approved",
        "person": person, "at": naive(now),
    }  # fmt: skip
    try:
        conn.execute(_VOTE, row)
    except IntegrityError:
        if person in votes(conn, refund_id):
            return False
        raise
    return True


def votes(conn: Connection, refund_id: int) -> tuple[str, ...]:
    """Who approved a refund, in their order."""
    return votes_of(conn, [refund_id]).get(refund_id, ())


def votes_of(conn: Connection, refund_ids: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    """Who approved each of these refunds, in their order; those that nobody approved are missing."""
    found: dict[int, tuple[str, ...]] = {}
    if refund_ids:
        cast = conn.execute(_VOTES, {"ids": [str(refund_id) for refund_id in refund_ids]})
        for _, refund, person in sorted(cast.all()):
            found[int(refund)] = (*found.get(int(refund), ()), person)
    return found
