"""Rows of bulk runs. A bulk run has a fixed list of records, with one row for each record. The row has the version of
the record that the person saw, and the result of the action."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, func, literal, select, union_all, update
from sqlalchemy import insert as into

from console.domain.batches import split_into_batches
from console.domain.bulk.records import UNSETTLED_OUTCOMES, RowResult
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.domain.transitions.tables import ForbiddenTransition
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.worker import bulk_rows, bulk_runs

BULK_RUN_KIND = "bulk-run"
FROZEN_RUN_STATE = "frozen"
"""State of a bulk run whose list of records is stored and that has not begun."""
RUNNING_RUN_STATE = "running"
"""State of a bulk run that is executed now, or whose process has crashed."""
PAUSED_RUN_STATE = "paused"
"""State of a bulk run that is paused and can be continued."""
STOPPED_RUN_STATE = "stopped"
"""State of a bulk run that has stopped before its last record."""
DONE_RUN_STATE = "done"
"""State of a bulk run of which all records are processed."""

_BEGUN_POSITION_SEPARATOR = "row:"
"""Text in the column `reason` of a run, between the reason and the position of the row that began last: `asked:row:5`
or, without a reason, `row:5`."""
_ROWS_PER_INSERT = 1_000
"""Largest number of rows in one INSERT."""
_MAX_LISTED_OPEN_RUNS = 200
"""Largest number of runs in the list of open runs."""

_LIMIT_PARAMETER = bindparam("limit", type_=Integer)
_ROW_OF_RUN_CONDITION = bulk_rows.c.run_id == bindparam("of_run_id")
_row_count = select(func.count()).where(bulk_rows.c.run_id == bulk_runs.c.id).scalar_subquery()
_processed_count = (
    select(func.count())
    .where(bulk_rows.c.run_id == bulk_runs.c.id, bulk_rows.c.result.is_not(None))
    .scalar_subquery()
)
_BULK_RUNS_QUERY = select(
    bulk_runs.c.id, bulk_runs.c.action, bulk_runs.c.state, bulk_runs.c.made_by, bulk_runs.c.made_at,
    _row_count.label("size"), bulk_runs.c.most, _processed_count.label("done"), bulk_runs.c.words, bulk_runs.c.reason,
    bulk_runs.c.ended_at, bulk_runs.c.changed_at, bulk_runs.c.version,
)  # fmt: skip
_BULK_RUN_BY_ID_QUERY = _BULK_RUNS_QUERY.where(bulk_runs.c.id == bindparam("run_id"))
_RUNNING_BULK_RUNS_QUERY = _BULK_RUNS_QUERY.where(bulk_runs.c.state == RUNNING_RUN_STATE).order_by(bulk_runs.c.id)
_OPEN_BULK_RUNS_QUERY = (
    _BULK_RUNS_QUERY.where(bulk_runs.c.state != DONE_RUN_STATE)
    .order_by(bulk_runs.c.id.desc())
    .limit(_LIMIT_PARAMETER)
)
_ALL_OPEN_BULK_RUNS_QUERY = _BULK_RUNS_QUERY.where(
    bulk_runs.c.state.in_((FROZEN_RUN_STATE, RUNNING_RUN_STATE, PAUSED_RUN_STATE, STOPPED_RUN_STATE))
).order_by(bulk_runs.c.state, bulk_runs.c.id)
_LATEST_BULK_RUNS_QUERY = _BULK_RUNS_QUERY.order_by(bulk_runs.c.id.desc()).limit(_LIMIT_PARAMETER)
_BULK_ROWS_QUERY = select(
    bulk_rows.c.position,
    bulk_rows.c.kind,
    bulk_rows.c.subject_id,
    bulk_rows.c.saw,
    bulk_rows.c.result,
    bulk_rows.c.reason,
    bulk_rows.c.done_at,
)
_BULK_ROWS_OF_RUN_QUERY = (
    _BULK_ROWS_QUERY.where(_ROW_OF_RUN_CONDITION, bulk_rows.c.position > bindparam("after"))
    .order_by(bulk_rows.c.position)
    .limit(_LIMIT_PARAMETER)
)
_BULK_ROWS_WITH_RESULT_QUERY = _BULK_ROWS_OF_RUN_QUERY.where(bulk_rows.c.result == bindparam("result"))
_row_count_to_process = select(bulk_runs.c.most).where(bulk_runs.c.id == bindparam("of_run_id")).scalar_subquery()
_NEXT_UNPROCESSED_ROWS_QUERY = (
    _BULK_ROWS_QUERY.where(
        _ROW_OF_RUN_CONDITION, bulk_rows.c.result.is_(None), bulk_rows.c.position <= _row_count_to_process
    )
    .order_by(bulk_rows.c.position)
    .limit(_LIMIT_PARAMETER)
)
"""Query of the rows without a result whose position is at most the run's number of rows to process."""
_ROW_RESULT_DONE = RowResult.DONE.value
_RESULT_COUNTS_QUERY = union_all(
    select(bulk_rows.c.result, func.count()).where(_ROW_OF_RUN_CONDITION).group_by(bulk_rows.c.result),
    *(
        select(literal(outcome), func.count()).where(
            _ROW_OF_RUN_CONDITION, bulk_rows.c.result == _ROW_RESULT_DONE, bulk_rows.c.reason == outcome
        )
        for outcome in UNSETTLED_OUTCOMES
    ),
)
"""Query of the counts of a bulk run's rows. The first part counts the rows by result. Each further part counts the
rows with the result done and one of UNSETTLED_OUTCOMES; the first part contains these rows, too. All parts are one
query, so that they see the same rows. All use the index ix_bulk_rows_open, so that the database sorts nothing.
"""
_highest_position = (
    select(func.max(bulk_rows.c.position)).where(bulk_rows.c.run_id == bulk_runs.c.id).scalar_subquery()
)
_CHOSEN_RECORD_COUNT_QUERY = select(func.coalesce(func.sum(_highest_position), 0)).where(
    bulk_runs.c.made_by == bindparam("person"), bulk_runs.c.made_at > bindparam("since")
)
_INSERT_BULK_RUN_STATEMENT = into(bulk_runs)
_INSERT_BULK_ROWS_STATEMENT = into(bulk_rows)
_WRITE_ROW_RESULT_STATEMENT = (
    update(bulk_rows)
    .where(_ROW_OF_RUN_CONDITION, bulk_rows.c.position == bindparam("row_position"), bulk_rows.c.result.is_(None))
    .values(result=bindparam("row_result"), reason=bindparam("row_reason"), done_at=bindparam("at"))
)


def count_records_in_runs_of_person(conn: Connection, person: str, since: datetime) -> int:
    """Return the number of records in all bulk runs that `person` has created after the instant `since`."""
    return int(conn.scalar(_CHOSEN_RECORD_COUNT_QUERY, {"person": person, "since": convert_to_naive_utc(since)}) or 0)


def insert_run(
    conn: Connection,
    action: BulkAction,
    rows: Sequence[BulkRow],
    person: str,
    now: datetime,
    note_text: str | None = None,
) -> int:
    """Insert a bulk run of `person` with the records in `rows`, without duplicates, at positions from 1. Return
    the run's id. `note_text`: the text of the note, if the action writes one.

    No record can be added to the run later.
    """
    unique_rows = {(row.kind, row.subject_id): row for row in rows}.values()
    run = {
        "action": action.value,
        "state": FROZEN_RUN_STATE,
        "words": note_text,
        "most": len(unique_rows),
        "made_by": person,
        "made_at": convert_to_naive_utc(now),
        "changed_at": convert_to_naive_utc(now),
    }
    run_id = compare_and_swap.insert_and_announce(conn, BULK_RUN_KIND, _INSERT_BULK_RUN_STATEMENT, run, now)
    rows_to_insert = [
        {
            "run_id": run_id,
            "position": position,
            "kind": row.kind,
            "subject_id": row.subject_id,
            "saw": row.expected_version,
        }
        for position, row in enumerate(unique_rows, 1)
    ]
    for part in split_into_batches(rows_to_insert, _ROWS_PER_INSERT):
        conn.execute(_INSERT_BULK_ROWS_STATEMENT, part)
    return run_id


def find(conn: Connection, run_id: int) -> BulkRun | None:
    """Return the bulk run with this id; None if there is none."""
    return next(iter(_select_runs(conn, _BULK_RUN_BY_ID_QUERY, run_id=run_id)), None)


def list_running_runs(conn: Connection) -> tuple[BulkRun, ...]:
    """Return the bulk runs in state running, oldest first. A run whose process has crashed is among them."""
    return _select_runs(conn, _RUNNING_BULK_RUNS_QUERY)


def list_open_runs(conn: Connection) -> tuple[BulkRun, ...]:
    """Return at most _MAX_LISTED_OPEN_RUNS bulk runs that aren't done, newest first."""
    return _select_runs(conn, _OPEN_BULK_RUNS_QUERY, limit=_MAX_LISTED_OPEN_RUNS)


def list_all_open_runs(conn: Connection) -> tuple[BulkRun, ...]:
    """Return all bulk runs that aren't done, sorted by state and id as in the index that the query reads."""
    return _select_runs(conn, _ALL_OPEN_BULK_RUNS_QUERY)


def list_latest_runs(conn: Connection, limit: int) -> tuple[BulkRun, ...]:
    """Return the last `limit` bulk runs, newest first."""
    return _select_runs(conn, _LATEST_BULK_RUNS_QUERY, limit=limit)


def list_rows(
    conn: Connection, run_id: int, result: str | None = None, after_position: int = 0, limit: int = 1_000
) -> tuple[BulkRow, ...]:
    """Return at most `limit` rows of the bulk run `run_id`, sorted by position; with `result`, only rows with this
    result. `after_position` is the last position of the previous page.
    """
    if result is None:
        return _select_rows(conn, _BULK_ROWS_OF_RUN_QUERY, run_id, after=after_position, limit=limit)
    return _select_rows(conn, _BULK_ROWS_WITH_RESULT_QUERY, run_id, after=after_position, limit=limit, result=result)


def read_next_unprocessed_rows(conn: Connection, run_id: int, limit: int) -> tuple[BulkRow, ...]:
    """Return at most `limit` rows of the bulk run that have no result yet, sorted by position. Rows whose position is
    above the run's number of rows to process (column `most`) are left out.
    """
    return _select_rows(conn, _NEXT_UNPROCESSED_ROWS_QUERY, run_id, limit=limit)


def count_results(conn: Connection, run_id: int) -> Mapping[str | None, int]:
    """Return the counts of the bulk run's rows by outcome (see `get_row_outcome`), with the key None for rows
    without a result."""
    counts = {outcome: int(number) for outcome, number in conn.execute(_RESULT_COUNTS_QUERY, {"of_run_id": run_id})}
    unsettled_count = sum(counts[outcome] for outcome in UNSETTLED_OUTCOMES)
    counts[_ROW_RESULT_DONE] = counts.get(_ROW_RESULT_DONE, 0) - unsettled_count
    return {outcome: number for outcome, number in counts.items() if number}


def write_row_result(
    conn: Connection, run_id: int, position: int, result: str, reason: str | None, now: datetime
) -> bool:
    """Write the result of the row at `position` of the bulk run; `reason` is the stored text of the reason for this
    result, None if it has none. Return False, without a write, if the row already has a result."""
    values = {
        "of_run_id": run_id,
        "row_position": position,
        "row_result": result,
        "row_reason": reason,
        "at": convert_to_naive_utc(now),
    }
    if conn.execute(_WRITE_ROW_RESULT_STATEMENT, values).rowcount != 1:
        return False
    compare_and_swap.announce_change(conn, BULK_RUN_KIND, run_id, now)
    return True


def write_run_state(
    conn: Connection,
    run: BulkRun,
    now: datetime,
    state: str,
    rows_to_process: int | None = None,
    reason: str | None = None,
    begun_position: int | None = None,
) -> BulkRun:
    """Write the new state of a bulk run that begins, pauses, stops, continues or ends, and return the changed run.
    `rows_to_process` is the number of rows to process; None leaves it unchanged. `reason` replaces the stored
    reason of the state; None deletes it. `begun_position` is the position of the row whose action begins; None leaves
    the stored position unchanged until the run is done.

    Raises StaleRow if another process has changed the run since it was read; ForbiddenTransition for a run that is
    done.
    """
    if run.state == DONE_RUN_STATE:
        raise ForbiddenTransition("a bulk run that is done is never changed")
    position = None if state == DONE_RUN_STATE else begun_position or run.begun_position
    stored_reasons = (reason, f"{_BEGUN_POSITION_SEPARATOR}{position}" if position else None)
    written_values: dict[str, Any] = {
        "state": state,
        "most": run.most if rows_to_process is None else rows_to_process,
        "reason": ":".join(filter(None, stored_reasons)) or None,
        "ended_at": now if state in (STOPPED_RUN_STATE, DONE_RUN_STATE) else None,
        "changed_at": now,
    }
    compare_and_swap.update_if_unchanged(conn, bulk_runs, (run.id, run.version), written_values)
    compare_and_swap.announce_change(conn, BULK_RUN_KIND, run.id, now)
    changed_values = {**written_values, "reason": reason, "begun_position": position}
    return replace(run, **changed_values, version=run.version + 1)


def _select_runs(conn: Connection, query: Select[Any], **values: object) -> tuple[BulkRun, ...]:
    return unreadable_rows.read_readable_rows(
        "bulk_runs", conn.execute(query, values), lambda row: _make_run(row._asdict())
    )


def _make_run(row: dict[str, Any]) -> BulkRun:
    reason, separator, position = (row["reason"] or "").rpartition(_BEGUN_POSITION_SEPARATOR)
    other_values = {
        "action": BulkAction(row["action"]),
        "made_at": convert_to_aware_utc(row["made_at"]),
        "changed_at": read_as_utc(row["changed_at"]),
        "ended_at": read_as_utc(row["ended_at"]),
        "reason": (reason.removesuffix(":") if separator else row["reason"]) or None,
        "begun_position": int(position) if separator else None,
    }
    return BulkRun(**{**row, **other_values})


def _select_rows(conn: Connection, query: Select[Any], run_id: int, **values: object) -> tuple[BulkRow, ...]:
    rows = conn.execute(query, {"of_run_id": run_id, **values})
    return unreadable_rows.read_readable_rows(
        "bulk_rows", rows, _make_bulk_row, get_key=lambda row: f"{run_id}/{row.position}"
    )


def _make_bulk_row(row: Sequence[Any]) -> BulkRow:
    position, kind, subject_id, expected_version, result, reason, done_at = row
    return BulkRow(position, kind, subject_id, expected_version, result, reason, read_as_utc(done_at))
