"""First halves of decisions that take two people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from console.store.leases import naive
from console.store.schema import approvals

_t = approvals.c
_AWAITED = select(_t.subject_id).where(
    _t.subject_kind == bindparam("kind"), _t.subject_id.in_(bindparam("ids", expanding=True)), _t.closed_at.is_(None)
)


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
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, _t.closed_at.is_(None))
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
            subject_kind=kind, subject_id=subject_id, action="resolve", proposed=proposed, person=person,
            evidence_id=evidence_id, at=naive(now),
        )
    )  # fmt: skip


def close(conn: Connection, kind: str, subject_id: str, now: datetime) -> None:
    """The decision was made, or the matter settled itself."""
    conn.execute(
        update(approvals)
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, _t.closed_at.is_(None))
        .values(closed_at=naive(now))
    )
