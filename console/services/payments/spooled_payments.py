"""Restore payments that the database has lost and whose start is in this desk's spool. The module asks the provider
about the payment number in the spool, and inserts the payment again in the state that the provider reports.
"""

import hashlib
import json

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentReport
from console.domain.payments.records import Order, Payment
from console.domain.payments.report_rules import ReportSource
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Operation, OperationState
from console.services.audit import refusals
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.payments import next_work as payment_work
from console.services.payments.apply_report import ReportWithSource, apply_report
from console.services.payments.probe import find_report, read_question_time
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.store.database.engine import RunAgain, Transaction
from console.store.database.sqlalchemy_names import Connection, UniqueViolation
from console.store.operations import journal, lost_operations
from console.store.operations.journal import NewOperation
from console.store.payments import orders, payments
from console.store.payments.payments import NewPayment
from console.store.records import evidence
from console.store.spool.spool import Intent, SpoolEntry, StartKeys

EVIDENCE_CALL_NAME = "restore"
LONGEST_ORDER_NUMBER_PART = 56
"""Largest number of characters of an order's number that the payment number of a later payment contains: with a
hyphen and a suffix, the payment number must not be longer than 64 characters.
"""


def make_started_payment_key(provider: str, payment_number: str) -> str:
    """Return the value of the spool's column `provider_key` for the start of a payment: the provider and our payment
    number, such as `atom:A-1001`.
    """
    return f"{provider}:{payment_number}"


def split_started_payment_key(key: str | None) -> tuple[str, str]:
    """Return the provider and our payment number in `key`, a value of `make_started_payment_key`. Both are empty if
    there is no key."""
    provider, _, number = (key or "").partition(":")
    return provider, number


def find_payment_of_start(conn: Connection, start_intent: Intent) -> Payment | None:
    """Return the payment that the start `start_intent` has begun, found by the payment number in its key. Return None
    if the database doesn't have the payment, or if the start has no key."""
    provider, number = split_started_payment_key(start_intent.provider_key)
    return payments.find_by_payment_number(conn, provider, number) if number else None


def compute_start_fingerprint(order_number: str, provider: str, amount: Money) -> str:
    """Return the fingerprint of the start of a payment for this order with this amount: the first 32 hex digits of a
    SHA-256. The journal and the spool store this fingerprint."""
    facts = [order_number, provider, amount.minor, amount.currency]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()[:32]


def list_sent_starts(context: ServiceContext, conn: Connection, start_keys: StartKeys) -> tuple[Intent, ...]:
    """Return the starts of payments that `start_keys` matches (a key or the fingerprint) and that the provider may
    have accepted: those in this desk's spool, and those that other desks have stored as lost operations.
    """
    spooled_starts = context.spool.list_starts_holding_claim(context.database_id, start_keys)
    return (*spooled_starts, *lost_operations.list_lost_starts_holding_claim(conn, start_keys))


def is_start_of_order(start_intent: Intent, provider: str, order: Order) -> bool:
    """True if the start was certainly for this order at the provider `provider`, whatever the order's total is now.
    The start's fingerprint proves it, because it is computed from the order's number, the provider and the amount of
    the start."""
    amount = Money(start_intent.amount_minor or 0, order.currency)
    return compute_start_fingerprint(order.merch_txn_id, provider, amount) == start_intent.fingerprint


def find_order_of_sent_start(
    context: ServiceContext, conn: Connection, provider: str, payment_number: str, amount: Money
) -> Order | None:
    """Return the order for which a desk has started the payment with the number `payment_number` and this amount, if
    the payment is not the first payment of the order. Return None if no known start proves that there is such an
    order. The number alone proves nothing, although it begins with the order's number: another program may make such
    numbers, too."""
    payment_key = make_started_payment_key(provider, payment_number)
    for order_number in _list_possible_order_numbers(conn, payment_number):
        fingerprint = compute_start_fingerprint(order_number, provider, amount)
        starts = list_sent_starts(context, conn, StartKeys(payment_key, payment_key, fingerprint))
        if any(start.fingerprint == fingerprint and start.provider_key in (None, payment_key) for start in starts):
            return orders.find_by_number(conn, order_number)
    return None


class LostPaymentRestorer:
    """Restores lost payments from the spool. This class can query providers but not send payments."""

    def __init__(self, context: ServiceContext, payment_providers: PaymentProviders) -> None:
        self._context = context
        self._payment_providers = payment_providers

    def probe(self, entry: SpoolEntry, operation: Operation) -> Payment:
        """Ask the provider about the lost payment of a spool entry. Insert the payment again in the reported state
        and return it. `operation` is the lost operation that started the payment; errors and audit entries name this
        operation.

        Raises outcome_unknown if the answer doesn't contain the payment's state, or if the spool entry has no payment
        number (an older version of the program did not store it). Raises not_allowed if the acting person has no
        right to probe; provider_auth if the provider refuses the credentials; rate_limited if it refuses the call
        because of too many calls; provider_unreachable if it doesn't answer.
        """
        with refusals.audit_refusals(self._context, AuditAction.OPERATION_PROBE, operation.id, kind="operation"):
            self._context.require_right("probe")
            return self._probe_intent(entry.intent, operation)

    def _probe_intent(self, intent: Intent, operation: Operation) -> Payment:
        context = self._context
        provider, number = split_started_payment_key(intent.provider_key)
        facts: ProviderAnswerFacts = {"record": operation, "about": "payment"}
        if not number:
            raise make_outcome_error(
                ErrorCode.OUTCOME_UNKNOWN, {**facts, "reason": OutcomeUnknownReason.PAYMENT_NUMBER_NOT_STORED}
            )
        reader = self._payment_providers.get_reader(provider)
        amount = Money(intent.amount_minor or 0, reader.capabilities.currency)
        asked_at = read_question_time(context)
        outcome = reader.read_payment(PaymentQuestion(number, amount=amount, begun_at=intent.at))
        report = find_report(outcome)
        if report is None:
            context.write(lambda tx: _store_unusable_answer(context, tx, operation, provider, outcome))
            code = find_read_error_code(outcome) if outcome.kind is not OutcomeClass.NOT_FOUND else None
            facts |= {"reason": outcome.reason, "status": outcome.status}
            raise make_outcome_error(
                code if code is not None and code in NO_ANSWER_ERROR_CODES else ErrorCode.OUTCOME_UNKNOWN, facts
            )
        sourced_report = ReportWithSource(report, asked_at, ReportSource.READ, EVIDENCE_CALL_NAME, outcome)
        payment = context.write(lambda tx: self._insert_payment(tx, intent, amount, sourced_report))
        context.spool.mark_ended(intent.operation_id, holds_claim=True)
        return payment

    @payments.run_again_if_stale()
    def _insert_payment(
        self, tx: Transaction, intent: Intent, amount: Money, sourced_report: ReportWithSource
    ) -> Payment:
        """Insert the lost payment and its journal row, unless they exist, apply the provider's report to the payment,
        and return the payment. The payment gets its old id if that id is not in use. `intent` is the spool's entry
        about the start; `amount` is the payment's amount.
        """
        context = self._context
        payment = self._require_restored_payment(tx, intent, amount)
        self._ensure_journal_row(tx, intent, payment)
        context.record_audit(
            tx,
            AuditAction.OPERATION_PROBED,
            intent.operation_id,
            kind="operation",
            reason=sourced_report.answer.reason[:64],
        )
        applied_report = apply_report(context, tx, payment, sourced_report, is_read_in_transaction=True)
        found_outcome: Outcome[PaymentReport] = Outcome(OutcomeClass.SUCCEEDED, "found", SendingCertainty.YES)
        journal.settle_operation(tx.conn, intent.operation_id, OperationState.DONE, found_outcome, context.now())
        return payment_work.require_payment(tx, applied_report.payment_id)

    def _require_restored_payment(self, tx: Transaction, intent: Intent, amount: Money) -> Payment:
        """Return the payment whose start the database has lost (a lost operation). If the database doesn't have the
        payment, insert it and write an audit entry about this. The inserted payment has its old id, or a new id if
        the old id is in use. Raises RunAgain if another process has just inserted the payment.
        """
        context = self._context
        payment = find_payment_of_start(tx.conn, intent)
        if payment is not None:
            return payment
        provider, number = split_started_payment_key(intent.provider_key)
        order = _find_order(tx, provider, number, amount, intent.fingerprint)
        is_id_used = intent.record_id is None or payments.find(tx.conn, intent.record_id) is not None
        new_payment = NewPayment(
            provider,
            number,
            amount.currency,
            amount.minor,
            order_id=order.id if order else None,
            corporation_number=intent.corporation_number,
            begun_at=intent.at,
            operation_id=intent.operation_id,
            restored_id=None if is_id_used else intent.record_id,
        )
        try:
            payment = payment_work.require_payment(tx, payments.insert_payment(tx.conn, new_payment, context.now()))
        except UniqueViolation:
            raise RunAgain from None
        start_facts = {"began_by": intent.operator, "began_at_desk": intent.desk_id}
        context.record_audit(
            tx,
            AuditAction.PAYMENT_IMPORTED,
            payment.id,
            {"provider": provider, **start_facts},
            kind=payments.PAYMENT_KIND,
        )
        return payment

    def _ensure_journal_row(self, tx: Transaction, intent: Intent, payment: Payment) -> None:
        """Insert the journal row of a lost start, unless the database has it."""
        if journal.find(tx.conn, intent.operation_id) is not None:
            return
        new_row = NewOperation(
            intent.operation_id,
            intent.action,
            payments.PAYMENT_KIND,
            payment.id,
            None,
            intent.corporation_number,
            idempotency_key=f"restored:{intent.operation_id}",
            fingerprint=intent.fingerprint,
        )
        journal.begin_operation(tx, new_row, self._context.make_holder(), intent.at, 0)


def _find_order(tx: Transaction, provider: str, payment_number: str, amount: Money, fingerprint: str) -> Order | None:
    """Return the order for which the payment with the number `payment_number` was started; None if the database has
    lost the order, too. `provider`, `amount` and `fingerprint` are those of the start.

    The first payment of an order has the order's number as its payment number. Another order's own number may look
    like the number of a later payment, so the fingerprint of the start decides which of these orders is returned.
    """
    for order_number in (payment_number, *_list_possible_order_numbers(tx.conn, payment_number)):
        if compute_start_fingerprint(order_number, provider, amount) == fingerprint:
            return orders.find_by_number(tx.conn, order_number)
    return None


def _list_possible_order_numbers(conn: Connection, payment_number: str) -> tuple[str, ...]:
    """Return the numbers of the orders of which the payment with the number `payment_number` may be a later payment.
    From the second start on, the payment number is the order's number with a hyphen and a suffix; a long order number
    is cut there. The orders need not exist."""
    first_part = payment_number.rpartition("-")[0]
    if len(first_part) < LONGEST_ORDER_NUMBER_PART:
        return (first_part,)
    return orders.list_numbers_with_prefix(conn, first_part)


def _store_unusable_answer(
    context: ServiceContext, tx: Transaction, operation: Operation, provider: str, outcome: Outcome[PaymentReport]
) -> None:
    """Store the provider's answer, which doesn't contain the payment's state, as evidence of the lost operation."""
    reason, operator = outcome.reason[:64], context.make_holder().operator
    evidence.add_answer(
        tx.conn, ("operation", None), operation.id, f"{provider}.payment", operator, outcome, context.now()
    )
    context.record_audit(
        tx, AuditAction.OPERATION_PROBED, operation.id, kind="operation", result="failed", reason=reason
    )
