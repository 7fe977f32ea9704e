"""What a reconciliation reads of ours: payments by the numbers of a batch, and in order of time, a page at a time."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, and_, bindparam, func, or_, select

from console.domain.order_records import Payment, Refund
from console.domain.worker_records import Alert, Verdict
from console.store import alerts as alert_rows
from console.store import payments, refunds
from console.store.leases import aware, naive
from console.store.payment_rows import to_record
from console.store.payment_schema import payment_events as events_table
from console.store.payment_schema import payments as table
from console.store.payment_schema import refunds as refunds_table
from console.store.schema import alerts
from console.store.worker_schema import reconciliation_rows

ANNOUNCED = "announced"
"""What became of a notice that announces a file: its day stands where others have their order."""
Mark = tuple[datetime, int]
"""Where a page begins: after this instant and id."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as a source told it; `at` is when it happened."""

    id: int
    event_id: str
    kind: str
    order_no: str | None
    amount_minor: int | None
    currency: str | None
    at: datetime = field(kw_only=True)


_p, _r, _e, _a, _row = table.c, refunds_table.c, events_table.c, alerts.c, reconciliation_rows.c
_MOST = bindparam("most", type_=Integer)
_OF_PROVIDER = payments.all_records().where(_p.provider == bindparam("whose"))
_THEIRS = _OF_PROVIDER.where(_p.provider_payment_id.in_(bindparam("some", expanding=True)))
_OURS = _OF_PROVIDER.where(_p.merchant_payment_id.in_(bindparam("some", expanding=True)))


def _in_order(rows: Select[Any], at: Any, row_id: Any) -> Select[Any]:
    """A page by time and id, of what lies between two instants; as servers read it from the index."""
    after = or_(at > bindparam("after_at"), and_(at == bindparam("after_at"), row_id > bindparam("after_id")))
    return rows.where(at >= bindparam("after_at"), at < bindparam("until"), after).order_by(at, row_id).limit(_MOST)


_PAID = _in_order(_OF_PROVIDER, _p.paid_at, _p.id)
_BEGUN = _in_order(_OF_PROVIDER, _p.begun_at, _p.id)
_TOLD = _in_order(
    select(_e.id, _e.event_id, _e.kind, _e.order_no, _e.amount_minor, _e.currency, _e.occurred_at).where(
        _e.source == bindparam("whose"), _e.order_no.is_not(None)
    ),
    _e.occurred_at, _e.id,
)  # fmt: skip
_SENT = _in_order(refunds.all_records(), _r.first_sent_at, _r.id)
_ANNOUNCED = (
    select(_e.event_id)
    .where(_e.done == ANNOUNCED, _e.source == bindparam("whose"), _e.order_no == bindparam("day"))
    .order_by(_e.id.desc())
    .limit(1)
)
_OPEN = select(_a.subject_id, _a.id, _a.rule_id, _a.observed).where(
    _a.subject_kind == payments.KIND, _a.subject_id.in_(bindparam("some", expanding=True)),
    _a.rule_id.in_(bindparam("rules", expanding=True)), _a.resolved_at.is_(None),
)  # fmt: skip
_OF_RUN = (
    select(_a.id)
    .join_from(reconciliation_rows, alerts, _a.subject_id == _row.payment_id)
    .where(
        _row.run_id == bindparam("run"), _a.subject_kind == payments.KIND,
        _a.rule_id.in_(bindparam("rules", expanding=True)),
        or_(_a.resolved_at.is_(None), _a.detected_at >= bindparam("since")),
    )
    .distinct().order_by(_a.id).limit(_MOST)
)  # fmt: skip


def by_theirs(conn: Connection, provider: str, numbers: Collection[str]) -> dict[str, Payment]:
    """Payments by the provider's numbers."""
    return {str(one.provider_payment_id): one for one in _some(conn, _THEIRS, provider, numbers)}


def by_ours(conn: Connection, provider: str, numbers: Collection[str]) -> dict[str, Payment]:
    """Payments by our numbers."""
    return {one.merchant_payment_id: one for one in _some(conn, _OURS, provider, numbers)}


def _some(conn: Connection, query: Select[Any], provider: str, some: Collection[str]) -> tuple[Payment, ...]:
    rows = conn.execute(query, {"whose": provider, "some": sorted(some)}) if some else ()
    return tuple(to_record(row) for row in rows)


def paid(conn: Connection, provider: str, after: Mark, until: datetime, limit: int) -> tuple[Payment, ...]:
    """Payments by when they were paid, in order."""
    return payments.select_records(conn, _PAID, {"whose": provider, **_page(after, until, limit)})


def begun(conn: Connection, provider: str, after: Mark, until: datetime, limit: int) -> tuple[Payment, ...]:
    """Payments by when they began, in order."""
    return payments.select_records(conn, _BEGUN, {"whose": provider, **_page(after, until, limit)})


def refunds_sent(conn: Connection, after: Mark, until: datetime, limit: int) -> tuple[Refund, ...]:
    """Refunds of every provider by when they were first sent, in order."""
    return refunds.select_records(conn, _SENT, _page(after, until, limit))


def told(conn: Connection, source: str, after: Mark, until: datetime, limit: int) -> tuple[Told, ...]:
    """What a source told, by when it happened, in order."""
    rows = conn.execute(_TOLD, {"whose": source, **_page(after, until, limit)})
    return tuple(Told(*facts, at=aware(at)) for *facts, at in rows)


def _page(after: Mark, until: datetime, limit: int) -> dict[str, object]:
    return {"after_at": naive(after[0]), "after_id": after[1], "until": naive(until), "most": limit}


def announced(conn: Connection, source: str, day: str) -> str | None:
    """The newest notice (its event id) that announces a file of that day."""
    return conn.scalar(_ANNOUNCED, {"whose": source, "day": day})


def announced_days(conn: Connection, source: str, since: datetime) -> tuple[str, ...]:
    """Days whose files were announced since then."""
    which = _e.done == ANNOUNCED, _e.source == source, _e.received_at >= naive(since)
    found = select(_e.order_no).where(*which).distinct()
    return tuple(sorted(str(day) for (day,) in conn.execute(found)))


def open_cases(
    conn: Connection, ids: Collection[int], rules: Collection[str]
) -> dict[int, list[tuple[int, str, str]]]:  # fmt: skip
    """Open cases of these payments by payment: id, rule, what was observed."""
    found: dict[int, list[tuple[int, str, str]]] = {}
    rows = conn.execute(_OPEN, {"some": sorted(ids), "rules": sorted(rules)}) if ids else ()
    for subject, alert, rule, observed in rows:
        found.setdefault(subject, []).append((alert, rule, observed))
    return found


def cases_of_run(
    conn: Connection, run_id: int, since: datetime, rules: Collection[str], limit: int
) -> tuple[Alert, ...]:  # fmt: skip
    """Cases about what a run found different: open ones, and those that were opened since then."""
    ids = conn.scalars(_OF_RUN, {"run": run_id, "since": naive(since), "rules": sorted(rules), "most": limit}).all()
    found = (alert_rows.find(conn, one) for one in ids)
    return tuple(one for one in found if one is not None)


def refused_rows(conn: Connection, run_id: int) -> int:
    """How many rows of theirs a run didn't believe."""
    which = _row.run_id == run_id, _row.verdict == Verdict.REFUSED.value
    return int(conn.scalar(select(func.count()).select_from(reconciliation_rows).where(*which)) or 0)


def last_refused(conn: Connection, run_ids: Collection[int], rule: str) -> tuple[int, ...]:
    """Open cases (their ids) of that rule about these reconciliations."""
    which = _a.subject_kind == "reconciliation", _a.subject_id.in_(sorted(run_ids)), _a.rule_id == rule
    return tuple(conn.scalars(select(_a.id).where(*which, _a.resolved_at.is_(None))))
