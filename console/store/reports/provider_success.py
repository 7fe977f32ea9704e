"""Counts a provider's payments by day, state and certainty, through the index of (provider, begun_at)."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, case, func, literal, select

from console.domain.records import Certainty
from console.domain.reports.periods import Period
from console.store.database.instants import convert_to_naive_utc
from console.store.operations import journal
from console.store.payments.balances import PAYMENT_KIND
from console.store.reports.day_numbers import make_day_number_sql
from console.store.schema.payments import payments

MAX_PAYMENTS = 20_000
"""Largest number of payments of one provider that are counted, the newest ones."""
_MAX_PROVIDERS = 20


@dataclass(frozen=True, slots=True)
class StateCount:
    """The number of a provider's payments that began on one day and have this state and certainty now."""

    day: date
    status: str
    certainty: str
    payment_count: int


def list_providers(conn: Connection) -> tuple[str, ...]:
    """Return the names of the providers with payments in this database, sorted, at most _MAX_PROVIDERS. The next
    name is found by one access to an index; DISTINCT would read the whole index."""
    names: list[str] = []
    while len(names) < _MAX_PROVIDERS:
        name = conn.scalar(
            select(func.min(payments.c.provider)).where(payments.c.provider > (names[-1] if names else ""))
        )
        if name is None:
            break
        names.append(str(name))
    return tuple(names)


def count_payments_by_state(conn: Connection, provider: str, period: Period) -> list[StateCount]:
    """Return the counts of the provider's payments that began in the period, by day, state and certainty, which is
    unknown if the payment's start has lapsed. Only the newest MAX_PAYMENTS of them are counted."""
    has_lapsed = journal.make_lapsed_record_condition(PAYMENT_KIND, payments.c.id, payments.c.status)
    certainty = case((has_lapsed, literal(Certainty.UNKNOWN.value)), else_=payments.c.certainty)
    begun_payments = (
        select(payments.c.begun_at, payments.c.status, certainty.label("certainty"))
        .where(
            payments.c.provider == provider,
            payments.c.begun_at >= convert_to_naive_utc(period.start),
            payments.c.begun_at < convert_to_naive_utc(period.end),
        )
        .order_by(payments.c.begun_at.desc())
        .limit(MAX_PAYMENTS)
        .subquery()
    )
    number = make_day_number_sql(begun_payments.c.begun_at, period.days).label("number")
    keys = (number, begun_payments.c.status, begun_payments.c.certainty)
    rows = conn.execute(select(*keys, func.count().label("total")).group_by(*keys))
    return [StateCount(period.days[row.number], row.status, row.certainty, row.total) for row in rows]
