"""One run of the adoption: steps on the table and its rows in between, each small, each done only once."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, Work, WorkState
from console.services.adoption_plan import readable, written
from console.services.desk import Desk
from console.store import adopting, adopting_rows, cases, credit_checks, legacy_table, migrate, troubles, upgrade_turn
from console.store.engine import RunAgain, Transaction

STRETCH = 1_000
AT_ONCE = 50
PASSES, FEW = 5, 2_000
LATECOMERS = 10_000
"""Rows with a lower id may be committed later than others: so far back a further pass begins."""

ROUNDS = 20
"""How often the unique index may meet a duplicate that came in meanwhile."""

_log = logging.getLogger("console.adoption")

T = TypeVar("T")
Tally = Counter[str]
_NOTHING: Tally = Counter()


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was done. `rows` are all of the table; the other figures, and `steps`, are those of this run."""

    zone: str | None
    rows: int
    taken_in: int
    duplicates: int
    unreadable: int
    respelled: int
    steps: tuple[str, ...]

    @property
    def table(self) -> str:
        return legacy_table.NAME


class AdoptionRun:
    """One run of the adoption, to its end."""

    def __init__(self, desk: Desk, zone: str | None, convert: bool, turn: upgrade_turn.Turn | None) -> None:
        self._desk = desk
        self._database = desk.database
        self._zone = zone
        self._convert = convert
        self._turn = turn
        self._steps: list[str] = []
        self._tally: Tally = Counter()

    def run(self) -> Adopted:
        rounds = 0
        while not self._built():
            rounds += 1
            if rounds >= ROUNDS:
                raise ConsoleError("database_locked", {"problem": "duplicates_keep_coming"})
        self._settle_rest()
        if self._database.is_server:
            migrate.guard(self._database)
        self._reach("before_adopt_end")
        self._write(self._finish)
        return self._told()

    def _built(self) -> bool:
        """Every step that is left, the rows between columns and indexes; False when a duplicate came in between."""
        try:
            self._do(lambda step: not step.name.startswith("index") and step.name != "claims")
            self._decide_all()
            self._do(lambda _step: True)
        except adopting.Doubled:
            return False
        return True

    def _do(self, wanted: Callable[[adopting.Step], bool]) -> None:
        table = adopting.look(self._database)
        for step in filter(wanted, adopting.steps(table, self._database.dialect, self._zone)):
            if self._turn is not None:
                self._turn.check()
            _log.info("adoption: %s", step.name)
            try:
                adopting.carry_out(self._database, step, self._zone, convert=self._convert, last=self._mark_last)
            except DBAPIError as trouble:
                _explain(trouble)
                raise
            self._steps.append(step.name)
            self._reach("after_adopt_index" if step.name.startswith("index") else "after_adopt_columns")

    # ---- rows that were there when we began: readable numbers first, then duplicates, then all others

    def _decide_all(self) -> None:
        """Again as long as many came in meanwhile: this is the quickest way to decide many."""
        behind = 0
        for _ in range(PASSES):
            upto = self._highest()
            self._decide(behind, upto)
            behind = max(0, upto - LATECOMERS)
            if self._highest() - upto < FEW:
                return

    def _highest(self) -> int:
        with self._database.read() as conn:
            return adopting_rows.highest(conn)

    def _decide(self, behind: int, horizon: int) -> None:
        for after, upto in self._stretches(behind, horizon, STRETCH * 10):
            self._read_numbers(after, upto)
        self._reach("after_adopt_numbers")
        self._mark_doubled()
        self._reach("after_adopt_duplicates")
        for after, upto in self._stretches(behind, horizon, STRETCH):
            self._write(partial(self._take_in, after, upto))
            self._reach("after_adopt_rows")

    def _stretches(self, behind: int, horizon: int, size: int) -> list[tuple[int, int]]:
        with self._database.read() as conn:
            return list(adopting_rows.ranges(conn, behind, horizon, size))

    def _write(self, work: Callable[[Transaction], Tally]) -> None:
        """A short transaction; what it counted counts once it is committed."""
        if self._turn is not None:
            self._turn.check()
        self._tally.update(self._database.write(work))

    def _take_in(self, after: int, upto: int, tx: Transaction) -> Tally:
        return Counter(taken_in=adopting_rows.take_in(tx.conn, after, upto, self._now()))

    def _read_numbers(self, after: int, upto: int) -> None:
        with self._database.read() as conn:
            rows = adopting_rows.odd(conn, after, upto)
        for some in _chunks(rows, AT_ONCE):
            self._write(partial(self._read_some, some))

    def _read_some(self, rows: tuple[tuple[int, object], ...], tx: Transaction) -> Tally:
        return sum((self._read(tx, *row) for row in rows), _NOTHING)

    def _read(self, tx: Transaction, record_id: int, raw: object) -> Tally:
        number = readable(raw)
        if number is None:
            return self._set_aside(tx, record_id, raw)
        if number == written(raw):
            return _NOTHING
        try:
            if not adopting_rows.respell(tx.conn, record_id, raw, number, self._now()):
                return _NOTHING
        except IntegrityError:  # an index forbids a second row in plain digits: the one that is there stays
            stays = adopting_rows.written_as(tx.conn, record_id, number)
            return self._mark_some(((record_id, stays, number),), tx) if stays else _NOTHING
        self._note(tx, record_id, raw, None)
        return Counter(respelled=1)

    def _set_aside(self, tx: Transaction, record_id: int, raw: object) -> Tally:
        if not adopting_rows.set_aside(tx.conn, record_id, self._now()):
            return _NOTHING
        facts = (credit_checks.KIND, record_id, written(raw), "13 digits", self._now())
        cases.open_case(tx.conn, "number_unreadable", *facts)
        self._note(tx, record_id, raw, "number_unreadable")
        return Counter(unreadable=1)

    def _mark_doubled(self) -> None:
        with self._database.read() as conn:
            found = adopting_rows.doubled(conn)
        for some in _chunks(tuple(found), AT_ONCE):
            self._write(partial(self._mark_some, some))

    def _mark_some(self, rows: tuple[tuple[int, int, str], ...], tx: Transaction) -> Tally:
        marked = [row for row in rows if adopting_rows.mark(tx.conn, *row[:2], self._now())]
        adopting_rows.open_cases(tx.conn, marked, self._now())
        for record_id, stays, number in marked:
            self._note(tx, record_id, number, "duplicate", {"duplicate_of": stays})
        return Counter(duplicates=len(marked))

    def _mark_last(self, tx: Transaction) -> None:
        """SQLite's last look, under the write lock in which the unique index is made."""
        self._tally.update(self._mark_some(tuple(adopting_rows.doubled(tx.conn)), tx))

    # ---- rows that came in meanwhile

    def _settle_rest(self) -> None:
        """Those that came in before the claim was open to others; what comes later the due tasks look after."""
        horizon = self._highest()
        while True:
            with self._database.read() as conn:
                rows = [row for row in adopting_rows.undecided(conn, AT_ONCE) if row[0] <= horizon]
            if not rows:
                return
            self._write(partial(self._settle_some, tuple(rows)))

    def _settle_some(self, rows: tuple[tuple[int, object], ...], tx: Transaction) -> Tally:
        return sum((self._settle(tx, *row) for row in rows), _NOTHING)

    def _settle(self, tx: Transaction, record_id: int, raw: object) -> Tally:
        """One row against the claim as it stands: the better one of the two keeps it."""
        read, number = self._read(tx, record_id, raw), readable(raw)
        record = credit_checks.find(tx.conn, record_id)
        if record is None or number is None or read["duplicates"]:
            return read
        rival = credit_checks.live(tx.conn, record.client_id, number)
        if rival is None or rival.id == record_id:
            return read + self._keep(tx, record, number)
        if rival.operation_id is not None or _rank(record) < _rank(rival):  # one that we bought never yields
            return read + self._mark_some(((record_id, rival.id, number),), tx)
        return read + self._mark_some(((rival.id, record_id, number),), tx) + self._keep(tx, record, number)

    def _keep(self, tx: Transaction, record: CreditCheck, number: str) -> Tally:
        waits = record.credit_check_id is None
        work = Work(WorkState.NEEDS_REVIEW, reason="written_by_other") if waits else Work()
        kept = {"corporation_number": number, "duplicate_of": None, **credit_checks.work_values(work)}
        try:
            credit_checks.change(tx.conn, record, self._now(), **kept)
        except (credit_checks.Stale, IntegrityError):  # the other application was faster: look again
            raise RunAgain from None
        return Counter(taken_in=1)

    # ---- the end

    def _finish(self, tx: Transaction) -> Tally:
        if migrate.adopted(tx.conn):
            self._desk.note(tx, "database.adopted", None, {"zone": self._zone, **self._tally}, kind="database")
        return _NOTHING

    def _told(self) -> Adopted:
        with self._database.read() as conn:
            rows = adopting_rows.count(conn)
        names = ("taken_in", "duplicates", "unreadable", "respelled")
        counts = {name: self._tally[name] for name in names}
        return Adopted(zone=self._zone, rows=rows, steps=tuple(self._steps), **counts)

    # ---- shared

    def _note(
        self, tx: Transaction, record_id: int, raw: object, reason: str | None, more: dict[str, object] | None = None
    ) -> None:
        facts = {"written": written(raw)[:64], **(more or {})}
        self._desk.note(tx, "credit-check.adopted", record_id, facts, reason=reason)

    def _now(self) -> datetime:
        return self._desk.now()

    def _reach(self, name: str) -> None:
        self._desk.failpoints.reach(name)


def _rank(record: CreditCheck) -> tuple[bool, float, float, int]:
    """As the table's rows are ranked in SQL."""
    bought, ends = record.purchased_at, record.expired_at
    return (
        record.credit_check_id is not None,
        bought.timestamp() if bought else float("-inf"),
        ends.timestamp() if ends else float("-inf"),
        record.id,
    )


def _chunks(rows: tuple[T, ...], size: int) -> list[tuple[T, ...]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _explain(trouble: DBAPIError) -> None:
    """Raise what it means for a person, if the database's words are known."""
    code = troubles.code_of(trouble)
    if code is not None:
        raise ConsoleError(code, troubles.facts_of(trouble, code)) from trouble
