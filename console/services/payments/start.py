"""Start payments as guarded operations. A start creates a code or token at the provider, with which the payer can
pay. An order has at most one open code or token per provider.
"""

import logging
from contextlib import suppress
from datetime import timedelta
from typing import TypeAlias

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import AmountProblem, InProgressReason, OutcomeUnknownReason, OverLimitReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import InProgressDetail, OverLimitDetail, ProviderAnswerFacts
from console.domain.lookup.number_input import find_corporation_number
from console.domain.money import InvalidAmountText, Money
from console.domain.payments.provider_messages import PaymentReport, PaymentRequest, StartedPayment
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.report_rules import is_unknown_because_of_other_amount, may_be_end_of_other_payment
from console.domain.payments.service_results import StartResult
from console.domain.payments.states import (
    ENDED_UNPAID_STATES,
    ENDED_WITHOUT_MONEY_STATES,
    PAID_STATES,
    WAITING_STATES,
    PaymentState,
)
from console.domain.process import log_events
from console.domain.process.lease_names import make_payment_start_lease_name
from console.domain.process.log_events import LogEvent
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty, OperationState, WorkReason, WorkState
from console.domain.recovery.decision_rules import is_perhaps_paid_after_end
from console.domain.usage_problems import UsageProblem
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.providers.http.answer_outcomes import REFUSED_BUT_MADE_REASON
from console.providers.payments.provider import NO_SUCH_CODE_REASON, CodeDeleter, PaymentProvider
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.guarded import database_fitness, late_answers
from console.services.guarded.action import GuardedAction, GuardedService
from console.services.guarded.database_rollback import make_lost_operation_error
from console.services.guarded.desk_answers import is_claim_ended_elsewhere
from console.services.guarded.idempotency import find_stored_result, make_payment_key
from console.services.guarded.operation import (
    ClaimedOperation,
    ClaimedRecord,
    OutcomeUnrecorded,
    find_error_code_of_effect_call,
    ignore_step,
)
from console.services.payments.probe import (
    ANSWER_MISMATCH_REASONS,
    PaymentProber,
    find_report,
    is_unpaid_outcome,
    read_question_time,
)
from console.services.payments.providers import PaymentProviders, find_payment_state_of_provider_word
from console.services.payments.spooled_payments import (
    LONGEST_ORDER_NUMBER_PART,
    compute_start_fingerprint,
    find_payment_of_start,
    is_start_of_order,
    list_sent_starts,
    make_started_payment_key,
    split_started_payment_key,
)
from console.services.payments.start_outcomes import (
    is_contradicting_answer,
    record_start_outcome,
    settle_late_start,
    write_start_lapse,
)
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.services.process.read_only import refuse_if_read_only
from console.store.alerts import alerts, cases
from console.store.database.engine import RunAgain, Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import idempotency, journal
from console.store.payments import account_limits as accounts
from console.store.payments import events, orders, payments
from console.store.payments.payments import NewPayment
from console.store.spool.spool import Intent, StartKeys

PAYMENT_KIND = payments.PAYMENT_KIND
MAX_ENDED_PAYMENT_AGE = timedelta(days=1)
"""Largest age of an ended payment about which the provider is asked before another payment of the order is started.
The age is the time since the payment's expiry time (since its beginning, if it has no expiry time). It is not limited
if people have decided that the payment is unpaid.
"""
_log = logging.getLogger("console.guard")


class PaymentStarter:
    """Starts payments for orders at payment providers, and returns the code or URL with which the payer pays."""

    def __init__(
        self,
        context: ServiceContext,
        start_action: "PaymentStartService",
        payment_providers: PaymentProviders,
        payment_prober: PaymentProber,
    ) -> None:
        self._context = context
        self._start_action = start_action
        self._payment_providers = payment_providers
        self._payment_prober = payment_prober

    def start(self, order_id: int, provider: str) -> StartResult:
        """Start a payment for an order at the provider. If the order already has an open payment at this provider,
        with which the payer can still pay the order's total, start nothing and return that payment. The result
        contains the code or URL with which the payer can pay.

        Raises not_allowed if the acting person has no right to start payments; not_found if the order or the
        provider is missing; bad_profile if the provider is not configured on this desk, or if the database has
        unsafe settings; usage if the order's currency is not the provider's currency; invalid_amount if the order's
        total is not an amount above 0; already_decided (detail.record or detail.order) if the order is paid or not
        pending; over_limit if the total exceeds the account's remaining amount; read_only while a read-only switch
        stops the start; outcome_unknown (detail.record) if the outcome of this start or of an earlier one is
        unknown, or if an earlier payment of the order may be paid; the refusals of `GuardedPipeline.run`, such as
        database_went_back; for any other outcome of the provider's call the error of
        `find_error_code_of_effect_call`.

        Raises in_progress if the order has an open payment at this provider that can't be returned, such as one that
        is being started or has another amount; if an earlier payment ended unpaid in our database while its provider
        says otherwise; if a notice reports a payment of the order that the database doesn't have; or if the database
        has lost a payment of the order at this provider.

        Before the start, the program asks the provider about two groups of the order's earlier payments there: those
        whose expiry time has passed, and those that ended unpaid within MAX_ENDED_PAYMENT_AGE. It raises in_progress
        (detail.reason `overdue_payment_unclear`) if it can't ask or gets no clear answer, and provider_auth,
        rate_limited or provider_unreachable if the provider refuses the credentials, refuses the call because of too
        many calls, or doesn't answer.
        """
        attempt = _StartAttempt(self._context, self._payment_providers, self._payment_prober, order_id, provider)
        return self._start_action.perform(attempt, ignore_step, facts={"order": order_id, "provider": provider[:40]})


class _StartAttempt:
    """One attempt to start a payment for an order at a provider. The guarded pipeline calls its methods as steps."""

    def __init__(
        self,
        context: ServiceContext,
        payment_providers: PaymentProviders,
        payment_prober: PaymentProber,
        order_id: int,
        provider: str,
    ) -> None:
        self._context, self._payment_providers, self._payment_prober = context, payment_providers, payment_prober
        self._order_id, self._provider = order_id, provider
        self._ended_payment_ids: frozenset[int] = frozenset()
        """The ids of the order's earlier payments about which the provider was asked in `prepare`."""
        self._adapter: PaymentProvider
        self._request: PaymentRequest

    def prepare(self) -> StartResult | None:
        """Check provider and order before the operation begins. If the order has an open payment at this provider,
        with which the payer can still pay, return this payment; then nothing is started. Return None if a new payment
        must be started. In this case, the provider was asked about the order's earlier payments
        (`_ask_about_earlier_payments`).

        Raises not_found if the provider or the order is missing; bad_profile if the provider is not configured on
        this desk, or if the database has unsafe settings; usage if the order's currency is not the provider's;
        invalid_amount if the order's total is not an amount above 0; and the errors of `_ask_about_earlier_payments`.
        """
        self._adapter = self._payment_providers.get_adapter(self._provider)
        database_fitness.require_safe_settings(self._context, self._provider)
        order = self._require_order_with_valid_total(self._order_id, self._adapter.capabilities.currency)
        open_payment = self._find_open_payment(order)
        if open_payment is None and order.state is OrderState.PENDING:
            self._ask_about_earlier_payments(order)
        return open_payment

    # Existing order and payments

    def _require_order_with_valid_total(self, order_id: int, currency: str) -> Order:
        """Return the order. Raises not_found if the order is missing, usage if its currency is not `currency`, and
        invalid_amount if its total is not an amount above 0. The order's state isn't checked here, but by `check`."""
        with self._context.database.read() as conn:
            order = _require_order(conn, order_id)
        if order.currency != currency:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.CURRENCY_NOT_ACCEPTED, "allowed": [currency]}
            )
        with suppress(InvalidAmountText):
            if Money(order.total_minor, order.currency).minor > 0:
                return order
        raise ConsoleError(
            ErrorCode.INVALID_AMOUNT, {"problem": AmountProblem.NOT_ORDER_TOTAL, "minor": order.total_minor}
        )

    def _find_open_payment(self, order: Order) -> StartResult | None:
        """Return the order's open payment at this provider, with which the payer can still pay. Return None if there
        is none, if the order is not pending, or if the order's total differs from the payment's amount.
        """
        if order.state is not OrderState.PENDING:
            return None
        with self._context.database.read() as conn:
            provider_payments = [
                live_payment
                for live_payment in self._read_live_payments(conn, order.id)
                if live_payment.provider == self._provider
            ]
        for payment in provider_payments:
            is_same_amount = (payment.asked_minor, payment.certainty) == (order.total_minor, Certainty.KNOWN)
            if is_same_amount and payment.state in _OPEN_PAYMENT_STATES and payment.handle is not None:
                start_values = (payment.merchant_payment_id, payment.handle, payment.url)
                return StartResult(payment, StartedPayment(*start_values, expires_at=payment.expires_at))
        return None

    def _read_live_payments(self, conn: Connection, order_id: int) -> list[Payment]:
        """Return the payments of the order that were paid or can still be paid, as far as our database shows. These
        are payments that are being started, that are paid, that the payer can still pay, or that have an unknown
        outcome. A payment that ended unpaid in our database is also returned if the provider says otherwise."""
        lapsed_ids = journal.list_lapsed_record_ids(conn, PAYMENT_KIND)
        now = read_current_time(conn, self._context.now())
        return [
            payment
            for payment in payments.find_by_order(conn, order_id, lapsed_ids)
            if (payment.state not in ENDED_WITHOUT_MONEY_STATES or _may_be_paid(conn, payment))
            and (
                payment.state not in _OPEN_PAYMENT_STATES
                or payment.expires_at is None
                or payment.expires_at > now
                or payment.certainty is Certainty.UNKNOWN
            )
        ]

    def _ask_about_earlier_payments(self, order: Order) -> None:
        """Ask the provider about two groups of earlier payments of the order, and store its answers. Return if no
        earlier payment can still be paid; if an earlier payment was paid, `check` then refuses the start.

        The first group has not ended although its expiry time has passed: the payer may have paid in the last second.
        The second group has ended unpaid in our database, and its expiry time is at most MAX_ENDED_PAYMENT_AGE ago
        (or its beginning, if it has no expiry time), or two people have decided that it is unpaid. The provider may
        have received the money of such a payment later, or without our knowledge.

        Raises in_progress with the reason `overdue_payment_unclear` if the provider can't be asked, if its answer
        doesn't say whether the payer has paid, or if the unused code can't be deleted at the provider. Raises
        provider_auth, rate_limited or provider_unreachable if the provider refuses the credentials, refuses the call
        because of too many calls, or doesn't answer; not for a payment that the provider has reported as unpaid.
        """
        with self._context.database.read() as conn:
            ended_payments = self._list_ended_payments(conn, order.id)
        for payment in ended_payments:
            self._ask_about_earlier_payment(payment)
        self._ended_payment_ids = frozenset(payment.id for payment in ended_payments)

    def _list_ended_payments(self, conn: Connection, order_id: int) -> list[Payment]:
        """Return the earlier payments of the order about which the provider must be asked before a new payment is
        started: both groups of `_ask_about_earlier_payments`. Payments of other providers are left out, and so are
        the payments about which `check` decides alone: those with an unknown outcome, and ended ones that may be paid
        (`_may_be_paid`)."""
        now = read_current_time(conn, self._context.now())
        ended_payments = []
        for payment in payments.find_by_order(conn, order_id):
            # The provider refused a start without an expiry time. Perhaps it has a payment of this number, which the
            # database has lost: a provider that refuses used numbers does not say so.
            ends_at = payment.expires_at or payment.begun_at
            if payment.provider != self._provider or payment.certainty is not Certainty.KNOWN or ends_at is None:
                continue
            is_overdue = payment.state in _OPEN_PAYMENT_STATES and payment.expires_at == ends_at <= now
            has_just_ended = payment.state in ENDED_UNPAID_STATES and (
                ends_at > now - MAX_ENDED_PAYMENT_AGE or _is_denied_by_people(payment)
            )
            # If it was perhaps paid, `check` refuses the start until people have decided.
            if is_overdue or (has_just_ended and not _may_be_paid(conn, payment)):
                ended_payments.append(payment)
        return ended_payments

    def _ask_about_earlier_payment(self, earlier_payment: Payment) -> None:
        """Ask the provider about one earlier payment of the order, and apply its answer. Return if the payment is
        unpaid and can no longer be paid, or if it is paid (`check` then refuses the start). In any other case raise
        an error of `_ask_about_earlier_payments`."""
        # No lease is needed: reports may be applied in any sequence.
        asked_at, outcome = read_question_time(self._context), self._payment_prober.ask_provider(earlier_payment)
        if outcome is not None:
            self._payment_prober.apply_answer(earlier_payment, outcome, asked_at)
        current_payment = self._payment_prober.read_payment(earlier_payment.id)
        if current_payment.state not in (*_OPEN_PAYMENT_STATES, *ENDED_UNPAID_STATES):
            return
        if self._try_to_prevent_payment(current_payment, outcome):
            return
        code = None if outcome is None or outcome.content is not None else find_read_error_code(outcome)
        if outcome is not None and code in NO_ANSWER_ERROR_CODES:
            raise make_outcome_error(
                code, {"record": current_payment, "reason": outcome.reason, "status": outcome.status}
            )
        raise _make_unclear_payment_error(current_payment)

    def _try_to_prevent_payment(self, payment: Payment, outcome: Outcome[PaymentReport] | None) -> bool:
        """Check that the payment is unpaid, and make sure that it can no longer be paid. Return True if both are
        certain. `outcome` is the provider's answer, which was applied to the payment; None if this desk can't ask the
        provider.

        For a payment that is open in our database, the answer must prove that the payment is unpaid. The same holds
        for a payment of which only people have decided that it is unpaid. Any other payment that has ended unpaid in
        our database needs no answer, because an earlier answer has proved that it is unpaid; but the result is False
        if the answer says that the payment is running, or if the answer can't be read and so may say that the payment
        is running.

        If the payment was open, was expired by a clock or was ended by people, this method also deletes the payment's
        code, unless the provider says that the payment has ended. The result is False if the code can't be deleted.
        """
        if self._payment_prober.is_of_other_merchant(payment):
            return False  # nobody was asked, and its code can't be deleted with the credentials of this desk
        report = None if outcome is None else find_report(outcome)
        if report is not None and may_be_end_of_other_payment(payment, report):
            report = None
        if report is not None and report.state in ENDED_UNPAID_STATES:
            return True
        is_denied = _is_denied_by_people(payment)
        has_ended = payment.state in ENDED_UNPAID_STATES and not is_denied
        has_ended = has_ended and report is None and not _may_mean_paid(outcome)
        is_unpaid = has_ended or (outcome is not None and is_unpaid_outcome(outcome))
        is_code_used_up = payment.state is PaymentState.PAYMENT_FAILED and not is_denied
        return is_unpaid and (is_code_used_up or self._delete_code(payment))

    def _delete_code(self, payment: Payment) -> bool:
        """Delete the payment's code at the provider. If our clock is ahead, or if people have ended the payment, the
        code may still be valid at the provider, and the payer could pay both this code and the new one. Return True
        if the code can no longer be paid. At a provider without a call that deletes codes, this is so if the code's
        expiry time has passed. Raises read_only while a read-only switch stops the start.
        """
        if payment.handle is None:
            return True
        if not isinstance(self._adapter, CodeDeleter):
            return payment.expires_at is None or payment.expires_at <= read_question_time(self._context)
        with self._context.database.read() as conn:
            refuse_if_read_only(conn, self._provider)
        outcome = self._adapter.delete_code(payment.handle)
        return outcome.kind is OutcomeClass.SUCCEEDED or outcome.reason == NO_SUCH_CODE_REASON

    def _find_payment(self, payment_id: int) -> Payment | None:
        try:
            with self._context.database.read() as conn:
                return payments.find(conn, payment_id)
        except Exception:
            _log.warning("payment %s can't be read after it was begun", payment_id, exc_info=True)
            return None

    # The pipeline's steps

    def make_lease_name(self) -> str | None:
        return make_payment_start_lease_name(self._order_id) if self._context.settings.uses_leases else None

    def check(self, conn: Connection) -> None:
        """Check that a payment of the order may be started now. Raises not_found if the order is missing;
        already_decided if the order is not pending or has a paid payment; over_limit if its total exceeds the amount
        that remains on its account; read_only while a read-only switch stops the start.

        Raises outcome_unknown if the order has a payment with an unknown outcome at this provider. Also raises
        outcome_unknown if a payment at any provider ended unpaid in our database and may have been paid after that,
        or if a provider has reported another amount of a payment as paid.

        Raises in_progress in six cases: the order has an open payment at this provider; a payment of the order ended
        unpaid in our database while its provider says otherwise; a payment of the order ended, or its expiry time
        passed, after `prepare`, so that the provider wasn't asked about it; a notice reports a payment of the order
        that the database doesn't have; the database has lost a payment of the order at this provider; or it has such
        a payment only without its order, because the payment was imported, and the payment is running or ended unpaid
        while its provider says otherwise. If a payment without its order is paid or has an unknown outcome, raises
        already_decided or outcome_unknown instead.
        """
        order = _require_order(conn, self._order_id)
        if order.state is not OrderState.PENDING:
            raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"order": order.merch_txn_id, "state": order.state.value})
        for payment in self._read_live_payments(conn, self._order_id):
            is_waiting_elsewhere = payment.provider != self._provider and payment.state in WAITING_STATES
            if is_waiting_elsewhere and not is_unknown_because_of_other_amount(payment):
                continue
            raise _make_live_payment_error(payment)
        for payment in self._list_ended_payments(conn, self._order_id):
            if payment.id not in self._ended_payment_ids:  # it has ended since `prepare`, so nobody asked about it
                raise _make_unclear_payment_error(payment)
        _refuse_if_notice_unmatched(conn, order)
        self._refuse_if_start_lost(conn, order)
        self._refuse_over_limit(conn, order)
        refuse_if_read_only(conn, self._provider)

    def _refuse_if_start_lost(self, conn: Connection, order: Order) -> None:
        """Raise in_progress if a desk has sent a start for this order to this provider, under any payment number, and
        the database has lost the started payment. The payer may have paid that payment. A person must first restore
        that start or decide about it. If the payment was imported meanwhile, but without its order, raise the error
        of `_refuse_if_payment_without_order_is_live`.
        """
        first_key = make_started_payment_key(self._provider, order.merch_txn_id)
        later_keys = make_started_payment_key(self._provider, _make_later_payment_number(order, ""))
        fingerprint = compute_start_fingerprint(
            order.merch_txn_id, self._provider, Money(order.total_minor, order.currency)
        )
        start_keys = StartKeys(first_key, later_keys, fingerprint)
        sent_starts = list_sent_starts(self._context, conn, start_keys)
        for start in sent_starts:
            _refuse_if_payment_without_order_is_live(conn, order, start)
        for start in sent_starts:
            if _is_payment_lost(conn, order, start, fingerprint) and not is_claim_ended_elsewhere(
                self._context, conn, start.operation_id
            ):
                raise make_lost_operation_error(start, {"record": order, "about": "order"})

    def _refuse_over_limit(self, conn: Connection, order: Order) -> None:
        """Raise over_limit if the order's total exceeds the amount that remains on the corporation's account. Do
        nothing without an account."""
        number = find_corporation_number(order.corporation_number, allows_test_numbers=True)
        account = accounts.find_by_corporation(conn, number, order.currency) if number else None
        if account is not None and account.available_minor < order.total_minor:
            minor_amounts = (account.limit_minor, account.available_minor, order.total_minor)
            limit, remaining_amount, requested_amount = (Money(minor, order.currency) for minor in minor_amounts)
            facts: OverLimitDetail = {
                "reason": OverLimitReason.LIMIT_OF_ACCOUNT,
                "limit": limit,
                "left": remaining_amount,
                "asked": requested_amount,
            }
            raise ConsoleError(ErrorCode.OVER_LIMIT, facts)

    def claim(self, tx: Transaction, operation_id: str) -> ClaimedRecord:
        """Insert the payment for the operation `operation_id`, reserve its amount on the account, and return the
        claim with the operation key. The key allows only one start of the order at a time for our merchant id.

        The order's row is also written, so that a parallel transaction which cancels the order conflicts with this
        transaction.

        Raises not_found if the order is missing, already_decided if it isn't pending, over_limit if its total exceeds
        the amount that remains on the account, and the error of `_refuse_unfinished_start`.
        """
        now = read_current_time(tx.conn, self._context.now())
        provider, merchant_id = self._provider, self._adapter.merchant_id
        order = _require_order(tx.conn, self._order_id)
        if order.state is not OrderState.PENDING:
            raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"order": order.merch_txn_id, "state": order.state.value})
        orders.change_order(tx.conn, order, now)
        number, reserved_minor = (
            find_corporation_number(order.corporation_number, allows_test_numbers=True),
            self._reserve_amount(tx, order),
        )
        key, earlier_key = (
            make_payment_key(merchant_id, order.merch_txn_id),
            make_payment_key(provider, order.merch_txn_id),
        )
        self._release_key(tx, key)
        new_payment = NewPayment(
            provider, _choose_unused_payment_number(tx.conn, order, provider), order.currency, order.total_minor,
            order_id=order.id, corporation_number=number, account_minor=reserved_minor,
            begun_at=now, operation_id=operation_id,
        )  # fmt: skip
        payment_id = payments.insert_payment(tx.conn, new_payment, now)
        amount = Money(order.total_minor, order.currency)
        self._request = PaymentRequest(
            new_payment.merchant_payment_id, amount, now, order.merch_txn_id, corporation_number=number
        )
        fingerprint = compute_start_fingerprint(order.merch_txn_id, provider, amount)
        _refuse_unfinished_start(tx.conn, earlier_key, fingerprint)
        stored_key = make_started_payment_key(provider, new_payment.merchant_payment_id)
        facts = {"payment": payment_id, "order": order.id, "provider": provider}
        tx.call_after_commit(lambda: log_events.write_event(LogEvent.PAYMENT_INITIATED, **facts))
        return ClaimedRecord(
            PAYMENT_KIND,
            payment_id,
            None,
            number,
            key,
            fingerprint,
            provider_key=stored_key,
            amount_minor=order.total_minor,
        )

    def call(self, subject: ClaimedRecord) -> Outcome[StartedPayment]:
        return _log_started_payment(subject, self._provider, self._adapter.start(self._request))

    def record(self, tx: Transaction, subject: ClaimedRecord, outcome: Outcome[StartedPayment]) -> None:
        record_start_outcome(self._context, tx, subject.id, outcome)

    def _reserve_amount(self, tx: Transaction, order: Order) -> int:
        """Reserve the order's total on the corporation's account. Return the reserved amount in minor units, 0 if the
        corporation has no account. Raises over_limit if the total exceeds the amount that remains on the account.
        """
        number = find_corporation_number(order.corporation_number, allows_test_numbers=True)
        account = accounts.find_by_corporation(tx.conn, number, order.currency) if number else None
        if account is None:
            return 0
        if not accounts.reserve_amount(tx.conn, account.id, order.total_minor):
            self._refuse_over_limit(tx.conn, order)
            raise RunAgain  # The account allows the amount by now: repeat the whole transaction.
        return order.total_minor

    def _release_key(self, tx: Transaction, key: str) -> None:
        """Free the operation key for a new start if the last start that used it has ended."""
        key_use = idempotency.find_use(tx.conn, key)
        if key_use is not None and key_use.state in (OperationState.DONE, OperationState.FAILED):
            idempotency.free_idempotency_key(tx.conn, key_use.operation_id, key)

    # The end of a start

    def make_exception_to_raise(self, error: Exception) -> Exception:
        if isinstance(error, OutcomeUnrecorded):
            error.detail["record"] = self._find_payment(error.claimed.subject.id)
        return error

    def make_result(self, claimed_operation: ClaimedOperation, outcome: Outcome[StartedPayment]) -> StartResult:
        if outcome.reason == "code_exists":
            # The code exists from an earlier attempt: read the payment's state instead of starting under another id.
            with log_and_suppress("reading a payment that exists already"):
                self._payment_prober.probe(claimed_operation.subject.id, is_automatic=True)
        payment = self._find_payment(claimed_operation.subject.id)
        if outcome.kind is OutcomeClass.SUCCEEDED and outcome.content is not None and payment is not None:
            if is_contradicting_answer(payment, outcome.content):
                raise late_answers.make_already_decided_error(self._context, PAYMENT_KIND, payment)
            return StartResult(payment, outcome.content)
        detail: ProviderAnswerFacts = {"record": payment, "reason": outcome.reason, "status": outcome.status}
        if payment is not None and outcome.reason == "code_exists" and payment.certainty is Certainty.KNOWN:
            raise make_outcome_error(ErrorCode.ALREADY_DECIDED, {**detail, "state": payment.state.value})
        raise make_outcome_error(find_error_code_of_effect_call(outcome), detail)


START_PAYMENT_ACTION: GuardedAction[_StartAttempt, ServiceContext, StartedPayment, StartResult] = GuardedAction(
    name=AuditAction.PAYMENT_START,
    kind=PAYMENT_KIND,
    right="payment_start",
    has_effect=True,
    waits_for_lease=False,
    report_type=StartedPayment,
    prepare=_StartAttempt.prepare,
    find_lease_name=_StartAttempt.make_lease_name,
    check=_StartAttempt.check,
    claim=_StartAttempt.claim,
    call=_StartAttempt.call,
    record_outcome=_StartAttempt.record,
    make_exception_to_raise=_StartAttempt.make_exception_to_raise,
    make_result=_StartAttempt.make_result,
    settle=settle_late_start,
    record_lapse=write_start_lapse,
)
PaymentStartService: TypeAlias = GuardedService[_StartAttempt, ServiceContext, StartedPayment, StartResult]

_OPEN_PAYMENT_STATES = frozenset({PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT})
"""States of a payment that has begun and that the payer can still pay."""
_REASONS_WITHOUT_PAYMENT_STATE = frozenset({"provider_error", "bad_question", *ANSWER_MISMATCH_REASONS})
"""Reasons of answers with HTTP status 200 that say nothing about the payment. Atom states its own errors with this
status. An answer about another payment opens a case, and this case stops the start.
"""


def _make_live_payment_error(payment: Payment) -> ConsoleError:
    """Return the error for a start that is refused because this other payment of the order was paid or can still be
    paid. The error is already_decided if the payment is paid, and outcome_unknown if its outcome is unknown. In any
    other case it is in_progress; its reason says whether the payment has ended unpaid while its provider says
    otherwise, or can still be paid, for example with an amount that the order no longer has. There is no reason while
    the payment is only being started.
    """
    if payment.state in PAID_STATES:
        return ConsoleError(ErrorCode.ALREADY_DECIDED, {"record": payment, "state": payment.state.value})
    if payment.certainty is Certainty.UNKNOWN:
        return ConsoleError(
            ErrorCode.OUTCOME_UNKNOWN, {"record": payment, "reason": OutcomeUnknownReason.EARLIER_ATTEMPT}
        )
    facts: InProgressDetail = {"record": payment, "holder": None, "since": payment.begun_at}
    if payment.state in ENDED_WITHOUT_MONEY_STATES:
        facts["reason"] = InProgressReason.OTHER_PAYMENT_CONTRADICTED
    elif payment.state in _OPEN_PAYMENT_STATES:
        facts["reason"] = InProgressReason.OTHER_PAYMENT_OPEN
    return ConsoleError(ErrorCode.IN_PROGRESS, facts)


def _make_unclear_payment_error(payment: Payment) -> ConsoleError:
    """Return the error for a start that is refused because the payer may have paid or may still pay this earlier
    payment."""
    facts: InProgressDetail = {"record": payment, "reason": InProgressReason.OVERDUE_PAYMENT_UNCLEAR}
    return ConsoleError(ErrorCode.IN_PROGRESS, {**facts, "holder": None, "since": payment.begun_at})


def _may_mean_paid(outcome: Outcome[PaymentReport] | None) -> bool:
    """True if the provider's answer to a question about a payment can't be used but may say that the payment is paid.
    Examples are an answer with a state that is in no table, "not found" together with the payment, or an old answer
    from a cache. An error of the provider and a refused question say nothing about the payment, so the result is
    False, also if nothing was asked (`outcome` is None)."""
    if (
        outcome is None
        or outcome.kind is not OutcomeClass.UNKNOWN
        or outcome.reason in _REASONS_WITHOUT_PAYMENT_STATE
    ):
        return False
    return outcome.has_success_status or outcome.reason in (REFUSED_BUT_MADE_REASON, OLD_ANSWER_REASON)


def _is_denied_by_people(payment: Payment) -> bool:
    """True if the payment ended unpaid because two people have decided so, without an answer of the provider that
    says so."""
    return payment.state in ENDED_UNPAID_STATES and payment.error_code == RESOLVED_BY_PEOPLE_CAUSE


def _may_be_paid(conn: Connection, payment: Payment) -> bool:
    """True if the payer may have paid a payment that is stored as failed, expired or reversed, so that its order must
    not get another payment. This is so if `is_perhaps_paid_after_end` returns True, or if a person must look at the
    payment and a case `contradicted` about it is open.

    The second condition is needed for a payment with several open cases, because its work has only one of them as its
    reason.
    """
    return is_perhaps_paid_after_end(payment) or (
        payment.work.state is WorkState.NEEDS_REVIEW
        and WorkReason.CONTRADICTED in cases.list_rules_of_open_cases(conn, PAYMENT_KIND, payment.id)
    )


def _refuse_if_notice_unmatched(conn: Connection, order: Order) -> None:
    """Raise in_progress if a genuine notice reports a payment of the order as paid or running, and the database
    doesn't have this payment. The database may have lost a payment that the payer has paid. A person must first
    import that payment, or acknowledge the case about the notice.
    """
    unmatched_events = events.list_unmatched_events_of_number(
        conn, order.merch_txn_id, _make_later_payment_number(order, "")
    )
    open_cases = alerts.read_open_alerts_of_subjects(
        conn, events.NOTICE_KIND, {event.id for event in unmatched_events}
    )
    for event in unmatched_events:
        state = find_payment_state_of_provider_word(event.source, event.kind)
        is_unacknowledged = any(
            case.rule_id == WorkReason.UNMATCHED_NOTICE and case.acknowledged_by is None
            for case in open_cases.get(event.id, ())
        )
        if (
            is_unacknowledged
            and state not in ENDED_WITHOUT_MONEY_STATES
            and state is not None
            and _is_payment_number_of_order(conn, order, event.order_no or "")
        ):
            facts: InProgressDetail = {"record": order, "about": "order", "reason": InProgressReason.UNMATCHED_NOTICE}
            raise ConsoleError(ErrorCode.IN_PROGRESS, {**facts, "holder": None, "since": event.received_at})


def _refuse_unfinished_start(conn: Connection, key: str, fingerprint: str) -> None:
    """Raise an error while an earlier start with the operation key `key` runs or has an unknown outcome.
    `fingerprint` is the hash of this start's data. The key of an earlier start may have an older form, which contains
    the provider's name instead of our merchant id.
    """
    key_use = idempotency.find_use(conn, key)
    if key_use is not None and key_use.state not in (OperationState.DONE, OperationState.FAILED):
        find_stored_result(key_use, fingerprint)


def _log_started_payment(
    subject: ClaimedRecord, provider: str, outcome: Outcome[StartedPayment]
) -> Outcome[StartedPayment]:
    """Write a log event if the provider has created a code or token for the claimed payment `subject`. Return
    `outcome` unchanged."""
    if outcome.kind is OutcomeClass.SUCCEEDED:
        log_events.write_event(LogEvent.TOKEN_RECEIVED, payment=subject.id, provider=provider)
    return outcome


def _require_order(conn: Connection, order_id: int) -> Order:
    order = orders.find(conn, order_id)
    if order is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": orders.ORDER_KIND, "id": str(order_id)})
    return order


def _refuse_if_payment_without_order_is_live(conn: Connection, order: Order, start: Intent) -> None:
    """Raise the error of `_make_live_payment_error` if `start` was certainly a start for `order` and the database has
    its payment without an order, because the payment was imported after the database had lost it. Raise nothing for
    a payment that has ended without money, unless the payer may have paid it (`_may_be_paid`).
    """
    payment = find_payment_of_start(conn, start)
    if payment is None or payment.order_id is not None or not is_start_of_order(start, payment.provider, order):
        return
    if payment.state not in ENDED_WITHOUT_MONEY_STATES or _may_be_paid(conn, payment):
        raise _make_live_payment_error(payment)


def _is_payment_lost(conn: Connection, order: Order, start_intent: Intent, fingerprint: str) -> bool:
    """True if the database doesn't have the payment of the start `start_intent` (an intent in a spool), and if this
    may have been a start for the order `order`.

    The start may be for the order in two cases. First: its fingerprint equals `fingerprint`, the fingerprint that a
    start of the order would have now. Second: its payment number is a number of this order; this finds a start that
    was made before the order's total changed. The result is also True if the intent has no payment number.
    """
    _, number = split_started_payment_key(start_intent.provider_key)
    if not number:  # too long to be stored: known by its fingerprint, and without a payment
        return True
    if find_payment_of_start(conn, start_intent) is not None:
        return False
    return start_intent.fingerprint == fingerprint or _is_payment_number_of_order(conn, order, number)


def _is_payment_number_of_order(conn: Connection, order: Order, payment_number: str) -> bool:
    """True if the program makes the payment number `payment_number` for this order, for its first payment or a later
    one."""
    if payment_number == order.merch_txn_id:
        return True
    attempt_text = payment_number.removeprefix(_make_later_payment_number(order, ""))
    is_later_attempt = attempt_text != payment_number and attempt_text.isascii() and attempt_text.isdecimal()
    return is_later_attempt and orders.find_by_number(conn, payment_number) is None


def _choose_unused_payment_number(conn: Connection, order: Order, provider: str) -> str:
    """Return a payment number that is not used at the provider yet: the order's number for the first attempt, with a
    suffix such as `-2` for later attempts. A later attempt doesn't get the number of another order, because imports
    and notices find the order of a missing payment by this number.
    """
    number, attempt = order.merch_txn_id, 1
    while payments.find_by_payment_number(conn, provider, number) is not None or (
        attempt > 1 and orders.find_by_number(conn, number) is not None
    ):
        attempt += 1
        number = _make_later_payment_number(order, str(attempt))
    return number


def _make_later_payment_number(order: Order, attempt: str) -> str:
    """Return the payment number of a later attempt for the order: the order's number, a hyphen and `attempt`, such as
    `2`. If `attempt` is empty, return the prefix that all such numbers of the order share. The order's number is cut
    if the payment number would otherwise be too long.
    """
    return f"{order.merch_txn_id[:LONGEST_ORDER_NUMBER_PART]}-{attempt}"
