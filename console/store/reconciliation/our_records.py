"""Reads the records of this console for a reconciliation: payments by their numbers, pages of payments, refunds
and events sorted by time, and the open cases of a run."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Integer, Row, Select, and_, bindparam, func, or_, select

from console.domain.payments.records import Payment, Refund
from console.domain.tasks.records import Alert, ReconciliationVerdict
from console.store.alerts import alerts as alert_rows
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments import events as payment_events
from console.store.payments import payments
from console.store.payments.events import PaymentEvent
from console.store.refunds import refunds
from console.store.schema.core import alerts
from console.store.schema.payments import payment_events as events_table
from console.store.schema.payments import payments as table
from console.store.schema.payments import refunds as refunds_table
from console.store.schema.worker import reconciliation_rows

ANNOUNCED_EVENT_STATE = "announced"
"""Result (`done`) of a notice that announces a file. Its column `order_no` holds the file's day (ISO date)."""
PagePosition = tuple[datetime, int]
"""Position at which a page begins: the instant and the id of the last row of the previous page; for the first page,
the first instant of the searched period and the id 0."""

RecordT = TypeVar("RecordT", Payment, Refund)


@dataclass(frozen=True, slots=True)
class OwnRow(Generic[RecordT]):
    """A row of our payments or refunds: its id, the id of its payment, the instant by which the rows are sorted, and
    the record, None if this program can't read the row."""

    id: int
    payment_id: int
    at: datetime
    record: RecordT | None


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """A stored notice, and the instant (`at`) at which the reported event happened at the provider or bank."""

    event: PaymentEvent
    at: datetime


_LIMIT_PARAMETER = bindparam("limit", type_=Integer)
_PAYMENTS_OF_PROVIDER_QUERY = payments.get_all_rows_query().where(table.c.provider == bindparam("provider"))
_PAYMENTS_BY_PROVIDER_ID_QUERY = _PAYMENTS_OF_PROVIDER_QUERY.where(
    table.c.provider_payment_id.in_(bindparam("numbers", expanding=True))
)
_PAYMENTS_BY_MERCHANT_ID_QUERY = _PAYMENTS_OF_PROVIDER_QUERY.where(
    table.c.merchant_payment_id.in_(bindparam("numbers", expanding=True))
)


def _make_page_query(rows_query: Select[Any], time_column: Any, id_column: Any) -> Select[Any]:
    """Return the query `rows_query` limited to one page: sorted by the columns `time_column` and `id_column`, after
    the position in the parameters `after_at` and `after_id`, before the parameter `until`. A database server can
    answer the query from an index.
    """
    is_after = or_(
        time_column > bindparam("after_at"),
        and_(time_column == bindparam("after_at"), id_column > bindparam("after_id")),
    )
    return (
        rows_query.where(time_column >= bindparam("after_at"), time_column < bindparam("until"), is_after)
        .order_by(time_column, id_column)
        .limit(_LIMIT_PARAMETER)
    )


_PAID_PAYMENTS_PAGE_QUERY = _make_page_query(_PAYMENTS_OF_PROVIDER_QUERY, table.c.paid_at, table.c.id)
_BEGUN_PAYMENTS_PAGE_QUERY = _make_page_query(_PAYMENTS_OF_PROVIDER_QUERY, table.c.begun_at, table.c.id)
_EVENTS_OF_SOURCE_PAGE_QUERY = _make_page_query(
    payment_events.get_all_rows_query().where(
        events_table.c.source == bindparam("source"), events_table.c.order_no.is_not(None)
    ),
    events_table.c.occurred_at,
    events_table.c.id,
)
# A subquery, not a join: the server then always reads the refunds in the order of the index `ix_refunds_sent`.
_provider_of_refund = select(table.c.provider).where(table.c.id == refunds_table.c.payment_id).scalar_subquery()
_SENT_REFUNDS_PAGE_QUERY = _make_page_query(
    refunds.get_all_rows_query().where(_provider_of_refund == bindparam("provider")),
    refunds_table.c.first_sent_at,
    refunds_table.c.id,
)
_ANNOUNCED_EVENTS_QUERY = (
    select(events_table.c.event_id)
    .where(
        events_table.c.done == ANNOUNCED_EVENT_STATE,
        events_table.c.source == bindparam("source"),
        events_table.c.order_no == bindparam("day"),
    )
    .order_by(events_table.c.id.desc())
    .limit(1)
)
_OPEN_CASES_OF_PAYMENTS_QUERY = select(
    alerts.c.subject_id, alerts.c.id, alerts.c.rule_id, alerts.c.observed, alerts.c.expected
).where(
    alerts.c.subject_kind == payments.PAYMENT_KIND,
    alerts.c.subject_id.in_(bindparam("payment_ids", expanding=True)),
    alerts.c.rule_id.in_(bindparam("rules", expanding=True)),
    alerts.c.resolved_at.is_(None),
)
_CASE_IDS_OF_RUN_QUERY = (
    select(alerts.c.id)
    .join_from(reconciliation_rows, alerts, alerts.c.subject_id == reconciliation_rows.c.payment_id)
    .where(
        reconciliation_rows.c.run_id == bindparam("run_id"),
        alerts.c.subject_kind == payments.PAYMENT_KIND,
        alerts.c.rule_id.in_(bindparam("rules", expanding=True)),
        or_(alerts.c.resolved_at.is_(None), alerts.c.detected_at >= bindparam("since")),
    )
    .distinct()
    .order_by(alerts.c.id)
    .limit(_LIMIT_PARAMETER)
)


def find_payments_by_id_at_provider(
    conn: Connection, provider: str, provider_payment_ids: Collection[str]
) -> dict[str, Payment | None]:
    """Return the payments to which `provider` gave one of the ids `provider_payment_ids`, by this id. An id without a
    payment is left out; the value is None for a payment that this program can't read.
    """
    return _find_by_provider_and_ids(
        conn, _PAYMENTS_BY_PROVIDER_ID_QUERY, provider, provider_payment_ids, lambda row: row.provider_payment_id
    )


def find_payments_by_number(
    conn: Connection, provider: str, merchant_payment_ids: Collection[str]
) -> dict[str, Payment | None]:
    """Return the payments at `provider` with one of our payment numbers `merchant_payment_ids`, by this number. A
    number without a payment is left out; the value is None for a payment that this program can't read.
    """
    return _find_by_provider_and_ids(
        conn, _PAYMENTS_BY_MERCHANT_ID_QUERY, provider, merchant_payment_ids, lambda row: row.merchant_payment_id
    )


def _find_by_provider_and_ids(
    conn: Connection,
    query: Select[Any],
    provider: str,
    ids: Collection[str],
    get_number: Callable[[Row[Any]], str],
) -> dict[str, Payment | None]:
    """Return the payments of `provider` that `query` finds by these ids, by the id that `get_number` returns; the
    value is None for a row that this program can't read."""
    rows = conn.execute(query, {"provider": provider, "numbers": sorted(ids)}).all() if ids else ()
    payment_by_id = {payment.id: payment for payment in payments.read_readable_payments(rows)}
    return {get_number(row): payment_by_id.get(row.id) for row in rows}


def list_paid_payments(
    conn: Connection, provider: str, after_position: PagePosition, until: datetime, limit: int
) -> tuple[OwnRow[Payment], ...]:
    """Return at most `limit` payments of a provider that were paid before `until`, sorted by the time of payment
    and the id. `after_position`: time and id of the last payment of the previous page."""
    values = {"provider": provider, **_make_page_parameters(after_position, until, limit)}
    rows = conn.execute(_PAID_PAYMENTS_PAGE_QUERY, values).all()
    return _make_own_rows(rows, payments.read_readable_payments(rows), lambda row: (row.id, row.paid_at))


def list_begun_payments(
    conn: Connection, provider: str, after_position: PagePosition, until: datetime, limit: int
) -> tuple[OwnRow[Payment], ...]:
    """Return at most `limit` payments of a provider that began before `until`, sorted by the time of their
    beginning and the id. `after_position`: time and id of the last payment of the previous page."""
    values = {"provider": provider, **_make_page_parameters(after_position, until, limit)}
    rows = conn.execute(_BEGUN_PAYMENTS_PAGE_QUERY, values).all()
    return _make_own_rows(rows, payments.read_readable_payments(rows), lambda row: (row.id, row.begun_at))


def list_sent_refunds(
    conn: Connection, provider: str, after_position: PagePosition, until: datetime, limit: int
) -> tuple[OwnRow[Refund], ...]:
    """Return at most `limit` refunds at a provider that were first sent before `until`, sorted by the time of the
    first sending and the id. `after_position`: time and id of the last refund of the previous page."""
    values = {"provider": provider, **_make_page_parameters(after_position, until, limit)}
    rows = conn.execute(_SENT_REFUNDS_PAGE_QUERY, values).all()
    readable_refunds = refunds.read_refunds(conn, rows, skips_unreadable=True)
    return _make_own_rows(rows, readable_refunds, lambda row: (row.payment_id, row.first_sent_at))


def _make_own_rows(
    rows: Sequence[Row[Any]],
    readable_records: Sequence[RecordT],
    get_payment_id_and_time: Callable[[Row[Any]], tuple[int, datetime]],
) -> tuple[OwnRow[RecordT], ...]:
    """Return the rows, each with its record from `readable_records`. `get_payment_id_and_time` returns the id of the
    row's payment and the instant by which the rows are sorted."""
    record_by_id = {record.id: record for record in readable_records}
    return tuple(
        OwnRow(row.id, payment_id, convert_to_aware_utc(at), record_by_id.get(row.id))
        for row in rows
        for payment_id, at in [get_payment_id_and_time(row)]
    )


def list_events_of_source(
    conn: Connection, notice_source: str, after_position: PagePosition, until: datetime, limit: int
) -> tuple[TimedEvent, ...]:
    """Return at most `limit` payment events of the provider or shop `notice_source` that happened before `until`,
    sorted by `occurred_at` and id. Events without an order number or without `occurred_at` are left out.
    `after_position` is the time and id of the last event of the previous page.
    """
    rows = conn.execute(
        _EVENTS_OF_SOURCE_PAGE_QUERY, {"source": notice_source, **_make_page_parameters(after_position, until, limit)}
    )
    return tuple(TimedEvent(payment_events.make_event(row), convert_to_aware_utc(row.occurred_at)) for row in rows)


def _make_page_parameters(after_position: PagePosition, until: datetime, limit: int) -> dict[str, object]:
    return {
        "after_at": convert_to_naive_utc(after_position[0]),
        "after_id": after_position[1],
        "until": convert_to_naive_utc(until),
        "limit": limit,
    }


def find_announced_event_id(conn: Connection, notice_source: str, day: str) -> str | None:
    """Return the event id of the newest notice by which `notice_source` announced its file of `day` (ISO date); None
    if there is no such notice."""
    return conn.scalar(_ANNOUNCED_EVENTS_QUERY, {"source": notice_source, "day": day})


def list_announced_days(conn: Connection, notice_source: str, since: datetime) -> dict[str, datetime]:
    """Return the days (ISO dates, sorted) of the files that `notice_source` has announced by notices received at
    `since` or later, each with the time at which its newest notice was received."""
    announced_query = (
        events_table.c.done == ANNOUNCED_EVENT_STATE,
        events_table.c.source == notice_source,
        events_table.c.received_at >= convert_to_naive_utc(since),
    )
    newest_notice = func.max(events_table.c.received_at, type_=events_table.c.received_at.type)
    query = select(events_table.c.order_no, newest_notice).where(*announced_query).group_by(events_table.c.order_no)
    rows = conn.execute(query.order_by(events_table.c.order_no))
    return {str(day): convert_to_aware_utc(received_at) for day, received_at in rows}


def find_open_cases_of_payments(
    conn: Connection, ids: Collection[int], rules: Collection[str]
) -> dict[int, list[tuple[int, str, str, str]]]:
    """Return the open cases of these rules about the payments `ids`, by payment id. Each case is (alert id, rule,
    observed text, expected text)."""
    by_payment: dict[int, list[tuple[int, str, str, str]]] = {}
    rows = (
        conn.execute(_OPEN_CASES_OF_PAYMENTS_QUERY, {"payment_ids": sorted(ids), "rules": sorted(rules)})
        if ids
        else ()
    )
    for subject, *open_case in rows:
        by_payment.setdefault(subject, []).append(tuple(open_case))
    return by_payment


def list_cases_of_run(
    conn: Connection, run_id: int, since: datetime, rules: Collection[str], limit: int
) -> tuple[Alert, ...]:
    """Return at most `limit` cases of these rules about payments in the differences of a run: open cases, and those
    closed cases that were opened at `since` or later."""
    ids = conn.scalars(
        _CASE_IDS_OF_RUN_QUERY,
        {"run_id": run_id, "since": convert_to_naive_utc(since), "rules": sorted(rules), "limit": limit},
    ).all()
    alerts_of_run = (alert_rows.find(conn, alert_id) for alert_id in ids)
    return tuple(alert for alert in alerts_of_run if alert is not None)


def count_refused_rows(conn: Connection, run_id: int) -> int:
    """Return the number of rows of the provider's history that the run could not use, because their content was
    invalid (verdict refused)."""
    query = (
        reconciliation_rows.c.run_id == run_id,
        reconciliation_rows.c.verdict == ReconciliationVerdict.REFUSED.value,
    )
    return int(conn.scalar(select(func.count()).select_from(reconciliation_rows).where(*query)) or 0)


def list_open_case_ids_of_runs(conn: Connection, run_ids: Collection[int], rule: str) -> tuple[int, ...]:
    """Return the alert ids of the open cases of `rule` whose subject is one of these runs."""
    query = (
        alerts.c.subject_kind == "reconciliation",
        alerts.c.subject_id.in_(sorted(run_ids)),
        alerts.c.rule_id == rule,
    )
    return tuple(conn.scalars(select(alerts.c.id).where(*query, alerts.c.resolved_at.is_(None))))
