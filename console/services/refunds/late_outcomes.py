"""Write outcomes of refunds that the submission itself did not record. They come from late answers of the provider,
from submissions whose process ended, and from the provider's reports about payments."""

from dataclasses import asdict
from datetime import datetime
from json import dumps

from console.domain.audit.actions import AuditAction
from console.domain.money import Money
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, Operation, OperationState, WorkReason
from console.services.process.context import ServiceContext
from console.services.refunds import outcomes as refund_outcomes
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.operations import journal
from console.store.payments import payments
from console.store.records import evidence
from console.store.refunds import refunds

REFUND_KIND = refunds.REFUND_KIND
_OUTCOME_CLASS_OF_STATE = {
    RefundState.SUBMITTED: OutcomeClass.PENDING,
    RefundState.COMPLETED: OutcomeClass.SUCCEEDED,
    RefundState.FAILED: OutcomeClass.FAILED_DEFINITE,
}
"""The outcome class of a provider's report about a refund, by the reported state."""
_STATES_WITHOUT_PROVIDER_EFFECT = frozenset(
    {
        RefundState.REQUESTED,
        RefundState.APPROVED,
        RefundState.REJECTED,
        RefundState.WITHDRAWN,
        RefundState.EXPIRED,
        RefundState.FAILED,
    }
)
"""Refund states in which, according to our record, the provider has not given money back."""


def settle_late_answer(
    context: ServiceContext, tx: Transaction, operation_id: str, outcome: Outcome[RefundReport], _key: str | None
) -> bool:
    """Write the provider's answer to the submission `operation_id` into its refund, because the submission itself
    could not record the answer. If this answer has already settled the operation, write nothing. Any other repeated
    call may store the evidence and the audit entry again, but doesn't change the refund again. Return True; False if
    the database has no such operation or refund. `_key`, the answer key of the operation, is not used.
    """
    operation = journal.find(tx.conn, operation_id)
    refund = refunds.find(tx.conn, operation.subject_id or 0) if operation else None
    if operation is None or refund is None or operation.subject_kind != REFUND_KIND:
        return False
    if refund.state is not RefundState.SUBMITTING and _has_answer_settled_operation(tx, refund, operation, outcome):
        return True
    refund_outcomes.store_answer(context, tx, refund, "refund", outcome)
    context.record_audit(
        tx, AuditAction.REFUND_LATE_ANSWER, refund.id, {"outcome": outcome.kind.value}, kind=REFUND_KIND
    )
    is_current = refund.operation_id == operation_id
    if refund.state is not RefundState.SUBMITTING or not (is_current or outcome.kind in OUTCOME_CLASSES_WITH_EFFECT):
        refund_outcomes.compare_late_answer(context, tx, refund, outcome)
    elif outcome.kind in OUTCOME_CLASSES_WITH_EFFECT or refund_outcomes.is_refund_refused(outcome):
        refund_outcomes.settle_refund(context, tx, refund, outcome, None, "late_answer")
    elif refund_outcomes.is_certainly_unprocessed(outcome):
        refund_outcomes.end_submission(context, tx, refund, outcome)
        refund_outcomes.mark_submission_without_effect(context, tx, refund, outcome.reason)
    elif refund.certainty is Certainty.KNOWN:
        journal.settle_operation(
            tx.conn, operation_id, journal.get_state_after_lapse(operation.action), outcome, context.now()
        )
        refund_outcomes.mark_refund_unknown(context, tx, refund, outcome.reason)
    return True


def _has_answer_settled_operation(
    tx: Transaction, refund: Refund, operation: Operation, outcome: Outcome[RefundReport]
) -> bool:
    """True if an earlier transaction has already settled the refund's operation with this answer; the same
    transaction stored the answer as evidence. The process of that transaction ended before it marked the operation as
    ended in the desk's spool.
    """
    payment = payments.find(tx.conn, refund.payment_id)
    is_same_ending = (operation.outcome_class, operation.reason) == (outcome.kind.value, outcome.reason[:64])
    return (
        payment is not None
        and refund.operation_id == operation.id
        and operation.state in (OperationState.DONE, OperationState.FAILED)
        and is_same_ending
        and evidence.has_answer(tx.conn, operation.id, f"{payment.provider}.refund", outcome)
    )


def write_lapsed_outcome(context: ServiceContext, tx: Transaction, operation: Operation) -> None:
    """Set the refund's certainty to unknown, because the process that sent it ended without recording an answer.
    Do nothing if the outcome of the refund is already recorded."""
    refund = refunds.find(tx.conn, operation.subject_id or 0)
    if refund is not None and refund.state is RefundState.SUBMITTING and refund.certainty is Certainty.KNOWN:
        refund_outcomes.mark_refund_unknown(context, tx, refund, "lapsed")


@refunds.run_again_if_stale()
def apply_refund_report(
    context: ServiceContext,
    tx: Transaction,
    payment_id: int,
    report: RefundReport,
    effective_at: datetime | None = None,
) -> bool:
    """Find our refund of this payment with the idempotency key of the reported refund, compare both, and write new
    information into our refund. Return True, or False if no refund of this payment has the key. A refund of another
    payment with the same key is not compared, because the provider counts it as another refund.

    A report without new information is not stored as evidence of the refund: the answer is evidence of the payment.
    But the refund's provider side gets the state in the report and the time `effective_at` at which the report was
    true (None: now). A report about a refund that a process is sending now is ignored, because the answer to that
    submission settles the refund.
    """
    refund = refunds.find_by_idempotency_key(tx.conn, report.key)
    if refund is None or refund.payment_id != payment_id:
        return False
    outcome = _make_outcome_of_report(tx, refund, report)
    if _has_new_information(tx, refund, outcome):
        _write_new_information(context, tx, refund, outcome)
    if refund.state is not RefundState.SUBMITTING:
        refund_outcomes.store_stated_facts(context, tx, refund.id, outcome, effective_at)
    return True


def _write_new_information(
    context: ServiceContext, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport]
) -> None:
    """Store the provider's answer about the refund as evidence, and write it into the refund, or open a case if it
    contradicts the refund's state."""
    refund_outcomes.store_answer(context, tx, refund, "payment", outcome)
    if outcome.kind is OutcomeClass.UNKNOWN:
        refund_outcomes.open_contradiction_case(context, tx, refund, outcome.reason, WorkReason.ANSWER_DOES_NOT_FIT)
    elif refund.state is RefundState.SUBMITTING:
        refund_outcomes.settle_refund(context, tx, refund, outcome, None, "payment")
    elif refund.state is RefundState.SUBMITTED:
        refund_outcomes.write_known_outcome(context, tx, refund, outcome, None, {"by": "payment"})
    else:
        refund_outcomes.compare_late_answer(context, tx, refund, outcome)


def _has_new_information(tx: Transaction, refund: Refund, outcome: Outcome[RefundReport]) -> bool:
    """True if the report's outcome would change the refund, or contradicts its state in a way about which the refund
    has had no case yet.
    """
    if outcome.kind is OutcomeClass.UNKNOWN:
        has_equal_case = _has_equal_or_open_case(tx, refund, WorkReason.ANSWER_DOES_NOT_FIT, outcome.reason)
        return refund.work.reason != WorkReason.ANSWER_DOES_NOT_FIT or not has_equal_case
    if refund.state is RefundState.SUBMITTING:
        return refund.certainty is Certainty.UNKNOWN
    if refund.state is RefundState.SUBMITTED:
        return outcome.kind is not OutcomeClass.PENDING
    observed = refund_outcomes.describe_contradiction(refund, outcome)
    if refund.work.reason == WorkReason.CONTRADICTED and _has_equal_or_open_case(
        tx, refund, WorkReason.CONTRADICTED, observed
    ):
        return False
    return (outcome.kind in OUTCOME_CLASSES_WITH_EFFECT) == (refund.state in _STATES_WITHOUT_PROVIDER_EFFECT)


def _has_equal_or_open_case(tx: Transaction, refund: Refund, rule: str, observed: str) -> bool:
    """True if no new case of the alert rule `rule` with the text `observed` may be opened about the refund. This is
    so if the refund has, or had, a case of this rule with this text. It is also so while a case of this rule is open
    that no person has acknowledged.
    """
    return any(
        case.rule_id == rule
        and (case.observed == observed or (case.resolved_at is None and case.acknowledged_by is None))
        for case in alerts.find_by_subject(tx.conn, REFUND_KIND, refund.id)
    )


def _make_outcome_of_report(tx: Transaction, refund: Refund, report: RefundReport) -> Outcome[RefundReport]:
    """Convert the provider's report about a refund to the outcome of our refund. If the report is about another
    payment or another amount, return an unknown outcome."""
    payment = payments.find(tx.conn, refund.payment_id)
    kind, reason = _OUTCOME_CLASS_OF_STATE[report.state], f"seen_{report.state.value}"
    provider_payment_id = report.provider_payment_id
    if payment is not None and provider_payment_id not in (None, payment.provider_payment_id):
        kind, reason = OutcomeClass.UNKNOWN, "other_payment"
    elif report.amount not in (None, Money(refund.amount_minor, refund.currency)):
        kind, reason = OutcomeClass.UNKNOWN, "other_amount"
    body = dumps(asdict(report), default=str, sort_keys=True, ensure_ascii=False)
    return Outcome(kind, reason, SendingCertainty.YES, report, evidence=body)
