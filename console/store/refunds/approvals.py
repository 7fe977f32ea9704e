"""Table `approvals`: proposals of a final state for a record with an unknown outcome, and approvals (votes) of
refunds. One person alone can't make these decisions: a proposal needs a second person who sets the same state, a
refund one approver other than its requester, and a large refund two approvers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, cast, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.domain.evidence.timeline import mask_text
from console.domain.payments.outside_refunds import OutsideRefund, parse_statement
from console.domain.payments.records import OutsideRefundProposal
from console.domain.payments.states import DONE_OUTSIDE
from console.domain.recovery.records import WaitingProposal
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc, make_present_time_value
from console.store.schema.core import approvals, credit_checks, evidence
from console.store.schema.payments import payments, refunds

RESOLVE_ACTION = "resolve"
ID_AT_PROVIDER_LINE_PREFIX = "number "
"""First characters of the line that stands before a person's evidence if the person states the record's id at the
provider. After them follows the id or, for a provider without such ids, the value in its place."""
_LONGEST_STATEMENT_LINE = 80
"""Number of characters that are read of the evidence; its first line, which states the amount and day of a refund
done outside, is not longer."""
APPROVE_ACTION = "refund.approve"
REFUND_KIND = "refund"
_OPEN_PROPOSAL_CONDITIONS = (approvals.c.action == RESOLVE_ACTION, approvals.c.closed_at.is_(None))
_PROPOSED_STATES_QUERY = select(approvals.c.subject_id, approvals.c.proposed, approvals.c.person).where(
    approvals.c.subject_kind == bindparam("kind"),
    approvals.c.subject_id.in_(bindparam("ids", expanding=True)),
    *_OPEN_PROPOSAL_CONDITIONS,
)
_OUTSIDE_PROPOSALS_QUERY = (
    select(
        approvals.c.subject_id,
        approvals.c.person,
        approvals.c.at,
        func.substr(evidence.c.body, 1, _LONGEST_STATEMENT_LINE).label("evidence_beginning"),
    )
    .join(evidence, evidence.c.id == approvals.c.evidence_id)
    .where(
        approvals.c.subject_kind == "payment",
        approvals.c.subject_id.in_(bindparam("ids", expanding=True)),
        approvals.c.proposed == DONE_OUTSIDE,
        *_OPEN_PROPOSAL_CONDITIONS,
    )
)
_NUMERIC_SUBJECT_ID_EXPRESSION = cast(approvals.c.subject_id, BigInteger)
# The index of `vote_of` leads to the rows that aren't votes. There is no index in the order of time: with one, a
# server could read all votes in that order.
_OPEN_PROPOSALS_QUERY = (
    select(
        approvals.c.id, approvals.c.subject_kind, approvals.c.subject_id, approvals.c.proposed, approvals.c.person,
        approvals.c.at, case((approvals.c.subject_kind == "payment",
        payments.c.merchant_payment_id)).label("payment_number"), func.coalesce(refunds.c.refund_amount,
        func.nullif(payments.c.captured_minor, 0), payments.c.asked_minor)
        .label("amount_minor"),
        payments.c.currency,
        func.coalesce(payments.c.corporation_number, credit_checks.c.corporation_number).label("corporation_number"),
        payments.c.payer_ref, evidence.c.summary,
        case((approvals.c.proposed == DONE_OUTSIDE, func.substr(evidence.c.body, 1, _LONGEST_STATEMENT_LINE)))
        .label("evidence_beginning"),
    )
    .select_from(approvals)
    .outerjoin(refunds, and_(approvals.c.subject_kind == "refund", refunds.c.id == _NUMERIC_SUBJECT_ID_EXPRESSION))
    .outerjoin(
        payments, payments.c.id == func.coalesce(refunds.c.payment_id, case((approvals.c.subject_kind == "payment",
        _NUMERIC_SUBJECT_ID_EXPRESSION))),
    )
    .outerjoin(
        credit_checks,
        and_(approvals.c.subject_kind == "credit-check", credit_checks.c.id == _NUMERIC_SUBJECT_ID_EXPRESSION),
    )
    .outerjoin(evidence, evidence.c.id == approvals.c.evidence_id)
    .where(approvals.c.vote_of.is_(None), *_OPEN_PROPOSAL_CONDITIONS)
    .order_by(approvals.c.at, approvals.c.id)
)  # fmt: skip
_VOTES_OF_REFUNDS_QUERY = select(approvals.c.id, approvals.c.vote_of, approvals.c.person).where(
    approvals.c.vote_of.in_(bindparam("ids", expanding=True))
)
_LAST_VOTE_TIME_QUERY = select(func.max(approvals.c.at)).where(approvals.c.vote_of == bindparam("refund_id"))
_INSERT_VOTE_STATEMENT = insert(approvals)


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A first person's proposal of a final state for a record: its id, the proposed state, the person, and the id of
    the person's evidence (None if none is stored)."""

    id: int
    proposed_state: str
    person: str
    evidence_id: int | None


def list_open_proposals(conn: Connection, limit: int | None) -> tuple[WaitingProposal, ...]:
    """Return at most `limit` proposals about records of every kind that wait for a second person (None: all), oldest
    first."""
    return tuple(
        WaitingProposal(
            row.id, row.subject_kind, row.subject_id, row.payment_number, row.proposed, row.person,
            convert_to_aware_utc(row.at), None, _find_proposed_amount(row), row.currency, row.corporation_number,
            mask_text(row.summary or "", (row.payer_ref or "",)),
        )
        for row in conn.execute(_OPEN_PROPOSALS_QUERY.limit(limit))
    )  # fmt: skip


def _find_proposed_amount(row: Any) -> int | None:
    """Return the amount (minor units) that a proposal is about: the amount given back outside, with which the
    proposer's evidence begins, or the amount of the payment or refund. None for other records."""
    outside_refund = _parse_stated_refund(row.evidence_beginning)
    amount_minor: int | None = row.amount_minor
    return amount_minor if outside_refund is None else outside_refund.amount_minor


def _parse_stated_refund(evidence_beginning: str | None) -> OutsideRefund | None:
    """Return the refund done outside that the first line of a proposer's evidence states; None if the line states
    none, or without evidence."""
    first_line = (evidence_beginning or "").partition("\n")[0]
    return parse_statement(first_line.removeprefix(ID_AT_PROVIDER_LINE_PREFIX))


def read_outside_proposals(conn: Connection, payment_ids: Collection[str]) -> dict[str, OutsideRefundProposal]:
    """Return the open proposals that an amount of one of these payments was given back outside, by the payment's id.
    A proposal whose evidence states no amount with a day is left out."""
    if not payment_ids:
        return {}
    rows = conn.execute(_OUTSIDE_PROPOSALS_QUERY, {"ids": list(payment_ids)})
    stated_refunds = ((row, _parse_stated_refund(row.evidence_beginning)) for row in rows)
    return {
        row.subject_id: OutsideRefundProposal(
            stated.amount_minor, stated.day, row.person, convert_to_aware_utc(row.at)
        )
        for row, stated in stated_refunds
        if stated is not None
    }


def find_open_proposal(conn: Connection, kind: str, subject_id: str) -> StoredProposal | None:
    """Return the newest proposal about the record that waits for a second person; None if there is none."""
    query = (
        select(approvals.c.id, approvals.c.proposed, approvals.c.person, approvals.c.evidence_id)
        .where(approvals.c.subject_kind == kind, approvals.c.subject_id == subject_id, *_OPEN_PROPOSAL_CONDITIONS)
        .order_by(approvals.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return StoredProposal(*row) if row else None


def read_open_proposals(conn: Connection, kind: str, subject_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return the proposed state and the proposer of each open proposal about one of these records, by record id."""
    if not subject_ids:
        return {}
    rows = conn.execute(_PROPOSED_STATES_QUERY, {"kind": kind, "ids": list(subject_ids)})
    return {row.subject_id: (row.proposed, row.person) for row in rows}


def insert_proposal(
    conn: Connection, kind: str, subject_id: str, proposed_state: str, person: str, evidence_id: int, now: datetime
) -> None:
    """Insert a first person's proposal that the record gets the final state `proposed_state`, with the id of its
    evidence."""
    conn.execute(
        insert(approvals).values(
            subject_kind=kind,
            subject_id=subject_id,
            action=RESOLVE_ACTION,
            proposed=proposed_state,
            person=person,
            evidence_id=evidence_id,
            at=make_present_time_value(conn, now),
        )
    )


def close_proposals(
    conn: Connection, kind: str, subject_id: str, now: datetime, *, leaves_done_outside: bool = False
) -> None:
    """Close the open proposals about a record, because it was decided or no longer needs a decision. Approvals of
    refunds are left unchanged. With `leaves_done_outside`, also the proposal that an amount of the payment was given
    back outside stays open: a decision about the payment's state says nothing about this money.
    """
    statement = update(approvals).where(
        approvals.c.subject_kind == kind, approvals.c.subject_id == subject_id, *_OPEN_PROPOSAL_CONDITIONS
    )
    if leaves_done_outside:
        statement = statement.where(approvals.c.proposed != DONE_OUTSIDE)
    conn.execute(statement.values(closed_at=convert_to_naive_utc(now)))


def insert_vote(conn: Connection, refund_id: int, person: str, now: datetime) -> bool:
    """Insert the approval of a refund by `person`. Return False, without a write, if this person has approved the
    refund before."""
    row = {
        "subject_kind": REFUND_KIND,
        "subject_id": str(refund_id),
        "action": APPROVE_ACTION,
        "proposed": "approved",
        "person": person,
    }
    try:
        conn.execute(_INSERT_VOTE_STATEMENT.values(at=make_present_time_value(conn, now)), row)
    except IntegrityError:
        if person in read_voters(conn, refund_id):
            return False
        raise
    return True


def read_voters(conn: Connection, refund_id: int) -> tuple[str, ...]:
    """Return the people who approved a refund, in the order of their approvals."""
    return read_voters_of_refunds(conn, [refund_id]).get(refund_id, ())


def read_voters_of_refunds(conn: Connection, refund_ids: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    """Return the people who approved each of these refunds, in the order of their approvals, by refund id. A refund
    without approvals is missing.
    """
    by_refund: dict[int, tuple[str, ...]] = {}
    if refund_ids:
        cast = conn.execute(_VOTES_OF_REFUNDS_QUERY, {"ids": [str(refund_id) for refund_id in refund_ids]})
        for _, refund, person in sorted(cast.all()):
            by_refund[int(refund)] = (*by_refund.get(int(refund), ()), person)
    return by_refund


def find_last_vote_time(conn: Connection, refund_id: int) -> datetime | None:
    """Return the time of the newest approval of a refund, by the clock of the database; None if nobody has approved
    it."""
    at = conn.scalar(_LAST_VOTE_TIME_QUERY, {"refund_id": str(refund_id)})
    return None if at is None else convert_to_aware_utc(at)
