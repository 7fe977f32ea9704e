"""Bulk runs: records frozen with their versions, looked through without effect, and done one after the other.

A run is a row under the lease `bulk_{id}`, so that it belongs to no window: who ran it may go away at any point, and
somebody else goes on. A row that was under way then is judged again, and what is done already counts as done.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress

from console.domain.bulk_records import DISCARDED, BulkProgress, Chosen
from console.domain.errors import ConsoleError
from console.domain.permissions import same_person
from console.domain.records import Person
from console.domain.recovery_choices import TABLE, kind_of
from console.domain.worker_records import BulkAction, BulkRow, BulkRun
from console.services import going_on, refusals
from console.services.bulk_acts import BulkActs
from console.services.bulk_judging import Judging
from console.services.bulk_reading import PAGE, BulkReading
from console.services.bulk_running import KIND, BulkRunning, Order, Progress, Stop, found, lease_name
from console.services.desk import Desk
from console.services.noting import readable
from console.services.queues import Queues
from console.store import bulk, leases, swaps
from console.store.engine import Transaction

ACTION = "bulk.run"
LARGEST = 20_000
"""Records of one set."""
BATCH = 100
"""Rows of one turn of the due task."""
_log = logging.getLogger("console.worker")


class BulkRuns(BulkReading):
    """`console.bulk`. Actions: probe, refetch, take, note; never anything about money."""

    def __init__(self, desk: Desk, queues: Queues, judging: Judging, acts: BulkActs, running: BulkRunning) -> None:
        super().__init__(desk, judging, acts)
        self._queues, self._running = queues, running

    # Freezing, and looking through

    def freeze(self, action: str, chosen: Sequence[Chosen] | str, words: str | None = None) -> BulkRun:
        """Keep these records, or all that a queue (by its name) has now, with their versions: nothing joins later.
        A note needs its words. Raises usage for another action, no records or too many, and not_allowed.
        """
        act = _action(action)
        told = readable(words or "") if act is BulkAction.NOTE else None
        with refusals.audited(self._desk, "bulk.frozen", None, {"action": act.value}, kind=KIND):
            person = self._desk.require(act.value).name
            rows = self._all_of(chosen) if isinstance(chosen, str) else _rows(chosen)
            if not 0 < len(rows) <= LARGEST:
                raise ConsoleError("usage", {"problem": "bulk_size", "n": len(rows), "most": LARGEST})
            run_id = self._desk.write(lambda tx: self._freeze(tx, act, rows, person, told))
        return self.show(run_id)

    def _all_of(self, queue: str) -> list[BulkRow]:
        page = self._queues.queue(queue, PAGE)
        records = [item.record for item in page.items]
        while page.next_cursor is not None and len(records) <= LARGEST:
            page = self._queues.queue(queue, PAGE, page.next_cursor)
            records += [item.record for item in page.items]
        return _rows([Chosen(kind_of(record), record.id, record.version) for record in records])

    def _freeze(
        self, tx: Transaction, action: BulkAction, rows: Sequence[BulkRow], person: str, words: str | None
    ) -> int:
        desk = self._desk
        run_id = bulk.freeze(tx.conn, action, rows, person, desk.now(), words)
        desk.note(tx, "bulk.frozen", run_id, {"action": action.value, "n": len(rows)}, kind=KIND)
        return run_id

    # Running

    def run(
        self, run_id: int, most: int | None = None, progress: Progress | None = None, stop: Stop | None = None,
        leave: Stop | None = None,
    ) -> BulkRun:  # fmt: skip
        """Do the rows that have no result yet, the first `most` of the set (None: as many as before); the run as it
        is when it ended, paused or was stopped. `stop` and `leave` are asked between two rows: the one ends it, the
        other ends only this process's part in it, and the program goes on elsewhere.

        Raises not_found, usage, not_allowed, and in_progress while somebody else runs it.
        """
        run = self.show(run_id)
        if most is not None and not 0 < most <= run.size:
            raise ConsoleError("usage", {"problem": "bulk_most", "most": run.size})
        with refusals.audited(self._desk, ACTION, run_id, kind=KIND):
            person = self._desk.require(run.action.value)
            self._require_own(run, person)
            if run.state != bulk.DONE:
                with going_on.while_true(lambda: not (leave or _never)()):
                    self._running.run(run_id, most, Order(person, progress or _unheard, stop or _never))
        return self.show(run_id)

    def stop(self, run_id: int) -> BulkRun:
        """After the row that is under way, wherever it runs. Without effect on one that does not run."""
        self._desk.require(self.show(run_id).action.value)

        @swaps.runs_again()
        def end(tx: Transaction) -> None:
            run = found(tx.conn, run_id)
            if run.state == bulk.RUNNING:
                bulk.set_state(tx.conn, run, self._desk.now(), bulk.STOPPED, reason="asked")
                self._desk.note(tx, "bulk.stopped", run_id, kind=KIND)

        self._desk.write(end)
        return self.show(run_id)

    def discard(self, run_id: int) -> BulkRun:
        """Give up what is left of a run that doesn't run: it is done for good. Raises not_found, in_progress for one
        that runs, not_allowed for anybody but its maker.
        """
        run = self.show(run_id)
        with refusals.audited(self._desk, "bulk.discarded", run_id, kind=KIND):
            person = self._desk.require(run.action.value)
            if not same_person(person.name, run.made_by):
                facts = {"operator": person.name, "reason": "bulk_discard", "maker": run.made_by}
                raise ConsoleError("not_allowed", facts)
            self._desk.write(lambda tx: self._discard(tx, run_id))
        return self.show(run_id)

    @swaps.runs_again()
    def _discard(self, tx: Transaction, run_id: int) -> None:
        run = found(tx.conn, run_id)
        if run.state == bulk.RUNNING:
            raise ConsoleError("in_progress", {"reason": "bulk", "kind": KIND, "id": run_id})
        if run.state != bulk.DONE:
            bulk.set_state(tx.conn, run, self._desk.now(), bulk.DONE, reason=DISCARDED)
            self._desk.note(tx, "bulk.discarded", run_id, {"done": run.done, "n": run.size}, kind=KIND)

    def go_on(self) -> int:
        """The due task: a turn of each run whose process went away; how many rows it took."""
        with self._desk.database.read() as conn:
            waiting = bulk.unfinished(conn)
        return sum(self._turn(run) for run in going_on.going_on(waiting))

    def _turn(self, run: BulkRun) -> int:
        person = self._desk.person()
        if not self._acts.asks(run.action) and not same_person(person.name, run.made_by):
            return self._leave_to_its_maker(run)
        try:
            self._desk.require(run.action.value)
            return self._running.run(run.id, None, Order(person, batch=BATCH))
        except ConsoleError as refusal:
            _log.info("bulk run %s: %s", run.name, refusal.code)
            return 0

    def _leave_to_its_maker(self, run: BulkRun) -> int:
        """Nobody takes or notes in the name of somebody else."""
        with self._desk.database.read() as conn:
            lives = leases.holder_of(conn, lease_name(run.id)) is not None
        if not lives:
            with suppress(bulk.Stale):  # somebody has it again
                self._desk.write(
                    lambda tx: bulk.set_state(tx.conn, run, self._desk.now(), bulk.PAUSED, reason="maker")
                )
        return 0

    def _require_own(self, run: BulkRun, person: Person) -> None:
        if not self._acts.asks(run.action) and not same_person(person.name, run.made_by):
            facts = {"operator": person.name, "reason": "bulk_maker", "maker": run.made_by}
            raise ConsoleError("not_allowed", facts)


def _action(name: str) -> BulkAction:
    try:
        return BulkAction(name)
    except ValueError:
        allowed = [one.value for one in BulkAction]
        raise ConsoleError("usage", {"problem": "bulk_action", "allowed": allowed}) from None


def _rows(chosen: Sequence[Chosen]) -> list[BulkRow]:
    for one in chosen:
        if one.kind not in TABLE:
            raise ConsoleError("usage", {"problem": "bulk_kind", "allowed": sorted(TABLE)})
    return [BulkRow(0, one.kind, one.id, one.saw) for one in chosen]


def _unheard(_done: BulkProgress) -> None:
    """Nobody looks."""


def _never() -> bool:
    return False
