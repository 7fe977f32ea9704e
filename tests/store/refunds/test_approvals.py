"""Tests of decisions by two people: proposals about outcomes, and votes for refunds, which are stored in one table
but don't affect each other.
"""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from console.domain.recovery.decision_reasons import DecisionReason, PersonEvidence, StatedReason
from console.store.database.instants import read_current_time
from console.store.payments import limit_changes
from console.store.records import evidence
from console.store.refunds import approvals
from console.store.schema.payments import payments
from tests.store.money_rows import NOW, insert_paid_payment


def test_votes_are_no_proposals(connection: Connection) -> None:
    """A vote for a refund isn't returned as a proposal about the refund's outcome, and closing a proposal leaves the
    votes unchanged.
    """
    assert approvals.insert_vote(connection, 9, "lead-b", NOW)
    assert approvals.find_open_proposal(connection, "refund", "9") is None
    assert approvals.read_open_proposals(connection, "refund", ["9"]) == {}
    approvals.insert_proposal(connection, "refund", "9", "failed", "op-a", 1, NOW)
    waiting = approvals.find_open_proposal(connection, "refund", "9")
    assert waiting is not None
    assert (waiting.proposed_state, waiting.person) == ("failed", "op-a")
    assert approvals.read_open_proposals(connection, "refund", ["9", "10"]) == {"9": ("failed", "op-a")}
    approvals.close_proposals(connection, "refund", "9", NOW)
    assert approvals.find_open_proposal(connection, "refund", "9") is None
    assert approvals.read_voters(connection, 9) == ("lead-b",)
    assert not approvals.insert_vote(connection, 9, "lead-b", NOW)


def test_votes_of_several_refunds_are_read_together(connection: Connection) -> None:
    """One read returns the voters of several refunds, in the order of the votes of each refund. The result has no
    entry for a refund without votes."""
    for refund, person in ((9, "lead-c"), (90, "lead-b"), (9, "lead-b")):
        assert approvals.insert_vote(connection, refund, person, NOW)
    assert approvals.read_voters_of_refunds(connection, [9, 90, 900]) == {9: ("lead-c", "lead-b"), 90: ("lead-b",)}
    assert approvals.read_voters_of_refunds(connection, []) == {}


def test_a_refused_vote_raises_the_error(connection: Connection) -> None:
    """Storing a vote returns False only if the same person has already voted for the refund. It raises the error if
    the database refuses the row."""
    with pytest.raises(IntegrityError):
        approvals.insert_vote(connection, 9, None, NOW)  # type: ignore[arg-type]  # what the database refuses for itself


def test_open_proposals_of_every_kind_are_listed_oldest_first(connection: Connection) -> None:
    """The open proposals are listed from the oldest to the newest, and a proposal about a payment has the payment
    number. Votes, proposals of limits and closed proposals are not listed."""
    payment = insert_paid_payment(connection, "ORD-7")
    insert, later = approvals.insert_proposal, NOW + timedelta(minutes=1)
    before = read_current_time(connection, NOW)
    insert(connection, "payment", str(payment.id), "completed", "op-a", 1, NOW)
    insert(connection, "credit-check", "9", "error", "op-a", 1, NOW)
    insert(connection, "operation", "0b6f-a", "failed", "op-c", 1, later)
    insert(connection, "refund", "3", "failed", "op-a", 1, NOW)
    approvals.insert_vote(connection, 9, "lead-b", NOW)
    limit_changes.insert_proposal(connection, "per_refund JPY", 5, "adm-f", NOW)
    approvals.close_proposals(connection, "refund", "3", NOW)
    proposals = approvals.list_open_proposals(connection, 10)
    assert [(one.kind, one.record_id, one.payment_number, one.state, one.person) for one in proposals] == [
        ("payment", str(payment.id), "ORD-7", "completed", "op-a"),
        ("credit-check", "9", None, "error", "op-a"),
        ("operation", "0b6f-a", None, "failed", "op-c"),
    ]
    assert (
        before
        <= proposals[0].since
        <= proposals[1].since
        <= proposals[2].since
        <= read_current_time(connection, later)
    )
    assert approvals.list_open_proposals(connection, 1) == proposals[:1]
    assert approvals.list_open_proposals(connection, None) == proposals


def test_a_listed_proposal_has_its_reason_without_the_payer(connection: Connection) -> None:
    """A listed proposal has the reason that its person has stated; the payer is masked in it."""
    payment = insert_paid_payment(connection, "ORD-7")
    connection.execute(update(payments).values(payer_ref="Hanako Sato"))
    reason = StatedReason(DecisionReason.SETTLEMENT_REPORT, "row 14, of Hanako Sato")
    proof = PersonEvidence(b"row 14", reason)
    proof_id = evidence.add_person_evidence(connection, ("payment", payment.id), None, "op-a", proof, NOW)
    approvals.insert_proposal(connection, "payment", str(payment.id), "completed", "op-a", proof_id, NOW)
    (proposal,) = approvals.list_open_proposals(connection, None)
    assert proposal.evidence_summary == "[settlement_report] row 14, of ****Sato"
