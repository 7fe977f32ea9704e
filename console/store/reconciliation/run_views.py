"""What the screen of reconciliations reads: runs and differences a page at a time, by their keys."""

from collections.abc import Collection

from sqlalchemy import Connection, exists, func, select

from console.domain.order_records import Payment
from console.domain.worker_records import Alert, Difference, Verdict
from console.store import alerts as alert_rows
from console.store import payments, reconciliations
from console.store.reconciliations import Run
from console.store.schema import alerts, evidence
from console.store.worker_schema import reconciliation_rows
from console.store.worker_schema import reconciliations as runs

MOST_CASES = 1_000
_run, _row, _a, _e = runs.c, reconciliation_rows.c, alerts.c, evidence.c


def page(conn: Connection, provider: str | None, limit: int, before: int | None) -> tuple[Run, ...]:
    """Runs of a provider (None: of all), newest first; `before`: the last id seen."""
    query = reconciliations.all_runs().order_by(_run.id.desc()).limit(limit)
    if provider is not None:
        query = query.where(_run.provider == provider)
    if before is not None:
        query = query.where(_run.id < before)
    return reconciliations.select_runs(conn, query)


def beside(conn: Connection, run_id: int) -> tuple[int | None, int | None]:
    """The runs before and after this one, of whatever provider: the newer and the older one."""
    newer = conn.scalar(select(func.min(_run.id)).where(_run.id > run_id))
    older = conn.scalar(select(func.max(_run.id)).where(_run.id < run_id))
    return newer, older


def differences(
    conn: Connection, run_id: int, verdicts: Collection[Verdict], after: int, limit: int
) -> tuple[Difference, ...]:
    """Rows of these verdicts in the order in which they were found; `after`: the last id seen."""
    query = (
        select(_row.row_key, _row.verdict, _row.payment_id, _row.ours, _row.theirs, _row.case_opened, _row.id)
        .where(_row.run_id == run_id, _row.id > after)
        .order_by(_row.id)
        .limit(limit)
    )
    if len(verdicts) < len(Verdict) - 1:  # all but the matched ones, which are no rows
        query = query.where(_row.verdict.in_(sorted(verdicts)))
    return tuple(
        Difference(key, Verdict(verdict), payment, ours, theirs, bool(case), row_id)
        for key, verdict, payment, ours, theirs, case, row_id in conn.execute(query)
    )


def payments_of(conn: Connection, ids: Collection[int]) -> dict[int, Payment]:
    """Payments by id."""
    return {one.id: one for one in payments.some(conn, ids)}


def cases_of(conn: Connection, ids: Collection[int], rules: Collection[str]) -> dict[int, list[Alert]]:
    """Open cases of these payments that a comparison opened."""
    found = alert_rows.open_of_subjects(conn, payments.KIND, ids)
    ours = {payment: [one for one in told if one.rule_id in rules] for payment, told in found.items()}
    return {payment: told for payment, told in ours.items() if told}


def waiting(conn: Connection, run_id: int, rules: Collection[str]) -> int:
    """Payments of a run that wait for a person because of a comparison, counted up to `MOST_CASES`.

    From the open cases on, which are few however many rows a run has.
    """
    of_run = exists().where(_row.payment_id == _a.subject_id, _row.run_id == run_id)
    open_ones = _a.subject_kind == payments.KIND, _a.rule_id.in_(sorted(rules)), _a.resolved_at.is_(None)
    found = select(_a.subject_id).where(*open_ones, of_run).distinct().limit(MOST_CASES)
    return int(conn.scalar(select(func.count()).select_from(found.subquery())) or 0)


def readers(conn: Connection, run_ids: Collection[int], source: str) -> tuple[tuple[int, str], ...]:
    """Which of these runs read which files: run and checksum."""
    which = _e.subject_kind == reconciliations.KIND, _e.subject_id.in_(sorted(run_ids)), _e.source == source
    found = conn.execute(select(_e.subject_id, _e.sha256).where(*which).order_by(_e.subject_id)) if run_ids else ()
    return tuple((int(run), str(sha256)) for run, sha256 in found)
