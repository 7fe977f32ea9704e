"""Write the outcome of a sent refund into its row. Only this module sets a sent refund to submitted, completed,
failed or unknown, or back to approved.

The callers are submissions (in their second transaction, tx2), probes, decisions of two people, late answers, and
reports about payments. Each transaction stores the provider's answer first, then changes the journal row, then the
refund, and last the sums of the payment; the database's constraints require this sequence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import EvidenceMismatchReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Refund, SetAsideState
from console.domain.payments.report_rules import PROVIDER_CLOCK_TOLERANCE
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass, SendingCertainty
from console.domain.reason import ForeignText
from console.domain.records import (
    RESOLVED_BY_PEOPLE_CAUSE,
    Certainty,
    Operation,
    OperationState,
    Work,
    WorkReason,
    WorkState,
)
from console.domain.recovery.decision_rules import WORK_REASONS_OF_CONTRADICTION, is_refund_perhaps_made
from console.domain.tasks.retry_schedules import (
    REFUND_POLL_WAITS,
    REFUND_PROBE_WAITS,
    REFUND_SENDING_WAITS,
    SLOW_REFUND_POLL_WAITS,
    compute_next_attempt_time,
    compute_next_attempt_time_of_endless_schedule,
)
from console.providers.payments.provider import PaymentCapabilities
from console.services.guarded.desk_answers import refuse_denial_of_unclear_answer
from console.services.guarded.leases import lock_until_commit
from console.services.payments import account_limits as account_money
from console.services.payments import next_work as payment_work
from console.services.payments import order_status
from console.services.payments.listed_facts import end_acknowledged_case
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.alerts import cases
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.operations import idempotency, journal
from console.store.payments import payments, set_asides
from console.store.records import evidence
from console.store.refunds import approvals, refunds

REFUND_KIND = refunds.REFUND_KIND
SUBMISSION_REASON = WorkReason.SUBMISSION
"""Reason of work on a refund: a due task must send the refund."""
COOLING_OFF_REASON = WorkReason.COOLING_OFF
"""Reason of work on a refund: a due task must send the refund after its cooling-off period."""
POLL_REASON = WorkReason.POLL
"""Reason of work on a refund: a due task must read the accepted refund at its provider."""
PROBE_REASON = WorkReason.UNKNOWN
"""Reason of work on a refund: a due task must probe the refund, because its outcome is unknown."""
ANSWER_MISMATCH_REASONS = frozenset({"other_id", "other_payment", "other_amount", "other_currency", "listed_twice"})
"""Outcome reasons of an answer that doesn't fit the question: it is about another refund, payment, amount or
currency, or it has several entries about the refund that contradict each other."""
_REASONS_WITHOUT_REFUND = ("provider_error", "bad_question")
"""Outcome reasons of an answer with HTTP status 2xx that says nothing about the refund."""
ORDER_DELETED_AT_PROVIDER_REASON = WorkReason.ORDER_DELETED_AT_PROVIDER
"""Reason of an unknown outcome: the provider has deleted the order of the refund, so that no probe can show the
outcome. A person must review the refund."""

LONGEST_PROVIDER_STATE_CHARACTERS = 40


class ReservationMissing(Exception):
    """Raised if a payment has reserved less money for refunds than its open refund needs. The transaction is then
    rolled back."""


def require_refund(tx: Transaction, refund_id: int) -> Refund:
    """Return the refund as it is stored, read in the transaction `tx`. Raises not_found if there is none."""
    refund = refunds.find(tx.conn, refund_id)
    if refund is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": REFUND_KIND, "id": str(refund_id)})
    return refund


def store_answer(
    context: ServiceContext, tx: Transaction, refund: Refund, call_name: str, outcome: Outcome[object]
) -> int:
    """Store the provider's answer, or the information that no answer came, as evidence of the refund. `call_name` is
    the name of the call to the provider in the evidence, such as `refund_status`. Return the id of the
    evidence.
    """
    payment = payments.find(tx.conn, refund.payment_id)
    source = f"{payment.provider if payment else 'provider'}.{call_name}"
    operator = context.make_holder().operator
    return evidence.add_answer(
        tx.conn, (REFUND_KIND, refund.id), refund.operation_id, source, operator, outcome, context.now()
    )


def mark_answer_about_other_refund(refund: Refund, outcome: Outcome[RefundReport]) -> Outcome[RefundReport]:
    """Return the provider's answer to a question about our refund unchanged if it is about our refund. If the
    provider's refund id in the answer differs from the id that is stored in our refund, return a copy of the answer
    with an unknown outcome and the reason other_id.
    """
    report, own_refund_id = outcome.content, refund.provider_refund_id
    if report is None or own_refund_id is None or report.provider_refund_id in (None, own_refund_id):
        return outcome
    return replace(outcome, kind=OutcomeClass.UNKNOWN, reason="other_id")


def refuse_denial_against_answer(answer: Outcome[RefundReport], record: Refund | Operation) -> None:
    """Raise evidence_mismatch if people decide that a refund was not made although the provider's present answer may
    say the opposite. Such an answer contradicts itself, comes from a cache, or reports a refund with our key as
    accepted or made, but with another amount. Or the answer can't be used, and may contain the refund: for example,
    with our key in another notation, several times, or in a state that the program doesn't know. An error of the
    provider and a refused question say nothing about the refund, and raise no error. `record` is the refund or, if
    the database has lost it, its operation."""
    refuse_denial_of_unclear_answer(answer.reason, record)
    report = answer.content
    if report is not None and report.state is not RefundState.FAILED:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": ForeignText(report.provider_state)}
        )
    if (
        report is None
        and answer.kind is OutcomeClass.UNKNOWN
        and answer.has_success_status
        and answer.reason not in _REASONS_WITHOUT_REFUND
    ):
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": EvidenceMismatchReason.UNUSABLE_ANSWER}
        )


# Select the function that writes an outcome


def record_outcome(
    context: ServiceContext,
    tx: Transaction,
    refund_id: int,
    outcome: Outcome[RefundReport],
    capabilities: PaymentCapabilities,
) -> None:
    """Store the provider's answer to a submission as evidence, and write its outcome into the refund. Runs in the
    second transaction (tx2) of the submission, in which the pipeline also ends the journal row. `capabilities`
    are the provider's. Raises not_found if there is no such refund.
    """
    refund = require_refund(tx, refund_id)
    store_answer(context, tx, refund, "refund", outcome)
    if refund.state is not RefundState.SUBMITTING:  # another process has settled the refund meanwhile
        compare_late_answer(context, tx, refund, outcome)
    elif outcome.kind in OUTCOME_CLASSES_WITH_EFFECT or is_refund_refused(outcome):
        write_known_outcome(context, tx, refund, outcome, capabilities)
    elif is_certainly_unprocessed(outcome):
        mark_submission_without_effect(context, tx, refund, outcome.reason)
    else:
        mark_refund_unknown(context, tx, refund, outcome.reason)


def is_certainly_unprocessed(outcome: Outcome[RefundReport]) -> bool:
    """True if the provider has certainly not processed the refund, so that the program may send the refund again
    with the same key."""
    never_sent = outcome.kind is OutcomeClass.FAILED_DEFINITE and outcome.sent is SendingCertainty.NO
    return never_sent or outcome.kind in (OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)


def is_refund_refused(outcome: Outcome[RefundReport]) -> bool:
    """True if the provider has received the refund and refused it."""
    return outcome.kind is OutcomeClass.FAILED_DEFINITE and outcome.sent is not SendingCertainty.NO


def write_known_outcome(
    context: ServiceContext,
    tx: Transaction,
    refund: Refund,
    outcome: Outcome[RefundReport],
    capabilities: PaymentCapabilities | None,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Set the refund to the state that the provider's answer proves: completed, submitted (accepted by the
    provider) or failed. `facts` are more values for the audit entry; `capabilities` are the provider's, None if
    the caller doesn't have them.
    """
    if outcome.kind is OutcomeClass.SUCCEEDED and outcome.content is not None:
        mark_refund_completed(context, tx, refund, outcome.content, facts)
    elif outcome.kind in OUTCOME_CLASSES_WITH_EFFECT:
        mark_refund_submitted(context, tx, refund, outcome.content, capabilities, facts)
    else:
        mark_refund_failed(context, tx, refund, outcome.reason, outcome.content, facts)
    _open_cases_about_shared_id(context, tx, refund, outcome)


# Writing


def mark_refund_completed(
    context: ServiceContext,
    tx: Transaction,
    refund: Refund,
    report: RefundReport | None,
    facts: Mapping[str, object] | None = None,
    id_at_provider: str | None = None,
    cause: str | None = None,
) -> None:
    """Set the refund to completed: the payer has the money back. If the provider has no id of its own for the refund,
    store our idempotency key as the provider's refund id. `facts` are more values for the audit entry. `cause` is
    stored in the column `error_code`: the reason why the outcome is known although the provider didn't confirm it,
    None if the provider confirmed it. `report` is the provider's report about the refund, None if the outcome is
    known without a report. `id_at_provider` is the refund's id at the provider as people have stated it, None if they
    stated none.
    """
    now = context.now()
    provider_refund_id = refund.provider_refund_id or id_at_provider or (report and report.provider_refund_id)
    _write_known_state(
        context,
        tx,
        refund,
        RefundState.COMPLETED,
        report,
        refund_txn_id=provider_refund_id or refund.provider_refund_key,
        error_code=cause,
    )
    _require_payment_sums_changed(
        payments.settle_refund(tx.conn, refund.payment_id, refund.amount_minor, now), refund
    )
    if refund.set_aside_id is None:
        account_money.subtract_refunded_amount(tx, refund.payment_id, refund.amount_minor)
    _end_set_aside(context, tx, refund, SetAsideState.REFUNDED)
    context.record_audit(
        tx, AuditAction.REFUND_COMPLETED, refund.id, {**_make_audit_facts(refund), **(facts or {})}, kind=REFUND_KIND
    )
    order_status.set_order_refunded(context, tx, refund.payment_id)


def mark_refund_submitted(
    context: ServiceContext,
    tx: Transaction,
    refund: Refund,
    report: RefundReport | None,
    capabilities: PaymentCapabilities | None,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Set the refund to submitted: the provider has accepted the refund but not completed it. The program never sends
    the refund again; due polls ask the provider if it has completed the refund. `facts` are more values for the audit
    entry. `report` is the provider's report about the refund, None if its answer had no report. `capabilities` are
    the provider's, None if the caller doesn't have them.
    """
    provider_refund_id = refund.provider_refund_id or (report and report.provider_refund_id)
    at = compute_next_attempt_time_of_endless_schedule(
        choose_poll_schedule(capabilities), 0, context.now(), context.scale
    )
    work = refunds.make_work_values(Work(WorkState.SCHEDULED, at, POLL_REASON))
    _write_known_state(context, tx, refund, RefundState.SUBMITTED, report, refund_txn_id=provider_refund_id, **work)
    context.record_audit(
        tx, AuditAction.REFUND_ACCEPTED, refund.id, {**_make_audit_facts(refund), **(facts or {})}, kind=REFUND_KIND
    )


def _write_known_state(
    context: ServiceContext,
    tx: Transaction,
    refund: Refund,
    state: RefundState,
    report: RefundReport | None,
    **values: object,
) -> None:
    """Write four things into the refund's row: the state, the certainty known, the facts of the provider's report
    (None: no report), and the column values `values`. Also close the open proposals and cases about the refund.
    """
    now = context.now()
    columns: dict[str, object] = {"status": state, "certainty": Certainty.KNOWN, "error_code": None}
    stated_at = now if report is None else read_current_time(tx.conn, now)
    columns |= refunds.make_work_values(Work()) | make_report_columns(report, stated_at) | values
    refunds.change_refund(tx.conn, refund, now, **columns)
    _close_proposals_and_cases(context, tx, refund)


def choose_poll_schedule(capabilities: PaymentCapabilities | None) -> Sequence[timedelta]:
    """Return the waiting times between the polls of an accepted refund: longer ones for a provider with slow refunds.
    `capabilities` are the provider's; with None, the provider counts as one without slow refunds.
    """
    return SLOW_REFUND_POLL_WAITS if capabilities is not None and capabilities.has_slow_refunds else REFUND_POLL_WAITS


def mark_refund_failed(
    context: ServiceContext,
    tx: Transaction,
    refund: Refund,
    cause: str,
    report: RefundReport | None = None,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Set the refund to failed, and release the amount that the refund has reserved. The provider has certainly not
    made the refund, and will not make it under this key. `cause` is stored in the column `error_code`; `facts` are
    more values for the audit entry. `report` is the provider's report about the refund, None if there is none.
    """
    _write_known_state(context, tx, refund, RefundState.FAILED, report, error_code=cause[:64])
    release_amount(context, tx, refund)
    context.record_audit(
        tx,
        AuditAction.REFUND_FAILED,
        refund.id,
        {**_make_audit_facts(refund), **(facts or {})},
        kind=REFUND_KIND,
        reason=cause[:64],
    )


def mark_submission_without_effect(context: ServiceContext, tx: Transaction, refund: Refund, cause: str) -> None:
    """Set the refund back to approved after a submission that the provider has certainly not processed. A due task
    sends the refund again later with the same key; after the last attempt, a person must review it. `cause` is stored
    in the column `error_code`."""
    work = _make_next_sending_work(context, refund)
    _write_approved_state(context, tx, refund, work, error_code=cause[:64])
    _audit_refund_not_sent(context, tx, refund, cause)


def postpone_refund_sending(
    context: ServiceContext, tx: Transaction, refund: Refund, cause: str | None, *, is_lasting: bool
) -> None:
    """Schedule the next attempt to send an approved refund, because an attempt has ended before the refund was sent.
    A person must review the refund after the last attempt, or if `is_lasting` is True (a later attempt would end in
    the same way). `cause` is stored in an audit entry and, except if the provider may already be processing the
    refund, in the column `error_code`. If `cause` is None, because an audit entry already states it, neither is
    written.
    """
    work = _make_next_sending_work(context, refund)
    if is_lasting:
        work = Work(WorkState.NEEDS_REVIEW, None, WorkReason.NOT_SENT, refund.work.attempt)
    values = refunds.make_work_values(work)
    if cause is not None and not is_refund_perhaps_made(refund):
        values["error_code"] = cause[:64]
    refunds.change_refund(tx.conn, refund, context.now(), **values)
    if cause is not None:
        _audit_refund_not_sent(context, tx, refund, cause)


def _make_next_sending_work(context: ServiceContext, refund: Refund) -> Work:
    """Return the work that sends the refund at the next time of the schedule; after the last time of the schedule,
    the work needs_review."""
    attempts = refund.work.attempt + 1
    at = compute_next_attempt_time(REFUND_SENDING_WAITS, refund.work.attempt, context.now(), context.scale)
    if at is None:
        return Work(WorkState.NEEDS_REVIEW, None, WorkReason.NOT_SENT, attempts)
    return Work(WorkState.SCHEDULED, at, SUBMISSION_REASON, attempts)


def _audit_refund_not_sent(context: ServiceContext, tx: Transaction, refund: Refund, cause: str) -> None:
    """Write the audit entry that an attempt to send the refund has ended without effect; `cause` becomes the entry's
    reason, cut to 64 characters."""
    context.record_audit(
        tx,
        AuditAction.REFUND_NOT_SENT,
        refund.id,
        _make_audit_facts(refund),
        kind=REFUND_KIND,
        result="failed",
        reason=cause[:64],
    )


def mark_refund_not_found(context: ServiceContext, tx: Transaction, refund: Refund, **columns: object) -> None:
    """Set the refund back to approved after probes, because the provider's answers "not found" prove that the
    provider has not processed the refund. The next run of a due task sends the refund again with the same key.
    `columns` are more values for the refund's row, by column."""
    _write_approved_state(
        context, tx, refund, Work(WorkState.SCHEDULED, context.now(), SUBMISSION_REASON), error_code=None, **columns
    )
    context.record_audit(
        tx, AuditAction.REFUND_DID_NOT_HAPPEN, refund.id, _make_audit_facts(refund), kind=REFUND_KIND
    )


def _write_approved_state(
    context: ServiceContext, tx: Transaction, refund: Refund, work: Work, **values: object
) -> None:
    """Set the refund back to the state approved with the certainty known and this work, because its last submission
    had no effect. Write the column values `values`, close the refund's open proposals, and free the operation key of
    the submission. If a case is open because the provider has once said that it made the refund, the work becomes
    needs_review instead."""
    if WorkReason.CONTRADICTED in cases.list_rules_of_open_cases(tx.conn, REFUND_KIND, refund.id):
        # The refund was sent again after the provider had said that it had made the refund: people must still look.
        work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.CONTRADICTED, attempt=work.attempt)
    # `state_since` stays the time of the approval: an attempt that sent nothing must not hide the refund's wait.
    approved_at = approvals.find_last_vote_time(tx.conn, refund.id) or context.now()
    values |= {"status": RefundState.APPROVED, "certainty": Certainty.KNOWN, "state_since": approved_at}
    refunds.change_refund(tx.conn, refund, context.now(), **values, **refunds.make_work_values(work))
    approvals.close_proposals(tx.conn, REFUND_KIND, str(refund.id), context.now())
    _free_operation_key(tx, refund)


def mark_refund_unknown(context: ServiceContext, tx: Transaction, refund: Refund, cause: str) -> None:
    """Set the refund's certainty to unknown, because the provider may have processed the refund. Its amount stays
    reserved, and the program sends no other refund of the payment. A due task probes the refund. If the answer was
    about another refund, or if the provider no longer stores the refund, a person must review the refund instead.
    `cause` is stored in the column `error_code`.
    """
    now = context.now()
    work = Work(
        WorkState.SCHEDULED, compute_next_attempt_time(REFUND_PROBE_WAITS, 0, now, context.scale), PROBE_REASON
    )
    if cause in ANSWER_MISMATCH_REASONS:
        work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.ANSWER_DOES_NOT_FIT)
    elif cause == ORDER_DELETED_AT_PROVIDER_REASON:
        work = Work(WorkState.NEEDS_REVIEW, reason=ORDER_DELETED_AT_PROVIDER_REASON)
    unknown_columns = {"certainty": Certainty.UNKNOWN, "error_code": cause[:64]}
    refunds.change_refund(tx.conn, refund, now, **unknown_columns, **refunds.make_work_values(work))
    if cause in ANSWER_MISMATCH_REASONS:
        open_case(context, tx, refund.id, WorkReason.ANSWER_DOES_NOT_FIT, cause, format_expected_refund(refund))
    context.record_audit(
        tx, AuditAction.REFUND_UNKNOWN, refund.id, _make_audit_facts(refund), kind=REFUND_KIND, reason=cause[:64]
    )


# Other rows that change with the refund


def release_amount(context: ServiceContext, tx: Transaction, refund: Refund) -> None:
    """Subtract the amount of an ended refund from the amount that its payment has reserved for refunds, and free the
    operation key of its last submission. The amount is refundable again or, if the refund gives back an amount that
    was set aside, set aside again. The caller must change the refund's row first. Raises ReservationMissing if the
    payment has reserved less than this amount."""
    now, is_set_aside = context.now(), refund.set_aside_id is not None
    _require_payment_sums_changed(
        payments.release_amount(tx.conn, refund.payment_id, refund.amount_minor, now, is_to_set_aside=is_set_aside),
        refund,
    )
    _end_set_aside(context, tx, refund, SetAsideState.OPEN)
    _free_operation_key(tx, refund)


def _free_operation_key(tx: Transaction, refund: Refund) -> None:
    """Free the operation key of the refund's last submission, which had no effect, so that a person can request the
    same refund again. The refund's key at the provider stays the same. Do nothing if the refund was never sent or the
    operation key is already free."""
    if refund.operation_id is None:
        return
    key = journal.find_idempotency_key(tx.conn, refund.operation_id)
    if key is not None and not key.endswith(f"#{refund.operation_id}"):
        idempotency.free_idempotency_key(tx.conn, refund.operation_id, key)


def _require_payment_sums_changed(is_changed: bool, refund: Refund) -> None:
    """Raise ReservationMissing if `is_changed` is False. `is_changed` is the result of the write that subtracts the
    refund's amount from the payment's reserved money. It is False if the payment had reserved less money than this
    amount, so that the write changed no row."""
    if not is_changed:
        raise ReservationMissing(f"payment {refund.payment_id}, refund {refund.id}")


def _end_set_aside(context: ServiceContext, tx: Transaction, refund: Refund, state: SetAsideState) -> None:
    """Set the set-aside of the refund to this state, and close the payment's case about it if no money set aside
    waits for its refund any more. Do nothing if the refund is not of a set-aside."""
    set_aside = set_asides.find(tx.conn, refund.set_aside_id) if refund.set_aside_id is not None else None
    if set_aside is not None:
        set_asides.change_set_aside(
            tx.conn, set_aside, context.now(), state, refund.id if state is SetAsideState.REFUNDED else None
        )
        account_money.close_set_aside_case(context, tx, refund.payment_id)


def _close_proposals_and_cases(context: ServiceContext, tx: Transaction, refund: Refund) -> None:
    """Close the open proposals of people about the outcome of the refund, and the open cases about the refund."""
    approvals.close_proposals(tx.conn, REFUND_KIND, str(refund.id), context.now())
    cases.close_cases(tx.conn, REFUND_KIND, refund.id, context.now())


def make_report_columns(report: RefundReport | None, stated_at: datetime) -> dict[str, object]:
    """Return the values of the refund's columns that store the provider's own state and `stated_at`, the time of its
    report by the clock of the database; no values if `report` is None."""
    return (
        {}
        if report is None
        else {"provider_state": report.provider_state[:LONGEST_PROVIDER_STATE_CHARACTERS], "told_at": stated_at}
    )


@refunds.run_again_if_stale()
def store_stated_facts(
    context: ServiceContext,
    tx: Transaction,
    refund_id: int,
    outcome: Outcome[RefundReport],
    effective_at: datetime | None = None,
) -> None:
    """Write the provider's state in the answer `outcome` and its time into the refund's row, so that the page shows
    the facts of the newest answer with the age of this answer. Change nothing else. The caller has asked the
    provider about this refund or its payment, and has compared the answer with the refund. Do nothing if the answer
    contains no state, or if the refund has the facts of a newer answer. `effective_at` is the time at which the
    answer was true; if the caller has sent a question to the provider, it is the time of the question. None: the
    present time."""
    if outcome.kind is OutcomeClass.UNKNOWN:
        return
    refund = require_refund(tx, refund_id)
    stated_at = read_current_time(tx.conn, context.now()) if effective_at is None else effective_at
    values = make_newer_report_columns(context, refund, outcome.content, stated_at)
    if values:
        refunds.change_refund(tx.conn, refund, context.now(), **values)


def make_newer_report_columns(
    context: ServiceContext, refund: Refund, report: RefundReport | None, stated_at: datetime
) -> dict[str, object]:
    """Return the same values as `make_report_columns` for a report that was true at `stated_at`; no values if the
    refund has the facts of a newer report. If the time of the stored report is in the future, because a clock was
    wrong, the stored report counts as older."""
    is_from_future = refund.told_at is not None and refund.told_at > context.now() + PROVIDER_CLOCK_TOLERANCE
    is_newer = refund.told_at is None or refund.told_at <= stated_at or is_from_future
    return make_report_columns(report, stated_at) if is_newer else {}


def _make_audit_facts(refund: Refund) -> dict[str, object]:
    """Return the facts about a refund that its audit entries contain: payment id (`payment`), amount in minor units
    (`minor`) and `currency`."""
    return {"payment": refund.payment_id, "minor": refund.amount_minor, "currency": refund.currency}


def format_expected_refund(refund: Refund) -> str:
    """Return the text `expected` of a case about the refund: its idempotency key, its amount in minor units and its
    currency.
    """
    return f"{refund.provider_refund_key} {refund.amount_minor} {refund.currency}"


# Settle unknown outcomes later


def settle_refund(
    context: ServiceContext,
    tx: Transaction,
    refund: Refund,
    outcome: Outcome[RefundReport],
    capabilities: PaymentCapabilities | None,
    answer_origin: str,
) -> None:
    """Settle a refund with an unknown outcome by the provider's answer, which the caller has already stored as
    evidence. `answer_origin` is stored in the audit entry: the name of the call or task that got the answer, such as
    `probe`; `capabilities` are the provider's, None if the caller doesn't have them."""
    end_submission(context, tx, refund, outcome)
    write_known_outcome(context, tx, refund, outcome, capabilities, {"by": answer_origin})


def end_submission(context: ServiceContext, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport]) -> None:
    """Write the outcome of the refund's submission into its journal row. After the COMMIT, mark the submission as
    ended in this desk's spool."""
    operation = refund.operation_id
    if operation is None:
        return
    has_effect = outcome.kind in OUTCOME_CLASSES_WITH_EFFECT
    state = OperationState.DONE if has_effect else OperationState.FAILED
    journal.settle_operation(tx.conn, operation, state, outcome, context.now())

    def mark_spool_entry_ended() -> None:
        with log_and_suppress("end of a settled refund"):
            context.spool.mark_ended(operation, holds_claim=has_effect)

    tx.call_after_commit(mark_spool_entry_ended)


def compare_late_answer(
    context: ServiceContext, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport]
) -> None:
    """Compare a late answer of the provider with a refund whose outcome is already known. If the provider had only
    accepted the refund, the answer may complete it. Otherwise the refund's state doesn't change, and an answer that
    contradicts the state opens a case.
    """
    state, outcome_class = refund.state, outcome.kind
    _open_cases_about_shared_id(context, tx, refund, outcome)
    if state is RefundState.SUBMITTED and outcome_class is OutcomeClass.SUCCEEDED and outcome.content is not None:
        mark_refund_completed(context, tx, refund, outcome.content, {"by": "late_answer"})
    elif is_contradicting_answer(refund, outcome):
        open_contradiction_case(context, tx, refund, describe_contradiction(refund, outcome))


def _open_cases_about_shared_id(
    context: ServiceContext, tx: Transaction, refund: Refund, outcome: Outcome[RefundReport]
) -> None:
    """Open a case about each other refund of ours to which people gave the same provider's refund id as the one in
    this answer about `refund`. The id belongs to `refund`, because the program asked the provider about `refund`. If
    a decision of people gives the id to another refund at the same time, the two transactions run one after the
    other."""
    provider_refund_id = outcome.content.provider_refund_id if outcome.content else None
    if outcome.kind not in OUTCOME_CLASSES_WITH_EFFECT or provider_refund_id in (None, refund.provider_refund_key):
        return
    for other_refund in list_refunds_with_key_or_id(context, tx, refund.payment_id, str(provider_refund_id)):
        if other_refund.id != refund.id and other_refund.error_code == RESOLVED_BY_PEOPLE_CAUSE:
            open_contradiction_case(
                context, tx, other_refund, f"{provider_refund_id} is the number of refund {refund.id}"
            )


def list_refunds_with_key_or_id(
    context: ServiceContext, tx: Transaction, payment_id: int, key_or_id: str
) -> list[Refund]:
    """Return our refunds at the provider of this payment that have `key_or_id` as their idempotency key or as the id
    that the provider gave to them. Transactions that call this function with the same key or id run one after
    another, because the database has no unique index of the refund ids.
    """
    lock_until_commit(context, tx, f"refund_number_{key_or_id}")
    provider = payment_work.require_payment(tx, payment_id).provider
    owners = (
        *filter(None, [refunds.find_by_idempotency_key(tx.conn, key_or_id)]),
        *refunds.list_by_id_at_provider(tx.conn, key_or_id),
    )
    return [owner for owner in owners if payment_work.require_payment(tx, owner.payment_id).provider == provider]


def is_contradicting_answer(refund: Refund, outcome: Outcome[RefundReport]) -> bool:
    """True if the provider's answer to a submission contradicts the known state of the refund."""
    if outcome.kind in OUTCOME_CLASSES_WITH_EFFECT:
        return refund.state not in (RefundState.SUBMITTING, RefundState.SUBMITTED, RefundState.COMPLETED)
    return is_refund_refused(outcome) and refund.state is RefundState.COMPLETED


def open_case(
    context: ServiceContext, tx: Transaction, refund_id: int, rule: str, observed: str, expected: str
) -> bool:
    """Open a case of the alert rule `rule` about a refund, with the texts `observed` and `expected`. An open case of
    the same rule is replaced if a person has acknowledged it and its text differs from `observed`. Return True if a
    case was opened, and False if the earlier open case of the rule stays. Raises RunAgain if another process has just
    ended the earlier case."""
    end_acknowledged_case(context, tx, (REFUND_KIND, refund_id), rule, observed)
    return cases.open_case(tx.conn, rule, REFUND_KIND, refund_id, observed, expected, context.now())


def describe_contradiction(refund: Refund, outcome: Outcome[RefundReport]) -> str:
    """Return the text `observed` of the case about a provider's answer that contradicts the refund's state."""
    provider_refund_id = (outcome.content and outcome.content.provider_refund_id) or refund.provider_refund_key or ""
    return f"{outcome.kind.value} {outcome.reason} {provider_refund_id}".strip()


@refunds.run_again_if_stale()
def open_contradiction_case(
    context: ServiceContext, tx: Transaction, refund: Refund, observed: str, rule: str = WorkReason.CONTRADICTED
) -> None:
    """Open a case about a refund, because the provider contradicts the refund's known state. If such a case is
    already open, a new case replaces it only if a person has acknowledged it and its text differs from `observed`.

    Set the refund's work to needs_review; while the work has this state, no other refund of the payment is sent. The
    refund's state doesn't change. `observed` describes the provider's answer; `rule` is the code of the case.
    """
    now, current_refund = context.now(), require_refund(tx, refund.id)
    is_opened = open_case(context, tx, refund.id, rule, observed, refund.state.value)
    if is_opened or current_refund.work.reason not in WORK_REASONS_OF_CONTRADICTION:
        work = Work(WorkState.NEEDS_REVIEW, reason=rule)
        refunds.change_refund(tx.conn, current_refund, now, **refunds.make_work_values(work))
    if is_opened:
        context.record_audit(
            tx,
            AuditAction.REFUND_CONTRADICTED,
            refund.id,
            {"observed": observed[:255]},
            kind=REFUND_KIND,
            reason=rule,
        )
