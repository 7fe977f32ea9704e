"""Refunds that were sent from this desk and that the database has forgotten: asked about under the key that the desk
remembers. What did happen goes on holding the payment on this desk, and is a case for people; no row is invented.
"""

from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.order_records import Payment
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_records import RefundOrder, RefundReport
from console.domain.records import Operation
from console.services import payment_work, refusals
from console.services.described import HAPPENED
from console.services.desk import Desk
from console.services.parts import part_code
from console.services.payment_vendors import PaymentVendors
from console.store import evidence, payments
from console.store.engine import Transaction
from console.store.spool import SpoolEntry

_TOLD = ("provider_auth", "rate_limited", "provider_unreachable")
CASE = "unknown_refund"


class ForgottenRefunds:
    """Asks with the reading half of the providers alone."""

    def __init__(self, desk: Desk, vendors: PaymentVendors) -> None:
        self._desk = desk
        self._vendors = vendors

    def probe(self, entry: SpoolEntry, operation: Operation) -> bool:
        """Whether it happened. Raises outcome_unknown while nobody can tell, provider_auth and its like."""
        with refusals.audited(self._desk, "operation.probe", operation.id, kind="operation"):
            self._desk.require("probe")
            payment = self._payment(entry, operation)
            outcome = self._vendors.reader(payment.provider).refund_status(_order(entry, payment))
            self._desk.write(lambda tx: self._keep(tx, entry, payment, outcome))
            if outcome.kind in HAPPENED:
                self._desk.spool.ended(operation.id, holds_claim=True)
                return True
            if outcome.kind is OutcomeClass.FAILED_DEFINITE:
                self._desk.spool.ended(operation.id, holds_claim=False)
                return False
            code = part_code(outcome) if outcome.kind is not OutcomeClass.NOT_FOUND else ""
            detail = {"record": operation, "reason": outcome.reason, "status": outcome.status}
            raise ConsoleError(code if code in _TOLD else "outcome_unknown", detail)

    def _payment(self, entry: SpoolEntry, operation: Operation) -> Payment:
        with self._desk.database.read() as conn:
            payment = payments.find(conn, entry.intent.payment_id or 0)
        if payment is None or payment.provider_payment_id is None or entry.intent.provider_key is None:
            raise ConsoleError("outcome_unknown", {"record": operation, "reason": "only_desk_knows"})
        return payment

    def _keep(self, tx: Transaction, entry: SpoolEntry, payment: Payment, outcome: Outcome[RefundReport]) -> None:
        desk, intent = self._desk, entry.intent
        subject, source = (payments.KIND, payment.id), f"{payment.provider}.refund_status"
        who = desk.holder().operator
        evidence.add_answer(tx.conn, subject, intent.operation_id, source, who, outcome, desk.now())
        desk.note(tx, "operation.probed", intent.operation_id, kind="operation", reason=outcome.reason[:64])
        if outcome.kind in HAPPENED:
            observed = f"{intent.provider_key} {intent.amount_minor} {payment.currency}"
            payment_work.open_case(desk, tx, payment.id, CASE, observed, "no refund of ours")


def _order(entry: SpoolEntry, payment: Payment) -> RefundOrder:
    intent = entry.intent
    return RefundOrder(
        key=intent.provider_key or "",
        merchant_payment_id=payment.merchant_payment_id,
        provider_payment_id=payment.provider_payment_id or "",
        amount=Money(intent.amount_minor or 0, payment.currency),
        requested_at=intent.at,
    )
