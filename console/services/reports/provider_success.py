"""Make the report about the success of payments per provider and day."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from console.domain.alerts.provider_subjects import PROVIDER_KIND, compute_provider_subject_id
from console.domain.reports.periods import DAY_COUNT_OF_DAILY_REPORTS, Period, make_period_until
from console.domain.reports.provider_success import (
    Outage,
    ProviderDay,
    ProviderSeries,
    ProviderSuccess,
    get_provider_day_field,
)
from console.services.alerts import provider_outage
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection
from console.store.reports import provider_success as store

_MAX_LISTED_OUTAGES = 200
"""Largest number of alerts about one provider among which its outages are searched; the newest alerts are read."""


def read_provider_success(conn: Connection, now: datetime) -> ProviderSuccess:
    """Return the counts of successful, failed and other payments per provider and day, for the last
    DAY_COUNT_OF_DAILY_REPORTS days, and the outages: the periods in which a provider gave no usable answer."""
    period = make_period_until(now, DAY_COUNT_OF_DAILY_REPORTS)
    providers = store.list_providers(conn)
    return ProviderSuccess(
        period,
        tuple(_read_provider_series(conn, provider, period) for provider in providers),
        tuple(outage for provider in providers for outage in _read_outages(conn, provider, period)),
        now,
    )


def _read_provider_series(conn: Connection, provider: str, period: Period) -> ProviderSeries:
    counts = {day: Counter[str]() for day in period.days}
    rows = store.count_payments_by_state(conn, provider, period)
    for row in rows:
        counts[row.day][get_provider_day_field(row.status, row.certainty)] += row.payment_count
    days = tuple(ProviderDay(day, **count) for day, count in counts.items())
    return ProviderSeries(provider, days, sum(row.payment_count for row in rows) < store.MAX_PAYMENTS)


def _read_outages(conn: Connection, provider: str, period: Period) -> Iterator[Outage]:
    """Yield those outages of the provider that overlap the period, oldest first."""
    subject = compute_provider_subject_id(provider)
    for alert in reversed(alerts.list_newest_of_subject(conn, PROVIDER_KIND, subject, _MAX_LISTED_OUTAGES)):
        since = provider_outage.find_outage_start(alert)
        is_in_period = since < period.end and (alert.resolved_at is None or alert.resolved_at > period.start)
        if alert.rule_id == provider_outage.ALERT_RULE and is_in_period:
            yield Outage(provider, since, alert.resolved_at)
