"""The report about refunds: for each step of a refund (approved, sent, …), the number of requested refunds that have
reached the step. Its chart has one strip of bars per currency.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from console.domain.reports.refund_funnel import (
    FUNNEL_STEPS,
    OTHER_REFUND_ENDINGS,
    CountAndSum,
    RefundFunnel,
    RefundFunnelReport,
)
from console.views.reports.chart_content import Bar, BarPart, BarPartStyle, BarStrip, ChartContent, LegendEntry
from console.views.reports.section import ReportDefinition, make_number_column
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.wording import reports as report_words
from console.wording.sentences import catalogue as wording

_STEP_STYLE = BarPartStyle("solid", "progress")
_OTHER_ENDING_STYLE = BarPartStyle("hatch", "muted")
_UNKNOWN_STYLE = BarPartStyle("dots", "unknown")
_REFUND_STEP_AND_ENDING_NAMES = (*FUNNEL_STEPS, *OTHER_REFUND_ENDINGS, "unknown")


@dataclass(frozen=True, slots=True)
class _FunnelStepRow:
    """One row of the report's table: the number and the sum of the refunds of one currency that have reached the
    step or ending `name`. `requested_count` is the number of requested refunds."""

    currency: str
    name: str
    count_and_sum: CountAndSum
    requested_count: int


def _get_style_of_step(step_name: str) -> BarPartStyle:
    return (
        _STEP_STYLE
        if step_name in FUNNEL_STEPS
        else _UNKNOWN_STYLE
        if step_name == "unknown"
        else _OTHER_ENDING_STYLE
    )


def _make_chart_content(report: RefundFunnelReport, context: WindowContext) -> ChartContent:
    translate = context.translate
    legend = (
        LegendEntry(translate("reports.refund_funnel.steps"), _STEP_STYLE),
        LegendEntry(translate("reports.refund_funnel.other"), _OTHER_ENDING_STYLE),
        LegendEntry(translate("reports.refund_funnel.unknown"), _UNKNOWN_STYLE),
    )
    strips = tuple(_make_bar_strip(funnel, context) for funnel in report.funnels)
    return ChartContent(
        strips, legend, "\n".join(report_words.format_refund_funnel_lines(report, context.language)), 96
    )


def _make_bar_strip(funnel: RefundFunnel, context: WindowContext) -> BarStrip:
    bars = tuple(_make_bar(name, funnel.get_step(name), funnel, context) for name in _REFUND_STEP_AND_ENDING_NAMES)
    return BarStrip(funnel.currency, "", bars, float(funnel.requested.count))


def _make_bar(name: str, value: CountAndSum, funnel: RefundFunnel, context: WindowContext) -> Bar:
    return Bar(
        context.translate(f"reports.refund_funnel.{name}"),
        report_words.format_count_and_sum(value, funnel.currency, context.language),
        (BarPart(float(value.count), _get_style_of_step(name)),),
        report_words.list_count_and_sum(value, funnel.currency, context.language),
    )


def _format_share(row: _FunnelStepRow) -> str:
    return report_words.format_percent(
        100 * row.count_and_sum.count / row.requested_count if row.requested_count else None
    )


def _make_funnel_columns(context: WindowContext) -> Sequence[Column]:
    translate = context.translate
    return [
        Column("currency", translate("reports.currency"), 96, lambda row: row.currency, "data"),
        Column(
            "step",
            translate("reports.refund_funnel.step"),
            200,
            lambda row: translate(f"reports.refund_funnel.{row.name}"),
            is_stretched=True,
        ),
        make_number_column("count", translate("reports.count"), lambda row: row.count_and_sum.count, 96),
        Column("share", translate("reports.share"), 96, _format_share, "amount"),
        Column(
            "sum",
            translate("column.amount"),
            140,
            lambda row: wording.format_amount(row.count_and_sum.minor, row.currency),
            "amount",
        ),
    ]


REPORT_DEFINITION: ReportDefinition[RefundFunnelReport] = ReportDefinition(
    "refund_funnel",
    lambda services: services.reports.read_refund_funnel(),
    lambda report, context: report_words.format_refund_funnel_note(report, context.language),
    _make_chart_content,
    _make_funnel_columns,
    lambda report: [
        _FunnelStepRow(funnel.currency, name, funnel.get_step(name), funnel.requested.count)
        for funnel in report.funnels
        for name in _REFUND_STEP_AND_ENDING_NAMES
    ],
    lambda row: (row.currency, row.name) if isinstance(row, _FunnelStepRow) else None,
    lambda report: not report.funnels,
)
