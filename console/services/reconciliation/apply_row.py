"""Apply one row of a provider's history (`HistoryRow`) to our payment.

A new state or amount in the row is applied like the answer to a probe. A difference that remains opens a case. A
case whose difference no longer exists is resolved.
"""

import json
from collections.abc import Callable, Collection, Sequence

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import format_instant
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.provider_registry import lacks_history
from console.domain.payments.records import Payment, PaymentImport
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PAID_STATES, WAITING_STATES, PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.reconciliation import row_comparison
from console.domain.reconciliation.provider_rows import HistoryRow
from console.domain.reconciliation.row_comparison import (
    CASE_RULE_BY_VERDICT,
    RowAction,
    compare_row,
    find_id_of_second_payment,
    format_our_state,
    format_provider_state,
    format_state_and_time,
    is_case_about_later_row,
    is_case_about_refund,
    join_case_facts,
    split_case_facts,
    will_report_change_payment,
)
from console.domain.records import WorkReason, WorkState
from console.domain.tasks.records import Alert, ReconciliationDifference, ReconciliationVerdict
from console.services.payment_intake.import_payment import PaymentImporter
from console.services.payments import next_work as payment_work
from console.services.payments.apply_report import ReportWithSource, apply_report
from console.services.payments.listed_facts import close_case_that_lacks_a_fact
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import RunAgain, Transaction
from console.store.payments import payments
from console.store.reconciliation import our_records

PAYMENT_KIND = payments.PAYMENT_KIND
EVIDENCE_CALL_NAME = "recon"
UNREADABLE_ROW_REASON = "unreadable"
"""Reason of a refused row whose payment or refund of ours this program can't read."""
NO_NUMBER_REASON = "no_number"
"""Reason of a refused row of a daily file that reports a payment without a number of ours."""
INTERNAL_ERROR_EXIT_STATUS = 70
"""Exit status of an error that is a bug of this program."""
_PAYMENT_CASE_RULES_OF_ROWS = (row_comparison.DIFFERENT_STATE_RULE, row_comparison.DIFFERENT_AMOUNT_RULE)
_PAYMENT_CASE_RULES = (*_PAYMENT_CASE_RULES_OF_ROWS, row_comparison.MISSING_THERE_RULE)


class HistoryRowApplier:
    """Compares rows of a provider's history with our payments, and writes the results in the caller's transaction."""

    def __init__(self, context: ServiceContext, payment_importer: PaymentImporter) -> None:
        self._context = context
        self._payment_importer = payment_importer

    @payments.run_again_if_stale()
    def apply_row(
        self, tx: Transaction, provider: str, row: HistoryRow, source_kind: ReportSource, row_source: str
    ) -> ReconciliationDifference | None:
        """Compare a row about a payment with our payment, and write the result. If the row says that the payment is
        paid and our database has no such payment, insert the payment. Return the difference. Return None if the row
        agrees with our payment, or if our database has no such payment and the row says that it is unpaid.

        `source_kind` is the kind of the row's source. `row_source` is the name of the file or notice that contains
        the row; it is stored in the evidence.
        """
        return self.apply_report(
            tx, find_payment(tx, provider, row), row, make_report(row, source_kind, row_source), provider
        )

    @payments.run_again_if_stale()
    def apply_report(
        self,
        tx: Transaction,
        payment: Payment | None,
        row: HistoryRow,
        sourced_report: ReportWithSource,
        provider: str,
    ) -> ReconciliationDifference | None:
        """Compare a row of a provider's history with our payment, which the caller has read, and write the result.
        The caller has made `sourced_report` from the row.

        If `payment` is None, our database has no such payment: a payment that the row reports as paid is inserted, an
        unpaid one is ignored. Return the difference; None if the row agrees with our payment, or if an unpaid payment
        was ignored.
        """
        finding, own_text = compare_row(payment, row), format_our_state(payment)
        if payment is None and finding.row_action is RowAction.IMPORT:
            payment_import = PaymentImport(provider, row.merchant_payment_id or "")
            imported_payment = self._payment_importer.insert_missing_payment(tx, payment_import, sourced_report)
            return ReconciliationDifference(
                row.key, ReconciliationVerdict.IMPORTED, imported_payment.id, None, format_provider_state(row)
            )
        if payment is None:
            return None
        if finding.row_action is RowAction.APPLY and will_report_change_payment(
            payment, sourced_report.report, sourced_report.effective_at, sourced_report.source_kind
        ):
            apply_report(self._context, tx, payment, sourced_report, is_read_in_transaction=True)
        current_payment = payment_work.require_payment(tx, payment.id)
        if finding.verdict is ReconciliationVerdict.MATCHED:
            self._close_cases_about_payment(tx, current_payment, row)
            return None
        if (further_id := find_id_of_second_payment(current_payment, row)) is not None:
            self.open_case_of_further_payments(tx, current_payment, [further_id], own_text or "")
        is_corrected = compare_row(current_payment, row).verdict is ReconciliationVerdict.MATCHED
        if is_corrected:
            self._close_cases_about_payment(tx, current_payment, row)
        # An answer is made from a question of each run; with its time, each run would find a new fact.
        observed = format_provider_state(row) if lacks_history(provider) else format_state_and_time(row)
        self.open_case(
            tx,
            current_payment,
            CASE_RULE_BY_VERDICT[finding.verdict],
            observed,
            own_text or "",
            is_corrected=is_corrected,
        )
        return ReconciliationDifference(
            row.key, finding.verdict, payment.id, own_text, format_provider_state(row), case_opened=True
        )

    def open_case_of_further_payments(
        self, tx: Transaction, payment: Payment, further_ids: Sequence[str], expected: str
    ) -> None:
        """Open a case (rule PAID_TWICE) about further payments with the number of our payment, which was paid.
        `further_ids` are their ids at the provider; `expected` is the text of the case about our payment. Only a
        person ends this case; a row that agrees with our own payment doesn't.
        """
        context, rule = self._context, WorkReason.PAID_TWICE
        observed = close_case_that_lacks_a_fact(context, tx, payment.id, rule, further_ids).case_text
        if observed is not None:
            payment_work.open_case(context, tx, payment.id, rule, observed, expected)

    def open_case(
        self, tx: Transaction, payment: Payment, rule: str, observed: str, expected: str, *, is_corrected: bool
    ) -> None:
        """Open a case of the alert rule `rule` about a payment, with the observed and the expected value. If
        `is_corrected` is True, our payment or refund has already been corrected, and the case is stored as resolved;
        the caller has closed the open cases about the difference.
        """
        if not is_corrected:
            self._open_or_extend_case(tx, payment, rule, (observed, expected))
            return
        now = self._context.now()
        alert = alerts.raise_alert(tx.conn, rule, PAYMENT_KIND, payment.id, None, observed, expected, now)
        if alert is not None:
            alerts.resolve(tx.conn, alert.id, now)

    def _open_or_extend_case(self, tx: Transaction, payment: Payment, rule: str, fact: tuple[str, str]) -> None:
        """Open a case of the alert rule `rule` about the payment with `fact`, a pair of the observed and the expected
        text.

        Only one case of a rule about a payment can be open. If one is open and lacks the fact, a new case replaces it
        at once; otherwise the fact would be reported only by another run over the same days. The new case has the
        facts of both, but only the new fact if a person has acknowledged the open case. If the texts of both are too
        long for one case, the open case stays as it is. If the provider has no history, the new fact always replaces
        the earlier one, because each answer states the present state of the payment.
        """
        facts = [fact]
        if not lacks_history(payment.provider):
            cases = [
                case for case in alerts.find_by_subject(tx.conn, PAYMENT_KIND, payment.id) if case.rule_id == rule
            ]
            open_case = next((case for case in cases if case.resolved_at is None), None)
            if open_case is not None:
                known_cases = [case for case in cases if case is open_case or case.acknowledged_by]
                if any(fact[0] == observed for case in known_cases for observed, _ in _split_facts(case)):
                    return
                if not open_case.acknowledged_by:
                    facts = [*_split_facts(open_case), fact]
                if max(map(len, join_case_facts(facts))) > alerts.LONGEST_TEXT_CHARACTERS:
                    return  # the open case stays until a person has acknowledged it
                if not alerts.resolve(tx.conn, open_case.id, self._context.now()):
                    raise RunAgain
        payment_work.open_case(self._context, tx, payment.id, rule, *join_case_facts(facts))

    def _close_cases_about_payment(self, tx: Transaction, payment: Payment, row: HistoryRow) -> None:
        """Resolve the open cases about the payment which are over because `row` agrees with the payment. Cases about
        the payment's refunds stay open, and cases about a later row of the history, such as one of a later day. If
        our payment is paid and the row is from the time before that, a case which says that the provider lacks the
        payment stays open too.
        """
        shows_present_state = row.state in PAID_STATES or payment.state not in PAID_STATES
        self.close_cases(
            tx,
            payment,
            _PAYMENT_CASE_RULES if shows_present_state else _PAYMENT_CASE_RULES_OF_ROWS,
            lambda observed, expected: (
                not (is_case_about_refund(observed, expected) or is_case_about_later_row(observed, row.at))
            ),
        )

    @payments.run_again_if_stale()
    def close_cases(
        self, tx: Transaction, payment: Payment, rules: Collection[str], is_ended: Callable[[str, str], bool]
    ) -> None:
        """Resolve those open cases of the payment and of these alert rules whose difference no longer exists:
        `is_ended` returns True for the observed and the expected text of such a difference. If only some of a case's
        facts have ended, a new case has the others, also if a person had acknowledged them. If the payment waited for
        a review because of such a case, set the payment's next work.
        """
        context, now = self._context, self._context.now()
        closed_alert_ids = []
        open_cases = our_records.find_open_cases_of_payments(tx.conn, (payment.id,), rules).get(payment.id, ())
        for alert, rule, observed, expected in open_cases:
            facts = split_case_facts(observed, expected)
            remaining_facts = [fact for fact in facts if not is_ended(*fact)]
            if remaining_facts == facts:
                continue
            if not alerts.resolve(tx.conn, alert, now):
                raise RunAgain  # people have ended it meanwhile
            closed_alert_ids.append(alert)
            if remaining_facts:
                payment_work.open_case(context, tx, payment.id, rule, *join_case_facts(remaining_facts))
        current_payment = payment_work.require_payment(tx, payment.id)
        if (
            closed_alert_ids
            and current_payment.work.state is WorkState.NEEDS_REVIEW
            and current_payment.work.reason in rules
        ):
            work = payment_work.choose_work(context, tx, current_payment, current_payment.state)
            if work != current_payment.work:
                payments.change_payment(tx.conn, current_payment, now, **payments.make_work_values(work))
        if closed_alert_ids:
            context.record_audit(
                tx, AuditAction.PAYMENT_RECONCILED, payment.id, {"cases": len(closed_alert_ids)}, kind=PAYMENT_KIND
            )

    @payments.run_again_if_stale()
    def open_case_of_missing_record(
        self, tx: Transaction, payment_id: int, key: str, observed: str, own_text: str
    ) -> ReconciliationDifference:
        """Open a case about a payment of ours that the provider doesn't have, or about a payment with a refund that
        the provider doesn't have. The caller knows this from the provider's complete history or from its answer to a
        question. Return the difference. `key` is the key under which the run stores the difference; `observed` and
        `own_text` are the texts about the provider's side and our payment."""
        payment = payment_work.require_payment(tx, payment_id)
        self.open_case(tx, payment, row_comparison.MISSING_THERE_RULE, observed, own_text, is_corrected=False)
        return ReconciliationDifference(
            key, ReconciliationVerdict.MISSING_THERE, payment_id, own_text, None, case_opened=True
        )


def _split_facts(case: Alert) -> list[tuple[str, str]]:
    return split_case_facts(case.observed, case.expected)


def find_payment(tx: Transaction, provider: str, row: HistoryRow) -> Payment | None:
    """Return our payment that the row describes. If a payment has the row's payment id (the id that the provider gave
    to the payment), return that payment; otherwise the payment with the row's payment number. Return None if our
    database has no such payment.
    """
    id_at_provider, merchant_id = row.provider_payment_id, row.merchant_payment_id
    payment = payments.find_by_id_at_provider(tx.conn, provider, id_at_provider) if id_at_provider else None
    return payment or (payments.find_by_payment_number(tx.conn, provider, merchant_id) if merchant_id else None)


def make_report(row: HistoryRow, source_kind: ReportSource, row_source: str) -> ReportWithSource:
    """Return the row as the provider's report about a payment, true at the time of the row's event. The report
    contains no refunds. `source_kind` is the kind of the row's source; `row_source` is the name of the file or
    notice that contains the row.
    """
    report = PaymentReport(
        merchant_payment_id=row.merchant_payment_id or "-",
        provider_payment_id=row.provider_payment_id,
        provider_state=_find_provider_state_name(row),
        state=row.state,
        is_final=row.state not in WAITING_STATES,
        amount=row.amount,
        paid_at=row.at if row.state is PaymentState.PAYMENT_SUCCESS else None,
        method=row.method,
        refunds=None,
    )
    kind = OutcomeClass.SUCCEEDED if row.state is PaymentState.PAYMENT_SUCCESS else OutcomeClass.FAILED_DEFINITE
    body = {
        "row": row.key,
        "in": row_source,
        "word": row.provider_state,
        "at": format_instant(row.at),
        "minor": row.amount.minor,
        "payment": row.provider_payment_id,
        "number": row.merchant_payment_id,
    }
    answer = Outcome(kind, "history_row", SendingCertainty.YES, report, evidence=json.dumps(body, ensure_ascii=False))
    return ReportWithSource(report, row.at, source_kind, EVIDENCE_CALL_NAME, answer)


def _find_provider_state_name(row: HistoryRow) -> str:
    """Return the provider's own name of the payment's state. If the row has a Japanese name from a daily file, return
    the name that the provider's API uses for the same state.
    """
    api_name_by_state = {PaymentState.PAYMENT_SUCCESS: "COMPLETED", PaymentState.PAYMENT_FAILED: "FAILED"}
    return (
        row.provider_state if row.provider_state.isascii() else api_name_by_state.get(row.state, row.provider_state)
    )


def make_refused_row_difference(key: str, reason: str, id_at_provider: str | None) -> ReconciliationDifference:
    """Return the difference for a row that was rejected. `key` is the key of the row, `reason` the code of the
    reason, `id_at_provider` the id in the row that the provider gave to the payment (None: the row has none)."""
    return ReconciliationDifference(
        key, ReconciliationVerdict.REFUSED, None, None, f"{reason} {id_at_provider or ''}".strip()
    )
