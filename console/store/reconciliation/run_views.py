"""Reads for the reconciliation screen: pages of runs, and the payments, cases and files that belong to runs."""

from collections.abc import Collection

from sqlalchemy import Connection, exists, func, select

from console.domain.payments.records import Payment
from console.domain.tasks.records import Alert, ReconciliationVerdict
from console.store.alerts import alerts as alert_rows
from console.store.payments import payments
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import ReconciliationRun
from console.store.schema.core import alerts, evidence
from console.store.schema.worker import reconciliation_rows
from console.store.schema.worker import reconciliations as runs

MAX_COUNTED_CASES = 1_000
"""Largest number of payments with an open case that are counted for one run."""


def read_runs_page(
    conn: Connection, provider: str | None, limit: int, before_id: int | None
) -> tuple[ReconciliationRun, ...]:
    """Return at most `limit` runs of a provider (None: of all), newest first. `before_id` is the last id of the
    previous page; None for the first page.
    """
    query = reconciliations.get_all_rows_query().order_by(runs.c.id.desc()).limit(limit)
    if provider is not None:
        query = query.where(runs.c.provider == provider)
    if before_id is not None:
        query = query.where(runs.c.id < before_id)
    return reconciliations.select_runs(conn, query)


def find_adjacent_run_ids(conn: Connection, run_id: int) -> tuple[int | None, int | None]:
    """Return (id of the next newer run, id of the next older run), among the runs of all providers; None in place of
    an id if there is no such run.
    """
    newer = conn.scalar(select(func.min(runs.c.id)).where(runs.c.id > run_id))
    older = conn.scalar(select(func.max(runs.c.id)).where(runs.c.id < run_id))
    return newer, older


def read_payments_by_id(conn: Connection, ids: Collection[int]) -> dict[int, Payment]:
    """Return the payments with these ids, each by its id."""
    return {payment.id: payment for payment in payments.find_by_ids(conn, ids)}


def read_cases_by_payment(conn: Connection, ids: Collection[int], rules: Collection[str]) -> dict[int, list[Alert]]:
    """Return the open alerts of these rules about the payments `ids`, by payment id. A payment without such an
    alert is left out."""
    by_payment = alert_rows.read_open_alerts_of_subjects(conn, payments.PAYMENT_KIND, ids)
    cases_of_rules = {
        payment: [case for case in cases if case.rule_id in rules] for payment, cases in by_payment.items()
    }
    return {payment: cases for payment, cases in cases_of_rules.items() if cases}


def find_runs_with_rejected_rows(
    conn: Connection, run_ids: Collection[int], ignored_reasons: Collection[str]
) -> frozenset[int]:
    """Return those of the runs `run_ids` in which a row was rejected (verdict refused) for another reason than
    `ignored_reasons`. The reason is the first word of the stored text `theirs`."""
    query = (
        select(reconciliation_rows.c.run_id)
        .where(
            reconciliation_rows.c.run_id.in_(sorted(run_ids)),
            reconciliation_rows.c.verdict == ReconciliationVerdict.REFUSED.value,
            *(reconciliation_rows.c.theirs.not_like(f"{reason}%") for reason in ignored_reasons),
        )
        .distinct()
    )
    return frozenset(conn.scalars(query)) if run_ids else frozenset()


def count_payments_with_open_case(conn: Connection, run_id: int, rules: Collection[str]) -> int:
    """Return the number of payments in the run's differences that have an open case of these rules; at most
    `MAX_COUNTED_CASES`.

    The query starts with the open cases, because there are few of them even if the run has many differences.
    """
    is_in_run = exists().where(
        reconciliation_rows.c.payment_id == alerts.c.subject_id, reconciliation_rows.c.run_id == run_id
    )
    open_case_conditions = (
        alerts.c.subject_kind == payments.PAYMENT_KIND,
        alerts.c.rule_id.in_(sorted(rules)),
        alerts.c.resolved_at.is_(None),
    )
    payment_ids = (
        select(alerts.c.subject_id).where(*open_case_conditions, is_in_run).distinct().limit(MAX_COUNTED_CASES)
    )
    return int(conn.scalar(select(func.count()).select_from(payment_ids.subquery())) or 0)


def list_files_of_runs(
    conn: Connection, run_ids: Collection[int], evidence_source: str
) -> tuple[tuple[int, str], ...]:
    """Return (run id, SHA-256) for each file that these runs have read. `evidence_source` is the value of the column
    `source` in the evidence rows that store such files."""
    query = (
        evidence.c.subject_kind == reconciliations.RECONCILIATION_KIND,
        evidence.c.subject_id.in_(sorted(run_ids)),
        evidence.c.source == evidence_source,
    )
    rows = (
        conn.execute(select(evidence.c.subject_id, evidence.c.sha256).where(*query).order_by(evidence.c.subject_id))
        if run_ids
        else ()
    )
    return tuple((int(run), str(sha256)) for run, sha256 in rows)
