"""The report about the paid and refunded amounts per day. Its chart has one strip of bars per provider and
currency."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.domain.reports.settlement import SettlementDay, SettlementReport, SettlementSeries
from console.views.reports.chart_content import Bar, BarPart, BarPartStyle, BarStrip, ChartContent, LegendEntry
from console.views.reports.section import ReportDefinition, make_number_column
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.wording import reports as report_words
from console.wording.sentences import catalogue as wording

_PAID_STYLE = BarPartStyle("solid", "good")
_REFUNDED_STYLE = BarPartStyle("hatch", "care")


@dataclass(frozen=True, slots=True)
class _SettlementRow:
    """One row of the report's table: the figures of one provider, currency and day."""

    series: SettlementSeries
    day: SettlementDay

    @property
    def key(self) -> tuple[object, ...]:
        return self.series.provider, self.series.currency, self.day.day


def _make_chart_content(report: SettlementReport, context: WindowContext) -> ChartContent:
    translate = context.translate
    legend = (
        LegendEntry(translate("reports.settlement.paid"), _PAID_STYLE),
        LegendEntry(translate("reports.settlement.refunded"), _REFUNDED_STYLE),
    )
    strips = tuple(_make_bar_strip(series, context) for series in report.series)
    return ChartContent(strips, legend, "\n".join(report_words.format_settlement_lines(report, context.language)), 60)


def _make_bar_strip(series: SettlementSeries, context: WindowContext) -> BarStrip:
    bars = tuple(
        Bar(
            f"{day.day:%m-%d}",
            wording.format_amount(day.net_minor, series.currency) if day.payments or day.refunds else "",
            (BarPart(float(day.paid_minor), _PAID_STYLE), BarPart(float(day.refunded_minor), _REFUNDED_STYLE)),
        )
        for day in series.days
    )
    return BarStrip(
        report_words.get_settlement_series_name(series, context.language),
        report_words.format_settlement_summary(series, context.language),
        bars,
        float(max(max(day.paid_minor, day.refunded_minor) for day in series.days)),
        has_parts_side_by_side=True,
    )


def _make_settlement_columns(context: WindowContext) -> Sequence[Column]:
    translate = context.translate

    def make_count_column(key: str) -> Column:
        return make_number_column(key, translate(f"reports.settlement.{key}"), lambda row: getattr(row.day, key), 96)

    def make_money_column(key: str) -> Column:
        return Column(
            key,
            translate(f"reports.settlement.{key}"),
            130,
            lambda row: wording.format_amount(getattr(row.day, f"{key}_minor"), row.series.currency),
            "amount",
        )

    return [
        Column("day", translate("column.day"), 110, lambda row: f"{row.day.day:%Y-%m-%d}", "data"),
        Column(
            "provider",
            translate("column.provider"),
            150,
            lambda row: report_words.get_settlement_series_name(row.series, context.language),
            is_stretched=True,
        ),
        make_count_column("payments"),
        make_money_column("paid"),
        make_count_column("refunds"),
        make_money_column("refunded"),
        make_money_column("net"),
    ]


REPORT_DEFINITION: ReportDefinition[SettlementReport] = ReportDefinition(
    "settlement",
    lambda services: services.reports.read_settlement(),
    lambda report, context: wording.join_sentences(
        (
            report_words.format_settlement_note(report, context.language),
            context.translate("reports.settlement.chart"),
        ),
        context.translate,
    ),
    _make_chart_content,
    _make_settlement_columns,
    lambda report: [_SettlementRow(series, day) for series in report.series for day in reversed(series.days)],
    lambda row: row.key if isinstance(row, _SettlementRow) else None,
    lambda report: not report.series,
)
