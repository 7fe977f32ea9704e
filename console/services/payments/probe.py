"""Read a payment at its provider: for a person's probe, for the regular reads while the payer can pay, and to
confirm a notice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Literal

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.money import make_stored_money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentReport
from console.domain.payments.provider_registry import list_provider_names
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import OTHER_AMOUNT_REASON, ReportSource
from console.domain.payments.states import PAID_STATES, WAITING_STATES
from console.domain.process.lease_names import make_payment_lease_name
from console.domain.provider_outcome import Outcome, OutcomeClass, is_success_status
from console.domain.records import Certainty, Work, WorkReason, WorkState
from console.domain.tasks.retry_schedules import PAYMENT_POLL_WAITS, PAYMENT_PROBE_WAITS, compute_next_attempt_time
from console.providers.payments.result_codes import NOT_PAID_YET_REASON
from console.services.audit import refusals
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.guarded.leases import hold_lease, refuse_running_operation
from console.services.guarded.operation import OperationSettler
from console.services.payments import apply_report as reports
from console.services.payments import next_work as payment_work
from console.services.payments.apply_report import ReportEffectName, ReportWithSource, apply_report
from console.services.payments.merchants import is_of_other_merchant, refuse_record_of_other_merchant
from console.services.payments.providers import PaymentProviders
from console.services.payments.start_outcomes import has_start_lapsed
from console.services.process.context import ServiceContext
from console.services.tasks.due_tasks import skip_failures
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.payments import payments

PAYMENT_KIND = payments.PAYMENT_KIND
PROBE_ACTION = AuditAction.PAYMENT_PROBE
USABLE_OUTCOME_CLASSES = (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING, OutcomeClass.FAILED_DEFINITE)
"""Outcome classes of a provider's answer that contains the payment's state."""
ANSWER_MISMATCH_REASONS = ("other_id", "other_payment", OTHER_AMOUNT_REASON, "other_currency")
"""Outcome reasons of an answer that does not fit the question: it is about another payment, amount or currency."""
_REASONS_WITHOUT_PAYMENT = ("provider_error", "bad_question", "other_id", "not_found")
"""Outcome reasons of answers with HTTP status 2xx that can't contain the payment of the question."""
EVIDENCE_CALL_NAME = "payment"
NOT_FOUND_EFFECT: Final = "not_found"
ConfirmationEffect = ReportEffectName | Literal["not_found"]
"""Effect of the provider's answer about the payment of a notice: that of the reported state, or NOT_FOUND_EFFECT if
the provider has no such payment.
"""


class PaymentProber:
    """Reads payments at their providers. This class can't start payments or move money."""

    def __init__(
        self, context: ServiceContext, payment_providers: PaymentProviders, start_action: OperationSettler
    ) -> None:
        self._context = context
        self._payment_providers = payment_providers
        self._start_action = start_action

    def probe(self, payment_id: int, *, is_automatic: bool = False) -> Payment:
        """Ask the provider about the payment, apply the answer, and return the payment. `is_automatic` is True for a
        due task, which also schedules the next probe.

        Raises outcome_unknown (detail.record) if the outcome stays unknown; not_allowed if the acting person has no
        right to probe; bad_profile if the provider is not configured on this desk; not_found if there is no such
        payment; in_progress while the start of the payment runs or another process holds the payment's lease. Also
        raises provider_auth if the provider refuses the credentials, rate_limited if it refuses the call because of
        too many calls, and provider_unreachable if it doesn't answer.
        """
        with refusals.audit_refusals(self._context, PROBE_ACTION, payment_id, kind=PAYMENT_KIND):
            self._context.require_right("probe")
            with self.hold_payment_lease(payment_id) as payment:
                return self._probe_payment(payment, is_automatic=is_automatic)

    def _probe_payment(self, payment: Payment, *, is_automatic: bool) -> Payment:
        self._context.failpoints.reach("before_probe")
        asked_at, outcome = read_question_time(self._context), self.ask_provider(payment)
        if outcome is None:
            return self._end_probe_without_question(payment, is_automatic=is_automatic)
        self._context.failpoints.reach("after_probe")
        self.apply_answer(payment, outcome, asked_at)
        self._context.write(lambda tx: self._complete_probe(tx, payment, is_automatic=is_automatic))
        settled_payment = self.read_payment(payment.id)
        self._require_known_outcome(settled_payment, outcome)
        return settled_payment

    def _end_probe_without_question(self, payment: Payment, *, is_automatic: bool) -> Payment:
        """End the probe of a payment about which this desk can't ask the provider. The provider only sends notices,
        isn't configured on this desk, or the payment belongs to another merchant. Return the payment. `is_automatic`
        is True for a due task, which also schedules the next probe.

        Raises outcome_unknown if the payment's outcome is unknown. Raises bad_profile if the payment belongs to
        another merchant or if the provider is not configured on this desk: another desk can ask the provider, so this
        attempt must not count.
        """
        is_configured = self._can_ask_provider(payment.provider)
        if is_automatic:
            self.plan_next_probe(payment)
        if is_configured:
            refuse_record_of_other_merchant(self._context, self._payment_providers, payment)
        if payment.certainty is Certainty.UNKNOWN:
            raise ConsoleError(
                ErrorCode.OUTCOME_UNKNOWN, {"record": payment, "reason": OutcomeUnknownReason.NO_READ_CALL}
            )
        return payment

    def _can_ask_provider(self, provider: str) -> bool:
        """True if this desk can ask the provider, False if the provider only sends notices. Raises bad_profile if it
        is not configured on this desk."""
        try:
            self._payment_providers.get_reader(provider)
        except ConsoleError as error:
            if error.code != ErrorCode.NOT_FOUND:
                raise
            return False
        return True

    def _require_known_outcome(self, payment: Payment, outcome: Outcome[PaymentReport]) -> None:
        """Raise the error to which `outcome` belongs (such as provider_unreachable) if the answer did not contain the
        payment's state, and outcome_unknown if the payment's outcome is still unknown. `payment` is the payment after
        the answer was applied.
        """
        detail: ProviderAnswerFacts = {"record": payment, "reason": outcome.reason, "status": outcome.status}
        if outcome.kind not in (*USABLE_OUTCOME_CLASSES, OutcomeClass.NOT_FOUND) and outcome.content is None:
            code = find_read_error_code(outcome)
            raise make_outcome_error(code if code in NO_ANSWER_ERROR_CODES else ErrorCode.OUTCOME_UNKNOWN, detail)
        if payment.certainty is Certainty.UNKNOWN:
            raise make_outcome_error(ErrorCode.OUTCOME_UNKNOWN, detail)

    # Lease

    @contextmanager
    def hold_payment_lease(self, payment_id: int) -> Iterator[Payment]:
        """Context manager: yield the payment while this process holds the payment's lease. If the operation that
        starts the payment at the provider has run past its time limit, first record the operation's outcome as
        unknown.

        Raises not_found if the payment is missing, and in_progress while that operation runs or another process holds
        the lease.
        """
        payment = self.read_payment(payment_id)
        with self._context.database.read() as conn:
            refuse_running_operation(conn, PAYMENT_KIND, payment)
        with hold_lease(self._context, make_payment_lease_name(payment_id), record=payment):
            yield self._record_lapse(payment_id)

    def _record_lapse(self, payment_id: int) -> Payment:
        """If the payment's start has lapsed and no process has recorded this lapse, record it. Return the payment as
        it is stored afterwards."""
        payment = self.read_payment(payment_id)
        if payment.operation_id is not None and has_start_lapsed(payment.work):
            self._start_action.record_lapse(payment.operation_id)
            payment = self.read_payment(payment_id)
        return payment

    def read_payment(self, payment_id: int) -> Payment:
        """Return the payment. If its start has lapsed (the starting process ended without an answer), it is returned
        with the certainty unknown. Raises not_found if there is none.
        """
        with self._context.database.read() as conn:
            return payment_work.require_payment_after_lapse(conn, payment_id)

    # Asking, and applying the answer

    def ask_provider(self, payment: Payment) -> Outcome[PaymentReport] | None:
        """Ask the provider about the payment and return the answer; None if this desk can't ask: the provider only
        sends notices or is not configured on this desk, or the payment is of another merchant. Call this method
        outside of transactions."""
        reader = self._payment_providers.find_reader(payment.provider)
        if reader is None or self.is_of_other_merchant(payment):
            return None
        return reader.read_payment(make_question(payment))

    def can_handle_payments_of(self, provider: str) -> bool:
        """False if the provider has calls that read but is not configured on this desk, so that only another desk
        can ask the provider. Otherwise True, also for a provider that only sends notices: no desk can ask it, so its
        payment isn't left to another desk."""
        try:
            self._can_ask_provider(provider)
        except ConsoleError as error:
            if error.code != ErrorCode.BAD_PROFILE:
                raise
            return False
        return True

    def list_uncallable_providers(self) -> frozenset[str]:
        """Return the names of the payment providers that aren't configured on this desk, so that only another desk
        can ask them."""
        uncallable_providers = set(list_provider_names())
        for provider in list_provider_names():
            with skip_failures(f"provider {provider}"):
                if self.can_handle_payments_of(provider):
                    uncallable_providers.remove(provider)
        return frozenset(uncallable_providers)

    def is_of_other_merchant(self, payment: Payment) -> bool:
        """True if this desk is configured for the payment's provider and the payment was started under a merchant id
        other than the desk's.
        """
        return is_of_other_merchant(self._context, self._payment_providers, payment)

    def confirm_by_provider(self, payment_id: int, event_id: str | None = None) -> ConfirmationEffect | None:
        """Ask the provider about the payment of a notice, and apply the answer. Return the effect of the answer on
        the payment; None if the provider can't be asked, or if its answer contains neither the payment's state nor
        that it has no such payment.

        `event_id` is the id of the notice. This method acquires no lease, because reports may be applied in any
        sequence. An answer without the payment's state is stored only if it differs from the newest stored one: the
        due task asks about the notice again and again, and a row for each answer would be added for ever. Raises
        not_found if the payment is missing.
        """
        self._context.failpoints.reach("before_confirm")
        payment, asked_at = self.read_payment(payment_id), read_question_time(self._context)
        outcome = self.ask_provider(payment)
        self._context.failpoints.reach("after_confirm")
        if outcome is None:
            return None
        effect = self._context.write(
            lambda tx: self.apply_answer_in_transaction(
                tx, payment, outcome, asked_at, event_id, skips_repetition=True
            )
        )
        return NOT_FOUND_EFFECT if effect is None and outcome.kind is OutcomeClass.NOT_FOUND else effect

    def apply_answer(
        self, payment: Payment, outcome: Outcome[PaymentReport], asked_at: datetime
    ) -> ReportEffectName | None:
        """Apply the provider's answer `outcome` to the payment in a separate transaction. Return the answer's effect
        on the payment; None if the answer did not contain the payment's state.

        `asked_at` is the time of the question (`read_question_time`); the answer describes the payment at that time
        or later.
        """
        return self._context.write(lambda tx: self.apply_answer_in_transaction(tx, payment, outcome, asked_at))

    def apply_answer_in_transaction(
        self,
        tx: Transaction,
        payment: Payment,
        outcome: Outcome[PaymentReport],
        asked_at: datetime,
        event_id: str | None = None,
        *,
        skips_repetition: bool = False,
    ) -> ReportEffectName | None:
        """Apply the provider's answer `outcome` to the payment in the caller's transaction. Return the answer's
        effect on the payment; None if the answer did not contain the payment's state. `asked_at` is the time of the
        question; `event_id` is the id of the notice that caused the question. With `skips_repetition`, an answer
        without the payment's state is stored only if it differs from the newest stored one.
        """
        report = find_report(outcome)
        if report is None:
            return self._store_answer(tx, payment, outcome, skips_repetition=skips_repetition)
        sourced_report = ReportWithSource(report, asked_at, ReportSource.READ, EVIDENCE_CALL_NAME, outcome, event_id)
        return apply_report(self._context, tx, payment, sourced_report).effect

    @payments.run_again_if_stale()
    def _store_answer(
        self, tx: Transaction, payment: Payment, outcome: Outcome[PaymentReport], *, skips_repetition: bool
    ) -> None:
        """Store as evidence a provider's answer that doesn't contain the payment's state. With `skips_repetition`,
        don't store an answer that equals the newest stored one. Open a case if the answer is about another payment,
        amount or currency. Also open a case if the provider says that it has no such payment, but the payment is paid
        in our database.
        """
        context, current_payment = self._context, payment_work.require_payment(tx, payment.id)
        if not skips_repetition or not reports.is_newest_stored_answer(
            tx, current_payment, EVIDENCE_CALL_NAME, outcome
        ):
            reports.store_answer(context, tx, current_payment, EVIDENCE_CALL_NAME, outcome)
        if outcome.reason in ANSWER_MISMATCH_REASONS:
            self._open_contradiction_case(tx, current_payment, outcome.reason)
        if outcome.kind is not OutcomeClass.NOT_FOUND:
            return
        if current_payment.state in PAID_STATES:
            self._open_contradiction_case(tx, current_payment, "not_found")
        else:
            self._store_reason_if_unknown(tx, current_payment, "not_found")

    def _open_contradiction_case(self, tx: Transaction, payment: Payment, observed: str) -> None:
        expected = f"{payment.state} {payment.captured_minor or payment.asked_minor} {payment.currency}"
        self._store_reason_if_unknown(tx, payment, observed)
        payment_work.open_case(self._context, tx, payment.id, WorkReason.CONTRADICTED, observed, expected)

    def _store_reason_if_unknown(self, tx: Transaction, payment: Payment, reason: str) -> None:
        """Store the reason for which the payment's outcome is still unknown. The reason that the provider has
        reported another amount as paid stays, because that amount is still the only one that may be booked."""
        if payment.certainty is Certainty.UNKNOWN and payment.error_code not in (reason, OTHER_AMOUNT_REASON):
            payments.change_payment(tx.conn, payment, self._context.now(), error_code=reason)

    # Next probe

    def plan_next_probe(self, payment: Payment) -> None:
        """Schedule the next probe of a payment, because its due probe could not be sent or was ended by an error in
        this program. After the last probe of the schedule, set the payment's work to needs_review.
        """
        self._context.write(lambda tx: self._complete_probe(tx, payment, is_automatic=True))

    @payments.run_again_if_stale()
    def _complete_probe(self, tx: Transaction, payment: Payment, *, is_automatic: bool) -> None:
        """Complete a probe in the caller's transaction. After a person's probe, write an audit entry. After the probe
        of a due task (`is_automatic`), schedule the payment's next probe; after the last probe of the schedule, set
        the payment's work to needs_review instead.

        The payment's work stays unchanged if it isn't scheduled, if another process has changed it since `payment`
        was read, or if the work is to set the payment's order to paid.
        """
        context, current_payment = self._context, payment_work.require_payment(tx, payment.id)
        if not is_automatic:
            context.record_audit(
                tx, AuditAction.PAYMENT_PROBED, payment.id, {"state": current_payment.state.value}, kind=PAYMENT_KIND
            )
        if (
            not is_automatic
            or current_payment.work.state is not WorkState.SCHEDULED
            or current_payment.work != payment.work
        ):
            return
        if current_payment.work.reason == payment_work.MOVE_ORDER_REASON:
            return
        attempt = current_payment.work.attempt + 1
        schedule = (
            PAYMENT_POLL_WAITS if current_payment.work.reason == payment_work.POLL_REASON else PAYMENT_PROBE_WAITS
        )
        at = compute_next_attempt_time(schedule, attempt, context.now(), context.scale)
        work = Work(WorkState.SCHEDULED, at, current_payment.work.reason, attempt)
        if at is None:
            work = Work(WorkState.NEEDS_REVIEW, None, WorkReason.PROBES_ENDED, attempt)
        payments.change_payment(tx.conn, current_payment, context.now(), **payments.make_work_values(work))


def read_question_time(context: ServiceContext) -> datetime:
    """Return the present time by the clock of the database, as the time of a question that the caller sends now. The
    provider's answer counts as true at this time. The reports of several desks are compared by this time: by a desk's
    own slow clock, its new report would count as older than another desk's earlier report.
    """
    with context.database.read() as conn:
        return read_current_time(conn, context.now())


def make_question(payment: Payment) -> PaymentQuestion:
    """Return the question for the provider about this payment: our payment number, the provider's payment id, the
    amount, and the time at which the payment began.

    Another program may have written the payment's row with a currency or an amount that no provider can report. Then
    the question has no amount, and the amount of the answer is not booked.
    """
    amount = make_stored_money(payment.captured_minor or payment.asked_minor, payment.currency)
    begun_at = payment.begun_at or payment.paid_at or payment.created_at
    return PaymentQuestion(
        payment.merchant_payment_id,
        provider_payment_id=payment.provider_payment_id,
        amount=amount,
        begun_at=begun_at,
        by_code=payment.by_code,
    )


def find_report(outcome: Outcome[PaymentReport]) -> PaymentReport | None:
    """Return the report in an answer that contains the payment's state; None for any other answer. A report of a paid
    payment with an unexpected amount is returned too: the payment's state is then known, but the amount can't be
    booked.
    """
    report = outcome.content
    if report is None or outcome.kind in USABLE_OUTCOME_CLASSES:
        return report
    return report if outcome.reason == OTHER_AMOUNT_REASON and report.state in PAID_STATES else None


def may_answer_say_paid(reason: str | None, status: int | None) -> bool:
    """True if an answer without a usable state, with this reason and HTTP status (None: no answer came), may say that
    the payment is paid. This is so if the provider has answered the question but this program can't use the answer:
    for example, the answer has another currency, or a state that is in no table. An error of the provider, a refused
    question, and an answer about other payments only, say nothing about the payment."""
    return is_success_status(status) and reason not in _REASONS_WITHOUT_PAYMENT


def is_unpaid_outcome(outcome: Outcome[PaymentReport]) -> bool:
    """True if the answer proves that the payer has not paid: the provider has no such payment, or it has only the
    payment's code, and no payer has used the code. A payment that waits for a bank, or whose time is over, can still
    succeed, also if the answer lacks the provider's payment id.
    """
    report = find_report(outcome)
    if report is None:
        return outcome.kind is OutcomeClass.NOT_FOUND
    is_unused = report.provider_payment_id is None and outcome.reason == NOT_PAID_YET_REASON
    return report.state in WAITING_STATES and not report.is_final and is_unused
