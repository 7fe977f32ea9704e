"""Probe refunds that the database has lost and that only a desk's spool still has. The program asks the provider by
the idempotency key in the spool.

If the provider has processed such a refund, the program opens a case about its payment. No other refund of the
payment is sent until a person has acknowledged the case (`rules.find_lost_refunds`). The lost refund is not inserted
into the database again.
"""

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.money import Money
from console.domain.payments.provider_messages import RefundInstruction, RefundReport
from console.domain.payments.records import Payment
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass
from console.domain.records import Operation
from console.services.audit import refusals
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.payments.providers import PaymentProviders
from console.services.payments.spooled_payments import find_payment_of_start
from console.services.payments.unrecorded_refunds import open_case_of_unrecorded_refunds
from console.services.process.context import ServiceContext
from console.services.refunds.idempotency_key import is_refund_of_payment
from console.services.refunds.outcomes import refuse_denial_against_answer
from console.services.refunds.rules import find_acknowledged_refund_keys
from console.store.database import unreadable_rows
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import lost_operations
from console.store.payments import payments
from console.store.records import evidence
from console.store.spool.spool import Intent, SpoolEntry


class LostRefundProber:
    """Probes refunds that the database has lost. This class can query providers but not send refunds."""

    def __init__(self, context: ServiceContext, payment_providers: PaymentProviders) -> None:
        self._context = context
        self._payment_providers = payment_providers

    def probe(self, entry: SpoolEntry, operation: Operation, *, is_denied: bool = False) -> bool:
        """Ask the provider about the lost refund in a spool entry. Return True if the provider has processed or
        accepted the refund, False if it has refused the refund. `operation` is the lost operation that sent the
        refund; errors and audit entries name this operation. `is_denied`: a person decides that the refund was not
        made.

        Raises not_allowed if the acting person has no right to probe; bad_profile if the provider is not configured
        on this desk; provider_auth if the provider refuses the credentials; rate_limited if it refuses the call
        because of too many calls; provider_unreachable if it doesn't answer. Raises outcome_unknown for any other
        answer, and if the database doesn't have the refund's payment; but evidence_mismatch if the refund is denied
        and the answer may report it as accepted or made (see `refuse_denial_against_answer`).
        """
        with refusals.audit_refusals(self._context, AuditAction.OPERATION_PROBE, operation.id, kind="operation"):
            self._context.require_right("probe")
            payment = self._require_payment(entry, operation)
            outcome = self._payment_providers.get_reader(payment.provider).read_refund(
                _make_refund_instruction(entry, payment)
            )
            self._context.write(lambda tx: self._store_answer(tx, entry, payment, outcome))
            if outcome.kind in OUTCOME_CLASSES_WITH_EFFECT:
                self._context.spool.mark_ended(operation.id, holds_claim=True)
                return True
            if outcome.kind is OutcomeClass.FAILED_DEFINITE:
                self._context.spool.mark_ended(operation.id, holds_claim=False)
                return False
            if is_denied:
                refuse_denial_against_answer(outcome, operation)
            code = find_read_error_code(outcome) if outcome.kind is not OutcomeClass.NOT_FOUND else None
            detail: ProviderAnswerFacts = {"record": operation, "reason": outcome.reason, "status": outcome.status}
            raise make_outcome_error(
                code if code is not None and code in NO_ANSWER_ERROR_CODES else ErrorCode.OUTCOME_UNKNOWN, detail
            )

    def is_reported_refund_acknowledged(self, conn: Connection, intent: Intent) -> bool:
        """True if a person has acknowledged the case that the provider has made the lost refund `intent`, so that the
        refund no longer stops other refunds of its payment. False if its payment is missing or can't be read, or if
        its provider is not configured on this desk."""
        try:
            payment = _find_payment_of_refund(conn, intent)
        except unreadable_rows.READ_ERRORS:  # the lost refund is listed nevertheless, as one that isn't acknowledged
            return False
        if payment is None:
            return False
        reader = self._payment_providers.find_reader(payment.provider)
        return reader is not None and intent.provider_key in find_acknowledged_refund_keys(conn, payment, reader)

    def _require_payment(self, entry: SpoolEntry, operation: Operation) -> Payment:
        """Return the payment of the lost refund. Raises outcome_unknown if the database doesn't have it, or if an id
        that the question to the provider needs is missing."""
        with self._context.database.read() as conn:
            payment = _find_payment_of_refund(conn, entry.intent)
        if payment is None or payment.provider_payment_id is None or entry.intent.provider_key is None:
            raise ConsoleError(
                ErrorCode.OUTCOME_UNKNOWN, {"record": operation, "reason": OutcomeUnknownReason.ONLY_DESK_KNOWS}
            )
        return payment

    def _store_answer(
        self, tx: Transaction, entry: SpoolEntry, payment: Payment, outcome: Outcome[RefundReport]
    ) -> None:
        """Store the provider's answer as evidence of the lost refund's payment, and write an audit entry. If the
        provider has made or accepted the refund, open a case about the payment."""
        context, intent = self._context, entry.intent
        subject, source = (payments.PAYMENT_KIND, payment.id), f"{payment.provider}.refund_status"
        operator = context.make_holder().operator
        evidence.add_answer(tx.conn, subject, intent.operation_id, source, operator, outcome, context.now())
        context.record_audit(
            tx, AuditAction.OPERATION_PROBED, intent.operation_id, kind="operation", reason=outcome.reason[:64]
        )
        if outcome.kind in OUTCOME_CLASSES_WITH_EFFECT:
            observed = f"{intent.provider_key} {intent.amount_minor} {payment.currency}"
            open_case_of_unrecorded_refunds(context, tx, payment.id, [observed])


def _find_payment_of_refund(conn: Connection, intent: Intent) -> Payment | None:
    """Return the payment of the lost refund `intent`; None if the database doesn't have this payment now. The
    database may also have lost the payment, and the payment may have been restored with another id. Then it is found
    by the payment number in the intent of its lost start.
    """
    payment = payments.find(conn, intent.payment_id or 0)
    if payment is not None and is_refund_of_payment(intent, payment):
        return payment
    for start in lost_operations.list_lost_starts_of_payment(conn, intent.payment_id or 0):
        payment = find_payment_of_start(conn, start)
        if payment is not None and is_refund_of_payment(intent, payment):
            return payment
    return None


def _make_refund_instruction(entry: SpoolEntry, payment: Payment) -> RefundInstruction:
    """Return the data that identify the lost refund at the provider, from the spool entry and its payment."""
    intent = entry.intent
    return RefundInstruction(
        key=intent.provider_key or "",
        merchant_payment_id=payment.merchant_payment_id,
        provider_payment_id=payment.provider_payment_id or "",
        amount=Money(intent.amount_minor or 0, payment.currency),
        requested_at=intent.at,
    )
