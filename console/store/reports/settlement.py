"""Sums payments and refunds per provider, day and currency, through the indexes of the time of payment and of the
states of refunds."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, case, func, select

from console.domain.payments.states import RefundState
from console.domain.records import Certainty, WorkState
from console.domain.reports.periods import Period
from console.store.database.instants import convert_to_naive_utc
from console.store.reports.collected_money import make_collected_money_sql
from console.store.reports.day_numbers import make_day_number_sql
from console.store.schema.payments import payments, refunds

MAX_ROWS = 20_000
"""Largest number of payments of one provider, and of refunds, that are summed."""


@dataclass(frozen=True, slots=True)
class DaySum:
    """Number (`record_count`) and sum (`sum_minor`, in minor units) of the payments or refunds of one provider on one
    day in one currency. `read_row_count` is the number of rows that were read for this sum, including rows that
    aren't part of it.
    """

    provider: str
    day: date
    currency: str
    record_count: int
    sum_minor: int
    read_row_count: int


def sum_payments(conn: Connection, provider: str, period: Period) -> list[DaySum]:
    """Return the sums of the provider's payments that were paid in the period, by day and currency. Only the
    newest MAX_ROWS payments are read. Payments with an unknown outcome are not summed, and of a reversed payment only
    the refunded amount is summed."""
    paid_sums = (
        select(
            payments.c.paid_at,
            payments.c.currency,
            payments.c.captured_minor,
            payments.c.refunded_minor,
            payments.c.status,
            payments.c.certainty,
        )
        .where(
            payments.c.provider == provider,
            payments.c.paid_at >= convert_to_naive_utc(period.start),
            payments.c.paid_at < convert_to_naive_utc(period.end),
        )
        .order_by(payments.c.paid_at.desc())
        .limit(MAX_ROWS)
        .subquery()
    )
    number = make_day_number_sql(paid_sums.c.paid_at, period.days).label("number")
    is_collected, collected_minor = make_collected_money_sql(paid_sums.c)
    columns = (
        func.sum(case((is_collected, 1), else_=0)).label("total"),
        func.sum(case((is_collected, collected_minor), else_=0)).label("minor"),
        func.count().label("rows_read"),
    )
    query = select(number, paid_sums.c.currency, *columns).group_by(number, paid_sums.c.currency)
    return [_make_day_sum(provider, row, period) for row in conn.execute(query)]


def sum_refunds(conn: Connection, period: Period) -> list[DaySum]:
    """Return the sums of the refunds of all providers that were completed in the period, by provider, day and
    currency. At most MAX_ROWS refunds are read; if the `read_row_count` values of the sums add up to MAX_ROWS, some
    refunds may be missing."""
    refund_sums = (
        select(refunds.c.state_since, refunds.c.currency, refunds.c.refund_amount, refunds.c.payment_id)
        .where(
            refunds.c.status == RefundState.COMPLETED.value,
            refunds.c.certainty == Certainty.KNOWN.value,
            refunds.c.work_state.in_([state.value for state in WorkState]),
            refunds.c.state_since >= convert_to_naive_utc(period.start),
            refunds.c.state_since < convert_to_naive_utc(period.end),
        )
        .limit(MAX_ROWS)
        .subquery()
    )
    number = make_day_number_sql(refund_sums.c.state_since, period.days).label("number")
    keys = (payments.c.provider, number, refund_sums.c.currency)
    columns = (
        func.count().label("total"),
        func.sum(refund_sums.c.refund_amount).label("minor"),
        func.count().label("rows_read"),
    )
    query = (
        select(*keys, *columns)
        .join_from(refund_sums, payments, payments.c.id == refund_sums.c.payment_id)
        .group_by(*keys)
    )
    return [_make_day_sum(row.provider, row, period) for row in conn.execute(query)]


def _make_day_sum(provider: str, row: Row[Any], period: Period) -> DaySum:
    """Return the sum of one day and currency from a row of the query. The row's `number` is the index of the day in
    `period`."""
    return DaySum(provider, period.days[row.number], row.currency, int(row.total), int(row.minor), row.rows_read)
