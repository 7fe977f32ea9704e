"""The report about the share of successful payments. Its chart has one strip of bars per provider, with one bar
per day, and the provider's outages as marked ranges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.domain.calendar_days import get_start_of_japanese_day
from console.domain.reports.periods import Period
from console.domain.reports.provider_success import Outage, ProviderDay, ProviderSeries, ProviderSuccess
from console.views.reports.chart_content import (
    MARKED_RANGE_STYLE,
    Bar,
    BarPart,
    BarPartStyle,
    BarStrip,
    ChartContent,
    LegendEntry,
    MarkedRange,
)
from console.views.reports.section import ReportDefinition, make_number_column
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.wording import reports as report_words
from console.wording.sentences import catalogue as wording

_PAID_STYLE = BarPartStyle("solid", "good")
_UNPAID_STYLE = BarPartStyle("hatch", "bad")
_UNKNOWN_STYLE = BarPartStyle("dots", "unknown")


@dataclass(frozen=True, slots=True)
class _ProviderDayRow:
    """One row of the report's table: the figures of one provider and day, and the outages of the provider on this
    day."""

    provider: str
    day: ProviderDay
    outages: tuple[Outage, ...]


def _make_chart_content(report: ProviderSuccess, context: WindowContext) -> ChartContent:
    translate = context.translate
    strips = tuple(_make_bar_strip(series, report, context) for series in report.providers)
    outage_entry = LegendEntry(translate("reports.success.outage"), MARKED_RANGE_STYLE)
    legend = (
        LegendEntry(translate("reports.success.paid"), _PAID_STYLE),
        LegendEntry(translate("reports.success.unpaid"), _UNPAID_STYLE),
        LegendEntry(translate("reports.success.unknown"), _UNKNOWN_STYLE),
        *([outage_entry] if any(strip.marked_ranges for strip in strips) else []),
    )
    return ChartContent(
        strips, legend, "\n".join(report_words.format_provider_success_lines(report, context.language))
    )


def _make_bar_strip(series: ProviderSeries, report: ProviderSuccess, context: WindowContext) -> BarStrip:
    outage_ranges = (
        _make_outage_range(outage, report.period, report.read_at) for outage in _list_outages(series.provider, report)
    )
    return BarStrip(
        wording.get_provider_name(series.provider, context.language),
        report_words.format_provider_success_summary(series, context.language),
        tuple(_make_bar(day, context) for day in series.days),
        100.0,
        tuple(outage_ranges),
    )


def _make_bar(day: ProviderDay, context: WindowContext) -> Bar:
    """Return the bar of a day: the paid, unpaid and unknown payments, each in percent of their sum. If some are
    unknown, the text above the bar has the number of ended payments, because the success rate counts only these.
    """
    payment_count = day.paid + day.unpaid + day.unknown
    counts_and_styles = ((day.paid, _PAID_STYLE), (day.unpaid, _UNPAID_STYLE), (day.unknown, _UNKNOWN_STYLE))
    parts = tuple(BarPart(100 * count / payment_count, style) for count, style in counts_and_styles if count)
    percent_text, ended_count = report_words.format_percent(day.paid_percent), day.paid + day.unpaid
    if not day.unknown or not ended_count:
        return Bar(f"{day.day:%m-%d}", percent_text, parts)
    figure = context.translate("reports.success.percent_of", percent=percent_text, n=ended_count)
    figure_lines = percent_text, context.translate("reports.success.of", n=ended_count)
    return Bar(f"{day.day:%m-%d}", figure, parts, figure_lines)


def _make_outage_range(outage: Outage, period: Period, now: datetime) -> MarkedRange:
    day_seconds = 86_400  # Japan has no summer time

    def compute_bar_position(at: datetime) -> float:
        """Return the position of the instant `at` on the axis. An outage may have begun before the first day."""
        return max(0.0, (at - get_start_of_japanese_day(period.first)).total_seconds() / day_seconds)

    return MarkedRange(compute_bar_position(outage.since), compute_bar_position(outage.until or now))


def _list_outages(provider: str, report: ProviderSuccess) -> tuple[Outage, ...]:
    return tuple(outage for outage in report.outages if outage.provider == provider)


def _make_rows(report: ProviderSuccess) -> list[_ProviderDayRow]:
    return [
        _ProviderDayRow(
            series.provider, day, report_words.list_outages_on_day(day.day, _list_outages(series.provider, report))
        )
        for series in report.providers
        for day in reversed(series.days)
    ]


def _make_success_columns(context: WindowContext) -> Sequence[Column]:
    translate = context.translate

    def make_count_column(key: str) -> Column:
        return make_number_column(key, translate(f"reports.success.{key}"), lambda row: getattr(row.day, key), 104)

    def format_outages(row: _ProviderDayRow) -> str:
        return translate("list.separator").join(
            report_words.format_outage(outage, context.language) for outage in row.outages
        )

    return [
        Column("day", translate("column.day"), 110, lambda row: f"{row.day.day:%Y-%m-%d}", "data"),
        Column(
            "provider",
            translate("column.provider"),
            110,
            lambda row: wording.get_provider_name(row.provider, context.language),
        ),
        Column(
            "percent",
            translate("reports.success.percent"),
            96,
            lambda row: report_words.format_percent(row.day.paid_percent),
            "amount",
        ),
        *(make_count_column(key) for key in ("paid", "unpaid", "unknown", "other", "total")),
        Column("outages", translate("reports.success.outage"), 240, format_outages, is_stretched=True),
    ]


REPORT_DEFINITION: ReportDefinition[ProviderSuccess] = ReportDefinition(
    "success",
    lambda services: services.reports.read_provider_success(),
    lambda report, context: report_words.format_provider_success_note(report, context.language),
    _make_chart_content,
    _make_success_columns,
    _make_rows,
    lambda row: (row.provider, row.day.day) if isinstance(row, _ProviderDayRow) else None,
    lambda report: not any(day.total for series in report.providers for day in series.days),
)
