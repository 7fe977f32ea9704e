"""The first half of a reconciliation: every row of their history beside ours, a batch at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from console.domain import comparing
from console.domain.comparing import MATCHED, Follow, compare, ours_text, theirs_text
from console.domain.dates import instant_text
from console.domain.errors import ConsoleError
from console.domain.history_records import HistoryRow, RefusedRow
from console.domain.order_records import Payment, PaymentImport, Refund
from console.domain.payment_news import Way
from console.domain.payment_states import RefundState
from console.domain.worker_records import Difference, Verdict
from console.services import reconcile_facts
from console.services.desk import Desk
from console.services.going_on import going_on
from console.services.histories import MOST_REFUSED, HistorySource
from console.services.imports import Imports
from console.services.reconcile_book import Book
from console.services.reconcile_facts import ReconcileFacts
from console.services.settling import tolerated
from console.store import history_reads, refunds
from console.store.engine import Transaction

BATCH = 200
T = TypeVar("T")
Row = HistoryRow | RefusedRow


class Theirs:
    """Goes through a history. `probe_refund` asks about a refund of ours by its own key."""

    def __init__(
        self, desk: Desk, facts: ReconcileFacts, imports: Imports, probe_refund: Callable[[int], object]
    ) -> None:
        self._desk, self._facts, self._imports, self._probe_refund = desk, facts, imports, probe_refund

    def go(self, provider: str, history: HistorySource, book: Book, after: str | None) -> bool:
        """All rows after the one of that key; False where the run is to stop before. Raises
        provider_answer_unusable for a history of which too much is not believed.
        """
        refused, ended = 0, False
        for batch in going_on(_batches(history.rows(after), BATCH)):
            ended = not batch
            if ended:
                break
            refused += sum(isinstance(row, RefusedRow) for row in batch)
            if refused > MOST_REFUSED:
                raise ConsoleError("provider_answer_unusable", {"reason": "recon_file_unreadable", "rows": refused})
            _Batch(self, provider, history, book, batch).go()
            book.pause()
        return ended

    # What the rows of a batch need

    @property
    def desk(self) -> Desk:
        return self._desk

    @property
    def facts(self) -> ReconcileFacts:
        return self._facts

    def import_of(self, provider: str, row: HistoryRow) -> None:
        """A refund of a payment that isn't here: that is asked for, and booked as the answer says."""
        if row.merchant_payment_id is not None:
            with tolerated(f"importing {row.merchant_payment_id}"):
                self._quietly(lambda: self._imports.import_(PaymentImport(provider, row.merchant_payment_id or "")))

    def ask_about(self, refund: Refund) -> None:
        with tolerated(f"asking about refund {refund.id}"):
            self._quietly(lambda: self._probe_refund(refund.id))

    def _quietly(self, ask: Callable[[], object]) -> None:
        """No answer is an answer here: the row is different then."""
        try:
            ask()
        except ConsoleError as refusal:
            if refusal.exit_status == reconcile_facts.BUG:
                raise


class _Batch:
    """Some rows with the payments that they mean, read together."""

    def __init__(self, half: Theirs, provider: str, history: HistorySource, book: Book, rows: Sequence[Row]) -> None:
        self._half, self._provider, self._history, self._book, self._rows = half, provider, history, book, rows
        told = [row for row in rows if isinstance(row, HistoryRow)]
        theirs = {row.provider_payment_id for row in told if row.provider_payment_id}
        with half.desk.database.read() as conn:
            self._theirs = history_reads.by_theirs(conn, provider, theirs)
            left = [row for row in told if row.provider_payment_id not in self._theirs]
            ours = {row.merchant_payment_id for row in left if row.merchant_payment_id}
            self._ours = history_reads.by_ours(conn, provider, ours)
            ids = {one.id for one in (*self._theirs.values(), *self._ours.values())}
            self._cases = history_reads.open_cases(conn, ids, comparing.RULES)

    def go(self) -> None:
        for row in self._rows:
            if isinstance(row, RefusedRow):
                self._refuse(row.key, row.reason, row.provider_payment_id)
            elif row.refund is None:
                self._payment(row)
            else:
                self._refund(row, row.refund)

    def _refuse(self, key: str, reason: str, theirs: str | None) -> None:
        found = reconcile_facts.refused(key, reason, theirs)
        self._book.write(key, found, lambda _tx: found)

    def _meant(self, row: HistoryRow) -> Payment | None:
        found = self._theirs.get(row.provider_payment_id or "")
        return found or self._ours.get(row.merchant_payment_id or "")

    def _payment(self, row: HistoryRow) -> None:
        payment, way = self._meant(row), self._history.way
        finding = compare(payment, row)
        if finding.follow is Follow.IMPORT and (row.merchant_payment_id is None or way is Way.NOTICE):
            self._unbookable(row)
        elif finding == MATCHED and (payment is None or payment.id not in self._cases):
            self._book.matched(row.key)
        else:
            expected = None
            if finding.verdict is not Verdict.MATCHED:
                ours, theirs = ours_text(payment), theirs_text(row)
                expected = Difference(row.key, finding.verdict, payment.id if payment else None, ours, theirs)
            told = self._history.named(row.key)
            self._book.write(row.key, expected, lambda tx: self._half.facts.take(tx, self._provider, row, way, told))

    def _unbookable(self, row: HistoryRow) -> None:
        """Of a file: it carries no number of ours. Of a source of notices: no order of ours had it, a case of its own
        says so, and it is booked when the order comes.
        """
        if self._history.way is Way.READ:
            self._refuse(row.key, "no_number", row.provider_payment_id)
            return
        theirs = f"{theirs_text(row)} {row.merchant_payment_id}"
        found = Difference(row.key, Verdict.DIFFERENT_STATE, None, None, theirs)
        self._book.write(row.key, found, lambda _tx: found)

    # Refunds

    def _refund(self, row: HistoryRow, state: RefundState) -> None:
        """A failed one moved nothing: the provider tries it again until it is done."""
        if state is not RefundState.COMPLETED:
            self._book.matched(row.key)
            return
        payment = self._meant(row)
        if payment is None and not self._book.dry:
            self._half.import_of(self._provider, row)
        refund = self._refund_of(row, payment)
        if refund is not None and refund.state is RefundState.COMPLETED:
            self._agreed(row, payment, refund)
            return
        if refund is not None and not self._book.dry:
            self._half.ask_about(refund)
        verdict = Verdict.DIFFERENT_AMOUNT if refund is None else Verdict.DIFFERENT_STATE
        expected = Difference(row.key, verdict, payment.id if payment else None, _refund_text(refund), _line(row))
        self._book.write(row.key, expected, lambda tx: self._tell(tx, row, refund))

    def _refund_of(self, row: HistoryRow, payment: Payment | None) -> Refund | None:
        if payment is None:
            return None
        with self._half.desk.database.read() as conn:
            found = refunds.of_payment(conn, payment.id)
        same = [one for one in found if one.amount_minor == row.amount.minor]
        times = self._history.refund_times(row.provider_payment_id or "", row.amount.minor) or ()
        return comparing.meant(same, [at for at in times if at <= row.at]).get(row.at)

    def _agreed(self, row: HistoryRow, payment: Payment | None, refund: Refund) -> None:
        if payment is None or payment.id not in self._cases:
            self._book.matched(row.key)
            return
        self._book.write(row.key, None, lambda tx: self._close(tx, payment, row, refund))

    def _close(self, tx: Transaction, payment: Payment, row: HistoryRow, refund: Refund) -> None:
        """Only cases about this very line, or this very refund."""
        rules = (comparing.UNKNOWN_REFUND, comparing.STATE, comparing.MISSING)
        self._half.facts.close(tx, payment, rules, (_line(row), comparing.missing_refund(refund)))

    def _tell(self, tx: Transaction, row: HistoryRow, seen: Refund | None) -> Difference:
        """It is different; what asking has settled meanwhile asks nothing more of anybody."""
        payment = reconcile_facts.found(tx, self._provider, row)
        refund = refunds.find(tx.conn, seen.id) if seen else None
        verdict = Verdict.DIFFERENT_AMOUNT if refund is None else Verdict.DIFFERENT_STATE
        if payment is not None:
            rule = comparing.UNKNOWN_REFUND if refund is None else comparing.STATE
            expected = _refund_text(seen) or "no refund of ours"
            settled = refund is not None and refund.state is RefundState.COMPLETED
            self._half.facts.tell(tx, payment, rule, _line(row), expected, settled=settled)
        case, ours = payment is not None, _refund_text(seen)
        return Difference(row.key, verdict, payment.id if payment else None, ours, _line(row), case_opened=case)


def _line(row: HistoryRow) -> str:
    return f"{theirs_text(row)} {instant_text(row.at)}"


def _refund_text(refund: Refund | None) -> str | None:
    return f"refund {refund.id} {refund.state.value} {refund.amount_minor} {refund.currency}" if refund else None


def _batches(rows: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The rows in batches; an empty one at the end says that it is the end."""
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch
    yield ()
