"""Build the JSON object of the reports. Other programs depend on the names and types of the fields."""

from datetime import timedelta

from console.cli.json_output.records import JsonObject
from console.domain.calendar_days import format_instant
from console.domain.reports.figures import ReportFigures
from console.domain.reports.periods import Period
from console.domain.reports.provider_success import Outage, ProviderDay, ProviderSuccess
from console.domain.reports.queue_ages import AGE_CLASSES, QueueAgeReport
from console.domain.reports.refund_funnel import FUNNEL_STEPS, OTHER_REFUND_ENDINGS, RefundFunnel, RefundFunnelReport
from console.domain.reports.settlement import SettlementDay, SettlementReport
from console.domain.reports.time_to_truth import TimeToTruth, TimeToTruthReport


def build_figures_json(figures: ReportFigures) -> JsonObject:
    """Return the answer of the command `reports figures` as JSON. Durations are seconds, amounts minor units."""
    return {
        "read_at": format_instant(figures.success.read_at),
        "success": _build_provider_success_json(figures.success),
        "queue_ages": _build_queue_ages_json(figures.queue_ages),
        "refund_funnel": _build_refund_funnel_report_json(figures.refund_funnel),
        "settlement": _build_settlement_json(figures.settlement),
        "time_to_truth": _build_time_to_truth_json(figures.time_to_truth),
    }


def _build_period_json(period: Period) -> JsonObject:
    return {"from": period.first.isoformat(), "to": period.last.isoformat()}


def _build_provider_success_json(report: ProviderSuccess) -> JsonObject:
    providers = [
        {
            "provider": series.provider,
            "complete": series.is_complete,
            "days": [_build_provider_day_json(day) for day in series.days],
        }
        for series in report.providers
    ]
    outages = [_build_outage_json(outage) for outage in report.outages]
    return {**_build_period_json(report.period), "providers": providers, "outages": outages}


def _build_provider_day_json(day: ProviderDay) -> JsonObject:
    counts = {name: getattr(day, name) for name in ("paid", "unpaid", "unknown", "other", "total")}
    return {"day": day.day.isoformat(), **counts}


def _build_outage_json(outage: Outage) -> JsonObject:
    until = None if outage.until is None else format_instant(outage.until)
    return {"provider": outage.provider, "since": format_instant(outage.since), "until": until}


def _build_queue_ages_json(report: QueueAgeReport) -> JsonObject:
    queues = [
        {
            "queue": queue.queue,
            **dict(zip(AGE_CLASSES, queue.counts, strict=True)),
            "undated": queue.undated_count,
            "complete": queue.is_complete,
        }
        for queue in report.queues
    ]
    return {"queues": queues}


def _build_refund_funnel_report_json(report: RefundFunnelReport) -> JsonObject:
    currencies = [_build_currency_funnel_json(funnel) for funnel in report.funnels]
    return {**_build_period_json(report.period), "complete": report.is_complete, "currencies": currencies}


def _build_currency_funnel_json(funnel: RefundFunnel) -> JsonObject:
    values = {name: funnel.get_step(name) for name in (*FUNNEL_STEPS, *OTHER_REFUND_ENDINGS, "unknown")}
    steps = {name: {"count": value.count, "minor": value.minor} for name, value in values.items()}
    return {"currency": funnel.currency, **steps}


def _build_settlement_json(report: SettlementReport) -> JsonObject:
    series = [
        {
            "provider": entry.provider,
            "currency": entry.currency,
            "complete": entry.is_complete,
            "days": [_build_settlement_day_json(day) for day in entry.days],
        }
        for entry in report.series
    ]
    return {**_build_period_json(report.period), "series": series}


def _build_settlement_day_json(day: SettlementDay) -> JsonObject:
    names = ("payments", "paid_minor", "refunds", "refunded_minor", "net_minor")
    return {"day": day.day.isoformat(), **{name: getattr(day, name) for name in names}}


def _build_time_to_truth_json(report: TimeToTruthReport) -> JsonObject:
    return {
        **_build_period_json(report.period),
        "kinds": [_build_time_to_truth_of_kind_json(kind) for kind in report.kinds],
    }


def _build_time_to_truth_of_kind_json(kind: TimeToTruth) -> JsonObject:
    times = ("median", "p90", "longest", "schedule", "oldest_open")
    return {
        "kind": kind.kind,
        "settled": kind.settled_count,
        "late": kind.late_count,
        "open": kind.open_count,
        **{f"{name}_seconds": _convert_to_whole_seconds(getattr(kind, name)) for name in times},
        "complete": kind.is_complete,
    }


def _convert_to_whole_seconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds())
