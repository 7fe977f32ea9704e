"""How a reconciliation is written down: what a row changes, its verdict and the place, all in one transaction.

So it goes on after a crash at any row with the counts that it would have had without.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from console.domain.errors import ConsoleError
from console.domain.worker_records import Difference, Verdict
from console.services.desk import Desk
from console.services.heartbeat import LEASE_SECONDS
from console.store import leases, reconciliations
from console.store.engine import Transaction
from console.store.leases import Lease
from console.store.reconciliations import Run, Stale

KIND = reconciliations.KIND
THEIRS, OURS = "theirs", "ours"
REFUSED_ROWS = "reconcile_rows_refused"
"""The rule of a case about a run whose rows were not all believed."""
MOST_DIFFERENCES = 1_000
Effect = Callable[[Transaction], Difference | None]
"""What a row changes; the difference that it is in the end, None where it matches."""


def lease_name(provider: str) -> str:
    """Who holds it reconciles with this provider."""
    return f"reconciliation_{provider}"


class Book(Protocol):
    """Takes verdicts, in the history's order. `dry`: nothing may be written, nobody asked."""

    dry: bool

    def matched(self, key: str) -> None:
        """A row that matches and changes nothing; written with the next one that does."""
        ...

    def write(self, key: str, expected: Difference | None, effect: Effect) -> None:
        """A row that changes something. `expected`: what it comes to as far as a look can tell."""
        ...

    def passed(self, key: str) -> None:
        """Nothing more is to be said of what comes before this; in no count."""
        ...

    def pause(self) -> None:
        """Write what is counted so far."""
        ...


class Sketch:
    """Only counts, for a dry run."""

    dry = True

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.differences: list[Difference] = []

    def matched(self, key: str) -> None:
        self.counts[Verdict.MATCHED] += 1

    def write(self, key: str, expected: Difference | None, effect: Effect) -> None:
        self.counts[expected.verdict if expected else Verdict.MATCHED] += 1
        if expected is not None and len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(expected)

    def passed(self, key: str) -> None:
        """Nothing is written."""

    def pause(self) -> None:
        """Nothing is written."""


class Record:
    """A run as a row, held under a lease that each writing renews."""

    dry = False

    def __init__(self, desk: Desk, run: Run, lease: Lease) -> None:
        self._desk, self.run, self._lease = desk, run, lease
        self._matched, self._key = 0, run.position

    def matched(self, key: str) -> None:
        self._matched, self._key = self._matched + 1, key

    def passed(self, key: str) -> None:
        self._key = key

    def write(self, key: str, expected: Difference | None, effect: Effect) -> None:
        self._desk.failpoints.reach("before_reconcile_row")
        self.run = self._desk.write(lambda tx: self._write(tx, key, effect))
        self._matched, self._key = 0, key
        self._desk.failpoints.reach("after_reconcile_row")

    def _write(self, tx: Transaction, key: str, effect: Effect) -> Run:
        found = effect(tx)
        counts: Counter[str] = Counter({Verdict.MATCHED: self._matched})
        if found is None or reconciliations.add_row(tx.conn, self.run.id, found):
            counts[found.verdict if found else Verdict.MATCHED] += 1
        return self._save(tx, counts, position=key)

    def pause(self) -> None:
        if self._matched or self._key != self.run.position:
            counts: Counter[str] = Counter({Verdict.MATCHED: self._matched})
            self.run = self._desk.write(lambda tx: self._save(tx, counts, position=self._key))
            self._matched = 0
            self._desk.failpoints.reach("after_reconcile_batch")

    def turn(self, phase: str) -> None:
        """Go on to the next half."""
        self.pause()
        self.run = self._desk.write(lambda tx: self._save(tx, Counter(), phase=phase, position=None))
        self._key = None

    def fail(self, reason: str) -> None:
        """It can't be gone on with."""
        self.run = self._desk.write(
            lambda tx: self._save(tx, Counter(), state=reconciliations.FAILED, reason=reason[:64])
        )

    def end(self, note: Callable[[Transaction, Run], None]) -> Run:
        """All rows are through."""
        self.pause()

        def last(tx: Transaction) -> Run:
            ended = self._save(tx, Counter(), state=reconciliations.DONE)
            note(tx, ended)
            leases.release(tx.conn, self._lease)
            return ended

        self._desk.failpoints.reach("before_reconcile_end")
        self.run = self._desk.write(last)
        return self.run

    def _save(self, tx: Transaction, counts: Counter[str], **values: object) -> Run:
        desk, now = self._desk, self._desk.now()
        seconds = desk.scale.lease_seconds(LEASE_SECONDS)
        counted = {name: getattr(self.run, name) + counts[name] for name in reconciliations.COUNTS if counts[name]}
        try:
            if leases.renew(tx.conn, self._lease, now, seconds):
                return reconciliations.save(tx.conn, self.run, now, **counted, **values)
        except Stale:
            pass
        raise ConsoleError("in_progress", {"reconciliation": self.run.id, "reason": "reconciliation"})
