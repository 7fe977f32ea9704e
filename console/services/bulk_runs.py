"""Bulk runs: records frozen with their versions, looked through without effect, and done one after the other.

A run is a row under the lease `bulk_{id}`, so that it belongs to no window: who ran it may go away at any point, and
somebody else goes on. A row that was under way then is judged again, and what is done already counts as done.
"""

import csv
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from console.domain.bulk_records import NOT_DONE, BulkPlan, BulkProgress, Chosen, Forecast, Result, Verdict
from console.domain.dates import instant_text
from console.domain.errors import ConsoleError
from console.domain.permissions import same_person
from console.domain.records import Person
from console.domain.recovery_choices import TABLE, kind_of
from console.domain.worker_records import BulkAction, BulkRow, BulkRun
from console.services import going_on, refusals
from console.services.auditing import safe_cell
from console.services.bulk_acts import BulkActs
from console.services.bulk_judging import Judging
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
_PAGE = 200
_log = logging.getLogger("console.worker")
_CSV = ("position", "kind", "id", "result", "reason", "at")


class BulkRuns:
    """`console.bulk`. Actions: probe, refetch, take, note; never anything about money."""

    def __init__(self, desk: Desk, queues: Queues, judging: Judging, acts: BulkActs, running: BulkRunning) -> None:
        self._desk, self._queues, self._judging, self._acts, self._running = desk, queues, judging, acts, running

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
        page = self._queues.queue(queue, _PAGE)
        records = [item.record for item in page.items]
        while page.next_cursor is not None and len(records) <= LARGEST:
            page = self._queues.queue(queue, _PAGE, page.next_cursor)
            records += [item.record for item in page.items]
        return _rows([Chosen(kind_of(record), record.id, record.version) for record in records])

    def _freeze(
        self, tx: Transaction, action: BulkAction, rows: Sequence[BulkRow], person: str, words: str | None
    ) -> int:
        desk = self._desk
        run_id = bulk.freeze(tx.conn, action, rows, person, desk.now(), words)
        desk.note(tx, "bulk.frozen", run_id, {"action": action.value, "n": len(rows)}, kind=KIND)
        return run_id

    def show(self, run_id: int) -> BulkRun:
        """Raises not_found, and not_allowed for who may not look."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return found(conn, run_id)

    def latest(self, limit: int = 50) -> tuple[BulkRun, ...]:
        """The last runs, newest first."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return bulk.latest(conn, max(1, min(limit, 1_000)))

    def rows(self, run_id: int, only: str | None = None, after: int = 0, limit: int = 1_000) -> tuple[BulkRow, ...]:
        """Rows by position; `only` one result, or `not_done`; `after`: the last position seen."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            if only != NOT_DONE:
                return bulk.rows(conn, run_id, only, after, limit)
            left: list[BulkRow] = []
            while len(left) < limit and (page := bulk.rows(conn, run_id, None, after, _PAGE)):
                left += [row for row in page if row.result != Result.DONE]
                after = page[-1].position
        return tuple(left[:limit])

    def dry_run(self, run_id: int) -> BulkPlan:
        """What each row that is still open would come to now, with totals. Asks nobody and writes nothing."""
        run = self.show(run_id)
        person = self._desk.person() if self._desk.operator else None
        seen: list[Forecast] = []
        for rows in self._open_pages(run):
            with self._desk.database.read() as conn:
                seen += [self._judging.forecast(conn, run, row, person) for row in rows]
        totals = Counter(one.verdict for one in seen)
        by_provider = Counter(one.provider for one in seen if one.verdict is Verdict.WOULD)
        slowest = [self._acts.seconds_for(run.action, provider) * n for provider, n in by_provider.items()]
        return BulkPlan(run, tuple(seen), max(slowest, default=0.0), totals)

    def _open_pages(self, run: BulkRun) -> Iterator[list[BulkRow]]:
        after = 0
        while True:
            with self._desk.database.read() as conn:
                page = bulk.rows(conn, run.id, None, after, _PAGE)
            if not page or page[0].position > run.most:
                return
            after = page[-1].position
            yield [row for row in page if row.result is None and row.position <= run.most]

    # Running

    def run(
        self, run_id: int, most: int | None = None, progress: Progress | None = None, stop: Stop | None = None
    ) -> BulkRun:
        """Do the rows that have no result yet, the first `most` of the set (None: as many as before); the run as it
        is when it ended, paused or was stopped. `stop` is asked between two rows.

        Raises not_found, usage, not_allowed, and in_progress while somebody else runs it.
        """
        run = self.show(run_id)
        if most is not None and not 0 < most <= run.size:
            raise ConsoleError("usage", {"problem": "bulk_most", "most": run.size})
        with refusals.audited(self._desk, ACTION, run_id, kind=KIND):
            person = self._desk.require(run.action.value)
            self._require_own(run, person)
            if run.state != bulk.DONE:
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

    # Taking the results along

    def export(self, run_id: int, path: Path, only: str | None = None) -> int:
        """Write what became of the rows as CSV, for a spreadsheet: UTF-8 with signature, no cell a formula; how many.
        The first line says what it is. Raises usage for a file that exists, storage_full, not_found, not_allowed.
        """
        run = self.show(run_id)
        title = (run.name, run.action.value, only or "all", self._desk.operator or "", instant_text(self._desk.now()))
        rows = 0
        try:
            with path.open("x", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerows([[safe_cell(text) for text in title], list(_CSV)])
                for row in self._exported(run_id, only):
                    writer.writerow([safe_cell(text) for text in _cells(row)])
                    rows += 1
        except FileExistsError as exists:
            raise ConsoleError("usage", {"problem": "file_exists", "file": str(path)}) from exists
        except OSError as trouble:
            raise ConsoleError("storage_full", {"file": str(path), "problem": str(trouble)}) from trouble
        facts = {"n": rows, "only": only}
        self._desk.write(lambda tx: self._desk.note(tx, "bulk.exported", run_id, facts, kind=KIND))
        return rows

    def _exported(self, run_id: int, only: str | None) -> Iterator[BulkRow]:
        page = self.rows(run_id, only, 0, _PAGE)
        while page:
            yield from page
            page = self.rows(run_id, only, page[-1].position, _PAGE)


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


def _cells(row: BulkRow) -> tuple[str, ...]:
    at = instant_text(row.done_at) if row.done_at else ""
    return str(row.position), row.kind, str(row.subject_id), row.result or "", row.reason or "", at


def _unheard(_done: BulkProgress) -> None:
    """Nobody looks."""


def _never() -> bool:
    return False
