"""What a row of a provider's history does to a payment of ours: a fact is taken in as a probe's answer is, what is
different even then becomes a case, and a case whose difference is gone is closed.
"""

import json
from collections.abc import Collection

from console.domain import comparing
from console.domain.comparing import RULE_OF, Follow, compare, is_news, ours_text, theirs_text
from console.domain.dates import instant_text
from console.domain.history_records import HistoryRow
from console.domain.order_records import Payment, PaymentImport
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_news import Way
from console.domain.payment_records import PaymentReport, PaymentState
from console.domain.records import WorkState
from console.domain.truth import WAITING
from console.domain.worker_records import Difference, Verdict
from console.services import payment_work
from console.services.desk import Desk
from console.services.happened import PaymentFact, what_happened
from console.services.imports import Imports
from console.store import alerts, history_reads, payments
from console.store.engine import Transaction

KIND = payments.KIND
CALL = "recon"
BUG = 70
_OF_PAYMENTS = (comparing.STATE, comparing.AMOUNT, comparing.MISSING)


class ReconcileFacts:
    """Writes what one comparison means, in the caller's transaction."""

    def __init__(self, desk: Desk, imports: Imports) -> None:
        self._desk = desk
        self._imports = imports

    @payments.runs_again()
    def take(self, tx: Transaction, provider: str, row: HistoryRow, way: Way, told: str) -> Difference | None:
        """A row about a payment; `told`: where it stands, for the evidence. None where both sides agree."""
        return self.answer(tx, found(tx, provider, row), row, fact_of(row, way, told), provider)

    @payments.runs_again()
    def answer(
        self, tx: Transaction, payment: Payment | None, row: HistoryRow, fact: PaymentFact, provider: str
    ) -> Difference | None:  # fmt: skip
        """The same with the fact as it was told."""
        finding, before = compare(payment, row), ours_text(payment)
        if payment is None and finding.follow is Follow.IMPORT:
            asked = PaymentImport(provider, row.merchant_payment_id or "")
            entered = self._imports.enter(tx, asked, fact)
            return Difference(row.key, Verdict.IMPORTED, entered.id, None, theirs_text(row))
        if payment is None:
            return None
        if finding.follow is Follow.FACT and is_news(payment, fact.report, fact.at, fact.way):
            what_happened(self._desk, tx, payment, fact, read=True)
        after = payment_work.required(tx, payment.id)
        if finding.verdict is Verdict.MATCHED:
            self.close(tx, after, _OF_PAYMENTS)
            return None
        agrees = compare(after, row).verdict is Verdict.MATCHED
        self.tell(tx, after, RULE_OF[finding.verdict], theirs_text(row), before or "", settled=agrees)
        return Difference(row.key, finding.verdict, payment.id, before, theirs_text(row), case_opened=True)

    def tell(
        self, tx: Transaction, payment: Payment, rule: str, observed: str, expected: str, *, settled: bool
    ) -> None:  # fmt: skip
        """Open a case; one that the row itself has settled is kept as such, and asks nothing of anybody."""
        desk, now = self._desk, self._desk.now()
        if not settled:
            payment_work.open_case(desk, tx, payment.id, rule, observed, expected)
            return
        self.close(tx, payment, _OF_PAYMENTS)
        told = alerts.raise_(tx.conn, rule, KIND, payment.id, payment.merchant_payment_id, observed, expected, now)
        if told is not None:
            alerts.resolve(tx.conn, told.id, now)

    @payments.runs_again()
    def close(
        self, tx: Transaction, payment: Payment, rules: Collection[str], observed: Collection[str] | None = None
    ) -> None:  # fmt: skip
        """What was different is not any more: those cases are over, and the payment waits for nobody because of them.

        `observed`: only those about one of these.
        """
        desk, now = self._desk, self._desk.now()
        found = history_reads.open_cases(tx.conn, (payment.id,), rules).get(payment.id, ())
        gone = [alert for alert, _, seen in found if observed is None or seen in observed]
        for alert in gone:
            alerts.resolve(tx.conn, alert, now)
        fresh = payment_work.required(tx, payment.id)
        if gone and fresh.work.state is WorkState.NEEDS_REVIEW and fresh.work.reason in rules:
            work = payment_work.resting(desk, tx, fresh, fresh.state)
            if work != fresh.work:
                payments.change(tx.conn, fresh, now, **payments.work_values(work))
        if gone:
            desk.note(tx, "payment.reconciled", payment.id, {"cases": len(gone)}, kind=KIND)

    @payments.runs_again()
    def missing(self, tx: Transaction, payment_id: int, key: str, observed: str, ours: str) -> Difference:
        """Ours alone: their history, which is whole, does not tell of it."""
        payment = payment_work.required(tx, payment_id)
        self.tell(tx, payment, comparing.MISSING, observed, ours, settled=False)
        return Difference(key, Verdict.MISSING_THERE, payment_id, ours, None, case_opened=True)


def found(tx: Transaction, provider: str, row: HistoryRow) -> Payment | None:
    """The payment of ours that a row means: by the provider's number, else by ours."""
    theirs, ours = row.provider_payment_id, row.merchant_payment_id
    payment = payments.by_provider_id(tx.conn, provider, theirs) if theirs else None
    return payment or (payments.by_merchant_id(tx.conn, provider, ours) if ours else None)


def fact_of(row: HistoryRow, way: Way, told: str) -> PaymentFact:
    """A row as news of a payment, true when it happened and not when it was read. Of refunds it says nothing."""
    report = PaymentReport(
        merchant_payment_id=row.merchant_payment_id or "-",
        provider_payment_id=row.provider_payment_id,
        provider_state=_word(row),
        state=row.state,
        final=row.state not in WAITING,
        amount=row.amount,
        paid_at=row.at if row.state is PaymentState.PAYMENT_SUCCESS else None,
        method=row.method,
        refunds=None,
    )
    kind = OutcomeClass.SUCCEEDED if row.state is PaymentState.PAYMENT_SUCCESS else OutcomeClass.FAILED_DEFINITE
    said = {"row": row.key, "in": told, "word": row.word, "at": instant_text(row.at), "minor": row.amount.minor,
            "payment": row.provider_payment_id, "number": row.merchant_payment_id}  # fmt: skip
    answer = Outcome(kind, "history_row", Sent.YES, report, evidence=json.dumps(said, ensure_ascii=False))
    return PaymentFact(report, row.at, way, CALL, answer)


def _word(row: HistoryRow) -> str:
    """The provider's word as its own answers say it, where the file has another for the same."""
    words = {PaymentState.PAYMENT_SUCCESS: "COMPLETED", PaymentState.PAYMENT_FAILED: "FAILED"}
    return row.word if row.word.isascii() else words.get(row.state, row.word)


def refused(key: str, reason: str, theirs: str | None) -> Difference:
    """A row that is not believed."""
    return Difference(key, Verdict.REFUSED, None, None, f"{reason} {theirs or ''}".strip())

