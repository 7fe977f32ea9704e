"""Rows of reconciliation runs (progress and counts) and of the differences that the runs found."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, select
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.tasks.records import ReconciliationDifference, ReconciliationVerdict
from console.domain.transitions.tables import ForbiddenTransition
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.worker import reconciliation_rows, reconciliations

RECONCILIATION_KIND = "reconciliation"
RUNNING_RUN_STATE = "running"
"""State of a reconciliation run that is running or was interrupted."""
DONE_RUN_STATE = "done"
"""State of a reconciliation run that has ended without an error."""
FAILED_RUN_STATE = "failed"
"""State of a reconciliation run that has ended with an error."""
COUNT_COLUMNS = ("matched", "imported", "missing_there", "different_state", "different_amount")
"""Columns with the counts of a run."""
_LONGEST_TEXT_CHARACTERS = 255
_RUNS_QUERY = select(
    reconciliations.c.id, reconciliations.c.provider, reconciliations.c.from_day, reconciliations.c.to_day,
    reconciliations.c.state, reconciliations.c.phase, reconciliations.c.position, reconciliations.c.matched,
    reconciliations.c.imported, reconciliations.c.missing_there, reconciliations.c.different_state,
    reconciliations.c.different_amount, reconciliations.c.evidence_id, reconciliations.c.reason,
    reconciliations.c.asked_by, reconciliations.c.begun_at, reconciliations.c.changed_at, reconciliations.c.ended_at,
    reconciliations.c.version,
)  # fmt: skip
_LIMIT_PARAMETER = bindparam("limit", type_=Integer)
_RUN_BY_ID_QUERY = _RUNS_QUERY.where(reconciliations.c.id == bindparam("run_id"))
_OPEN_RUNS_OF_PROVIDER_QUERY = _RUNS_QUERY.where(reconciliations.c.open_provider == bindparam("provider")).order_by(
    reconciliations.c.id
)
_OPEN_RUN_OF_DAYS_QUERY = _OPEN_RUNS_OF_PROVIDER_QUERY.where(
    reconciliations.c.from_day == bindparam("first_day"), reconciliations.c.to_day == bindparam("last_day")
)
_LATEST_RUNS_OF_PROVIDER_QUERY = (
    _RUNS_QUERY.where(reconciliations.c.provider == bindparam("provider"))
    .order_by(reconciliations.c.id.desc())
    .limit(_LIMIT_PARAMETER)
)
_LATEST_RUNS_QUERY = _RUNS_QUERY.order_by(reconciliations.c.id.desc()).limit(_LIMIT_PARAMETER)
_INSERT_RUN_STATEMENT = into(reconciliations)
_INSERT_DIFFERENCE_ROW_STATEMENT = into(reconciliation_rows)
_DIFFERENCE_ROW_ID_QUERY = select(reconciliation_rows.c.id).where(
    reconciliation_rows.c.run_id == bindparam("of_run_id"),
    reconciliation_rows.c.row_key == bindparam("difference_key"),
)
_DIFFERENCES_QUERY = select(
    reconciliation_rows.c.row_key,
    reconciliation_rows.c.verdict,
    reconciliation_rows.c.payment_id,
    reconciliation_rows.c.ours,
    reconciliation_rows.c.theirs,
    reconciliation_rows.c.case_opened,
    reconciliation_rows.c.id,
)
_DIFFERENCE_ROWS_QUERY = (
    _DIFFERENCES_QUERY.where(
        reconciliation_rows.c.run_id == bindparam("of_run_id"), reconciliation_rows.c.id > bindparam("after")
    )
    .order_by(reconciliation_rows.c.id)
    .limit(_LIMIT_PARAMETER)
)
_COLUMNS_NEVER_CHANGED = frozenset(
    {"id", "version", "provider", "from_day", "to_day", "asked_by", "begun_at", "ended_at"}
)


@dataclass(frozen=True, slots=True)
class ReconciliationRun:
    """A reconciliation of one provider over a range of days. In the phase `theirs` it reads the provider's history,
    then in the phase `ours` the records of this console.

    `from_day` and `to_day` are the first and the last compared day in the provider's time zone. `state` is
    RUNNING_RUN_STATE, DONE_RUN_STATE or FAILED_RUN_STATE; `reason` is the code of the reason for which the run failed
    (None if it hasn't). `asked_by` is the person or worker who started it. `version` rises with each change of the
    row.

    `position` is the place at which an interrupted run continues, `evidence_id` the evidence of the first file that
    it has read. Five fields count the compared rows about payments and refunds by their result: equal (`matched`),
    imported because it was missing here (`imported`), missing at the provider (`missing_there`), or different in
    state (`different_state`) or amount (`different_amount`).
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


def open_run(
    conn: Connection,
    provider: str,
    from_day: date,
    to_day: date,
    asked_by: str,
    now: datetime,
    phase: str = "theirs",
) -> int:
    """Insert a run of the provider for these days and return its id.

    If the provider has an unfinished run for the same days, return the id of that run instead. `asked_by` is the
    person or worker who starts the run, `phase` the phase with which it begins. Raises RunAgain if another process
    inserted a run for these days at the same time, and that run has ended already.
    """
    run = _find_run_of_days(conn, provider, from_day, to_day)
    if run is not None:
        return run.id
    row = {
        "provider": provider,
        "from_day": from_day.isoformat(),
        "to_day": to_day.isoformat(),
        "state": RUNNING_RUN_STATE,
        "phase": phase,
        "asked_by": asked_by,
        "begun_at": convert_to_naive_utc(now),
        "changed_at": convert_to_naive_utc(now),
    }
    try:
        return compare_and_swap.insert_and_announce(conn, RECONCILIATION_KIND, _INSERT_RUN_STATEMENT, row, now)
    except IntegrityError:  # another process began it at the same time
        run = _find_run_of_days(conn, provider, from_day, to_day)
        if run is None:
            raise RunAgain from None
        return run.id


def _find_run_of_days(conn: Connection, provider: str, from_day: date, to_day: date) -> ReconciliationRun | None:
    """Return the unfinished run of the provider for these days; None if there is none."""
    days = {"first_day": from_day.isoformat(), "last_day": to_day.isoformat()}
    return next(iter(_select_runs(conn, _OPEN_RUN_OF_DAYS_QUERY, provider=provider, **days)), None)


def find(conn: Connection, run_id: int) -> ReconciliationRun | None:
    """Return a run by its id; None if there is none."""
    return next(iter(_select_runs(conn, _RUN_BY_ID_QUERY, run_id=run_id)), None)


def list_unfinished_runs(conn: Connection, provider: str) -> tuple[ReconciliationRun, ...]:
    """Return the unfinished runs of a provider, oldest first."""
    return _select_runs(conn, _OPEN_RUNS_OF_PROVIDER_QUERY, provider=provider)


def list_latest_runs(conn: Connection, provider: str | None, limit: int) -> tuple[ReconciliationRun, ...]:
    """Return the last `limit` runs of a provider (None: of all), newest first."""
    if provider is None:
        return _select_runs(conn, _LATEST_RUNS_QUERY, limit=limit)
    return _select_runs(conn, _LATEST_RUNS_OF_PROVIDER_QUERY, provider=provider, limit=limit)


def save_progress(conn: Connection, run: ReconciliationRun, now: datetime, **values: Any) -> ReconciliationRun:
    """Write the progress of a run and return the changed run. `values` may have the columns `state`, `phase`,
    `position`, `evidence_id`, `reason` and the counts (new totals).

    A state other than running ends the run. Raises StaleRow if another process has changed the run since it was
    read; ForbiddenTransition (a bug of the caller) for a run that has ended, for a count that decreases, and for a
    column that never changes.
    """
    compare_and_swap.refuse_fixed_columns(_COLUMNS_NEVER_CHANGED, values)
    if run.ended_at is not None or any(
        values.get(name, 0) < getattr(run, name) for name in COUNT_COLUMNS if name in values
    ):
        raise ForbiddenTransition("a reconciliation that has ended never changes, and its counts never decrease")
    if values.get("state", RUNNING_RUN_STATE) != RUNNING_RUN_STATE:
        values["ended_at"] = now
    written_values = {**values, "changed_at": now}
    compare_and_swap.update_if_unchanged(conn, reconciliations, (run.id, run.version), written_values)
    compare_and_swap.announce_change(conn, RECONCILIATION_KIND, run.id, now)
    return replace(run, **written_values, version=run.version + 1)


def add_difference(conn: Connection, run_id: int, difference: ReconciliationDifference) -> bool:
    """Insert a difference of the run. Return False, without a write, if the run already has a difference with this
    `row_key`."""
    row = {
        "run_id": run_id,
        "row_key": difference.row_key,
        "verdict": difference.verdict.value,
        "payment_id": difference.payment_id,
        "ours": difference.ours[:_LONGEST_TEXT_CHARACTERS] if difference.ours else difference.ours,
        "theirs": difference.theirs[:_LONGEST_TEXT_CHARACTERS] if difference.theirs else difference.theirs,
        "case_opened": difference.case_opened,
    }
    try:
        conn.execute(_INSERT_DIFFERENCE_ROW_STATEMENT, row)
    except IntegrityError:  # only the statement was undone
        if (
            conn.execute(
                _DIFFERENCE_ROW_ID_QUERY, {"of_run_id": run_id, "difference_key": difference.row_key}
            ).first()
            is None
        ):
            raise
        return False
    return True


def list_differences(
    conn: Connection,
    run_id: int,
    after_id: int = 0,
    limit: int = 1_000,
    verdicts: Collection[ReconciliationVerdict] = tuple(ReconciliationVerdict),
) -> tuple[ReconciliationDifference, ...]:
    """Return at most `limit` differences of a run with these verdicts, sorted by id; `after_id` is the last id of the
    previous page.
    """
    query = _DIFFERENCE_ROWS_QUERY
    if len(verdicts) < len(ReconciliationVerdict) - 1:  # all verdicts except "matched", which has no rows
        query = query.where(reconciliation_rows.c.verdict.in_(sorted(verdicts)))
    return select_differences(conn, query, {"of_run_id": run_id, "after": after_id, "limit": limit})


def get_all_differences_query() -> Select[Any]:
    """Return the query of all differences with the columns of a `ReconciliationDifference`. The caller adds
    conditions to it.
    """
    return _DIFFERENCES_QUERY


def select_differences(
    conn: Connection, query: Select[Any], values: Mapping[str, object] | None = None
) -> tuple[ReconciliationDifference, ...]:
    """Run a query that the caller has made from `get_all_differences_query()`, with the values of its parameters, and
    return its differences.
    """
    return tuple(
        ReconciliationDifference(
            key, ReconciliationVerdict(verdict), payment, our_text, their_text, bool(case), row_id
        )
        for key, verdict, payment, our_text, their_text, case, row_id in conn.execute(query, values or {})
    )


def get_all_rows_query() -> Select[Any]:
    """Return the query of all runs with the columns of a `ReconciliationRun`. The caller adds conditions to it."""
    return _RUNS_QUERY


def select_runs(conn: Connection, query: Select[Any]) -> tuple[ReconciliationRun, ...]:
    """Run a query that the caller has made from `get_all_rows_query()` and return its runs."""
    return _select_runs(conn, query)


def _select_runs(conn: Connection, query: Select[Any], **values: object) -> tuple[ReconciliationRun, ...]:
    return unreadable_rows.read_readable_rows(
        "reconciliations", conn.execute(query, values), lambda row: _make_run(row._asdict())
    )


def _make_run(row: dict[str, Any]) -> ReconciliationRun:
    days = {name: date.fromisoformat(row[name]) for name in ("from_day", "to_day")}
    instants = {name: read_as_utc(row[name]) for name in ("begun_at", "changed_at", "ended_at")}
    return ReconciliationRun(**{**row, **days, **instants})
