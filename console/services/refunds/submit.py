"""Send approved refunds as guarded operations. All attempts to send a refund use the same idempotency key, which is
stored before the first call.
"""

import hashlib
import logging
from dataclasses import replace
from typing import TypeAlias

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.process.lease_names import make_refund_lease_name
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, Work
from console.providers.payments.provider import PaymentProvider
from console.services.guarded import database_fitness, idempotency, last_known_record, late_answers
from console.services.guarded.action import GuardedAction, GuardedService
from console.services.guarded.database_rollback import make_lost_operation_error
from console.services.guarded.leases import refuse_running_operation
from console.services.guarded.operation import (
    ClaimedOperation,
    ClaimedRecord,
    OutcomeUnrecorded,
    StepReporter,
    find_error_code_of_effect_call,
    ignore_step,
)
from console.services.payments.merchants import refuse_record_of_other_merchant
from console.services.payments.next_work import require_payment_after_lapse
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.process.read_only import refuse_if_read_only
from console.services.refunds import outcomes as refund_outcomes
from console.services.refunds import payment_precheck
from console.services.refunds import records as refund_records
from console.services.refunds import rules as refund_rules
from console.services.refunds.idempotency_key import find_refund_key
from console.services.refunds.late_outcomes import settle_late_answer, write_lapsed_outcome
from console.services.refunds.probe import RefundProber
from console.services.refunds.records import RefundWithPayment
from console.store.database import boot_clock
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import idempotency as keys
from console.store.refunds import refunds

REFUND_KIND = refunds.REFUND_KIND
MAX_REUSED_ANSWER_AGE_SECONDS = 120.0
"""Largest age in seconds of the provider's answer about a payment with which an approval may also send the refund. If
the answer is older, for example because the machine slept, the provider is asked again.
"""
SIMILAR_REFUND_REASON = InProgressReason.SIMILAR_REFUND_RUNNING
_log = logging.getLogger("console.guard")


class RefundSubmitter:
    """Sends approved refunds. May be used by several threads at the same time."""

    def __init__(
        self,
        context: ServiceContext,
        submit_action: "RefundSubmissionService",
        payment_providers: PaymentProviders,
        refund_prober: RefundProber,
    ) -> None:
        self._context = context
        self._submit_action = submit_action
        self._payment_providers = payment_providers
        self._refund_prober = refund_prober

    def submit_refund(
        self, refund_id: int, progress: StepReporter | None = None, *, payment_asked_at_ms: int | None = None
    ) -> Refund:
        """Send an approved refund now. If several callers try this at the same time, only one of them sends the
        refund. Return the refund, which is then submitted or completed. `progress` is called with the name of each
        step.

        `payment_asked_at_ms` is the uptime in milliseconds at which the caller has asked the provider about the
        payment; None if it hasn't asked, or has no complete answer. If this is at most MAX_REUSED_ANSWER_AGE_SECONDS
        ago, the provider is not asked about the payment again.

        Before anything is sent, raises not_found if there is no such refund; not_allowed if the acting person has no
        right to send refunds, or if the database can't enforce two people; bad_profile if the provider is not
        configured on this desk; read_only while a read-only switch is on; in_progress if the database has lost
        another sent refund of the payment, or if a process is sending the refund or its outcome is unknown;
        already_decided if the refund is not approved; lease_timeout if another process holds the lease for
        LEASE_WAIT_SECONDS; the error of `refuse_unsendable_refund` if the refund breaks a rule; the error of
        `require_refundable_payment` if the provider's answer about the payment doesn't allow the refund; the error of
        `RefundProber.ask_about_earlier_refunds` if the provider doesn't say whether it has processed an earlier
        refund; and the other refusals of `GuardedPipeline.run`, such as database_went_back. Afterwards, raises
        already_decided if the provider's answer contradicts the refund's state, otherwise the error of
        `find_error_code_of_effect_call` (such as outcome_unknown, with detail.record) if the provider has not
        accepted the refund.
        """
        attempt = _SubmissionAttempt(
            self._context,
            self._payment_providers,
            self._refund_prober,
            refund_id,
            payment_asked_at_ms=payment_asked_at_ms,
        )
        return self._submit_action.perform(attempt, progress or ignore_step, subject_id=refund_id)


class _SubmissionAttempt:
    """One attempt to send an approved refund. Its methods are the steps that the pipeline of guarded operations
    calls."""

    def __init__(
        self,
        context: ServiceContext,
        payment_providers: PaymentProviders,
        refund_prober: RefundProber,
        refund_id: int,
        *,
        payment_asked_at_ms: int | None,
    ) -> None:
        self._context, self._payment_providers, self._refund_prober = context, payment_providers, refund_prober
        self._refund_id, self._payment_asked_at_ms = refund_id, payment_asked_at_ms
        self._list_failure: Outcome[object] | None = None
        """The provider's answer that should have listed the payment's refunds, if it has no readable list of them."""
        self._pair: RefundWithPayment
        self._adapter: PaymentProvider
        self._claimed_pair: RefundWithPayment

    def prepare(self) -> None:
        """Before the operation begins, read the refund and its payment, and ask the provider about earlier refunds.
        Also ask the provider about the payment, unless its answer to the caller can be reused. Raise an error
        if the refund may not be sent. This step sends no refund.
        """
        context = self._context
        self._pair = pair = refund_records.read_refund_with_payment(context, self._refund_id)
        provider = pair.payment.provider
        refund_rules.require_two_person_database(context, pair.payment)
        self._adapter = self._payment_providers.get_adapter(provider)
        refuse_record_of_other_merchant(context, self._payment_providers, pair.payment)
        database_fitness.require_safe_settings(context, provider)
        self._refund_prober.ask_about_earlier_refunds(pair)
        asked_at_ms = self._payment_asked_at_ms
        if asked_at_ms is None or not boot_clock.is_recent(asked_at_ms, MAX_REUSED_ANSWER_AGE_SECONDS):
            with context.database.read() as conn:
                self.check(conn)
            reader = self._payment_providers.get_reader(provider)
            self._list_failure = payment_precheck.require_refundable_payment(context, reader, pair).list_failure

    # The pipeline's steps

    def make_lease_name(self) -> str | None:
        return make_refund_lease_name(self._pair.payment.id) if self._context.settings.uses_leases else None

    def check(self, conn: Connection) -> None:
        """Check that the refund may be sent. Raises in_progress if a process is sending the refund, if its outcome is
        unknown, or if the database has lost another sent refund of the payment; already_decided if the refund is not
        approved; read_only while a read-only switch is on; and the error of `refuse_unsendable_refund` if it breaks a
        rule.
        """
        pair = refund_records.require_refund_with_payment(conn, self._refund_id)
        require_sendable_refund(conn, pair.refund)
        refund_rules.refuse_unsendable_refund(self._context, conn, pair, self._adapter)
        self._refuse_if_refund_lost(conn, pair)
        refuse_if_read_only(conn, pair.payment.provider)

    def _refuse_if_refund_lost(self, conn: Connection, refund_with_payment: RefundWithPayment) -> None:
        """Raise in_progress if the database has lost a sent refund of the payment. There is one exception: the lost
        refund has the same idempotency key as the refund of this attempt, and the provider stores keys. Then do
        nothing, because the provider counts the two refunds as one.
        """
        own_key = find_refund_key(self._context, conn, refund_with_payment.refund, refund_with_payment.payment)
        payment = refund_with_payment.payment
        for intent in refund_rules.find_lost_refunds(self._context, conn, payment, self._adapter):
            if intent.provider_key != own_key or not self._adapter.capabilities.keeps_idempotency_keys:
                raise make_lost_operation_error(intent, {"record": payment})

    def claim(self, tx: Transaction, operation_id: str) -> ClaimedRecord:
        """Set the refund from approved to submitting, store its idempotency key, and return the claim.

        Another process may have changed the row since the check, so its state is checked again. This method also
        reads the data for the call to the provider, so that nothing must be read between the claim and the call.
        """
        context, now = self._context, self._context.now()
        refund = refund_outcomes.require_refund(tx, self._refund_id)
        require_sendable_refund(tx.conn, refund)
        payment = require_payment_after_lapse(tx.conn, refund.payment_id)
        key = find_refund_key(context, tx.conn, refund, payment)
        # By the clock of the database, by which every desk measures the time since the sending.
        sent_at = read_current_time(tx.conn, now)
        self._claimed_pair = RefundWithPayment(replace(refund, provider_refund_key=key), payment)
        refunds.change_refund(
            tx.conn,
            refund,
            now,
            status=RefundState.SUBMITTING,
            provider_refund_key=key,
            sent_count=refund.sent_count + 1,
            first_sent_at=refund.first_sent_at or sent_at,
            last_sent_at=sent_at,
            operation_id=operation_id,
            not_found=0,
            first_not_found_at=None,
            **refunds.make_work_values(Work(attempt=refund.work.attempt)),
        )
        return ClaimedRecord(
            kind=REFUND_KIND,
            id=refund.id,
            client_id=None,
            corporation_number=payment.corporation_number,
            idempotency_key=_choose_operation_key(tx.conn, refund),
            fingerprint=_compute_fingerprint(refund, key),
            payment_id=refund.payment_id,
            provider_key=key,
            amount_minor=refund.amount_minor,
        )

    def call(self, _subject: ClaimedRecord) -> Outcome[RefundReport]:
        if self._list_failure is not None:
            return _make_unsent_outcome(self._list_failure)
        return _query_and_send_refund(self._claimed_pair, self._adapter)

    def record(self, tx: Transaction, subject: ClaimedRecord, outcome: Outcome[RefundReport]) -> None:
        refund_outcomes.record_outcome(self._context, tx, subject.id, outcome, self._adapter.capabilities)

    # The end of a submission

    def make_exception_to_raise(self, error: Exception) -> Exception:
        if isinstance(error, OutcomeUnrecorded):
            error.detail["record"] = last_known_record.build_refund(self._pair.refund, error.claimed, None)
        return error

    def make_result(self, claimed_operation: ClaimedOperation, outcome: Outcome[RefundReport]) -> Refund:
        """Return the refund, or raise the error of the recorded outcome. If the database can't be read now, the
        refund is built from the claim and the outcome in memory."""
        try:
            refund = refund_records.read_refund(self._context, claimed_operation.subject.id)
        except Exception:
            _log.warning("refund %s can't be read after its sending", claimed_operation.subject.id, exc_info=True)
            refund = last_known_record.build_refund(self._pair.refund, claimed_operation, outcome)
        if refund_outcomes.is_contradicting_answer(refund, outcome):
            raise late_answers.make_already_decided_error(self._context, REFUND_KIND, refund)
        if outcome.kind in OUTCOME_CLASSES_WITH_EFFECT or refund.state in (
            RefundState.SUBMITTED,
            RefundState.COMPLETED,
        ):
            return refund
        detail: ProviderAnswerFacts = {"record": refund, "reason": outcome.reason, "status": outcome.status}
        raise make_outcome_error(find_error_code_of_effect_call(outcome), detail)


REFUND_SUBMISSION_ACTION: GuardedAction[_SubmissionAttempt, ServiceContext, RefundReport, Refund] = GuardedAction(
    name=AuditAction.REFUND_SUBMIT,
    kind=REFUND_KIND,
    right="refund_submit",
    has_effect=True,
    waits_for_lease=True,
    report_type=RefundReport,
    prepare=_SubmissionAttempt.prepare,
    find_lease_name=_SubmissionAttempt.make_lease_name,
    check=_SubmissionAttempt.check,
    claim=_SubmissionAttempt.claim,
    call=_SubmissionAttempt.call,
    record_outcome=_SubmissionAttempt.record,
    make_exception_to_raise=_SubmissionAttempt.make_exception_to_raise,
    make_result=_SubmissionAttempt.make_result,
    audits_result_error=True,
    settle=settle_late_answer,
    record_lapse=write_lapsed_outcome,
)
RefundSubmissionService: TypeAlias = GuardedService[_SubmissionAttempt, ServiceContext, RefundReport, Refund]


def require_sendable_refund(conn: Connection, refund: Refund) -> None:
    """Raise in_progress if a process is sending the refund or its outcome is unknown, and already_decided if it is
    not approved."""
    if refund.state is RefundState.SUBMITTING:
        refuse_running_operation(conn, REFUND_KIND, refund)
        raise ConsoleError(
            ErrorCode.IN_PROGRESS, {"record": refund, "reason": InProgressReason.REFUND_OUTCOME_UNKNOWN}
        )
    if refund.state is not RefundState.APPROVED or refund.certainty is not Certainty.KNOWN:
        raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"record": refund, "state": refund.state.value})


def _choose_operation_key(conn: Connection, refund: Refund) -> str:
    """Return the first unused operation key (in the journal) for this submission. If an earlier attempt had no
    effect, its key is free and is used again; for a repeated refund of the same amount, the key has the next
    number.
    """
    repetition_number: int | None = None
    while True:
        key = idempotency.make_refund_key(refund.payment_id, refund.maker, refund.amount_minor, repetition_number)
        if keys.find_use(conn, key) is None:
            return key
        repetition_number = (repetition_number or 1) + 1


def _query_and_send_refund(refund_with_payment: RefundWithPayment, adapter: PaymentProvider) -> Outcome[RefundReport]:
    """Send the refund to the provider and return the outcome. If the provider doesn't store idempotency keys, or has
    answered an earlier attempt with SIMILAR_REFUND_REASON (it is executing a similar refund, which may be this one),
    first ask whether it has this refund from an earlier attempt, and send the refund only if it doesn't. If the
    provider refuses a refund that was sent before, `_confirm_refusal_of_sent_refund` decides whether the refusal
    counts."""
    if (
        refund_with_payment.refund.error_code == SIMILAR_REFUND_REASON
        or not adapter.capabilities.keeps_idempotency_keys
    ):
        earlier_outcome = _find_earlier_attempt_outcome(refund_with_payment, adapter)
        if earlier_outcome is not None:
            return earlier_outcome
    outcome = adapter.refund(refund_with_payment.refund_instruction)
    if refund_outcomes.is_refund_refused(outcome) and refund_with_payment.refund.sent_count:
        return _confirm_refusal_of_sent_refund(refund_with_payment, adapter, outcome)
    return outcome


def _confirm_refusal_of_sent_refund(
    refund_with_payment: RefundWithPayment, adapter: PaymentProvider, refusal: Outcome[RefundReport]
) -> Outcome[RefundReport]:
    """Return the outcome of a refund that was sent before and that the provider has now refused (`refusal`). The
    provider may have received the earlier attempt and may refuse this one for that reason, for example because it
    allows no second refund. So ask the provider about the refund.

    If the provider doesn't have the refund, return `refusal`. If it has the refund or has refused the earlier
    attempt, return that outcome. Otherwise return an unknown outcome.
    """
    outcome = adapter.make_reader().read_refund(refund_with_payment.refund_instruction)
    if outcome.kind is OutcomeClass.NOT_FOUND:
        return refusal
    if outcome.kind in (*OUTCOME_CLASSES_WITH_EFFECT, OutcomeClass.FAILED_DEFINITE):
        return replace(outcome, sent=SendingCertainty.YES)
    return replace(refusal, kind=OutcomeClass.UNKNOWN, reason=outcome.reason)


def _find_earlier_attempt_outcome(
    refund_with_payment: RefundWithPayment, adapter: PaymentProvider
) -> Outcome[RefundReport] | None:
    """Ask the provider whether it has this refund from an earlier attempt. Return the outcome with which the
    submission ends; None if the provider doesn't have the refund, so that it must be sent."""
    outcome = adapter.make_reader().read_refund(refund_with_payment.refund_instruction)
    if outcome.kind is OutcomeClass.NOT_FOUND:
        return None
    if outcome.kind in (*OUTCOME_CLASSES_WITH_EFFECT, OutcomeClass.FAILED_DEFINITE):
        return replace(outcome, sent=SendingCertainty.YES)
    if refund_with_payment.refund.error_code == SIMILAR_REFUND_REASON:
        return Outcome(
            OutcomeClass.RATE_LIMITED,
            SIMILAR_REFUND_REASON,
            SendingCertainty.NO,
            None,
            outcome.status,
            outcome.evidence,
        )
    return _make_unsent_outcome(outcome)


def _make_unsent_outcome(outcome: Outcome[object]) -> Outcome[RefundReport]:
    """Return the outcome of a refund that wasn't sent, because `outcome`, the provider's answer to a question before
    the sending, doesn't allow the sending.
    """
    kind = outcome.kind if outcome.kind in (OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED) else None
    return Outcome(
        kind or OutcomeClass.FAILED_DEFINITE,
        outcome.reason,
        SendingCertainty.NO,
        None,
        outcome.status,
        outcome.evidence,
        outcome.sha256,
    )


def _compute_fingerprint(refund: Refund, key: str) -> str:
    """Return the fingerprint of the submission: the first 32 hex digits of the SHA-256 of the payment id, the amount,
    the currency and the idempotency key."""
    text = f"v1|{refund.payment_id}|{refund.amount_minor}|{refund.currency}|{key}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
