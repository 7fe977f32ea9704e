"""Second phase of a reconciliation (OWN_ROWS_PHASE): find our payments and refunds that are missing in the provider's
history. If the provider has no history, the run asks the provider about each of our payments instead.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.money import make_stored_money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PAID_STATES, PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.reconciliation import row_comparison
from console.domain.reconciliation.provider_rows import HistoryRow
from console.domain.reconciliation.row_comparison import (
    CLOCK_TOLERANCE,
    MATCHED_RESULT,
    compare_row,
    format_our_state,
    format_provider_state,
)
from console.domain.records import RECONCILIATION_CASE_RULES
from console.domain.tasks.records import ReconciliationDifference, ReconciliationVerdict
from console.services.credit_checks.part_reader import find_read_error_code
from console.services.payments.apply_report import (
    ReportWithSource,
    is_newest_stored_answer,
    store_answer,
    store_stated_facts,
)
from console.services.payments.listed_facts import FACT_SEPARATOR
from console.services.payments.probe import EVIDENCE_CALL_NAME, PaymentProber, find_report, read_question_time
from console.services.process.context import ServiceContext
from console.services.reconciliation.apply_row import (
    UNREADABLE_ROW_REASON,
    HistoryRowApplier,
    make_refused_row_difference,
)
from console.services.reconciliation.journal import ReconciliationRunJournal
from console.services.reconciliation.sources import HistorySource
from console.services.tasks.cancellation import must_stop_task
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.database.unreadable_rows import READ_ERRORS
from console.store.payments import payments
from console.store.reconciliation import our_records
from console.store.reconciliation.our_records import OwnRow, PagePosition
from console.store.refunds import refunds

ROWS_PER_BATCH = 200
REFUND_PHASE_POSITION_PREFIX = "refunds:"
"""Prefix of the stored position of a run that has compared all payments and now compares the refunds."""
_REFUSED_ROW_REASONS: Mapping[str, str] = {
    "bad_id": "id",
    "amount_and_day_needed": "amount",
    "bad_amount": "amount",
}
"""The code with which a reconciliation refuses a row of ours, by the reason for which the adapter sent no question
about the payment. The values in the row are wrong, so a later question would be refused too."""
RecordT = TypeVar("RecordT", Payment, Refund)
RowPageReader = Callable[[Connection, PagePosition], Sequence[OwnRow[RecordT]]]
"""Type of a function that reads the page of our payments or refunds after the given position."""


class OwnRecordComparison:
    """Reads our payments and refunds, oldest first, and compares each with the provider's history. For a provider
    without a history, each payment is compared with the provider's answer to a probe of the payment. The run stores
    the differences."""

    def __init__(
        self, context: ServiceContext, row_applier: HistoryRowApplier, payment_prober: PaymentProber
    ) -> None:
        self._context, self._row_applier, self._payment_prober = context, row_applier, payment_prober

    def compare_with_history(
        self,
        provider: str,
        history: HistorySource,
        run_journal: ReconciliationRunJournal,
        span: tuple[datetime, datetime],
        position: str | None,
    ) -> bool:
        """Check that the provider's history contains every payment and refund of ours that was paid or refunded
        within `span` (first instant and end, UTC). Record the results in `run_journal`. Return True, or False if the
        process was stopped before the end.

        `position` is the stored position of an interrupted run, None for a new run. Payments and refunds within
        CLOCK_TOLERANCE of the beginning or end of the span are skipped, because the history of the day before or
        after may contain them.
        """
        inner_span = span[0] + CLOCK_TOLERANCE, span[1] - CLOCK_TOLERANCE
        if not (position or "").startswith(REFUND_PHASE_POSITION_PREFIX) and not self._compare_payments(
            provider, history, run_journal, inner_span, position
        ):
            return False
        return self._compare_refunds(
            provider,
            history,
            run_journal,
            inner_span,
            (position or "").partition(REFUND_PHASE_POSITION_PREFIX)[2] or None,
        )

    def _compare_payments(
        self,
        provider: str,
        history: HistorySource,
        run_journal: ReconciliationRunJournal,
        span: tuple[datetime, datetime],
        position: str | None,
    ) -> bool:
        """Open a case about each paid payment of ours that the history lacks, among those paid in `span` (begin,
        end), beginning after the stored position `position` (None: at the begin). Return False if the process was
        stopped before the end.
        """

        def read_page(conn: Connection, page_position: PagePosition) -> Sequence[OwnRow[Payment]]:
            return our_records.list_paid_payments(conn, provider, page_position, span[1], ROWS_PER_BATCH)

        for row in self._iterate_pages(run_journal, read_page, _parse_first_position(position, span[0])):
            if row is None:
                return False
            key, payment = _format_position(row.at, row.id), row.record
            if payment is None:
                _record_refused_row(run_journal, key, UNREADABLE_ROW_REASON, str(row.id), f"ours:{key}")
            elif payment.state in PAID_STATES and not history.has_paid_payment(payment):
                self._write_missing_payment(run_journal, key, payment, f"{provider} tells nothing of it")
        return True

    def _write_missing_payment(
        self,
        run_journal: ReconciliationRunJournal,
        key: str,
        payment: Payment,
        observed: str,
        key_prefix: str = "ours:",
    ) -> None:
        """Write to the run journal that the provider doesn't have this payment of ours, and open a case about it
        (except in a dry run). `observed` is the text about the provider's side. The key of the difference is
        `key_prefix` followed by `key`."""
        own_text = format_our_state(payment) or ""
        expected = ReconciliationDifference(
            f"{key_prefix}{key}", ReconciliationVerdict.MISSING_THERE, payment.id, own_text, None
        )

        def open_case(tx: Transaction) -> ReconciliationDifference:
            return self._row_applier.open_case_of_missing_record(tx, payment.id, expected.row_key, observed, own_text)

        run_journal.write_row(key, expected, open_case)

    def _compare_refunds(
        self,
        provider: str,
        history: HistorySource,
        run_journal: ReconciliationRunJournal,
        span: tuple[datetime, datetime],
        position: str | None,
    ) -> bool:
        """Open a case about each completed refund of ours that the history lacks, among those sent in `span` (begin,
        end), beginning after the stored position `position` (None: at the begin). Do nothing for a history without
        refunds. Return False if the process was stopped before the end.
        """
        if history.find_refund_times("", 0) is None:
            return True

        def read_page(conn: Connection, page_position: PagePosition) -> Sequence[OwnRow[Refund]]:
            return our_records.list_sent_refunds(conn, provider, page_position, span[1], ROWS_PER_BATCH)

        for row in self._iterate_pages(
            run_journal, read_page, _parse_first_position(position, span[0]), REFUND_PHASE_POSITION_PREFIX
        ):
            if row is None:
                return False
            refund = row.record
            if refund is not None and not _is_completed_before(refund, span[1]):
                continue
            key = REFUND_PHASE_POSITION_PREFIX + _format_position(row.at, row.id)
            payment_and_refunds = self._read_payment_and_refunds(row)
            if refund is None or payment_and_refunds is None:
                _record_refused_row(run_journal, key, UNREADABLE_ROW_REASON, str(row.payment_id))
                continue
            payment = _find_payment_of_missing_refund(history, refund, *payment_and_refunds)
            if payment is not None:
                self._write_missing_payment(
                    run_journal, key, payment, row_comparison.format_missing_refund(refund), ""
                )
        return True

    def _read_payment_and_refunds(self, row: OwnRow[Refund]) -> tuple[Payment | None, Sequence[Refund]] | None:
        """Return the payment of the refund's row (None if there is none) and all its refunds; return None if this
        program can't read one of these rows."""
        with self._context.database.read() as conn:
            try:
                return payments.find(conn, row.payment_id), refunds.find_by_payment(conn, row.payment_id)
            except READ_ERRORS:
                return None

    def _iterate_pages(
        self,
        run_journal: ReconciliationRunJournal,
        read_page: RowPageReader[RecordT],
        page_position: PagePosition,
        position_prefix: str = "",
    ) -> Iterator[OwnRow[RecordT] | None]:
        """Yield our rows one by one, beginning after `page_position`. The rows are read page by page, and the run's
        position is stored after each full page. If the process was stopped, yield None as the last value.

        `read_page` is a function that reads one page. `position_prefix` is the first part of the stored position:
        REFUND_PHASE_POSITION_PREFIX while the run reads refunds, "" while it reads payments.
        """
        while True:
            with self._context.database.read() as conn:
                rows = read_page(conn, page_position)
            yield from rows
            if len(rows) < ROWS_PER_BATCH:
                return
            page_position = rows[-1].at, rows[-1].id
            run_journal.set_position(position_prefix + _format_position(*page_position))
            run_journal.store_progress()
            if must_stop_task():
                yield None
                return

    # Providers without a history

    def compare_with_provider_answers(
        self,
        provider: str,
        run_journal: ReconciliationRunJournal,
        span: tuple[datetime, datetime],
        position: str | None,
    ) -> bool:
        """Ask the provider about every payment of ours that began within `span` (first instant and end, UTC), compare
        the answers, and record the results in `run_journal`. Return True, or False if the process was stopped before
        the end.

        `position` is the stored position of an interrupted run, None for a new run. Raises an error at the first
        payment for which the provider gives no usable answer; a continued run begins at this payment. The error is
        provider_auth if the provider refuses the credentials, rate_limited if it refuses the call because of too many
        calls, provider_unreachable if the question was not sent, otherwise outcome_unknown.
        """

        def read_page(conn: Connection, page_position: PagePosition) -> Sequence[OwnRow[Payment]]:
            return our_records.list_begun_payments(conn, provider, page_position, span[1], ROWS_PER_BATCH)

        for row in self._iterate_pages(run_journal, read_page, _parse_first_position(position, span[0])):
            if row is None or must_stop_task():
                return False
            key = _format_position(row.at, row.id)
            if row.record is None:
                _record_refused_row(run_journal, key, UNREADABLE_ROW_REASON, str(row.id))
            else:
                self._compare_payment_with_answer(provider, run_journal, row.record, key)
            run_journal.store_progress()
        return True

    def _compare_payment_with_answer(
        self, provider: str, run_journal: ReconciliationRunJournal, payment: Payment, key: str
    ) -> None:
        if self._payment_prober.is_of_other_merchant(payment):
            _record_refused_row(run_journal, key, "other_merchant", payment.merchant_payment_id)
            return
        asked_at, outcome = read_question_time(self._context), self._payment_prober.ask_provider(payment)
        if outcome is None:
            raise ConsoleError(
                ErrorCode.OUTCOME_UNKNOWN, {"reason": OutcomeUnknownReason.NO_READ_CALL, "provider": provider}
            )
        report = find_report(outcome)
        if report is None:
            self._record_unusable_answer(run_journal, payment, outcome, key)
            return
        row = _make_history_row(payment, report, asked_at, key)
        if row is None:
            _record_refused_row(run_journal, key, "amount", payment.merchant_payment_id)
            return
        sourced_report = ReportWithSource(report, asked_at, ReportSource.READ, EVIDENCE_CALL_NAME, outcome)
        finding, further_ids = compare_row(payment, row), report.further_captures
        if finding == MATCHED_RESULT and not further_ids and not self._has_open_cases(payment):
            if not run_journal.is_dry_run:
                self._context.write(lambda tx: self._store_unapplied_answer(tx, payment, sourced_report))
            self._compare_refund_sum(run_journal, payment, report, key)
            return
        own_text, provider_text = format_our_state(payment), format_provider_state(row)
        paid_twice = ReconciliationDifference(
            key,
            ReconciliationVerdict.DIFFERENT_STATE,
            payment.id,
            own_text,
            f"{provider_text} {FACT_SEPARATOR.join(further_ids)}",
            case_opened=True,
        )
        expected = paid_twice if further_ids else None
        if finding.verdict is not ReconciliationVerdict.MATCHED:
            expected = ReconciliationDifference(key, finding.verdict, payment.id, own_text, provider_text)

        def apply_answer(tx: Transaction) -> ReconciliationDifference | None:
            current_payment = _read_current_payment(tx, payment)
            difference = self._row_applier.apply_report(tx, current_payment, row, sourced_report, provider)
            self._store_unapplied_answer(tx, payment, sourced_report)
            if not further_ids:
                return difference
            self._row_applier.open_case_of_further_payments(
                tx, _read_current_payment(tx, payment), further_ids, own_text or ""
            )
            return difference or paid_twice

        run_journal.write_row(key, expected, apply_answer)

    def _store_unapplied_answer(self, tx: Transaction, payment: Payment, sourced_report: ReportWithSource) -> None:
        """Store an answer that the comparison has not applied to the payment: the answer as evidence, and its facts
        as the payment's provider side. The page of the payment then shows the facts of the newest answer. Do nothing
        if the payment has stored the facts of this answer or of a newer one.

        An answer that equals the newest stored one isn't stored again: every run asks about the payment, and a row
        for each would be added for ever. The payment's provider side has the time of the newest answer."""
        stored_at = _read_current_payment(tx, payment).told_at
        if stored_at is None or stored_at < sourced_report.effective_at:
            source_name, answer = sourced_report.source_name, sourced_report.answer
            if not is_newest_stored_answer(tx, payment, source_name, answer):
                store_answer(self._context, tx, payment, source_name, answer)
            store_stated_facts(self._context, tx, payment, sourced_report)

    def _has_open_cases(self, payment: Payment) -> bool:
        """True if a case of one of the rules about differing states or amounts is open about the payment."""
        with self._context.database.read() as conn:
            return bool(our_records.find_open_cases_of_payments(conn, (payment.id,), RECONCILIATION_CASE_RULES))

    def _record_unusable_answer(
        self, run_journal: ReconciliationRunJournal, payment: Payment, outcome: Outcome[PaymentReport], key: str
    ) -> None:
        """Write the result of the row with the key `key`: a provider's answer that does not contain the payment's
        state. "Not found" counts as a match for a payment that is not paid in our database; for a paid payment, it
        opens a case.

        If the values of our row can't be used in a question, the row counts as refused; another application may have
        written these values. Any other answer is stored as evidence, and its error is raised, which ends the run. A
        dry run stores nothing.
        """
        is_missing = outcome.kind is OutcomeClass.NOT_FOUND
        if is_missing and payment.state not in PAID_STATES:
            run_journal.count_match(key)
            return
        if outcome.sent is SendingCertainty.NO and outcome.reason in _REFUSED_ROW_REASONS:
            _record_refused_row(run_journal, key, _REFUSED_ROW_REASONS[outcome.reason], payment.merchant_payment_id)
            return
        if not run_journal.is_dry_run:
            context = self._context
            context.write(lambda tx: store_answer(context, tx, payment, EVIDENCE_CALL_NAME, outcome))
        if not is_missing:
            raise make_outcome_error(find_read_error_code(outcome), {"record": payment, "reason": outcome.reason})
        self._write_missing_payment(run_journal, key, payment, f"{payment.provider} knows no such payment", "")

    def _compare_refund_sum(
        self, run_journal: ReconciliationRunJournal, payment: Payment, report: PaymentReport, key: str
    ) -> None:
        """Compare the sum of a payment's refunds in our database with the sum in the provider's report, and write the
        result into the run journal as that of the row with the key `key`. The result is a match or a difference. A
        difference opens a case, except in a dry run.

        This method doesn't compare single refunds: the probe of a refund asks the provider about that refund by its
        idempotency key.
        """
        reported_refunds = report.refunds
        reported_minor = sum(
            reported_refund.amount.minor
            for reported_refund in reported_refunds or ()
            if reported_refund.state is RefundState.COMPLETED and reported_refund.amount
        )
        if reported_refunds is None or reported_minor == payment.refunded_minor or payment.reserved_minor:
            run_journal.count_match(key)
            return
        rule = (
            row_comparison.UNRECORDED_REFUND_RULE
            if reported_minor > payment.refunded_minor
            else row_comparison.DIFFERENT_AMOUNT_RULE
        )
        own_text, provider_text = f"refunded {payment.refunded_minor}", f"refunded {reported_minor}"

        def open_case(tx: Transaction) -> ReconciliationDifference:
            self._row_applier.open_case(
                tx, _read_current_payment(tx, payment), rule, provider_text, own_text, is_corrected=False
            )
            return ReconciliationDifference(
                key, ReconciliationVerdict.DIFFERENT_AMOUNT, payment.id, own_text, provider_text, case_opened=True
            )

        run_journal.write_row(
            key,
            ReconciliationDifference(
                key, ReconciliationVerdict.DIFFERENT_AMOUNT, payment.id, own_text, provider_text
            ),
            open_case,
        )


def _is_completed_before(refund: Refund, until: datetime) -> bool:
    completed_at = row_comparison.find_completion_time(refund)
    return completed_at is not None and completed_at < until


def _find_payment_of_missing_refund(
    history: HistorySource,
    refund: Refund,
    payment: Payment | None,
    payment_refunds: Sequence[Refund],
) -> Payment | None:
    """Return `payment`, the payment of the completed refund, if the provider's history should contain the refund but
    doesn't; otherwise return None. `payment_refunds` are all refunds of the payment.
    """
    if payment is None or payment.provider_payment_id is None:
        return None
    times = history.find_refund_times(payment.provider_payment_id, refund.amount_minor) or ()
    refunds_of_same_amount = [
        other_refund for other_refund in payment_refunds if other_refund.amount_minor == refund.amount_minor
    ]
    reported_refunds = row_comparison.match_refunds(refunds_of_same_amount, times).values()
    return None if any(match.id == refund.id for match in reported_refunds) else payment


def _record_refused_row(
    run_journal: ReconciliationRunJournal,
    key: str,
    reason: str,
    payment_number: str,
    difference_key: str | None = None,
) -> None:
    """Write to the run journal a row of ours that can't be compared, so that nobody knows if the provider has it. The
    row doesn't end the run with an error, because every later run would also end at this row.

    `key` is the key of the row, `reason` the code of the reason, `payment_number` the number of our payment (its id
    if its row or a refund can't be read). `difference_key` is the key of the difference; None: that of the row."""
    difference = make_refused_row_difference(difference_key or key, reason, payment_number)
    run_journal.write_row(key, difference, lambda _tx: difference)


def _make_history_row(payment: Payment, report: PaymentReport, at: datetime, key: str) -> HistoryRow | None:
    """Return the provider's answer about a payment as a row of a history, so that the answer is compared like such a
    row. `at` is the time of the question, `key` the key of the row. If the answer has no amount, the row gets our
    payment's amount. Return None if `Money` refuses our amount, which another application may have written.
    """
    amount = report.amount or make_stored_money(payment.captured_minor or payment.asked_minor, payment.currency)
    if amount is None:
        return None
    paid_at = report.state is PaymentState.PAYMENT_SUCCESS and report.paid_at
    id_at_provider = report.provider_payment_id
    number, provider_word = payment.merchant_payment_id, report.provider_state
    return HistoryRow(key, id_at_provider, number, report.state, provider_word, paid_at or at, amount)


def _read_current_payment(tx: Transaction, payment: Payment) -> Payment:
    return payments.find(tx.conn, payment.id) or payment


def _format_position(at: datetime, row_id: int) -> str:
    return f"{at.isoformat(timespec='microseconds')}|{row_id}"


def _parse_first_position(position: str | None, first_instant: datetime) -> PagePosition:
    """Return the instant and the id after which a run begins to read. For an interrupted run, they are parsed from
    the stored `position`. For a new run, `position` is None, and the instant is directly before `first_instant`.
    """
    at, _, number = (position or "").partition("|")
    return (datetime.fromisoformat(at), int(number)) if number else (first_instant - timedelta(microseconds=1), 0)
