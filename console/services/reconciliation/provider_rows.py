"""First phase of a reconciliation (PROVIDER_ROWS_PHASE): compare every row of the provider's history with our
payments and refunds, in batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from console.domain.error_reasons import UnusableAnswerReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Payment, PaymentImport, Refund
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import RefundState
from console.domain.reconciliation import row_comparison
from console.domain.reconciliation.provider_rows import HistoryRow, RefusedRow
from console.domain.reconciliation.row_comparison import (
    MATCHED_RESULT,
    RowAction,
    compare_row,
    format_our_state,
    format_provider_state,
    format_state_and_time,
)
from console.domain.records import RECONCILIATION_CASE_RULES
from console.domain.tasks.records import ReconciliationDifference, ReconciliationVerdict
from console.services.payment_intake.import_payment import PaymentImporter
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.services.reconciliation import apply_row
from console.services.reconciliation.apply_row import HistoryRowApplier
from console.services.reconciliation.journal import ReconciliationRunJournal
from console.services.reconciliation.sources import MAX_REFUSED_ROWS, HistorySource
from console.services.tasks.cancellation import iterate_until_stopped
from console.store.database.engine import Transaction
from console.store.database.unreadable_rows import READ_ERRORS
from console.store.reconciliation import our_records
from console.store.refunds import refunds

ROWS_PER_BATCH = 200
RowT = TypeVar("RowT")
HistoryOrRefusedRow = HistoryRow | RefusedRow


class ProviderHistoryComparison:
    """Compares every row of a provider's history with our records.

    `row_applier` writes the results; `payment_importer` imports missing payments; `probe_refund` asks the provider
    about the refund with this id.
    """

    def __init__(
        self,
        context: ServiceContext,
        row_applier: HistoryRowApplier,
        payment_importer: PaymentImporter,
        probe_refund: Callable[[int], object],
    ) -> None:
        self._context, self._row_applier, self._payment_importer, self._probe_refund = (
            context,
            row_applier,
            payment_importer,
            probe_refund,
        )

    def compare(
        self, provider: str, history: HistorySource, run_journal: ReconciliationRunJournal, last_key: str | None
    ) -> bool:
        """Compare the rows of the history that follow the row with the key `last_key` (None: all rows), and record
        the results in the run journal.

        Return True, or False if the process was stopped before the end. Raises provider_answer_unusable if more than
        MAX_REFUSED_ROWS rows were rejected.
        """
        refused_count, is_complete = 0, False
        for batch in iterate_until_stopped(_split_into_batches(history.read_rows(last_key), ROWS_PER_BATCH)):
            is_complete = not batch
            if is_complete:
                break
            refused_count += sum(isinstance(row, RefusedRow) for row in batch)
            if refused_count > MAX_REFUSED_ROWS:
                raise ConsoleError(
                    ErrorCode.PROVIDER_ANSWER_UNUSABLE,
                    {"reason": UnusableAnswerReason.DAILY_FILE_UNREADABLE, "rows": refused_count},
                )
            _HistoryRowBatch(self, provider, history, run_journal, batch).compare()
            run_journal.store_progress()
        return is_complete

    # Used by _HistoryRowBatch

    @property
    def context(self) -> ServiceContext:
        """The service context of this comparison. The batches of rows read the database with it."""
        return self._context

    @property
    def row_applier(self) -> HistoryRowApplier:
        """The object that compares rows with our records and writes the results. The batches of rows use it."""
        return self._row_applier

    def import_missing_payment(self, provider: str, row: HistoryRow) -> None:
        """Import the payment of a refund's row, because our database doesn't have it. If the call of the provider
        fails, ignore the error; the row then remains a difference.
        """
        if row.merchant_payment_id is not None:
            with log_and_suppress(f"importing {row.merchant_payment_id}"):
                self._ask_ignoring_failures(
                    lambda: self._payment_importer.import_payment(
                        PaymentImport(provider, row.merchant_payment_id or "")
                    )
                )

    def probe_our_refund(self, refund: Refund) -> None:
        """Probe one of our refunds. If the call of the provider fails, ignore the error; the row then remains a
        difference.
        """
        with log_and_suppress(f"asking about refund {refund.id}"):
            self._ask_ignoring_failures(lambda: self._probe_refund(refund.id))

    def _ask_ignoring_failures(self, ask_provider: Callable[[], object]) -> None:
        """Call `ask_provider`, and ignore every ConsoleError except one that reports a bug of this program."""
        try:
            ask_provider()
        except ConsoleError as refusal:
            if refusal.exit_status == apply_row.INTERNAL_ERROR_EXIT_STATUS:
                raise


class _HistoryRowBatch:
    """A batch of rows of a provider's history with our payments that match them. All payments of the batch are
    read in one transaction.
    """

    def __init__(
        self,
        comparison: ProviderHistoryComparison,
        provider: str,
        history: HistorySource,
        run_journal: ReconciliationRunJournal,
        rows: Sequence[HistoryOrRefusedRow],
    ) -> None:
        self._comparison, self._provider, self._history, self._run_journal, self._rows = (
            comparison,
            provider,
            history,
            run_journal,
            rows,
        )
        history_rows = [row for row in rows if isinstance(row, HistoryRow)]
        ids_at_provider = {row.provider_payment_id for row in history_rows if row.provider_payment_id}
        with comparison.context.database.read() as conn:
            self._payment_by_id_at_provider = our_records.find_payments_by_id_at_provider(
                conn, provider, ids_at_provider
            )
            unmatched_rows = [
                row for row in history_rows if row.provider_payment_id not in self._payment_by_id_at_provider
            ]
            merchant_ids = {row.merchant_payment_id for row in unmatched_rows if row.merchant_payment_id}
            self._payment_by_merchant_id = our_records.find_payments_by_number(conn, provider, merchant_ids)
            payment_ids = {
                payment.id
                for payment in (*self._payment_by_id_at_provider.values(), *self._payment_by_merchant_id.values())
                if payment is not None
            }
            self._open_cases = our_records.find_open_cases_of_payments(conn, payment_ids, RECONCILIATION_CASE_RULES)

    def compare(self) -> None:
        """Compare each row of the batch with our payment or refund, and write the result into the run journal."""
        for row in self._rows:
            if isinstance(row, RefusedRow):
                self._record_refused_row(row.key, row.reason, row.provider_payment_id)
            elif self._is_payment_unreadable(row):
                self._record_refused_row(row.key, apply_row.UNREADABLE_ROW_REASON, row.provider_payment_id)
            elif row.refund_state is None:
                self._compare_payment(row)
            else:
                self._compare_refund(row, row.refund_state)

    def _record_refused_row(self, key: str, reason: str, id_at_provider: str | None) -> None:
        difference = apply_row.make_refused_row_difference(key, reason, id_at_provider)
        self._run_journal.write_row(key, difference, lambda _tx: difference)

    def _is_payment_unreadable(self, row: HistoryRow) -> bool:
        """True if our database has the row's payment but this program can't read it. The row is then neither missing
        here nor a match."""
        id_at_provider, number = row.provider_payment_id or "", row.merchant_payment_id or ""
        if id_at_provider in self._payment_by_id_at_provider:
            return self._payment_by_id_at_provider[id_at_provider] is None
        return number in self._payment_by_merchant_id and self._payment_by_merchant_id[number] is None

    def _find_payment(self, row: HistoryRow) -> Payment | None:
        payment = self._payment_by_id_at_provider.get(row.provider_payment_id or "")
        return payment or self._payment_by_merchant_id.get(row.merchant_payment_id or "")

    def _compare_payment(self, row: HistoryRow) -> None:
        payment, source_kind = self._find_payment(row), self._history.source_kind
        finding = compare_row(payment, row)
        if finding.row_action is RowAction.IMPORT and (
            row.merchant_payment_id is None or source_kind is ReportSource.NOTICE
        ):
            self._record_unbookable_payment(row)
        elif finding == MATCHED_RESULT and (payment is None or payment.id not in self._open_cases):
            self._run_journal.count_match(row.key)
        else:
            difference = None
            if finding.verdict is not ReconciliationVerdict.MATCHED:
                own_text, provider_text = format_our_state(payment), format_provider_state(row)
                difference = ReconciliationDifference(
                    row.key, finding.verdict, payment.id if payment else None, own_text, provider_text
                )
            row_source = self._history.find_row_source(row.key)
            self._run_journal.write_row(
                row.key,
                difference,
                lambda tx: self._comparison.row_applier.apply_row(tx, self._provider, row, source_kind, row_source),
            )

    def _record_unbookable_payment(self, row: HistoryRow) -> None:
        """Record a difference for a payment that can't be imported. Either the row of a daily file has no payment
        number of ours, or the order in a signed notice is missing in our database. A case about such a notice is
        already open, and the notice is booked when the order arrives.
        """
        if self._history.source_kind is ReportSource.READ:
            self._record_refused_row(row.key, apply_row.NO_NUMBER_REASON, row.provider_payment_id)
            return
        provider_text = f"{format_provider_state(row)} {row.merchant_payment_id}"
        difference = ReconciliationDifference(
            row.key, ReconciliationVerdict.DIFFERENT_STATE, None, None, provider_text
        )
        self._run_journal.write_row(row.key, difference, lambda _tx: difference)

    # Refunds

    def _compare_refund(self, row: HistoryRow, state: RefundState) -> None:
        """Compare the row of a refund with our refund; `state` is the refund's state in the row.

        A refund that the provider has not completed counts as a match, because it has moved no money. The provider
        reports the refund again when it is completed.
        """
        if state is not RefundState.COMPLETED:
            self._run_journal.count_match(row.key)
            return
        payment = self._find_payment(row)
        if payment is None and not self._run_journal.is_dry_run:
            self._comparison.import_missing_payment(self._provider, row)
        try:
            payment_refunds = self._read_refunds(row, payment)
        except READ_ERRORS:  # of one of the payment's refunds
            self._record_refused_row(row.key, apply_row.UNREADABLE_ROW_REASON, row.provider_payment_id)
            return
        refund = self._find_refund(row, payment_refunds)
        if refund is not None and refund.state is RefundState.COMPLETED:
            self._record_match(row, payment, refund)
            return
        if refund is not None and not self._run_journal.is_dry_run:
            self._comparison.probe_our_refund(refund)
        verdict = ReconciliationVerdict.DIFFERENT_AMOUNT if refund is None else ReconciliationVerdict.DIFFERENT_STATE
        difference = ReconciliationDifference(
            row.key,
            verdict,
            payment.id if payment else None,
            row_comparison.format_refund_state(refund),
            format_state_and_time(row),
        )
        self._run_journal.write_row(row.key, difference, lambda tx: self._write_difference(tx, row, refund))

    def _read_refunds(self, row: HistoryRow, payment: Payment | None) -> Sequence[Refund]:
        """Return our refunds of `payment`; () without a payment. Also return () if the row's payment id is not the id
        that the provider gave to `payment`. Our payment number was then paid twice at the provider, and the row's
        refund belongs to the other payment. Raises one of READ_ERRORS if this program can't read a refund."""
        if payment is None or row.provider_payment_id not in (None, payment.provider_payment_id):
            return ()
        with self._comparison.context.database.read() as conn:
            return refunds.find_by_payment(conn, payment.id)

    def _find_refund(self, row: HistoryRow, payment_refunds: Sequence[Refund]) -> Refund | None:
        """Return the refund of `payment_refunds` that the row describes; None if there is none."""
        refunds_of_same_amount = [refund for refund in payment_refunds if refund.amount_minor == row.amount.minor]
        times = self._history.find_refund_times(row.provider_payment_id or "", row.amount.minor) or ()
        return row_comparison.match_refunds(refunds_of_same_amount, [at for at in times if at <= row.at]).get(row.at)

    def _record_match(self, row: HistoryRow, payment: Payment | None, refund: Refund) -> None:
        if payment is None or payment.id not in self._open_cases:
            self._run_journal.count_match(row.key)
            return
        self._run_journal.write_row(row.key, None, lambda tx: self._close_cases(tx, payment, row, refund))

    def _close_cases(self, tx: Transaction, payment: Payment, row: HistoryRow, refund: Refund) -> None:
        """Resolve the payment's cases that are about this row or this refund; other cases of the payment stay
        open.
        """
        rules = (
            row_comparison.UNRECORDED_REFUND_RULE,
            row_comparison.DIFFERENT_STATE_RULE,
            row_comparison.MISSING_THERE_RULE,
        )
        ended_texts = (format_state_and_time(row), row_comparison.format_missing_refund(refund))
        self._comparison.row_applier.close_cases(tx, payment, rules, lambda observed, _: observed in ended_texts)

    def _write_difference(
        self, tx: Transaction, row: HistoryRow, compared_refund: Refund | None
    ) -> ReconciliationDifference:
        """Write the difference for the row of a refund, open a case about it if our database has the payment, and
        return the difference. `compared_refund` is our refund for this row, None if our database has none. If a probe
        has completed `compared_refund` meanwhile, the case is stored as resolved.
        """
        payment = apply_row.find_payment(tx, self._provider, row)
        refund = refunds.find(tx.conn, compared_refund.id) if compared_refund else None
        verdict = ReconciliationVerdict.DIFFERENT_AMOUNT if refund is None else ReconciliationVerdict.DIFFERENT_STATE
        if payment is not None:
            rule = row_comparison.UNRECORDED_REFUND_RULE if refund is None else row_comparison.DIFFERENT_STATE_RULE
            expected = row_comparison.format_refund_state(compared_refund) or "no refund of ours"
            is_corrected = refund is not None and refund.state is RefundState.COMPLETED
            if refund is not None and is_corrected:
                self._close_cases(tx, payment, row, refund)
            self._comparison.row_applier.open_case(
                tx, payment, rule, format_state_and_time(row), expected, is_corrected=is_corrected
            )
        has_case, own_text = payment is not None, row_comparison.format_refund_state(compared_refund)
        return ReconciliationDifference(
            row.key,
            verdict,
            payment.id if payment else None,
            own_text,
            format_state_and_time(row),
            case_opened=has_case,
        )


def _split_into_batches(rows: Iterable[RowT], rows_per_batch: int) -> Iterator[Sequence[RowT]]:
    """Yield the rows in batches of at most `rows_per_batch`, and finally an empty batch, which marks the end."""
    iterator = iter(rows)
    while batch := list(islice(iterator, rows_per_batch)):
        yield batch
    yield ()
