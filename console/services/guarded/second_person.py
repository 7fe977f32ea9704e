"""Decisions of two people about an unknown outcome: the first person proposes an outcome, and the second person's
equal decision settles the record."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache

from console.domain.access.permissions import APPROVER, has_right, is_same_person
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import EvidenceMismatchReason, NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AnyRecord, NotAllowedDetail
from console.domain.payments.records import Refund
from console.domain.records import CreditCheck, Person
from console.domain.recovery.decision_reasons import PersonEvidence
from console.domain.recovery.records import WaitingProposal
from console.services.guarded.confirmed_decisions import require_confirmed_decision
from console.services.process.context import ServiceContext
from console.services.registry.facts import complete_proposals_with_corporations
from console.store.access import operators as people
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.records import evidence
from console.store.refunds import approvals
from console.store.refunds.approvals import ID_AT_PROVIDER_LINE_PREFIX, StoredProposal

MAX_LISTED_PROPOSALS = 1_000
_NO_ID_AT_PROVIDER_LINE = "no number"


@dataclass(frozen=True, slots=True)
class PersonDecision:
    """A person's decision that an unknown outcome is `decided_state`, as the first or as the second of two people.

    `subject` is the kind and the id of the record `record`; for an operation whose row is lost, the id is None and
    `operation_id` identifies the operation. `decided_state` is the decided state, such as `completed`; `person` is
    the name of the person. `proof` is the evidence to store. `refusal_facts` are added to the detail of the refusal
    not_allowed.

    `id_at_provider` is the id that the provider gave to the record (such as a refund id), as this person states it;
    None if the person states no id. `sets_id_at_provider` is True if the decision writes this id into the record; the
    two people must then state the same id; otherwise the decision is refused for the reason `other_id_reason`. In a
    decision that a refund was done outside, amount and day of the refund take the place of the id.
    """

    subject: tuple[str, int | None]
    decided_state: str
    person: str
    record: AnyRecord
    operation_id: str | None
    proof: PersonEvidence
    refusal_facts: NotAllowedDetail
    sets_id_at_provider: bool = False
    id_at_provider: str | None = None
    other_id_reason: EvidenceMismatchReason = EvidenceMismatchReason.OTHER_ID


def propose_or_settle(
    context: ServiceContext,
    tx: Transaction,
    decision: PersonDecision,
    *,
    settle: Callable[[str], None],
    propose: Callable[[int], Mapping[str, object]],
) -> bool:
    """Write the first person's proposal, or settle the record with the second person's decision. Return True if a
    second person must still decide, False if the record is settled.

    For the second person, this function calls `settle` with the first person's name. For the first person it calls
    `propose` with the id of the stored evidence; `propose` changes the record and returns the facts of the audit
    entry. Raises same_person if the proposer decides again; not_allowed if the second person has no right
    resolve_second or has not typed the password; evidence_mismatch (detail.reason is
    `PersonDecision.other_id_reason`) if the second person states another id of the record
    (`PersonDecision.id_at_provider`) than the first person.

    If a decision replaces the open proposal, the person who decides becomes the first person, and another person must
    then agree. A decision for another target always replaces the proposal. If the proposer is disabled or has lost
    the right to resolve, every decision replaces the proposal, because only people who have the right now may decide.
    A decision for the same target with another id replaces only a proposal of the same person; otherwise it is
    refused (evidence_mismatch).
    """
    kind, record_id = decision.subject
    subject_id = str(record_id) if record_id is not None else decision.operation_id or ""
    now, proposal = context.now(), approvals.find_open_proposal(tx.conn, kind, subject_id)
    is_second_person = False
    if (
        proposal is not None
        and proposal.proposed_state == decision.decided_state
        and may_proposer_still_decide(context, tx.conn, proposal.person)
    ):
        is_id_agreed = (
            not decision.sets_id_at_provider or _read_proposed_id_at_provider(tx, proposal) == decision.id_at_provider
        )
        is_second_person = is_id_agreed or not _may_replace_id_at_provider(decision, proposal.person)
        if is_second_person:
            _require_second_person(context, decision, proposal.person, is_id_agreed=is_id_agreed)
    proof = (
        _prepend_id_at_provider(decision.id_at_provider, decision.proof)
        if decision.sets_id_at_provider
        else decision.proof
    )
    proof_id = evidence.add_person_evidence(
        tx.conn, decision.subject, decision.operation_id, decision.person, proof, now
    )
    if proposal is not None and is_second_person:
        settle(proposal.person)
        return False
    if proposal is not None:  # The audit trail still shows the replaced proposal.
        approvals.close_proposals(tx.conn, kind, subject_id, now)
    approvals.insert_proposal(tx.conn, kind, subject_id, decision.decided_state, decision.person, proof_id, now)
    replacement_facts = {} if proposal is None else {"replaced": proposal.person}
    facts = {**propose(proof_id), **replacement_facts}
    context.record_audit(tx, AuditAction(f"{kind}.resolve_proposed"), subject_id, facts, kind=kind)
    return True


def is_version_decidable(context: ServiceContext, kind: str, record: CreditCheck | Refund, version: int) -> bool:
    """True if a person may decide about the record after having read its version `version`. This is so if it is the
    present version. It is also so if the only later change is the recorded lapse of the record's operation (its
    process ended during the call to the provider). That change raises the version, but the person's screen already
    showed the unknown outcome of the lapsed operation. A person who has not seen an open proposal, or a later probe,
    may not decide."""
    if version == record.version:
        return True
    if record.error_code != "lapsed" or record.version != version + 1 or record.work.attempt:
        return False
    with context.database.read() as conn:
        return approvals.find_open_proposal(conn, kind, str(record.id)) is None


def list_open_proposals(
    context: ServiceContext, limit: int | None = MAX_LISTED_PROPOSALS
) -> tuple[WaitingProposal, ...]:
    """Return at most `limit` proposals of an outcome that wait for a second person (None: all), oldest first. Each
    proposal has the company's name, and the reason why the acting person can't be its second person (None: the
    person can be). Raises not_allowed if the acting person has no right to read.
    """
    with context.database.read() as conn:
        person = context.find_reading_person(conn)
        proposals = complete_proposals_with_corporations(context, conn, list_valid_proposals(context, conn, limit))
    return tuple(
        replace(proposal, refusal=_find_second_person_refusal(person, proposal.person)) for proposal in proposals
    )


def list_valid_proposals(
    context: ServiceContext, conn: Connection, limit: int | None = None
) -> tuple[WaitingProposal, ...]:
    """Return those of the first `limit` open proposals (None: of all), oldest first, whose proposer is still an
    enabled person with the right to resolve. Any other open proposal is left out: no second person can confirm it,
    because the next decision replaces it."""
    may_decide = cache(lambda proposer: may_proposer_still_decide(context, conn, proposer))
    proposals = approvals.list_open_proposals(conn, limit)
    return tuple(proposal for proposal in proposals if may_decide(proposal.person))


def read_proposed_states(
    context: ServiceContext, conn: Connection, kind: str, subject_ids: Collection[str]
) -> dict[str, str]:
    """Return, by record id, the proposed state of each record that waits for a second person. `subject_ids` are the
    ids of the records, which are of the kind `kind`. A record is left out if it has no proposal, or if its proposer
    may no longer decide.
    """
    may_decide = cache(lambda proposer: may_proposer_still_decide(context, conn, proposer))
    proposals = approvals.read_open_proposals(conn, kind, subject_ids)
    return {id: state for id, (state, proposer) in proposals.items() if may_decide(proposer)}


ApproverCounter = Callable[[str, Collection[str]], int | None]
"""Type of a function that gets the name of a right and the names of people to leave out. It returns the number of the
other enabled approvers with this right; None if no person is registered, because every name may then act."""


def make_approver_counter(conn: Connection) -> ApproverCounter:
    """Return a function with two arguments: a right, such as `refund_approve`, and the names of people to leave out.
    It returns the number of enabled approvers who have this right; None if the database has no operators. The first
    call of the returned function reads the operators from the database; later calls count the same operators."""
    read_people = cache(lambda: people.list_enabled_people(conn))

    def count_other_approvers(right: str, names: Collection[str]) -> int | None:
        if not read_people():
            return None
        return sum(
            APPROVER in person.roles
            and has_right(person, right)
            and not any(is_same_person(person.name, name) for name in names)
            for person in read_people()
        )

    return count_other_approvers


def list_ids_without_second_person(
    conn: Connection, kind: str, proposed_ids: Collection[str], count_other_approvers: ApproverCounter
) -> frozenset[str]:
    """Return those of `proposed_ids`, the ids of records of this kind with a proposed state, whose proposal no person
    can confirm now: no approver except the proposer has the right to confirm proposals. `count_other_approvers` is a
    function that `make_approver_counter` has returned."""
    proposals = approvals.read_open_proposals(conn, kind, proposed_ids) if proposed_ids else {}
    return frozenset(
        id for id, (_, proposer) in proposals.items() if count_other_approvers("resolve_second", (proposer,)) == 0
    )


def _find_second_person_refusal(person: Person | None, proposer: str) -> str | None:
    """Return the reason why this person can't be the second person of a decision: `own_first_half` for the proposer,
    `role` for a person without the right; None if the person can be the second person."""
    if person is not None and is_same_person(person.name, proposer):
        return "own_first_half"
    may_decide = person is not None and has_right(person, "resolve") and has_right(person, "resolve_second")
    return None if may_decide else "role"


def may_proposer_still_decide(context: ServiceContext, conn: Connection, proposer: str) -> bool:
    """True if the proposer is an enabled person with the right to resolve. Only then does the proposal count as the
    first of two decisions.
    """
    person = people.find(conn, proposer, includes_unlisted_names=context.allows_names_without_operator_row)
    return person is not None and has_right(person, "resolve")


def _may_replace_id_at_provider(decision: PersonDecision, proposer: str) -> bool:
    """True if a decision for the proposed target with another `id_at_provider` (the provider's id of the record)
    replaces the proposal of `proposer`: only the proposer can correct this id.
    """
    return decision.id_at_provider is not None and is_same_person(decision.person, proposer)


def _require_second_person(
    context: ServiceContext, decision: PersonDecision, proposer: str, *, is_id_agreed: bool
) -> None:
    """Check that this person may be the second person of the decision. Raises same_person if this person is the
    proposer; not_allowed if the person has no right resolve_second, or has not just typed the password again;
    evidence_mismatch if `is_id_agreed` is False, because the person and the proposer state different values
    of `PersonDecision.id_at_provider`.
    """
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
    require_confirmed_decision()
    if not is_id_agreed:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": decision.record, "reason": decision.other_id_reason}
        )


def _prepend_id_at_provider(id_at_provider: str | None, proof: PersonEvidence) -> PersonEvidence:
    """Return the proof with `id_at_provider`, the provider's id of the record that the person states, as its first
    line, because this id is part of the evidence. Without an id, return the proof unchanged; but if the first line of
    the proof could be read as such an id, put the line _NO_ID_AT_PROVIDER_LINE before it."""
    stored_content = proof.content.replace(b"\0", b"")  # as `evidence.add_person_evidence` stores it
    if id_at_provider is None and not stored_content.startswith(ID_AT_PROVIDER_LINE_PREFIX.encode()):
        return proof
    line = _NO_ID_AT_PROVIDER_LINE if id_at_provider is None else f"{ID_AT_PROVIDER_LINE_PREFIX}{id_at_provider}"
    return replace(proof, content=f"{line}\n".encode() + proof.content)


def _read_proposed_id_at_provider(tx: Transaction, proposal: StoredProposal) -> str | None:
    """Return the provider's id of the record that the first person stated with this proposal; None if the person
    stated no id. Evidence that the same person gave for an earlier proposal is ignored."""
    body = evidence.find_evidence_text(tx.conn, proposal.evidence_id) or ""
    line, line_end, _ = body.partition("\n")
    return (
        line.removeprefix(ID_AT_PROVIDER_LINE_PREFIX)
        if line_end and line.startswith(ID_AT_PROVIDER_LINE_PREFIX)
        else None
    )
