"""Reconciliations: how far each got, what it counted, and the payments that did not match."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.states import ForbiddenTransition
from console.domain.worker_records import Difference, Verdict
from console.store import swaps
from console.store.leases import naive
from console.store.payment_rows import at
from console.store.swaps import Stale as Stale
from console.store.troubles import RunAgain
from console.store.worker_schema import reconciliation_rows, reconciliations

KIND = "reconciliation"
RUNNING, DONE, FAILED = "running", "done", "failed"
COUNTS = ("matched", "imported", "missing_there", "different_state", "different_amount")
_LONGEST = 255
_t, _rows = reconciliations.c, reconciliation_rows.c
_ALL = select(
    _t.id, _t.provider, _t.from_day, _t.to_day, _t.state, _t.phase, _t.position, _t.matched, _t.imported,
    _t.missing_there, _t.different_state, _t.different_amount, _t.evidence_id, _t.reason, _t.asked_by, _t.begun_at,
    _t.changed_at, _t.ended_at, _t.version,
)  # fmt: skip
_MOST = bindparam("most", type_=Integer)
_GET = _ALL.where(_t.id == bindparam("of"))
_OPEN = _ALL.where(_t.open_provider == bindparam("whose")).order_by(_t.id)
_OPEN_OF_DAYS = _OPEN.where(_t.from_day == bindparam("first"), _t.to_day == bindparam("last"))
_LATEST = _ALL.where(_t.provider == bindparam("whose")).order_by(_t.id.desc()).limit(_MOST)
_LATEST_OF_ALL = _ALL.order_by(_t.id.desc()).limit(_MOST)
_INSERT = into(reconciliations)
_ADD_ROW = into(reconciliation_rows)
_SAME_ROW = select(_rows.id).where(_rows.run_id == bindparam("run"), _rows.row_key == bindparam("of"))
_ROWS = (
    select(
        _rows.row_key, _rows.verdict, _rows.payment_id, _rows.ours, _rows.theirs, _rows.case_opened, _rows.id
    )
    .where(_rows.run_id == bindparam("run"), _rows.id > bindparam("after"))
    .order_by(_rows.id)
    .limit(_MOST)
)  # fmt: skip
_CASE_OPENED = (
    update(reconciliation_rows)
    .where(_rows.run_id == bindparam("run"), _rows.row_key == bindparam("of"))
    .values(case_opened=True)
)
_FIXED = frozenset({"id", "version", "provider", "from_day", "to_day", "asked_by", "begun_at", "ended_at"})


@dataclass(frozen=True, slots=True)
class Run:
    """A reconciliation. It goes through their history first and then through ours (`phase`); `position` is where it
    goes on after it was broken off. The counts are of payments.
    """

    id: int
    provider: str
    from_day: date
    to_day: date
    state: str
    phase: str
    position: str | None
    matched: int
    imported: int
    missing_there: int
    different_state: int
    different_amount: int
    evidence_id: int | None
    reason: str | None
    asked_by: str
    begun_at: datetime
    changed_at: datetime
    ended_at: datetime | None
    version: int


def open(
    conn: Connection, provider: str, from_day: date, to_day: date, asked_by: str, now: datetime,
    phase: str = "theirs",
) -> int:  # fmt: skip
    """Begin one of these days; the one of the same days that is under way, where there is one, to be gone on with."""
    found = _of_days(conn, provider, from_day, to_day)
    if found is not None:
        return found.id
    row = {
        "provider": provider,
        "from_day": from_day.isoformat(),
        "to_day": to_day.isoformat(),
        "state": RUNNING,
        "phase": phase,
        "asked_by": asked_by,
        "begun_at": naive(now),
        "changed_at": naive(now),
    }
    try:
        return swaps.added(conn, KIND, _INSERT, row, now)
    except IntegrityError:  # somebody began it at this very moment
        found = _of_days(conn, provider, from_day, to_day)
        if found is None:
            raise RunAgain from None
        return found.id


def _of_days(conn: Connection, provider: str, from_day: date, to_day: date) -> Run | None:
    days = {"first": from_day.isoformat(), "last": to_day.isoformat()}
    return next(iter(_select(conn, _OPEN_OF_DAYS, whose=provider, **days)), None)


def find(conn: Connection, run_id: int) -> Run | None:
    return next(iter(_select(conn, _GET, of=run_id)), None)


def unfinished(conn: Connection, provider: str) -> tuple[Run, ...]:
    """Those of a provider that are under way or were broken off, oldest first."""
    return _select(conn, _OPEN, whose=provider)


def latest(conn: Connection, provider: str | None, limit: int) -> tuple[Run, ...]:
    """The last ones of a provider (None: of all), newest first."""
    if provider is None:
        return _select(conn, _LATEST_OF_ALL, most=limit)
    return _select(conn, _LATEST, whose=provider, most=limit)


def save(conn: Connection, run: Run, now: datetime, **values: Any) -> Run:
    """Write how far it got: `state`, `phase`, `position`, counts (as they are now), `evidence_id`, `reason`.

    A state other than running ends it. Raises Stale when somebody else goes on with it, ForbiddenTransition for one
    that has ended and for a count that goes down.
    """
    swaps.refuse_fixed(_FIXED, values)
    if run.ended_at is not None or any(values.get(name, 0) < getattr(run, name) for name in COUNTS if name in values):
        raise ForbiddenTransition("a reconciliation goes on, and what has ended stays as it is")
    if values.get("state", RUNNING) != RUNNING:
        values["ended_at"] = now
    written = {**values, "changed_at": now}
    swaps.swap(conn, reconciliations, (run.id, run.version), written)
    swaps.announce(conn, KIND, run.id, now)
    return replace(run, **written, version=run.version + 1)


def add_row(conn: Connection, run_id: int, found: Difference) -> bool:
    """Keep a payment that does not match; False when this run has it already, and nothing is written."""
    row = {
        "run_id": run_id,
        "row_key": found.row_key,
        "verdict": found.verdict.value,
        "payment_id": found.payment_id,
        "ours": found.ours[:_LONGEST] if found.ours else found.ours,
        "theirs": found.theirs[:_LONGEST] if found.theirs else found.theirs,
        "case_opened": found.case_opened,
    }
    try:
        conn.execute(_ADD_ROW, row)
    except IntegrityError:  # only the statement is undone
        if conn.execute(_SAME_ROW, {"run": run_id, "of": found.row_key}).first() is None:
            raise
        return False
    return True


def case_opened(conn: Connection, run_id: int, row_key: str) -> None:
    """A case was opened for this row."""
    conn.execute(_CASE_OPENED, {"run": run_id, "of": row_key})


def rows(conn: Connection, run_id: int, after: int = 0, limit: int = 1_000) -> tuple[Difference, ...]:
    """What did not match, as it was found; `after`: the last id seen."""
    told = conn.execute(_ROWS, {"run": run_id, "after": after, "most": limit})
    return tuple(
        Difference(key, Verdict(verdict), payment, ours, theirs, bool(case), row_id)
        for key, verdict, payment, ours, theirs, case, row_id in told
    )


def all_runs() -> Select[Any]:
    """Select of everything a `Run` needs, to be narrowed by the caller."""
    return _ALL


def select_runs(conn: Connection, query: Select[Any]) -> tuple[Run, ...]:
    """Runs of a narrowed `all_runs()`."""
    return _select(conn, query)


def _select(conn: Connection, query: Select[Any], **values: object) -> tuple[Run, ...]:
    return tuple(_run(row._asdict()) for row in conn.execute(query, values))


def _run(row: dict[str, Any]) -> Run:
    days = {name: date.fromisoformat(row[name]) for name in ("from_day", "to_day")}
    instants = {name: at(row[name]) for name in ("begun_at", "changed_at", "ended_at")}
    return Run(**{**row, **days, **instants})
