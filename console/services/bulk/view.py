"""What people see of bulk runs: which there are, what became or would become of each row, and that as a file."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from console.domain.bulk_records import (
    DISCARDED,
    NOT_DONE,
    BulkItem,
    BulkLine,
    BulkPlan,
    BulkProgress,
    Forecast,
    Result,
    planned,
)
from console.domain.dates import instant_text
from console.domain.worker_records import BulkRow, BulkRun
from console.services import sheets
from console.services.bulk_acts import BulkActs
from console.services.bulk_judging import Judging
from console.services.bulk_running import KIND, found, lease_name
from console.services.desk import Desk
from console.store import any_record, bulk, journal, leases

PAGE = 200
_ENDED = 20
"""So many runs that are done are listed beside those that are not."""
_CSV = ("position", "kind", "id", "result", "reason", "at")


class BulkReading:
    """Reads runs. Nothing here asks a provider or changes a run."""

    def __init__(self, desk: Desk, judging: Judging, acts: BulkActs) -> None:
        self._desk, self._judging, self._acts = desk, judging, acts

    def show(self, run_id: int) -> BulkRun:
        """Raises not_found, and not_allowed for who may not look."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return found(conn, run_id)

    def item(self, run_id: int) -> BulkItem:
        """The same with who runs it now."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return _item(conn, found(conn, run_id))

    def latest(self, limit: int = 50) -> tuple[BulkRun, ...]:
        """The last runs, newest first."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return bulk.latest(conn, max(1, min(limit, 1_000)))

    def overview(self) -> tuple[BulkItem, ...]:
        """What is not done, whoever made it, and below it the last ones that are; newest first. Those that were given
        up are not in it.
        """
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            kept = {run.id: run for run in (*bulk.open_ones(conn), *bulk.latest(conn, _ENDED))}
            items = [_item(conn, run) for run in kept.values() if run.reason != DISCARDED]
        return tuple(sorted(items, key=lambda one: (not one.is_open, -one.run.id)))

    def waiting(self) -> int:
        """How many runs go on, or wait for somebody who lets them go on."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return sum(run.state in (bulk.RUNNING, bulk.PAUSED) for run in bulk.open_ones(conn))

    def tally(self, run_id: int) -> BulkProgress:
        """How far it has got, and how many rows have which result."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            run = found(conn, run_id)
            counts = {name: n for name, n in bulk.results(conn, run_id).items() if name}
        return BulkProgress(sum(counts.values()), run.most, counts)

    def rows(self, run_id: int, only: str | None = None, after: int = 0, limit: int = 1_000) -> tuple[BulkRow, ...]:
        """Rows by position; `only` one result, or `not_done`; `after`: the last position seen."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            if only != NOT_DONE:
                return bulk.rows(conn, run_id, only, after, limit)
            left: list[BulkRow] = []
            while len(left) < limit and (page := bulk.rows(conn, run_id, None, after, PAGE)):
                left += [row for row in page if row.result != Result.DONE]
                after = page[-1].position
        return tuple(left[:limit])

    def lines(self, run_id: int, only: str | None = None, after: int = 0, limit: int = PAGE) -> tuple[BulkLine, ...]:
        """The same rows, each with its record as it is now."""
        rows = self.rows(run_id, only, after, limit)
        with self._desk.database.read() as conn:
            lapsed = journal.lapsed_by_kind(conn)
            return tuple(BulkLine(row, any_record.find(conn, row.kind, row.subject_id, lapsed)) for row in rows)

    def dry_run(self, run_id: int, progress: Callable[[int], None] | None = None) -> BulkPlan:
        """What each row that is still open would come to now, with totals. Asks nobody and writes nothing. `progress`
        hears how many have been looked at.
        """
        run = self.show(run_id)
        person = self._desk.person() if self._desk.operator else None
        seen: list[Forecast] = []
        for rows in self._open_pages(run):
            with self._desk.database.read() as conn:
                seen += [self._judging.forecast(conn, run, row, person) for row in rows]
            if progress is not None:
                progress(len(seen))
        providers = {one.provider for one in seen}
        return planned(run, seen, {name: self._acts.seconds_for(run.action, name) for name in providers})

    def _open_pages(self, run: BulkRun) -> Iterator[list[BulkRow]]:
        after = 0
        while True:
            with self._desk.database.read() as conn:
                page = bulk.rows(conn, run.id, None, after, PAGE)
            if not page:
                return
            after = page[-1].position
            yield [row for row in page if row.result is None]

    # Taking the results along

    def export(self, run_id: int, path: Path, only: str | None = None) -> int:
        """Write what became of the rows as CSV, for a spreadsheet: UTF-8 with signature, no cell a formula; how many.
        The first line says what it is. Raises usage for a file that exists, storage_full, not_found, not_allowed.
        """
        run = self.show(run_id)
        title = (run.name, run.action.value, only or "all", self._desk.operator or "", instant_text(self._desk.now()))
        rows = sheets.write(path, [title, _CSV], map(_cells, self._exported(run_id, only)))
        facts = {"n": rows, "only": only}
        self._desk.write(lambda tx: self._desk.note(tx, "bulk.exported", run_id, facts, kind=KIND))
        return rows

    def _exported(self, run_id: int, only: str | None) -> Iterator[BulkRow]:
        page: Sequence[BulkRow] = self.rows(run_id, only, 0, PAGE)
        while page:
            yield from page
            page = self.rows(run_id, only, page[-1].position, PAGE)


def _item(conn: Connection, run: BulkRun) -> BulkItem:
    """Only what runs is held by somebody."""
    return BulkItem(run, leases.holder_of(conn, lease_name(run.id)) if run.state == bulk.RUNNING else None)


def _cells(row: BulkRow) -> tuple[str, ...]:
    at = instant_text(row.done_at) if row.done_at else ""
    return str(row.position), row.kind, str(row.subject_id), row.result or "", row.reason or "", at
