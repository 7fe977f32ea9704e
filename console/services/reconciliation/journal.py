"""Write a reconciliation run: the effect of a row, its verdict and the run's position are written in one transaction.

After a crash at any row, the run therefore continues with the same counts as without the crash.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.records import Difference, Verdict
from console.services.process.context import ServiceContext
from console.services.process.heartbeat import LEASE_SECONDS
from console.store.database.engine import Transaction
from console.store.operations import leases
from console.store.operations.leases import Lease
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import Run, Stale

KIND = reconciliations.KIND
THEIRS, OURS = "theirs", "ours"
REFUSED_ROWS = "reconcile_rows_refused"
"""Alert rule of the case about a run in which rows were rejected."""
MOST_DIFFERENCES = 1_000
RowEffect = Callable[[Transaction], Difference | None]
"""Writes the effect of a row. Returns the difference that remains; None if both sides agree."""


def lease_name(provider: str) -> str:
    """Return the name of the lease under which only one process at a time reconciles with this provider."""
    return f"reconciliation_{provider}"


class RunJournal(Protocol):
    """Records the verdict about each row, in the sequence of the rows. If `is_dry_run` is True, callers must write
    nothing, so they neither import payments nor probe refunds.
    """

    is_dry_run: bool

    def count_match(self, key: str) -> None:
        """Count a row that matches and needs no write. The count is stored with the next row that is written."""
        ...

    def write(self, key: str, expected: Difference | None, effect: RowEffect) -> None:
        """Record a row with an effect. `expected` is the difference that was found by reading; None if both sides
        agree. `effect` writes and returns the final difference.
        """
        ...

    def move_to(self, key: str) -> None:
        """Move the run's position to the row with this key, without counting the row."""
        ...

    def pause(self) -> None:
        """Store the counts and the position reached so far."""
        ...


class DryRunCounts:
    """The counts and differences of a dry run, in memory only."""

    is_dry_run = True

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.differences: list[Difference] = []

    def count_match(self, key: str) -> None:
        """Count the row as matched."""
        self.counts[Verdict.MATCHED] += 1

    def write(self, key: str, expected: Difference | None, effect: RowEffect) -> None:
        """Count the expected difference and list it (at most MOST_DIFFERENCES). `effect` is not called."""
        self.counts[expected.verdict if expected else Verdict.MATCHED] += 1
        if expected is not None and len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(expected)

    def move_to(self, key: str) -> None:
        """Part of the `RunJournal` interface; a dry run has no position, so nothing is done."""

    def pause(self) -> None:
        """Part of the `RunJournal` interface; a dry run stores nothing, so nothing is done."""


class StoredRun:
    """A run that is stored as a row. Each write renews the lease of the run, and raises in_progress if the lease is
    lost.
    """

    is_dry_run = False

    def __init__(self, context: ServiceContext, run: Run, lease: Lease) -> None:
        self._context, self.run, self._lease = context, run, lease
        self._match_count, self._position = 0, run.position

    def count_match(self, key: str) -> None:
        """Count the row in memory; the next write stores the count and the position."""
        self._match_count, self._position = self._match_count + 1, key

    def move_to(self, key: str) -> None:
        """Move the position in memory; `pause` stores it."""
        self._position = key

    def write(self, key: str, expected: Difference | None, effect: RowEffect) -> None:
        """Call the effect and store its verdict, the counts and the position, in one transaction."""
        self._context.failpoints.reach("before_reconcile_row")
        self.run = self._context.write(lambda tx: self._write(tx, key, effect))
        self._match_count, self._position = 0, key
        self._context.failpoints.reach("after_reconcile_row")

    def _write(self, tx: Transaction, key: str, effect: RowEffect) -> Run:
        difference = effect(tx)
        counts: Counter[str] = Counter({Verdict.MATCHED: self._match_count})
        if difference is None or reconciliations.add_row(tx.conn, self.run.id, difference):
            counts[difference.verdict if difference else Verdict.MATCHED] += 1
        return self._save_position(tx, counts, position=key)

    def pause(self) -> None:
        """Store counts and position, if they have changed."""
        if self._match_count or self._position != self.run.position:
            counts: Counter[str] = Counter({Verdict.MATCHED: self._match_count})
            self.run = self._context.write(lambda tx: self._save_position(tx, counts, position=self._position))
            self._match_count = 0
            self._context.failpoints.reach("after_reconcile_batch")

    def begin_phase(self, phase: str) -> None:
        """Store the counts, then switch the run to `phase` (from THEIRS to OURS) and clear its position."""
        self.pause()
        self.run = self._context.write(lambda tx: self._save_position(tx, Counter(), phase=phase, position=None))
        self._position = None

    def fail_run(self, reason: str) -> None:
        """Set the run to failed, with this reason. A failed run is not continued."""
        self.run = self._context.write(
            lambda tx: self._save_position(tx, Counter(), state=reconciliations.FAILED, reason=reason[:64])
        )

    def end_run(self, record_end: Callable[[Transaction, Run], None]) -> Run:
        """Set the run to done, call `record_end` in the same transaction (it writes the audit entry and the case of
        the run), and release the lease.
        """
        self.pause()

        def write_end(tx: Transaction) -> Run:
            ended_run = self._save_position(tx, Counter(), state=reconciliations.DONE)
            record_end(tx, ended_run)
            leases.release(tx.conn, self._lease)
            return ended_run

        self._context.failpoints.reach("before_reconcile_end")
        self.run = self._context.write(write_end)
        return self.run

    def _save_position(self, tx: Transaction, counts: Counter[str], **values: object) -> Run:
        context, now = self._context, self._context.now()
        seconds = context.scale.lease_seconds(LEASE_SECONDS)
        totals = {
            name: getattr(self.run, name) + counts[name] for name in reconciliations.COUNT_COLUMNS if counts[name]
        }
        try:
            if leases.renew(tx.conn, self._lease, now, seconds):
                return reconciliations.save_progress(tx.conn, self.run, now, **totals, **values)
        except Stale:
            pass
        raise ConsoleError(
            ErrorCode.IN_PROGRESS, {"reconciliation": self.run.id, "reason": InProgressReason.RECONCILIATION}
        )
