"""A bulk run in this process's hands: row after row under its lease, each judged, done and kept by itself.

While a run is running its reason says at which row it is: whoever goes on after a death judges that one again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from console.domain.bulk_records import BulkProgress, Forecast, Result, Verdict, reason_with
from console.domain.errors import ConsoleError
from console.domain.records import Person
from console.domain.worker_records import BulkRow, BulkRun
from console.services import going_on, refusals
from console.services.bulk_acts import BulkActs, Ending
from console.services.bulk_judging import ALREADY, Judging
from console.services.desk import Desk
from console.services.heartbeat import Heartbeat
from console.services.settling import tolerated
from console.store import bulk, leases, swaps
from console.store.engine import Transaction
from console.store.leases import Lease

KIND = bulk.KIND
IN_A_ROW = 3
"""After so many refusals of one provider, one after the other, a run pauses."""
_PAGE = 200
_UNDER_WAY = "row:"
_log = logging.getLogger("console.worker")

Progress = Callable[[BulkProgress], None]
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Order:
    """How a run is to be run: by whom, how many rows at most in this turn, whom it tells, and when it stops."""

    person: Person
    progress: Progress = lambda _done: None
    stop: Stop = lambda: False
    batch: int | None = None


@dataclass
class _Work:
    """A run that this process holds. `again`: the position that was under way when whoever ran it went away."""

    run: BulkRun
    order: Order
    lease: Lease
    again: int | None
    results: Counter[str] = field(default_factory=Counter)
    strikes: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    @property
    def is_full(self) -> bool:
        return self.order.batch is not None and self.taken >= self.order.batch


class _Lost(Exception):
    """Somebody else has the run now, or has stopped it."""


class BulkRunning:
    """Runs frozen sets. Who may, is asked before."""

    def __init__(self, desk: Desk, judging: Judging, acts: BulkActs, heartbeat: Heartbeat) -> None:
        self._desk, self._judging, self._acts, self._heartbeat = desk, judging, acts, heartbeat

    def run(self, run_id: int, most: int | None, order: Order) -> int:
        """Do the rows that have no result yet, the first `most` of the set (None: as many as before); how many were
        taken. Raises in_progress while somebody else runs it.
        """
        with self._held(run_id) as lease:
            run, again = self._desk.write(lambda tx: self._begin(tx, run_id, most))
            work = _Work(run, order, lease, again)
            try:
                self._all_rows(work)
            except _Lost:
                _log.info("bulk run %s: somebody else has it, or stopped it", run.name)
        return work.taken

    @swaps.runs_again()
    def _begin(self, tx: Transaction, run_id: int, most: int | None) -> tuple[BulkRun, int | None]:
        """Running, and the position that was under way when whoever ran it before went away."""
        run = found(tx.conn, run_id)
        if run.state == bulk.DONE:
            return run, None
        died_at = (run.reason or "").removeprefix(_UNDER_WAY) if run.state == bulk.RUNNING else ""
        begun = bulk.set_state(tx.conn, run, self._desk.now(), bulk.RUNNING, most, run.reason if died_at else None)
        self._desk.note(tx, "bulk.begun", run_id, {"most": begun.most, "done": run.done}, kind=KIND)
        return begun, int(died_at) if died_at.isdecimal() else None

    def _all_rows(self, work: _Work) -> None:
        with self._desk.database.read() as conn:
            work.results.update({name: n for name, n in bulk.results(conn, work.run.id).items() if name})
        before = -1
        while work.run.state == bulk.RUNNING and not work.is_full and work.taken > before:
            before = work.taken
            with self._desk.database.read() as conn:
                rows = bulk.next_open(conn, work.run.id, _PAGE)
            if not rows:
                self._end(work, *_whole(work.run))
                return
            if not self._some(work, rows):
                return

    def _some(self, work: _Work, rows: Sequence[BulkRow]) -> bool:
        """False where the run has ended before them."""
        for row in going_on.going_on(rows):
            if work.is_full:
                break
            if work.order.stop():
                self._end(work, bulk.STOPPED, "asked")
                return False
            if not self._one(work, row):
                return False
        return True

    def _one(self, work: _Work, row: BulkRow) -> bool:
        """Judge a row, do it and keep what became of it; False where the run pauses."""
        again = work.again == row.position
        with self._desk.database.read() as conn:
            if (now := bulk.find(conn, work.run.id)) is None or now.version != work.run.version:
                raise _Lost
            seen = self._judging.forecast(conn, work.run, row, work.order.person, begun=again)
        ending = self._done(work, seen, again=again)
        work.taken += 1
        work.results[ending.result] += 1
        work.order.progress(BulkProgress(sum(work.results.values()), work.run.most, dict(work.results)))
        return self._bear(work, seen, ending)

    def _done(self, work: _Work, seen: Forecast, *, again: bool) -> Ending:
        row, acts = seen.row, self._acts
        if seen.verdict is not Verdict.WOULD:
            ending = _without(seen)
        elif acts.asks(work.run.action):
            self._desk.write(lambda tx: self._mark(tx, work, row))
            self._desk.failpoints.reach("before_bulk_row")
            ending = self._asked(work, seen, again=again)
            self._desk.failpoints.reach("after_bulk_row")
        else:
            return self._desk.write(lambda tx: self._keep(tx, work, row, acts.write(tx, work.run, row)))
        return self._desk.write(lambda tx: self._keep(tx, work, row, ending))

    def _asked(self, work: _Work, seen: Forecast, *, again: bool) -> Ending:
        try:
            return self._acts.ask(work.run, seen.row, seen.provider, again=again)
        except ConsoleError:
            raise
        except Exception:
            _log.exception("bulk run %s, row %s", work.run.name, seen.row.position)
            return Ending(Result.FAILED, "internal_error", refused=True)

    def _mark(self, tx: Transaction, work: _Work, row: BulkRow) -> None:
        """From here on whoever goes on knows that this row may have been done."""
        self._fence(tx, work)
        at = f"{_UNDER_WAY}{row.position}"
        try:
            marked = bulk.set_state(tx.conn, work.run, self._desk.now(), bulk.RUNNING, reason=at)
        except bulk.Stale:
            raise _Lost from None
        tx.after_commit(lambda: setattr(work, "run", marked))

    def _keep(self, tx: Transaction, work: _Work, row: BulkRow, ending: Ending) -> Ending:
        self._fence(tx, work)
        bulk.note_result(tx.conn, work.run.id, row.position, ending.result.value, ending.reason, self._desk.now())
        return ending

    def _fence(self, tx: Transaction, work: _Work) -> None:
        """Whoever lost the lease writes nothing more."""
        if not leases.renew(tx.conn, work.lease, self._desk.now(), self._heartbeat.lease_seconds):
            raise _Lost

    def _bear(self, work: _Work, seen: Forecast, ending: Ending) -> bool:
        """Count a provider's refusals, one after the other; False where there were too many."""
        provider = seen.provider or ""
        if not ending.refused:
            if ending.result is Result.DONE:
                work.strikes[provider] = 0
            return True
        work.strikes[provider] += 1
        if work.strikes[provider] < IN_A_ROW:
            return True
        self._end(work, bulk.PAUSED, reason_with(ending.reason or "", provider))
        return False

    def _end(self, work: _Work, state: str, reason: str | None) -> None:
        @swaps.runs_again()
        def end(tx: Transaction) -> None:
            self._fence(tx, work)
            run = found(tx.conn, work.run.id)
            if run.state != bulk.RUNNING:
                return
            bulk.set_state(tx.conn, run, self._desk.now(), state, reason=reason)
            facts = {"state": state, **work.results}
            self._desk.note(tx, "bulk.ended", run.id, facts, kind=KIND, reason=reason)

        self._desk.write(end)

    @contextmanager
    def _held(self, run_id: int) -> Iterator[Lease]:
        """The run's lease, kept alive. Raises in_progress with who has it."""
        desk, seconds, name = self._desk, self._heartbeat.lease_seconds, lease_name(run_id)
        lease = desk.write(lambda tx: leases.take(tx, name, desk.holder(), desk.now(), seconds))
        if lease is None:
            with desk.database.read() as conn:
                holder = leases.holder_of(conn, name)
            raise ConsoleError("in_progress", {"reason": "bulk", **refusals.holding(holder)})
        beat = f"{name}.{lease.fence}"
        self._heartbeat.add(beat, lambda: self._beat(lease))
        try:
            yield lease
        finally:
            self._heartbeat.remove(beat)
            with tolerated("giving a lease up"):
                desk.write(lambda tx: leases.release(tx.conn, lease))

    def _beat(self, lease: Lease) -> None:
        desk, seconds = self._desk, self._heartbeat.lease_seconds
        desk.write(lambda tx: leases.renew(tx.conn, lease, desk.now(), seconds))


def found(conn: Connection, run_id: int) -> BulkRun:
    """Raises not_found."""
    run = bulk.find(conn, run_id)
    if run is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(run_id)})
    return run


def lease_name(run_id: int) -> str:
    """Whoever holds it runs the run, alone."""
    return f"bulk_{run_id}"


def _whole(run: BulkRun) -> tuple[str, str | None]:
    """How a run ends of which every row that was to be done has a result."""
    return (bulk.DONE, None) if run.most >= run.size else (bulk.STOPPED, "most")


def _without(seen: Forecast) -> Ending:
    """What becomes of a row that nothing is done to."""
    if seen.reason == ALREADY:
        return Ending(Result.DONE, ALREADY)
    result = Result.SKIPPED if seen.verdict is Verdict.SKIP else Result.REFUSED
    return Ending(result, reason_with(seen.reason or "", seen.who))
