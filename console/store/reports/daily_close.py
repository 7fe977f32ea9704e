"""Reads the figures of a daily close: one provider's sums per currency, and the records whose outcome was unknown
at an instant."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, or_, select

from console.domain.batches import split_into_batches
from console.domain.calendar_days import JST
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, OperationState, WorkState
from console.domain.reports.daily_close import MovedReversal, UnknownRecord
from console.domain.reports.periods import Period
from console.domain.reports.refund_funnel import CountAndSum
from console.domain.tasks.records import ReconciliationDifference
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.operations import journal
from console.store.reconciliation import runs
from console.store.reconciliation.runs import ReconciliationRun
from console.store.reports.collected_money import make_collected_money_sql
from console.store.reports.time_to_truth import (
    has_more_operations,
    list_lapsed_operations,
    make_newest_operations_subquery,
)
from console.store.schema.payments import payments, refunds
from console.store.schema.worker import reconciliation_rows, reconciliations

MAX_OPERATIONS = 20_000
"""Limit of two reads. For each kind of record, at most this number of operations are read to find outcomes that
became known later: those of the newest records. At most this number of lapsed operations of all kinds are read: the
oldest ones.
"""
_IDS_PER_QUERY = 500
_PAYMENT_KIND = "payment"
_REFUND_KIND = "refund"
_KNOWN_CERTAINTY = Certainty.KNOWN.value
_UNKNOWN_CERTAINTY = Certainty.UNKNOWN.value
_ALL_WORK_STATES = [
    state.value for state in WorkState
]  # names each value, so that the index of states is read by a range
_DIFFERENCES_AND_PAYMENTS = reconciliation_rows.outerjoin(payments, payments.c.id == reconciliation_rows.c.payment_id)
_REVERSED_MINOR_EXPRESSION = payments.c.captured_minor - payments.c.refunded_minor
SumByCurrency = Mapping[str, CountAndSum]


@dataclass(frozen=True, slots=True)
class ProviderDay:
    """A calendar day of the provider's time zone: its date, its first instant, the first instant after it, and the
    newest complete reconciliation run that compared it, None if there is none.
    """

    day: date
    start: datetime
    end: datetime
    run: ReconciliationRun | None


@dataclass(frozen=True, slots=True)
class _UnknownPeriod:
    """The period in which the outcome of a record was unknown. `since` is its beginning: the start of the record's
    call or, if the journal has no such call, of its present state. `settled_at` is the time at which the outcome was
    written; None if it is still unknown."""

    since: datetime
    settled_at: datetime | None


def sum_captured_payments(conn: Connection, provider: str, period: Period) -> SumByCurrency:
    """Return, by currency, the number and the sum (minor units) of the provider's payments that were paid in the
    period. Payments whose outcome is unknown at present are left out. Of a payment that has been reversed since, only
    the refunded amount is summed. The query uses the index of (provider, paid_at)."""
    is_collected, collected_minor = make_collected_money_sql(payments.c)
    query = select(payments.c.currency, func.count(), func.sum(collected_minor)).where(
        payments.c.provider == provider, *_make_period_conditions(payments.c.paid_at, period), is_collected
    )
    return _sum_by_currency(conn, query.group_by(payments.c.currency))


def sum_reversed_payments(conn: Connection, provider: str, period: Period) -> SumByCurrency:
    """Return, by currency, the number and the sum (minor units) of the provider's payments that were reversed in
    the period. The reversed amount of a payment is its captured amount without the refunded amount."""
    query = select(payments.c.currency, func.count(), func.sum(_REVERSED_MINOR_EXPRESSION)).where(
        *_make_reversal_conditions(provider), *_make_period_conditions(payments.c.state_since, period)
    )
    return _sum_by_currency(conn, query.group_by(payments.c.currency))


def list_reversals_across_periods(conn: Connection, provider: str, period: Period) -> tuple[MovedReversal, ...]:
    """Return the provider's reversed payments of which only the payment, or only the reversal, happened in the
    period. They are counted by currency, Japanese day of the payment and Japanese day of the reversal, and sorted by
    these two days. Days whose reversed amounts together are 0 are left out.
    """
    paid_at, reversed_at = payments.c.paid_at, payments.c.state_since
    sums: dict[tuple[date, date, str], list[int]] = defaultdict(lambda: [0, 0])
    for instant, other_instant in ((paid_at, reversed_at), (reversed_at, paid_at)):
        query = select(payments.c.currency, paid_at, reversed_at, _REVERSED_MINOR_EXPRESSION).where(
            *_make_reversal_conditions(provider),
            *_make_period_conditions(instant, period),
            not_(and_(*_make_period_conditions(other_instant, period))),
        )
        for currency, paid, reverted, minor in conn.execute(query):
            paid_on, reversed_on = (convert_to_aware_utc(at).astimezone(JST).date() for at in (paid, reverted))
            counted = sums[paid_on, reversed_on, currency]
            counted[0] += 1
            counted[1] += int(minor)
    return tuple(
        MovedReversal(currency, paid_on, reversed_on, count, minor)
        for (paid_on, reversed_on, currency), (count, minor) in sorted(sums.items())
        if minor
    )


def _make_reversal_conditions(provider: str) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions that a payment is of the provider and is known as reversed."""
    return (
        payments.c.status == PaymentState.REVERSED.value,
        payments.c.certainty == _KNOWN_CERTAINTY,
        payments.c.work_state.in_(_ALL_WORK_STATES),
        payments.c.provider == provider,
    )


def sum_completed_refunds(conn: Connection, provider: str, period: Period) -> SumByCurrency:
    """Return, by currency, the number and the sum (minor units) of the provider's refunds that were completed in
    the period."""
    query = (
        select(refunds.c.currency, func.count(), func.sum(refunds.c.refund_amount))
        .join(payments, payments.c.id == refunds.c.payment_id)
        .where(
            refunds.c.status == RefundState.COMPLETED.value,
            refunds.c.certainty == _KNOWN_CERTAINTY,
            refunds.c.work_state.in_(_ALL_WORK_STATES),
            *_make_period_conditions(refunds.c.state_since, period),
            payments.c.provider == provider,
        )
    )
    return _sum_by_currency(conn, query.group_by(refunds.c.currency))


def _make_period_conditions(
    instant: ColumnElement[Any], period: Period
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the SQL conditions that `instant` is at the beginning of the period or later, and before its end."""
    return instant >= convert_to_naive_utc(period.start), instant < convert_to_naive_utc(period.end)


def _sum_by_currency(conn: Connection, query: Select[Any]) -> SumByCurrency:
    """Run the query and return, by currency, the number and the sum (minor units) of its rows."""
    return {currency: CountAndSum(int(count), int(minor)) for currency, count, minor in conn.execute(query)}


# -- unknown outcomes


def list_records_with_unknown_outcome(
    conn: Connection, provider: str, at: datetime
) -> tuple[tuple[UnknownRecord, ...], bool]:
    """Return (records, is_complete). The records are the payments and refunds of the provider whose outcome was
    unknown at the instant `at`, sorted by the time at which the outcome became unknown. `is_complete` is False if
    records may be missing: a kind of record has more than MAX_OPERATIONS operations, or there are more than
    MAX_OPERATIONS lapsed operations.

    A record is returned if its operation began before `at` and one of two facts is true: its outcome is still
    unknown; or its outcome was unknown and was written at `at` or later. The journal shows by the fencing token that
    an outcome was unknown before: the process that writes such an outcome raises the token above FIRST_FENCE.
    """
    records: list[UnknownRecord] = []
    is_complete = True
    for kind in (_PAYMENT_KIND, _REFUND_KIND):
        unknown_periods, has_all = _read_unknown_periods_from_journal(conn, kind, at)
        is_complete &= has_all
        unknown_periods = {**_read_still_unknown_periods(conn, kind, at), **unknown_periods}
        records += _read_records_of_provider(conn, kind, provider, unknown_periods)
    return tuple(sorted(records, key=lambda record: (record.since, record.kind, record.id))), is_complete


def _read_still_unknown_periods(conn: Connection, kind: str, at: datetime) -> dict[int, _UnknownPeriod]:
    """Return, by record id, the periods of the records of this kind whose outcome is unknown now and was already
    unknown at `at`."""
    table = payments if kind == _PAYMENT_KIND else refunds
    query = select(table.c.id, table.c.state_since).where(
        table.c.certainty == _UNKNOWN_CERTAINTY,
        table.c.work_state.in_(_ALL_WORK_STATES),
        table.c.state_since < convert_to_naive_utc(at),
    )
    return {id: _UnknownPeriod(convert_to_aware_utc(since), None) for id, since in conn.execute(query)}


def _read_unknown_periods_from_journal(
    conn: Connection, kind: str, at: datetime
) -> tuple[dict[int, _UnknownPeriod], bool]:
    """Return two values: by record id, the periods of the records of this kind whose outcome was unknown at `at`, as
    the journal shows them; and True if all operations were read (False: there are more than MAX_OPERATIONS)."""
    columns = make_newest_operations_subquery(kind, MAX_OPERATIONS).c
    was_settled = and_(columns.fence > journal.FIRST_FENCE, columns.ended_at >= convert_to_naive_utc(at))
    rows = conn.execute(
        select(columns.subject_id, columns.started_at, columns.ended_at, columns.state)
        .where(
            columns.action == journal.MONEY_ACTION_BY_KIND[kind],
            columns.started_at < convert_to_naive_utc(at),
            or_(was_settled, columns.state == OperationState.UNKNOWN.value),
        )
        .order_by(columns.started_at.desc())
    ).all()
    unknown_periods = {
        row.subject_id: _UnknownPeriod(
            convert_to_aware_utc(row.started_at),
            None if row.state == OperationState.UNKNOWN.value else convert_to_aware_utc(row.ended_at),
        )
        for row in rows
        if row.subject_id is not None
    }
    lapsed_operations, has_all_lapsed = list_lapsed_operations(conn, MAX_OPERATIONS)
    unknown_periods |= {
        operation.subject_id: _UnknownPeriod(operation.started_at, None)
        for operation in lapsed_operations
        if operation.action == journal.MONEY_ACTION_BY_KIND[kind]
        and operation.started_at < at
        and operation.subject_id is not None
    }
    return unknown_periods, has_all_lapsed and not has_more_operations(conn, kind, MAX_OPERATIONS)


def _read_records_of_provider(
    conn: Connection, kind: str, provider: str, unknown_periods: Mapping[int, _UnknownPeriod]
) -> Iterator[UnknownRecord]:
    """Yield the records of this kind in `unknown_periods` (by record id) that belong to the provider."""
    for ids in split_into_batches(sorted(unknown_periods), _IDS_PER_QUERY):
        for row in conn.execute(_make_record_query(kind, provider, ids)):
            unknown_period = unknown_periods[row.id]
            yield UnknownRecord(
                kind,
                row.id,
                row.number,
                row.currency,
                int(row.minor),
                unknown_period.since,
                unknown_period.settled_at,
            )


def read_payment_numbers(
    conn: Connection, provider: str, kinds_and_ids: Collection[tuple[str, int]]
) -> Mapping[tuple[str, int], str]:
    """Return our payment number for each of these payments and refunds, by the record's kind and id. For a refund it
    is the number of its payment. `kinds_and_ids` has the kind and id of each record. Records of other providers, and
    records that no longer exist, are left out.
    """
    numbers: dict[tuple[str, int], str] = {}
    for kind in (_PAYMENT_KIND, _REFUND_KIND):
        ids = sorted(id for record_kind, id in kinds_and_ids if record_kind == kind)
        for part in split_into_batches(ids, _IDS_PER_QUERY):
            rows = conn.execute(_make_record_query(kind, provider, part))
            numbers |= {(kind, row.id): row.number for row in rows}
    return numbers


def _make_record_query(kind: str, provider: str, ids: Collection[int]) -> Select[Any]:
    """Return the query of the payments or refunds (`kind`) of the provider with these ids: id, our payment number
    (`number`), currency, and amount in minor units (`minor`)."""
    number = payments.c.merchant_payment_id.label("number")
    if kind == _PAYMENT_KIND:
        return select(payments.c.id, number, payments.c.currency, payments.c.asked_minor.label("minor")).where(
            payments.c.id.in_(ids), payments.c.provider == provider
        )
    return (
        select(refunds.c.id, number, refunds.c.currency, refunds.c.refund_amount.label("minor"))
        .join(payments, payments.c.id == refunds.c.payment_id)
        .where(refunds.c.id.in_(ids), payments.c.provider == provider)
    )


# -- reconciliation


def find_complete_run_of_day(conn: Connection, provider: str, day: date) -> ReconciliationRun | None:
    """Return the newest complete run of the provider that compared this day of the provider's time zone; None if
    there is none."""
    query = runs.get_all_rows_query().where(
        reconciliations.c.provider == provider,
        reconciliations.c.state == runs.DONE_RUN_STATE,
        reconciliations.c.from_day <= day.isoformat(),
        reconciliations.c.to_day >= day.isoformat(),
    )
    return next(iter(runs.select_runs(conn, query.order_by(reconciliations.c.id.desc()).limit(1))), None)


def count_differences_by_verdict(
    conn: Connection, provider_days: Collection[ProviderDay], period: Period
) -> Mapping[str, int]:
    """Return, by verdict, the number of the differences of `list_differences_in_period`, without a limit."""
    conditions = _make_difference_conditions(provider_days, period)
    query = select(reconciliation_rows.c.verdict, func.count()).select_from(_DIFFERENCES_AND_PAYMENTS)
    return {
        verdict: int(count)
        for verdict, count in conn.execute(query.where(*conditions).group_by(reconciliation_rows.c.verdict))
    }


def list_differences_in_period(
    conn: Connection, provider_days: Collection[ProviderDay], period: Period, limit: int
) -> tuple[ReconciliationDifference, ...]:
    """Return at most `limit` differences that the runs of these days of a provider found, sorted by id. The function
    is for a provider without a history, whose runs ask about each payment that began on these days. A difference is
    returned in three cases: its payment was paid in the period; its payment isn't paid and began in the period; no
    payment of the database belongs to it.
    """
    query = runs.get_all_differences_query().select_from(_DIFFERENCES_AND_PAYMENTS)
    query = query.where(*_make_difference_conditions(provider_days, period))
    return runs.select_differences(conn, query.order_by(reconciliation_rows.c.id).limit(limit))


def _make_difference_conditions(
    provider_days: Collection[ProviderDay], period: Period
) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions of `list_differences_in_period`. A run of several days may be the newest run of only
    one of them. Of such a run only the payments that began on this day count, because a newer run has compared the
    others again.
    """
    compared_days = [(day, day.run.id) for day in provider_days if day.run is not None]
    payment_time = func.coalesce(payments.c.paid_at, payments.c.begun_at)
    return (
        reconciliation_rows.c.run_id.in_({run_id for _, run_id in compared_days}),
        or_(
            payments.c.begun_at.is_(None),
            *(
                and_(
                    reconciliation_rows.c.run_id == run_id,
                    payments.c.begun_at >= convert_to_naive_utc(day.start),
                    payments.c.begun_at < convert_to_naive_utc(day.end),
                )
                for day, run_id in compared_days
            ),
        ),
        or_(payment_time.is_(None), and_(*_make_period_conditions(payment_time, period))),
    )
