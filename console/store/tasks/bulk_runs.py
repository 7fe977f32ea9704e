"""Bulk runs: a set of records frozen with their versions, and what became of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, func, select, update
from sqlalchemy import insert as into

from console.domain.states import ForbiddenTransition
from console.domain.worker_records import BulkAction, BulkRow, BulkRun
from console.store import swaps
from console.store.leases import aware, naive
from console.store.payment_rows import at
from console.store.swaps import Stale as Stale
from console.store.worker_schema import bulk_rows, bulk_runs

KIND = "bulk-run"
FROZEN, RUNNING, PAUSED, STOPPED, DONE = "frozen", "running", "paused", "stopped", "done"
_AT_ONCE = 1_000
"""Rows in one INSERT."""

_t, _rows = bulk_runs.c, bulk_rows.c
_MOST = bindparam("most", type_=Integer)
_OF_RUN = _rows.run_id == bindparam("run")
_size = select(func.count()).where(_rows.run_id == _t.id).scalar_subquery()
_done = select(func.count()).where(_rows.run_id == _t.id, _rows.result.is_not(None)).scalar_subquery()
_ALL = select(
    _t.id, _t.action, _t.state, _t.made_by, _t.made_at, _size.label("size"), _t.most, _done.label("done"), _t.words,
    _t.reason, _t.ended_at, _t.changed_at, _t.version,
)  # fmt: skip
_GET = _ALL.where(_t.id == bindparam("of"))
_UNFINISHED = _ALL.where(_t.state == RUNNING).order_by(_t.id)
_OPEN = _ALL.where(_t.state != DONE).order_by(_t.id.desc()).limit(_MOST)
_LATEST = _ALL.order_by(_t.id.desc()).limit(_MOST)
_ROW = select(_rows.position, _rows.kind, _rows.subject_id, _rows.saw, _rows.result, _rows.reason, _rows.done_at)
_ROWS = _ROW.where(_OF_RUN, _rows.position > bindparam("after")).order_by(_rows.position).limit(_MOST)
_ROWS_WITH = _ROWS.where(_rows.result == bindparam("result"))
_to_be_done = select(_t.most).where(_t.id == bindparam("run")).scalar_subquery()
_NEXT = (
    _ROW.where(_OF_RUN, _rows.result.is_(None), _rows.position <= _to_be_done).order_by(_rows.position).limit(_MOST)
)
_RESULTS = select(_rows.result, func.count()).where(_OF_RUN).group_by(_rows.result)
_INSERT, _INSERT_ROWS = into(bulk_runs), into(bulk_rows)
_RESULT = (
    update(bulk_rows)
    .where(_OF_RUN, _rows.position == bindparam("of"), _rows.result.is_(None))
    .values(result=bindparam("what"), reason=bindparam("why"), done_at=bindparam("at"))
)


def freeze(
    conn: Connection, action: BulkAction, rows: Sequence[BulkRow], person: str, now: datetime,
    words: str | None = None,
) -> int:  # fmt: skip
    """Keep a set of records with the versions that were seen, each once and in this order from position 1 on.
    Nothing joins it later.
    """
    chosen = {(row.kind, row.subject_id): row for row in rows}.values()
    run = {
        "action": action.value,
        "state": FROZEN,
        "words": words,
        "most": len(chosen),
        "made_by": person,
        "made_at": naive(now),
        "changed_at": naive(now),
    }
    run_id = swaps.added(conn, KIND, _INSERT, run, now)
    kept = [
        {"run_id": run_id, "position": place, "kind": row.kind, "subject_id": row.subject_id, "saw": row.saw}
        for place, row in enumerate(chosen, 1)
    ]
    for begin in range(0, len(kept), _AT_ONCE):
        conn.execute(_INSERT_ROWS, kept[begin : begin + _AT_ONCE])
    return run_id


def find(conn: Connection, run_id: int) -> BulkRun | None:
    return next(iter(_select(conn, _GET, of=run_id)), None)


def unfinished(conn: Connection) -> tuple[BulkRun, ...]:
    """Those that run, or ran when whoever ran them went away, oldest first."""
    return _select(conn, _UNFINISHED)


def open_ones(conn: Connection, limit: int = 200) -> tuple[BulkRun, ...]:
    """Those that are not done, newest first."""
    return _select(conn, _OPEN, most=limit)


def latest(conn: Connection, limit: int) -> tuple[BulkRun, ...]:
    """The last ones, newest first."""
    return _select(conn, _LATEST, most=limit)


def rows(
    conn: Connection, run_id: int, result: str | None = None, after: int = 0, limit: int = 1_000
) -> tuple[BulkRow, ...]:
    """Rows of a run (with this result, where one is told) by position; `after`: the last position seen."""
    values = {"run": run_id, "after": after, "most": limit}
    if result is None:
        return _select_rows(conn, _ROWS, **values)
    return _select_rows(conn, _ROWS_WITH, **values, result=result)


def next_open(conn: Connection, run_id: int, limit: int) -> tuple[BulkRow, ...]:
    """The next rows that are to be done and have no result, by position."""
    return _select_rows(conn, _NEXT, run=run_id, most=limit)


def results(conn: Connection, run_id: int) -> Mapping[str | None, int]:
    """How many rows have which result; None: none yet."""
    return {result: int(number) for result, number in conn.execute(_RESULTS, {"run": run_id})}


def note_result(conn: Connection, run_id: int, position: int, result: str, reason: str | None, now: datetime) -> bool:
    """Say what became of a row; False when it has a result, which stays."""
    values = {"run": run_id, "of": position, "what": result, "why": reason, "at": naive(now)}
    if conn.execute(_RESULT, values).rowcount != 1:
        return False
    swaps.announce(conn, KIND, run_id, now)
    return True


def set_state(
    conn: Connection, run: BulkRun, now: datetime, state: str, most: int | None = None, reason: str | None = None
) -> BulkRun:
    """Begin, pause, stop, go on with or end a run; `most` None: as it is. Raises Stale when somebody else did so
    meanwhile, ForbiddenTransition for one that is done.
    """
    if run.state == DONE:
        raise ForbiddenTransition("a bulk run that is done stays so")
    written: dict[str, Any] = {
        "state": state,
        "most": run.most if most is None else most,
        "reason": reason,
        "ended_at": now if state in (STOPPED, DONE) else None,
        "changed_at": now,
    }
    swaps.swap(conn, bulk_runs, (run.id, run.version), written)
    swaps.announce(conn, KIND, run.id, now)
    return replace(run, **written, version=run.version + 1)


def _select(conn: Connection, query: Select[Any], **values: object) -> tuple[BulkRun, ...]:
    return tuple(_run(row._asdict()) for row in conn.execute(query, values))


def _run(row: dict[str, Any]) -> BulkRun:
    instants = {name: at(row[name]) for name in ("changed_at", "ended_at")}
    return BulkRun(**{**row, **instants, "action": BulkAction(row["action"]), "made_at": aware(row["made_at"])})


def _select_rows(conn: Connection, query: Select[Any], **values: object) -> tuple[BulkRow, ...]:
    return tuple(
        BulkRow(position, kind, subject_id, saw, result, reason, at(done))
        for position, kind, subject_id, saw, result, reason, done in conn.execute(query, values)
    )
