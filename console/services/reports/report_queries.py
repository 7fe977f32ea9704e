"""Make the reports about queues, refunds, money per day and unknown outcomes from counts and sums of the store."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from console.domain.clock import TimeScale
from console.domain.reports.periods import (
    DAY_COUNT_OF_DAILY_REPORTS,
    DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS,
    make_period_until,
)
from console.domain.reports.queue_ages import QueueAgeReport
from console.domain.reports.refund_funnel import RefundFunnelReport
from console.domain.reports.settlement import SettlementDay, SettlementReport, SettlementSeries
from console.domain.reports.time_to_truth import PROBE_SCHEDULES, TimeToTruthReport, compute_time_to_truth
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.store.reports import provider_success, queue_ages, refund_funnel, settlement, time_to_truth


def read_queue_ages(conn: Connection, now: datetime, queues: Sequence[str] = RECORD_QUEUE_NAMES) -> QueueAgeReport:
    """Return for each of these queues the counts of its records by their age at the time `now`."""
    lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
    return QueueAgeReport(tuple(queue_ages.count_records_by_age(conn, name, lapsed_ids, now) for name in queues), now)


def read_refund_funnel(conn: Connection, now: datetime) -> RefundFunnelReport:
    """Return the counts of the refunds that were requested in the last DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS days
    before `now`, and of those among them that were approved, sent and completed, per currency."""
    period = make_period_until(now, DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS)
    funnels, is_complete = refund_funnel.count_funnel_steps(conn, period)
    return RefundFunnelReport(period, funnels, is_complete, now)


def read_settlement(conn: Connection, now: datetime) -> SettlementReport:
    """Return the sums of payments and refunds per provider, currency and day, for the last DAY_COUNT_OF_DAILY_REPORTS
    days."""
    period = make_period_until(now, DAY_COUNT_OF_DAILY_REPORTS)
    refund_sums = settlement.sum_refunds(conn, period)
    are_refunds_complete = sum(sum_of_day.read_row_count for sum_of_day in refund_sums) < settlement.MAX_ROWS
    days_by_provider_and_currency: dict[tuple[str, str], dict[object, SettlementDay]] = defaultdict(
        lambda: {day: SettlementDay(day) for day in period.days}
    )
    capped_providers = set()
    for provider in provider_success.list_providers(conn):
        payment_sums = settlement.sum_payments(conn, provider, period)
        if sum(sum_of_day.read_row_count for sum_of_day in payment_sums) >= settlement.MAX_ROWS:
            capped_providers.add(provider)
        for sum_of_day in payment_sums:
            if not sum_of_day.record_count:
                continue
            days = days_by_provider_and_currency[provider, sum_of_day.currency]
            days[sum_of_day.day] = replace(
                days[sum_of_day.day], payments=sum_of_day.record_count, paid_minor=sum_of_day.sum_minor
            )
    for sum_of_day in refund_sums:
        days = days_by_provider_and_currency[sum_of_day.provider, sum_of_day.currency]
        days[sum_of_day.day] = replace(
            days[sum_of_day.day], refunds=sum_of_day.record_count, refunded_minor=sum_of_day.sum_minor
        )
    return SettlementReport(
        period,
        tuple(
            SettlementSeries(
                provider, currency, tuple(days.values()), are_refunds_complete and provider not in capped_providers
            )
            for (provider, currency), days in sorted(days_by_provider_and_currency.items())
        ),
        now,
    )


def read_time_to_truth(conn: Connection, now: datetime, scale: TimeScale) -> TimeToTruthReport:
    """Return for each kind of record the figures about the times for which outcomes stayed unknown (median, 90th
    percentile and longest), for the calls of the last DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS days. `scale` is the
    time scale of the waits between probes.
    """
    period = make_period_until(now, DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS)
    results_by_kind = []
    for kind, waits in PROBE_SCHEDULES.items():
        unknown_outcomes, is_complete = time_to_truth.read_unknown_outcomes(conn, kind, period)
        schedule = scale.scale_duration(sum(waits, timedelta()))
        results_by_kind.append(compute_time_to_truth(kind, unknown_outcomes, schedule, now, is_complete=is_complete))
    return TimeToTruthReport(period, tuple(results_by_kind), now)
