"""End payments whose expiry time has passed, in four steps: ask the provider, expire the payment, cancel its order,
release the order's stock. These steps are declared below as a saga.

The saga waits until the provider has answered that the payment is unpaid. The cancellation of the order is never
undone. If the provider reports the payment as paid before the cancellation, the order becomes paid. If the provider
reports this after the cancellation, the money is booked and a case is opened for people.
"""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES, WAITING_STATES, PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import Certainty
from console.domain.tasks.records import Saga
from console.domain.tasks.retry_schedules import PAYMENT_TIMEOUT_WAITS
from console.domain.tasks.states import SagaState
from console.services.credit_checks.part_reader import find_read_error_code
from console.services.payments import account_limits as account_money
from console.services.payments import next_work as payment_work
from console.services.payments import order_status, timeout_start
from console.services.payments.probe import (
    PaymentProber,
    find_report,
    is_unpaid_outcome,
    read_question_time,
)
from console.services.payments.timeout_start import (
    ASK_STEP,
    CANCEL_STEP,
    EXPIRE_STEP,
    PAYMENT_TIMEOUT_KIND,
    RELEASE_STEP,
)
from console.services.process.context import ServiceContext
from console.services.process.failpoints import FailpointReached
from console.services.process.failure_suppression import log_and_suppress
from console.services.tasks.due_tasks import BATCH_SIZE, DueTask, skip_failures
from console.services.tasks.saga_runner import (
    INTERNAL_ERROR_REASON,
    CompensationRequired,
    EarlierStepRequired,
    EffectStep,
    ProviderQuestionStep,
    SagaDone,
    SagaPlan,
    SagaRunner,
    StepAction,
    StepDone,
    StepVerdict,
    StepWaiting,
)
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.payments import orders, payments
from console.store.payments import payment_deadlines as payment_times
from console.store.payments import stock_reservations as stock
from console.store.tasks import sagas

TIMEOUT_TASK_NAME = "payment_timeouts"
PROVIDER_QUESTION_TIME_FACT_KEY = "asked_at"
"""Key of a saga's fact: the instant (ISO 8601) at which the saga asked the provider."""
MAX_PAYMENTS_PER_RUN = 10 * BATCH_SIZE
"""Largest number of payments in one run of the due task; the rest follow in the next run."""
MAX_PROVIDER_ANSWER_AGE = timedelta(minutes=2)
"""Largest age of a provider's answer with which the saga may expire the payment. If the answer is older, the saga
asks the provider again.
"""
SKIPPED_SAGA_DELAY = timedelta(minutes=5)
"""Delay of a saga whose question was not sent, because the provider did not answer earlier questions in the same run,
or whose payment can't be read. The delay doesn't count as a failed attempt of the saga.
"""
_UNREACHABLE_ERROR_CODE = ErrorCode.PROVIDER_UNREACHABLE
_PROVIDER_WIDE_ERROR_CODES = (_UNREACHABLE_ERROR_CODE, ErrorCode.PROVIDER_AUTH, ErrorCode.RATE_LIMITED)
"""Error codes of problems that concern all payments of a provider. After one error with such a code, this run asks
the provider nothing more; after provider_unreachable only if it was the error of MAX_CONSECUTIVE_UNANSWERED_QUESTIONS
questions in a row.
"""
MAX_CONSECUTIVE_UNANSWERED_QUESTIONS = 3
"""If this many questions in a row end with provider_unreachable, the present run asks this provider nothing more. One
missing answer may be an accident.
"""


class PaymentTimeoutSagas:
    """Finds payments whose expiry time has passed, and runs the sagas that end them."""

    def __init__(self, context: ServiceContext, payment_prober: PaymentProber) -> None:
        self._context = context
        self._payment_prober = payment_prober
        self._excluded_providers: dict[str, str] = {}  # Error code by provider that is not asked in this run.
        self._unanswered_counts: Counter[str] = Counter()  # Unanswered questions in a row, by provider.
        steps = (
            ProviderQuestionStep(ASK_STEP, self._ask_provider),
            EffectStep(EXPIRE_STEP, self._expire_payment, undo_effect=self._undo_expiry),
            EffectStep(
                CANCEL_STEP, self._cancel_order
            ),  # never undone: a payment for a cancelled order opens a case for people
            EffectStep(RELEASE_STEP, self._release_stock),
        )
        saga_plan = SagaPlan(
            PAYMENT_TIMEOUT_KIND, payments.PAYMENT_KIND, steps, PAYMENT_TIMEOUT_WAITS, self._open_stuck_saga_case
        )
        self._sagas = SagaRunner(context, saga_plan)

    def list_tasks(self) -> tuple[DueTask, ...]:
        """Return the tasks of this service that the scheduler runs when they are due: name and function."""
        return ((TIMEOUT_TASK_NAME, self.run_due_sagas),)

    def run_due_sagas(self) -> int:
        """Due task: begin the sagas of payments whose expiry time has passed, and resume the sagas that are due.
        Return the number of begun and resumed sagas.
        """
        self._excluded_providers, self._unanswered_counts = {}, Counter()
        uncallable_providers = self._payment_prober.list_uncallable_providers()
        return (
            self._run_batches(self._begin_batch_of_sagas)
            + self._run_batches(lambda: self._resume_batch_of_sagas(uncallable_providers))
            + self._run_batches(self._resume_settled_sagas)
        )

    def run_saga_now(self, payment_id: int) -> Saga | None:
        """Begin or resume the saga of one payment now. Return the saga as it was before this call executed its steps;
        None if the payment has no saga and its expiry time has not passed.
        """
        with self._context.database.read() as conn:
            payment, saga = (
                payments.find(conn, payment_id),
                sagas.find_open_saga(conn, PAYMENT_TIMEOUT_KIND, payments.PAYMENT_KIND, payment_id),
            )
        if payment is not None and saga is None and self._begin_saga(payment):
            with self._context.database.read() as conn:
                saga = sagas.find_open_saga(conn, PAYMENT_TIMEOUT_KIND, payments.PAYMENT_KIND, payment_id)
        if saga is not None:
            self._resume_saga(saga)
        return saga

    def resume_stuck_saga(self, payment_id: int) -> None:
        """Resume the payment's stuck saga at the step where it stopped, because the acting person requests it. Do
        nothing if no saga of the payment is stuck. Raises not_allowed if the acting person has no right to probe."""
        with self._context.database.read() as conn:
            saga = sagas.find_open_saga(conn, PAYMENT_TIMEOUT_KIND, payments.PAYMENT_KIND, payment_id)
        if saga is None or saga.state is not SagaState.STUCK:
            return
        self._context.require_right("probe")
        self._resume_saga(self._sagas.resume(saga, lambda tx: self._record_resumed_saga(tx, saga)))

    def _open_stuck_saga_case(self, tx: Transaction, saga: Saga) -> None:
        """Open a case about a saga whose step has failed too often because of an error in this program."""
        observed = f"{saga.step}: {saga.reason}"
        payment_work.open_case(self._context, tx, saga.subject_id, timeout_start.STUCK_SAGA_RULE, observed, "done")

    def _record_resumed_saga(self, tx: Transaction, saga: Saga) -> None:
        context = self._context
        for alert in alerts.find_by_subject(tx.conn, payments.PAYMENT_KIND, saga.subject_id):
            if alert.rule_id == timeout_start.STUCK_SAGA_RULE and alert.resolved_at is None:
                alerts.resolve(tx.conn, alert.id, context.now())
        context.record_audit(
            tx, AuditAction.PAYMENT_TIMEOUT_RESUMED, saga.subject_id, {"step": saga.step}, kind=payments.PAYMENT_KIND
        )
        payment = payment_work.require_payment(tx, saga.subject_id)
        if payment.work.reason == timeout_start.STUCK_SAGA_RULE:
            work = payment_work.choose_work(context, tx, payment, payment.state)
            payments.change_payment(tx.conn, payment, context.now(), **payments.make_work_values(work))

    def _run_batches(self, run_batch: Callable[[], int]) -> int:
        """Call `run_batch` repeatedly; each call handles one batch and returns the number of payments in it. Stop
        after a batch that is not full, or after MAX_PAYMENTS_PER_RUN payments, because very many payments may be due
        after a jump of the clock. Return the number of handled payments.
        """
        count = 0
        while count < MAX_PAYMENTS_PER_RUN:
            batch_count = run_batch()
            count += batch_count
            if batch_count < BATCH_SIZE:
                break
        return count

    def _read_database_time(self, conn: Connection) -> datetime:
        """Return the present time by the clock of the database. A desk whose clock is ahead must not expire a payment
        that the payer can still pay."""
        return read_current_time(conn, self._context.now())

    # Begin

    def _begin_batch_of_sagas(self) -> int:
        """Begin the sagas of at most BATCH_SIZE payments whose expiry time has passed. Return the number of begun
        sagas."""
        with self._context.database.read() as conn:
            overdue_payments = payment_times.list_overdue_payments(
                conn, PAYMENT_TIMEOUT_KIND, self._read_database_time(conn), BATCH_SIZE
            )
        return sum(self._begin_saga(payment) for payment in overdue_payments)

    def _begin_saga(self, payment: Payment) -> int:
        """Read the payment again, and begin its saga if the payer has still not paid and the expiry time has passed.
        Return the number of begun sagas, 1 or 0; a failure is logged and counts as 0."""
        has_begun = False
        with skip_failures(f"the end of payment {payment.id}"):
            self._context.failpoints.reach("before_saga")
            has_begun = self._context.write(lambda tx: self._begin_saga_if_timed_out(tx, payment.id))
            self._context.failpoints.reach("after_saga")
        return int(has_begun)

    def _begin_saga_if_timed_out(self, tx: Transaction, payment_id: int) -> bool:
        """Begin the timeout saga of the payment if its time limit has passed. Return True if this call has begun the
        saga.
        """
        current_payment = payments.find(tx.conn, payment_id)
        if current_payment is None or not timeout_start.has_timed_out(
            current_payment, self._read_database_time(tx.conn)
        ):
            return False
        return timeout_start.begin_timeout_saga(self._context, tx, current_payment) is not None

    # Resume

    def _resume_batch_of_sagas(self, uncallable_providers: Collection[str]) -> int:
        """Resume at most BATCH_SIZE due sagas, and return their number. A saga that must ask one of
        `uncallable_providers` isn't resumed: another desk, which can call this provider, resumes it. So these sagas
        don't fill the batches of this desk."""
        with self._context.database.read() as conn:
            due_sagas = [
                saga
                for saga in sagas.list_due_sagas(
                    conn, self._context.now(), BATCH_SIZE, ASK_STEP, uncallable_providers
                )
                if saga.kind == PAYMENT_TIMEOUT_KIND
            ]
        return sum(self._resume_saga(saga) for saga in due_sagas)

    def _resume_settled_sagas(self) -> int:
        """Resume the stuck sagas whose case was closed, because people have decided or a report has settled the
        payment. Return the number of resumed sagas.
        """
        with self._context.database.read() as conn:
            settled_sagas = sagas.list_stuck_sagas_without_case(
                conn, PAYMENT_TIMEOUT_KIND, timeout_start.STUCK_SAGA_RULE, BATCH_SIZE
            )
        return sum(self._resume_saga(self._sagas.resume(saga, lambda tx: None)) for saga in settled_sagas)

    def _resume_saga(self, saga: Saga) -> int:
        """Run the saga while this process holds the payment's lease, so that no probe or decision about the payment
        runs at the same time. If the saga must ask a provider that is not configured on this desk, leave it
        unchanged. A failure, for example because another process holds the lease, is only logged. After an error in
        this program, for example because the payment's row can't be read, the saga is due later, so that the task
        handles the other sagas first. Return 1, the number of handled sagas."""
        with skip_failures(f"the end of payment {saga.subject_id}"):
            try:
                self._run_saga_under_lease(saga)
            except (ConsoleError, FailpointReached):
                raise
            except Exception:
                with log_and_suppress(f"the next attempt to end payment {saga.subject_id}"):
                    self._sagas.postpone_step_without_attempt(saga, INTERNAL_ERROR_REASON, SKIPPED_SAGA_DELAY)
                raise
        return 1

    def _run_saga_under_lease(self, saga: Saga) -> None:
        with self._payment_prober.hold_payment_lease(saga.subject_id) as payment:
            if saga.step == ASK_STEP and not self._payment_prober.can_handle_payments_of(payment.provider):
                return  # a desk with the credentials asks at its next run
            if saga.step == ASK_STEP and payment.provider in self._excluded_providers:
                self._sagas.postpone_step_without_attempt(
                    saga, self._excluded_providers[payment.provider], SKIPPED_SAGA_DELAY
                )
            else:
                self._sagas.run(saga)

    # 1: ask the provider again

    def _ask_provider(self, saga: Saga) -> StepAction:
        """First step of the saga: read the payment at the provider, outside of transactions. Return the function
        that applies the answer in a transaction. Don't ask the provider if the payment has ended or its expiry
        time has not passed.
        """
        payment = self._payment_prober.read_payment(saga.subject_id)
        asked_at = read_question_time(self._context)
        if payment.state not in WAITING_STATES:
            return lambda tx, _saga: _choose_step_verdict(payment_work.require_payment(tx, payment.id)) or StepDone()
        if payment.certainty is Certainty.KNOWN and not timeout_start.has_timed_out(payment, asked_at):
            return lambda _tx, _saga: StepWaiting("not_over", payment.expires_at)
        outcome = self._payment_prober.ask_provider(payment)
        return lambda tx, _saga: self._apply_answer(tx, payment, outcome, asked_at)

    def _apply_answer(
        self, tx: Transaction, payment: Payment, outcome: Outcome[PaymentReport] | None, asked_at: datetime
    ) -> StepVerdict:
        """Apply the provider's answer to the payment, and return the verdict of the saga's first step. The step is
        done if the payment is certainly unpaid; the saga ends if the payment is paid; otherwise the saga waits.
        `outcome` is the answer, None if this desk can't ask the provider; `asked_at` is the time of the question.
        """
        if outcome is None:
            return StepWaiting("nobody_to_ask")
        self._payment_prober.apply_answer_in_transaction(tx, payment, outcome, asked_at, skips_repetition=True)
        if find_report(outcome) is not None or outcome.kind is OutcomeClass.NOT_FOUND:
            tx.call_after_commit(lambda: self._count_unanswered_question(payment.provider, None))
        current_payment = payment_work.require_payment(tx, payment.id)
        verdict = _choose_step_verdict(current_payment)
        if verdict is not None:
            return verdict
        if current_payment.state in ENDED_UNPAID_STATES or is_unpaid_outcome(outcome):
            return StepDone({PROVIDER_QUESTION_TIME_FACT_KEY: asked_at.isoformat()})
        if find_report(outcome) is not None:
            return StepWaiting("in_between")
        code = find_read_error_code(outcome)
        tx.call_after_commit(lambda: self._count_unanswered_question(payment.provider, code))
        return StepWaiting(code)

    def _count_unanswered_question(self, provider: str, code: str | None) -> None:
        """Count the consecutive questions that ended with provider_unreachable. `code` is the error code of the last
        question, None if the provider answered it.

        After an error with one of the codes provider_auth and rate_limited, this run asks the provider nothing more.
        The same applies after MAX_CONSECUTIVE_UNANSWERED_QUESTIONS questions in a row with the error
        provider_unreachable.
        """
        self._unanswered_counts[provider] = (
            self._unanswered_counts[provider] + 1 if code == _UNREACHABLE_ERROR_CODE else 0
        )
        if code in _PROVIDER_WIDE_ERROR_CODES and (
            code != _UNREACHABLE_ERROR_CODE
            or self._unanswered_counts[provider] >= MAX_CONSECUTIVE_UNANSWERED_QUESTIONS
        ):
            self._excluded_providers[provider] = code

    # 2: expire the payment

    def _expire_payment(self, tx: Transaction, saga: Saga) -> StepVerdict:
        """Second step of the saga: expire the payment if its expiry time has passed by the clock of the database and
        the provider's answer is at most MAX_PROVIDER_ANSWER_AGE old. Return the verdict, which decides the saga's
        next step. If the payer pays after that, a later report books the payment.
        """
        context, payment = self._context, payment_work.require_payment(tx, saga.subject_id)
        verdict = _choose_step_verdict(payment)
        if verdict is not None:
            return EarlierStepRequired(ASK_STEP) if isinstance(verdict, StepWaiting) else verdict
        if payment.state in ENDED_UNPAID_STATES:
            return StepDone()
        now = self._read_database_time(tx.conn)
        if not timeout_start.has_timed_out(payment, now) or not self._is_answer_valid(saga, payment, now):
            return EarlierStepRequired(ASK_STEP)
        if payment.account_minor:
            account_money.release_amount(tx, payment)
        work = payment_work.choose_work(context, tx, payment, PaymentState.EXPIRED)
        values = {"account_minor": 0, "error_code": None, **payments.make_work_values(work)}
        payments.move_payment_along_path(tx.conn, payment, (PaymentState.EXPIRED,), context.now(), **values)
        context.record_audit(
            tx, AuditAction.PAYMENT_EXPIRED, payment.id, {"until": payment.expires_at}, kind=payments.PAYMENT_KIND
        )
        return StepDone()

    def _is_answer_valid(self, saga: Saga, payment: Payment, now: datetime) -> bool:
        """True if the provider's answer that the saga stores is at most MAX_PROVIDER_ANSWER_AGE old and the database
        has no newer report about the payment.
        """
        asked_at = datetime.fromisoformat(str(saga.facts[PROVIDER_QUESTION_TIME_FACT_KEY]))
        if payment.told_at is not None and payment.told_at > asked_at:
            return False
        return timedelta(0) <= now - asked_at <= MAX_PROVIDER_ANSWER_AGE

    def _undo_expiry(self, tx: Transaction, saga: Saga) -> None:
        """Undo the second step of the saga, because the expired payment was paid before its order was cancelled: set
        the order to paid."""
        payment = payment_work.require_payment(tx, saga.subject_id)
        self._context.record_audit(tx, AuditAction.PAYMENT_EXPIRY_UNDONE, payment.id, kind=payments.PAYMENT_KIND)
        if payment.state in PAID_STATES and payment.order_id is not None:
            tx.call_after_commit(lambda: order_status.set_order_paid_after_payment(self._context, payment.id))

    # 3: cancel the order

    @orders.run_again_if_stale()
    def _cancel_order(self, tx: Transaction, saga: Saga) -> StepVerdict:
        """Third step of the saga: cancel the order if no payment has paid it and no payment can still pay it. Return
        the verdict, which decides the saga's next step."""
        payment = payment_work.require_payment(tx, saga.subject_id)
        order = orders.find(tx.conn, payment.order_id) if payment.order_id is not None else None
        if payment.state not in ENDED_UNPAID_STATES:
            return CompensationRequired("paid_late")  # house: the reason of a saga
        if order is None:
            return SagaDone("no_order")  # house: the reason of a saga
        verdict = self._find_cancel_verdict(tx, payment, order)
        if verdict is None:
            orders.change_order(tx.conn, order, self._context.now(), status=OrderState.CANCELLED)
            self._context.record_audit(
                tx, AuditAction.ORDER_CANCELLED, order.id, {"payment": payment.id}, kind=orders.ORDER_KIND
            )
        return verdict or StepDone({timeout_start.CANCELLED_ORDER_FACT_KEY: order.id})

    def _find_cancel_verdict(self, tx: Transaction, payment: Payment, order: Order) -> StepVerdict | None:
        """Return the verdict of the saga's third step if the order must not be cancelled now: wait, step done, or
        end of the saga. Return None if the order must be cancelled.
        """
        if order.work.reason == orders.UNREADABLE_STATE_REASON:
            return StepWaiting(orders.UNREADABLE_STATE_REASON)
        if order.state is OrderState.CANCELLED:
            return StepDone()
        if order.state is not OrderState.PENDING:
            return SagaDone(f"order_{order.state.value}")
        if payment.certainty is Certainty.UNKNOWN:  # after the expiry, the provider reported it as paid
            return StepWaiting("unknown")
        now, lapsed_ids = (
            self._read_database_time(tx.conn),
            journal.list_lapsed_record_ids(tx.conn, payments.PAYMENT_KIND),
        )
        other_payments = [
            other_payment
            for other_payment in payments.find_by_order(tx.conn, order.id, lapsed_ids)
            if other_payment.id != payment.id
        ]
        if any(other_payment.state in PAID_STATES for other_payment in other_payments):
            return SagaDone("other_paid")
        expiry_times = [
            payment.expires_at,
            *(other_payment.expires_at for other_payment in other_payments if can_still_be_paid(other_payment)),
        ]
        future_expiry_times = [
            expiry_time for expiry_time in expiry_times if expiry_time is not None and expiry_time > now
        ]
        if any(can_still_be_paid(other_payment) for other_payment in other_payments):
            return StepWaiting("other_payment", min(future_expiry_times, default=None))
        return StepWaiting("may_begin_again", min(future_expiry_times)) if future_expiry_times else None

    # 4: release the order's stock

    def _release_stock(self, tx: Transaction, saga: Saga) -> StepVerdict:
        """Fourth step of the saga: release the stock that is still reserved for the cancelled order. Return the
        verdict, which decides the saga's next step. Reservations that the shop has already used or released are not
        changed.
        """
        payment = payment_work.require_payment(tx, saga.subject_id)
        order = orders.find(tx.conn, payment.order_id) if payment.order_id is not None else None
        if order is None or order.state is not OrderState.CANCELLED:
            return SagaDone("order_not_cancelled")
        released_count = stock.release_reservations(tx.conn, order.id, self._context.now())
        if released_count:
            self._context.record_audit(
                tx,
                AuditAction.ORDER_STOCK_RELEASED,
                order.id,
                {"reservations": released_count},
                kind=orders.ORDER_KIND,
            )
        return StepDone()


def can_still_be_paid(payment: Payment) -> bool:
    """True if the payer can still pay the payment, or if its outcome is unknown."""
    return payment.state in WAITING_STATES or payment.certainty is Certainty.UNKNOWN


def _choose_step_verdict(payment: Payment) -> StepVerdict | None:
    """Return the verdict of a saga's step for the payment. A paid payment ends the saga; a payment with an unknown
    outcome lets the saga wait. Return None for a payment that is open or has ended unpaid, because the step then
    decides itself.
    """
    if payment.certainty is Certainty.UNKNOWN:
        return StepWaiting("unknown")
    return None if payment.state in WAITING_STATES | ENDED_UNPAID_STATES else SagaDone("paid")
