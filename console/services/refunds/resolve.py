"""Decisions of people about the unknown outcome of a refund. One person is enough if the provider's answer confirms
the decision; otherwise two people must agree."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import EvidenceMismatchReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass, SendingCertainty
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty
from console.domain.recovery.decision_reasons import PersonEvidence, StatedReason
from console.domain.usage_problems import UsageProblem
from console.domain.views.any_record import ResolveResult
from console.services.audit import refusals
from console.services.credit_checks.resolve import read_proof
from console.services.guarded.desk_answers import find_own_spool_entry, refuse_decision_against_answer
from console.services.guarded.second_person import PersonDecision, propose_or_settle
from console.services.payments.merchants import refuse_record_of_other_merchant
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.refunds import outcomes as refund_outcomes
from console.services.refunds import records as refund_records
from console.services.refunds.lease import RefundLeaseService
from console.services.refunds.records import RefundWithPayment
from console.store.database.engine import Transaction
from console.store.records import evidence
from console.store.refunds import refunds

T = TypeVar("T")
REFUND_KIND = refunds.REFUND_KIND
RESOLVE_ACTION = AuditAction.REFUND_RESOLVE
LONGEST_REFUND_ID_CHARACTERS = 64
_REFUND_STATE_BY_DECISION = {"completed": RefundState.COMPLETED, "failed": RefundState.FAILED}


class RefundResolver:
    """Stores people's decisions about refunds with an unknown outcome. This class can query providers but not send
    refunds."""

    def __init__(
        self, context: ServiceContext, payment_providers: PaymentProviders, lease_service: RefundLeaseService
    ) -> None:
        self._context = context
        self._payment_providers = payment_providers
        self._lease_service = lease_service

    def resolve(
        self,
        refund_id: int,
        target_state: str,
        proof: str | Path,
        id_at_provider: str | None = None,
        expected_version: int | None = None,
        reason: StatedReason | None = None,
    ) -> ResolveResult:
        """Decide the unknown outcome of a refund as the acting person: `target_state` is `completed` or `failed`.
        Return the refund after the decision; the result's `awaiting` is "second_person" while a second person must
        still confirm the decision, otherwise None.

        The program asks the provider first, and a definite answer settles the refund. If the provider gives no
        definite answer, two people decide with evidence; the second person must be an approver. `proof` is the path
        of a file, or the text of a written statement; `id_at_provider` is the id that the provider gave to the
        refund, which `completed` needs; `expected_version` is the version that the person's screen shows, None to
        skip the comparison; `reason` is the person's reason, None for a script without one.

        Raises usage if `target_state`, `id_at_provider` or `reason` has an invalid form, or if `id_at_provider` is
        missing for `completed`; no_evidence if the proof is empty, unreadable or too large; not_allowed if the acting
        person has no right to resolve, or may not be the second person; same_person if the proposer decides again;
        evidence_mismatch if the provider contradicts the person, if the second person gives another `id_at_provider`
        than the first, or if another refund has this id; bad_profile if the provider is not configured on this desk;
        not_found if there is no such refund; nothing_to_resolve if people can't decide about this refund; in_progress
        while a process sends the refund or another process holds the lease of the payment's refunds; stale_view if
        the refund's version is not `expected_version`, or changes during the decision.
        """
        person_proof = read_proof(proof, reason)
        state, id_at_provider = _parse_decision(target_state, id_at_provider)
        with refusals.audit_refusals(
            self._context, RESOLVE_ACTION, refund_id, {"as": target_state}, kind=REFUND_KIND
        ):
            person = self._context.require_right("resolve").name
            with self._lease_service.hold_refund_lease(refund_id, expected_version) as refund_with_payment:
                self._context.failpoints.reach("before_resolve")
                result = self._decide_refund(refund_with_payment, state, id_at_provider, person_proof, person)
                self._context.failpoints.reach("after_resolve")
        return result

    def _decide_refund(
        self,
        refund_with_payment: RefundWithPayment,
        decided_state: RefundState,
        id_at_provider: str | None,
        proof: PersonEvidence,
        person: str,
    ) -> ResolveResult:
        """Ask the provider about the refund and store its answer, even if the decision is refused afterwards. A
        definite answer settles the refund as the provider says. If it contradicts the decision of `person` that the
        refund's state is `decided_state`, this method then raises evidence_mismatch.

        Without a definite answer, two people must agree: the result awaits "second_person" if the second person must
        still decide, and None if the refund is settled. `id_at_provider` is the refund's id at the provider that the
        person gave, None for the decision `failed`; `proof` is the person's evidence. For the decision `failed`, also
        raises evidence_mismatch if this desk's spool has the answer that the refund was made, or if the provider's
        answer may say so (see `refuse_denial_against_answer`).
        """
        context, refund = self._context, refund_with_payment.refund
        refuse_record_of_other_merchant(context, self._payment_providers, refund_with_payment.payment)
        reader = self._payment_providers.get_reader(refund_with_payment.payment.provider)
        outcome = refund_outcomes.mark_answer_about_other_refund(
            refund, reader.read_refund(refund_with_payment.refund_instruction)
        )
        context.write(lambda tx: refund_outcomes.store_answer(context, tx, refund, "refund_status", outcome))
        if outcome.kind in (*OUTCOME_CLASSES_WITH_EFFECT, OutcomeClass.FAILED_DEFINITE):
            mismatch, current_refund = self._write_and_read_refund(
                refund.id,
                lambda tx: self._settle_by_provider_answer(tx, refund, outcome, decided_state, id_at_provider, proof),
            )
            if mismatch is not None:
                raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": current_refund, "reason": mismatch})
            return ResolveResult(current_refund)
        if decided_state is RefundState.FAILED:
            refund_outcomes.refuse_denial_against_answer(outcome, refund)
        # Only for a refund that is being sent: a refund that the provider has accepted may still fail.
        if decided_state is RefundState.FAILED and refund.state is RefundState.SUBMITTING:
            entry = find_own_spool_entry(context, refund.operation_id)
            refuse_decision_against_answer(context, entry, refund.operation_id, refund)
        is_proposed, decided_refund = self._write_and_read_refund(
            refund.id, lambda tx: self._write_decision(tx, refund, decided_state, id_at_provider, proof, person)
        )
        return ResolveResult(decided_refund, awaiting="second_person" if is_proposed else None)

    def _write_and_read_refund(self, refund_id: int, write: Callable[[Transaction], T]) -> tuple[T, Refund]:
        """Call `write` in a transaction. Return its value, and the refund as this transaction leaves it."""
        return self._context.write_and_read(
            write, lambda conn: refund_records.require_refund_after_lapse(conn, refund_id)
        )

    # Settled by the provider's answer

    @refunds.run_again_if_stale()
    def _settle_by_provider_answer(
        self,
        tx: Transaction,
        decided_refund: Refund,
        outcome: Outcome[RefundReport],
        decided_state: RefundState,
        id_at_provider: str | None,
        proof: PersonEvidence,
    ) -> EvidenceMismatchReason | None:
        """Settle the refund `decided_refund` with the provider's stored answer, and store the person's evidence
        `proof`. Return None if the answer confirms the person's decision `decided_state`, otherwise the reason of the
        mismatch. `id_at_provider` is the refund's id at the provider that the person gave, None for the decision
        `failed`; if the answer has another id, settle nothing.

        If the refund has been settled since it was read, for example by a report about its payment, the answer counts
        as a late answer. A late answer never settles a refund twice. The only exception is a refund that the provider
        has accepted and not completed: it can still fail.
        """
        context = self._context
        refund = refund_outcomes.require_refund(tx, decided_refund.id)
        reported_number = outcome.content.provider_refund_id if outcome.content else None
        if decided_state is RefundState.COMPLETED and id_at_provider not in (
            None,
            reported_number,
            refund.provider_refund_key,
        ):
            return EvidenceMismatchReason.OTHER_ID
        evidence.add_person_evidence(
            tx.conn,
            (REFUND_KIND, refund.id),
            refund.operation_id,
            context.make_holder().operator,
            proof,
            context.now(),
        )
        is_accepted = refund.state is RefundState.SUBMITTED and refund.operation_id == decided_refund.operation_id
        may_still_fail = is_accepted and outcome.kind is OutcomeClass.FAILED_DEFINITE
        if not may_still_fail and _get_settlement_columns(refund) != _get_settlement_columns(decided_refund):
            return self._compare_with_settled_refund(tx, refund, outcome, decided_state)
        is_confirmed = {
            RefundState.COMPLETED: OutcomeClass.SUCCEEDED,
            RefundState.FAILED: OutcomeClass.FAILED_DEFINITE,
        }[decided_state] is outcome.kind
        if refund.state is RefundState.SUBMITTED and outcome.kind is OutcomeClass.PENDING:
            return EvidenceMismatchReason.PROVIDER_SAYS_OTHERWISE
        refund_outcomes.settle_refund(context, tx, refund, outcome, None, "resolve")
        return None if is_confirmed else EvidenceMismatchReason.PROVIDER_SAYS_OTHERWISE

    def _compare_with_settled_refund(
        self, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport], decided_state: RefundState
    ) -> EvidenceMismatchReason | None:
        """Compare the provider's answer with a refund that another process settled while this process asked the
        provider. Return None if the refund's state is the person's decision `decided_state` and the answer doesn't
        contradict it, otherwise the reason of the mismatch."""
        refund_outcomes.compare_late_answer(self._context, tx, refund, outcome)
        is_decided_state = refund_outcomes.require_refund(tx, refund.id).state is decided_state
        if is_decided_state and not refund_outcomes.is_contradicting_answer(refund, outcome):
            return None
        return EvidenceMismatchReason.PROVIDER_SAYS_OTHERWISE

    # Decided by two people

    def _write_decision(
        self,
        tx: Transaction,
        decided_refund: Refund,
        decided_state: RefundState,
        id_at_provider: str | None,
        proof: PersonEvidence,
        person: str,
    ) -> bool:
        """Write the first person's proposal that the refund's state is `decided_state`, or settle the refund with the
        second person's decision. Return True if a second person must still agree. `decided_refund` is the refund as
        it was read; `id_at_provider` is the refund's id at the provider that the person gave, None for the decision
        `failed`; `proof` is the person's evidence. Raises StaleRow if the refund has changed since it was read, and
        evidence_mismatch if another refund has `id_at_provider`.
        """
        context, now = self._context, self._context.now()
        refund = refund_outcomes.require_refund(tx, decided_refund.id)
        if refund.version != decided_refund.version:
            raise refunds.StaleRow(refund.id)
        if id_at_provider is not None:
            _refuse_id_of_other_refund(context, tx, refund, id_at_provider)

        def write_proposal(proof_id: int) -> dict[str, object]:
            refunds.change_refund(tx.conn, refund, now)
            return {"as": decided_state.value, "evidence": proof_id, "provider_id": id_at_provider}

        decision = PersonDecision(
            (REFUND_KIND, refund.id),
            decided_state.value,
            person,
            refund,
            refund.operation_id,
            proof,
            refusal_facts={"record": refund},
            sets_id_at_provider=decided_state is RefundState.COMPLETED,
            id_at_provider=id_at_provider,
        )
        return propose_or_settle(
            context,
            tx,
            decision,
            settle=lambda proposer: self._settle_by_people(tx, refund, decided_state, id_at_provider, proposer),
            propose=write_proposal,
        )

    def _settle_by_people(
        self, tx: Transaction, refund: Refund, decided_state: RefundState, id_at_provider: str | None, proposer: str
    ) -> None:
        """Set the refund to the state `decided_state` about which two people have agreed. `id_at_provider` is the
        refund's id at the provider that the two people gave, None for the state `failed`. `proposer` is the name of
        the first person."""
        context, is_completed = self._context, decided_state is RefundState.COMPLETED
        kind = OutcomeClass.SUCCEEDED if is_completed else OutcomeClass.FAILED_DEFINITE
        outcome: Outcome[RefundReport] = Outcome(kind, RESOLVED_BY_PEOPLE_CAUSE, SendingCertainty.MAYBE)
        refund_outcomes.end_submission(context, tx, refund, outcome)
        if is_completed:
            refund_outcomes.mark_refund_completed(
                context,
                tx,
                refund,
                None,
                {"by": "people", "first": proposer},
                id_at_provider,
                cause=RESOLVED_BY_PEOPLE_CAUSE,
            )
        else:
            refund_outcomes.mark_refund_failed(
                context, tx, refund, RESOLVED_BY_PEOPLE_CAUSE, None, {"first": proposer}
            )


def _refuse_id_of_other_refund(context: ServiceContext, tx: Transaction, refund: Refund, id_at_provider: str) -> None:
    """Raise evidence_mismatch if another refund of ours at the same provider has `id_at_provider` as its idempotency
    key or as its id at the provider."""
    owners = refund_outcomes.list_refunds_with_key_or_id(context, tx, refund.payment_id, id_at_provider)
    if any(owner.id != refund.id for owner in owners):
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": refund, "reason": EvidenceMismatchReason.USED_BY_OTHER_RECORD}
        )


def _get_settlement_columns(refund: Refund) -> tuple[RefundState, Certainty, str | None]:
    """Return the refund's state, certainty and operation id (None before the first attempt to send the refund). If
    these values are equal in two reads of the refund, it was neither settled nor sent between the reads. The version
    and the work are left out, because they can also change while people can still decide about the refund."""
    return refund.state, refund.certainty, refund.operation_id


def _parse_decision(target_state: str, id_at_provider: str | None) -> tuple[RefundState, str | None]:
    """Return the decided state of the refund, and the refund's id at the provider (None for `failed`). Raises usage
    for another target state, if the id is missing for `completed`, or if it is too long or not printable ASCII."""
    state, stated_id = _REFUND_STATE_BY_DECISION.get(target_state), (id_at_provider or "").strip() or None
    if state is None:
        raise ConsoleError(
            ErrorCode.USAGE,
            {"problem": UsageProblem.INVALID_OUTCOME_OF_REFUND, "allowed": sorted(_REFUND_STATE_BY_DECISION)},
        )
    if state is RefundState.COMPLETED and stated_id is None:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.GATEWAY_ID_MISSING})
    if stated_id is not None and (
        len(stated_id) > LONGEST_REFUND_ID_CHARACTERS or not stated_id.isascii() or not stated_id.isprintable()
    ):
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.GATEWAY_ID_MISSING, "longest": LONGEST_REFUND_ID_CHARACTERS}
        )
    return state, stated_id if state is RefundState.COMPLETED else None
