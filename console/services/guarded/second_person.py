"""Decisions of two people about an unknown outcome: the first person proposes an outcome, and the second person's
equal decision settles the record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from console.domain.access.permissions import has_right, is_same_person
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import MismatchReason, NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AnyRecord, NotAllowedDetail
from console.domain.records import Person
from console.domain.recovery.records import WaitingProposal
from console.services.process.context import ServiceContext, require_confirmation
from console.store.database.engine import Transaction
from console.store.records import evidence
from console.store.refunds import approvals

MAX_LISTED_PROPOSALS = 1_000


@dataclass(frozen=True, slots=True)
class PersonDecision:
    """A person's decision that an unknown outcome is `target`, as the first or as the second of two people.

    `subject` is the kind and the id of the record `record`; for an operation whose row is lost, the id is None and
    `operation_id` identifies the operation. `proof` is the content of the evidence to store. `refusal_facts` are
    added to the detail of the refusal not_allowed. `may_replace_proposal` is True if the decision may replace an
    open proposal with another target; if False, it is refused in that case.
    """

    subject: tuple[str, int | None]
    target: str
    person: str
    record: AnyRecord
    operation_id: str | None
    proof: bytes
    refusal_facts: NotAllowedDetail
    may_replace_proposal: bool = False


def decide_with_second_person(
    context: ServiceContext,
    tx: Transaction,
    decision: PersonDecision,
    *,
    settle: Callable[[str], None],
    propose: Callable[[int], Mapping[str, object]],
    check: Callable[[str], None] = lambda _proposer: None,
) -> bool:
    """Write the first person's proposal, or settle the record with the second person's decision. Return True if a
    second person must still decide, False if the record is settled.

    For the second person, this function calls `check`, which may raise a refusal, and then `settle`, both with the
    first person's name. For the first person it calls `propose` with the id of the stored evidence; `propose`
    changes the record and returns the facts of the audit entry. Raises same_person, not_allowed, and
    evidence_mismatch (detail.reason other_proposal).
    """
    kind, number = decision.subject
    subject_id = str(number) if number is not None else decision.operation_id or ""
    now, proposal = context.now(), approvals.find_open_proposal(tx.conn, kind, subject_id)
    is_second = proposal is not None and proposal.proposed == decision.target
    if proposal is not None and is_second:
        _require_second_person(context, decision, proposal.person)
        check(proposal.person)
    elif proposal is not None and not decision.may_replace_proposal:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": decision.record, "reason": MismatchReason.OTHER_PROPOSAL}
        )
    proof_id = evidence.add_proof(
        tx.conn, decision.subject, decision.operation_id, decision.person, decision.proof, now
    )
    if proposal is not None and is_second:
        settle(proposal.person)
        return False
    if proposal is not None:  # The audit trail still shows the replaced proposal.
        approvals.close_proposals(tx.conn, kind, subject_id, now)
    approvals.insert_proposal(tx.conn, kind, subject_id, decision.target, decision.person, proof_id, now)
    context.record_audit(tx, AuditAction(f"{kind}.resolve_proposed"), subject_id, propose(proof_id), kind=kind)
    return True


def list_open_proposals(context: ServiceContext) -> tuple[WaitingProposal, ...]:
    """Return at most MAX_LISTED_PROPOSALS proposals of an outcome that wait for a second person, oldest first. Each
    shows why the acting person can't be the second person (None: the person can). Raises not_allowed if the acting
    person has no right to read.
    """
    with context.database.read() as conn:
        person = context.find_reading_person(conn)
        proposals = approvals.list_open_proposals(conn, MAX_LISTED_PROPOSALS)
    return tuple(replace(proposal, refusal=_find_refusal(person, proposal.person)) for proposal in proposals)


def _find_refusal(person: Person | None, proposer: str) -> str | None:
    """Return the reason why this person can't be the second person of a decision: `own_first_half` for the
    proposer, `role` for a person without the right; None if the person can."""
    if person is not None and is_same_person(person.name, proposer):
        return "own_first_half"
    may_decide = person is not None and has_right(person, "resolve") and has_right(person, "resolve_second")
    return None if may_decide else "role"


def _require_second_person(context: ServiceContext, decision: PersonDecision, proposer: str) -> None:
    """Refuse the second person's decision if this person is the proposer (same_person), has no right
    resolve_second, or has not just typed the password again (not_allowed)."""
    if is_same_person(decision.person, proposer):
        raise ConsoleError(ErrorCode.SAME_PERSON, {"record": decision.record, "first": proposer})
    if not has_right(context.read_person(), "resolve_second"):
        raise ConsoleError(
            ErrorCode.NOT_ALLOWED,
            {
                "operator": decision.person,
                "reason": NotAllowedReason.RIGHT_MISSING,
                "needs": ["approver"],
                **decision.refusal_facts,
            },
        )
    require_confirmation()
