"""Store the progress of a reconciliation run: the counts, the differences, and the position (the key of the last
compared row).

One transaction writes the effect of a row, the difference that the row shows, and the run's new position. After a
crash at any row, a continued run therefore gets the same counts as a run without a crash.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.records import ReconciliationDifference, ReconciliationVerdict
from console.services.process.context import ServiceContext
from console.services.process.heartbeat import LEASE_SECONDS
from console.store.database.engine import Transaction
from console.store.operations import leases
from console.store.operations.leases import Lease
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import ReconciliationRun, StaleRow

RECONCILIATION_KIND = reconciliations.RECONCILIATION_KIND
PROVIDER_ROWS_PHASE = "theirs"
OWN_ROWS_PHASE = "ours"
REFUSED_ROWS_RULE = "reconcile_rows_refused"
"""Alert rule of the case about a run in which rows of the history were rejected."""
MAX_LISTED_DIFFERENCES = 1_000
HistoryRowWriter = Callable[[Transaction], ReconciliationDifference | None]
"""A function that writes the effect of a row in the given transaction. It returns the difference that remains; None
if both sides agree.
"""


def make_lease_name(provider: str) -> str:
    """Return the name of the lease for reconciliations with this provider. Only one process at a time holds it."""
    return f"reconciliation_{provider}"


class ReconciliationRunJournal(Protocol):
    """Interface that records the result of each compared row, in the sequence of the rows.

    If `is_dry_run` is True, the run must not write anything. The callers then import no payments and probe no
    refunds.
    """

    is_dry_run: bool

    def count_match(self, key: str) -> None:
        """Count the row with this key, which agrees with our record. Nothing is written for this row; the next write
        stores the count.
        """
        ...

    def write_row(
        self, key: str, expected_difference: ReconciliationDifference | None, effect: HistoryRowWriter
    ) -> None:
        """Record the result of the row with this key, which has an effect to write or a difference.
        `expected_difference` is the difference that the comparison found; None if the row agrees with our record.
        `effect` writes the row's effect and returns the difference that remains.
        """
        ...

    def set_position(self, key: str) -> None:
        """Move the run's position to the row with this key, without counting the row."""
        ...

    def store_progress(self) -> None:
        """Write the run's counts and its position (the key of the last compared row) to the database."""
        ...


class DryRunCounts:
    """Counts and lists the differences of a dry run, in memory only."""

    is_dry_run = True

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.differences: list[ReconciliationDifference] = []

    def count_match(self, key: str) -> None:
        """Count a row that agrees with our record. `key`, the row's key, is not used."""
        self.counts[ReconciliationVerdict.MATCHED] += 1

    def write_row(
        self, key: str, expected_difference: ReconciliationDifference | None, effect: HistoryRowWriter
    ) -> None:
        """Count the difference `expected_difference` and add it to the list of differences (at most
        MAX_LISTED_DIFFERENCES). `key` is not stored and `effect` not called, because a dry run writes nothing.
        """
        self.counts[expected_difference.verdict if expected_difference else ReconciliationVerdict.MATCHED] += 1
        if expected_difference is not None and len(self.differences) < MAX_LISTED_DIFFERENCES:
            self.differences.append(expected_difference)

    def set_position(self, key: str) -> None:
        """Do nothing: a dry run has no position. Part of the interface `ReconciliationRunJournal`."""

    def store_progress(self) -> None:
        """Do nothing: a dry run stores nothing. Part of the interface `ReconciliationRunJournal`."""


class StoredReconciliationRun:
    """A reconciliation run that has a row in the database. Each write also renews the run's lease, and raises
    in_progress if another process has acquired the lease."""

    is_dry_run = False

    def __init__(self, context: ServiceContext, run: ReconciliationRun, lease: Lease) -> None:
        self._context, self.run, self._lease = context, run, lease
        self._match_count, self._position = 0, run.position

    def count_match(self, key: str) -> None:
        """Count, in memory, the row with this key, which agrees with our record, and set the run's position to
        this row. The next write stores both.
        """
        self._match_count, self._position = self._match_count + 1, key

    def set_position(self, key: str) -> None:
        """Set the run's position, in memory, to the row with this key. `store_progress` stores the position."""
        self._position = key

    def write_row(
        self, key: str, expected_difference: ReconciliationDifference | None, effect: HistoryRowWriter
    ) -> None:
        """Call `effect`, which writes the effect of the row with this key. Store the difference that it returns,
        the counts and the position, in the same transaction. `expected_difference` is not used."""
        self._context.failpoints.reach("before_reconcile_row")
        self.run = self._context.write(lambda tx: self._write_row_in_transaction(tx, key, effect))
        self._match_count, self._position = 0, key
        self._context.failpoints.reach("after_reconcile_row")

    def _write_row_in_transaction(self, tx: Transaction, key: str, effect: HistoryRowWriter) -> ReconciliationRun:
        """Call `effect`, store the difference that it returns (None: the row matches), and count the row. `key` is
        the position of the row, which the run stores. Return the changed run.
        """
        self._renew_lease(tx)  # first: the effect of a row of another process's run must not be tried
        difference = effect(tx)
        counts: Counter[str] = Counter({ReconciliationVerdict.MATCHED: self._match_count})
        if difference is None or reconciliations.add_difference(tx.conn, self.run.id, difference):
            counts[difference.verdict if difference else ReconciliationVerdict.MATCHED] += 1
        return self._change_run(tx, counts, position=key)

    def store_progress(self) -> None:
        """Store the counts and the position if they have changed since the last write."""
        if self._match_count or self._position != self.run.position:
            counts: Counter[str] = Counter({ReconciliationVerdict.MATCHED: self._match_count})
            self.run = self._context.write(lambda tx: self._save_run_progress(tx, counts, position=self._position))
            self._match_count = 0
            self._context.failpoints.reach("after_reconcile_batch")

    def begin_phase(self, phase: str) -> None:
        """Store the counts, and begin the phase `phase` of the run at the first row of this phase. `phase` is
        OWN_ROWS_PHASE, the phase after PROVIDER_ROWS_PHASE."""
        self.store_progress()
        self.run = self._context.write(lambda tx: self._save_run_progress(tx, Counter(), phase=phase, position=None))
        self._position = None

    def fail_run(self, reason: str) -> None:
        """Set the run's state to failed, with this reason code. A failed run is never continued."""
        self.run = self._context.write(
            lambda tx: self._save_run_progress(
                tx, Counter(), state=reconciliations.FAILED_RUN_STATE, reason=reason[:64]
            )
        )

    def end_run(self, record_end: Callable[[Transaction, ReconciliationRun], None]) -> ReconciliationRun:
        """Set the run's state to done and release its lease. In the same transaction, `record_end` writes the run's
        audit entry, and a case about rejected rows if the run has any. Return the ended run.
        """
        self.store_progress()

        def write_end(tx: Transaction) -> ReconciliationRun:
            ended_run = self._save_run_progress(tx, Counter(), state=reconciliations.DONE_RUN_STATE)
            record_end(tx, ended_run)
            leases.release(tx.conn, self._lease)
            return ended_run

        self._context.failpoints.reach("before_reconcile_end")
        self.run = self._context.write(write_end)
        return self.run

    def _save_run_progress(self, tx: Transaction, counts: Counter[str], **values: object) -> ReconciliationRun:
        """Renew the lease, and change the run as `_change_run` does; return the changed run. Raises in_progress if
        another process has acquired the lease or changed the run."""
        self._renew_lease(tx)
        return self._change_run(tx, counts, **values)

    def _renew_lease(self, tx: Transaction) -> None:
        """Renew the lease. Raises in_progress if another process has acquired it."""
        context = self._context
        if not leases.renew(tx.conn, self._lease, context.now(), context.scale.scale_lease_seconds(LEASE_SECONDS)):
            raise self._make_taken_over_error()

    def _change_run(self, tx: Transaction, counts: Counter[str], **values: object) -> ReconciliationRun:
        """Add `counts` to the counts in the run's row, store `values` in the columns of these names, and return the
        changed run. Raises in_progress if another process has changed the run."""
        totals = {
            name: getattr(self.run, name) + counts[name] for name in reconciliations.COUNT_COLUMNS if counts[name]
        }
        try:
            return reconciliations.save_progress(tx.conn, self.run, self._context.now(), **totals, **values)
        except StaleRow:
            raise self._make_taken_over_error() from None

    def _make_taken_over_error(self) -> ConsoleError:
        return ConsoleError(
            ErrorCode.IN_PROGRESS, {"reconciliation": self.run.id, "reason": InProgressReason.RECONCILIATION_RUNNING}
        )
