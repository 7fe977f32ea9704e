"""Probe refunds: ask the provider for the outcome of a refund by the refund's idempotency key.

An answer "not found" proves that the provider has not processed a refund only if the answer meets the provider's rule
(`not_found_rule` of its capabilities). Waiting alone proves nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from console.domain.audit.actions import AuditAction
from console.domain.clock import is_in_future
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass
from console.domain.records import Certainty, Work, WorkReason, WorkState
from console.domain.tasks.retry_schedules import (
    REFUND_PROBE_WAITS,
    SLOW_REFUND_AGE,
    compute_next_attempt_time,
    compute_next_attempt_time_of_endless_schedule,
)
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.providers.payments.provider import PaymentCapabilities
from console.services.audit import refusals
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.guarded.leases import refuse_running_operation
from console.services.payments.merchants import refuse_record_of_other_merchant
from console.services.payments.probe import read_question_time
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.refunds import outcomes as refund_outcomes
from console.services.refunds import records as refund_records
from console.services.refunds.lease import RefundLeaseService
from console.services.refunds.outcomes import (
    ANSWER_MISMATCH_REASONS,
    ORDER_DELETED_AT_PROVIDER_REASON,
    POLL_REASON,
    PROBE_REASON,
)
from console.services.refunds.records import RefundWithPayment
from console.store.alerts import cases
from console.store.database.engine import Transaction
from console.store.refunds import refunds

REFUND_KIND = refunds.REFUND_KIND
PROBE_ACTION = AuditAction.REFUND_PROBE
_STATES_ENDED_WITHOUT_EFFECT = ENDED_REFUND_STATES - {RefundState.COMPLETED}
"""States of a refund that has ended in our database without money given back. If the refund was sent, the provider
may still process it."""

RefundAnswer = Outcome[RefundReport]


class RefundProber:
    """Probes refunds. This class can query providers but not send refunds."""

    def __init__(
        self, context: ServiceContext, payment_providers: PaymentProviders, lease_service: RefundLeaseService
    ) -> None:
        self._context = context
        self._payment_providers = payment_providers
        self._lease_service = lease_service

    def probe(self, refund_id: int, *, is_automatic: bool = False) -> Refund:
        """Ask the provider about the refund, write its answer into the refund, and return the refund. `is_automatic`
        is True for a due task, which also schedules the next probe or poll.

        Raises outcome_unknown (detail.record) if the outcome stays unknown; in_progress while a process sends the
        refund or another process holds the lease of the payment's refunds; not_found if there is no such refund;
        not_allowed if the acting person has no right to probe; bad_profile if the provider is not configured on this
        desk; provider_auth, rate_limited or provider_unreachable if the provider refuses the credentials, refuses the
        call because of too many calls, or doesn't answer.
        """
        with refusals.audit_refusals(self._context, PROBE_ACTION, refund_id, kind=REFUND_KIND):
            self._context.require_right("probe")
            return self._probe_refund(refund_id, is_automatic=is_automatic)

    def _probe_refund(self, refund_id: int, *, is_automatic: bool) -> Refund:
        refund = refund_records.read_refund(self._context, refund_id)
        if refund.certainty is Certainty.UNKNOWN:
            try:
                return self._probe_refund_with_unknown_outcome(refund_id, is_automatic=is_automatic)
            except ConsoleError as refusal:  # The refund was settled meanwhile.
                if refusal.code != ErrorCode.NOTHING_TO_RESOLVE:
                    raise
                return refund_records.read_refund(self._context, refund_id)
        with self._context.database.read() as conn:
            refuse_running_operation(conn, REFUND_KIND, refund)
        if refund.provider_refund_key is not None:
            self._probe_known_refund(refund_id, is_automatic=is_automatic)
        return refund_records.read_refund(self._context, refund_id)

    # Unknown outcome

    def _probe_refund_with_unknown_outcome(self, refund_id: int, *, is_automatic: bool) -> Refund:
        context = self._context
        with self._lease_service.hold_refund_lease(refund_id, None) as refund_with_payment:
            refuse_record_of_other_merchant(context, self._payment_providers, refund_with_payment.payment)
            reader = self._payment_providers.get_reader(refund_with_payment.payment.provider)
            capabilities = reader.capabilities
            asked_at = read_question_time(context)
            if is_automatic and self._may_submission_still_run(refund_with_payment.refund, capabilities, asked_at):
                self._postpone_probe(refund_with_payment.refund, capabilities)
                raise self._make_still_unknown_error(refund_id, None, "too_early")
            context.failpoints.reach("before_probe")
            outcome = reader.read_refund(refund_with_payment.refund_instruction)
            context.failpoints.reach("after_probe")
            reason = context.write(
                lambda tx: self._apply_answer(
                    tx, refund_with_payment.refund, outcome, capabilities, asked_at, is_automatic
                )
            )
        if reason is None:
            return refund_records.read_refund(context, refund_id)
        raise self._make_still_unknown_error(refund_id, outcome, reason)

    @refunds.run_again_if_stale()
    def _apply_answer(
        self,
        tx: Transaction,
        queried_refund: Refund,
        outcome: RefundAnswer,
        capabilities: PaymentCapabilities,
        asked_at: datetime,
        is_automatic: bool,
    ) -> str | None:
        """Settle the refund, whose outcome is unknown, if the provider's answer proves the outcome. Return None if
        the refund is settled, otherwise the reason code of the answer. `queried_refund` is the refund as it was when
        the provider was asked, `asked_at` the time of the question by the clock of the database; `is_automatic` is
        True for a due task, which also schedules the next probe.
        """
        context = self._context
        refund = refund_outcomes.require_refund(tx, queried_refund.id)
        outcome = refund_outcomes.mark_answer_about_other_refund(refund, outcome)
        refund_outcomes.store_answer(context, tx, refund, "refund_status", outcome)
        if refund.certainty is Certainty.KNOWN:
            self._compare_outdated_answer(tx, queried_refund, refund, outcome, asked_at)
            return None
        if refund.operation_id != queried_refund.operation_id:
            return None
        if outcome.kind in (*OUTCOME_CLASSES_WITH_EFFECT, OutcomeClass.FAILED_DEFINITE):
            refund_outcomes.settle_refund(context, tx, refund, outcome, capabilities, "probe")
            return None
        columns = self._make_not_found_columns(refund, outcome, capabilities, asked_at)
        if outcome.kind is OutcomeClass.NOT_FOUND and self._is_proven_unprocessed(
            refund, columns, capabilities, asked_at
        ):
            refund_outcomes.end_submission(context, tx, refund, outcome)
            refund_outcomes.mark_refund_not_found(context, tx, refund, **columns)
            return None
        self._record_unsettled_answer(tx, refund, outcome, columns, is_automatic=is_automatic)
        return outcome.reason

    def _compare_outdated_answer(
        self, tx: Transaction, queried_refund: Refund, refund: Refund, outcome: RefundAnswer, asked_at: datetime
    ) -> None:
        """Compare the answer to a probe with the refund, whose outcome became known, or which was sent, between the
        question at `asked_at` and the answer. `queried_refund` is the refund as it was at the question. An answer
        that contradicts the refund's state, or is about another refund, opens a case. The answers "not found" and
        "failed" may have been true only before the provider accepted the refund: about a submitted refund they open
        no case, and its state doesn't change. About a refund that was sent after the question they say nothing.
        """
        was_sent_later = refund.operation_id != queried_refund.operation_id
        if outcome.reason in ANSWER_MISMATCH_REASONS:
            refund_outcomes.open_contradiction_case(
                self._context, tx, refund, outcome.reason, WorkReason.ANSWER_DOES_NOT_FIT
            )
        elif outcome.kind in OUTCOME_CLASSES_WITH_EFFECT or not was_sent_later:
            refund_outcomes.compare_late_answer(self._context, tx, refund, outcome)
            refund_outcomes.store_stated_facts(self._context, tx, refund.id, outcome, asked_at)

    def _make_not_found_columns(
        self, refund: Refund, outcome: RefundAnswer, capabilities: PaymentCapabilities, asked_at: datetime
    ) -> dict[str, object]:
        """Return the new values of the refund's columns that count the answers "not found". `asked_at` is the time of
        the question. An answer counts only if the program asked at least `first_answer_after_seconds` (in the
        provider's rule) after it had sent the refund. Return no values if `outcome` doesn't count.
        """
        margin = capabilities.not_found_rule.first_answer_after_seconds if capabilities.not_found_rule else 0.0
        if outcome.kind is not OutcomeClass.NOT_FOUND or not self._was_sent_long_ago(refund, margin, asked_at):
            return {}
        first_not_found_at = refund.first_not_found_at or asked_at
        return {"not_found": refund.not_found + 1, "first_not_found_at": first_not_found_at}

    def _is_proven_unprocessed(
        self, refund: Refund, columns: dict[str, object], capabilities: PaymentCapabilities, asked_at: datetime
    ) -> bool:
        """True if the answers "not found" prove that the provider has not processed the refund: the provider stores
        idempotency keys, and the number and the times of these answers meet the provider's rule. `columns` are the
        refund's columns that the probe will write; they are empty if the newest answer doesn't count as "not found".
        `asked_at` is the time of the newest question.
        """
        rule = capabilities.not_found_rule
        if rule is None or not capabilities.keeps_idempotency_keys or not columns:
            return False
        return refund.not_found + 1 >= rule.needed_answer_count and self._was_sent_long_ago(
            refund, rule.last_answer_after_seconds, asked_at
        )

    def _may_submission_still_run(self, refund: Refund, capabilities: PaymentCapabilities, now: datetime) -> bool:
        """True if the call that sent the refund may still be running, so that a probe would prove nothing. `now` is
        the time by the clock of the database.

        If `last_sent_at` is in the future, because that clock was ahead, return False; an answer "not found" then
        counts only after that time.
        """
        is_clock_ahead = refund.last_sent_at is not None and is_in_future(refund.last_sent_at, now)
        return not is_clock_ahead and not self._was_sent_long_ago(
            refund, capabilities.refund_probe_delay_seconds, now
        )

    def _was_sent_long_ago(self, refund: Refund, min_age_seconds: float, now: datetime) -> bool:
        """True if at least `min_age_seconds` have passed between the last sending of the refund and `now`. Both times
        are by the clock of the database, because the clock of the sending machine or of this machine may be wrong."""
        margin = self._context.scale.scale_duration(timedelta(seconds=min_age_seconds))
        return refund.last_sent_at is not None and now - refund.last_sent_at >= margin

    def _record_unsettled_answer(
        self,
        tx: Transaction,
        refund: Refund,
        outcome: RefundAnswer,
        columns: dict[str, object],
        *,
        is_automatic: bool,
    ) -> None:
        """Write the values `columns` into the refund, and an audit entry about an answer that did not settle it.
        If the answer is about another refund, open a case. With `is_automatic`, schedule the next probe, or set
        the refund's work to needs_review after the last probe.
        """
        context, now, values = self._context, self._context.now(), dict(columns)
        work = self._make_next_probe_work(refund) if is_automatic else refund.work
        if outcome.reason in ANSWER_MISMATCH_REASONS:
            rule, expected = WorkReason.ANSWER_DOES_NOT_FIT, refund_outcomes.format_expected_refund(refund)
            refund_outcomes.open_case(context, tx, refund.id, rule, outcome.reason, expected)
            work = Work(WorkState.NEEDS_REVIEW, None, WorkReason.ANSWER_DOES_NOT_FIT, refund.work.attempt)
        elif outcome.reason == ORDER_DELETED_AT_PROVIDER_REASON:
            work = Work(WorkState.NEEDS_REVIEW, None, ORDER_DELETED_AT_PROVIDER_REASON, refund.work.attempt)
        if work != refund.work:
            values |= refunds.make_work_values(work)
        if values:
            refunds.change_refund(tx.conn, refund, now, **values)
        context.record_audit(
            tx, AuditAction.REFUND_PROBED, refund.id, kind=REFUND_KIND, result="failed", reason=outcome.reason[:64]
        )

    def _make_next_probe_work(self, refund: Refund) -> Work:
        """Return the work that probes the refund at the next time of the schedule; after the last probe of the
        schedule, the work needs_review."""
        attempts = refund.work.attempt + 1
        at = compute_next_attempt_time(REFUND_PROBE_WAITS, attempts, self._context.now(), self._context.scale)
        if at is None:
            return Work(WorkState.NEEDS_REVIEW, None, WorkReason.PROBES_ENDED, attempts)
        return Work(WorkState.SCHEDULED, at, PROBE_REASON, attempts)

    def _postpone_probe(self, refund: Refund, capabilities: PaymentCapabilities) -> None:
        """Postpone the refund's probe until the time limit of the call that sent the refund has passed. Until
        then, the request may still reach the provider."""
        context, sent_at = self._context, refund.last_sent_at or self._context.now()
        at = sent_at + context.scale.scale_duration(timedelta(seconds=capabilities.refund_probe_delay_seconds))
        work = refunds.make_work_values(replace(refund.work, at=at))
        context.write(lambda tx: refunds.change_refund(tx.conn, refund, context.now(), **work))

    def _make_still_unknown_error(self, refund_id: int, outcome: RefundAnswer | None, reason: str) -> ConsoleError:
        """Return the error of a probe that didn't settle the refund: outcome_unknown, or an error with a code of
        NO_ANSWER_ERROR_CODES if the provider gave no answer. `outcome` is the provider's answer, None if the provider
        wasn't asked; `reason` is the code of the reason why the refund isn't settled."""
        record = refund_records.read_refund(self._context, refund_id)
        code = (
            find_read_error_code(outcome)
            if outcome is not None and outcome.kind is not OutcomeClass.NOT_FOUND
            else None
        )
        facts: ProviderAnswerFacts = {
            "record": record,
            "reason": reason,
            "status": outcome.status if outcome else None,
        }
        return make_outcome_error(
            code if code is not None and code in NO_ANSWER_ERROR_CODES else ErrorCode.OUTCOME_UNKNOWN, facts
        )

    # Known outcome: an accepted refund is polled, any other is compared; a known state is never overwritten

    def ask_about_earlier_refunds(self, refund_with_payment: RefundWithPayment) -> None:
        """Before a refund is sent, ask the provider about the payment's earlier refunds that were sent and ended
        without effect. If the provider has processed one of these refunds, open a case; the open case prevents the
        sending of the new refund.

        Raises provider_auth, rate_limited or provider_unreachable if the provider refuses the credentials, refuses
        the call because of too many calls, or doesn't answer; provider_answer_unusable for any other answer that
        doesn't say whether the refund was processed; and the error of `refuse_record_of_other_merchant`.
        """
        with self._context.database.read() as conn:
            payment_refunds = refunds.find_by_payment(conn, refund_with_payment.payment.id)
        for earlier_refund in (
            refund for refund in payment_refunds if refund.sent_count and refund.state in _STATES_ENDED_WITHOUT_EFFECT
        ):
            outcome = self._query_and_compare_refund(
                RefundWithPayment(earlier_refund, refund_with_payment.payment), is_automatic=False
            )
            if not _is_definite_answer(outcome):
                code = find_read_error_code(outcome)
                facts: ProviderAnswerFacts = {
                    "record": refund_with_payment.refund,
                    "reason": outcome.reason,
                    "status": outcome.status,
                }
                raise make_outcome_error(
                    code if code in NO_ANSWER_ERROR_CODES else ErrorCode.PROVIDER_ANSWER_UNUSABLE, facts
                )

    def _probe_known_refund(self, refund_id: int, *, is_automatic: bool) -> None:
        """Ask the provider about a refund whose outcome is known, and compare the answer with the refund.
        `is_automatic` is True for a due task. Raises an error with a code of NO_ANSWER_ERROR_CODES if the provider
        gave no answer."""
        refund_with_payment = refund_records.read_refund_with_payment(self._context, refund_id)
        outcome = self._query_and_compare_refund(refund_with_payment, is_automatic=is_automatic)
        code = find_read_error_code(outcome)
        if not _is_definite_answer(outcome) and code in NO_ANSWER_ERROR_CODES:
            record = refund_records.read_refund(self._context, refund_id)
            raise make_outcome_error(code, {"record": record, "reason": outcome.reason, "status": outcome.status})

    def _query_and_compare_refund(
        self, refund_with_payment: RefundWithPayment, *, is_automatic: bool
    ) -> RefundAnswer:
        """Ask the provider about a refund whose outcome is known. Compare the answer with the refund in a separate
        transaction (`_compare_known_refund`), and return the answer. `is_automatic` is True for a due task."""
        context, reader = self._context, self._payment_providers.get_reader(refund_with_payment.payment.provider)
        refuse_record_of_other_merchant(context, self._payment_providers, refund_with_payment.payment)
        asked_at = read_question_time(context)
        context.failpoints.reach("before_probe")
        outcome = reader.read_refund(refund_with_payment.refund_instruction)
        context.failpoints.reach("after_probe")
        context.write(
            lambda tx: self._compare_known_refund(
                tx, refund_with_payment, outcome, reader.capabilities, asked_at, is_automatic=is_automatic
            )
        )
        return outcome

    @refunds.run_again_if_stale()
    def _compare_known_refund(
        self,
        tx: Transaction,
        refund_with_payment: RefundWithPayment,
        outcome: RefundAnswer,
        capabilities: PaymentCapabilities,
        asked_at: datetime,
        *,
        is_automatic: bool,
    ) -> None:
        """Store the provider's answer as evidence, and compare it with the refund, whose outcome is known. If the
        provider had only accepted the refund before, the answer can set the refund to completed or failed. An answer
        that contradicts the refund opens a case. `asked_at` is the time of the question by the clock of the database;
        `is_automatic` is True for a due task, which also schedules the next poll of an accepted refund.
        """
        context = self._context
        queried_refund = refund_with_payment.refund
        refund = refund_outcomes.require_refund(tx, queried_refund.id)
        outcome = refund_outcomes.mark_answer_about_other_refund(refund, outcome)
        refund_outcomes.store_answer(context, tx, refund, "refund_status", outcome)
        if refund.operation_id != queried_refund.operation_id:
            self._compare_outdated_answer(tx, queried_refund, refund, outcome, asked_at)
        elif outcome.reason in ANSWER_MISMATCH_REASONS:
            refund_outcomes.open_contradiction_case(
                context, tx, refund, outcome.reason, WorkReason.ANSWER_DOES_NOT_FIT
            )
        elif refund.state is RefundState.SUBMITTED:
            self._apply_poll_answer(tx, refund, outcome, capabilities, asked_at, is_automatic=is_automatic)
        elif outcome.kind is OutcomeClass.NOT_FOUND and refund.state is RefundState.COMPLETED:
            refund_outcomes.open_contradiction_case(context, tx, refund, "not_found")
        else:
            refund_outcomes.compare_late_answer(context, tx, refund, outcome)
            refund_outcomes.store_stated_facts(context, tx, refund.id, outcome, asked_at)

    def _apply_poll_answer(
        self,
        tx: Transaction,
        refund: Refund,
        outcome: RefundAnswer,
        capabilities: PaymentCapabilities,
        asked_at: datetime,
        *,
        is_automatic: bool,
    ) -> None:
        """Write the provider's answer to a poll into an accepted refund: completed, failed, or not completed yet.
        An answer "not found" opens a case, and the refund's state stays. `asked_at` is the time of the question by
        the clock of the database; `is_automatic` is True for a due task, which also schedules the next poll.
        """
        context, now = self._context, self._context.now()
        if outcome.kind in (OutcomeClass.SUCCEEDED, OutcomeClass.FAILED_DEFINITE):
            refund_outcomes.write_known_outcome(
                context, tx, refund, outcome, capabilities, {"by": "poll" if is_automatic else "probe"}
            )
            return
        if outcome.kind is OutcomeClass.NOT_FOUND:
            refund_outcomes.open_contradiction_case(context, tx, refund, "not_found")
            return
        values = refund_outcomes.make_newer_report_columns(context, refund, outcome.content, asked_at)
        if outcome.reason == ORDER_DELETED_AT_PROVIDER_REASON:
            values |= refunds.make_work_values(
                Work(WorkState.NEEDS_REVIEW, None, ORDER_DELETED_AT_PROVIDER_REASON, refund.work.attempt)
            )
        elif is_automatic:
            values |= refunds.make_work_values(self._make_next_poll_work(refund, capabilities))
        if values:
            refunds.change_refund(tx.conn, refund, now, **values)
        self._open_delay_case(tx, refund)

    def _make_next_poll_work(self, refund: Refund, capabilities: PaymentCapabilities) -> Work:
        attempts, context = refund.work.attempt + 1, self._context
        at = compute_next_attempt_time_of_endless_schedule(
            refund_outcomes.choose_poll_schedule(capabilities), attempts, context.now(), context.scale
        )
        return Work(WorkState.SCHEDULED, at, POLL_REASON, attempts)

    def _open_delay_case(self, tx: Transaction, refund: Refund) -> None:
        """Open a case about an accepted refund that the provider has not completed within SLOW_REFUND_AGE after it
        was sent."""
        context, now, sent_at = self._context, self._context.now(), refund.last_sent_at
        if sent_at is None or now - sent_at < context.scale.scale_duration(SLOW_REFUND_AGE):
            return
        if cases.open_case(
            tx.conn, WorkReason.REFUND_SLOW, REFUND_KIND, refund.id, refund.provider_state or "", "completed", now
        ):
            context.record_audit(
                tx, AuditAction.REFUND_SLOW, refund.id, {"since": sent_at.isoformat()}, kind=REFUND_KIND
            )


def _is_definite_answer(outcome: RefundAnswer) -> bool:
    """True if the provider's answer says whether it has processed the refund."""
    return outcome.kind in (*OUTCOME_CLASSES_WITH_EFFECT, OutcomeClass.FAILED_DEFINITE, OutcomeClass.NOT_FOUND)
