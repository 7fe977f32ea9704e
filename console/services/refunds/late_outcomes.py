"""News of refunds that comes by other ways: late, after a process went away, or inside a payment's details."""

from dataclasses import asdict
from json import dumps
from typing import Any

from console.domain.money import Money
from console.domain.order_records import Refund
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, RefundState
from console.domain.records import Certainty
from console.services import refund_writing as writing
from console.services.described import HAPPENED
from console.services.desk import Desk
from console.services.payment_vendors import PaymentVendors
from console.services.settling import tolerated
from console.store import journal, payments, refunds
from console.store.engine import Transaction

KIND = refunds.KIND
_R = RefundState
_SAID = {
    _R.SUBMITTED: OutcomeClass.PENDING,
    _R.COMPLETED: OutcomeClass.SUCCEEDED,
    _R.FAILED: OutcomeClass.FAILED_DEFINITE,
}
_NEVER_SENT = frozenset({_R.REQUESTED, _R.APPROVED, _R.REJECTED, _R.WITHDRAWN, _R.EXPIRED, _R.FAILED})


class RefundSettling:
    """What becomes of sendings that their own process didn't end."""

    def __init__(self, desk: Desk, vendors: PaymentVendors) -> None:
        self._desk = desk
        self._vendors = vendors

    def deliver(self, operation_id: str, outcome: Outcome[Any]) -> bool:
        """Settle a sending by an answer that came too late for its own tx2; harmless when repeated."""
        desk = self._desk
        if not desk.write(lambda tx: self._deliver(tx, operation_id, outcome)):
            return False
        with tolerated("end of a delivered refund"):
            if outcome.kind is not OutcomeClass.UNKNOWN:
                desk.spool.ended(operation_id, holds_claim=outcome.kind in HAPPENED)
        return True

    @refunds.runs_again()
    def _deliver(self, tx: Transaction, operation_id: str, outcome: Outcome[RefundReport]) -> bool:
        desk = self._desk
        operation = journal.find(tx.conn, operation_id)
        refund = refunds.find(tx.conn, operation.subject_id or 0) if operation else None
        if operation is None or refund is None or operation.subject_kind != KIND:
            return False
        writing.keep_answer(desk, tx, refund, "refund", outcome)
        desk.note(tx, "refund.late_answer", refund.id, {"outcome": outcome.kind.value}, kind=KIND)
        mine = refund.operation_id == operation_id
        if refund.state is not _R.SUBMITTING or not (mine or outcome.kind in HAPPENED):
            writing.compare(desk, tx, refund, outcome)
        elif outcome.kind in HAPPENED or writing.refused(outcome):
            writing.settle(desk, tx, refund, outcome, None, "late_answer")
        elif writing.unsent(outcome):
            writing.end_operation(desk, tx, refund, outcome)
            writing.write_unsent(desk, tx, refund, outcome.reason)
        elif refund.certainty is Certainty.KNOWN:
            journal.settle(tx.conn, operation_id, journal.state_after_lapse(operation.action), outcome, desk.now())
            writing.write_unknown(desk, tx, refund, outcome.reason)
        return True

    def lapse(self, operation_id: str) -> bool:
        """Write down that a process went away in the middle of a sending: unknown, never failed."""
        return self._desk.write(lambda tx: self._lapse(tx, operation_id))

    @refunds.runs_again()
    def _lapse(self, tx: Transaction, operation_id: str) -> bool:
        desk = self._desk
        operation = journal.find(tx.conn, operation_id)
        if operation is None:
            return False
        if not journal.lapse(tx.conn, operation_id, journal.state_after_lapse(operation.action), desk.now()):
            return False
        refund = refunds.find(tx.conn, operation.subject_id or 0)
        if refund is not None and refund.state is _R.SUBMITTING and refund.certainty is Certainty.KNOWN:
            writing.write_unknown(desk, tx, refund, "lapsed")
        return True


@refunds.runs_again()
def refund_seen(desk: Desk, tx: Transaction, report: RefundReport) -> bool:
    """Take in a refund as a payment's details tell it; False when no refund of ours has that key.

    Only what is new is kept and written. A refund that is being sent at this moment is left to its own answer.
    """
    refund = refunds.by_key(tx.conn, report.key)
    if refund is None:
        return False
    outcome = _as_answer(tx, refund, report)
    if not _is_news(refund, outcome):
        return True
    writing.keep_answer(desk, tx, refund, "payment", outcome)
    if outcome.kind is OutcomeClass.UNKNOWN:
        writing.contradict(desk, tx, refund, outcome.reason, "answer_does_not_fit")
    elif refund.state is _R.SUBMITTING:
        writing.settle(desk, tx, refund, outcome, None, "payment")
    elif refund.state is _R.SUBMITTED:
        writing.write_settled(desk, tx, refund, outcome, None, {"by": "payment"})
    else:
        writing.compare(desk, tx, refund, outcome)
    return True


def _is_news(refund: Refund, outcome: Outcome[RefundReport]) -> bool:
    if outcome.kind is OutcomeClass.UNKNOWN:
        return refund.work.reason != "answer_does_not_fit"
    if refund.state is _R.SUBMITTING:
        return refund.certainty is Certainty.UNKNOWN
    if refund.state is _R.SUBMITTED:
        return outcome.kind is not OutcomeClass.PENDING
    if refund.work.reason == "contradicted":
        return False
    return (outcome.kind in HAPPENED) == (refund.state in _NEVER_SENT)


def _as_answer(tx: Transaction, refund: Refund, report: RefundReport) -> Outcome[RefundReport]:
    """The report as an answer about this very refund; one that names another payment or sum is none."""
    payment = payments.find(tx.conn, refund.payment_id)
    kind, reason = _SAID[report.state], f"seen_{report.state.value}"
    theirs = report.provider_payment_id
    if payment is not None and theirs not in (None, payment.provider_payment_id):
        kind, reason = OutcomeClass.UNKNOWN, "other_payment"
    elif report.amount not in (None, Money(refund.amount_minor, refund.currency)):
        kind, reason = OutcomeClass.UNKNOWN, "other_amount"
    told = dumps(asdict(report), default=str, sort_keys=True, ensure_ascii=False)
    return Outcome(kind, reason, Sent.YES, report, evidence=told)
